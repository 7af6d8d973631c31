//! Where a store is: a file, and beside it a little room that is given up when the disk is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::open::REGION;

/// Bytes that are set aside for a full disk: enough to write down that the oldest readings are gone.
const RESERVE: usize = 1 << 20;

/// See the module.
pub(super) trait Place: Send + Sync {
    /// What people call it.
    fn path(&self) -> &Path;
    /// For reading and writing; made if there is nothing.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;
    /// For reading.
    fn look(&self) -> io::Result<Box<dyn StorageBackend>>;
    /// Sets room aside, unless it is. Whether it is then; that it fails harms nothing.
    fn reserve(&self) -> bool {
        true
    }
    /// Gives it up.
    fn give_up(&self) {}
}

/// A place in a file system.
pub(super) struct FilePlace(pub(super) PathBuf);

impl Place for FilePlace {
    fn path(&self) -> &Path {
        &self.0
    }

    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        backend(options.open(&self.0)?)
    }

    fn look(&self) -> io::Result<Box<dyn StorageBackend>> {
        backend(File::open(&self.0)?)
    }

    fn reserve(&self) -> bool {
        let path = self.0.with_extension("reserve");
        if fs::metadata(&path).is_ok_and(|data| data.len() == RESERVE as u64) {
            return true;
        }
        // Not zeros alone, lest a file system keeps none of them.
        let made = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0x5a; RESERVE])?;
            file.sync_data()
        });
        if made.is_err() {
            fs::remove_file(&path).ok();
        }
        made.is_ok()
    }

    fn give_up(&self) {
        fs::remove_file(self.0.with_extension("reserve")).ok();
    }
}

fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
    let backend = FileBackend::new(file).map_err(|error| match error {
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) => error,
        error => io::Error::other(error.to_string()),
    })?;
    Ok(Box::new(backend))
}

/// A backend that grows to `most` bytes and no further.
#[derive(Debug)]
pub(super) struct Bounded {
    inner: Box<dyn StorageBackend>,
    most: u64,
    /// How long it is.
    len: Arc<AtomicU64>,
}

impl Bounded {
    pub(super) fn new(
        inner: Box<dyn StorageBackend>,
        most: u64,
        len: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let now = inner.len()?;
        len.store(now, Ordering::Relaxed);
        // One that is longer has to be written to before it can be made shorter.
        let most = if now > most { now.saturating_add(2 * REGION) } else { most };
        Ok(Self { inner, most, len })
    }
}

impl StorageBackend for Bounded {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.most {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.inner.set_len(len)?;
        self.len.store(len, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
