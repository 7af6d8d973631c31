//! Debian 12 systems in directories, made by `debootstrap` once and kept: packages are tried in copies
//! of them. Those of other architectures run under qemu's user emulation.

use crate::apt;
use crate::error::{Error, Result};
use crate::files;
use crate::process;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release that packages are for.
const RELEASE: &str = "bookworm";

/// How the kernel is told which emulator runs programs of another architecture: the one that
/// `qemu-user-static` brings, held open, so that it is found in a tree without it
/// (`Documentation/admin-guide/binfmt-misc.rst`).
const REGISTER: &str = "/proc/sys/fs/binfmt_misc/register";

/// Where they are, each named after its architecture.
pub(crate) fn home() -> PathBuf {
    process::target().join("peers/trees")
}

/// The tree of an architecture, as Debian calls it, with `packages` besides those that every system has.
pub(crate) fn ensure(arch: &str, packages: &[&str]) -> Result<PathBuf> {
    if !process::is_root() {
        return Err(Error::say("making a Debian tree needs root"));
    }
    let home = home();
    let _lock = files::lock(&home.join("lock"))?;
    let emulator = emulator(arch)?;
    let tree = home.join(arch);
    let wanted = packages.join(",");
    if fs::read_to_string(tree.with_extension("holds")).is_ok_and(|holds| holds == wanted) {
        return Ok(tree);
    }
    if process::find(&["debootstrap"]).is_none() {
        apt::install(&["debootstrap"])?;
    }
    eprintln!("making a Debian 12 tree for {arch} in {} (some 250 MB)", tree.display());
    let new = home.join("new");
    files::remove_dir(&new)?;
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", &format!("--arch={arch}")]);
    if !packages.is_empty() {
        debootstrap.arg(format!("--include={wanted}"));
    }
    process::run(debootstrap.arg(RELEASE).arg(&new))?;
    // What was downloaded is not needed again.
    files::remove_dir(&new.join("var/cache/apt/archives"))?;
    files::remove_dir(&tree)?;
    files::rename(&new, &tree)?;
    files::write(&tree.with_extension("holds"), wanted)?;
    drop(emulator);
    Ok(tree)
}

/// An emulator that the kernel was told of by us, until this is dropped.
pub(crate) struct Emulator(Option<PathBuf>);

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(entry) = &self.0
            && let Err(error) = fs::write(entry, "-1")
        {
            eprintln!("{} is left behind: {error}", entry.display());
        }
    }
}

/// Has the kernel run programs of `arch`, if it does not yet.
pub(crate) fn emulator(arch: &str) -> Result<Emulator> {
    let qemu = match arch {
        "arm64" => "aarch64",
        "armhf" => "arm",
        _ => return Ok(Emulator(None)),
    };
    let settings = PathBuf::from(format!("/usr/lib/binfmt.d/qemu-{qemu}.conf"));
    if !settings.exists() {
        apt::install(&["qemu-user-static"])?;
    }
    if !Path::new(REGISTER).exists() {
        let at = "/proc/sys/fs/binfmt_misc";
        process::run(Command::new("mount").args(["-t", "binfmt_misc", "binfmt_misc", at]))?;
    }
    let entry = Path::new(REGISTER).with_file_name(format!("qemu-{qemu}"));
    if entry.exists() {
        return Ok(Emulator(None));
    }
    let text = files::read_text(&settings)?;
    let line = text.lines().find(|line| line.starts_with(':'));
    let line = line.ok_or_else(|| Error::say(format!("{} says nothing", settings.display())))?;
    fs::write(REGISTER, line).map_err(Error::at(Path::new(REGISTER)))?;
    Ok(Emulator(Some(entry)))
}
