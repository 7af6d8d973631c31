//! What the service manager is asked to do: its units, and `systemctl`; and what it is told of them, in
//! [`life`].

pub mod life;

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;

/// The head's unit.
pub const HEAD_UNIT: &str = "headroom.service";
/// The agent's unit.
pub const AGENT_UNIT: &str = "headroom-agent.service";

/// Whether systemd runs this machine, or container (`sd_booted(3)`).
#[must_use]
pub fn is_here() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Runs `systemctl` with these arguments.
///
/// # Errors
/// With what it said, if it could not be run or did not do it.
pub fn control(args: &[&str]) -> Result<(), Error> {
    let said = |what: &str| {
        let text = format!("`systemctl {}` {what}", args.join(" "));
        Error::Refused(text)
    };
    let mut systemctl = Command::new("systemctl");
    systemctl.args(["--no-ask-password", "--quiet"]).args(args).stdin(Stdio::null());
    let done = systemctl.output().map_err(|error| said(&format!("cannot be run: {error}")))?;
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr);
    Err(said(&format!("failed: {}", words.trim())))
}

/// Whether a unit runs.
#[must_use]
pub fn is_active(unit: &str) -> bool {
    is_here() && control(&["is-active", unit]).is_ok()
}
