//! Who has the memory: processes and control groups. Gathered only while somebody looks, because a
//! sweep over all of them costs as much as a hundred readings. All amounts are bytes.
//!
//! Names come from whoever started the process or the container: they are text, whatever they hold.

use serde::{Deserialize, Serialize};

/// Processes that a sweep tells of at most.
pub const MOST_PROCESSES: usize = 30;
/// Control groups that a sweep tells of at most.
pub const MOST_GROUPS: usize = 60;

/// One sweep over a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// When it was taken, by the node's monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// How long it took, in µs.
    pub took_us: u64,
    /// All processes there are, those without memory of their own (kernel threads) included.
    pub process_count: u32,
    /// Those that hold the most, largest [`ProcessUsage::own`] first.
    pub processes: Vec<ProcessUsage>,
    /// All control groups that were found.
    pub group_count: u32,
    /// Those that hold the most, largest [`GroupUsage::working_set`] first.
    pub groups: Vec<GroupUsage>,
    /// Why there are no control groups to tell of, in a sentence for people.
    pub no_groups: Option<String>,
}

/// What one process holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessUsage {
    /// Its number.
    pub pid: u32,
    /// The name it gives itself (`/proc/PID/comm`).
    pub name: String,
    /// Its own memory in RAM: heap, stack and other pages backed by no file (`RssAnon`).
    pub anon: u64,
    /// Shared memory it has mapped (`RssShmem`); others may have mapped the same.
    pub shmem: u64,
    /// Pages of files it has mapped (`RssFile`): the kernel can drop most of them.
    pub file: u64,
    /// What of it was swapped out (`VmSwap`).
    pub swap: u64,
    /// Its share of memory, where each shared page is divided among those who share it (`Pss`);
    /// `None` where it was not measured: it is slow, and needs rights.
    pub pss: Option<u64>,
}

impl ProcessUsage {
    /// What would come free if it ended and shared its memory with nobody: `anon + shmem + swap`.
    #[must_use]
    pub fn own(&self) -> u64 {
        self.anon.saturating_add(self.shmem).saturating_add(self.swap)
    }
}

/// What one control group holds (`Documentation/admin-guide/cgroup-v2.rst`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupUsage {
    /// Its path below the root of control groups, such as `/system.slice/ssh.service`.
    pub path: String,
    /// A name for people, such as `ssh` or the container's name.
    pub name: String,
    /// What it is, in a word or two: `service`, `docker`, `pod`, `LXC`.
    pub kind: String,
    /// All memory charged to it, page cache included (`memory.current`).
    pub current: u64,
    /// Of that, cache that is dropped first (`inactive_file` of `memory.stat`).
    pub inactive_file: u64,
    /// What of it was swapped out (`memory.swap.current`).
    pub swap: Option<u64>,
    /// The most it may hold (`memory.max`); `None` is no limit.
    pub limit: Option<u64>,
    /// Where the kernel begins to slow it down (`memory.high`); `None` is no limit.
    pub high: Option<u64>,
    /// Processes in it, and in groups below it, that were killed for want of memory (`oom_kill` of
    /// `memory.events`).
    pub oom_kills: Option<u64>,
    /// How often it reached its limit (`max` of `memory.events`).
    pub limit_hits: Option<u64>,
}

impl GroupUsage {
    /// What it really needs, as docker and kubelet count it: `current − inactive_file`.
    #[must_use]
    pub fn working_set(&self) -> u64 {
        self.current.saturating_sub(self.inactive_file)
    }
}
