//! A head that is killed at any moment: what it said is on disk is there, once and in order, and
//! nothing that agents told is lost.
//!
//! `cargo test` kills it a few times; `cargo xtask soak crash` two hundred times, with sixteen nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use headroom::history::{Ask, Limits, Store};
use headroom::probe::Roots;
use rustix::process::Signal;
use shared::history::Kept;
use shared::wire::AgentReading;
use shared::{Field, NodeId};

use crate::cluster::{HeadPlan, bare};
use crate::spy::Spies;
use crate::support::{FakeProc, SOON, say, until};

/// Between two readings.
const PERIOD_MS: u32 = 100;

/// How often it is killed, and while how many nodes report.
fn size() -> (u32, usize) {
    if std::env::var_os("XTASK_SOAK").is_some() { (200, 16) } else { (5, 6) }
}

/// All that is on disk of a node, in the order it is told, with the boots.
pub(crate) fn stored(path: &Path, node: &NodeId) -> Vec<(String, Kept)> {
    let keep = [Duration::from_hours(24 * 400); 5];
    let store = Store::open(path, &Limits { max_bytes: 1 << 30, keep }).unwrap();
    let reader = store.read().unwrap();
    let mut found = Vec::new();
    let ask = Ask { node, span: 0..u64::MAX, fields: Field::ALL, recent: &[] };
    let mut each = |boot: &str, kept: Kept| {
        found.push((boot.to_owned(), kept));
        ControlFlow::Continue(())
    };
    reader.readings(&ask, &mut each).unwrap();
    found
}

/// The readings of a node that are on disk, by their numbers; fails unless each is there once and in
/// order.
fn in_order(path: &Path, node: &NodeId) -> BTreeMap<u64, AgentReading> {
    let mut last: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (boot, Kept { seq, reading }) in stored(path, node) {
        let now = (seq, reading.uptime_us, reading.at_ms);
        if let Some(before) = last.insert(boot, now) {
            assert!(
                before.0 < now.0 && before.1 < now.1 && before.2 <= now.2,
                "{before:?}, {now:?}"
            );
        }
        let (uptime_us, sample) = (reading.uptime_us, reading.sample);
        all.insert(seq, AgentReading { seq, uptime_us, sample });
    }
    all
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
    let caught_up = Instant::now() + 2 * SOON;
    for seen in &spies.seen {
        let before: Vec<u64> = seen.lock().unwrap().told.keys().copied().collect();
        loop {
            let durable: BTreeSet<u64> =
                seen.lock().unwrap().durable().map(|reading| reading.seq).collect();
            let missing = before.iter().filter(|seq| !durable.contains(seq)).count();
            if missing == 0 {
                break;
            }
            assert!(Instant::now() < caught_up, "{missing} readings never come to disk");
            thread::sleep(Duration::from_millis(50));
        }
    }
    shown.extend(head.record(&own).held.iter().map(|held| held.0));
    head.program.signal(Signal::TERM);
    assert!(head.program.wait(SOON).success(), "{}", head.program.stderr());
    let file = data.path().join("history.redb");
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
