//! A backup of a head that runs, and what is restored of it, with the commands that people use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use headroom::data::{self, Part};
use serde_json::json;
use shared::NodeId;

use crate::alerts::{black_box, channels, plan as alerting, until_told};
use crate::client::{get, request, send_json};
use crate::cluster::{Head, HeadPlan, Program, bare};
use crate::crash::stored;
use crate::made::now_ms;
use crate::receiver::Receiver;
use crate::support::{FakeProc, SOON, Server, command, headroom, mode, say, until};
use crate::viewers::{PASSWORD, set_password, sign_in};

/// Runs a command on the data in `data`, with settings in `config` alone.
pub(crate) fn on(data: &Path, config: &Path, words: &[&str]) -> Output {
    let mut command = command();
    command.args(words).arg("--data-dir").arg(data);
    // Only what restores settings need not find any.
    if words[0] == "restore" || config.exists() {
        command.arg("--config").arg(config);
    }
    command.output().unwrap()
}

/// What it wrote; fails if it did not end with `code`.
pub(crate) fn ended(output: &Output, code: i32) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// Every file below `dir` that a backup holds as it is, with what is in it.
pub(crate) fn kept(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let copied = |part: Option<&Part>| part.is_some_and(|p| p.copied == data::Copied::Whole);
    let files = data::files(dir).unwrap().into_iter().filter(|(_, part)| copied(*part));
    files.map(|(name, _)| (name.clone(), fs::read(dir.join(&name)).unwrap())).collect()
}

fn before_restore(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("before-");
    entries.filter(is_it).collect()
}

/// A head at a port that stays, with a password and TLS, and nodes that report to it.
struct Scene {
    fake: FakeProc,
    plan: HeadPlan,
    head: Head,
    /// Tokens by their names.
    tokens: BTreeMap<&'static str, String>,
    agent: Program,
    forgetful: Program,
}

impl Scene {
    fn set() -> Self {
        let fake = FakeProc::new();
        set_password(&fake, PASSWORD);
        fake.write("etc/headroom.toml", "period_ms = 100\n[agent]\ntoken_file = \"/nowhere\"\n");
        fake.write("etc/secrets/token", "hrt_secret\n");
        let config = fake.path("etc/headroom.toml").display().to_string();
        let more = ["--tls", "--anonymous-read", "--history-commit", "1s", "--config", &config];
        let args = fake.args().into_iter().chain(more.map(str::to_owned));
        let plan = HeadPlan { data: fake.path("data"), args: args.collect() };
        // It begins anew in its place later: on a port of its own.
        let address = plan.start("127.0.0.1:0", &bare).address;
        let head = plan.start(&address.to_string(), &bare);
        let names = ["forgetful", "spy"];
        let tokens: BTreeMap<_, _> = names.iter().map(|name| (*name, plan.token(name))).collect();
        let [forgetful, agent] = names.map(|name| start(&fake, &head, name, &tokens[name]));
        let scene = Self { fake, plan, head, tokens, agent, forgetful };
        for name in names {
            until(name, || (scene.head.state(name) == "live").then_some(()));
        }
        scene
    }

    fn agent(&self, name: &str) -> Program {
        start(&self.fake, &self.head, name, &self.tokens[name])
    }

    fn on(&self, words: &[&str]) -> Output {
        on(&self.plan.data, &self.fake.path("etc/headroom.toml"), words)
    }

    /// Waits until so many readings more of each are on disk.
    fn committed(&self, more: u64) {
        for name in self.tokens.keys() {
            let last = || self.head.record(name).last();
            let before = last();
            until("readings", || (last() > before + more).then_some(()));
        }
        let now_ms = now_ms();
        until("a commit", || {
            let status = self.head.get("/api/v1/history/status").json();
            (status["committed_ms"].as_u64()? > now_ms).then_some(())
        });
    }

    fn names(&self) -> Vec<String> {
        let list = ended(&self.on(&["token", "list"]), 0);
        list.lines().skip(1).map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }
}

/// An agent for the node `name`, of a machine of its own.
fn start(fake: &FakeProc, head: &Head, name: &str, token: &str) -> Program {
    fake.write(&format!("machine-{name}"), &format!("0123456789abcdef-{name}\n"));
    let machine = fake.path(&format!("machine-{name}")).display().to_string();
    let args = ["--period-ms", "100", "--machine-id-file", &machine];
    head.agent_at(head.address, token, &args, &bare)
}

/// The head is copied and restored while it runs and a real agent reports; what happened in between is
/// gone, and all else goes on.
#[test]
fn a_head_that_runs_is_copied_and_goes_on_with_what_is_restored() {
    let mut scene = Scene::set();
    let file = scene.fake.path("copy.tar");
    let path = file.to_str().unwrap();
    scene.committed(20);
    let said = ended(&scene.on(&["backup", path]), 0);
    for words in ["history", "tokens of nodes", "certificate and key", "password", "holds secrets"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(mode(&file), 0o600);
    let refused = ended(&scene.on(&["backup", path]), 2);
    assert!(refused.contains("is there already") && refused.contains("--force"), "{refused}");
    ended(&scene.on(&["backup", path, "--force"]), 0);
    assert!(!scene.fake.path("copy.tar.part").exists());
    // It is what every system can look into.
    let listed = Command::new("tar").args(["tf", path]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.starts_with("headroom-backup.json\nsettings/headroom.toml\n"), "{listed}");
    assert!(
        listed.contains("data/tokens.json\n") && listed.ends_with("manifest.json\n"),
        "{listed}"
    );
    let before = kept(&scene.plan.data);
    let copied_to = scene.head.record("forgetful").last();

    // After that, another token and more readings, which the agents know to be on disk.
    scene.plan.token("later");
    scene.committed(20);
    // One of them has forgotten them when the copy is restored.
    scene.forgetful.kill();
    scene.forgetful = scene.agent("forgetful");
    scene.committed(20);
    assert_eq!(scene.names(), ["forgetful", "later", "spy"]);
    let (pid, unknown) = (scene.head.program.pid(), scene.agent.count("not known here"));
    let refused = ended(&scene.on(&["restore", path]), 2);
    assert!(refused.contains("say --yes if that is meant"), "{refused}");
    let said = ended(&scene.on(&["restore", path, "--yes"]), 0);
    assert!(said.contains("is left as it is; with --settings"), "{said}");
    assert!(said.contains("when it is not needed: rm -r "), "{said}");
    assert_eq!(scene.names(), ["forgetful", "spy"]);
    assert!(before.iter().all(|(name, bytes)| kept(&scene.plan.data).get(name) == Some(bytes)));
    let aside = before_restore(&scene.plan.data);
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(fs::read_to_string(aside[0].join("tokens.json")).unwrap().contains("\"later\""));
    assert_eq!(mode(&aside[0]), 0o700);
    assert_eq!(scene.head.program.pid(), pid, "it is the same process");
    scene.head.program.says("a backup is restored: the head begins anew");
    // With the same certificate and the same token the agent is there again, by itself.
    until("the agent", || (scene.head.state("spy") == "live").then_some(()));
    assert_eq!(scene.agent.count("not known here"), unknown, "{}", scene.agent.stderr());
    scene.committed(20);
    goes_on(scene, copied_to);
}

/// What an agent still has it tells again; what it has forgotten, since it was on disk, is a gap. Nothing is
/// there twice, and what they read from then on is there.
fn goes_on(mut scene: Scene, copied_to: u64) {
    let last = scene.head.record("forgetful").last();
    // In the past it is a gap too, not a bucket of zeros.
    let path = "/api/v1/nodes/forgetful/history?from=-2m&step=1s&fields=available";
    let told = scene.head.get(path).json();
    let rows = told["nodes"][0]["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row[1].as_u64() > Some(0) && row[2].is_u64()), "{told}");
    scene.head.program.signal(rustix::process::Signal::TERM);
    assert!(scene.head.program.wait(SOON).success(), "{}", scene.head.program.stderr());
    let mut all_gaps = Vec::new();
    for name in scene.tokens.keys() {
        let path = scene.plan.data.join("history.redb");
        let on_disk = stored(&path, &NodeId::from_host_name(name));
        let seqs: Vec<u64> = on_disk.iter().map(|(_, kept)| kept.seq).collect();
        assert!(seqs.windows(2).all(|two| two[0] < two[1]), "twice, or out of order: {seqs:?}");
        let gaps = seqs.windows(2).filter(|two| two[1] != two[0] + 1);
        all_gaps.push(gaps.map(|two| (two[0], two[1])).collect::<Vec<_>>());
        assert!(*name != "forgetful" || seqs.last() >= Some(&last), "the newest are on disk");
    }
    let [forgetful, spy] = &all_gaps[..] else { panic!("{all_gaps:?}") };
    assert_eq!(spy, &[], "one that forgot nothing");
    let [(from, to)] = forgetful[..] else { panic!("{forgetful:?}") };
    assert!(from <= copied_to && copied_to + 10 < to, "{from} to {to}, copied to {copied_to}");
    say(format_args!(
        "after a restore one agent told all again, of the other {from} to {to} is a gap"
    ));
}

/// Onto a new card, where no head ever was: settings and their secrets come too, and the head is the same.
#[test]
fn a_head_moves_to_another_machine() {
    let scene = Scene::set();
    scene.committed(5);
    // Through a pipe, so that nothing is written where the head is.
    let output = scene.on(&["backup", "-"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds secrets"));
    let seq = scene.head.record("spy").held[0].0;
    let Scene { fake, plan, head, agent, .. } = scene;
    let unknown = agent.count("not known here");
    let fingerprint = head.fingerprint.unwrap();
    let (address, was) = (head.address, kept(&plan.data));
    drop(head);
    let new = FakeProc::new();
    let file = new.path("copy.tar");
    fs::write(&file, &output.stdout).unwrap();
    let config = new.path("etc/headroom/headroom.toml");
    let words = ["restore", file.to_str().unwrap(), "--yes"];
    let said = ended(&on(&new.path("data"), &config, &words), 0);
    assert!(said.contains("settings are restored too"), "{said}");
    assert_eq!(fs::read(&config).unwrap(), fs::read(fake.path("etc/headroom.toml")).unwrap());
    let secret = new.path("etc/headroom/secrets/token");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "hrt_secret\n");
    assert_eq!((mode(&config), mode(&secret)), (0o644, 0o600));
    assert_eq!(kept(&new.path("data")), was);
    let plan = HeadPlan { data: new.path("data"), args: plan.args };
    let head = plan.start(&address.to_string(), &bare);
    assert_eq!(head.fingerprint, Some(fingerprint));
    until("the agent", || (head.state("spy") == "live").then_some(()));
    until("its past", || head.record("spy").held.iter().any(|held| held.0 <= seq).then_some(()));
    assert_eq!(agent.count("not known here"), unknown, "{}", agent.stderr());
}

/// A head that used all there is has nothing in its data directory that is not on the list.
#[test]
fn a_head_that_used_everything_keeps_nothing_that_is_not_listed() {
    let fake = FakeProc::new();
    let data = fake.path("data");
    set_password(&fake, PASSWORD);
    fs::write(data.join("history.redb"), vec![7; 9000]).unwrap();
    fs::create_dir(data.join("alerts")).unwrap();
    fs::write(data.join("alerts/incident-77.json"), "{").unwrap();
    fs::create_dir(data.join("notify")).unwrap();
    fs::write(data.join("notify/outbox.json"), "{").unwrap();
    let deaf = Receiver::start(false);
    let ntfy = format!(
        "[[alerts.channels]]\nname = \"phone\"\nkind = \"ntfy\"\nserver = {:?}\ntopic = \"t\"\n",
        deaf.url()
    );
    let mut plan = alerting(&fake, &data, &(channels(&[("hook", &deaf)]) + &ntfy));
    plan.args.extend(["--history-commit", "1s", "--tls", "--anonymous-read"].map(str::to_owned));
    let token = plan.token("pi-07");
    let head = plan.start("127.0.0.1:0", &bare);
    let config = fake.path("headroom.toml");
    // TLS is only for its certificate here: what is told goes to a second head that has it already.
    drop(head);
    plan.args.retain(|arg| arg != "--tls");
    let head = plan.start("127.0.0.1:0", &bare);
    let cast = crate::actors::Cast::start(head.address, vec![("pi-07".into(), token)]);
    until("the node", || (head.state("pi-07") == "live").then_some(()));
    let cookie = sign_in(head.address, PASSWORD);
    let change = |method: &str, path: &str, body: &serde_json::Value| {
        let answer = send_json(head.address, method, path, &[("Cookie", &cookie)], body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    let mut rules = get(head.address, "/api/v1/alerts").json()["rules"].clone();
    rules["group_s"] = json!(3);
    change("PUT", "/api/v1/alerts/rules", &rules);
    until("a past to judge by", || {
        let hold = json!({ "size": "1MiB", "reserve": 0, "for": "10m" });
        let headers = [("Cookie", cookie.as_str())];
        let answer = send_json(head.address, "POST", "/api/v1/holds", &headers, &hold);
        (answer.status == 200).then_some(())
    });
    cast.set("pi-07", |part| {
        part.kills += 1;
        part.boxes.push(black_box());
    });
    let is_there = |wanted: &Part| {
        let files = data::files(&data).unwrap();
        files.iter().any(|(name, _)| wanted.is(name))
    };
    // What a copy that was broken off leaves, nobody here breaks off.
    let all: Vec<&Part> = data::PARTS.iter().filter(|part| part.name != "history.part").collect();
    until_told("every part", || all.iter().all(|part| is_there(part)));
    let files = data::files(&data).unwrap();
    let strangers: Vec<_> =
        files.iter().filter(|(name, part)| part.is_none() && name != "run").collect();
    assert!(strangers.is_empty(), "nothing knows {strangers:?}");
    say(format_args!("{} files of {} parts, all of them known", files.len(), all.len()));

    // All of it that is copied is in a backup, and in its place again after it.
    let file = fake.path("copy.tar");
    let path = file.to_str().unwrap();
    drop((cast, head));
    ended(&on(&data, &config, &["backup", path]), 0);
    let before = kept(&data);
    let other = fake.path("other");
    ended(&on(&other, &config, &["restore", path, "--yes"]), 0);
    assert_eq!(kept(&other), before);
    assert!(before.keys().any(|name| name.starts_with("alerts/box-")), "{:?}", before.keys());
    let checked = headroom(["history", "check", "--data-dir", other.to_str().unwrap()]);
    assert!(ended(&checked, 0).contains("All of it is what was written."));
}

/// Who may read the data directory needs no password, and nobody else gets in.
#[test]
fn a_head_with_a_password_is_copied_without_it() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let server =
        Server::start(&fake, &["--history-commit", "1s", "--trusted-proxies", "192.0.2.1"]);
    assert_eq!(get(server.address(), "/api/v1/history/copy").status, 401);
    let (data, file) = (fake.path("data"), fake.path("copy.tar"));
    until("a history", || data.join("history.redb").exists().then_some(()));
    until("a copy", || {
        let output = on(&data, &fake.path("none.toml"), &["backup", file.to_str().unwrap()]);
        // It may be opening its history.
        output.status.success().then(|| assert!(ended(&output, 0).contains("history")))
    });
    let list = on(&data, &fake.path("none.toml"), &["history", "status"]);
    assert!(ended(&list, 0).contains("so http://127.0.0.1"), "the head was asked");
    // With the key of another head nobody is let in.
    let other = fake.path("other");
    let copied = Command::new("cp").arg("-a").arg(&data).arg(&other).status().unwrap();
    assert!(copied.success());
    set_password(&fake, "another horse");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let session = headroom::viewers::session_of_owner(&other, now_ms()).unwrap();
    let refused = request(server.address(), "GET", "/api/v1/nodes", &[("Cookie", &session)]);
    assert_eq!(refused.status, 401);
    let session = headroom::viewers::session_of_owner(&data, now_ms()).unwrap();
    let answer = request(server.address(), "GET", "/api/v1/nodes", &[("Cookie", &session)]);
    assert_eq!(answer.status, 200);
}
