//! The days themselves: what made-up machines were like, second by second.

use shared::wire::Reading;
use shared::{NodeFacts, NodeId, Sample};

use super::Days;
use crate::chance::Chance;
use crate::machine::Machine;

/// How long the machines had been up, in ms.
const UP_MS: u64 = 3 * 24 * 60 * 60 * 1000;
/// Timers are late by at most so much, in µs.
const LATE_US: u64 = 700;

/// See the module.
pub(super) struct Past {
    nodes: Vec<Node>,
    days: Days,
    next_ms: u64,
}

/// One of the machines.
pub(super) struct Node {
    pub(super) id: NodeId,
    machine: Machine,
    chance: Chance,
    booted_ms: u64,
    from_ms: u64,
}

impl Past {
    pub(super) fn of(days: &Days) -> Self {
        let start_ms = |hours: u64| days.until_ms.saturating_sub(hours * 3_600_000);
        let node = |number: u32| {
            let from_ms =
                start_ms(if number == 0 { days.hours.max(days.first) } else { days.hours });
            let seed = days.seed.wrapping_mul(1000) + u64::from(number);
            let mut chance = Chance::new(!seed);
            let booted_ms = from_ms - UP_MS + chance.below(1000);
            let id = NodeId::from_host_name(&format!("pi-{:02}", number + 1));
            Node { id, machine: Machine::new(seed), chance, booted_ms, from_ms }
        };
        let nodes: Vec<Node> = (0..days.nodes).map(node).collect();
        let next_ms = nodes.iter().map(|node| node.from_ms).min().unwrap_or(days.until_ms);
        Self { nodes, days: days.clone(), next_ms }
    }

    /// What nodes are, and since when.
    pub(super) fn facts(&self) -> impl Iterator<Item = (NodeId, NodeFacts, u64)> {
        let facts = |node: &Node| node.machine.facts(node.id.as_str());
        self.nodes.iter().map(move |node| (node.id.clone(), facts(node), node.from_ms))
    }

    /// The next second: calls `each` with the number of a node and its reading. Gives when it was, in ms
    /// since 1970; `None` is the end.
    pub(super) fn second(&mut self, mut each: impl FnMut(usize, Reading)) -> Option<u64> {
        let now_ms = self.next_ms;
        if now_ms >= self.days.until_ms {
            return None;
        }
        self.next_ms += 1000;
        for (number, node) in self.nodes.iter_mut().enumerate() {
            if now_ms < node.from_ms {
                continue;
            }
            let mut sample = Sample::EMPTY;
            let full = node.machine.step(1000);
            for &field in self.days.fields.all() {
                sample.set(field, full.get(field));
            }
            let uptime_us = (now_ms - node.booted_ms) * 1000 + node.chance.below(LATE_US);
            // As a head places them: by the node's own clock.
            each(number, Reading { at_ms: node.booted_ms + uptime_us / 1000, uptime_us, sample });
        }
        Some(now_ms)
    }

    /// The nodes, in the order of their numbers.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}
