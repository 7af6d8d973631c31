//! What a node reports when programs were killed for want of memory, or many waited for it: its last
//! two minutes, second by second, and who had the memory.
//!
//! Names come from whoever started the process: they are text, whatever they hold.

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::run::Run;
use crate::wire::Reading;

/// How far a black box reaches back, in ms.
pub const SPAN_MS: u64 = 120_000;
/// Processes of a ranking at most.
pub const MOST_RANKED: usize = 12;
/// Rankings of a black box at most.
pub const MOST_RANKINGS: usize = 64;
/// Victims of a black box at most.
pub const MOST_KILLED: usize = 16;

/// What the agent sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlackBox {
    /// Why it is sent.
    pub why: Why,
    /// When that was, by the node's monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// Who was killed.
    pub killed: Vec<Killed>,
    /// Who had the memory, oldest first.
    pub rankings: Vec<Ranking>,
    /// The readings of the last two minutes, oldest first; at most one a second.
    pub readings: Run,
    /// Where who was killed was looked for in vain, in a sentence for people.
    pub note: Option<String>,
}

/// Why a black box is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The kernel killed a program.
    OutOfMemory,
    /// Programs waited long for memory.
    Pressure,
    /// The head made it of what the node had reported when it was no longer heard.
    LastWords,
}

/// A program that the kernel killed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killed {
    /// Its number.
    pub pid: u32,
    /// The name it gave itself.
    pub name: String,
    /// What it held in RAM, in bytes, if that is known.
    pub bytes: Option<u64>,
    /// The control group whose limit was reached, if it was not the whole machine.
    pub group: Option<String>,
    /// When, by the node's monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// Whether the kernel's log says so; if not it is concluded, as it was there before and is not now.
    pub is_logged: bool,
}

/// Who had the memory at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranking {
    /// When, by the node's monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// Those with the most, largest first.
    pub rows: Vec<Ranked>,
}

/// One process of a ranking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its number.
    pub pid: u32,
    /// The name it gives itself.
    pub name: String,
    /// What it holds of its own in RAM, in bytes: resident − shared (`/proc/PID/statm`).
    pub bytes: u64,
}

/// A black box as the head keeps it: placed in the head's time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxAt {
    /// The node.
    pub node: NodeId,
    /// When it was sent for, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// What the head's clock is ahead of the node's monotonic one, in ms: `uptime_us / 1000 + offset_ms`
    /// is a time of the head's.
    pub offset_ms: u64,
    /// What was sent, but for readings.
    pub what: BlackBox,
    /// The readings, oldest first.
    pub readings: Vec<Reading>,
}

/// A process that grew, from a black box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// What it held first, in bytes; 0 if it was not there.
    pub from: u64,
    /// What it held most, in bytes.
    pub to: u64,
}

impl BlackBox {
    /// The processes that grew, most first.
    #[must_use]
    pub fn grown(&self) -> Vec<Grown> {
        let mut grown: Vec<Grown> = Vec::new();
        for (place, ranking) in self.rankings.iter().enumerate() {
            for Ranked { pid, name, bytes } in &ranking.rows {
                match grown.iter_mut().find(|one| one.pid == *pid && one.name == *name) {
                    Some(one) => one.to = one.to.max(*bytes),
                    None => grown.push(Grown {
                        pid: *pid,
                        name: name.clone(),
                        from: if place == 0 { *bytes } else { 0 },
                        to: *bytes,
                    }),
                }
            }
        }
        grown.retain(|one| one.to > one.from);
        grown.sort_by_key(|one| std::cmp::Reverse(one.to - one.from));
        grown
    }
}
