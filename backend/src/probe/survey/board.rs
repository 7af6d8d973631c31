//! What RAM the board has: a Raspberry Pi's revision code, the device tree, or the blocks of memory
//! that Linux lists.

use std::fs;
use std::path::Path;

use super::{Roots, Seen, below, seen};

const MIB: u64 = 1 << 20;

/// The board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// Whether a device tree describes it (Raspberry Pi and most other ARM boards).
    pub has_device_tree: bool,
    /// Whether it is a Raspberry Pi.
    pub is_pi: bool,
    /// RAM on the board, in bytes.
    pub installed: Option<u64>,
    /// What of it the firmware hands to Linux, in bytes.
    pub handed: Option<u64>,
    /// How many NUMA nodes there are (`/sys/devices/system/node/node*`).
    pub numa_nodes: u32,
}

impl Board {
    pub(super) fn read(roots: &Roots) -> Self {
        let tree = roots.device_tree();
        let cpuinfo = Seen::at(roots.proc.join("cpuinfo"));
        let has_device_tree = tree.is_dir();
        let is_pi = is_pi(&tree, cpuinfo.text().unwrap_or_default());
        let installed = match (is_pi, has_device_tree) {
            (true, _) => pi_memory(&tree, cpuinfo.text().unwrap_or_default()),
            // Linux lists blocks on other boards too, but only those that it was handed.
            (false, true) => None,
            (false, false) => blocks(&roots.sys),
        };
        let nodes = below(&roots.sys.join("devices/system/node"), "node");
        Self {
            has_device_tree,
            is_pi,
            installed,
            handed: handed(&tree),
            numa_nodes: u32::try_from(nodes.len()).unwrap_or(u32::MAX),
        }
    }
}

/// By the device tree; old kernels have only cpuinfo.
fn is_pi(tree: &Path, cpuinfo: &str) -> bool {
    let told = |file: &str, word: &str| {
        Seen::at(tree.join(file)).text().is_some_and(|text| text.contains(word))
    };
    told("compatible", "raspberrypi,")
        || told("model", "Raspberry Pi")
        || value(cpuinfo, "Model").is_some_and(|model| model.contains("Raspberry Pi"))
}

/// The value of the first line `key : value` of cpuinfo.
fn value<'a>(cpuinfo: &'a str, key: &str) -> Option<&'a str> {
    cpuinfo.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == key).then(|| value.trim())
    })
}

/// RAM of a Raspberry Pi in bytes. Firmware since September 2025 tells it in Gbit, which counts
/// before the revision code (release notes of `rpi-eeprom`).
fn pi_memory(tree: &Path, cpuinfo: &str) -> Option<u64> {
    let told = be32(&tree.join("chosen/rpi-sdram-size-gbit")).filter(|&gbit| gbit > 0);
    told.map(|gbit| u64::from(gbit) * 128 * MIB).or_else(|| {
        let of_cpuinfo = || u32::from_str_radix(value(cpuinfo, "Revision")?, 16).ok();
        by_revision(be32(&tree.join("system/linux,revision")).or_else(of_cpuinfo)?)
    })
}

/// RAM in bytes by the revision code; see "Raspberry Pi revision codes" in its documentation.
fn by_revision(code: u32) -> Option<u64> {
    let mib = if code & (1 << 23) != 0 {
        match (code >> 20) & 7 {
            // "Other": only the device tree knows.
            7 => return None,
            size => 256 << size,
        }
    } else {
        // The boards of 2012 to 2014; the upper bits say that the warranty is void.
        match code & 0xffff {
            0x2..=0x9 | 0x12 => 256,
            0xd..=0x11 | 0x13 | 0x14 => 512,
            _ => return None,
        }
    };
    Some(mib * MIB)
}

/// The sizes in the `reg` of all memory nodes, in bytes: cells of 32 bits, big-endian, as many for
/// an address and for a size as the root says (Devicetree Specification, 2.3.5 and 3.4).
fn handed(tree: &Path) -> Option<u64> {
    let cells = |file: &str, or: u32| be32(&tree.join(file)).unwrap_or(or) as usize;
    let (address, size) = (cells("#address-cells", 2), cells("#size-cells", 1));
    if address > 4 || !(1..=2).contains(&size) {
        return None;
    }
    let is_memory = |name: &str| name == "memory" || name.starts_with("memory@");
    let mut sum: Option<u64> = None;
    for entry in fs::read_dir(tree).ok()?.flatten() {
        if !entry.file_name().to_str().is_some_and(is_memory) {
            continue;
        }
        let Ok(reg) = seen::bytes(&entry.path().join("reg")) else { continue };
        for range in reg.chunks_exact(4 * (address + size)) {
            let bytes =
                range[4 * address..].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            sum = Some(sum.unwrap_or(0).checked_add(bytes)?);
        }
    }
    sum.filter(|&sum| sum > 0)
}

/// A number of 32 bits, big-endian.
fn be32(path: &Path) -> Option<u32> {
    Some(u32::from_be_bytes(seen::bytes(path).ok()?.try_into().ok()?))
}

/// The blocks of memory that are online, in bytes (`Documentation/admin-guide/mm/memory-hotplug.rst`).
fn blocks(sys: &Path) -> Option<u64> {
    let dir = sys.join("devices/system/memory");
    let size = Seen::at(dir.join("block_size_bytes"));
    let size = u64::from_str_radix(size.word()?, 16).ok()?;
    let online = |block: &&std::path::PathBuf| {
        // Kernels without hotplug have no such file.
        Seen::at(block.join("online")).word().is_none_or(|online| online == "1")
    };
    let count = below(&dir, "memory").iter().filter(online).count() as u64;
    count.checked_mul(size).filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tree::Tree;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn revision_codes_tell_the_memory() {
        for (code, mib) in [
            (0x00a0_2082, Some(1024)), // 3B
            (0x00c0_3112, Some(4096)), // 4B
            (0x00d0_4170, Some(8192)), // 5
            (0x0090_2120, Some(512)),  // Zero 2 W
            (0x0080_0021, Some(256)),  // Model A+, new style
            (0x00f0_4170, None),       // "other"
            (0x0000_000e, Some(512)),  // Model B of 2012
            (0x0100_0002, Some(256)),  // the same, overclocked
            (0x0000_0000, None),
        ] {
            assert_eq!(by_revision(code), mib.map(|mib: u64| mib * MIB), "{code:x}");
        }
    }

    #[test]
    fn a_pi_tells_what_is_installed_and_what_linux_gets() {
        // Two ranges at addresses of two cells, with sizes of one: 948 MiB and 3 GiB.
        let reg: &[u8] =
            &[0, 0, 0, 0, 0, 0, 0, 0, 0x3b, 0x40, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0xbc, 0, 0, 0];
        let tree = Tree::new::<[u8]>(&[
            ("proc/device-tree/model", b"Raspberry Pi 4 Model B Rev 1.4\0"),
            ("proc/device-tree/#address-cells", &[0, 0, 0, 2]),
            ("proc/device-tree/#size-cells", &[0, 0, 0, 1]),
            ("proc/device-tree/memory@0/reg", reg),
            ("proc/device-tree/memory@0/device_type", b"memory\0"),
            ("proc/cpuinfo", b"processor\t: 0\n\nHardware\t: BCM2835\nRevision\t: c03114\n"),
            ("sys/devices/system/memory/block_size_bytes", b"8000000\n"),
            ("sys/devices/system/node/node0/meminfo", b""),
            ("sys/devices/system/node/node1/meminfo", b""),
        ]);
        let roots = tree.roots();
        let board = Board::read(&roots);
        assert!(board.is_pi && board.has_device_tree);
        assert_eq!(board.installed, Some(4 * GIB));
        assert_eq!(board.handed, Some(948 * MIB + 3008 * MIB));
        assert_eq!(board.numa_nodes, 2);
        // The device tree counts before cpuinfo, and the size in Gbit before both.
        let revision = "proc/device-tree/system/linux,revision";
        tree.write(revision, [0, 0xd0, 0x41, 0x70]);
        assert_eq!(Board::read(&roots).installed, Some(8 * GIB));
        tree.write(revision, [0, 0xf0, 0x41, 0x70]);
        assert_eq!(Board::read(&roots).installed, None);
        tree.write("proc/device-tree/chosen/rpi-sdram-size-gbit", [0, 0, 0, 24]);
        assert_eq!(Board::read(&roots).installed, Some(3 * GIB));
    }

    #[test]
    fn a_pc_tells_its_blocks_that_are_online() {
        let tree = Tree::new(&[
            ("sys/devices/system/memory/block_size_bytes", "8000000\n"),
            ("sys/devices/system/memory/memory0/online", "1\n"),
            ("sys/devices/system/memory/memory1/state", "online\n"),
            ("sys/devices/system/memory/memory32/online", "0\n"),
            ("sys/devices/system/memory/memory_failure/online", "1\n"),
        ]);
        let board = Board::read(&tree.roots());
        assert!(!board.is_pi && !board.has_device_tree);
        assert_eq!(board.installed, Some(2 * 0x0800_0000));
        assert_eq!((board.handed, board.numa_nodes), (None, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..50), cells in any::<[u8; 4]>()) {
            let tree = Tree::new::<[u8]>(&[
                ("proc/device-tree/model", b"Raspberry Pi"),
                ("proc/device-tree/#address-cells", &cells),
                ("proc/device-tree/#size-cells", &bytes),
                ("proc/device-tree/memory@0/reg", &bytes),
                ("proc/device-tree/system/linux,revision", &cells),
                ("proc/cpuinfo", &bytes),
                ("sys/devices/system/memory/block_size_bytes", &bytes),
            ]);
            let roots = tree.roots();
            Board::read(&roots);
            blocks(&roots.sys);
            by_revision(u32::from_be_bytes(cells));
        }
    }
}
