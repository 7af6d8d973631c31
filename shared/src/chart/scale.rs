//! Where readings stand on the timeline.

use crate::breakdown::{Breakdown, Part};
use crate::memory::Split;
use crate::window::{CAPACITY, Window};
use crate::{Field, NodeFacts};

use crate::wire::Reading;

/// A reading, and the least and the most that was available during its bucket.
pub type Row = (Reading, Option<(u64, u64)>);

/// One reading on the timeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was taken, in ms.
    pub at_ms: u64,
    /// Memory at that time.
    pub split: Split,
    /// The least and the most that was available meanwhile, in bytes, if this stands for many readings.
    pub band: Option<(u64, u64)>,
    /// The part of it that is looked at, in bytes, if one is and it could be told apart.
    pub part: Option<u64>,
}

/// The readings of a window that can be drawn, in unbroken runs. `part` is the part that is looked at.
#[must_use]
pub fn runs(
    window: &Window,
    period_ms: u64,
    facts: &NodeFacts,
    part: Option<Part>,
) -> Vec<Vec<Point>> {
    runs_of(&mut window.iter().map(|reading| (reading, None)), (period_ms, 0), facts, part)
}

/// The same of rows of history. Where they are missing for more than three periods, or for a bucket,
/// nothing is drawn between. `width_ms` is that of a bucket, 0 of single readings.
#[must_use]
pub fn runs_of(
    rows: &mut dyn Iterator<Item = Row>,
    (period_ms, width_ms): (u64, u64),
    facts: &NodeFacts,
    part: Option<Part>,
) -> Vec<Vec<Point>> {
    let longest_ms = (3 * period_ms.max(1000)).max(width_ms * 3 / 2);
    let mut runs: Vec<Vec<Point>> = Vec::new();
    let points = rows.filter_map(|(reading, band)| {
        let split = Split::of(&reading.sample).ok()?;
        let part = part.and_then(|part| Breakdown::of(&reading.sample, facts).get(part));
        // The band is of what the kernel says; what else can be had stays the same meanwhile.
        let said = reading.sample.get(Field::Available).unwrap_or(split.available);
        let more = split.available.saturating_sub(said);
        let band = band.map(|(low, high)| (low + more, (high + more).min(split.total)));
        Some(Point { at_ms: reading.at_ms, split, band, part })
    });
    for point in points {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| point.at_ms - last.at_ms <= longest_ms) => {
                run.push(point);
            }
            _ => {
                // As large as it can become: pieces of one size leave no holes in memory.
                let mut run = Vec::with_capacity(CAPACITY);
                run.push(point);
                runs.push(run);
            }
        }
    }
    if width_ms > 0 {
        // A bucket is as wide as it is, also where it stands alone.
        for run in &mut runs {
            let ends = run.first().copied().zip(run.last().copied());
            let Some((mut first, mut last)) = ends else { continue };
            first.at_ms = first.at_ms.saturating_sub(width_ms / 2);
            last.at_ms += width_ms / 2;
            run.insert(0, first);
            run.push(last);
        }
    }
    runs
}

/// The time axis of a drawn timeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Where it ends, in ms.
    pub end_ms: u64,
    /// How long it is, in ms.
    pub span_ms: u64,
    /// The left edge of the plot, in the surface's pixels.
    pub left: f64,
    /// The right edge.
    pub right: f64,
}

impl Axis {
    /// Where `at_ms` stands, in the surface's pixels.
    #[must_use]
    pub fn x(&self, at_ms: u64) -> f64 {
        let age = self.end_ms as f64 - at_ms as f64;
        self.right - age / self.span_ms.max(1) as f64 * (self.right - self.left)
    }

    /// The time at `x`, within the axis.
    #[must_use]
    pub fn time(&self, x: f64) -> u64 {
        let share = ((self.right - x) / (self.right - self.left)).clamp(0.0, 1.0);
        self.end_ms.saturating_sub((share * self.span_ms as f64) as u64)
    }

    /// The point nearest to `x`, if one is nearer than a thirtieth of the axis.
    #[must_use]
    pub fn nearest(&self, runs: &[Vec<Point>], x: f64) -> Option<Point> {
        let distance = |point: &Point| (self.x(point.at_ms) - x).abs();
        let most = (self.right - self.left) / 30.0;
        runs.iter()
            .flatten()
            .filter(|point| distance(point) <= most)
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .copied()
    }
}

/// The neighbour of the point at `at_ms`, `steps` later (or earlier, if negative).
#[must_use]
pub fn step(runs: &[Vec<Point>], at_ms: u64, steps: isize) -> Option<Point> {
    let points: Vec<&Point> = runs.iter().flatten().collect();
    let here = points.partition_point(|point| point.at_ms < at_ms);
    let there = here.saturating_add_signed(steps).min(points.len().checked_sub(1)?);
    points.get(there).map(|point| **point)
}

/// Round amounts of memory from 0 to below `total`, in bytes: four to eight of them.
#[must_use]
pub fn ticks(total: u64) -> Vec<u64> {
    // The largest power of two that fits four times.
    let step = (total / 4).checked_ilog2().map_or(1, |power| 1_u64 << power);
    (0..9)
        .map_while(|index: u64| index.checked_mul(step))
        .take_while(|&tick| tick <= total)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use crate::window::SPAN_MS;

    fn window(times: &[u64]) -> Window {
        let reading = |&at_ms: &u64| {
            let mut sample = Sample::EMPTY;
            for field in [Field::Total, Field::Free, Field::Available, Field::Cached] {
                sample.set(field, Some(if field == Field::Total { 100 } else { 20 }));
            }
            Reading { at_ms, uptime_us: at_ms, sample }
        };
        Window::of(times.iter().map(reading).collect())
    }

    #[test]
    fn gaps_stay_gaps() {
        let runs =
            runs(&window(&[1000, 2000, 5000, 9000, 10_000]), 1000, &NodeFacts::default(), None);
        assert_eq!(runs.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn readings_that_say_nothing_are_left_out() {
        let mut window = window(&[1000]);
        window.push(Reading { at_ms: 2000, uptime_us: 2, sample: Sample::EMPTY });
        let facts = NodeFacts::default();
        let points = runs(&window, 1000, &facts, Some(Part::File)).concat();
        assert_eq!(points.iter().map(|point| point.part).collect::<Vec<_>>(), [Some(20)]);
    }

    #[test]
    fn the_pointer_finds_what_is_near() {
        let runs = runs(&window(&[100_000, 101_000, 300_000]), 1000, &NodeFacts::default(), None);
        let axis = Axis { end_ms: 300_000, span_ms: SPAN_MS, left: 50.0, right: 350.0 };
        assert!((axis.x(300_000) - 350.0).abs() < 1e-9);
        assert!((axis.x(150_000) - 200.0).abs() < 1e-9);
        assert_eq!(axis.nearest(&runs, 350.0).unwrap().at_ms, 300_000);
        assert_eq!(axis.nearest(&runs, 149.0).unwrap().at_ms, 100_000);
        assert_eq!(axis.nearest(&runs, 250.0), None);
        assert_eq!((axis.time(200.0), axis.time(999.0)), (150_000, 300_000));
    }

    #[test]
    fn buckets_are_as_wide_as_they_are() {
        let window = window(&[5000, 15_000, 45_000]);
        let band = |reading: Reading| (reading, Some((7, 999)));
        let mut rows = window.iter().map(band);
        let runs = runs_of(&mut rows, (1000, 10_000), &NodeFacts::default(), None);
        let times = |run: &Vec<Point>| run.iter().map(|point| point.at_ms).collect::<Vec<_>>();
        let times: Vec<_> = runs.iter().map(times).collect();
        assert_eq!(times, [vec![0, 5000, 15_000, 20_000], vec![40_000, 45_000, 50_000]]);
        assert_eq!(runs[1][1].band, Some((7, 100)), "never more than there is");
    }

    #[test]
    fn keys_step_over_gaps_and_stop_at_the_ends() {
        let runs = runs(&window(&[1000, 2000, 90_000]), 1000, &NodeFacts::default(), None);
        assert_eq!(step(&runs, 2000, 1).unwrap().at_ms, 90_000);
        assert_eq!(step(&runs, 90_000, 5).unwrap().at_ms, 90_000);
        assert_eq!(step(&runs, 1000, -1).unwrap().at_ms, 1000);
        assert_eq!(step(&[], 1, 1), None);
    }

    #[test]
    fn ticks_are_round_and_few() {
        const GIB: u64 = 1 << 30;
        assert_eq!(ticks(4 * GIB), [0, GIB, 2 * GIB, 3 * GIB, 4 * GIB]);
        for total in [1, 3, 1000, 7_987_654_321, 25_276_502_016, u64::MAX] {
            let ticks = ticks(total);
            assert!((2..=9).contains(&ticks.len()), "{total}: {ticks:?}");
            assert!(ticks.iter().all(|&tick| tick <= total));
        }
    }
}
