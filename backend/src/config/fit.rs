//! The options of `headroom fit` and `headroom hold`.

use clap::{Args, Subcommand, ValueEnum};

use super::{DataArgs, Size, Time, TrustArgs};

/// The head that is asked.
#[derive(Args, Clone, Debug)]
pub struct FleetArgs {
    /// Ask this head, such as `http://127.0.0.1:8080` [default: the one that keeps its data on this
    /// machine].
    #[arg(long, env = "HEADROOM_HEAD", value_name = "URL")]
    pub head: Option<String>,
    /// How it is trusted.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Where the head on this machine keeps its data.
    #[command(flatten)]
    pub data: DataArgs,
}

/// How copies are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// On as few nodes as possible.
    Pack,
    /// As evenly as possible over as many nodes as possible.
    Spread,
    /// Each copy where most is left.
    #[value(alias = "most_headroom")]
    MostHeadroom,
}

/// In which form the answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FitFormat {
    /// Every node, how many copies fit or why none does, and what that means.
    Table,
    /// One JSON object, in bytes.
    Json,
    /// A hostfile for `mpirun` of Open MPI.
    Openmpi,
    /// A hostfile for `mpiexec` of MPICH, Intel MPI and other programs with Hydra.
    Mpich,
    /// The nodes as `srun` and `sbatch` take them for --nodelist.
    Slurm,
    /// A line for each copy, with the name of its host.
    Plain,
}

/// The options of `headroom fit`.
#[derive(Args, Debug)]
pub struct FitArgs {
    /// What one copy needs, such as 3GiB or 700MiB.
    #[arg(value_parser = size)]
    pub size: Size,
    /// How many copies, each whole on one node.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub copies: u32,
    /// How copies are laid out.
    #[arg(long, value_enum, default_value = "spread")]
    pub strategy: Layout,
    /// The least that was available over so long counts, not what is available now: 1m to 60m.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = over)]
    pub over: Time,
    /// What must stay available on each node [default: 5 % of its memory, 32MiB to 2GiB].
    #[arg(long, value_name = "SIZE")]
    pub reserve: Option<Size>,
    /// How long the job runs: nodes whose memory is foreseen to run out before are left out.
    #[arg(long, value_name = "TIME")]
    pub duration: Option<Time>,
    /// Copies on one node at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub per_node: Option<u32>,
    /// Only these nodes.
    #[arg(long, value_name = "ID,…")]
    pub nodes: Option<String>,
    /// Only nodes with this label; can be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<String>,
    /// In which form to print the answer.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FitFormat,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// If it fits, hold its place for so long: nobody else is told to place into the same memory. 7d at
    /// most; it takes the head's password.
    #[arg(long, value_name = "TIME")]
    pub hold: Option<Time>,
    /// What it is held for, for others to read.
    #[arg(long, value_name = "TEXT", requires = "hold")]
    pub note: Option<String>,
    /// The head that is asked.
    #[command(flatten, next_help_heading = "Whom to ask")]
    pub of: FleetArgs,
}

fn size(text: &str) -> Result<Size, String> {
    let size: Size = text.parse()?;
    if size.0 > 0 { Ok(size) } else { Err("a copy needs at least one byte".into()) }
}

fn over(text: &str) -> Result<Time, String> {
    let time: Time = text.parse()?;
    let is_within = (1..=3600).contains(&time.0.as_secs());
    if is_within { Ok(time) } else { Err(format!("{text:?} is not a time from 1m to 60m")) }
}

fn label(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() && !text.contains(',') => Ok(text.into()),
        _ => Err(format!("{text:?} is not a label such as rack=a")),
    }
}

/// The commands about holds.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Print what is held, and until when.
    List(HoldListArgs),
    /// Give back what was held before its time is over.
    Release(HoldReleaseArgs),
}

/// The options of `headroom hold list`.
#[derive(Args, Debug)]
pub struct HoldListArgs {
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
    /// The head that is asked.
    #[command(flatten, next_help_heading = "Whom to ask")]
    pub of: FleetArgs,
}

/// The options of `headroom hold release`.
#[derive(Args, Debug)]
pub struct HoldReleaseArgs {
    /// Its name, as `headroom hold list` prints it.
    pub id: String,
    /// The head that is asked.
    #[command(flatten, next_help_heading = "Whom to ask")]
    pub of: FleetArgs,
}
