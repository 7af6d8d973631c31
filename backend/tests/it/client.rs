//! Clients of the tests: plain HTTP byte by byte, so that hostile requests can be made too, and a
//! follower of the feed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use awc::error::{WsClientError, WsProtocolError};
use awc::ws::{CloseReason, Frame, Message};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use serde_json::Value;
use shared::wire::{self, Delta, Encoding, FeedMessage, FeedRequest, NodeWindow, Snapshot};

use crate::support::{SOON, Server, until};

/// The answer to a request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Self { status, head, body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = whole(&answer.body);
        }
        answer
    }

    /// The value of a header; fails if it is there twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice: {}", self.head);
        value
    }

    /// The body as JSON, which must be said to be JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The sentence of a JSON error of `status`.
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let Value::Object(object) = self.json() else { panic!("{}", self.text()) };
        assert_eq!(object.len(), 1, "{object:?}");
        object["error"].as_str().unwrap().to_owned()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The body that comes in chunks (RFC 9112 §7.1); fails if the last one is missing.
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|part| part == b"\r\n").expect("a chunk is cut off");
        let length = std::str::from_utf8(&chunks[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let start = end + 2;
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[start..start + length]);
        chunks = &chunks[start + length + 2..];
    }
}

/// Sends `bytes` as they are, and reads until the server closes the connection.
pub(crate) fn send_raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    exchange(connect(address), bytes)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn exchange(mut stream: impl Read + Write, bytes: &[u8]) -> Answer {
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    Answer::parse(&answer)
}

/// The bytes of a request with `headers` besides Host and Connection.
fn written(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut lines = vec![format!("{method} {path} HTTP/1.1")];
    for (name, value) in [("Connection", "close"), ("Host", &address.to_string())] {
        if !headers.iter().any(|(other, _)| *other == name) {
            lines.push(format!("{name}: {value}"));
        }
    }
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

/// Sends a request with `headers` besides Host and Connection.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    send_raw(address, &written(address, method, path, headers))
}

/// Sends `body` as JSON, with `headers` besides those that this takes.
pub(crate) fn send_json(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let body = body.to_string();
    let length = body.len().to_string();
    let mut all = vec![("Content-Type", "application/json"), ("Content-Length", &length)];
    all.extend(headers);
    send_raw(address, &[written(address, method, path, &all), body.into_bytes()].concat())
}

/// Sends a request over TLS, to a server that is known by its fingerprint.
pub(crate) fn request_tls(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let address = server.address();
    let config = headroom::tls::pinned(&[server.fingerprint()]);
    let name = address.ip().into();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = rustls::StreamOwned::new(connection, connect(address));
    exchange(stream, &written(address, method, path, headers))
}

/// Asks for a WebSocket by hand, and reads no more than the status: `101` if it is opened.
pub(crate) fn upgrade(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> (TcpStream, u16) {
    let mut all = vec![
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    all.extend(headers);
    let mut stream = connect(address);
    stream.write_all(&written(address, "GET", path, &all)).unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    let status = std::str::from_utf8(&line[9..]).unwrap().parse().unwrap();
    (stream, status)
}

/// Gets `path`.
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, &[])
}

/// The first answer of the API about `node` that `fits`.
pub(crate) fn node_when(
    address: SocketAddr,
    node: &str,
    mut fits: impl FnMut(&Value) -> bool,
) -> Value {
    until(&format!("a fitting state of {node}"), || {
        let answer = get(address, &format!("/api/v1/nodes/{node}"));
        (answer.status == 200).then(|| answer.json()).filter(|node| fits(node))
    })
}

/// Runs a test that waits for many things at once; fails if it takes more than a minute.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    rt::System::new().block_on(async {
        rt::time::timeout(Duration::from_mins(1), test).await.expect("the test does not end")
    })
}

pub(crate) trait Wire:
    Stream<Item = Result<Frame, WsProtocolError>> + Sink<Message, Error = WsProtocolError> + Unpin
{
}

impl<W> Wire for W where
    W: Stream<Item = Result<Frame, WsProtocolError>>
        + Sink<Message, Error = WsProtocolError>
        + Unpin
{
}

/// What a follower hears.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(FeedMessage),
    Close(Option<CloseReason>),
}

/// A follower of the feed, which answers pings.
pub(crate) struct Follower {
    socket: Box<dyn Wire>,
    /// The subprotocol that the server chose.
    pub(crate) protocol: Option<String>,
}

impl Follower {
    /// Follows in JSON, as scripts do that ask for nothing.
    pub(crate) async fn json(address: SocketAddr) -> Self {
        Self::connect(address, &[], None).await.unwrap()
    }

    /// Asks for `protocols`, from a page of `origin`.
    pub(crate) async fn connect(
        address: SocketAddr,
        protocols: &[&str],
        origin: Option<&str>,
    ) -> Result<Self, WsClientError> {
        Self::follow(&format!("ws://{address}/api/v1/feed"), protocols, origin).await
    }

    /// Follows an overview, as the page does.
    pub(crate) async fn overview(address: SocketAddr) -> Self {
        let url = format!("ws://{address}/api/v1/feed?view=overview");
        Self::follow(&url, &[Encoding::Postcard.subprotocol()], None).await.unwrap()
    }

    async fn follow(
        url: &str,
        protocols: &[&str],
        origin: Option<&str>,
    ) -> Result<Self, WsClientError> {
        let mut request = awc::Client::new().ws(url).max_frame_size(16 << 20);
        if !protocols.is_empty() {
            request = request.protocols(protocols);
        }
        if let Some(origin) = origin {
            request = request.origin(origin);
        }
        let (response, socket) = request.connect().await?;
        let protocol = response.headers().get("Sec-WebSocket-Protocol");
        let protocol = protocol.map(|protocol| protocol.to_str().unwrap().to_owned());
        Ok(Self { socket: Box::new(socket), protocol })
    }

    fn is_postcard(&self) -> bool {
        self.protocol.as_deref() == Some(Encoding::Postcard.subprotocol())
    }

    /// Waits for a message or the end, at most [`SOON`].
    pub(crate) async fn hear(&mut self) -> Heard {
        rt::time::timeout(SOON, self.hear_some_day()).await.expect("the feed is silent")
    }

    async fn hear_some_day(&mut self) -> Heard {
        loop {
            let frame = self.socket.next().await.expect("the feed ends without a close frame");
            let message = match frame.unwrap() {
                Frame::Text(text) if !self.is_postcard() => wire::from_json(&text),
                Frame::Binary(bytes) if self.is_postcard() => wire::from_postcard(&bytes),
                Frame::Ping(bytes) => {
                    self.send(Message::Pong(bytes)).await;
                    continue;
                }
                Frame::Close(reason) => return Heard::Close(reason),
                frame => panic!("a frame of another kind: {frame:?}"),
            };
            return Heard::Message(message.unwrap().expect("a kind that is not known"));
        }
    }

    /// The next message, but for what happened, which may come at any time.
    pub(crate) async fn message(&mut self) -> FeedMessage {
        loop {
            match self.hear().await {
                Heard::Message(FeedMessage::Events(_)) => {}
                Heard::Message(message) => return message,
                Heard::Close(reason) => panic!("the feed was closed: {reason:?}"),
            }
        }
    }

    /// Of which kind the next message in JSON is, and its number, if it has one: all that is read of it, so
    /// that a long backlog takes the time of its bytes.
    pub(crate) async fn kind_and_number(&mut self) -> (String, Option<u64>) {
        loop {
            let frame = rt::time::timeout(SOON, self.socket.next()).await;
            let frame = frame.expect("the feed is silent").expect("the feed ends").unwrap();
            let text = match frame {
                Frame::Text(text) => text,
                Frame::Ping(bytes) => {
                    self.send(Message::Pong(bytes)).await;
                    continue;
                }
                frame => panic!("a frame of another kind: {frame:?}"),
            };
            let text = std::str::from_utf8(&text).unwrap();
            let kind = text.split('"').nth(1).unwrap();
            let number = text.split_once("\"seq\":").and_then(|(_, rest)| {
                rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
            });
            if kind != "events" {
                return (kind.to_owned(), number);
            }
        }
    }

    /// The next message, which must be a snapshot.
    pub(crate) async fn snapshot(&mut self) -> Snapshot {
        match self.message().await {
            FeedMessage::Snapshot(snapshot) => snapshot,
            other => panic!("no snapshot: {other:?}"),
        }
    }

    /// The next message, which must be a delta, but for surveys of nodes that are watched.
    pub(crate) async fn delta(&mut self) -> Delta {
        loop {
            match self.message().await {
                FeedMessage::Delta(delta) => return delta,
                FeedMessage::Survey(_) | FeedMessage::Standings(_) => {}
                other => panic!("no delta: {other:?}"),
            }
        }
    }

    /// The first delta that `fits`.
    pub(crate) async fn delta_when(&mut self, mut fits: impl FnMut(&Delta) -> bool) -> Delta {
        let search = async {
            loop {
                let delta = self.delta().await;
                if fits(&delta) {
                    return delta;
                }
            }
        };
        rt::time::timeout(SOON, search).await.expect("no such delta comes")
    }

    /// The next window, whatever comes before it.
    pub(crate) async fn window(&mut self) -> NodeWindow {
        loop {
            if let FeedMessage::Window(window) = self.message().await {
                return window;
            }
        }
    }

    /// Waits for the close frame, whatever comes before it: its code and its sentence.
    pub(crate) async fn close(&mut self) -> (u16, String) {
        loop {
            if let Heard::Close(reason) = self.hear().await {
                let reason = reason.expect("a close frame without a code");
                return (reason.code.into(), reason.description.unwrap_or_default());
            }
        }
    }

    /// Sends a request in the follower's encoding.
    pub(crate) async fn ask(&mut self, request: &FeedRequest) {
        let message = if self.is_postcard() {
            Message::Binary(wire::to_postcard(request).unwrap().into())
        } else {
            Message::Text(wire::to_json(request).unwrap().into())
        };
        self.send(message).await;
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }
}
