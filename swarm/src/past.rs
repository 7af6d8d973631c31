//! Days that never were, written as fast as a store takes them: into a history of Headroom's, or over
//! the network into one that takes Prometheus' remote write.

mod days;
mod remote;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::Value;
use shared::Field;

/// Writes days that never were into a store, and tells what that took as one JSON object. The same
/// arguments are the same days.
#[derive(Debug, Parser)]
#[command(name = "swarm past")]
struct Cli {
    /// What is written.
    #[command(flatten)]
    days: Days,
    /// Where to.
    #[command(subcommand)]
    to: To,
}

/// What is written.
#[derive(Args, Clone, Debug)]
struct Days {
    /// So many nodes, one reading a second each.
    #[arg(long, value_name = "N", default_value_t = 16)]
    nodes: u32,
    /// Over so many hours.
    #[arg(long, value_name = "H", default_value_t = 24)]
    hours: u64,
    /// The first node over so many hours, if that is more.
    #[arg(long, value_name = "H", default_value_t = 0)]
    first: u64,
    /// When they end: ms since 1970.
    #[arg(long, value_name = "MS")]
    until_ms: u64,
    /// Which fields.
    #[arg(long, value_enum, default_value_t = Fields::Twelve)]
    fields: Fields,
    /// Makes up other machines.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fields {
    /// Those that people look at most.
    Twelve,
    /// The whole table.
    All,
}

const TWELVE: [Field; 12] = [
    Field::Total,
    Field::Free,
    Field::Available,
    Field::Buffers,
    Field::Cached,
    Field::SlabReclaimable,
    Field::Shmem,
    Field::Anon,
    Field::Mapped,
    Field::Dirty,
    Field::SwapTotal,
    Field::SwapFree,
];

impl Fields {
    fn all(self) -> &'static [Field] {
        match self {
            Self::Twelve => &TWELVE,
            Self::All => Field::ALL,
        }
    }
}

#[derive(Debug, Subcommand)]
enum To {
    /// Into the history in a head's directory of data, which no head uses.
    Store {
        /// The directory.
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Minutes between two commits.
        #[arg(long, value_name = "MIN", default_value_t = 15)]
        commit_minutes: u64,
    },
    /// Over Prometheus' remote write.
    RemoteWrite {
        /// Port on this machine.
        #[arg(long)]
        port: u16,
    },
}

/// Runs `swarm past`.
pub(crate) fn main() -> ExitCode {
    let Cli { days, to } = Cli::parse_from(std::env::args_os().skip(1));
    let done = match to {
        To::Store { data_dir, commit_minutes } => store::write(&days, &data_dir, commit_minutes),
        To::RemoteWrite { port } => remote::write(&days, port),
    };
    match done {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("swarm past: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What it came to, or why it came to nothing.
type Outcome = Result<Value, Box<dyn std::error::Error>>;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_options_are_sound() {
        super::Cli::command().debug_assert();
    }
}
