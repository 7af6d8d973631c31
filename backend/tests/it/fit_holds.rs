//! Memory that is held for a job: taken once, kept through a crash, given back, and over in time.

use std::fs;
use std::thread;

use serde_json::{Value, json};
use shared::fit::{Answer, Hold};
use shared::history::{POSTCARD, from_postcard};

use crate::client::{get, request, send_json};
use crate::fleets::{Fleet, because, placed, plain};
use crate::support::{FakeProc, command, mode, until};
use crate::viewers::{PASSWORD, sign_in};

fn gibibyte(time: &str) -> Value {
    json!({ "size": "1GiB", "reserve": 0, "for": time, "note": "night run <b>" })
}

#[test]
fn two_who_ask_at_once_never_get_the_same_memory() {
    let mut fleet = Fleet::start(&[("pi-1", 3000), ("pi-2", 1500)], "");
    let cookie = sign_in(fleet.head.address, PASSWORD);
    // There is room for two on the one and for one on the other.
    let answers = thread::scope(|scope| {
        let ask = || fleet.hold_as(&cookie, &gibibyte("10m"));
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let (got, not): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((got.len(), not.len()), (3, 9));
    let mut on: Vec<String> = Vec::new();
    for answer in got {
        let answer = answer.json();
        assert_eq!(answer["fits"], true);
        let hold: Hold = serde_json::from_value(answer["hold"].clone()).unwrap();
        assert_eq!((hold.size, hold.note.as_str()), (1 << 30, "night run <b>"));
        assert_eq!(hold.until_ms - hold.since_ms, 600_000);
        assert_eq!(placed(&answer), [(hold.places[0].0.as_str(), 1)]);
        on.push(hold.places[0].0.to_string());
    }
    on.sort_unstable();
    assert_eq!(on, ["pi-1", "pi-1", "pi-2"]);
    for answer in not {
        assert_eq!(answer.status, 409, "{}", answer.text());
        let answer = answer.json();
        assert_eq!((&answer["fits"], &answer["hold"]), (&json!(false), &Value::Null));
    }
    let listed = |fleet: &Fleet| get(fleet.head.address, "/api/v1/holds").json();
    let before = listed(&fleet);
    assert_eq!(before.as_array().unwrap().len(), 3);
    assert_eq!(mode(&fleet.machines[0].path("data/holds.json")), 0o600);

    fleet.restart();
    assert_eq!(listed(&fleet), before, "they outlive a head that is killed");
    let fit = fleet.fit("size=1GiB&reserve=0");
    assert_eq!((&fit["fits"], &fit["room"]), (&json!(false), &json!(0)));
    assert!(because(&fit, "pi-1").starts_with("others hold 2.00 GiB of it, which leaves 952 MiB:"));
    assert_eq!(fit["nodes"][0]["held"], 2_u64 << 30);
    let bytes = request(fleet.head.address, "GET", "/api/v1/holds", &[("Accept", POSTCARD)]).body;
    assert_eq!(json!(from_postcard::<Vec<Hold>>(&bytes).unwrap()), before);

    // By command, as people do it.
    let password = fleet.machines[0].path("password");
    fs::write(&password, PASSWORD).unwrap();
    let run = |args: &[&str], code: i32| {
        let output =
            fleet.command(&[args, &["--password-file", password.to_str().unwrap()]].concat());
        let (out, err) = (
            plain(&String::from_utf8_lossy(&output.stdout)),
            plain(&String::from_utf8_lossy(&output.stderr)),
        );
        assert_eq!(output.status.code(), Some(code), "{args:?}: {out} {err}");
        (out, err)
    };
    let (list, _) = run(&["hold", "list"], 0);
    assert_eq!(list.lines().count(), 4);
    assert!(list.contains("1 on pi-2") && list.contains("night run <b>"), "{list}");
    let id = before[0]["id"].as_str().unwrap();
    run(&["fit", "1GiB", "--reserve", "0", "--hold", "1h"], 1);
    assert!(run(&["hold", "release", id], 0).0.contains("given back"));
    assert!(run(&["hold", "release", id], 1).1.contains("nothing is held as"));
    let mine = ["fit", "1GiB", "--reserve", "0", "--hold", "1h", "--note", "mine"];
    let (hosts, said) = run(&[&mine[..], &["--format", "plain"]].concat(), 0);
    assert!(hosts.starts_with("pi-") && hosts.lines().count() == 1, "{hosts}");
    assert!(said.contains("Held as ") && said.contains("for 60 min"), "{said}");
    let (json, _) = run(&["hold", "list", "--json"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[2]["note"], "mine");
}

#[test]
fn a_hold_ends_by_itself_and_takes_the_right_to_change() {
    let fleet = Fleet::start(&[("pi-1", 1500)], "");
    let at = fleet.head.address;
    let answer = send_json(at, "POST", "/api/v1/holds", &[], &gibibyte("10m"));
    assert!(answer.error(401).contains("sign in first"));
    for (change, says) in [
        (json!({ "for": "8d" }), "up to 7d"),
        (json!({ "for": null }), "up to 7d"),
        (json!({ "size": 0 }), "at least one byte"),
        (json!({ "size": { "gib": 1 } }), "`size` is a text, a number or a list of texts"),
        (json!({ "copeis": 2 }), "there is no \"copeis\""),
        (json!({ "note": "n".repeat(201) }), "200 characters"),
        (json!({ "nodes": ["Pi 1"] }), "not a node id"),
    ] {
        let mut body = gibibyte("10m");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let error = fleet.hold(&body).error(400);
        assert!(error.contains(says), "{change}: {error}");
    }
    let answer = fleet.hold(&gibibyte("2s")).json();
    let id = answer["hold"]["id"].as_str().unwrap();
    assert_eq!(fleet.fit("size=1GiB&reserve=0")["fits"], false);
    let path = format!("/api/v1/holds/{id}");
    request(at, "DELETE", &path, &[]).error(401);
    request(at, "GET", &path, &[]).error(405);
    until("the hold to be over", || {
        let is_free = fleet.fit("size=1GiB&reserve=0")["fits"] == true;
        is_free.then(|| assert_eq!(get(at, "/api/v1/holds").json(), json!([])))
    });
    let cookie = sign_in(at, PASSWORD);
    request(at, "DELETE", &path, &[("Cookie", &cookie)]).error(404);
    let many = json!({ "size": "100MiB", "copies": 3, "nodes": ["pi-1"], "for": "1m" });
    let headers = [("Cookie", cookie.as_str()), ("Accept", POSTCARD)];
    let taken = send_json(at, "POST", "/api/v1/holds", &headers, &gibibyte("1m"));
    let too_large =
        send_json(at, "POST", "/api/v1/holds", &headers, &json!({ "size": "9GiB", "for": "1m" }));
    for (answer, status) in [(taken, 200), (too_large, 409)] {
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(POSTCARD)));
        let answer: Answer = from_postcard(&answer.body).unwrap();
        assert_eq!((answer.fits, answer.hold.is_some()), (status == 200, status == 200));
        if let Some(hold) = answer.hold {
            let path = format!("/api/v1/holds/{}", hold.id);
            assert_eq!(request(at, "DELETE", &path, &[("Cookie", &cookie)]).status, 204);
        }
    }
    let held = fleet.hold(&many).json();
    assert_eq!(held["hold"]["places"], json!([["pi-1", 3]]));
    let path = format!("/api/v1/holds/{}", held["hold"]["id"].as_str().unwrap());
    assert_eq!(request(at, "DELETE", &path, &[("Cookie", &cookie)]).status, 204);
    assert_eq!(get(at, "/api/v1/holds").json(), json!([]));
}

#[test]
fn a_damaged_file_ends_the_start_and_is_left_as_it_is() {
    let fake = FakeProc::new();
    let path = fake.path("data/holds.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{\"holds\": [{\"id\": 7").unwrap();
    let mut serve = command();
    serve.env("HEADROOM_DATA_DIR", fake.path("data"));
    let output = serve.args(["--listen", "127.0.0.1:0"]).args(fake.args()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("holds.json cannot be used; mend it"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"holds\": [{\"id\": 7");
}
