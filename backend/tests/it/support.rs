//! What the tests stand on: the program itself, to read a tree of files or this machine.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use headroom::tls::Fingerprint;
use rustix::process::{Pid, Signal, kill_process};

pub(crate) use crate::fake::{ELSEWHERE, FakeProc, PAGE, VALUES};

/// Within this time a thing that will happen has happened, even on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The program, without any setting from the environment of the test.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headroom"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HEADROOM_") {
            command.env_remove(name);
        }
    }
    // Nobody's data, and none that a test finds: one that keeps data says where.
    let nowhere = std::env::temp_dir().join(format!("headroom-test-{}", std::process::id()));
    command.env("HEADROOM_RUNTIME_DIR", nowhere.join("run"));
    command.env("HEADROOM_DATA_DIR", nowhere);
    command.stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn headroom<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    command().args(args).output().unwrap()
}

/// Says what a run found out, also where the harness keeps what passing tests print to itself.
pub(crate) fn say(text: impl std::fmt::Display) {
    writeln!(std::io::stderr(), "    {text}").ok();
}

/// Asks until there is an answer; fails if there is none [`SOON`].
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain for {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A running `headroom serve`. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    fingerprint: Option<Fingerprint>,
    stderr: Arc<Mutex<String>>,
}

impl Server {
    /// Starts it on a free port of loopback, to read `fake`; `args` are added.
    pub(crate) fn start(fake: &FakeProc, args: &[&str]) -> Self {
        Self::start_on(0, fake, args)
    }

    /// The same on `port`, so that it can take the place of one that ended.
    pub(crate) fn start_on(port: u16, fake: &FakeProc, args: &[&str]) -> Self {
        Self::start_at(&format!("127.0.0.1:{port}"), fake, args)
    }

    /// The same on any address. It keeps its data in `data` of the tree.
    pub(crate) fn start_at(listen: &str, fake: &FakeProc, args: &[&str]) -> Self {
        let mut command = command();
        command.env("HEADROOM_DATA_DIR", fake.path("data"));
        command.env("HEADROOM_RUNTIME_DIR", fake.path("run"));
        command.args(["--listen", listen]).args(fake.args()).args(args);
        Self::spawn(&mut command, Stdio::piped())
    }

    /// Runs `command`, which must start a server, until it says its address. What it writes to
    /// `stderr` is collected if that is piped.
    pub(crate) fn spawn(command: &mut Command, stderr: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        if let Some(mut pipe) = child.stderr.take() {
            let collected = Arc::clone(&stderr);
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                    collected.lock().unwrap().push_str(&text);
                }
            });
        }
        let lines = lines(child.stdout.take().unwrap());
        // Killed by its drop, whatever fails from here on.
        let localhost = [127, 0, 0, 1];
        let address = (localhost, 0).into();
        let mut server = Self { child, address, fingerprint: None, stderr };
        let line = || {
            let line = lines.recv_timeout(SOON);
            line.unwrap_or_else(|_| panic!("the server says no more, but: {}", server.stderr()))
        };
        let first = line();
        let (scheme, address) =
            first.strip_prefix("Headroom is at ").unwrap().split_once("://").unwrap();
        let mut address: SocketAddr = address.parse().unwrap();
        if address.ip().is_unspecified() {
            address.set_ip(localhost.into());
        }
        let fingerprint = (scheme == "https")
            .then(|| line().strip_prefix("Its certificate is ").unwrap().parse().unwrap());
        (server.address, server.fingerprint) = (address, fingerprint);
        server
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its certificate is known by, if it serves TLS.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.unwrap()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends `signal`.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; fails if it still runs after `most`.
    pub(crate) fn wait(&mut self, most: Duration) -> ExitStatus {
        let deadline = Instant::now() + most;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server still runs after {most:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The lines of `pipe`, read in a thread so that waiting for one can end.
fn lines(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Sockets that process `pid` holds open, each counted once however many handles lead to it.
pub(crate) fn open_sockets(pid: u32) -> usize {
    let handles = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")).unwrap();
    let sockets: HashSet<PathBuf> = handles
        // One that was closed meanwhile leads nowhere.
        .filter_map(|handle| fs::read_link(handle.unwrap().path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .collect();
    sockets.len()
}

/// The memory of process `pid`, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The permissions of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;

    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
