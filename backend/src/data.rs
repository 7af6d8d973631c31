//! What a head keeps in its data directory: the one list of it, which backup, restore and the documents go
//! by, and who is at work there.
//!
//! # Layout
//!
//! * [`PARTS`]: the list.
//! * [`Holder`]: the lock of a head that runs on a directory.
//! * `stage`: how all of it is replaced at once, wholly or not at all.

mod stage;

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::path::Path;

use crate::error::Error;
use crate::secrets;

pub use stage::{BEFORE, Stage, is_called, is_waiting, settle};

/// The version of the files that this program writes, of all that are JSON. One of a later version begins
/// with `{"version":2`; those of the first do not say it.
pub const VERSION: u32 = 1;
/// Bytes of a file that are looked at for its version.
const HEAD: u64 = 64;
/// Directories in a data directory that are looked into.
const DIRS: [&str; 2] = ["alerts", "notify"];

/// What becomes of a part when a backup is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It is in it as it is.
    Whole,
    /// Its records are in it.
    Records,
    /// It is not in it, for this reason.
    Not(&'static str),
}

/// One kind of file in a data directory.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its path in the directory; `*` stands for letters, digits and what is between them.
    pub name: &'static str,
    /// What it is, for people; parts with the same words are told together.
    pub what: &'static str,
    /// What becomes of it when a backup is made.
    pub copied: Copied,
    /// Whether it goes when another state of the head is restored.
    pub replaced: bool,
}

const fn whole(name: &'static str, what: &'static str) -> Part {
    Part { name, what, copied: Copied::Whole, replaced: true }
}

const fn not(name: &'static str, what: &'static str, why: &'static str) -> Part {
    Part { name, what, copied: Copied::Not(why), replaced: true }
}

const ANEW: &str = "it is made anew";
const ASIDE: &str = "it was set aside";
const TOLD: &str = "the head that was copied tells it itself";

/// All that may be in a data directory, in the order in which it is copied: what names others comes after
/// them.
pub const PARTS: &[Part] = &[
    whole("cert.pem", "certificate and key"),
    whole("key.pem", "certificate and key"),
    whole("viewer.json", "password"),
    whole("tokens.json", "tokens of nodes"),
    whole("holds.json", "holds"),
    whole("alerts/box-*.json", "black boxes"),
    whole("alerts/incident-*.json", "incidents"),
    whole("alerts/rules.json", "alert rules"),
    whole("alerts/state.json", "incidents"),
    Part { name: "history.redb", what: "history", copied: Copied::Records, replaced: true },
    not("history.reserve", "room for a full disk", ANEW),
    not("history.part", "a copy that was broken off", "it is of no use"),
    not("history.redb.damaged-*", "a damaged history", ASIDE),
    not("alerts/reserve", "room for a full disk", ANEW),
    not("alerts/*.damaged", "a damaged file", ASIDE),
    not("notify/outbox.json", "messages that wait for a channel", TOLD),
    not("notify/*.png", "pictures of messages that wait", TOLD),
    not("notify/outbox.json.damaged", "a damaged file", ASIDE),
    not("reached.json", "where the head was reached last", ANEW),
    Part {
        name: "lock",
        what: "who changes tokens waits here for others",
        copied: Copied::Not(ANEW),
        replaced: false,
    },
];

impl Part {
    /// The part that the file `name` is, by its path in the directory.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Self> {
        // A file that was being written when the program was killed is of the part that it would be.
        let whole = name.rsplit_once('.').filter(|(_, end)| {
            end.len() == 16 && end.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        PARTS.iter().find(|part| matches(part.name, name)).or_else(|| Self::of(whole?.0))
    }

    /// Whether the file `name` is one of this part's, and complete.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches(self.name, name)
    }
}

/// Whether `name` is what `pattern` means.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else { return pattern == name };
    let between = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    between.is_some_and(|text| !text.is_empty() && text.chars().all(allowed))
}

/// Every file in the data directory `dir`, by its path there, in the order of [`PARTS`]; of files that are
/// none of them, last, there is no part. What restoring left is not told.
pub fn files(dir: &Path) -> io::Result<Vec<(String, Option<&'static Part>)>> {
    let mut names = names(dir)?;
    for below in DIRS {
        if let Some(place) = names.iter().position(|name| name == below) {
            names.swap_remove(place);
            names.extend(
                self::names(&dir.join(below))?.iter().map(|name| format!("{below}/{name}")),
            );
        }
    }
    names.retain(|name| !stage::is_own(name));
    names.sort_unstable();
    let part = |name: &str| Part::of(name);
    let place = |part: Option<&Part>| {
        let same = |one: &Part| part.is_some_and(|part| part.name == one.name);
        PARTS.iter().position(same).unwrap_or(PARTS.len())
    };
    let mut found: Vec<_> = names.into_iter().map(|name| (part(&name), name)).collect();
    found.sort_by_key(|(part, _)| place(*part));
    Ok(found.into_iter().map(|(part, name)| (name, part)).collect())
}

/// What is in a directory; nothing if there is none.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(dir) {
        Ok(entries) => {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Refuses a directory in which a newer program wrote something that this one does not know: it is left as
/// it is. (History says it itself, and the head goes on without it.)
pub fn check_versions(dir: &Path) -> Result<(), Error> {
    for (name, part) in files(dir).map_err(|source| unusable(dir, source))? {
        if part.is_none() || !is_json(&name) {
            continue;
        }
        let path = dir.join(&name);
        let mut head = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
        // Files of incidents come and go, and one that cannot be read is told by who needs it.
        if read.is_ok() {
            known(&head).map_err(|source| unusable(&path, source))?;
        }
    }
    Ok(())
}

/// A file that begins with these bytes was written by a newer program.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it is of version {0}, which a newer Headroom wrote")]
struct TooNew(u32);

/// Whether this program knows the version of a file of JSON that begins with `bytes`; an error says which
/// it is.
pub fn known(bytes: &[u8]) -> io::Result<()> {
    match secrets::version(&bytes[..bytes.len().min(HEAD as usize)]) {
        version if version > VERSION => {
            Err(io::Error::new(io::ErrorKind::InvalidData, TooNew(version)))
        }
        _ => Ok(()),
    }
}

/// That the file `path` cannot be used, for this reason.
#[must_use]
pub fn unusable(path: &Path, source: io::Error) -> Error {
    let inner = source.get_ref().and_then(|inner| inner.downcast_ref::<TooNew>());
    match inner {
        Some(TooNew(version)) => Error::Newer { path: path.into(), version: *version },
        None => Error::Kept { path: path.into(), source },
    }
}

fn is_json(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "json")
}

/// Enters `dir` to change what is there: a restore that was cut short is finished first, and what is newer
/// than this program is refused.
pub fn enter(dir: &Path) -> Result<(), Error> {
    settle(dir)?;
    check_versions(dir)
}

/// A head that runs on a directory, for as long as this lives.
pub struct Holder(Option<File>);

impl Holder {
    /// Says that a head runs on `dir`. One that keeps nothing there has no directory, and needs none.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        // The directory itself is locked, which needs no file. Where that cannot be, nobody restores beside
        // a head that runs: its history is locked too. Who moves what was restored to its place is waited
        // for.
        let lock = |dir: File| dir.lock_shared().map(|()| dir);
        Self(File::open(dir).and_then(lock).ok())
    }

    /// The same, or one of the directory if it was not there before.
    #[must_use]
    pub fn or_of(self, dir: &Path) -> Self {
        if self.0.is_some() { self } else { Self::of(dir) }
    }
}

/// Keeps heads from a directory, until it is dropped.
struct Alone(#[expect(dead_code, reason = "it is held, not read")] Option<File>);

/// Keeps heads from `dir`; `None` if one is running on it.
fn keep_heads_from(dir: &Path) -> Option<Alone> {
    let Ok(file) = File::open(dir) else { return Some(Alone(None)) };
    match file.try_lock() {
        Ok(()) => Some(Alone(Some(file))),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(_)) => Some(Alone(None)),
    }
}

/// Whether a head runs on `dir`.
#[must_use]
pub fn is_held(dir: &Path) -> bool {
    keep_heads_from(dir).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        let what = |name: &str| Part::of(name).map(|part| part.what);
        assert_eq!(what("alerts/incident-12.json"), Some("incidents"));
        assert_eq!(what("alerts/box-12-1.json"), Some("black boxes"));
        assert_eq!(what("tokens.json.0123456789abcdef"), Some("tokens of nodes"));
        assert_eq!(what("history.redb.damaged-2026-11-26-2"), Some("a damaged history"));
        for name in ["tokens.json.x", "alerts/incident-../../x.json", "alerts/incident-.json", "x"]
        {
            assert_eq!(what(name), None, "{name}");
        }
        let names: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        for part in PARTS {
            // None is meant by two, but for what was set aside.
            let others = PARTS.iter().filter(|other| other.is(&part.name.replace('*', "1")));
            assert_eq!(others.count(), 1, "{} in {names:?}", part.name);
        }
    }

    #[test]
    fn what_is_newer_is_refused_whatever_it_is() {
        for part in PARTS.iter().filter(|part| is_json(part.name)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(part.name.replace('*', "7"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            for (text, is_known) in [
                ("{\"tokens\":[]}", true),
                ("{ \"version\": 1, \"x\": 2}", true),
                ("{\n  \"version\": 2,\n  \"tokens\": []}", false),
                ("no JSON", true),
            ] {
                fs::write(&path, text).unwrap();
                let checked = enter(dir.path());
                assert_eq!(checked.is_ok(), is_known, "{} {text}", part.name);
                if let Err(error) = checked {
                    let text = error.to_string();
                    assert!(text.contains("version 2") && text.contains(".json"), "{text}");
                }
                assert_eq!(fs::read_to_string(&path).unwrap(), text, "it is left as it is");
            }
        }
    }

    #[test]
    fn a_head_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_held(dir.path()));
        let heads = [Holder::of(dir.path()), Holder::of(dir.path())];
        assert!(is_held(dir.path()));
        drop(heads);
        assert!(!is_held(dir.path()) && !is_held(&dir.path().join("none")));
    }

    /// The documents list them all.
    #[test]
    fn the_documents_know_all_parts() {
        let text = include_str!("../../docs/backup.md");
        for part in PARTS {
            assert!(text.contains(&format!("`{}`", part.name)), "{} is missing", part.name);
        }
    }
}
