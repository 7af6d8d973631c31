//! A swarm before a head that is only a mock: it takes what it is told, and says that it holds it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use clap::Parser as _;
use shared::run::{Span, Stream};
use shared::wire::{
    AgentMessage, AgentReading, AgentRequest, Hello, Message, Welcome, from_postcard, to_postcard,
};

use crate::args::Args;

/// What each node told, by its id: a list for each link.
type Told = Arc<Mutex<BTreeMap<String, Vec<Vec<AgentMessage>>>>>;

/// How the mock treats its agents.
#[derive(Clone, Copy)]
enum Manner {
    /// All are welcome.
    Kind,
    /// Every link ends after so many messages, and nothing is ever held.
    Forgetful(usize),
    /// Nobody is let in.
    Shut,
}

fn mock(manner: Manner) -> (String, Told) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let told = Told::default();
    let tell = Arc::clone(&told);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let tell = Arc::clone(&tell);
            thread::spawn(move || serve(&mut stream.unwrap(), manner, &tell));
        }
    });
    (url, told)
}

/// `None` is the end of the connection.
fn serve(stream: &mut TcpStream, manner: Manner, told: &Told) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(read::<1>(stream)?[0]);
    }
    let request = String::from_utf8(request).unwrap();
    assert!(request.starts_with("GET /api/v1/agent HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nX-Headroom-Machine: "), "{request}");
    if matches!(manner, Manner::Shut) {
        let body = r#"{"error":"no room"}"#;
        let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 60\r\nContent-Length: 19";
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        return None;
    }
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
    let AgentMessage::Hello(Hello { id, .. }) = message(stream)? else { panic!("no hello") };
    let token = format!("Authorization: Bearer hrt_{}", id.as_str());
    assert!(request.contains(&token), "{request}");
    let place = {
        let mut told = told.lock().unwrap();
        let links = told.entry(id.as_str().to_owned()).or_default();
        links.push(Vec::new());
        links.len() - 1
    };
    say(stream, &AgentRequest::Welcome(Welcome { id: id.clone(), held: Vec::new() }))?;
    let mut readings = Stream::default();
    for number in 0.. {
        let message = message(stream)?;
        if let (AgentMessage::Next(next), Manner::Kind) = (&message, manner) {
            let seq = readings.read(next).unwrap().seq;
            say(stream, &AgentRequest::Held { spans: vec![Span { from: seq, to: seq }] })?;
        }
        told.lock().unwrap().get_mut(id.as_str()).unwrap()[place].push(message);
        if matches!(manner, Manner::Forgetful(most) if number == most) {
            return None;
        }
    }
    None
}

fn read<const N: usize>(stream: &mut TcpStream) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn message(stream: &mut TcpStream) -> Option<AgentMessage> {
    loop {
        let [first, second] = read(stream)?;
        let length = match second & 0x7f {
            126 => u16::from_be_bytes(read(stream)?).into(),
            length => usize::from(length),
        };
        let key = read::<4>(stream)?;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).ok()?;
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        if first == 0x82 {
            return Some(from_postcard(&payload).unwrap().expect("a known kind"));
        }
    }
}

fn say<M: Message>(stream: &mut TcpStream, message: &M) -> Option<()> {
    let bytes = to_postcard(message).unwrap();
    let head = [0x82, u8::try_from(bytes.len()).unwrap()];
    stream.write_all(&[&head[..], &bytes].concat()).ok()
}

fn args(url: &str, nodes: usize, more: &[&str]) -> (Args, tempfile::NamedTempFile) {
    let token = |n| format!(r#"{{"name":"swarm-{n}","token":"hrt_swarm-{n}"}}"#);
    let tokens: Vec<_> = (1..=nodes).map(token).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("[{}]", tokens.join(","))).unwrap();
    let (nodes, path) = (nodes.to_string(), file.path().to_str().unwrap());
    let all = ["swarm", "--head", url, "--nodes", &nodes, "--tokens", path, "--period-ms", "100"];
    (Args::try_parse_from(all.iter().chain(more)).unwrap(), file)
}

/// The readings that one link told live.
fn live(link: &[AgentMessage]) -> Vec<AgentReading> {
    let mut stream = Stream::default();
    let next = link.iter().filter_map(|message| match message {
        AgentMessage::Next(next) => Some(stream.read(next).unwrap()),
        _ => None,
    });
    next.collect()
}

fn in_order(readings: &[AgentReading]) {
    for pair in readings.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1);
        assert!(pair[1].uptime_us > pair[0].uptime_us);
    }
}

#[test]
fn every_node_reports_every_reading_in_order() {
    let (url, told) = mock(Manner::Kind);
    let (args, _file) = args(&url, 8, &["--seconds", "2"]);
    let report = super::run(args).unwrap();
    assert_eq!((report.connected, report.nodes), (8, 8));
    // Ten a second each.
    assert!((60.0..85.0).contains(&report.rates.sent), "{report}");
    assert!((60.0..85.0).contains(&report.rates.held), "{report}");
    assert!(report.rates.wire_out > report.rates.payload_out + 10.0 * 6.0 - 5.0, "{report}");
    assert!(report.refused.is_empty(), "{report}");
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 8);
    for links in told.values() {
        let readings = live(&links[0]);
        assert!(readings.len() > 20, "{}", readings.len());
        in_order(&readings);
        let is_clock = |message: &AgentMessage| matches!(message, AgentMessage::Clock(_));
        assert!(links[0].iter().any(is_clock));
    }
}

#[test]
fn what_was_not_held_comes_again_with_the_next_link() {
    let (url, told) = mock(Manner::Forgetful(12));
    let (args, _file) = args(&url, 1, &["--seconds", "2"]);
    super::run(args).unwrap();
    let told = told.lock().unwrap();
    let links = &told["swarm-1"];
    assert!(links.len() > 1);
    let first = live(&links[0]);
    let again = links[1].iter().find_map(|message| match message {
        AgentMessage::Run(run) => Some(run.readings().unwrap()),
        _ => None,
    });
    let again = again.unwrap();
    assert_eq!(again[..first.len()], first);
    in_order(&again);
}

#[test]
fn who_is_turned_away_is_told_of_and_comes_back_late() {
    let (url, _told) = mock(Manner::Shut);
    let (mut args, _file) = args(&url, 2, &["--seconds", "1"]);
    args.faulty = 2;
    args.fault = vec![crate::args::Fault::Silent];
    let report = super::run(args).unwrap();
    assert_eq!(report.connected, 0);
    assert_eq!(report.refused, BTreeMap::from([("503: no room".to_owned(), 2)]));
    assert!(report.to_string().contains("2 × 503: no room"), "{report}");
}
