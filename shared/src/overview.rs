//! The whole cluster in brief: what a page needs of a node that is not open.

use serde::{Deserialize, Serialize};

use crate::memory::{Available, swap_used};
use crate::wire::Reading;
use crate::{Field, NodeId, rates};

/// How a node is labelled by whoever runs its agent, such as `rack` = `a`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// What it is about.
    pub key: String,
    /// What holds for this node.
    pub value: String,
}

impl Label {
    /// Labels of a node at most.
    pub const MOST: usize = 8;
    /// Bytes of a key at most.
    pub const MOST_KEY: usize = 32;
    /// Bytes of a value at most.
    pub const MOST_VALUE: usize = 64;

    /// Whether its key is lower-case letters, digits, `-`, `_` and `.`, and both are within bounds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        (1..=Self::MOST_KEY).contains(&self.key.len())
            && self.key.chars().all(allowed)
            && self.value.len() <= Self::MOST_VALUE
    }
}

/// How a node stands with the head. Times are of the head's clock, in ms since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its agent is connected.
    Connected {
        /// Since when.
        since_ms: u64,
    },
    /// Its agent was connected, and is no more.
    Gone {
        /// Since when.
        since_ms: u64,
        /// Whether it took its leave, as one does that is stopped.
        stopped: bool,
    },
    /// It has a token, which nobody has used yet.
    NeverSeen {
        /// When the token was made.
        since_ms: u64,
    },
    /// Its agent was turned away.
    Refused {
        /// When that was last so.
        since_ms: u64,
        /// Why, in a sentence for people.
        why: String,
    },
}

/// See [`Standing`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStanding {
    /// The node's number; see [`crate::wire::NodeState::node`].
    pub node: u32,
    /// How it stands.
    pub standing: Standing,
}

/// A node as a row of an overview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// The number by which this head's messages call the node.
    pub node: u32,
    /// The node's id.
    pub id: NodeId,
    /// The name that the machine gives itself; empty if it never reported.
    pub host_name: String,
    /// Its labels, at most [`Label::MOST`].
    pub labels: Vec<Label>,
    /// How often it reports, in ms.
    pub period_ms: u32,
    /// How it stands.
    pub standing: Standing,
    /// Its last reading.
    pub brief: Option<Brief>,
    /// Its last five minutes.
    pub trace: Trace,
}

/// Everything in brief: the first message of an overview, and its answer to a resync.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roster {
    /// [`crate::wire::PROTOCOL`]. First, so that a reader of any version can read it.
    pub protocol: u16,
    /// The id of the page that this head serves: a page with another is out of date.
    pub build: String,
    /// The number of the last message that is in it.
    pub seq: u64,
    /// The head's clock: ms since 1970.
    pub now_ms: u64,
    /// Every node.
    pub nodes: Vec<RosterEntry>,
}

/// What changed, in brief. At least one a second, empty or not: silence means a broken link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Briefs {
    /// Counts up by one; a gap means that something was missed, and calls for a roster.
    pub seq: u64,
    /// The head's clock: ms since 1970.
    pub now_ms: u64,
    /// Nodes that are new, or of which more than their readings is.
    pub joined: Vec<RosterEntry>,
    /// Nodes that are no more.
    pub left: Vec<u32>,
    /// New readings.
    pub rows: Vec<Brief>,
    /// Nodes that stand differently.
    pub standings: Vec<NodeStanding>,
    /// Nodes whose past was filled in: who shows it asks for it again.
    pub refilled: Vec<u32>,
}

/// A reading in brief.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// The node's number; see [`crate::wire::NodeState::node`].
    pub node: u32,
    /// When it was taken, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// Total memory, in KiB.
    pub total_kib: u64,
    /// What new programs can get, in KiB; `None` where nothing tells it.
    pub available_kib: Option<u64>,
    /// Swap there is, in KiB.
    pub swap_total_kib: u64,
    /// Swap in use, in KiB.
    pub swap_used_kib: u64,
    /// In thousandths of the time since the reading before, how long some task waited for memory.
    pub pressure: Option<u16>,
    /// In thousandths, how busy the processors were since the reading before.
    pub cpu: Option<u16>,
    /// In tenths of a degree Celsius.
    pub temperature: Option<u16>,
    /// The sum of the flags that hold.
    pub flags: u8,
}

impl Brief {
    /// The supply voltage is too low at present.
    pub const UNDER_VOLTAGE: u8 = 1;
    /// The node cannot be read at present.
    pub const TROUBLE: u8 = 2;
    /// Something found on the node is wrong.
    pub const FINDING: u8 = 4;
    /// What is available is an estimate.
    pub const ESTIMATED: u8 = 8;

    /// The last reading of `node` in brief, given the one before it; `flags` are what it does not tell
    /// itself.
    #[must_use]
    pub fn of(node: u32, last: &Reading, before: Option<&Reading>, flags: u8) -> Self {
        let sample = &last.sample;
        let kib = |field| sample.get(field).unwrap_or(0) / 1024;
        let permille = |share: f64| (share * 1000.0).round() as u16;
        let available = Available::of(sample).ok();
        let flag = |flag, is: bool| if is { flag } else { 0 };
        Self {
            node,
            at_ms: last.at_ms,
            total_kib: kib(Field::Total),
            available_kib: available.map(|available| available.here / 1024),
            swap_total_kib: kib(Field::SwapTotal),
            swap_used_kib: swap_used(sample).unwrap_or(0) / 1024,
            pressure: before
                .and_then(|before| rates::pressure(before, last, Field::PressureSome))
                .map(permille),
            cpu: before.and_then(|before| rates::cpu_busy(before, last)).map(permille),
            temperature: sample
                .get(Field::Temperature)
                .and_then(|milli| u16::try_from(milli / 100).ok()),
            flags: flags
                | flag(Self::ESTIMATED, available.is_some_and(|a| a.source.is_estimated()))
                | flag(Self::UNDER_VOLTAGE, sample.get(Field::UnderVoltage).unwrap_or(0) > 0),
        }
    }

    /// What is available as a share of total, 0 to 1.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let available = self.available_kib?;
        (self.total_kib > 0).then(|| (available as f64 / self.total_kib as f64).min(1.0))
    }
}

/// What was available over the last five minutes, as shares of total: for each step the least.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// When the last step ends, in ms of the head's clock.
    until_ms: u64,
    /// One byte for each step, oldest first: 0 to [`Self::WHOLE`], or [`Self::UNKNOWN`].
    shares: Vec<u8>,
}

impl Trace {
    /// The length of a step, in ms.
    pub const STEP_MS: u64 = 5000;
    /// Steps at most.
    pub const MOST: usize = 60;
    /// All of total.
    pub const WHOLE: u8 = 250;
    /// Nothing is known of this step.
    pub const UNKNOWN: u8 = 255;

    /// Takes in what was available at a time, as a share of total, 0 to 1. What is older than the
    /// trace reaches back is left out.
    pub fn note(&mut self, at_ms: u64, share: Option<f64>) {
        let share = share.map_or(Self::UNKNOWN, |share| {
            (share.clamp(0.0, 1.0) * f64::from(Self::WHOLE)).round() as u8
        });
        let slot = at_ms / Self::STEP_MS;
        let last = (self.until_ms / Self::STEP_MS).wrapping_sub(1);
        if self.shares.is_empty() || slot > last.saturating_add(Self::MOST as u64) {
            self.shares.clear();
            self.shares.push(share);
            self.until_ms = (slot + 1) * Self::STEP_MS;
        } else if slot > last {
            for _ in last + 1..slot {
                self.shares.push(Self::UNKNOWN);
            }
            self.shares.push(share);
            let more = self.shares.len().saturating_sub(Self::MOST);
            self.shares.drain(..more);
            self.until_ms = (slot + 1) * Self::STEP_MS;
        } else {
            let back = (last - slot) as usize;
            if back < Self::MOST {
                while self.shares.len() <= back {
                    self.shares.insert(0, Self::UNKNOWN);
                }
                let place = self.shares.len() - 1 - back;
                // What is unknown is the largest number.
                self.shares[place] = self.shares[place].min(share);
            }
        }
    }

    /// Moves it in time, as when the clock is set.
    pub fn shift(&mut self, by_ms: i64) {
        self.until_ms = self.until_ms.saturating_add_signed(by_ms);
    }

    /// When the last step ends, in ms of the head's clock.
    #[must_use]
    pub fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// One byte for each step, oldest first: 0 to [`Self::WHOLE`], or [`Self::UNKNOWN`].
    #[must_use]
    pub fn shares(&self) -> &[u8] {
        &self.shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_keeps_the_least_of_each_step() {
        let mut trace = Trace::default();
        for (at_ms, share) in [(10_000, 0.5), (12_000, 0.2), (14_999, 0.8), (25_000, 1.0)] {
            trace.note(at_ms, Some(share));
        }
        assert_eq!(trace.shares(), [50, Trace::UNKNOWN, Trace::UNKNOWN, 250]);
        assert_eq!(trace.until_ms(), 30_000);
        trace.note(16_000, Some(0.4));
        trace.note(1000, Some(0.0));
        assert_eq!(trace.shares(), [0, Trace::UNKNOWN, 50, 100, Trace::UNKNOWN, 250]);
    }

    #[test]
    fn a_trace_is_bounded() {
        let mut trace = Trace::default();
        for second in 0..1000 {
            trace.note(second * 1000, Some(0.5));
        }
        assert_eq!(trace.shares().len(), Trace::MOST);
        trace.note(0, Some(0.1));
        assert!(trace.shares().iter().all(|&share| share == 125), "too old");
        trace.note(u64::MAX / 2, Some(0.1));
        assert_eq!(trace.shares(), [25]);
    }

    #[test]
    fn labels_are_bounded() {
        let label = |key: &str, value: &str| Label { key: key.into(), value: value.into() };
        assert!(label("rack", "A <1>").is_sound());
        for (key, value) in [("", "a"), ("Rack", "a"), ("a b", ""), ("a", &"x".repeat(65))] {
            assert!(!label(key, value).is_sound(), "{key} {value}");
        }
    }
}
