//! Every setting: defaults < TOML file < `HEADROOM_*` environment < flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fs, io};

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use serde::Deserialize;

use crate::error::Error;
use crate::probe::Roots;

/// The settings file that is read if none is named and this one is there.
pub const DEFAULT_FILE: &str = "/etc/headroom/headroom.toml";

/// How much memory every node of a cluster can still give, and where the rest went.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command, `headroom` serves. Every option can also be set as HEADROOM_… in \
                  the environment, and those of `serve` in a TOML file, without the leading dashes and \
                  with '_' for '-'."
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
    Serve(ServeArgs),
    /// Print this machine's memory once, like `free`, with the available memory explained.
    Free(FreeArgs),
    /// Print where memory went, part by part, and what other tools would say of it and why.
    Explain(ExplainArgs),
    /// Tell why a number is missing or misleading on this machine, and what helps. Changes nothing.
    Doctor(DoctorArgs),
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
        Roots {
            proc: self.proc_root.clone().unwrap_or_else(|| "/proc".into()),
            sys: self.sys_root.clone().unwrap_or_else(|| "/sys".into()),
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
    /// Which of its nodes; may be left out where it has only one.
    #[arg(long, value_name = "ID", requires = "head")]
    pub node: Option<String>,
}

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
#[derive(Args, Clone, Debug, Default, Deserialize)]
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
    /// Milliseconds between two readings, 50 to 60000 [default: 1000].
    #[arg(long, env = "HEADROOM_PERIOD_MS", value_name = "MS")]
    pub period_ms: Option<PeriodMs>,
    /// As a flag it belongs to [`RootArgs`].
    #[arg(skip)]
    pub proc_root: Option<PathBuf>,
    /// As a flag it belongs to [`RootArgs`].
    #[arg(skip)]
    pub sys_root: Option<PathBuf>,
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("{text:?} is not an address and a port, such as 127.0.0.1:8080 or [::1]:8080")
        })
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A time between two readings, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct PeriodMs(pub u32);

impl TryFrom<u32> for PeriodMs {
    type Error = String;

    fn try_from(ms: u32) -> Result<Self, String> {
        if (50..=60_000).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(format!("{ms} is not a period of 50 to 60000 ms"))
        }
    }
}

impl FromStr for PeriodMs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ms: u32 = text.parse().map_err(|_| format!("{text:?} is not a number of ms"))?;
        ms.try_into()
    }
}

/// What `headroom serve` runs with, once every source of settings has been heard.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Names under which browsers may reach this head; see [`Settings::host_names`].
    pub host_names: Vec<String>,
    /// Milliseconds between two readings.
    pub period_ms: u32,
    /// The trees to read.
    pub roots: Roots,
}

impl ServeArgs {
    /// Puts flags and environment over the settings file, and that over the defaults.
    pub fn resolve(self) -> Result<Config, Error> {
        let file = self.read_file()?;
        let said = self.settings;
        let listen = said.listen.or(file.listen).map_or(([127, 0, 0, 1], 8080).into(), |l| l.0);
        let insecure_http = said.insecure_http.or(file.insecure_http).unwrap_or(false);
        if !listen.ip().is_loopback() && !insecure_http {
            return Err(Error::Exposed(listen));
        }
        let roots = RootArgs {
            proc_root: self.roots.proc_root.or(file.proc_root),
            sys_root: self.roots.sys_root.or(file.sys_root),
        };
        Ok(Config {
            listen,
            host_names: if said.host_names.is_empty() { file.host_names } else { said.host_names },
            period_ms: said.period_ms.or(file.period_ms).map_or(1000, |period| period.0),
            roots: roots.resolve(),
        })
    }

    /// A file that is named must be there; the default one may be missing.
    fn read_file(&self) -> Result<Settings, Error> {
        let path = self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if self.config.is_none() && error.kind() == io::ErrorKind::NotFound => {
                return Ok(Settings::default());
            }
            Err(source) => return Err(Error::SettingsFile { path: path.into(), source }),
        };
        toml::from_str(&text)
            .map_err(|source| Error::Settings { path: path.into(), source: Box::new(source) })
    }
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
    fn other_machines_are_let_in_only_when_that_is_said() {
        let error = resolve(&["--listen", "0.0.0.0:8080"]).unwrap_err();
        assert!(error.contains("--insecure-http"), "{error}");
        resolve(&["--listen", "0.0.0.0:8080", "--insecure-http"]).unwrap();
        resolve(&["--listen", "[::1]:8080"]).unwrap();
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
