//! Builds the program for other machines.

use super::arch::{ARMV6, Arch};
use super::{armv6, tools};
use crate::error::Result;
use crate::process::{self, root};
use crate::toolchain::{self, Target, Toolchain};
use std::path::{Path, PathBuf};

/// The profile in Cargo.toml.
pub(super) const PROFILE: &str = "dist";

/// Builds the program for `arch`, and gives its path. The page must be there.
pub(super) fn build(arch: Arch) -> Result<PathBuf> {
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
    flags.extend(without_paths(&toolchain));
    settings.push((format!("CC_{}", under(arch)), linker.clone()));
    let variable = under(arch).to_uppercase();
    settings.push((format!("CARGO_TARGET_{variable}_LINKER"), linker));
    let dir = match toolchain {
        Toolchain::Host => process::target(),
        Toolchain::Debian(_) => process::target().join("cross"),
    };
    let target = Target { triple: arch.triple, std: "std,panic_unwind", dir, flags, settings };
    let mut cargo = toolchain.cargo("build", &target);
    process::run(cargo.args(["--profile", PROFILE, "--package", "headroom"]))?;
    Ok(target.dir.join(arch.triple).join(PROFILE).join("headroom"))
}

/// The triple as variables are named after it.
fn under(arch: Arch) -> String {
    arch.triple.replace('-', "_")
}

/// Keeps the directories of this machine out of the program: messages of panics name files.
fn without_paths(toolchain: &Toolchain) -> Vec<String> {
    let mut flags = Vec::new();
    let mut map = |from: &Path, to: &str| {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    };
    map(root(), "headroom");
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    if let Some(home) = home {
        map(&home.join("registry/src"), "crates");
    }
    if let Toolchain::Debian(tree) = toolchain {
        map(tree.dir(), "rust");
    }
    map(&toolchain::home(), "toolchain");
    flags
}
