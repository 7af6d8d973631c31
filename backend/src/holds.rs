//! Soft reservations: memory that others are told not to place into, until they end or are given back.
//!
//! They stand in `holds.json` in the data directory, and outlive the head. Whoever takes one sees all others
//! while nobody else takes any, so the same memory is never given twice.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use shared::NodeId;
use shared::fit::Hold;

use crate::error::Error;
use crate::secrets::{self, hex, random};

/// How long one holds at most, in ms: 7 days.
pub const MOST_MS: u64 = 7 * 24 * 3_600_000;
/// Characters of a note at most.
pub const MOST_NOTE: usize = 200;
/// Holds at most.
const MOST: usize = 1000;
/// Nodes of all holds together at most.
const MOST_PLACES: usize = 50_000;

/// What is to be held.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What it is for.
    pub note: String,
    /// What one copy takes, in bytes.
    pub size: u64,
    /// How many copies on which nodes.
    pub places: Vec<(NodeId, u32)>,
    /// For how long, in ms; [`MOST_MS`] at most.
    pub for_ms: u64,
}

/// The way to them. Clones lead to the same ones.
#[derive(Clone)]
pub struct Holds {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    kept: RwLock<Vec<Kept>>,
    /// Whoever has it may change them.
    changing: Mutex<()>,
}

#[derive(Clone)]
struct Kept {
    hold: Hold,
    /// Whether it was taken since the head started: its times move with the head's clock. Those of others
    /// were right when they were written.
    is_new: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    holds: Vec<Hold>,
}

impl Holds {
    /// Opens what is kept of them in `data_dir`. A file that cannot be understood is left as it is.
    pub fn open(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join("holds.json");
        let read = || -> io::Result<Vec<Hold>> {
            let Some(bytes) = secrets::read(&path)? else { return Ok(Vec::new()) };
            Ok(serde_json::from_slice::<File>(&bytes)?.holds)
        };
        let holds = read().map_err(|source| Error::Kept { path: path.clone(), source })?;
        let kept = holds.into_iter().map(|hold| Kept { hold, is_new: false }).collect();
        let inner = Inner { path, kept: RwLock::new(kept), changing: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Those that hold at `now_ms`, oldest first.
    #[must_use]
    pub fn list(&self, now_ms: u64) -> Vec<Hold> {
        self.at(now_ms).into_iter().map(|kept| kept.hold).collect()
    }

    /// Lets `decide` see those that hold at `now_ms`, and takes what it wants, while nobody else takes
    /// any. It is on disk when this returns, which may take a while.
    pub fn take<T>(
        &self,
        now_ms: u64,
        decide: impl FnOnce(&[Hold]) -> (T, Option<Wish>),
    ) -> Result<(T, Option<Hold>), Error> {
        let _changing = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = self.at(now_ms);
        let holds: Vec<Hold> = kept.iter().map(|kept| kept.hold.clone()).collect();
        let (decided, wish) = decide(&holds);
        let Some(wish) = wish else { return Ok((decided, None)) };
        let places = holds.iter().map(|hold| hold.places.len()).sum::<usize>() + wish.places.len();
        if holds.len() >= MOST || places > MOST_PLACES {
            let text = format!(
                "there are {} holds already, and no room for more; release some",
                holds.len()
            );
            return Err(Error::Refused(text));
        }
        let is_taken = |id: &String| holds.iter().any(|hold| hold.id == *id);
        let mut id = hex(&random::<4>());
        while is_taken(&id) {
            id = hex(&random::<4>());
        }
        let hold = Hold {
            id,
            note: wish.note.chars().take(MOST_NOTE).collect(),
            size: wish.size,
            places: wish.places,
            since_ms: now_ms,
            until_ms: now_ms.saturating_add(wish.for_ms.min(MOST_MS)),
        };
        kept.push(Kept { hold: hold.clone(), is_new: true });
        self.keep(kept)?;
        Ok((decided, Some(hold)))
    }

    /// Gives the one named `id` back; `false` if none of that name holds at `now_ms`.
    pub fn release(&self, id: &str, now_ms: u64) -> Result<bool, Error> {
        let _changing = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = self.at(now_ms);
        let before = kept.len();
        kept.retain(|kept| kept.hold.id != id);
        if kept.len() == before {
            return Ok(false);
        }
        self.keep(kept)?;
        Ok(true)
    }

    /// The head's clock was set by so many ms: what was taken since it started ends as much later.
    pub fn shift(&self, by_ms: i64) -> Result<(), Error> {
        let _changing = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = self.look(<[Kept]>::to_vec);
        if !kept.iter().any(|kept| kept.is_new) {
            return Ok(());
        }
        for Kept { hold, .. } in kept.iter_mut().filter(|kept| kept.is_new) {
            hold.since_ms = hold.since_ms.saturating_add_signed(by_ms);
            hold.until_ms = hold.until_ms.saturating_add_signed(by_ms);
        }
        self.keep(kept)
    }

    fn look<T>(&self, at: impl FnOnce(&[Kept]) -> T) -> T {
        at(&self.inner.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Those that hold at `now_ms`. What would hold for longer than anything may was written while the
    /// clock was wrong.
    fn at(&self, now_ms: u64) -> Vec<Kept> {
        let holds = |hold: &Hold| (1..=MOST_MS).contains(&hold.until_ms.saturating_sub(now_ms));
        self.look(|all| all.iter().filter(|kept| holds(&kept.hold)).cloned().collect())
    }

    /// Writes them, and only then lets others see them.
    fn keep(&self, kept: Vec<Kept>) -> Result<(), Error> {
        let path = &self.inner.path;
        let data = |source| Error::Data { path: path.parent().unwrap_or(path).into(), source };
        let file = File { holds: kept.iter().map(|kept| kept.hold.clone()).collect() };
        let text = serde_json::to_vec_pretty(&file).map_err(|error| data(error.into()))?;
        secrets::write(path, &text).map_err(data)?;
        *self.inner.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
