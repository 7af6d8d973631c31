//! A head with a past whose every value is known: it was imported.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::client::get;
use crate::stage::now_ms;
use crate::support::{FakeProc, Server, command};

pub(crate) const SECOND: u64 = 1000;
pub(crate) const HOUR: u64 = 3600 * SECOND;
pub(crate) const DAY: u64 = 24 * HOUR;
const MIB: u64 = 1 << 20;
const TOTAL: u64 = 4096 * MIB;
/// What was left for one second, long ago.
pub(crate) const LEAST: u64 = 37 * MIB;

/// A head whose history holds two nodes: a quarter of an hour at 1 Hz two hours ago, and a day twenty days
/// ago, with one second in it in which hardly anything was left.
pub(crate) struct Past {
    pub(crate) server: Server,
    /// The middle of the quarter of an hour, in ms since 1970.
    pub(crate) moment_ms: u64,
    /// The second in which hardly anything was left.
    pub(crate) spike_ms: u64,
    _fake: FakeProc,
}

impl Past {
    pub(crate) fn new() -> Self {
        let fake = FakeProc::new();
        let now_ms = now_ms() / SECOND * SECOND;
        let (moment_ms, spike_ms) = (now_ms - 2 * HOUR, now_ms - 20 * DAY);
        let mut lines = json!({ "headroom_history": 1 }).to_string() + "\n";
        for (number, node) in ["pi-a", "pi-b"].into_iter().enumerate() {
            let facts = json!({ "host_name": node, "model": "Pi of the past", "page_size": 4096 });
            say_of(
                &mut lines,
                "facts",
                &json!({
                    "at_ms": now_ms - 21 * DAY, "node": node, "facts": facts, "labels": [], "period_ms": 1000,
                }),
            );
            let old = (0..1440).map(|minute| spike_ms - DAY / 2 + minute * 60 * SECOND);
            let near = (0..120).map(|second| spike_ms - 60 * SECOND + second * SECOND);
            let fresh = (0..900).map(|second| moment_ms - 450 * SECOND + second * SECOND);
            let mut times: Vec<u64> = old.chain(near).chain(fresh).collect();
            times.sort_unstable();
            times.dedup();
            for (seq, at_ms) in times.into_iter().enumerate() {
                let second = at_ms / SECOND;
                let usual = (1000 + second % 500 + 300 * number as u64) * MIB;
                let available = if at_ms == spike_ms && number == 0 { LEAST } else { usual };
                say_of(
                    &mut lines,
                    "reading",
                    &json!({
                        "node": node, "boot": "then", "seq": seq, "at_ms": at_ms,
                        "uptime_us": (at_ms - (now_ms - 30 * DAY)) * 1000,
                        "sample": {
                            "total": TOTAL, "free": available / 2, "available": available,
                            "cached": available / 2, "active_file": available / 4,
                            "inactive_file": available / 4, "swap_total": 512 * MIB,
                            "swap_free": 400 * MIB, "temperature_millicelsius": 40_000 + second % 500 * 10,
                            "pressure_some_us": second * 50_000,
                        },
                    }),
                );
            }
        }
        for (at_ms, kind, text) in [
            (moment_ms - 60 * SECOND, "booted", "pi-a booted."),
            (spike_ms, "out_of_memory", "The kernel of pi-a killed <b>java</b>."),
        ] {
            let event = json!({ "at_ms": at_ms, "node": "pi-a", "kind": kind, "text": text });
            say_of(&mut lines, "event", &event);
        }
        let process = json!({
            "pid": 77, "name": "postgres", "anon": 300 * MIB, "shmem": 0, "file": 0, "swap": 0, "pss": null,
        });
        say_of(
            &mut lines,
            "usage",
            &json!({
                "at_ms": moment_ms - 30 * SECOND, "node": "pi-a",
                "usage": {
                    "uptime_us": 1, "took_us": 1, "process_count": 123, "processes": [process],
                    "group_count": 0, "groups": [], "no_groups": "none here",
                },
            }),
        );
        fake.write("past.jsonl", &lines);
        let imported = command()
            .args(["import", "--data-dir"])
            .args([fake.path("data"), fake.path("past.jsonl")])
            .output()
            .unwrap();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let server = Server::start(&fake, &[]);
        Self { server, moment_ms, spike_ms, _fake: fake }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// What the head itself tells of a node at a moment, to the byte.
    pub(crate) fn available(&self, node: &str, at_ms: u64) -> u64 {
        let (from, to) = (at_ms, at_ms + 1);
        let path =
            format!("/api/v1/nodes/{node}/history?from={from}&to={to}&step=raw&fields=available");
        let answer = get(self.server.address(), &path).json();
        let rows = answer["nodes"][0]["rows"].as_array().unwrap();
        rows[0].as_array().unwrap().last().unwrap().as_u64().unwrap()
    }
}

fn say_of(lines: &mut String, kind: &str, value: &Value) {
    writeln!(lines, "{}", json!({ kind: value })).unwrap();
}
