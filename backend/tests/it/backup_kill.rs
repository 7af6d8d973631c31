//! A restore that is killed at any call to the system that changes files: what is there afterwards is all
//! of the old or all of the new.
//!
//! `cargo test` kills it at every renaming and every making of a directory; `cargo xtask soak life` at every
//! writing to disk too.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use shared::NodeId;

use crate::backup::{ended, kept, on};
use crate::cluster::{HeadPlan, bare};
use crate::crash::stored;
use crate::made::{import, life, lines, now_ms};
use crate::support::{command, say};

/// A state as it can be told apart: files, and how many readings history has.
type State = (BTreeMap<String, Vec<u8>>, usize);

fn state(data: &Path) -> State {
    let readings = match data.join("history.redb") {
        path if path.exists() => stored(&path, &NodeId::from_host_name("pi-07")).len(),
        _ => 0,
    };
    (kept(data), readings)
}

/// What a head has, with so many readings.
fn make(data: &Path, token: &str, readings: u64) {
    HeadPlan::new(data, &[]).token(token);
    import(data, &lines(&life("pi-07", now_ms() - 3_600_000, readings, 1)));
    fs::create_dir(data.join("alerts")).unwrap();
    fs::write(data.join("alerts/incident-1.json"), token).unwrap();
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// Runs a restore that is killed at call number `at` of `calls`; whether it came so far. `Err` is that
/// nobody can be watched here.
fn killed(data: &Path, file: &Path, calls: &str, at: u32) -> Result<bool, String> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    strace.args(["-e", &format!("inject={calls}:signal=KILL:when={at}")]);
    let program = command();
    strace.arg(program.get_program()).arg("restore").arg(file).arg("--yes");
    strace.arg("--data-dir").arg(data).arg("--config").arg(data.join("none.toml"));
    let output = strace.output().map_err(|error| format!("strace does not start: {error}"))?;
    match (output.status.signal(), output.status.code()) {
        (Some(signal), _) if signal == Signal::KILL.as_raw() => Ok(true),
        (_, Some(0)) => Ok(false),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn a_restore_that_is_killed_leaves_all_of_the_old_or_all_of_the_new() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    make(&at("new"), "new", 60);
    make(&at("old"), "old", 30);
    let file = at("copy.tar");
    ended(&on(&at("new"), &at("none.toml"), &["backup", file.to_str().unwrap()]), 0);
    let (old, new) = (state(&at("old")), state(&at("new")));
    assert!(old != new && old.1 == 30 && new.1 == 60);
    let mut kinds = vec!["rename,renameat,renameat2", "mkdir,mkdirat", "unlink,unlinkat,rmdir"];
    if std::env::var_os("XTASK_SOAK").is_some() {
        kinds.extend(["fsync", "fdatasync", "write", "openat"]);
    }
    let (mut olds, mut news) = (0, 0);
    for calls in kinds {
        for call in 1.. {
            let data = at("data");
            copy(&at("old"), &data);
            let was_killed = match killed(&data, &file, calls, call) {
                Ok(was_killed) => was_killed,
                Err(why) => return say(format_args!("NOT RUN: {why}")),
            };
            // Whoever comes next finishes it; that there is no such token is not the question.
            ended(&on(&data, &at("none.toml"), &["token", "revoke", "nobody"]), 2);
            let found = state(&data);
            assert!(found == old || found == new, "{calls} number {call}: {:?}", found.0.keys());
            *(if found == old { &mut olds } else { &mut news }) += 1;
            // And it can be done again.
            if call % 5 == 1 {
                ended(
                    &on(&data, &at("none.toml"), &["restore", file.to_str().unwrap(), "--yes"]),
                    0,
                );
                assert!(state(&data) == new, "{calls} number {call}, and then again");
            }
            fs::remove_dir_all(&data).unwrap();
            if !was_killed {
                assert!(call > 1, "{calls} is never called");
                break;
            }
        }
    }
    assert!(olds > 5 && news > 5, "{olds} old, {news} new");
    say(format_args!(
        "killed at {} calls: {olds} times all was old, {news} times all was new",
        olds + news
    ));
}

/// A head that starts finishes it too.
#[test]
fn a_head_finishes_a_restore_that_was_cut_short() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    make(&at("new"), "new", 60);
    make(&at("data"), "old", 30);
    let stage = headroom::data::Stage::begin(&at("data")).unwrap();
    for (name, bytes) in kept(&at("new")) {
        fs::create_dir_all(stage.path().join(&name).parent().unwrap()).unwrap();
        fs::write(stage.path().join(&name), bytes).unwrap();
    }
    fs::copy(at("new/history.redb"), stage.path().join("history.redb")).unwrap();
    stage.count("before-restore-now", true).unwrap();
    let plan = HeadPlan::new(&at("data"), &[]);
    let head = plan.start("127.0.0.1:0", &bare);
    assert_eq!(head.state("new"), "never seen");
    assert_eq!(head.state("old"), "none");
    assert!(at("data/before-restore-now/tokens.json").exists());
    drop(head);
    assert_eq!(stored(&at("data/history.redb"), &NodeId::from_host_name("pi-07")).len(), 60);
}
