//! A head that is killed at any moment: what it said is on disk is there, once and in order, and
//! nothing that agents told is lost.
//!
//! `cargo test` kills it a few times; `cargo xtask soak crash` two hundred times, with sixteen nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use headroom::clock::uptime_us;
use headroom::history::{Ask, Limits, Store};
use headroom::probe::Roots;
use rustix::process::Signal;
use shared::history::Kept;
use shared::wire::AgentReading;
use shared::{Field, NodeId};

use crate::cluster::{HeadPlan, bare};
use crate::spy::{Seen, Spies};
use crate::support::{FakeProc, SOON, say, until};

/// Between two readings.
const PERIOD_MS: u32 = 100;
/// Within this time after the last blow all is on disk.
const CAUGHT_UP: Duration = Duration::from_secs(40);

/// How often it is killed, and while how many nodes report.
fn size() -> (u32, usize) {
    if std::env::var_os("XTASK_SOAK").is_some() { (200, 16) } else { (5, 6) }
}

fn store(path: &Path) -> Store {
    let keep = [Duration::from_hours(24 * 400); 5];
    Store::open(path, &Limits { max_bytes: 1 << 30, keep }).unwrap()
}

/// All that is on disk of a node, in the order it is told, with the boots.
pub(crate) fn stored(path: &Path, node: &NodeId) -> Vec<(String, Kept)> {
    let mut found = Vec::new();
    let ask = Ask { node, span: 0..u64::MAX, fields: Field::ALL, recent: &[] };
    let mut each = |boot: &str, kept: Kept| {
        found.push((boot.to_owned(), kept));
        ControlFlow::Continue(())
    };
    let store = store(path);
    store.read().unwrap().readings(&ask, &mut each).unwrap();
    drop(store);
    found
}

/// The readings of a node that are on disk, by their numbers; fails unless each is there once and in
/// order.
fn in_order(path: &Path, node: &NodeId) -> BTreeMap<u64, AgentReading> {
    let mut found = stored(path, node);
    found.sort_by(|(a, one), (b, other)| (a, one.seq).cmp(&(b, other.seq)));
    for pair in found.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let ((_, before), (_, now)) = (&pair[0], &pair[1]);
        assert!(before.seq < now.seq, "twice: {}", now.seq);
        assert!(before.reading.uptime_us < now.reading.uptime_us, "out of order: {}", now.seq);
        // How late a first message came is known better later.
        assert!(before.reading.at_ms < now.reading.at_ms + 1000, "out of time: {}", now.seq);
    }
    let reading = |(_, Kept { seq, reading }): (String, Kept)| {
        (seq, AgentReading { seq, uptime_us: reading.uptime_us, sample: reading.sample })
    };
    found.into_iter().map(reading).collect()
}

#[test]
fn a_head_that_is_killed_at_any_moment_keeps_what_it_said_is_on_disk() {
    let (rounds, nodes) = size();
    let data = tempfile::tempdir().unwrap();
    let period = PERIOD_MS.to_string();
    let plan = HeadPlan::new(data.path(), &["--history-commit", "1s", "--period-ms", &period]);
    let names: Vec<String> = (0..nodes).map(|n| format!("spy-{n}")).collect();
    let tokens = names.iter().map(|name| plan.token(name)).collect();
    let fake = FakeProc::new();
    let roots = Roots { proc: fake.path("proc"), sys: fake.path("sys") };
    let mut head = plan.start("127.0.0.1:0", &bare);
    let address = head.address;
    let spies = Spies::start(address, tokens, &roots, PERIOD_MS);
    let own = own_node(&head, &names);
    let (mut shown, mut chance) = (BTreeSet::new(), 7_u64);
    for _ in 0..rounds {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        thread::sleep(Duration::from_millis(600 + (chance >> 33) % 1300));
        shown.extend(head.record(&own).held.iter().map(|held| held.0));
        head.program.kill();
        head = restart(&plan, address);
    }
    // Once it is left alone, all of it comes to disk.
    let told = |seen: &Arc<Mutex<Seen>>| seen.lock().unwrap().told.keys().copied().collect();
    let before: Vec<BTreeSet<u64>> = spies.seen.iter().map(told).collect();
    let deadline = Instant::now() + CAUGHT_UP;
    for ((name, seen), before) in names.iter().zip(&spies.seen).zip(before) {
        loop {
            let durable: BTreeSet<u64> =
                seen.lock().unwrap().durable().map(|reading| reading.seq).collect();
            let missing: Vec<&u64> = before.difference(&durable).collect();
            if missing.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "of {name} these never come to disk: {missing:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
    shown.extend(head.record(&own).held.iter().map(|held| held.0));
    head.program.signal(Signal::TERM);
    assert!(head.program.wait(SOON).success(), "{}", head.program.stderr());
    let file = data.path().join("history.redb");
    let store = store(&file);
    let checked = store.read().unwrap().check(&mut |_, _| ControlFlow::Continue(())).unwrap();
    drop(store);
    assert_eq!(checked.damages, 0, "{:?}", checked.damage);
    let mut count = 0;
    for (name, seen) in names.iter().zip(&spies.seen) {
        let seen = seen.lock().unwrap();
        let on_disk = in_order(&file, &NodeId::from_host_name(name));
        for reading in seen.durable() {
            assert_eq!(on_disk.get(&reading.seq), Some(reading), "{name}");
        }
        assert!(on_disk.keys().all(|seq| seen.told.contains_key(seq)), "{name} never told these");
        assert!(seen.links > 1, "{name} was not there when it happened");
        count += on_disk.len();
    }
    let on_disk = in_order(&file, &NodeId::from_host_name(&own));
    let lost: Vec<u64> = shown.iter().copied().filter(|seq| !on_disk.contains_key(seq)).collect();
    assert!(lost.is_empty() && !shown.is_empty(), "of the head's own node: {lost:?}");
    say(format_args!(
        "killed {rounds} times while {nodes} nodes reported: {count} of their readings and {} of its own \
         are on disk, each once and in order",
        on_disk.len()
    ));
}

/// The node of the head's own machine.
fn own_node(head: &crate::cluster::Head, others: &[String]) -> String {
    until("the head's own node", || {
        let nodes = head.get("/api/v1/nodes").json();
        let list = nodes.as_array().or_else(|| nodes["nodes"].as_array())?.clone();
        let mut ids = list.iter().filter_map(|node| node["id"].as_str());
        ids.find(|id| !others.iter().any(|other| other == id)).map(str::to_owned)
    })
}

/// Starts it at the same address, which the system may not have given back yet.
fn restart(plan: &HeadPlan, at: SocketAddr) -> crate::cluster::Head {
    plan.start(&at.to_string(), &bare)
}

/// A service manager makes a directory in RAM for an agent: what it read while its head was away outlives
/// the agent.
#[test]
fn an_agent_that_is_killed_goes_on_with_its_journal() {
    let (data, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = HeadPlan::new(data.path(), &["--history-commit", "1s"]);
    let token = plan.token("spy");
    let mut head = plan.start("127.0.0.1:0", &bare);
    let address = head.address;
    let machine = run.path().join("machine");
    std::fs::write(&machine, "0123456789abcdef").unwrap();
    let machine = machine.to_str().unwrap();
    let args = ["--period-ms", "100", "--machine-id-file", machine];
    let wrap = |program: &Command| {
        let mut program = bare(program);
        program.env("RUNTIME_DIRECTORY", run.path().join("agent"));
        program
    };
    let mut agent = head.agent_at(address, &token, &args, &wrap);
    until("the agent's readings", || (head.record("spy").last() > 0).then_some(()));
    head.program.kill();
    let alone_us = uptime_us();
    thread::sleep(Duration::from_secs(2));
    agent.kill();
    let dead_us = uptime_us();
    let _agent = head.agent_at(address, &token, &args, &wrap);
    let mut head = restart(&plan, address);
    until("the agent to come back", || (head.state("spy") == "live").then_some(()));
    until("what it read before", || {
        let shown = head.record("spy").held;
        shown.iter().any(|shown| (alone_us..dead_us).contains(&shown.1)).then_some(())
    });
    head.program.signal(Signal::TERM);
    assert!(head.program.wait(SOON).success(), "{}", head.program.stderr());
    let on_disk = in_order(&data.path().join("history.redb"), &NodeId::from_host_name("spy"));
    let alone = on_disk.values().filter(|it| (alone_us..dead_us).contains(&it.uptime_us)).count();
    assert!((17..=21).contains(&alone), "{alone} readings, not twenty, of when it was alone");
}
