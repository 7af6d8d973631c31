//! Numbers where people already look, and the programs that take them there: Prometheus scrapes,
//! `VictoriaMetrics` takes the line protocol, a broker keeps what Home Assistant reads.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use shared::Field;

use crate::client::{Answer, get, node_when, request};
use crate::support::{FakeProc, Server, VALUES, command, headroom, say, until};
use crate::viewers::{PASSWORD, set_password};

/// A program beside, which ends with the test.
pub(crate) struct Beside(Child);

impl Beside {
    /// Starts it; `None`, and a word about it, if it is not here.
    pub(crate) fn start(command: &mut Command, package: &str) -> Option<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn();
        if child.is_err() {
            say(format_args!(
                "NOT RUN: there is no {} here ({package})",
                command.get_program().display()
            ));
        }
        child.ok().map(Self)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// An address of loopback that is free at present.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What `at` answers with JSON, once it does.
pub(crate) fn answered(at: SocketAddr, path: &str) -> Value {
    until("an answer", || try_json(at, path))
}

fn try_json(at: SocketAddr, path: &str) -> Option<Value> {
    // Until it listens there is nothing to connect to.
    std::net::TcpStream::connect(at).ok()?;
    let answer = get(at, path);
    if answer.status == 200 { serde_json::from_slice(&answer.body).ok() } else { None }
}

/// A head that reads `fake`, with a settings file.
pub(crate) fn head_with_file(fake: &FakeProc, settings: &str) -> Server {
    fake.write("headroom.toml", settings);
    let path = fake.path("headroom.toml");
    let server = Server::start(fake, &["--period-ms", "200", "--config", path.to_str().unwrap()]);
    node_when(server.address(), "pi-test", |node| !node["sample"].is_null());
    server
}

/// What the export named `name` says of itself.
pub(crate) fn status(server: &Server, name: &str) -> Value {
    let all = get(server.address(), "/api/v1/exports").json();
    let mut all = all.as_array().unwrap().iter();
    // It is there as soon as its task has begun.
    all.find(|export| export["name"] == name).cloned().unwrap_or_default()
}

/// Waits until the export says what `is` wants.
pub(crate) fn status_when(server: &Server, name: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(&format!("the export {name}"), || Some(status(server, name)).filter(|of| is(of)))
}

/// What a spreadsheet is given: each list as a table, and nothing in it that it would calculate.
#[test]
fn lists_are_told_as_tables() {
    let fake = FakeProc::new();
    fake.write("proc/device-tree/model", "=1+1,\"x\"\0");
    let server = head_with_file(&fake, "");
    let at = server.address();
    let table = |path: &str| -> Vec<String> {
        // History is opened beside.
        let answer = until(path, || Some(get(at, path)).filter(|answer| answer.status != 503));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"), "{path}");
        answer.text().split("\r\n").map(str::to_owned).collect()
    };
    let nodes = table("/api/v1/nodes?format=csv");
    assert_eq!(nodes.len(), 3, "{nodes:?}");
    let columns: Vec<_> = nodes[0].split(',').collect();
    assert_eq!(columns.len(), 13 + Field::ALL.len());
    assert!(nodes[1].contains(",\"'=1+1,\"\"x\"\"\","), "{}", nodes[1]);
    // The one cell with a comma comes before all numbers.
    let cells: Vec<_> = nodes[1].rsplit(',').collect();
    for &(field, value) in VALUES {
        let place = columns.iter().rev().position(|column| *column == field.def().id).unwrap();
        assert_eq!(cells[place], value.to_string(), "{}", field.def().id);
    }
    for (path, column) in [
        ("/api/v1/fields?format=csv", "id,label,unit,kind,file,key"),
        ("/api/v1/exports?format=csv", "name,kind,to"),
        ("/api/v1/events?format=csv", "at_ms,node,kind,text"),
        ("/api/v1/nodes/pi-test/explain?format=csv", "id,bytes,reclaimable"),
        ("/api/v1/nodes/pi-test/usage?format=csv", "kind,name,pid,own"),
    ] {
        assert!(table(path)[0].starts_with(column), "{path}: {}", table(path)[0]);
    }
    assert_eq!(table("/api/v1/fields?format=csv").len(), Field::ALL.len() + 2);
    let accepted = request(at, "GET", "/api/v1/nodes", &[("Accept", "text/csv")]);
    assert_eq!(accepted.text().lines().count(), 2);
    for path in ["/api/v1/nodes?format=xml", "/api/v1/nodes?fromat=csv"] {
        get(at, path).error(400);
    }
}

/// A program without cookies shows the password with each request: it may read, and change nothing.
#[test]
fn whoever_shows_the_password_may_read() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &["--trusted-proxies", "192.0.2.1"]);
    let at = server.address();
    let ask = |method: &str, path: &str, pair: &str| -> Answer {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        request(at, method, path, &[("Authorization", &format!("Basic {encoded}"))])
    };
    get(at, "/metrics").error(401);
    let right = format!("prometheus:{PASSWORD}");
    for _ in 0..20 {
        let answer = ask("GET", "/metrics", &right);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("headroom_node_up"), "{}", answer.text());
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(ask("GET", "/api/v1/nodes?format=csv", &right).status, 200);
    ask("DELETE", "/api/v1/tokens/pi-5", &right).error(401);
    ask("GET", "/api/v1/tokens", &right).error(401);
    let wrong: Vec<u16> = (0..10).map(|_| ask("GET", "/metrics", "prometheus:x").status).collect();
    assert_eq!(wrong[0], 401);
    assert!(wrong.contains(&429), "{wrong:?}");
    // Whoever is known already is not slowed down by those who guess.
    assert_eq!(ask("GET", "/metrics", &right).status, 200);
    set_password(&fake, "another horse");
    until("the end of the old password", || {
        (ask("GET", "/metrics", &right).status != 200).then_some(())
    });
}

/// An agent tells of its own node to whoever scrapes it, if that is said.
#[test]
fn an_agent_is_scraped() {
    let fake = FakeProc::new();
    fake.write("token", "secret\n");
    let token = fake.path("token");
    assert!(Command::new("chmod").arg("600").arg(&token).status().unwrap().success());
    let at = free_address();
    let mut agent = command();
    agent.args(["agent", "--head", "http://127.0.0.1:1", "--metrics", &at.to_string()]);
    agent.arg("--token-file").arg(&token).args(fake.args());
    let _agent = Beside::start(&mut agent, "this program").unwrap();
    let page = until("the agent's page", || {
        std::net::TcpStream::connect(at).ok()?;
        Some(get(at, "/metrics")).filter(|page| page.text().contains("MemTotal"))
    });
    let line = "\nnode_memory_MemAvailable_bytes{instance=\"pi-test\"} 2782011392\n";
    assert!(page.text().contains(line), "{}", page.text());
    assert!(page.text().contains("\nprocess_resident_memory_bytes "), "{}", page.text());
    let accept = [("Accept", "application/openmetrics-text")];
    assert!(request(at, "GET", "/metrics", &accept).text().ends_with("# EOF\n"));
    get(at, "/").error(404);
    request(at, "POST", "/metrics", &[]).error(405);
    request(at, "GET", "/metrics", &[("Host", "evil.example")]).error(421);
}

/// Settings that cannot be meant are refused before anything is served.
#[test]
fn wrong_settings_of_exports_are_named() {
    let fake = FakeProc::new();
    let path = fake.path("headroom.toml");
    for (text, complaint) in [
        ("[export.influx]\nurl = 'http://127.0.0.1:1'\n", "say `database`"),
        ("[export.mqtt]\nurl = 'mqtt://a b'\n", "the broker's address"),
        ("[export.mqqt]\nurl = 'mqtt://a'\n", "unknown field `mqqt`"),
    ] {
        fake.write("headroom.toml", text);
        let output = headroom(["--config", path.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(complaint), "{error}");
    }
}
