//! What harms, by which rules it is told, and what is told of it.

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::survey::Severity;

mod harm;
mod rules;

pub use harm::{Def, Harm, Level};
pub use rules::{BadRules, Quiet, Rule, Rules, Silence};

/// What happened, with one cause, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number: counts up, and is never used again.
    pub id: u64,
    /// What it is about.
    pub cause: Cause,
    /// The nodes it is about, each once; empty if it is about the head itself.
    pub nodes: Vec<NodeId>,
    /// How bad it is, at its worst.
    pub severity: Severity,
    /// What it is, in a short sentence.
    pub title: String,
    /// When it began, by the head's clock: ms since 1970.
    pub since_ms: u64,
    /// When it was over.
    pub over_ms: Option<u64>,
    /// What happened in it, oldest first.
    pub steps: Vec<Step>,
    /// What harms at present.
    pub harms: Vec<Harm>,
    /// Who had most of the memory when it began, or at its worst: three at most.
    pub top: Vec<Holder>,
    /// When somebody said that it is being looked after.
    pub acknowledged_ms: Option<u64>,
    /// Whether it is told to nobody, as somebody said so.
    pub silenced: bool,
    /// How many black boxes are kept of it.
    pub boxes: u32,
}

impl Incident {
    /// Where its page is on the head.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/incidents/{}", self.id)
    }
}

/// What incidents are about. One node has one incident at most of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Memory runs short.
    Memory,
    /// Nodes are not heard.
    Unheard,
    /// A node cannot be read.
    Unreadable,
    /// Too little power, or too hot.
    Power,
    /// A clock is off.
    Clock,
    /// The doctor found something.
    Finding,
    /// The head itself is in trouble.
    Head,
    /// A channel takes no messages.
    Channel,
}

/// What happened in an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// What it was.
    pub kind: StepKind,
    /// The same in a sentence for people.
    pub text: String,
    /// Whether it was told, or is to be, to those who want to know.
    pub is_told: bool,
}

/// See [`Step::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It began.
    Opened,
    /// It became worse.
    Worse,
    /// Something more is known.
    Update,
    /// It is over.
    Over,
    /// Somebody looks after it.
    Acknowledged,
    /// Somebody said that it is to be told to nobody.
    Silenced,
}

/// Who has memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The node.
    pub node: NodeId,
    /// The process's number.
    pub pid: u32,
    /// The name it gives itself.
    pub name: String,
    /// What it holds, in bytes.
    pub bytes: u64,
}

/// How alerts fare: for the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlertStatus {
    /// The rules that hold.
    pub rules: Rules,
    /// Whether they were changed in the page, and differ from the settings file.
    pub is_changed: bool,
    /// The channels.
    pub channels: Vec<ChannelStatus>,
}

/// How a channel fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatus {
    /// What it is called.
    pub name: String,
    /// What it is: `e-mail`, `ntfy`…
    pub kind: String,
    /// Messages that wait.
    pub waiting: u32,
    /// When it last took one, by the head's clock: ms since 1970.
    pub sent_ms: Option<u64>,
    /// Why it takes none at present, in a sentence for people.
    pub trouble: Option<String>,
}
