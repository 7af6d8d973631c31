//! What is looked at once a minute: the board, the swap areas, and what is wrong with the numbers.
//!
//! All texts come from the node: whoever shows them treats them as text.

use serde::{Deserialize, Serialize};

/// A survey of a node. `None` is what the system does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// RAM on the board, in bytes: from a Raspberry Pi's revision code, or the blocks of memory that
    /// Linux lists.
    pub installed: Option<u64>,
    /// What of it the firmware hands to Linux, in bytes: the device tree's memory nodes.
    pub handed: Option<u64>,
    /// NUMA nodes; the firmware of a Raspberry Pi makes up several, which are no sockets.
    pub numa_nodes: Option<u32>,
    /// The container or virtual machine that this node is, in a word or two.
    pub container: Option<String>,
    /// The swap areas (`/proc/swaps`).
    pub swaps: Vec<SwapArea>,
    /// The zram devices that are in use.
    pub zram: Vec<ZramDevice>,
    /// What is missing or misleading, the worst first.
    pub findings: Vec<Finding>,
}

/// A line of `/proc/swaps` (`proc_swaps(5)`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapArea {
    /// The device or file.
    pub name: String,
    /// `partition` or `file`.
    pub kind: String,
    /// Its size, in bytes.
    pub size: u64,
    /// What of it is used, in bytes.
    pub used: u64,
    /// Areas of higher priority are filled first.
    pub priority: i32,
}

/// A zram device (`Documentation/admin-guide/blockdev/zram.rst`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZramDevice {
    /// Its name, such as `zram0`.
    pub name: String,
    /// How much it promises to hold, in bytes (`disksize`).
    pub promised: u64,
    /// The algorithm that compresses.
    pub algorithm: Option<String>,
    /// What was written to it, in bytes (`orig_data_size`).
    pub original: u64,
    /// The same compressed, in bytes (`compr_data_size`): the flattering number.
    pub compressed: u64,
    /// The RAM it takes, in bytes, with what compression wastes (`mem_used_total`).
    pub used: u64,
    /// Whether it is a swap area; others hold file systems.
    pub is_swap: bool,
}

impl ZramDevice {
    /// `original / used`: how much a byte of RAM really holds. `None` while it is empty.
    #[must_use]
    pub fn effective_ratio(&self) -> Option<f64> {
        (self.used > 0).then(|| self.original as f64 / self.used as f64)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is wrong.
    Trouble,
    /// A number is missing or misleads.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// Its name: `trouble`, `warning`, `note`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Why a number is missing or misleading on this node, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its name, such as `psi_off`; stable.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in a sentence.
    pub finding: String,
    /// What was read that shows it: file and content.
    pub evidence: String,
    /// The line that fixes it, and where it goes; Headroom never changes anything itself.
    pub fix: String,
}
