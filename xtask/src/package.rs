//! What the test of the package needs: the package of the program that tests run, in two revisions, and a
//! Debian machine to install it on.

use crate::apt;
use crate::dist;
use crate::error::Result;
use crate::files;
use crate::peers::Peers;
use crate::process::{self, find};
use crate::trees;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a minimal system lacks of one that boots.
const OF_MACHINE: [&str; 4] = ["systemd", "systemd-sysv", "dbus", "procps"];

/// Builds what `dist` hands out, and tries it in Debian trees of each architecture. `old` has programs of an
/// earlier build, each in a directory named after its architecture: then the upgrade is from them.
pub(crate) fn soak(old: Option<&str>) -> Result<()> {
    let peers = Peers::ensure()?;
    dist::dist(&[])?;
    let out = process::target().join("packages");
    files::remove_dir(&out)?;
    files::create_dir(&out)?;
    let programs = process::target().join("programs");
    let mut emulators = Vec::new();
    for arch in ["amd64", "arm64", "armhf"] {
        let needs: &[_] = if arch == "amd64" { &OF_MACHINE } else { &[] };
        trees::ensure(arch, needs)?;
        emulators.push(trees::emulator(arch)?);
        let here = |home: &Path| home.join(arch).join("headroom");
        let old = old.map_or_else(|| here(&programs), |old| here(Path::new(old)));
        for (revision, program) in [("1", old), ("2", here(&programs))] {
            let (program, out) = (program.to_string_lossy(), out.to_string_lossy());
            let of = ["--program", &program, "--arch", arch, "--revision", revision];
            dist::deb(&[&of[..], &["--out", &out, "--fast"]].concat())?;
        }
    }
    let mut cargo = process::cargo("test");
    peers.pass_to(&mut cargo);
    let image = format!("dist/headroom-{}.oci.tar", dist::VERSION);
    cargo
        .env("XTASK_PACKAGES", &out)
        .env("XTASK_TREES", trees::home())
        .env("XTASK_ARMV6", programs.join("armv6/headroom"))
        .env("XTASK_IMAGE", process::target().join(image))
        .env("XTASK_SOAK", "1");
    let tests = ["--package", "headroom", "--test", "it", "--", "--nocapture"];
    process::run(cargo.args(tests).args(["packages::", "containers_foreign::"]))
}

/// Packages of the same program.
pub(crate) struct Packages {
    first: PathBuf,
    next: PathBuf,
}

impl Packages {
    /// Makes them of the program that tests were built with, and the machine if there is none.
    pub(crate) fn ensure() -> Result<Self> {
        let mut dpkg = Command::new("dpkg");
        let arch = process::output(dpkg.arg("--print-architecture"))?;
        let arch = arch.trim();
        if find(&["systemd-nspawn"]).is_none() {
            eprintln!("the package is tried on a machine of its own; installing systemd-container");
            apt::install(&["systemd-container"])?;
        }
        trees::ensure(arch, &OF_MACHINE)?;
        let out = process::target().join("deb-test");
        let program = process::target().join("debug/headroom");
        let of = |revision: &str| {
            let path = |path: &Path| path.to_string_lossy().into_owned();
            let (program, out) = (path(&program), path(&out));
            dist::deb(&[
                "--program",
                &program,
                "--arch",
                arch,
                "--out",
                &out,
                "--revision",
                revision,
                "--fast",
            ])?;
            Ok(Path::new(&out).join(format!("headroom_{}-{revision}_{arch}.deb", dist::VERSION)))
        };
        Ok(Self { first: of("1")?, next: of("2")? })
    }

    /// Tells the tests where they are.
    pub(crate) fn pass_to(&self, command: &mut Command) {
        command.env("XTASK_DEB", &self.first).env("XTASK_DEB_NEXT", &self.next);
    }
}
