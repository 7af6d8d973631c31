//! What tests of channels stand on: an HTTP server that does as it is told, settings, and messages.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::rt::{System, time::sleep};
use clap::Parser as _;
use headroom::config::{ChannelConfig, Cli};
use headroom::notify::{Message, Notifier, Telling};
use shared::alert::{Cause, Harm, Holder, Incident, Step, StepKind};
use shared::survey::Severity;
use shared::wire::Reading;
use shared::{Field, NodeFacts, NodeId, Sample};
use tempfile::TempDir;

use crate::support::SOON;

/// A process of this name must be no more than text to anybody.
pub(crate) const HOSTILE: &str =
    "@everyone <!channel> *x*\r\nBcc: all@example.com\r\n\r\n<b>&\u{202e}";

/// What a receiver does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with this status, header lines and body.
    Answers(u16, &'static str, String),
    /// Says nothing, and holds the connection.
    Stalls,
    /// Ends the connection in the middle.
    Resets,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) at: Instant,
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether it was answered with success.
    pub(crate) is_taken: bool,
}

impl Got {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&str| {
            line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        Some(self.head.lines().find(is_it)?.split_once(':')?.1.trim())
    }

    /// Its body.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An HTTP server: does what stands next, and then answers that all is well.
pub(crate) struct Receiver {
    address: SocketAddr,
    next: Arc<Mutex<VecDeque<Does>>>,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    pub(crate) fn new(next: impl IntoIterator<Item = Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            next: Arc::new(Mutex::new(next.into_iter().collect())),
            got: Arc::default(),
        };
        let (next, got) = (Arc::clone(&receiver.next), Arc::clone(&receiver.got));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (next, got) = (Arc::clone(&next), Arc::clone(&got));
                thread::spawn(move || serve(stream, &next, &got));
            }
        });
        receiver
    }

    /// Where it is: `http://127.0.0.1:…`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does next.
    pub(crate) fn then(&self, does: Does) {
        self.next.lock().unwrap().push_back(does);
    }

    /// What came so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// What it took.
    pub(crate) fn taken(&self) -> Vec<Got> {
        self.got().into_iter().filter(|got| got.is_taken).collect()
    }
}

fn serve(stream: TcpStream, next: &Mutex<VecDeque<Does>>, got: &Mutex<Vec<Got>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut head) = (String::new(), String::new());
    reader.read_line(&mut line).ok();
    loop {
        let before = head.len();
        if reader.read_line(&mut head).unwrap_or(0) == 0 || head[before..].trim().is_empty() {
            break;
        }
    }
    let mut request = Got { at: Instant::now(), line, head, body: Vec::new(), is_taken: false };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    if reader.read_exact(&mut request.body).is_err() {
        return;
    }
    let well = Does::Answers(200, "", r#"{"ok":true,"result":{"message_id":4711}}"#.into());
    let does = next.lock().unwrap().pop_front().unwrap_or(well);
    request.is_taken = matches!(does, Does::Answers(200..=299, ..));
    got.lock().unwrap().push(request);
    let mut stream = stream;
    match does {
        Does::Answers(status, headers, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
            )
            .ok();
        }
        Does::Stalls => {
            // Until the other side has had enough.
            reader.read_to_end(&mut Vec::new()).ok();
        }
        Does::Resets => {
            write!(stream, "HTTP/1.1 20").ok();
        }
    }
}

/// Settings, secrets and data of a test.
pub(crate) struct Place {
    dir: TempDir,
    file: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), file: String::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file that only its owner may read.
    pub(crate) fn secret(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Adds a channel.
    pub(crate) fn channel(&mut self, name: &str, kind: &str, keys: &str) {
        let table = format!("[[alerts.channels]]\nname = \"{name}\"\nkind = \"{kind}\"\n{keys}\n");
        self.file += &table;
    }

    /// The settings file.
    pub(crate) fn settings(&self) -> String {
        self.secret("headroom.toml", &self.file)
    }

    fn channels(&self) -> Vec<ChannelConfig> {
        let args = ["headroom", "--config", &self.settings()];
        Cli::try_parse_from(args).unwrap().serve.resolve().unwrap().channels
    }

    pub(crate) fn open(&self) -> Result<Notifier, String> {
        Notifier::open(self.channels(), &self.path("data")).map_err(|e| e.chain().to_string())
    }

    /// Runs `test` with channels that are told; what is being told in the end is broken off.
    pub(crate) fn run<T>(&self, test: impl AsyncFnOnce(&Notifier) -> T) -> T {
        self.run_to(Duration::ZERO, test)
    }

    /// The same; what is being told in the end has so long.
    pub(crate) fn run_to<T>(&self, most: Duration, test: impl AsyncFnOnce(&Notifier) -> T) -> T {
        let notifier = self.open().unwrap();
        System::new().block_on(async {
            let telling: Telling = notifier.start();
            let result = test(&notifier).await;
            if !most.is_zero() {
                telling.stop(most).await;
            }
            result
        })
    }
}

/// Asks until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON * 3;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// A message of an incident of `pi-07`.
pub(crate) fn message(id: u64, number: u32, kind: StepKind) -> Message {
    let node = NodeId::from_host_name("pi-07");
    let since_ms = 1_795_683_200_000;
    let step = Step {
        at_ms: since_ms + u64::from(number) * 60_000,
        kind,
        text: format!("119 MiB of 3.70 GiB can still be had, step {number}."),
        is_told: true,
    };
    let holder =
        |name: &str| Holder { node: node.clone(), pid: 1, name: name.into(), bytes: 512 << 20 };
    let incident = Incident {
        id,
        cause: Cause::Memory,
        nodes: vec![node.clone()],
        severity: Severity::Trouble,
        title: "3.1 % available".into(),
        since_ms,
        over_ms: (kind == StepKind::Over).then_some(step.at_ms),
        steps: vec![step.clone()],
        harms: vec![Harm::LowShare],
        top: vec![holder("java"), holder(HOSTILE)],
        acknowledged_ms: None,
        silenced: false,
        boxes: 0,
    };
    let url = Some(format!("http://head.local:8080/incidents/{id}"));
    Message { incident, step, number, url, timeline: None, except: None }
}

/// The same with something to draw.
pub(crate) fn with_timeline(message: Message) -> Message {
    let reading = |second: u64| {
        let mut sample = Sample::EMPTY;
        for (field, mib) in [
            (Field::Total, 4096),
            (Field::Free, 2000 - second),
            (Field::Available, 2500 - second),
            (Field::Cached, 700),
        ] {
            sample.set(field, Some(mib << 20));
        }
        Reading { at_ms: 1_795_683_000_000 + second * 1000, uptime_us: second, sample }
    };
    let facts = NodeFacts { host_name: HOSTILE.into(), ..NodeFacts::default() };
    Message { timeline: Some((facts, (0..200).map(reading).collect())), ..message }
}

/// The trouble of a channel, and how many messages wait for it.
pub(crate) fn status(notifier: &Notifier, name: &str) -> (String, u32) {
    let all = notifier.status();
    let channel = all.into_iter().find(|channel| channel.name == name).unwrap();
    (channel.trouble.unwrap_or_default(), channel.waiting)
}

/// What is in the outbox's file.
pub(crate) fn kept(place: &Path) -> String {
    fs::read_to_string(place.join("data/notify/outbox.json")).unwrap()
}
