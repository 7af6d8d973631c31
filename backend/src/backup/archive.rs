//! The file: a tar archive of small members, each of which is read and written at once.
//!
//! The first member says what it is. Then come `settings/…`, `data/…` (files by their names in the data
//! directory), and history as pieces of records, `history/00000001` and on, so that a head that runs can
//! tell them one after the other and nothing has to be written twice. The last member has the SHA-256 of
//! all others: what was cut short is noticed.

use std::collections::HashSet;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};

use super::MOST_SMALL;
use crate::data::{Copied, PARTS};
use crate::error::Error;
use crate::secrets::{hex, sha256};

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;
const FIRST: &str = "headroom-backup.json";
const LAST: &str = "manifest.json";
/// Bytes of a piece of history at most: what is gathered, and a record as large as records may be.
pub(super) const MOST_PIECE: u64 = (64 << 20) + GATHERED as u64 + 64;
/// Bytes of records that are gathered to a piece.
pub(super) const GATHERED: usize = 4 << 20;
/// Members at most: incidents, black boxes, and a thousand GiB of history.
const MOST_MEMBERS: usize = 300_000;
/// Letters of a file's name among the settings at most.
const MOST_NAME: usize = 64;

/// What a backup is, as its first member says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    format: u32,
    /// The version of the program that made it.
    pub(super) program: String,
    /// When, in ms since 1970.
    pub(super) made_ms: u64,
    /// Of which machine.
    pub(super) host: String,
}

impl About {
    pub(super) fn new(host: String, made_ms: u64) -> Self {
        Self { format: FORMAT, program: env!("CARGO_PKG_VERSION").into(), made_ms, host }
    }
}

/// What the last member says of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    name: String,
    bytes: u64,
    sha256: String,
}

impl Sum {
    fn of(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.into(), bytes: bytes.len() as u64, sha256: hex(&sha256(bytes)) }
    }
}

/// What of [`About`] every format has.
#[derive(Deserialize)]
struct Format {
    format: u32,
    #[serde(default)]
    program: String,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    members: Vec<Sum>,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// A file among the settings, by its path there.
    Settings(String),
    /// A file of the data directory, by its path there.
    Data(String),
    /// The next piece of history.
    History,
}

impl Member {
    /// The member of this name; `None` if it is none that a backup has. No name leads anywhere else.
    fn of(name: &str) -> Option<Self> {
        if let Some(number) = name.strip_prefix("history/") {
            let is_number = number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit());
            return is_number.then_some(Self::History);
        }
        if let Some(name) = name.strip_prefix("data/") {
            let is_copied = PARTS.iter().any(|part| part.copied == Copied::Whole && part.is(name));
            return is_copied.then(|| Self::Data(name.into()));
        }
        let name = name.strip_prefix("settings/")?;
        let file = name.strip_prefix("secrets/").unwrap_or(name);
        is_plain(file).then(|| Self::Settings(name.into()))
    }

    fn most(&self) -> u64 {
        match self {
            Self::History => MOST_PIECE,
            Self::Settings(_) | Self::Data(_) => MOST_SMALL,
        }
    }
}

/// Whether a file among the settings has a name that is safe everywhere.
pub(super) fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=MOST_NAME).contains(&name.len()) && !name.starts_with('.') && name.chars().all(allowed)
}

/// Writes a backup.
pub(super) struct Writer<W: Write> {
    tar: Builder<W>,
    made_s: u64,
    members: Vec<Sum>,
    pieces: u32,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(to: W, about: &About) -> io::Result<Self> {
        let (made_s, members) = (about.made_ms / 1000, Vec::new());
        let mut writer = Self { tar: Builder::new(to), made_s, members, pieces: 0 };
        writer.add(FIRST, &serde_json::to_vec_pretty(about)?)?;
        Ok(writer)
    }

    /// Adds a file, by its path among the settings.
    pub(super) fn settings(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.add(&format!("settings/{name}"), bytes)
    }

    /// Adds a file, by its path in the data directory.
    pub(super) fn data(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.add(&format!("data/{name}"), bytes)
    }

    /// Adds the next piece of history.
    pub(super) fn history(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pieces += 1;
        self.add(&format!("history/{:08}", self.pieces), bytes)
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_path(name)?;
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.made_s);
        header.set_cksum();
        self.members.push(Sum::of(name, bytes));
        self.tar.append(&header, bytes)
    }

    /// Writes what belongs to the end of it.
    pub(super) fn end(mut self) -> io::Result<W> {
        let members = std::mem::take(&mut self.members);
        self.add(LAST, &serde_json::to_vec(&Manifest { members })?)?;
        self.tar.into_inner()
    }
}

/// Reads a backup. Whatever is wrong with it is an error in words.
pub(super) struct Members<'a, R: Read> {
    entries: tar::Entries<'a, R>,
    pub(super) about: About,
    sums: Vec<Sum>,
    names: HashSet<String>,
}

impl<'a, R: Read> Members<'a, R> {
    /// Reads what it is. One of a newer format is refused.
    pub(super) fn begin(archive: &'a mut Archive<R>) -> Result<Self, Error> {
        // What extends headers is none of ours, and not taken for more than a member.
        let entries = archive.entries().map_err(|error| damaged(&error.to_string()))?.raw(true);
        let none = "it is no backup of Headroom";
        let about = About { format: 0, program: String::new(), made_ms: 0, host: String::new() };
        let mut members = Self { entries, about, sums: Vec::new(), names: HashSet::new() };
        let (name, bytes) = members.entry().map_err(|_| refused(none))?.ok_or(refused(none))?;
        if name != FIRST {
            return Err(refused(none));
        }
        let format: Format = serde_json::from_slice(&bytes).map_err(|_| refused(none))?;
        if format.format > FORMAT {
            let program = crate::table::plain(&format.program).into_owned();
            return Err(refused(&format!(
                "it is of format {}, which Headroom {program} made; this is {}, and knows formats up to \
                 {FORMAT}: install that version or a newer one",
                format.format,
                env!("CARGO_PKG_VERSION")
            )));
        }
        members.about = serde_json::from_slice(&bytes).map_err(|e| damaged(&e.to_string()))?;
        Ok(members)
    }

    /// The next member; `None` once all are there and are what was written.
    pub(super) fn next(&mut self) -> Result<Option<(Member, Vec<u8>)>, Error> {
        let Some((name, bytes)) = self.entry()? else {
            return Err(damaged("it was cut short: its end is missing"));
        };
        if name != LAST {
            let member = Member::of(&name).ok_or_else(|| stranger(&name))?;
            return Ok(Some((member, bytes)));
        }
        let sums: Manifest = serde_json::from_slice(&bytes).map_err(|e| damaged(&e.to_string()))?;
        self.sums.pop();
        if self.sums.len() != sums.members.len() {
            return Err(damaged("it does not have the members that it should have"));
        }
        let differs = self.sums.iter().zip(&sums.members).find(|(read, said)| read != said);
        if let Some((read, _)) = differs {
            return Err(damaged(&format!("{} is not what was written", read.name)));
        }
        if self.entry()?.is_some() {
            return Err(damaged("something follows after its end"));
        }
        Ok(None)
    }

    /// The next entry of the archive, whole.
    fn entry(&mut self) -> Result<Option<(String, Vec<u8>)>, Error> {
        let broken = |error: io::Error| damaged(&error.to_string());
        let Some(entry) = self.entries.next() else { return Ok(None) };
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let most = match name.as_str() {
            FIRST => MOST_SMALL,
            LAST => 2 * MOST_SMALL,
            _ => Member::of(&name).ok_or_else(|| stranger(&name))?.most(),
        };
        if entry.header().entry_type() != EntryType::Regular {
            return Err(stranger(&name));
        }
        let length = entry.size();
        if length > most || self.sums.len() >= MOST_MEMBERS {
            return Err(damaged(&format!("{name} is larger than such a thing can be")));
        }
        if !self.names.insert(name.clone()) {
            return Err(damaged(&format!("{name} is there twice")));
        }
        let mut bytes = Vec::new();
        entry.by_ref().take(most).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() as u64 != length {
            return Err(damaged("it was cut short"));
        }
        self.sums.push(Sum::of(&name, &bytes));
        Ok(Some((name, bytes)))
    }
}

fn refused(why: &str) -> Error {
    Error::Refused(format!("this cannot be restored: {why}"))
}

fn damaged(why: &str) -> Error {
    refused(&format!("the backup is damaged ({why}); nothing was changed"))
}

fn stranger(name: &str) -> Error {
    let name: String = name.chars().take(100).collect();
    refused(&format!("no backup of Headroom has a member {name:?}; nothing was changed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Vec<u8> {
        let about = About::new("pi".into(), 1_700_000_000_000);
        let mut writer = Writer::begin(Vec::new(), &about).unwrap();
        writer.settings("headroom.toml", b"period_ms = 100\n").unwrap();
        writer.data("tokens.json", b"{}").unwrap();
        writer.history(&[7; 600]).unwrap();
        writer.end().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<(Member, Vec<u8>)>, String> {
        let mut archive = Archive::new(bytes);
        let mut all = Vec::new();
        let words = |error: Error| error.to_string();
        let mut members = Members::begin(&mut archive).map_err(words)?;
        while let Some(member) = members.next().map_err(words)? {
            all.push(member);
        }
        Ok(all)
    }

    /// An archive of these members, with nothing to say what it is.
    fn other(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (name, kind, bytes) in members {
            let mut header = Header::new_ustar();
            // The crate would not write a path that leads up.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let all = read(&made()).unwrap();
        let names: Vec<_> = all.iter().map(|(member, _)| member.clone()).collect();
        let data = Member::Data("tokens.json".into());
        assert_eq!(names, [Member::Settings("headroom.toml".into()), data, Member::History]);
        assert_eq!(all[2].1, [7; 600]);
    }

    #[test]
    fn whatever_bit_is_wrong_or_missing_is_noticed() {
        let whole = made();
        // Of the two blocks of zeros at the end neither says anything.
        let content = whole.len() - 1024;
        for at in (0..content).step_by(7) {
            let mut wrong = whole.clone();
            wrong[at] ^= 1 << (at % 8);
            let same = read(&wrong).is_ok_and(|all| Ok(all) == read(&whole));
            // Padding, and what a header says of owners and times, is nobody's.
            assert!(read(&wrong).is_err() || same, "byte {at}");
        }
        for length in (0..content).step_by(13) {
            let why = read(&whole[..length]).unwrap_err();
            assert!(why.contains("damaged") || why.contains("no backup"), "{length}: {why}");
        }
    }

    #[test]
    fn strangers_are_refused() {
        let about = serde_json::to_vec(&About::new("pi".into(), 0)).unwrap();
        let first = (FIRST, EntryType::Regular, about.as_slice());
        for (name, kind) in [
            ("data/../../etc/passwd", EntryType::Regular),
            ("../x", EntryType::Regular),
            ("/etc/passwd", EntryType::Regular),
            ("data/alerts/incident-../x.json", EntryType::Regular),
            ("settings/../x", EntryType::Regular),
            ("settings/secrets/../../x", EntryType::Regular),
            ("settings/.hidden", EntryType::Regular),
            ("data/history.redb", EntryType::Regular),
            ("data/lock", EntryType::Regular),
            ("data/tokens.json", EntryType::Symlink),
            ("data/tokens.json", EntryType::Link),
            ("data/alerts", EntryType::Directory),
            ("history/1", EntryType::Regular),
            ("././@LongLink", EntryType::GNULongName),
        ] {
            let why = read(&other(&[first, (name, kind, b"x")])).unwrap_err();
            assert!(why.contains("no backup of Headroom has a member"), "{name}: {why}");
        }
        let twice = ("data/tokens.json", EntryType::Regular, b"x".as_slice());
        assert!(read(&other(&[first, twice, twice])).unwrap_err().contains("there twice"));
        let newer = br#"{"format":2,"program":"9.0.0","what":"knows who"}"#;
        let why = read(&other(&[(FIRST, EntryType::Regular, newer)])).unwrap_err();
        assert!(why.contains("format 2") && why.contains("9.0.0"), "{why}");
        for none in [&b""[..], b"x", &[0; 1024], &[0x1f, 0x8b, 8, 0], &[b'a'; 2000]] {
            assert!(read(none).unwrap_err().contains("no backup of Headroom"));
        }
    }
}
