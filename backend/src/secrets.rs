//! What secrets are made of and kept in: random bytes, digests, and files that nobody else may read.

mod given;

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};

pub use given::{DIR, is_given, open, place};

/// Bytes of a file of secrets at most: one that is larger is none of ours.
const MOST_BYTES: u64 = 16 << 20;

/// Random bytes from the system.
///
/// # Panics
/// If the system has none, as nothing that needs them could go on.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// The SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// Two lower-case digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// What [`hex`] wrote, in any case of letters; `None` if it is anything else.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// Whether both are the same, in a time that does not tell where they differ.
#[must_use]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    one.len() == other.len() && std::hint::black_box(differs) == 0
}

/// What stands in `path`, or `None` if there is no such file. What the service manager gave is read there:
/// see [`place`].
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large to be ours"));
    }
    Ok(Some(bytes))
}

/// The first line of a file, or of standard input if `path` is `-`, without its end. It has at most
/// `most` bytes. What the service manager gave is read there: see [`place`].
pub fn first_line(path: &Path, most: usize) -> io::Result<String> {
    if path == Path::new("-") { line_of(io::stdin(), most) } else { line_of(open(path)?, most) }
}

fn line_of(file: impl io::Read, most: usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(most as u64 + 2).read_to_end(&mut bytes)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    if line.len() > most {
        return Err(invalid("its first line is too long"));
    }
    String::from_utf8(line.to_vec()).map_err(|_| invalid("it is not text in UTF-8"))
}

/// The first line of a file that holds a secret, as [`first_line`]. One that every user of this machine
/// may read or change holds none, and is refused.
pub fn own_line(path: &Path, most: usize) -> io::Result<String> {
    let file = open(path)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata()?);
        if mode & 0o006 != 0 {
            let why = "every user of this machine may read it; `chmod o-rwx` keeps them out";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
    }
    let line = line_of(file, most)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is empty"));
    }
    Ok(line)
}

/// Puts `bytes` into `path`, readable for its owner only, at once and for good: whoever reads it, also
/// after a loss of power, sees all of the old or all of the new. Its directory is made if need be.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path);
    make_dir(dir)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", hex(&random::<8>())));
    let new = dir.join(name);
    let written = write_new(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        fs::remove_file(&new).ok();
        return written;
    }
    // Where directories cannot be opened, they need not be.
    File::open(dir).and_then(|dir| dir.sync_all()).ok();
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    give_to_owner(&file, parent(path))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes whoever owns `dir` the owner of `file` too: root may set the password of a head that runs as
/// somebody else, who must be able to read it.
#[cfg(unix)]
fn give_to_owner(file: &File, dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};

    if rustix::process::geteuid().is_root() {
        let dir = fs::metadata(dir)?;
        fchown(file, Some(dir.uid()), Some(dir.gid()))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn give_to_owner(_file: &File, _dir: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes whoever owns `dir` the owner of what is at `path` too, if this is root.
pub fn give(path: &Path, dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if rustix::process::geteuid().is_root() {
        use std::os::unix::fs::{MetadataExt as _, lchown};

        let dir = fs::metadata(dir)?;
        lchown(path, Some(dir.uid()), Some(dir.gid()))?;
    }
    Ok(())
}

/// The version of a file of JSON that begins with `bytes`: 1 if it does not say another one first.
#[must_use]
pub fn version(bytes: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(bytes);
    let said = || {
        let rest = text.trim_start().strip_prefix('{')?.trim_start().strip_prefix("\"version\"")?;
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    said().unwrap_or(1)
}

/// Makes a directory that only its owner may enter. One that is there is left as it is.
pub fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Keeps others who ask the same from changing files in `dir`, until it is dropped. Waits for them.
pub fn lock(dir: &Path) -> io::Result<File> {
    make_dir(dir)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(dir.join("lock"))?;
    give_to_owner(&file, dir)?;
    file.lock()?;
    Ok(file)
}

/// What tells one state of a file from the next without reading it; `None` if it is not there.
#[must_use]
pub fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { inode, length: metadata.len(), changed: metadata.modified().ok() })
}

/// See [`stamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    length: u64,
    changed: Option<std::time::SystemTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_digits() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), known);
        assert_eq!(unhex::<32>(known), Some(sha256(b"abc")));
        assert_eq!(unhex::<32>(&known.to_uppercase()), Some(sha256(b"abc")));
        assert_eq!(unhex::<2>("0g00"), None);
        assert_eq!(unhex::<2>("00"), None);
        assert_eq!(unhex::<1>("é"), None);
        assert_ne!(random::<32>(), random::<32>());
    }

    #[test]
    fn same_is_equal() {
        assert!(same(b"abc", b"abc") && same(b"", b""));
        for (one, other) in [("abc", "abd"), ("abc", "ab"), ("", "a"), ("abc", "xbc")] {
            assert!(!same(one.as_bytes(), other.as_bytes()), "{one} {other}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_their_owner_and_change_as_a_whole() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/secret");
        assert_eq!(read(&path).unwrap(), None);
        assert_eq!(stamp(&path), None);
        write(&path, b"one").unwrap();
        let first = stamp(&path);
        write(&path, b"two").unwrap();
        assert_ne!(stamp(&path), first);
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left over"
        );
        let locked = lock(path.parent().unwrap()).unwrap();
        let again = File::open(path.with_file_name("lock")).unwrap();
        assert!(again.try_lock().is_err());
        drop(locked);
        again.try_lock().unwrap();
    }
}
