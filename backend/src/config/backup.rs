//! The options of `headroom backup` and `headroom restore`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::dirs::{data_dir, is_root};
use super::serve::read_file;
use super::{DEFAULT_FILE, DataArgs, Settings};
use crate::error::Error;

/// The options of `headroom backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The file to make; `-` is standard output.
    pub file: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    pub force: bool,
    /// Leave history out: what is left is small.
    #[arg(long)]
    pub without_history: bool,
    /// Where the head keeps its data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// The options of `headroom restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// What `headroom backup` wrote; `-` is standard input.
    pub file: PathBuf,
    /// Do it without asking.
    #[arg(long)]
    pub yes: bool,
    /// Restore settings and their secrets too, in place of those that are there. Without it they are
    /// restored only where there are none.
    #[arg(long)]
    pub settings: bool,
    /// Where the head keeps its data.
    #[command(flatten)]
    pub data: DataArgs,
}

impl DataArgs {
    /// The settings file that is meant, whether it is there or not.
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| DEFAULT_FILE.into())
    }

    /// Whether this user may make the settings file where there is none.
    #[must_use]
    pub fn may_make_settings(&self) -> bool {
        self.config.is_some() || is_root()
    }

    /// The directory that is meant, of a head that will have these settings; without any, those that
    /// are there.
    pub fn resolve_with(&self, settings: Option<&str>) -> Result<PathBuf, Error> {
        let file = match settings {
            Some(text) => Settings::parse(text, Path::new("in the backup"))?,
            // They need not be there yet.
            None if !self.settings_file().exists() => Settings::default(),
            None => read_file(self.config.as_deref())?,
        };
        Ok(data_dir(self.data_dir.clone().or(file.data_dir)))
    }
}
