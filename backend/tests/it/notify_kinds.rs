//! Each kind of channel is sent what its service's documentation says, and no more; secrets go to the
//! service and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use shared::alert::StepKind;

use crate::notify::{
    Does, Got, HOSTILE, Place, Receiver, kept, message, status, until, with_timeline,
};
use crate::support::{FakeProc, Server, command};

const ENOUGH: Duration = Duration::from_secs(5);
const TITLE: &str = "Trouble: pi-07: 3.1 % available";
const URL: &str = "http://head.local:8080/incidents/17";

/// Tells the beginning of an incident with a picture, and its end without, to one channel.
fn told(place: &Place, receiver: &Receiver) -> [Got; 2] {
    place.run_to(ENOUGH, async |notifier| {
        notifier.send(with_timeline(message(17, 0, StepKind::Opened))).await;
        until("the beginning is told", || receiver.taken().len() == 1).await;
        notifier.send(message(17, 1, StepKind::Over)).await;
        until("the end is told", || receiver.taken().len() == 2).await;
    });
    receiver.got().try_into().unwrap()
}

/// The parts of a form: what their heads say, and what is in them.
fn parts(got: &Got) -> Vec<(String, Vec<u8>)> {
    let kind = got.header("content-type").unwrap();
    let boundary = format!("--{}", kind.split_once("boundary=").unwrap().1);
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|at| at == what);
    let mut rest = &got.body[..];
    let mut parts = Vec::new();
    while let Some(begin) = find(rest, boundary.as_bytes()) {
        rest = &rest[begin + boundary.len() + 2..];
        let Some(end) = find(rest, boundary.as_bytes()) else { break };
        let part = &rest[..end - 2];
        let head = find(part, b"\r\n\r\n").unwrap();
        let text = String::from_utf8(part[..head].to_vec()).unwrap();
        parts.push((text, part[head + 4..].to_vec()));
    }
    parts
}

fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() > 5000
}

/// Nothing that steers text, and no line that a name made.
fn assert_harmless(text: &str) {
    assert!(!text.contains(['\r', '\u{202e}']), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text:?}");
}

#[test]
fn ntfy() {
    let receiver = Receiver::new([]);
    let mut place = Place::new();
    let token = place.secret("token", "tk_ntfysecret");
    let keys = format!(
        "server = \"{}/\"\ntopic = \"pi_cluster\"\ntoken_file = \"{token}\"",
        receiver.url()
    );
    place.channel("phone", "ntfy", &keys);
    let [with, without] = told(&place, &receiver);
    for got in [&with, &without] {
        assert_eq!(got.header("authorization"), Some("Bearer tk_ntfysecret"));
    }
    // A file goes to the topic, its words into the address.
    let path = with.line.strip_prefix("PUT ").unwrap().split(' ').next().unwrap();
    let url = url::Url::parse(&format!("http://x{path}")).unwrap();
    assert_eq!(url.path(), "/pi_cluster");
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["title"], TITLE);
    assert!(query["message"].starts_with("119 MiB of 3.70 GiB can still be had, step 0.\n"));
    assert_harmless(&query["message"]);
    assert_eq!((query["priority"].as_str(), query["tags"].as_str()), ("5", "rotating_light"));
    assert_eq!((query["filename"].as_str(), query["click"].as_str()), ("timeline.png", URL));
    assert!(is_png(&with.body));

    assert!(without.line.starts_with("POST / "), "{}", without.line);
    let json = without.json();
    assert_eq!(json["topic"], "pi_cluster");
    assert_eq!(json["title"], "Over: pi-07: 3.1 % available");
    assert_eq!((&json["priority"], &json["tags"]), (&json!(3), &json!(["white_check_mark"])));
    assert_eq!(json["click"], URL);
    // The end takes the place of the beginning on the phone.
    assert_eq!(json["sequence_id"], query["sequence-id"]);
}

#[test]
fn gotify() {
    let receiver = Receiver::new([]);
    let mut place = Place::new();
    let token = place.secret("token", "gotify-secret\n");
    let keys =
        format!("server = \"{}\"\ntoken_file = \"{token}\"\npriority.trouble = 9", receiver.url());
    place.channel("pi", "gotify", &keys);
    let [first, second] = told(&place, &receiver);
    assert!(first.line.starts_with("POST /message "), "{}", first.line);
    assert_eq!(first.header("x-gotify-key"), Some("gotify-secret"));
    let json = first.json();
    assert_eq!((&json["title"], &json["priority"]), (&json!(TITLE), &json!(9)));
    assert_eq!(json["extras"]["client::notification"]["click"]["url"], URL);
    assert_eq!(json["extras"]["client::display"]["contentType"], "text/plain");
    assert_harmless(json["message"].as_str().unwrap());
    assert_eq!(second.json()["priority"], 2);
}

#[test]
fn telegram() {
    let receiver = Receiver::new([]);
    let mut place = Place::new();
    let token = place.secret("token", "123456:telegram-secret");
    let keys =
        format!("server = \"{}\"\nchat_id = -1001\ntoken_file = \"{token}\"", receiver.url());
    place.channel("bot", "telegram", &keys);
    let [photo, text] = told(&place, &receiver);
    assert!(photo.line.starts_with("POST /bot123456:telegram-secret/sendPhoto "), "{}", photo.line);
    let parts = parts(&photo);
    let part = |name: &str| &parts.iter().find(|part| part.0.contains(name)).unwrap().1;
    assert_eq!(part("\"chat_id\""), b"-1001");
    let caption = String::from_utf8(part("\"caption\"").clone()).unwrap();
    assert!(caption.starts_with(TITLE) && caption.ends_with(URL), "{caption}");
    assert!(caption.chars().count() <= 1024);
    assert_harmless(&caption);
    let file = parts.iter().find(|part| part.0.contains("\"photo\"; filename=")).unwrap();
    assert!(file.0.contains("Content-Type: image/png") && is_png(&file.1));

    assert!(text.line.starts_with("POST /bot123456:telegram-secret/sendMessage "));
    let json = text.json();
    assert_eq!(json["chat_id"], -1001);
    assert_eq!(json["parse_mode"], Value::Null, "what is text stays text");
    let reply = json!({ "message_id": 4711, "allow_sending_without_reply": true });
    assert_eq!(json["reply_parameters"], reply, "it answers the beginning");
    assert_eq!(json["link_preview_options"]["is_disabled"], true);
}

#[test]
fn discord() {
    let receiver = Receiver::new([]);
    let mut place = Place::new();
    let url = place.secret("url", &format!("{}/api/webhooks/1/discord-secret", receiver.url()));
    place.channel("server", "discord", &format!("url_file = \"{url}\""));
    let [with, without] = told(&place, &receiver);
    let parts = parts(&with);
    assert_eq!(parts.len(), 2);
    assert!(
        parts[0].0.contains("name=\"payload_json\"") && parts[0].0.contains("application/json")
    );
    assert!(parts[1].0.contains("name=\"files[0]\"; filename=\"timeline.png\""), "{}", parts[1].0);
    assert!(is_png(&parts[1].1));
    let payload: Value = serde_json::from_slice(&parts[0].1).unwrap();
    for (got, json) in [(&with, &payload), (&without, &without.json())] {
        assert!(got.line.starts_with("POST /api/webhooks/1/discord-secret?wait=true "));
        assert_eq!(json["allowed_mentions"], json!({ "parse": [] }));
        let content = json["content"].as_str().unwrap();
        assert!(content.chars().count() <= 2000);
        assert!(!content.contains(" @everyone") && content.ends_with(&format!("<{URL}>")));
        assert_harmless(content);
    }
    let content = payload["content"].as_str().unwrap();
    assert!(content.contains("\\@everyone \\<!channel\\> \\*x\\*"), "{content}");
}

#[test]
fn slack() {
    let receiver = Receiver::new([]);
    let mut place = Place::new();
    let url = place.secret("url", &format!("{}/services/T/B/slack-secret", receiver.url()));
    place.channel("work", "slack", &format!("url_file = \"{url}\""));
    let [first, second] = told(&place, &receiver);
    assert!(first.line.starts_with("POST /services/T/B/slack-secret "), "{}", first.line);
    assert_eq!(first.header("content-type"), Some("application/json"));
    let json = first.json();
    let text = json["text"].as_str().unwrap();
    assert_eq!(json["mrkdwn"], false);
    assert!(text.starts_with(TITLE) && text.ends_with(URL), "{text}");
    assert!(text.contains("&lt;!channel&gt;") && !text.contains('<'), "{text}");
    assert!(text.contains("Incident 17, since"), "{text}");
    assert!(second.json()["text"].as_str().unwrap().contains("Incident 17, from"));
}

#[test]
fn webhook() {
    let receiver = Receiver::new([]);
    let mut place = Place::new();
    let key = place.secret("key", "webhook-secret");
    let keys = format!(
        "url = \"{}/in?a=b\"\nheaders.X-From = \"pi\"\nheader_files.X-Key = \"{key}\"",
        receiver.url()
    );
    place.channel("hook", "webhook", &keys);
    let [first, _] = told(&place, &receiver);
    assert!(first.line.starts_with("POST /in?a=b "), "{}", first.line);
    assert_eq!(first.header("x-from"), Some("pi"));
    assert_eq!(first.header("x-key"), Some("webhook-secret"));
    assert!(first.header("user-agent").unwrap().starts_with("headroom/"));
    let json = first.json();
    let told = message(17, 0, StepKind::Opened);
    assert_eq!(
        (&json["version"], &json["id"], &json["test"]),
        (&json!(1), &json!("17-0"), &json!(false))
    );
    assert_eq!(json["incident"], serde_json::to_value(&told.incident).unwrap());
    assert_eq!(json["incident"]["top"][1]["name"], HOSTILE, "names are given as they are");
    assert_eq!(json["step"]["kind"], "opened");
    assert_eq!((&json["title"], &json["url"]), (&json!(TITLE), &json!(URL)));
    assert_eq!(json["missed"], json!([]));
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    let known =
        ["id", "incident", "key", "missed", "step", "test", "text", "title", "url", "version"];
    assert_eq!(keys, known, "what is in it is a promise: see docs/channels.md");
}

#[test]
fn program() {
    let mut place = Place::new();
    let script = |name: &str, text: &str| {
        let path = place.secret(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    };
    let dir = place.path("").to_str().unwrap().to_owned();
    let good = script("good", &format!("cat >'{dir}'/got; echo \"$1 $HEADROOM_X\" >'{dir}'/args"));
    let bad = script("bad", "echo >&2; echo 'no \u{1b}[31mmodem' >&2; exit 3");
    let slow = script("slow", &format!("sleep 1000 & echo $! >'{dir}'/pid; wait"));
    place.channel("good", "program", &format!("path = \"{good}\"\nargs = [\"$(id); a\"]"));
    place.channel("bad", "program", &format!("path = \"{bad}\""));
    place.channel("slow", "program", &format!("path = \"{slow}\"\ntimeout = \"1s\""));
    place.channel("none", "program", "path = \"/no/such\"");
    place.run(async |notifier| {
        notifier.send(message(17, 0, StepKind::Opened)).await;
        let says = |name: &str, what: &str| status(notifier, name).0.contains(what);
        until("the good one is told", || status(notifier, "good").1 == 0).await;
        until("the bad one says why", || says("bad", "exit status: 3: no [31mmodem")).await;
        until("the slow one is ended", || says("slow", "did not end within 1 s")).await;
        until("there is none", || says("none", "/no/such cannot be started")).await;
        assert_eq!(status(notifier, "bad").1, 1, "it is tried again");
    });
    let got: Value = serde_json::from_slice(&fs::read(place.path("got")).unwrap()).unwrap();
    assert_eq!((&got["id"], &got["title"]), (&json!("17-0"), &json!(TITLE)));
    assert_eq!(fs::read_to_string(place.path("args")).unwrap(), "$(id); a \n", "there is no shell");
    let pid = fs::read_to_string(place.path("pid")).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "what it started lives on: {stat}");
}

#[test]
fn a_picture_that_is_refused_is_left_out() {
    let no = Does::Answers(413, "", r#"{"code":41301,"http":413,"error":"too large"}"#.into());
    let receiver = Receiver::new([no]);
    let mut place = Place::new();
    place.channel("phone", "ntfy", &format!("server = \"{}\"\ntopic = \"t\"", receiver.url()));
    place.run_to(ENOUGH, async |notifier| {
        notifier.send(with_timeline(message(17, 0, StepKind::Opened))).await;
        until("the words are told", || receiver.taken().len() == 1).await;
    });
    let lines: Vec<_> = receiver.got().iter().map(|got| got.line[..4].to_owned()).collect();
    assert_eq!(lines, ["PUT ", "POST"]);
    assert!(!place.path("data/notify/17-0.png").exists(), "the picture is not kept longer");
}

#[test]
fn secrets_are_told_to_nobody_else() {
    const SECRET: &str = "sesame-open-sesame";
    let echo = || Does::Answers(401, "", format!("{{\"message\":\"no {SECRET} at /x/{SECRET}\"}}"));
    let receiver = Receiver::new((0..7).map(|_| echo()));
    let mut place = Place::new();
    let token = place.secret("token", SECRET);
    let url = place.secret("url", &format!("{}/x/{SECRET}", receiver.url()));
    let dead = place.secret("dead", &format!("http://127.0.0.1:9/x/{SECRET}"));
    let server = format!("server = \"{}\"\ntoken_file = \"{token}\"", receiver.url());
    place.channel("a", "gotify", &server);
    place.channel("b", "telegram", &format!("{server}\nchat_id = 1"));
    place.channel("c", "ntfy", &format!("{server}\ntopic = \"t\""));
    place.channel("d", "discord", &format!("url_file = \"{url}\""));
    place.channel("e", "slack", &format!("url_file = \"{dead}\""));
    let hook = format!("url_file = \"{url}\"\nheader_files.Authorization = \"{token}\"");
    place.channel("f", "webhook", &hook);
    let told = place.run(async |notifier| {
        notifier.send(message(17, 0, StepKind::Opened)).await;
        let all_say = || notifier.status().iter().all(|channel| channel.trouble.is_some());
        until("all say what is wrong", all_say).await;
        let tests = notifier.test(None).await;
        assert_eq!(tests.len(), 6);
        format!("{:?} {tests:?}", notifier.status())
    });
    assert!(!told.contains("sesame"), "{told}");
    assert!(told.contains("no … at /…") || told.contains("no … at /x/…"), "{told}");
    assert!(!kept(&place.path("")).contains("sesame"));

    // The program itself, started with such settings: what it writes, and what it refuses.
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--config", &place.settings()]);
    assert!(!server.stderr().contains("sesame"));
    drop(server);
    for (mode, text, why) in [
        (0o644, SECRET.to_owned(), "chmod o-rwx"),
        (0o600, String::new(), "is empty"),
        (0o600, format!("{SECRET} {}", "x".repeat(5000)), "too long"),
    ] {
        fs::write(&token, text).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0", "--config", &place.settings()]).args(fake.args());
        command.env("HEADROOM_DATA_DIR", fake.path("data"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why) && said.contains("channel \"a\": `token_file`"), "{said}");
        assert!(said.contains("/token") && !said.contains("sesame"), "{said}");
    }
}

#[test]
fn a_test_is_told_at_once() {
    let receiver = Receiver::new([]);
    let mut place = Place::new();
    let url = place.secret("url", "http://127.0.0.1:9/");
    place.channel("phone", "ntfy", &format!("server = \"{}\"\ntopic = \"t\"", receiver.url()));
    place.channel("dead", "slack", &format!("url_file = \"{url}\""));
    place.run(async |notifier| {
        assert_eq!(notifier.test(Some("phone")).await, [("phone".to_owned(), None)]);
        assert_eq!(notifier.test(Some("nobody")).await, []);
        let [phone, dead] = notifier.test(None).await.try_into().unwrap();
        assert_eq!(phone, ("phone".to_owned(), None));
        assert!(dead.1.unwrap().contains("cannot be reached"));
        assert_eq!(status(notifier, "dead"), (String::new(), 0), "it says nothing of the channel");
    });
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    assert!(got[0].line.contains("title=Test%3A%20This%20is%20only%20a%20test"), "{}", got[0].line);
    assert!(is_png(&got[0].body), "with a picture, as there will be");

    fs::remove_file(url).unwrap();
    let error = place.open().err().unwrap();
    assert!(error.contains("channel \"dead\": `url_file`: cannot use the secret"), "{error}");
}
