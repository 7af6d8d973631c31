//! Who wrote to disks: control groups, where the io controller counts for them, and processes.
//!
//! * `io.stat` of a control group (`Documentation/admin-guide/cgroup-v2.rst`) tells of each disk what was
//!   written to it, and goes on to count what its processes wrote once they have ended.
//! * `/proc/PID/io` (`proc_pid_io(5)`) tells what a process gave the kernel to write, whatever the disk,
//!   with the processes that it waited for. Others' may only be read by root.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::seen::{Content, bytes};
use super::{Roots, Seen};
use crate::probe::usage::{name, walk};

/// What this program is called wherever it is told of.
pub const HEADROOM: &str = "Headroom";
/// Its threads are called after what they do at the moment, and for whom.
const KERNEL: &str = "the kernel";
/// What the groups that are gone had written.
const ENDED: &str = "services that ended";
/// No more processes are looked at than this.
const MOST_PROCESSES: usize = 20_000;

/// Who wrote since boot. All names are safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Control groups: the disk's number, and who wrote to it.
    pub groups: Vec<((u32, u32), Wrote)>,
    /// Where the groups are.
    pub groups_dir: PathBuf,
    /// Processes, by the services they belong to, whatever disk they wrote to.
    pub processes: Vec<Wrote>,
    /// How many processes told.
    pub told: u32,
    /// How many may not be read.
    pub hidden: u32,
}

impl Who {
    /// Whether most of it is hidden: only root may read it.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.hidden > self.told
    }
}

/// Who wrote, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrote {
    /// A service, or a program.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
}

impl Who {
    pub(super) fn read(roots: &Roots) -> Self {
        let mut who = Self::default();
        who.ask_groups(&roots.sys);
        who.ask_processes(&roots.proc);
        who
    }

    fn ask_groups(&mut self, sys: &Path) {
        let base = sys.join("fs/cgroup");
        let counts = |dir: &&PathBuf| {
            let controllers = Seen::at(dir.join("cgroup.controllers"));
            controllers.word().is_some_and(|all| all.split_ascii_whitespace().any(|it| it == "io"))
        };
        let Some(root) = [base.join("unified"), base].iter().find(counts).cloned() else { return };
        let has_count = |group: &Path| group.join("io.stat").exists();
        let mut sums: BTreeMap<((u32, u32), String), u64> = BTreeMap::new();
        for group in walk::walk(&root, false, has_count) {
            // What the root counts is of all, and the disk tells that itself.
            if group.path == "/" {
                continue;
            }
            let shown = group.name.shown;
            let is_own = matches!(shown.as_str(), "headroom" | "headroom-agent");
            let name = if is_own { HEADROOM.to_owned() } else { shown };
            for (device, bytes) in written_by(&group.dir) {
                *sums.entry((device, name.clone())).or_default() += bytes;
            }
        }
        // Groups that are gone are still counted by those they were in.
        let mut ended: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        let below = fs::read_dir(&root).into_iter().flatten().flatten();
        for (device, bytes) in below.flat_map(|group| written_by(&group.path())) {
            *ended.entry(device).or_default() += bytes;
        }
        for ((device, _), bytes) in &sums {
            ended.entry(*device).and_modify(|all| *all = all.saturating_sub(*bytes));
        }
        let ended = ended.into_iter().map(|(device, bytes)| ((device, ENDED.to_owned()), bytes));
        let all = sums.into_iter().chain(ended).filter(|(_, bytes)| *bytes > 0);
        self.groups = all.map(|((device, name), bytes)| (device, Wrote { name, bytes })).collect();
        self.groups.sort_by_key(|(_, wrote)| Reverse(wrote.bytes));
        self.groups_dir = root;
    }

    fn ask_processes(&mut self, proc: &Path) {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        let entries = fs::read_dir(proc).into_iter().flatten().flatten();
        let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let processes = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_process));
        for dir in processes.take(MOST_PROCESSES).map(|entry| entry.path()) {
            match bytes(&dir.join("io")) {
                Ok(io) => {
                    self.told += 1;
                    let written = written(&String::from_utf8_lossy(&io));
                    if written > 0 {
                        *sums.entry(process_name(&dir)).or_default() += written;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.hidden += 1,
                // It has ended.
                Err(_) => {}
            }
        }
        self.processes = sums.into_iter().map(|(name, bytes)| Wrote { name, bytes }).collect();
        self.processes.sort_by_key(|wrote| Reverse(wrote.bytes));
    }

    /// Who wrote to a disk, as their groups tell.
    #[must_use]
    pub fn of_disk(&self, device: (u32, u32)) -> Vec<Wrote> {
        let of_it = self.groups.iter().filter(|(of, _)| *of == device);
        of_it.map(|(_, wrote)| wrote.clone()).collect()
    }
}

/// Lines like `179:0 rbytes=90112 wbytes=299008 rios=8950 wios=1252 dbytes=0 dios=0`.
fn written_by(group: &Path) -> Vec<((u32, u32), u64)> {
    let Content::Text(text) = Seen::at(group.join("io.stat")).content else { return Vec::new() };
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (major, minor) = words.next()?.split_once(':')?;
        let bytes = words.find_map(|word| word.strip_prefix("wbytes="))?.parse().ok()?;
        Some(((major.parse().ok()?, minor.parse().ok()?), bytes))
    };
    text.lines().filter_map(line).collect()
}

/// What a process gave to be written, less what was thrown away before it was.
fn written(io: &str) -> u64 {
    let number = |key: &str| -> Option<u64> {
        io.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
    };
    let cancelled = number("cancelled_write_bytes:").unwrap_or(0);
    number("write_bytes:").unwrap_or(0).saturating_sub(cancelled)
}

/// The service or container that a process is of, or what it calls itself.
fn process_name(dir: &Path) -> String {
    let comm = Seen::at(dir.join("comm"));
    let comm = name::clean(comm.word().unwrap_or_default());
    if comm == "headroom" {
        return HEADROOM.into();
    }
    if comm.starts_with("kworker/") || comm.starts_with("jbd2/") {
        return KERNEL.into();
    }
    let groups = Seen::at(dir.join("cgroup"));
    let lines = groups.text().unwrap_or_default().lines();
    // `0::/system.slice/ssh.service` of version 2, `1:name=systemd:/…` before.
    let path = |line: &str| {
        let mut parts = line.splitn(3, ':');
        let (number, kind, path) = (parts.next()?, parts.next()?, parts.next()?);
        let tells = (number == "0" || kind == "name=systemd") && path.len() > 1;
        tells.then(|| path.to_owned())
    };
    let of_group = lines.filter_map(path).find_map(|path| {
        let named = name::name(&path)?;
        // What people started by hand is all in the one scope of their session.
        (named.whole || named.kind == "service").then_some(named.shown)
    });
    of_group.unwrap_or(comm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tree::Tree;

    fn shown(wrote: &[Wrote]) -> Vec<(&str, u64)> {
        wrote.iter().map(|wrote| (wrote.name.as_str(), wrote.bytes)).collect()
    }

    #[test]
    fn groups_tell_of_each_disk_and_of_what_ended() {
        let group = "sys/fs/cgroup/system.slice";
        let tree = Tree::new(&[
            ("sys/fs/cgroup/cgroup.controllers", "cpu io memory\n"),
            ("sys/fs/cgroup/io.stat", "179:0 rbytes=1 wbytes=9999\n"),
            (&format!("{group}/io.stat"), "179:0 rbytes=0 wbytes=1000 rios=0\n8:0 wbytes=70\n"),
            (&format!("{group}/ssh.service/io.stat"), "179:0 rbytes=5 wbytes=100 rios=0\n"),
            (&format!("{group}/headroom.service/io.stat"), "179:0 wbytes=30\n"),
            (&format!("{group}/headroom-agent.service/io.stat"), "179:0 wbytes=3\nx\n7 wbytes=1\n"),
            ("sys/fs/cgroup/init.scope/io.stat", ""),
        ]);
        let who = Who::read(&tree.roots());
        let of_card = who.of_disk((179, 0));
        assert_eq!(shown(&of_card), [(ENDED, 867), ("ssh", 100), (HEADROOM, 33)]);
        assert_eq!(shown(&who.of_disk((8, 0))), [(ENDED, 70)]);
        let off = Tree::new(&[
            ("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
            ("sys/fs/cgroup/a.slice/io.stat", "179:0 wbytes=1000\n"),
        ]);
        assert_eq!(Who::read(&off.roots()), Who::default());
    }

    #[test]
    fn processes_are_told_by_their_services() {
        let io = |bytes: u64, cancelled: u64| {
            format!("rchar: 9\nwrite_bytes: {bytes}\ncancelled_write_bytes: {cancelled}\n")
        };
        let tree = Tree::new::<str>(&[
            ("proc/1/io", &io(50, 0)),
            ("proc/1/comm", "systemd\n"),
            ("proc/1/cgroup", "0::/init.scope\n"),
            ("proc/7/io", &io(400, 100)),
            ("proc/7/comm", "journald\n"),
            ("proc/7/cgroup", "0::/system.slice/systemd-journald.service\n"),
            ("proc/8/io", &io(9, 0)),
            ("proc/8/comm", "headroom\n"),
            ("proc/8/cgroup", "0::/system.slice/headroom.service\n"),
            ("proc/9/io", &io(5, 0)),
            ("proc/9/comm", "vi\u{1b}m\n"),
            ("proc/9/cgroup", "0::/user.slice/user-1000.slice/session-3.scope\n"),
            ("proc/5/io", &io(2, 0)),
            ("proc/5/comm", "kworker/u8:2-ext4-rsv\n"),
            ("proc/5/cgroup", "0::/\n"),
            ("proc/10/io", &io(0, 100)),
            ("proc/11/io", &io(1, 0)),
            ("proc/11/comm", "old\n"),
            ("proc/11/cgroup", "4:memory:/x\n1:name=systemd:/system.slice/cron.service\n0::/\n"),
            ("proc/self/io", &io(1_000_000, 0)),
        ]);
        let who = Who::read(&tree.roots());
        let expected = [
            ("systemd-journald", 300),
            ("systemd", 50),
            (HEADROOM, 9),
            ("vim", 5),
            (KERNEL, 2),
            ("cron", 1),
        ];
        assert_eq!(shown(&who.processes), expected);
        assert_eq!((who.told, who.hidden), (7, 0));
    }

    #[test]
    fn this_process_is_told_of() {
        let path = std::env::temp_dir().join(format!("headroom-writers-{}", std::process::id()));
        fs::write(&path, vec![1; 1 << 20]).unwrap();
        let who = Who::read(&Roots::default());
        fs::remove_file(&path).unwrap();
        assert!(who.told > 0);
        assert!(who.processes.iter().all(|wrote| wrote.bytes > 0 && !wrote.name.is_empty()));
    }
}
