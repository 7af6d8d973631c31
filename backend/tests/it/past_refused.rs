//! Questions about the past that are refused, and what each is told; and what becomes of many at once.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use shared::Field;
use shared::history::POSTCARD;

use crate::client::{get, request};
use crate::made::{Made, head_with, import, lines, now_ms};
use crate::support::{FakeProc, SOON, Server, until};

/// So many readings of one boot, a second apart, that end now.
fn second_by_second(count: u64) -> Vec<Made> {
    let begin_ms = now_ms() - count * 1000;
    let made = |n: u64| Made {
        node: "pi-07".into(),
        boot: "boot".into(),
        seq: n + 1,
        at_ms: begin_ms + n * 1000,
        uptime_us: (n + 1) * 1_000_000,
        values: BTreeMap::from([(Field::Available, 1 << 30)]),
    };
    (0..count).map(made).collect()
}

#[test]
fn what_is_wrong_is_named() {
    let (server, _fake) = head_with(&lines(&second_by_second(10)), &[]);
    let at = server.address();
    for (words, says) in [
        ("from=yesterday", "from=\"yesterday\" is no time"),
        ("from=-1y", "from=\"-1y\" is no time"),
        ("to=%1b%5b31m", "is no time"),
        ("from=now&to=-1h", "`from` must be before `to`"),
        ("step=0s", "step=\"0s\" is no step"),
        ("points=20001", "from 1 to 20000"),
        ("step=1m&points=100", "either `step` or `points`"),
        ("fields=avail", "no field \"avail\""),
        ("bands=free&fields=available", "`bands` has \"free\""),
        ("fild=available", "no parameter \"fild\""),
        ("from=-1h&from=-2h", "`from` is said twice"),
        ("format=xml", "no format \"xml\"; known are json, csv, postcard, jsonl, openmetrics"),
    ] {
        for path in ["/api/v1/nodes/pi-07/history", "/api/v1/history"] {
            let message = get(at, &format!("{path}?{words}")).error(400);
            assert!(message.contains(says), "{words}: {message}");
            assert!(!message.contains('\u{1b}'), "{message:?}");
        }
    }
    for (path, says) in [
        ("/api/v1/nodes/pi-99/history", "no node \"pi-99\""),
        ("/api/v1/nodes/A%20B/history", "no node \"A B\""),
        ("/api/v1/history?nodes=pi-07,pi-99", "no node \"pi-99\""),
        ("/api/v1/nodes/pi-07/usage?at=now", "nobody looked at the processes of pi-07"),
    ] {
        let message = get(at, path).error(404);
        assert!(message.contains(says), "{path}: {message}");
    }
    let message = get(at, "/api/v1/history?nodes=,").error(400);
    assert!(message.contains("1 to 1000 nodes"), "{message}");
    assert!(get(at, "/api/v1/events?format=jsonl").error(400).contains("known are json, "));
    assert!(get(at, "/api/v1/nodes/pi-07/usage?at=noon").error(400).contains("at=\"noon\""));
    for path in
        ["/api/v1/history", "/api/v1/events", "/api/v1/history/status", "/api/v1/history/copy"]
    {
        let answer = request(at, "POST", path, &[("Content-Length", "0")]);
        assert!(answer.error(405).contains("only GET"), "{path}");
        let answer = request(at, "HEAD", path, &[]);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
    let head = request(at, "HEAD", "/api/v1/nodes/pi-07/history", &[("Accept", POSTCARD)]);
    assert_eq!((head.status, head.header("content-type")), (200, Some(POSTCARD)));
}

/// The bounds are of what there is: a question may begin long before.
#[test]
fn too_much_is_refused_with_the_bound() {
    let mut all = second_by_second(2);
    all[0].at_ms -= 100 * 86_400_000;
    let (server, _fake) = head_with(&lines(&all), &[]);
    let ask = |words: &str| get(server.address(), &format!("/api/v1/nodes/pi-07/history?{words}"));
    let message = ask("from=0&step=30s").error(400);
    assert!(message.contains("at most 100000 are told at once"), "{message}");
    // Then single readings and those of ten seconds are gone. What there is is told, and which it is.
    let words = format!("from={}&to={}&step=1s", all[0].at_ms - 1000, all[0].at_ms + 1000);
    let answer = ask(&words).json();
    assert_eq!((&answer["tier"], &answer["step_ms"]), (&json!("1m"), &json!(60_000)));
    assert_eq!(answer["nodes"][0]["rows"][0][1], 1, "{answer}");
    let answer = ask("from=0&step=2h").json();
    assert_eq!(answer["nodes"][0]["rows"].as_array().unwrap().len(), 2);
    let answer = ask("from=0&points=1200").json();
    assert!(answer["step_ms"].as_u64().unwrap() % 86_400_000 == 0, "{answer}");
}

#[test]
fn who_may_not_look_learns_nothing_of_the_past() {
    let fake = FakeProc::new();
    import(&fake.path("data"), &lines(&second_by_second(10)));
    let server = Server::start(&fake, &["--trusted-proxies", "127.0.0.2"]);
    let at = server.address();
    for path in [
        "/api/v1/nodes/pi-07/history",
        "/api/v1/history",
        "/api/v1/history/status",
        "/api/v1/history/copy",
        "/api/v1/history/check",
        "/api/v1/events",
    ] {
        let answer = get(at, path);
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
    }
}

/// A client that asks, hears that it is answered, and then reads no more.
fn stalled(at: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    // What the system keeps for it is small beside the answer.
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    stream
}

/// Four answers are made at once. Who comes fifth waits a little and is then told to come again; once a
/// client goes away its work ends, and there is room.
#[test]
fn a_client_that_goes_away_makes_room() {
    let (mut server, _fake) = head_with(&lines(&second_by_second(30_000)), &[]);
    let at = server.address();
    // Twenty megabytes: more than what is on the way holds.
    let long = "/api/v1/nodes/pi-07/history?from=-1d&step=raw&fields=all";
    let short = "/api/v1/nodes/pi-07/history?from=-1m&fields=available";
    let clients: Vec<_> = (0..4).map(|_| stalled(at, long)).collect();
    let begun = Instant::now();
    let answer = get(at, short);
    assert!(answer.error(503).contains("4 questions about history"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    let waited = begun.elapsed();
    assert!((Duration::from_secs(1)..SOON).contains(&waited), "{waited:?}");
    assert_eq!(get(at, "/api/v1/nodes").status, 200, "the rest goes on");
    let before = ticks(server.pid());
    drop(clients);
    until("room", || (get(at, short).status == 200).then_some(()));
    let begun = ticks(server.pid());
    // Nothing of it was harmed: the whole is told to who takes it.
    let whole = get(at, long);
    let (rest, cost) = (begun - before, ticks(server.pid()) - begun);
    assert!(rest < cost * 2, "all four were made to their end: {rest} ticks, and one takes {cost}");
    assert_eq!(whole.header("transfer-encoding"), Some("chunked"));
    let text = whole.text();
    assert_eq!(text.matches("\"boot\",").count(), 30_000 + 1, "once as a column");
    // One that still takes nothing does not hold up the end.
    let _client = stalled(at, long);
    server.terminate();
    assert!(server.wait(SOON).success(), "{}", server.stderr());
    assert_eq!(server.stderr(), "");
}

/// CPU time that process `pid` has taken.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // After the name, which may hold blanks: utime and stime are the 14th and 15th of all (proc(5)).
    let (_, after) = stat.rsplit_once(')').unwrap();
    after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// What is short comes in one piece, and says how long it is.
#[test]
fn what_is_short_is_one_piece() {
    let (server, _fake) = head_with(&lines(&second_by_second(600)), &[]);
    let answer =
        get(server.address(), "/api/v1/nodes/pi-07/history?from=-1h&step=10s&fields=available");
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["fields"], json!(["available"]));
}
