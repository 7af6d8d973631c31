//! What charts draw of the past: readings or buckets of a range, to which the newest are added.

use shared::Field;
use shared::chart::scale::Row;
use shared::history::Stretch;

/// Additions, before all is asked for anew.
const MOST_PIECES: usize = 50;

/// What is known of a range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// What it is of: as it was asked for.
    pub subject: String,
    /// The width of its buckets, in ms.
    pub step_ms: u64,
    /// From when on it is known, in ms.
    from_ms: u64,
    /// Up to when, in ms.
    to_ms: u64,
    /// When each answer begins, and what it brought; a later one takes the place of what was there.
    pieces: Vec<(u64, Vec<Stretch>)>,
}

/// What is still to be asked for: from when to when, in ms.
pub type Need = (u64, u64);

impl Course {
    /// What is missing of a range at a step.
    #[must_use]
    pub fn need(&self, subject: &str, (from_ms, to_ms): (u64, u64), step_ms: u64) -> Option<Need> {
        let is_same = self.subject == subject && self.step_ms == step_ms && !self.pieces.is_empty();
        if !is_same || from_ms < self.from_ms || self.pieces.len() >= MOST_PIECES {
            return Some((from_ms, to_ms));
        }
        // The last bucket was not over.
        let last_ms = self.to_ms / step_ms.max(1) * step_ms;
        (to_ms >= self.to_ms + step_ms.max(1000)).then_some((last_ms.min(to_ms), to_ms))
    }

    /// Takes in an answer to what was asked.
    pub fn put(
        &mut self,
        subject: &str,
        step_ms: u64,
        (from_ms, to_ms): Need,
        stretches: Vec<Stretch>,
    ) {
        let goes_on = self.subject == subject
            && self.step_ms == step_ms
            && (self.from_ms + 1..=self.to_ms).contains(&from_ms)
            && self.pieces.len() < MOST_PIECES;
        if !goes_on {
            *self = Self { subject: subject.into(), step_ms, from_ms, ..Self::default() };
        }
        self.to_ms = to_ms;
        self.pieces.push((from_ms, stretches));
    }

    /// The rows of a node, oldest first. The time of a bucket is its middle.
    pub fn rows<'a>(&'a self, id: &'a str) -> impl Iterator<Item = Row> + 'a {
        self.pieces.iter().enumerate().flat_map(move |(index, (_, stretches))| {
            let end_ms = self.pieces.get(index + 1).map_or(u64::MAX, |(from_ms, _)| *from_ms);
            let of_node = stretches.iter().filter(move |stretch| stretch.id == id);
            of_node.flat_map(rows).filter(move |(reading, _)| reading.at_ms < end_ms)
        })
    }

    /// The width of the buckets that the head had, in ms: they may be wider than what was asked for.
    #[must_use]
    pub fn width_ms(&self) -> u64 {
        let stretches = self.pieces.iter().flat_map(|(_, stretches)| stretches);
        stretches.map(|stretch| stretch.step_ms).max().unwrap_or(self.step_ms)
    }

    /// The ids of the nodes in it.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        let mut stretches = self.pieces.iter().flat_map(|(_, stretches)| stretches);
        stretches.any(|stretch| stretch.id == id)
    }
}

fn rows(stretch: &Stretch) -> impl Iterator<Item = Row> + '_ {
    let (mut low, mut high) = (stretch.low.iter(), stretch.high.iter());
    stretch.readings.iter().map(move |mut reading| {
        let least = low.next().and_then(|low| low.sample.get(Field::Available));
        let most = high.next().and_then(|high| high.sample.get(Field::Available));
        reading.at_ms += stretch.step_ms / 2;
        (reading, least.zip(most))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Sample;
    use shared::wire::Reading;

    fn stretch(id: &str, times: &[u64]) -> Stretch {
        let reading = |&at_ms: &u64| {
            let mut sample = Sample::EMPTY;
            sample.set(Field::Available, Some(at_ms));
            Reading { at_ms, uptime_us: at_ms, sample }
        };
        let readings: Vec<Reading> = times.iter().map(reading).collect();
        let low = readings.iter().collect();
        Stretch {
            id: id.into(),
            step_ms: 1000,
            low,
            high: readings.iter().collect(),
            readings: readings.iter().collect(),
            ..Stretch::default()
        }
    }

    fn times(course: &Course) -> Vec<u64> {
        course.rows("a").map(|(reading, _)| reading.at_ms).collect()
    }

    #[test]
    fn only_what_is_new_is_asked_for() {
        let mut course = Course::default();
        assert_eq!(course.need("a", (1000, 9500), 1000), Some((1000, 9500)));
        course.put("a", 1000, (1000, 9500), vec![stretch("a", &[8000, 9000])]);
        assert_eq!(course.need("a", (1500, 10_000), 1000), None);
        assert_eq!(course.need("a", (2500, 11_500), 1000), Some((9000, 11_500)));
        course.put("a", 1000, (9000, 11_500), vec![stretch("a", &[9000, 11_000])]);
        assert_eq!(times(&course), [8500, 9500, 11_500], "what was not over is taken anew");
        assert_eq!(course.need("a", (500, 11_600), 1000), Some((500, 11_600)), "it begins earlier");
        for (subject, step_ms) in [("b", 1000), ("a", 2000)] {
            assert_eq!(course.need(subject, (2000, 11_600), step_ms), Some((2000, 11_600)));
        }
        course.put("a", 2000, (2000, 11_600), vec![stretch("a", &[4000])]);
        assert_eq!(times(&course), [4500]);
        for number in 0..200 {
            let from = 11_600 + number * 2000;
            course.put("a", 2000, (from, from + 2000), vec![]);
        }
        assert!(course.pieces.len() <= MOST_PIECES);
    }

    #[test]
    fn bands_stand_beside_their_readings() {
        let mut course = Course::default();
        course.put("x", 1000, (0, 9500), vec![stretch("b", &[1]), stretch("a", &[7, 8])]);
        let bands: Vec<_> = course.rows("a").map(|(_, band)| band).collect();
        assert_eq!(bands, [Some((7, 7)), Some((8, 8))]);
        assert!(course.has("b") && !course.has("c"));
    }
}
