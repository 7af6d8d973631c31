//! The readings that are not on disk yet, in a file in RAM: so they outlive the program, if it is
//! killed, though not the power. A power cut costs no more than what was taken since the last commit.
//!
//! The file names its boot, and then holds one reading after another, each with its length and a
//! checksum; what is torn at its end is as if it had not been written.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use shared::run::Stream;
use shared::wire::{self, AgentMessage, AgentReading};

use super::outbox::Outbox;
use crate::error::tell;
use crate::secrets;

/// Bytes of the file at which it is written anew: an outbox is smaller.
const MOST_BYTES: u64 = 3 << 20;
/// Bytes that are read at most.
const MOST_READ: u64 = 16 << 20;
/// Bytes of a reading at most.
const MOST_READING: usize = 8 << 10;
/// Bytes of a length, and of a checksum after it.
const LENGTH: usize = 2;
const SUM: usize = 4;

/// Where a journal lies.
#[derive(Clone, Debug)]
pub struct JournalPlace {
    /// The directory, in RAM. It is made if it is not there.
    pub dir: PathBuf,
    /// Tells journals in it apart.
    pub name: String,
}

/// See the module.
pub(super) struct Journal {
    path: PathBuf,
    boot: String,
    /// Held as long as this is: no two programs write one journal.
    _lock: File,
    /// `None` after an error, until it is written anew.
    file: Option<File>,
    stream: Stream,
    bytes: u64,
    /// At how many bytes it is written anew.
    most: u64,
    has_complained: bool,
}

impl Journal {
    /// Opens it, and gives what was in it of this boot. An error is also that another program has it.
    pub(super) fn open(place: &JournalPlace, boot: &str) -> io::Result<(Self, Vec<AgentReading>)> {
        private_dir(&place.dir)?;
        let path = place.dir.join(format!("{}.journal", place.name));
        let lock = private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(path.with_extension("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another program uses it"),
            TryLockError::Error(error) => error,
        })?;
        let mut bytes = Vec::new();
        match File::open(&path) {
            Ok(file) => drop(file.take(MOST_READ).read_to_end(&mut bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let readings = readings_in(&bytes, boot);
        let mut journal = Self {
            path,
            boot: boot.to_owned(),
            _lock: lock,
            file: None,
            stream: Stream::default(),
            bytes: 0,
            most: MOST_BYTES,
            has_complained: false,
        };
        journal.try_renew(readings.iter().cloned())?;
        Ok((journal, readings))
    }

    /// Adds a reading.
    pub(super) fn add(&mut self, reading: &AgentReading) {
        let Some(file) = &mut self.file else { return };
        let record = record(&mut self.stream, reading);
        self.bytes += record.len() as u64;
        if let Err(error) = file.write_all(&record) {
            self.complain(&error);
        }
    }

    /// Adds a reading that is in the outbox too.
    pub(super) fn note(&mut self, reading: &AgentReading, outbox: &Outbox) {
        self.add(reading);
        if self.is_long() {
            self.renew(outbox.readings());
        }
    }

    /// Whether it is time to write it anew: it has grown, or was broken off.
    pub(super) fn is_long(&self) -> bool {
        self.bytes > self.most
    }

    /// Writes it anew, with what is still needed.
    pub(super) fn renew(&mut self, readings: impl Iterator<Item = AgentReading>) {
        match self.try_renew(readings) {
            Ok(()) => self.has_complained = false,
            Err(error) => self.complain(&error),
        }
    }

    fn try_renew(&mut self, readings: impl Iterator<Item = AgentReading>) -> io::Result<()> {
        let mut stream = Stream::default();
        let mut bytes = header(&self.boot);
        for reading in readings {
            bytes.extend(record(&mut stream, &reading));
        }
        // In place of the old one at once: whenever the program is killed, one of them is whole.
        let draft = self.path.with_extension("new");
        let mut file =
            private(OpenOptions::new().create(true).truncate(true).write(true)).open(&draft)?;
        file.write_all(&bytes)?;
        std::fs::rename(&draft, &self.path)?;
        self.bytes = bytes.len() as u64;
        self.most = MOST_BYTES.max(self.bytes * 2);
        (self.stream, self.file) = (stream, Some(file));
        Ok(())
    }

    fn complain(&mut self, error: &io::Error) {
        self.file = None;
        if !std::mem::replace(&mut self.has_complained, true) {
            let path = self.path.display();
            tell(format_args!(
                "{path} cannot be written: {error}; if this program is killed now, the readings since \
                 the last commit are lost"
            ));
        }
    }
}

fn header(boot: &str) -> Vec<u8> {
    format!("headroom journal 1\n{}\n", boot.replace('\n', " ")).into_bytes()
}

/// A reading with its length and checksum.
fn record(stream: &mut Stream, reading: &AgentReading) -> Vec<u8> {
    let message = AgentMessage::Next(stream.next(reading));
    // All that is said here can be encoded.
    let bytes = wire::to_postcard(&message).unwrap_or_default();
    let length = u16::try_from(bytes.len()).unwrap_or_default();
    [&length.to_le_bytes()[..], &sum(&bytes), &bytes].concat()
}

fn sum(bytes: &[u8]) -> [u8; SUM] {
    let digest = secrets::sha256(bytes);
    [digest[0], digest[1], digest[2], digest[3]]
}

/// The readings of this boot, as far as they are whole.
fn readings_in(bytes: &[u8], boot: &str) -> Vec<AgentReading> {
    let mut readings = Vec::new();
    let mut stream = Stream::default();
    let mut rest = bytes.strip_prefix(header(boot).as_slice()).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH>()
        && let Some((checksum, after)) = after.split_first_chunk::<SUM>()
        && let Some((record, after)) = after.split_at_checked(u16::from_le_bytes(*length).into())
        && record.len() <= MOST_READING
        && sum(record) == *checksum
        && let Ok(Some(AgentMessage::Next(next))) = wire::from_postcard(record)
        && let Ok(reading) = stream.read(&next)
    {
        readings.push(reading);
        rest = after;
    }
    readings
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Field, Sample};

    fn reading(seq: u64) -> AgentReading {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Free, Some(seq * 4096));
        AgentReading { seq, uptime_us: seq * 1_000_000, sample }
    }

    fn open(dir: &Path, boot: &str) -> (Journal, Vec<u64>) {
        let place = JournalPlace { dir: dir.join("run"), name: "a".into() };
        let (journal, readings) = Journal::open(&place, boot).unwrap();
        (journal, readings.iter().map(|reading| reading.seq).collect())
    }

    #[test]
    fn what_is_written_is_there_when_the_program_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, found) = open(dir.path(), "x");
        assert!(found.is_empty());
        (1..=9).for_each(|seq| journal.add(&reading(seq)));
        let path = journal.path.clone();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        let (mut journal, found) = open(dir.path(), "x");
        assert_eq!(found, (1..=9).collect::<Vec<_>>());
        journal.renew((8..=9).map(reading));
        journal.add(&reading(10));
        drop(journal);
        let (journal, found) = open(dir.path(), "x");
        assert_eq!(found, [8, 9, 10]);
        drop(journal);
        // Torn anywhere: what is before that is there.
        for length in 0..whole.len() {
            let found = readings_in(&whole[..length], "x");
            assert!(found.len() < 9 && found.iter().zip(1..).all(|(r, n)| *r == reading(n)));
        }
        // Turned anywhere: what is there is true.
        for place in 0..whole.len() {
            let mut turned = whole.clone();
            turned[place] ^= 0x10;
            let found = readings_in(&turned, "x");
            assert!(found.len() < 9 && found.iter().zip(1..).all(|(r, n)| *r == reading(n)));
        }
        assert!(open(dir.path(), "y").1.is_empty(), "of another boot");
    }

    #[test]
    fn no_two_programs_write_one() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = open(dir.path(), "x");
        let place = JournalPlace { dir: dir.path().join("run"), name: "a".into() };
        assert!(Journal::open(&place, "x").is_err());
        assert!(Journal::open(&JournalPlace { name: "b".into(), ..place.clone() }, "x").is_ok());
        drop(journal);
        assert!(Journal::open(&place, "x").is_ok());
    }
}
