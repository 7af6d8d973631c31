//! The feed's WebSocket as a protocol: who is let in, and how it ends for who breaks the rules.

use std::net::SocketAddr;
use std::thread;

use actix_ws::Item;
use awc::error::WsClientError;
use awc::ws::{CloseCode, CloseReason, Message};
use shared::wire::Encoding;

use crate::client::{Follower, Heard, get, request, run, send_raw};
use crate::support::{FakeProc, Server};

const JSON: &str = Encoding::Json.subprotocol();
const POSTCARD: &str = Encoding::Postcard.subprotocol();

/// What a client that breaks a rule hears last; then whether the server still serves others.
async fn last_words(server: &Server, protocol: &str, messages: Vec<Message>) -> (u16, String) {
    let mut follower = Follower::connect(server.address(), &[protocol], None).await.unwrap();
    follower.snapshot().await;
    for message in messages {
        follower.send(message).await;
    }
    let end = follower.close().await;
    let mut other = Follower::json(server.address()).await;
    other.snapshot().await;
    other.delta().await;
    end
}

#[test]
fn who_breaks_a_rule_is_told_which() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "50"]);
    let text = |text: &str| Message::Text(text.into());
    let binary = |bytes: &[u8]| Message::Binary(bytes.to_vec().into());
    let first = |bytes: &[u8]| Message::Continuation(item_first(bytes));
    let last = |bytes: &[u8]| Message::Continuation(item_last(bytes));
    let large = vec![b' '; 4097];
    let half = vec![b' '; 3000];
    run(async {
        for (protocol, messages, code, words) in [
            (JSON, vec![text("rm -rf")], 1007, "not a JSON message"),
            (JSON, vec![text("")], 1007, "not a JSON message"),
            (JSON, vec![text(r#"{"watch":{"node":"zero"}}"#)], 1007, "not a JSON message"),
            (JSON, vec![text(r#"{"watch":{"node":-1}}"#)], 1007, "not a JSON message"),
            (JSON, vec![text(r#"{"a":1,"b":2}"#)], 1007, "not a JSON message"),
            (JSON, vec![text(&"[".repeat(4000))], 1007, "not a JSON message"),
            (JSON, vec![first(b"\xff"), last(b"\xfe")], 1007, ""),
            (JSON, vec![binary(b"{}")], 1003, "JSON in text frames"),
            (JSON, vec![Message::Text("x".repeat(4097).into())], 1009, "4096"),
            (JSON, vec![first(&half), last(&half)], 1009, "4096"),
            (POSTCARD, vec![binary(b"")], 1007, "not a postcard message"),
            (POSTCARD, vec![binary(b"\x00")], 1007, "not a postcard message"),
            (POSTCARD, vec![binary(&[0xff; 40])], 1007, "not a postcard message"),
            (POSTCARD, vec![text("{}")], 1003, "postcard in binary frames"),
            (POSTCARD, vec![binary(&large)], 1009, "4096"),
        ] {
            let what = format!("{protocol}: {messages:?}");
            let (told, sentence) = last_words(&server, protocol, messages).await;
            assert_eq!(told, code, "{what}: {sentence}");
            assert!(sentence.contains(words), "{what}: {sentence}");
        }
    });
    assert!(!server.stderr().contains("panic"), "{}", server.stderr());
}

fn item_first(bytes: &[u8]) -> Item {
    Item::FirstText(bytes.to_vec().into())
}

fn item_last(bytes: &[u8]) -> Item {
    Item::Last(bytes.to_vec().into())
}

#[test]
fn a_request_may_be_as_large_as_it_may_be() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "50"]);
    run(async {
        let mut follower = Follower::json(server.address()).await;
        let request = format!("{:4096}", r#"{"watch":{"node":0}}"#);
        follower.send(Message::Text(request.as_str().into())).await;
        assert_eq!(follower.window().await.node, 0);
        // In pieces, too.
        let (one, two) = request.as_bytes().split_at(9);
        follower.send(Message::Continuation(item_first(one))).await;
        follower.send(Message::Continuation(item_last(two))).await;
        assert_eq!(follower.window().await.node, 0);
    });
}

#[test]
fn a_farewell_is_returned() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    run(async {
        let mut follower = Follower::json(server.address()).await;
        follower.snapshot().await;
        let reason = CloseReason { code: CloseCode::Normal, description: Some("enough".into()) };
        follower.send(Message::Close(Some(reason))).await;
        assert_eq!(follower.close().await.0, 1000);

        let mut follower = Follower::json(server.address()).await;
        follower.snapshot().await;
        follower.send(Message::Close(None)).await;
        let end = loop {
            if let Heard::Close(reason) = follower.hear().await {
                break reason;
            }
        };
        assert_eq!(end, None);
    });
}

#[test]
fn only_own_pages_may_follow() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let at = server.address();
    run(async {
        let own = format!("http://{at}");
        let mut follower = Follower::connect(at, &[JSON], Some(&own)).await.unwrap();
        follower.snapshot().await;
        for foreign in ["http://evil.example", "null", &format!("http://{at}.evil.example")] {
            match Follower::connect(at, &[JSON], Some(foreign)).await {
                Err(WsClientError::InvalidResponseStatus(status)) => assert_eq!(status, 403),
                Err(error) => panic!("{foreign}: {error}"),
                Ok(_) => panic!("{foreign} was let in"),
            }
        }
        follower.delta().await;
    });
    let foreign = [
        ("Origin", "http://evil.example"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let message = request(at, "GET", "/api/v1/feed", &foreign).error(403);
    assert!(message.contains("http://evil.example"), "{message}");
}

#[test]
fn who_does_not_speak_websocket_is_told_to() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let at = server.address();
    let answer = get(at, "/api/v1/feed");
    let message = answer.error(426);
    assert!(message.contains(JSON) && message.contains(POSTCARD), "{message}");
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    let old = format!(
        "GET /api/v1/feed HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    send_raw(at, old.as_bytes()).error(426);
}

/// Clients of the house cannot break a frame, so it is sent by hand: the code of the close frame.
fn code_for(at: SocketAddr, frame: &[u8]) -> Option<u16> {
    let handshake = format!(
        "GET /api/v1/feed HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let answer = send_raw(at, &[handshake.as_bytes(), frame].concat());
    assert_eq!(answer.status, 101);
    // A close frame ends what was sent: 0x88, its length, its code.
    (2..=125_u8).rev().find_map(|length| {
        let start = answer.body.len().checked_sub(usize::from(length) + 2)?;
        let [0x88, says, high, low, ..] = answer.body[start..] else { return None };
        (says == length).then_some(u16::from_be_bytes([high, low]))
    })
}

#[test]
fn broken_frames_end_with_a_close_frame() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let at = server.address();
    thread::scope(|scope| {
        for (name, frame, code) in [
            ("not masked", &b"\x81\x02{}"[..], 1002_u16),
            ("an opcode that does not exist", b"\x83\x80\0\0\0\0", 1002),
            ("a text that is not UTF-8", b"\x81\x82\0\0\0\0\xc3\x28", 1007),
            ("a continuation of nothing", b"\x80\x80\0\0\0\0", 1002),
            ("announced as a gigabyte", b"\x82\xff\0\0\0\0\x40\0\0\0\0\0\0\0", 1009),
            ("a length that cannot be", b"\x82\xff\xff\0\0\0\0\0\0\0\0\0\0\0", 1009),
        ] {
            scope.spawn(move || assert_eq!(code_for(at, frame), Some(code), "{name}"));
        }
    });
    run(async {
        Follower::json(at).await.snapshot().await;
    });
}
