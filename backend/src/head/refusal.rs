//! Why an agent is not served, and when it may try again.

use shared::NodeId;
use shared::wire::{PROTOCOL, SILENCE_MS};

use super::fleet::MOST_NODES;

/// Why an agent is not served.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The agent is of another protocol.
    #[error("the agent of node {id} speaks protocol {protocol}, this head {PROTOCOL}; upgrade {}", older(*.protocol))]
    Protocol {
        /// The node.
        id: NodeId,
        /// What it speaks.
        protocol: u16,
    },
    /// The agent did not say who it is.
    #[error("an agent reported before it said which node it is")]
    NoHello,
    /// There are too many nodes.
    #[error("node {0} is one more than the {MOST_NODES} that a head serves")]
    TooMany(NodeId),
    /// Another agent reports the same node at the moment.
    #[error(
        "another agent reports node {0} at the moment; each node needs a token of its own: \
         `headroom token create NAME` on the head"
    )]
    Twice(NodeId),
    /// Its token was revoked.
    #[error(
        "the token of node {0} was revoked; `headroom token create {0}` on the head makes another"
    )]
    Revoked(NodeId),
}

/// Which of the two is older, given what the agent speaks.
fn older(protocol: u16) -> &'static str {
    if protocol > PROTOCOL { "this head" } else { "the agent" }
}

impl Refusal {
    /// The node that the agent would be, if it said so.
    #[must_use]
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Protocol { id, .. } | Self::TooMany(id) | Self::Twice(id) | Self::Revoked(id) => {
                Some(id)
            }
            Self::NoHello => None,
        }
    }

    /// How long the agent should stay away, in ms.
    #[must_use]
    pub fn retry_ms(&self) -> u32 {
        match self {
            // The other one may be a link that nobody has noticed to be dead.
            Self::Twice(_) => SILENCE_MS / 2,
            Self::NoHello | Self::TooMany(_) => 30_000,
            Self::Protocol { .. } | Self::Revoked(_) => 60_000,
        }
    }
}
