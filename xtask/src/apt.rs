//! Debian's packages, installed with the rights there are.

use crate::error::{Error, Result};
use crate::process::{self, find};
use std::process::Command;

/// Installs `packages`, without what they only recommend.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    if find(&["apt-get"]).is_none() {
        return Err(Error::say(format!("no apt-get here to install {} with", packages.join(", "))));
    }
    // Lists that are partly old may do; the installation decides.
    if let Err(error) = process::run(apt_get(packages)?.arg("update")) {
        eprintln!("going on with the package lists there are: {error}");
    }
    let mut command = apt_get(packages)?;
    process::run(command.args(["install", "-y", "--no-install-recommends"]).args(packages))
}

/// The line that does the same by hand.
pub(crate) fn line(packages: &[&str]) -> String {
    format!("apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// Nothing is asked, and no service is started that a package brings (invoke-rc.d(8)).
const SETTINGS: [&str; 2] = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"];

/// `apt-get` with the right to install.
fn apt_get(packages: &[&str]) -> Result<Command> {
    let mut command = if process::is_root() {
        let mut command = Command::new("env");
        command.args(SETTINGS).arg("apt-get");
        command
    } else if find(&["sudo"]).is_some() {
        let mut command = Command::new("sudo");
        command.args(["-n", "env"]).args(SETTINGS).arg("apt-get");
        command
    } else {
        let packages = packages.join(", ");
        return Err(Error::say(format!("installing {packages} needs root, and there is no sudo")));
    };
    command.args(["-q", "-o", "Dpkg::Use-Pty=0"]);
    Ok(command)
}
