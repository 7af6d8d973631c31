//! Will it fit? Asked of a real head with real agents.

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde_json::{Value, json};
use shared::Field;
use shared::fit::Answer;
use shared::history::{POSTCARD, from_postcard};

use crate::client::{get, request};
use crate::fleets::{Fleet, because, placed, plain};
use crate::made::{Made, lines, now_ms};
use crate::support::{command, headroom, until};

const MIB: u64 = 1 << 20;
const MINUTE_MS: u64 = 60_000;

/// An hour of a node, read every two seconds until now: what was available so many ms ago, in MiB.
fn hour(node: &str, now_ms: u64, available_mib: impl Fn(u64) -> u64) -> Vec<Made> {
    let reading = |seq: u64| {
        let ago_ms = (1800 - seq) * 2000;
        Made {
            node: node.into(),
            boot: format!("{node}-before"),
            seq,
            at_ms: now_ms - ago_ms,
            uptime_us: seq * 2_000_000,
            values: BTreeMap::from([
                (Field::Total, 3792 * MIB),
                (Field::Available, available_mib(ago_ms) * MIB),
            ]),
        }
    };
    (0..=1800).map(reading).collect()
}

/// The head was started just now; what its nodes had in the hour before is in history.
#[test]
fn a_dip_a_few_minutes_ago_counts_though_now_all_looks_well() {
    let now_ms = now_ms();
    let dips = hour("pi-1", now_ms, |ago_ms| match ago_ms / 1000 {
        // For 20 s, seven minutes ago.
        400..420 => 600,
        2400.. => 3600,
        _ => 2600,
    });
    let steady = hour("pi-2", now_ms, |_| 2200);
    let small = hour("pi-3", now_ms, |_| 1200);
    let past = lines(dips.iter().chain(&steady).chain(&small));
    let fleet = Fleet::start(&[("pi-1", 2600), ("pi-2", 2200), ("pi-3", 1200)], &past);

    let fit = fleet.fit("size=2GiB&reserve=0");
    assert_eq!(placed(&fit), [("pi-2", 1)], "now there is more on pi-1");
    assert_eq!(
        because(&fit, "pi-1"),
        "its least in the last 10 min was 600 MiB, though 2.54 GiB is available now"
    );
    assert_eq!(because(&fit, "pi-3"), "its least in the last 10 min was 1.17 GiB");
    assert_eq!(fit["summary"], "A copy of 2.00 GiB fits on pi-2.");
    assert_eq!(fit["job"]["over_min"], 10);
    // The dip is over for who looks back less far.
    let fit = fleet.fit("size=2GiB&reserve=0&over=5m&copies=2");
    assert_eq!(placed(&fit), [("pi-1", 1), ("pi-2", 1)]);
    // Two would fit by what is available now; the answer is to say what does, and when it did.
    let fit = fleet.fit("size=2100MiB&reserve=0&copies=2");
    assert_eq!((&fit["fits"], &fit["room"]), (&json!(false), &json!(1)));
    assert_eq!(fit["largest"], 1200 * MIB);
    let ago_min = |fit: &Value| {
        let last_ms = fit["last_fit_ms"].as_u64().unwrap();
        (fit["now_ms"].as_u64().unwrap() - last_ms) / MINUTE_MS
    };
    assert!((6..=17).contains(&ago_min(&fit)), "before the dip: {fit}");
    let fit = fleet.fit("size=3GiB&reserve=0");
    assert_eq!(fit["largest"], 2200 * MIB);
    assert!((40..=51).contains(&ago_min(&fit)), "when pi-1 had more: {fit}");
    let summary = plain(fit["summary"].as_str().unwrap());
    assert!(summary.starts_with(
        "A copy of 3.00 GiB does not fit: the largest that does is 2.15 GiB. It last would have 4"
    ));
    let never = fleet.fit("size=3700MiB&reserve=0");
    assert!(never["last_fit_ms"].is_null(), "{never}");
    // As much stays free as is usual, unless it is said.
    let usual = fleet.fit("size=2100MiB");
    assert_eq!(usual["fits"], false);
    let reserve = 3_883_512 * 1024 / 20;
    assert_eq!(usual["largest"], 2200 * MIB - reserve);
    assert_eq!(usual["nodes"][0]["reserve"], reserve);
}

#[test]
fn each_strategy_and_each_form() {
    let fleet = Fleet::start(&[("pi-1", 3000), ("pi-2", 2000), ("pi-3", 1000)], "");
    let all = |words: &str| fleet.fit(&format!("size=900MiB&reserve=0&{words}"));
    let spread = all("copies=3");
    assert_eq!(placed(&spread), [("pi-1", 1), ("pi-2", 1), ("pi-3", 1)]);
    assert_eq!(placed(&all("copies=3&strategy=pack")), [("pi-1", 3)]);
    assert_eq!(placed(&all("copies=3&strategy=most_headroom")), [("pi-1", 2), ("pi-2", 1)]);
    assert_eq!(placed(&all("copies=6")), [("pi-1", 3), ("pi-2", 2), ("pi-3", 1)]);
    let no = all("copies=4&per_node=1");
    assert_eq!((&no["fits"], &no["room"]), (&json!(false), &json!(3)));
    assert_eq!(placed(&all("copies=2&nodes=pi-3,pi-2")), [("pi-2", 1), ("pi-3", 1)]);
    let unknown = all("nodes=pi-9");
    assert_eq!(because(&unknown, "pi-9"), "this head knows no node of that name");

    let form = |words: &str, format: &str| {
        let answer = fleet.ask(&format!("size=900MiB&reserve=0&{words}&format={format}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        answer.text()
    };
    assert_eq!(form("copies=6", "openmpi"), "pi-1 slots=3\npi-2 slots=2\npi-3 slots=1\n");
    assert_eq!(form("copies=6", "mpich"), "pi-1:3\npi-2:2\npi-3:1\n");
    assert_eq!(form("copies=6", "slurm"), "pi-[1-3]\n");
    assert_eq!(form("copies=2&nodes=pi-1,pi-3", "slurm"), "pi-[1,3]\n");
    assert_eq!(form("copies=3&strategy=most_headroom", "plain"), "pi-1\npi-1\npi-2\n");
    let too_much = fleet.ask("size=900MiB&reserve=0&copies=7&format=openmpi").error(409);
    assert!(too_much.contains("there is room for 6"), "{too_much}");

    let at = fleet.head.address;
    let path = "/api/v1/fit?size=900MiB&copies=3&reserve=0";
    let postcard = request(at, "GET", path, &[("Accept", POSTCARD)]);
    assert_eq!(postcard.header("content-type"), Some(POSTCARD));
    let postcard: Answer = from_postcard(&postcard.body).unwrap();
    let json: Answer = serde_json::from_value(spread).unwrap();
    assert_eq!((postcard.nodes.len(), postcard.job), (json.nodes.len(), json.job));

    for (words, says) in [
        ("", "such as size=3GiB"),
        ("size=1GiB&copies=0", "a number from 1 to"),
        ("size=1GiB&node=pi-1", "there is no parameter \"node\""),
        ("size=1GiB&format=pbs", "json, postcard, openmpi, mpich, slurm, plain"),
        ("size=1GiB&over=2h", "a time from 1m to 60m"),
    ] {
        let error = fleet.ask(words).error(400);
        assert!(error.contains(says), "{words}: {error}");
    }
}

#[test]
fn nodes_in_trouble_are_left_out_and_say_why() {
    let fleet = Fleet::start(&[("pi-1", 1000), ("pi-2", 2000), ("pi-3", 3000)], "");
    let machines = &fleet.machines;
    machines[1].write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
    let reason = |node: &str, words: &str| {
        until(words, || because(&fleet.fit("size=1MiB"), node).contains(words).then_some(()));
    };
    reason("pi-2", "its supply voltage is too low");
    // Four seconds of waiting within ten.
    machines[1].write(
        "proc/pressure/memory",
        "some avg10=0.10 avg60=0.20 avg300=0.30 total=4812345\n\
         full avg10=0.04 avg60=0.05 avg300=0.06 total=412321\n",
    );
    reason("pi-2", "it is under pressure: some program waited for memory in ");
    fleet.agents[1].signal(Signal::STOP);
    reason("pi-3", "it is late: its last reading is");
    machines[0].remove("proc/meminfo");
    reason("pi-1", "it cannot be read at present");
    let fit = fleet.fit("size=1MiB");
    assert_eq!((&fit["fits"], &fit["largest"]), (&json!(false), &json!(0)));
    assert_eq!(fit["summary"], "A copy of 1.00 MiB does not fit: none of any size does.");
    fleet.agents[1].signal(Signal::CONT);
    until("it is back", || fleet.fit("size=1MiB")["fits"].as_bool().filter(|fits| *fits));
}

#[test]
fn the_command_tells_and_ends_as_scripts_need_it() {
    let fleet = Fleet::start(&[("pi-1", 3000), ("pi-2", 800)], "");
    let text = |bytes: &[u8]| plain(&String::from_utf8_lossy(bytes));
    let fit = |args: &[&str], code: i32| {
        let output = fleet.command(&[&["fit"], args].concat());
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        (text(&output.stdout), text(&output.stderr))
    };
    let (table, said) = fit(&["900MiB", "--copies", "2", "--strategy", "pack"], 0);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<_> = table.lines().map(words).collect();
    assert_eq!(rows[0], "least in 10 min held placed");
    assert_eq!(rows[1], "pi-1 2.93 GiB — 2 yes, 3 copies");
    assert_eq!(
        rows[2],
        "pi-2 800 MiB — — no, because its least in the last 10 min was 800 MiB, of which 190 MiB \
         stays free"
            .replace("in the last 10 min", &looked(&table))
    );
    assert!(table.contains("2 copies of 900 MiB fit on pi-1; there is room for 3."), "{table}");
    assert!(table.contains("--reserve says otherwise"), "{table}");
    assert_eq!(said, "");
    let (table, said) = fit(&["2GiB", "--copies", "2", "--reserve", "0"], 1);
    assert!(table.contains("pi-1") && !table.contains("do not fit"), "{table}");
    assert!(said.contains("2 copies of 2.00 GiB do not fit: there is room for 1"), "{said}");
    let (hosts, _) = fit(&["400MiB", "--copies", "3", "--format", "openmpi"], 0);
    assert_eq!(hosts, "pi-1 slots=2\npi-2 slots=1\n");
    let (hosts, said) = fit(&["9GiB", "--format", "openmpi"], 1);
    assert!(hosts.is_empty() && said.contains("does not fit"), "{hosts} {said}");
    let (json, _) = fit(&["400MiB", "--per-node", "1", "--nodes", "pi-2", "--json"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((placed(&json), &json["job"]["most_per_node"]), (vec![("pi-2", 1)], &json!(1)));
    let (_, said) = fit(&["1GiB", "--label", "rack=a"], 1);
    assert!(said.contains("no node has all these labels"), "{said}");

    for (args, says) in [
        (&["fit"][..], "<SIZE>"),
        (&["fit", "0"], "at least one byte"),
        (&["fit", "much"], "such as 512MiB"),
        (&["fit", "1GiB", "--copies", "0"], "--copies"),
        (&["fit", "1GiB", "--over", "2h"], "from 1m to 60m"),
        (&["fit", "1GiB", "--strategy", "tight"], "most-headroom"),
        (&["fit", "1GiB", "--json", "--format", "plain"], "--format"),
        (&["fit", "1GiB", "--note", "x"], "--hold"),
        (&["fit", "1GiB", "--label", "rack"], "rack=a"),
        (&["fit", "1GiB", "--nodes", "Pi 1"], "not a node id"),
        (&["hold", "release"], "<ID>"),
    ] {
        let output = fleet.command(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }

    // The head on this machine need not be named; without any, it is said how to.
    let here = |dir: &std::path::Path| {
        let output =
            command().args(["fit", "1MiB"]).env("HEADROOM_DATA_DIR", dir).output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, said) = here(&fleet.machines[0].path("data"));
    assert!(code == Some(0) && said.contains("A copy of 1.00 MiB fits on pi-1"), "{said}");
    let (code, said) = here(&fleet.machines[0].path("nothing"));
    assert!(code == Some(2) && said.contains("--head http://127.0.0.1:8080"), "{said}");
    let output = headroom(["fit", "1MiB", "--head", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(get(fleet.head.address, "/api/v1/holds").json(), json!([]));
}

/// For how long a node was looked at, as the table says it: the head has just started.
fn looked(table: &str) -> String {
    let start = table.find("its least ").unwrap() + "its least ".len();
    let end = start + table[start..].find(" was ").unwrap();
    table[start..end].to_owned()
}
