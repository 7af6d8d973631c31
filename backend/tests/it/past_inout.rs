//! `headroom export`, `import` and `history`: the past out, in, checked and copied, of a head that runs
//! and of the history that one left.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use shared::Field;

use crate::client::get;
use crate::made::{Made, has_history, head_with, import, life, lines, now_ms, run};
use crate::support::{FakeProc, Server, headroom, say};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Two nodes, what they were, what happened, and who had the memory.
fn story(begin_ms: u64) -> String {
    let all = [life("pi-07", begin_ms, 400, 200), life("pi-08", begin_ms, 100, 1)].concat();
    let facts = |node: &str, at_ms: u64, kernel: &str| {
        json!({ "facts": {
            "at_ms": at_ms, "node": node, "labels": [], "period_ms": 1000,
            "facts": {
                "host_name": node, "model": null, "os": null, "kernel": kernel, "cpu_name": null,
                "cores": 4, "min_frequency_hz": null, "max_frequency_hz": null, "page_size": 4096,
            },
        }})
    };
    let event = |at_ms: u64, node: Value, kind: &str, text: &str| json!({ "event": { "at_ms": at_ms, "node": node, "kind": kind, "text": text } });
    let usage = |node: &str, at_ms: u64| {
        let usage: Value = serde_json::to_value(shared::usage::Usage::default()).unwrap();
        json!({ "usage": { "at_ms": at_ms, "node": node, "usage": usage } })
    };
    let more = [
        facts("pi-07", begin_ms, "6.1"),
        facts("pi-07", begin_ms + 300_000, "6.12"),
        facts("pi-08", begin_ms, "5.10"),
        usage("pi-07", begin_ms + 10_000),
        usage("pi-07", begin_ms + 20_000),
        event(begin_ms + 5, json!("pi-07"), "joined", "pi-07 reported for the first time."),
        event(begin_ms + 500_000, json!("pi-08"), "gone", "\u{1b}[31mpi-08, \"gone\""),
        event(begin_ms + 600_000, Value::Null, "clock_set", "The clock was set."),
    ];
    lines(&all) + &more.map(|line| line.to_string() + "\n").concat()
}

fn lines_of(text: &str, kind: &str) -> usize {
    text.lines().filter(|line| line.starts_with(&format!("{{\"{kind}\":"))).count()
}

#[test]
fn what_is_exported_is_imported_to_the_byte() {
    let begin_ms = now_ms() - 2 * 3_600_000;
    let story = story(begin_ms);
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let told = import(one.path(), &story);
    assert_eq!(told, "imported: readings 500, facts 3, sweeps 2, events 3; there already: 0\n");
    // Facts and sweeps hold no numbers that two imports could tell apart: they are there once.
    let told = import(one.path(), &story);
    assert_eq!(told, "imported: readings 0, facts 0, sweeps 0, events 0; there already: 508\n");

    let to = now_ms().to_string();
    let export = ["export", "--format", "jsonl", "--from", "-3h", "--to", &to];
    let first = stdout(&run(one.path(), &export, 0));
    for (kind, count) in
        [("headroom_history", 1), ("reading", 500), ("facts", 3), ("usage", 2), ("event", 3)]
    {
        assert_eq!(lines_of(&first, kind), count, "{kind}");
    }
    import(other.path(), &first);
    assert_eq!(stdout(&run(other.path(), &export, 0)), first);
    // Into a file: the same, and there is nothing else then.
    let path = other.path().join("out.jsonl");
    let output =
        run(other.path(), &[&export[..], &["--output", path.to_str().unwrap()]].concat(), 0);
    assert_eq!((stdout(&output), stderr(&output)), (String::new(), String::new()));
    assert_eq!(fs::read_to_string(&path).unwrap(), first);
    assert!(!other.path().join("out.jsonl.part").exists());

    // A head has the same past, and tells it the same.
    let fake = FakeProc::new();
    let data = one.path().to_str().unwrap();
    let server = Server::start(&fake, &["--data-dir", data, "--period-ms", "60000"]);
    has_history(&server);
    let url = format!("http://{}", server.address());
    let nodes = ["--nodes", "pi-07,pi-08"];
    let of_head = headroom([&export[..], &nodes[..], &["--head", &url]].concat());
    assert_eq!(stdout(&of_head), first, "{}", stderr(&of_head));
    // It is found by its directory, too.
    let found = run(one.path(), &[&export[..], &nodes[..]].concat(), 0);
    assert_eq!(stdout(&found), first);
    assert!(stderr(&found).contains(&format!("so {url} is asked")), "{}", stderr(&found));
    // Into what it uses nothing can be imported.
    let output = run(one.path(), &["import", path.to_str().unwrap()], 1);
    assert!(stderr(&output).contains("stop it first"), "{}", stderr(&output));

    let events =
        get(server.address(), &format!("/api/v1/events?from={begin_ms}&node=pi-08")).json();
    assert_eq!(
        events,
        json!([{
            "at_ms": begin_ms + 500_000, "node": "pi-08", "kind": "gone",
            "text": "\u{1b}[31mpi-08, \"gone\"",
        }])
    );
    let usage =
        |at_ms: u64| get(server.address(), &format!("/api/v1/nodes/pi-07/usage?at={at_ms}"));
    assert_eq!(usage(begin_ms + 15_000).json()["at_ms"], begin_ms + 10_000);
    assert_eq!(usage(begin_ms + 600_000).json()["at_ms"], begin_ms + 20_000);
    let message = usage(begin_ms + 9999).error(404);
    assert!(message.contains("in the 10 minutes before"), "{message}");
    usage(begin_ms + 20_001 + 600_000).error(404);
}

#[test]
fn a_wrong_line_is_named_and_what_stands_before_it_stays() {
    let dir = tempfile::tempdir().unwrap();
    let all = life("pi-07", now_ms() - 600_000, 20, 1);
    let file = dir.path().join("in.jsonl");
    let file = file.to_str().unwrap();
    for (number, (wrong, says)) in [
        ("nonsense", "no line of `headroom export"),
        ("{\"bucket\":{}}", "--step raw"),
        ("{\"headroom_history\":2}", "newer Headroom"),
        ("{\"reading\":{\"node\":\"PI\"}}", "is not a node id"),
    ]
    .into_iter()
    .enumerate()
    {
        let some = &all[number * 5..number * 5 + 5];
        fs::write(file, lines(some) + "\n" + wrong + "\n" + &lines(&all)).unwrap();
        let output = run(dir.path(), &["import", file], 1);
        let said = stderr(&output);
        assert!(said.contains(&format!("line 8 of {file}")) && said.contains(says), "{said}");
        assert!(stdout(&output).starts_with("imported: readings 5,"), "{}", stdout(&output));
    }
    let output = run(dir.path(), &["export", "--from", "-1h", "--fields", "available"], 0);
    assert_eq!(stdout(&output).lines().count(), 1 + 20);
    let output = run(dir.path(), &["import", "/no/such/file"], 1);
    assert!(stderr(&output).contains("/no/such/file"), "{}", stderr(&output));
}

#[test]
fn what_is_said_wrongly_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for (args, code, says) in [
        (&["export"][..], 1, "there is no history in"),
        (&["history", "status"], 1, "there is no history in"),
        (&["history", "check"], 1, "there is no history in"),
        (&["export", "--format", "xml"], 2, "xml"),
        (&["export", "--from", "soon"], 2, "from=\"soon\" is no time"),
        (&["export", "--step", "1"], 2, "step=\"1\" is no step"),
        (&["export", "--fields", "memory"], 2, "no field \"memory\""),
        (&["export", "--head", "http://127.0.0.1:9"], 1, "http://127.0.0.1:9"),
    ] {
        let said = stderr(&run(dir.path(), args, code));
        assert!(said.contains(says), "{args:?}: {said}");
    }
    import(dir.path(), &lines(&life("pi-07", now_ms() - 600_000, 3, 1)));
    let said = stderr(&run(dir.path(), &["export", "--nodes", "pi-08"], 2));
    assert!(said.contains("no node \"pi-08\""), "{said}");
}

/// Names of boots come from nodes; a table that is opened in an office must run nothing.
#[test]
fn names_do_no_harm_in_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = life("-1.cmd_", now_ms() - 600_000, 3, 1);
    for (made, boot) in all.iter_mut().zip(["=cmd|'/c calc'!A0", "a\"b,c", "plain"]) {
        made.boot = boot.into();
    }
    import(dir.path(), &lines(&all));
    let table = stdout(&run(dir.path(), &["export", "--from", "-1h", "--fields", "total"], 0));
    let boots: Vec<_> =
        table.lines().skip(1).map(|line| line.splitn(4, ',').nth(3).unwrap()).collect();
    assert!(boots[0].starts_with("\"'=cmd|'/c calc'!A0\",100,"), "{table}");
    assert!(boots[1].starts_with("\"a\"\"b,c\",101,"), "{table}");
    assert!(boots[2].starts_with("plain,102,"), "{table}");
    let metrics = ["export", "--from", "-1h", "--fields", "total", "--format", "openmetrics"];
    let metrics = stdout(&run(dir.path(), &metrics, 0));
    let line = "node_memory_MemTotal_bytes{instance=\"-1.cmd_\"} 4294967296 ";
    assert_eq!(metrics.lines().filter(|metric| metric.starts_with(line)).count(), 3, "{metrics}");
}

/// Each family stands together, each series rises, and Prometheus takes it.
#[test]
fn metrics_are_valid_and_prometheus_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let begin_ms = now_ms() - 3 * 3_600_000;
    let all = [life("pi-07", begin_ms, 300, 60), life("pi-08", begin_ms, 50, 1)].concat();
    import(dir.path(), &lines(&all));
    let export = |step: &str| {
        let fields = "available,faults,temperature_millicelsius,oom_kills";
        let args = ["export", "--from", "-4h", "--format", "openmetrics", "--fields", fields];
        stdout(&run(dir.path(), &[&args[..], &["--step", step]].concat(), 0))
    };
    let text = export("raw");
    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(
        names,
        [
            "node_memory_MemAvailable_bytes gauge",
            "node_vmstat_pgfault unknown",
            "headroom_temperature_celsius gauge",
        ],
        "of what nobody knows there is nothing"
    );
    assert!(text.ends_with("# EOF\n"));
    let made = all.iter().filter(|made| made.node == "pi-07").nth(7).unwrap();
    let seconds = format!("{}.{:03}", made.at_ms / 1000, made.at_ms % 1000);
    let line = format!(
        "node_vmstat_pgfault{{instance=\"pi-07\"}} {} {}",
        made.values[&Field::Faults],
        seconds.trim_end_matches('0').trim_end_matches('.')
    );
    assert!(text.contains(&line), "{line}");
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples, all.iter().map(|made| made.values.len() - 1).sum::<usize>());
    for (name, text) in [("raw", text), ("1m", export("1m"))] {
        prometheus_reads(dir.path(), name, &text);
    }
}

fn prometheus_reads(dir: &Path, name: &str, text: &str) {
    let (file, blocks) = (dir.join(name), dir.join(format!("{name}-blocks")));
    fs::write(&file, text).unwrap();
    fs::create_dir(&blocks).unwrap();
    let promtool = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &blocks])
        .stdin(Stdio::null())
        .output();
    let Ok(output) = promtool else {
        say("NOT RUN: there is no `promtool` here (Debian's prometheus)");
        return;
    };
    assert!(output.status.success(), "{name}: {}", stderr(&output));
    // It looks for one.
    fs::create_dir(blocks.join("wal")).unwrap();
    let listed = Command::new("promtool").args(["tsdb", "dump"]).arg(&blocks).output().unwrap();
    let dumped = stdout(&listed);
    let expected = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(dumped.lines().count(), expected, "{name}: {}", stderr(&listed));
}

/// What is on disk is checked and copied while a head runs on it, and when none does.
#[test]
fn a_history_is_checked_and_copied() {
    let begin_ms = now_ms() - 3 * 3_600_000;
    let (mut server, fake) = head_with(&story(begin_ms), &["--period-ms", "60000"]);
    let data = fake.path("data");
    let url = format!("http://{}", server.address());
    let (live, still) = (fake.path("live"), fake.path("still"));
    for dir in [&live, &still] {
        fs::create_dir(dir).unwrap();
    }
    let file = |dir: &Path| dir.join("history.redb").to_str().unwrap().to_owned();
    let check = headroom(["history", "check", "--json", "--head", &url]);
    assert!(check.status.success(), "{}", stderr(&check));
    let checked: Value = serde_json::from_str(&stdout(&check)).unwrap();
    let copied = headroom(["history", "copy", &file(&live), "--head", &url]);
    assert!(copied.status.success(), "{}", stderr(&copied));
    let status = headroom(["history", "status", "--json", "--head", &url]);
    let status: Value = serde_json::from_str(&stdout(&status)).unwrap();
    assert_eq!(status["is_kept"], true);
    assert_eq!(status["nodes"], 2, "{status}");

    server.terminate();
    server.wait(crate::support::SOON);
    run(&data, &["history", "copy", &file(&still)], 0);
    let again = run(&data, &["history", "copy", &file(&still)], 2);
    assert!(stderr(&again).contains("is there already"), "{}", stderr(&again));

    let holding = |checked: &Value, tier: &str, node: &str| {
        let tiers = checked["tiers"].as_array().unwrap();
        let tier = tiers.iter().find(|found| found["tier"] == tier).unwrap();
        let nodes = tier["nodes"].as_array().unwrap();
        nodes.iter().find(|held| held["node"] == node).unwrap()["count"].as_u64().unwrap()
    };
    for (checked, what) in [
        (checked, "the head's"),
        (json_of(&run(&live, &["history", "check", "--json"], 0)), "the copy of the live one"),
        (json_of(&run(&still, &["history", "check", "--json"], 0)), "the copy"),
        (json_of(&run(&data, &["history", "check", "--json"], 0)), "what it left"),
    ] {
        assert_eq!(checked["damages"], 0, "{what}");
        assert_eq!(holding(&checked, "raw", "pi-07"), 400, "{what}");
        assert_eq!(holding(&checked, "raw", "pi-08"), 100, "{what}");
        assert!(checked["events"].as_u64() >= Some(3), "{what}: {checked}");
        assert_eq!(checked["usages"], 2, "{what}");
    }
    let table = stdout(&run(&data, &["history", "check"], 0));
    assert!(table.contains("pi-07") && table.contains("All of it is what was written."), "{table}");
    let table = stdout(&run(&data, &["history", "status"], 0));
    assert!(table.contains("raw") && table.contains("of at most 1.00 GiB"), "{table}");

    // The copies tell the same past.
    let nodes = ["--nodes", "pi-07,pi-08"];
    let to = (begin_ms + 3_000_000).to_string();
    let export = ["export", "--format", "jsonl", "--from", "-4h", "--to", &to];
    let export = |dir: &Path| stdout(&run(dir, &[&export[..], &nodes[..]].concat(), 0));
    let whole = export(&data);
    assert_eq!(lines_of(&whole, "reading"), 500);
    assert_eq!(export(&live), whole);
    assert_eq!(export(&still), whole);
    damaged(&still);
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

/// A byte that is not what was written is found.
fn damaged(dir: &Path) {
    let path = dir.join("history.redb");
    let bytes = fs::read(&path).unwrap();
    // Names of boots stand in the file as they are, but so do pages that are free: every place is tried
    // until one is of what is in use.
    let found = (4096..bytes.len()).step_by(4096).any(|place| {
        let mut broken = bytes.clone();
        broken[place + 700] ^= 0x55;
        fs::write(&path, &broken).unwrap();
        let output = headroom(["history", "check", "--data-dir", dir.to_str().unwrap()]);
        assert_ne!(output.status.code(), None, "it ended by a signal: {}", stderr(&output));
        // What is so broken that it cannot be opened is another matter.
        output.status.code() == Some(1)
            && stderr(&output).contains("is not what was written, in so many")
    });
    assert!(found, "no damage is found, wherever it is");
}

/// Lines that were made up are read as readings that were taken are: by any program.
#[test]
fn buckets_can_be_read_by_others_but_are_not_imported() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<Made> = life("pi-07", now_ms() - 600_000, 30, 1);
    import(dir.path(), &lines(&all));
    let args =
        ["export", "--format", "jsonl", "--from", "-1h", "--step", "1m", "--fields", "available"];
    let text = stdout(&run(dir.path(), &args, 0));
    let line: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let bucket = &line["bucket"];
    assert_eq!((&bucket["node"], &bucket["step_ms"]), (&json!("pi-07"), &json!(60_000)));
    let available = &bucket["fields"]["available"];
    assert!(available["min"].as_u64() <= available["mean"].as_u64());
    assert!(available["mean"].as_u64() <= available["max"].as_u64());
    let path = dir.path().join("buckets");
    fs::write(&path, &text).unwrap();
    let said = stderr(&run(dir.path(), &["import", path.to_str().unwrap()], 1));
    assert!(said.contains("line 2") && said.contains("only single readings"), "{said}");
}
