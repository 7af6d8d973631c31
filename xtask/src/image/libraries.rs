//! What a program needs to start: its loader and its libraries, and theirs, with who may use them.

use super::platform::Platform;
use crate::apt;
use crate::error::{Error, Result};
use crate::files;
use crate::process;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `readelf` tells of a program or a library.
#[derive(Debug, Default, PartialEq, Eq)]
struct Needs {
    machine: String,
    /// What starts it: a path.
    loader: Option<String>,
    /// The libraries that must be there: names.
    libraries: Vec<String>,
}

impl Needs {
    fn of(file: &Path) -> Result<Self> {
        let mut readelf = Command::new("readelf");
        let text = readelf.env("LC_ALL", "C").args(["-W", "-h", "-l", "-d"]).arg(file);
        let found = Self::parse(&process::output(text)?);
        found.ok_or_else(|| Error::say(format!("{}: not a program of Linux", file.display())))
    }

    fn parse(text: &str) -> Option<Self> {
        let after = |line: &str, key: &str, end: char| {
            Some(line.split_once(key)?.1.split(end).next()?.trim().to_owned())
        };
        let all = |key, end| text.lines().filter_map(move |line| after(line, key, end));
        let machine = all("Machine:", '\n').next()?;
        let loader = all("[Requesting program interpreter:", ']').next();
        let libraries =
            all("(NEEDED)", ']').filter_map(|name| Some(name.split_once('[')?.1.into()));
        Some(Self { machine, loader, libraries: libraries.collect() })
    }
}

/// The files that `program` needs on `platform`, by their paths in the image.
pub(super) fn of(program: &Path, platform: Platform) -> Result<BTreeMap<String, PathBuf>> {
    let needs = Needs::of(program)?;
    if needs.machine != platform.machine {
        let Platform { name, machine, .. } = platform;
        let text =
            format!("{} is for {}, and {name} is {machine}", program.display(), needs.machine);
        return Err(Error::say(text));
    }
    let mut found = BTreeMap::new();
    let mut loader = String::new();
    if let Some(path) = needs.loader {
        loader = files::name(Path::new(&path));
        found.insert(path.trim_start_matches('/').to_owned(), find(&loader, platform)?);
    }
    let mut open = needs.libraries;
    while let Some(name) = open.pop() {
        // Loaders look there, whatever machine they are of.
        let path = format!("lib/{name}");
        if name == loader || found.contains_key(&path) {
            continue;
        }
        let file = find(&name, platform)?;
        open.extend(Needs::of(&file)?.libraries);
        found.insert(path, file);
    }
    Ok(found)
}

/// A library of this name; Debian's packages for other machines are installed if it is not there.
fn find(name: &str, platform: Platform) -> Result<PathBuf> {
    let look =
        || platform.libraries().into_iter().map(|dir| dir.join(name)).find(|it| it.is_file());
    if let Some(file) = look() {
        return Ok(file);
    }
    let packages = platform.packages;
    let missing = || format!("the image for {} needs {name}", platform.name);
    if packages.is_empty() {
        return Err(Error::say(format!("{}, but takes a program without libraries", missing())));
    }
    eprintln!("{}; installing {}", missing(), packages.join(", "));
    apt::install(packages).map_err(|error| {
        Error::say(format!("{error}\nRun `{}` as root, and try again", apt::line(packages)))
    })?;
    look().ok_or_else(|| Error::say(format!("{}, which {packages:?} do not bring", missing())))
}

/// The packages that brought `files`, each with its copyright file.
pub(super) fn copyrights<'a>(
    files: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for file in files {
        let package = package(file)?;
        let copyright = PathBuf::from(format!("/usr/share/doc/{package}/copyright"));
        found.insert(package, copyright);
    }
    Ok(found)
}

/// The package that brought a file. Where `/lib` is a link, packages may still have it there, or not.
fn package(file: &Path) -> Result<String> {
    let whole = fs::canonicalize(file).map_err(Error::at(file))?;
    let short = whole.strip_prefix("/usr").map(|path| Path::new("/").join(path));
    let named = |path: &Path| {
        let said = process::output(Command::new("dpkg-query").arg("-S").arg(path)).ok()?;
        said.split([':', ',']).next().map(str::to_owned)
    };
    let places = [Some(file.to_owned()), Some(whole), short.ok()];
    places.into_iter().flatten().find_map(|path| named(&path)).ok_or_else(|| {
        Error::say(format!(
            "no Debian package brought {}, so nothing says who may use it",
            file.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::Needs;

    const READELF: &str = "
  Machine:                           AArch64
      [Requesting program interpreter: /lib/ld-linux-aarch64.so.1]
 0x0000000000000001 (NEEDED)             Shared library: [libgcc_s.so.1]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000000e (SONAME)             Library soname: [none.so]
";

    #[test]
    fn reads_what_readelf_prints() {
        let needs = Needs::parse(READELF).unwrap();
        assert_eq!(needs.machine, "AArch64");
        assert_eq!(needs.loader.as_deref(), Some("/lib/ld-linux-aarch64.so.1"));
        assert_eq!(needs.libraries, ["libgcc_s.so.1", "libc.so.6"]);
        let bare = Needs::parse("  Machine:    ARM\n").unwrap();
        assert_eq!((bare.loader, bare.libraries), (None, Vec::new()));
        assert_eq!(Needs::parse("readelf: Error: Not an ELF file"), None);
    }
}
