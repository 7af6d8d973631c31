//! What is told of harm, in sentences for people.

use shared::NodeId;
use shared::alert::{Cause, Harm};
use shared::black_box::Killed;
use shared::survey::{Finding, Severity};
use shared::units::{human, percent, span};

use super::judge;
use super::kept::{Kept, Subject};
use crate::head::Sign;

/// Names in a sentence at most.
const MOST_NAMES: usize = 6;
/// Characters of a text of others in a sentence at most.
const MOST_TEXT: usize = 240;

/// A text of others as part of a sentence: one line, and not too long.
pub(super) fn tame(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut tame: String =
        text.chars().take(MOST_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST_TEXT).is_some() {
        tame.push('…');
    }
    tame
}

/// How a harm that begins is told, with what shows it.
pub(super) fn begun(harm: Harm, sign: &Sign, now_ms: u64) -> String {
    let id = &sign.id;
    let value = judge::value(sign, harm, now_ms).unwrap_or(0.0);
    match harm {
        Harm::LowShare | Harm::LowBytes => {
            let shown = sign.shown.as_ref();
            let (available, total) =
                shown.map_or((0, 0), |shown| (shown.available.unwrap_or(0), shown.total));
            let share = percent(available as f64 / total.max(1) as f64);
            format!(
                "{id} has little memory left: {} of {} is available ({share}).",
                human(available),
                human(total)
            )
        }
        Harm::Pressure => {
            format!("Programs on {id} wait for memory {} of the time.", percent(value / 100.0))
        }
        Harm::Thrashing => format!(
            "{id} reads back again and again what it had just dropped: {value:.0} pages a second."
        ),
        Harm::RunsOut => format!(
            "The memory of {id} runs out in about {}, if it goes on like this.",
            span(value as u64)
        ),
        Harm::Unheard => {
            let silent_s = now_ms.saturating_sub(sign.since_ms) / 1000;
            format!("{id} has not reported for {}.", span(silent_s))
        }
        Harm::Unreadable => {
            let why = sign.trouble.as_deref().unwrap_or("it does not say why");
            format!("The memory of {id} cannot be read: {}.", tame(why))
        }
        Harm::ClockOff => {
            let is_ahead = sign.clock_ahead_ms.is_some_and(|ahead| ahead > 0);
            let way = if is_ahead { "ahead of" } else { "behind" };
            format!("The clock of {id} is {} {way} the head's.", span(value as u64))
        }
        _ => format!("{}.", title(harm, id.as_str())),
    }
}

/// How findings are told.
pub(super) fn found(id: &str, findings: &[&Finding]) -> String {
    let mut text = format!("The doctor found on {id}: ");
    for (place, finding) in findings.iter().take(3).enumerate() {
        let gap = if place == 0 { "" } else { ". " };
        text = format!("{text}{gap}{}", tame(&finding.finding));
    }
    text + "."
}

/// How programs that the kernel killed are told.
pub(super) fn killed(id: &str, killed: &[Killed]) -> String {
    let one = |killed: &Killed| {
        let size = killed.bytes.map_or_else(String::new, |bytes| format!(", {}", human(bytes)));
        let group = killed
            .group
            .as_ref()
            .map_or_else(String::new, |group| format!(", at the limit of {}", tame(group)));
        format!("{} (process {}{size}{group})", tame(&killed.name), killed.pid)
    };
    let names: Vec<String> = killed.iter().take(3).map(one).collect();
    let more = killed.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("For want of memory on {id} the kernel killed {}{more}.", names.join(", "))
}

/// What an incident of this harm is called; `who` is the node, or the channel.
pub(super) fn title(harm: Harm, who: &str) -> String {
    match harm {
        Harm::LowShare | Harm::LowBytes => format!("{who} has little memory left"),
        Harm::Pressure => format!("Programs on {who} wait for memory"),
        Harm::Thrashing => format!("{who} thrashes"),
        Harm::OutOfMemory => format!("The kernel killed a program on {who} for want of memory"),
        Harm::RunsOut => format!("The memory of {who} is running out"),
        Harm::Unheard => format!("{who} is not heard"),
        Harm::Unreadable => format!("{who} cannot be read"),
        Harm::UnderVoltage => format!("The supply voltage of {who} is too low"),
        Harm::Throttled => format!("The processor of {who} is slowed down"),
        Harm::ClockOff => format!("The clock of {who} is off"),
        Harm::Finding => format!("The doctor found something on {who}"),
        Harm::Head => "The head is in trouble".into(),
        Harm::Channel => format!("The channel {who} takes no messages"),
    }
}

/// What an incident of many nodes is called.
pub(super) fn title_of_group(cause: Cause, nodes: usize) -> String {
    match cause {
        Cause::Memory => format!("{nodes} nodes run short of memory"),
        Cause::Unheard => format!("{nodes} nodes are not heard"),
        Cause::Unreadable => format!("{nodes} nodes cannot be read"),
        Cause::Power => format!("{nodes} nodes have too little power, or are too hot"),
        Cause::Clock => format!("The clocks of {nodes} nodes are off"),
        Cause::Finding => format!("The doctor found something on {nodes} nodes"),
        Cause::Head | Cause::Channel => format!("{nodes} troubles"),
    }
}

/// The ids of nodes in a row, the first few of many.
pub(super) fn names<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = ids.len().saturating_sub(MOST_NAMES);
    let mut text = ids.take(MOST_NAMES).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text = format!("{text} and {more} more");
    }
    text
}

/// How a group is told.
pub(super) fn group(kept: &Kept) -> String {
    let nodes = kept.subjects.iter().filter_map(Subject::node).map(NodeId::as_str);
    let nodes: Vec<&str> = nodes.collect();
    let count = nodes.len();
    let hint = match kept.incident.cause {
        Cause::Unheard => " They may have the same switch, or the same supply.",
        Cause::Clock => " If it is all of them, it is the head's clock that is off.",
        _ => "",
    };
    let title = title_of_group(kept.incident.cause, count);
    format!("{title}: {}.{hint}", names(nodes.into_iter()))
}

/// How the end is told.
pub(super) fn over(kept: &Kept, now_ms: u64) -> String {
    if let Some(why) = &kept.why_over {
        return why.clone();
    }
    let count = kept.subjects.len();
    let who = match kept.subjects.as_slice() {
        [one] => one.name().to_owned(),
        _ => format!("all {count} nodes"),
    };
    let is = if count == 1 { "is" } else { "are" };
    let has = if count == 1 { "has" } else { "have" };
    let text = match kept.incident.cause {
        Cause::Memory => format!("{who} {has} memory again"),
        Cause::Unheard => format!("{who} {is} heard again"),
        Cause::Unreadable => format!("{who} can be read again"),
        Cause::Power => format!("{who} {has} power enough, and {is} cool enough"),
        Cause::Clock => format!("the time of {who} is right again"),
        Cause::Finding => format!("what the doctor had found on {who} is no more"),
        Cause::Head => "the head is well again".into(),
        Cause::Channel => format!("the channel {who} takes messages again"),
    };
    let lasted = span(now_ms.saturating_sub(kept.incident.since_ms) / 1000);
    // The name of a node or a channel is as it is.
    let text = match kept.subjects.as_slice() {
        [_] if text.starts_with(&who) => text,
        _ => capitalised(&text),
    };
    format!("{text}, after {lasted}.")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// What became of a group, or of a node that has come and gone, since it was told last; `None` is nothing.
pub(super) fn later(kept: &Kept) -> Option<String> {
    let later = kept.later.as_ref()?;
    let count = kept.subjects.len();
    let mut parts = Vec::new();
    if later.again {
        parts.push(format!(
            "Once more: {}. It comes and goes: that it is over is told when it has been so for a while.",
            kept.incident.title
        ));
    }
    if later.kills > 0 {
        let programs = if later.kills == 1 { "another program" } else { "more programs" };
        parts.push(format!("The kernel killed {programs} ({}).", later.kills));
    }
    if later.joined > 0 {
        parts.push(group(kept));
    }
    let left = kept.members.iter().filter_map(|member| member.subject.node());
    let left: Vec<&str> = left.map(NodeId::as_str).collect();
    // Of many that return one by one, not each is told.
    if later.is_back && !left.is_empty() && left.len() * 2 <= kept.told_left {
        let well = count - left.len();
        let names = names(left.into_iter());
        parts.push(format!("{well} of {count} nodes are well again, but not {names}."));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Which of two harms an incident is called after: the first of these that it has.
pub(super) fn rank(harm: Harm) -> (Severity, usize) {
    const FIRST: [Harm; 5] =
        [Harm::OutOfMemory, Harm::LowShare, Harm::LowBytes, Harm::Pressure, Harm::UnderVoltage];
    let place = FIRST.iter().position(|first| *first == harm);
    (harm.def().severity, place.unwrap_or(FIRST.len()))
}
