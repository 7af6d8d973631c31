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
    stderr: Arc<Mutex<String>>,
}

impl Server {
    /// Starts it on a free port of loopback, to read `fake`; `args` are added.
    pub(crate) fn start(fake: &FakeProc, args: &[&str]) -> Self {
        Self::start_on(0, fake, args)
    }

    /// The same on `port`, so that it can take the place of one that ended.
    pub(crate) fn start_on(port: u16, fake: &FakeProc, args: &[&str]) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let mut command = command();
        command.args(["--listen", &listen]).args(fake.args()).args(args);
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
        let mut server = Self { child, address: ([127, 0, 0, 1], 0).into(), stderr };
        let Ok(line) = lines.recv_timeout(SOON) else {
            panic!("the server said no address, but: {}", server.stderr());
        };
        let address = line.strip_prefix("Headroom is at http://");
        server.address = address.expect(&line).parse().unwrap();
        server
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
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
