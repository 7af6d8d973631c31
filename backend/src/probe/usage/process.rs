//! Processes: `statm` of all of them by kept descriptors, `status` of those that may be among the
//! largest, `smaps_rollup` of a few (`Documentation/filesystems/proc.rst`).
//!
//! What `statm` does not tell is remembered from the last `status`: of `shared`, how much is shared
//! memory and how much are files, and what was swapped out. A process is asked for its `status` when
//! it is first seen (so the first sweep asks all: some 14 µs each, once), when swap comes into use,
//! when what it may hold puts it among the largest, and in its turn.

mod status;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use shared::usage::{MOST_PROCESSES, ProcessUsage};

use super::super::{files, parse};
use super::largest;
use status::Status;

/// No more descriptors are kept than this; beyond, a file is opened for each reading.
const MOST_KEPT: u64 = 512;
/// Sweeps in which each process is asked for its `status` once: while there is swap in use, a process
/// that has all but vanished from RAM is found within that many.
const TURNS_WITH_SWAP: u32 = 8;
/// The same while there is none: files that gave way to as much shared memory are all that is found.
const TURNS: u32 = 32;
/// Sweeps in which one without memory is looked at once: a kernel thread has none for ever, but its
/// number may have gone to another.
const TURNS_OF_BARE: u32 = 8;
/// So many of the largest are measured by `smaps_rollup`, if time allows.
const MOST_PSS: usize = 10;
/// A process with more in RAM than this is not measured so: the kernel walks all of its pages with its
/// map locked, some 14 µs for each MiB of them, which is more than the process should be held up for.
const MOST_PSS_BYTES: u64 = 2 << 30;
/// Room for one text. `status` is 1.5 kB, unless a process is in hundreds of groups.
const BUFFER_BYTES: usize = 16 * 1024;

/// The processes under a proc root.
pub(super) struct Processes {
    root: PathBuf,
    page_size: u64,
    most_kept: usize,
    known: BTreeMap<u32, Known>,
    round: u32,
    swap_in_use: bool,
    buffer: Vec<u8>,
}

/// What is remembered of a process.
#[derive(Default)]
struct Known {
    /// Its kept `statm`: once the process has ended it fails with ESRCH, even if another has the
    /// number now.
    kept: Option<File>,
    /// The sweep that last saw it, from 1.
    round: u32,
    now: Statm,
    /// Its last `status`, the sweep of that, and the `statm` before it.
    status: Option<(Status, u32, Statm)>,
    /// `smaps_rollup` is not for us.
    no_pss: bool,
}

/// Of `statm`, in bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Statm {
    /// Address space; 0 has no memory at all: a kernel thread, or a process that has ended.
    size: u64,
    /// `RssAnon`: resident without shared.
    anon: u64,
    /// `RssFile` and `RssShmem`.
    shared: u64,
}

impl Statm {
    /// `size resident shared text lib data dt`, in pages (`proc_pid_statm(5)`).
    fn parse(text: &[u8], page_size: u64) -> Option<Self> {
        let mut pages = parse::words(text).map(parse::number);
        let mut next = || pages.next().flatten();
        let (size, resident, shared) = (next()?, next()?, next()?);
        let bytes = |pages: u64| pages.saturating_mul(page_size);
        let anon = bytes(resident.saturating_sub(shared));
        Some(Self { size: bytes(size), anon, shared: bytes(shared) })
    }
}

impl Known {
    /// The most it can hold of its own, as far as one can tell without asking: what has come to its
    /// shared pages since it was last asked may be shared memory, and what has gone from its own may
    /// be in swap. Whoever is overrated by this is asked, and from then on rated truly.
    fn bound(&self, swap_in_use: bool) -> u64 {
        let Some((status, _, then)) = &self.status else { return u64::MAX };
        let more_shared = self.now.shared.saturating_sub(then.shared);
        let shmem = status.shmem.saturating_add(more_shared).min(self.now.shared);
        let gone = if swap_in_use { then.anon.saturating_sub(self.now.anon) } else { 0 };
        self.now.anon.saturating_add(shmem).saturating_add(status.swap).saturating_add(gone)
    }
}

impl Processes {
    pub(super) fn new(root: &Path, page_size: u64) -> Self {
        Self {
            root: root.to_owned(),
            page_size,
            most_kept: most_kept(),
            known: BTreeMap::new(),
            round: 0,
            swap_in_use: false,
            buffer: vec![0; BUFFER_BYTES],
        }
    }

    /// How many there are, and the largest.
    pub(super) fn take(&mut self, swap_in_use: bool) -> (u32, Vec<ProcessUsage>) {
        self.round += 1;
        let swap_is_new = swap_in_use && !self.swap_in_use;
        self.swap_in_use = swap_in_use;
        let turns = if swap_in_use { TURNS_WITH_SWAP } else { TURNS };
        let mut room = self.most_kept.saturating_sub(self.kept());
        let pids = pids(&self.root);
        for &pid in &pids {
            let turn = pid.wrapping_add(self.round);
            let found = self.look(pid, turn.is_multiple_of(TURNS_OF_BARE), &mut room);
            if found && (swap_is_new || turn.is_multiple_of(turns)) {
                self.ask(pid);
            }
        }
        // Who was not seen has ended.
        let round = self.round;
        self.known.retain(|_, known| known.round == round);

        let with_memory = self.known.iter().filter(|(_, known)| known.now.size > 0);
        let bounded = with_memory.map(|(&pid, known)| (known.bound(swap_in_use), pid)).collect();
        let largest = largest(bounded, MOST_PROCESSES, |pid| self.measure(pid), ProcessUsage::own);
        (pids.len() as u32, largest)
    }

    /// Reads the `statm` of a process, and its `status` if it is new; whether it has memory.
    fn look(&mut self, pid: u32, turn_of_bare: bool, room: &mut usize) -> bool {
        let known = self.known.entry(pid).or_default();
        let is_bare = known.round > 0 && known.now.size == 0;
        if is_bare && !turn_of_bare {
            known.round = self.round;
            return false;
        }
        if let Some(kept) = &known.kept {
            if let Ok(text) = files::beginning(kept, &mut self.buffer) {
                known.now = Statm::parse(text, self.page_size).unwrap_or_default();
            } else {
                *room += 1;
                *known = Known::default();
            }
        }
        if known.kept.is_none() {
            let Ok(file) = File::open(path(&self.root, pid, "statm")) else { return false };
            let Ok(text) = files::beginning(&file, &mut self.buffer) else { return false };
            known.now = Statm::parse(text, self.page_size).unwrap_or_default();
            if *room > 0 && known.now.size > 0 && files::is_made_by_the_kernel(&file) {
                *room -= 1;
                known.kept = Some(file);
            }
        }
        known.round = self.round;
        let has_memory = known.now.size > 0;
        if has_memory && known.status.is_none() {
            self.ask(pid);
        }
        has_memory
    }

    /// Reads the `status` of a process, unless this sweep did.
    fn ask(&mut self, pid: u32) -> Option<&Status> {
        let known = self.known.get_mut(&pid)?;
        let fresh = matches!(&known.status, Some((_, round, _)) if *round == self.round);
        if !fresh {
            let file = File::open(path(&self.root, pid, "status")).ok()?;
            let text = files::beginning(&file, &mut self.buffer).ok()?;
            let status = Status::parse(text, known.now.anon, known.now.shared)?;
            // Another program has other rights, and so has another process of the same number.
            let renamed = |(then, ..): &(Status, _, _)| then.name != status.name;
            if known.status.as_ref().is_some_and(renamed) {
                known.no_pss = false;
            }
            known.status = Some((status, self.round, known.now));
        }
        known.status.as_ref().map(|(status, ..)| status)
    }

    fn measure(&mut self, pid: u32) -> Option<ProcessUsage> {
        let Status { name, anon, shmem, file, swap } = self.ask(pid)?;
        Some(ProcessUsage {
            pid,
            name: name.clone(),
            anon: *anon,
            shmem: *shmem,
            file: *file,
            swap: *swap,
            pss: None,
        })
    }

    /// Measures the `pss` of the first of `processes`, as long as there is `time_left`.
    pub(super) fn measure_pss(
        &mut self,
        processes: &mut [ProcessUsage],
        time_left: &mut dyn FnMut() -> bool,
    ) {
        let mut measured = 0;
        for process in processes {
            let Some(known) = self.known.get_mut(&process.pid) else { continue };
            let resident = process.anon.saturating_add(process.shmem).saturating_add(process.file);
            if known.no_pss || resident > MOST_PSS_BYTES {
                continue;
            }
            if measured == MOST_PSS || !time_left() {
                break;
            }
            let read = File::open(path(&self.root, process.pid, "smaps_rollup"))
                .and_then(|file| Ok(status::pss(files::beginning(&file, &mut self.buffer)?)));
            match read {
                Ok(pss) => process.pss = pss,
                // Without the right to it, or on kernels before 4.14: it would fail each time.
                Err(error) => known.no_pss = is_lasting(&error),
            }
            measured += usize::from(process.pss.is_some());
        }
    }

    fn kept(&self) -> usize {
        self.known.values().filter(|known| known.kept.is_some()).count()
    }
}

fn is_lasting(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound)
}

fn path(root: &Path, pid: u32, file: &str) -> PathBuf {
    root.join(format!("{pid}/{file}"))
}

/// The folders that are named by a number.
fn pids(root: &Path) -> Vec<u32> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A head has connections to keep as well: three quarters of what the system allows are left.
#[cfg(unix)]
fn most_kept() -> usize {
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    allowed.map_or(MOST_KEPT, |files| (files / 4).min(MOST_KEPT)) as usize
}

#[cfg(not(unix))]
fn most_kept() -> usize {
    MOST_KEPT as usize
}

#[cfg(test)]
mod tests;
