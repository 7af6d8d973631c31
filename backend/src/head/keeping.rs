//! What the head keeps until it is on disk, besides readings, and what it is told of what is.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::mem::size_of;

use shared::NodeId;
use shared::history::{Batch, Durable, Event, FactsAt, UsageAt};
use shared::usage::{GroupUsage, ProcessUsage, Usage};

use super::log::Log;
use super::past::Past;
use super::record::Keep;
use super::unsaved::PackedBatch;

/// Between two sweeps over a node that are recorded, in ms.
pub(super) const USAGE_EVERY_MS: u64 = 60_000;
/// Processes, and control groups, of a sweep that are recorded.
const MOST_ROWS: usize = 12;
/// Bytes of recorded sweeps that wait for disk at most; then the oldest go.
const MOST_USAGES: usize = 8 << 20;

/// All that is not on disk.
#[derive(Debug, Default)]
pub struct Pending {
    /// When it was asked for, by the head's clock: ms since 1970.
    pub now_ms: u64,
    /// Readings, packed.
    pub batches: Vec<PackedBatch>,
    /// What happened.
    pub events: Vec<Event>,
    /// What nodes are that may have become something else.
    pub facts: Vec<FactsAt>,
    /// Sweeps that were recorded.
    pub usages: Vec<UsageAt>,
}

impl Pending {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
            && self.events.is_empty()
            && self.facts.is_empty()
            && self.usages.is_empty()
    }
}

/// What is on disk, as far as the head has to know.
#[derive(Debug, Default)]
pub struct Known {
    pub(super) pasts: HashMap<NodeId, Past>,
    /// What the doctor had found and had not taken back: node, id of the finding, what was said of it.
    pub found: Vec<(NodeId, String, String)>,
}

impl Known {
    /// Adds what is on disk of a boot.
    pub fn add(&mut self, durable: Durable) {
        self.pasts.entry(durable.node.clone()).or_default().add(durable);
    }

    /// Adds readings of the last minutes of a boot.
    pub fn add_recent(&mut self, batch: Batch) {
        self.pasts.entry(batch.node.clone()).or_default().add_recent(batch);
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Keeping {
    /// Bytes of readings at most that wait for disk; `None` if nothing is ever written.
    pub(super) most: Option<usize>,
    /// Bytes of readings that wait for disk.
    pub(super) bytes: usize,
    pub(super) log: Log,
    /// Whether it has been told what is on disk, or nothing is.
    pub(super) is_told: bool,
    /// What is on disk of nodes that have not been heard yet.
    pub(super) pasts: HashMap<NodeId, Past>,
    /// What had been found on such nodes.
    pub(super) found: HashMap<NodeId, Vec<(String, String)>>,
    /// Nodes of which it cannot be said yet whether they are new, and since when.
    pub(super) greeted: BTreeMap<u32, u64>,
    /// Those of them that a token tells to be known.
    pub(super) known_by_token: BTreeSet<u32>,
    /// Nodes that may have become something else, and when.
    facts: BTreeMap<u32, u64>,
    facts_given: Vec<(u32, u64)>,
    usages: VecDeque<UsageAt>,
    usages_given: usize,
    usages_bytes: usize,
}

impl Keeping {
    /// Readings are kept until they are on disk, as long as they take no more than `most` bytes.
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, is_told: most.is_none(), ..Self::default() }
    }

    /// What becomes of readings that come now.
    pub(super) fn keep(&self) -> Keep {
        match self.most {
            None => Keep::Not,
            Some(most) if self.bytes < most => Keep::All,
            Some(_) => Keep::NoRoom,
        }
    }

    /// Whether it is time to write, or there will be no room.
    pub(super) fn is_pressed(&self) -> bool {
        self.most.is_some_and(|most| self.bytes >= most / 4 * 3)
    }

    /// A node may have become something else.
    pub(super) fn note_facts(&mut self, node: u32, now_ms: u64) {
        if self.most.is_some() {
            self.facts.insert(node, now_ms);
        }
    }

    /// Records a sweep.
    pub(super) fn note_usage(&mut self, node: &NodeId, usage: &Usage, at_ms: u64) {
        if self.most.is_none() {
            return;
        }
        let mut usage = Usage {
            processes: usage.processes.iter().take(MOST_ROWS).cloned().collect(),
            groups: usage.groups.iter().take(MOST_ROWS).cloned().collect(),
            ..usage.clone()
        };
        usage.processes.shrink_to_fit();
        let usage = UsageAt { at_ms, node: node.clone(), usage };
        self.usages_bytes += bytes_of(&usage);
        self.usages.push_back(usage);
        while self.usages_bytes > MOST_USAGES {
            self.drop_usages(1);
        }
    }

    fn drop_usages(&mut self, count: usize) {
        for usage in self.usages.drain(..count.min(self.usages.len())) {
            self.usages_bytes = self.usages_bytes.saturating_sub(bytes_of(&usage));
        }
        self.usages_given = self.usages_given.saturating_sub(count);
    }

    /// All that is not on disk, but for readings; `facts` tells what a node is, since when.
    pub(super) fn give(
        &mut self,
        now_ms: u64,
        facts: impl Fn(u32, u64) -> Option<FactsAt>,
    ) -> Pending {
        self.usages_given = self.usages.len();
        self.facts_given = self.facts.iter().map(|(&node, &at_ms)| (node, at_ms)).collect();
        Pending {
            now_ms,
            batches: Vec::new(),
            events: self.log.give(),
            facts: self.facts_given.iter().filter_map(|&(node, at)| facts(node, at)).collect(),
            usages: self.usages.iter().cloned().collect(),
        }
    }

    /// What was given is on disk.
    pub(super) fn saved(&mut self) {
        self.log.saved();
        self.drop_usages(self.usages_given);
        for (node, at_ms) in self.facts_given.drain(..) {
            if self.facts.get(&node) == Some(&at_ms) {
                self.facts.remove(&node);
            }
        }
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        let set = |at_ms: &mut u64| *at_ms = at_ms.saturating_add_signed(by_ms);
        self.log.shift(by_ms);
        self.usages.iter_mut().for_each(|usage| set(&mut usage.at_ms));
        self.facts.values_mut().chain(self.greeted.values_mut()).for_each(set);
    }
}

fn bytes_of(usage: &UsageAt) -> usize {
    let Usage { processes, groups, .. } = &usage.usage;
    let process = |process: &ProcessUsage| size_of::<ProcessUsage>() + process.name.len();
    let group = |group: &GroupUsage| {
        size_of::<GroupUsage>() + group.path.len() + group.name.len() + group.kind.len()
    };
    size_of::<UsageAt>()
        + processes.iter().map(process).sum::<usize>()
        + groups.iter().map(group).sum::<usize>()
}
