//! `headroom setup --agent`: it calls on the head before it writes anything, and says what is wrong.

use std::fs;

use crate::setup::{Own, files, json, setup};
use crate::support::{FakeProc, Server, command};

const STRANGER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A token of the head that keeps its data in `fake`.
fn token(fake: &FakeProc, name: &str) -> String {
    let mut create = command();
    create.env("HEADROOM_DATA_DIR", fake.path("data"));
    let output = create.args(["token", "create", name, "--json", "--head", "http://127.0.0.1:1"]);
    let made: serde_json::Value = serde_json::from_slice(&output.output().unwrap().stdout).unwrap();
    assert!(made[0]["setup"].as_str().unwrap().contains("| sudo headroom setup --agent --head"));
    made[0]["token"].as_str().unwrap().into()
}

fn args(node: &Own) -> Vec<String> {
    ["setup", "--agent", "--config", &node.settings()].map(str::to_owned).into()
}

#[test]
fn a_head_that_is_away_or_another_and_a_token_it_does_not_know_are_told_apart() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--tls"]);
    let good = token(&fake, "pi-1");
    let head = format!("https://{}", server.address());
    let pin = server.fingerprint().to_string();
    let away = format!("https://127.0.0.1:{}", Own::new().port);
    let plain = format!("http://{}", server.address());
    let unknown = format!("hrt_{}", "0".repeat(64));
    for (head, pin, token, words) in [
        (&away, &pin, &good, &["Connection refused", "--offline"][..]),
        (&head, &STRANGER.to_owned(), &good, &["not the server that is meant", &pin, "--offline"]),
        (&head, &pin, &unknown, &["refuses this node", "not known here"]),
        (&plain, &pin, &good, &["400", "is there a head?"]),
        (&head, &pin, &"two words".to_owned(), &["no token"]),
        (&"http://192.0.2.7:8080".to_owned(), &pin, &good, &["--insecure-http"]),
    ] {
        let node = Own::new();
        fs::write(node.settings(), "# mine\n").unwrap();
        let before = files(node.dir.path());
        let way = ["--head", head, "--fingerprint", pin, "--token-file", "-"];
        let output = setup(&args(&node), &way, &format!("{token}\n"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
        assert!(!said.contains("hrt_"), "{said}");
        assert!(files(node.dir.path()) == before, "{words:?}: a file was touched");
    }

    // Before the head is there, and with a token in a file.
    let node = Own::new();
    let file = node.path("given");
    fs::write(&file, format!("{good}\n")).unwrap();
    let file = file.to_str().unwrap();
    let way = ["--json", "--head", &away, "--fingerprint", &pin, "--token-file", file];
    let made = json(&setup(&args(&node), &[&way[..], &["--offline"]].concat(), ""));
    assert_eq!((&made["changed"], &made["live"]), (&true.into(), &false.into()), "{made}");
    let first = fs::read_to_string(node.settings()).unwrap();
    // The same again, with nobody there: all is as it was.
    let output = setup(&args(&node), &way, "");
    assert_eq!(json(&output)["changed"], false);
    assert!(String::from_utf8_lossy(&output.stderr).contains("Connection refused"));
    // Moved to where the head is: only its address changes.
    let moved = json(&setup(&args(&node), &["--json", "--head", &head], ""));
    assert_eq!((&moved["changed"], &moved["node"]), (&true.into(), &"pi-1".into()), "{moved}");
    assert_eq!(fs::read_to_string(node.settings()).unwrap(), first.replace(&away, &head));
    // Another machine may not have the token.
    let other = Own::new();
    let id = other.path("machine-id");
    fs::write(&id, "another\n").unwrap();
    fs::write(other.settings(), format!("agent.machine_id_file = \"{}\"\n", id.display())).unwrap();
    let way = ["--head", &head, "--fingerprint", &pin, "--token-file", file];
    let output = setup(&args(&other), &way, "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("belongs to the machine that used it first"), "{said}");
    // In the place of an address it may be found on the network.
    let found = ["--json", "--offline", "--discover"];
    json(&setup(&args(&node), &found, ""));
    let text = fs::read_to_string(node.settings()).unwrap();
    assert!(text.contains("discover = true") && !text.contains("head ="), "{text}");
}
