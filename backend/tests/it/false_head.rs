//! Agents and heads that do as they should not: what an agent believes, and how much it takes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use shared::NodeId;
use shared::wire::{self, AgentMessage, AgentRequest, Encoding, Hello, Welcome};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept_hdr};

use crate::cluster::Program;
use crate::support::{FakeProc, SOON, command};

/// An agent that takes whoever listens there for its head.
pub(crate) fn agent(fake: &FakeProc, at: SocketAddr) -> Program {
    let mut agent = command();
    agent.args(["agent", "--token-file", "-", "--period-ms", "50", "--head"]);
    agent.arg(format!("http://{at}")).args(fake.args());
    Program::start(&mut agent, "hrt_secret\n")
}

pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

#[test]
fn a_refusal_is_shown_as_text_and_says_when_to_come_back() {
    let (fake, (listener, at)) = (FakeProc::new(), listener());
    let agent = agent(&fake, at);
    let body = r#"{"error": "too\u001b[2J many\u202e\nlinks"}"#;
    let mut refused_at: Option<Instant> = None;
    for _ in 0..2 {
        let mut stream = accept(&listener);
        if let Some(refused_at) = refused_at {
            assert!(refused_at.elapsed() >= Duration::from_secs(2), "{:?}", refused_at.elapsed());
        }
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let request = String::from_utf8(request).unwrap().to_ascii_lowercase();
        assert!(request.contains("authorization: bearer hrt_secret"), "{request}");
        assert!(request.contains("sec-websocket-protocol: headroom.v1.postcard"), "{request}");
        let digest = request.lines().find_map(|line| line.strip_prefix("x-headroom-machine: "));
        assert!(
            digest.is_some_and(|it| it.len() == 64 && it.chars().all(|c| c.is_ascii_hexdigit()))
        );
        let head = format!(
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The reason comes in a packet of its own.
        thread::sleep(Duration::from_millis(100));
        stream.write_all(body.as_bytes()).unwrap();
        refused_at = Some(Instant::now());
    }
    agent.says("the head refuses this agent: too[2J manylinks");
    assert_eq!(agent.stderr().lines().count(), 1, "it repeats itself: {}", agent.stderr());
}

/// A head that consents to everything.
pub(crate) fn head(listener: &TcpListener) -> WebSocket<TcpStream> {
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let consent = |_: &Request, mut response: Response| {
        let protocol = Encoding::Postcard.subprotocol().parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    accept_hdr(accept(listener), consent).unwrap()
}

fn hear(socket: &mut WebSocket<TcpStream>) -> AgentMessage {
    loop {
        if let Message::Binary(bytes) = socket.read().unwrap() {
            return wire::from_postcard(&bytes).unwrap().unwrap();
        }
    }
}

fn say(socket: &mut WebSocket<TcpStream>, request: &AgentRequest) {
    socket.send(Message::Binary(wire::to_postcard(request).unwrap().into())).unwrap();
}

#[test]
fn what_a_head_says_is_bounded_and_what_is_new_is_skipped() {
    let (fake, (listener, at)) = (FakeProc::new(), listener());
    let agent = agent(&fake, at);
    let mut socket = head(&listener);
    let AgentMessage::Hello(Hello { id, boot_id, .. }) = hear(&mut socket) else { panic!() };
    assert_eq!((id.as_str(), boot_id.is_some()), ("pi-test", true));
    assert!(matches!(hear(&mut socket), AgentMessage::Clock(_)));
    // No reading before the welcome; then at once all that were taken.
    thread::sleep(Duration::from_millis(500));
    let id = NodeId::from_host_name("named-by-head");
    say(&mut socket, &AgentRequest::Welcome(Welcome { id, held: Vec::new() }));
    let first = loop {
        match hear(&mut socket) {
            AgentMessage::Run(run) => break run,
            AgentMessage::Survey(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(first.len() > 5, "{} readings", first.len());
    agent.says("as named-by-head");

    // A kind that no agent knows yet.
    socket.send(Message::Binary(vec![99, 1, 2, 3].into())).unwrap();
    let until = Instant::now() + Duration::from_secs(1);
    let mut live = 0;
    while Instant::now() < until {
        live += u32::from(matches!(hear(&mut socket), AgentMessage::Next(_)));
    }
    assert!(live > 10, "{live} readings in a second");

    socket.send(Message::Binary(vec![0; 70 << 10].into())).unwrap();
    agent.says("the link to the head was lost");
    // It comes back, and tells again what nobody said to hold.
    let mut socket = head(&listener);
    assert!(matches!(hear(&mut socket), AgentMessage::Hello(_)));
    let why = "go\u{1b}[2Jne".to_owned();
    say(&mut socket, &AgentRequest::Refused { why, retry_ms: 60_000 });
    agent.says("the head refuses this agent: go[2Jne");
}
