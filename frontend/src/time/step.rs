//! How fine the past is asked for.

use shared::history::{HistoryStatus, Tier};

/// Widths of buckets that are asked for, in s.
const LADDER_S: [u64; 22] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
    172_800, 345_600, 691_200, 2_764_800,
];

/// Speeds of play, in seconds of the past a second.
pub const SPEEDS: [u32; 5] = [1, 10, 60, 600, 3600];

/// The finest buckets of which `span_ms` has `most` at most, in ms.
#[must_use]
pub fn step_of(span_ms: u64, most: u64) -> u64 {
    let fits = |step_s: &u64| span_ms.div_ceil(step_s * 1000) <= most;
    LADDER_S.into_iter().find(fits).unwrap_or(LADDER_S[21]) * 1000
}

/// The finest tier that reaches back to `at_ms`; `None` if there is nothing of that time.
#[must_use]
pub fn finest(status: &HistoryStatus, at_ms: u64) -> Option<Tier> {
    let reaches = |from_ms: Option<u64>| from_ms.is_some_and(|from_ms| from_ms <= at_ms);
    status.tiers.iter().find(|tier| reaches(tier.from_ms)).map(|tier| tier.tier)
}

/// The tier that suits a moment which moves: by play at `speed`, or else over a range of `span_ms` by hand.
/// About ten steps a second are seen.
#[must_use]
pub fn moving(speed: Option<u32>, span_ms: u64) -> Tier {
    let pace_ms = speed.map_or(span_ms / 500, |speed| u64::from(speed) * 200);
    let suits = |tier: &Tier| tier.step_ms() <= pace_ms && *tier != Tier::TwoHours;
    Tier::ALL.into_iter().rev().find(suits).unwrap_or(Tier::Raw)
}

/// How fine a tier is, in words.
#[must_use]
pub fn words(tier: Tier) -> &'static str {
    match tier {
        Tier::Raw => "every reading",
        Tier::TenSeconds => "means of 10 s",
        Tier::Minute => "means of a minute",
        Tier::TenMinutes => "means of 10 min",
        Tier::TwoHours => "means of 2 h",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::history::TierStatus;

    #[test]
    fn about_a_point_a_pixel() {
        for (span_s, most, step_s) in [
            (300, 60, 5),
            (3600, 60, 60),
            (86_400, 60, 1800),
            (30 * 86_400, 1200, 3600),
            (365 * 86_400, 60, 691_200),
        ] {
            assert_eq!(step_of(span_s * 1000, most), step_s * 1000, "{span_s}");
        }
        assert_eq!(step_of(u64::MAX, 1), 2_764_800_000);
    }

    #[test]
    fn the_finest_that_reaches_back_is_shown() {
        let tier =
            |tier, from_ms| TierStatus { tier, from_ms, bytes: 0, keep_days: 0, room_days: 0 };
        let tiers = vec![
            tier(Tier::Raw, Some(500)),
            tier(Tier::Minute, Some(60)),
            tier(Tier::TwoHours, None),
        ];
        let status = HistoryStatus { tiers, ..HistoryStatus::default() };
        assert_eq!(finest(&status, 500), Some(Tier::Raw));
        assert_eq!(finest(&status, 499), Some(Tier::Minute));
        assert_eq!(finest(&status, 59), None);
    }

    #[test]
    fn the_faster_the_coarser() {
        let tiers = SPEEDS.map(|speed| moving(Some(speed), 0));
        assert_eq!(tiers, [Tier::Raw, Tier::Raw, Tier::TenSeconds, Tier::Minute, Tier::TenMinutes]);
        assert_eq!(moving(None, 30 * 86_400_000), Tier::TenMinutes);
        assert_eq!(moving(None, 3_600_000), Tier::Raw);
        assert_eq!(moving(None, 86_400_000), Tier::Minute);
    }
}
