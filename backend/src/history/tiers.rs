//! Slots: the stretches of time that are written, rolled up and removed as one.

use std::ops::RangeInclusive;

use shared::history::Tier;

/// A slot of readings. A chunk of readings belongs to the slot that its first one lies in, and may reach
/// into the next ones, so that a commit is one chunk wherever it begins.
const RAW_SLOT_MS: u64 = 900_000;
/// So many slots a chunk of readings may lie in.
pub(super) const RAW_REACH: u64 = 4;
/// Buckets of a slot of a coarser tier: enough to pack well…
const BUCKETS: u64 = 720;
/// …but of minutes fewer: what is not rolled up yet is made of finer buckets whenever a day is asked for.
const MINUTES: u64 = 240;
/// A slot is rolled up when it has been over for so long: what comes in time comes until then.
const SLACK_MS: u64 = 900_000;

/// Tiers of buckets, finest first.
pub(super) const ROLLED: [Tier; 4] =
    [Tier::TenSeconds, Tier::Minute, Tier::TenMinutes, Tier::TwoHours];

/// Times, both ends included: ms since 1970.
pub(super) type Times = RangeInclusive<u64>;

/// How long a slot is, in ms.
pub(super) fn slot_ms(tier: Tier) -> u64 {
    match tier {
        Tier::Raw => RAW_SLOT_MS,
        Tier::Minute => MINUTES * tier.step_ms(),
        Tier::TenSeconds | Tier::TenMinutes | Tier::TwoHours => BUCKETS * tier.step_ms(),
    }
}

/// When a slot begins.
pub(super) fn start_ms(tier: Tier, slot: u64) -> u64 {
    slot.saturating_mul(slot_ms(tier))
}

/// All of a slot.
pub(super) fn times(tier: Tier, slot: u64) -> Times {
    let start = start_ms(tier, slot);
    start..=start.saturating_add(slot_ms(tier) - 1)
}

/// Whether a slot is over by `now_ms`, and what comes in time has come.
pub(super) fn is_over(tier: Tier, slot: u64, now_ms: u64) -> bool {
    times(tier, slot).end().saturating_add(SLACK_MS) < now_ms
}

/// The slots that `times` touch.
pub(super) fn slots(tier: Tier, times: &Times) -> RangeInclusive<u64> {
    times.start() / slot_ms(tier)..=times.end() / slot_ms(tier)
}

/// The next finer tier.
pub(super) fn finer(tier: Tier) -> Tier {
    Tier::ALL[(tier as usize).saturating_sub(1)]
}

/// What two stretches of time have in common; `None` if nothing.
pub(super) fn common(a: &Times, b: &Times) -> Option<Times> {
    let both = *a.start().max(b.start())..=*a.end().min(b.end());
    (!both.is_empty()).then_some(both)
}
