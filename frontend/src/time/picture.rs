//! The whole range in brief: for each node what was available over time, in the steps of a heat map.

use shared::Field;
use shared::history::{Stretch, Tier};
use shared::memory::Available;
use shared::overview::Trace;

/// The whole range in brief.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The width of a step, in ms.
    pub step_ms: u64,
    /// Where the range ends, in ms.
    pub to_ms: u64,
    /// Nodes by their ids, in order. Each of their steps stands for `step_ms`, whatever a trace says.
    traces: Vec<(String, Trace)>,
}

impl Picture {
    /// The width of a step for a range of `span_ms`: it has nearly as many as there can be, of buckets
    /// that history has.
    #[must_use]
    pub fn step_for(span_ms: u64) -> u64 {
        let exact_ms = span_ms.div_ceil(Trace::MOST as u64).max(1000);
        let mut unit_ms = 1000;
        for tier in Tier::ALL {
            if tier.step_ms() * 4 <= exact_ms {
                unit_ms = unit_ms.max(tier.step_ms());
            }
        }
        exact_ms.div_ceil(unit_ms) * unit_ms
    }

    /// What the head told of a range that ends at `to_ms`.
    #[must_use]
    pub fn of(step_ms: u64, to_ms: u64, stretches: &[Stretch]) -> Self {
        let mut picture = Self { step_ms, to_ms, traces: Vec::new() };
        for stretch in stretches {
            if picture.traces.last().is_none_or(|(id, _)| *id != stretch.id) {
                picture.traces.push((stretch.id.clone(), Trace::default()));
            }
            let Some((_, trace)) = picture.traces.last_mut() else { continue };
            let mut low = stretch.low.iter();
            for reading in stretch.readings.iter() {
                let least = low.next().and_then(|low| low.sample.get(Field::Available));
                let mean = Available::of(&reading.sample).ok().map(|available| available.here);
                let share = least.or(mean).zip(reading.sample.get(Field::Total));
                let share = share.map(|(least, total)| least as f64 / total.max(1) as f64);
                // Coarser buckets than were asked for fill all the steps that they reach over.
                for part in 0..stretch.step_ms.div_ceil(step_ms).max(1) {
                    trace.note(scaled(reading.at_ms + part * step_ms, step_ms), share);
                }
            }
        }
        picture
    }

    /// The trace of a node; empty if nothing is known of it.
    #[must_use]
    pub fn trace(&self, id: &str) -> Trace {
        let place = self.traces.binary_search_by(|(known, _)| known.as_str().cmp(id));
        place.map_or_else(|_| Trace::default(), |at| self.traces[at].1.clone())
    }

    /// The ids of the nodes in it.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.traces.iter().map(|(id, _)| id.as_str())
    }
}

/// A time as traces count it whose steps are `step_ms` wide.
#[must_use]
pub fn scaled(at_ms: u64, step_ms: u64) -> u64 {
    let step_ms = step_ms.max(1);
    at_ms / step_ms * Trace::STEP_MS + at_ms % step_ms * Trace::STEP_MS / step_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Sample;
    use shared::wire::Reading;

    fn reading(at_ms: u64, available: u64) -> Reading {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(1000));
        sample.set(Field::Available, Some(available));
        Reading { at_ms, uptime_us: at_ms, sample }
    }

    #[test]
    fn each_step_tells_the_least() {
        let hour = 3_600_000;
        let readings = [reading(10 * hour, 500), reading(12 * hour, 800)];
        let low = [reading(10 * hour, 100), reading(12 * hour, 600)];
        let stretch = Stretch {
            id: "a".into(),
            step_ms: hour,
            readings: readings.iter().collect(),
            low: low.iter().collect(),
            ..Stretch::default()
        };
        let picture = Picture::of(hour, 13 * hour, std::slice::from_ref(&stretch));
        let trace = picture.trace("a");
        assert_eq!(trace.shares(), [25, Trace::UNKNOWN, 150]);
        assert_eq!(trace.until_ms(), 13 * Trace::STEP_MS);
        assert_eq!(picture.trace("b"), Trace::default());
        assert_eq!(picture.ids().collect::<Vec<_>>(), ["a"]);
        // What was kept is coarser than what was asked for.
        let fine = Picture::of(hour / 2, 13 * hour, &[stretch]);
        assert_eq!(fine.trace("a").shares(), [25, 25, Trace::UNKNOWN, Trace::UNKNOWN, 150, 150]);
    }

    #[test]
    fn a_range_has_about_sixty_steps() {
        let day_s = 86_400;
        for (span_s, step_s) in [
            (10, 1),
            (300, 5),
            (3600, 60),
            (day_s, 1440),
            (7 * day_s, 10_200),
            (30 * day_s, 43_200),
            (365 * day_s, 525_600),
        ] {
            assert_eq!(Picture::step_for(span_s * 1000), step_s * 1000, "{span_s}");
        }
    }

    #[test]
    fn time_is_scaled() {
        assert_eq!(scaled(7_200_000, 3_600_000), 2 * Trace::STEP_MS);
        assert_eq!(scaled(5_400_000, 3_600_000), 7500);
        assert_eq!(scaled(12_345, Trace::STEP_MS), 12_345, "five minutes are as they were");
    }
}
