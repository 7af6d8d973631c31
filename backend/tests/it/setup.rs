//! `headroom setup` for a head of one's own: what it writes, what it leaves alone, and that the head and the
//! agents it speaks of run with that.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::request_tls;
use crate::support::{FakeProc, Server, command, mode, say, until};

/// A head of one's own that is set up: its files.
pub(crate) struct Own {
    pub(crate) dir: TempDir,
    pub(crate) port: u16,
}

impl Own {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), port: free_port() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn settings(&self) -> String {
        self.path("headroom.toml").to_str().unwrap().into()
    }

    /// The arguments of `setup` for it.
    pub(crate) fn args(&self) -> Vec<String> {
        let data = self.path("data").to_str().unwrap().to_owned();
        ["setup", "--config", &self.settings(), "--data-dir", &data].map(str::to_owned).into()
    }

    /// Runs `setup` with `more` arguments, without a terminal.
    pub(crate) fn setup(&self, more: &[&str]) -> Output {
        setup(&self.args(), more, "")
    }

    /// The same, for scripts: what it printed.
    pub(crate) fn json(&self, more: &[&str]) -> Value {
        json(&self.setup(&[&["--json"], more].concat()))
    }

    /// Starts a head with what was written, and nothing else but the trees to read.
    pub(crate) fn start(&self, fake: &FakeProc) -> Server {
        let mut head = command();
        head.env_remove("HEADROOM_DATA_DIR").env("HEADROOM_RUNTIME_DIR", self.path("run"));
        head.args(["--config", &self.settings()]).args(fake.args());
        Server::spawn(&mut head, Stdio::piped())
    }
}

/// Runs the program with `input` for its standard input.
pub(crate) fn setup(args: &[String], more: &[&str], input: &str) -> Output {
    use std::io::Write as _;

    let mut setup = command();
    setup.args(args).args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = setup.spawn().unwrap();
    // It need not read it.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// Every file below `dir`, with what stands in it and its mode.
pub(crate) fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>, u32)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push((path.clone(), Vec::new(), mode(&path)));
            all.extend(files(&path));
        } else {
            all.push((path.clone(), fs::read(&path).unwrap(), mode(&path)));
        }
    }
    all.sort();
    all
}

#[test]
fn a_head_and_a_node_run_with_what_is_written_and_a_repeat_changes_nothing() {
    let (fake, own, node) = (FakeProc::new(), Own::new(), Own::new());
    let listen = format!("0.0.0.0:{}", own.port);
    let made =
        own.json(&["--listen", &listen, "--node", "pi-1,pi-2", "--host-names", "dash.example.org"]);
    assert_eq!((&made["changed"], &made["running"]), (&true.into(), &false.into()), "{made}");
    assert_eq!((mode(&own.path("headroom.toml")), mode(&own.path("data"))), (0o644, 0o700));
    let url = made["urls"][0].as_str().unwrap();
    assert!(url.starts_with("https://") && url.ends_with(&format!(":{}", own.port)), "{made}");
    assert!(!url.contains("0.0.0.0"), "{made}");
    let named = format!("https://dash.example.org:{}", own.port);
    assert!(made["urls"].as_array().unwrap().contains(&named.into()), "{made}");
    let password = made["password"].as_str().unwrap();
    let token = made["nodes"][0]["token"].as_str().unwrap();
    let fingerprint = made["fingerprint"].as_str().unwrap();
    let way = format!("--head {url} --fingerprint {fingerprint} --token-file -");
    assert_eq!(
        made["nodes"][0]["setup"],
        format!("echo {token} | sudo headroom setup --agent {way}")
    );
    assert_eq!(made["nodes"][0]["line"], format!("echo {token} | headroom agent {way}"));

    // It is what the head serves with.
    let server = own.start(&fake);
    assert_eq!(server.fingerprint().to_string(), fingerprint);
    let credentials = base64_of(&format!("x:{password}"));
    let authorization = format!("Basic {credentials}");
    let headers = [("Authorization", authorization.as_str())];
    let nodes = || request_tls(&server, "GET", "/api/v1/nodes", &headers).json();
    assert_eq!(nodes()["nodes"][1]["id"], "pi-1");

    // All of it again: every byte stays.
    let before = files(own.dir.path());
    let again =
        own.json(&["--listen", &listen, "--node", "pi-1,pi-2", "--host-names", "dash.example.org"]);
    assert_eq!((&again["changed"], &again["running"]), (&false.into(), &true.into()), "{again}");
    assert_eq!((&again["password"], &again["nodes"][0]["token"]), (&Value::Null, &Value::Null));
    assert_eq!(again["fingerprint"], fingerprint);
    assert_eq!(own.json(&[])["changed"], false, "what is not said stays as it is");
    // What the head itself writes meanwhile does not count.
    let kept = ["headroom.toml", "cert.pem", "key.pem", "tokens.json", "viewer.json"];
    let of = |all: Vec<(PathBuf, Vec<u8>, u32)>| -> Vec<_> {
        let is_kept = |path: &Path| kept.iter().any(|name| path.ends_with(name));
        all.into_iter().filter(|(path, ..)| is_kept(path)).collect()
    };
    let (before, after) = (of(before), of(files(own.dir.path())));
    assert_eq!(before.len(), kept.len());
    assert!(before == after, "a repeat changed a file");

    // A node, by what was printed for it; `fake` is what it reads, and tells it from others.
    let node_toml = node.settings();
    fs::write(
        &node_toml,
        format!("# mine\n[agent]\nmachine_id_file = \"{}\"\n", own.path("data/key.pem").display()),
    )
    .unwrap();
    let at = server.address();
    let agent = ["setup", "--agent", "--config", &node_toml].map(str::to_owned);
    let head = format!("https://{at}");
    let way = ["--json", "--head", &head, "--fingerprint", fingerprint, "--token-file", "-"];
    let joined =
        json(&setup(&agent, &[&way[..], &["--label", "rack=a"]].concat(), &format!("{token}\n")));
    assert_eq!((&joined["node"], &joined["changed"]), (&"pi-1".into(), &true.into()), "{joined}");
    let token_file = node.path("secrets/token");
    assert_eq!((mode(&token_file), mode(&node.path("secrets"))), (0o600, 0o700));
    assert_eq!(fs::read_to_string(&token_file).unwrap().trim(), token);
    let written = fs::read_to_string(&node_toml).unwrap();
    assert!(written.starts_with("# mine\n[agent]\nmachine_id_file = "), "{written}");
    assert!(!written.contains(token), "{written}");
    let before = files(node.dir.path());
    let again =
        json(&setup(&agent, &[&way[..], &["--label", "rack=a"]].concat(), &format!("{token}\n")));
    assert_eq!(again["changed"], false, "{again}");
    let again = json(&setup(&agent, &["--json"], ""));
    assert_eq!((&again["changed"], &again["node"]), (&false.into(), &"pi-1".into()), "{again}");
    assert!(files(node.dir.path()) == before, "a repeat changed a file");

    let mut agent = command();
    agent.args(["agent", "--config", &node_toml]).args(fake.args());
    let mut agent = agent.stderr(Stdio::null()).spawn().unwrap();
    let live = until("the node is heard", || {
        let nodes = nodes();
        (nodes["nodes"][1]["state"] == "live").then_some(nodes)
    });
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert_eq!(live["nodes"][1]["labels"]["rack"], "a", "{live}");
}

fn base64_of(text: &str) -> String {
    let output = Command::new("sh").args(["-c", "printf %s \"$1\" | base64", "sh", text]).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().into()
}

#[test]
fn all_else_in_the_settings_stays_as_it_is() {
    let own = Own::new();
    let before = "# Of the cluster in the cellar\n\nperiod_ms = 2000   # slow\nlisten = '127.0.0.1:1' # was\n\n\
                  # Kept for long\n[history]\nkeep_raw = \"3d\"\n\n[agent]\nlabel = [ 'a=b' ]\n# end\n";
    let before = before.replace("keep_raw = \"3d\"\n", "");
    fs::write(own.settings(), &before).unwrap();
    let listen = format!("127.0.0.1:{}", own.port);
    own.json(&["--listen", &listen, "--anonymous-read"]);
    let after = fs::read_to_string(own.settings()).unwrap();
    let data = own.path("data");
    let expected = before.replace(
        "'127.0.0.1:1' # was\n",
        &format!("\"{listen}\" # was\nanonymous_read = true\ndata_dir = \"{}\"\n", data.display()),
    );
    assert_eq!(after, expected);
    // Only this machine reaches it: no TLS, and no password unless it is given.
    assert_eq!(own.json(&[])["fingerprint"], Value::Null);
    assert!(!data.join("viewer.json").exists() && !data.join("cert.pem").exists());
    let password = own.path("password");
    fs::write(&password, "correct horse\n").unwrap();
    let with = ["--password-file", password.to_str().unwrap()];
    assert_eq!(own.json(&with)["changed"], true);
    let kept = fs::read(data.join("viewer.json")).unwrap();
    assert_eq!(own.json(&with)["changed"], false, "the same password signs nobody out");
    assert_eq!(fs::read(data.join("viewer.json")).unwrap(), kept);
    fs::write(&password, "battery staple\n").unwrap();
    assert_eq!(own.json(&with)["changed"], true);
    assert_ne!(fs::read(data.join("viewer.json")).unwrap(), kept);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_touched() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let at_taken = format!("0.0.0.0:{}", taken.local_addr().unwrap().port());
    for (text, args, words) in [
        ("listen = ", &[][..], &["headroom.toml is wrong", "TOML parse error"][..]),
        ("perriod_ms = 1\n", &[], &["unknown field `perriod_ms`", "headroom.toml"]),
        ("tls = false\n", &["--listen", "0.0.0.0:18081"], &["--insecure-http", "0.0.0.0:18081"]),
        ("tls_cert = 'c'\n", &[], &["tls_key"]),
        ("", &["--listen", "0.0.0.0:0"], &["port 0", "--listen"]),
        (
            "",
            &["--listen", &at_taken],
            &["another program listens on port", "ss -ltnp", "--listen"],
        ),
        (
            "",
            &["--listen", "203.0.113.9:18082"],
            &["203.0.113.9 is no address of this machine", "--listen"],
        ),
        ("", &["--listen", "8080"], &["\"8080\" is not an address"]),
        ("", &["--node", "Pi 5"], &["\"Pi 5\"", "lower-case"]),
        ("", &["--password-file", "/no/such"], &["password in /no/such"]),
        ("", &["--password-file", "/dev/null"], &["at least 8"]),
        ("", &["--agent"], &["--token-file", "headroom token create"]),
        ("", &["--agent", "--listen", "0.0.0.0:1"], &["--agent", "--listen"]),
        ("", &["--head", "https://pi"], &["--agent"]),
        ("", &["--agent", "--head", "pi"], &["\"pi\"", "https://"]),
    ] {
        let own = Own::new();
        if !text.is_empty() {
            fs::write(own.settings(), text).unwrap();
        }
        let before = files(own.dir.path());
        let args_of = ["setup", "--config", &own.settings()].map(str::to_owned);
        // Its data are here, whoever runs the test.
        let data = own.path("data").to_str().unwrap().to_owned();
        let data = ["--data-dir", data.as_str()];
        let data = if args.contains(&"--agent") { &[][..] } else { &data[..] };
        let output = setup(&args_of, &[args, data].concat(), "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{args:?}: {word:?} is not in: {said}");
        }
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(files(own.dir.path()) == before, "{args:?} touched a file");
    }
}

#[test]
fn this_machine_is_set_up_by_root_only() {
    let mut setup = command();
    if rustix::process::geteuid().is_root() {
        setup.uid(65534).gid(65534);
    }
    let Ok(output) = setup.args(["setup", "--yes"]).output() else {
        return say("NOT RUN: nobody else may run the program where it was built");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`sudo`") && said.contains("--config FILE"), "{said}");
}

#[test]
fn others_do_not_set_up_at_the_same_time() {
    let own = Own::new();
    let lock = fs::File::open(own.dir.path()).unwrap();
    lock.lock().unwrap();
    let output = own.setup(&["--yes"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("is running"), "{said}");
    drop(lock);
    assert!(own.setup(&["--yes", "--listen", "127.0.0.1:18083"]).status.success());
}
