//! How fine the past is asked for.

use super::{BadQuery, MOST_POINTS};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Steps to choose from, in ms.
const STEPS: [u64; 18] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    20 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];

/// How fine the answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fineness {
    /// Every reading.
    Raw,
    /// Buckets so many ms wide.
    Step(u64),
    /// So many buckets at most, but for one that is cut.
    Points(u64),
}

impl Fineness {
    /// The width of a bucket, in ms, where `span_ms` are told; `None` for single readings.
    pub(super) fn step_ms(self, span_ms: u64) -> Option<u64> {
        match self {
            Self::Raw => None,
            Self::Step(step_ms) => Some(step_ms),
            Self::Points(points) => {
                let least = span_ms.div_ceil(points);
                let step = STEPS.into_iter().find(|&step| step >= least);
                Some(step.unwrap_or_else(|| least.next_multiple_of(DAY)))
            }
        }
    }
}

/// Reads `raw`, `10s`, `1m`, `2h` or `1d`.
pub fn parse(text: &str) -> Result<Fineness, BadQuery> {
    if text == "raw" {
        return Ok(Fineness::Raw);
    }
    let step = amount(text).filter(|ms| (SECOND..=366 * DAY).contains(ms));
    step.map(Fineness::Step).ok_or_else(|| BadQuery::Step(text.chars().take(40).collect()))
}

pub(super) fn points(text: &str) -> Result<Fineness, BadQuery> {
    let points = text.parse().ok().filter(|points| (1..=MOST_POINTS).contains(points));
    points.map(Fineness::Points).ok_or_else(|| BadQuery::Points(text.chars().take(40).collect()))
}

/// A number of seconds, minutes, hours, days or weeks, in ms.
pub(super) fn amount(text: &str) -> Option<u64> {
    let unit = match text.as_bytes().last()? {
        b's' => SECOND,
        b'm' => MINUTE,
        b'h' => HOUR,
        b'd' => DAY,
        b'w' => 7 * DAY,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_choose_a_step() {
        for (span_ms, points, step_ms) in [
            (HOUR, 1200, 5 * SECOND),
            (DAY, 1440, MINUTE),
            (DAY, 1439, 2 * MINUTE),
            (30 * DAY, 1200, HOUR),
            (365 * DAY, 1200, 12 * HOUR),
            (10, 1200, SECOND),
            (365 * DAY, 100, 4 * DAY),
        ] {
            assert_eq!(Fineness::Points(points).step_ms(span_ms), Some(step_ms), "{span_ms}");
        }
    }

    #[test]
    fn steps_are_read() {
        assert_eq!(parse("raw"), Ok(Fineness::Raw));
        assert_eq!(parse("90s"), Ok(Fineness::Step(90_000)));
        assert_eq!(parse("1w"), Ok(Fineness::Step(7 * DAY)));
        for wrong in
            ["", "s", "0s", "-1s", "+1s", "1.5m", "1 m", "367d", "99999999999999999999d", "5ü"]
        {
            parse(wrong).unwrap_err();
        }
    }
}
