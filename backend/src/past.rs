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

use crate::config::HistoryCommand;
use crate::error::Error;

/// Does what is asked, and prints.
pub fn run(command: HistoryCommand) -> Result<(), Error> {
    match command {
        HistoryCommand::Check(args) => kept::check(args),
        HistoryCommand::Copy(args) => kept::copy(args),
        HistoryCommand::Status(args) => kept::status(args),
    }
}
