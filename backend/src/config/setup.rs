//! The options of `headroom setup`.

use std::path::PathBuf;

use clap::Args;
use shared::overview::Label;

use super::agent::label;
use super::head_url::HeadUrl;
use super::values::Listen;
use crate::tls::Fingerprint;

/// The options of `headroom setup`. What is not said is asked at the terminal, or stays as it is.
#[derive(Args, Clone, Debug)]
pub struct SetupArgs {
    /// Set up this machine as a node, whose agent reports to a head on another machine.
    #[arg(long)]
    pub agent: bool,
    /// Ask nothing: what is not said stays as it is, or is as proposed.
    #[arg(short, long)]
    pub yes: bool,
    /// Print what came of it as one JSON object, and ask nothing.
    #[arg(long)]
    pub json: bool,
    /// Write this settings file, for a head or agent of your own, which no service runs [default:
    /// /etc/headroom/headroom.toml, and the service is started].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The head's side.
    #[command(flatten, next_help_heading = "For the head")]
    pub head: HeadSetupArgs,
    /// The node's side.
    #[command(flatten, next_help_heading = "For a node (with --agent)")]
    pub node: NodeSetupArgs,
}

/// What is said of a head that is set up.
#[derive(Args, Clone, Debug)]
pub struct HeadSetupArgs {
    /// Serve on this address [default: what the settings say, else 0.0.0.0:8080, which is every address
    /// of this machine].
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "agent")]
    pub listen: Option<Listen>,
    /// Make a token for the node of this name, and print the line to run on it. Can be given several
    /// times, or separated by commas.
    #[arg(
        id = "nodes",
        long = "node",
        value_name = "NAME",
        value_delimiter = ',',
        conflicts_with = "agent"
    )]
    pub nodes: Vec<String>,
    /// Set the password of those who look to the first line of this file; `-` is standard input
    /// [default: one is made if there is none].
    #[arg(long, value_name = "FILE", conflicts_with = "agent")]
    pub password_file: Option<PathBuf>,
    /// A name under which browsers reach this head, besides its host name, localhost, names in
    /// .local and IP addresses. Can be given several times, or separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "agent")]
    pub host_names: Vec<String>,
    /// Let everybody who reaches this head see it; only who signs in changes anything.
    #[arg(
        long, value_name = "BOOL", conflicts_with = "agent",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub anonymous_read: Option<bool>,
    /// Announce this head on its network (mDNS), for agents that are told to `--discover` it.
    #[arg(
        long, value_name = "BOOL", conflicts_with = "agent",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub announce: Option<bool>,
    /// Where a head of your own keeps its data.
    #[arg(long, value_name = "DIR", requires = "config", conflicts_with = "agent")]
    pub data_dir: Option<PathBuf>,
    /// Draw the page's address as a QR code also where the output is no terminal.
    #[arg(long, conflicts_with_all = ["agent", "json"])]
    pub qr: bool,
}

/// What is said of a node that is set up.
#[derive(Args, Clone, Debug)]
pub struct NodeSetupArgs {
    /// Report to this head, such as `https://192.168.1.10:8080`.
    #[arg(long, value_name = "URL")]
    pub head: Option<HeadUrl>,
    /// The fingerprint of the head's certificate; with several, separated by commas, any will do.
    #[arg(long, value_name = "SHA256", value_delimiter = ',')]
    pub fingerprint: Vec<Fingerprint>,
    /// Take the token that lets this node join from the first line of this file; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Label the node, such as `rack=a`. Can be given up to eight times, or separated by commas.
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = label)]
    pub label: Vec<Label>,
    /// Look for a head that announces itself on this network (mDNS), in place of --head.
    #[arg(long, conflicts_with = "head")]
    pub discover: bool,
    /// Send the token and all readings in the clear to an `http://` address of another machine.
    #[arg(long)]
    pub insecure_http: bool,
    /// Do not call on the head: this node may be set up before it is there.
    #[arg(long)]
    pub offline: bool,
}

impl SetupArgs {
    /// What is said of a node, without saying that this machine is one.
    #[must_use]
    pub fn stray(&self) -> Option<&'static str> {
        let node = &self.node;
        let said = [
            (node.head.is_some(), "--head"),
            (!node.fingerprint.is_empty(), "--fingerprint"),
            (node.token_file.is_some(), "--token-file"),
            (!node.label.is_empty(), "--label"),
            (node.discover, "--discover"),
            (node.insecure_http, "--insecure-http"),
            (node.offline, "--offline"),
        ];
        let mut said = said.into_iter().filter(|(is_said, _)| *is_said && !self.agent);
        said.next().map(|(_, flag)| flag)
    }
}
