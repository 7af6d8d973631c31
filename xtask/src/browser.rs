//! The browser that the end-to-end tests drive: found, or installed from the system's packages.

use crate::apt;
use crate::error::{Error, Result};
use crate::process::find;
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
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

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
        let by_hand = |why: String| {
            Error::say(format!(
                "{why}\nRun `{}` as root, or point XTASK_CHROMIUM and XTASK_CHROMEDRIVER at a \
                 Chromium and its chromedriver, and try again",
                apt::line(&PACKAGES)
            ))
        };
        apt::install(&PACKAGES).map_err(|error| by_hand(error.to_string()))?;
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
