//! What is watched of one node, one channel, or the head.

use std::collections::{BTreeMap, BTreeSet};

use shared::alert::{Harm, Rule};
use shared::node::Condition;
use shared::survey::{Finding, Severity};

use super::{Changes, Memory, spans};
use crate::alerts::watch::{Seen, Turn, Watch};
use crate::alerts::{judge, words};
use crate::head::Sign;

/// Findings of a node that are watched at most.
const MOST_FOUND: usize = 64;
/// An agent that lost its head comes back to it within this time, in ms: it tries once a minute.
const RETURN_MS: u64 = 75_000;
/// The count of kills and a black box that come within this time, in ms, tell of the same.
const SAME_MS: u64 = 60_000;

/// Remembers whether a node's agent took its leave: a head that starts anew does not know it. Says whether
/// that is news.
pub(super) fn note_leave(sign: &Sign, memory: &mut Memory) -> bool {
    if sign.stopped {
        !memory.parted.contains(&sign.id) && memory.parted.insert(sign.id.clone())
    } else {
        sign.condition == Condition::Live && memory.parted.remove(&sign.id)
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Eye {
    watches: [Watch; Harm::ALL.len()],
    /// Programs that the head had counted as killed at the last look.
    pub(super) kills: u64,
    /// Kills that a black box told of already, and when.
    told_by_box: (u64, u64),
    /// Since when it is looked at by the doctor.
    surveyed_ms: Option<u64>,
    /// Since when a finding that is no news is not found any more.
    lost: BTreeMap<String, u64>,
    /// Since when the head looks at it, and whether it was heard since then.
    looked_ms: Option<u64>,
    was_heard: bool,
    /// Since when it is not there.
    pub(super) absent_since_ms: Option<u64>,
}

impl Eye {
    /// It is there, and looked at.
    pub(super) fn begin(&mut self, now_ms: u64) {
        self.absent_since_ms = None;
        self.looked_ms.get_or_insert(now_ms);
    }

    pub(super) fn watch(&mut self, harm: Harm) -> &mut Watch {
        &mut self.watches[harm as usize]
    }

    /// The harm held before the head started.
    pub(super) fn restore(&mut self, harm: Harm) {
        *self.watch(harm) = Watch::restored();
    }

    /// Programs that were killed since the last look, and were not told of before. `counted` is the boot,
    /// and how many its kernel counted in it: after a crash of the head, an agent tells again what was told
    /// already.
    pub(super) fn count_kills(
        &mut self,
        sign: &Sign,
        counted: Option<&(String, u64)>,
        memory: &mut Memory,
        now_ms: u64,
    ) -> u64 {
        let rise = sign.oom_kills.saturating_sub(self.kills);
        self.kills = sign.oom_kills;
        let Some((boot, count)) = counted.filter(|_| rise > 0) else {
            return self.not_of_box(rise, now_ms);
        };
        let new = match memory.killed.get(&sign.id) {
            Some((of_boot, told)) if of_boot == boot => rise.min(count.saturating_sub(*told)),
            _ => rise,
        };
        if new > 0 {
            memory.killed.insert(sign.id.clone(), (boot.clone(), *count));
        }
        self.not_of_box(new, now_ms)
    }

    fn not_of_box(&mut self, kills: u64, now_ms: u64) -> u64 {
        let (told, at_ms) = self.told_by_box;
        if kills == 0 || told == 0 || now_ms.saturating_sub(at_ms) > SAME_MS {
            return kills;
        }
        self.told_by_box.0 = told.saturating_sub(kills);
        kills.saturating_sub(told)
    }

    /// A black box tells of so many kills. Says whether nothing else did yet.
    pub(super) fn box_tells(&mut self, kills: u64, spans: (u64, u64), now_ms: u64) -> bool {
        let watch = self.watch(Harm::OutOfMemory);
        let begins = watch.look(Seen::Beyond, spans, now_ms) == Some(Turn::Begun);
        if begins {
            self.told_by_box = (kills, now_ms);
        }
        begins
    }

    /// Looks at one harm of a node, on which so many programs were killed since the last look. Gives what
    /// is told, where that is no matter of levels.
    pub(super) fn look(
        &mut self,
        sign: &Sign,
        rule: &Rule,
        kills: u64,
        memory: &mut Memory,
        now_ms: u64,
        changes: &mut Changes,
    ) -> (Option<Turn>, Option<String>) {
        let mut text = None;
        let seen = match rule.harm {
            Harm::OutOfMemory if kills > 0 => {
                text = (kills > 1).then(|| {
                    format!("The kernel killed {kills} programs on {} for want of memory.", sign.id)
                });
                Seen::Beyond
            }
            Harm::OutOfMemory => match sign.condition {
                Condition::Live => Seen::Back,
                Condition::Late => Seen::Unknown,
                _ => Seen::Stale,
            },
            Harm::Finding => {
                let found = self.found(sign, rule, memory, now_ms, changes);
                if found.is_empty() {
                    if sign.condition == Condition::Live { Seen::Back } else { Seen::Stale }
                } else {
                    text = Some(words::found(sign.id.as_str(), &found));
                    Seen::Beyond
                }
            }
            Harm::Unheard => {
                let seen = judge::seen(sign, rule, memory.parted.contains(&sign.id), now_ms);
                if seen == Seen::Beyond && self.may_return(rule, now_ms) {
                    Seen::Between
                } else {
                    seen
                }
            }
            _ => judge::seen(sign, rule, false, now_ms),
        };
        self.was_heard |= sign.condition == Condition::Live;
        let turn = self.watch(rule.harm).look(seen, spans(rule), now_ms);
        (turn, text)
    }

    /// Whether it was not heard since the head started, and is still to be waited for.
    fn may_return(&self, rule: &Rule, now_ms: u64) -> bool {
        let since_ms = self.looked_ms.unwrap_or(now_ms);
        let most_ms = (rule.begin * 1000.0) as u64 + RETURN_MS;
        !self.was_heard && now_ms.saturating_sub(since_ms) < most_ms
    }

    /// What the doctor finds wrong that it had not found before. What it finds on a node that is new here
    /// is no news: it is taken down until the node has been looked at for a while.
    fn found<'a>(
        &mut self,
        sign: &'a Sign,
        rule: &Rule,
        memory: &mut Memory,
        now_ms: u64,
        changes: &mut Changes,
    ) -> Vec<&'a Finding> {
        if sign.condition != Condition::Live {
            return Vec::new();
        }
        let wrong = sign.findings.iter().filter(|finding| finding.severity == Severity::Trouble);
        let wrong: Vec<&Finding> = wrong.take(MOST_FOUND).collect();
        let (_, settle_ms) = spans(rule);
        let Some(known) = memory.found.get_mut(&sign.id) else {
            let since_ms = *self.surveyed_ms.get_or_insert(now_ms);
            if now_ms.saturating_sub(since_ms) >= settle_ms {
                let ids: BTreeSet<String> = wrong.iter().map(|it| it.id.clone()).collect();
                memory.found.insert(sign.id.clone(), ids);
                changes.is_memory_dirty = true;
            }
            return Vec::new();
        };
        self.lost.retain(|id, _| known.contains(id) && !wrong.iter().any(|it| it.id == *id));
        for id in known.iter().filter(|id| !wrong.iter().any(|it| it.id == **id)) {
            self.lost.entry(id.clone()).or_insert(now_ms);
        }
        let is_lost = |since_ms: &u64| now_ms.saturating_sub(*since_ms) >= settle_ms;
        for (id, _) in self.lost.extract_if(.., |_, since_ms| is_lost(since_ms)) {
            known.remove(&id);
            changes.is_memory_dirty = true;
        }
        wrong.into_iter().filter(|finding| !known.contains(&finding.id)).collect()
    }

    /// Looks at what is in trouble or not.
    pub(super) fn look_at_trouble(&mut self, rule: &Rule, seen: Seen, now_ms: u64) -> Option<Turn> {
        if !rule.enabled {
            return self.watch(rule.harm).drop_it().then_some(Turn::Ended);
        }
        self.watch(rule.harm).look(seen, spans(rule), now_ms)
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        let set = |at_ms: &mut u64| *at_ms = at_ms.saturating_add_signed(by_ms);
        self.watches.iter_mut().for_each(|watch| watch.shift(by_ms));
        set(&mut self.told_by_box.1);
        self.lost.values_mut().for_each(set);
        let times = self.surveyed_ms.iter_mut().chain(&mut self.absent_since_ms);
        times.chain(&mut self.looked_ms).for_each(set);
    }
}
