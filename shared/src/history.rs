//! The past: how fine it is kept, what happened in it, and how it is told.

mod strip;
mod told;

use serde::{Deserialize, Serialize};

use crate::overview::Label;
use crate::run::Span;
use crate::usage::Usage;
use crate::wire::Reading;
use crate::{NodeFacts, NodeId};

pub use strip::Strip;
pub use told::{POSTCARD, from_postcard, to_postcard};

/// How fine the past is kept. Finer tiers are kept for a shorter time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Every reading as it was taken.
    Raw,
    /// Buckets of 10 s.
    TenSeconds,
    /// Buckets of a minute.
    Minute,
    /// Buckets of 10 minutes.
    TenMinutes,
    /// Buckets of 2 hours.
    TwoHours,
}

impl Tier {
    /// All, finest first.
    pub const ALL: [Self; 5] =
        [Self::Raw, Self::TenSeconds, Self::Minute, Self::TenMinutes, Self::TwoHours];

    /// The width of a bucket, in ms; 0 for single readings. A bucket begins at a multiple of it.
    #[must_use]
    pub const fn step_ms(self) -> u64 {
        match self {
            Self::Raw => 0,
            Self::TenSeconds => 10_000,
            Self::Minute => 60_000,
            Self::TenMinutes => 600_000,
            Self::TwoHours => 7_200_000,
        }
    }

    /// Its name for people and scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::TenSeconds => "10s",
            Self::Minute => "1m",
            Self::TenMinutes => "10m",
            Self::TwoHours => "2h",
        }
    }

    /// The coarsest tier that buckets of `step_ms` can be made of.
    #[must_use]
    pub fn of_step(step_ms: u64) -> Self {
        let fits = |tier: &Self| {
            step_ms >= tier.step_ms() && step_ms.checked_rem(tier.step_ms()).is_none_or(|r| r == 0)
        };
        Self::ALL.into_iter().rev().find(fits).unwrap_or(Self::Raw)
    }

    /// The next coarser one.
    #[must_use]
    pub fn coarser(self) -> Option<Self> {
        Self::ALL.into_iter().find(|&tier| tier > self)
    }
}

/// A reading with its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// See [`crate::wire::AgentReading::seq`].
    pub seq: u64,
    /// The reading.
    pub reading: Reading,
}

/// Readings of one boot of one node, in the order of their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The node.
    pub node: NodeId,
    /// Names the boot; see [`crate::wire::Hello::boot_id`].
    pub boot: String,
    /// The readings.
    pub readings: Vec<Kept>,
}

/// Readings of one boot of one node that are on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    /// The node.
    pub node: NodeId,
    /// Names the boot.
    pub boot: String,
    /// Their numbers.
    pub spans: Vec<Span>,
}

/// What a node was from some time on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactsAt {
    /// From when on, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// The node.
    pub node: NodeId,
    /// What does not change while it runs.
    pub facts: NodeFacts,
    /// Its labels.
    pub labels: Vec<Label>,
    /// How often it reported, in ms.
    pub period_ms: u32,
}

/// A sweep over a node that was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageAt {
    /// When it came, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// The node.
    pub node: NodeId,
    /// Who had the memory.
    pub usage: Usage,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// To which node; `None` is the head itself.
    pub node: Option<NodeId>,
    /// What it was.
    pub kind: EventKind,
    /// The same in a sentence for people.
    pub text: String,
}

/// Kinds of [`Event`]. Kinds are only appended: their numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A node reported for the first time.
    Joined,
    /// A node booted.
    Booted,
    /// A node is no longer heard.
    Gone,
    /// A node is heard again.
    Back,
    /// A node's agent was turned away.
    Refused,
    /// A node's memory cannot be read.
    Trouble,
    /// It can be read again.
    TroubleOver,
    /// The doctor found something that it had not found before.
    Finding,
    /// What the doctor had found is no more.
    FindingOver,
    /// The kernel killed a program for want of memory.
    OutOfMemory,
    /// A clock was set.
    ClockSet,
    /// An agent had to drop readings before the head held them.
    Thinned,
    /// History cannot be written, or lost something before its time.
    HistoryTrouble,
    /// History is written again.
    HistoryOver,
    /// Something harms.
    Incident,
    /// It harms no longer.
    IncidentOver,
}

/// The past of one node, as programs are told it.
///
/// In a body of postcard each is preceded by its length in bytes, four of them, lowest first. A node with
/// many readings comes in several, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// The node's id.
    pub id: String,
    /// The width of the buckets, in ms; 0 if these are the readings as they were taken.
    pub step_ms: u64,
    /// From when on, and to when: ms since 1970.
    pub from_ms: u64,
    /// See [`Self::from_ms`].
    pub to_ms: u64,
    /// What the node was at its beginning, in the first of a node that was asked for alone.
    pub facts: Option<Box<FactsAt>>,
    /// Its readings. A bucket is told as one reading: gauges are means, rounded; counters go on from one
    /// bucket to the next so that the difference of two, by the difference of their uptimes, is the mean
    /// rate of the later. `at_ms` is where the bucket begins.
    pub readings: Strip,
    /// For each reading the least of the fields that bands were asked for; of a counter its least rate,
    /// per second, rounded down. Empty if none were asked for, or for single readings.
    pub low: Strip,
    /// The same for the most, rounded up.
    pub high: Strip,
}

/// How history fares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryStatus {
    /// Whether history is kept at all.
    pub is_kept: bool,
    /// Why it cannot be written at present, in a sentence for people.
    pub trouble: Option<String>,
    /// When it was written last, by the head's clock: ms since 1970; `None` if not since the head started.
    pub committed_ms: Option<u64>,
    /// Between two commits, in s.
    pub commit_s: u32,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes on disk at most.
    pub max_bytes: u64,
    /// Nodes it knows.
    pub nodes: u32,
    /// Bytes that a day of this fleet takes, reckoned from the last days, or else from what is usual.
    pub bytes_per_day: u64,
    /// What there is, and will be, finest first.
    pub tiers: Vec<TierStatus>,
    /// What all this means for this fleet, in a sentence for people.
    pub outlook: String,
}

/// See [`HistoryStatus::tiers`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TierStatus {
    /// Which.
    pub tier: Tier,
    /// Where it begins, by the head's clock: ms since 1970; `None` if there is nothing of it.
    pub from_ms: Option<u64>,
    /// Bytes on disk.
    pub bytes: u64,
    /// Kept for so many days…
    pub keep_days: u32,
    /// …if there is room: with this fleet there is for so many.
    pub room_days: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tier_follows_from_the_step() {
        for (step_ms, tier) in [
            (0, Tier::Raw),
            (1000, Tier::Raw),
            (10_000, Tier::TenSeconds),
            (15_000, Tier::Raw),
            (30_000, Tier::TenSeconds),
            (300_000, Tier::Minute),
            (3_600_000, Tier::TenMinutes),
            (86_400_000, Tier::TwoHours),
        ] {
            assert_eq!(Tier::of_step(step_ms), tier, "{step_ms}");
        }
        assert_eq!(Tier::TwoHours.coarser(), None);
    }
}
