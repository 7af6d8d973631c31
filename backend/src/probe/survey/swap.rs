//! Swap areas, zram and zswap.

use std::fs;
use std::path::Path;

use shared::survey::{SwapArea, ZramDevice};

use super::mounts::{self, Mount, unescape};
use super::{Roots, Seen, below};

/// A swap area, and what it lies on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swap {
    /// What `/proc/swaps` tells.
    pub area: SwapArea,
    /// Its line there.
    pub line: String,
    /// The block device that holds it, such as `mmcblk0p2`; of a file the one of its file system.
    pub device: Option<String>,
    /// The line of mountinfo that says where a file lies.
    pub mount: Option<String>,
}

/// A zram device in use, and the file its numbers are from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zram {
    /// What its files tell.
    pub device: ZramDevice,
    /// Its `mm_stat`.
    pub mm_stat: Seen,
}

/// The parameters of zswap (`/sys/module/zswap/parameters/`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zswap {
    /// `Y` or `N`.
    pub enabled: Seen,
    /// The algorithm that compresses.
    pub compressor: Seen,
    /// How much of total memory it may take, in percent.
    pub max_pool_percent: Seen,
}

impl Zswap {
    pub(super) fn read(roots: &Roots) -> Self {
        let at = |file: &str| Seen::at(roots.sys.join("module/zswap/parameters").join(file));
        Self {
            enabled: at("enabled"),
            compressor: at("compressor"),
            max_pool_percent: at("max_pool_percent"),
        }
    }

    /// Whether it stands before the swap areas.
    #[must_use]
    pub fn is_on(&self) -> bool {
        matches!(self.enabled.word(), Some("Y" | "y" | "1"))
    }
}

/// The areas in the text of `/proc/swaps`; lines that are not understood are left out.
pub(super) fn areas(swaps: &str, mounts: &[Mount], roots: &Roots) -> Vec<Swap> {
    swaps.lines().skip(1).filter_map(|line| area(line, mounts, roots)).collect()
}

/// `/dev/zram0  partition  2097148  8192  100`: name, kind, size and use in KiB, priority.
fn area(line: &str, mounts: &[Mount], roots: &Roots) -> Option<Swap> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[name, kind, size, used, priority] = words.as_slice() else { return None };
    let bytes = |kib: &str| kib.parse::<u64>().ok()?.checked_mul(1024);
    let area = SwapArea {
        name: unescape(name),
        kind: kind.into(),
        size: bytes(size)?,
        used: bytes(used)?,
        priority: priority.parse().ok()?,
    };
    let mount = (kind == "file").then(|| mounts::of_file(mounts, &area.name)).flatten();
    let device = match mount {
        Some(mount) => device_of(mount, roots),
        None => area.name.strip_prefix("/dev/").map(str::to_owned),
    };
    Some(Swap { area, line: line.into(), device, mount: mount.map(|mount| mount.line.clone()) })
}

/// The device of a file system. `/dev/root` is only a name for what the kernel was told to mount,
/// and the numbers tell more: <https://docs.kernel.org/admin-guide/devices.html>.
fn device_of(mount: &Mount, roots: &Roots) -> Option<String> {
    let (major, minor) = mount.device;
    let of_source = mount.source.strip_prefix("/dev/").filter(|name| *name != "root");
    let of_link = || {
        let link = fs::read_link(roots.sys.join(format!("dev/block/{major}:{minor}"))).ok()?;
        Some(link.file_name()?.to_str()?.to_owned())
    };
    // MMC block devices: SD cards and eMMC.
    let of_major = || (major == 179).then(|| "mmcblk".to_owned());
    of_source.map(str::to_owned).or_else(of_link).or_else(of_major)
}

/// The zram devices with a size; others exist but hold nothing.
pub(super) fn zram(roots: &Roots, swaps: &[Swap]) -> Vec<Zram> {
    let devices = below(&roots.sys.join("block"), "zram");
    devices.iter().filter_map(|dir| zram_at(dir, swaps)).collect()
}

fn zram_at(dir: &Path, swaps: &[Swap]) -> Option<Zram> {
    let name = dir.file_name()?.to_str()?.to_owned();
    let promised = Seen::at(dir.join("disksize")).number().filter(|&size| size > 0)?;
    let mm_stat = Seen::at(dir.join("mm_stat"));
    let [original, compressed, used] = columns(mm_stat.text().unwrap_or_default());
    let is_swap = swaps.iter().any(|swap| swap.device.as_deref() == Some(&name));
    let algorithm = algorithm(Seen::at(dir.join("comp_algorithm")).text().unwrap_or_default());
    Some(Zram {
        device: ZramDevice { name, promised, algorithm, original, compressed, used, is_swap },
        mm_stat,
    })
}

/// The first three columns of `mm_stat`: `orig_data_size`, `compr_data_size`, `mem_used_total`, in
/// bytes. Later ones depend on the kernel.
fn columns(mm_stat: &str) -> [u64; 3] {
    let mut words = mm_stat.split_ascii_whitespace();
    [(); 3].map(|()| words.next().and_then(|word| word.parse().ok()).unwrap_or(0))
}

/// The algorithm in brackets: `lzo-rle [zstd] lz4`.
fn algorithm(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    let (name, _) = rest.split_once(']')?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tree::Tree;
    use proptest::prelude::*;

    #[test]
    fn areas_are_in_bytes_and_know_their_device() {
        let tree = Tree::empty();
        #[cfg(unix)]
        tree.link("sys/dev/block/8:3", "../../block/sda/sda3");
        let roots = tree.roots();
        let mounts = mounts::parse(
            "1 0 179:2 / / rw - ext4 /dev/root rw\n2 1 8:3 / /usb\\040x rw - ext4 /dev/root rw\n\
             3 1 0:9 / /data rw - btrfs /dev/nvme0n1p3 rw",
        );
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                    /dev/zram0                              partition\t2097148\t\t8192\t\t100\n\
                    /var/swap                               file\t\t102396\t\t0\t\t-2\n\
                    /usb\\040x/swap\\040file file 4 0 -3\n/data/swap file 4 0 -4\n\
                    /short file 1\n/bad file x 0 -2\n";
        let found = areas(text, &mounts, &roots);
        let told: Vec<_> = found
            .iter()
            .map(|swap| (swap.area.name.as_str(), swap.device.as_deref().unwrap_or("?")))
            .collect();
        assert_eq!(
            told,
            [
                ("/dev/zram0", "zram0"),
                ("/var/swap", "mmcblk"),
                ("/usb x/swap file", "sda3"),
                ("/data/swap", "nvme0n1p3")
            ]
        );
        let SwapArea { size, used, priority, .. } = found[0].area;
        assert_eq!((size, used, priority), (2_097_148 * 1024, 8192 * 1024, 100));
        assert_eq!((found[1].area.kind.as_str(), found[1].area.priority), ("file", -2));
        assert_eq!(areas("", &mounts, &roots), []);
    }

    #[test]
    fn zram_is_read_by_position() {
        let tree = Tree::new(&[
            ("sys/block/zram0/disksize", "268435456\n"),
            ("sys/block/zram0/comp_algorithm", "lzo [lzo-rle] lz4 \n"),
            ("sys/block/zram0/mm_stat", "176164864 45232211 45907968 0 45907968 0 0 6144 6144\n"),
            ("sys/block/zram1/disksize", "0\n"),
            ("sys/block/zram2/disksize", "4096\n"),
            ("sys/block/zram2/mm_stat", "7 x\n"),
            ("sys/block/zram10/disksize", "4096\n"),
        ]);
        let roots = tree.roots();
        let swaps = areas("\n/dev/zram0 partition 262140 0 100\n", &[], &roots);
        let found = zram(&roots, &swaps);
        let names: Vec<_> = found.iter().map(|zram| zram.device.name.as_str()).collect();
        assert_eq!(names, ["zram0", "zram2", "zram10"]);
        let first = &found[0].device;
        assert_eq!(
            (first.original, first.compressed, first.used),
            (176_164_864, 45_232_211, 45_907_968)
        );
        assert_eq!((first.algorithm.as_deref(), first.is_swap), (Some("lzo-rle"), true));
        let second = &found[1].device;
        assert_eq!((second.original, second.used, second.is_swap), (7, 0, false));
        assert_eq!(second.algorithm, None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".*|(/?[a-z\\\\0-9]{0,9}[ \t]){0,6}\n(/?[a-z\\\\0-9]{0,9}[ \t]){0,6}") {
            let roots = Roots { proc: "/none".into(), sys: "/none".into() };
            areas(&text, &[], &roots);
            columns(&text);
            algorithm(&text);
        }
    }
}
