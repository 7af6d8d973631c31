//! `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`), and the tmpfs among the mounts.

use std::path::{Path, PathBuf};

/// A mount. All texts come from the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Major and minor number of the device; major 0 for what has none.
    pub device: (u32, u32),
    /// Where it is mounted.
    pub point: String,
    /// The kind of its file system, such as `ext4`.
    pub kind: String,
    /// What is mounted, such as `/dev/mmcblk0p2`.
    pub source: String,
    /// The line it was read from.
    pub line: String,
}

/// A tmpfs, and how full it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// Where it is mounted, at one of the places.
    pub point: String,
    /// What it holds, in bytes.
    pub used: u64,
    /// What it may hold, in bytes; 0 for no limit.
    pub size: u64,
}

/// The mounts of `mountinfo`, in its order: later ones hide earlier ones. Lines that are not
/// understood are left out.
#[must_use]
pub(super) fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(mount).collect()
}

/// `36 35 98:0 /root /mnt/point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`; there may
/// be any number of words before the dash, and blanks in names are escaped.
fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ');
    let (major, minor) = before.nth(2)?.split_once(':')?;
    let point = before.nth(1)?;
    let mut after = after.split(' ');
    Some(Mount {
        device: (major.parse().ok()?, minor.parse().ok()?),
        point: unescape(point),
        kind: after.next()?.into(),
        source: unescape(after.next().unwrap_or_default()),
        line: line.into(),
    })
}

/// The mount that holds `file`: of those with the longest path to it the last, which hides others.
#[must_use]
pub(super) fn of_file<'a>(mounts: &'a [Mount], file: &str) -> Option<&'a Mount> {
    let file = Path::new(file);
    let holds = |mount: &&Mount| file.is_absolute() && file.starts_with(&mount.point);
    mounts.iter().filter(holds).max_by_key(|mount| Path::new(&mount.point).components().count())
}

/// `\040` and its like, octal, stand for characters that would end a word (`mangle()` in the
/// kernel's `fs/seq_file.c`).
#[must_use]
pub(super) fn unescape(word: &str) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| first == b'\\').and_then(|digits| {
            let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
            u8::from_str_radix(digits, 8).ok()
        });
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Kinds of file systems that may keep whoever asks waiting for a server.
const SLOW: [&str; 9] = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "autofs", "glusterfs"];

/// Every tmpfs once, with what the system says of it; only for the mounts of this very system.
///
/// Nothing but tmpfs is asked, and none that lies below a mount that may hang.
#[must_use]
pub(super) fn tmpfs(mounts: &[Mount]) -> Vec<Tmpfs> {
    let slow = |mount: &Mount| SLOW.contains(&mount.kind.as_str()) || mount.kind.contains("fuse");
    let reachable = |mount: &Mount| {
        let above = |other: &&Mount| Path::new(&mount.point).starts_with(&other.point);
        !mounts.iter().filter(above).any(slow)
    };
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for mount in mounts.iter().filter(|mount| mount.kind == "tmpfs") {
        if seen.contains(&mount.device) || !reachable(mount) {
            continue;
        }
        if let Some((used, size)) = fill(&PathBuf::from(&mount.point), mount.device) {
            seen.push(mount.device);
            found.push(Tmpfs { point: mount.point.clone(), used, size });
        }
    }
    found
}

/// What the tmpfs of number `device` at `point` holds and may hold, in bytes. `None` if something
/// else is there, as where a later mount hides it.
#[cfg(target_os = "linux")]
fn fill(point: &Path, device: (u32, u32)) -> Option<(u64, u64)> {
    let there = rustix::fs::stat(point).ok()?.st_dev;
    let fs = rustix::fs::statfs(point).ok()?;
    // TMPFS_MAGIC, statfs(2).
    if fs.f_type != 0x0102_1994 || (rustix::fs::major(there), rustix::fs::minor(there)) != device {
        return None;
    }
    let block = u64::try_from(fs.f_bsize).ok()?;
    let size = fs.f_blocks.checked_mul(block)?;
    Some((size.saturating_sub(fs.f_bfree.checked_mul(block)?), size))
}

#[cfg(not(target_os = "linux"))]
fn fill(_: &Path, _: (u32, u32)) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOUNTINFO: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 179:2 / / rw,noatime shared:1 master:2 - ext4 /dev/root rw
30 27 0:30 / /var\\040x rw - tmpfs tmp\\040fs rw
not a mount
31 27 x:y / /bad rw - tmpfs tmpfs rw
32 27 8:1 / /var rw - ext4 /dev/sda1 rw
40 22 0:50 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw";

    #[test]
    fn lines_are_understood_or_left_out() {
        let mounts = parse(MOUNTINFO);
        let points: Vec<_> = mounts.iter().map(|mount| mount.point.as_str()).collect();
        assert_eq!(points, ["/proc", "/", "/var x", "/var", "/proc/meminfo"]);
        assert_eq!(mounts[1].device, (179, 2));
        assert_eq!((mounts[2].kind.as_str(), mounts[2].source.as_str()), ("tmpfs", "tmp fs"));
        assert_eq!(mounts[4].kind, "fuse.lxcfs");
    }

    #[test]
    fn the_longest_mount_holds_a_file() {
        let mounts = parse(MOUNTINFO);
        let source = |file| of_file(&mounts, file).map(|mount| mount.source.as_str());
        assert_eq!(source("/var/swap"), Some("/dev/sda1"));
        assert_eq!(source("/various"), Some("/dev/root"));
        assert_eq!(source("/var x/swap"), Some("tmp fs"));
        assert_eq!(source("swap"), None);
        let hidden = parse("1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / / rw - ext4 b rw");
        assert_eq!(of_file(&hidden, "/x").map(|mount| mount.source.as_str()), Some("b"));
    }

    #[test]
    fn escapes_are_octal() {
        assert_eq!(unescape("a\\040b\\134c\\011"), "a b\\c\t");
        assert_eq!(unescape("\\04 \\999 \\+12 \\"), "\\04 \\999 \\+12 \\");
        assert_eq!(unescape("\\303\\251"), "é");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_tmpfs_tells_how_full_it_is() {
        let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mounts = parse(&text);
        let found = tmpfs(&mounts);
        let is_tmpfs = |mount: &Mount| mount.kind == "tmpfs";
        for Tmpfs { point, used, size } in &found {
            assert!(mounts.iter().any(|mount| is_tmpfs(mount) && mount.point == *point));
            assert!(used <= size, "{point}");
        }
        // What is mounted last at a place is what is found there.
        let last =
            |point: &str| mounts.iter().rfind(|mount| mount.point == point).filter(|m| is_tmpfs(m));
        if let Some(mount) = last("/dev/shm") {
            assert!(found.iter().any(|fs| fs.point == mount.point));
            let point = Path::new(&mount.point);
            assert!(fill(point, mount.device).is_some());
            assert_eq!(fill(point, (mount.device.0, mount.device.1 + 1)), None, "hidden by it");
        }
        // Said to be tmpfs, but the root directory is none; and one below what may hang.
        let lie = parse("27 1 0:1 / / rw - tmpfs tmpfs rw");
        assert_eq!(tmpfs(&lie), []);
        if let Some(mount) =
            mounts.iter().find(|mount| found.iter().any(|f| f.point == mount.point))
        {
            let slow = Mount { point: "/".into(), kind: "nfs4".into(), ..Mount::default() };
            assert_eq!(tmpfs(&[slow, mount.clone()]), []);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".*|([0-9 :/\\\\-]{0,40}\n?){0,4}") {
            let mounts = parse(&text);
            std::hint::black_box((of_file(&mounts, &text), unescape(&text)));
        }
    }
}
