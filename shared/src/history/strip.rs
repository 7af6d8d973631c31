//! Any number of readings, packed.

use serde::{Deserialize, Serialize};

use crate::Sample;
use crate::pack::Packable as _;
use crate::wire::Reading;

/// Readings as differences from the one before, complete in themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strip {
    count: u32,
    steps: Vec<u8>,
}

const NOTHING: Reading = Reading { at_ms: 0, uptime_us: 0, sample: Sample::EMPTY };

impl Strip {
    /// Adds `reading` after `last`, which must be the one that was added last; for the first one it does
    /// not matter.
    pub fn push(&mut self, last: &Reading, reading: &Reading) {
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

    /// The readings, in the order they were added. Ends where bytes are not readings.
    pub fn iter(&self) -> impl Iterator<Item = Reading> + '_ {
        let mut bytes = self.steps.iter().copied();
        let mut next = NOTHING;
        (0..self.count).map_while(move |_| {
            next.read_next(&mut bytes)?;
            Some(next.clone())
        })
    }
}

impl<'a> FromIterator<&'a Reading> for Strip {
    fn from_iter<I: IntoIterator<Item = &'a Reading>>(readings: I) -> Self {
        let mut strip = Self::default();
        let mut last = &NOTHING;
        for reading in readings {
            strip.push(last, reading);
            last = reading;
        }
        strip
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Field;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(
            rows in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<Option<u64>>()), 0..50)
        ) {
            let reading = |(at_ms, uptime_us, value)| {
                let mut sample = Sample::EMPTY;
                sample.set(Field::Available, value);
                Reading { at_ms, uptime_us, sample }
            };
            let readings: Vec<Reading> = rows.into_iter().map(reading).collect();
            let strip: Strip = readings.iter().collect();
            prop_assert_eq!(strip.len(), readings.len());
            prop_assert_eq!(strip.iter().collect::<Vec<_>>(), readings);
        }

        #[test]
        fn any_bytes_are_unpacked_without_panic(
            count in any::<u32>(), steps in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            let bytes = steps.len();
            // Each reading takes three bytes at least.
            let strip = Strip { count, steps };
            prop_assert!(strip.iter().count() <= bytes / 3);
        }
    }
}
