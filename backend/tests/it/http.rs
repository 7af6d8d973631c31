//! JSON over HTTP: what scripts get, and what is refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::Field;
use shared::field::{Kind, Source};

use crate::client::{Answer, get, node_when, request, send_raw};
use crate::support::{ELSEWHERE, FakeProc, Server, VALUES};

fn has_sample(node: &Value) -> bool {
    !node["sample"].is_null()
}

/// The node's sample, without what the program says of itself: that is there, whatever it reads.
fn read(node: &Value) -> Value {
    let mut sample = node["sample"].clone();
    for field in Field::of(Source::OwnProcess) {
        let value = sample[field.def().id].take();
        let is_known = value.as_u64().is_some_and(|value| value > 0 || field != Field::OwnMemory);
        assert!(is_known, "{}: {value}", field.def().id);
    }
    sample
}

/// The sample as the API must tell it if the files say `values`.
fn sample(values: &[(Field, u64)]) -> Value {
    let known = |field: Field| values.iter().find(|(known, _)| *known == field);
    let each = Field::ALL.iter().map(|&field| {
        (field.def().id.to_owned(), known(field).map_or(Value::Null, |(_, value)| json!(value)))
    });
    Value::Object(each.collect())
}

#[test]
fn a_node_is_told_as_its_files_say() {
    let fake = FakeProc::new();
    let told = VALUES.iter().map(|(field, _)| field).chain(ELSEWHERE);
    let mut told: Vec<_> = told.copied().collect();
    told.sort_unstable();
    assert_eq!(told, Field::ALL, "a field of the table is not tested here");
    let server = Server::start(&fake, &["--period-ms", "100"]);
    let node = node_when(server.address(), "pi-test", has_sample);
    assert_eq!(read(&node), sample(VALUES));
    assert_eq!(node["used"], (3_883_512_u64 - 2_716_808) * 1024);
    assert_eq!(node["available"]["bytes"], 2_716_808_u64 * 1024);
    assert_eq!(node["available"]["source"], "kernel");
    assert_eq!(node["id"], "pi-test");
    assert_eq!(node["live"], true);
    assert_eq!(node["trouble"], Value::Null);
    assert_eq!(node["period_ms"], 100);
    assert!(node["age_ms"].as_u64().unwrap() < 1500, "{node}");
    let facts = &node["facts"];
    assert_eq!(facts["host_name"], "pi-test");
    assert_eq!(facts["model"], "Raspberry Pi 4 Model B Rev 1.4");
    assert_eq!(facts["kernel"], "6.12.34+rpt-rpi-v7");
    assert_eq!(facts["cpu_name"], "ARMv7 Processor rev 3 (v7l)");
    assert_eq!(facts["cores"], 4);
    assert_eq!(facts["min_frequency_hz"], 600_000_000);
    assert_eq!(facts["max_frequency_hz"], 1_800_000_000);

    let nodes = get(server.address(), "/api/v1/nodes");
    assert_eq!(nodes.header("cache-control"), Some("no-store"));
    let nodes = nodes.json();
    assert_eq!(nodes["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(nodes["nodes"][0]["sample"], node["sample"]);
    assert_eq!(nodes["nodes"][0]["facts"], node["facts"]);
    let epoch_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    assert!(nodes["now_ms"].as_u64().unwrap().abs_diff(epoch_ms) < 60_000, "{nodes}");

    let health = get(server.address(), "/healthz");
    assert_eq!(health.status, 200);
    assert_eq!(health.json(), json!({ "status": "ok", "nodes": 1, "live": 1 }));
}

#[test]
fn what_a_kernel_lacks_is_null() {
    let fake = FakeProc::new();
    for path in ["proc/vmstat", "proc/pressure", "proc/loadavg", "sys/class", "sys/devices"] {
        fake.remove(path);
    }
    fake.replace_meminfo_line("MemAvailable", "");
    let server = Server::start(&fake, &["--period-ms", "100"]);
    let node = node_when(server.address(), "pi-test", has_sample);
    let told: Vec<_> = VALUES
        .iter()
        .copied()
        .filter(|(field, _)| {
            let source = field.def().source.path();
            let gone = ["/proc/vmstat", "/proc/pressure/memory", "/proc/loadavg"];
            let gone = gone.contains(&source)
                || ["/sys/class/", "/sys/devices/"].iter().any(|gone| source.starts_with(gone));
            !gone && *field != Field::Available
        })
        .collect();
    assert_eq!(read(&node), sample(&told));
    assert_eq!(node["used"], (3_883_512_u64 - 2_850_908) * 1024, "by an estimate");
    assert_eq!(node["available"]["source"], "estimated");
    assert_eq!(server.stderr(), "", "a kernel that lacks something is nothing to complain about");
}

/// Two readings make a rate; the node tells it alone, not among all nodes.
#[test]
fn a_node_alone_is_told_with_its_rates() {
    let fake = FakeProc::new();
    fake.remove("proc/pressure");
    let server = Server::start(&fake, &["--period-ms", "500"]);
    let at = server.address();
    let rates = |node: &Value| node["rates"]["swapped_in_pages"].is_f64();
    let node = node_when(at, "pi-test", rates);
    let counters = Field::ALL.iter().filter(|field| field.def().kind == Kind::Counter);
    let ids: BTreeSet<_> = counters.clone().map(|field| field.def().id).collect();
    let told = node["rates"].as_object().unwrap();
    assert_eq!(told.keys().map(String::as_str).collect::<BTreeSet<_>>(), ids);
    for field in counters {
        let unknown = field.def().source == Source::PressureMemory;
        let rate = if unknown { Value::Null } else { json!(0.0) };
        assert_eq!(told[field.def().id], rate, "{}", field.def().id);
    }
    assert!(get(at, "/api/v1/nodes").json()["nodes"][0].get("rates").is_none());

    let vmstat = std::fs::read_to_string(fake.path("proc/vmstat")).unwrap();
    fake.write(
        "proc/vmstat",
        &vmstat.replace("in 1021", "in 2021").replace("out 2043", "out 5043"),
    );
    let moved = |node: &Value| node["rates"]["swapped_in_pages"].as_f64() > Some(0.0);
    let node = node_when(at, "pi-test", moved);
    let rate = |id: &str| node["rates"][id].as_f64().unwrap();
    let (read, written) = (rate("swapped_in_pages"), rate("swapped_out_pages"));
    // 1000 in half a second, or in as long as a busy machine leaves between two readings.
    assert!((100.0..=4000.0).contains(&read), "{read}");
    assert!((written / read - 3.0).abs() < 1e-6, "{read}, {written}");
    assert_eq!(node["rates"]["major_faults"], 0.0);
}

/// What was found when the node was looked around stands in two places; both say the same.
#[test]
fn the_doctor_says_what_the_survey_found() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "100"]);
    let at = server.address();
    let mut early = None;
    let node = node_when(at, "pi-test", |node| {
        let is_there = !node["survey"].is_null();
        if !is_there {
            early = Some(get(at, "/api/v1/nodes/pi-test/doctor"));
        }
        is_there
    });
    // The survey may have come between the two questions.
    if let Some(early) = early.filter(|early| early.status != 200) {
        assert!(early.error(503).contains("has not been looked around yet"));
    }
    let findings = get(at, "/api/v1/nodes/pi-test/doctor").json();
    assert_eq!(findings, node["survey"]["findings"]);
    let is_there = |id: &str| findings.as_array().unwrap().iter().any(|found| found["id"] == id);
    assert!(is_there("held_back") && is_there("zram_promise"), "{findings}");
    assert_eq!(node["survey"]["zram"][0]["name"], "zram0");
    assert_eq!(node["survey"]["zram"][0]["used"], 1_052_672);
}

/// A tree without processes and groups has an answer too.
#[test]
fn usage_is_an_answer_of_the_node() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "100"]);
    let at = server.address();
    node_when(at, "pi-test", has_sample);
    let usage = get(at, "/api/v1/nodes/pi-test/usage").json();
    assert_eq!(usage["process_count"], 0, "{usage}");
    assert_eq!(usage["processes"], json!([]));
    assert!(usage["no_groups"].is_string(), "{usage}");
}

#[test]
fn the_field_table_is_told_row_by_row() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let fields = get(server.address(), "/api/v1/fields").json();
    let ids: Vec<_> = Field::ALL.iter().map(|field| field.def().id).collect();
    let told: Vec<_> = fields.as_array().unwrap().iter().map(|field| &field["id"]).collect();
    assert_eq!(told, ids, "in the order of the table");
    assert_eq!(
        fields[Field::FileRefaults as usize],
        json!({
            "id": "file_refaults_pages", "label": "File refaults", "unit": "pages",
            "kind": "counter", "file": "/proc/vmstat", "key": "workingset_refault_file",
            "since": "5.9",
            "help": "Cached file pages dropped and soon needed again, since boot: cache that was \
                     not spare.",
        })
    );
    assert_eq!(fields[Field::Free as usize]["kind"], "gauge");
}

#[test]
fn errors_are_json_and_name_their_subject() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let at = server.address();
    assert_eq!(
        get(at, "/api/v1/nodes/pi-13").error(404),
        "there is no node \"pi-13\"; /api/v1/nodes lists them"
    );
    for what in ["explain", "doctor", "usage"] {
        let message = get(at, &format!("/api/v1/nodes/pi-13/{what}")).error(404);
        assert!(message.contains("no node \"pi-13\""), "{what}: {message}");
    }
    // A terminal that prints the answer must not act on it.
    let message = get(at, "/api/v1/nodes/%1b%5b31m").error(404);
    assert!(!message.contains('\u{1b}'), "{message:?}");
    for path in ["/api/v1/nope", "/nope.js", "/api/v1/nodes/", "/../../etc/passwd", "/%ff"] {
        let message = get(at, path).error(404);
        assert!(message.contains(path), "{path}: {message}");
    }
    let wrong = |path: &str| request(at, "POST", path, &[("Content-Length", "0")]);
    for path in [
        "/",
        "/healthz",
        "/api/v1/nodes",
        "/api/v1/nodes/pi-test",
        "/api/v1/nodes/pi-test/explain",
        "/api/v1/nodes/pi-test/doctor",
        "/api/v1/nodes/pi-test/usage",
        "/api/v1/fields",
        "/api/v1/feed",
    ] {
        let answer = wrong(path);
        assert!(answer.error(405).contains("only GET"), "{path}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{path}");
    }
}

#[test]
fn head_is_get_without_its_body() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    for path in ["/healthz", "/api/v1/nodes"] {
        let answer = request(server.address(), "HEAD", path, &[]);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
}

#[test]
fn only_names_of_this_head_are_served() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--host-names", "dash.example.org,pi.example.org"]);
    let at = server.address();
    let of = |host: &str| request(at, "GET", "/healthz", &[("Host", host)]);
    for host in
        ["localhost", "127.0.0.1:80", "pi-head.local", "dash.example.org", "PI.example.org:1"]
    {
        assert_eq!(of(host).status, 200, "{host}");
    }
    let message = of("evil.example:8080").error(421);
    assert!(message.contains("\"evil.example:8080\""), "{message}");
    assert!(message.contains("--host-names evil.example"), "{message}");
    assert_eq!(of("dash.example.org.evil.example").status, 421);
    assert_eq!(send_raw(at, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").status, 400);
    let twice = b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(send_raw(at, twice).status, 400);
    let none = send_raw(at, b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(none.error(400), "the request has no Host");
}

#[test]
fn every_answer_says_what_a_page_may_not_do() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let at = server.address();
    let answers: [(&str, Answer); 6] = [
        ("/", get(at, "/")),
        ("/api/v1/nodes", get(at, "/api/v1/nodes")),
        ("404", get(at, "/nope")),
        ("405", request(at, "POST", "/api/v1/feed", &[])),
        ("421", request(at, "GET", "/", &[("Host", "evil.example")])),
        ("426", get(at, "/api/v1/feed")),
    ];
    for (name, answer) in &answers {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{name}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{name}: {policy}");
        assert!(!policy.contains("'unsafe-inline'"), "{name}: {policy}");
        assert!(!policy.contains("'unsafe-eval'"), "{name}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{name}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{name}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{name}");
    }
}

#[test]
fn hostile_requests_end_and_harm_nobody() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let at = server.address();
    assert_eq!(send_raw(at, b"\x16\x03\x01\x02\x00\x01\r\n\r\n").status, 400);
    assert_eq!(send_raw(at, b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 400);
    // Half a request holds its connection for five seconds at most.
    assert_eq!(send_raw(at, b"GET /healthz HTTP/1.1\r\nHost: loc").status, 408);
    assert_eq!(get(at, "/healthz").status, 200);
}
