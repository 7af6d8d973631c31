//! A head and its agents, as real programs: started, asked what they know, and ended whatever happens.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use headroom::tls::{Fingerprint, pinned};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::Answer;
use crate::support::{SOON, command, until};

/// A running program, and what it has said. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Program {
    /// Runs `command`, with `input` for its standard input.
    pub(crate) fn start(command: &mut Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that ends at once need not read it.
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        let stdout = collected(child.stdout.take().unwrap());
        let stderr = collected(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// What it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until it has written `words` to standard error; fails after `most`.
    pub(crate) fn says_within(&self, words: &str, most: Duration) {
        let deadline = Instant::now() + most;
        while !self.stderr().contains(words) {
            assert!(Instant::now() < deadline, "{words:?} is not said, but: {}", self.stderr());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it has written `words` to standard error.
    pub(crate) fn says(&self, words: &str) {
        self.says_within(words, SOON);
    }

    /// How often it has written `words` to standard error.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.stderr().matches(words).count()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal`.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it as a loss of power does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end; fails if it still runs after `most`.
    pub(crate) fn wait(&mut self, most: Duration) -> ExitStatus {
        let deadline = Instant::now() + most;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it still runs after {most:?}: {}", self.stderr());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn collected(mut pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let collected = Arc::clone(&text);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            collected.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    text
}

/// Puts the arguments of the program after something that runs it somewhere.
pub(crate) type Wrap<'a> = &'a dyn Fn(&Command) -> Command;

/// Runs the program as it is.
pub(crate) fn bare(program: &Command) -> Command {
    let mut same = Command::new(program.get_program());
    same.args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => same.env(name, value),
            None => same.env_remove(name),
        };
    }
    same
}

/// What a head needs to start, and to be the same head when it starts again.
pub(crate) struct HeadPlan {
    pub(crate) data: PathBuf,
    pub(crate) args: Vec<String>,
}

/// A head that runs.
pub(crate) struct Head {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl HeadPlan {
    /// Keeps its data in `data`; `args` are those of `serve`.
    pub(crate) fn new(data: &Path, args: &[&str]) -> Self {
        Self { data: data.into(), args: args.iter().map(|&arg| arg.into()).collect() }
    }

    /// Starts it on `listen`.
    pub(crate) fn start(&self, listen: &str, wrap: Wrap<'_>) -> Head {
        let mut serve = command();
        serve.env("HEADROOM_RUNTIME_DIR", self.data.join("run"));
        serve.args(["serve", "--listen", listen, "--data-dir"]).arg(&self.data).args(&self.args);
        let program = Program::start(&mut wrap(&serve), "");
        let line = |prefix: &str| {
            let said = program.stdout();
            let line = said.split_inclusive('\n').find_map(|line| line.strip_prefix(prefix))?;
            Some(line.strip_suffix('\n')?.to_owned())
        };
        let url = until("the head's address", || {
            assert!(!program.stderr().contains("error"), "{}", program.stderr());
            line("Headroom is at ")
        });
        let (scheme, address) = url.split_once("://").unwrap();
        let fingerprint = (scheme == "https").then(|| {
            until("the head's fingerprint", || line("Its certificate is ")).parse().unwrap()
        });
        Head { program, address: address.parse().unwrap(), fingerprint }
    }

    /// Makes a token for node `name`.
    pub(crate) fn token(&self, name: &str) -> String {
        let mut create = command();
        create.args(["token", "create", name, "--head", "http://127.0.0.1:1", "--data-dir"]);
        let output = create.arg(&self.data).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let line = String::from_utf8(output.stdout).unwrap();
        line.split_whitespace().find(|word| word.starts_with("hrt_")).expect(&line).to_owned()
    }

    /// Shuts node `name` out.
    pub(crate) fn revoke(&self, name: &str) {
        let mut revoke = command();
        let output = revoke.args(["token", "revoke", name, "--data-dir"]).arg(&self.data).output();
        assert!(output.as_ref().unwrap().status.success(), "{output:?}");
    }
}

impl Head {
    /// The flags with which an agent finds it at `address`.
    pub(crate) fn flags_at(&self, address: SocketAddr) -> Vec<String> {
        match self.fingerprint {
            Some(fingerprint) => vec![
                "--head".into(),
                format!("https://{address}"),
                "--fingerprint".into(),
                fingerprint.to_string(),
            ],
            None => vec!["--head".into(), format!("http://{address}")],
        }
    }

    /// Starts an agent with `token` that finds the head at `address`; `args` are added.
    pub(crate) fn agent_at(
        &self,
        address: SocketAddr,
        token: &str,
        args: &[&str],
        wrap: Wrap<'_>,
    ) -> Program {
        let mut agent = command();
        agent.arg("agent").args(self.flags_at(address)).args(["--token-file", "-"]).args(args);
        Program::start(&mut wrap(&agent), &format!("{token}\n"))
    }

    /// Asks it for `path`, over TLS if it serves that.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    /// The same; an error if there is no connection.
    pub(crate) fn try_get(&self, path: &str) -> std::io::Result<Answer> {
        self.try_get_with(path, "")
    }

    /// The same with `headers`, whole lines.
    pub(crate) fn try_get_with(&self, path: &str, headers: &str) -> std::io::Result<Answer> {
        let tcp = TcpStream::connect_timeout(&self.address, SOON)?;
        tcp.set_read_timeout(Some(SOON))?;
        let host = self.address;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
        let Some(fingerprint) = self.fingerprint else { return exchange(tcp, &request) };
        let config = Arc::new(pinned(&[fingerprint]));
        let name = rustls::pki_types::ServerName::from(self.address.ip());
        let tls = rustls::ClientConnection::new(config, name).unwrap();
        exchange(rustls::StreamOwned::new(tls, tcp), &request)
    }

    /// What the head holds of `node`, oldest first.
    pub(crate) fn record(&self, node: &str) -> Record {
        let answer = self.get(&format!("/api/v1/nodes/{node}/readings"));
        let held = if answer.status == 200 { answer.json() } else { Value::Array(Vec::new()) };
        let number = |held: &Value, key: &str| held[key].as_u64().unwrap();
        Record {
            held: held
                .as_array()
                .unwrap()
                .iter()
                .map(|held| (number(held, "seq"), number(held, "uptime_us"), number(held, "at_ms")))
                .collect(),
        }
    }

    /// How `node` stands, such as `live`; `none` if it is not known.
    pub(crate) fn state(&self, node: &str) -> String {
        let answer = self.get(&format!("/api/v1/nodes/{node}"));
        if answer.status != 200 {
            return "none".into();
        }
        answer.json()["state"].as_str().unwrap_or("none").to_owned()
    }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> std::io::Result<Answer> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // Some servers leave TLS without a word.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
        _ if answer.is_empty() => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(Answer::parse(&answer)),
    }
}

/// What a head holds of a node: sequence number, uptime in µs and the head's time in ms of each reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) held: Vec<(u64, u64, u64)>,
}

impl Record {
    /// The last sequence number; 0 if there is none.
    pub(crate) fn last(&self) -> u64 {
        self.held.last().map_or(0, |held| held.0)
    }

    /// Says what is wrong with it, unless every number from the first to the last is there once, but for
    /// `gaps` gaps, and all times rise with the numbers.
    pub(crate) fn fault(&self, gaps: usize) -> Option<String> {
        let mut seen = 0;
        for pair in self.held.windows(2) {
            let ((seq, uptime, at), (next, next_uptime, next_at)) = (pair[0], pair[1]);
            if next <= seq || next_uptime <= uptime || next_at < at {
                return Some(format!("out of order: {:?}, then {:?}", pair[0], pair[1]));
            }
            seen += usize::from(next != seq + 1);
        }
        (seen != gaps).then(|| {
            let steps = self.held.windows(2).filter(|pair| pair[1].0 != pair[0].0 + 1);
            let steps: Vec<_> = steps.map(|pair| (pair[0].0, pair[1].0)).collect();
            format!("{seen} gaps, not {gaps}, among {} readings: {steps:?}", self.held.len())
        })
    }

    /// The same, but it fails.
    pub(crate) fn must_be_whole(&self, what: &str, gaps: usize) {
        if let Some(fault) = self.fault(gaps) {
            panic!("{what}: {fault}");
        }
    }
}
