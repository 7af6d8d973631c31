//! Times and sentences.

use shared::black_box::{BoxAt, Grown, Killed, Why};
use shared::memory::Available;
use shared::units::{percent, span};
use shared::{Field, rates};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::html::{amount, name, put};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn time(at_ms: u64) -> OffsetDateTime {
    let seconds = i64::try_from(at_ms / 1000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `21:03:07`.
pub(super) fn clock(at_ms: u64) -> String {
    let (hours, minutes, seconds) = time(at_ms).to_hms();
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}

/// `Thu 26 Nov 2026 21:03:07 UTC`.
pub(super) fn moment(at_ms: u64) -> String {
    let at = time(at_ms);
    let day = DAYS[usize::from(at.weekday().number_days_from_monday())];
    let month = MONTHS[usize::from(u8::from(at.month())) - 1];
    format!("{day} {} {month} {} {} UTC", at.day(), at.year(), clock(at_ms))
}

/// As programs read it.
pub(super) fn rfc3339(at_ms: u64) -> String {
    time(at_ms).format(&Rfc3339).unwrap_or_default()
}

/// `12 s`.
pub(super) fn lasted(ms: u64) -> String {
    span(ms / 1000)
}

/// The least that was available, and of how much.
pub(super) fn least_available(boxes: &[BoxAt]) -> Option<(u64, u64)> {
    let samples = boxes.iter().flat_map(|at| &at.readings).map(|reading| &reading.sample);
    let known = samples
        .filter_map(|sample| Some((Available::of(sample).ok()?.here, sample.get(Field::Total)?)));
    known.min()
}

/// The largest share of the time between two readings in which some program waited.
pub(super) fn most_waiting(boxes: &[BoxAt]) -> Option<f64> {
    let pairs = boxes.iter().flat_map(|at| at.readings.windows(2));
    let shares = pairs.filter_map(|two| rates::pressure(&two[0], &two[1], Field::PressureSome));
    shares.max_by(f64::total_cmp)
}

/// What happened, in one sentence of HTML; `None` without a black box.
pub(super) fn sentence(boxes: &[BoxAt]) -> Option<String> {
    let at = boxes.iter().find(|at| !at.what.killed.is_empty()).or(boxes.first())?;
    let node = name(at.node.as_str());
    let grown = at.what.grown().into_iter().next();
    let mut text = match at.what.why {
        Why::OutOfMemory => killed(&node, &at.what.killed),
        Why::Pressure => {
            let share = most_waiting(std::slice::from_ref(at)).map(percent);
            let share = share
                .map_or_else(String::new, |share| format!(", for {share} of a second at worst"));
            format!("On {node} programs waited for memory{share}")
        }
        Why::LastWords => format!("{node} was no longer heard; this is what it reported last"),
    };
    if let Some(Grown { pid, name: who, from, to }) = grown {
        let is_victim = at.what.killed.iter().any(|killed| killed.pid == pid);
        let by = amount(to - from);
        if is_victim && at.what.killed.len() == 1 {
            put!(text, "; it had grown by {by}");
        } else {
            put!(text, "; {} had grown by {by}", name(&who));
        }
    }
    Some(text + ".")
}

fn killed(node: &str, killed: &[Killed]) -> String {
    let Some(first) = killed.first() else {
        return format!(
            "On {node} the kernel killed a program for want of memory; which is not known"
        );
    };
    let size = first.bytes.map_or_else(String::new, |bytes| format!(" ({})", amount(bytes)));
    let others = match killed.len() - 1 {
        0 => String::new(),
        1 => " and one other program".into(),
        more => format!(" and {more} other programs"),
    };
    let surely = if first.is_logged { "" } else { ", as far as can be concluded," };
    let limit = match &first.group {
        Some(group) => format!("as control group {} was at its limit", name(group)),
        None => "for want of memory".into(),
    };
    format!("On {node} the kernel{surely} killed {}{size}{others} {limit}", name(&first.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_utc() {
        assert_eq!(moment(1_763_625_607_250), "Thu 20 Nov 2025 08:00:07 UTC");
        assert_eq!(rfc3339(1_763_625_607_250), "2025-11-20T08:00:07Z");
        assert_eq!(moment(u64::MAX), "Thu 1 Jan 1970 00:00:00 UTC");
        assert_eq!(lasted(12_345), "12\u{a0}s");
    }
}
