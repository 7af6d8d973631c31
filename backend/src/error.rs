//! Why a command ended, and with which exit code.

mod join;
mod seldom;
mod telling;

use std::error::Error as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fmt, io};

use crate::history::StoreError;
use crate::probe::ProbeError;

pub use join::JoinError;
pub use seldom::Seldom;
pub use telling::{fail, inform, tell};

/// Why a command ended. Messages name the subject and what to do; the cause is in the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings file is not there, or cannot be read.
    #[error("cannot read the settings file {}", .path.display())]
    SettingsFile {
        /// The file that was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The settings file is not TOML, or has a key or value that is not known.
    #[error("the settings file {} is wrong", .path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Which key, and where.
        source: Box<toml::de::Error>,
    },
    /// An environment variable that looks like a setting but is none.
    #[error("unknown setting {name} in the environment; known are {known}")]
    Environment {
        /// The variable.
        name: String,
        /// All that are settings.
        known: String,
    },
    /// An address beyond this machine, without TLS and without saying that plain HTTP is meant.
    #[error(
        "{0} can be reached from other machines, and would serve them plain HTTP; leave --tls=false \
         out, or say --insecure-http if that is meant"
    )]
    Exposed(SocketAddr),
    /// A certificate without its key, or the other way round.
    #[error("tls_cert and tls_key belong together; give both, or neither")]
    HalfACertificate,
    /// A certificate or its key cannot be used.
    #[error("cannot serve TLS with {}: {reason}", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What must be kept cannot be.
    #[error("cannot keep data in {}; choose a directory of your own with --data-dir", .path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of this program's own cannot be read, or has been tampered with.
    #[error("{} cannot be used; mend it, or remove it and begin anew", .path.display())]
    Kept {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A file of this program's own was written by a newer one.
    #[error(
        "{} is of version {version}, which a newer Headroom wrote and this one ({}) does not know; it is left \
         as it is: install the newer one again, or restore a backup from before",
        .path.display(), env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says.
        version: u32,
    },
    /// What was asked for cannot be, and the message says why.
    #[error("{0}")]
    Refused(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; choose another address with --listen ADDR:PORT")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The node cannot join a head.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The node cannot be read.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The server or its signals failed.
    #[error("the server failed")]
    Server(#[source] io::Error),
    /// History cannot be read or written.
    #[error(transparent)]
    History(#[from] StoreError),
    /// There is no history where it was looked for.
    #[error("there is no history in {}; say where a head keeps its data with --data-dir, or ask one with --head", .0.display())]
    NoHistory(PathBuf),
    /// Another program uses the history.
    #[error("a head is running on {}; {help}", .path.display())]
    InUse {
        /// The history.
        path: PathBuf,
        /// What to do.
        help: &'static str,
    },
    /// History is not what was written.
    #[error("history is not what was written, in so many places: {0}")]
    Damaged(u64),
    /// A line that is to be imported is wrong.
    #[error("line {line} of {file}: {reason}; what stands before it is imported")]
    Line {
        /// The file.
        file: String,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {what} {}", .path.display())]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A head cannot be asked.
    #[error("cannot ask the head at {head}: {reason}; an address is such as http://127.0.0.1:8080")]
    Ask {
        /// The address that was named.
        head: String,
        /// What went wrong.
        reason: String,
    },
    /// Channels did not take what was told on them for a test.
    #[error("{}", not_taken(*.failed, *.all))]
    NotTaken {
        /// So many…
        failed: usize,
        /// …of so many.
        all: usize,
    },
    /// The head has no such node, or several to choose from.
    #[error("say with --node which node of {head} is meant{}; there are: {ids}", .node.as_ref().map_or_else(String::new, |node| format!(" (it has no {node:?})")))]
    WhichNode {
        /// The head.
        head: String,
        /// The node that was named.
        node: Option<String>,
        /// Nodes there are.
        ids: String,
    },
    /// What was asked about does not fit; the sentence says why.
    #[error("{0}")]
    DoesNotFit(String),
    /// Standard output cannot be written.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

fn not_taken(failed: usize, all: usize) -> String {
    match all {
        0 => {
            "nobody is told: the head's settings file names no channel; see docs/channels.md".into()
        }
        _ => format!("{failed} of {all} channels did not take the test; why stands above"),
    }
}

impl Error {
    /// 2 for what the user can say differently, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::SettingsFile { .. }
            | Self::Settings { .. }
            | Self::Environment { .. }
            | Self::Exposed(_)
            | Self::HalfACertificate
            | Self::Refused(_)
            | Self::Join(_)
            | Self::WhichNode { .. } => 2,
            Self::Listen { .. }
            | Self::Probe(_)
            | Self::Server(_)
            | Self::Ask { .. }
            | Self::NotTaken { .. }
            | Self::Certificate { .. }
            | Self::Data { .. }
            | Self::Kept { .. }
            | Self::Newer { .. }
            | Self::History(_)
            | Self::NoHistory(_)
            | Self::InUse { .. }
            | Self::Damaged(_)
            | Self::Line { .. }
            | Self::File { .. }
            | Self::DoesNotFit(_)
            | Self::Output(_) => 1,
        }
    }

    /// The message with its causes, on one line where they are short.
    #[must_use]
    pub fn chain(&self) -> Chain<'_> {
        Chain(self)
    }
}

/// Writes what was asked for to standard output. That nobody reads it any more is no error.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // `headroom free | head -1` has what it wants.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// An error with its causes; see [`Error::chain`].
pub struct Chain<'a>(&'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {}", error.to_string().trim_end())?;
            cause = error.source();
        }
        Ok(())
    }
}
