//! What the program is made of, for those who look for known faults in it: `CycloneDX` as JSON.

use super::{VERSION, arch, changelog, tools};
use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, root};
use crate::toolchain;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo-cyclonedx calls its files, of which it writes one beside each Cargo.toml.
const NAME: &str = "bill-of-materials";

/// Lists, in `out`, the libraries of the program, and those of the page that is in it. The one for amd64
/// has all that the others have.
pub(super) fn make(out: &Path) -> Result<[PathBuf; 2]> {
    let program = list("backend", arch::AMD64.triple, out, "headroom")?;
    Ok([program, list("frontend", toolchain::TARGET, out, "headroom-page")?])
}

fn list(member: &str, triple: &str, out: &Path, name: &str) -> Result<PathBuf> {
    let mut command = Command::new(tools::CARGO_CYCLONEDX.ensure()?);
    process::forget(&mut command, process::set_by_cargo);
    command.current_dir(root()).env("SOURCE_DATE_EPOCH", changelog::time()?.to_string());
    command.args([
        "cyclonedx",
        "--quiet",
        "--format",
        "json",
        "--spec-version",
        "1.5",
        "--no-build-deps",
    ]);
    command.args(["--override-filename", NAME, "--target", triple]);
    let made = process::run(&mut command);
    let mut found = None;
    for dir in files::list(root())? {
        let file = dir.join(NAME).with_extension("json");
        if file.is_file() {
            if files::name(&dir) == member {
                found = Some(files::read_text(&file)?);
            }
            fs::remove_file(&file).map_err(Error::at(&file))?;
        }
    }
    made?;
    let text =
        found.ok_or_else(|| Error::say(format!("cargo-cyclonedx wrote nothing for {member}")))?;
    // Where the sources lay is nobody's business.
    let text = text.replace(&root().display().to_string(), "/headroom");
    let to = out.join(format!("{name}-{VERSION}.cdx.json"));
    files::write(&to, text)?;
    Ok(to)
}
