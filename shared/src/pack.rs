//! Readings as differences from the one before: of a whole table little changes within a second, so
//! that a reading takes tens of bytes, not hundreds.
//!
//! A sample is the number of fields that changed, and for each of them a tag: how many fields lie
//! between it and the last one that changed, times four, plus how its change is written. Numbers take
//! seven bits a byte, lowest first; differences of either sign are folded into small numbers.

use crate::wire::{AgentReading, Reading};
use crate::{Field, Sample};

/// The field became unknown.
const UNKNOWN: u64 = 0;
/// The change follows in the field's unit…
const UNITS: u64 = 1;
/// …in units of 4096, as most amounts of memory change by whole pages…
const PAGES: u64 = 2;
/// …or of 1024, as the kernel tells them in KiB.
const KIBIS: u64 = 3;

/// The bytes of a unit of each way to write a change.
const SHIFTS: [u32; 4] = [0, 0, 12, 10];

/// What can be written as its difference from another of its kind.
pub trait Packable: Clone {
    /// Where it stands in time, in ms; of two readings the later one has the larger.
    fn time_ms(&self) -> u64;
    /// Writes what leads from `from` to `self`.
    fn write_from(&self, from: &Self, out: &mut impl Extend<u8>);
    /// Makes of `self` the one that follows it; `None` if the bytes end too early.
    fn read_next(&mut self, bytes: &mut impl Iterator<Item = u8>) -> Option<()>;
}

impl Packable for Reading {
    fn time_ms(&self) -> u64 {
        self.at_ms
    }

    fn write_from(&self, from: &Self, out: &mut impl Extend<u8>) {
        write_change(from.at_ms, self.at_ms, out);
        write_change(from.uptime_us, self.uptime_us, out);
        write_sample(&from.sample, &self.sample, out);
    }

    fn read_next(&mut self, bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
        read_change(&mut self.at_ms, bytes)?;
        read_change(&mut self.uptime_us, bytes)?;
        read_sample(&mut self.sample, bytes)
    }
}

impl Packable for AgentReading {
    fn time_ms(&self) -> u64 {
        self.uptime_us / 1000
    }

    fn write_from(&self, from: &Self, out: &mut impl Extend<u8>) {
        write_change(from.seq, self.seq, out);
        write_change(from.uptime_us, self.uptime_us, out);
        write_sample(&from.sample, &self.sample, out);
    }

    fn read_next(&mut self, bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
        read_change(&mut self.seq, bytes)?;
        read_change(&mut self.uptime_us, bytes)?;
        read_sample(&mut self.sample, bytes)
    }
}

fn write_sample(from: &Sample, to: &Sample, out: &mut impl Extend<u8>) {
    let changed = |field: &&Field| from.get(**field) != to.get(**field);
    number(Field::ALL.iter().filter(changed).count() as u64, out);
    let mut next = 0;
    for field in Field::ALL.iter().filter(changed) {
        let id = *field as u64;
        let gap = (id - next) << 2;
        next = id + 1;
        let Some(value) = to.get(*field) else {
            number(gap | UNKNOWN, out);
            continue;
        };
        let change = value.wrapping_sub(from.get(*field).unwrap_or(0));
        let way = match change.trailing_zeros() {
            12.. => PAGES,
            10.. => KIBIS,
            _ => UNITS,
        };
        number(gap | way, out);
        // An arithmetic shift: the sign stays.
        number(zigzag((change as i64 >> SHIFTS[way as usize]) as u64), out);
    }
}

fn read_sample(sample: &mut Sample, bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
    let mut next = 0_u64;
    // No table is longer, and no bytes may keep this busy.
    for _ in 0..take(bytes)?.min(1024) {
        let tag = take(bytes)?;
        let id = next.saturating_add(tag >> 2);
        next = id.saturating_add(1);
        let way = tag & 3;
        let change = match way {
            UNKNOWN => None,
            _ => Some(unzigzag(take(bytes)?) << SHIFTS[way as usize]),
        };
        // A newer table has fields that this one does not know.
        if let Some(&field) = usize::try_from(id).ok().and_then(|id| Field::ALL.get(id)) {
            let old = sample.get(field).unwrap_or(0);
            sample.set(field, change.map(|change| old.wrapping_add(change)));
        }
    }
    Some(())
}

fn write_change(from: u64, to: u64, out: &mut impl Extend<u8>) {
    number(zigzag(to.wrapping_sub(from)), out);
}

fn read_change(value: &mut u64, bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
    *value = value.wrapping_add(unzigzag(take(bytes)?));
    Some(())
}

/// Small differences of either sign become small numbers.
fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (0_u64.wrapping_sub(difference >> 63))
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (0_u64.wrapping_sub(number & 1))
}

fn number(mut number: u64, out: &mut impl Extend<u8>) {
    while number >= 0x80 {
        out.extend([number as u8 | 0x80]);
        number >>= 7;
    }
    out.extend([number as u8]);
}

fn take(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_change_is_read_as_it_was_written(
            pairs in proptest::collection::vec(
                (any::<Option<u64>>(), any::<Option<u64>>(), 0_u32..40), Field::ALL.len()
            )
        ) {
            let (mut from, mut to) = (Sample::EMPTY, Sample::EMPTY);
            for (&field, (old, new, zeros)) in Field::ALL.iter().zip(pairs) {
                from.set(field, old);
                to.set(field, new.map(|new| (new >> zeros) << zeros));
            }
            let mut bytes = Vec::new();
            write_sample(&from, &to, &mut bytes);
            let mut bytes = bytes.into_iter();
            prop_assert_eq!(read_sample(&mut from, &mut bytes), Some(()));
            prop_assert_eq!(from, to);
            prop_assert_eq!(bytes.next(), None);
        }
    }

    #[test]
    fn a_page_more_takes_two_bytes() {
        let (from, mut to) = (Sample::EMPTY, Sample::EMPTY);
        to.set(Field::Free, Some(4096));
        let mut bytes = Vec::new();
        write_sample(&from, &to, &mut bytes);
        assert_eq!(bytes.len(), 3, "one for how many follow");
    }
}
