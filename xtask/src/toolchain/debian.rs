//! Debian's compiler for its browsers (`rustc-web`), fetched and unpacked without installing
//! anything: for machines whose rustup cannot download.

use super::TARGET;
use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, root};
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
        files::create_dir(&work.join("lists/partial"))?;
        files::create_dir(&work.join("tree"))?;
        eprintln!("looking for Debian's rustc-web, which can build its own standard library");
        let apt = Apt { work: &work };
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

    /// This tree's cargo, which builds the standard library along with the page.
    pub(super) fn cargo(&self, subcommand: &str) -> Command {
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
            .args([subcommand, "-Z", "build-std=std,panic_abort"]);
        command
    }
}

/// apt with package lists of its own: the system's may be old, absent or not ours to write.
struct Apt<'a> {
    work: &'a Path,
}

impl Apt<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let lists = self.work.join("lists");
        command.current_dir(self.work).env("LC_ALL", "C");
        for (key, dir) in [("Dir::State::Lists", &lists), ("Dir::Cache", &self.work.join("cache"))]
        {
            command.arg("-o").arg(format!("{key}={}", dir.display()));
        }
        // The directory is ours, so apt's own user may not write there.
        command.args(["-o", "APT::Sandbox::User=root", "-o", "APT::Update::Post-Invoke=true"]);
        command
    }

    /// What must be downloaded: the packages, and what they link to that is not installed.
    fn plan(&self) -> Result<Vec<Download>> {
        if let Err(error) = process::run(self.command("apt-get").arg("update")) {
            // One bad source fails the whole; what counts is whether the packages are listed.
            eprintln!("going on with the lists that came: {error}");
        }
        let policy = process::output(self.command("apt-cache").args(["policy", PACKAGES[0]]))?;
        let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
        let minimum = minimum();
        if !candidate.is_some_and(|version| at_least(version, minimum)) {
            return Err(Error::say(format!(
                "apt offers rustc-web {}, the page needs {minimum}: install a Rust with the \
                 standard library for {TARGET} (`rustup target add {TARGET}`) and try again",
                candidate.unwrap_or("not at all")
            )));
        }
        let std = self.dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
        let llvm = self.dependency(&std, "libllvm")?;
        let version = llvm.trim_start_matches("libllvm");
        let version = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(version);
        let lld = format!("lld-{version}");
        let mut list = self.command("apt-get");
        list.args(["install", "--print-uris", "-qq", "-y", "--no-install-recommends"]);
        list.arg("--reinstall").args(PACKAGES).args([&std, &llvm, &lld]);
        let list = process::output(&mut list)?;
        let downloads: Vec<_> = list.lines().filter_map(Download::parse).collect();
        if downloads.len() <= PACKAGES.len() {
            return Err(Error::say(format!("apt-get names too few packages to fetch:\n{list}")));
        }
        Ok(downloads)
    }

    /// The package that `package` depends on whose name starts like this.
    fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let list = process::output(self.command("apt-cache").args(["depends", package]))?;
        list.lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "))
            .find(|name| name.starts_with(prefix))
            .map(str::to_owned)
            .ok_or_else(|| Error::say(format!("Debian's {package} depends on no {prefix}*")))
    }
}

/// One line of `apt-get --print-uris`.
#[derive(Debug, PartialEq)]
struct Download {
    /// As apt names the file it downloads: package, version, architecture.
    file: String,
    bytes: usize,
}

impl Download {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix('\'')?.split(' ').skip(1);
        Some(Self { file: words.next()?.to_owned(), bytes: words.next()?.parse().ok()? })
    }

    /// As `apt-get download` wants it.
    fn spec(&self) -> String {
        let mut parts = self.file.split('_');
        let name = parts.next().unwrap_or_default();
        let version = parts.next().unwrap_or_default().replace("%3a", ":");
        format!("{name}={version}")
    }
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
    use super::{Download, at_least};

    #[test]
    fn compares_versions_by_number() {
        assert!(at_least("1.96.0+dfsg1-1~deb12u2", "1.95"));
        assert!(at_least("1.100.0", "1.95"));
        assert!(!at_least("1.85.0+dfsg3-1", "1.95"));
        assert!(!at_least("(none)", "1.95"));
    }

    #[test]
    fn reads_print_uris() {
        let line = "'http://host/l/lld-22_22.1.8-1%7edeb12u1_amd64.deb' \
                    lld-22_1%3a22.1.8-1~deb12u1_amd64.deb 1487860 SHA256:00";
        let download = Download::parse(line).unwrap();
        assert_eq!(download.bytes, 1_487_860);
        assert_eq!(download.spec(), "lld-22=1:22.1.8-1~deb12u1");
        assert_eq!(Download::parse("E: no"), None);
    }
}
