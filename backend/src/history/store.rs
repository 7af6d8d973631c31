//! What is written, in one commit for all nodes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use redb::{ReadTransaction, WriteTransaction};
use shared::history::{Batch, Durable, Event, FactsAt, Tier, UsageAt};

use super::error::{Fault, StoreError};
use super::index::Index;
use super::open::{self, BOOTS, Opened, guarded};
use super::place::{FilePlace, Place};
use super::reader::Reader;
use super::work::{Boot, Work};

/// Boots of a node that are told of at most.
const MOST_BOOTS: usize = 4;

/// How much is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes on disk at most. Of less than [`Limits::LEAST_BYTES`] a store cannot be made.
    pub max_bytes: u64,
    /// How long each tier is kept, in the order of [`shared::history::Tier::ALL`].
    pub keep: [Duration; 5],
}

impl Limits {
    /// The least that [`Limits::max_bytes`] may be.
    pub const LEAST_BYTES: u64 = 16 << 20;
}

/// What is written besides readings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// What happened.
    pub events: Vec<Event>,
    /// What nodes are from now on.
    pub facts: Vec<FactsAt>,
    /// Sweeps to record.
    pub usages: Vec<UsageAt>,
}

/// What a finished commit holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// For each boot of a node that was in it: all of its numbers that are on disk; of very many spans
    /// the newest.
    pub durable: Vec<Durable>,
    /// Where the tiers that lost something before its time begin now, if any did: ms since 1970.
    pub lost: Vec<(Tier, u64)>,
    /// What is not what was written, was to be rolled up, and was left out; in a sentence each.
    pub damage: Vec<String>,
}

/// See the module. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    place: Box<dyn Place>,
    limits: Limits,
    /// How long the file is.
    len: Arc<AtomicU64>,
    /// Whoever writes holds it. `None` after an error: then it is opened anew.
    opened: Mutex<Option<Opened>>,
    /// Tiers that lost something before their time, of which nobody was told yet.
    lost: Mutex<BTreeSet<Tier>>,
    /// Bytes of all there is at most, since the disk was full; `u64::MAX` as long as it is not.
    tight: AtomicU64,
    /// Whether the file was made shorter since it was opened.
    is_compacted: AtomicBool,
    now: RwLock<Option<Arc<Snapshot>>>,
}

/// All that is on disk as of one moment.
pub(super) struct Snapshot {
    pub(super) tx: ReadTransaction,
    pub(super) index: Index,
    /// How long the file is.
    pub(super) bytes: u64,
    pub(super) limits: Limits,
}

impl Store {
    /// Opens the store at `path`, or makes one. One that cannot be written to at present, for the system
    /// refuses, is opened for reading: then commits fail until it can.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, StoreError> {
        Self::open_at(Box::new(FilePlace(path.into())), limits)
    }

    /// Opens the store at `place`.
    pub(super) fn open_at(place: Box<dyn Place>, limits: &Limits) -> Result<Self, StoreError> {
        let max_bytes = limits.max_bytes.max(Limits::LEAST_BYTES);
        let store = Self::closed(place, Limits { max_bytes, ..limits.clone() });
        let mut opened = store.opened();
        let done = store.open_to_write(&mut opened).or_else(|error| match error {
            Fault::Io(_) => store.shared.open_to_read(&mut opened).map_err(|_| error),
            error => Err(error),
        });
        drop(opened);
        done.map_err(|error| error.at(store.path()))?;
        store.shared.place.reserve();
        Ok(store)
    }

    /// Opens the store at `path` to look at it. Nothing is written, and it stays where it is if it is of
    /// a newer version. A store that was not closed is refused: a head opens it first.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        // By that it is known in `Shared::open_to_write`.
        let limits = Limits { max_bytes: 0, keep: [Duration::ZERO; 5] };
        let store = Self::closed(Box::new(FilePlace(path.into())), limits);
        let done = store.shared.open_to_read(&mut store.opened());
        done.map_err(|error| error.at(path))?;
        Ok(store)
    }

    fn closed(place: Box<dyn Place>, limits: Limits) -> Self {
        let (len, opened, now) = (Arc::default(), Mutex::default(), RwLock::default());
        let (lost, tight, is_compacted) =
            (Mutex::default(), AtomicU64::new(u64::MAX), AtomicBool::new(false));
        let shared = Shared { place, limits, len, opened, lost, tight, is_compacted, now };
        Self { shared: Arc::new(shared) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.shared.place.path()
    }

    fn opened(&self) -> MutexGuard<'_, Option<Opened>> {
        self.shared.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_to_write(&self, opened: &mut Option<Opened>) -> Result<(), Fault> {
        self.shared.open_to_write(opened)
    }

    /// Writes all of it, or nothing. Readings that are on disk already are left out. What is older than
    /// the limits allow goes. After an error the store goes on: what was written before is there, and the
    /// next commit opens the file anew. Where there is no room, some of the oldest readings have gone.
    pub fn commit(
        &self,
        batches: impl IntoIterator<Item = Batch>,
        extra: &Extra,
        now_ms: u64,
    ) -> Result<Committed, StoreError> {
        let mut opened = self.opened();
        let result = self.shared.commit(&mut opened, batches, extra, now_ms);
        result.map_err(|error| error.at(self.path()))
    }

    /// What is on disk of the last boots of every node.
    pub fn durable(&self) -> Result<Vec<Durable>, StoreError> {
        let snapshot = self.shared.snapshot().map_err(|error| error.at(self.path()))?;
        guarded(|| durable(&snapshot)).map_err(|error| error.at(self.path()))
    }

    /// All that is on disk now. Stays as it is while more is written.
    pub fn read(&self) -> Result<Reader, StoreError> {
        let now = self.shared.snapshot().map_err(|error| error.at(self.path()))?;
        Ok(Reader { now, path: PathBuf::from(self.path()) })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        open::close(self.opened.get_mut().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Shared {
    fn open_to_write(&self, opened: &mut Option<Opened>) -> Result<(), Fault> {
        let most = self.limits.max_bytes;
        if most == 0 {
            return Err(Fault::Io(std::io::ErrorKind::ReadOnlyFilesystem.into()));
        }
        self.set_now(None);
        open::close(opened.take());
        let database = open::to_write(&*self.place, most, &self.len)?;
        self.opened(opened, Opened::ToWrite(database))
    }

    fn open_to_read(&self, opened: &mut Option<Opened>) -> Result<(), Fault> {
        self.set_now(None);
        open::close(opened.take());
        let database = open::to_read(&*self.place, &self.len)?;
        self.opened(opened, Opened::ToRead(database))
    }

    fn opened(&self, opened: &mut Option<Opened>, now: Opened) -> Result<(), Fault> {
        let index = guarded(|| Index::read(&now.begin_read()?))?;
        self.set_now(Some(self.snapshot_of(&now, index)?));
        *opened = Some(now);
        Ok(())
    }

    fn snapshot_of(&self, opened: &Opened, index: Index) -> Result<Arc<Snapshot>, Fault> {
        let (tx, bytes) = (opened.begin_read()?, self.len.load(Ordering::Relaxed));
        Ok(Arc::new(Snapshot { tx, index, bytes, limits: self.limits.clone() }))
    }

    fn set_now(&self, snapshot: Option<Arc<Snapshot>>) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, Fault> {
        let now = || self.now.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(snapshot) = now() {
            return Ok(snapshot);
        }
        // After an error: it may be over.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.is_none() {
            self.reopen(&mut opened)?;
        }
        now().ok_or_else(|| Fault::Io(std::io::Error::other("it is not open")))
    }

    fn reopen(&self, opened: &mut Option<Opened>) -> Result<(), Fault> {
        self.open_to_write(opened).or_else(|error| match error {
            Fault::Io(_) => self.open_to_read(opened).map_err(|_| error),
            error => Err(error),
        })
    }

    fn commit(
        &self,
        opened: &mut Option<Opened>,
        batches: impl IntoIterator<Item = Batch>,
        extra: &Extra,
        now_ms: u64,
    ) -> Result<Committed, Fault> {
        if !matches!(opened, Some(Opened::ToWrite(_))) {
            self.open_to_write(opened).inspect_err(|_| drop(self.open_to_read(opened)))?;
        }
        let mut batches = batches.into_iter();
        let untold = || self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let mut append = |work: &mut Work<'_>| {
            work.lost.extend(untold().iter());
            batches.try_for_each(|batch| work.append(batch))?;
            work.add(extra)?;
            work.close_all()?;
            work.roll(now_ms)?;
            work.retain(now_ms, &self.limits, self.tight.load(Ordering::Relaxed))
        };
        let done = self.write(opened, &mut append);
        match &done {
            Ok(_) => {
                self.compact(opened);
                untold().clear();
                if self.place.reserve() {
                    self.tight.store(u64::MAX, Ordering::Relaxed);
                }
            }
            // redb does no more after an error of the disk: so it is opened anew.
            Err(error) => {
                let is_full = error.is_full();
                if is_full {
                    self.place.give_up();
                }
                if self.reopen(opened).is_ok() && is_full {
                    self.make_room(opened, now_ms);
                }
            }
        }
        done
    }

    /// Makes the file shorter, once, where it is longer than it may be: the limit was made less.
    fn compact(&self, opened: &mut Option<Opened>) {
        let Some(Opened::ToWrite(database)) = opened else { return };
        let is_long = self.len.load(Ordering::Relaxed) > self.limits.max_bytes;
        if !is_long || self.is_compacted.load(Ordering::Relaxed) {
            return;
        }
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner).clone();
        let index = now.map(|now| now.index.clone()).unwrap_or_default();
        self.set_now(None);
        match guarded(|| Ok(database.compact()?)) {
            // Somebody reads, and is not disturbed: it is left for the next time.
            Err(Fault::Broken(_)) => {
                let snapshot = opened.as_ref().and_then(|now| self.snapshot_of(now, index).ok());
                self.set_now(snapshot);
            }
            done => {
                self.is_compacted.store(done.is_ok(), Ordering::Relaxed);
                self.reopen(opened).ok();
            }
        }
    }

    /// Removes some of the oldest readings. If even that fails, the next commit tries again.
    fn make_room(&self, opened: &mut Option<Opened>, now_ms: u64) {
        let mut shrink = |work: &mut Work<'_>| {
            self.tight.store(work.make_room(now_ms)?, Ordering::Relaxed);
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).extend(&work.lost);
            Ok(())
        };
        if self.write(opened, &mut shrink).is_err() {
            self.reopen(opened).ok();
            return;
        }
        // What was freed can be written to after the next commit.
        self.write(opened, &mut |work| {
            work.has_changed = true;
            Ok(())
        })
        .ok();
    }

    fn write(
        &self,
        opened: &mut Option<Opened>,
        work: &mut dyn FnMut(&mut Work<'_>) -> Result<(), Fault>,
    ) -> Result<Committed, Fault> {
        let Some(Opened::ToWrite(database)) = opened else {
            return Err(Fault::Io(std::io::ErrorKind::ReadOnlyFilesystem.into()));
        };
        let index = self.now.read().unwrap_or_else(PoisonError::into_inner).clone();
        let index = index.map(|now| now.index.clone()).unwrap_or_default();
        let (committed, index) = guarded(|| {
            let tx = database.begin_write()?;
            let (committed, index, has_changed) = fill(&tx, index, work)?;
            if has_changed {
                tx.commit()?;
            } else {
                tx.abort()?;
            }
            Ok((committed, index))
        })?;
        if let Some(opened) = opened {
            self.set_now(Some(self.snapshot_of(opened, index)?));
        }
        Ok(committed)
    }
}

fn fill(
    tx: &WriteTransaction,
    index: Index,
    fill: &mut dyn FnMut(&mut Work<'_>) -> Result<(), Fault>,
) -> Result<(Committed, Index, bool), Fault> {
    let mut work = Work::begin(tx, index)?;
    fill(&mut work)?;
    let durable = work.close_boots()?;
    work.close_extra()?;
    let begins = |&tier: &Tier| {
        let first = work.index.of(tier).map(|(_, segment)| segment.first_ms).min();
        Some((tier, first.unwrap_or(work.index.floors[tier as usize])))
    };
    let lost = work.lost.iter().filter_map(begins).collect();
    let committed = Committed { durable, lost, damage: work.broken };
    Ok((committed, work.index, work.has_changed))
}

fn durable(snapshot: &Snapshot) -> Result<Vec<Durable>, Fault> {
    let table = snapshot.tx.open_table(BOOTS)?;
    let mut durable = Vec::new();
    for (id, number) in &*snapshot.index.ids {
        let of_node = snapshot.index.boots.iter().rev().filter(|(_, boot)| boot.0 == *number);
        for (boot, _) in of_node.take(MOST_BOOTS) {
            if let Some(bytes) = table.get(boot)? {
                let boot = Boot::read(bytes.value())?;
                let (node, name) = (id.clone(), boot.name.to_string());
                durable.push(Durable { node, boot: name, spans: boot.spans.told() });
            }
        }
    }
    Ok(durable)
}
