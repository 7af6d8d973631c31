//! What people say of incidents and rules, over HTTP and on the command line, and that it is kept.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};
use shared::alert::{AlertStatus, Incident, Rules};

use crate::actors::Cast;
use crate::alerts::{channels, plan, until_told};
use crate::client::{Answer, get, request, send_json};
use crate::cluster::{Head, bare};
use crate::fleets::plain;
use crate::receiver::Receiver;
use crate::support::{FakeProc, SOON, headroom, until};
use crate::viewers::{PASSWORD, set_password, sign_in};

/// A head whose viewers have a password, and who signed in.
struct Desk {
    head: Head,
    cookie: String,
    password_file: String,
}

impl Desk {
    fn change(&self, method: &str, path: &str, body: &Value) -> Answer {
        send_json(self.head.address, method, path, &[("Cookie", &self.cookie)], body)
    }

    fn get(&self, path: &str) -> Answer {
        request(self.head.address, "GET", path, &[("Cookie", &self.cookie)])
    }

    /// Runs `headroom alert`: its exit code, and what it said.
    fn alert(&self, words: &[&str]) -> (i32, String, String) {
        let url = format!("http://{}", self.head.address);
        let trust = ["--head", &url, "--password-file", &self.password_file];
        let output = headroom([&["alert"], words, &trust].concat());
        let text = |bytes: &[u8]| plain(&String::from_utf8_lossy(bytes));
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }
}

#[test]
fn incidents_are_looked_after_and_rules_are_changed() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    fake.write("password", &format!("{PASSWORD}\n"));
    let (phone, dead) = (Receiver::start(true), Receiver::start(false));
    let settings = channels(&[("phone", &phone), ("dead", &dead)]);
    let plan = plan(&fake, &fake.path("data"), &settings);
    let token = plan.token("leak");
    let start = |listen: &str| {
        let head = plan.start(listen, &bare);
        let cookie = sign_in(head.address, PASSWORD);
        let password_file = fake.path("password").display().to_string();
        Desk { head, cookie, password_file }
    };
    let mut desk = start("127.0.0.1:0");
    let at = desk.head.address;

    // Who did not sign in sees and changes nothing.
    assert_eq!(get(at, "/api/v1/incidents").status, 401);
    assert_eq!(send_json(at, "PUT", "/api/v1/alerts/rules", &[], &json!({})).status, 401);
    let (code, nothing, _) = desk.alert(&["list"]);
    assert_eq!((code, nothing.starts_with("Nothing harms.")), (0, true), "{nothing}");

    let cast = Cast::start(at, vec![("leak".into(), token)]);
    cast.set("leak", |part| part.available = 100);
    let is_open = |desk: &Desk| {
        let list: Vec<Incident> =
            serde_json::from_value(desk.get("/api/v1/incidents").json()).unwrap();
        list.into_iter().find(|incident| incident.nodes.iter().any(|node| node.as_str() == "leak"))
    };
    let incident = until("an incident", || is_open(&desk));
    let id = incident.id.to_string();
    let postcard = desk.get("/api/v1/incidents?format=postcard&open=true").body;
    let same: Vec<Incident> = shared::history::from_postcard(&postcard).unwrap();
    assert!(same.iter().any(|one| one.id == incident.id));
    let (code, list, _) = desk.alert(&["list"]);
    assert_eq!(code, 0);
    assert!(list.contains("leak has little memory left") && list.contains("trouble"), "{list}");
    let (_, shown, _) = desk.alert(&["show", &id]);
    assert!(shown.contains("100 MiB of 4.00 GiB is available (2.4 %)"), "{shown}");
    let (code, _, said) = desk.alert(&["ack", &id]);
    assert_eq!(code, 0);
    assert!(said.contains("nothing but its end is told"), "{said}");
    let (_, said, _) = desk.alert(&["silence", &id, "--for", "1ms", "--json"]);
    let silenced: Incident = serde_json::from_str(&said).unwrap();
    assert!(silenced.acknowledged_ms.is_some());
    let (code, _, said) = desk.alert(&["ack", "999"]);
    assert_eq!((code, said.contains("there is no incident 999")), (1, true), "{said}");

    // Rules of the page win over those of the file, also after the head was started anew.
    let status = |desk: &Desk| -> AlertStatus {
        serde_json::from_value(desk.get("/api/v1/alerts").json()).unwrap()
    };
    let before = status(&desk);
    assert!(!before.is_changed && before.channels.len() == 2);
    let mut rules: Rules = before.rules.clone();
    rules.rules[0].begin = 50.0;
    let wrong = desk.change("PUT", "/api/v1/alerts/rules", &serde_json::to_value(&rules).unwrap());
    assert!(wrong.error(400).contains("low_share: it begins below 50"));
    rules.rules[0].end = 60.0;
    let put = desk.change("PUT", "/api/v1/alerts/rules", &serde_json::to_value(&rules).unwrap());
    assert_eq!(put.json()["is_changed"], true);
    until("the rules on disk", || fake.path("data/alerts/rules.json").exists().then_some(()));
    desk.head.program.signal(Signal::TERM);
    assert!(desk.head.program.wait(SOON * 3).success(), "{}", desk.head.program.stderr());
    // One file is damaged meanwhile: it is set aside, and the rest goes on.
    fs::write(fake.path("data/alerts/incident-9999.json"), "{").unwrap();
    desk = start(&at.to_string());
    desk.head.program.says("incident-9999.json is damaged");
    assert!(fake.path("data/alerts/incident-9999.json.damaged").exists());
    assert_eq!(status(&desk).rules, rules);
    assert!(is_open(&desk).unwrap().acknowledged_ms.is_some(), "somebody looks after it");
    let reset = desk.change("DELETE", "/api/v1/alerts/rules", &json!({}));
    assert_eq!(serde_json::from_value::<AlertStatus>(reset.json()).unwrap().rules, before.rules);
    let (_, rules, _) = desk.alert(&["rules"]);
    assert!(rules.contains("low_share") && rules.contains("Channel phone (webhook)"), "{rules}");

    // A test tells whether a channel takes messages, and why not.
    let (code, said, _) = desk.alert(&["test", "--channel", "phone"]);
    assert_eq!((code, said.contains("took it")), (0, true), "{said}");
    let (code, said, why) = desk.alert(&["test"]);
    assert_eq!((code, said.contains("did not: ")), (1, true), "{said}");
    assert!(said.contains("500") && why.contains("1 of 2 channels"), "{said}{why}");
    let (code, _, why) = desk.alert(&["test", "--channel", "none"]);
    assert_eq!((code, why.contains("there is no channel")), (1, true), "{why}");

    // What was acknowledged is told of only when it is over.
    cast.set("leak", |part| part.kills += 1);
    until("the kill", || {
        let harms = serde_json::to_value(is_open(&desk)?.harms).unwrap();
        harms.as_array()?.iter().any(|harm| harm == "out_of_memory").then_some(())
    });
    cast.set("leak", |part| part.available = 3000);
    let of_leak = || {
        let messages = phone.taken().into_iter().filter(|message| message["test"] == false);
        let leak = messages.filter(|message| message["incident"]["nodes"][0] == "leak");
        leak.map(|message| message["step"]["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    until_told("the end", || of_leak() == ["opened", "over"]);
}
