//! How a node's available memory goes, over a day, in two kilobytes.
//!
//! Times are the node's uptime: whatever clock is set, nothing of it moves, and a boot begins a new one.
//! Readings may come in any order; those of an outbox are of use where their slots are still kept.
//!
//! # Layout
//!
//! * [`lows`]: the least of the last five minutes, exactly.
//! * [`ring`]: the least in each slot of a longer time.
//! * [`rates`]: what counters did in the last ten seconds.

mod lows;
mod rates;
mod ring;

use shared::Sample;
use shared::forecast::{Horizon, SLOTS};
use shared::memory::Available;
use shared::window::SPAN_MS;

use lows::Lows;
use rates::Marks;
pub(super) use rates::Rates;
use ring::{NONE, Ring};

const MINUTE_MS: u64 = 60_000;
/// Minutes whose least is kept: an hour, and the one that began before it.
const MINUTES: usize = 61;
/// How wide the slots of each ring are, in ms.
const STEPS_MS: [u64; 5] = [5000, 20_000, MINUTE_MS, 4 * MINUTE_MS, 30 * MINUTE_MS];
/// A reading stands for the time since the one before, if that is no longer than so many periods.
const MISSED: u64 = 3;

/// See the module.
#[derive(Default)]
pub(super) struct Course {
    /// The uptime of the newest reading, in ms.
    newest_ms: u64,
    lows: Lows,
    by_5_s: Ring<SLOTS>,
    by_20_s: Ring<SLOTS>,
    by_minute: Ring<MINUTES>,
    by_4_min: Ring<SLOTS>,
    by_30_min: Ring<SLOTS>,
    /// How much of each minute is known, in ms.
    covered: Covered,
    marks: Marks,
}

struct Covered([u16; MINUTES]);

impl Default for Covered {
    fn default() -> Self {
        Self([0; MINUTES])
    }
}

impl Course {
    /// Takes in a reading that was taken just now.
    pub(super) fn note_live(&mut self, uptime_us: u64, sample: &Sample, period_ms: u64) {
        let at_ms = uptime_us / 1000;
        if at_ms > self.newest_ms || self.newest_ms == 0 {
            let since_ms = at_ms - self.newest_ms;
            self.note(at_ms, sample, gone_by(since_ms, period_ms));
            self.marks.note(at_ms, sample);
        }
    }

    /// Takes in a reading of an outbox, which was taken so long after the one before it there.
    pub(super) fn note_old(
        &mut self,
        uptime_us: u64,
        sample: &Sample,
        since_ms: Option<u64>,
        period_ms: u64,
    ) {
        self.note(uptime_us / 1000, sample, gone_by(since_ms.unwrap_or(period_ms), period_ms));
    }

    fn note(&mut self, at_ms: u64, sample: &Sample, covers_ms: u64) {
        self.newest_ms = self.newest_ms.max(at_ms);
        let Ok(available) = Available::of(sample) else { return };
        self.lows.note(at_ms, available.here, self.newest_ms);
        let kib = kib(available.here);
        self.by_5_s.note(slot(at_ms, STEPS_MS[0]), kib).for_each(drop);
        self.by_20_s.note(slot(at_ms, STEPS_MS[1]), kib).for_each(drop);
        self.note_minute(at_ms, kib, covers_ms);
        self.by_4_min.note(slot(at_ms, STEPS_MS[3]), kib).for_each(drop);
        self.by_30_min.note(slot(at_ms, STEPS_MS[4]), kib).for_each(drop);
    }

    fn note_minute(&mut self, at_ms: u64, kib: u32, covers_ms: u64) {
        let minute = slot(at_ms, MINUTE_MS);
        for place in self.by_minute.note(minute, kib) {
            self.covered.0[place] = 0;
        }
        if self.by_minute.get(minute).is_some() {
            let covered = &mut self.covered.0[minute as usize % MINUTES];
            *covered = (u64::from(*covered) + covers_ms).min(MINUTE_MS) as u16;
        }
    }

    /// Takes in what history tells of a stretch of `step_ms`, which begins at an uptime of `from_ms`.
    pub(super) fn recall(&mut self, from_ms: u64, step_ms: u64, available: u64) {
        if from_ms > self.newest_ms {
            return;
        }
        let kib = kib(available);
        let middle_ms = from_ms + step_ms / 2;
        if step_ms <= MINUTE_MS {
            self.note_minute(middle_ms, kib, step_ms);
            // Short falls are looked for in finer slots.
            for n in 0..step_ms / STEPS_MS[1] {
                let fine = slot(from_ms + n * STEPS_MS[1] + STEPS_MS[1] / 2, STEPS_MS[1]);
                if self.by_20_s.get(fine).is_none() {
                    self.by_20_s.note(fine, kib).for_each(drop);
                }
            }
        }
        if step_ms <= STEPS_MS[3] {
            self.by_4_min.note(slot(middle_ms, STEPS_MS[3]), kib).for_each(drop);
        }
        self.by_30_min.note(slot(middle_ms, STEPS_MS[4]), kib).for_each(drop);
    }

    /// The least over the last `over_ms` until an uptime of `uptime_ms`, in bytes, and how much of that
    /// time is known, in ms. Beyond five minutes it is of all minutes that are touched, and rounded down
    /// to KiB.
    pub(super) fn floor(&self, over_ms: u64, uptime_ms: u64) -> (Option<u64>, u64) {
        let since_ms = uptime_ms.saturating_sub(over_ms);
        let (first, newest) = (slot(since_ms, MINUTE_MS), self.by_minute.newest());
        let first = first.max(newest.saturating_sub(MINUTES as u32 - 1));
        let mut known = 0;
        let mut least = self.lows.least(since_ms);
        for minute in first..=newest {
            let Some(low) = self.by_minute.get(minute) else { continue };
            if over_ms > SPAN_MS {
                let low = u64::from(low) * 1024;
                least = Some(least.map_or(low, |least| least.min(low)));
            }
            let begins_ms = u64::from(minute) * MINUTE_MS;
            let end_ms = uptime_ms.min(begins_ms + MINUTE_MS);
            let touched = end_ms.saturating_sub(since_ms.max(begins_ms));
            known += touched.min(self.covered.0[minute as usize % MINUTES].into());
        }
        (least, known)
    }

    /// What counters did until the newest reading.
    pub(super) fn rates(&self, uptime_us: u64, sample: &Sample) -> Rates {
        self.marks.until(uptime_us / 1000, sample)
    }

    /// The uptime of the newest reading, in ms.
    pub(super) fn newest_ms(&self) -> u64 {
        self.newest_ms
    }

    /// All that is kept, finest first.
    pub(super) fn horizons(&self) -> [Horizon; 5] {
        fn of<const N: usize>(ring: &Ring<N>, step_ms: u64, newest_ms: u64) -> Horizon {
            let newest = slot(newest_ms, step_ms);
            let mut lows = [None; SLOTS];
            for (low, back) in lows.iter_mut().rev().zip(0..) {
                *low = newest.checked_sub(back).and_then(|slot| ring.get(slot));
            }
            Horizon { step_ms, into_ms: newest_ms % step_ms, lows }
        }
        let newest_ms = self.newest_ms;
        [
            of(&self.by_5_s, STEPS_MS[0], newest_ms),
            of(&self.by_20_s, STEPS_MS[1], newest_ms),
            of(&self.by_minute, STEPS_MS[2], newest_ms),
            of(&self.by_4_min, STEPS_MS[3], newest_ms),
            of(&self.by_30_min, STEPS_MS[4], newest_ms),
        ]
    }
}

/// What a reading stands for, in ms.
fn gone_by(since_ms: u64, period_ms: u64) -> u64 {
    if since_ms <= (period_ms * MISSED).max(1500) { since_ms } else { period_ms }
}

fn slot(at_ms: u64, step_ms: u64) -> u32 {
    u32::try_from(at_ms / step_ms).unwrap_or(u32::MAX)
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes / 1024).unwrap_or(NONE).min(NONE - 1)
}

#[cfg(test)]
mod tests;
