//! What happened, until it is on disk.

use std::collections::{HashMap, VecDeque};

use shared::NodeId;
use shared::history::{Event, EventKind};

/// Events that wait for disk at most; then the oldest go.
const MOST: usize = 4096;
/// Events of one node in an hour at most: what comes and goes all the time is told in a few of them.
const MOST_OF_NODE: u32 = 60;
/// Events that followers of the feed are told at once at most.
const MOST_FRESH: usize = 256;
const HOUR_MS: u64 = 3_600_000;
/// Bytes of a sentence at most.
const MOST_TEXT: usize = 500;

/// See the module.
#[derive(Default)]
pub(super) struct Log {
    events: VecDeque<Event>,
    /// So many of the oldest are on their way to disk.
    given: usize,
    /// What followers of the feed have not been told.
    fresh: Vec<Event>,
    hour: u64,
    counts: HashMap<Option<NodeId>, u32>,
}

impl Log {
    /// Notes what happened to `node`, or to the head. `now_ms` is the present, whenever it was.
    pub(super) fn note(&mut self, mut event: Event, now_ms: u64) {
        let hour = now_ms / HOUR_MS;
        if self.hour != hour {
            self.hour = hour;
            self.counts.clear();
        }
        let count = self.counts.entry(event.node.clone()).or_default();
        *count += 1;
        if *count > MOST_OF_NODE {
            return;
        }
        event.text.truncate(event.text.floor_char_boundary(MOST_TEXT));
        if *count == MOST_OF_NODE {
            event.text += " More happens here than is told before the hour is over.";
        }
        if self.events.len() == MOST {
            self.events.pop_front();
            self.given = self.given.saturating_sub(1);
        }
        self.events.push_back(event.clone());
        if self.fresh.len() < MOST_FRESH {
            self.fresh.push(event);
        }
    }

    /// What followers of the feed have not been told; it counts as told from now on.
    pub(super) fn fresh(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.fresh)
    }

    /// All that is not on disk, to be looked at.
    pub(super) fn look(&self) -> Vec<Event> {
        self.events.iter().cloned().collect()
    }

    /// All that is not on disk, to be written.
    pub(super) fn give(&mut self) -> Vec<Event> {
        self.given = self.events.len();
        self.look()
    }

    /// What was given is on disk.
    pub(super) fn saved(&mut self) {
        self.events.drain(..self.given);
        self.given = 0;
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        for event in self.events.iter_mut().chain(&mut self.fresh) {
            event.at_ms = event.at_ms.saturating_add_signed(by_ms);
        }
    }
}

/// An event of the node with this id.
pub(super) fn of_node(at_ms: u64, id: &NodeId, kind: EventKind, text: String) -> Event {
    Event { at_ms, node: Some(id.clone()), kind, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, at_ms: u64) -> Event {
        of_node(at_ms, &NodeId::from_host_name(name), EventKind::Gone, "ü".repeat(400))
    }

    #[test]
    fn one_that_flaps_floods_nothing() {
        let mut log = Log::default();
        for n in 0..1000 {
            log.note(event("a", n), n);
        }
        log.note(event("b", 1000), 1000);
        let events = log.look();
        assert_eq!(events.len(), MOST_OF_NODE as usize + 1);
        assert!(events[MOST_OF_NODE as usize - 1].text.ends_with("the hour is over."));
        assert!(events.iter().all(|event| event.text.len() < 600));
        log.note(event("a", 0), HOUR_MS);
        assert_eq!(log.look().len(), events.len() + 1);
        assert_eq!(log.fresh().len(), events.len() + 1);
        assert!(log.fresh().is_empty());
    }

    #[test]
    fn what_is_written_goes_and_the_newest_are_kept() {
        let mut log = Log::default();
        for n in 0..5000 {
            log.note(event(&format!("n{n}"), n), n);
            if n == 1000 {
                assert_eq!(log.give().len(), 1001);
            }
        }
        log.saved();
        let events = log.look();
        assert_eq!((events[0].at_ms, events.len()), (1001, 3999), "the oldest 904 had gone before");
    }
}
