//! Writes what the head holds to history, and tells it what is durable.
//!
//! # Layout
//!
//! * [`Archive`]: the way to history for whoever reads it, and how it fares.
//! * [`Keeper`]: opens it, and writes: every quarter of an hour, when the head runs out of room, and
//!   before the program ends.
//! * `opening`: what the head is told of what is on disk, and what becomes of a file that is damaged.
//! * `trouble`: what keeps it from writing, told once, and when it tries again.

mod opening;
mod trouble;
mod writing;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use shared::history::HistoryStatus;

use crate::config::HistoryConfig;
use crate::history::{Reader, Store, StoreError};

pub use writing::Keeper;

/// The way to history, for whoever reads it. Clones lead to the same one.
#[derive(Clone)]
pub struct Archive {
    inner: Arc<RwLock<Inner>>,
    /// `None` if none is kept.
    config: Option<HistoryConfig>,
}

#[derive(Default)]
struct Inner {
    store: Option<Store>,
    trouble: Option<String>,
    committed_ms: Option<u64>,
}

/// Why the past cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum NoHistory {
    /// It is not kept, or cannot be at present.
    #[error("no history is kept at present; /api/v1/history/status says why")]
    NotOpen,
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Archive {
    /// One that a [`Keeper`] opens; with `None` there is none.
    #[must_use]
    pub fn new(config: Option<HistoryConfig>) -> Self {
        Self { inner: Arc::default(), config }
    }

    fn look<T>(&self, at: impl FnOnce(&Inner) -> T) -> T {
        at(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, how: impl FnOnce(&mut Inner)) {
        how(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn store(&self) -> Result<Store, NoHistory> {
        self.look(|inner| inner.store.clone()).ok_or(NoHistory::NotOpen)
    }

    /// All that is on disk now. It may take a while: not for the head's own thread.
    pub fn read(&self) -> Result<Reader, NoHistory> {
        Ok(self.store()?.read()?)
    }

    /// Why history cannot be written at present, in a sentence for people. Known at once.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.look(|inner| inner.trouble.clone())
    }

    /// Whether it was written since the head started.
    #[must_use]
    pub fn has_committed(&self) -> bool {
        self.look(|inner| inner.committed_ms.is_some())
    }

    /// How history fares. It may take a while too.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> HistoryStatus {
        let Some(config) = &self.config else { return HistoryStatus::default() };
        let status = self.store().and_then(|store| Ok(store.status(now_ms)?));
        let (trouble, committed_ms) =
            self.look(|inner| (inner.trouble.clone(), inner.committed_ms));
        let unread = status.as_ref().err().map(ToString::to_string);
        HistoryStatus {
            is_kept: true,
            trouble: trouble.or(unread),
            committed_ms,
            commit_s: u32::try_from(config.commit.as_secs()).unwrap_or(u32::MAX),
            max_bytes: config.max_bytes,
            ..status.unwrap_or_default()
        }
    }
}

/// The file of history in a head's data directory.
#[must_use]
pub fn file_in(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("history.redb")
}
