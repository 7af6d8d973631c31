//! Replaces what is in a data directory at once: what is to be there is put beside it, in the same
//! directory, and one rename decides. Whoever uses the directory next finishes what was cut short.
//!
//! * `restore.part`: it is being filled. Nothing else has changed; it is of no use if nobody fills it.
//! * `restore.next`: it is complete, and counts from the next start of the head on, whoever starts it.
//! * `restore.ready`: the same, and a head that runs is to begin anew for it. What it replaces is being
//!   moved aside.
//! * `restore.moving`: that is done; its parts are being moved to their places.
//!
//! The directory itself stays where it is: it may be where a volume is mounted, or a link that the service
//! manager made.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Part, keep_heads_from, names};
use crate::error::Error;
use crate::secrets;

/// What the name of a directory begins with in which a former state is.
pub const BEFORE: &str = "before-restore-";

const PART: &str = "restore.part";
const NEXT: &str = "restore.next";
const READY: &str = "restore.ready";
const MOVING: &str = "restore.moving";
/// In the new state: the name of the directory that the former one goes to.
const ASIDE: &str = ".aside";

/// Whether it is one of the directories that restoring makes.
pub(super) fn is_own(name: &str) -> bool {
    [PART, NEXT, READY, MOVING].contains(&name) || name.starts_with(BEFORE)
}

/// Whether another state waits in `dir` for the head to take it.
#[must_use]
pub fn is_waiting(dir: &Path) -> bool {
    [NEXT, READY, MOVING].iter().any(|name| is_there(dir, name))
}

/// Whether the head that runs on `dir` is to begin anew for it, at once.
#[must_use]
pub fn is_called(dir: &Path) -> bool {
    is_there(dir, READY)
}

fn is_there(dir: &Path, name: &str) -> bool {
    fs::symlink_metadata(dir.join(name)).is_ok()
}

/// A state of a head that is being put together. Unless it is made to count, it goes when it is dropped.
pub struct Stage {
    dir: PathBuf,
    path: PathBuf,
    counts: bool,
}

impl Stage {
    /// Begins one for `dir`, which is made if it is not there. What another left that was cut short is
    /// removed.
    pub fn begin(dir: &Path) -> io::Result<Self> {
        secrets::make_dir(dir)?;
        let path = dir.join(PART);
        gone(fs::remove_dir_all(&path))?;
        secrets::make_dir(&path)?;
        Ok(Self { dir: dir.into(), path, counts: false })
    }

    /// Where its files belong.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From here on it counts: it is on disk, and the former state goes to `aside` below the directory. A
    /// head that runs is `called` to begin anew, unless somebody starts it anew.
    pub fn count(mut self, aside: &str, called: bool) -> io::Result<()> {
        secrets::write(&self.path.join(ASIDE), aside.as_bytes())?;
        give_all(&self.path, &self.dir)?;
        each(&self.path, &mut make_private)?;
        sync_all(&self.path)?;
        sync(&self.dir)?;
        fs::rename(&self.path, self.dir.join(if called { READY } else { NEXT }))?;
        self.counts = true;
        sync(&self.dir)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.counts {
            // What is left is removed by the next one.
            fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// Lets a state that waits in `dir` take its place, unless a head is running there. Whether none waits any
/// more.
pub fn settle(dir: &Path) -> Result<bool, Error> {
    if !is_waiting(dir) {
        return Ok(true);
    }
    let Some(_alone) = keep_heads_from(dir) else { return Ok(false) };
    let failed = |source| Error::Data { path: dir.into(), source };
    // Who changes tokens waits.
    let _lock = secrets::lock(dir).map_err(failed)?;
    if is_there(dir, NEXT) {
        fs::rename(dir.join(NEXT), dir.join(READY)).map_err(failed)?;
    }
    move_aside(dir).and_then(|()| move_in(dir)).map_err(failed)?;
    Ok(true)
}

/// Moves what there was aside, as often as it takes.
fn move_aside(dir: &Path) -> io::Result<()> {
    let ready = dir.join(READY);
    if fs::symlink_metadata(&ready).is_err() {
        return Ok(());
    }
    let aside = dir.join(aside_of(&ready)?);
    secrets::make_dir(&aside)?;
    for name in names(dir)? {
        if is_replaced(&name) {
            fs::rename(dir.join(&name), aside.join(&name))?;
        }
    }
    give_all(&aside, dir)?;
    sync(&aside)?;
    sync(dir)?;
    fs::rename(&ready, dir.join(MOVING))?;
    sync(dir)
}

/// Moves what is to be there to its place, as often as it takes.
fn move_in(dir: &Path) -> io::Result<()> {
    let moving = dir.join(MOVING);
    if fs::symlink_metadata(&moving).is_err() {
        return Ok(());
    }
    let aside = dir.join(aside_of(&moving)?);
    for name in names(&moving)?.iter().filter(|name| *name != ASIDE) {
        let place = dir.join(name);
        if fs::symlink_metadata(&place).is_ok() {
            // A program that knows nothing of this has begun anew meanwhile.
            let mut free = (2..100).map(|n| aside.join(format!("{name}.{n}")));
            let free = free.find(|path| !path.exists()).ok_or(io::ErrorKind::AlreadyExists)?;
            fs::rename(&place, free)?;
        }
        fs::rename(moving.join(name), place)?;
    }
    sync(dir)?;
    gone(fs::remove_file(moving.join(ASIDE)))?;
    fs::remove_dir(&moving)?;
    sync(dir)
}

/// Whether what is called so in the directory, a file or all of another directory, is of a former state.
fn is_replaced(name: &str) -> bool {
    super::DIRS.contains(&name) || Part::of(name).is_some_and(|part| part.replaced)
}

/// The name of the directory that the former state goes to.
fn aside_of(stage: &Path) -> io::Result<String> {
    let name = match secrets::read(&stage.join(ASIDE))? {
        Some(bytes) => String::from_utf8(bytes).unwrap_or_default(),
        // Cut short at the very end, when nothing goes there any more.
        None => format!("{BEFORE}unknown"),
    };
    if name.starts_with(BEFORE) && !name.contains('/') {
        return Ok(name);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{name:?} is no name of a former state"),
    ))
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Everything in `path`, and itself, belongs to whoever owns `dir`.
fn give_all(path: &Path, dir: &Path) -> io::Result<()> {
    each(path, &mut |path| secrets::give(path, dir))
}

/// Files are for their owner only, whoever made them.
fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if path.is_file() {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn sync_all(path: &Path) -> io::Result<()> {
    each(path, &mut sync)
}

/// A directory that cannot be opened need not be synced.
fn sync(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_all(),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Does the same with everything in `path`, and then with itself.
fn each(path: &Path, what: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for name in names(path)? {
            each(&path.join(name), what)?;
        }
    }
    what(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap_or_default()
    }

    fn old() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in ["tokens.json", "alerts/state.json", "history.redb", "mine.txt"] {
            put(dir.path(), name, "old");
        }
        dir
    }

    fn staged(dir: &Path) -> Stage {
        let stage = Stage::begin(dir).unwrap();
        for name in ["tokens.json", "alerts/state.json", "cert.pem"] {
            put(stage.path(), name, "new");
        }
        stage
    }

    #[test]
    fn a_state_takes_the_place_of_another() {
        let dir = old();
        let dir = dir.path();
        drop(staged(dir));
        assert!(settle(dir).unwrap());
        assert_eq!((text(dir, "tokens.json").as_str(), dir.join(PART).exists()), ("old", false));
        staged(dir).count("before-restore-1", false).unwrap();
        assert!(is_waiting(dir) && !is_called(dir));
        assert!(settle(dir).unwrap() && !is_waiting(dir));
        for (name, expected) in [
            ("tokens.json", "new"),
            ("alerts/state.json", "new"),
            ("cert.pem", "new"),
            ("history.redb", ""),
            ("mine.txt", "old"),
            ("before-restore-1/tokens.json", "old"),
            ("before-restore-1/alerts/state.json", "old"),
            ("before-restore-1/history.redb", "old"),
        ] {
            assert_eq!(text(dir, name), expected, "{name}");
        }
    }

    #[test]
    fn what_was_written_meanwhile_by_who_knows_nothing_of_it_is_kept_too() {
        let dir = old();
        let dir = dir.path();
        staged(dir).count("before-restore-1", true).unwrap();
        move_aside(dir).unwrap();
        put(dir, "tokens.json", "meanwhile");
        put(dir, "alerts/state.json", "meanwhile");
        assert!(settle(dir).unwrap());
        assert_eq!(text(dir, "tokens.json"), "new");
        assert_eq!(text(dir, "before-restore-1/tokens.json"), "old");
        assert_eq!(text(dir, "before-restore-1/tokens.json.2"), "meanwhile");
        assert_eq!(text(dir, "before-restore-1/alerts.2/state.json"), "meanwhile");
    }

    #[test]
    fn a_head_that_runs_is_left_alone() {
        let dir = old();
        staged(dir.path()).count("before-restore-1", true).unwrap();
        let head = super::super::Holder::of(dir.path());
        assert!(!settle(dir.path()).unwrap());
        assert_eq!(text(dir.path(), "tokens.json"), "old");
        drop(head);
        assert!(settle(dir.path()).unwrap());
        assert_eq!(text(dir.path(), "tokens.json"), "new");
    }
}
