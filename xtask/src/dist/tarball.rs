//! The program without a package: one directory in a tarball.

use super::arch::{ARMV6, Arch};
use super::{VERSION, armv6, changelog, share};
use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes it in `out`, and gives its path. The same sources give the same bytes: sorted, owned by nobody
/// in particular, and as old as the last change.
pub(super) fn make(native: &Path, program: &Path, arch: Arch, out: &Path) -> Result<PathBuf> {
    let name = format!("headroom-{VERSION}-linux-{}", arch.name);
    let stage = process::target().join("tarball");
    files::remove_dir(&stage)?;
    let dir = stage.join(&name);
    share::write(native, &dir)?;
    copy(program, &dir.join("headroom"))?;
    for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root().join(file), &dir.join(file))?;
    }
    let packaging = root().join("backend/packaging");
    for (from, to, kind) in [
        (root().join("docs"), "docs", "md"),
        (packaging.clone(), "systemd", "service"),
        (packaging.join("examples"), "examples", ""),
    ] {
        for file in files::list(&from)? {
            let is_it = kind.is_empty() || file.extension().is_some_and(|its| its == kind);
            if file.is_file() && is_it {
                copy(&file, &dir.join(to).join(files::name(&file)))?;
            }
        }
    }
    if arch == ARMV6 {
        copy(&armv6::copyright()?, &dir.join("musl.txt"))?;
    }
    let tarball = out.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.current_dir(&stage).env("LC_ALL", "C");
    tar.args(["--create", "--sort=name", "--format=ustar", "--mode=u+rw,go-w,a+rX"]);
    tar.args(["--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{}", changelog::time()?));
    process::run(tar.args(["--use-compress-program=gzip -9n", "--file"]).arg(&tarball).arg(&name))?;
    files::remove_dir(&stage)?;
    Ok(tarball)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        files::create_dir(dir)?;
    }
    fs::copy(from, to).map(drop).map_err(Error::at(from))
}
