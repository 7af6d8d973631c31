//! Readings on their way through the fleet to disk.

use shared::NodeId;
use shared::history::Event;
use shared::run::Span;
use shared::wire::AgentReading;

use super::{Fleet, LinkId};
use crate::head::keeping::{Keeping, Known, Pending};
use crate::head::node::Node;
use crate::head::unsaved::PackedBatch;

impl Fleet {
    /// A fleet whose readings are kept until they are on disk, as long as they take no more than
    /// `most` bytes; with `None` they never are.
    #[must_use]
    pub fn keeping(most: Option<usize>) -> Self {
        Self { keeping: Keeping::new(most), ..Self::default() }
    }

    /// Takes in readings that were taken just now; what of them is held.
    pub(super) fn live(
        &mut self,
        number: u32,
        readings: Vec<AgentReading>,
        now_ms: u64,
    ) -> Vec<Span> {
        let keep = self.keeping.keep();
        let Some(node) = self.nodes.get_mut(&number) else { return Vec::new() };
        let (bytes, was_troubled) = (node.record.unsaved_bytes(), node.trouble.is_some());
        let kills = node.story.kills(&readings, true);
        let taken = node.take_live(readings, keep, now_ms);
        self.keeping.reckon(bytes, node);
        if taken.is_new {
            self.news.troubled.remove(&number);
            self.news.read.insert(number);
            self.recall_of(number);
            self.tell_kills(number, kills, now_ms);
            if was_troubled {
                self.tell_trouble(number, now_ms);
            }
        }
        taken.held
    }

    /// Takes in readings of an outbox; what of them is held.
    pub(super) fn old(
        &mut self,
        number: u32,
        readings: Vec<AgentReading>,
        now_ms: u64,
    ) -> Vec<Span> {
        let keep = self.keeping.keep();
        let Some(node) = self.nodes.get_mut(&number) else { return Vec::new() };
        let bytes = node.record.unsaved_bytes();
        let kills = node.story.kills(&readings, false);
        let taken = node.take_old(readings, keep, now_ms);
        self.keeping.reckon(bytes, node);
        self.tell_kills(number, kills, now_ms);
        if taken.is_new {
            self.news.refilled.insert(number);
            self.news.read.insert(number);
            self.recall_of(number);
        }
        taken.held
    }

    /// All that is not on disk, to be written.
    pub(in crate::head) fn give(&mut self, now_ms: u64) -> Pending {
        let facts = |number, at_ms| Some(self.nodes.get(&number)?.facts_at(at_ms));
        let mut pending = self.keeping.give(now_ms, facts);
        for node in self.nodes.values_mut() {
            let bytes = node.record.unsaved_bytes();
            node.record.give(&node.id, &mut pending.batches);
            self.keeping.reckon(bytes, node);
        }
        pending
    }

    /// What was given is on disk. Gives what agents are to be told.
    pub(in crate::head) fn saved(&mut self) -> Vec<(LinkId, Vec<Span>)> {
        self.keeping.saved();
        let mut news = Vec::new();
        for node in self.nodes.values_mut() {
            let bytes = node.record.unsaved_bytes();
            if node.record.saved()
                && let Some(link) = node.link
            {
                news.push((link, node.record.durable()));
            }
            self.keeping.reckon(bytes, node);
        }
        news
    }

    /// Takes in what is on disk. Gives what agents are to be told.
    pub(in crate::head) fn know(&mut self, known: Known, now_ms: u64) -> Vec<(LinkId, Vec<Span>)> {
        let Known { mut pasts, found } = known;
        let mut news = Vec::new();
        for node in self.nodes.values_mut().filter(|node| node.record.has_begun()) {
            let Some(past) = pasts.get(&node.id) else { continue };
            let bytes = node.record.unsaved_bytes();
            node.record.remember(past);
            node.relearn();
            node.summarise();
            self.keeping.reckon(bytes, node);
            self.news.refilled.insert(node.number);
            self.news.read.insert(node.number);
            if let Some(link) = node.link {
                news.push((link, node.record.durable()));
            }
        }
        for (id, finding, text) in found {
            self.keeping.found.entry(id).or_default().push((finding, text));
        }
        self.keeping.is_told = true;
        std::mem::swap(&mut self.keeping.pasts, &mut pasts);
        self.greet_all(now_ms);
        news
    }

    /// What is on disk of the present boot of the node that reports through `link`; `None` if nothing
    /// is ever written.
    pub(in crate::head) fn durable(&self, link: LinkId) -> Option<Vec<Span>> {
        self.keeping.most?;
        Some(self.node(self.number(link)?)?.record.durable())
    }

    /// What happened that is not on disk.
    pub(in crate::head) fn events(&self) -> Vec<Event> {
        self.keeping.log.look()
    }

    /// What happened that followers of the feed have not been told.
    pub(in crate::head) fn fresh_events(&mut self) -> Vec<Event> {
        self.keeping.log.fresh()
    }

    /// Whether it is time to write, or there will be no room.
    pub(in crate::head) fn is_pressed(&self) -> bool {
        self.keeping.is_pressed()
    }

    /// The readings of the node with this id that are not on disk yet.
    pub(in crate::head) fn unsaved(&self, id: &NodeId) -> Vec<PackedBatch> {
        let node = self.number_of(id).and_then(|number| self.node(number));
        node.map(|node| node.record.look(id)).unwrap_or_default()
    }
}

impl Keeping {
    /// A node's readings took `before` bytes; now they take others.
    fn reckon(&mut self, before: usize, node: &Node) {
        self.bytes = (self.bytes + node.record.unsaved_bytes()).saturating_sub(before);
    }
}

#[cfg(test)]
mod tests;
