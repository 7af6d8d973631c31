//! `headroom export`, `headroom import` and `headroom history`: the past in and out, of a head that runs
//! or of the history that one kept.
//!
//! # Layout
//!
//! * [`export`], [`import`]: the commands of these names.
//! * `kept`: `headroom history`.
//! * `source`: where the past is found.
//! * `bar`: how far it is, for who waits at a terminal.

mod bar;
pub mod export;
pub mod import;
mod kept;
mod source;

use std::ops::ControlFlow;
use std::path::Path;

use crate::config::{HistoryCommand, TrustArgs};
use crate::error::Error;
use crate::history::Record;

pub(crate) use bar::Bar;

/// Does what is asked, and prints.
pub fn run(command: HistoryCommand) -> Result<(), Error> {
    match command {
        HistoryCommand::Check(args) => kept::check(args),
        HistoryCommand::Copy(args) => kept::copy(args),
        HistoryCommand::Status(args) => kept::status(args),
    }
}

/// Passes on every record of the history in `dir`, as it is at one moment, and how many bytes that was so
/// far; if a head is running on it, that is asked.
pub fn records(
    dir: &Path,
    each: &mut dyn FnMut(Record, u64) -> ControlFlow<()>,
) -> Result<(), Error> {
    source::Source::at(dir, TrustArgs::default(), source::open)?.records(each)
}
