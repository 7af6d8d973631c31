//! The options of `headroom alert`.

use clap::{Args, Subcommand};

use super::FleetArgs;
use super::values::Time;

/// The commands about what harms.
#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// Print what harms at present.
    List(ListAlertsArgs),
    /// Print an incident: what happened in it, and who had the memory.
    Show(IncidentArgs),
    /// Say that you look after an incident: then nothing but its end is told any more.
    Ack(IncidentArgs),
    /// Have an incident told to nobody for a while.
    Silence(SilenceArgs),
    /// Print by which rules harm is told, and how the channels fare.
    Rules(RulesArgs),
    /// Tell something made up on every channel, or on one, to see whether it arrives. Ends with 1 if it
    /// does not.
    Test(TestArgs),
}

/// The options of `headroom alert list`.
#[derive(Args, Debug)]
pub struct ListAlertsArgs {
    /// Print what is over too.
    #[arg(long)]
    pub all: bool,
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
    /// The head that is asked.
    #[command(flatten, next_help_heading = "Whom to ask")]
    pub of: FleetArgs,
}

/// The options of commands about one incident.
#[derive(Args, Debug)]
pub struct IncidentArgs {
    /// Its number, as `headroom alert list` prints it.
    pub id: u64,
    /// Print a JSON object.
    #[arg(long)]
    pub json: bool,
    /// The head that is asked.
    #[command(flatten, next_help_heading = "Whom to ask")]
    pub of: FleetArgs,
}

/// The options of `headroom alert silence`.
#[derive(Args, Debug)]
pub struct SilenceArgs {
    /// Its number, as `headroom alert list` prints it.
    pub id: u64,
    /// For so long, such as 1h.
    #[arg(long = "for", value_name = "TIME")]
    pub span: Time,
    /// Print a JSON object.
    #[arg(long)]
    pub json: bool,
    /// The head that is asked.
    #[command(flatten, next_help_heading = "Whom to ask")]
    pub of: FleetArgs,
}

/// The options of `headroom alert rules`.
#[derive(Args, Debug)]
pub struct RulesArgs {
    /// Print a JSON object.
    #[arg(long)]
    pub json: bool,
    /// The head that is asked.
    #[command(flatten, next_help_heading = "Whom to ask")]
    pub of: FleetArgs,
}

/// The options of `headroom alert test`.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// On this channel only.
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
    /// The head that is asked.
    #[command(flatten, next_help_heading = "Whom to ask")]
    pub of: FleetArgs,
}
