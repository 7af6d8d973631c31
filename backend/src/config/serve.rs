//! The settings of a head.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::alert::Rules;

use super::dirs::{data_dir, runtime_dir};
use super::values::{Listen, PeriodMs, named, node_name};
use super::{
    AgentSettings, AlertSettings, ChannelConfig, ChannelSettings, ExportConfig, ExportSettings,
    HeadUrl, HistoryConfig, HistorySettings, RootArgs,
};
use crate::error::Error;
use crate::probe::Roots;
use crate::tls::Files;

/// The settings file that is read if none is named and this one is there.
pub const DEFAULT_FILE: &str = "/etc/headroom/headroom.toml";

/// The options of `headroom serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Read settings from this TOML file [default: /etc/headroom/headroom.toml, if it is there].
    #[arg(long, env = "HEADROOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The settings that the file may hold too.
    #[command(flatten)]
    pub settings: Settings,
    /// The trees to read.
    #[command(flatten)]
    pub roots: RootArgs,
}

/// The settings of `headroom serve`. `None` is what was not said here.
#[derive(Args, Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Serve on this address [default: 127.0.0.1:8080]. Port 0 takes one that is free.
    #[arg(long, env = "HEADROOM_LISTEN", value_name = "ADDR:PORT")]
    pub listen: Option<Listen>,
    /// Serve plain HTTP on an address that other machines reach.
    #[arg(
        long, env = "HEADROOM_INSECURE_HTTP", value_name = "BOOL",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub insecure_http: Option<bool>,
    /// A name under which browsers reach this head, besides its host name, localhost, names in
    /// .local and IP addresses. Can be given several times, or separated by commas.
    #[arg(long, env = "HEADROOM_HOST_NAMES", value_name = "NAME", value_delimiter = ',')]
    pub host_names: Vec<String>,
    /// Where others reach this head, for links in messages and the lines that let nodes join, such as
    /// `https://dash.example.org` [default: this machine's address].
    #[arg(long, env = "HEADROOM_URL", value_name = "URL")]
    pub url: Option<HeadUrl>,
    /// Where tokens, the password, this head's certificate and history are kept [default:
    /// /var/lib/headroom for root, else ~/.local/state/headroom].
    #[arg(long, env = "HEADROOM_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where readings that are not on disk yet outlive a crash of this program: a directory in RAM
    /// [default: `$RUNTIME_DIRECTORY`, else /run/headroom for root, else `$XDG_RUNTIME_DIR/headroom`].
    #[arg(long, env = "HEADROOM_RUNTIME_DIR", value_name = "DIR")]
    pub runtime_dir: Option<PathBuf>,
    /// Serve TLS [default: on any address that other machines reach].
    #[arg(
        long, env = "HEADROOM_TLS", value_name = "BOOL",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub tls: Option<bool>,
    /// Serve with this certificate (PEM, with those that signed it after it), not one of this head's
    /// own.
    #[arg(long, env = "HEADROOM_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, env = "HEADROOM_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Let everybody who reaches this head see it; only who signs in changes anything.
    #[arg(
        long, env = "HEADROOM_ANONYMOUS_READ", value_name = "BOOL",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub anonymous_read: Option<bool>,
    /// Believe reverse proxies at these addresses who their client is (X-Forwarded-For and
    /// X-Forwarded-Proto). A password is needed then, also on this machine.
    #[arg(long, env = "HEADROOM_TRUSTED_PROXIES", value_name = "ADDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpAddr>,
    /// Connections at most, of all together [default: 2048].
    #[arg(long, env = "HEADROOM_MAX_CONNECTIONS", value_name = "COUNT")]
    pub max_connections: Option<NonZeroU32>,
    /// Connections at most from one address that is no trusted proxy [default: 128].
    #[arg(long, env = "HEADROOM_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT")]
    pub max_connections_per_address: Option<NonZeroU32>,
    /// Seconds after which a viewer is let go that takes nothing and gives no sign of life [default: 90].
    #[arg(long, env = "HEADROOM_VIEWER_TIMEOUT", value_name = "SECONDS")]
    pub viewer_timeout: Option<NonZeroU32>,
    /// Announce this head on its network (mDNS), for agents that are told to `--discover` it. Not done by
    /// itself: it tells everybody there that this machine runs one.
    #[arg(
        long, env = "HEADROOM_ANNOUNCE", value_name = "BOOL",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub announce: Option<bool>,
    /// Milliseconds between two readings, 50 to 60000 [default: 1000].
    #[arg(long, env = "HEADROOM_PERIOD_MS", value_name = "MS")]
    pub period_ms: Option<PeriodMs>,
    /// Report the machine that this head runs on too [default: true]. Where an agent of its own does that,
    /// as in Kubernetes, it would be there twice.
    #[arg(
        long, env = "HEADROOM_OWN_NODE", value_name = "BOOL",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub own_node: Option<bool>,
    /// What this node is called, in place of its host name: in a container that is the container's.
    #[arg(long, env = "HEADROOM_NODE_NAME", value_name = "NAME", value_parser = node_name)]
    #[serde(deserialize_with = "named")]
    pub node_name: Option<String>,
    /// How history is kept.
    #[command(flatten)]
    pub history: HistorySettings,
    /// Where readings are sent.
    #[arg(skip)]
    pub export: ExportSettings,
    /// The settings of `headroom agent`, which may stand in the same file.
    #[arg(skip)]
    pub agent: AgentSettings,
    /// What harm is told of, how and to whom. Only in a file, or in the page.
    #[arg(skip)]
    pub alerts: AlertSettings,
    /// Read this tree instead of /proc (for containers and tests).
    // As a flag it belongs to `RootArgs`.
    #[arg(skip)]
    pub proc_root: Option<PathBuf>,
    /// Read this tree instead of /sys.
    // As a flag it belongs to `RootArgs`.
    #[arg(skip)]
    pub sys_root: Option<PathBuf>,
}

impl Settings {
    /// What `text` says, which stands in the file at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        toml::from_str(text)
            .map_err(|source| Error::Settings { path: path.into(), source: Box::new(source) })
    }
}

/// What `headroom serve` runs with, once every source of settings has been heard.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Names under which browsers may reach this head; see [`Settings::host_names`].
    pub host_names: Vec<String>,
    /// Where others reach this head, if that was said.
    pub url: Option<HeadUrl>,
    /// Where secrets and history are kept.
    pub data_dir: PathBuf,
    /// Where readings outlive a crash of the program; see [`Settings::runtime_dir`].
    pub runtime_dir: Option<PathBuf>,
    /// How history is kept, if it is.
    pub history: Option<HistoryConfig>,
    /// Who is told of incidents, and how.
    pub channels: Vec<ChannelConfig>,
    /// Where readings are sent.
    pub export: ExportConfig,
    /// How connections are protected.
    pub transport: Transport,
    /// Whether everybody may read.
    pub anonymous_read: bool,
    /// Proxies that are believed; see [`Settings::trusted_proxies`].
    pub trusted_proxies: Vec<IpAddr>,
    /// Connections at most, of all together.
    pub max_connections: u32,
    /// Connections at most from one address.
    pub max_connections_per_address: u32,
    /// See [`Settings::viewer_timeout`].
    pub viewer_timeout: Duration,
    /// Whether to announce the head on its network.
    pub announce: bool,
    /// The rules by which harm is told, unless they were changed in the page.
    pub alerts: Rules,
    /// Milliseconds between two readings.
    pub period_ms: u32,
    /// Whether to report the machine that the head runs on…
    pub own_node: bool,
    /// …and what that is called, if not by its host name.
    pub node_name: Option<String>,
    /// The trees to read.
    pub roots: Roots,
}

/// How connections to a head are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Not at all.
    Plain,
    /// With a certificate of the head's own.
    OwnCertificate,
    /// With a certificate that was given.
    Given(Files),
}

impl Transport {
    /// Whether connections are protected.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        *self != Self::Plain
    }

    /// The certificate that was given.
    #[must_use]
    pub fn given(&self) -> Option<&Files> {
        match self {
            Self::Given(files) => Some(files),
            Self::OwnCertificate | Self::Plain => None,
        }
    }
}

impl Config {
    /// Whether others than the users of this machine may reach this head.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        !self.listen.ip().is_loopback() || !self.trusted_proxies.is_empty()
    }
}

impl ServeArgs {
    /// Puts flags and environment over the settings file, and that over the defaults.
    pub fn resolve(self) -> Result<Config, Error> {
        let file = read_file(self.config.as_deref())?;
        self.over(file)
    }

    /// The same with what stands, or is to stand, in the settings file.
    pub fn over(self, file: Settings) -> Result<Config, Error> {
        let path = self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let said = self.settings;
        let listen = said.listen.or(file.listen).map_or(([127, 0, 0, 1], 8080).into(), |l| l.0);
        let insecure_http = said.insecure_http.or(file.insecure_http).unwrap_or(false);
        let tls = said.tls.or(file.tls);
        let transport = match (said.tls_cert.or(file.tls_cert), said.tls_key.or(file.tls_key)) {
            (Some(certificate), Some(key)) if tls != Some(false) => {
                Transport::Given(Files { certificate, key })
            }
            (Some(_), None) | (None, Some(_)) => return Err(Error::HalfACertificate),
            _ if tls.unwrap_or(!listen.ip().is_loopback() && !insecure_http) => {
                Transport::OwnCertificate
            }
            _ => Transport::Plain,
        };
        if !listen.ip().is_loopback() && !transport.is_tls() && !insecure_http {
            return Err(Error::Exposed(listen));
        }
        let roots = RootArgs {
            proc_root: self.roots.proc_root.or(file.proc_root),
            sys_root: self.roots.sys_root.or(file.sys_root),
        };
        let count = |said: Option<NonZeroU32>, file: Option<NonZeroU32>, default| {
            said.or(file).map_or(default, NonZeroU32::get)
        };
        Ok(Config {
            listen,
            host_names: first(said.host_names, file.host_names),
            url: said.url.or(file.url),
            data_dir: data_dir(said.data_dir.or(file.data_dir)),
            runtime_dir: runtime_dir(said.runtime_dir.or(file.runtime_dir)),
            history: said.history.resolve(&file.history),
            alerts: file.alerts.resolve(),
            channels: ChannelSettings::resolve(file.alerts.channels, path)?,
            export: file.export.resolve()?,
            transport,
            anonymous_read: said.anonymous_read.or(file.anonymous_read).unwrap_or(false),
            trusted_proxies: first(said.trusted_proxies, file.trusted_proxies),
            max_connections: count(said.max_connections, file.max_connections, 2048),
            max_connections_per_address: count(
                said.max_connections_per_address,
                file.max_connections_per_address,
                128,
            ),
            viewer_timeout: Duration::from_secs(
                count(said.viewer_timeout, file.viewer_timeout, 90).into(),
            ),
            announce: said.announce.or(file.announce).unwrap_or(false),
            period_ms: said.period_ms.or(file.period_ms).map_or(1000, |period| period.0),
            own_node: said.own_node.or(file.own_node).unwrap_or(true),
            node_name: said.node_name.or(file.node_name),
            roots: roots.resolve(),
        })
    }
}

pub(super) fn first<T>(said: Vec<T>, file: Vec<T>) -> Vec<T> {
    if said.is_empty() { file } else { said }
}

/// A file that is named must be there; the default one may be missing.
pub(super) fn read_file(named: Option<&Path>) -> Result<Settings, Error> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(Settings::default());
        }
        Err(source) => return Err(Error::SettingsFile { path: path.into(), source }),
    };
    Settings::parse(&text, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Cli;
    use clap::Parser as _;

    fn resolve(args: &[&str]) -> Result<Config, String> {
        let cli =
            Cli::try_parse_from(["headroom"].iter().chain(args)).map_err(|e| e.to_string())?;
        cli.serve.resolve().map_err(|error| error.chain().to_string())
    }

    #[test]
    fn flags_win_over_the_file_and_that_over_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("headroom.toml");
        fs::write(&path, "period_ms = 2000\nlisten = \"127.0.0.1:9\"\nproc_root = \"/p\"\n")
            .unwrap();
        let config = resolve(&["--config", path.to_str().unwrap(), "--period-ms", "100"]).unwrap();
        assert_eq!(config.period_ms, 100);
        assert_eq!(config.listen.port(), 9);
        assert_eq!(config.roots.proc, Path::new("/p"));
        assert_eq!(config.roots.sys, Path::new("/sys"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("headroom.toml");
        for (text, complaint) in [
            ("perriod_ms = 1", "unknown field `perriod_ms`"),
            ("period_ms = 1", "1 is not a period"),
            ("listen = \"here\"", "\"here\" is not an address"),
            ("listen", "TOML parse error"),
        ] {
            fs::write(&path, text).unwrap();
            let error = resolve(&["--config", path.to_str().unwrap()]).unwrap_err();
            assert!(error.contains(complaint) && error.contains("headroom.toml"), "{error}");
        }
        let error = resolve(&["--config", "/no/such.toml"]).unwrap_err();
        assert!(error.contains("/no/such.toml"), "{error}");
    }

    #[test]
    fn other_machines_are_served_plain_http_only_when_that_is_said() {
        let transport = |args: &[&str]| resolve(args).map(|config| config.transport);
        let outside = "0.0.0.0:8443";
        let error = transport(&["--listen", outside, "--tls=false"]).unwrap_err();
        assert!(error.contains("--insecure-http"), "{error}");
        for (args, expected) in [
            (&["--listen", outside][..], Transport::OwnCertificate),
            (&["--listen", outside, "--insecure-http"], Transport::Plain),
            (&["--listen", "[::1]:8080"], Transport::Plain),
            (&["--listen", "[::1]:8080", "--tls"], Transport::OwnCertificate),
            (
                &["--tls-cert", "c", "--tls-key", "k"],
                Transport::Given(Files { certificate: "c".into(), key: "k".into() }),
            ),
        ] {
            assert_eq!(transport(args).unwrap(), expected, "{args:?}");
        }
        let error = transport(&["--tls-cert", "c"]).unwrap_err();
        assert!(error.contains("tls_key"), "{error}");
    }

    #[test]
    fn who_is_exposed() {
        let exposed = |args: &[&str]| resolve(args).unwrap().is_exposed();
        assert!(!exposed(&[]));
        assert!(exposed(&["--listen", "192.168.1.2:1"]));
        assert!(exposed(&["--trusted-proxies", "127.0.0.1,::1"]));
    }
}
