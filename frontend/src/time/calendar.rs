//! Times in words, in the time zone of whoever looks.

use super::DAY_MS;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Steps between two marks of an axis, in ms. Longer ones are months.
const STEPS: [u64; 20] = [
    1000,
    2000,
    5000,
    10_000,
    15_000,
    30_000,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY_MS,
    2 * DAY_MS,
    7 * DAY_MS,
];

/// Year, month from 0, and day of the month of a day since 1970. By the rules of the Gregorian calendar,
/// in years that begin in March.
fn date(day: u64) -> (u64, usize, u64) {
    let days = day + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 2, 0) } else { (month - 10, 1) };
    (era * 400 + year + next, month as usize, day)
}

fn two(number: u64) -> String {
    let text = number.to_string();
    if number < 10 { ["0", &text].concat() } else { text }
}

/// `12:03:07`, or `12:03`. `local_ms` is local time as if it were UTC.
fn clock(local_ms: u64, with_seconds: bool) -> String {
    let of_day = local_ms % DAY_MS / 1000;
    let mut text = [&two(of_day / 3600), ":", &two(of_day / 60 % 60)].concat();
    if with_seconds {
        text.push(':');
        text.push_str(&two(of_day % 60));
    }
    text
}

/// `24 Nov`.
fn day(local_ms: u64) -> String {
    let (_, month, day) = date(local_ms / DAY_MS);
    [&day.to_string(), " ", MONTHS[month]].concat()
}

/// `Tue 24 Nov 12:03:07`, with the year if it is not that of `now_ms`; `zone_ms` is what local time is
/// ahead of UTC.
#[must_use]
pub fn moment(at_ms: u64, now_ms: u64, zone_ms: i64) -> String {
    let local = at_ms.saturating_add_signed(zone_ms);
    let (year, ..) = date(local / DAY_MS);
    let (this_year, ..) = date(now_ms.saturating_add_signed(zone_ms) / DAY_MS);
    let weekday = DAYS[(local / DAY_MS % 7) as usize];
    let year = if year == this_year { String::new() } else { [" ", &year.to_string()].concat() };
    [weekday, " ", &day(local), &year, " ", &clock(local, true)].concat()
}

/// Marks of an axis from `from_ms` to `to_ms`, `most` of them at most: when, and in words.
#[must_use]
pub fn marks(from_ms: u64, to_ms: u64, zone_ms: i64, most: usize) -> Vec<(u64, String)> {
    let (from, to) = (from_ms.saturating_add_signed(zone_ms), to_ms.saturating_add_signed(zone_ms));
    let most = most.max(1) as u64;
    let step = STEPS.into_iter().find(|step| (to - from) / step < most);
    let utc = |local: u64| local.saturating_add_signed(-zone_ms);
    let Some(step) = step else { return months(from, to, most, &utc) };
    let mut marks = Vec::new();
    // Weeks begin on Mondays; 1970 began on a Thursday.
    let shift = if step == 7 * DAY_MS { 4 * DAY_MS } else { 0 };
    let mut at = from.saturating_sub(shift).div_ceil(step) * step + shift;
    while at <= to {
        if at >= from {
            let is_day = at.is_multiple_of(DAY_MS);
            marks.push((utc(at), if is_day { day(at) } else { clock(at, step < MINUTE) }));
        }
        at += step;
    }
    marks
}

fn months(from: u64, to: u64, most: u64, utc: &dyn Fn(u64) -> u64) -> Vec<(u64, String)> {
    let every = ((to - from) / (30 * DAY_MS)).div_ceil(most).next_power_of_two().max(1) as usize;
    let mut marks = Vec::new();
    for number in from / DAY_MS..=to / DAY_MS {
        let (year, month, day) = date(number);
        if day == 1 && month.is_multiple_of(every.min(12)) && number * DAY_MS >= from {
            let name = if month == 0 { year.to_string() } else { MONTHS[month].into() };
            marks.push((utc(number * DAY_MS), name));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_795_521_787_000;

    #[test]
    fn days_have_their_dates() {
        for (day, expect) in [
            (0, (1970, 0, 1)),
            (59, (1970, 2, 1)),
            (11_016, (2000, 1, 29)),
            (11_017, (2000, 2, 1)),
            (20_454, (2026, 0, 1)),
            (20_818, (2026, 11, 31)),
        ] {
            assert_eq!(date(day), expect, "{day}");
        }
    }

    #[test]
    fn a_moment_is_told_by_the_clock_on_the_wall() {
        assert_eq!(moment(NOON, NOON, 0), "Tue 24 Nov 12:03:07");
        assert_eq!(moment(NOON, NOON, 3_600_000), "Tue 24 Nov 13:03:07");
        assert_eq!(moment(NOON, NOON, -13 * 3_600_000), "Mon 23 Nov 23:03:07");
        assert_eq!(moment(NOON, NOON + 60 * DAY_MS, 0), "Tue 24 Nov 2026 12:03:07");
    }

    #[test]
    fn an_axis_has_round_marks() {
        let words = |span: u64, zone| {
            let marks = marks(NOON - span, NOON, zone, 6);
            assert!(marks.iter().all(|(at, _)| (NOON - span..=NOON).contains(at)), "{marks:?}");
            marks.into_iter().map(|(_, words)| words).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(10_000, 0), "12:02:58 12:03:00 12:03:02 12:03:04 12:03:06");
        assert_eq!(words(3_600_000, 0), "11:15 11:30 11:45 12:00");
        assert_eq!(words(DAY_MS, 0), "18:00 24 Nov 06:00 12:00");
        assert_eq!(words(DAY_MS, 7_200_000), "18:00 24 Nov 06:00 12:00");
        assert_eq!(words(7 * DAY_MS, 0), "19 Nov 21 Nov 23 Nov");
        assert_eq!(words(30 * DAY_MS, 0), "26 Oct 2 Nov 9 Nov 16 Nov 23 Nov");
        assert_eq!(words(365 * DAY_MS, 0), "2026 Mar May Jul Sep Nov");
    }
}
