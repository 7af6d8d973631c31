//! What waits for one channel, and what the channel remembers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::alert::{Step, StepKind};

use super::{Entry, Id};

/// Messages that wait for one channel at most.
pub(super) const MOST_WAITING: usize = 200;
/// Threads that are remembered at most.
const MOST_THREADS: usize = 256;
/// When a message has waited for so long, all that wait of its incident are told in one.
const STALE_MS: u64 = 120_000;
/// What was missed is told in so many sentences at most.
const MOST_MISSED: usize = 20;

/// The thread of an incident on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::notify) struct Thread {
    /// Which step was told first.
    pub(in crate::notify) first: u32,
    /// What an answer to that names, on channels that give messages numbers.
    pub(in crate::notify) reply_to: Option<i64>,
}

/// See the module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lane {
    pub(super) waiting: Vec<Id>,
    threads: BTreeMap<u64, Thread>,
    pub(super) sent_ms: Option<u64>,
    /// How many were dropped as too many waited, since one was last told.
    pub(super) lost: u32,
}

/// What is to be told next.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::notify) struct Telling {
    /// The message that is told…
    pub(in crate::notify) entry: Entry,
    /// …for all of these.
    pub(in crate::notify) ids: Vec<Id>,
    /// What the others would have told.
    pub(in crate::notify) missed: Vec<Step>,
    /// The thread it belongs to; `None` if it begins one.
    pub(in crate::notify) thread: Option<Thread>,
}

impl Lane {
    pub(super) fn next(&self, messages: &[Entry], now_ms: u64) -> Option<Telling> {
        let find = |id: Id| messages.iter().find(|entry| entry.id() == id);
        let first = find(*self.waiting.first()?)?;
        let incident = first.incident.id;
        let is_stale = now_ms.abs_diff(first.at_ms) >= STALE_MS;
        let ids: Vec<Id> = self
            .waiting
            .iter()
            .copied()
            .filter(|id| if is_stale { id.0 == incident } else { *id == first.id() })
            .collect();
        let (last, others) = ids.split_last()?;
        let mut missed: Vec<Step> =
            others.iter().filter_map(|id| Some(find(*id)?.step.clone())).collect();
        missed.drain(..missed.len().saturating_sub(MOST_MISSED));
        let thread = self.threads.get(&incident).copied();
        Some(Telling { entry: find(*last)?.clone(), missed, thread, ids })
    }

    pub(super) fn told(&mut self, telling: &Telling, reply_to: Option<i64>, now_ms: u64) {
        self.waiting.retain(|id| !telling.ids.contains(id));
        self.sent_ms = Some(now_ms);
        self.lost = 0;
        let (incident, number) = telling.entry.id();
        if telling.entry.step.kind == StepKind::Over {
            self.threads.remove(&incident);
            return;
        }
        self.threads.entry(incident).or_insert(Thread { first: number, reply_to });
        while self.threads.len() > MOST_THREADS {
            self.threads.pop_first();
        }
    }

    pub(super) fn put_off(&mut self, incident: u64) {
        let (of_it, others): (Vec<Id>, Vec<Id>) =
            self.waiting.iter().partition(|id| id.0 == incident);
        self.waiting = others;
        self.waiting.extend(of_it);
    }

    /// Drops the oldest that is followed by another of its incident, or the oldest of all.
    pub(super) fn thin(&mut self) {
        let is_followed = |place: &usize| {
            self.waiting[place + 1..].iter().any(|id| id.0 == self.waiting[*place].0)
        };
        let place = (0..self.waiting.len()).find(is_followed).unwrap_or(0);
        self.waiting.remove(place);
        self.lost += 1;
    }

    pub(super) fn lose(&mut self, id: Id) {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| *waiting != id);
        self.lost += (before - self.waiting.len()) as u32;
    }
}
