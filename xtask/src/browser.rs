//! The browser that the end-to-end tests drive: found, or installed from the system's packages.

use crate::error::{Error, Result};
use crate::process::{self, find};
use std::path::PathBuf;
use std::process::Command;

/// Chromium, and the program through which tests steer it.
pub(crate) struct Browser {
    chromium: PathBuf,
    chromedriver: PathBuf,
}

/// Where the two are, when they are not on `PATH`.
const VARIABLES: [&str; 2] = ["XTASK_CHROMIUM", "XTASK_CHROMEDRIVER"];
const CHROMIUM: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const CHROMEDRIVER: [&str; 1] = ["chromedriver"];
// Chromium's packages already bring fonts-dejavu-core (through fontconfig), which `system-ui` gets.
const INSTALL: [&str; 5] =
    ["install", "-y", "--no-install-recommends", "chromium", "chromium-driver"];

impl Browser {
    /// Finds the browser; installs it when it is missing.
    pub(crate) fn ensure() -> Result<Self> {
        if let Some(browser) = Self::present() {
            return Ok(browser);
        }
        eprintln!(
            "chromium or chromedriver is missing; the end-to-end tests open the page in a real \
             browser, so both are installed now (about 130 MB of packages)"
        );
        let line = format!("apt-get {}", INSTALL.join(" "));
        let by_hand = |why: String| {
            Error::say(format!(
                "{why}\nRun `{line}` as root, or point XTASK_CHROMIUM and \
                 XTASK_CHROMEDRIVER at a Chromium and its chromedriver, and try again"
            ))
        };
        if find(&["apt-get"]).is_none() {
            return Err(by_hand("no apt-get here to install Chromium with".into()));
        }
        // Lists that are partly old may do; the installation decides.
        if let Err(error) = process::run(apt_get()?.arg("update")) {
            eprintln!("going on with the package lists there are: {error}");
        }
        process::run(apt_get()?.args(INSTALL)).map_err(|error| by_hand(error.to_string()))?;
        Self::present().ok_or_else(|| by_hand("the packages brought no chromium on PATH".into()))
    }

    fn present() -> Option<Self> {
        let one = |variable, names: &[&str]| match std::env::var_os(variable) {
            Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
            None => find(names),
        };
        Some(Self {
            chromium: one(VARIABLES[0], &CHROMIUM)?,
            chromedriver: one(VARIABLES[1], &CHROMEDRIVER)?,
        })
    }

    /// Tells the tests where it is.
    pub(crate) fn pass_to(&self, command: &mut Command) {
        command.env(VARIABLES[0], &self.chromium);
        command.env(VARIABLES[1], &self.chromedriver);
    }
}

/// `apt-get` with the right to install.
fn apt_get() -> Result<Command> {
    let mut command = if process::is_root() {
        let mut command = Command::new("env");
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    } else if find(&["sudo"]).is_some() {
        let mut command = Command::new("sudo");
        command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    } else {
        return Err(Error::say(
            "installing Chromium needs root, and there is no sudo: run \
             `apt-get install chromium chromium-driver` as root and try again",
        ));
    };
    command.args(["-q", "-o", "Dpkg::Use-Pty=0"]);
    Ok(command)
}
