//! `deb`: puts a program that is built into a Debian package, with its units, scripts and documents.

use super::arch::{self, Arch};
use super::program::{Facts, strip};
use super::{VERSION, changelog, share, tools};
use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, root};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a package is made.
pub(super) struct Made<'a> {
    /// The last part of its version, for packages of the same sources.
    pub(super) revision: &'a str,
    /// Whether it may be a third larger, and is there ten times as soon.
    pub(super) fast: bool,
}

const FLAGS: [&str; 5] = ["--program", "--arch", "--out", "--revision", "--native"];

/// `cargo xtask deb --program PATH --arch NAME --out DIR [--revision N] [--native PATH] [--fast]`. A program
/// for another machine cannot write its man pages here: `--native` names one that can.
pub(crate) fn deb(args: &[&str]) -> Result<()> {
    let fast = args.contains(&"--fast");
    let args: Vec<_> = args.iter().copied().filter(|arg| *arg != "--fast").collect();
    let mut values: [Option<&str>; 5] = [None; 5];
    for pair in args.chunks(2) {
        let at = FLAGS.iter().position(|flag| Some(flag) == pair.first());
        let (Some(at), Some(value)) = (at, pair.get(1)) else {
            let known = FLAGS.join(", ");
            return Err(Error::say(format!("deb: `{}`: say {known} or --fast", pair.join(" "))));
        };
        values[at] = Some(value);
    }
    let [Some(program), Some(arch), Some(out), revision, native] = values else {
        return Err(Error::say("deb: --program, --arch and --out must be said"));
    };
    let program = std::path::absolute(program).map_err(Error::at(Path::new(program)))?;
    let native = native.map_or_else(|| program.clone(), PathBuf::from);
    let native = std::path::absolute(&native).map_err(Error::at(&native))?;
    let how = Made { revision: revision.unwrap_or("1"), fast };
    let made = make(&native, &program, arch::packaged(arch)?, &how, Path::new(out))?;
    eprintln!("{} ({} bytes)", made.display(), files::grouped(files::read(&made)?.len()));
    Ok(())
}

/// Makes the package of `program` in `out`, and gives its path; `native` writes the man pages.
pub(super) fn make(
    native: &Path,
    program: &Path,
    arch: Arch,
    how: &Made<'_>,
    out: &Path,
) -> Result<PathBuf> {
    let revision = how.revision;
    if revision.is_empty() || !revision.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::say(format!("revision `{revision}` is not letters and digits")));
    }
    let manifest = Manifest::read()?;
    let facts = Facts::of(program)?;
    facts.check(program, arch)?;
    facts.check_depends(&manifest.depends)?;
    let cargo_deb = tools::CARGO_DEB.ensure()?;
    let _lock = files::lock(&process::target().join("deb.lock"))?;
    // cargo-deb takes what is built from a target directory: one that has just that.
    let stage = process::target().join("deb");
    files::remove_dir(&stage)?;
    let built = stage.join(arch.triple).join("release");
    share::write(native, &built.join("share")).map_err(|error| match error {
        Error::Io { .. } => Error::say(format!(
            "{error}\nA program for other machines cannot write its man pages here: name one for this \
             machine with --native"
        )),
        error => error,
    })?;
    strip(program, arch, &built.join("headroom"))?;
    let text = files::read_text(&root().join("CHANGELOG.md"))?;
    let text = changelog::debian(&text, VERSION, revision, &manifest.maintainer)?;
    files::write(&built.join("share/changelog.Debian.gz"), gzip(text.as_bytes())?)?;
    let mut large = files::list(&built.join("share/man"))?;
    large.push(built.join("share/libraries.txt"));
    for path in large {
        let small = path.with_file_name(format!("{}.gz", files::name(&path)));
        files::write(&small, gzip(&files::read(&path)?)?)?;
    }
    let out = std::path::absolute(out).map_err(Error::at(out))?;
    files::create_dir(&out)?;
    let deb = out.join(format!("headroom_{VERSION}-{revision}_{}.deb", arch.name));
    let mut command = Command::new(cargo_deb);
    process::forget(&mut command, process::set_by_cargo);
    command
        .current_dir(root())
        .env("CARGO_TARGET_DIR", &stage)
        .env("SOURCE_DATE_EPOCH", changelog::time()?.to_string())
        .args(["--no-build", "--no-strip", "--quiet", "--locked", "--package", "headroom"])
        .args(["--target", arch.triple, "--deb-revision", revision, "--output"])
        .arg(&deb)
        .args(how.fast.then_some("--fast"));
    process::run(&mut command)?;
    files::remove_dir(&stage)?;
    Ok(deb)
}

/// Compressed without a name or a time, so that the same text gives the same bytes.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|cause| Error::Io { subject: "compressing in memory".into(), cause })
}

/// What `[package.metadata.deb]` says.
struct Manifest {
    maintainer: String,
    depends: String,
}

impl Manifest {
    fn read() -> Result<Self> {
        let mut cargo = process::cargo("metadata");
        cargo.args(["--no-deps", "--locked", "--format-version", "1"]);
        let text = process::output(&mut cargo)?;
        let all: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| Error::say(format!("`cargo metadata`: {error}")))?;
        let package = all["packages"].as_array().into_iter().flatten();
        let package = package.into_iter().find(|one| one["name"] == "headroom");
        let value = |key: &str| {
            let value = package.and_then(|one| one["metadata"]["deb"][key].as_str());
            value.map(str::to_owned).ok_or_else(|| {
                Error::say(format!("backend/Cargo.toml: [package.metadata.deb] has no `{key}`"))
            })
        };
        Ok(Self { maintainer: value("maintainer")?, depends: value("depends")? })
    }
}
