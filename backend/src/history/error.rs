//! Why history cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

/// Why history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another program has it.
    #[error("another program uses {}", .0.display())]
    Locked(PathBuf),
    /// It was written by a newer version.
    #[error("{} was written by a newer Headroom (store version {version}); use that, or move the file away", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version that it says.
        version: u32,
    },
    /// It is not what was written.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, and how.
        what: String,
    },
    /// There is no room left for it.
    #[error("no space is left for {}", .0.display())]
    Full(PathBuf),
    /// The system refuses.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The same, before it is known of which file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("another program uses it")]
    Locked,
    #[error("version {0} is newer")]
    Newer(u32),
    #[error("{0}")]
    Broken(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Fault {
    /// That `what` is not what was written.
    pub(super) fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into())
    }

    /// It happened to the file at `path`.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let path = path.to_path_buf();
        match self {
            Self::Locked => StoreError::Locked(path),
            Self::Newer(version) => StoreError::Newer { path, version },
            Self::Broken(what) => StoreError::Damaged { path, what },
            Self::Io(source) if is_full(&source) => StoreError::Full(path),
            Self::Io(source) => StoreError::Io { path, source },
        }
    }

    /// Whether there was no room.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Io(source) if is_full(source))
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl From<redb::Error> for Fault {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::Locked,
            // That is how it says that a file is no database at all.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Broken(error.to_string())
            }
            redb::Error::Io(error) => Self::Io(error),
            error @ (redb::Error::PreviousIo | redb::Error::DatabaseClosed) => {
                Self::Io(io::Error::other(error.to_string()))
            }
            redb::Error::RepairAborted => Self::Io(io::Error::other(
                "it was not closed, and has to be opened once by a program that may write to it",
            )),
            error => Self::Broken(error.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self::from(redb::Error::from(error))
            }
        })+
    };
}

from_redb!(
    CommitError,
    CompactionError,
    DatabaseError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);
