//! How a node's monotonic clock lies to the head's.
//!
//! What is told arrives late, never early: of many differences between the head's clock at arrival
//! and the node's clock at the reading, the least is the truest. It is looked for anew every half
//! minute, so that two crystals may drift apart, and changes only when it would be off by more than
//! people notice, so that what was told once is not told otherwise a second later.

/// How long the least difference is looked for, in ms.
const SEARCH_MS: u64 = 30_000;
/// By how much the offset may be off before it changes, in ms.
const TOLERANCE_MS: i64 = 20;
/// What an earlier head wrote down is good if what arrives first is later by less, in ms: else a clock was
/// set in between.
const PRESUMED_MS: i64 = 500;

/// What is added to the ms since a node booted for the head's clock: ms since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offset {
    told: Option<i64>,
    /// The least of this search and of the one before.
    least: Option<(i64, i64)>,
    began_ms: u64,
}

impl Offset {
    /// Takes in that something of `uptime_us` arrived just now.
    pub(super) fn note(&mut self, uptime_us: u64, now_ms: u64) {
        let difference = now_ms as i64 - (uptime_us / 1000) as i64;
        let (now, before) = match self.least {
            None => {
                self.began_ms = now_ms;
                // What an earlier head found out in minutes is truer than one arrival.
                let is_near = |told: &i64| (0..PRESUMED_MS).contains(&(difference - told));
                (difference, self.told.filter(is_near).unwrap_or(difference))
            }
            Some((now, _)) if now_ms.saturating_sub(self.began_ms) >= SEARCH_MS => {
                self.began_ms = now_ms;
                (difference, now)
            }
            Some((now, before)) => (now.min(difference), before),
        };
        self.least = Some((now, before));
        let best = now.min(before);
        if self.told.is_none_or(|told| (told - best).abs() > TOLERANCE_MS) {
            self.told = Some(best);
        }
    }

    /// Takes in how it lay when an earlier head wrote it down: good until something arrives.
    pub(super) fn presume(&mut self, uptime_us: u64, at_ms: u64) {
        if self.least.is_none() {
            self.told = Some(at_ms as i64 - (uptime_us / 1000) as i64);
        }
    }

    /// A time of the node's clock by the head's; `None` while nothing has arrived.
    pub(super) fn at_ms(&self, uptime_us: u64) -> Option<u64> {
        Some(self.told?.saturating_add((uptime_us / 1000) as i64).max(0) as u64)
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        self.told = self.told.map(|told| told + by_ms);
        self.least = self.least.map(|(now, before)| (now + by_ms, before + by_ms));
        self.began_ms = self.began_ms.saturating_add_signed(by_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE_MS: u64 = 1_000_000;

    /// The error of the offset after a node told its clock every second, `delay_ms` late.
    fn error_after(seconds: u64, drift_ppm: f64, delay_ms: impl Fn(u64) -> u64) -> i64 {
        let mut offset = Offset::default();
        for second in 0..=seconds {
            let true_ms = BASE_MS + second * 1000;
            let uptime_us = (second as f64 * 1e6 * (1.0 + drift_ppm / 1e6)) as u64;
            offset.note(uptime_us, true_ms + delay_ms(second));
            if second == seconds {
                return offset.at_ms(uptime_us).unwrap() as i64 - true_ms as i64;
            }
        }
        0
    }

    #[test]
    fn what_comes_late_does_not_move_it() {
        assert_eq!(error_after(300, 0.0, |_| 0), 0);
        let spikes = error_after(300, 0.0, |second| if second % 7 == 0 { 2 } else { 900 });
        assert!((0..=22).contains(&spikes), "{spikes}");
        // A head that was frozen for twenty seconds hears all of it at once.
        let frozen = error_after(60, 0.0, |second| 1 + 60_u64.saturating_sub(second).min(20) * 50);
        assert!((0..=22).contains(&frozen), "{frozen}");
    }

    #[test]
    fn drifting_crystals_are_followed() {
        for ppm in [-100.0, 100.0] {
            let error = error_after(24 * 3600, ppm, |_| 1);
            assert!(error.abs() <= 30, "{ppm} ppm: {error} ms");
        }
    }

    #[test]
    fn what_an_earlier_head_wrote_down_is_gone_on_with() {
        for (written, later, expected) in [(0, 300, 0), (0, 800, 800), (0, -5000, -5000)] {
            let mut offset = Offset::default();
            offset.presume(5_000_000, BASE_MS + written);
            assert_eq!(offset.at_ms(5_000_000), Some(BASE_MS + written));
            offset.note(6_000_000, (BASE_MS + 1000).saturating_add_signed(later));
            offset.presume(5_000_000, 0);
            let at_ms = offset.at_ms(5_000_000).unwrap() as i64;
            assert_eq!(at_ms - BASE_MS as i64, expected);
        }
    }

    #[test]
    fn a_clock_that_is_set_takes_all_times_with_it() {
        let mut offset = Offset::default();
        offset.note(5_000_000, BASE_MS);
        offset.shift(86_400_000);
        assert_eq!(offset.at_ms(6_000_000), Some(BASE_MS + 86_401_000));
        offset.note(7_000_000, BASE_MS + 86_402_000);
        assert_eq!(offset.at_ms(6_000_000), Some(BASE_MS + 86_401_000));
    }
}
