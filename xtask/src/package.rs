//! What the test of the package needs: the package of the program that tests run, in two revisions, and a
//! Debian machine to install it on.

use crate::apt;
use crate::dist;
use crate::error::Result;
use crate::process::{self, find};
use crate::trees;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a minimal system lacks of one that boots.
const OF_MACHINE: [&str; 4] = ["systemd", "systemd-sysv", "dbus", "procps"];

/// Packages of the same program.
pub(crate) struct Packages {
    first: PathBuf,
    next: PathBuf,
}

impl Packages {
    /// Makes them of the program that tests were built with, and the machine if there is none.
    pub(crate) fn ensure() -> Result<Self> {
        let mut dpkg = Command::new("dpkg");
        let arch = process::output(dpkg.arg("--print-architecture"))?;
        let arch = arch.trim();
        if find(&["systemd-nspawn"]).is_none() {
            eprintln!("the package is tried on a machine of its own; installing systemd-container");
            apt::install(&["systemd-container"])?;
        }
        trees::ensure(arch, &OF_MACHINE)?;
        let out = process::target().join("deb-test");
        let program = process::target().join("debug/headroom");
        let of = |revision: &str| {
            let path = |path: &Path| path.to_string_lossy().into_owned();
            let (program, out) = (path(&program), path(&out));
            dist::deb(&[
                "--program",
                &program,
                "--arch",
                arch,
                "--out",
                &out,
                "--revision",
                revision,
                "--fast",
            ])?;
            Ok(Path::new(&out).join(format!("headroom_{}-{revision}_{arch}.deb", dist::VERSION)))
        };
        Ok(Self { first: of("1")?, next: of("2")? })
    }

    /// Tells the tests where they are.
    pub(crate) fn pass_to(&self, command: &mut Command) {
        command.env("XTASK_DEB", &self.first).env("XTASK_DEB_NEXT", &self.next);
    }
}
