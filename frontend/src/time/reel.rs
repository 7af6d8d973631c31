//! What is known of moments: pieces of the past around the one that is shown, and ahead of play.

use shared::NodeFacts;
use shared::history::{FactsAt, Stretch, Tier};
use shared::overview::Brief;
use shared::wire::Reading;

/// Pieces that are kept at most.
const MOST_FRAMES: usize = 12;
/// Readings of all nodes in a piece, about.
const READINGS: u64 = 12_000;
/// Readings of one node in a piece at least, and at most.
const FEWEST: u64 = 8;
const MOST: u64 = 60;
/// Before a piece begins, readings of so long count, in ms: one may be a little old.
const LEAD_MS: u64 = 15_000;

/// Which piece: the fineness, and when it begins, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How fine it is.
    pub tier: Tier,
    /// Where it begins.
    pub from_ms: u64,
    /// Where it ends.
    pub to_ms: u64,
}

impl Place {
    /// The piece that `at_ms` lies in, for so many nodes.
    #[must_use]
    pub fn of(tier: Tier, at_ms: u64, nodes: usize) -> Self {
        let rows = (READINGS / (nodes as u64).max(1)).clamp(FEWEST, MOST);
        let length_ms = rows * tier.step_ms().max(1000);
        let from_ms = at_ms / length_ms * length_ms;
        Self { tier, from_ms, to_ms: from_ms + length_ms }
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self { from_ms: self.to_ms, to_ms: 2 * self.to_ms - self.from_ms, ..self }
    }

    /// From when on readings are asked for: those before tell what led to the first.
    #[must_use]
    pub fn asked_ms(self) -> u64 {
        self.from_ms.saturating_sub(LEAD_MS.max(2 * self.tier.step_ms()))
    }

    fn holds(self, at_ms: u64) -> bool {
        (self.from_ms..self.to_ms).contains(&at_ms)
    }
}

/// One node in a piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// Its id.
    pub id: String,
    /// What it was, if it was asked for alone.
    pub facts: Option<Box<FactsAt>>,
    /// Its readings in brief. Their node is 0.
    pub briefs: Vec<Brief>,
    /// The same in full, packed, if it was asked for alone.
    pub stretches: Vec<Stretch>,
}

impl Track {
    /// The last reading in brief at or before a moment.
    #[must_use]
    pub fn brief(&self, at_ms: u64) -> Option<Brief> {
        let after = self.briefs.partition_point(|brief| brief.at_ms <= at_ms);
        after.checked_sub(1).map(|at| self.briefs[at])
    }

    /// The last reading in full at or before a moment, and the one before that.
    #[must_use]
    pub fn pair(&self, at_ms: u64) -> Option<(Reading, Option<Reading>)> {
        let mut pair: Option<(Reading, Option<Reading>)> = None;
        let readings = self.stretches.iter().flat_map(|stretch| stretch.readings.iter());
        for reading in readings.take_while(|reading| reading.at_ms <= at_ms) {
            pair = Some((reading, pair.map(|(last, _)| last)));
        }
        pair
    }

    /// What the node was; nothing in particular if that is not known.
    #[must_use]
    pub fn node_facts(&self) -> NodeFacts {
        self.facts.as_ref().map_or_else(NodeFacts::default, |facts| facts.facts.clone())
    }
}

/// A piece of the past.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Which.
    pub place: Place,
    /// What was kept of it may be coarser than what was asked for: the width of its buckets, in ms.
    pub step_ms: u64,
    /// When it was asked for, in ms: it tells nothing of what came later.
    pub until_ms: u64,
    /// The nodes of which there is something.
    pub tracks: Vec<Track>,
}

/// The pieces that are known, of all nodes or of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reel {
    /// The node, if it is one.
    pub node: Option<String>,
    frames: Vec<Frame>,
}

impl Reel {
    /// What is known of the cluster, or of a node. Of another than before nothing is yet.
    pub fn turn_to(&mut self, node: Option<&str>) {
        if self.node.as_deref() != node {
            *self = Self { node: node.map(Into::into), frames: Vec::new() };
        }
    }

    /// Takes in a piece as it was at `until_ms`.
    pub fn put(&mut self, place: Place, until_ms: u64, stretches: Vec<Stretch>) {
        let is_alone = self.node.is_some();
        let step_ms = stretches.first().map_or(place.tier.step_ms(), |stretch| stretch.step_ms);
        let mut tracks: Vec<Track> = Vec::new();
        for mut stretch in stretches {
            if tracks.last().is_none_or(|track| track.id != stretch.id) {
                let (id, facts) = (stretch.id.clone(), stretch.facts.take());
                tracks.push(Track { id, facts, ..Track::default() });
            }
            let Some(track) = tracks.last_mut() else { continue };
            let mut before: Option<Reading> = None;
            for reading in stretch.readings.iter() {
                track.briefs.push(Brief::of(0, &reading, before.as_ref(), 0));
                before = Some(reading);
            }
            if is_alone {
                track.stretches.push(stretch);
            }
        }
        self.frames.retain(|frame| frame.place != place);
        if self.frames.len() >= MOST_FRAMES {
            self.frames.remove(0);
        }
        self.frames.push(Frame { place, step_ms, until_ms, tracks });
    }

    /// Whether a piece is known, up to a moment in it.
    #[must_use]
    pub fn has(&self, place: Place, at_ms: u64) -> bool {
        let tells = |frame: &Frame| frame.until_ms >= at_ms.min(place.to_ms);
        self.frames.iter().any(|frame| frame.place == place && tells(frame))
    }

    /// The finest piece that tells of a moment.
    #[must_use]
    pub fn at(&self, at_ms: u64) -> Option<&Frame> {
        let telling = self.frames.iter().filter(|frame| frame.place.holds(at_ms));
        telling.min_by_key(|frame| frame.place.tier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Field, Sample};

    fn stretch(id: &str, times_s: &[u64]) -> Stretch {
        let reading = |&at_s: &u64| {
            let mut sample = Sample::EMPTY;
            sample.set(Field::Total, Some(1 << 30));
            sample.set(Field::Available, Some(at_s << 20));
            sample.set(Field::PressureSome, Some(at_s * 100_000));
            Reading { at_ms: at_s * 1000, uptime_us: at_s * 1_000_000, sample }
        };
        let readings: Vec<Reading> = times_s.iter().map(reading).collect();
        Stretch { id: id.into(), readings: readings.iter().collect(), ..Stretch::default() }
    }

    fn place(at_s: u64) -> Place {
        Place::of(Tier::Raw, at_s * 1000, 2)
    }

    #[test]
    fn a_moment_has_the_last_reading_before_it() {
        let mut reel = Reel::default();
        reel.put(place(61), 120_000, vec![stretch("a", &[59, 60, 61, 70]), stretch("b", &[62])]);
        let frame = reel.at(65_000).unwrap();
        let brief = frame.tracks[0].brief(65_000).unwrap();
        assert_eq!((brief.at_ms, brief.available_kib), (61_000, Some(61 << 10)));
        assert_eq!(brief.pressure, Some(100), "a tenth of the time");
        assert_eq!(frame.tracks[1].brief(61_999), None);
        assert!(frame.tracks[0].stretches.is_empty(), "in brief is enough for many");
        assert_eq!(reel.at(120_000), None);
    }

    #[test]
    fn one_node_is_told_in_full() {
        let mut reel = Reel::default();
        reel.turn_to(Some("a"));
        reel.put(place(61), 120_000, vec![stretch("a", &[58, 59, 60]), stretch("a", &[61])]);
        let track = &reel.at(61_500).unwrap().tracks[0];
        let (last, before) = track.pair(61_500).unwrap();
        assert_eq!((last.at_ms, before.unwrap().at_ms), (61_000, 60_000));
        assert_eq!(track.pair(58_000).unwrap().1, None);
        assert_eq!(track.pair(57_999), None);
        reel.turn_to(Some("a"));
        assert!(reel.at(61_500).is_some());
        reel.turn_to(None);
        assert_eq!(reel.at(61_500), None, "what is known of one is not known of all");
    }

    #[test]
    fn the_finest_is_told_and_few_are_kept() {
        let mut reel = Reel::default();
        let minute = Place::of(Tier::Minute, 61_000, 2);
        reel.put(minute, u64::MAX, vec![stretch("a", &[60])]);
        assert_eq!(reel.at(61_000).unwrap().place, minute);
        reel.put(place(61), 100_000, vec![]);
        assert_eq!(reel.at(61_000).unwrap().place, place(61));
        for number in 0..50 {
            reel.put(place(60 * number), u64::MAX, vec![]);
        }
        assert_eq!(reel.frames.len(), MOST_FRAMES);
        assert!(!reel.has(minute, 0) && reel.has(place(60 * 49), 0));
    }

    #[test]
    fn what_came_later_is_asked_for() {
        let mut reel = Reel::default();
        reel.put(place(61), 100_000, vec![]);
        assert!(reel.has(place(61), 100_000) && !reel.has(place(61), 100_001));
        reel.put(place(61), 130_000, vec![]);
        assert!(reel.has(place(61), 119_000) && reel.has(place(61), u64::MAX));
    }

    #[test]
    fn pieces_meet_and_suit_the_number_of_nodes() {
        let place = Place::of(Tier::TenMinutes, 86_400_000, 16);
        assert_eq!(place.next(), Place::of(Tier::TenMinutes, place.to_ms, 16));
        assert_eq!(place.to_ms - place.from_ms, 36_000_000);
        assert!(place.asked_ms() <= place.from_ms - 1_200_000);
        let many = Place::of(Tier::Raw, 86_400_000, 1000);
        assert_eq!(many.to_ms - many.from_ms, 12_000);
    }
}
