//! Small trees of files, and what is made of them.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::probe::tree::Tree;

impl Tree {
    fn survey(&self) -> Evidence {
        survey(&self.roots())
    }
}

const FULL_IDENTITY: &str = "         0          0 4294967295\n";

#[test]
fn a_survey_has_what_the_files_tell() {
    let tree = Tree::new(&[
        ("proc/self/uid_map", FULL_IDENTITY),
        ("proc/swaps", "Filename Type Size Used Priority\n/dev/zram0 partition 262140 8 100\n"),
        ("proc/device-tree/compatible", "raspberrypi,5-model-b\0brcm,bcm2712\0"),
        ("proc/cpuinfo", "Revision\t: c04170\n"),
        ("sys/block/zram0/disksize", "268435456\n"),
        ("sys/block/zram0/comp_algorithm", "lzo [zs\u{1b}td]\n"),
        ("sys/block/zram0/mm_stat", "4096 74 12288"),
        ("sys/devices/system/node/node0/x", ""),
    ]);
    let survey = tree.survey().survey();
    assert_eq!(survey.installed, Some(4 << 30));
    assert_eq!((survey.handed, survey.numa_nodes, survey.container), (None, Some(1), None));
    assert_eq!(survey.swaps[0].name, "/dev/zram0");
    let zram = &survey.zram[0];
    assert_eq!((zram.original, zram.used, zram.is_swap), (4096, 12288, true));
    assert_eq!(zram.algorithm.as_deref(), Some("zstd"), "nothing that a terminal acts upon");
}

#[test]
fn nothing_is_made_of_nothing() {
    let evidence = Tree::empty().survey();
    assert_eq!(evidence.survey(), Survey::default());
    assert_eq!(evidence.pressure.content, Content::Absent);
    assert_eq!((evidence.kernel_version(), evidence.clocks.clone()), (None, None));
}

#[test]
fn a_container_is_known_by_its_files() {
    let kind = |files: &[(&str, &str)]| Tree::new(files).survey().survey().container;
    assert_eq!(kind(&[("proc/self/uid_map", FULL_IDENTITY)]), None);
    let users = kind(&[("proc/self/uid_map", "0 100000 65536\n")]);
    assert_eq!(users.as_deref(), Some("container (user namespace)"));
    let limit = kind(&[("sys/fs/cgroup/memory.max", "max\n")]);
    assert_eq!(limit.as_deref(), Some("container"));
    // Cgroup v1 has the file at its true root too.
    assert_eq!(
        kind(&[("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")]),
        None
    );
    let mount = "40 22 0:50 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw\n";
    let tree = Tree::new(&[("proc/self/mountinfo", mount)]);
    let evidence = tree.survey();
    assert_eq!(evidence.survey().container.as_deref(), Some("container (LXC)"));
    assert!(evidence.lxcfs.is_some_and(|quote| quote.contains("fuse.lxcfs lxcfs")));
    let other = kind(&[("proc/self/mountinfo", &mount.replace("meminfo", "uptime"))]);
    assert_eq!(other, None);
    let flags = kind(&[("proc/cpuinfo", "flags\t\t: fpu hypervisor lahf_lm\n")]);
    assert_eq!(flags.as_deref(), Some("virtual machine"));
}

/// A program in a container is told to read the kernel's own files by another path.
#[cfg(target_os = "linux")]
#[test]
fn a_container_tells_of_the_machine_around_it() {
    let tree = Tree::new(&[
        ("sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
        ("sys/firmware/devicetree/base/#size-cells", "\0\0\0\x01"),
        ("sys/fs/cgroup/memory.max", "max\n"),
    ]);
    tree.link("proc", "/proc");
    let evidence = tree.survey();
    assert!(evidence.board.is_pi && evidence.board.has_device_tree);
    let model = crate::probe::host::facts(&tree.roots()).model;
    assert_eq!(model.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
    assert!(evidence.memory_limit.text().is_some(), "that of the machine");
    // Without a tree for /sys there is only what limits the container.
    let evidence = survey(&Roots { sys: "/sys".into(), ..tree.roots() });
    assert_eq!(evidence.memory_limit, Seen::default());
    assert_eq!(tree.roots().witness(), tree.path("proc/1"));
}

#[test]
fn controllers_are_those_of_v2_wherever_it_is() {
    let tree = Tree::new(&[("sys/fs/cgroup/unified/cgroup.controllers", "")]);
    assert!(tree.survey().controllers.path.ends_with("unified/cgroup.controllers"));
    assert!(!tree.survey().has_memory_v1);
    tree.write("sys/fs/cgroup/cgroup.controllers", b"cpu memory");
    tree.write("sys/fs/cgroup/memory/memory.limit_in_bytes", b"4096");
    let evidence = tree.survey();
    assert_eq!(evidence.controllers.word(), Some("cpu memory"));
    assert!(evidence.has_memory_v1);
    assert_eq!(evidence.memory_limit.number(), Some(4096));
}

#[test]
fn the_sensor_of_the_board_is_found_by_name() {
    let tree = Tree::new(&[
        ("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
        ("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1\n"),
        ("sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
        ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n"),
        ("sys/class/rtc/rtc0/name", ""),
    ]);
    let evidence = tree.survey();
    assert_eq!(evidence.under_voltage.and_then(|alarm| alarm.number()), Some(0));
    assert_eq!(evidence.clocks.map(|(_, count)| count), Some(1));
}

#[test]
fn firmware_is_asked_where_it_is_and_only_on_request() {
    for path in [
        "soc/soc:firmware",
        "soc@107c000000/soc@107c000000:firmware",
        "soc@107c000000/soc@0/soc@107c000000:firmware",
    ] {
        let tree = Tree::new(&[(&format!("sys/devices/platform/{path}/get_throttled"), "50005\n")]);
        let mut evidence = tree.survey();
        assert_eq!(evidence.throttled, None, "{path}");
        evidence.ask_firmware();
        assert_eq!(evidence.throttled.as_ref().and_then(Seen::word), Some("50005"), "{path}");
    }
    let mut evidence =
        Tree::new(&[("sys/devices/platform/x/firmware/get_throttled", "0")]).survey();
    evidence.ask_firmware();
    assert_eq!(evidence.throttled, None);
}

#[test]
fn words_and_numbers_are_taken_from_their_files() {
    let tree = Tree::new(&[
        ("proc/cmdline", "quiet  psi=1\n"),
        ("proc/sys/kernel/osrelease", "6.12.34+rpt-rpi-v8\n"),
        ("proc/spl/kstat/zfs/arcstats", "9 1 0x01\nname type data\nsize    4    8192\nc_min 4 x\n"),
    ]);
    let evidence = tree.survey();
    assert_eq!(evidence.boot_words().collect::<Vec<_>>(), ["quiet", "psi=1"]);
    assert_eq!(evidence.kernel_version(), Some((6, 12)));
    assert_eq!(
        (evidence.arc("size"), evidence.arc("c_min"), evidence.arc("c_max")),
        (Some(8192), None, None)
    );
    assert_eq!(evidence.kernel_config, Seen::default(), "that of another system is not asked for");
}

/// Of this very machine.
#[cfg(target_os = "linux")]
#[test]
fn this_machine_is_surveyed() {
    let evidence = survey(&Roots::default());
    let total = evidence.meminfo.line_number("MemTotal").unwrap();
    let survey = evidence.survey();
    if let Some(installed) = survey.installed {
        assert!(installed >= total, "{installed} < {total}");
    }
    let swaps = fs::read_to_string("/proc/swaps").map_or(0, |text| text.lines().skip(1).count());
    assert_eq!(survey.swaps.len(), swaps);
    assert!(evidence.kernel_version().is_some_and(|version| version >= (2, 6)));
}

/// Every file that is looked at.
const FILES: &[&str] = &[
    "proc/meminfo",
    "proc/cmdline",
    "proc/cpuinfo",
    "proc/swaps",
    "proc/self/mountinfo",
    "proc/self/uid_map",
    "proc/sys/kernel/osrelease",
    "proc/sys/vm/min_free_kbytes",
    "proc/pressure/memory",
    "proc/spl/kstat/zfs/arcstats",
    "proc/device-tree/compatible",
    "proc/device-tree/#address-cells",
    "proc/device-tree/memory@0/reg",
    "proc/device-tree/system/linux,revision",
    "sys/block/zram0/disksize",
    "sys/block/zram0/mm_stat",
    "sys/block/zram0/comp_algorithm",
    "sys/fs/cgroup/cgroup.controllers",
    "sys/fs/cgroup/memory.max",
    "sys/module/zswap/parameters/enabled",
    "sys/devices/system/memory/block_size_bytes",
    "sys/devices/system/memory/memory0/online",
    "sys/class/hwmon/hwmon0/name",
    "sys/class/hwmon/hwmon0/in0_lcrit_alarm",
    "sys/devices/platform/soc/soc:firmware/get_throttled",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_are_surveyed(
        contents in proptest::collection::vec(
            prop_oneof![proptest::collection::vec(any::<u8>(), 0..60), "[0-9 :/a-z=\n-]{0,60}".prop_map(String::into_bytes)],
            FILES.len(),
        ),
    ) {
        let tree = Tree::empty();
        for (path, bytes) in FILES.iter().zip(&contents) {
            tree.write(path, bytes);
        }
        let mut evidence = tree.survey();
        evidence.ask_firmware();
        std::hint::black_box((evidence.survey(), evidence.kernel_version()));
    }
}
