//! Heads, agents and followers of different versions. `cargo test` has made-up ones, which append what no
//! version says yet, or speak another protocol; `cargo xtask soak skew` real ones of an older version.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use awc::ws::Message;
use rustix::process::Signal;
use serde_json::Value;
use shared::NodeId;
use shared::wire::{self, AgentMessage, AgentRequest, Welcome};

use crate::afar::{Afar, End, Head, hello, machine, reading};
use crate::client::{request, run};
use crate::cluster::{HeadPlan, Program, Wrap, bare};
use crate::false_head::{accept, agent, head, listener};
use crate::support::{FakeProc, SOON, headroom, say, until};

const OWN: &str = env!("CARGO_PKG_VERSION");

/// What a message is made of, and more after it.
fn longer(message: &AgentMessage) -> Message {
    let mut bytes = wire::to_postcard(message).unwrap();
    bytes.extend([9, 1, 200]);
    Message::Binary(bytes.into())
}

/// A hello as of another protocol, with whatever else that may have.
fn hello_of(protocol: u16) -> Message {
    let AgentMessage::Hello(hello) = hello("pi-9", "boot") else { unreachable!() };
    let hello = wire::Hello { protocol, ..hello };
    longer(&AgentMessage::Hello(hello))
}

#[test]
fn a_newer_agent_of_the_same_protocol_is_taken() {
    run(async {
        let head = Head::start();
        let token = head.token("pi-9");
        let mut afar = Afar::connect(head.at(), &token, &machine("ab")).await;
        // Kinds that nobody knows yet, before hello and between readings.
        let unknown = || Message::Binary(vec![99, 1, 2, 3].into());
        afar.send(longer(&hello("pi-9", "boot"))).await;
        afar.welcome().await.unwrap();
        for number in 1..=20 {
            afar.send(unknown()).await;
            afar.send(longer(&AgentMessage::Readings(vec![reading(number)]))).await;
        }
        assert_eq!(head.record("pi-9", 20), (1..=20).collect::<Vec<u64>>());
        assert_eq!(head.told("pi-9", "state"), "live");
    });
}

/// It is shown as refused, with why, and whoever runs the head is told once.
#[test]
fn an_agent_of_another_protocol_is_refused_and_shown_so() {
    run(async {
        let head = Head::start();
        let token = head.token("pi-9");
        for (protocol, older) in [(2, "this head"), (0, "the agent"), (2, "this head")] {
            let mut afar = Afar::connect(head.at(), &token, &machine("ab")).await;
            afar.send(hello_of(protocol)).await;
            let End { refused, .. } = afar.welcome().await.unwrap_err();
            let why = refused.unwrap();
            let says = [format!("speaks protocol {protocol}"), format!("upgrade {older}")];
            assert!(says.iter().all(|words| why.contains(words)), "{why}");
            until("the refusal", || {
                let node = head.node("pi-9").json();
                let is_it = node["refusal"].as_str().is_some_and(|why| why.contains(&says[0]));
                (node["state"] == "refused" && is_it).then_some(())
            });
        }
        // The next protocol may have a WebSocket of its own; this head says the same before there is one.
        let headers = [
            ("Authorization", format!("Bearer {token}")),
            ("X-Headroom-Machine", machine("ab")),
            ("User-Agent", "headroom/9.1.0".into()),
            ("Connection", "Upgrade".into()),
            ("Upgrade", "websocket".into()),
            ("Sec-WebSocket-Version", "13".into()),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==".into()),
            ("Sec-WebSocket-Protocol", "headroom.v2.postcard".into()),
        ];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        for _ in 0..3 {
            let answer = request(head.at(), "GET", "/api/v1/agent", &headers);
            let why = answer.error(426);
            assert!(why.contains("headroom.v2.postcard") && why.contains("upgrade"), "{why}");
            assert_eq!(answer.header("retry-after"), Some("60"));
        }
        let node = head.node("pi-9").json();
        assert!(node["refusal"].as_str().unwrap().contains("headroom.v2.postcard"), "{node}");
        assert_eq!(node["agent"], "9.1.0", "its version is known all the same");
        let told = head.stderr();
        // Each reason once, in the order they came; not each try.
        assert_eq!(told.matches("an agent was refused").count(), 4, "{told}");
        // One of this protocol is taken right away.
        let (mut afar, _) = Afar::join(head.at(), &token, &machine("ab"), "boot").await;
        afar.say(&AgentMessage::Readings(vec![reading(1)])).await;
        until("it", || (head.told("pi-9", "state") == "live").then_some(()));
    });
}

/// Which version each agent is, a head tells to who upgrades a cluster.
#[test]
fn versions_of_agents_are_told() {
    let data = tempfile::tempdir().unwrap();
    let plan = HeadPlan::new(data.path(), &[]);
    let token = plan.token("spy");
    let head = plan.start("127.0.0.1:0", &bare);
    assert_eq!(head.get("/api/v1/nodes/spy").json()["agent"], Value::Null);
    let _agent = head.agent_at(head.address, &token, &[], &bare);
    until("the node", || (head.state("spy") == "live").then_some(()));
    let list = head.get("/api/v1/nodes").json();
    for node in list["nodes"].as_array().unwrap() {
        assert_eq!(node["agent"], OWN, "{node}");
    }
    let tokens = || {
        let output = headroom(["token", "list", "--data-dir", data.path().to_str().unwrap()]);
        String::from_utf8(output.stdout).unwrap()
    };
    until("the list", || {
        let list = tokens();
        let line = list.lines().find(|line| line.starts_with("spy"))?;
        line.trim_end().ends_with(OWN).then_some(())
    });
}

/// A head of the next protocol, as one may answer: the agent says so once, keeps its readings and goes on
/// trying.
#[test]
fn an_agent_says_that_its_head_is_of_another_protocol() {
    let (fake, (listener, at)) = (FakeProc::new(), listener());
    let agent = agent(&fake, at);
    let mut stream = accept(&listener);
    let key = key_of(&stream);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).unwrap();
    agent.says("speaks another protocol than this agent (1); upgrade the older of them");
    // It is patient: nothing is to be had by asking again at once.
    listener.set_nonblocking(true).unwrap();
    thread::sleep(Duration::from_secs(3));
    assert!(listener.accept().is_err(), "it came back at once");
    assert_eq!(agent.stderr().lines().count(), 1, "{}", agent.stderr());
    assert!(agent.stderr().contains(&format!("http://{at}")), "{}", agent.stderr());
}

/// Reads a request, and gives the answer to its key.
fn key_of(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut key = String::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("sec-websocket-key")
        {
            key = tokio_tungstenite::tungstenite::handshake::derive_accept_key(value.as_bytes());
        }
    }
    key
}

/// A newer head of the same protocol says more than this agent knows.
#[test]
fn a_newer_head_of_the_same_protocol_is_understood() {
    use tokio_tungstenite::tungstenite::Message;

    let (fake, (listener, at)) = (FakeProc::new(), listener());
    let agent = agent(&fake, at);
    let mut socket = head(&listener);
    let mut said = |bytes: Vec<u8>| socket.send(Message::Binary(bytes.into())).unwrap();
    let more = |request: &AgentRequest| [wire::to_postcard(request).unwrap(), vec![7; 5]].concat();
    said(vec![77, 1]);
    let id = NodeId::from_host_name("pi-9");
    said(more(&AgentRequest::Welcome(Welcome { id, held: vec![] })));
    said(more(&AgentRequest::Held { spans: vec![] }));
    said(vec![78]);
    agent.says("connected to");
    let mut readings = 0;
    while readings < 5 {
        if let Message::Binary(bytes) = socket.read().unwrap() {
            let message = wire::from_postcard(&bytes).unwrap().unwrap();
            readings += usize::from(matches!(message, AgentMessage::Next(_)));
        }
    }
    assert_eq!(agent.stderr().lines().count(), 1, "{}", agent.stderr());
}

/// The older programs, where `cargo xtask soak skew` built them.
fn older() -> Option<PathBuf> {
    let older = std::env::var_os("XTASK_OLDER").map(PathBuf::from);
    if older.is_none() {
        say("NOT RUN: a real older version; `cargo xtask soak skew` builds one");
    }
    older
}

/// Runs what `program` would be with the older program.
fn older_of(older: PathBuf) -> impl Fn(&Command) -> Command {
    move |program| {
        let same = bare(program);
        let mut old = Command::new(older.join("headroom"));
        old.args(same.get_args());
        for (name, value) in same.get_envs() {
            match value {
                Some(value) => old.env(name, value),
                None => old.env_remove(name),
            };
        }
        old
    }
}

/// Older and newer report to each other, and the data directory goes from one to the other and back.
#[test]
fn a_real_older_version_and_this_one_get_on() {
    let Some(older) = older() else { return };
    let old = older_of(older.clone());
    let data = tempfile::tempdir().unwrap();
    let plan = HeadPlan::new(data.path(), &["--history-commit", "1s", "--period-ms", "100"]);
    let names = ["old-agent", "new-agent"];
    let tokens = names.map(|name| plan.token(name));
    let machines = names.map(|name| {
        let path = data.path().join(format!("machine-{name}"));
        std::fs::write(&path, format!("0123456789{name}")).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let fleet = |head: &crate::cluster::Head| -> Vec<Program> {
        let wraps: [Wrap<'_>; 2] = [&old, &bare];
        let start = |n: usize| {
            let args = ["--period-ms", "100", "--machine-id-file", &machines[n]];
            head.agent_at(head.address, &tokens[n], &args, wraps[n])
        };
        vec![start(0), start(1)]
    };
    // The same data: old, new, old again, and new.
    let heads: [(&str, Wrap<'_>); 4] =
        [("older", &old), ("newer", &bare), ("older", &old), ("newer", &bare)];
    let mut last = [0, 0];
    for (which, wrap) in heads {
        let mut head = plan.start("127.0.0.1:0", wrap);
        let agents = fleet(&head);
        for (n, name) in names.iter().enumerate() {
            until(name, || (head.state(name) == "live").then_some(()));
            let newest = || head.record(name).last();
            // At first it is live by what history knows.
            let first = until("new readings", || Some(newest()).filter(|now| *now > last[n]));
            until("more of them", || (newest() > first + 20).then_some(()));
            last[n] = newest();
        }
        follows(&older, &head);
        for agent in &agents {
            assert_eq!(agent.stderr().lines().count(), 1, "{which}: {}", agent.stderr());
        }
        if which == "newer" {
            let agent =
                |name: &str| head.get(&format!("/api/v1/nodes/{name}")).json()["agent"].clone();
            until("their versions", || (names.map(agent) == [OWN, OWN]).then_some(()));
        }
        head.program.signal(Signal::TERM);
        assert!(head.program.wait(SOON * 2).success(), "{}", head.program.stderr());
        say(format_args!("the {which} head took both agents and an older follower"));
    }
}

/// A page of the older version follows a head: every message is one that it knows, or skips.
fn follows(older: &std::path::Path, head: &crate::cluster::Head) {
    let tokens = tempfile::NamedTempFile::new().unwrap();
    let token = serde_json::json!([{ "name": "none", "token": format!("hrt_{}", "0".repeat(64)) }]);
    std::fs::write(tokens.path(), token.to_string()).unwrap();
    let mut follower = Command::new(older.join("swarm"));
    follower.args(["--nodes", "1", "--follow", "--seconds", "2", "--head"]);
    follower.arg(format!("http://{}", head.address)).arg("--tokens").arg(tokens.path());
    let follower = Program::start(&mut follower, "");
    thread::sleep(Duration::from_secs(3));
    let said = follower.stderr();
    assert!(!said.contains("starts anew"), "the older follower cannot go on: {said}");
}
