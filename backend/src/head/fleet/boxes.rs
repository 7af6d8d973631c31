//! Black boxes, until somebody takes them; and what nodes show of themselves.

use std::collections::VecDeque;

use shared::NodeId;
use shared::black_box::{BlackBox, BoxAt, Why};
use shared::run::Run;
use shared::wire::Reading;

use super::Fleet;
use crate::head::bounds;
use crate::head::sign::Sign;

/// Black boxes that wait at most; then the oldest go.
const MOST: usize = 64;

/// Boxes that are remembered, so that one that an agent sends again is not taken twice.
const MOST_KNOWN: usize = 256;

/// See the module.
#[derive(Default)]
pub(super) struct Boxes {
    new: VecDeque<BoxAt>,
    /// Of which node, why, and when.
    known: VecDeque<(NodeId, Why, u64)>,
}

impl Boxes {
    /// Whether it is new, from now on no more.
    fn is_new(&mut self, node: &NodeId, what: &BlackBox) -> bool {
        let is_it = |(of, why, uptime_us): &(NodeId, Why, u64)| {
            of == node && *why == what.why && *uptime_us == what.uptime_us
        };
        if self.known.iter().any(is_it) {
            return false;
        }
        if self.known.len() == MOST_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back((node.clone(), what.why, what.uptime_us));
        true
    }
}

impl Fleet {
    /// Takes in a black box of a node.
    pub(super) fn take_box(&mut self, number: u32, mut what: BlackBox, now_ms: u64) {
        let Some(node) = self.nodes.get(&number) else { return };
        if !self.boxes.is_new(&node.id, &what) {
            return;
        }
        bounds::black_box(&mut what);
        let offset_ms =
            node.record.at_ms(0).unwrap_or(now_ms.saturating_sub(what.uptime_us / 1000));
        let at_ms = |uptime_us: u64| offset_ms.saturating_add(uptime_us / 1000);
        // What cannot be unpacked is left out: the rest of the box is still of use.
        let readings = std::mem::take(&mut what.readings).readings().unwrap_or_default();
        let readings = readings.into_iter().map(|reading| Reading {
            at_ms: at_ms(reading.uptime_us),
            uptime_us: reading.uptime_us,
            sample: reading.sample,
        });
        let black_box = BoxAt {
            node: node.id.clone(),
            at_ms: at_ms(what.uptime_us),
            offset_ms,
            readings: readings.collect(),
            what: BlackBox { readings: Run::default(), ..what },
        };
        if self.boxes.new.len() == MOST {
            self.boxes.new.pop_front();
        }
        self.boxes.new.push_back(black_box);
    }

    /// The black boxes that came since this was asked last.
    pub(in crate::head) fn take_boxes(&mut self) -> Vec<BoxAt> {
        self.boxes.new.drain(..).collect()
    }

    /// What every node shows of itself.
    pub(in crate::head) fn signs(&self, over_ms: u64, now_ms: u64) -> Vec<Sign> {
        self.nodes.values().map(|node| node.sign(over_ms, now_ms)).collect()
    }
}
