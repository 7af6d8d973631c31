//! Tokens: made and revoked by command and in the page, and seen by a running head.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, get, request, send_json};
use crate::support::{FakeProc, Server, command, mode, until};
use crate::tls::certificate;
use crate::viewers::{PASSWORD, set_password, sign_in};

/// Runs `headroom token` on the data of `fake`.
fn token(fake: &FakeProc, args: &[&str]) -> Output {
    let mut command = command();
    command.env("HEADROOM_DATA_DIR", fake.path("data"));
    command.arg("token").args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The token in a line that lets a node join.
fn of_line(line: &str) -> String {
    let token = line.split(' ').nth(1).unwrap();
    assert!(token.len() == 68 && token.starts_with("hrt_"), "{line}");
    token.to_owned()
}

#[test]
fn a_token_is_made_listed_and_revoked_by_command() {
    let fake = FakeProc::new();
    assert_eq!(stdout(&token(&fake, &["list", "--json"])), "[]\n");
    assert!(!fake.path("data").exists(), "to look is not to make");
    let made = token(&fake, &["create", "pi-5", "--head", "https://192.168.1.10:8443"]);
    let line = stdout(&made);
    assert_eq!(line.lines().count(), 1, "{line}");
    let secret = of_line(&line);
    let fingerprint = headroom::tls::fingerprint(&certificate(&fake.path("data/cert.pem")));
    let expected = format!(
        "echo {secret} | headroom agent --head https://192.168.1.10:8443 --fingerprint {fingerprint} \
         --token-file -\n"
    );
    assert_eq!(line, expected);
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(said.contains("run this line on pi-5") && !said.contains("hrt_"), "{said}");
    let kept = fs::read_to_string(fake.path("data/tokens.json")).unwrap();
    assert!(!kept.contains(&secret) && !kept.contains(&secret[4..]), "{kept}");
    for (path, bits) in [("data", 0o700), ("data/tokens.json", 0o600), ("data/lock", 0o600)] {
        assert_eq!(mode(&fake.path(path)), bits, "{path}");
    }
    let again = token(&fake, &["create", "pi-5"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("revoke it first"));
    let plain = stdout(&token(&fake, &["create", "pi-6", "--head", "http://pi-head.local:8080"]));
    assert!(plain.contains("--head http://pi-head.local:8080 --token-file"), "{plain}");
    let list: Value = serde_json::from_str(&stdout(&token(&fake, &["list", "--json"]))).unwrap();
    assert_eq!(list[0]["name"], "pi-5");
    assert_eq!(list[1]["bound_ms"], Value::Null);
    assert!(!list.to_string().contains("hash"), "{list}");
    let table = stdout(&token(&fake, &["list"]));
    assert!(table.contains("pi-5") && table.contains("never"), "{table}");
    stdout(&token(&fake, &["revoke", "pi-5"]));
    let list = stdout(&token(&fake, &["list"]));
    assert!(!list.contains("pi-5") && list.contains("pi-6"), "{list}");
    let unknown = token(&fake, &["revoke", "pi-5"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no token for pi-5"));
}

/// Where the head listens decides what the line says, if that is not said.
#[test]
fn the_line_leads_to_where_the_head_listens() {
    let fake = FakeProc::new();
    for (settings, start, is_secure) in [
        (&["--listen", "192.168.1.10:8443"][..], "https://192.168.1.10:8443 ", true),
        (&["--listen", "192.168.1.10:80", "--insecure-http"], "http://192.168.1.10:80 ", false),
        (&["--listen", "127.0.0.1:8080"], "http://127.0.0.1:8080 ", false),
        (&["--listen", "0.0.0.0:8443"], "https://", true),
    ] {
        let line = stdout(&token(&fake, &[&["create", "pi"], settings].concat()));
        let head = line.split("--head ").nth(1).unwrap();
        assert!(head.starts_with(start) && !head.contains("0.0.0.0"), "{settings:?}: {line}");
        assert_eq!(line.contains("--fingerprint sha256:"), is_secure, "{line}");
        stdout(&token(&fake, &["revoke", "pi"]));
    }
}

/// How a head was started, the command does not know, but the head kept it.
#[test]
fn the_line_leads_to_the_head_that_was_started() {
    let fake = FakeProc::new();
    let server = Server::start_at("0.0.0.0:0", &fake, &[]);
    let line = stdout(&token(&fake, &["create", "pi"]));
    let port = server.address().port();
    let (head, rest) = line.split_once("--head https://").unwrap().1.split_once(' ').unwrap();
    assert!(head.ends_with(&format!(":{port}")) && !head.starts_with("0.0.0.0"), "{line}");
    assert!(rest.starts_with(&format!("--fingerprint {} ", server.fingerprint())), "{line}");
    drop(server);
    let server = Server::start(&fake, &[]);
    let made = token(&fake, &["create", "pi-2"]);
    assert!(stdout(&made).contains(&format!("--head http://{} --token", server.address())));
    assert!(String::from_utf8_lossy(&made.stderr).contains("only this machine reaches it"));
    let line = stdout(&token(&fake, &["create", "pi-3", "--head", "https://pi-head.local:1"]));
    assert!(line.contains("--head https://pi-head.local:1 --fingerprint sha256:"), "{line}");
}

/// Names as a running head knows them, over HTTP.
fn names(server: &Server, session: &str) -> Vec<String> {
    let answer = request(server.address(), "GET", "/api/v1/tokens", &[("Cookie", session)]);
    let tokens = answer.json()["tokens"].clone();
    tokens.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().into()).collect()
}

#[test]
fn a_running_head_sees_what_the_command_changes_within_half_a_second() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &[]);
    let session = sign_in(server.address(), PASSWORD);
    for round in 0..3 {
        stdout(&token(&fake, &["create", "pi-5"]));
        let begun = Instant::now();
        until("the new node", || (names(&server, &session) == ["pi-5"]).then_some(()));
        let seen = begun.elapsed();
        stdout(&token(&fake, &["revoke", "pi-5"]));
        let begun = Instant::now();
        until("its end", || names(&server, &session).is_empty().then_some(()));
        let most = Duration::from_millis(500).max(seen).max(begun.elapsed());
        // A busy machine may be late once.
        if most <= Duration::from_millis(500) {
            return;
        }
        assert!(round < 2, "it takes {most:?}");
    }
}

fn create(server: &Server, headers: &[(&str, &str)], name: &str) -> Answer {
    send_json(server.address(), "POST", "/api/v1/tokens", headers, &json!({ "name": name }))
}

#[test]
fn who_signed_in_makes_and_revokes_tokens_in_the_page() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &[]);
    let at = server.address();
    let session = sign_in(at, PASSWORD);
    let cookie = ("Cookie", session.as_str());
    let origin = format!("http://{at}");
    let made = create(&server, &[cookie, ("Origin", &origin)], "pi-5");
    assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")));
    let made = made.json();
    assert_eq!(made["name"], "pi-5");
    let line = made["line"].as_str().unwrap();
    assert!(line.contains(&format!("--head http://{at} --token-file -")), "{line}");
    let secret = of_line(line);
    let list = request(at, "GET", "/api/v1/tokens", &[cookie]).text();
    assert!(list.contains("pi-5") && !list.contains("hash") && !list.contains(&secret), "{list}");
    assert!(create(&server, &[cookie], "pi-5").error(409).contains("revoke it first"));
    assert!(create(&server, &[cookie], "Pi 5").error(400).contains("lower-case"));
    // Under the name that the browser knows the head by.
    let named = [cookie, ("Host", "pi-head.local:8443")];
    let line = create(&server, &named, "pi-6").json()["line"].as_str().unwrap().to_owned();
    assert!(line.contains("--head http://pi-head.local:8443 "), "{line}");
    let delete = |name: &str| request(at, "DELETE", &format!("/api/v1/tokens/{name}"), &[cookie]);
    assert_eq!(delete("pi-5").status, 204);
    assert!(delete("pi-5").error(404).contains("pi-5"));
    assert_eq!(names(&server, &session), ["pi-6"]);
    let kept = fs::read_to_string(fake.path("data/tokens.json")).unwrap();
    assert!(kept.contains("pi-6") && !kept.contains("pi-5"), "{kept}");
}

#[test]
fn nobody_else_does() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &["--anonymous-read"]);
    let at = server.address();
    let session = sign_in(at, PASSWORD);
    let cookie = ("Cookie", session.as_str());
    assert_eq!(get(at, "/api/v1/nodes").status, 200, "everybody may read");
    for (method, path) in
        [("GET", "/api/v1/tokens"), ("POST", "/api/v1/tokens"), ("DELETE", "/api/v1/tokens/pi-5")]
    {
        request(at, method, path, &[("Content-Length", "0")]).error(401);
        let forged = [("Content-Length", "0"), ("Cookie", "headroom_session=1.ab")];
        request(at, method, path, &forged).error(401);
        if method != "GET" {
            let foreign = [("Content-Length", "0"), cookie, ("Origin", "http://evil.example")];
            assert!(request(at, method, path, &foreign).error(403).contains("evil.example"));
        }
    }
    let form = [("Content-Length", "11"), ("Content-Type", "text/plain"), cookie];
    request(at, "POST", "/api/v1/tokens", &form).error(415);
    assert_eq!(
        create(&server, &[cookie], &"x".repeat(5000)).error(413),
        "a body here has at most 4096 bytes"
    );
    for body in [json!([]), json!({}), json!({ "name": 5 }), json!({ "name": "a", "hash": "b" })] {
        send_json(at, "POST", "/api/v1/tokens", &[cookie], &body).error(400);
    }
    assert_eq!(names(&server, &session), [""; 0]);
    assert!(!fake.path("data/tokens.json").exists());
}

/// Whoever looks at the processes of a machine sees arguments, and not the token.
#[test]
fn no_argument_holds_a_token() {
    let fake = FakeProc::new();
    let line = stdout(&token(&fake, &["create", "pi-5", "--head", "http://127.0.0.1:9"]));
    let secret = of_line(&line);
    let (before, agent) = line.split_once('|').unwrap();
    assert!(before.contains(&secret) && !agent.contains("hrt_"), "{line}");
}
