//! Times as they are asked for, and told.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::step::amount;

/// 10000-01-01, the first time that RFC 3339 cannot write: ms since 1970.
pub const END_MS: u64 = 253_402_300_800_000;

/// `now`, `-24h`, ms since 1970, or RFC 3339, as ms since 1970.
#[must_use]
pub fn parse(text: &str, now_ms: u64) -> Option<u64> {
    if text == "now" {
        return Some(now_ms);
    }
    if let Some(ago) = text.strip_prefix('-') {
        return amount(ago).map(|ago| now_ms.saturating_sub(ago));
    }
    let at_ms = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()?
    } else {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?
    };
    (at_ms < END_MS).then_some(at_ms)
}

/// A time as people and other programs read it: `2026-11-20T08:00:00.25Z`.
#[must_use]
pub fn rfc3339(at_ms: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| at_ms.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        let now = 1_800_000_000_000;
        for (text, at_ms) in [
            ("now", now),
            ("0", 0),
            ("1763625600000", 1_763_625_600_000),
            ("-90s", now - 90_000),
            ("-2w", now - 14 * 86_400_000),
            ("-99999d", 0),
            ("2025-11-20T08:00:00Z", 1_763_625_600_000),
            ("2025-11-20T09:00:00.250+01:00", 1_763_625_600_250),
        ] {
            assert_eq!(parse(text, now), Some(at_ms), "{text}");
        }
        for wrong in
            ["", "-", "--1h", "1969-12-31T23:59:59Z", "253402300800000", "2025-11-20", "+1h"]
        {
            assert_eq!(parse(wrong, now), None, "{wrong}");
        }
        assert_eq!(rfc3339(1_763_625_600_250), "2025-11-20T08:00:00.25Z");
        assert!(rfc3339(u64::MAX).starts_with("18446744073709551615"));
    }
}
