//! Writes what the head holds to history, and tells it what is durable.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use shared::history::HistoryStatus;

use crate::error::tell;
use crate::head::{AsOf, Head};
use crate::history::{Extra, Limits, Reader, Store, StoreError};

/// Between two commits.
const COMMIT_EVERY: Duration = Duration::from_mins(15);
const DAY: Duration = Duration::from_hours(24);

/// The way to history, for whoever reads it. Clones lead to the same one.
#[derive(Clone)]
pub struct Archive {
    store: Arc<RwLock<Option<Store>>>,
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
    /// The history in `dir`.
    #[must_use]
    pub fn open(dir: &Path) -> Self {
        let limits =
            Limits { max_bytes: 1 << 30, keep: [7, 30, 120, 400, 1830].map(|days| DAY * days) };
        let store = Store::open(&dir.join("history.redb"), &limits);
        Self { store: Arc::new(RwLock::new(store.map_err(tell).ok())) }
    }

    fn store(&self) -> Result<Store, NoHistory> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        store.clone().ok_or(NoHistory::NotOpen)
    }

    /// All that is on disk now. It may take a while: not for the head's own thread.
    pub fn read(&self) -> Result<Reader, NoHistory> {
        Ok(self.store()?.read()?)
    }

    /// How history fares.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> HistoryStatus {
        let status = self.store().and_then(|store| Ok(store.status(now_ms)?));
        status.unwrap_or_else(|error| HistoryStatus {
            trouble: Some(error.to_string()),
            ..HistoryStatus::default()
        })
    }
}

/// Keeps history until the head has ended.
pub async fn run(archive: Archive, head: Head, now_ms: impl Fn() -> u64) {
    loop {
        tokio::time::sleep(COMMIT_EVERY).await;
        let Ok(AsOf { of: nodes, .. }) = head.nodes().await else { return };
        let Ok(store) = archive.store() else { continue };
        for node in nodes {
            let Ok(batches) = head.unsaved(node.state.id).await else { return };
            if let Err(error) = store.commit(batches, &Extra::default(), now_ms()) {
                tell(error);
            }
        }
    }
}
