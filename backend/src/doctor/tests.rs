//! Each rule on a small tree of files: what it says, and when it is silent.

mod card;
mod node;

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::probe::survey::Tmpfs;
use node::{HEALTHY, Node, PI};

#[test]
fn a_healthy_machine_has_no_findings() {
    assert_eq!(Node::new(HEALTHY).findings(), []);
}

#[test]
fn nothing_is_found_without_evidence() {
    assert_eq!(Node::new(&[]).findings(), []);
    assert_eq!(Node::new(&[("proc/vmstat", "oom_kill 3\n")]).findings(), [], "no node at all");
}

#[test]
fn a_pi_with_everything_off_has_it_all_told() {
    let mut node = Node::new(PI);
    node.derived.held_back = Some(78_000 * 1024);
    let expected = [
        "under_voltage",
        "psi_off",
        "memory_cgroup_off",
        "held_back",
        "disk_writes",
        "swap_on_sd",
        "cma",
        "fake_numa",
        "no_rtc",
    ];
    assert_eq!(node.ids(), expected);
    for finding in node.findings() {
        assert!(!finding.evidence.is_empty() && !finding.fix.is_empty(), "{finding:?}");
    }
    node.asked = true;
    assert_eq!(node.ids()[..2], ["under_voltage", "throttled"]);
}

#[test]
fn the_worst_comes_first() {
    let mut node = Node::new(PI);
    node.write("sys/devices/platform/soc/soc:firmware/get_throttled", "50000\n");
    node.asked = true;
    node.meminfo("HardwareCorrupted: 4 kB\n");
    assert_eq!(node.ids()[..3], ["under_voltage", "hardware_corrupted", "throttled"]);
    let severities: Vec<_> = node.findings().iter().map(|finding| finding.severity).collect();
    assert!(severities.is_sorted(), "{severities:?}");
}

#[test]
fn psi() {
    let node = Node::new(HEALTHY);
    node.remove("proc/pressure/memory");
    let found = node.one("psi_off");
    assert!(found.evidence.contains("pressure/memory is not there"), "{found:?}");
    assert!(
        found.fix.contains("`psi=1`") && found.fix.contains("`/etc/default/grub`"),
        "{found:?}"
    );
    node.write("proc/cmdline", "psi=1 psi=0");
    let found = node.one("psi_off");
    assert!(found.evidence.contains("\"psi=0\"") && found.fix.contains("Add `psi=1`"), "{found:?}");
    node.write("proc/cmdline", "psi=0 psi=1");
    assert!(node.one("psi_off").fix.contains("`psi=1` is there already"));
    node.write("proc/sys/kernel/osrelease", "4.19.97-v7+");
    assert_eq!(node.ids(), [""; 0], "that kernel has none");
    let pi = &Node::new(PI).findings()[1];
    assert_eq!(
        pi.fix,
        "Add `psi=1` at the end of the one line in `/boot/firmware/cmdline.txt` \
         (`/boot/cmdline.txt` before Debian 12), after a blank, and restart."
    );
}

#[test]
fn psi_that_cannot_be_read_or_is_not_built() {
    let node = Node::new(HEALTHY);
    let (facts, derived) = (host::facts(&node.roots()), Derived::default());
    let mut evidence = survey::survey(&node.roots());
    let sample = Probe::open(&node.roots()).read().unwrap().sample;
    let mut fix = |content: survey::Content, config: &str| {
        evidence.pressure.content = content;
        evidence.kernel_config.content = survey::Content::Text(config.into());
        let case = Case { evidence: &evidence, facts: &facts, sample: &sample, derived: &derived };
        let mut findings = judge(&case);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    };
    let refused = survey::Content::Failed("Operation not supported (os error 95)".into());
    let found = fix(refused, "CONFIG_PSI=y\n");
    assert!(found.id == "psi_off" && found.evidence.contains("os error 95"), "{found:?}");
    assert!(found.fix.contains("Add `psi=1`"));
    let found = fix(survey::Content::Absent, "CONFIG_X=y\n# CONFIG_PSI is not set\n");
    assert!(found.evidence.contains("# CONFIG_PSI is not set"), "{found:?}");
    assert!(found.fix.contains("`CONFIG_PSI=y`") && !found.fix.contains("psi=1"), "{found:?}");
    assert_eq!(fix(survey::Content::Denied, "").id, "psi_denied");
}

#[test]
fn memory_cgroup() {
    let node = Node::new(HEALTHY);
    node.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
    assert!(node.one("memory_cgroup_off").fix.contains("`CONFIG_MEMCG=y`"));
    node.write("proc/cmdline", "cgroup_disable=pressure,memory");
    let found = node.one("memory_cgroup_off");
    assert!(found.evidence.contains("cgroup_disable=pressure,memory"), "{found:?}");
    assert!(found.fix.starts_with("Take `cgroup_disable=pressure,memory` off"), "{found:?}");
    node.write("proc/cmdline", "cgroup_disable=memory cgroup_enable=memory");
    assert!(node.one("memory_cgroup_off").fix.contains("apt full-upgrade"));
    // Without any sight of cgroups only the command line says it.
    node.remove("sys/fs/cgroup/cgroup.controllers");
    assert_eq!(node.ids(), [""; 0]);
    node.write("proc/cmdline", "cgroup_disable=memory");
    node.one("memory_cgroup_off");
    node.write("sys/fs/cgroup/memory/tasks", "");
    assert_eq!(node.ids(), [""; 0], "cgroup v1 has it");
    let pi = &Node::new(PI).findings()[2];
    assert!(pi.fix.starts_with("Add `cgroup_enable=memory` at the end"), "{pi:?}");
}

#[test]
fn containers() {
    let node = Node::new(HEALTHY);
    node.write("sys/fs/cgroup/memory.max", "max\n");
    assert_eq!(node.ids(), [""; 0]);
    node.write("sys/fs/cgroup/memory.max", "536870912\n");
    let found = node.one("container_limit");
    assert!(found.finding.contains("512 MiB") && found.finding.contains("7.63 GiB"), "{found:?}");
    node.write("proc/pressure/x", "");
    node.remove("proc/pressure/memory");
    let psi = node.findings().into_iter().find(|finding| finding.id == "psi_off").unwrap();
    assert!(psi.fix.contains("up to its host"), "{psi:?}");

    let node = Node::new(HEALTHY);
    let line = "9 1 0:5 / /proc/meminfo rw - fuse.lxcfs lx\u{1b}cfs rw\n";
    node.write("proc/self/mountinfo", line);
    let found = node.one("lxcfs");
    assert!(found.evidence.contains("fuse.lxcfs lxcfs"), "{found:?}");

    let node = Node::new(HEALTHY);
    node.meminfo("Balloon: 79999 kB\n");
    assert_eq!(node.ids(), [""; 0]);
    node.meminfo("Balloon: 80000 kB\n");
    assert!(node.one("balloon").finding.contains("78.1 MiB"));
}

#[test]
fn who_holds_memory() {
    let node = Node::new(HEALTHY);
    let arc =
        |size: u64| format!("9 1\nname type data\nc_min 4 100000000\nc_max 4 2\nsize 4 {size}\n");
    node.write("proc/spl/kstat/zfs/arcstats", arc(819_199_999));
    assert_eq!(node.ids(), [""; 0]);
    node.write("proc/spl/kstat/zfs/arcstats", arc(819_200_000));
    let found = node.one("zfs_arc");
    assert!(found.fix.contains("`options zfs zfs_arc_max=1023410176`"), "{found:?}");
    assert!(found.finding.contains("686 MiB of it is given back"), "{found:?}");

    let mut node = Node::new(HEALTHY);
    let fs = |point: &str, used| Tmpfs { point: point.into(), used, size: 1 << 32 };
    node.tmpfs = vec![fs("/run", 1 << 20), fs("/tmp", 1 << 30), fs("/empty", 0)];
    let found = node.one("tmpfs");
    assert_eq!(
        found.evidence,
        "tmpfs /tmp: 1.00 GiB used of 4.00 GiB; /run: 1.00 MiB used of 4.00 GiB"
    );
    assert!(found.fix.contains("du -xh /tmp"), "{found:?}");
    node.tmpfs.remove(1);
    assert_eq!(node.ids(), [""; 0]);

    let node = Node::new(HEALTHY);
    node.meminfo("HugePages_Total: 300\nHugePages_Free: 290\nHugePages_Rsvd: 90\n");
    let found = node.one("huge_pages_unused");
    assert!(found.finding.starts_with("400 MiB"), "{found:?}");
    assert!(found.fix.contains("`vm.nr_hugepages = 100`"), "{found:?}");
    node.meminfo("HugePages_Rsvd: 100\n");
    assert_eq!(node.ids(), [""; 0], "4.9 % are too few");

    let node = Node::new(HEALTHY);
    node.meminfo("CmaTotal: 1600000 kB\n");
    assert!(node.one("cma").fix.contains("`cma=64M`"));
    node.meminfo("CmaTotal: 1599999 kB\n");
    assert_eq!(node.ids(), [""; 0]);
    let node = Node::new(&[("proc/meminfo", "MemTotal: 245724 kB\nMemAvailable: 160988 kB\n")]);
    node.meminfo("CmaTotal: 65536 kB\n");
    assert!(node.one("cma").fix.starts_with("Nothing is wrong"));
}

#[test]
fn what_went_wrong() {
    let node = Node::new(HEALTHY);
    node.meminfo("HardwareCorrupted: 4 kB\n");
    assert_eq!(node.one("hardware_corrupted").severity, Severity::Trouble);
    let node = Node::new(HEALTHY);
    node.write("proc/vmstat", "oom_kill 3\n");
    assert!(node.one("oom_kills").evidence.ends_with("proc/vmstat: \"oom_kill 3\""));
}

#[test]
fn what_is_derived() {
    let mut node = Node::new(HEALTHY);
    node.derived.residual = Some(8_000_000 * 1024 / 10 - 1);
    node.derived.held_back = Some(8_000_000 * 1024 / 20 - 1);
    assert_eq!(node.ids(), [""; 0]);
    node.derived = Derived { residual: Some(8_000_000 * 1024 / 10), ..Derived::default() };
    assert!(node.one("residual").finding.starts_with("781 MiB (10\u{a0}% of total)"));
    node.derived = Derived { held_back: Some(8_000_000 * 1024 / 20), ..Derived::default() };
    assert!(node.one("held_back").fix.contains("Nothing is set wrongly"));
    node.write("proc/sys/vm/min_free_kbytes", "65536\n");
    let found = node.one("held_back");
    assert!(found.fix.contains("`vm.min_free_kbytes = 32768`"), "{found:?}");
    assert!(found.evidence.contains("min_free_kbytes: \"65536\""), "{found:?}");
    node.write("proc/sys/vm/min_free_kbytes", "18000\n");
    assert!(node.one("held_back").fix.contains("`vm.min_free_kbytes = 11313`"));

    node.derived = Derived { available_estimated: true, ..Derived::default() };
    let text = HEALTHY[0].1.replace("MemAvailable: 6000000 kB\n", "");
    node.write("proc/meminfo", text);
    assert!(node.one("available_estimated").evidence.contains("meminfo has no line MemAvailable"));
    node.derived.available_estimated = false;
    node.one("available_missing");
}

#[test]
fn a_zero_that_the_zones_contradict() {
    let node = Node::new(HEALTHY);
    node.meminfo("MemAvailable: 0 kB\n");
    assert_eq!(node.ids(), [""; 0], "without zones nothing contradicts it");
    let zone = |reserved_pages: u64| {
        let zone = format!(
            "Node 0, zone Normal\n  low 3000\n  high 4000\n  managed 2000000\n  \
             protection: (0, {reserved_pages})\n"
        );
        node.write("proc/zoneinfo", zone);
    };
    zone(0);
    let found = node.one("available_zero");
    // 6,050,000 kB of free memory and cache, less 16,000 of reserve and 12,000 of each cache.
    assert!(found.finding.contains("5.73 GiB"), "{found:?}");
    assert!(found.evidence.contains("MemAvailable: 0 kB"), "{found:?}");
    assert!(found.evidence.contains("zoneinfo: low marks 11.7 MiB, reserve 15.6 MiB"), "{found:?}");
    zone(1_900_000);
    assert_eq!(node.ids(), [""; 0], "all of it is reserved");
}

#[test]
fn swap() {
    let node = Node::new(HEALTHY);
    node.write("proc/swaps", "x\n/dev/zram0 partition 262140 1 100\n/dev/sda2 partition 9 0 -2\n");
    node.write("sys/block/zram0/disksize", "268435456\n");
    node.write("sys/block/zram0/mm_stat", "4096 74 12288 0 12288 0 0 0 0\n");
    assert_eq!(node.ids(), [""; 0], "a page says nothing of the ratio");
    node.write("sys/block/zram0/mm_stat", "176164864 45232211 45907968 0 45907968\n");
    let found = node.one("zram_promise");
    assert!(found.finding.contains("256 MiB are promised"), "{found:?}");
    assert!(found.finding.contains("ratio of 3.84 to fill it would take 66.7 MiB"), "{found:?}");
    assert!(found.evidence.contains("176164864 45232211 45907968"), "{found:?}");
    assert!(found.evidence.contains("/dev/zram0 partition") && !found.evidence.contains("sda2"));
    node.write("sys/module/zswap/parameters/enabled", "Y\n");
    assert_eq!(node.ids(), ["zswap_before_zram", "zram_promise"]);
    node.write("proc/swaps", "x\n/dev/sda2 partition 9 0 -2\n");
    let found = node.one("zram_not_swap");
    assert!(found.finding.starts_with("zram0 is no swap area, and takes 43.8 MiB"), "{found:?}");
    node.write("sys/block/zram0/mm_stat", "0 0 0");
    assert_eq!(node.ids(), [""; 0]);
    node.meminfo("Zswap: 80000 kB\nZswapped: 200000 kB\nSwapFree: 1000000 kB\n");
    assert!(node.one("zswap_in_ram").finding.contains("195 MiB never reached a disk"));
    node.meminfo("Zswapped: 90000 kB\n");
    assert_eq!(node.ids(), [""; 0]);
    node.write("proc/swaps", "x\n/dev/mmcblk0p3 partition 9 0 -2\n");
    assert!(node.one("swap_on_sd").evidence.contains("/dev/mmcblk0p3 partition 9 0 -2"));
}

#[test]
fn the_firmware_is_understood() {
    let mut node = Node::new(HEALTHY);
    let throttled = |node: &Node, bits: &str| {
        node.write("sys/devices/platform/soc/soc:firmware/get_throttled", bits);
        node.findings().pop().map(|finding| (finding.severity, finding.finding))
    };
    assert_eq!(throttled(&node, "50005\n"), None, "not asked");
    node.asked = true;
    assert_eq!(throttled(&node, "0\n"), None);
    assert_eq!(throttled(&node, "nonsense"), None);
    let told = [
        ("1\n", Severity::Trouble, "now under-voltage."),
        ("50000\n", Severity::Warning, "since boot under-voltage, throttled; not now."),
        (
            "0xe0008\n",
            Severity::Trouble,
            "now soft temperature limit reached; since boot frequency capped, throttled, soft \
             temperature limit reached.",
        ),
    ];
    for (bits, severity, says) in told {
        let sentence = format!("The firmware says: {says}");
        assert_eq!(throttled(&node, bits), Some((severity, sentence)), "{bits}");
    }
}

#[test]
fn clocks_and_numa() {
    let node = Node::new(HEALTHY);
    node.write("sys/devices/system/node/node1/meminfo", "");
    fs::remove_dir_all(node.path("sys/class/rtc")).unwrap();
    assert_eq!(node.ids(), [""; 0], "a PC has sockets, and its clock may not be told");
    node.write("proc/device-tree/compatible", "raspberrypi,5-model-b\0");
    node.write("proc/cmdline", "numa=fake=2");
    assert_eq!(node.ids(), ["fake_numa", "no_rtc"]);
    assert!(node.findings()[0].evidence.ends_with("cmdline: \"numa=fake=2\""));
    node.write("sys/class/rtc/rtc0/name", "");
    node.one("fake_numa");
}

/// What a hostile node may write everywhere.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        "[A-Z]{0,3}([a-z_=/,]{1,9}[ :\t]{0,2}[0-9]{0,20}( kB)?\n){0,4}"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_are_judged_and_printed_safely(
        bytes in proptest::collection::vec(contents(), PI.len()),
        keep in proptest::collection::vec(any::<bool>(), PI.len()),
        derived in any::<(Option<u64>, Option<u64>, bool)>(),
    ) {
        let mut node = Node::new(PI);
        let (residual, held_back, available_estimated) = derived;
        node.derived = Derived { residual, held_back, available_estimated };
        node.asked = true;
        for ((file, bytes), _) in PI.iter().zip(&bytes).zip(keep).filter(|(_, keep)| !keep) {
            node.write(file.0, bytes);
        }
        let findings = node.findings();
        let bad = |c: char| c.is_control() && c != '\n';
        prop_assert!(!print::text(&findings).contains(bad));
        for finding in findings {
            let Finding { id, evidence, finding, fix, .. } = finding;
            prop_assert!(!evidence.is_empty(), "{id}");
            prop_assert!(![finding, evidence, fix].iter().any(|text| text.contains(char::is_control)));
        }
    }
}
