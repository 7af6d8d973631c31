//! Where the next job fits. A job is so many copies of a program that each need so much memory, each
//! copy whole on one node.
//!
//! What is asked and answered is here; where copies go is decided in [`plan`].

pub mod plan;

use serde::{Deserialize, Serialize};

use crate::NodeId;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What one copy needs, in bytes; at least 1.
    pub size: u64,
    /// How many copies, at least 1.
    pub copies: u32,
    /// How they are laid out.
    pub strategy: Strategy,
    /// The least that was available over so many minutes counts, 1 to 60.
    pub over_min: u32,
    /// What must stay available on each node, in bytes; `None` for as much as is usual there, see
    /// [`usual_reserve`].
    pub reserve: Option<u64>,
    /// How long the job runs, in s; `None` if that is not known.
    pub duration_s: Option<u64>,
    /// Copies on one node at most; `None` for as many as fit.
    pub most_per_node: Option<u32>,
    /// Only these nodes; empty for all.
    pub nodes: Vec<NodeId>,
    /// Only nodes with all these labels, as `key=value`.
    pub labels: Vec<String>,
}

/// How copies are laid out.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// On as few nodes as possible.
    Pack,
    /// As evenly as possible over as many nodes as possible.
    #[default]
    Spread,
    /// Each copy where most is left.
    MostHeadroom,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pack, Self::Spread, Self::MostHeadroom];

    /// Its name: `pack`, `spread`, `most_headroom`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pack => "pack",
            Self::Spread => "spread",
            Self::MostHeadroom => "most_headroom",
        }
    }
}

/// What must stay available on a node with `total` bytes of memory if nobody says how much: a twentieth,
/// but no less than 32 MiB, with which a Raspberry Pi Zero still lets somebody sign in, and no more than
/// 2 GiB.
#[must_use]
pub fn usual_reserve(total: u64) -> u64 {
    (total / 20).clamp(32 << 20, 2 << 30)
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// When it held, by the head's clock: ms since 1970.
    pub now_ms: u64,
    /// What was asked, with what was not said filled in.
    pub job: Job,
    /// Whether all copies fit.
    pub fits: bool,
    /// Every node that was asked about: those with copies first, most first, then by id.
    pub nodes: Vec<NodeFit>,
    /// The largest size of which so many copies fit, in bytes; 0 if none does.
    pub largest: u64,
    /// How many copies of the size asked for fit, all nodes together.
    pub room: u32,
    /// If it does not fit: when it last would have, by the head's clock, in ms since 1970; `None` if it
    /// is not known to.
    pub last_fit_ms: Option<u64>,
    /// The same in a sentence for people.
    pub summary: String,
    /// What holds its place, if it was asked for and it fits.
    pub hold: Option<Hold>,
}

/// What one node has for the job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeFit {
    /// The node.
    pub id: NodeId,
    /// What the machine calls itself.
    pub host_name: String,
    /// The least that was available, in bytes, under all limits; `None` if it is not known.
    pub floor: Option<u64>,
    /// Over how long it was looked at, in ms.
    pub floor_over_ms: u64,
    /// What others hold of it, in bytes.
    pub held: u64,
    /// How many copies fit there.
    pub room: u32,
    /// How many are placed there.
    pub copies: u32,
    /// Why none may be placed there, in a clause: `no, because …`.
    pub because: Option<String>,
    /// What must stay available there, in bytes.
    pub reserve: u64,
}

/// A soft reservation: what others are told not to place into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub id: String,
    /// What it is for, in the words of whoever took it.
    pub note: String,
    /// What one copy takes, in bytes.
    pub size: u64,
    /// How many copies on which nodes.
    pub places: Vec<(NodeId, u32)>,
    /// Since when, by the head's clock: ms since 1970.
    pub since_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

impl Hold {
    /// What it holds of `node`, in bytes.
    #[must_use]
    pub fn of(&self, node: &NodeId) -> u64 {
        let places = self.places.iter().filter(|(id, _)| id == node);
        places.fold(0, |sum, (_, copies)| {
            sum.saturating_add(self.size.saturating_mul((*copies).into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_machines_keep_something() {
        for (total, reserve) in
            [(427 << 20, 32 << 20), (4 << 30, (4 << 30) / 20), (256 << 30, 2 << 30), (0, 32 << 20)]
        {
            assert_eq!(usual_reserve(total), reserve);
        }
    }

    #[test]
    fn a_hold_counts_on_each_of_its_nodes() {
        let id = |name: &str| NodeId::from_host_name(name);
        let hold = Hold {
            id: "1".into(),
            note: String::new(),
            size: 10,
            places: vec![(id("a"), 2), (id("b"), u32::MAX), (id("a"), 1)],
            since_ms: 0,
            until_ms: 1,
        };
        assert_eq!(hold.of(&id("a")), 30);
        assert_eq!(hold.of(&id("c")), 0);
        assert_eq!(Hold { size: u64::MAX, ..hold }.of(&id("b")), u64::MAX);
    }
}
