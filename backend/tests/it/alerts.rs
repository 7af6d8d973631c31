//! A scripted fleet before a real head with real channels: exactly the messages that are listed, and no
//! more, whether the head is started anew in the middle or not.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use shared::black_box::{BlackBox, Killed, Ranked, Ranking, Why};
use shared::run::Run;
use shared::survey::{Finding, Severity, Survey};

use crate::actors::{Cast, Part};
use crate::cluster::{Head, HeadPlan, bare};
use crate::fleets::plain;
use crate::receiver::Receiver;
use crate::support::{FakeProc, SOON, command, say, until};

/// After the last thing happened, all has been told within this time.
const TOLD: Duration = Duration::from_mins(1);
/// Then nothing more comes for so long.
const QUIET: Duration = Duration::from_secs(4);
/// Nodes behind the switch that dies.
const BEHIND: usize = 40;

/// Rules as they are by default, but in less time.
const RULES: &str = r#"
[alerts]
group_nodes = 10
group_for = "1s"
[alerts.rules]
low_share = { begin_for = "2s", end_for = "2s" }
pressure = { begin_for = "1s", end_for = "1s" }
thrashing = { begin_for = "2s", end_for = "1s" }
out_of_memory = { end_for = "10s" }
unheard = { begin = "3s", end = "3s", end_for = "1s" }
clock_off = { begin_for = "2s", end_for = "1s" }
finding = { begin_for = "1s", end_for = "2s" }
head = { end_for = "1s" }
channel = { begin_for = "2s", end_for = "1s" }
"#;

/// Channels of the settings file: what their names are, and where they lead.
pub(crate) fn channels(all: &[(&str, &Receiver)]) -> String {
    let channel = |(name, receiver): &(&str, &Receiver)| {
        let url = receiver.url();
        format!("[[alerts.channels]]\nname = {name:?}\nkind = \"webhook\"\nurl = {url:?}\n")
    };
    all.iter().map(channel).collect()
}

/// A head with these settings, whose own machine is `fake`.
pub(crate) fn plan(fake: &FakeProc, data: &Path, settings: &str) -> HeadPlan {
    fake.write("headroom.toml", &format!("{RULES}{settings}"));
    let config = fake.path("headroom.toml").display().to_string();
    let mut args: Vec<String> = fake.args().into();
    args.extend(["--config".into(), config, "--period-ms".into(), "250".into()]);
    HeadPlan { data: data.into(), args }
}

/// How a head ends before it is started anew.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Restart {
    Never,
    Told,
    Killed,
}

impl Restart {
    pub(crate) const ALL: [Self; 3] = [Self::Never, Self::Told, Self::Killed];

    /// Ends the head in this way, and starts it again where it was.
    pub(crate) fn of(self, mut head: Head, plan: &HeadPlan) -> Head {
        match self {
            Self::Never => return head,
            Self::Told => {
                head.program.signal(Signal::TERM);
                assert!(head.program.wait(SOON * 3).success(), "{}", head.program.stderr());
            }
            Self::Killed => head.program.kill(),
        }
        let address = head.address.to_string();
        drop(head);
        plan.start(&address, &bare)
    }
}

/// What a receiver was told: of each incident, by its cause and nodes, the kinds of steps in order.
pub(crate) fn told(receiver: &Receiver) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, (u64, Vec<String>)> = BTreeMap::new();
    for message in receiver.taken() {
        let incident = &message["incident"];
        let nodes = incident["nodes"].as_array().unwrap();
        let whom = match nodes.as_slice() {
            [] => String::new(),
            [node] => format!(" {}", node.as_str().unwrap()),
            _ => format!(" {} nodes", nodes.len()),
        };
        let key = format!("{}{whom}", incident["cause"].as_str().unwrap());
        let id = incident["id"].as_u64().unwrap();
        let (first, kinds) = told.entry(key).or_insert((id, Vec::new()));
        let kind = message["step"]["kind"].as_str().unwrap();
        // Another incident of the same is no part of its thread.
        kinds.push(if *first == id { kind.into() } else { format!("{kind} of another") });
    }
    told.into_iter().map(|(key, (_, kinds))| (key, kinds)).collect()
}

/// Waits until exactly this was told, and sees that no more comes.
pub(crate) fn must_tell(receiver: &Receiver, what: &str, expected: &[(&str, &[&str])]) {
    let expected: BTreeMap<String, Vec<String>> = expected
        .iter()
        .map(|(key, kinds)| ((*key).into(), kinds.iter().map(|&kind| kind.into()).collect()))
        .collect();
    let deadline = Instant::now() + TOLD;
    while told(receiver) != expected && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(100));
    }
    thread::sleep(QUIET);
    assert_eq!(told(receiver), expected, "{what}");
}

/// Waits for what needs its time; fails if it does not come.
pub(crate) fn until_told(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + TOLD;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The message of this kind about an incident of this cause and node.
fn message(receiver: &Receiver, cause: &str, node: &str, kind: &str) -> Value {
    let is_it = |message: &Value| {
        let incident = &message["incident"];
        incident["cause"] == cause
            && incident["nodes"][0] == node
            && message["step"]["kind"] == kind
    };
    receiver.taken().into_iter().find(is_it).unwrap()
}

const OTHERS: [&str; 7] = ["leak", "cache", "swap", "oom", "flap", "clock", "found"];

fn cast(plan: &HeadPlan, head: &Head) -> Cast {
    let mut nodes: Vec<(String, String)> =
        OTHERS.iter().map(|name| ((*name).into(), plan.token(name))).collect();
    let mut create = command();
    create.args(["token", "create", "pi", "--count", &BEHIND.to_string(), "--json"]);
    create.args(["--head", "http://127.0.0.1:1", "--data-dir"]).arg(&plan.data);
    let made: Value = serde_json::from_slice(&create.output().unwrap().stdout).unwrap();
    for made in made.as_array().unwrap() {
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        nodes.push((text("name"), text("token")));
    }
    assert_eq!(nodes.len(), OTHERS.len() + BEHIND);
    let count = nodes.len();
    let cast = Cast::start(head.address, nodes);
    until("all nodes to be live", || {
        let health = head.get("/healthz").json();
        (health["live"].as_u64() == Some(count as u64 + 1)).then_some(())
    });
    cast
}

pub(crate) fn black_box() -> BlackBox {
    let row = |pid, name: &str, mib: u64| Ranked { pid, name: name.into(), bytes: mib << 20 };
    let killed = Killed {
        pid: 77,
        name: "hog".into(),
        bytes: Some(3 << 30),
        group: None,
        uptime_us: u64::MAX,
        is_logged: true,
    };
    BlackBox {
        why: Why::OutOfMemory,
        uptime_us: 0,
        killed: vec![killed],
        rankings: vec![Ranking {
            uptime_us: 1,
            rows: vec![row(77, "hog", 3000), row(1, "init", 9)],
        }],
        readings: Run::default(),
        note: None,
    }
}

fn behind(cast: &Cast, change: impl Fn(&mut Part)) {
    for number in 1..=BEHIND {
        cast.set(&format!("pi-{number:02}"), &change);
    }
}

fn play(restart: Restart) {
    let fake = FakeProc::new();
    let (phone, dead) = (Receiver::start(true), Receiver::start(false));
    let settings = channels(&[("phone", &phone), ("dead", &dead)]);
    let plan = plan(&fake, &fake.path("data"), &settings);
    let head = plan.start("127.0.0.1:0", &bare);
    let cast = cast(&plan, &head);
    // What the doctor finds from now on is news.
    thread::sleep(Duration::from_secs(4));
    let start = Instant::now();
    let at = |tenths: u64| {
        thread::sleep((start + Duration::from_millis(tenths * 100)).duration_since(Instant::now()));
    };
    let finding = Finding {
        id: "swap-on-sd".into(),
        severity: Severity::Trouble,
        finding: "Swap lies on the card.".into(),
        evidence: String::new(),
        fix: String::new(),
    };
    cast.set("flap", |part| part.is_up = false);
    cast.set("leak", |part| part.available = 150);
    cast.set("cache", |part| part.cached = 2040);
    cast.set("swap", |part| {
        part.available = 700;
        part.thrashing = 2000;
    });
    cast.set("clock", |part| part.ahead_ms = 60_000);
    cast.set("found", |part| part.survey = Survey { findings: vec![finding], ..Survey::default() });
    at(40);
    behind(&cast, |part| part.is_up = false);
    at(65);
    cast.set("flap", |part| part.is_up = true);
    cast.set("swap", |part| part.pressure = 0.6);
    at(80);
    cast.set("oom", |part| {
        part.kills += 1;
        part.boxes.push(black_box());
    });
    at(95);
    cast.set("flap", |part| part.is_up = false);
    at(150);
    let head = restart.of(head, &plan);
    at(185);
    for name in ["leak", "swap", "clock", "found", "flap"] {
        cast.set(name, |part| *part = Part::default());
    }
    behind(&cast, |part| part.is_up = true);
    must_tell(
        &phone,
        &format!("restarted: {restart:?}"),
        &[
            ("memory leak", &["opened", "over"]),
            ("memory swap", &["opened", "worse", "over"]),
            ("memory oom", &["opened", "over"]),
            ("unheard flap", &["opened", "over", "update", "over"]),
            ("unheard 40 nodes", &["opened", "over"]),
            ("clock clock", &["opened", "over"]),
            ("finding found", &["opened", "over"]),
            ("channel", &["opened"]),
        ],
    );
    assert!(dead.was_asked() && dead.taken().is_empty());
    let leak = message(&phone, "memory", "leak", "opened");
    let text = plain(leak["step"]["text"].as_str().unwrap());
    assert_eq!(text, "leak has little memory left: 150 MiB of 4.00 GiB is available (3.7 %).");
    assert_eq!(leak["incident"]["top"][0]["name"], "actor-1");
    assert_eq!(leak["incident"]["top"].as_array().unwrap().len(), 3);
    let oom = message(&phone, "memory", "oom", "opened");
    let text = oom["step"]["text"].as_str().unwrap();
    assert!(text.contains("the kernel killed hog (process 77"), "{text}");
    assert_eq!(oom["incident"]["top"][0]["name"], "hog");
    let url = oom["url"].as_str().unwrap();
    assert_eq!(url, format!("http://{}/incidents/{}", head.address, oom["incident"]["id"]));
    // Boxes stay with their incidents: the agent's, and the last words of who was not heard.
    let boxes = |message: &Value| {
        let id = &message["incident"]["id"];
        head.get(&format!("/api/v1/incidents/{id}")).json()["boxes"].clone()
    };
    assert_eq!(boxes(&oom)[0]["what"]["why"], "out_of_memory");
    let last = boxes(&message(&phone, "unheard", "flap", "opened"));
    assert_eq!(last[0]["what"]["why"], "last_words");
    assert!(last[0]["readings"].as_array().unwrap().len() >= 3, "{}", last[0]["readings"]);
    let open = head.get("/api/v1/incidents?open=true").json();
    let open: Vec<&Value> = open.as_array().unwrap().iter().map(|it| &it["cause"]).collect();
    assert_eq!(open, ["channel"]);
    if matches!(restart, Restart::Killed) {
        // What the line of time had not on disk yet is gone.
        return;
    }
    // The line of time knows them too: what began, what became worse, and what ended.
    let events = head.get("/api/v1/events?from=-1h").json();
    let count = |kind: &str| {
        events.as_array().unwrap().iter().filter(|event| event["kind"] == kind).count()
    };
    assert!(count("incident") >= 9 && count("incident_over") >= 7, "{}", events.to_string().len());
}

#[test]
fn a_scripted_fleet_gives_exactly_these_messages_whatever_becomes_of_the_head() {
    let begun = Instant::now();
    thread::scope(|scope| {
        let scripts = Restart::ALL.map(|restart| scope.spawn(move || play(restart)));
        let failed = scripts.map(|script| script.join().is_err());
        assert_eq!(failed, [false; 3], "of {:?}", Restart::ALL);
    });
    say(format_args!(
        "a fleet of {} nodes, three heads, one dead channel: 18 messages each, in {} s",
        OTHERS.len() + BEHIND + 1,
        begun.elapsed().as_secs()
    ));
}
