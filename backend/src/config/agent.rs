//! The settings of `headroom agent`.

use std::io::{self, BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use shared::overview::Label;

use super::dirs::runtime_dir_of_service;
use super::head_url::HeadUrl;
use super::serve::{first, read_file};
use super::values::{Listen, PeriodMs, named, node_name};
use super::{RootArgs, Token};
use crate::error::{Error, JoinError, tell};
use crate::probe::{Roots, host};
use crate::secrets;
use crate::tls::Fingerprint;

/// Under which name heads announce themselves with mDNS, and agents look for them.
pub const SERVICE: &str = "_headroom._tcp.local.";

/// The options of `headroom agent`.
#[derive(Args, Clone, Debug)]
pub struct AgentArgs {
    /// Read settings from the table `[agent]` of this TOML file [default:
    /// /etc/headroom/headroom.toml, if it is there].
    #[arg(long, env = "HEADROOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The settings that the file may hold too.
    #[command(flatten)]
    pub settings: AgentSettings,
    /// The trees to read.
    #[command(flatten)]
    pub roots: RootArgs,
}

/// The settings of `headroom agent`. `None` is what was not said here.
#[derive(Args, Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AgentSettings {
    /// Report to this head, such as `https://192.168.1.10:8443`.
    #[arg(long, env = "HEADROOM_HEAD", value_name = "URL")]
    pub head: Option<HeadUrl>,
    /// The fingerprint of the head's certificate, as it prints it when it starts. For `https://`; with
    /// several, separated by commas, any of them will do.
    #[arg(long, env = "HEADROOM_FINGERPRINT", value_name = "SHA256", value_delimiter = ',')]
    #[serde(deserialize_with = "parsed")]
    #[schemars(with = "Vec<String>")]
    pub fingerprint: Vec<Fingerprint>,
    /// The file with the token that lets this node join; `-` is the first line of standard input.
    #[arg(long, env = "HEADROOM_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Label the node, such as `rack=a`. Can be given up to eight times, or separated by commas.
    #[arg(long, env = "HEADROOM_LABEL", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = label)]
    #[serde(deserialize_with = "labels")]
    #[schemars(with = "Vec<String>")]
    pub label: Vec<Label>,
    /// Milliseconds between two readings, 50 to 60000 [default: 1000].
    #[arg(long, env = "HEADROOM_PERIOD_MS", value_name = "MS")]
    pub period_ms: Option<PeriodMs>,
    /// What this node is called, in place of its host name: in a container that is the container's.
    #[arg(long, env = "HEADROOM_NODE_NAME", value_name = "NAME", value_parser = node_name)]
    #[serde(deserialize_with = "named")]
    pub node_name: Option<String>,
    /// The file that tells this machine from others; the token is bound to it [default:
    /// /etc/machine-id, else the board's serial number, else the node's name].
    #[arg(long, env = "HEADROOM_MACHINE_ID_FILE", value_name = "FILE")]
    pub machine_id_file: Option<PathBuf>,
    /// Look for a head that announces itself on this network (mDNS). It must prove that it has the
    /// certificate of the fingerprint.
    #[arg(
        long, env = "HEADROOM_DISCOVER", value_name = "BOOL",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub discover: Option<bool>,
    /// Send the token and all readings in the clear to an `http://` address of another machine.
    #[arg(
        long, env = "HEADROOM_INSECURE_HTTP", value_name = "BOOL",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub insecure_http: Option<bool>,
    /// Serve this node's own metrics for Prometheus on this address, such as 127.0.0.1:9101, in the clear.
    #[arg(long, env = "HEADROOM_METRICS", value_name = "ADDR:PORT")]
    pub metrics: Option<Listen>,
    /// Read this tree instead of /proc (for containers and tests).
    // As a flag it belongs to `RootArgs`.
    #[arg(skip)]
    pub proc_root: Option<PathBuf>,
    /// Read this tree instead of /sys.
    // As a flag it belongs to `RootArgs`.
    #[arg(skip)]
    pub sys_root: Option<PathBuf>,
}

/// What `headroom agent` runs with.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// The trees to read.
    pub roots: Roots,
    /// Milliseconds between two readings.
    pub period_ms: u32,
    /// What it is called, if not by its host name.
    pub name: Option<String>,
    /// How the node is labelled.
    pub labels: Vec<Label>,
    /// Where readings outlive a crash of the program, if anywhere.
    pub runtime_dir: Option<PathBuf>,
    /// Where its own metrics are served, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// The way to the head.
    pub uplink: UplinkConfig,
}

/// The way to a head on another machine.
#[derive(Clone, Debug)]
pub struct UplinkConfig {
    /// Where it is.
    pub place: Place,
    /// What lets this node join.
    pub token: Token,
    /// What tells this machine from others.
    pub machine: Vec<u8>,
}

/// Where a head is.
#[derive(Clone, Debug)]
pub enum Place {
    /// At an address.
    At {
        /// The address.
        url: HeadUrl,
        /// Its certificate is one of these.
        fingerprints: Vec<Fingerprint>,
    },
    /// Somewhere on this network, where it announces itself.
    Near {
        /// Its certificate is one of these.
        fingerprints: Vec<Fingerprint>,
    },
}

impl Place {
    /// Which certificates the head may have.
    #[must_use]
    pub fn fingerprints(&self) -> &[Fingerprint] {
        match self {
            Self::At { fingerprints, .. } | Self::Near { fingerprints } => fingerprints,
        }
    }
}

impl AgentSettings {
    /// Where these say that the head is, and how it is known.
    pub fn place(&self) -> Result<Place, JoinError> {
        let fingerprints = self.fingerprint.clone();
        match &self.head {
            Some(url) => at(url.clone(), fingerprints, self.insecure_http.unwrap_or(false)),
            None if !self.discover.unwrap_or(false) => Err(JoinError::NoHead),
            None if fingerprints.is_empty() => Err(JoinError::AnyHead),
            None => Ok(Place::Near { fingerprints }),
        }
    }
}

impl AgentArgs {
    /// Puts flags and environment over the settings file, and that over the defaults; reads the token.
    pub fn resolve(self) -> Result<AgentConfig, Error> {
        let file = read_file(self.config.as_deref())?.agent;
        let said = self.settings;
        let way = AgentSettings {
            head: said.head.or(file.head),
            fingerprint: first(said.fingerprint, file.fingerprint),
            insecure_http: said.insecure_http.or(file.insecure_http),
            discover: said.discover.or(file.discover),
            ..Default::default()
        };
        let place = way.place()?;
        let labels = first(said.label, file.label);
        if labels.len() > Label::MOST {
            return Err(JoinError::Labels(labels.len()).into());
        }
        let roots = RootArgs {
            proc_root: self.roots.proc_root.or(file.proc_root),
            sys_root: self.roots.sys_root.or(file.sys_root),
        };
        let roots = roots.resolve();
        let name = said.node_name.or(file.node_name);
        let machine_id_file = said.machine_id_file.or(file.machine_id_file);
        let machine = host::machine_id(&roots, machine_id_file.as_deref(), name.as_deref());
        let machine = machine.map_err(|source| {
            let path = machine_id_file.unwrap_or_default();
            JoinError::MachineId { path, source }
        })?;
        let token_file = said.token_file.or(file.token_file).ok_or(JoinError::NoToken)?;
        let token = read_token(&token_file)?;
        Ok(AgentConfig {
            roots,
            period_ms: said.period_ms.or(file.period_ms).map_or(1000, |period| period.0),
            name,
            labels,
            runtime_dir: runtime_dir_of_service(),
            metrics: said.metrics.or(file.metrics).map(|listen| listen.0),
            uplink: UplinkConfig { place, token, machine },
        })
    }
}

/// TLS proves who the head is, and hides the token; without it, that must be said.
fn at(url: HeadUrl, fingerprints: Vec<Fingerprint>, insecure: bool) -> Result<Place, JoinError> {
    if url.is_tls() && fingerprints.is_empty() {
        return Err(JoinError::NoFingerprint(url.to_string()));
    }
    if !url.is_tls() && !url.is_loopback() {
        if !insecure {
            return Err(JoinError::Plain(url.to_string()));
        }
        tell(format_args!(
            "warning: the token and all readings go to {url} in the clear, for anyone on the way to read"
        ));
    }
    Ok(Place::At { url, fingerprints })
}

fn read_token(path: &Path) -> Result<Token, JoinError> {
    let unreadable = |source| JoinError::TokenFile { path: path.into(), source };
    if path == Path::new("-") {
        return first_line(io::stdin()).map_err(unreadable)?.parse().map_err(JoinError::Token);
    }
    let file = secrets::open(path).map_err(unreadable)?;
    // What the service manager gave is for this service alone, by an access list that the mode shows as
    // the group's.
    #[cfg(unix)]
    if !secrets::is_given(path) {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

        let metadata = file.metadata().map_err(unreadable)?;
        let mode = metadata.permissions().mode();
        // What belongs to somebody else is given to us through our group, as Kubernetes does it.
        let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if mode & if is_ours { 0o077 } else { 0o007 } != 0 {
            return Err(JoinError::OpenToken { path: path.into(), mode: mode & 0o777 });
        }
    }
    first_line(file).map_err(unreadable)?.parse().map_err(JoinError::Token)
}

fn first_line(file: impl Read) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(file.take(4096)).read_line(&mut line)?;
    Ok(line)
}

pub(super) fn label(text: &str) -> Result<Label, String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} lacks a '='"))?;
    let label = Label { key: key.into(), value: value.into() };
    if label.is_sound() && !value.chars().any(char::is_control) {
        return Ok(label);
    }
    Err(format!(
        "{text:?} is no label: a key of 1 to {} lower-case letters, digits, '-', '_' or '.', then '=' and \
         a value of at most {} bytes",
        Label::MOST_KEY,
        Label::MOST_VALUE
    ))
}

fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Label>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| label(text).map_err(serde::de::Error::custom)).collect()
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

#[cfg(test)]
mod tests;
