//! Where the past is: in a file that no program uses, or with a head.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::ask::{self, Head};
use crate::config::{HistoryConfig, HistorySettings, PastArgs, TrustArgs};
use crate::error::{Error, tell};
use crate::history::frames::Records;
use crate::history::{Limits, Record, Store, StoreError};
use crate::keeper;

/// See the module.
pub(super) enum Source {
    /// In this store.
    Here(Store),
    /// With the head at this address.
    Head(String, TrustArgs),
}

impl Source {
    /// What is meant. Where a head is running on the directory, it is asked instead: it knows what is not
    /// on disk yet, too.
    pub(super) fn of(args: PastArgs) -> Result<Self, Error> {
        let PastArgs { head, trust, data } = args;
        if let Some(head) = head {
            return Ok(Self::Head(head, trust));
        }
        Self::at(&data.resolve()?, trust, open)
    }

    /// The history in `dir`, which `open` opens, or the head that is running on it.
    pub(super) fn at(
        dir: &Path,
        trust: TrustArgs,
        open: impl FnOnce(&Path) -> Result<Store, Error>,
    ) -> Result<Self, Error> {
        let path = match open(dir) {
            Err(Error::History(StoreError::Locked(path))) => path,
            opened => return Ok(Self::Here(opened?)),
        };
        let Some((url, trust)) = ask::here(dir, trust) else {
            return Err(Error::InUse { path, help: "ask it with --head URL" });
        };
        tell(format_args!("a head is running on {}, so {url} is asked", path.display()));
        Ok(Self::Head(url, trust))
    }

    /// Passes on every record, as all of it is at one moment, and how many bytes that was so far.
    pub(super) fn records(
        self,
        each: &mut dyn FnMut(Record, u64) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut bytes = 0;
        match self {
            Self::Here(store) => {
                store.read()?.records(&mut |record| {
                    bytes += (record.key.len() + record.value.len()) as u64;
                    each(record, bytes)
                })?;
                Ok(())
            }
            Self::Head(url, trust) => {
                let mut records = Records::default();
                Head::enter(&url, &trust)?.fetch("/api/v1/history/copy", |piece| {
                    bytes += piece.len() as u64;
                    // If no more is taken, whoever takes them says why.
                    records.take(piece, |record| match each(record, bytes) {
                        ControlFlow::Continue(()) => Ok(()),
                        ControlFlow::Break(()) => {
                            Err(Error::Server(io::ErrorKind::BrokenPipe.into()))
                        }
                    })
                })
            }
        }
    }
}

/// The history in `dir`, to be read.
pub(super) fn open(dir: &Path) -> Result<Store, Error> {
    let path = there(dir)?;
    match Store::open_to_read(&path) {
        // One whose head was killed has to be mended first.
        Err(StoreError::Io { .. }) => {
            open_with(dir, &HistorySettings::default().kept_over(&HistorySettings::default()))
        }
        opened => Ok(opened?),
    }
}

/// The history in `dir`, with these limits.
pub(super) fn open_with(dir: &Path, config: &HistoryConfig) -> Result<Store, Error> {
    Ok(Store::open(&there(dir)?, &limits(config))?)
}

/// How much is kept.
pub(super) fn limits(config: &HistoryConfig) -> Limits {
    Limits { max_bytes: config.max_bytes, keep: config.keep }
}

/// The file of history in `dir`, which must be there.
fn there(dir: &Path) -> Result<PathBuf, Error> {
    let path = keeper::file_in(dir);
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(Error::NoHistory(dir.into())),
        Err(source) => Err(Error::File { what: "read", path, source }),
    }
}
