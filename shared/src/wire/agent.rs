//! What agents and head say to each other.

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::{LOOK_MS, PROTOCOL};
use crate::black_box::BlackBox;
use crate::overview::Label;
use crate::run::{Next, Run, Span};
use crate::survey::Survey;
use crate::usage::Usage;
use crate::{NodeFacts, NodeId, Sample};

/// What an agent tells the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentMessage {
    /// Who it is: the first message.
    Hello(Hello),
    /// New readings, oldest first.
    Readings(Vec<AgentReading>),
    /// It cannot read its node at present, and why, in a sentence for people.
    Trouble(String),
    /// What it found when it last looked around.
    Survey(Survey),
    /// Who has the memory, for as long as somebody looks.
    Usage(Usage),
    /// A new reading, as its difference from the last one that was told so on this link.
    Next(Next),
    /// Readings that the head does not hold yet, oldest first.
    Run(Run),
    /// What the node's wall clock says: after hello, and every ten seconds.
    Clock(ClockReading),
    /// How the node is labelled: after hello. At most [`Label::MOST`].
    Labels(Vec<Label>),
    /// What the agent had to drop while the head was away, since the agent started: a total, told
    /// again when it has grown.
    Thinned(Thinned),
    /// Programs were killed for want of memory, or wait for it: the last two minutes.
    BlackBox(Box<BlackBox>),
}

/// What the head asks of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentRequest {
    /// Gather who has the memory for the next [`LOOK_MS`].
    Look {},
    /// The answer to hello. [`Self::Held`], as a sign of life, may come before it.
    Welcome(Welcome),
    /// Readings that the head has come to hold. At least every [`SIGN_MS`], if need be with none:
    /// silence means a broken link.
    Held {
        /// Their sequence numbers.
        spans: Vec<Span>,
    },
    /// Why this agent is not served; the link ends after it.
    Refused {
        /// A sentence for people.
        why: String,
        /// It is of no use to come back sooner than in so many ms.
        retry_ms: u32,
    },
    /// Readings that are on disk: the agent need not keep them any longer. A head that keeps history
    /// says it right after its welcome, if need be with none: then what it merely holds is kept until
    /// it says so.
    Durable {
        /// Their sequence numbers.
        spans: Vec<Span>,
    },
}

/// Each side of an agent's link gives a sign of life at least this often, in ms…
pub const SIGN_MS: u32 = 3000;
/// …and takes a silence of this length, in ms, as the end of the link.
pub const SILENCE_MS: u32 = 9000;

/// See [`AgentRequest::Welcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The id under which the head knows the node: the name of its token.
    pub id: NodeId,
    /// The readings of this boot that the head holds already.
    pub held: Vec<Span>,
}

/// See [`AgentMessage::Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// The node's monotonic clock: µs since it booted…
    pub uptime_us: u64,
    /// …and its wall clock at the same moment: ms since 1970.
    pub unix_ms: u64,
}

/// See [`AgentMessage::Thinned`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thinned {
    /// Readings dropped.
    pub readings: u64,
    /// When the oldest of them was taken, by the node's monotonic clock: µs since it booted.
    pub since_us: u64,
    /// When the newest of them was taken.
    pub until_us: u64,
}

/// See [`AgentMessage::Hello`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`]. First, so that a reader of any version can read it.
    pub protocol: u16,
    /// The node's id.
    pub id: NodeId,
    /// What does not change while the node runs.
    pub facts: NodeFacts,
    /// Names this boot of the node (`/proc/sys/kernel/random/boot_id`): uptimes of two boots are
    /// not of one clock.
    pub boot_id: Option<String>,
    /// How often it will report, in ms.
    pub period_ms: u32,
}

/// One reading, as its agent took it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentReading {
    /// Counts up by one for each reading, and never goes back within a boot of the node: an agent
    /// starts to count at the milliseconds since its node booted.
    pub seq: u64,
    /// When it was taken, by the node's monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// What was read.
    pub sample: Sample,
}
