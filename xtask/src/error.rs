//! The one error of this crate: what failed, and what to do about it.

use std::io;
use std::path::Path;

/// Result of anything here.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command of ours could not finish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The system refused to read or write `subject`.
    #[error("{subject}: {cause}")]
    Io {
        /// The file, directory or program.
        subject: String,
        /// What the system said.
        cause: io::Error,
    },
    /// A program that was started did not succeed.
    #[error("`{command}` {outcome}")]
    Command {
        /// The line as one would type it.
        command: String,
        /// How it ended.
        outcome: String,
    },
    /// Anything else; the text names its subject and what to do.
    #[error("{0}")]
    Say(String),
}

impl Error {
    /// For `map_err` after calls on the file system.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let subject = path.display().to_string();
        move |cause| Self::Io { subject, cause }
    }

    /// An error that is only a text.
    pub(crate) fn say(text: impl Into<String>) -> Self {
        Self::Say(text.into())
    }
}
