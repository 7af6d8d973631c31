//! What was written to disks since boot, as the kernel counts it
//! (`Documentation/admin-guide/iostats.rst`), and what kind of disk it is that wears.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use super::mounts::{self, Mount};
use super::{Roots, Seen, Who};

/// Sectors are counted in 512 bytes, whatever those of the disk are.
const SECTOR: u64 = 512;
/// No more disks are told of than this; those that were written to most are.
const MOST_DISKS: usize = 16;
/// Disks of disks that are followed, such as a volume on an encrypted partition.
const MOST_DEPTH: usize = 4;

/// What was written to disks since boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// `/proc/diskstats`.
    pub diskstats: Seen,
    /// `/proc/uptime`.
    pub uptime: Seen,
    /// The disks that were written to; those written to most come first.
    pub disks: Vec<Disk>,
    /// How long the program that looks has been running, in s.
    pub runs_s: Option<u64>,
    /// Who wrote; only after [`Evidence::ask_who_wrote`](super::Evidence::ask_who_wrote).
    pub who: Option<Who>,
    /// Whether a person asked, who is told of every disk.
    pub is_asked: bool,
    /// Where a head on this node keeps its data, if there is one.
    pub data_dir: Option<PathBuf>,
}

/// A disk of its own: no partition, and nothing that only leads to another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Its name, such as `mmcblk0`.
    pub name: String,
    /// Its major and minor number.
    pub device: (u32, u32),
    /// What it is.
    pub kind: DiskKind,
    /// Its size, in bytes.
    pub size: u64,
    /// Bytes written since boot.
    pub written: u64,
    /// The start of its line of `/proc/diskstats`, up to what was written.
    pub line: String,
    /// How much of its life an eMMC says is used: `life_time` of sysfs.
    pub life_time: Option<Seen>,
}

/// What a disk is, as far as it matters to how it wears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskKind {
    /// An SD card.
    SdCard,
    /// An eMMC: a card that is soldered in, and often tells its age.
    Emmc,
    /// A USB stick: what is removable, on USB.
    Stick,
    /// All others.
    #[default]
    Other,
}

impl DiskKind {
    /// Whether it wears fast.
    #[must_use]
    pub fn is_card(self) -> bool {
        self != Self::Other
    }
}

impl Writes {
    pub(super) fn read(roots: &Roots) -> Self {
        let diskstats = Seen::at(roots.proc.join("diskstats"));
        let uptime = Seen::at(roots.proc.join("uptime"));
        let lines = diskstats.text().unwrap_or_default().lines();
        let mut disks: Vec<Disk> = lines.filter_map(|line| disk(line, &roots.sys)).collect();
        disks.sort_by_key(|disk| Reverse(disk.written));
        disks.truncate(MOST_DISKS);
        let mut writes = Self { diskstats, uptime, disks, ..Self::default() };
        writes.runs_s = writes.uptime_s().and_then(|uptime_s| runs_s(roots, uptime_s));
        writes
    }

    /// How long the node has been up, in s.
    #[must_use]
    pub fn uptime_s(&self) -> Option<u64> {
        self.uptime.word()?.split(['.', ' ']).next()?.parse().ok()
    }
}

/// `179 0 mmcblk0 4 0 32 1 88 7 6400 90 0 …`: numbers, name, then what was read, and from the eighth
/// word on what was written; the tenth is sectors.
fn disk(line: &str, sys: &Path) -> Option<Disk> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[major, minor, name, _, _, _, _, _, _, sectors, ..] = words.as_slice() else {
        return None;
    };
    let written = sectors.parse::<u64>().ok()?.saturating_mul(SECTOR);
    let dir = dir_of(sys, name)?;
    // Partitions have no directory there; loops, zram and volumes have no device.
    if written == 0 || !dir.join("device").exists() {
        return None;
    }
    let kind = kind(name, &dir);
    let life_time = Seen::at(dir.join("device/life_time"));
    Some(Disk {
        name: name.into(),
        device: (major.parse().ok()?, minor.parse().ok()?),
        kind,
        size: Seen::at(dir.join("size")).number().unwrap_or(0).saturating_mul(SECTOR),
        written,
        line: words[..10].join(" ") + " …",
        life_time: (kind == DiskKind::Emmc && life_time.text().is_some()).then_some(life_time),
    })
}

/// The directory of a disk in sysfs, where a `/` in its name is a `!`.
fn dir_of(sys: &Path, name: &str) -> Option<PathBuf> {
    let name = name.replace('/', "!");
    (!name.is_empty() && !name.starts_with('.')).then(|| sys.join("block").join(name))
}

fn kind(name: &str, dir: &Path) -> DiskKind {
    if name.starts_with("mmcblk") {
        // `SD`, `MMC`, and `SDcombo` of those that do more.
        return match Seen::at(dir.join("device/type")).word() {
            Some("MMC") => DiskKind::Emmc,
            _ => DiskKind::SdCard,
        };
    }
    let is_removable = || Seen::at(dir.join("removable")).number() == Some(1);
    let on_usb = || fs::read_link(dir).is_ok_and(|to| to.to_string_lossy().contains("/usb"));
    if is_removable() && on_usb() { DiskKind::Stick } else { DiskKind::Other }
}

impl Disk {
    /// The tenth of its life that it is in, as an eMMC estimates it (JEDEC JESD84-B51, 7.4.49): 1 is 0 to
    /// 10 % used, 11 is all of it. There are two kinds of cells; the older counts.
    #[must_use]
    pub fn tenth_of_life(&self) -> Option<u8> {
        let told = self.life_time.as_ref()?.word()?;
        let parse = |word: &str| u8::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16);
        let oldest = told.split_ascii_whitespace().filter_map(|word| parse(word).ok()).max()?;
        (1..=11).contains(&oldest).then_some(oldest)
    }
}

/// How long this program runs, in s: the 22nd word of its `stat` is when it started, in hundredths of a
/// second after boot. `None` where proc is of another system.
fn runs_s(roots: &Roots, uptime_s: u64) -> Option<u64> {
    let stat = Seen::at(roots.proc.join("self/stat"));
    // The name, in brackets, may hold anything.
    let (_, after) = stat.text()?.rsplit_once(')')?;
    let started: u64 = after.split_ascii_whitespace().nth(19)?.parse().ok()?;
    uptime_s.checked_sub(started / 100)
}

/// The disk that holds `path`, through volumes and encryption; of several the first.
pub(super) fn disk_of(path: &Path, mounts: &[Mount], sys: &Path) -> Option<String> {
    let mount = mounts::of_file(mounts, path.to_str()?)?;
    let (major, minor) = mount.device;
    let link = fs::read_link(sys.join(format!("dev/block/{major}:{minor}"))).ok();
    let of_link = link.and_then(|link| Some(link.file_name()?.to_str()?.to_owned()));
    // A file system of several disks has a number of its own.
    let name = of_link.or_else(|| Some(mount.source.strip_prefix("/dev/")?.to_owned()))?;
    disk_below(name, sys)
}

fn disk_below(mut name: String, sys: &Path) -> Option<String> {
    for _ in 0..MOST_DEPTH {
        let dir = dir_of(sys, &name)?;
        if dir.join("device").exists() {
            return Some(name);
        }
        name = first_in(&dir.join("slaves")).or_else(|| disk_with(&name, sys))?;
    }
    None
}

/// The disk that a partition is of.
fn disk_with(part: &str, sys: &Path) -> Option<String> {
    if part.contains('/') || part.starts_with('.') {
        return None;
    }
    let disks = fs::read_dir(sys.join("block")).ok()?.flatten();
    let disk = disks.map(|disk| disk.path()).find(|disk| disk.join(part).is_dir())?;
    Some(disk.file_name()?.to_str()?.replace('!', "/"))
}

fn first_in(dir: &Path) -> Option<String> {
    let names = fs::read_dir(dir).ok()?.flatten();
    names.filter_map(|entry| entry.file_name().into_string().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tree::Tree;

    const DISKSTATS: &str = "\
 179       0 mmcblk0 4 0 32 1 88 7 6400 90 0 1 1 0 0 0 0 0 0\n\
 179       2 mmcblk0p2 4 0 32 1 88 7 6400 90 0 1 1\n\
   8       0 sda 1 0 8 1 1 0 1000 1 0 1 1\n\
   8      16 sdb 1 0 8 1 1 0 2000 1 0 1 1\n\
 253       0 dm-0 1 0 8 1 1 0 900 1 0 1 1\n\
   7       0 loop0 1 0 8 1 1 0 900 1 0 1 1\n\
 259       0 nvme0n1 1 0 8 1 0 0 0 1 0 1 1\n\
  99       0 ../../etc 1 0 8 1 1 0 9 1 0 1 1\n\
not a disk\n";

    fn tree() -> Tree {
        let tree = Tree::new(&[
            ("proc/diskstats", DISKSTATS),
            ("proc/uptime", "400.53 1000.00\n"),
            ("proc/self/stat", "7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 30050 0 0"),
            ("sys/block/mmcblk0/device/type", "MMC\n"),
            ("sys/block/mmcblk0/device/life_time", "0x01 0x0a\n"),
            ("sys/block/mmcblk0/size", "62333952\n"),
            ("sys/block/mmcblk0/mmcblk0p2/partition", "2\n"),
            ("sys/block/nvme0n1/device/model", "x\n"),
            ("sys/block/loop0/size", "8\n"),
            ("sys/block/dm-0/slaves/mmcblk0p2/partition", "2\n"),
        ]);
        for (disk, way, removable) in [("sda", "usb1/1-1", "1"), ("sdb", "ata1", "1")] {
            tree.write(&format!("sys/devices/{way}/{disk}/device/model"), "x");
            tree.write(&format!("sys/devices/{way}/{disk}/removable"), removable);
            tree.link(&format!("sys/block/{disk}"), &format!("../devices/{way}/{disk}"));
        }
        tree
    }

    #[test]
    fn disks_are_told_and_nothing_twice() {
        let tree = tree();
        let roots = tree.roots();
        let writes = Writes::read(&roots);
        let told: Vec<_> =
            writes.disks.iter().map(|it| (it.name.as_str(), it.written, it.kind)).collect();
        let expected = [
            ("mmcblk0", 6400 * 512, DiskKind::Emmc),
            ("sdb", 2000 * 512, DiskKind::Other),
            ("sda", 1000 * 512, DiskKind::Stick),
        ];
        assert_eq!(told, expected);
        assert_eq!(writes.disks[0].size, 62_333_952 * 512);
        assert_eq!(writes.disks[0].device, (179, 0));
        assert_eq!(writes.disks[0].line, "179 0 mmcblk0 4 0 32 1 88 7 6400 …");
        assert_eq!(writes.disks[0].tenth_of_life(), Some(10));
        assert_eq!((writes.uptime_s(), writes.runs_s), (Some(400), Some(100)));
        assert_eq!(Writes::read(&Roots { proc: roots.sys.clone(), sys: roots.sys }).disks, []);
    }

    #[test]
    fn a_path_leads_to_its_disk() {
        let tree = tree();
        let mounts = mounts::parse(
            "1 0 253:0 / / rw - ext4 /dev/mapper/root rw\n\
             2 1 179:2 / /card rw - ext4 /dev/mmcblk0p2 rw\n\
             3 1 0:40 / /many rw - btrfs /dev/sdb rw\n\
             4 1 0:41 / /ram rw - tmpfs tmpfs rw\n",
        );
        tree.link("sys/dev/block/253:0", "../../block/dm-0");
        let sys = tree.path("sys");
        let disk = |path: &str| disk_of(Path::new(path), &mounts, &sys);
        assert_eq!(disk("/var/lib/headroom").as_deref(), Some("mmcblk0"));
        assert_eq!(disk("/card/x").as_deref(), Some("mmcblk0"));
        assert_eq!(disk("/many").as_deref(), Some("sdb"));
        assert_eq!(disk("/ram/x"), None);
    }

    #[test]
    fn real_files_are_understood() {
        let writes = Writes::read(&Roots::default());
        let (uptime_s, runs_s) = (writes.uptime_s().unwrap(), writes.runs_s.unwrap());
        assert!(runs_s <= uptime_s && runs_s < 86_400, "{runs_s} of {uptime_s}");
        assert!(writes.disks.iter().all(|disk| disk.written > 0 && disk.size > 0), "{writes:?}");
    }
}
