//! Debian's compiler for its browsers (`rustc-web`), and its libraries for other machines, fetched and
//! unpacked without installing anything: for what rustup cannot download, or does not have.

mod apt;

use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, root};
use apt::{Apt, Download};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiler, cargo, the standard library's source, and clippy for `check`.
const PACKAGES: [&str; 5] =
    ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "libstd-rust-web-dev"];

/// Packages unpacked into one directory that looks like `/`.
pub(crate) struct Tree {
    dir: PathBuf,
    /// Directories of shared libraries, as in `LD_LIBRARY_PATH`.
    libs: String,
    linker: PathBuf,
}

impl Tree {
    /// The tree of an earlier run, when it is whole and new enough.
    pub(super) fn present(home: &Path) -> Result<Option<Self>> {
        let dir = home.join("debian");
        let Ok(stamp) = files::read_text(&dir.join("stamp")) else { return Ok(None) };
        let version = stamp.lines().find_map(|line| line.strip_prefix("rustc-web="));
        if version.is_some_and(|version| at_least(version, minimum())) {
            Self::open(dir).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Downloads and unpacks the packages; afterwards the tree is whole or absent.
    pub(super) fn fetch(home: &Path) -> Result<Self> {
        let work = home.join("unfinished");
        files::remove_dir(&work)?;
        files::create_dir(&work.join("tree"))?;
        eprintln!("looking for Debian's rustc-web, which can build its own standard library");
        let apt = Apt::new(&work, None)?;
        let downloads = apt.plan()?;
        let bytes: usize = downloads.iter().map(|one| one.bytes).sum();
        eprintln!(
            "fetching {} packages, {} MB, into target/toolchain (nothing is installed):",
            downloads.len(),
            bytes / 1_000_000
        );
        let specs: Vec<_> = downloads.iter().map(Download::spec).collect();
        process::run(apt.command("apt-get").arg("download").args(&specs))?;
        let mut stamp = String::new();
        for (one, spec) in downloads.iter().zip(&specs) {
            eprintln!("unpacking {spec}");
            let deb = work.join(&one.file);
            process::run(Command::new("dpkg").arg("-x").arg(&deb).arg(work.join("tree")))?;
            stamp.push_str(spec);
            stamp.push('\n');
        }
        let tree = work.join("tree");
        settle(&tree)?;
        files::write(&tree.join("stamp"), stamp)?;
        let dir = home.join("debian");
        files::remove_dir(&dir)?;
        files::rename(&tree, &dir)?;
        files::remove_dir(&work)?;
        Self::open(dir)
    }

    fn open(dir: PathBuf) -> Result<Self> {
        let entry = |under: &str, matches: fn(&str) -> bool| {
            let found = files::list(&dir.join(under))?;
            found.into_iter().find(|path| matches(&files::name(path))).ok_or_else(|| {
                let dir = dir.display();
                Error::say(format!("{dir}: {under} is incomplete; remove {dir} and try again"))
            })
        };
        let arch = entry("usr/lib", |name| name.contains("-linux-"))?;
        let llvm = entry("usr/lib", |name| name.starts_with("llvm-"))?;
        let linker = entry("usr/bin", |name| name.starts_with("wasm-ld"))?;
        let libs = format!("{}:{}", arch.display(), llvm.join("lib").display());
        Ok(Self { dir, libs, linker })
    }

    pub(super) fn has_clippy(&self) -> bool {
        self.dir.join("usr/bin/clippy-driver").is_file()
    }

    /// This tree's cargo, which builds these crates of the standard library along.
    pub(super) fn cargo(&self, subcommand: &str, std: &str) -> Command {
        let bin = self.dir.join("usr/bin");
        // cargo-clippy looks for its driver beside itself, and for cargo in the environment.
        let program = if subcommand == "clippy" { "cargo-clippy" } else { "cargo" };
        let mut command = Command::new(bin.join(program));
        process::forget(&mut command, process::set_by_cargo);
        process::forget(&mut command, process::chooses_compiler);
        command
            .current_dir(root())
            .env("LD_LIBRARY_PATH", &self.libs)
            .env("CARGO", bin.join("cargo"))
            .env("RUSTC", bin.join("rustc"))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker)
            // build-std is unstable; this compiler is stable, so it must be told that we know.
            .env("RUSTC_BOOTSTRAP", "1")
            .args([subcommand, "-Z", &format!("build-std={std}")]);
        command
    }

    /// Where everything of it lies.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// The files of a package for machines of `arch`, which this one need not know: where they lie, as below
/// `/`.
pub(crate) fn files_of(package: &str, arch: &str) -> Result<PathBuf> {
    let home = super::home();
    let _lock = files::lock(&home.join("lock"))?;
    let dir = home.join(format!("{package}-{arch}"));
    if dir.is_dir() {
        return Ok(dir);
    }
    eprintln!(
        "fetching Debian's {package} for {arch} into target/toolchain (nothing is installed)"
    );
    let work = home.join("unfinished");
    files::remove_dir(&work)?;
    files::create_dir(&work.join("tree"))?;
    let apt = Apt::new(&work, Some(arch))?;
    apt.update();
    process::run(apt.command("apt-get").args(["download", package]))?;
    let deb = files::list(&work)?;
    let deb = deb.iter().find(|path| path.extension().is_some_and(|kind| kind == "deb"));
    let deb =
        deb.ok_or_else(|| Error::say(format!("apt-get downloaded no {package} for {arch}")))?;
    process::run(Command::new("dpkg").arg("-x").arg(deb).arg(work.join("tree")))?;
    files::rename(&work.join("tree"), &dir)?;
    files::remove_dir(&work)?;
    Ok(dir)
}

/// Makes the tree usable where it lies: links within it, and nothing that no build reads.
fn settle(tree: &Path) -> Result<()> {
    let source = files::list(&tree.join("usr/src"))?
        .into_iter()
        .find(|path| path.join("library/Cargo.lock").is_file())
        .ok_or_else(|| Error::say("rust-web-src holds no library/Cargo.lock"))?;
    for path in files::list(&source)? {
        if files::name(&path) != "library" && path.is_dir() {
            files::remove_dir(&path)?;
        }
    }
    files::remove_dir(&tree.join("usr/share/doc"))?;
    // The compiler looks for the source there; the package's own link is absolute.
    let link = tree.join("usr/lib/rustlib/src/rust");
    if let Some(dir) = link.parent() {
        if dir.is_symlink() {
            fs::remove_file(dir).map_err(Error::at(dir))?;
        }
        files::create_dir(dir)?;
    }
    if link.is_symlink() {
        fs::remove_file(&link).map_err(Error::at(&link))?;
    }
    let target = Path::new("../../../src").join(files::name(&source));
    std::os::unix::fs::symlink(target, &link).map_err(Error::at(&link))
}

/// The oldest compiler that the workspace supports.
fn minimum() -> &'static str {
    env!("CARGO_PKG_RUST_VERSION")
}

/// Compares major and minor of versions such as `1.96.0+dfsg1-1` and `1.95`.
fn at_least(version: &str, minimum: &str) -> bool {
    let parts = |text: &str| {
        let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    parts(version).is_some_and(|version: (u32, u32)| Some(version) >= parts(minimum))
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[test]
    fn compares_versions_by_number() {
        assert!(at_least("1.96.0+dfsg1-1~deb12u2", "1.95"));
        assert!(at_least("1.100.0", "1.95"));
        assert!(!at_least("1.85.0+dfsg3-1", "1.95"));
        assert!(!at_least("(none)", "1.95"));
    }
}
