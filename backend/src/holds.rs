//! Soft reservations: memory that others are told not to place into, until they end or are given back.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use shared::fit::Hold;

use crate::error::Error;

/// The way to them. Clones lead to the same ones.
#[derive(Clone, Default)]
pub struct Holds {
    inner: Arc<Mutex<Vec<Hold>>>,
}

impl Holds {
    /// Opens what is kept of them in `data_dir`.
    pub fn open(_data_dir: &Path) -> Result<Self, Error> {
        Ok(Self::default())
    }

    /// Those that hold at `now_ms`, oldest first.
    #[must_use]
    pub fn list(&self, now_ms: u64) -> Vec<Hold> {
        let holds = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        holds.iter().filter(|hold| hold.until_ms > now_ms).cloned().collect()
    }
}
