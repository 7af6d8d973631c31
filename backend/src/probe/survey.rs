//! What changes rarely on a node, read once with the files it came from: the board, the swap areas,
//! and what says that a number is missing or misleads.

mod board;
mod mounts;
mod seen;
mod swap;
mod writers;
mod writes;

use std::path::{Path, PathBuf};

use shared::survey::{Survey, SwapArea, ZramDevice};

use super::Roots;
use super::sensors::entries as below;

pub use board::Board;
pub use mounts::{Mount, Tmpfs};
pub use seen::{Content, Seen, clean, name};
pub use swap::{Swap, Zram, Zswap};
pub use writers::{HEADROOM, Who, Wrote};
pub use writes::{Disk, DiskKind, Writes};

/// The raw facts. A file that is not there is [`Content::Absent`], which may be telling too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The trees it was read from.
    pub roots: Roots,
    /// `/proc/meminfo`.
    pub meminfo: Seen,
    /// `/proc/cmdline`: what the kernel was started with.
    pub cmdline: Seen,
    /// `/proc/sys/kernel/osrelease`, such as `6.12.34+rpt-rpi-v8`.
    pub release: Seen,
    /// `/boot/config-…` of the running kernel; looked for only where proc is the system's own.
    pub kernel_config: Seen,
    /// `/proc/pressure/memory`; absent where PSI is off (`Documentation/accounting/psi.rst`).
    pub pressure: Seen,
    /// `/proc/sys/vm/min_free_kbytes`, in KiB.
    pub min_free: Seen,
    /// `/proc/spl/kstat/zfs/arcstats`, in bytes; there where ZFS is in use.
    pub arcstats: Seen,
    /// The board and its RAM.
    pub board: Board,
    /// `/proc/swaps`.
    pub swaps_file: Seen,
    /// Its areas.
    pub swaps: Vec<Swap>,
    /// The zram devices in use.
    pub zram: Vec<Zram>,
    /// The parameters of zswap.
    pub zswap: Zswap,
    /// Every tmpfs, where proc is the system's own.
    pub tmpfs: Vec<Tmpfs>,
    /// The line of mountinfo that puts lxcfs in the place of `/proc/meminfo`, with that file.
    pub lxcfs: Option<Quote>,
    /// The container that this is, and what shows it.
    pub container: Option<(String, Quote)>,
    /// Whether cpuinfo says that a hypervisor runs below.
    pub is_virtual: bool,
    /// `cgroup.controllers` of the root of cgroup v2 that is visible.
    pub controllers: Seen,
    /// Whether there is a `/sys/fs/cgroup/memory` of cgroup v1.
    pub has_memory_v1: bool,
    /// The limit of the whole tree that is visible: `memory.max`, or `memory.limit_in_bytes` of v1.
    pub memory_limit: Seen,
    /// `/sys/class/rtc`, if there is a `/sys/class`; and its clocks.
    pub clocks: Option<(PathBuf, usize)>,
    /// The alarm of the sensor `rpi_volt`: 1 while the voltage is too low.
    pub under_voltage: Option<Seen>,
    /// The firmware's `get_throttled`; only after [`Evidence::ask_firmware`].
    pub throttled: Option<Seen>,
    /// What was written to disks since boot.
    pub writes: Writes,
    mounts: Vec<Mount>,
}

/// What was read, with its file, safe to print.
pub type Quote = String;

/// Looks at everything below `roots` that does not move, or moves slowly.
///
/// The firmware of a Raspberry Pi is not asked: see [`Evidence::ask_firmware`].
#[must_use]
pub fn survey(roots: &Roots) -> Evidence {
    let proc = |file: &str| Seen::at(roots.proc.join(file));
    let own = roots.proc == Path::new("/proc");
    let release = proc("sys/kernel/osrelease");
    let Surroundings { mounts, lxcfs, memory_limit, container, .. } = Surroundings::of(roots);
    let swaps_file = proc("swaps");
    let swaps = swap::areas(swaps_file.text().unwrap_or_default(), &mounts, roots);
    Evidence {
        roots: roots.clone(),
        meminfo: proc("meminfo"),
        cmdline: proc("cmdline"),
        kernel_config: kernel_config(own, &release),
        pressure: proc("pressure/memory"),
        min_free: proc("sys/vm/min_free_kbytes"),
        arcstats: proc("spl/kstat/zfs/arcstats"),
        board: Board::read(roots),
        zram: swap::zram(roots, &swaps),
        zswap: Zswap::read(roots),
        tmpfs: if own { mounts::tmpfs(&mounts) } else { Vec::new() },
        container,
        is_virtual: is_virtual(&proc("cpuinfo")),
        controllers: controllers(&roots.sys),
        has_memory_v1: roots.sys.join("fs/cgroup/memory").is_dir(),
        clocks: clocks(&roots.sys),
        under_voltage: under_voltage(&roots.sys),
        throttled: None,
        writes: Writes::read(roots),
        release,
        swaps_file,
        swaps,
        lxcfs,
        memory_limit,
        mounts,
    }
}

/// What says whether this is a whole machine.
pub(super) struct Surroundings {
    /// The line of mountinfo that puts lxcfs in the place of `/proc/meminfo`, with that file.
    pub(super) lxcfs: Option<Quote>,
    /// The container that this is, and what shows it.
    pub(super) container: Option<(String, Quote)>,
    /// Whether the mounts are told at all.
    pub(super) has_mounts: bool,
    mounts: Vec<Mount>,
    memory_limit: Seen,
}

impl Surroundings {
    pub(super) fn of(roots: &Roots) -> Self {
        let mountinfo = Seen::at(roots.witness().join("mountinfo"));
        let mounts = mounts::parse(mountinfo.text().unwrap_or_default());
        let lxcfs = lxcfs(&mountinfo, &mounts);
        // In a container `/sys` shows the container's own groups, whichever `/proc` is read.
        let is_ours = roots.are_around() && roots.sys == Path::new("/sys");
        let memory_limit = if is_ours { Seen::default() } else { memory_limit(&roots.sys) };
        let own = roots.proc == Path::new("/proc");
        let container = container(roots, own, lxcfs.as_ref(), &memory_limit);
        Self { lxcfs, container, has_mounts: mountinfo.text().is_some(), mounts, memory_limit }
    }
}

impl Evidence {
    /// Reads the firmware's `get_throttled` too, if it has one. The kernel then logs once that the
    /// file is deprecated, with a stack trace, so only people may ask for it.
    pub fn ask_firmware(&mut self) {
        self.throttled = get_throttled(&self.roots.sys);
    }

    /// Looks for who wrote to disks, in the files of all processes and control groups: too much work to
    /// be done once a minute where nothing is wrong.
    pub fn ask_who_wrote(&mut self) {
        self.writes.who = Some(Who::read(&self.roots));
    }

    /// The disk that holds `path`, as far as that is known.
    #[must_use]
    pub fn disk_of(&self, path: &Path) -> Option<String> {
        writes::disk_of(path, &self.mounts, &self.roots.sys)
    }

    /// The survey, without findings.
    #[must_use]
    pub fn survey(&self) -> Survey {
        let virtual_machine = || self.is_virtual.then(|| "virtual machine".to_owned());
        Survey {
            installed: self.board.installed,
            handed: self.board.handed,
            numa_nodes: Some(self.board.numa_nodes).filter(|&nodes| nodes > 0),
            container: self
                .container
                .as_ref()
                .map(|(kind, _)| kind.clone())
                .or_else(virtual_machine),
            swaps: self.swaps.iter().map(|swap| printable_area(&swap.area)).collect(),
            zram: self.zram.iter().map(|zram| printable_device(&zram.device)).collect(),
            findings: Vec::new(),
        }
    }

    /// The kernel's version, such as (6, 12).
    #[must_use]
    pub fn kernel_version(&self) -> Option<(u32, u32)> {
        let mut parts = self.release.word()?.split(|c: char| !c.is_ascii_digit());
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    /// The words of the kernel's command line.
    pub fn boot_words(&self) -> impl Iterator<Item = &str> {
        self.cmdline.word().unwrap_or_default().split_ascii_whitespace()
    }

    /// A number of `arcstats` (`name type data`), in bytes.
    #[must_use]
    pub fn arc(&self, name: &str) -> Option<u64> {
        self.arcstats.text()?.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some(name)).then(|| words.nth(1)?.parse().ok())?
        })
    }
}

fn printable_area(area: &SwapArea) -> SwapArea {
    SwapArea { name: clean(&area.name), kind: clean(&area.kind), ..area.clone() }
}

fn printable_device(device: &ZramDevice) -> ZramDevice {
    let algorithm = device.algorithm.as_deref().map(clean);
    ZramDevice { name: clean(&device.name), algorithm, ..device.clone() }
}

/// The release is part of a path, so it must be a plain name.
fn kernel_config(own: bool, release: &Seen) -> Seen {
    let plain = |release: &&str| !release.is_empty() && !release.contains(['/', '\0']);
    match release.word().filter(plain).filter(|_| own) {
        Some(release) => Seen::at(format!("/boot/config-{release}").into()),
        None => Seen::default(),
    }
}

/// lxcfs mounts its own texts over single files of proc.
fn lxcfs(mountinfo: &Seen, mounts: &[Mount]) -> Option<Quote> {
    let is_it =
        |mount: &&Mount| mount.kind == "fuse.lxcfs" && mount.point.ends_with("/proc/meminfo");
    Some(mountinfo.quote_part(&mounts.iter().find(is_it)?.line))
}

fn container(
    roots: &Roots,
    own: bool,
    lxcfs: Option<&Quote>,
    memory_limit: &Seen,
) -> Option<(String, Quote)> {
    // systemd writes here what its `systemd-detect-virt --container` says.
    let named = Seen::at("/run/systemd/container".into());
    if let Some(name) = named.word().filter(|name| own && !name.is_empty()) {
        return Some((format!("container ({})", clean(name)), named.quote()));
    }
    if let Some(line) = lxcfs {
        return Some(("container (LXC)".into(), line.clone()));
    }
    let uid_map = Seen::at(roots.witness().join("uid_map"));
    let words: Vec<&str> = uid_map.text().unwrap_or_default().split_ascii_whitespace().collect();
    if !words.is_empty() && words != ["0", "0", "4294967295"] {
        return Some(("container (user namespace)".into(), uid_map.quote()));
    }
    // The true root of cgroup v2 has no such file.
    let of_v2 = memory_limit.path.ends_with("memory.max") && memory_limit.text().is_some();
    of_v2.then(|| ("container".into(), memory_limit.quote()))
}

/// `flags : … hypervisor …` on x86.
fn is_virtual(cpuinfo: &Seen) -> bool {
    let flags = |line: &&str| line.starts_with("flags");
    let line = cpuinfo.text().and_then(|text| text.lines().find(flags)).unwrap_or_default();
    line.split_ascii_whitespace().any(|flag| flag == "hypervisor")
}

/// Of cgroup v2 alone, or beside v1 as systemd mounts it then.
fn controllers(sys: &Path) -> Seen {
    let alone = Seen::at(sys.join("fs/cgroup/cgroup.controllers"));
    let beside = Seen::at(sys.join("fs/cgroup/unified/cgroup.controllers"));
    if alone.text().is_none() && beside.text().is_some() { beside } else { alone }
}

fn memory_limit(sys: &Path) -> Seen {
    let v2 = Seen::at(sys.join("fs/cgroup/memory.max"));
    if v2.text().is_some() {
        v2
    } else {
        Seen::at(sys.join("fs/cgroup/memory/memory.limit_in_bytes"))
    }
}

fn clocks(sys: &Path) -> Option<(PathBuf, usize)> {
    let dir = sys.join("class/rtc");
    let count = below(&dir, "rtc").len();
    sys.join("class").is_dir().then_some((dir, count))
}

fn under_voltage(sys: &Path) -> Option<Seen> {
    let sensors = below(&sys.join("class/hwmon"), "hwmon");
    let is_it = |sensor: &&PathBuf| Seen::at(sensor.join("name")).word() == Some("rpi_volt");
    Some(Seen::at(sensors.iter().find(is_it)?.join("in0_lcrit_alarm")))
}

/// `/sys/devices/platform/soc/soc:firmware/get_throttled`; on a Raspberry Pi 5 the names are longer,
/// and one more directory may lie between.
fn get_throttled(sys: &Path) -> Option<Seen> {
    let named = |dir: &Path, accept: fn(&str) -> bool| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries
            .filter(|entry| entry.file_name().to_str().is_some_and(accept))
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        paths
    };
    let is_soc = |name: &str| name.starts_with("soc");
    let socs = named(&sys.join("devices/platform"), is_soc);
    let deeper: Vec<PathBuf> = socs.iter().flat_map(|soc| named(soc, is_soc)).collect();
    let firmware = |soc: &PathBuf| named(soc, |name| name.contains("firmware"));
    socs.iter()
        .chain(&deeper)
        .flat_map(firmware)
        .map(|dir| dir.join("get_throttled"))
        .find(|path| path.exists())
        .map(Seen::at)
}

#[cfg(test)]
mod tests;
