//! A Debian machine of our own: a tree with systemd, booted in a container by systemd-nspawn. What it writes
//! goes over the tree, which stays as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::netns::{Host, run};
use crate::peers::peers;

/// This machine's architecture, as Debian calls it.
const ARCHITECTURE: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "armhf"
};
/// How long it may take to boot, on a busy machine too.
const TO_BOOT: Duration = Duration::from_mins(2);

/// A file system that is mounted until this is dropped.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let point = self.0.to_str().unwrap();
        // What was inside may take a moment to be gone.
        if run("umount", &[point]).is_err() {
            thread::sleep(Duration::from_secs(1));
            if let Err(error) = run("umount", &["--lazy", point]) {
                crate::support::say(error);
            }
        }
    }
}

/// A machine that runs. It is ended when this is dropped, and nothing of it is left.
pub(crate) struct Machine {
    container: Child,
    /// The process that is the first one inside.
    leader: Option<Pid>,
    // Dropped in this order, after the container has ended.
    _root: Mount,
    dir: TempDir,
}

/// What a command inside did.
pub(crate) struct Done {
    /// Whether it ended with 0.
    pub(crate) is_ok: bool,
    /// What it wrote to standard output, without the last end of a line.
    pub(crate) out: String,
    /// What it wrote to standard error.
    pub(crate) err: String,
}

impl Machine {
    /// Boots one on the network of `host`; `Err` is why there can be none.
    pub(crate) fn boot(host: &Host) -> Result<Self, String> {
        let tree = peers().join("trees").join(ARCHITECTURE);
        if !tree.join("usr/lib/systemd/systemd").is_file() {
            return Err(format!("there is no Debian tree in {}", tree.display()));
        }
        run("systemd-nspawn", &["--version"])?;
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let at = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (upper, work, root) = (at("upper"), at("work"), at("root"));
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            shown(&tree),
            shown(&upper),
            shown(&work)
        );
        run("mount", &["-t", "overlay", "overlay", "-o", &options, &shown(&root)])?;
        let root = Mount(root);
        let log = fs::File::create(dir.path().join("console")).unwrap();
        // Told to end, it ends what is inside too; and it is told so if the tests die.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "systemd-nspawn", "--quiet", "--boot"]);
        command.args(["--register=no", "--keep-unit", "--machine=headroom-test", "--directory"]);
        command.arg(&root.0);
        command.arg(format!("--network-namespace-path={}", host.namespace_file().display()));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let container = command.spawn().map_err(|error| format!("setpriv: {error}"))?;
        let mut machine = Self { container, leader: None, _root: root, dir };
        let begun = Instant::now();
        while machine.leader.is_none() {
            let has_ended = machine.container.try_wait().unwrap().is_some();
            if has_ended || begun.elapsed() > TO_BOOT {
                let console = fs::read_to_string(machine.dir.path().join("console")).unwrap();
                return Err(format!("systemd-nspawn does not boot it: {}", console.trim()));
            }
            thread::sleep(Duration::from_millis(200));
            machine.leader = machine.first_process();
        }
        let is_on_its_way =
            |state: &str| matches!(state, "" | "offline" | "initializing" | "starting");
        within("it has booted", TO_BOOT, || !is_on_its_way(&machine.state()));
        Ok(machine)
    }

    /// Of the processes that the container's own started, the one that runs its services.
    fn first_process(&self) -> Option<Pid> {
        let of_container = self.container.id().to_string();
        let child = fs::read_dir("/proc").unwrap().find_map(|entry| {
            let path = entry.ok()?.path();
            let pid = path.file_name()?.to_str()?.parse::<i32>().ok()?;
            let stat = fs::read_to_string(path.join("stat")).ok()?;
            let (name, rest) = stat.split_once(") ")?;
            let parent = rest.split(' ').nth(1)?;
            (parent == of_container && name.ends_with("(systemd")).then_some(pid)
        });
        let child = Pid::from_raw(child?);
        let leader = child?;
        let ready = enter(leader, &["test", "-S", "/run/systemd/private"]);
        ready.status.success().then_some(leader)
    }

    /// Runs a shell script inside, to its end.
    pub(crate) fn run(&self, script: &str) -> Done {
        let output = enter(self.leader.unwrap(), &["sh", "-c", script]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Done {
            is_ok: output.status.success(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// What a shell script that must succeed writes.
    pub(crate) fn sh(&self, script: &str) -> String {
        let Done { is_ok, out, err } = self.run(script);
        assert!(is_ok, "{script}: {out} {err}");
        out
    }

    /// A file inside.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        let leader = self.leader.unwrap().as_raw_nonzero();
        PathBuf::from(format!("/proc/{leader}/root{inside}"))
    }

    /// Writes a file inside, and the directories that lead to it.
    pub(crate) fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What the service manager says of itself, such as `running`.
    pub(crate) fn state(&self) -> String {
        self.run("systemctl is-system-running").out
    }

    /// A property of a unit.
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.sh(&format!("systemctl show --value --property {name} {unit}"))
    }

    /// The process of a unit, by its number inside.
    pub(crate) fn main_pid(&self, unit: &str) -> String {
        let pid = self.property(unit, "MainPID");
        assert_ne!(pid, "0", "{unit} does not run: {}", self.journal(unit));
        pid
    }

    /// The journal of a unit, without what stands before each line.
    pub(crate) fn journal(&self, unit: &str) -> String {
        self.sh(&format!("journalctl --quiet --no-pager --output cat --unit {unit}"))
    }
}

/// Waits until something is so; fails if it is not within `most`.
pub(crate) fn within(what: &str, most: Duration, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + most;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain for {most:?}: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Runs a command where process `leader` lives, to its end.
fn enter(leader: Pid, command: &[&str]) -> Output {
    let leader = leader.as_raw_nonzero().to_string();
    let mut inside = Command::new("nsenter");
    inside.args(["--target", &leader, "--all", "--wd=/"]).args(command);
    inside.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
    inside.env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", "");
    inside.stdin(Stdio::null()).output().unwrap()
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Without the first process inside there is none.
        match self.leader {
            Some(leader) => kill_process(leader, Signal::KILL).ok(),
            None => self.container.kill().ok(),
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.container.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                self.container.kill().ok();
                self.container.wait().ok();
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}
