//! What the head sends by itself: the line protocol, and to a broker.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::client::get;
use crate::exports::{Beside, free_address, head_with_file, status, status_when};
use crate::support::{FakeProc, Server, VALUES, command, say, until};

fn victoria(at: SocketAddr, data: &Path) -> Option<Beside> {
    let mut victoria = Command::new("victoria-metrics");
    victoria
        .arg(format!("-storageDataPath={}", data.display()))
        .arg(format!("-httpListenAddr={at}"));
    Beside::start(&mut victoria, "Debian's victoria-metrics")
}

/// All that the store keeps of the node, by the names of series: times and values.
fn kept(at: SocketAddr, measurement: &str) -> HashMap<String, Vec<(u64, f64)>> {
    get(at, "/internal/force_flush");
    let matches = format!("%7B__name__%3D~%22{measurement}_.*%22,node%3D%22pi-test%22%7D");
    let lines = get(at, &format!("/api/v1/export?match%5B%5D={matches}"));
    lines
        .text()
        .lines()
        .map(|line| {
            let series: Value = serde_json::from_str(line).unwrap();
            let name = series["metric"]["__name__"].as_str().unwrap().to_owned();
            let of = |key: &str| series[key].as_array().unwrap().clone();
            let times = of("timestamps").into_iter().map(|at| at.as_u64().unwrap());
            let values = of("values").into_iter().map(|value| value.as_f64().unwrap());
            (name, times.zip(values).collect())
        })
        .collect()
}

#[test]
fn a_store_gets_exactly_what_was_read() {
    let (at, first, second) = (free_address(), FakeProc::new(), FakeProc::new());
    let v1 = format!("[export.influx]\nurl = 'http://{at}'\ndatabase = 'pis'\nevery = '1s'\n");
    let v2 = format!(
        "[export.influx]\nurl = 'http://{at}/'\norg = 'our house'\nbucket = 'b'\nevery = '1s'\n\
         measurement = 'second'\ntoken_file = '{}'\n",
        second.path("token").display()
    );
    second.write("token", "secret\n");
    let heads = [head_with_file(&first, &v1), head_with_file(&second, &v2)];
    // Everybody may read the file.
    let open = status_when(&heads[1], "influx", |of| of["trouble"].is_string());
    let trouble = open["trouble"].as_str().unwrap();
    assert!(trouble.contains("token") && trouble.contains("chmod"), "{trouble}");
    let chmod = Command::new("chmod").arg("600").arg(second.path("token")).status().unwrap();
    assert!(chmod.success());
    // The store is away: batches wait, which is told once.
    for head in &heads {
        status_when(head, "influx", |of| of["waiting"].as_u64() >= Some(2));
    }
    let Some(_victoria) = victoria(at, &first.path("victoria")) else { return };
    for (head, measurement) in heads.iter().zip(["headroom", "second"]) {
        let of = status_when(head, "influx", |of| {
            of["sent"].as_u64() >= Some(4) && of["waiting"] == 0 && of["trouble"].is_null()
        });
        assert_eq!(of["dropped"], 0, "{of}");
        let series = until("the store's answer", || {
            let series = kept(at, measurement);
            let total = series.get(&format!("{measurement}_total")).map_or(0, Vec::len);
            (total >= 4).then_some(series)
        });
        // What the store has was read before this is asked.
        let path = "/api/v1/nodes/pi-test/history?from=-10m&step=raw&fields=total";
        let history = get(head.address(), path).json();
        assert_eq!(history["columns"][0], "at_ms");
        let rows = history["nodes"][0]["rows"].as_array().unwrap();
        let taken: Vec<u64> = rows.iter().map(|row| row[0].as_u64().unwrap()).collect();
        // The head may come to know a node's clock better, by some ms.
        let is_one = |at_ms: &u64| taken.iter().any(|taken| taken.abs_diff(*at_ms) <= 5);
        for &(field, value) in VALUES {
            let name = format!("{measurement}_{}", field.def().id);
            let values = series.get(&name).unwrap_or_else(|| panic!("{name} is not there"));
            for (at_ms, kept) in values {
                assert!(is_one(at_ms), "{name} has a time of its own: {at_ms}");
                assert_eq!(Some(*kept), Some(value as f64), "{name}");
            }
        }
        let used = series[&format!("{measurement}_used")].first().map(|(_, bytes)| *bytes);
        assert_eq!(used, Some(1_194_704_896.0));
        let told = head.stderr();
        assert_eq!(told.matches("nothing goes through").count(), 1, "{told}");
        assert_eq!(told.matches("goes on").count(), 1, "{told}");
    }
}

#[test]
fn what_is_refused_for_good_is_dropped_and_counted() {
    let fake = FakeProc::new();
    let other = Server::start(&FakeProc::new(), &[]);
    // No store: it refuses whatever is posted.
    let settings = format!(
        "[export.influx]\nurl = 'http://{}'\ndatabase = 'pis'\nevery = '1s'\n",
        other.address()
    );
    let head = head_with_file(&fake, &settings);
    let of = status_when(&head, "influx", |of| of["dropped"].as_u64() >= Some(2));
    assert_eq!((&of["sent"], &of["waiting"]), (&0.into(), &0.into()), "{of}");
    assert!(of["trouble"].as_str().unwrap().starts_with("it answers 4"), "{of}");
    assert_eq!(head.stderr().matches("nothing goes through").count(), 1, "{}", head.stderr());
}

/// What the broker keeps, by topics.
fn retained(at: SocketAddr) -> HashMap<String, String> {
    let mut sub = Command::new("mosquitto_sub");
    let port = at.port().to_string();
    sub.args(["-h", "127.0.0.1", "-p", &port, "-t", "#", "-W", "1", "-F", "%r %t %p"]);
    let output = sub.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // `1` is what was there before.
    let lines = text.lines().filter_map(|line| line.strip_prefix("1 ")?.split_once(' '));
    lines.map(|(topic, text)| (topic.to_owned(), text.to_owned())).collect()
}

#[test]
fn home_assistant_learns_of_nodes_from_a_broker() {
    let (at, fake) = (free_address(), FakeProc::new());
    let settings =
        format!("listener {} 127.0.0.1\nallow_anonymous true\npersistence false\n", at.port());
    fake.write("mosquitto.conf", &settings);
    let start = || {
        let here = ["mosquitto", "/usr/sbin/mosquitto"];
        let program = here.into_iter().find(|path| Command::new(path).arg("-h").output().is_ok());
        let mut mosquitto = Command::new(program.unwrap_or("mosquitto"));
        Beside::start(mosquitto.arg("-c").arg(fake.path("mosquitto.conf")), "Debian's mosquitto")
    };
    let Some(first) = start() else { return };
    if Command::new("mosquitto_sub").arg("--help").output().is_err() {
        return say("NOT RUN: there is no mosquitto_sub here (Debian's mosquitto-clients)");
    }
    let token = |what: &str, more: &[&str]| {
        let mut token = command();
        token
            .args(["token", what, "spare.1"])
            .args(more)
            .env("HEADROOM_DATA_DIR", fake.path("data"));
        let output = token.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    token("create", &["--head", "http://127.0.0.1:1"]);
    let settings = format!("[export.mqtt]\nurl = 'mqtt://{at}'\nevery = '1s'\ntopic = 'our/pis'\n");
    let head = head_with_file(&fake, &settings);
    let whole = |kept: &HashMap<String, String>| {
        kept.contains_key("our/pis/nodes/pi-test/state")
            && kept.contains_key("our/pis/nodes/spare.1/availability")
    };
    let kept = until("what the broker keeps", || Some(retained(at)).filter(whole));
    assert_is_told(&kept, &head);

    // A broker that forgot everything is told everything again.
    drop(first);
    status_when(&head, "mqtt", |of| of["trouble"].is_string());
    let Some(_second) = start() else { panic!("it was here before") };
    let again = until("what the new broker keeps", || Some(retained(at)).filter(whole));
    assert_is_told(&again, &head);
    assert_eq!(status(&head, "mqtt")["trouble"], Value::Null);

    // A node that is shut out is no device any more.
    token("revoke", &[]);
    until("the end of the node", || {
        let kept = retained(at);
        (!kept.keys().any(|topic| topic.contains("spare"))).then_some(())
    });
    drop(head);
    until("the last will", || (retained(at).get("our/pis/status")? == "offline").then_some(()));
}

fn assert_is_told(kept: &HashMap<String, String>, head: &Server) {
    assert_eq!(kept["our/pis/status"], "online");
    assert_eq!(kept["our/pis/nodes/pi-test/availability"], "online");
    assert_eq!(kept["our/pis/nodes/spare.1/availability"], "offline");
    let state: Value = serde_json::from_str(&kept["our/pis/nodes/pi-test/state"]).unwrap();
    let node = get(head.address(), "/api/v1/nodes/pi-test").json();
    assert_eq!(state["available"], node["available"]["here"]);
    assert_eq!(state["used"], node["used"]);
    assert_eq!(state["under_voltage"], "OFF");
    let prefix = "homeassistant/sensor/headroom_pi-test";
    let config: Value = serde_json::from_str(&kept[&format!("{prefix}/available/config")]).unwrap();
    assert_eq!(config["state_topic"], "our/pis/nodes/pi-test/state");
    assert_eq!(config["value_template"], "{{ value_json.available }}");
    assert_eq!(config["availability"][0]["topic"], "our/pis/status");
    assert_eq!(config["device"]["model"], "Raspberry Pi 4 Model B Rev 1.4");
    assert_eq!(config["device"]["name"], "pi-test");
    // Each sensor has a value, and the other way round.
    let configs = kept.keys().filter(|topic| topic.starts_with("homeassistant/"));
    let mut sensors: Vec<_> =
        configs.map(|topic| topic.rsplit('/').nth(1).unwrap().to_owned()).collect();
    sensors.sort();
    let mut keys: Vec<_> = state.as_object().unwrap().keys().cloned().collect();
    keys.retain(|key| key != "at_ms");
    keys.sort();
    // Pressure is known after a while: a sensor may be on its way.
    assert!(keys.iter().filter(|key| !sensors.contains(key)).count() <= 1, "{sensors:?} {keys:?}");
    assert!(sensors.len() >= 6, "{sensors:?}");
}
