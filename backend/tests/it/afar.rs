//! An agent of the tests, which says what it is told to: right things and wrong ones.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use actix_web::rt;
use awc::ws::{Frame, Message};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use shared::run::{Run, Span, Stream};
use shared::wire::{
    self, AgentMessage, AgentReading, AgentRequest, Encoding, Hello, PROTOCOL, Welcome,
};
use shared::{Field, NodeFacts, NodeId, Sample};
use tempfile::TempDir;

use crate::client::{Answer, Wire, get, request};
use crate::support::{FakeProc, SOON, Server, headroom, until};

/// 64 hexadecimal digits that name a machine.
pub(crate) fn machine(digits: &str) -> String {
    digits.repeat(32)
}

/// A head that agents from afar report to.
pub(crate) struct Head {
    server: Server,
    data: TempDir,
    /// What its own machine is.
    _fake: FakeProc,
}

impl Head {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same; `args` are added.
    pub(crate) fn with(args: &[&str]) -> Self {
        let (fake, data) = (FakeProc::new(), tempfile::tempdir().unwrap());
        let dir = data.path().to_str().unwrap();
        let own = ["--data-dir", dir, "--period-ms", "200"];
        let server = Server::start(&fake, &[&own, args].concat());
        Self { server, data, _fake: fake }
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// What it has written to standard error.
    pub(crate) fn stderr(&self) -> String {
        self.server.stderr()
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Runs `headroom token` with these words.
    fn token_command(&self, words: &[&str]) -> String {
        let dir = self.data().to_str().unwrap();
        let output = headroom([&["token"], words, &["--data-dir", dir]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a token for node `name`, and waits until the head knows it.
    pub(crate) fn token(&self, name: &str) -> String {
        let made = self.token_command(&["create", name, "--json", "--head", "http://localhost"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        until("the head to know the token", || (self.node(name).status == 200).then_some(()));
        made[0]["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn revoke(&self, name: &str) {
        self.token_command(&["revoke", name]);
    }

    pub(crate) fn node(&self, name: &str) -> Answer {
        get(self.at(), &format!("/api/v1/nodes/{name}"))
    }

    /// What `node` says under `key`.
    pub(crate) fn told(&self, name: &str, key: &str) -> Value {
        self.node(name).json()[key].clone()
    }

    /// The numbers of the readings that the head holds of `name`, once there are `count`. They are in
    /// order, each is there once, and times rise with them.
    pub(crate) fn record(&self, name: &str, count: usize) -> Vec<u64> {
        let path = format!("/api/v1/nodes/{name}/readings");
        let mut last = Value::Null;
        let found = until(&format!("{count} readings of {name}"), || {
            last = get(self.at(), &path).json();
            (last.as_array().unwrap().len() >= count).then(|| last.as_array().unwrap().clone())
        });
        let of = |reading: &Value, key: &str| reading[key].as_u64().unwrap();
        for pair in found.windows(2) {
            for key in ["seq", "uptime_us", "at_ms"] {
                assert!(of(&pair[0], key) < of(&pair[1], key), "{key}: {pair:?}");
            }
        }
        found.iter().map(|reading| of(reading, "seq")).collect()
    }

    /// What is answered to who asks to be let in as an agent, but does not open a WebSocket.
    pub(crate) fn ask(&self, headers: &[(&str, &str)]) -> Answer {
        request(self.at(), "GET", "/api/v1/agent", headers)
    }
}

/// Reading number `seq`, taken `seq` tenths of a second after the node booted.
pub(crate) fn reading(seq: u64) -> AgentReading {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Total, Some(4 << 30));
    sample.set(Field::Free, Some((1 << 30) + seq * 4096));
    sample.set(Field::Available, Some((2 << 30) + seq * 4096));
    AgentReading { seq, uptime_us: seq * 100_000, sample }
}

/// The readings with these numbers, as of an outbox.
pub(crate) fn run_of(numbers: impl IntoIterator<Item = u64>) -> AgentMessage {
    let readings: Vec<_> = numbers.into_iter().map(reading).collect();
    AgentMessage::Run(Run::of(&readings))
}

/// Says hello as host `name`.
pub(crate) fn hello(name: &str, boot: &str) -> AgentMessage {
    let facts = NodeFacts { host_name: name.into(), page_size: 4096, ..NodeFacts::default() };
    AgentMessage::Hello(Hello {
        protocol: PROTOCOL,
        id: NodeId::from_host_name(name),
        facts,
        boot_id: Some(boot.into()),
        period_ms: 1000,
    })
}

/// How a link ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// What the head said in [`AgentRequest::Refused`].
    pub(crate) refused: Option<String>,
    /// The close frame's code and words.
    pub(crate) close: Option<(u16, String)>,
}

/// An agent with a link.
pub(crate) struct Afar {
    socket: Box<dyn Wire>,
    stream: Stream,
    /// The numbers that it was told are held.
    held: BTreeSet<u64>,
}

impl Afar {
    pub(crate) async fn connect(at: SocketAddr, token: &str, machine: &str) -> Self {
        let connecting = awc::Client::new()
            .ws(format!("ws://{at}/api/v1/agent"))
            .protocols([Encoding::Postcard.subprotocol()])
            .header("Authorization", format!("Bearer {token}"))
            .header("X-Headroom-Machine", machine)
            .connect();
        let (_, socket) = connecting.await.unwrap();
        Self { socket: Box::new(socket), stream: Stream::default(), held: BTreeSet::new() }
    }

    /// The same, and says hello: what it is welcomed with.
    pub(crate) async fn join(
        at: SocketAddr,
        token: &str,
        machine: &str,
        boot: &str,
    ) -> (Self, Welcome) {
        let mut afar = Self::connect(at, token, machine).await;
        afar.say(&hello("afar", boot)).await;
        let welcome = afar.welcome().await.unwrap();
        (afar, welcome)
    }

    /// Waits for the answer to hello; a sign of life may come before it.
    pub(crate) async fn welcome(&mut self) -> Result<Welcome, End> {
        loop {
            match self.hear().await? {
                AgentRequest::Welcome(welcome) => return Ok(welcome),
                AgentRequest::Held { .. } => {}
                other => return Err(End { refused: Some(format!("{other:?}")), close: None }),
            }
        }
    }

    pub(crate) async fn say(&mut self, message: &AgentMessage) {
        self.send(Message::Binary(wire::to_postcard(message).unwrap().into())).await;
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Tells live readings.
    pub(crate) async fn live(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            let next = self.stream.next(&reading(number));
            self.say(&AgentMessage::Next(next)).await;
        }
    }

    /// What comes next, at most [`SOON`]; the error is the end of the link.
    pub(crate) async fn hear(&mut self) -> Result<AgentRequest, End> {
        rt::time::timeout(SOON, self.hear_some_day()).await.expect("the head is silent")
    }

    async fn hear_some_day(&mut self) -> Result<AgentRequest, End> {
        loop {
            match self.socket.next().await {
                Some(Ok(Frame::Binary(bytes))) => {
                    return Ok(wire::from_postcard(&bytes).unwrap().unwrap());
                }
                Some(Ok(Frame::Ping(bytes))) => self.send(Message::Pong(bytes)).await,
                Some(Ok(Frame::Close(reason))) => {
                    let close = reason.map(|r| (r.code.into(), r.description.unwrap_or_default()));
                    return Err(End { refused: None, close });
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End { refused: None, close: None }),
            }
        }
    }

    /// Waits until the head has said that it holds all these numbers.
    pub(crate) async fn held(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let mut left: BTreeSet<_> = numbers.into_iter().collect();
        left.retain(|number| !self.held.contains(number));
        while !left.is_empty() {
            if let AgentRequest::Held { spans } = self.hear().await.unwrap() {
                for Span { from, to } in spans {
                    left.retain(|number| !(from..=to).contains(number));
                    self.held.extend(from..=to);
                }
            }
        }
    }

    /// Waits for the end of the link, at most `most`.
    pub(crate) async fn end(&mut self, most: Duration) -> End {
        let mut refused = None;
        let ending = async {
            loop {
                match self.hear_some_day().await {
                    Ok(AgentRequest::Refused { why, .. }) => refused = Some(why),
                    Ok(_) => {}
                    Err(end) => return end,
                }
            }
        };
        let end = rt::time::timeout(most, ending).await.expect("the link goes on");
        End { refused, ..end }
    }
}
