//! The last five minutes of one node, one reading a second.

use std::collections::VecDeque;

use crate::wire::Reading;

/// How far back a window reaches, in ms.
pub const SPAN_MS: u64 = 5 * 60 * 1000;
/// Readings closer together than this share one place, in ms.
pub const STEP_MS: u64 = 1000;

/// Recent readings in the order of their time, at most one for each second of the last five minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    readings: VecDeque<Reading>,
}

impl Window {
    /// Readings at most.
    pub const CAPACITY: usize = (SPAN_MS / STEP_MS) as usize + 1;

    /// A window of `readings`, whatever their order and number. It has room for all it will ever
    /// hold, so that what is watched for long does not grow.
    #[must_use]
    pub fn of(mut readings: Vec<Reading>) -> Self {
        readings.sort_by_key(|reading| reading.at_ms);
        let mut window = Self { readings: VecDeque::with_capacity(Self::CAPACITY) };
        for reading in readings {
            window.push(reading);
        }
        window
    }

    /// Adds the newest reading. One of the same second as the last takes its place; one older than
    /// the last is dropped.
    pub fn push(&mut self, reading: Reading) {
        if let Some(last) = self.readings.back() {
            if reading.at_ms < last.at_ms {
                return;
            }
            if reading.at_ms / STEP_MS == last.at_ms / STEP_MS {
                self.readings.pop_back();
            }
        }
        let oldest = reading.at_ms.saturating_sub(SPAN_MS);
        while self.readings.front().is_some_and(|first| first.at_ms < oldest)
            || self.readings.len() >= Self::CAPACITY
        {
            self.readings.pop_front();
        }
        self.readings.push_back(reading);
    }

    /// The readings, oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Reading> + ExactSizeIterator {
        self.readings.iter()
    }

    /// The newest reading.
    #[must_use]
    pub fn last(&self) -> Option<&Reading> {
        self.readings.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use proptest::prelude::*;

    fn reading(at_ms: u64) -> Reading {
        Reading { at_ms, uptime_us: at_ms * 1000, sample: Sample::EMPTY }
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_model(steps in proptest::collection::vec(0_u64..4000, 0..900)) {
            let mut window = Window::default();
            let mut naive: Vec<u64> = Vec::new();
            let mut now = 0;
            for step in steps {
                now += step;
                window.push(reading(now));
                naive.retain(|at| at / STEP_MS != now / STEP_MS);
                naive.push(now);
            }
            naive.retain(|at| at + SPAN_MS >= now);
            let kept: Vec<u64> = window.iter().map(|reading| reading.at_ms).collect();
            prop_assert_eq!(&kept, &naive);
            prop_assert!(kept.len() <= Window::CAPACITY);
        }
    }

    #[test]
    fn what_comes_late_is_dropped() {
        let mut window = Window::of(vec![reading(9000), reading(5000)]);
        window.push(reading(7000));
        assert_eq!(window.iter().map(|reading| reading.at_ms).collect::<Vec<_>>(), [5000, 9000]);
    }
}
