//! A node that cannot be read for a while.

use std::process::Stdio;

use serde_json::Value;
use shared::Field;

use crate::client::{Follower, get, node_when, run};
use crate::support::{FakeProc, Server, command};

/// Breaks meminfo by `break_it`; the feed and the API must say `words`, and then recover.
fn trouble(break_it: impl FnOnce(&FakeProc), words: &str) {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "50"]);
    let at = server.address();
    let whole = fake.meminfo();
    node_when(at, "pi-test", |node| !node["sample"].is_null());
    run(async {
        let mut follower = Follower::json(at).await;
        follower.snapshot().await;
        break_it(&fake);
        let delta = follower.delta_when(|delta| !delta.troubles.is_empty()).await;
        let told = &delta.troubles[0];
        assert_eq!(told.node, 0);
        let path = fake.path("proc/meminfo").to_str().unwrap().to_owned();
        assert!(told.trouble.contains(words) && told.trouble.contains(&path), "{}", told.trouble);

        let node = node_when(at, "pi-test", |node| !node["trouble"].is_null());
        assert_eq!(node["trouble"], told.trouble.as_str());
        assert!(!node["sample"].is_null(), "the last reading is still told");
        // A reading that is not renewed is old after 1.5 s.
        node_when(at, "pi-test", |node| node["live"] == false);
        assert_eq!(get(at, "/healthz").json()["live"], 0);
        let mut newcomer = Follower::json(at).await;
        assert!(newcomer.snapshot().await.nodes[0].trouble.is_some());

        fake.write("proc/meminfo", &whole);
        fake.set_meminfo("MemFree", 1_234_568);
        let is_back = |delta: &shared::wire::Delta| {
            let free =
                |reading: &shared::wire::NodeReading| reading.reading.sample.get(Field::Free);
            delta.readings.iter().any(|reading| free(reading) == Some(1_234_568 * 1024))
        };
        let back = follower.delta_when(is_back).await;
        assert!(back.troubles.is_empty(), "{:?}", back.troubles);
        let node = node_when(at, "pi-test", |node| node["live"] == true);
        assert_eq!(node["trouble"], Value::Null);
    });
    let complaints = server.stderr();
    assert!(complaints.contains(words), "{complaints}");
    assert_eq!(complaints.lines().count(), 1, "said more than once: {complaints}");
}

#[test]
fn a_meminfo_that_is_gone() {
    trouble(|fake| fake.remove("proc/meminfo"), "cannot read");
}

#[test]
fn a_meminfo_without_total() {
    trouble(|fake| fake.replace_meminfo_line("MemTotal", ""), "has no line MemTotal");
}

/// `headroom 2>&1 | head -1` leaves a pipe that nobody reads.
#[test]
fn a_complaint_that_nobody_reads_stops_nothing() {
    let fake = FakeProc::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = command();
    program.args(["--listen", "127.0.0.1:0", "--period-ms", "50"]).args(fake.args());
    let server = Server::spawn(&mut program, Stdio::from(writer));
    let at = server.address();
    node_when(at, "pi-test", |node| node["live"] == true);
    let whole = fake.meminfo();
    fake.remove("proc/meminfo");
    node_when(at, "pi-test", |node| !node["trouble"].is_null());
    fake.write("proc/meminfo", &whole);
    node_when(at, "pi-test", |node| node["trouble"].is_null());
}
