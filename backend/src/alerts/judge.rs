//! What a node shows of each harm at a moment.

use shared::alert::{Harm, Level, Rule};
use shared::forecast::Quality;
use shared::node::Condition;

use super::watch::Seen;
use crate::head::Sign;

/// How far the last word of a node can be relied on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Young,
    /// A reading or two are overdue: it is waited for.
    Overdue,
    Old,
}

fn word(sign: &Sign) -> Word {
    match sign.condition {
        Condition::Live => Word::Young,
        Condition::Late => Word::Overdue,
        _ => Word::Old,
    }
}

/// What `sign` shows of the harm of `rule`. What counts kills, and what the doctor found, is judged
/// elsewhere. `has_parted` is a node whose agent took its leave.
pub(super) fn seen(sign: &Sign, rule: &Rule, has_parted: bool, now_ms: u64) -> Seen {
    match rule.harm {
        Harm::Unheard => return unheard(sign, rule, has_parted, now_ms),
        Harm::Unreadable => return unreadable(sign),
        _ => {}
    }
    match word(sign) {
        Word::Young => {}
        Word::Overdue => return Seen::Unknown,
        Word::Old => return Seen::Stale,
    }
    if rule.harm.def().level == Level::None {
        let Some(shown) = &sign.shown else { return Seen::Unknown };
        let is = match rule.harm {
            Harm::UnderVoltage => shown.under_voltage,
            Harm::Throttled => shown.throttled,
            _ => false,
        };
        return if is { Seen::Beyond } else { Seen::Back };
    }
    let Some(value) = value(sign, rule.harm, now_ms) else {
        // Nothing is foreseen while nothing is lost.
        return if rule.harm == Harm::RunsOut { Seen::Nothing } else { Seen::Unknown };
    };
    let level = rule.harm.def().level;
    let is_sure = rule.harm != Harm::RunsOut
        || sign.forecast.as_ref().is_some_and(|it| it.quality == Quality::Good);
    if level.is_beyond(value, rule.begin) {
        if is_sure { Seen::Beyond } else { Seen::Between }
    } else if level.is_back(value, rule.end) {
        Seen::Back
    } else {
        Seen::Between
    }
}

/// The value of a harm that has one, in the unit of its level.
pub(super) fn value(sign: &Sign, harm: Harm, now_ms: u64) -> Option<f64> {
    let shown = sign.shown.as_ref();
    match harm {
        Harm::LowShare => {
            let shown = shown.filter(|shown| shown.total > 0)?;
            Some(shown.available? as f64 / shown.total as f64 * 100.0)
        }
        Harm::LowBytes => Some(shown?.available? as f64),
        Harm::Pressure => Some(shown?.pressure? * 100.0),
        Harm::Thrashing => shown?.thrashing,
        Harm::RunsOut => {
            let out_ms = sign.forecast.as_ref()?.out_ms;
            Some(out_ms.saturating_sub(now_ms) as f64 / 1000.0)
        }
        Harm::ClockOff => Some(sign.clock_ahead_ms?.unsigned_abs() as f64 / 1000.0),
        _ => None,
    }
}

/// A node is heard again only when it is: that the head started anew says nothing of it.
fn unheard(sign: &Sign, rule: &Rule, has_parted: bool, now_ms: u64) -> Seen {
    let silent_s = now_ms.saturating_sub(sign.since_ms) as f64 / 1000.0;
    match sign.condition {
        Condition::Live | Condition::NeverSeen => Seen::Back,
        Condition::Refused => Seen::Between,
        _ if has_parted => Seen::Back,
        // It says itself that it cannot be read.
        Condition::Late | Condition::Stale if sign.trouble.is_some() => Seen::Back,
        _ if Level::SecondsAbove.is_beyond(silent_s, rule.begin) => Seen::Beyond,
        _ => Seen::Between,
    }
}

fn unreadable(sign: &Sign) -> Seen {
    match (sign.condition, &sign.trouble) {
        (Condition::Live, None) => Seen::Back,
        (Condition::Gone | Condition::NeverSeen | Condition::Refused, _) => Seen::Stale,
        (_, Some(_)) => Seen::Beyond,
        (_, None) => Seen::Unknown,
    }
}
