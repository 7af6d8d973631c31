//! Every setting: defaults < TOML file < `HEADROOM_*` environment < flags.

mod agent;
mod alert;
mod alerts;
mod backup;
mod channels;
mod dirs;
mod exports;
mod fit;
mod head_url;
mod history;
mod manual;
mod past;
mod serve;
mod setup;
mod values;

use std::env;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::error::Error;
use crate::probe::Roots;
use crate::tls::Fingerprint;

pub use agent::{AgentArgs, AgentConfig, AgentSettings, Place, SERVICE, UplinkConfig};
pub use alert::AlertCommand;
pub use alerts::AlertSettings;
pub use backup::{BackupArgs, RestoreArgs};
pub use channels::{
    ChannelConfig, ChannelKind, ChannelSettings, ChatId, Discord, Email, EmailTls, Gotify, Ntfy,
    Priorities, Program, Slack, Telegram, Webhook,
};
pub(crate) use channels::{is_topic, is_url, schemas as channel_schemas};
pub use dirs::{DataArgs, is_root};
pub use exports::{ExportConfig, ExportSettings, InfluxConfig, InfluxVersion, MqttConfig};
pub use fit::{FitArgs, FitFormat, FleetArgs, HoldCommand, HoldListArgs, HoldReleaseArgs, Layout};
pub use head_url::{HeadUrl, Token};
pub use history::{HistoryConfig, HistorySettings};
pub use manual::{CompletionsArgs, ManualArgs};
pub use past::{
    CheckArgs, CopyArgs, ExportArgs, ExportFormat, HistoryCommand, ImportArgs, PastArgs, StatusArgs,
};
pub use serve::{Config, DEFAULT_FILE, ServeArgs, Settings, Transport};
pub use setup::{HeadSetupArgs, NodeSetupArgs, SetupArgs};
pub use values::{Listen, PeriodMs, Size, Time};

/// How much memory every node of a cluster can still give, and where the rest went.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command, `headroom` serves. Every option can also be set as HEADROOM_… in \
                  the environment, and those of `serve` and `agent` in a TOML file, without the leading \
                  dashes and with '_' for '-': those of `agent` in its table [agent], those that begin with \
                  history in [history], without that word."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `serve`, which is what happens without a command.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read this machine, and serve the dashboard.
    Serve(Box<ServeArgs>),
    /// Read this machine, and report it to a head on another one.
    Agent(AgentArgs),
    /// Print this machine's memory once, like `free`, with the available memory explained; or that of
    /// every node of a head.
    Free(FreeArgs),
    /// Tell where copies of a program fit, by what nodes had available at their worst. Ends with 1 if they
    /// do not fit.
    Fit(Box<FitArgs>),
    /// Print what `fit --hold` holds, or give it back.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Print where memory went, part by part, and what other tools would say of it and why.
    Explain(ExplainArgs),
    /// Tell why a number is missing or misleading on this machine, and what helps. Changes nothing.
    Doctor(DoctorArgs),
    /// Let nodes join a head, or shut them out. Run it on the head's machine, as the user who runs it.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Write the past, of a head or of the history that one kept, for spreadsheets, `headroom import` or
    /// Prometheus.
    Export(ExportArgs),
    /// Read JSON lines that `export` wrote into a history that no head uses at present.
    Import(ImportArgs),
    /// Verify history, copy it, or print how it fares.
    #[command(subcommand)]
    History(HistoryCommand),
    /// Print what harms on the nodes of a head, and say what is to be told of it.
    #[command(subcommand)]
    Alert(AlertCommand),
    /// Set up this machine as the head of a cluster, or with --agent as one of its nodes: ask what is not
    /// said, write the settings, start the service, and print what comes next. Can be repeated.
    Setup(Box<SetupArgs>),
    /// Copy all that a head keeps into one file, also while it runs: history, tokens, password,
    /// certificate, incidents and settings. The file holds secrets.
    Backup(BackupArgs),
    /// Put back what `backup` copied, also while the head runs, which then goes on with it. What there was
    /// is kept aside.
    Restore(RestoreArgs),
    /// Set the password of those who look at this machine's head. Signs everybody out.
    Password(PasswordArgs),
    /// Print what a shell completes commands and options with.
    Completions(CompletionsArgs),
    /// Write the man pages into a directory, for packages.
    #[command(hide = true)]
    Manual(ManualArgs),
}

/// The commands about tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Let a node join: print the one line to run on it.
    Create(Box<CreateArgs>),
    /// Print who may report.
    List(ListArgs),
    /// Shut a node out, at once.
    Revoke(RevokeArgs),
}

/// The options of `headroom token create`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// What the node is called here: lower-case letters, digits, '-', '_' and '.'. Several get a token
    /// each.
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Where the node reaches this head, such as `https://192.168.1.10:8443` [default: `--url`, else this
    /// machine's address].
    #[arg(long, value_name = "URL")]
    pub head: Option<String>,
    /// Make so many, for nodes called NAME-1, NAME-2 and so on, with as many zeros as it takes for all
    /// numbers to be of one length.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub count: Option<u32>,
    /// Print a JSON array of names, tokens and lines, for nodes with the package (`setup`) and without.
    #[arg(long)]
    pub json: bool,
    /// Print a Secret for Kubernetes in which each node's agent finds its token under the node's name.
    #[arg(long, conflicts_with_all = ["json", "head"])]
    pub kubernetes: bool,
    /// What the head is started with, if that does not stand in the environment or the file.
    #[command(flatten, next_help_heading = "As the head is started")]
    pub serve: ServeArgs,
}

/// The options of `headroom token list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
    /// Where the head keeps its data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// The options of `headroom token revoke`.
#[derive(Args, Debug)]
pub struct RevokeArgs {
    /// The node.
    pub name: String,
    /// Where the head keeps its data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// The options of `headroom password`.
#[derive(Args, Debug)]
pub struct PasswordArgs {
    /// Take the password from the first line of standard input, without asking.
    #[arg(long)]
    pub stdin: bool,
    /// Where the head keeps its data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// The trees that are read in place of /proc and /sys.
#[derive(Args, Clone, Debug, Default)]
pub struct RootArgs {
    /// Read this tree instead of /proc (for containers and tests).
    #[arg(long, env = "HEADROOM_PROC_ROOT", value_name = "DIR")]
    pub proc_root: Option<PathBuf>,
    /// Read this tree instead of /sys.
    #[arg(long, env = "HEADROOM_SYS_ROOT", value_name = "DIR")]
    pub sys_root: Option<PathBuf>,
}

impl RootArgs {
    /// The trees to read.
    #[must_use]
    pub fn resolve(&self) -> Roots {
        let own = Roots::default();
        Roots {
            proc: self.proc_root.clone().unwrap_or(own.proc),
            sys: self.sys_root.clone().unwrap_or(own.sys),
        }
    }
}

/// The options of `headroom free`.
#[derive(Args, Debug)]
pub struct FreeArgs {
    /// Print bytes, not units that are easy to read.
    #[arg(short, long)]
    pub bytes: bool,
    /// Print one JSON object, in bytes.
    #[arg(long, conflicts_with = "bytes")]
    pub json: bool,
    /// The head whose nodes are meant, all of them or one.
    #[command(flatten)]
    pub of: HeadArgs,
    /// The trees to read.
    #[command(flatten)]
    pub roots: RootArgs,
}

/// The options of `headroom explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Print one JSON object, in bytes.
    #[arg(long)]
    pub json: bool,
    /// The node of a head to explain.
    #[command(flatten)]
    pub of: HeadArgs,
    /// The trees to read.
    #[command(flatten)]
    pub roots: RootArgs,
}

/// The options of `headroom doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Print one JSON array.
    #[arg(long)]
    pub json: bool,
    /// On a Raspberry Pi, ask the firmware too whether it slowed the processor down. The kernel then
    /// logs once that this way of asking is deprecated.
    #[arg(long, conflicts_with = "head")]
    pub ask_firmware: bool,
    /// Where a head on this machine keeps its data: what is told is which disk that is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The node of a head that is meant.
    #[command(flatten)]
    pub of: HeadArgs,
    /// The trees to read.
    #[command(flatten)]
    pub roots: RootArgs,
}

/// A node of a head, in place of this machine.
#[derive(Args, Debug)]
pub struct HeadArgs {
    /// Ask this head, not this machine, such as `http://127.0.0.1:8080`.
    #[arg(long, env = "HEADROOM_HEAD", value_name = "URL", conflicts_with_all = ["proc_root", "sys_root"])]
    pub head: Option<String>,
    /// Which of its nodes; where it has only one, or all are meant, it may be left out.
    #[arg(long, value_name = "ID", requires = "head")]
    pub node: Option<String>,
    /// How it is trusted.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// How a head is trusted, and trusts.
#[derive(Args, Clone, Debug, Default)]
pub struct TrustArgs {
    /// The fingerprint of its certificate, as it prints it when it starts. For `https://`.
    #[arg(long, env = "HEADROOM_FINGERPRINT", value_name = "SHA256")]
    pub fingerprint: Option<Fingerprint>,
    /// Sign in with the password in this file; `-` is standard input.
    #[arg(long, env = "HEADROOM_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// A session, as a cookie, with which no password is needed.
    #[arg(skip)]
    pub session: Option<String>,
}

/// Refuses variables named `HEADROOM_…` that are no settings: a misspelt one would do nothing.
pub fn check_environment() -> Result<(), Error> {
    let command = Cli::command();
    let of_commands = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let mut known: Vec<&str> = command
        .get_arguments()
        .chain(of_commands)
        .filter_map(|argument| argument.get_env()?.to_str())
        .filter(|name| name.starts_with(PREFIX))
        .collect();
    known.sort_unstable();
    known.dedup();
    let unknown = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .find(|name| name.starts_with(PREFIX) && !known.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| Err(Error::Environment { name, known: known.join(", ") }))
}

const PREFIX: &str = "HEADROOM_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
