//! A node made of files.

use std::fs;
use std::path::PathBuf;

use shared::Sample;
use shared::survey::Finding;

use crate::doctor::{Case, Derived, judge, wants_writers};
use crate::probe::survey::{Tmpfs, survey};
use crate::probe::tree::Tree;
use crate::probe::{Probe, Roots, host};

/// A machine on which nothing is wrong: 8 GB, a kernel that tells everything.
pub(super) const HEALTHY: &[(&str, &str)] = &[
    (
        "proc/meminfo",
        "MemTotal: 8000000 kB\nMemFree: 4000000 kB\nMemAvailable: 6000000 kB\n\
         Active(file): 1000000 kB\nInactive(file): 1000000 kB\nKReclaimable: 50000 kB\n\
         SwapTotal: 2000000 kB\nSwapFree: 2000000 kB\nZswap: 0 kB\nZswapped: 0 kB\n\
         HardwareCorrupted: 0 kB\nCmaTotal: 0 kB\nBalloon: 0 kB\nHugePages_Total: 0\n\
         HugePages_Free: 0\nHugePages_Rsvd: 0\nHugepagesize: 2048 kB\n",
    ),
    ("proc/vmstat", "pswpin 0\noom_kill 0\n"),
    ("proc/pressure/memory", "some avg10=0.00 total=0\nfull avg10=0.00 total=0\n"),
    ("proc/cmdline", "root=/dev/sda1 quiet\n"),
    ("proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 2000000 0 -2\n"),
    ("proc/sys/kernel/osrelease", "6.12.1-amd64\n"),
    ("proc/sys/vm/min_free_kbytes", "11314\n"),
    ("proc/self/uid_map", "0 0 4294967295\n"),
    ("proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"),
    ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n"),
    ("sys/class/rtc/rtc0/name", "rtc_cmos\n"),
    ("sys/devices/system/node/node0/meminfo", ""),
    ("sys/module/zswap/parameters/enabled", "N\n"),
];

/// A Raspberry Pi on which everything is off, and much is wrong.
pub(super) const PI: &[(&str, &str)] = &[
    (
        "proc/meminfo",
        "MemTotal: 400000 kB\nMemFree: 150000 kB\nMemAvailable: 160000 kB\n\
         Active(file): 40000 kB\nInactive(file): 40000 kB\nSReclaimable: 8000 kB\n\
         CmaTotal: 262144 kB\nCmaFree: 100000 kB\n",
    ),
    ("proc/cmdline", "numa=fake=2 cgroup_disable=memory root=/dev/mmcblk0p2\n"),
    ("proc/swaps", "Filename Type Size Used Priority\n/var/swap file 102396 0 -2\n"),
    ("proc/sys/kernel/osrelease", "6.12.34+rpt-rpi-v7\n"),
    ("proc/sys/vm/min_free_kbytes", "16384\n"),
    ("proc/self/uid_map", "0 0 4294967295\n"),
    ("proc/self/mountinfo", "1 0 179:2 / / rw - ext4 /dev/root rw\n"),
    ("proc/device-tree/model", "Raspberry Pi Zero 2 W Rev 1.0\0"),
    ("proc/device-tree/compatible", "raspberrypi,model-zero-2-w\0"),
    ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n"),
    ("sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
    ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"),
    ("sys/devices/system/node/node0/meminfo", ""),
    ("sys/devices/system/node/node1/meminfo", ""),
    ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
    // Three days, and 3.6 GB.
    ("proc/uptime", "259200.12 900000.00\n"),
    ("proc/diskstats", "179 0 mmcblk0 90 1 8000 1 88 7 7031250 90 0 9 9 0 0 0 0 0 0\n"),
    ("sys/block/mmcblk0/device/type", "SD\n"),
    ("sys/block/mmcblk0/size", "62333952\n"),
    ("sys/block/mmcblk0/mmcblk0p2/partition", "2\n"),
    ("proc/1/io", "write_bytes: 9000000\ncancelled_write_bytes: 0\n"),
    ("proc/1/comm", "systemd\n"),
    ("proc/1/cgroup", "0::/init.scope\n"),
    ("proc/300/io", "write_bytes: 1230000000\ncancelled_write_bytes: 0\n"),
    ("proc/300/comm", "systemd-journal\n"),
    ("proc/300/cgroup", "0::/system.slice/systemd-journald.service\n"),
    ("proc/400/io", "write_bytes: 93000000\ncancelled_write_bytes: 0\n"),
    ("proc/400/comm", "headroom\n"),
    ("proc/400/cgroup", "0::/system.slice/headroom.service\n"),
];

pub(super) struct Node {
    tree: Tree,
    pub(super) derived: Derived,
    pub(super) tmpfs: Vec<Tmpfs>,
    pub(super) asked: bool,
    /// Whether a person asked who wrote to disks.
    pub(super) person: bool,
}

impl Node {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let (tree, derived) = (Tree::new(files), Derived::default());
        Self { tree, derived, tmpfs: Vec::new(), asked: false, person: false }
    }

    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        self.tree.write(path, text);
    }

    pub(super) fn remove(&self, path: &str) {
        self.tree.remove(path);
    }

    /// Adds lines to meminfo, which count before those that are there.
    pub(super) fn meminfo(&self, lines: &str) {
        let path = self.path("proc/meminfo");
        let rest = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{lines}{rest}")).unwrap();
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.tree.path(path)
    }

    pub(super) fn roots(&self) -> Roots {
        self.tree.roots()
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let roots = self.roots();
        let sample = Probe::open(&roots).read().map_or(Sample::EMPTY, |taken| taken.sample);
        let mut evidence = survey(&roots);
        evidence.tmpfs.clone_from(&self.tmpfs);
        if self.asked {
            evidence.ask_firmware();
        }
        if self.person || wants_writers(&evidence) {
            evidence.ask_who_wrote();
        }
        evidence.writes.is_asked = self.person;
        evidence.writes.data_dir = self.person.then(|| "/var/lib/headroom".into());
        let facts = host::facts(&roots);
        judge(&Case { evidence: &evidence, facts: &facts, sample: &sample, derived: &self.derived })
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.findings().into_iter().map(|finding| finding.id).collect()
    }

    /// The only finding.
    pub(super) fn one(&self, id: &str) -> Finding {
        let mut findings = self.findings();
        assert_eq!(findings.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(), [id]);
        let finding = findings.remove(0);
        let root = self.path("");
        assert!(finding.evidence.contains(root.to_str().unwrap()) || id == "tmpfs", "{finding:?}");
        finding
    }
}
