//! `cargo xtask image`: the image that container engines run, written without one of them.
//!
//! An image is JSON, tar and SHA-256 (<https://github.com/opencontainers/image-spec>). It holds the program
//! and what it needs to start, and nothing else: no shell, no packages, no other user than its own. Nothing
//! is run to make it, so that every machine makes it for every other.

mod layout;
mod libraries;
mod platform;
mod root;

use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, root as sources};
use layout::Layout;
use platform::Platform;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the image is called. No registry has this host, so that nobody else's image is taken for it.
const NAME: &str = concat!("localhost/headroom:", env!("CARGO_PKG_VERSION"));

/// When the sources were last changed: the time of everything in the image.
struct Time {
    /// Seconds since 1970.
    seconds: u64,
    /// The same as RFC 3339 has it.
    text: String,
    /// Which change that was.
    revision: String,
}

/// `cargo xtask image --program ARCH=PATH… --out DIR`.
pub(crate) fn image(args: &[&str]) -> Result<()> {
    let (mut programs, mut out) = (Vec::new(), None);
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        let mut value =
            || args.next().copied().ok_or_else(|| Error::say(format!("{flag} takes a value")));
        match *flag {
            "--program" => {
                let value = value()?;
                let (arch, path) = value.split_once('=').ok_or_else(|| {
                    Error::say(format!("`{value}` is not ARCH=PATH, such as arm64=target/headroom"))
                })?;
                programs.push((arch, PathBuf::from(path)));
            }
            "--out" => out = Some(PathBuf::from(value()?)),
            other => return Err(Error::say(format!("`cargo xtask image` knows no `{other}`"))),
        }
    }
    let out =
        out.ok_or_else(|| Error::say("say with --out DIR where the image is to be written"))?;
    let tar = write(&programs, &out)?;
    println!("{NAME} is in {}", tar.display());
    Ok(())
}

/// Writes the image of `programs`, each with the architecture it is for, below `out`: as a directory
/// `headroom-….oci`, and as an archive beside it, which is returned.
pub(crate) fn write(programs: &[(&str, PathBuf)], out: &Path) -> Result<PathBuf> {
    if programs.is_empty() {
        return Err(Error::say("say with --program ARCH=PATH what the image is to run"));
    }
    let time = time()?;
    let dir = out.join(concat!("headroom-", env!("CARGO_PKG_VERSION"), ".oci"));
    let mut layout = Layout::create(&dir, NAME, &time)?;
    for (arch, program) in programs {
        let platform = Platform::named(arch)?;
        let (base, program) = root::layers(platform, program, time.seconds)?;
        layout.add(platform, &[base, program])?;
    }
    layout.finish()?;
    let tar = out.join(concat!("headroom-", env!("CARGO_PKG_VERSION"), ".oci.tar"));
    let members = files::walk(&dir)?;
    let mut archive = root::Archive::new(time.seconds);
    for path in members {
        let name = path.strip_prefix(&dir).unwrap_or(&path).to_string_lossy().into_owned();
        archive.file(&name, 0o644, 0, &files::read(&path)?)?;
    }
    files::write(&tar, archive.finish()?)?;
    Ok(tar)
}

fn time() -> Result<Time> {
    let mut git = Command::new("git");
    git.current_dir(sources()).env("TZ", "UTC");
    git.args(["log", "-1", "--format=%ct %cd %H", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"]);
    let said = process::output(&mut git)?;
    let unclear = || Error::say(format!("git log names no time but `{}`", said.trim()));
    let mut words = said.split_whitespace();
    let seconds = words.next().and_then(|word| word.parse().ok()).ok_or_else(unclear)?;
    let mut next = || words.next().map(str::to_owned).ok_or_else(unclear);
    Ok(Time { seconds, text: next()?, revision: next()? })
}
