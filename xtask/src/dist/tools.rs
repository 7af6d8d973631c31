//! Programs that packaging needs, below `target/tools` or from Debian's packages.

use super::arch::Arch;
use crate::apt;
use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, find};
use std::path::PathBuf;
use std::process::Command;

/// A program from crates.io: installed once, as it is no part of what everybody builds.
pub(super) struct Tool {
    name: &'static str,
    version: &'static str,
    /// How long it takes to build, as people read it.
    takes: &'static str,
}

/// Writes `.deb` files from what Cargo.toml says of them.
pub(super) const CARGO_DEB: Tool =
    Tool { name: "cargo-deb", version: "3.8.0", takes: "two minutes" };

/// Lists what a program is made of.
pub(super) const CARGO_CYCLONEDX: Tool =
    Tool { name: "cargo-cyclonedx", version: "0.5.9", takes: "two minutes" };

impl Tool {
    /// Where it is; built first when it is not there.
    pub(super) fn ensure(&self) -> Result<PathBuf> {
        let home = process::target().join("tools");
        let program = home.join("bin").join(self.name);
        let _lock = files::lock(&home.join("lock"))?;
        let installed = files::read_text(&home.join(".crates.toml")).unwrap_or_default();
        let Self { name, version, takes } = self;
        if program.is_file() && installed.contains(&format!("\"{name} {version} (")) {
            return Ok(program);
        }
        eprintln!("building {name} {version} into {}: {takes} on two cores, once", home.display());
        let build = home.join("build");
        let mut cargo = process::cargo("install");
        cargo.env("CARGO_TARGET_DIR", &build).arg("--root").arg(&home);
        process::run(cargo.args(["--locked", "--version", &format!("={version}"), name]))?;
        files::remove_dir(&build)?;
        Ok(program)
    }
}

/// Makes sure that there is a C compiler for `arch`, which also links.
pub(super) fn compiler(program: &str, arch: Arch) -> Result<()> {
    if find(&[program]).is_some() {
        return Ok(());
    }
    eprintln!(
        "compiling for {} needs `{program}`; installing {}",
        arch.name,
        arch.compiler.join(", ")
    );
    install(arch.compiler)
}

/// A program of Debian's, installed when it is not there.
pub(super) fn from_debian(program: &str, package: &str) -> Result<Command> {
    if find(&[program]).is_none() {
        eprintln!("packaging needs `{program}`; installing {package}");
        install(&[package])?;
    }
    Ok(Command::new(program))
}

fn install(packages: &[&str]) -> Result<()> {
    apt::install(packages).map_err(|error| {
        let line = apt::line(packages);
        Error::say(format!("{error}\nRun `{line}` as root, and try again"))
    })
}
