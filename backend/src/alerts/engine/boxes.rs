//! Black boxes go to the incidents they belong to.

use shared::alert::{Harm, Rules, StepKind};
use shared::black_box::{BoxAt, Why};

use super::{Changes, Engine, spans};
use crate::alerts::kept::{Begun, Kept, MOST_BOXES, Subject, top_of};
use crate::alerts::words;
use crate::head::Sign;

/// Black boxes that wait for an incident at most…
const MOST_HELD: usize = 16;
/// …and how long, in ms.
const HELD_MS: u64 = 180_000;

impl Engine {
    /// Black boxes of killed programs begin an incident, where nothing else did. What tells of pressure
    /// alone waits whether that becomes one by its rule.
    pub(super) fn open_boxes(
        &mut self,
        boxes: Vec<BoxAt>,
        signs: &[Sign],
        rules: &Rules,
        now_ms: u64,
        begun: &mut Vec<Begun>,
    ) -> Vec<BoxAt> {
        let rule = rules.rule(Harm::OutOfMemory).filter(|rule| rule.enabled);
        for black_box in &boxes {
            let is_known = signs.iter().any(|sign| sign.id == black_box.node);
            let Some(rule) = rule.filter(|_| black_box.what.why == Why::OutOfMemory && is_known)
            else {
                continue;
            };
            let subject = Subject::Node(black_box.node.clone());
            let kills = black_box.what.killed.len().max(1) as u64;
            let eye = self.eyes.entry(subject.clone()).or_default();
            if eye.box_tells(kills, spans(rule), now_ms) {
                let text = words::title(Harm::OutOfMemory, subject.name()) + ".";
                begun.push(Begun { subject, harm: Harm::OutOfMemory, text, more_kills: 0 });
            }
        }
        boxes
    }

    /// Puts black boxes to their incidents.
    pub(super) fn put_boxes(&mut self, boxes: Vec<BoxAt>, now_ms: u64, changes: &mut Changes) {
        let mut waiting = std::mem::take(&mut self.held);
        waiting.extend(boxes);
        for black_box in waiting {
            let subject = Subject::Node(black_box.node.clone());
            let is_its = |kept: &&mut Kept| {
                let is_memory = kept.incident.cause == Harm::OutOfMemory.def().cause;
                is_memory && kept.is_open() && kept.concerns(&subject)
            };
            let Some(kept) = self.all.values_mut().find(is_its) else {
                if now_ms.saturating_sub(black_box.at_ms) < HELD_MS && self.held.len() < MOST_HELD {
                    self.held.push(black_box);
                }
                continue;
            };
            if kept.incident.boxes >= MOST_BOXES {
                continue;
            }
            kept.incident.boxes += 1;
            tell_of(kept, &black_box, now_ms);
            changes.dirty.insert(kept.incident.id);
            changes.boxes.push((kept.incident.id, black_box));
        }
    }
}

/// Adds what a black box knows to what is told.
fn tell_of(kept: &mut Kept, black_box: &BoxAt, now_ms: u64) {
    let top = top_of(black_box);
    if !kept.is_group() && !top.is_empty() {
        kept.incident.top = top;
        kept.has_box_top = true;
    }
    let killed = &black_box.what.killed;
    if killed.is_empty() || kept.is_group() {
        return;
    }
    let text = words::killed(black_box.node.as_str(), killed);
    // What is not told yet is told with their names.
    let due = kept.due.iter().find(|due| !due.is_noted).map(|due| due.step as usize);
    match due.and_then(|step| kept.incident.steps.get_mut(step)) {
        Some(step) if matches!(step.kind, StepKind::Opened | StepKind::Worse) => step.text = text,
        _ => kept.step(StepKind::Update, text, now_ms, None),
    }
}
