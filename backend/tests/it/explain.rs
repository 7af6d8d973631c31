//! `headroom explain`: of a tree of files, and of a node that a head knows.

use std::net::TcpListener;
use std::process::Output;
use std::{io, thread};

use serde_json::Value;
use shared::Field;
use shared::field::Source;
use shared::rosetta::{ELSEWHERE as OTHER_SYSTEMS, TOOLS};

use crate::client::get;
use crate::support::{FakeProc, Server, VALUES, command, headroom, until};

fn explain(fake: &FakeProc, flags: &[&str]) -> Output {
    headroom(["explain"].iter().chain(flags).map(ToString::to_string).chain(fake.args()))
}

/// What a command that must succeed printed, without any complaint.
fn text(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    of_node(serde_json::from_str(&text(output)).unwrap())
}

/// A report without what a head says of itself, which no tree of files tells.
fn of_node(mut report: Value) -> Value {
    for field in Field::of(Source::OwnProcess) {
        if let Some(sample) = report.get_mut("sample") {
            sample[field.def().id] = Value::Null;
        }
    }
    report
}

/// Words with single blanks, so that neither columns nor the ends of lines matter.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_byte_is_accounted_for() {
    let report = json(&explain(&FakeProc::new(), &["--json"]));
    assert_eq!(report["breakdown"]["outcome"], "exact");
    assert_eq!(report["breakdown"]["reason"], Value::Null);
    let parts = report["breakdown"]["parts"].as_array().unwrap();
    let told: Vec<_> = parts
        .iter()
        .map(|part| (part["id"].as_str().unwrap(), part["bytes"].as_u64().unwrap() / 1024))
        .collect();
    // By hand from the lines of the tree, in KiB.
    let expected = [
        ("anon", 652_104),
        ("shmem", 61_484),
        ("hugetlb", 6144),
        // More than zswap and zram say, so that it is the kernel's count of their pages.
        ("compressed", 777 * 4),
        ("gpu", 1960 + 1964),
        ("slab_unreclaimable", 63_220),
        ("page_tables", 9208 + 20),
        ("kernel_stacks", 3104 + 776),
        ("percpu", 1344),
        ("vmalloc", 14_404 - 3104 - 776),
        ("bounce", 4 + 36),
        ("residual", 209_184),
        ("swapcache", 0),
        ("kmisc_reclaimable", 93_220 - 80_116),
        ("slab_reclaimable", 80_116),
        ("buffers", 84_212),
        ("file", 1_540_036 - 61_484),
        ("free", 1_203_344),
    ];
    let sum: u64 = told.iter().map(|(_, kib)| kib).sum();
    assert_eq!(sum, 3_883_512);
    assert_eq!(told, expected);
    let given: Vec<_> = parts.iter().filter(|part| part["reclaimable"] == true).collect();
    assert_eq!(given.len(), 5, "{given:?}");
}

#[test]
fn json_has_all_that_follows_from_the_sample() {
    let report = json(&explain(&FakeProc::new(), &["--json"]));
    for &(field, value) in VALUES {
        assert_eq!(report["sample"][field.def().id], value, "{}", field.def().id);
    }
    assert_eq!(report["sample"].as_object().unwrap().len(), Field::ALL.len());
    assert_eq!(report["really_used"], 939_004 * 1024);
    assert_eq!(report["held_back"], 227_700 * 1024);
    assert_eq!(report["limit"], Value::Null);
    let available = &report["available"];
    assert_eq!(available["bytes"], 2_716_808_u64 * 1024);
    assert_eq!(available["here"], available["bytes"]);
    assert_eq!(available["source"], "kernel");
    assert_eq!(available["formula"], "MemAvailable in /proc/meminfo");
    assert_eq!(available["zfs"], 0);
    assert_eq!(report["elsewhere"].as_array().unwrap().len(), OTHER_SYSTEMS.len());

    let tools = report["tools"].as_array().unwrap();
    assert_eq!(tools.len(), TOOLS.len());
    let used = |tool: &str, version: &str| {
        let is_it = |row: &&Value| {
            row["tool"] == tool && row["versions"].as_str().unwrap().contains(version)
        };
        let row = tools.iter().find(is_it).unwrap();
        row["used"].as_u64().map(|bytes| bytes / 1024)
    };
    let caches = 84_212 + 1_540_036 + 80_116;
    assert_eq!(used("Headroom", ""), Some(1_166_704));
    assert_eq!(used("free", "4.0.1"), Some(1_166_704));
    assert_eq!(used("free", "3.3.12"), Some(3_883_512 - 1_203_344 - caches));
    assert_eq!(used("psutil", "7.0"), Some(3_883_512 - 1_203_344 - caches));
    assert_eq!(used("htop", ""), Some(3_883_512 - 1_203_344 - caches + 61_484));
    assert_eq!(used("node_exporter", ""), None);
}

#[test]
fn the_text_names_every_part_and_every_tool() {
    let printed = text(&explain(&FakeProc::new(), &[]));
    assert!(printed.lines().all(|line| line.chars().count() <= 160), "{printed}");
    let flowing = flowing(&printed);
    for sentence in [
        "2.59 GiB of 3.70 GiB is available (MemAvailable in /proc/meminfo).",
        "Only 1.15 GiB is free, yet programs can get 2.59 GiB: the 1.66 GiB of cache is given back",
        "1.11 GiB cannot be had: 917 MiB is really used, 222 MiB is held back by the kernel.",
        "Programs 637 MiB 17 % only by swapping AnonPages",
        "Compressed swap 3.04 MiB 0.1 % not given back the larger of Zswap + mem_used_total",
        "Not itemised 204 MiB 5.4 % not given back MemTotal − all other parts",
        "= MemTotal, exactly 3.70 GiB",
        "up to 52.0 MiB camera, display and codec buffers (CmaTotal in /proc/meminfo)",
        "free procps 4.0.1 and newer 1.11 GiB 2.59 GiB 1.55 GiB",
        "Even kernel objects that cannot be dropped count as cache.",
    ] {
        assert!(flowing.contains(sentence), "no {sentence:?} in\n{printed}");
    }
    assert!(!flowing.contains("Also in swap"), "a part of nothing is not worth a line");
    for tool in TOOLS {
        let line = format!("{} ({}): used = {}", tool.name, tool.versions, tool.formula);
        assert!(flowing.contains(&line), "no {line:?} in\n{printed}");
    }
    for other in OTHER_SYSTEMS {
        assert!(flowing.contains(&format!("{}: {}", other.system, other.words)), "{printed}");
    }
}

#[test]
fn what_contradicts_itself_is_not_drawn() {
    let fake = FakeProc::new();
    fake.set_meminfo("AnonPages", 3_000_000);
    let report = json(&explain(&fake, &["--json"]));
    assert_eq!(report["breakdown"]["outcome"], "not_itemisable");
    assert!(report["breakdown"]["parts"].as_array().unwrap().is_empty());
    let reason = report["breakdown"]["reason"].as_str().unwrap();
    assert!(reason.contains("more than there is"), "{reason}");
    let printed = flowing(&text(&explain(&fake, &[])));
    assert!(printed.contains("Where memory went cannot be told apart: the lines"), "{printed}");
    assert!(printed.contains("2.59 GiB of 3.70 GiB is available"), "{printed}");

    // A little too much is what counters do that lag behind.
    fake.set_meminfo("AnonPages", 652_104 + 209_184 + 30_000);
    let report = json(&explain(&fake, &["--json"]));
    assert_eq!(report["breakdown"]["outcome"], "drift");
    let parts = report["breakdown"]["parts"].as_array().unwrap();
    let sum: u64 = parts.iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert_eq!(sum, 3_883_512 * 1024);
    let printed = flowing(&text(&explain(&fake, &[])));
    assert!(printed.contains("counters lag behind each other by 29.3 MiB"), "{printed}");
}

#[test]
fn a_head_tells_the_same_of_its_node() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "100"]);
    let at = server.address();
    // What was found on it comes a moment after its first reading.
    until("a survey", || {
        (!get(at, "/api/v1/nodes/pi-test").json()["survey"].is_null()).then_some(())
    });
    let head = format!("http://{at}");
    let here = json(&explain(&fake, &["--json"]));
    assert_eq!(json(&headroom(["explain", "--json", "--head", &head, "--node", "pi-test"])), here);
    let only = headroom(["explain", "--json", "--head", &(head.clone() + "/")]);
    assert_eq!(json(&only), here, "the only node need not be named");
    assert_eq!(of_node(get(at, "/api/v1/nodes/pi-test/explain").json()), here);
    assert_eq!(text(&headroom(["explain", "--head", &head])), text(&explain(&fake, &[])));

    let by_environment = command().args(["explain", "--json"]).env("HEADROOM_HEAD", &head).output();
    assert_eq!(json(&by_environment.unwrap()), here);
    let doctor = |args: &[&str]| json(&headroom(["doctor", "--json"].iter().chain(args)));
    let roots = fake.args();
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    assert_eq!(doctor(&["--head", &head, "--node", "pi-test"]), doctor(&roots));

    let output = headroom(["explain", "--head", &head, "--node", "pi-13"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("\"pi-13\"") && said.contains("there are: pi-test"), "{said}");
    assert!(output.stdout.is_empty());
}

/// Answers the first request that comes with `answer`; gives its address.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || -> io::Result<()> {
        use io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept()?;
        let length = stream.read(&mut [0; 4096])?;
        assert!(length > 0);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            answer.len()
        );
        stream.write_all((head + answer).as_bytes())
    });
    format!("http://{address}")
}

#[test]
fn what_is_no_head_is_named() {
    // A port that was free a moment ago.
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let none = r#"{"now_ms":1,"nodes":[]}"#;
    for (head, code, words) in [
        (format!("http://{unused}"), 1, "refused"),
        ("pi-head:8080".into(), 1, "an address is such as http://127.0.0.1:8080"),
        (answering("<html>welcome</html>"), 1, "this is not what a head answers"),
        (answering(none), 2, "there are: it has none"),
    ] {
        let output = headroom(["explain", "--json", "--head", &head]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{head}: {said}");
        assert!(said.contains(&head) && said.contains(words), "{head}: {said}");
        assert!(output.stdout.is_empty(), "{head}");
    }
}

#[test]
fn a_head_that_refuses_says_why() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let head = format!("http://{}/behind/a/proxy", server.address());
    let output = headroom(["explain", "--head", &head]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("404") && said.contains("/behind/a/proxy/api/v1/nodes"), "{said}");
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    for flags in [&["--node", "pi-1"][..], &["--head", "http://[::1]:1", "--proc-root", "/proc"]] {
        let output = headroom(["explain"].iter().chain(flags));
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
    }
}
