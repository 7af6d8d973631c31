//! What is foreseen of nodes, and what history tells of them besides.

use std::collections::HashMap;

use shared::NodeId;

use super::{Fleet, LinkId};
use crate::head::bygone::Bygone;

/// Each node is judged once in so many rounds; a round is a tenth of a second.
const ROUNDS: u32 = 200;
/// What history tells of a node that is not heard is forgotten after so long, in ms.
const FORGET_MS: u64 = 3_600_000;

/// See the module.
#[derive(Default)]
pub(super) struct Foreseeing {
    /// Counts the rounds in which nodes are judged.
    round: u32,
    /// What history tells of nodes that have not been heard, and when it was told.
    bygones: HashMap<NodeId, Bygone>,
    told_ms: Option<u64>,
}

impl Fleet {
    /// Judges a part of the nodes. Gives the agents that should look who has the memory.
    pub(in crate::head) fn foresee_some(&mut self, now_ms: u64) -> Vec<LinkId> {
        self.foreseeing.round = self.foreseeing.round.wrapping_add(1);
        let mut looks = Vec::new();
        for number in (self.foreseeing.round % ROUNDS..self.numbers).step_by(ROUNDS as usize) {
            let Some(node) = self.nodes.get_mut(&number) else { continue };
            let judged = node.judge(now_ms);
            if judged.is_news {
                self.news.foreseen.insert(number);
            }
            looks.extend(node.link.filter(|_| judged.looks));
        }
        if self.foreseeing.told_ms.is_some_and(|told_ms| now_ms > told_ms + FORGET_MS) {
            self.foreseeing.bygones.clear();
        }
        looks
    }

    /// Takes in what history tells of how nodes went.
    pub(in crate::head) fn recall(&mut self, bygones: Vec<Bygone>, now_ms: u64) {
        self.foreseeing.told_ms = Some(now_ms);
        for bygone in bygones {
            self.foreseeing.bygones.insert(bygone.node.clone(), bygone);
        }
        let heard: Vec<u32> =
            self.foreseeing.bygones.keys().filter_map(|id| self.by_id.get(id).copied()).collect();
        for number in heard {
            self.recall_of(number);
        }
    }

    /// Gives a node what history tells of it, once that can be placed in its time.
    pub(super) fn recall_of(&mut self, number: u32) {
        if self.foreseeing.bygones.is_empty() {
            return;
        }
        let Some(node) = self.nodes.get_mut(&number) else { return };
        if node.can_recall()
            && let Some(bygone) = self.foreseeing.bygones.remove(&node.id)
        {
            node.recall(&bygone);
        }
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift_bygones(&mut self, by_ms: i64) {
        self.foreseeing.bygones.values_mut().for_each(|bygone| bygone.shift(by_ms));
        self.foreseeing.told_ms =
            self.foreseeing.told_ms.map(|at_ms| at_ms.saturating_add_signed(by_ms));
    }
}
