//! Viewers: who sees what without the password, and what becomes of those who guess it.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, get, request, request_tls, send_json, upgrade};
use crate::support::{FakeProc, Server, command, headroom, mode, until};

pub(crate) const PASSWORD: &str = "correct horse";
/// A proxy that is nobody here: stating one makes a head on loopback ask for the password.
const EXPOSED: [&str; 2] = ["--trusted-proxies", "192.0.2.1"];

/// Sets the password of the head that keeps its data in `fake`, by command.
pub(crate) fn set_password(fake: &FakeProc, password: &str) {
    let mut command = command();
    command.args(["password", "--stdin"]).env("HEADROOM_DATA_DIR", fake.path("data"));
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn log_in(at: SocketAddr, headers: &[(&str, &str)], password: &str) -> Answer {
    send_json(at, "POST", "/api/v1/login", headers, &json!({ "password": password }))
}

/// Signs in: what the browser sends from then on as its cookie.
pub(crate) fn sign_in(at: SocketAddr, password: &str) -> String {
    let answer = log_in(at, &[], password);
    assert_eq!(answer.status, 204, "{}", answer.text());
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn session(at: SocketAddr, headers: &[(&str, &str)]) -> Value {
    request(at, "GET", "/api/v1/session", headers).json()
}

const PATHS: [&str; 7] = [
    "/api/v1/nodes",
    "/api/v1/nodes/pi-test",
    "/api/v1/nodes/pi-test/usage",
    "/api/v1/fields",
    "/api/v1/feed",
    "/api/v1/nope",
    "/metrics",
];

#[test]
fn without_the_password_only_the_page_is_served() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &[]);
    let at = server.address();
    for path in PATHS {
        assert!(get(at, path).error(401).contains("sign in first"), "{path}");
    }
    assert_eq!(upgrade(at, "/api/v1/feed", &[]).1, 401);
    let see = get(at, "/incidents/7");
    assert_eq!(
        (see.status, see.header("location")),
        (303, Some("/incidents")),
        "a link in a message"
    );
    assert_eq!(get(at, "/healthz").json(), json!({ "status": "ok" }));
    assert_ne!(get(at, "/").status, 401, "the page asks for the password itself");
    get(at, "/nope.js").error(404);
    let nobody = json!({
        "signed_in": false, "password": true, "password_set": true, "may_read": false,
        "may_write": false, "plain": false,
    });
    assert_eq!(session(at, &[]), nobody);

    let cookie = sign_in(at, PASSWORD);
    let signed_in = [("Cookie", cookie.as_str())];
    assert_eq!(request(at, "GET", "/api/v1/nodes", &signed_in).status, 200);
    assert_eq!(request(at, "GET", "/healthz", &signed_in).json()["nodes"], 1);
    assert_eq!(upgrade(at, "/api/v1/feed", &signed_in).1, 101);
    let own = [signed_in[0], ("Origin", &format!("http://{at}"))];
    assert_eq!(upgrade(at, "/api/v1/feed", &own).1, 101);
    let foreign = [signed_in[0], ("Origin", "http://evil.example")];
    assert_eq!(upgrade(at, "/api/v1/feed", &foreign).1, 403);
    let rebound = [signed_in[0], ("Host", "evil.example")];
    request(at, "GET", "/api/v1/nodes", &rebound).error(421);
    let told = session(at, &signed_in);
    assert_eq!((&told["signed_in"], &told["may_write"]), (&json!(true), &json!(true)));
    for forged in ["headroom_session=", "headroom_session=99999999999.00", "session=x"] {
        request(at, "GET", "/api/v1/nodes", &[("Cookie", forged)]).error(401);
    }
    let out = request(at, "POST", "/api/v1/logout", &[signed_in[0], ("Content-Length", "0")]);
    let forgotten = out.header("set-cookie").unwrap();
    assert!(forgotten.starts_with("headroom_session=; Max-Age=0; "), "{forgotten}");
}

#[test]
fn a_session_is_a_cookie_that_scripts_cannot_read() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    assert_eq!(mode(&fake.path("data/viewer.json")), 0o600);
    let kept = std::fs::read_to_string(fake.path("data/viewer.json")).unwrap();
    assert!(!kept.contains(PASSWORD), "{kept}");
    let proxies = ["--trusted-proxies", "127.0.0.1"];
    let server = Server::start(&fake, &proxies);
    let at = server.address();
    let cookie = |headers: &[(&str, &str)]| {
        let answer = log_in(at, headers, PASSWORD);
        assert_eq!((answer.status, answer.header("cache-control")), (204, Some("no-store")));
        let cookie = answer.header("set-cookie").unwrap();
        let (session, attributes) = cookie.split_once("; ").unwrap();
        let (name, value) = session.split_once('=').unwrap();
        assert!(name == "headroom_session" && value.len() > 64, "{cookie}");
        attributes.to_owned()
    };
    let attributes = "Max-Age=2592000; Path=/; HttpOnly; SameSite=Strict";
    assert_eq!(cookie(&[]), attributes);
    let secure = format!("{attributes}; Secure");
    assert_eq!(cookie(&[("X-Forwarded-Proto", "https")]), secure, "through a proxy with TLS");
    drop(server);
    let server = Server::start_at("0.0.0.0:0", &fake, &[]);
    let out = request_tls(&server, "POST", "/api/v1/logout", &[("Content-Length", "0")]);
    let cookie = out.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
}

#[test]
fn logins_are_json_small_and_from_the_own_page() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &[]);
    let at = server.address();
    log_in(at, &[("Origin", "http://evil.example")], PASSWORD).error(403);
    log_in(at, &[("Host", "evil.example")], PASSWORD).error(421);
    log_in(at, &[], &"x".repeat(5000)).error(413);
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", "0")];
    request(at, "POST", "/api/v1/login", &form).error(415);
    for body in [json!(null), json!({}), json!({ "password": 1 }), json!({ "pasword": "" })] {
        send_json(at, "POST", "/api/v1/login", &[], &body).error(400);
    }
    assert!(get(at, "/api/v1/login").error(405).contains("POST"));
    // None of that counted as a guess.
    sign_in(at, PASSWORD);
}

#[test]
fn guessing_becomes_slow_and_the_password_works_all_the_same() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &["--trusted-proxies", "127.0.0.2"]);
    let at = server.address();
    // Who is no trusted proxy cannot hide behind addresses that it makes up.
    let guess = |number: u32| {
        let made_up = format!("10.0.0.{number}");
        log_in(at, &[("X-Forwarded-For", &made_up)], &format!("guess {number}"))
    };
    for number in 0..5 {
        assert_eq!(guess(number).error(401), "this is not the password");
    }
    let mut refused = 0;
    let begun = Instant::now();
    for number in 5..25 {
        let answer = guess(number);
        if answer.status == 401 {
            continue;
        }
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=16).contains(&seconds), "{seconds}");
        assert!(answer.error(429).contains(&format!("in {seconds} s")));
        refused += 1;
    }
    assert!(refused >= 15, "{refused} of 20 refused within {:?}", begun.elapsed());
    // Through the proxy others come in, each on their own account.
    let other = log_in(at, &[("X-Forwarded-For", "10.0.0.1")], PASSWORD);
    assert_eq!(other.status, 429, "127.0.0.1 is not the proxy");
    let wait = until("the end of the wait", || {
        let answer = log_in(at, &[], PASSWORD);
        (answer.status == 204).then(|| begun.elapsed())
    });
    assert!(wait < Duration::from_secs(20), "{wait:?}");
    // And whoever knows it starts afresh.
    assert_eq!(guess(0).status, 401);
    assert_eq!(log_in(at, &[], PASSWORD).status, 204);
}

#[test]
fn a_new_password_ends_every_session_and_the_feeds_of_those() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &["--period-ms", "100"]);
    let at = server.address();
    let cookie = sign_in(at, PASSWORD);
    let signed_in = [("Cookie", cookie.as_str())];
    let (mut feed, status) = upgrade(at, "/api/v1/feed", &signed_in);
    assert_eq!(status, 101);
    set_password(&fake, "battery staple");
    until("the end of the session", || {
        (request(at, "GET", "/api/v1/nodes", &signed_in).status == 401).then_some(())
    });
    let mut heard = Vec::new();
    feed.read_to_end(&mut heard).unwrap();
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.contains("the password was changed; sign in again"), "{heard}");
    log_in(at, &[], PASSWORD).error(401);
    sign_in(at, "battery staple");
}

#[test]
fn anonymous_readers_read_and_change_nothing() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &["--anonymous-read"]);
    let at = server.address();
    assert_eq!(get(at, "/api/v1/nodes").status, 200);
    assert_eq!(upgrade(at, "/api/v1/feed", &[]).1, 101);
    assert_eq!(get(at, "/healthz").json()["nodes"], 1);
    get(at, "/api/v1/tokens").error(401);
    let told = session(at, &[]);
    assert_eq!((&told["may_read"], &told["may_write"]), (&json!(true), &json!(false)));
    assert!(server.stderr().is_empty(), "{}", server.stderr());
}

/// A head that others reach shows nothing before it has a password, and says how to set one.
#[test]
fn no_password_opens_nothing() {
    let fake = FakeProc::new();
    for (listen, args, is_plain) in [
        ("127.0.0.1:0", &EXPOSED[..], true),
        ("0.0.0.0:0", &["--insecure-http"], true),
        ("0.0.0.0:0", &[], false),
    ] {
        let server = Server::start_at(listen, &fake, args);
        let ask = |path: &str| {
            if is_plain {
                get(server.address(), path)
            } else {
                request_tls(&server, "GET", path, &[])
            }
        };
        assert!(ask("/api/v1/nodes").error(401).contains("`headroom password`"), "{listen}");
        let told = ask("/api/v1/session").json();
        assert_eq!((&told["password"], &told["password_set"]), (&json!(true), &json!(false)));
        if is_plain {
            let answer = log_in(server.address(), &[], "");
            assert!(answer.error(401).contains("no password is set"));
        }
        let said = server.stderr();
        assert!(said.contains("headroom password --data-dir"), "{said}");
        assert_eq!(said.contains("WARNING: plain HTTP"), args == ["--insecure-http"], "{said}");
        assert!(!fake.path("data/viewer.json").exists());
    }
    // One that is set takes effect at once.
    let server = Server::start(&fake, &EXPOSED);
    set_password(&fake, PASSWORD);
    until("the password", || (log_in(server.address(), &[], PASSWORD).status == 204).then_some(()));
}

#[test]
fn a_head_is_asked_by_command_with_the_password_from_a_file() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server = Server::start(&fake, &["--tls", "--period-ms", "100"]);
    let url = format!("https://{}", server.address());
    let fingerprint = server.fingerprint().to_string();
    let file = fake.path("password");
    let ask = |what: &str, password: Option<&str>| {
        let mut args = vec![what, "--head", &url, "--fingerprint", &fingerprint, "--json"];
        if let Some(password) = password {
            std::fs::write(&file, password).unwrap();
            args.extend(["--password-file", file.to_str().unwrap()]);
        }
        let output = headroom(args);
        (
            output.status.code(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (code, said) = ask("free", None);
    assert!(code == Some(1) && said.contains("401") && said.contains("--password-file"), "{said}");
    let (code, said) = ask("free", Some("wrong horse\n"));
    assert!(code == Some(1) && said.contains("this is not the password"), "{said}");
    until("a reading", || (ask("explain", Some("correct horse\r\n")).0 == Some(0)).then_some(()));
    let (code, said) = ask("free", Some(PASSWORD));
    assert_eq!(code, Some(0), "{said}");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["nodes"][0]["id"], "pi-test");
    assert_eq!(told["totals"]["available"], 2_716_808_u64 * 1024);
    let table = headroom([
        "free",
        "--head",
        &url,
        "--fingerprint",
        &fingerprint,
        "--password-file",
        file.to_str().unwrap(),
    ]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("pi-test   live") && table.contains("1 of 1"), "{table}");
}

#[test]
fn a_password_is_neither_short_nor_asked_for_where_nobody_is() {
    let fake = FakeProc::new();
    for (args, input, words) in [
        (&["--stdin"][..], "short\n", "at least 8"),
        (&["--stdin"], "", "at least 8"),
        (&[], "long enough\n", "--stdin"),
    ] {
        let mut command = command();
        command.arg("password").args(args).env("HEADROOM_DATA_DIR", fake.path("data"));
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
    assert!(!fake.path("data").exists());
}
