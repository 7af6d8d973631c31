//! What harms, and what is told of it: watches what nodes show of themselves, and keeps incidents.
//!
//! # Layout
//!
//! * [`Alerts`]: the way to incidents and rules.
//! * `watcher`: the task that looks once a second, and has told what is to be told.
//! * `engine`: judges signs by rules, and keeps incidents: pure. It knows each by `kept`, watches each harm
//!   by `watch`, judges by `judge`, and speaks by `words`.
//! * `store`: what is kept on disk.
//! * [`command`]: `headroom alert`.

pub mod command;
mod engine;
mod judge;
mod kept;
mod store;
mod watch;
mod watcher;
mod words;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::alert::{AlertStatus, BadRules, Incident, Rules};
use shared::black_box::BoxAt;

use crate::error::Error;
use crate::head::{Head, HeadGone};
use engine::{Changes, Engine};
use store::Store;

pub use watcher::{Means, watch};

/// The way to incidents and rules. Clones lead to the same ones.
#[derive(Clone)]
pub struct Alerts {
    inner: Arc<Mutex<Inner>>,
    store: Store,
    /// Held while the head's clock is set, and while signs are judged: both are of one time line.
    gate: Arc<tokio::sync::Mutex<()>>,
    /// Says that something is to be written.
    changed: Arc<tokio::sync::Notify>,
}

struct Inner {
    engine: Engine,
    /// The rules of the settings file.
    of_file: Rules,
    /// The rules that were set since, if any were.
    changed: Option<Rules>,
    is_rules_dirty: bool,
    /// What came of orders, and is to be written.
    ordered: Changes,
}

impl Inner {
    fn rules(&self) -> &Rules {
        self.changed.as_ref().unwrap_or(&self.of_file)
    }
}

/// There is no such incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no incident {0}; /api/v1/incidents lists them")]
pub struct NoIncident(pub u64);

impl Alerts {
    /// Opens what is kept of them in `data_dir`; `rules` are those of the settings file.
    pub fn open(data_dir: &Path, rules: Rules) -> Result<Self, Error> {
        let (store, found) = Store::open(data_dir)?;
        let inner = Inner {
            engine: Engine::restored(found.memory, found.incidents),
            of_file: rules,
            changed: found.rules,
            is_rules_dirty: false,
            ordered: Changes::default(),
        };
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
            store,
            gate: Arc::default(),
            changed: Arc::default(),
        })
    }

    fn look(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Incidents, newest first, `most` at most; only those that are not over, if `open`.
    #[must_use]
    pub fn incidents(&self, open: bool, most: usize) -> Vec<Incident> {
        let inner = self.look();
        let all = inner.engine.all.values().rev().map(|kept| &kept.incident);
        all.filter(|one| !open || one.over_ms.is_none()).take(most).cloned().collect()
    }

    /// The incident with this number.
    pub fn incident(&self, id: u64) -> Result<Incident, NoIncident> {
        self.look().engine.incident(id).cloned().ok_or(NoIncident(id))
    }

    /// The black boxes of an incident, oldest first. Reads them from disk: not for the head's thread.
    pub fn boxes(&self, id: u64) -> Result<Vec<BoxAt>, NoIncident> {
        self.incident(id).map(|_| self.store.boxes(id))
    }

    /// Somebody looks after an incident: nothing but its end is told any more.
    pub fn acknowledge(&self, id: u64, now_ms: u64) -> Result<Incident, NoIncident> {
        self.order(id, |engine| engine.acknowledge(id, now_ms))
    }

    /// An incident is told to nobody until `until_ms`.
    pub fn silence(&self, id: u64, until_ms: u64, now_ms: u64) -> Result<Incident, NoIncident> {
        self.order(id, |engine| engine.silence(id, until_ms, now_ms))
    }

    fn order(
        &self,
        id: u64,
        how: impl FnOnce(&mut Engine) -> Option<Incident>,
    ) -> Result<Incident, NoIncident> {
        let mut inner = self.look();
        let incident = how(&mut inner.engine).ok_or(NoIncident(id))?;
        inner.ordered.dirty.insert(id);
        drop(inner);
        self.changed.notify_one();
        Ok(incident)
    }

    /// The rules, without how channels fare.
    #[must_use]
    pub fn status(&self) -> AlertStatus {
        let inner = self.look();
        let is_changed = inner.changed.as_ref().is_some_and(|rules| *rules != inner.of_file);
        AlertStatus { rules: inner.rules().clone(), is_changed, ..AlertStatus::default() }
    }

    /// From now on these rules hold; `None` is those of the settings file.
    pub fn set_rules(&self, rules: Option<Rules>) -> Result<(), BadRules> {
        let rules = rules.map(Rules::checked).transpose()?;
        let mut inner = self.look();
        inner.changed = rules;
        inner.is_rules_dirty = true;
        drop(inner);
        self.changed.notify_one();
        Ok(())
    }

    /// The clock of the head's machine was set by so many ms: the head's time line moves with it, and what
    /// is known of harm too.
    pub async fn clock_set(&self, head: &Head, by_ms: i64) -> Result<(), HeadGone> {
        let _gate = self.gate.lock().await;
        head.clock_set(by_ms).await?;
        let mut inner = self.look();
        inner.engine.shift(by_ms);
        let Inner { engine, ordered, changed, is_rules_dirty, .. } = &mut *inner;
        ordered
            .dirty
            .extend(engine.all.iter().filter(|(_, kept)| kept.is_open()).map(|(id, _)| id));
        for silence in changed.iter_mut().flat_map(|rules| &mut rules.silences) {
            silence.until_ms = silence.until_ms.saturating_add_signed(by_ms);
            *is_rules_dirty = true;
        }
        Ok(())
    }
}
