//! The messages between agent, head and page, and their two encodings.
//!
//! The same types are spoken as JSON (for people and scripts) and as postcard (by the page and the
//! agents); the WebSocket subprotocol says which. postcard does not describe itself, so within
//! protocol 1 these rules hold, and the golden bytes in `shared/tests/wire.rs` watch over them:
//!
//! * Kinds of messages are only appended. A reader skips a kind it does not know.
//! * Fields are only appended, and only to the end of a message itself, never to a type inside a
//!   list, and they have a default. A reader skips what trails, and takes the default of what an
//!   older version does not say.
//! * What is of several kinds inside a message (a severity, why a black box came) stays as it is:
//!   nobody can skip that.
//! * [`Sample`] carries a presence mask, so the field table may grow at its end.

mod agent;
mod decode;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::forecast::Forecast;
use crate::history::Event;
use crate::overview::{Briefs, NodeStanding, Roster};
use crate::survey::Survey;
use crate::usage::Usage;
use crate::window::Packed;
use crate::{NodeFacts, NodeId, Sample};

use decode::decode;

pub use agent::{
    AgentMessage, AgentReading, AgentRequest, ClockReading, Hello, SIGN_MS, SILENCE_MS, Thinned,
    Welcome,
};
pub use decode::Malformed;

/// The version of the rules above. It changes only when they are broken on purpose.
pub const PROTOCOL: u16 = 1;

/// How messages become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Text frames of JSON.
    Json,
    /// Binary frames of postcard.
    Postcard,
}

impl Encoding {
    /// Both; the first is the default.
    pub const ALL: [Self; 2] = [Self::Json, Self::Postcard];

    /// The WebSocket subprotocol that asks for it.
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "headroom.v1.json",
            Self::Postcard => "headroom.v1.postcard",
        }
    }
}

/// One reading of a node, as the head passes it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// When it was taken, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// When it was taken, by the node's own monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// What was read.
    pub sample: Sample,
}

/// A node as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeState {
    /// The number by which this head's deltas call the node, for as long as the head runs.
    pub node: u32,
    /// The node's id.
    pub id: NodeId,
    /// What does not change while it runs.
    pub facts: NodeFacts,
    /// How often it reports, in ms.
    pub period_ms: u32,
    /// Its last reading, if it ever gave one.
    pub latest: Option<Reading>,
    /// Why it gives none at present, in a sentence for people.
    pub trouble: Option<String>,
}

/// What the head tells whoever follows the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedMessage {
    /// Everything: the first message, and the answer to [`FeedRequest::Resync`].
    Snapshot(Snapshot),
    /// What changed since the message numbered one less.
    Delta(Delta),
    /// The recent past of one node: the answer to [`FeedRequest::Watch`].
    Window(NodeWindow),
    /// A node's latest survey, to those who watch it: after its window, and whenever it changes.
    Survey(NodeSurvey),
    /// A sweep over a node, to those who look at it: the answers to [`FeedRequest::Look`].
    Usage(NodeUsage),
    /// The recent past of one node, packed: the answer to [`FeedRequest::Recall`].
    Past(NodePast),
    /// Every node in brief: the first message of an overview, and its answer to a resync.
    Roster(Roster),
    /// What changed since the message numbered one less, in brief.
    Briefs(Briefs),
    /// A node in full, to those who opened it: at once, and whenever more than its readings changes.
    Opened(Box<NodeState>),
    /// A new reading of a node, to those who opened it.
    Reading(Box<NodeReading>),
    /// That a node cannot be read at present, to those who opened it.
    Trouble(NodeTrouble),
    /// How nodes stand, to those who follow no overview: after a snapshot, and those that changed.
    Standings(Vec<NodeStanding>),
    /// What happened, to everybody: when it happens, or when it is known.
    Events(Vec<Event>),
    /// What is foreseen of nodes, to those who follow an overview: after a roster of all of which anything
    /// is, and those of which it changed.
    Forecasts(Vec<NodeForecast>),
}

/// See [`FeedMessage::Snapshot`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`PROTOCOL`]. First, so that a reader of any version can read it.
    pub protocol: u16,
    /// The id of the page that this head serves: a page with another is out of date.
    pub build: String,
    /// The number of the last delta that is in it.
    pub seq: u64,
    /// The head's clock: ms since 1970.
    pub now_ms: u64,
    /// Every node.
    pub nodes: Vec<NodeState>,
}

/// See [`FeedMessage::Delta`]. At least one a second, empty or not: silence means a broken link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Counts up by one; a gap means that something was missed, and calls for a snapshot.
    pub seq: u64,
    /// The head's clock: ms since 1970.
    pub now_ms: u64,
    /// Nodes that are new, or whose facts are.
    pub joined: Vec<NodeState>,
    /// New readings.
    pub readings: Vec<NodeReading>,
    /// Nodes that cannot be read at present, and why.
    pub troubles: Vec<NodeTrouble>,
}

/// A new reading of a node. It ends the node's trouble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReading {
    /// The node's number; see [`NodeState::node`].
    pub node: u32,
    /// The reading.
    pub reading: Reading,
}

/// Why a node gives no readings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeTrouble {
    /// The node's number; see [`NodeState::node`].
    pub node: u32,
    /// A sentence for people.
    pub trouble: String,
}

/// See [`FeedMessage::Window`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeWindow {
    /// The node's number; see [`NodeState::node`].
    pub node: u32,
    /// Its readings of the last five minutes, oldest first.
    pub readings: Vec<Reading>,
}

/// See [`FeedMessage::Survey`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSurvey {
    /// The node's number; see [`NodeState::node`].
    pub node: u32,
    /// The survey.
    pub survey: Survey,
}

/// See [`FeedMessage::Usage`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeUsage {
    /// The node's number; see [`NodeState::node`].
    pub node: u32,
    /// The sweep.
    pub usage: Usage,
}

/// See [`FeedMessage::Past`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodePast {
    /// The node's number; see [`NodeState::node`].
    pub node: u32,
    /// Its readings of the last five minutes.
    pub past: Packed,
}

/// See [`FeedMessage::Forecasts`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeForecast {
    /// The node's number; see [`NodeState::node`].
    pub node: u32,
    /// What is foreseen; `None` is nothing any more.
    pub forecast: Option<Forecast>,
}

/// How long a look lasts, in ms: who goes on looking asks again before.
pub const LOOK_MS: u32 = 10_000;

/// What whoever follows the feed may ask of the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedRequest {
    /// Send the recent past of a node.
    Watch {
        /// The node's number; see [`NodeState::node`].
        node: u32,
    },
    /// Send a snapshot.
    Resync {},
    /// Gather who has a node's memory, and send it for the next [`LOOK_MS`].
    Look {
        /// The node's number; see [`NodeState::node`].
        node: u32,
    },
    /// The same as [`Self::Watch`], but for programs: the recent past comes packed, a tenth of the size.
    Recall {
        /// The node's number; see [`NodeState::node`].
        node: u32,
    },
    /// In an overview: send a node in full from now on, its past first.
    Open {
        /// The node's number; see [`NodeState::node`].
        node: u32,
    },
    /// The opposite of [`Self::Open`].
    Close {
        /// The node's number; see [`NodeState::node`].
        node: u32,
    },
}

/// A set of messages that is spoken in one direction of a channel.
pub trait Message: Serialize + DeserializeOwned {
    /// The names of its kinds in JSON; a kind's place in the list is its number in postcard.
    const KINDS: &[&str];
}

impl Message for FeedMessage {
    const KINDS: &[&str] = &[
        "snapshot",
        "delta",
        "window",
        "survey",
        "usage",
        "past",
        "roster",
        "briefs",
        "opened",
        "reading",
        "trouble",
        "standings",
        "events",
        "forecasts",
    ];
}

impl Message for FeedRequest {
    const KINDS: &[&str] = &["watch", "resync", "look", "recall", "open", "close"];
}

impl Message for AgentMessage {
    const KINDS: &[&str] = &[
        "hello",
        "readings",
        "trouble",
        "survey",
        "usage",
        "next",
        "run",
        "clock",
        "labels",
        "thinned",
        "black_box",
    ];
}

impl Message for AgentRequest {
    const KINDS: &[&str] = &["look", "welcome", "held", "refused", "durable"];
}

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or JSON of another shape.
    #[error("this is not a JSON message of protocol {PROTOCOL}")]
    Json(#[source] serde_json::Error),
    /// Cannot be written as postcard.
    #[error("this does not fit a postcard message of protocol {PROTOCOL}")]
    Postcard(#[source] postcard::Error),
    /// Not postcard, or cut short.
    #[error("this is not a postcard message of protocol {PROTOCOL}")]
    Malformed(#[source] Malformed),
}

/// `message` as JSON.
pub fn to_json<M: Message>(message: &M) -> Result<String, WireError> {
    serde_json::to_string(message).map_err(WireError::Json)
}

/// `message` as postcard.
pub fn to_postcard<M: Message>(message: &M) -> Result<Vec<u8>, WireError> {
    postcard::to_allocvec(message).map_err(WireError::Postcard)
}

/// The message that `bytes` hold as JSON, or `None` if it is of a kind that this version does not
/// know.
pub fn from_json<M: Message>(bytes: &[u8]) -> Result<Option<M>, WireError> {
    serde_json::from_slice(bytes).map(Some).or_else(|error| {
        if has_unknown_kind::<M>(bytes) { Ok(None) } else { Err(WireError::Json(error)) }
    })
}

fn has_unknown_kind<M: Message>(bytes: &[u8]) -> bool {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(bytes) else { return false };
    object.len() == 1 && object.keys().all(|kind| !M::KINDS.contains(&kind.as_str()))
}

/// The message that `bytes` hold as postcard, or `None` if it is of a kind that this version does
/// not know. Bytes that trail are skipped.
pub fn from_postcard<M: Message>(bytes: &[u8]) -> Result<Option<M>, WireError> {
    let kind: u32 = decode(bytes).map_err(WireError::Malformed)?;
    if kind as usize >= M::KINDS.len() {
        return Ok(None);
    }
    decode(bytes).map(Some).map_err(WireError::Malformed)
}

/// The value that `bytes` hold as postcard, where it is no message: an answer over HTTP. Bytes that
/// trail are skipped.
pub fn value_from_postcard<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    decode(bytes).map_err(WireError::Malformed)
}

/// The protocol and the build of a snapshot or roster in postcard, even of a protocol that this
/// version does not know. `None` if it is neither.
#[must_use]
pub fn peek_snapshot(bytes: &[u8]) -> Option<(u16, String)> {
    let (kind, protocol, build) = decode::<(u32, u16, String)>(bytes).ok()?;
    matches!(kind, 0 | 6).then_some((protocol, build))
}
