//! How a store is opened: made if there is none, brought to this version if it is older.

use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{BackendError, TableError, WriteTransaction};
use redb::{Database, ReadOnlyDatabase, ReadableDatabase, StorageBackend, TableDefinition};

use super::error::Fault;
use super::place::{Bounded, Place};
use super::segment::{PAGE, PIECES, SEGMENTS};

/// Small facts about the store itself.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// The ids of nodes, each after its number.
pub(super) const NODES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("nodes");
/// Boots: whose, the name, the last reading's time, and which readings are on disk.
pub(super) const BOOTS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("boots");
/// Events by their times, as JSON.
pub(super) const EVENTS: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("events");
/// What a node was from some time on, as JSON.
pub(super) const FACTS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("facts");
/// Sweeps by their times and nodes.
pub(super) const USAGES: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("usages");

/// The version of a store.
pub(super) const VERSION: &str = "version";
/// The steps from each version to the next. The first version is 1.
const STEPS: &[Step] = &[];

/// Brings a store to the next version.
pub(super) type Step = fn(&WriteTransaction) -> Result<(), Fault>;

/// Bytes that redb keeps in memory of the file.
const CACHE: usize = 4 << 20;

/// redb grows a file by doubling it until it is as long as a region, and then region by region. Regions
/// of its own making are of 4 GiB; these are small, so that a file grows to its limit and not past it.
const REGION_PAGES: u32 = 1024;
/// Bytes by which the file grows.
pub(super) const REGION: u64 = REGION_PAGES as u64 * PAGE;
/// Where redb's file says how large regions are, and what was not closed; see its design document.
const REGION_PAGES_AT: usize = 20;
const FLAGS_AT: usize = 9;
const NOT_CLOSED: u8 = 2;

/// A store that is open.
pub(super) enum Opened {
    ToWrite(Database),
    ToRead(ReadOnlyDatabase),
}

impl Opened {
    pub(super) fn begin_read(&self) -> Result<redb::ReadTransaction, Fault> {
        Ok(match self {
            Self::ToWrite(database) => database.begin_read()?,
            Self::ToRead(database) => database.begin_read()?,
        })
    }
}

/// Closes it. redb writes down what is free then, and may find that its file makes no sense.
pub(super) fn close(opened: Option<Opened>) {
    let close = || {
        drop(opened);
        Ok(())
    };
    guarded(close).ok();
}

/// What redb does with a file that is not what it wrote: it may panic.
pub(super) fn guarded<R>(work: impl FnOnce() -> Result<R, Fault>) -> Result<R, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason");
        Err(Fault::broken(format!("it makes no sense: {text}")))
    })
}

/// Opens the store at `place` for writing. `most` is how long its file may become, `len` is how long it
/// is from now on.
pub(super) fn to_write(
    place: &dyn Place,
    most: u64,
    len: &Arc<AtomicU64>,
) -> Result<Database, Fault> {
    if let Ok(backend) = place.look()
        && !is_unborn(&*backend)?
    {
        // A newer one is left as it is: so it is only looked at first. One that was not closed cannot
        // be looked at, but has been opened before by a program that knew it.
        match to_read_of(backend, &Arc::default()) {
            Ok(_) | Err(Fault::Io(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let backend = place.open()?;
    if is_unborn(&*backend)? {
        backend.set_len(0)?;
        let born = newborn()?;
        // The page that says what it is comes last: what was begun and not finished is begun anew.
        let (head, body) = born.split_at(PAGE as usize);
        backend.set_len(born.len() as u64)?;
        backend.write(PAGE, body)?;
        backend.sync_data()?;
        backend.write(0, head)?;
        backend.sync_data()?;
    }
    let backend = Bounded::new(backend, most, len.clone())?;
    guarded(|| {
        let database = Database::builder().set_cache_size(CACHE).create_with_backend(backend)?;
        migrate(&database, STEPS)?;
        Ok(database)
    })
}

/// Opens the store at `place` for reading.
pub(super) fn to_read(place: &dyn Place, len: &Arc<AtomicU64>) -> Result<ReadOnlyDatabase, Fault> {
    to_read_of(place.look()?, len)
}

fn to_read_of(
    backend: Box<dyn StorageBackend>,
    len: &Arc<AtomicU64>,
) -> Result<ReadOnlyDatabase, Fault> {
    guarded(|| {
        let backend = Bounded::new(backend, 0, len.clone())?;
        let mut builder = Database::builder();
        let database = builder.set_cache_size(CACHE).open_read_only_with_backend(backend)?;
        let version = version(&database)?;
        let known = STEPS.len() as u32 + 1;
        match version {
            Some(version) if version > known => Err(Fault::Newer(version)),
            _ => Ok(database),
        }
    })
}

/// Whether a store was never made, or its making not finished.
fn is_unborn(backend: &dyn StorageBackend) -> Result<bool, Fault> {
    if backend.len()? < PAGE {
        // Shorter than the least a store is: nothing is lost. What else it may be is not ours.
        let mut bytes = vec![0; backend.len()? as usize];
        backend.read(0, &mut bytes)?;
        return if bytes.iter().all(|&byte| byte == 0) {
            Ok(true)
        } else {
            Err(Fault::broken("it is no store"))
        };
    }
    let mut head = vec![0; PAGE as usize];
    backend.read(0, &mut head)?;
    Ok(head.iter().all(|&byte| byte == 0))
}

fn version(database: &impl ReadableDatabase) -> Result<Option<u32>, Fault> {
    let meta = match database.begin_read()?.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        meta => meta?,
    };
    let Some(value) = meta.get(VERSION)? else { return Ok(None) };
    let version = <[u8; 4]>::try_from(value.value()).map(u32::from_le_bytes);
    version.map(Some).map_err(|_| Fault::broken("it says no version"))
}

/// Brings a store to the version that `steps` lead to, in one go.
pub(super) fn migrate(database: &Database, steps: &[Step]) -> Result<(), Fault> {
    let newest = steps.len() as u32 + 1;
    let version = version(database)?;
    if version.is_some_and(|version| version > newest) {
        return Err(Fault::Newer(version.unwrap_or_default()));
    }
    if version == Some(newest) {
        return Ok(());
    }
    let tx = database.begin_write()?;
    if let Some(version) = version {
        let done = (version as usize).saturating_sub(1);
        for step in steps.iter().skip(done) {
            step(&tx)?;
        }
    } else {
        make_tables(&tx)?;
    }
    tx.open_table(META)?.insert(VERSION, newest.to_le_bytes().as_slice())?;
    tx.commit()?;
    Ok(())
}

fn make_tables(tx: &WriteTransaction) -> Result<(), Fault> {
    tx.open_table(NODES)?;
    tx.open_table(BOOTS)?;
    tx.open_table(EVENTS)?;
    tx.open_table(FACTS)?;
    tx.open_table(USAGES)?;
    tx.open_table(SEGMENTS)?;
    tx.open_table(PIECES)?;
    Ok(())
}

/// The file of an empty database of small regions. What redb writes itself is the same but for that
/// number, which it never writes again; and it finds out anew what is free where it was not closed.
fn newborn() -> Result<Vec<u8>, Fault> {
    let memory = Memory::default();
    Database::builder().set_cache_size(CACHE).create_with_backend(memory.clone())?.close()?;
    let mut bytes = std::mem::take(&mut *memory.0.lock().unwrap_or_else(PoisonError::into_inner));
    bytes[REGION_PAGES_AT..REGION_PAGES_AT + 4].copy_from_slice(&REGION_PAGES.to_le_bytes());
    bytes[FLAGS_AT] |= NOT_CLOSED;
    Ok(bytes)
}

#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = bytes.get(offset as usize..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let to = bytes.get_mut(offset as usize..).and_then(|rest| rest.get_mut(..data.len()));
        to.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Err(BackendError::Unsupported)
    }
}
