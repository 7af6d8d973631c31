//! A disk of its own: a file in RAM, as a block device with ext4 as Raspberry Pi OS has it.

use crate::error::{Error, Result};
use crate::files;
use crate::process;
use crate::swarm::Scratch;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set where mounts are our own.
const OWN: &str = "XTASK_OWN_MOUNTS";

/// Mounted as long as this lives.
pub(super) struct Disk {
    /// Such as `/dev/loop0`.
    device: String,
    dir: PathBuf,
    _scratch: Scratch,
}

/// What a block device has counted (`Documentation/block/stat.rst`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// Bytes.
    pub(super) written: u64,
    /// Requests, after neighbours were put together.
    pub(super) writes: u64,
    /// How often it was told to put down all it has; 0 where the kernel does not tell.
    pub(super) flushes: u64,
}

impl Disk {
    /// One of so many MiB.
    pub(super) fn new(name: &str, mib: u64) -> Result<Self> {
        let scratch = Scratch::below(Path::new("/dev/shm"), name)?;
        let image = scratch.path().join("image");
        let dir = scratch.path().join("disk");
        files::create_dir(&dir)?;
        let empty = std::fs::File::create(&image).and_then(|file| file.set_len(mib << 20));
        empty.map_err(Error::at(&image))?;
        // What is usually put off until after mounting would be counted.
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(&image);
        process::run(&mut make)?;
        // A device of `mount` is given back with the last mount of it.
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,noatime,commit=5"]).arg(&image).arg(&dir);
        process::run(&mut mount)?;
        let mut disk = Self { device: String::new(), dir, _scratch: scratch };
        let device = Command::new("findmnt").args(["-n", "-o", "SOURCE"]).arg(&disk.dir).output();
        let device = device.map_err(|cause| Error::Io { subject: "findmnt".into(), cause })?;
        String::from_utf8_lossy(&device.stdout).trim().clone_into(&mut disk.device);
        Ok(disk)
    }

    /// Writes what is still to be written: a day's worth in a minute leaves more of that than a day does.
    pub(super) fn sync(&self) -> Result<()> {
        process::run(Command::new("sync").arg("--file-system").arg(&self.dir))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it has counted so far.
    pub(super) fn counts(&self) -> Result<Counts> {
        let name = self.device.trim_start_matches("/dev/");
        let path = Path::new("/sys/block").join(name).join("stat");
        let text = files::read_text(&path)?;
        counts(&text).ok_or_else(|| Error::say(format!("{}: {text:?}", path.display())))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What fails here is over with the mounts of this process.
        let mut unmount = Command::new("umount");
        unmount.arg("--lazy").arg(&self.dir).stdout(Stdio::null()).stderr(Stdio::null());
        unmount.status().ok();
    }
}

/// Runs this very command again in our place, with mounts of its own: however it ends, none is left.
pub(super) fn with_own_mounts() -> Result<()> {
    if std::env::var_os(OWN).is_some() {
        return Ok(());
    }
    let again = std::env::current_exe();
    let again = again.map_err(|cause| Error::Io { subject: "this program".into(), cause })?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]).arg(again);
    let cause = command.args(std::env::args_os().skip(1)).env(OWN, "1").exec();
    Err(Error::Io { subject: "unshare".into(), cause })
}

/// The fifth number is writes, the seventh sectors of 512 bytes, the sixteenth flushes.
fn counts(stat: &str) -> Option<Counts> {
    let numbers: Vec<u64> =
        stat.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    Some(Counts {
        written: numbers.get(6)? * 512,
        writes: *numbers.get(4)?,
        flushes: numbers.get(15).copied().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::{Counts, counts};

    #[test]
    fn counters_are_understood() {
        let stat = "  60  1  2210  10  98  132  5312  17  0  16  30  0  0  0  0  62  1\n";
        let expected = Counts { written: 5312 * 512, writes: 98, flushes: 62 };
        assert_eq!(counts(stat), Some(expected));
        assert_eq!(
            counts("1 2 3 4 5 6 7 8"),
            Some(Counts { written: 7 * 512, writes: 5, flushes: 0 })
        );
        assert_eq!(counts("1 2 x"), None);
    }
}
