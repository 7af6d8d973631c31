//! `headroom backup` and `headroom restore`: all that a head keeps in one file, and back.
//!
//! # Layout
//!
//! * [`make()`], [`restore()`]: the commands.
//! * `archive`: the file, one member after the other; `settings`: what of it lies outside of the data
//!   directory.
//! * `takeover`: how a head comes to go on with what was restored.
//!
//! What a data directory holds is known to [`crate::data`].

mod archive;
mod make;
mod restore;
mod settings;
mod takeover;

use std::io;
use std::path::Path;

use crate::error::Error;

pub use make::make;
pub use restore::restore;

/// Bytes of a small file at most: as many as are read of one that the head keeps.
const MOST_SMALL: u64 = 16 << 20;

fn failed(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { what, path: path.into(), source }
}

/// Bytes that are free where `path` is; as many as one likes where nobody tells.
fn free_at(path: &Path) -> u64 {
    #[cfg(unix)]
    if let Ok(system) = rustix::fs::statvfs(path) {
        return system.f_bavail.saturating_mul(system.f_frsize);
    }
    u64::MAX
}
