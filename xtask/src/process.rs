//! Starting other programs: cargo with a clean environment, commands that say how they failed,
//! and children that do not outlive us.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The workspace's directory.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where native builds go: the user's choice, else `target`.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .and_then(|dir| std::path::absolute(dir).ok())
        .unwrap_or_else(|| root().join("target"))
}

/// The cargo that runs us, for the native programs, in the workspace's root.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg(subcommand).current_dir(root()).env("CARGO_TARGET_DIR", target());
    forget(&mut command, set_by_cargo);
    command
}

/// Builds the program as users get it, and says where it is.
pub(crate) fn build_release() -> Result<PathBuf> {
    run(cargo("build").args(["--release", "--package", "headroom"]))?;
    Ok(target().join("release/headroom"))
}

/// Takes the variables that match out of what a child inherits.
pub(crate) fn forget(command: &mut Command, matches: fn(&str) -> bool) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(matches) {
            command.env_remove(name);
        }
    }
}

/// What `cargo run` tells us about ourselves, which a cargo inside would take for its own.
pub(crate) fn set_by_cargo(name: &str) -> bool {
    const EXACT: [&str; 5] = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_ENCODED_RUSTFLAGS",
        "OUT_DIR",
    ];
    const PREFIX: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    EXACT.contains(&name) || PREFIX.iter().any(|prefix| name.starts_with(prefix))
}

/// What chooses or changes a compiler, which must not reach another one.
pub(crate) fn chooses_compiler(name: &str) -> bool {
    const RUST: [&str; 8] = [
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTUP_TOOLCHAIN",
        "LD_LIBRARY_PATH",
    ];
    RUST.contains(&name) || name.starts_with("CARGO_BUILD_RUST") || name == "CARGO_BUILD_TARGET"
}

/// Runs a command with our input; its output goes to stderr, so that stdout stays `run`'s.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let status = command.stdout(io::stderr()).status().map_err(|cause| cannot(&line, cause))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command { command: line, outcome: format!("failed ({status})") })
}

/// Runs a command and gives what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output = command.stdin(Stdio::null()).output().map_err(|cause| cannot(&line, cause))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let outcome = format!("failed ({})\n{}", output.status, said.trim_end());
    Err(Error::Command { command: line, outcome })
}

fn cannot(line: &str, cause: io::Error) -> Error {
    Error::Io { subject: format!("`{line}` did not start"), cause }
}

/// The command as one would type it, with the program's name instead of its path.
fn shown(command: &Command) -> String {
    let program = crate::files::name(Path::new(command.get_program()));
    let args = command.get_args().map(OsStr::to_string_lossy);
    let words: Vec<_> = std::iter::once(program.into()).chain(args).collect();
    words.join(" ")
}

/// The first of these programs on `PATH`.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<_> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| dirs.iter().map(|dir| dir.join(name)).find(|at| at.is_file()))
}

/// Whether we may install packages without asking anyone.
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// A child that ends with us, whichever way we leave.
pub(crate) struct Guard(pub(crate) Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Either may fail only because the child is already gone.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::{chooses_compiler, set_by_cargo};

    #[test]
    fn only_what_cargo_says_of_us_is_forgotten() {
        assert!(["CARGO", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"].into_iter().all(set_by_cargo));
        assert!(!["CARGO_HOME", "CARGO_NET_OFFLINE", "PATH"].into_iter().any(set_by_cargo));
        assert!(["RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"].into_iter().all(chooses_compiler));
        assert!(!["CARGO_HOME", "RUST_BACKTRACE", "RUSTUP_HOME"].into_iter().any(chooses_compiler));
    }
}
