//! Agents on other machines, as their users run them: they join, come back, and give their secret to
//! nobody else.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use shared::overview::Standing;
use shared::wire::FeedMessage;

use crate::client::{Follower, run};
use crate::cluster::{Head, HeadPlan, Program, bare};
use crate::proxy::Proxy;
use crate::support::{FakeProc, command, say, until};

/// A head over TLS on loopback, and where it keeps its data.
struct Home {
    fake: FakeProc,
    plan: HeadPlan,
    head: Head,
    _data: tempfile::TempDir,
}

impl Home {
    /// Over TLS.
    fn new() -> Self {
        Self::with(&["--tls"])
    }

    fn with(more: &[&str]) -> Self {
        let (fake, data) = (FakeProc::new(), tempfile::tempdir().unwrap());
        let args = fake.args();
        let mut all: Vec<&str> = args.iter().map(String::as_str).collect();
        all.extend(more);
        let plan = HeadPlan::new(data.path(), &all);
        let head = plan.start("127.0.0.1:0", &bare);
        Self { fake, plan, head, _data: data }
    }

    /// An agent of node `name` with a new token.
    fn agent(&self, name: &str, args: &[&str]) -> Program {
        self.agent_at(self.head.address, name, args)
    }

    fn agent_at(&self, address: SocketAddr, name: &str, args: &[&str]) -> Program {
        let token = self.token(name);
        self.agent_with(address, &token, args)
    }

    /// A token of node `name`, once the head knows it.
    fn token(&self, name: &str) -> String {
        let token = self.plan.token(name);
        until("the head knows the token", || (self.head.state(name) != "none").then_some(()));
        token
    }

    fn agent_with(&self, address: SocketAddr, token: &str, args: &[&str]) -> Program {
        let fake = self.fake.args();
        let mut all: Vec<&str> = fake.iter().map(String::as_str).collect();
        all.extend(args);
        self.head.agent_at(address, token, &all, &bare)
    }

    /// Waits until the head holds `count` readings of `node`.
    fn holds(&self, node: &str, count: usize) {
        let what = format!("{count} readings of {node}");
        until(&what, || (self.head.record(node).held.len() >= count).then_some(()));
    }
}

#[test]
fn it_joins_with_labels_and_takes_its_leave() {
    let home = Home::new();
    let mut agent = home.agent("pi-7", &["--label", "rack=a,shelf=2"]);
    home.holds("pi-7", 3);
    agent.says("as pi-7");
    let node = home.head.get("/api/v1/nodes/pi-7").json();
    assert_eq!(node["state"], "live", "{node}");
    assert!(node["labels"].to_string().contains("rack"), "{node}");
    home.head.record("pi-7").must_be_whole("it has just joined", 0);
    agent.signal(Signal::TERM);
    let status = agent.wait(Duration::from_secs(3));
    assert_eq!(status.code(), Some(0), "{}", agent.stderr());
    assert_eq!(agent.stderr().lines().count(), 1, "{}", agent.stderr());
    until("the head shows it as stopped", || (home.head.state("pi-7") == "gone").then_some(()));
}

#[test]
fn one_that_reads_seldom_keeps_its_link() {
    let home = Home::new();
    let agent = home.agent("pi-7", &["--period-ms", "60000"]);
    agent.says("as pi-7");
    thread::sleep(Duration::from_secs(12));
    assert_eq!(agent.stderr().lines().count(), 1, "{}", agent.stderr());
    // The first, and perhaps one on a whole minute.
    assert!(home.head.record("pi-7").held.len() <= 2);
}

#[test]
fn what_the_head_missed_is_told_again() {
    let mut home = Home::new();
    let agent = home.agent("pi-7", &[]);
    home.holds("pi-7", 4);
    let before = home.head.record("pi-7");
    home.head.program.kill();
    agent.says("the link to the head was lost");
    thread::sleep(Duration::from_secs(2));
    home.head = home.plan.start(&home.head.address.to_string(), &bare);
    until("the link is back", || (agent.count("as pi-7") == 2).then_some(()));
    until("the head holds all again", || {
        let after = home.head.record("pi-7");
        let is_all =
            after.held.first().map(|held| held.0) == before.held.first().map(|held| held.0);
        (is_all && after.last() > before.last() + 3).then_some(())
    });
    home.head.record("pi-7").must_be_whole("the head was away", 0);
}

#[test]
fn one_that_died_goes_on_at_a_higher_number() {
    let home = Home::new();
    let token = home.token("pi-7");
    let mut agent = home.agent_with(home.head.address, &token, &[]);
    home.holds("pi-7", 3);
    agent.kill();
    let before = home.head.record("pi-7");
    let _next = home.agent_with(home.head.address, &token, &[]);
    until("readings of the next", || {
        (home.head.record("pi-7").last() > before.last() + 2).then_some(())
    });
    let after = home.head.record("pi-7");
    after.must_be_whole("it died once", 1);
    assert!(after.held.starts_with(&before.held), "what was held is gone");
}

#[test]
fn a_revoked_token_is_told_and_backed_off() {
    let home = Home::new();
    let agent = home.agent("pi-7", &[]);
    home.holds("pi-7", 1);
    let revoked_at = Instant::now();
    home.plan.revoke("pi-7");
    agent.says("the head refuses this agent: ");
    assert!(revoked_at.elapsed() < Duration::from_secs(2), "{:?}", revoked_at.elapsed());
    thread::sleep(Duration::from_secs(6));
    let said = agent.stderr();
    assert!(said.lines().count() <= 4, "it repeats itself: {said}");
    assert!(!said.contains("hrt_"), "a secret is printed: {said}");
}

#[test]
fn a_token_of_another_machine_is_refused() {
    let home = Home::new();
    let token = home.token("pi-7");
    let _first = home.agent_with(home.head.address, &token, &[]);
    home.holds("pi-7", 1);
    let id = home.fake.path("other-id");
    std::fs::write(&id, "another machine\n").unwrap();
    let thief =
        home.agent_with(home.head.address, &token, &["--machine-id-file", id.to_str().unwrap()]);
    thief.says("the head refuses this agent: ");
}

#[test]
fn nobody_with_another_certificate_gets_the_token() {
    let home = Home::new();
    // Another head has a certificate of its own, and would take any token to its log.
    let other = Home::new();
    let token = home.token("pi-7");
    let agent = home.agent_with(other.head.address, &token, &[]);
    agent.says("this is not the server that is meant");
    let shown = other.head.fingerprint.unwrap().to_string();
    assert!(agent.stderr().contains(&shown), "{}", agent.stderr());

    // Nor does anyone who listens to all that it sends.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let trap = listener.local_addr().unwrap();
    let heard = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).ok();
        heard
    });
    let _agent = home.agent_with(trap, &token, &[]);
    let heard = String::from_utf8_lossy(&heard.join().unwrap()).into_owned();
    assert!(!heard.is_empty() && !heard.contains("hrt_"), "{heard}");
    assert!(!heard.contains("Authorization"), "{heard}");
}

#[test]
fn a_link_that_swallows_everything_is_noticed_by_both_sides() {
    let home = Home::with(&[]);
    let here = ([127, 0, 0, 1], 0).into();
    let proxy = Proxy::start(here, home.head.address, Duration::ZERO);
    let agent = home.agent_at(proxy.address(), "pi-7", &[]);
    home.holds("pi-7", 3);
    let at = home.head.address;
    let head_notices = thread::spawn(move || run(gone(at)));
    proxy.swallow(true);
    let since = Instant::now();
    agent.says_within("silent for 9 seconds", Duration::from_secs(12));
    let at_agent = since.elapsed();
    let at_head = head_notices.join().unwrap().duration_since(since);
    say(format_args!(
        "a dead link is noticed by the agent after {at_agent:.1?}, by the head after {at_head:.1?}"
    ));
    assert!(at_agent < Duration::from_secs(10) && at_head < Duration::from_secs(10));
    proxy.swallow(false);
    proxy.cut();
    until("the link is back", || (agent.count("as pi-7") == 2).then_some(()));
    until("nothing is missing", || {
        let record = home.head.record("pi-7");
        (record.held.len() > 10 && record.fault(0).is_none()).then_some(())
    });
}

/// When a node was first gone.
async fn gone(at: SocketAddr) -> Instant {
    let mut follower = Follower::json(at).await;
    loop {
        if let FeedMessage::Standings(all) = follower.message().await
            && all.iter().any(|node| matches!(node.standing, Standing::Gone { stopped: false, .. }))
        {
            return Instant::now();
        }
    }
}

#[test]
fn a_token_is_taken_from_a_file_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    let path = home.fake.path("token");
    std::fs::write(&path, home.token("pi-7") + "\n").unwrap();
    let start = || {
        let mut agent = command();
        agent.arg("agent").args(home.head.flags_at(home.head.address)).args(home.fake.args());
        Program::start(agent.arg("--token-file").arg(&path), "")
    };
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut agent = start();
    assert_eq!(agent.wait(Duration::from_secs(3)).code(), Some(2));
    assert!(
        agent.stderr().contains(&format!("chmod 600 {}", path.display())),
        "{}",
        agent.stderr()
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let agent = start();
    home.holds("pi-7", 1);
    let line = std::fs::read(Path::new("/proc").join(agent.pid().to_string()).join("cmdline"));
    assert!(!String::from_utf8_lossy(&line.unwrap()).contains("hrt_"), "`ps` shows the token");
}

#[test]
fn what_is_said_wrongly_is_refused_with_what_to_say() {
    for (args, words) in [
        (&["--head", "http://192.0.2.1:80"][..], "--insecure-http"),
        (&["--head", "https://192.0.2.1"], "--fingerprint"),
        (&["--discover"], "--fingerprint"),
        (&[], "--head URL"),
        (&["--head", "http://127.0.0.1:1"], "is no token"),
        (&["--head", "http://127.0.0.1:1", "--label", "Rack=a"], "is no label"),
    ] {
        let mut agent = command();
        let mut agent =
            Program::start(agent.arg("agent").args(["--token-file", "-"]).args(args), "");
        assert_eq!(agent.wait(Duration::from_secs(3)).code(), Some(2), "{args:?}");
        agent.says(words);
    }
}
