//! The tools that tests compare the program with, or let it talk to: found, or installed from the system's
//! packages; what is written in Python, such as psutil in the versions whose formulas differ, below
//! `target/peers`.

use crate::apt;
use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, find};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where what came from `PyPI` is.
pub(crate) struct Peers {
    home: PathBuf,
}

/// Programs, and the packages that bring them.
const PROGRAMS: [(&str, &str); 20] = [
    ("free", "procps"),
    ("unshare", "util-linux"),
    ("strace", "strace"),
    // A disk of its own.
    ("mkfs.ext4", "e2fsprogs"),
    ("python3", "python3"),
    // Machines with networks and clocks of their own.
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("faketime", "faketime"),
    // Read our man pages, and use our completions.
    ("man", "man-db"),
    ("mandoc", "mandoc"),
    ("bash", "bash"),
    // Starts what was placed.
    ("mpirun", "openmpi-bin"),
    // Take our numbers.
    ("prometheus", "prometheus"),
    ("victoria-metrics", "victoria-metrics"),
    ("mosquitto", "mosquitto"),
    ("mosquitto_sub", "mosquitto-clients"),
    // Reads codes as the camera of a phone does.
    ("zbarimg", "zbar-tools"),
    // Read what is for containers, and run them.
    ("skopeo", "skopeo"),
    ("runc", "runc"),
    ("docker-compose", "docker-compose"),
];
/// Where administrators' programs are, which need not be on the path of others.
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];
const PIP: &str = "python3-pip";
/// From `PyPI`: the name, the version, and what shows that it works. Of psutil the last with the old
/// meaning of *used*, and one with the new; aiosmtpd is a mail server; `prometheus_client` reads
/// `OpenMetrics`; `kubernetes_validate` has the schemas of Kubernetes.
const PYTHON: [(&str, &str, &str); 5] = [
    ("psutil", "7.0.0", "psutil.virtual_memory()"),
    ("psutil", "7.2.2", "psutil.virtual_memory()"),
    ("aiosmtpd", "1.4.6", "import aiosmtpd.controller"),
    ("prometheus_client", "0.22.1", "import prometheus_client.openmetrics.parser"),
    ("kubernetes_validate", "1.29.1", "import yaml"),
];

impl Peers {
    /// Finds them; installs what is missing.
    pub(crate) fn ensure() -> Result<Self> {
        let home = process::target().join("peers");
        let _lock = files::lock(&home.join("lock"))?;
        let mut missing: Vec<&str> = PROGRAMS
            .iter()
            .filter(|(program, _)| !is_installed(program))
            .map(|(_, package)| *package)
            .collect();
        let absent: Vec<_> = PYTHON.into_iter().filter(|one| !is_there(&home, *one)).collect();
        if !absent.is_empty() && process::output(pip().arg("--version")).is_err() {
            missing.push(PIP);
        }
        if !missing.is_empty() {
            eprintln!(
                "tests compare the program with other tools, and run it with some; installing what is \
                 missing of them: {}",
                missing.join(", ")
            );
            let by_hand = |error: Error| {
                Error::say(format!("{error}\nRun `{}` as root, and try again", apt::line(&missing)))
            };
            apt::install(&missing).map_err(by_hand)?;
        }
        for one in absent {
            let size = if one.0 == "kubernetes_validate" { "12 MB" } else { "0.3 MB" };
            eprintln!("fetching {} {} into {} ({size})", one.0, one.1, home.display());
            fetch(&home, one)?;
        }
        Ok(Self { home })
    }

    /// Tells the tests where they are.
    pub(crate) fn pass_to(&self, command: &mut Command) {
        command.env("XTASK_PEERS", &self.home);
    }
}

/// Finds the stores that ours is compared with; installs what is missing.
pub(crate) fn ensure_stores() -> Result<()> {
    let missing: Vec<&str> =
        ["prometheus", "victoria-metrics"].into_iter().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("our store is compared with others; installing {}", missing.join(", "));
    apt::install(&missing)
}

fn is_installed(program: &str) -> bool {
    find(&[program]).is_some() || SBIN.iter().any(|dir| Path::new(dir).join(program).is_file())
}

fn pip() -> Command {
    let mut python = Command::new("python3");
    python.args(["-m", "pip"]);
    // Nothing of what it would say or ask matters here.
    for setting in ["PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_INPUT", "PIP_NO_WARN_SCRIPT_LOCATION"]
    {
        python.env(setting, "1");
    }
    python.env("PIP_ROOT_USER_ACTION", "ignore");
    python
}

fn dir(home: &Path, (name, version, _): (&str, &str, &str)) -> PathBuf {
    home.join(format!("{name}-{version}"))
}

/// Whether python3 finds this version there, and it works with this python3.
fn is_there(home: &Path, (name, version, works): (&str, &str, &str)) -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", &format!("import {name}; {works}; from importlib.metadata import version; print(version('{name}'))")]);
    python.env("PYTHONPATH", dir(home, (name, version, works)));
    process::output(&mut python).is_ok_and(|found| found.trim() == version)
}

/// Installs a version beside the system's own, which stays as it is.
fn fetch(home: &Path, one: (&str, &str, &str)) -> Result<()> {
    let (dir, new) = (dir(home, one), home.join("new"));
    let (name, version, _) = one;
    files::remove_dir(&new)?;
    let install = |more: &[&str]| {
        let mut pip = pip();
        pip.args(["install", "--quiet", "--prefer-binary", "--target"]).arg(&new);
        process::output(pip.arg(format!("{name}=={version}")).args(more))
    };
    let refused = |error: &Error| error.to_string().contains("externally-managed-environment");
    match install(&[]) {
        // What is installed elsewhere cannot harm the system's packages, which this is about.
        Err(error) if refused(&error) => install(&["--break-system-packages"])?,
        result => result?,
    };
    files::remove_dir(&dir)?;
    files::rename(&new, &dir)?;
    if is_there(home, one) {
        return Ok(());
    }
    Err(Error::say(format!("{name} {version} was fetched, but does not work with this python3")))
}
