//! Files that are read again and again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::parse;

/// More than this of one file is not read: the largest of /proc is far below.
const MOST_BYTES: usize = 1 << 20;

/// A file that stays open between readings where the kernel makes its text anew for each `pread`
/// (proc, sysfs and control groups). Other files may be replaced at any time, and are opened for each reading.
pub(super) struct KeptFile {
    path: PathBuf,
    file: Option<File>,
    most_bytes: usize,
}

impl KeptFile {
    /// Opens `path`, if it is there already.
    pub(super) fn open(path: PathBuf) -> Self {
        let file = File::open(&path).ok().filter(is_made_by_the_kernel);
        Self { path, file, most_bytes: MOST_BYTES }
    }

    /// Reads no more than the first `bytes`.
    pub(super) fn only_first(mut self, bytes: usize) -> Self {
        self.most_bytes = bytes;
        self
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file into `buffer`, in place of what was there.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        if let Some(file) = &self.file {
            return read_all(file, self.most_bytes, buffer);
        }
        let file = File::open(&self.path)?;
        read_all(&file, self.most_bytes, buffer)?;
        if is_made_by_the_kernel(&file) {
            self.file = Some(file);
        }
        Ok(())
    }

    /// The one number that the file holds.
    pub(super) fn number(&mut self, buffer: &mut Vec<u8>) -> Option<u64> {
        self.read(buffer).ok()?;
        parse::single(buffer)
    }
}

/// Whether the kernel makes the text of `file` anew for each `pread`.
#[cfg(target_os = "linux")]
pub(super) fn is_made_by_the_kernel(file: &File) -> bool {
    // PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP2_SUPER_MAGIC and CGROUP_SUPER_MAGIC, statfs(2).
    rustix::fs::fstatfs(file)
        .is_ok_and(|fs| matches!(fs.f_type, 0x9fa0 | 0x6265_6572 | 0x6367_7270 | 0x0027_e0eb))
}

/// Whether the kernel makes the text of `file` anew for each `pread`.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_made_by_the_kernel(_: &File) -> bool {
    false
}

/// What one `pread` from the start of `file` gives. Texts that the kernel makes as one record, such
/// as `statm`, `status` and `memory.stat`, come whole if `buffer` is large enough (`fs/seq_file.c`).
pub(super) fn beginning<'b>(file: &File, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    loop {
        match read_start(file, buffer) {
            Ok(length) => return Ok(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
fn read_start(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, 0)
}

#[cfg(not(unix))]
fn read_start(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    use io::{Read as _, Seek as _};

    file.rewind()?;
    file.read(buffer)
}

/// The whole file in one go per `pread`, until one gives nothing: some of proc's texts come in
/// pieces of a page.
#[cfg(unix)]
fn read_all(file: &File, most_bytes: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;

    const STEP: usize = 16 * 1024;
    let mut length = 0;
    loop {
        let room = STEP.min(most_bytes - length);
        if buffer.len() < length + room {
            buffer.resize(length + room, 0);
        }
        match file.read_at(&mut buffer[length..length + room], length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if length >= most_bytes {
            break;
        }
    }
    buffer.truncate(length);
    Ok(())
}

#[cfg(not(unix))]
fn read_all(mut file: &File, most_bytes: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
    use io::Read as _;

    buffer.clear();
    file.by_ref().take(most_bytes as u64).read_to_end(buffer)?;
    Ok(())
}
