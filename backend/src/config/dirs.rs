//! Where things are kept.

use std::env;
use std::path::PathBuf;

use clap::Args;

use super::serve::read_file;
use crate::error::Error;

/// Where a head keeps its data: for commands that change them.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// Read the head's settings from this TOML file [default: /etc/headroom/headroom.toml, if it is
    /// there].
    #[arg(long, env = "HEADROOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the head keeps its data [default: as for `serve`].
    #[arg(long, env = "HEADROOM_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl DataArgs {
    /// The directory that is meant.
    pub fn resolve(self) -> Result<PathBuf, Error> {
        let file = read_file(self.config.as_deref())?;
        Ok(data_dir(self.data_dir.or(file.data_dir)))
    }
}

pub(super) fn data_dir(said: Option<PathBuf>) -> PathBuf {
    let of_system = || PathBuf::from("/var/lib/headroom");
    let of_user = || {
        let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
        Some(state?.join("headroom"))
    };
    said.or_else(|| of_user().filter(|_| !is_root())).unwrap_or_else(of_system)
}

/// A directory in RAM that outlives the program, if there is one. What is said wins; then what the
/// service manager made for it (`RuntimeDirectory=` of systemd.exec(5)), of several the first.
pub(super) fn runtime_dir(said: Option<PathBuf>) -> Option<PathBuf> {
    let of_service = || env::split_paths(&set("RUNTIME_DIRECTORY")?).next();
    let of_system = || is_root().then(|| PathBuf::from("/run/headroom"));
    let of_user = || Some(set("XDG_RUNTIME_DIR")?.join("headroom"));
    said.or_else(of_service).or_else(of_system).or_else(of_user)
}

/// What the service manager made for an agent.
pub(super) fn runtime_dir_of_service() -> Option<PathBuf> {
    env::split_paths(&set("RUNTIME_DIRECTORY")?).next()
}

fn set(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Whether this program may do everything here.
#[must_use]
pub fn is_root() -> bool {
    #[cfg(unix)]
    return rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    return false;
}
