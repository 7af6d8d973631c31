//! The least of a number over any of the last five minutes: exact to the reading, in little room.

use shared::window::SPAN_MS;

/// Lows that are kept at most. More come only of a number that rises all the time; then two that are
/// close in time become one, which tells the lower.
pub(super) const MOST: usize = 28;

/// Times and numbers, oldest first. Of two the later is the higher: what is followed by a lower number is
/// the least of no time that lasts until now.
#[derive(Default)]
pub(super) struct Lows(Vec<(u64, u64)>);

impl Lows {
    /// Adds a number of `at_ms`, in any order. The newest there is is of `newest_ms`.
    pub(super) fn note(&mut self, at_ms: u64, value: u64, newest_ms: u64) {
        let gone = self.0.partition_point(|(at, _)| at + SPAN_MS < newest_ms);
        self.0.drain(..gone);
        if at_ms + SPAN_MS < newest_ms {
            return;
        }
        let place = self.0.partition_point(|(at, _)| *at < at_ms);
        if self.0.get(place).is_some_and(|(_, later)| *later <= value) {
            return;
        }
        let lower = self.0[..place].partition_point(|(_, earlier)| *earlier < value);
        self.0.splice(lower..place, [(at_ms, value)]);
        if self.0.len() > MOST {
            // How long the time is that the lower of the two would then stand for.
            let length = |n: &usize| self.0[n + 1].0 - self.0[n - 1].0;
            if let Some(closest) = (1..self.0.len() - 1).min_by_key(length) {
                let (_, low) = self.0.remove(closest);
                self.0[closest].1 = low;
            }
        }
    }

    /// The least since `since_ms`.
    pub(super) fn least(&self, since_ms: u64) -> Option<u64> {
        let place = self.0.partition_point(|(at, _)| *at < since_ms);
        self.0.get(place).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_naive_model(
            readings in proptest::collection::vec((0_u64..400_000, 0_u64..1000), 1..300),
            over_ms in 0..SPAN_MS,
        ) {
            let (mut lows, mut newest_ms) = (Lows::default(), 0);
            for &(at_ms, value) in &readings {
                newest_ms = newest_ms.max(at_ms);
                lows.note(at_ms, value, newest_ms);
            }
            let since_ms = newest_ms.saturating_sub(over_ms);
            let recent = readings.iter().filter(|(at_ms, _)| *at_ms >= since_ms);
            prop_assert_eq!(lows.least(since_ms), recent.map(|(_, value)| *value).min());
        }
    }

    #[test]
    fn what_only_rises_is_told_too_low_by_little() {
        let mut lows = Lows::default();
        for second in 0..1000_u64 {
            lows.note(second * 1000, second, second * 1000);
        }
        assert!(lows.0.len() <= MOST);
        for over in [0, 5, 60, 299] {
            let least = lows.least((999 - over) * 1000).unwrap();
            assert!((999 - over - 30..=999 - over).contains(&least), "{over}: {least}");
        }
    }
}
