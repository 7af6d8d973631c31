//! The last five minutes of one node, one reading a second.

mod bytes;

use serde::{Deserialize, Serialize};

use crate::pack::Packable;
use crate::wire::Reading;
use bytes::Bytes;

/// How far back a window reaches, in ms.
pub const SPAN_MS: u64 = 5 * 60 * 1000;
/// Of a node that reports more often, readings closer together than this share one place, in ms.
pub const STEP_MS: u64 = 1000;
/// Readings of a window at most.
pub const CAPACITY: usize = (SPAN_MS / STEP_MS) as usize + 1;

/// Recent readings in the order of their time: all of the last five minutes, but at most one for each
/// second of a node that reports more often.
///
/// A reading is kept as its difference from the one before, so that five minutes take tens of
/// kilobytes, not hundreds.
#[derive(Clone, Debug)]
pub struct Window<R = Reading> {
    /// 0 keeps every reading.
    step_ms: u64,
    /// The oldest and the newest, whole; the same if there is only one.
    ends: Option<(R, R)>,
    /// The one before the newest, if there is one.
    before_last: Option<R>,
    /// What leads from the oldest to the newest, step by step.
    steps: Bytes,
    /// Bytes of the last step.
    last_step: usize,
    count: usize,
}

impl<R> Default for Window<R> {
    fn default() -> Self {
        Self::of_period(STEP_MS)
    }
}

impl<R> Window<R> {
    /// An empty window for a node that reports every `period_ms`.
    #[must_use]
    pub fn of_period(period_ms: u64) -> Self {
        let mut window = Self {
            step_ms: 0,
            ends: None,
            before_last: None,
            steps: Bytes::default(),
            last_step: 0,
            count: 0,
        };
        window.set_period(period_ms);
        window
    }

    /// From now on the node reports every `period_ms`.
    pub fn set_period(&mut self, period_ms: u64) {
        self.step_ms = if period_ms < STEP_MS { STEP_MS } else { 0 };
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

    /// The oldest reading.
    #[must_use]
    pub fn first(&self) -> Option<&R> {
        self.ends.as_ref().map(|(first, _)| first)
    }

    /// The newest reading.
    #[must_use]
    pub fn last(&self) -> Option<&R> {
        self.ends.as_ref().map(|(_, last)| last)
    }

    /// The one before the newest.
    #[must_use]
    pub fn before_last(&self) -> Option<&R> {
        self.before_last.as_ref()
    }
}

impl<R: Packable> Window<R> {
    /// A window of `readings`, whatever their order and number.
    #[must_use]
    pub fn of(readings: Vec<R>) -> Self {
        let mut window = Self::default();
        window.merge(readings);
        window
    }

    /// Takes in readings that may be older than the last, whatever their order. Of two of the same
    /// time the one that was there stays. Says whether any found its place.
    pub fn merge(&mut self, readings: impl IntoIterator<Item = R>) -> bool {
        let known: Vec<R> = self.iter().collect();
        let mut all = known.clone();
        for reading in readings {
            // Mostly they come in order, and go to the end.
            let time_ms = reading.time_ms();
            if let Err(place) = all.binary_search_by_key(&time_ms, Packable::time_ms) {
                all.insert(place, reading);
            }
        }
        let mut merged = Self { step_ms: self.step_ms, ..Self::default() };
        for reading in all {
            merged.push(reading);
        }
        let times = |readings: &Self| readings.iter().map(|r| r.time_ms()).collect::<Vec<_>>();
        let changed = !times(&merged).into_iter().eq(known.iter().map(Packable::time_ms));
        *self = merged;
        changed
    }

    /// Adds the newest reading. One that is older than the last is dropped; where readings share
    /// seconds, one of the same second as the last takes its place.
    pub fn push(&mut self, reading: R) {
        if let Some((_, last)) = &self.ends {
            if reading.time_ms() < last.time_ms() {
                return;
            }
            let second = |reading: &R| reading.time_ms().checked_div(self.step_ms);
            if second(&reading).is_some_and(|now| second(last) == Some(now)) {
                self.pop_back();
            }
        }
        let oldest_ms = reading.time_ms().saturating_sub(SPAN_MS);
        while self.ends.as_ref().is_some_and(|(first, _)| first.time_ms() < oldest_ms)
            || self.count >= CAPACITY
        {
            self.pop_front();
        }
        match &mut self.ends {
            None => self.ends = Some((reading.clone(), reading)),
            Some((_, last)) => {
                let length = self.steps.len();
                reading.write_from(last, &mut self.steps);
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
            *self = Self { step_ms: self.step_ms, ..Self::default() };
        } else if let Some((first, _)) = &mut self.ends {
            // These bytes were written here.
            first.read_next(&mut std::iter::from_fn(|| self.steps.pop_front()));
            self.count -= 1;
            if self.count == 1 {
                self.before_last = None;
            }
        }
    }

    /// The readings, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = R> + '_ {
        unpacked(self.first().cloned(), self.count, self.steps.iter())
    }
}

impl Window {
    /// All of it as it goes over the wire.
    #[must_use]
    pub fn pack(&self) -> Packed {
        Packed {
            first: self.first().cloned().map(Box::new),
            count: self.count as u32,
            steps: self.steps.iter().collect(),
        }
    }

    /// Moves it in time, as when the clock is set.
    pub fn shift(&mut self, by_ms: i64) {
        let ends = self.ends.iter_mut().flat_map(|(first, last)| [first, last]);
        for reading in ends.chain(&mut self.before_last) {
            reading.at_ms = reading.at_ms.saturating_add_signed(by_ms);
        }
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
        let count = (self.count as usize).min(CAPACITY);
        unpacked(self.first.as_deref().cloned(), count, self.steps.iter().copied())
    }
}

fn unpacked<R: Packable>(
    mut next: Option<R>,
    mut left: usize,
    mut steps: impl Iterator<Item = u8>,
) -> impl Iterator<Item = R> {
    std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let reading = next.clone()?;
        if left > 0 && next.as_mut()?.read_next(&mut steps).is_none() {
            left = 0;
        }
        Some(reading)
    })
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
            let mut window = Window::of_period(100);
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
            prop_assert!(naive.len() <= CAPACITY);
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
            prop_assert!(packed.iter().count() <= CAPACITY);
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
        assert_eq!(window.len(), CAPACITY);
        assert!(window.steps.len() < 150 * CAPACITY, "{}", window.steps.len());
    }

    #[test]
    fn every_reading_has_its_place_however_it_trembles() {
        let mut window = Window::default();
        for at_ms in [1000, 1999, 3001, 3002, 3999, 4000] {
            window.push(reading(at_ms));
        }
        assert_eq!(window.len(), 6);
    }

    #[test]
    fn what_comes_late_finds_its_place_once() {
        let mut window = Window::default();
        for at_ms in [5000, 9000] {
            window.push(reading(at_ms));
        }
        window.push(reading(7000));
        assert_eq!(window.len(), 2, "only the newest is pushed");
        assert!(window.merge([reading(8000), reading(7000), reading(9000), reading(7000)]));
        let times = |window: &Window| window.iter().map(|r| r.at_ms).collect::<Vec<_>>();
        assert_eq!(times(&window), [5000, 7000, 8000, 9000]);
        assert!(!window.merge([reading(8000)]));
        window.push(reading(SPAN_MS + 6000));
        assert!(!window.merge([reading(5000)]), "older than a window reaches back");
        assert_eq!(window.before_last().map(|r| r.at_ms), Some(9000));
        window.shift(-1000);
        assert_eq!(times(&window), [6000, 7000, 8000, SPAN_MS + 5000]);
    }
}
