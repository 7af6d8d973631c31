//! Harms that begin become incidents: one of each cause and node, and one of all nodes that fail alike at
//! once. When their harms have ended, they are over; what comes back soon goes on with the same one.

use std::collections::{BTreeMap, BTreeSet};

use shared::alert::{Cause, Harm, Rules, StepKind};

use super::{Changes, Engine, Want};
use crate::alerts::kept::{Begun, Kept, Subject};
use crate::alerts::words;

/// What is told of killed programs waits so long, in ms, for the black box that tells which.
pub(super) const BOX_WAIT_MS: u64 = 2000;
/// What came back must be well for so many times as long as its rule says…
const RELAPSE: u64 = 10;
/// …and twice as long each further time, up to so many times.
const MOST_DOUBLED: u32 = 4;

/// The time for which a first message waits, in ms.
pub(super) fn group_ms(rules: &Rules) -> u64 {
    u64::from(rules.group_s) * 1000
}

/// Between two updates of an incident at least, in ms.
pub(super) fn update_ms(rules: &Rules) -> u64 {
    group_ms(rules).max(1000) * 30
}

/// What changed last has to stay so, in ms, before an update tells it.
fn settle_ms(rules: &Rules) -> u64 {
    group_ms(rules).max(1000) * 6
}

/// How long what came back so often has to be well before it is over, in ms: it is the same incident if
/// it comes back again sooner.
fn hold_ms(kept: &Kept, relapses: u32, rules: &Rules) -> u64 {
    let end_s = kept.had.iter().filter_map(|harm| rules.rule(*harm)).map(|rule| rule.end_s).max();
    let doubled = relapses.saturating_sub(1).min(MOST_DOUBLED);
    (u64::from(end_s.unwrap_or(0)) * 1000 * RELAPSE) << doubled
}

/// Those who begin one cause of harm at a look, each with all its harms.
type Newcomers = BTreeMap<Subject, Vec<Begun>>;

impl Engine {
    pub(super) fn begin(
        &mut self,
        begun: Vec<Begun>,
        fleet: usize,
        rules: &Rules,
        now_ms: u64,
        changes: &mut Changes,
    ) {
        let mut causes: BTreeMap<Cause, Newcomers> = BTreeMap::new();
        for begun in begun {
            let cause = begun.cause();
            let is_its = |kept: &&mut Kept| {
                kept.is_open() && kept.incident.cause == cause && kept.concerns(&begun.subject)
            };
            match self.all.values_mut().find(is_its) {
                Some(kept) => go_on(kept, &begun, rules, now_ms, changes),
                // More of what never was an incident, as when it was not watched for.
                None if begun.more_kills > 0 => {}
                None => {
                    let of_cause = causes.entry(cause).or_default();
                    of_cause.entry(begun.subject.clone()).or_default().push(begun);
                }
            }
        }
        for (cause, mut newcomers) in causes {
            let is_of_nodes = !matches!(cause, Cause::Head | Cause::Channel);
            if is_of_nodes && rules.group_s > 0 {
                self.group(cause, &mut newcomers, rules, now_ms, changes);
            }
            let wait_ms = match cause {
                Cause::Head | Cause::Channel => 0,
                _ if fleet < rules.group_nodes as usize => 0,
                _ => group_ms(rules),
            };
            for begun in newcomers.into_values() {
                self.open_or_reopen(&begun, wait_ms, rules, now_ms, changes);
            }
        }
    }

    /// Puts those together who fail alike at once, or adds them to those who just did.
    fn group(
        &mut self,
        cause: Cause,
        newcomers: &mut Newcomers,
        rules: &Rules,
        now_ms: u64,
        changes: &mut Changes,
    ) {
        let span_ms = group_ms(rules);
        let is_young = |at_ms: u64, span_ms: u64| now_ms.saturating_sub(at_ms) <= span_ms;
        let of_cause = |kept: &Kept| kept.is_open() && kept.incident.cause == cause;
        // Who just came and went alone goes on with that.
        let alone = |kept: &&Kept| !kept.is_group() && relapses(kept, cause, rules, now_ms);
        let alone = self.all.values().filter(alone).flat_map(|kept| kept.subjects.clone());
        let alone: BTreeSet<Subject> = alone.collect();
        let joined = self.all.values_mut().rev().find(|kept| {
            of_cause(kept) && kept.is_group() && is_young(kept.joined_ms, span_ms * 60)
        });
        if let Some(kept) = joined {
            let others = newcomers.extract_if(.., |subject, _| !alone.contains(subject));
            for begun in others.flat_map(|(_, begun)| begun) {
                join(kept, &begun, rules, now_ms);
                changes.dirty.insert(kept.incident.id);
            }
            return;
        }
        // However late this look is: what nobody was told of yet can still be told together.
        let is_untold = |kept: &Kept| kept.untold_opening().is_some_and(|due| !due.is_noted);
        let untold: Vec<u64> = self
            .all
            .values()
            .filter(|kept| of_cause(kept) && !kept.is_group() && is_untold(kept))
            .filter(|kept| !kept.members.is_empty())
            .map(|kept| kept.incident.id)
            .collect();
        if newcomers.is_empty() || newcomers.len() + untold.len() < rules.group_nodes as usize {
            return;
        }
        let mut all: Vec<Begun> = std::mem::take(newcomers).into_values().flatten().collect();
        let alone = untold.iter().filter_map(|id| self.all.get(id)?.subjects.first());
        let failing: Vec<&Subject> = all.iter().map(|begun| &begun.subject).chain(alone).collect();
        let old = self.relapsed_group(cause, &failing, rules, now_ms);
        let into = old.or(untold.first().copied()).unwrap_or_else(|| {
            let first = all.remove(0);
            let has_kill = first.harm == Harm::OutOfMemory;
            self.open(&first, if has_kill { span_ms.min(BOX_WAIT_MS) } else { span_ms }, now_ms)
        });
        for id in untold.into_iter().filter(|id| *id != into) {
            let Some(kept) = self.all.remove(&id) else { continue };
            changes.removed.push(id);
            changes.dirty.remove(&id);
            changes.wants.retain(|want| !matches!(want, Want::Top(of, _) if *of == id));
            for member in kept.members {
                let begun = |harm| Begun {
                    subject: member.subject.clone(),
                    harm,
                    text: String::new(),
                    more_kills: 0,
                };
                all.extend(member.harms.into_iter().map(begun));
            }
        }
        let Some(kept) = self.all.get_mut(&into) else { return };
        if old.is_some() {
            reopen(kept, rules, now_ms);
        }
        for begun in all {
            join(kept, &begun, rules, now_ms);
        }
        changes.dirty.insert(into);
    }

    /// The group that was just over, and was of most of those who fail now.
    fn relapsed_group(
        &self,
        cause: Cause,
        failing: &[&Subject],
        rules: &Rules,
        now_ms: u64,
    ) -> Option<u64> {
        let is_it = |kept: &&Kept| {
            let again = failing.iter().filter(|subject| kept.concerns(subject)).count();
            kept.is_group() && again * 2 > failing.len() && relapses(kept, cause, rules, now_ms)
        };
        self.all.values().rev().find(is_it).map(|kept| kept.incident.id)
    }

    fn open_or_reopen(
        &mut self,
        begun: &[Begun],
        wait_ms: u64,
        rules: &Rules,
        now_ms: u64,
        changes: &mut Changes,
    ) {
        let Some(worst) = begun.iter().min_by_key(|begun| words::rank(begun.harm)) else { return };
        let is_it = |kept: &&Kept| {
            kept.subjects == [worst.subject.clone()] && relapses(kept, worst.cause(), rules, now_ms)
        };
        let old = self.all.values().rev().find(is_it).map(|kept| kept.incident.id);
        let id = match old {
            Some(id) => id,
            None if worst.harm == Harm::OutOfMemory => {
                self.open(worst, group_ms(rules).min(BOX_WAIT_MS), now_ms)
            }
            None => self.open(worst, wait_ms, now_ms),
        };
        let Some(kept) = self.all.get_mut(&id) else { return };
        if old.is_some() {
            reopen(kept, rules, now_ms);
        }
        for begun in begun {
            kept.add(begun);
        }
        want_top(kept, changes);
        changes.dirty.insert(id);
    }

    fn open(&mut self, begun: &Begun, wait_ms: u64, now_ms: u64) -> u64 {
        self.memory.last_id += 1;
        let id = self.memory.last_id;
        self.all.insert(id, Kept::open(id, begun, now_ms, now_ms.saturating_add(wait_ms)));
        id
    }

    /// A harm ended for one.
    pub(super) fn end(
        &mut self,
        subject: &Subject,
        harm: Harm,
        why: Option<String>,
        rules: &Rules,
        now_ms: u64,
        changes: &mut Changes,
    ) {
        let cause = harm.def().cause;
        let is_its = |kept: &&mut Kept| {
            let is_member = kept.members.iter().any(|member| member.subject == *subject);
            kept.is_open() && kept.incident.cause == cause && is_member
        };
        let Some(kept) = self.all.values_mut().find(is_its) else { return };
        let is_well = kept.end(subject, harm, now_ms);
        kept.why_over = why.filter(|_| kept.members.is_empty() && !kept.is_group());
        if is_well && kept.is_group() && kept.told_ms.is_some() {
            let at_ms = now_ms.saturating_add(settle_ms(rules));
            kept.later(at_ms, |later| later.is_back = true);
        }
        changes.dirty.insert(kept.incident.id);
    }

    /// Ends incidents that harm nobody any more.
    pub(super) fn close(&mut self, rules: &Rules, now_ms: u64, changes: &mut Changes) {
        for kept in self.all.values_mut().filter(|kept| kept.is_open()) {
            let Some(well_since_ms) = kept.well_since_ms else { continue };
            let hold_ms = match (kept.relapses, &kept.why_over) {
                (0, _) | (_, Some(_)) => 0,
                (relapses, None) => hold_ms(kept, relapses, rules),
            };
            if now_ms.saturating_sub(well_since_ms) < hold_ms {
                continue;
            }
            kept.later = None;
            let is_noted = kept.told_ms.is_some() || kept.due.iter().any(|due| due.is_noted);
            kept.untell_all();
            let due_ms = is_noted.then_some(now_ms);
            let text = words::over(kept, well_since_ms);
            kept.step(StepKind::Over, text, now_ms, due_ms);
            kept.incident.over_ms = Some(now_ms);
            kept.incident.silenced = false;
            changes.dirty.insert(kept.incident.id);
        }
    }
}

/// Whether this is of the cause, and was over so shortly before that it goes on.
fn relapses(kept: &Kept, cause: Cause, rules: &Rules, now_ms: u64) -> bool {
    let Some(over_ms) = kept.incident.over_ms else { return false };
    let window_ms = hold_ms(kept, kept.relapses + 1, rules);
    kept.incident.cause == cause && now_ms.saturating_sub(over_ms) < window_ms
}

fn reopen(kept: &mut Kept, rules: &Rules, now_ms: u64) {
    kept.incident.over_ms = None;
    kept.well_since_ms = None;
    kept.why_over = None;
    kept.relapses += 1;
    kept.joined_ms = now_ms;
    // The end, if it was not told yet, is none.
    kept.untell_all();
    let at_ms = now_ms.saturating_add(group_ms(rules));
    kept.later(at_ms, |later| later.again = true);
}

/// Adds one to a group. While nobody was told of it, that is how it began; later it is an update.
fn join(kept: &mut Kept, begun: &Begun, rules: &Rules, now_ms: u64) {
    let is_new = !kept.concerns(&begun.subject);
    kept.add(begun);
    if !is_new {
        return;
    }
    kept.joined_ms = now_ms;
    if let Some(opening) = kept.untold_opening() {
        let text = words::group(kept);
        kept.incident.steps[opening.step as usize].text = text;
        return;
    }
    let at_ms = (now_ms + settle_ms(rules)).max(kept.next_update_ms(update_ms(rules)));
    kept.later(at_ms, |later| later.joined += 1);
}

/// One whom an open incident is about is harmed in one more way, or again.
fn go_on(kept: &mut Kept, begun: &Begun, rules: &Rules, now_ms: u64, changes: &mut Changes) {
    changes.dirty.insert(kept.incident.id);
    if begun.more_kills > 0 {
        let next_ms = kept.next_update_ms(update_ms(rules));
        let at_ms = next_ms.max(now_ms + group_ms(rules).min(BOX_WAIT_MS));
        kept.later(at_ms, |later| later.kills += begun.more_kills);
        return;
    }
    let severity = kept.incident.severity;
    let is_new = kept.add(begun);
    let is_worse = is_new && (begun.harm == Harm::OutOfMemory || kept.incident.severity < severity);
    if let Some(opening) = kept.untold_opening() {
        if is_worse && !kept.is_group() {
            kept.incident.steps[opening.step as usize].text.clone_from(&begun.text);
        }
    } else if is_worse && kept.incident.acknowledged_ms.is_none() {
        let wait_ms = match begun.harm {
            Harm::OutOfMemory => group_ms(rules).min(BOX_WAIT_MS),
            _ => 0,
        };
        kept.step(StepKind::Worse, begun.text.clone(), now_ms, Some(now_ms + wait_ms));
    } else if is_new {
        kept.step(StepKind::Update, begun.text.clone(), now_ms, None);
    }
    if is_worse {
        want_top(kept, changes);
    }
}

fn want_top(kept: &Kept, changes: &mut Changes) {
    if let ([Subject::Node(node)], Cause::Memory, false) =
        (kept.subjects.as_slice(), kept.incident.cause, kept.has_box_top)
    {
        changes.wants.push(Want::Top(kept.incident.id, node.clone()));
    }
}
