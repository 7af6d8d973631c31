//! What is told of incidents, and when: not what somebody silenced or looks after, and at night only the
//! worst.

use shared::alert::{Cause, Harm, Rules, StepKind};
use shared::history::{Event, EventKind};

use super::{Changes, Engine, Want};
use crate::alerts::kept::{Due, Kept, Subject};
use crate::alerts::words;

/// What becomes of a step whose time has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Told,
    /// It is told when silence or quiet hours are over, if it still holds.
    Waits,
    Dropped,
}

impl Engine {
    /// Tells what is due.
    pub(super) fn tell_due(
        &mut self,
        rules: &Rules,
        minute: u32,
        now_ms: u64,
        changes: &mut Changes,
    ) {
        for kept in self.all.values_mut() {
            if !kept.is_open() && kept.due.is_empty() {
                continue;
            }
            let before = (kept.incident.silenced, kept.due.clone(), kept.later.clone());
            kept.incident.silenced = kept.is_open() && is_silenced(kept, rules, now_ms);
            let is_quiet = rules.quiet.as_ref().is_some_and(|quiet| {
                quiet.holds(minute) && !quiet.lets_pass(kept.incident.severity)
            });
            note(kept, now_ms, changes);
            let first = first_told(kept, rules, is_quiet, now_ms);
            if let Some(step) = first {
                changes.tell.push((kept.incident.id, step));
            } else if may_update(kept, is_quiet, now_ms) {
                let text = words::later(kept).or_else(|| reminder(kept, rules, now_ms));
                kept.later = None;
                if let Some(text) = text {
                    kept.step(StepKind::Update, text, now_ms, Some(now_ms));
                    note(kept, now_ms, changes);
                    changes.tell.extend(kept.due.last().map(|due| (kept.incident.id, due.step)));
                }
            }
            if before != (kept.incident.silenced, kept.due.clone(), kept.later.clone()) {
                changes.dirty.insert(kept.incident.id);
            }
        }
    }

    /// A step was handed to whoever delivers it.
    pub(in crate::alerts) fn handed(&mut self, id: u64, step: u32, now_ms: u64) {
        if let Some(kept) = self.all.get_mut(&id) {
            kept.due.retain(|due| due.step != step);
            kept.told_ms = Some(now_ms);
            kept.told_left = kept.members.len();
        }
    }
}

/// Puts steps whose time has come on the line of time, and asks for what is to be found out by then.
fn note(kept: &mut Kept, now_ms: u64, changes: &mut Changes) {
    let Kept { incident, due, subjects, .. } = kept;
    for due in due.iter_mut().filter(|due| due.at_ms <= now_ms && !due.is_noted) {
        due.is_noted = true;
        let Some(step) = incident.steps.get(due.step as usize) else { continue };
        let node = match subjects.as_slice() {
            [Subject::Node(node)] => Some(node.clone()),
            _ => None,
        };
        if let (Some(node), StepKind::Opened, Cause::Unheard) = (&node, step.kind, incident.cause) {
            changes.wants.push(Want::LastWords(incident.id, node.clone()));
        }
        let kind = match step.kind {
            StepKind::Over => EventKind::IncidentOver,
            _ => EventKind::Incident,
        };
        changes.events.push(Event { at_ms: step.at_ms, node, kind, text: step.text.clone() });
    }
}

/// The step that is told now, if there is one: of several that waited, the first if it is how all began,
/// else the last. The others are in it.
fn first_told(kept: &mut Kept, rules: &Rules, is_quiet: bool, now_ms: u64) -> Option<u32> {
    let due: Vec<Due> = kept.due.iter().filter(|due| due.at_ms <= now_ms).copied().collect();
    let mut ready = Vec::new();
    for due in due {
        match fate(kept, due.step, rules, is_quiet, now_ms) {
            Fate::Told => ready.push(due.step),
            Fate::Waits => {}
            Fate::Dropped => kept.untell(due.step),
        }
    }
    let told = if kept.told_ms.is_none() { ready.first() } else { ready.last() }.copied()?;
    ready.into_iter().filter(|step| *step != told).for_each(|step| kept.untell(step));
    Some(told)
}

fn fate(kept: &Kept, step: u32, rules: &Rules, is_quiet: bool, now_ms: u64) -> Fate {
    let Some(step) = kept.incident.steps.get(step as usize) else { return Fate::Dropped };
    let is_over = step.kind == StepKind::Over;
    // What nobody was told of needs no end.
    if is_over && kept.told_ms.is_none() {
        return Fate::Dropped;
    }
    if kept.incident.acknowledged_ms.is_some() && !is_over {
        Fate::Dropped
    } else if is_silenced(kept, rules, now_ms) {
        if is_over { Fate::Dropped } else { Fate::Waits }
    } else if is_quiet {
        Fate::Waits
    } else {
        Fate::Told
    }
}

/// Whether somebody said that it is told to nobody at present.
fn is_silenced(kept: &Kept, rules: &Rules, now_ms: u64) -> bool {
    if now_ms < kept.silent_until_ms {
        return true;
    }
    if rules.silences.is_empty() {
        return false;
    }
    let covered = |subject: &Subject, harm: &Harm| {
        rules.silences.iter().any(|silence| silence.covers(subject.node(), *harm, now_ms))
    };
    if kept.members.is_empty() {
        return kept.subjects.iter().all(|it| kept.had.iter().all(|harm| covered(it, harm)));
    }
    kept.members.iter().all(|it| it.harms.iter().all(|harm| covered(&it.subject, harm)))
}

/// Whether an update can be told now.
fn may_update(kept: &Kept, is_quiet: bool, now_ms: u64) -> bool {
    let is_due = kept.later.as_ref().is_none_or(|later| later.at_ms <= now_ms);
    let is_muted = is_quiet || kept.incident.silenced || kept.incident.acknowledged_ms.is_some();
    kept.is_open() && kept.due.is_empty() && is_due && !is_muted
}

/// That it goes on, if nothing of it was told for long.
fn reminder(kept: &Kept, rules: &Rules, now_ms: u64) -> Option<String> {
    let told_ms = kept.told_ms.filter(|_| rules.remind_h > 0 && !kept.members.is_empty())?;
    let after_ms = u64::from(rules.remind_h) * 3_600_000;
    let is_due = kept.later.is_none() && now_ms.saturating_sub(told_ms) >= after_ms;
    is_due.then(|| format!("Still so: {}.", kept.incident.title))
}
