//! `soak skew`: this version's head and agents with those of an older one, which is built for it.

use crate::error::{Error, Result};
use crate::peers::Peers;
use crate::{files, process};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version that this one is to get on with: the last before agents were told apart by theirs.
const OLDER: &str = "8b9873b9abafd8f4c39c9db0eb3d71d96a9c5e3e";

/// Builds the older version, unless it is there, and runs the tests with it.
pub(crate) fn soak() -> Result<()> {
    Peers::ensure()?;
    let older = build()?;
    let mut cargo = process::cargo("test");
    cargo.args(["--package", "headroom", "--test", "it", "--", "skew::", "--nocapture"]);
    cargo.env("XTASK_SOAK", "1").env("XTASK_OLDER", older);
    process::run(&mut cargo)
}

/// The directory with the older `headroom` and `swarm`.
fn build() -> Result<PathBuf> {
    let home = process::target().join("skew");
    let (tree, built) = (home.join("tree"), home.join("target"));
    let _lock = files::lock(&home.join("lock"))?;
    if !tree.join("Cargo.toml").is_file() {
        eprintln!("unpacking {OLDER} into {}", tree.display());
        files::create_dir(&tree)?;
        unpack(&tree)?;
    }
    let mut cargo = process::cargo("build");
    cargo.args(["--package", "headroom", "--package", "swarm"]);
    process::run(cargo.current_dir(&tree).env("CARGO_TARGET_DIR", &built))?;
    Ok(built.join("debug"))
}

/// The files of that version, without a second clone.
fn unpack(tree: &Path) -> Result<()> {
    let failed = |cause| Error::Io { subject: "git archive".into(), cause };
    let mut git = Command::new("git");
    git.args(["archive", OLDER]).current_dir(process::root()).stdout(Stdio::piped());
    let mut archive = process::Guard(git.spawn().map_err(failed)?);
    let pipe = archive.0.stdout.take().map_or_else(Stdio::null, Stdio::from);
    process::run(Command::new("tar").arg("-x").arg("-C").arg(tree).stdin(pipe))?;
    let ended = archive.0.wait().map_err(failed)?;
    if ended.success() {
        return Ok(());
    }
    files::remove_dir(tree)?;
    let text = format!("git has no {OLDER}: in a shallow clone, `git fetch --unshallow` first");
    Err(Error::say(text))
}
