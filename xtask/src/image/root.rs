//! What is in the image: two layers, of which the lower changes only when Debian's libraries do.

use super::libraries;
use super::platform::Platform;
use crate::apt;
use crate::error::{Error, Result};
use crate::files;
use crate::process::root as sources;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Who the program runs as: nobody whom any system has.
pub(super) const USER: u64 = 65_532;
/// Where the program is.
pub(super) const PROGRAM: &str = "usr/bin/headroom";
/// Where rustls looks for whom to trust, as Debian has it.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
/// Where Debian has the certificates that Mozilla trusts, and none that whoever builds this trusts besides.
const MOZILLA: &str = "/usr/share/ca-certificates/mozilla";

/// Folders that are there to be mounted at, or written to. Those with the sticky bit are everybody's.
const FOLDERS: [(&str, u32, u64); 13] = [
    ("dev", 0o755, 0),
    ("etc/headroom/secrets", 0o755, 0),
    ("host/proc", 0o755, 0),
    ("host/sys", 0o755, 0),
    ("proc", 0o755, 0),
    ("root", 0o700, 0),
    ("run/headroom", 0o700, USER),
    ("run/secrets", 0o755, 0),
    ("sys", 0o755, 0),
    ("tmp", 0o1777, 0),
    ("usr/bin", 0o755, 0),
    ("var/lib/headroom", 0o700, USER),
    ("var/tmp", 0o1777, 0),
];

/// What every system has.
const FILES: [(&str, &str); 3] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/nonexistent\n\
         headroom:x:65532:65532:Headroom:/var/lib/headroom:/nonexistent\n",
    ),
    ("etc/group", "root:x:0:\nheadroom:x:65532:\n"),
    // The engine writes /etc/hosts and /etc/resolv.conf.
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
];

/// An archive in which everything is of one time, so that the same contents are the same bytes.
pub(super) struct Archive {
    tar: tar::Builder<Vec<u8>>,
    seconds: u64,
}

impl Archive {
    pub(super) fn new(seconds: u64) -> Self {
        Self { tar: tar::Builder::new(Vec::new()), seconds }
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, user: u64, bytes: &[u8]) -> Result<()> {
        self.add(path, tar::EntryType::Regular, mode, user, bytes)
    }

    fn add(
        &mut self,
        path: &str,
        kind: tar::EntryType,
        mode: u32,
        user: u64,
        bytes: &[u8],
    ) -> Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(user);
        header.set_gid(user);
        header.set_mtime(self.seconds);
        header.set_size(bytes.len() as u64);
        let added = self.tar.append_data(&mut header, path, bytes);
        added.map_err(Error::at(Path::new(path)))
    }

    /// The bytes of the archive.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        self.tar.into_inner().map_err(|cause| Error::Io { subject: "an archive".into(), cause })
    }
}

enum What {
    Folder,
    Bytes(Vec<u8>),
    File(PathBuf),
}

/// What goes into a layer, by its path.
#[derive(Default)]
struct Layer(BTreeMap<String, (u32, u64, What)>);

impl Layer {
    fn add(&mut self, path: &str, mode: u32, user: u64, what: What) {
        for (end, _) in path.match_indices('/') {
            let above = || (0o755, 0, What::Folder);
            self.0.entry(path[..end].to_owned()).or_insert_with(above);
        }
        self.0.insert(path.to_owned(), (mode, user, what));
    }

    fn archive(self, seconds: u64) -> Result<Vec<u8>> {
        let mut archive = Archive::new(seconds);
        for (path, (mode, user, what)) in self.0 {
            match what {
                What::Folder => {
                    archive.add(&path, tar::EntryType::Directory, mode, user, &[])?;
                }
                What::Bytes(bytes) => archive.file(&path, mode, user, &bytes)?,
                What::File(file) => archive.file(&path, mode, user, &files::read(&file)?)?,
            }
        }
        archive.finish()
    }
}

/// The layers of the image of `program`: what it stands on, and itself.
pub(super) fn layers(
    platform: Platform,
    program: &Path,
    seconds: u64,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut base = Layer::default();
    for (path, mode, user) in FOLDERS {
        base.add(path, mode, user, What::Folder);
    }
    for (path, text) in FILES {
        base.add(path, 0o644, 0, What::Bytes(text.into()));
    }
    base.add(CERTIFICATES, 0o644, 0, What::Bytes(certificates()?));
    let found = libraries::of(program, platform)?;
    let mut copyrights = libraries::copyrights(found.values())?;
    copyrights.insert("ca-certificates".into(), "/usr/share/doc/ca-certificates/copyright".into());
    for (package, file) in copyrights {
        let path = format!("usr/share/doc/{package}/copyright");
        base.add(&path, 0o644, 0, What::File(file));
    }
    for (path, file) in found {
        base.add(&path, 0o755, 0, What::File(file));
    }
    let mut upper = Layer::default();
    upper.add(PROGRAM, 0o755, 0, What::File(program.to_owned()));
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let path = format!("usr/share/doc/headroom/{licence}");
        upper.add(&path, 0o644, 0, What::File(sources().join(licence)));
    }
    Ok((base.archive(seconds)?, upper.archive(seconds)?))
}

/// All certificates that Mozilla trusts, one after the other.
fn certificates() -> Result<Vec<u8>> {
    let dir = Path::new(MOZILLA);
    if !dir.is_dir() {
        eprintln!("the image needs ca-certificates; installing it");
        apt::install(&["ca-certificates"])?;
    }
    let mut all = Vec::new();
    for file in files::list(dir)? {
        let text = files::read(&file)?;
        if !text.starts_with(b"-----BEGIN CERTIFICATE-----") || !text.ends_with(b"\n") {
            let cause = io::Error::new(io::ErrorKind::InvalidData, "not one certificate as text");
            return Err(Error::Io { subject: file.display().to_string(), cause });
        }
        all.extend(text);
    }
    Ok(all)
}
