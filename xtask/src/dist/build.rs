//! Builds the program for other machines.

use super::arch::{ARMV6, Arch};
use super::{armv6, tools};
use crate::error::Result;
use crate::process;
use crate::toolchain::{Target, Toolchain};
use std::path::PathBuf;

/// A program that is built.
pub(super) struct Built {
    pub(super) program: PathBuf,
    /// Directories that must not stand in it.
    pub(super) paths: Vec<PathBuf>,
}

/// Builds the program for `arch`. The page must be there.
pub(super) fn build(arch: Arch) -> Result<Built> {
    let linker = format!("{}-gcc", arch.gnu);
    tools::compiler(&linker, arch)?;
    let mut flags = Vec::new();
    let mut settings = Vec::new();
    let toolchain = if arch == ARMV6 {
        let (c, link) = armv6::prepare()?;
        flags.extend(link);
        settings.push((format!("CFLAGS_{}", under(arch)), c));
        Toolchain::debian()?
    } else {
        Toolchain::ensure(arch.triple)?
    };
    settings.push((format!("CC_{}", under(arch)), linker.clone()));
    let variable = under(arch).to_uppercase();
    settings.push((format!("CARGO_TARGET_{variable}_LINKER"), linker));
    let paths = toolchain.paths()?;
    let dir = match toolchain {
        Toolchain::Host => process::target(),
        Toolchain::Debian(_) => process::target().join("cross"),
    };
    let target = Target { triple: arch.triple, std: "std,panic_unwind", dir, flags, settings };
    let mut cargo = toolchain.cargo("build", &target)?;
    process::run(cargo.args(["--release", "--package", "headroom"]))?;
    let program = target.dir.join(arch.triple).join("release/headroom");
    Ok(Built { program, paths: paths.into_iter().map(|(path, _)| path).collect() })
}

/// The triple as variables are named after it.
fn under(arch: Arch) -> String {
    arch.triple.replace('-', "_")
}
