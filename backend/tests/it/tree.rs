//! Debian systems in a directory, of this architecture or another one, in which packages are installed
//! and programs run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::netns::{Host, run};

/// A copy of a tree that debootstrap made, on a machine's network. It is gone when this is dropped.
pub(crate) struct Tree<'a> {
    dir: tempfile::TempDir,
    host: &'a Host,
}

/// What the package system itself writes whatever it installs.
const BOOKS: [&str; 5] =
    ["/var/lib/dpkg", "/var/log", "/var/cache", "/var/lib/systemd/deb-systemd", "/proc"];

impl<'a> Tree<'a> {
    /// A copy of `base`; `Err` is why there can be none.
    pub(crate) fn of(base: &Path, host: &'a Host) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let from = base.join(".").into_os_string().into_string().unwrap();
        run("cp", &["-a", "--reflink=auto", &from, dir.path().to_str().unwrap()])?;
        Ok(Self { dir, host })
    }

    /// Where a path in it lies in ours.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    /// A command in it. Its process is the program's own.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        // `ip netns exec` makes a namespace of mounts too, with which this one ends.
        let enter = "mount -t proc proc \"$0/proc\" && exec chroot \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", enter]).arg(self.dir.path()).arg(program).args(args);
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
        self.host.wrap(&command, &["-i".into(), path, "LC_ALL=C.UTF-8".into()])
    }

    /// Runs a command in it to its end: what it printed, on both streams.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> String {
        let output = self.command(program, args).output().unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{program} {}: {said}", args.join(" "));
        said
    }

    /// Every file in it, but for the books of the package system.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![self.dir.path().to_path_buf()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(&dir).unwrap() {
                let entry = entry.unwrap();
                let path = entry.path();
                let inside = path.strip_prefix(self.dir.path()).unwrap();
                let inside = format!("/{}", inside.display());
                if BOOKS.iter().any(|book| inside.starts_with(book)) {
                    continue;
                }
                if entry.file_type().unwrap().is_dir() {
                    open.push(path);
                }
                found.insert(inside);
            }
        }
        found
    }
}
