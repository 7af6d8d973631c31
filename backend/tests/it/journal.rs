//! What the head and agents write to the journal: a line for each event, and none as long as all is well.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::actors::Cast;
use crate::cluster::{HeadPlan, bare};
use crate::support::{FakeProc, SOON, say, until};

/// Nodes that report.
const NODES: usize = 16;

/// How long nothing may be written.
fn watched() -> Duration {
    Duration::from_secs(if std::env::var_os("XTASK_SOAK").is_some() { 300 } else { 15 })
}

#[test]
fn while_all_is_well_nothing_is_written() {
    let fake = FakeProc::new();
    let args = fake.args().into_iter().chain(["--history-commit", "1s"].map(str::to_owned));
    let plan = HeadPlan { data: fake.path("data"), args: args.collect() };
    let names: Vec<String> = (0..NODES - 1).map(|n| format!("pi-{n:02}")).collect();
    let nodes = names.iter().map(|name| (name.clone(), plan.token(name))).collect();
    let token = plan.token("real");
    let mut head = plan.start("127.0.0.1:0", &bare);
    let start = head.program.stderr();
    let cast = Cast::start(head.address, nodes);
    let mut agent = head.agent_at(head.address, &token, &["--period-ms", "250"], &bare);
    for name in names.iter().map(String::as_str).chain(["real"]) {
        until(name, || (head.state(name) == "live").then_some(()));
    }
    // Somebody looks meanwhile.
    let seconds = watched().as_secs();
    for _ in 0..seconds {
        for path in ["nodes", "nodes/real/usage", "history/status", "incidents"] {
            assert_eq!(head.get(&format!("/api/v1/{path}")).status, 200, "{path}");
        }
        thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(head.program.stderr(), start, "the head has nothing to say");
    let history = "History: ";
    let said = head.program.stdout();
    let known = |line: &&str| line.starts_with("Headroom is at ") || line.starts_with(history);
    assert!(said.lines().all(|line| known(&line)), "{said}");
    let of_agent = agent.stderr();
    assert_eq!((of_agent.lines().count(), agent.stdout().as_str()), (1, ""), "{of_agent}");
    assert!(of_agent.contains("connected to"), "{of_agent}");

    // An agent that goes and comes is a line each for itself, and none for the head, which shows it.
    agent.signal(Signal::TERM);
    assert!(agent.wait(SOON).success());
    assert_eq!(agent.stderr().lines().count(), 1, "{}", agent.stderr());
    plan.revoke("pi-00");
    until("the refusal", || (head.state("pi-00") == "refused").then_some(()));
    thread::sleep(Duration::from_secs(2));
    drop(cast);
    head.program.signal(Signal::TERM);
    assert!(head.program.wait(SOON).success(), "{}", head.program.stderr());
    assert_eq!(head.program.stderr(), start, "nor when nodes come and go, nor at its end");
    say(format_args!(
        "a head with {NODES} nodes wrote nothing in {seconds} s but its start:\n{start}"
    ));
}
