//! What came of setting up a head, for people and for scripts.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Serialize;
use shared::NodeId;

use super::files::Place;
use super::{print_json, qr};
use crate::config::{Config, HeadSetupArgs};
use crate::error::{Error, print, tell};
use crate::here::{self, Reached};
use crate::tls::Fingerprint;
use crate::tokens;

/// Addresses that are told at most: a machine with containers has many.
const MOST_URLS: usize = 8;

/// What came of it. The same for people and, as JSON, for scripts.
#[derive(Serialize)]
pub(super) struct Report {
    /// Whether anything was changed.
    #[serde(rename = "changed")]
    pub(super) is_changed: bool,
    /// Where the page is, the best way first.
    urls: Vec<String>,
    /// Of the certificate.
    fingerprint: Option<Fingerprint>,
    /// The password, if it was made now.
    pub(super) password: Option<String>,
    /// The nodes that were named.
    pub(super) nodes: Vec<Node>,
    settings: PathBuf,
    data_dir: PathBuf,
    /// Whether the head answers.
    #[serde(rename = "running")]
    pub(super) runs: bool,
    /// What starts it, if no service does.
    #[serde(skip)]
    start: Option<String>,
    /// What the other commands are told, if this head is not that of the service.
    #[serde(skip)]
    of_whom: String,
    #[serde(skip)]
    is_local: bool,
}

/// A node that may join. All but its name is only told with a token that was made now.
#[derive(Serialize)]
pub(super) struct Node {
    name: NodeId,
    token: Option<String>,
    /// What to run there without the package…
    line: Option<String>,
    /// …and with it.
    setup: Option<String>,
}

impl Node {
    pub(super) fn new(name: NodeId, token: Option<String>, reached: &Reached) -> Self {
        let url = reached.url();
        let line = token.as_ref().map(|token| tokens::joining(token, &url, reached.fingerprint));
        let setup =
            token.as_ref().map(|token| tokens::setting_up(token, &url, reached.fingerprint));
        Self { name, token, line, setup }
    }
}

impl Report {
    pub(super) fn new(place: &Place, config: &Config, has_service: bool) -> Self {
        let of_whom = if place.is_of_service {
            String::new()
        } else {
            format!(" --config {}", place.settings.display())
        };
        Self {
            is_changed: false,
            urls: Vec::new(),
            fingerprint: None,
            password: None,
            nodes: Vec::new(),
            settings: place.settings.clone(),
            data_dir: config.data_dir.clone(),
            runs: false,
            start: (!has_service).then(|| format!("headroom{of_whom}")),
            of_whom,
            is_local: config.listen.ip().is_loopback(),
        }
    }

    /// The head will be reached so.
    pub(super) fn reach(&mut self, reached: &Reached, config: &Config) {
        if reached.address().is_none() {
            tell("this machine has no address yet that others reach, so its name has to do");
        }
        self.fingerprint = reached.fingerprint;
        self.urls = urls(reached, config);
    }

    /// Whether something in it is not told again.
    pub(super) fn has_secrets(&self) -> bool {
        self.password.is_some() || self.nodes.iter().any(|node| node.token.is_some())
    }

    pub(super) fn print(&self, said: &HeadSetupArgs, as_json: bool) -> Result<(), Error> {
        if self.is_local && !self.nodes.is_empty() {
            tell("this head listens on loopback, where no other node reaches it; see --listen");
        }
        if as_json {
            return print_json(self);
        }
        print(&self.text(said))
    }

    fn text(&self, said: &HeadSetupArgs) -> String {
        let mut text = String::new();
        let mut line = |words: std::fmt::Arguments<'_>| {
            // Writing to a String cannot fail.
            writeln!(text, "{words}").ok();
        };
        let [first, others @ ..] = self.urls.as_slice() else { return text };
        line(format_args!("Headroom is at {first}"));
        for url in others {
            line(format_args!("           and {url}"));
        }
        if let Some(code) = drawn(first, said.qr, self.is_local) {
            line(format_args!("\n{code}"));
        }
        if let Some(fingerprint) = self.fingerprint {
            line(format_args!("Its certificate is {fingerprint}"));
            line(format_args!(
                "The browser warns that it does not know this certificate: compare this with what it shows."
            ));
        }
        if let Some(password) = &self.password {
            line(format_args!("Its password is {password}"));
            line(format_args!(
                "This is not told again; `{}` sets another.",
                self.command("password")
            ));
        }
        let (new, known): (Vec<&Node>, Vec<&Node>) =
            self.nodes.iter().partition(|node| node.token.is_some());
        if !new.is_empty() {
            line(format_args!(
                "\nRun on each node its line, once. The package is installed there; where it is not, say \
                 `agent` for `setup --agent`, without `sudo`."
            ));
        }
        for node in new {
            line(format_args!("\n# {}\n{}", node.name, node.setup.as_deref().unwrap_or_default()));
        }
        for node in known {
            line(format_args!(
                "\n{0} has a token already, so none was made. `{1} {0}` takes it back.",
                node.name,
                self.command("token revoke")
            ));
        }
        if !self.is_local {
            line(format_args!(
                "\nMore nodes: `{} --node NAME`, or *Add a node* in the page.",
                self.command("setup")
            ));
        }
        if !self.is_changed {
            line(format_args!("\nNothing was changed: all is as it was."));
        }
        if let Some(start) = self.start.as_ref().filter(|_| !self.runs) {
            line(format_args!("\nNo service starts it here: `{start}` does."));
        }
        text
    }

    /// How a command is run for this head.
    fn command(&self, command: &str) -> String {
        let sudo = if self.of_whom.is_empty() { "sudo " } else { "" };
        format!("{sudo}headroom {command}{}", self.of_whom)
    }
}

/// The code of an address that a phone can open, where it can be seen or was asked for.
fn drawn(url: &str, is_wanted: bool, is_local: bool) -> Option<String> {
    let is_screen =
        io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|it| it != "dumb");
    if !is_wanted && (is_local || !is_screen) {
        return None;
    }
    qr::code(url, is_screen)
}

/// Where browsers reach it.
fn urls(reached: &Reached, config: &Config) -> Vec<String> {
    let scheme = if reached.tls { "https" } else { "http" };
    let port = reached.listen.port();
    let mut urls = vec![reached.url()];
    let is_served = |address: &IpAddr| reached.listen.is_ipv6() || address.is_ipv4();
    if reached.listen.ip().is_unspecified() {
        let others = here::addresses().filter(is_served);
        urls.extend(others.map(|it| format!("{scheme}://{}", SocketAddr::new(it, port))));
    }
    urls.truncate(MOST_URLS);
    if !reached.is_local() {
        urls.extend(config.host_names.iter().map(|name| format!("{scheme}://{name}:{port}")));
        if config.announce
            && let Some(name) = here::host_name()
        {
            let name = name.split('.').next().unwrap_or(&name).to_ascii_lowercase();
            urls.push(format!("{scheme}://{name}.local:{port}"));
        }
    }
    let mut seen = std::collections::HashSet::new();
    urls.retain(|url| seen.insert(url.clone()));
    urls
}
