//! `swarm`: builds the load generator, gets it the tokens of its nodes, and runs it.

use crate::error::{Error, Result};
use crate::{files, process};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds it, as fast as it can be: it must not be what is slow.
pub(crate) fn build() -> Result<PathBuf> {
    process::run(process::cargo("build").args(["--release", "--package", "swarm"]))?;
    Ok(process::target().join("release/swarm"))
}

/// Runs it in our place. What it needs not know is `--data-dir`, of a head on this machine: its nodes
/// get tokens there.
pub(crate) fn swarm(args: &[&str]) -> Result<()> {
    let (data_dir, mut args) = without(args, "--data-dir");
    let path;
    if let Some(dir) = data_dir {
        let nodes = value(&args, "--nodes").and_then(|nodes| nodes.parse().ok());
        let nodes = nodes.ok_or_else(|| Error::say("with --data-dir, say --nodes N too"))?;
        path = tokens(&process::build_release()?, Path::new(dir), nodes)?.display().to_string();
        args.extend(["--tokens", &path]);
    }
    let mut program = Command::new(build()?);
    let cause = program.args(&args).exec();
    Err(Error::Io { subject: program.get_program().to_string_lossy().into_owned(), cause })
}

/// A file of tokens for so many nodes, which the head that keeps its data in `dir` knows. They are made
/// once: swarms of the same size are the same nodes.
pub(crate) fn tokens(headroom: &Path, dir: &Path, nodes: u32) -> Result<PathBuf> {
    let name = format!("swarm{nodes}");
    let path = dir.join(format!("{name}.json"));
    if path.is_file() {
        return Ok(path);
    }
    let mut create = Command::new(headroom);
    process::forget(&mut create, |name| name.starts_with("HEADROOM_"));
    create.args(["token", "create", &name, "--count", &nodes.to_string(), "--json"]);
    // Nobody is to join by what is printed.
    create.args(["--head", "http://localhost", "--data-dir"]).arg(dir);
    let text = process::output(&mut create)?;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(Error::at(&path))?;
    Ok(path)
}

/// The value of `flag`, and what is left without both.
fn without<'a>(args: &[&'a str], flag: &str) -> (Option<&'a str>, Vec<&'a str>) {
    let Some(at) = args.iter().position(|arg| *arg == flag) else { return (None, args.to_vec()) };
    let mut left = args.to_vec();
    let taken: Vec<_> = left.drain(at..(at + 2).min(args.len())).collect();
    (taken.get(1).copied(), left)
}

fn value<'a>(args: &[&'a str], flag: &str) -> Option<&'a str> {
    without(args, flag).0
}

/// A directory of its own, for as long as this lives.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Result<Self> {
        Self::below(&std::env::temp_dir(), name)
    }

    /// The same in another directory than the one for that.
    pub(crate) fn below(parent: &Path, name: &str) -> Result<Self> {
        let dir = parent.join(format!("headroom-{name}-{}", std::process::id()));
        files::remove_dir(&dir)?;
        files::create_dir(&dir)?;
        Ok(Self(dir))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind is in the directory for that.
        files::remove_dir(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::{value, without};

    #[test]
    fn flags_are_taken_out() {
        let args = ["--nodes", "7", "--data-dir", "/d", "--json"];
        assert_eq!(without(&args, "--data-dir"), (Some("/d"), vec!["--nodes", "7", "--json"]));
        assert_eq!(without(&args, "--seed"), (None, args.to_vec()));
        assert_eq!(without(&args[..3], "--data-dir"), (None, vec!["--nodes", "7"]));
        assert_eq!(value(&args, "--nodes"), Some("7"));
    }
}
