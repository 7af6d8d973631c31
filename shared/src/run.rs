//! Readings on their way from an agent to the head.

use serde::{Deserialize, Serialize};

use crate::Sample;
use crate::pack::Packable as _;
use crate::wire::AgentReading;

/// Sequence numbers of one boot of one node, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

impl Span {
    /// Whether all of `other` is in it.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// Why packed readings are not readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packed readings are cut short, out of order, or more than {}", Run::MOST)]
pub struct BadRun;

/// One reading as its difference from the last one of its [`Stream`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    step: Vec<u8>,
}

/// The live readings of one link. Both sides keep one: it holds the reading that the next one is told
/// as a difference from, and begins with nothing.
#[derive(Clone, Debug)]
pub struct Stream {
    last: AgentReading,
}

impl Default for Stream {
    fn default() -> Self {
        Self { last: NOTHING }
    }
}

const NOTHING: AgentReading = AgentReading { seq: 0, uptime_us: 0, sample: Sample::EMPTY };

impl Stream {
    /// Packs a reading, which must be the next one that is sent.
    pub fn next(&mut self, reading: &AgentReading) -> Next {
        let mut step = Vec::with_capacity(128);
        reading.write_from(&self.last, &mut step);
        self.last.clone_from(reading);
        Next { step }
    }

    /// Unpacks the reading that came next. After an error the stream is of no more use.
    pub fn read(&mut self, next: &Next) -> Result<AgentReading, BadRun> {
        let (seq, uptime_us) = (self.last.seq, self.last.uptime_us);
        let mut bytes = next.step.iter().copied();
        self.last.read_next(&mut bytes).ok_or(BadRun)?;
        if bytes.next().is_some() || self.last.seq <= seq || self.last.uptime_us <= uptime_us {
            return Err(BadRun);
        }
        Ok(self.last.clone())
    }
}

/// Readings in the order they were taken, complete in themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    count: u32,
    steps: Vec<u8>,
}

impl Run {
    /// Readings at most.
    pub const MOST: usize = 120;

    /// Packs `readings`, which must be in order. What is more than [`Self::MOST`] is left out.
    #[must_use]
    pub fn of<'a>(readings: impl IntoIterator<Item = &'a AgentReading>) -> Self {
        let mut run = Self::default();
        let mut last = &NOTHING;
        for reading in readings.into_iter().take(Self::MOST) {
            run.push(last, reading);
            last = reading;
        }
        run
    }

    /// Adds the reading after `last`, which must be the one that was added last; for the first one it
    /// does not matter.
    pub fn push(&mut self, last: &AgentReading, reading: &AgentReading) {
        reading.write_from(if self.count == 0 { &NOTHING } else { last }, &mut self.steps);
        self.count += 1;
    }

    /// How many readings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that it takes, packed.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.steps.len()
    }

    /// Bytes of memory that it holds, used or not.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.steps.capacity()
    }

    /// Gives back room that is not needed.
    pub fn shrink(&mut self) {
        self.steps.shrink_to_fit();
    }

    /// The readings. An error if these bytes are no readings in strictly rising order.
    pub fn readings(&self) -> Result<Vec<AgentReading>, BadRun> {
        if self.len() > Self::MOST {
            return Err(BadRun);
        }
        let mut readings: Vec<AgentReading> = Vec::with_capacity(self.len());
        self.each(|reading| readings.push(reading.clone()))?;
        Ok(readings)
    }

    /// Passes on each reading, in order, as it is unpacked. After an error what was passed on is of no use.
    pub fn each(&self, mut take: impl FnMut(&AgentReading)) -> Result<(), BadRun> {
        let mut bytes = self.steps.iter().copied();
        let mut next = NOTHING;
        for place in 0..self.count {
            let (seq, uptime_us) = (next.seq, next.uptime_us);
            next.read_next(&mut bytes).ok_or(BadRun)?;
            if place > 0 && (next.seq <= seq || next.uptime_us <= uptime_us) {
                return Err(BadRun);
            }
            take(&next);
        }
        if bytes.next().is_some() { Err(BadRun) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Field;
    use proptest::prelude::*;

    fn readings(count: u64) -> Vec<AgentReading> {
        (1..=count)
            .map(|n| {
                let mut sample = Sample::EMPTY;
                sample.set(Field::Total, Some(1 << 32));
                sample.set(Field::Free, Some((1 << 30) - n * 4096));
                AgentReading { seq: 5000 + n, uptime_us: n * 1_000_003, sample }
            })
            .collect()
    }

    #[test]
    fn a_run_and_a_stream_tell_the_same_readings() {
        let all = readings(100);
        let run = Run::of(&all);
        assert_eq!(run.readings().as_ref(), Ok(&all));
        assert!(run.bytes() < 100 * 12, "{}", run.bytes());
        let (mut here, mut there) = (Stream::default(), Stream::default());
        for reading in &all {
            let next = here.next(reading);
            assert_eq!(there.read(&next).as_ref(), Ok(reading));
        }
    }

    #[test]
    fn what_is_out_of_order_or_too_much_is_refused() {
        let all = readings(200);
        let mut run = Run::default();
        let mut last = &NOTHING;
        for reading in &all {
            run.push(last, reading);
            last = reading;
        }
        assert_eq!(run.readings(), Err(BadRun));
        assert_eq!(Run::of(all.iter().rev()).readings(), Err(BadRun));
        let mut run = Run::of(&all);
        run.steps.pop();
        assert_eq!(run.readings(), Err(BadRun));
        run.steps.extend([0, 0, 0, 0]);
        assert_eq!(run.readings(), Err(BadRun));
        let (mut here, mut there) = (Stream::default(), Stream::default());
        let next = here.next(&all[3]);
        there.read(&next).unwrap();
        assert_eq!(there.read(&Next { step: vec![0, 0, 0] }), Err(BadRun), "the same once more");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            count in 0_u32..300, steps in proptest::collection::vec(any::<u8>(), 0..600)
        ) {
            Run { count, steps: steps.clone() }.readings().ok();
            Stream::default().read(&Next { step: steps }).ok();
        }
    }
}
