//! What is foreseen of nodes, by a real head: agents that are made up report the last twenty minutes at
//! once, as one does whose head was away.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use headroom::probe::Roots;
use headroom::probe::usage::Sweep;
use serde_json::Value;
use shared::run::Run;
use shared::usage::Usage;
use shared::wire::{
    self, AgentMessage, AgentReading, AgentRequest, Encoding, FeedMessage, Hello, PROTOCOL,
};
use shared::{Field, NodeFacts, NodeId, Sample};
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::client::{Follower, get, run};
use crate::cluster::{HeadPlan, bare};
use crate::made::{self, Made, now_ms};
use crate::support::{FakeProc, SOON, headroom, say};

const MIB: u64 = 1 << 20;
/// How long a node has been up when it reports.
const UP_S: u64 = 20_000;
/// How far back it reports.
const BACK_S: u64 = 1200;
/// Each node is judged every 20 s.
const JUDGED: Duration = Duration::from_mins(1);

/// An agent that says what it is told to.
struct Reporter {
    link: WebSocket<TcpStream>,
    /// When the node had been up for [`UP_S`], and the second that was told last.
    up: Instant,
    last_s: u64,
}

impl Reporter {
    fn connect(head: SocketAddr, token: &str, name: &str) -> Self {
        let tcp = TcpStream::connect(head).unwrap();
        tcp.set_read_timeout(Some(SOON)).unwrap();
        let request = Request::builder()
            .uri(format!("ws://{head}/api/v1/agent"))
            .header("Host", head.to_string())
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Protocol", Encoding::Postcard.subprotocol())
            .header("Authorization", format!("Bearer {token}"))
            .header(
                "X-Headroom-Machine",
                name.as_bytes()
                    .iter()
                    .cycle()
                    .take(32)
                    .fold(String::new(), |digest, byte| format!("{digest}{byte:02x}")),
            )
            .body(())
            .unwrap();
        let link = client(request, tcp).unwrap().0;
        let mut agent = Self { link, up: Instant::now(), last_s: UP_S };
        agent.say(&AgentMessage::Hello(Hello {
            protocol: PROTOCOL,
            id: NodeId::from_host_name(name),
            facts: NodeFacts { host_name: name.into(), ..NodeFacts::default() },
            boot_id: Some(format!("boot-{name}")),
            period_ms: 1000,
        }));
        while !matches!(agent.hear(), AgentRequest::Welcome(_)) {}
        agent
    }

    fn say(&mut self, message: &AgentMessage) {
        self.link.send(Message::Binary(wire::to_postcard(message).unwrap().into())).unwrap();
    }

    fn hear(&mut self) -> AgentRequest {
        loop {
            if let Message::Binary(bytes) = self.link.read().unwrap() {
                return wire::from_postcard(&bytes).unwrap().unwrap();
            }
        }
    }

    /// Reports the last readings, the newest as one that was taken just now.
    fn report(&mut self, since_s: u64, sample: impl Fn(u64) -> Sample) {
        self.up = Instant::now();
        self.say(&AgentMessage::Readings(vec![reading(UP_S, &sample)]));
        let old: Vec<AgentReading> = (since_s..UP_S).map(|at| reading(at, &sample)).collect();
        for part in old.chunks(Run::MOST) {
            self.say(&AgentMessage::Run(Run::of(part)));
        }
    }

    /// Reports the second that it is now, if that was not told: nothing is foreseen of who is not heard.
    fn go_on(&mut self, sample: impl Fn(u64) -> Sample) {
        let now_s = UP_S + self.up.elapsed().as_secs();
        if now_s > self.last_s {
            self.last_s = now_s;
            self.say(&AgentMessage::Readings(vec![reading(now_s, sample)]));
        }
    }
}

fn reading(second: u64, sample: impl Fn(u64) -> Sample) -> AgentReading {
    AgentReading { seq: second, uptime_us: second * 1_000_000, sample: sample(second) }
}

fn sample(available: u64, free: u64) -> Sample {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Total, Some(8000 * MIB));
    sample.set(Field::Available, Some(available));
    sample.set(Field::Free, Some(free));
    sample
}

/// 7 GiB of which 4 MiB are lost each second, for the last 1000 seconds.
fn leaking(second: u64) -> Sample {
    let available = (7000 - second.saturating_sub(UP_S - 1000) * 4) * MIB;
    sample(available, available / 2)
}

/// The same fall of what is free, for the cache takes it; a hundredth of it is not to be had again.
fn filling(second: u64) -> Sample {
    let cache = second.saturating_sub(UP_S - 1000) * 6 * MIB;
    sample(7000 * MIB - cache / 100, 6800 * MIB - cache)
}

/// A program that takes 40 MB more whenever it is told to.
struct Grower {
    child: Child,
    tell: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Grower {
    fn start() -> Self {
        let grow =
            "x=; while read _; do x=\"$x$(head -c 40000000 /dev/zero | tr '\\0' a)\"; echo; done";
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", grow]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let tell = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, tell, answers }
    }

    fn grow(&mut self) {
        writeln!(self.tell).unwrap();
        self.answers.read_line(&mut String::new()).unwrap();
    }
}

impl Drop for Grower {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn forecast(head: SocketAddr, node: &str) -> Value {
    get(head, &format!("/api/v1/nodes/{node}")).json()["forecast"].clone()
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < JUDGED, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
    began.elapsed()
}

/// What history tells of a node that leaks until now, but for the last minute.
fn past(node: &str) -> String {
    let now_ms = now_ms();
    let made = |second: u64| Made {
        node: node.into(),
        boot: format!("boot-{node}"),
        seq: second,
        at_ms: now_ms - (UP_S - second) * 1000,
        uptime_us: second * 1_000_000,
        values: leaking(second).iter().filter_map(|(field, value)| Some((field, value?))).collect(),
    };
    made::lines(&(UP_S - BACK_S..UP_S - 60).map(made).collect::<Vec<_>>())
}

#[test]
fn leaks_are_foreseen_and_full_caches_are_not() {
    let fake = FakeProc::new();
    let args = fake.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let plan = HeadPlan::new(&fake.path("data"), &args);
    made::import(&plan.data, &past("known"));
    let tokens = ["leaks", "fills", "known"].map(|name| plan.token(name));
    let head = plan.start("127.0.0.1:0", &bare);
    let at = head.address;
    let [leaks, fills, known] = &tokens;
    let mut leaks = Reporter::connect(at, leaks, "leaks");
    leaks.report(UP_S - BACK_S, leaking);
    let mut fills = Reporter::connect(at, fills, "fills");
    fills.report(UP_S - BACK_S, filling);
    // After a restart of the head: a minute is all that it hears itself.
    let mut known = Reporter::connect(at, known, "known");
    known.report(UP_S - 60, leaking);

    let took = wait_for("a forecast", || {
        known.go_on(leaking);
        leaks.go_on(leaking);
        forecast(at, "leaks").is_object()
    });
    say(format_args!("a leak was called {} s after its readings came", took.as_secs()));
    let told = forecast(at, "leaks");
    let left_s = (told["out_ms"].as_u64().unwrap() - now_ms()) / 1000;
    assert!((700..=800).contains(&left_s), "3000 MiB are left, 4 a second: {told}");
    let per_s = told["lost_per_hour"].as_u64().unwrap() / 3600 / (MIB / 100);
    assert!((390..=410).contains(&per_s) && told["quality"] == "good", "{told}");
    wait_for("one from history", || {
        known.go_on(leaking);
        leaks.go_on(leaking);
        forecast(at, "known").is_object()
    });
    let left_s = (forecast(at, "known")["out_ms"].as_u64().unwrap() - now_ms()) / 1000;
    assert!((650..=850).contains(&left_s), "{left_s} s");

    // Who follows is told, also who comes later; and so is who asks in a terminal.
    let nodes = run(async {
        let mut follower = Follower::overview(at).await;
        let mut roster = None;
        loop {
            match follower.message().await {
                FeedMessage::Roster(told) => roster = Some(told),
                FeedMessage::Forecasts(told) => {
                    let roster = roster.unwrap();
                    let of = |node: u32| roster.nodes.iter().find(|one| one.node == node);
                    let ids = told.iter().map(|told| of(told.node).unwrap().id.to_string());
                    return ids.collect::<std::collections::BTreeSet<String>>();
                }
                _ => {}
            }
        }
    });
    assert_eq!(nodes, ["known".to_owned(), "leaks".to_owned()].into());
    let output = headroom(["free", "--head", &format!("http://{at}")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("\nleaks: runs out in 1") && text.contains("\nknown: runs out"),
        "{text}"
    );
    assert!(!text.contains("fills:"), "{text}");

    // The head asks who grows. Real sweeps, as if a minute lay between them.
    leaks.go_on(leaking);
    while !matches!(leaks.hear(), AgentRequest::Look {}) {
        leaks.go_on(leaking);
    }
    let mut grower = Grower::start();
    let mut sweep = Sweep::new(&Roots { proc: "/proc".into(), sys: "/sys".into() }, 4096);
    for minute in 0..5 {
        grower.grow();
        let swept = sweep.take(false, &mut || false);
        let usage = Usage { uptime_us: (UP_S + minute * 60) * 1_000_000, ..swept };
        leaks.say(&AgentMessage::Usage(usage));
        leaks.go_on(leaking);
    }
    let pid = grower.child.id();
    let is_named = || {
        leaks.go_on(leaking);
        fills.go_on(filling);
        let told = forecast(at, "leaks");
        let suspects = told["suspects"].as_array().cloned().unwrap_or_default();
        suspects.iter().any(|suspect| suspect["pid"] == pid && suspect["name"] == "sh")
    };
    wait_for("the name of who grows", is_named);
    assert_eq!(forecast(at, "fills"), Value::Null);
    assert_eq!(get(at, "/api/v1/nodes").json()["nodes"].as_array().unwrap().len(), 4);
}
