//! A cluster of machines with networks of their own, and what happens to such: whatever it is, the head
//! has every reading that was taken exactly once, in order.
//!
//! `cargo test` runs each trouble for seconds; `cargo xtask soak hosts` for as long as the name says.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use headroom::clock::uptime_us;
use rustix::process::Signal;

use crate::cluster::{Head, HeadPlan, Program, Record};
use crate::netns::Network;
use crate::proxy::Proxy;
use crate::support::say;

const PORT: u16 = 8443;
/// How long an agent that died is away.
const AWAY: Duration = Duration::from_secs(4);
const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// A head remembers five minutes; what is older may be gone.
const REMEMBERED: u64 = 285;

/// How long each trouble lasts.
struct Durations {
    cut: Duration,
    loss: Duration,
    freeze: Duration,
    /// Within this time after a trouble all is as it was.
    recovery: Duration,
}

impl Durations {
    fn chosen() -> Self {
        let seconds = Duration::from_secs;
        if std::env::var_os("XTASK_SOAK").is_some() {
            let (cut, loss, freeze) = (seconds(90), seconds(60), seconds(20));
            // The longest wait between two tries is a minute.
            return Self { cut, loss, freeze, recovery: seconds(90) };
        }
        let (cut, loss, freeze) = (seconds(12), seconds(10), seconds(10));
        Self { cut, loss, freeze, recovery: seconds(40) }
    }
}

/// A head and four nodes on a network.
struct Cluster {
    agents: Vec<Program>,
    tokens: Vec<String>,
    head: Head,
    plan: HeadPlan,
    proxy: Proxy,
    /// What `n4` takes for the time: how far it is off.
    time: PathBuf,
    faketime: Option<String>,
    /// Gone last, when nobody is on it any more.
    network: Network,
    _data: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Result<Self, String> {
        let network = Network::of(&["head", "n1", "n2", "n3", "n4"])?;
        let data = tempfile::tempdir().unwrap();
        let plan = HeadPlan::new(data.path(), &["--anonymous-read"]);
        let tokens: Vec<String> = NODES.iter().map(|name| plan.token(name)).collect();
        let home = network.host("head");
        let head = plan.start(&format!("{}:{PORT}", home.address), &|it| home.wrap(it, &[]));
        let time = data.path().join("time");
        std::fs::write(&time, "+0").unwrap();
        let slow = network.host("n2");
        let at = (slow.address, PORT).into();
        let proxy = slow.inside(|| Proxy::start(at, head.address, Duration::ZERO));
        let faketime = faketime();
        let mut cluster = Self {
            agents: Vec::new(),
            tokens,
            head,
            plan,
            proxy,
            time,
            faketime,
            network,
            _data: data,
        };
        for node in 0..NODES.len() {
            let agent = cluster.agent(node);
            cluster.agents.push(agent);
        }
        Ok(cluster)
    }

    fn agent(&self, node: usize) -> Program {
        let host = self.network.host(NODES[node]);
        let mut more = Vec::new();
        if let (3, Some(library)) = (node, &self.faketime) {
            more.push(format!("LD_PRELOAD={library}"));
            more.push(format!("FAKETIME_TIMESTAMP_FILE={}", self.time.display()));
            more.extend(["FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_NO_CACHE=1"].map(Into::into));
        }
        let at = if node == 1 { self.proxy.address() } else { self.head.address };
        self.head.agent_at(at, &self.tokens[node], &[], &|it| host.wrap(it, &more))
    }

    fn restart_head(&mut self) {
        let home = self.network.host("head");
        self.head = self.plan.start(&format!("{}:{PORT}", home.address), &|it| home.wrap(it, &[]));
    }

    fn record(&self, node: usize) -> Record {
        let head = &self.head;
        self.network.host("head").inside(|| head.record(NODES[node]))
    }

    fn records(&self) -> Vec<Record> {
        (0..NODES.len()).map(|node| self.record(node)).collect()
    }

    /// Waits until the head holds all of a node, up to now, with so many gaps in it; says how long that
    /// took.
    fn recovers(&self, node: usize, gaps: usize, most: Duration) -> Duration {
        let begun = Instant::now();
        loop {
            let record = self.record(node);
            let newest = record.held.last().map_or(0, |held| held.1);
            let late = Duration::from_micros(uptime_us().saturating_sub(newest));
            let fault = record.fault(gaps);
            if fault.is_none() && late < Duration::from_secs(3) {
                return begun.elapsed();
            }
            assert!(
                begun.elapsed() < most,
                "{} is not whole after {most:?}: {fault:?}, the newest is {late:?} old, and its agent \
                 says:\n{}",
                NODES[node],
                self.agents[node].stderr()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The amount by which the head says that the clock of a node is off, in s.
    fn clock_off(&self, node: usize) -> Option<i64> {
        let head = &self.head;
        let path = format!("/api/v1/nodes/{}/doctor", NODES[node]);
        let findings = self.network.host("head").inside(|| head.get(&path)).json();
        let finding = findings.as_array()?.iter().find(|found| found["id"] == "clock-off")?.clone();
        let evidence = finding["evidence"].as_str()?;
        evidence.split_whitespace().rev().find_map(|word| word.parse().ok())
    }
}

/// The library that makes a program believe another time of day.
pub(crate) fn faketime() -> Option<String> {
    let mut dirs = std::fs::read_dir("/usr/lib").ok()?;
    let library = |dir: std::io::Result<std::fs::DirEntry>| {
        let path = dir.ok()?.path().join("faketime/libfaketime.so.1");
        path.exists().then(|| path.to_str().unwrap().to_owned())
    };
    dirs.find_map(library)
}

/// What was held before is still there, as far back as a head remembers.
fn assert_kept(what: &str, node: usize, before: &Record, after: &Record) {
    let first = |record: &Record| record.held.first().map_or(u64::MAX, |held| held.0);
    let remembered = after.last().saturating_sub(REMEMBERED);
    let from = first(before).max(remembered);
    let name = NODES[node];
    assert!(first(after) <= from, "{what}: {name} begins at {}, not {from}", first(after));
}

/// Readings were taken all the time: as many as there were seconds.
fn assert_on_time(node: usize, record: &Record) {
    let (Some(first), Some(last)) = (record.held.first(), record.held.last()) else {
        panic!("nothing of {}", NODES[node]);
    };
    let (taken, seconds) = (last.0 - first.0, (last.1 - first.1) / 1_000_000);
    assert!(taken + 2 + seconds / 20 >= seconds, "{}: {taken} in {seconds} s", NODES[node]);
}

#[test]
fn real_hosts_lose_nothing() {
    let mut cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => return say(format_args!("NOT RUN: {why}")),
    };
    let durations = Durations::chosen();
    let recovery = durations.recovery;
    for node in 0..NODES.len() {
        cluster.recovers(node, 0, recovery);
    }
    thread::sleep(Duration::from_secs(2));

    troubles_of_nodes(&mut cluster, &durations);
    let records = cluster.records();
    for node in [0, 1, 3] {
        assert_on_time(node, &records[node]);
    }

    // What the first agent of n3 told is gone with the head; the second still has what is its own.
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        let before = cluster.records();
        cluster.head.program.kill();
        cluster.restart_head();
        for (node, before) in before.iter().enumerate() {
            slowest = slowest.max(cluster.recovers(node, 0, recovery));
            if node != 2 {
                assert_kept("head killed", node, before, &cluster.record(node));
            }
        }
    }
    say(format_args!(
        "head killed -9 and started again, three times: whole after {slowest:.1?} at most"
    ));

    let before = cluster.records();
    cluster.head.program.signal(Signal::STOP);
    thread::sleep(durations.freeze);
    cluster.head.program.signal(Signal::CONT);
    let mut slowest = Duration::ZERO;
    for (node, before) in before.iter().enumerate() {
        slowest = slowest.max(cluster.recovers(node, 0, recovery));
        let after = cluster.record(node);
        assert_kept("head frozen", node, before, &after);
        assert_on_time(node, &after);
    }
    say(format_args!("head frozen for {:?}: whole after {slowest:.1?}", durations.freeze));
}

/// Each node has its own trouble, all at once.
fn troubles_of_nodes(cluster: &mut Cluster, durations: &Durations) {
    let Durations { cut, loss, recovery, .. } = *durations;
    let begun = Instant::now();
    let before = cluster.records();

    cluster.network.plug("n1", false);
    let slow = cluster.network.host("n2");
    let lossy = slow.lose(20);
    cluster.proxy.delay(Duration::from_millis(200));
    cluster.agents[2].kill();
    let mut jumps = Vec::new();
    if cluster.faketime.is_some() {
        for (offset, seconds) in [("+1d", 86_400_i64), ("-1d", -86_400)] {
            std::fs::write(&cluster.time, offset).unwrap();
            let told = loop {
                let told = cluster.clock_off(3).filter(|told| (told - seconds).abs() < 5);
                if told.is_some() || begun.elapsed() > Duration::from_secs(40) {
                    break told;
                }
                thread::sleep(Duration::from_millis(200));
            };
            jumps.push(told.unwrap_or_else(|| panic!("{offset}: {:?}", cluster.clock_off(3))));
        }
        std::fs::write(&cluster.time, "+0").unwrap();
    } else {
        say("NOT RUN: clocks that jump, for there is no faketime (Debian's package of that name)");
    }
    thread::sleep(AWAY.saturating_sub(begun.elapsed()));
    cluster.agents[2] = cluster.agent(2);
    thread::sleep(loss.saturating_sub(begun.elapsed()));
    let lost_for = begun.elapsed();
    let lossy = lossy.map(|()| slow.lose_no_more());
    cluster.proxy.delay(Duration::ZERO);
    let healed = cluster.recovers(1, 0, recovery);
    let how = match lossy {
        Ok(dropped) => {
            assert!(dropped > 0, "no packet was dropped");
            format!("20 % of packets ({dropped}) dropped by nftables, 200 ms delay by a proxy")
        }
        Err(why) => format!("200 ms delay by a proxy; NOT RUN: dropping packets: {why}"),
    };
    say(format_args!("{how}, for {lost_for:.0?}: whole after {healed:.1?}"));

    thread::sleep(cut.saturating_sub(begun.elapsed()));
    let cut_for = begun.elapsed();
    cluster.network.plug("n1", true);
    cluster.agents[0].says("the link to the head was lost");
    let healed = cluster.recovers(0, 0, recovery);
    say(format_args!("link cut for {cut_for:.0?}: whole after {healed:.1?}"));

    let healed = cluster.recovers(2, 1, recovery);
    let after = cluster.record(2);
    let gap = after.held.windows(2).find(|pair| pair[1].0 != pair[0].0 + 1).unwrap();
    let missing = (gap[1].1 - gap[0].1) / 1_000_000;
    say(format_args!("agent killed -9: a gap of {missing} s, whole after {healed:.1?}"));
    assert_kept("agent killed", 2, &before[2], &after);
    assert!(gap[0].0 >= before[2].last(), "more is missing than died with it");

    cluster.recovers(3, 0, recovery);
    if !jumps.is_empty() {
        say(format_args!("clock jumped (faketime), and the head found it off by {jumps:?} s"));
    }
    for node in [0, 1, 3] {
        assert_kept("trouble of its own", node, &before[node], &cluster.record(node));
    }
}

#[test]
fn an_agent_finds_the_head_that_is_meant() {
    let network = match Network::of(&["head", "trap", "n1"]) {
        Ok(network) => network,
        Err(why) => return say(format_args!("NOT RUN: {why}")),
    };
    let data = tempfile::tempdir().unwrap();
    let start = |name: &str| {
        let plan = HeadPlan::new(&data.path().join(name), &["--anonymous-read", "--announce"]);
        let token = plan.token("n1");
        let host = network.host(name);
        let head = plan.start(&format!("{}:{PORT}", host.address), &|it| host.wrap(it, &[]));
        (head, token)
    };
    // Whoever else calls himself a head comes first.
    let (trap, _) = start("trap");
    let (head, token) = start("head");
    let mut agent = crate::support::command();
    let pin = head.fingerprint.unwrap().to_string();
    agent.args(["agent", "--discover", "--fingerprint", &pin, "--token-file", "-"]);
    let agent = Program::start(&mut network.host("n1").wrap(&agent, &[]), &format!("{token}\n"));
    let begun = Instant::now();
    while !agent.stderr().contains("as n1") {
        if begun.elapsed() > Duration::from_secs(25) {
            if agent.stderr().contains("no head was found") {
                return say("NOT RUN: multicast does not get through on this bridge");
            }
            panic!("the head is not found: {}", agent.stderr());
        }
        thread::sleep(Duration::from_millis(50));
    }
    say(format_args!("found after {:.1?}: {}", begun.elapsed(), agent.stderr().trim()));
    let known = network.host("head").inside(|| head.state("n1"));
    assert_eq!(known, "live");
    let to_the_trap = network.host("trap").inside(|| trap.state("n1"));
    assert_eq!(to_the_trap, "never seen");
}
