//! The last five minutes of one node, one reading a second.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::wire::Reading;

/// How far back a window reaches, in ms.
pub const SPAN_MS: u64 = 5 * 60 * 1000;
/// Readings closer together than this share one place, in ms.
pub const STEP_MS: u64 = 1000;

/// Recent readings in the order of their time, at most one for each second of the last five minutes.
///
/// A reading is kept as its difference from the one before: of a whole table little changes within a
/// second, so that five minutes take tens of kilobytes, not hundreds.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// The oldest and the newest, whole; the same if there is only one.
    ends: Option<(Reading, Reading)>,
    /// The one before the newest, if there is one.
    before_last: Option<Reading>,
    /// What leads from the oldest to the newest, step by step.
    steps: VecDeque<u8>,
    /// Bytes of the last step.
    last_step: usize,
    count: usize,
}

impl Window {
    /// Readings at most.
    pub const CAPACITY: usize = (SPAN_MS / STEP_MS) as usize + 1;

    /// A window of `readings`, whatever their order and number.
    #[must_use]
    pub fn of(mut readings: Vec<Reading>) -> Self {
        readings.sort_by_key(|reading| reading.at_ms);
        let mut window = Self::default();
        for reading in readings {
            window.push(reading);
        }
        window
    }

    /// Adds the newest reading. One of the same second as the last takes its place; one older than
    /// the last is dropped.
    pub fn push(&mut self, reading: Reading) {
        if let Some((_, last)) = &self.ends {
            if reading.at_ms < last.at_ms {
                return;
            }
            if reading.at_ms / STEP_MS == last.at_ms / STEP_MS {
                self.pop_back();
            }
        }
        let oldest_ms = reading.at_ms.saturating_sub(SPAN_MS);
        while self.ends.as_ref().is_some_and(|(first, _)| first.at_ms < oldest_ms)
            || self.count >= Self::CAPACITY
        {
            self.pop_front();
        }
        match &mut self.ends {
            None => self.ends = Some((reading.clone(), reading)),
            Some((_, last)) => {
                let length = self.steps.len();
                packed::write(last, &reading, &mut self.steps);
                self.last_step = self.steps.len() - length;
                self.before_last = Some(std::mem::replace(last, reading));
            }
        }
        self.count += 1;
    }

    /// Takes the newest away, to put another in its place: the one before it becomes the newest, and
    /// what was before that is not looked up.
    fn pop_back(&mut self) {
        self.count -= 1;
        match (&mut self.ends, self.before_last.take()) {
            (Some((_, last)), Some(before)) => {
                *last = before;
                self.steps.truncate(self.steps.len() - self.last_step);
            }
            _ => self.ends = None,
        }
    }

    fn pop_front(&mut self) {
        if self.count <= 1 {
            *self = Self::default();
        } else if let Some((first, _)) = &mut self.ends {
            packed::read(first, &mut std::iter::from_fn(|| self.steps.pop_front()));
            self.count -= 1;
            if self.count == 1 {
                self.before_last = None;
            }
        }
    }

    /// How many readings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The readings, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Reading> + '_ {
        let first = self.ends.as_ref().map(|(first, _)| first.clone());
        unpacked(first, self.count, self.steps.iter().copied())
    }

    /// All of it as it goes over the wire.
    #[must_use]
    pub fn pack(&self) -> Packed {
        Packed {
            first: self.ends.as_ref().map(|(first, _)| Box::new(first.clone())),
            count: self.count as u32,
            steps: self.steps.iter().copied().collect(),
        }
    }

    /// The newest reading.
    #[must_use]
    pub fn last(&self) -> Option<&Reading> {
        self.ends.as_ref().map(|(_, last)| last)
    }

    /// The one before the newest.
    #[must_use]
    pub fn before_last(&self) -> Option<&Reading> {
        self.before_last.as_ref()
    }
}

/// A window on the wire, as small as in memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Packed {
    first: Option<Box<Reading>>,
    count: u32,
    steps: Vec<u8>,
}

impl Packed {
    /// The readings, oldest first. Whatever the bytes are, there are no more than a window holds.
    pub fn iter(&self) -> impl Iterator<Item = Reading> + '_ {
        let count = (self.count as usize).min(Window::CAPACITY);
        unpacked(self.first.as_deref().cloned(), count, self.steps.iter().copied())
    }
}

fn unpacked(
    mut next: Option<Reading>,
    mut left: usize,
    mut steps: impl Iterator<Item = u8>,
) -> impl Iterator<Item = Reading> {
    std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let reading = next.clone()?;
        if left > 0 {
            packed::read(next.as_mut()?, &mut steps);
        }
        Some(reading)
    })
}

/// A reading as its difference from the one before: how far both clocks went on, how many fields
/// changed, and each of them as the distance from the last one that did, a bit for whether it became
/// unknown, and otherwise by how much it changed.
mod packed {
    use std::collections::VecDeque;

    use crate::Field;
    use crate::wire::Reading;

    pub(super) fn write(from: &Reading, to: &Reading, out: &mut VecDeque<u8>) {
        number(zigzag(to.at_ms.wrapping_sub(from.at_ms)), out);
        number(zigzag(to.uptime_us.wrapping_sub(from.uptime_us)), out);
        let changed = |field: &&Field| from.sample.get(**field) != to.sample.get(**field);
        number(Field::ALL.iter().filter(changed).count() as u64, out);
        let mut next = 0;
        for field in Field::ALL.iter().filter(changed) {
            let id = *field as u64;
            let value = to.sample.get(*field);
            number((id - next) << 1 | u64::from(value.is_none()), out);
            if let Some(value) = value {
                number(zigzag(value.wrapping_sub(from.sample.get(*field).unwrap_or(0))), out);
            }
            next = id + 1;
        }
    }

    /// Makes of `reading` the one after it.
    pub(super) fn read(reading: &mut Reading, bytes: &mut impl Iterator<Item = u8>) {
        reading.at_ms = reading.at_ms.wrapping_add(unzigzag(take(bytes)));
        reading.uptime_us = reading.uptime_us.wrapping_add(unzigzag(take(bytes)));
        let mut next = 0_u64;
        // No table is longer, and no bytes may keep this busy.
        for _ in 0..take(bytes).min(1024) {
            let tag = take(bytes);
            let id = next.saturating_add(tag >> 1);
            next = id.saturating_add(1);
            let change = (tag & 1 == 0).then(|| unzigzag(take(bytes)));
            // A newer table has fields that this one does not know.
            if let Some(&field) = usize::try_from(id).ok().and_then(|id| Field::ALL.get(id)) {
                let old = reading.sample.get(field).unwrap_or(0);
                reading.sample.set(field, change.map(|change| old.wrapping_add(change)));
            }
        }
    }

    /// Small differences of either sign become small numbers.
    fn zigzag(difference: u64) -> u64 {
        (difference << 1) ^ (0_u64.wrapping_sub(difference >> 63))
    }

    fn unzigzag(number: u64) -> u64 {
        (number >> 1) ^ (0_u64.wrapping_sub(number & 1))
    }

    /// Seven bits a byte, lowest first; the eighth says that more follow.
    fn number(mut number: u64, out: &mut VecDeque<u8>) {
        while number >= 0x80 {
            out.push_back(number as u8 | 0x80);
            number >>= 7;
        }
        out.push_back(number as u8);
    }

    fn take(bytes: &mut impl Iterator<Item = u8>) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes.next().unwrap_or(0);
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Sample};
    use proptest::prelude::*;

    fn reading(at_ms: u64) -> Reading {
        Reading { at_ms, uptime_us: at_ms * 1000, sample: Sample::EMPTY }
    }

    /// Some fields of a sample, whatever they hold.
    fn values() -> impl Strategy<Value = Vec<(usize, Option<u64>)>> {
        let value = prop_oneof![Just(None), (0_u64..9).prop_map(Some), any::<u64>().prop_map(Some)];
        proptest::collection::vec((0..Field::ALL.len(), value), 0..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn agrees_with_a_naive_model(
            steps in proptest::collection::vec((0_u64..4000, values()), 0..500)
        ) {
            let mut window = Window::default();
            let mut naive: Vec<Reading> = Vec::new();
            let mut next = reading(0);
            for (step, values) in steps {
                next.at_ms += step;
                next.uptime_us = next.uptime_us.wrapping_mul(3) + step;
                for (index, value) in values {
                    next.sample.set(Field::ALL[index], value);
                }
                window.push(next.clone());
                naive.retain(|old| old.at_ms / STEP_MS != next.at_ms / STEP_MS);
                naive.push(next.clone());
                naive.retain(|old| old.at_ms + SPAN_MS >= next.at_ms);
                prop_assert_eq!(window.last(), naive.last());
                prop_assert_eq!(window.before_last(), naive.iter().rev().nth(1));
                prop_assert_eq!(window.len(), naive.len());
            }
            prop_assert!(naive.len() <= Window::CAPACITY);
            prop_assert_eq!(window.iter().collect::<Vec<_>>(), naive.clone());
            prop_assert_eq!(window.pack().iter().collect::<Vec<_>>(), naive);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_unpacked_without_panic(
            count in any::<u32>(), steps in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            let packed = Packed { first: Some(Box::new(reading(0))), count, steps };
            prop_assert!(packed.iter().count() <= Window::CAPACITY);
        }
    }

    #[test]
    fn little_change_takes_little_room() {
        let mut last = reading(0);
        for &field in Field::ALL {
            last.sample.set(field, Some(1 << 32));
        }
        let mut window = Window::default();
        for second in 0..400 {
            last.at_ms = second * 1000;
            for &field in &Field::ALL[..30] {
                last.sample.set(field, last.sample.get(field).map(|value| value - 4096));
            }
            window.push(last.clone());
        }
        assert_eq!(window.len(), Window::CAPACITY);
        assert!(window.steps.len() < 150 * Window::CAPACITY, "{}", window.steps.len());
    }

    #[test]
    fn what_comes_late_is_dropped() {
        let mut window = Window::of(vec![reading(9000), reading(5000)]);
        window.push(reading(7000));
        assert_eq!(window.iter().map(|reading| reading.at_ms).collect::<Vec<_>>(), [5000, 9000]);
    }
}
