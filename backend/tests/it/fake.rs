//! A tree of files that stands for /proc and /sys, and what it says.

use std::fs;
use std::path::PathBuf;

use shared::Field;
use tempfile::TempDir;

/// Bytes in a page of [`FakeProc`], and of the machine that runs the tests.
pub(crate) const PAGE: u64 = 4096;

/// What [`FakeProc`] says, field by field, in the units of the table. It has every line that any kernel
/// has, and no limits and no ZFS, which would change what is available.
pub(crate) const VALUES: &[(Field, u64)] = &[
    (Field::Total, 3_883_512 * 1024),
    (Field::Free, 1_203_344 * 1024),
    (Field::Available, 2_716_808 * 1024),
    (Field::Buffers, 84_212 * 1024),
    (Field::Cached, 1_540_036 * 1024),
    (Field::ActiveFile, 499_976 * 1024),
    (Field::InactiveFile, 1_147_968 * 1024),
    (Field::Shmem, 61_484 * 1024),
    (Field::SlabReclaimable, 80_116 * 1024),
    (Field::KernelReclaimable, 93_220 * 1024),
    (Field::Anon, 652_104 * 1024),
    (Field::Dirty, 412 * 1024),
    (Field::SwapTotal, 2_097_148 * 1024),
    (Field::SwapFree, 2_088_956 * 1024),
    (Field::SwapCached, 1356 * 1024),
    (Field::SwappedIn, 1021),
    (Field::SwappedOut, 2043),
    (Field::MajorFaults, 3067),
    (Field::FileRefaults, 4099),
    (Field::OomKills, 7),
    (Field::PressureSome, 812_345),
    (Field::PressureFull, 412_321),
    (Field::CpuBusy, 1404),
    (Field::CpuTotal, 41_904),
    (Field::Load1, 52),
    (Field::Load5, 141),
    (Field::Load15, 237),
    (Field::CpuFrequency, 1_500_000_000),
    (Field::Temperature, 48_312),
    (Field::Active, 1_100_020 * 1024),
    (Field::Inactive, 1_200_028 * 1024),
    (Field::ActiveAnon, 600_044 * 1024),
    (Field::InactiveAnon, 52_060 * 1024),
    (Field::Unevictable, 16 * 1024),
    (Field::Mlocked, 12 * 1024),
    (Field::HighTotal, 3_145_728 * 1024),
    (Field::HighFree, 901_120 * 1024),
    (Field::LowTotal, 737_784 * 1024),
    (Field::LowFree, 302_224 * 1024),
    (Field::MmapCopy, 28 * 1024),
    (Field::Zswap, 2052 * 1024),
    (Field::Zswapped, 6500 * 1024),
    (Field::Writeback, 8 * 1024),
    (Field::Mapped, 201_308 * 1024),
    (Field::Slab, 143_336 * 1024),
    (Field::SlabUnreclaimable, 63_220 * 1024),
    (Field::KernelStack, 3104 * 1024),
    (Field::ShadowCallStack, 776 * 1024),
    (Field::PageTables, 9208 * 1024),
    (Field::SecPageTables, 20 * 1024),
    (Field::NfsUnstable, 32 * 1024),
    (Field::Bounce, 4 * 1024),
    (Field::WritebackTmp, 36 * 1024),
    (Field::CommitLimit, 4_038_904 * 1024),
    (Field::Committed, 3_300_048 * 1024),
    (Field::VmallocTotal, 245_760_000 * 1024),
    (Field::VmallocUsed, 14_404 * 1024),
    (Field::VmallocChunk, 0),
    (Field::Percpu, 1344 * 1024),
    (Field::EarlyMemtestBad, 40 * 1024),
    (Field::HardwareCorrupted, 0),
    (Field::AnonHugePages, 124_928 * 1024),
    (Field::ShmemHugePages, 10_240 * 1024),
    (Field::ShmemPmdMapped, 8192 * 1024),
    (Field::FileHugePages, 14_336 * 1024),
    (Field::FilePmdMapped, 12_288 * 1024),
    (Field::CmaTotal, 524_288 * 1024),
    (Field::CmaFree, 471_040 * 1024),
    (Field::Unaccepted, 48 * 1024),
    (Field::Balloon, 52 * 1024),
    (Field::GpuActive, 1960 * 1024),
    (Field::GpuReclaim, 1964 * 1024),
    (Field::HugePagesTotal, 3),
    (Field::HugePagesFree, 2),
    (Field::HugePagesReserved, 1),
    (Field::HugePagesSurplus, 5),
    (Field::HugePageSize, 2048 * 1024),
    (Field::Hugetlb, 6144 * 1024),
    (Field::DirectMap4k, 200_704 * 1024),
    (Field::DirectMap2M, 3_901_440 * 1024),
    (Field::DirectMap4M, 56 * 1024),
    (Field::DirectMap1G, 1_048_576 * 1024),
    (Field::SwappedInZero, 15_072),
    (Field::SwappedOutZero, 16_085),
    (Field::ZswapIn, 17_098),
    (Field::ZswapOut, 18_111),
    (Field::ZswapWriteback, 19_124),
    (Field::Faults, 99_991),
    (Field::PagedIn, 21_150 * 1024),
    (Field::PagedOut, 22_163 * 1024),
    (Field::AnonRefaults, 23_176),
    (Field::Refaults, 24_189),
    (Field::AnonActivated, 25_202),
    (Field::FileActivated, 26_215),
    (Field::AnonRestored, 27_228),
    (Field::FileRestored, 28_241),
    (Field::ScannedKswapd, 29_254),
    (Field::ScannedDirect, 30_267),
    (Field::StolenKswapd, 31_280),
    (Field::StolenDirect, 32_293),
    (Field::ScannedKhugepaged, 33_306),
    (Field::StolenKhugepaged, 34_319),
    (Field::ScannedProactive, 35_332),
    (Field::StolenProactive, 36_345),
    (Field::AllocationStalls, 37_358),
    (Field::CompactionStalls, 38_371),
    (Field::CompactionFails, 39_384),
    (Field::CompactionSuccesses, 40_397),
    (Field::HugeFaults, 41_410),
    (Field::HugeFallbacks, 42_423),
    (Field::HugeCollapses, 43_436),
    (Field::HugeSplits, 44_449),
    (Field::HugeSwapOuts, 45_462),
    (Field::KswapdRuns, 46_475),
    (Field::KswapdLowQuick, 47_488),
    (Field::KswapdHighQuick, 48_501),
    (Field::Zspages, 777 * PAGE),
    (Field::IommuTables, 31 * PAGE),
    (Field::PageDescriptions, 29 * PAGE),
    (Field::ZoneLow, (4100 + 1200) * PAGE),
    (Field::ZoneReserve, (4500 + 7000 + 1300) * PAGE),
    (Field::MinFree, 16_384 * 1024),
    (Field::ZramOriginal, 3_211_264),
    (Field::ZramCompressed, 1_003_520),
    (Field::ZramUsed, 1_052_672),
    (Field::Lxcfs, 0),
    (Field::UnderVoltage, 0),
];

/// The other fields, which tests of their own bring.
pub(crate) const ELSEWHERE: &[Field] = &[
    Field::ArcSize,
    Field::ArcFloor,
    Field::Limit,
    Field::LimitLeft,
    Field::OwnMemory,
    Field::OwnCpu,
    Field::OwnSent,
    Field::OwnWritten,
];

/// The lines of its meminfo with a unit, in KiB.
const MEMINFO: &[(&str, u64)] = &[
    ("MemTotal", 3_883_512),
    ("MemFree", 1_203_344),
    ("MemAvailable", 2_716_808),
    ("Buffers", 84_212),
    ("Cached", 1_540_036),
    ("SwapCached", 1356),
    ("Active", 1_100_020),
    ("Inactive", 1_200_028),
    ("Active(anon)", 600_044),
    ("Inactive(anon)", 52_060),
    ("Active(file)", 499_976),
    ("Inactive(file)", 1_147_968),
    ("Unevictable", 16),
    ("Mlocked", 12),
    ("HighTotal", 3_145_728),
    ("HighFree", 901_120),
    ("LowTotal", 737_784),
    ("LowFree", 302_224),
    ("MmapCopy", 28),
    ("SwapTotal", 2_097_148),
    ("SwapFree", 2_088_956),
    ("Zswap", 2052),
    ("Zswapped", 6500),
    ("Dirty", 412),
    ("Writeback", 8),
    ("AnonPages", 652_104),
    ("Mapped", 201_308),
    ("Shmem", 61_484),
    ("KReclaimable", 93_220),
    ("Slab", 143_336),
    ("SReclaimable", 80_116),
    ("SUnreclaim", 63_220),
    ("KernelStack", 3104),
    ("ShadowCallStack", 776),
    ("PageTables", 9208),
    ("SecPageTables", 20),
    ("NFS_Unstable", 32),
    ("Bounce", 4),
    ("WritebackTmp", 36),
    ("CommitLimit", 4_038_904),
    ("Committed_AS", 3_300_048),
    ("VmallocTotal", 245_760_000),
    ("VmallocUsed", 14_404),
    ("VmallocChunk", 0),
    ("Percpu", 1344),
    ("EarlyMemtestBad", 40),
    ("HardwareCorrupted", 0),
    ("AnonHugePages", 124_928),
    ("ShmemHugePages", 10_240),
    ("ShmemPmdMapped", 8192),
    ("FileHugePages", 14_336),
    ("FilePmdMapped", 12_288),
    ("CmaTotal", 524_288),
    ("CmaFree", 471_040),
    ("Unaccepted", 48),
    ("Balloon", 52),
    ("GPUActive", 1960),
    ("GPUReclaim", 1964),
    ("Hugepagesize", 2048),
    ("Hugetlb", 6144),
    ("DirectMap4k", 200_704),
    ("DirectMap2M", 3_901_440),
    ("DirectMap4M", 56),
    ("DirectMap1G", 1_048_576),
];

/// Its swap areas, half in zram and half on the card.
const SWAPS: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
     /dev/zram0                              partition\t1048572\t\t6144\t\t100\n\
     /var/swap                               file\t\t1048576\t\t2048\t\t-2\n";

/// A tree of files that stands for /proc and /sys of a Raspberry Pi named `pi-test`.
pub(crate) struct FakeProc {
    dir: TempDir,
}

impl FakeProc {
    /// A whole tree, with the [`VALUES`].
    pub(crate) fn new() -> Self {
        let fake = Self { dir: tempfile::tempdir().unwrap() };
        let meminfo = MEMINFO.iter().map(|(key, kib)| meminfo_line(key, *kib)).collect::<String>();
        let counts = "HugePages_Total:       3\nHugePages_Free:        2\n\
                      HugePages_Rsvd:        1\nHugePages_Surp:        5\n";
        fake.write("proc/meminfo", &(meminfo + counts));
        fake.write(
            "proc/vmstat",
            "nr_free_pages 300836\n\
             pswpin 1021\npswpout 2043\npgmajfault 3067\nworkingset_refault_file 4099\n\
             oom_kill 7\nswpin_zero 15072\nswpout_zero 16085\nzswpin 17098\n\
             zswpout 18111\nzswpwb 19124\npgfault 99991\npgpgin 21150\npgpgout 22163\n\
             workingset_refault_anon 23176\nworkingset_refault 24189\n\
             workingset_activate_anon 25202\nworkingset_activate_file 26215\n\
             workingset_restore_anon 27228\nworkingset_restore_file 28241\n\
             pgscan_kswapd 29254\npgscan_direct 30267\npgsteal_kswapd 31280\n\
             pgsteal_direct 32293\npgscan_khugepaged 33306\npgsteal_khugepaged 34319\n\
             pgscan_proactive 35332\npgsteal_proactive 36345\nallocstall 37358\n\
             compact_stall 38371\ncompact_fail 39384\ncompact_success 40397\n\
             thp_fault_alloc 41410\nthp_fault_fallback 42423\n\
             thp_collapse_alloc 43436\nthp_split_page 44449\nthp_swpout 45462\n\
             pageoutrun 46475\nkswapd_low_wmark_hit_quickly 47488\n\
             kswapd_high_wmark_hit_quickly 48501\nnr_zspages 777\nnr_iommu_pages 31\n\
             nr_memmap_pages 29\n",
        );
        fake.write(
            "proc/zoneinfo",
            "Node 0, zone      DMA\n  pages free     5000\n        min      4000\n        low      4100\n        \
             high     4500\n        managed  200000\n        protection: (0, 0, 7000)\n\
             Node 0, zone  HighMem\n  pages free     295836\n        min      1100\n        low      1200\n        \
             high     1300\n        managed  770878\n        protection: (0, 0, 0)\n",
        );
        fake.write("proc/sys/vm/min_free_kbytes", "16384\n");
        fake.write("proc/self/cgroup", "0::/system.slice/headroom.service\n");
        fake.write("proc/self/mountinfo", "22 27 0:21 / /proc rw,relatime - proc proc rw\n");
        fake.write("proc/swaps", SWAPS);
        fake.write(
            "proc/pressure/memory",
            "some avg10=0.10 avg60=0.20 avg300=0.30 total=812345\n\
             full avg10=0.04 avg60=0.05 avg300=0.06 total=412321\n",
        );
        fake.write(
            "proc/stat",
            "cpu  1000 20 300 40000 500 6 70 8 90 10\ncpu0 250 5 75 10000 125 2 18 2 20 3\n\
             cpu1 250 5 75 10000 125 2 18 2 20 3\ncpu2 250 5 75 10000 125 1 17 2 25 2\n\
             cpu3 250 5 75 10000 125 1 17 2 25 2\nintr 123456 1 2 3\nctxt 654321\nbtime 1700000000\n",
        );
        fake.write("proc/loadavg", "0.52 1.41 2.37 1/164 2481\n");
        fake.write(
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\nBogoMIPS\t: 108.00\n",
        );
        fake.write("proc/sys/kernel/hostname", "pi-test\n");
        fake.write("proc/sys/kernel/osrelease", "6.12.34+rpt-rpi-v7\n");
        fake.write("proc/sys/kernel/random/boot_id", "0b9bd8fe-9c49-4c05-bd4d-6e2c34ae2b42\n");
        fake.write("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0");
        for (file, text) in [
            ("devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1500000\n"),
            ("devices/system/cpu/cpufreq/policy0/cpuinfo_min_freq", "600000\n"),
            ("devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "1800000\n"),
            ("class/thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("class/thermal/thermal_zone0/temp", "48312\n"),
            ("class/hwmon/hwmon0/name", "cpu_thermal\n"),
            ("class/hwmon/hwmon1/name", "rpi_volt\n"),
            ("class/hwmon/hwmon1/in0_lcrit_alarm", "0\n"),
            ("block/zram0/disksize", "1073741824\n"),
            ("block/zram0/comp_algorithm", "lzo-rle lzo [zstd] lz4\n"),
            ("block/zram0/mm_stat", "3211264 1003520 1052672 0 1060864 12 0 3 3\n"),
            ("block/zram1/disksize", "0\n"),
        ] {
            fake.write(&format!("sys/{file}"), text);
        }
        fake
    }

    /// Makes it a Raspberry Pi as it comes, with everything off that can be.
    pub(crate) fn turn_everything_off(&self) {
        self.remove("proc/pressure");
        self.write("proc/device-tree/compatible", "raspberrypi,4-model-b\0brcm,bcm2711\0");
        let cmdline = "cgroup_disable=memory numa=fake=2 root=PARTUUID=1-02 rootwait\n";
        self.write("proc/cmdline", cmdline);
        self.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n");
    }

    /// A file of the tree, such as `proc/meminfo`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Writes a file in one step: a reader sees the old text or the new one.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Removes a file or a directory.
    pub(crate) fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    /// The text of its meminfo.
    pub(crate) fn meminfo(&self) -> String {
        fs::read_to_string(self.path("proc/meminfo")).unwrap()
    }

    /// Gives one line of meminfo another value.
    pub(crate) fn set_meminfo(&self, key: &str, kib: u64) {
        self.replace_meminfo_line(key, &meminfo_line(key, kib));
    }

    /// Puts `line` in the place of the line of `key`; an empty one removes it.
    pub(crate) fn replace_meminfo_line(&self, key: &str, line: &str) {
        let old = self.meminfo();
        let is_it = |line: &&str| line.split(':').next() == Some(key);
        assert_eq!(old.lines().filter(is_it).count(), 1, "{key} is not in meminfo once");
        let new: String =
            old.split_inclusive('\n').map(|old| if is_it(&old) { line } else { old }).collect();
        self.write("proc/meminfo", &new);
    }

    /// The flags that let the program read this tree.
    pub(crate) fn args(&self) -> [String; 4] {
        let path = |path: &str| self.path(path).to_str().unwrap().to_owned();
        ["--proc-root".into(), path("proc"), "--sys-root".into(), path("sys")]
    }
}

fn meminfo_line(key: &str, kib: u64) -> String {
    format!("{:<16}{kib:>8} kB\n", format!("{key}:"))
}
