//! How a node's available memory went before this head began, as history tells it.

use shared::NodeId;

use super::node::Node;

/// What history tells of one node. Times are s since 1970, amounts KiB: of a whole day it is three
/// kilobytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bygone {
    /// The node.
    pub node: NodeId,
    /// The least of each minute of the last hours, by when it began.
    pub minutes: Vec<(u32, u32)>,
    /// The least of each ten minutes of the last day.
    pub tens: Vec<(u32, u32)>,
}

impl Bygone {
    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        let seconds = i32::try_from(by_ms / 1000).unwrap_or_default();
        for (at_s, _) in self.minutes.iter_mut().chain(&mut self.tens) {
            *at_s = at_s.saturating_add_signed(seconds);
        }
    }
}

impl Node {
    /// Whether it is known how this boot lies in time.
    pub(super) fn can_recall(&self) -> bool {
        self.course.is_some() && self.record.at_ms(0).is_some()
    }

    /// Takes in what history tells of this boot: what is older is of another.
    pub(super) fn recall(&mut self, bygone: &Bygone) {
        let (Some(course), Some(booted_ms)) = (&mut self.course, self.record.at_ms(0)) else {
            return;
        };
        for (steps, step_ms) in [(&bygone.minutes, 60_000), (&bygone.tens, 600_000)] {
            for &(at_s, kib) in steps {
                if let Some(from_ms) = (u64::from(at_s) * 1000).checked_sub(booted_ms) {
                    course.recall(from_ms, step_ms, u64::from(kib) * 1024);
                }
            }
        }
    }

    /// Takes in the readings of this boot that history told of.
    pub(super) fn relearn(&mut self) {
        let mut before_us = None;
        for reading in self.record.present() {
            let gap_ms =
                before_us.map(|before: u64| reading.uptime_us.saturating_sub(before) / 1000);
            before_us = Some(reading.uptime_us);
            let course = self.course.get_or_insert_default();
            course.note_old(reading.uptime_us, &reading.sample, gap_ms, self.period_ms.into());
        }
    }
}
