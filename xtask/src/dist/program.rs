//! What a built program says of itself, and what must be true of it before it is handed out.

use super::arch::{ARMV6, Arch};
use super::tools;
use crate::error::{Error, Result};
use crate::files;
use crate::process;
use crate::web;
use std::fmt;
use std::path::{Path, PathBuf};

/// The C library that programs may need at most: Debian 12's.
const NEWEST_GLIBC: Version = Version(2, 36);

/// The libraries that every Debian has, with the package of each.
const LIBRARIES: [(&str, &str); 6] = [
    ("libc.so.6", "libc6"),
    ("libm.so.6", "libc6"),
    ("ld-linux-x86-64.so.2", "libc6"),
    ("ld-linux-aarch64.so.1", "libc6"),
    ("ld-linux-armhf.so.3", "libc6"),
    ("libgcc_s.so.1", "libgcc-s1"),
];

/// Of the C library: 2.36 is `Version(2, 36)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What `readelf` tells of a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    machine: String,
    /// Libraries that must be there when it starts.
    needs: Vec<String>,
    /// The newest version of the C library that one of its symbols has.
    pub(super) glibc: Option<Version>,
    /// Whether nothing has to load it but the kernel.
    is_static: bool,
}

impl Facts {
    /// Reads them from a file.
    pub(super) fn of(program: &Path) -> Result<Self> {
        let mut readelf = tools::from_debian("readelf", "binutils")?;
        readelf.env("LC_ALL", "C").args(["-W", "-h", "-l", "-d", "-V"]).arg(program);
        Self::parse(&process::output(&mut readelf)?)
            .ok_or_else(|| Error::say(format!("{}: not a program of Linux", program.display())))
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(key));
            line.map(|value| value.trim().to_owned())
        };
        let needs = text.lines().filter(|line| line.contains("(NEEDED)"));
        let needs =
            needs.filter_map(|line| Some(line.split_once('[')?.1.split(']').next()?.to_owned()));
        let versions = text.split("GLIBC_").skip(1).filter_map(|rest| {
            let mut parts = rest.split(|c: char| !c.is_ascii_digit()).map(str::parse);
            Some(Version(parts.next()?.ok()?, parts.next()?.ok()?))
        });
        Some(Self {
            machine: value("Machine:")?,
            needs: needs.collect(),
            glibc: versions.max(),
            is_static: !text.contains("program interpreter"),
        })
    }

    /// Whether it is a program for `arch` that Debian 12 can start.
    pub(super) fn check(&self, program: &Path, arch: Arch) -> Result<()> {
        let wrong = |what: String| Err(Error::say(format!("{}: {what}", program.display())));
        if self.machine != arch.machine {
            return wrong(format!("for {}, but {} is {}", self.machine, arch.name, arch.machine));
        }
        if let Some(glibc) = self.glibc.filter(|glibc| *glibc > NEWEST_GLIBC) {
            return wrong(format!(
                "needs version {glibc} of the C library, and Debian 12 has {NEWEST_GLIBC}; build it on \
                 Debian 12, or link it with that version"
            ));
        }
        if arch == ARMV6 && !(self.needs.is_empty() && self.is_static) {
            return wrong(
                "needs libraries of the system, and is for systems that have none for it".into(),
            );
        }
        let known = |name: &String| LIBRARIES.iter().any(|(library, _)| library == name);
        match self.needs.iter().find(|name| !known(name)) {
            Some(name) => wrong(format!("needs {name}, which a Debian need not have")),
            None => Ok(()),
        }
    }

    /// Whether a package's `Depends` brings all that it needs.
    pub(super) fn check_depends(&self, depends: &str) -> Result<()> {
        for (library, package) in LIBRARIES {
            if !self.needs.iter().any(|name| name == library) {
                continue;
            }
            let mut terms = depends.split(',').map(str::trim);
            if !terms.any(|term| term.split(' ').next() == Some(package)) {
                return Err(Error::say(format!(
                    "`depends` in backend/Cargo.toml lacks {package}, whose {library} the program needs"
                )));
            }
        }
        let term = self.glibc.map(|glibc| format!("libc6 (>= {glibc})"));
        match term.filter(|term| !depends.contains(term)) {
            Some(term) => Err(Error::say(format!(
                "`depends` in backend/Cargo.toml is `{depends}`, and the program needs {term}; set it so"
            ))),
            None => Ok(()),
        }
    }
}

/// Whether the page is in it, and no directory of the machine that built it.
pub(super) fn check_content(program: &Path, paths: &[PathBuf]) -> Result<()> {
    let bytes = files::read(program)?;
    let holds = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    let wrong = |what: String| Err(Error::say(format!("{}: {what}", program.display())));
    let page = files::list(&web::dir())?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "br"));
    for file in page {
        if !holds(&files::read(&file)?) {
            return wrong(format!("the page's {} is not in it; build it again", file.display()));
        }
    }
    for path in paths {
        let text = path.display().to_string();
        if holds(text.as_bytes()) {
            return wrong(format!("the directory {text} of this machine stands in it"));
        }
    }
    Ok(())
}

/// Writes a copy of `program` without symbols and notes.
pub(super) fn strip(program: &Path, arch: Arch, to: &Path) -> Result<()> {
    let name = format!("{}-strip", arch.gnu);
    let mut strip = tools::from_debian(&name, arch.binutils)?;
    strip.args(["--strip-all", "--remove-section=.comment", "-o"]).arg(to).arg(program);
    process::run(&mut strip)
}

#[cfg(test)]
mod tests {
    use super::super::arch::{AMD64, ARMHF, ARMV6};
    use super::{Facts, Version};
    use std::path::Path;

    const ARM: &str = "
  Class:                             ELF32
  Machine:                           ARM
 0x00000001 (NEEDED)                     Shared library: [libgcc_s.so.1]
 0x00000001 (NEEDED)                     Shared library: [libc.so.6]
  000000:   2 (GLIBC_2.4)      3 (GLIBC_2.9)    4 (GLIBC_2.34)
  0x0040:   Name: GLIBC_2.17  Flags: none  Version: 8
      [Requesting program interpreter: /lib/ld-linux-armhf.so.3]
";

    #[test]
    fn reads_what_readelf_prints() {
        let facts = Facts::parse(ARM).unwrap();
        assert_eq!(facts.needs, ["libgcc_s.so.1", "libc.so.6"]);
        assert_eq!(facts.glibc, Some(Version(2, 34)));
        assert!(!facts.is_static);
        assert_eq!(Facts::parse("readelf: Error: Not an ELF file"), None);
    }

    #[test]
    fn a_program_for_other_machines_or_a_newer_debian_is_refused() {
        let check = |text: &str, arch| {
            let checked = Facts::parse(text).unwrap().check(Path::new("headroom"), arch);
            checked.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(check(ARM, ARMHF), "");
        assert!(check(ARM, AMD64).contains("for ARM, but amd64 is Advanced"));
        let newer = ARM.replace("GLIBC_2.17", "GLIBC_2.39");
        assert!(check(&newer, ARMHF).contains("needs version 2.39 of the C library"));
        assert!(check(ARM, ARMV6).contains("needs libraries of the system"));
        assert_eq!(check("  Machine:                           ARM", ARMV6), "");
        let more = ARM.replace("libc.so.6", "libssl.so.3");
        assert!(check(&more, ARMHF).contains("needs libssl.so.3"));
    }

    #[test]
    fn what_a_package_depends_on_is_what_the_program_needs() {
        let facts = Facts::parse(ARM).unwrap();
        let says = |depends| facts.check_depends(depends).err().map(|error| error.to_string());
        assert_eq!(says("libc6 (>= 2.34), libgcc-s1"), None);
        assert!(says("libc6 (>= 2.34)").is_some_and(|text| text.contains("lacks libgcc-s1")));
        assert!(says("libc6 (>= 2.31), libgcc-s1").is_some_and(|text| text.contains("(>= 2.34)")));
    }
}
