//! `/metrics`, as those read it who scrape.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;
use shared::metric::Metric;

use crate::client::{get, node_when, request};
use crate::exports::{Beside, answered, free_address, head_with_file};
use crate::support::{FakeProc, SOON, Server, VALUES, say};

/// As Prometheus asks.
const OPEN: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

/// The page in text 0.0.4 and in `OpenMetrics`.
fn pages(server: &Server) -> [String; 2] {
    let text = get(server.address(), "/metrics");
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let open = request(server.address(), "GET", "/metrics", &[("Accept", OPEN)]);
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.header("content-type"), Some(form));
    [text.text(), open.text()]
}

/// What `command` makes of `input`; `None` if it is not here.
fn fed(command: &mut Command, input: &str) -> Option<Output> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().ok()?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn each_form_is_taken_by_a_reader_of_its_own() {
    let server = head_with_file(&FakeProc::new(), "");
    let [text, open] = pages(&server);
    match fed(Command::new("promtool").args(["check", "metrics"]), &text) {
        None => say("NOT RUN: there is no promtool here (Debian's prometheus)"),
        Some(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // It dislikes names that node_exporter gives too, and says nothing else.
            let others: Vec<_> = said
                .lines()
                .filter(|line| !line.contains("camelCase") && !line.starts_with("node_vmstat_"))
                .filter(|line| !line.starts_with("node_memory_"))
                .collect();
            assert!(others.is_empty(), "{said}");
            assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
        }
    }
    let client =
        env::var_os("XTASK_PEERS").map(|home| PathBuf::from(home).join("prometheus_client-0.22.1"));
    let Some(client) = client.filter(|client| client.is_dir()) else {
        return say("NOT RUN: there is no prometheus_client here (`cargo xtask test` fetches it)");
    };
    let script = "import sys\n\
                  from prometheus_client.openmetrics.parser import text_string_to_metric_families as of\n\
                  print(sum(len(family.samples) for family in of(sys.stdin.read())))";
    let mut python = Command::new("python3");
    let output = fed(python.args(["-c", script]).env("PYTHONPATH", client), &open).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let samples = open.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), samples.to_string());
}

/// As long as `HEADROOM_TEST_SCRAPE_S` says, or for some seconds.
#[test]
fn prometheus_scrapes_without_an_error() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "200"]);
    node_when(server.address(), "pi-test", |node| !node["sample"].is_null());
    let own = free_address();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n- job_name: headroom\n  honor_labels: true\n  static_configs:\n  \
         - targets: ['{}']\n",
        server.address()
    );
    fake.write("prometheus.yml", &config);
    let mut prometheus = Command::new("prometheus");
    prometheus
        .arg(format!("--config.file={}", fake.path("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", fake.path("tsdb").display()))
        .arg(format!("--web.listen-address={own}"));
    let Some(_prometheus) = Beside::start(&mut prometheus, "Debian's prometheus") else { return };
    let ask = |query: &str| -> Vec<Value> {
        let answer = answered(own, &format!("/api/v1/query?query={query}"));
        answer["data"]["result"].as_array().unwrap().clone()
    };
    let number = |result: &Value| -> f64 { result["value"][1].as_str().unwrap().parse().unwrap() };
    let wanted = env::var("HEADROOM_TEST_SCRAPE_S").ok().and_then(|text| text.parse().ok());
    let wanted: f64 = wanted.unwrap_or(6.0);
    let deadline = Instant::now() + Duration::from_secs_f64(wanted * 2.0) + SOON;
    let of_time = |what: &str| ask(&format!("{what}_over_time(up%5B1h%5D)")).first().map(number);
    while of_time("count").is_none_or(|count| count < wanted) {
        assert!(Instant::now() < deadline, "Prometheus does not scrape");
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(of_time("min"), Some(1.0), "a scrape went wrong");
    let targets = answered(own, "/api/v1/targets");
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!((&target["lastError"], &target["health"]), (&"".into(), &"up".into()), "{target}");

    // `{instance="pi-test"}`: all that it has of the node.
    let kept = ask("%7Binstance%3D%22pi-test%22%7D");
    let kept: HashMap<&str, f64> = kept
        .iter()
        .filter(|result| result["metric"]["part"].is_null())
        .map(|result| (result["metric"]["__name__"].as_str().unwrap(), number(result)))
        .collect();
    let node = get(server.address(), "/api/v1/nodes/pi-test").json();
    for &(field, value) in VALUES {
        assert_eq!(node["sample"][field.def().id], value);
        let metric = Metric::of(field);
        let mut told = Vec::new();
        metric.write(value, &mut told);
        let told: f64 = String::from_utf8(told).unwrap().parse().unwrap();
        let name = metric.name.clone() + metric.kind.suffix();
        assert_eq!(kept.get(name.as_str()), Some(&told), "{name}");
    }
    assert_eq!(kept.get("headroom_used_bytes").copied(), node["used"].as_f64());
    assert_eq!(kept.get("headroom_node_up"), Some(&1.0));
    let (count, samples) = (of_time("count").unwrap(), ask("scrape_samples_scraped"));
    say(format_args!("{count} scrapes of {} samples without an error", number(&samples[0])));
}

/// A node that is silent has no numbers any more, but is told to be down.
#[test]
fn a_silent_node_is_down() {
    let fake = FakeProc::new();
    let server = head_with_file(&fake, "");
    let [text, _] = pages(&server);
    assert!(text.contains("\nheadroom_node_up{instance=\"pi-test\"} 1\n"), "{text}");
    assert!(text.contains("\nnode_memory_MemTotal_bytes{instance=\"pi-test\"} "), "{text}");
    fs::remove_file(fake.path("proc/meminfo")).unwrap();
    // Late for 15 seconds, then stale.
    let deadline = Instant::now() + Duration::from_secs(30);
    let text = loop {
        let text = pages(&server)[0].clone();
        if text.contains("\nheadroom_node_up{instance=\"pi-test\"} 0\n") {
            break text;
        }
        assert!(Instant::now() < deadline, "{text}");
        thread::sleep(Duration::from_millis(500));
    };
    assert!(!text.contains("node_memory_"), "{text}");
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
}
