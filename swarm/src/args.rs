//! What is asked on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use headroom::tls::Fingerprint;
use shared::wire::Encoding;

/// Many agents in one process, to load a head and to annoy it.
///
/// They speak the agents' protocol with memory that is made up but lifelike: the same for the same seed.
/// Every ten seconds it tells what it does, and at the end what that came to.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask swarm")]
pub(crate) struct Args {
    /// How many nodes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) nodes: u32,
    /// The head, such as `http://127.0.0.1:8080`. From a head at 127.0.0.1 each node is at an address of its
    /// own, 127.64.0.1 and on.
    #[arg(long, value_name = "URL")]
    pub(crate) head: String,
    /// What the head's certificate is known by, if it speaks TLS.
    #[arg(long, value_name = "SHA256")]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The nodes' tokens: what `headroom token create swarm --count N --json` prints; `-` is standard
    /// input. `cargo xtask swarm --data-dir DIR` makes them itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: PathBuf,
    /// How long to measure, once all are connected.
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub(crate) seconds: u32,
    /// Between two readings of a node.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(50..=60_000))]
    pub(crate) period_ms: u32,
    /// What nodes and head speak.
    #[arg(long, value_enum, default_value_t = Spoken::Postcard)]
    pub(crate) encoding: Spoken,
    /// Makes up other machines.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What is wrong with some of the nodes; several take turns.
    #[arg(long, value_enum, value_name = "FAULT", value_delimiter = ',')]
    pub(crate) fault: Vec<Fault>,
    /// With how many of them, the last ones.
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub(crate) faulty: u32,
    /// Follow the head's overview as a page does, and tell how long it takes from a reading to there.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Then let another follower stop reading for so long, and tell what that did to the first.
    #[arg(long, value_name = "S", requires = "follow")]
    pub(crate) stall: Option<u32>,
    /// The head's process, if it is on this machine: tell what CPU time and memory it takes.
    #[arg(long, value_name = "PID")]
    pub(crate) head_pid: Option<u32>,
    /// Print the end result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Spoken {
    Postcard,
    Json,
}

impl From<Spoken> for Encoding {
    fn from(spoken: Spoken) -> Self {
        match spoken {
            Spoken::Postcard => Self::Postcard,
            Spoken::Json => Self::Json,
        }
    }
}

/// What can be wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// Its readings come ten at a time.
    Late,
    /// Its readings come again and again.
    Duplicate,
    /// Of ten readings the later ones come first.
    Disorder,
    /// Now and then some bits of a message are wrong.
    Garble,
    /// It sends byte by byte, a message in half a minute.
    Slow,
    /// It has the token of the first node: from another machine, or from another boot of the same.
    Reuse,
    /// It announces a message of 64 MiB, and sends it.
    Oversize,
    /// It says hello and nothing more, not even when asked.
    Silent,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_options_are_sound() {
        super::Args::command().debug_assert();
    }
}
