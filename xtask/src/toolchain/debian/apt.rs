//! Asks apt for packages without installing them: which they are, and their files.

use super::{PACKAGES, at_least, minimum};
use crate::error::{Error, Result};
use crate::files;
use crate::process;
use std::path::Path;
use std::process::Command;

/// apt with package lists of its own: the system's may be old, absent or not ours to write.
pub(super) struct Apt<'a> {
    /// Where everything of it lies, and where it downloads to.
    work: &'a Path,
}

impl<'a> Apt<'a> {
    /// For packages of this machine's architecture, or of another one.
    pub(super) fn new(work: &'a Path, arch: Option<&str>) -> Result<Self> {
        files::create_dir(&work.join("lists/partial"))?;
        // The directory is ours, so apt's own user may not write there; and the system's hooks are
        // for the system's lists.
        let mut settings = format!(
            "Dir::State::Lists \"{0}/lists\";\nDir::Cache \"{0}/cache\";\n\
             APT::Sandbox::User \"root\";\n\
             #clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n",
            work.display()
        );
        if let Some(arch) = arch {
            let own =
                format!("APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\n");
            settings.push_str(&own);
        }
        files::write(&work.join("apt.conf"), settings)?;
        Ok(Self { work })
    }

    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.work).env("LC_ALL", "C").args(["-c", "apt.conf"]);
        command
    }

    /// Fetches the lists.
    pub(super) fn update(&self) {
        if let Err(error) = process::run(self.command("apt-get").arg("update")) {
            // One bad source fails the whole; what counts is whether the packages are listed.
            eprintln!("going on with the lists that came: {error}");
        }
    }

    /// What must be downloaded: the packages, and what they link to that is not installed.
    pub(super) fn plan(&self) -> Result<Vec<Download>> {
        self.update();
        let policy = process::output(self.command("apt-cache").args(["policy", PACKAGES[0]]))?;
        let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
        let minimum = minimum();
        if !candidate.is_some_and(|version| at_least(version, minimum)) {
            return Err(Error::say(format!(
                "apt offers rustc-web {}, and {minimum} is needed: install a Rust with the standard \
                 library for the target that is built (`rustup target add …`) and try again",
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
pub(super) struct Download {
    /// As apt names the file it downloads: package, version, architecture.
    pub(super) file: String,
    pub(super) bytes: usize,
}

impl Download {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix('\'')?.split(' ').skip(1);
        Some(Self { file: words.next()?.to_owned(), bytes: words.next()?.parse().ok()? })
    }

    /// As `apt-get download` wants it.
    pub(super) fn spec(&self) -> String {
        let mut parts = self.file.split('_');
        let name = parts.next().unwrap_or_default();
        let version = parts.next().unwrap_or_default().replace("%3a", ":");
        format!("{name}={version}")
    }
}

#[cfg(test)]
mod tests {
    use super::Download;

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
