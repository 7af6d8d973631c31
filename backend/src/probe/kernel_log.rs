//! The kernel's log: who was killed for want of memory, and who had how much at that moment.
//!
//! It is read only after a program was killed; what was in it before is passed over.

mod record;

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use shared::black_box::{Killed, Ranking};

use super::{Roots, files};
use record::Parser;

/// Where the kernel's own log is.
const DEVICE: &str = "/dev/kmsg";
/// Where it is in a tree of files: records as the device gives them, one a line.
const FILE: &str = "kmsg";
/// Records that are read at once at most: the log of most kernels holds fewer.
const MOST_RECORDS: usize = 50_000;
/// Bytes of a record at most (`CONSOLE_EXT_LOG_MAX`, `kernel/printk`).
const MOST_RECORD: usize = 8192;
/// Bytes of a file that are read at once at most.
const MOST_FILE: u64 = 4 << 20;

/// What the log says of programs that were killed. Times are of the log's own clock: µs since boot,
/// without the time that the machine was asleep, and a little off.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Who was killed, in the order it was logged.
    pub killed: Vec<Killed>,
    /// Who had how much before each was chosen: processes of the control group whose limit was
    /// reached, or all.
    pub tables: Vec<Table>,
}

/// See [`Heard::tables`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Who had the most.
    pub ranking: Ranking,
    /// Whether bytes are of all that is resident, as shared memory is not told apart (before Linux 6.8).
    pub with_shared: bool,
}

/// See the module.
pub struct KernelLog {
    source: Source,
    parser: Parser,
}

enum Source {
    /// The kernel's device, which gives a record for each `read`.
    Device(File),
    /// A file that stands for it, and how much of it was read.
    Copy(PathBuf, u64),
    /// There is none for us, and why.
    None(String),
}

impl KernelLog {
    /// Opens it at its end, if it is for us. Where another tree stands for `/proc`, it is a file in
    /// that tree.
    #[must_use]
    pub fn open(roots: &Roots, page_size: u64) -> Self {
        // Wherever it is mounted, /proc tells of this kernel. To read its own kmsg would take records
        // from whoever else reads it.
        let of_this_kernel = File::open(roots.proc.join("meminfo"))
            .is_ok_and(|file| files::is_made_by_the_kernel(&file));
        let source = if of_this_kernel {
            let opened = open_device(Path::new(DEVICE));
            opened.map_or_else(|error| none(Path::new(DEVICE), &error), Source::Device)
        } else {
            let path = roots.proc.join(FILE);
            match fs::metadata(&path) {
                Ok(file) => Source::Copy(path, file.len()),
                Err(error) => none(&path, &error),
            }
        };
        Self { source, parser: Parser::new(page_size) }
    }

    /// Why it cannot be read, in a sentence without its full stop.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match &self.source {
            Source::None(why) => Some(why),
            _ => None,
        }
    }

    /// What was logged since it was read last.
    pub fn read(&mut self) -> Heard {
        match &mut self.source {
            Source::Device(device) => read_device(device, &mut self.parser),
            Source::Copy(path, done) => {
                // What cannot be read now may be later.
                if let Ok(text) = rest(path, done) {
                    text.split(|&byte| byte == b'\n').for_each(|line| self.parser.record(line));
                }
            }
            Source::None(_) => {}
        }
        self.parser.take()
    }
}

fn none(path: &Path, error: &io::Error) -> Source {
    Source::None(format!("the kernel's log ({}) cannot be read: {error}", path.display()))
}

#[cfg(target_os = "linux")]
fn open_device(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let at_once = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let mut device = fs::OpenOptions::new().read(true).custom_flags(at_once).open(path)?;
    device.seek(SeekFrom::End(0))?;
    Ok(device)
}

#[cfg(not(target_os = "linux"))]
fn open_device(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

fn read_device(device: &mut File, parser: &mut Parser) {
    let mut buffer = [0; MOST_RECORD];
    for _ in 0..MOST_RECORDS {
        match device.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => parser.record(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // Records that were overwritten, or are too long, are passed over.
            Err(_) => {}
        }
    }
}

/// What came to a file since `done`, as far as its lines are whole.
fn rest(path: &Path, done: &mut u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() < *done {
        *done = 0;
    }
    file.seek(SeekFrom::Start(*done))?;
    let mut text = Vec::new();
    file.take(MOST_FILE).read_to_end(&mut text)?;
    text.truncate(text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
    *done += text.len() as u64;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Roots) {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots { proc: dir.path().into(), sys: dir.path().join("sys") };
        (dir, roots)
    }

    fn kill(pid: u32) -> String {
        format!("3,1,7,-;Out of memory: Killed process {pid} (a) total-vm:1kB, anon-rss:8kB\n")
    }

    #[test]
    fn a_tree_of_files_has_a_log_of_its_own_or_none() {
        let (dir, roots) = tree();
        let mut log = KernelLog::open(&roots, 4096);
        assert!(log.trouble().unwrap().contains("kmsg) cannot be read"), "{:?}", log.trouble());
        assert_eq!(log.read(), Heard::default());
        let path = dir.path().join("kmsg");
        fs::write(&path, kill(1)).unwrap();
        let mut log = KernelLog::open(&roots, 4096);
        assert_eq!(log.trouble(), None);
        assert_eq!(log.read().killed, [], "what was there before is passed over");
        // The second is not whole yet.
        let torn = &kill(3)[..40];
        fs::write(&path, [&kill(1), &kill(2), torn].concat()).unwrap();
        let pids =
            |log: &mut KernelLog| log.read().killed.iter().map(|k| k.pid).collect::<Vec<_>>();
        assert_eq!(pids(&mut log), [2]);
        fs::write(&path, [kill(1), kill(2), kill(3)].concat()).unwrap();
        assert_eq!(pids(&mut log), [3]);
        fs::write(&path, kill(4)).unwrap();
        assert_eq!(pids(&mut log), [4], "it began anew");
        fs::remove_file(&path).unwrap();
        assert_eq!(pids(&mut log), [0_u32; 0]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_has_its_log_or_says_why_not() {
        let roots = Roots::default();
        let mut log = KernelLog::open(&roots, 4096);
        let can_open = File::open(DEVICE).is_ok();
        assert_eq!(log.trouble().is_none(), can_open, "{:?}", log.trouble());
        log.read();
    }
}
