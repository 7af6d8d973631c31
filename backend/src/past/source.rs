//! Where the past is: in a file that no program uses, or with a head.

use std::path::{Path, PathBuf};

use crate::config::{HistoryConfig, HistorySettings, PastArgs, TrustArgs};
use crate::error::{Error, tell};
use crate::here::Reached;
use crate::history::{Limits, Store, StoreError};
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
        let Some(reached) = Reached::last(dir) else {
            return Err(Error::InUse { path, help: "ask it with --head URL" });
        };
        let url = reached.url();
        tell(format_args!("a head is running on {}, so {url} is asked", path.display()));
        let fingerprint = trust.fingerprint.or(reached.fingerprint);
        Ok(Self::Head(url, TrustArgs { fingerprint, ..trust }))
    }
}

/// The history in `dir`, to be read.
fn open(dir: &Path) -> Result<Store, Error> {
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
