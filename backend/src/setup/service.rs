//! The services of this machine: switched on and off, and heard when they do not start.

use std::process::{Command, Stdio};

use crate::error::{Error, tell};
use crate::systemd::{control, is_active, is_here};
use crate::table::plain;

/// Lines of the journal that are shown.
const LINES: &str = "8";

/// A unit that this machine has.
#[derive(Clone, Copy)]
pub(super) struct Service(&'static str);

impl Service {
    /// `unit`, if a service manager runs this machine and knows it.
    pub(super) fn of(unit: &'static str) -> Option<Self> {
        (is_here() && control(&["cat", unit]).is_ok()).then_some(Self(unit))
    }

    /// Whether it runs.
    pub(super) fn runs(self) -> bool {
        is_active(self.0)
    }

    /// Has it run from now on, also after the next boot; begins it `anew` if it runs. Says whether anything
    /// was done.
    pub(super) fn switch_on(self, anew: bool) -> Result<bool, Error> {
        let is_enabled = control(&["is-enabled", self.0]).is_ok();
        if !is_enabled {
            control(&["enable", self.0])?;
        }
        let begins = anew || !self.runs();
        if begins {
            tell(format_args!("starting {}", self.0));
            // One that failed too often would not be started.
            control(&["reset-failed", self.0]).ok();
            if control(&["restart", self.0]).is_err() {
                return Err(self.failed(&format!("{} does not start", self.0)));
            }
        }
        Ok(begins || !is_enabled)
    }

    /// Ends it, also for the next boot. Says whether it was on.
    pub(super) fn switch_off(self) -> Result<bool, Error> {
        let was_on = self.runs() || control(&["is-enabled", self.0]).is_ok();
        if was_on {
            control(&["disable", "--now", self.0])?;
        }
        Ok(was_on)
    }

    /// Whether it may listen on ports that are for privileged programs.
    pub(super) fn may_bind_low_ports(self) -> bool {
        let mut show = Command::new("systemctl");
        show.args(["show", "--property=AmbientCapabilities", "--value", self.0]);
        output(&mut show).is_some_and(|told| told.contains("cap_net_bind_service"))
    }

    /// What went wrong. What the service said last is told at once, line by line.
    pub(super) fn failed(self, why: &str) -> Error {
        let mut journal = Command::new("journalctl");
        journal.args(["--unit", self.0, "--lines", LINES, "--output=cat", "--no-pager", "--quiet"]);
        let said = output(&mut journal).unwrap_or_default();
        for line in said.lines() {
            tell(format_args!("the journal says: {}", plain(line)));
        }
        Error::Refused(format!("{why}; see `sudo journalctl -u {}`", self.0))
    }
}

/// What `command` prints, if it can be run and does what it should.
fn output(command: &mut Command) -> Option<String> {
    let done = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}
