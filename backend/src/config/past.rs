//! The options of what reads the past and writes it: `headroom export`, `import` and `history`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::serve::read_file;
use super::{DataArgs, HistoryConfig, HistorySettings, TrustArgs};
use crate::error::Error;

/// Where the past is: in a directory, or with a head that runs.
#[derive(Args, Clone, Debug)]
pub struct PastArgs {
    /// Ask this head, such as `http://127.0.0.1:8080`. Without it the history in the data directory is
    /// read; if a head is running on that, it is asked.
    #[arg(long, env = "HEADROOM_HEAD", value_name = "URL")]
    pub head: Option<String>,
    /// How it is trusted.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Where a head keeps its data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// In which form the past is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A table with a header.
    Csv,
    /// A JSON object in each line; of single readings, `headroom import` reads it.
    Jsonl,
    /// `OpenMetrics` with timestamps.
    Openmetrics,
}

/// The options of `headroom export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// In which form: `openmetrics` is for Prometheus and its kin, `jsonl` for
    /// `headroom import`.
    #[arg(long, value_enum, default_value = "csv")]
    pub format: ExportFormat,
    /// From when on: ms since 1970, a time such as 2026-11-20T08:00:00Z, or one before now such as
    /// -90m, -24h or -7d.
    #[arg(long, value_name = "TIME", default_value = "-24h", allow_hyphen_values = true)]
    pub from: String,
    /// To when; what was read then is not meant.
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    /// Only these nodes.
    #[arg(long, value_name = "ID,…")]
    pub nodes: Option<String>,
    /// Only these fields, or `all`; docs/fields.md lists them.
    #[arg(long, value_name = "ID,…", default_value = "all")]
    pub fields: String,
    /// `raw` for every reading, or the width of buckets with least, mean and most, such as 10s, 5m or
    /// 1d.
    #[arg(long, value_name = "STEP", default_value = "raw")]
    pub step: String,
    /// Write it to this file, not to standard output. The file is there once it is complete.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where the past is.
    #[command(flatten)]
    pub past: PastArgs,
}

/// The options of `headroom import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// What `headroom export --format jsonl` wrote; `-` is standard input.
    pub file: PathBuf,
    /// Where a head keeps its data. None may be running on it.
    #[command(flatten)]
    pub data: DataArgs,
    /// How much is kept.
    #[command(flatten, next_help_heading = "As the head is started")]
    pub history: HistorySettings,
}

impl ImportArgs {
    /// The file, the directory with the history, and how much of it is kept.
    pub fn resolve(self) -> Result<(PathBuf, PathBuf, HistoryConfig), Error> {
        let Self { file, data, history } = self;
        let settings = read_file(data.config.as_deref())?.history;
        Ok((file, data.resolve()?, history.kept_over(&settings)))
    }
}

/// The commands about history.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// Verify every checksum, and print what is there. Ends with 1 if something is damaged.
    Check(CheckArgs),
    /// Copy the history of a head to a file, also while it runs: as it is at one moment.
    Copy(CopyArgs),
    /// Print how history fares.
    Status(StatusArgs),
}

/// The options of `headroom history check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Where the past is.
    #[command(flatten)]
    pub past: PastArgs,
}

/// The options of `headroom history copy`.
#[derive(Args, Debug)]
pub struct CopyArgs {
    /// The file to make. It must not be there yet.
    pub file: PathBuf,
    /// Where the past is.
    #[command(flatten)]
    pub past: PastArgs,
}

/// The options of `headroom history status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Where the past is.
    #[command(flatten)]
    pub past: PastArgs,
    /// How much is kept; a head that is running says it itself.
    #[command(flatten, next_help_heading = "As the head is started")]
    pub history: HistorySettings,
}

impl StatusArgs {
    /// Where the past is, and how much of it is kept.
    pub fn resolve(self) -> Result<(PastArgs, HistoryConfig), Error> {
        let settings = read_file(self.past.data.config.as_deref())?.history;
        Ok((self.past, self.history.kept_over(&settings)))
    }
}
