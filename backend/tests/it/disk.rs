//! What disks do to history, and that the live view goes on meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use headroom::history::{Limits, Store};
use redb::{Database, TableDefinition};
use rustix::process::Signal;
use shared::history::EventKind;

use crate::cluster::{Head, HeadPlan, bare};
use crate::crash::stored;
use crate::hosts::faketime;
use crate::support::{SOON, say, until};

/// It is tried again after ten seconds.
const RETRIED: Duration = Duration::from_secs(25);

fn limits() -> Limits {
    Limits { max_bytes: 1 << 30, keep: [Duration::from_hours(24 * 400); 5] }
}

fn plan(data: &Path) -> HeadPlan {
    HeadPlan::new(data, &["--history-commit", "1s", "--period-ms", "100"])
}

/// A file system of its own, of `size`; `None`, and it says so, where this is not allowed.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn tmpfs(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "headroom-test"], at);
        if !mounted {
            say("NOT RUN: a file system can be mounted by root alone");
        }
        mounted.then(|| Self(at.to_owned()))
    }

    /// The file system in the file `image`, on a block device that is given back with it.
    pub(crate) fn image(image: &Path, at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = mount(&["-o", "loop,noatime,commit=5", image.to_str().unwrap()], at);
        mounted.then(|| Self(at.to_owned()))
    }

    fn bind(what: &Path, at: &Path) -> Self {
        assert!(mount(&["--bind", what.to_str().unwrap()], at));
        Self(at.to_owned())
    }

    fn remount(&self, option: &str) {
        assert!(mount(&["-o", &format!("remount,{option}")], &self.0), "{option}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

fn mount(args: &[&str], at: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(args).arg(at).stderr(Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

/// The head's only node.
fn node(head: &Head) -> String {
    let nodes = head.get("/api/v1/nodes").json();
    let list = nodes.as_array().or_else(|| nodes["nodes"].as_array()).cloned().unwrap();
    list[0]["id"].as_str().unwrap().to_owned()
}

/// Fails unless readings go on coming.
fn goes_on(head: &Head) {
    let node = node(head);
    let last = || head.record(&node).last();
    let before = last();
    until("readings that go on", || (last() > before + 3).then_some(()));
}

/// Ends the head, and gives the kinds of events of itself that are on disk.
fn ended(mut head: Head, data: &Path) -> Vec<EventKind> {
    head.program.signal(Signal::TERM);
    assert!(head.program.wait(SOON).success(), "{}", head.program.stderr());
    drop(head);
    let store = Store::open(&data.join("history.redb"), &limits()).unwrap();
    let events = store.read().unwrap().events(0..u64::MAX, None, 1000).unwrap();
    let is_of_incidents =
        |kind: &EventKind| matches!(kind, EventKind::Incident | EventKind::IncidentOver);
    let of_head = events.iter().filter(|event| event.node.is_none()).map(|event| event.kind);
    // They say the same once more.
    of_head.filter(|kind| !is_of_incidents(kind)).collect()
}

const TOLD: [EventKind; 2] = [EventKind::HistoryTrouble, EventKind::HistoryOver];

#[test]
fn a_full_disk_stops_nothing_and_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let Some(_mount) = Mount::tmpfs(&data, "40m") else { return };
    let head = plan(&data).start("127.0.0.1:0", &bare);
    goes_on(&head);
    let filler = data.join("filler");
    // To the last byte.
    Command::new("dd")
        .args(["if=/dev/zero", "bs=4k", "status=none"])
        .arg(format!("of={}", filler.display()))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    head.program.says_within("history cannot be written", RETRIED);
    goes_on(&head);
    thread::sleep(Duration::from_secs(3));
    assert_eq!(head.program.count("history cannot be written"), 1, "{}", head.program.stderr());
    fs::remove_file(&filler).unwrap();
    head.program.says_within("history is written again", RETRIED);
    goes_on(&head);
    assert_eq!(ended(head, &data), TOLD);
}

#[test]
fn a_read_only_disk_stops_nothing_and_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, data) = (dir.path().join("disk"), dir.path().join("data"));
    let Some(mounted) = Mount::tmpfs(&disk, "64m") else { return };
    fs::create_dir(&data).unwrap();
    // Only the file of history lies on it.
    for file in [disk.join("history.redb"), data.join("history.redb")] {
        drop(Store::open(&file, &limits()).unwrap());
    }
    let bound = data.join("history.redb");
    let _bound = Mount::bind(&disk.join("history.redb"), &bound);
    mounted.remount("ro");
    let head = plan(&data).start("127.0.0.1:0", &bare);
    head.program.says("history cannot be written");
    goes_on(&head);
    mounted.remount("rw");
    head.program.says_within("history is written again", RETRIED);
    goes_on(&head);
    assert_eq!(ended(head, &data), TOLD);
}

#[test]
fn a_file_that_another_program_has_is_waited_for() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("history.redb");
    let other = Store::open(&file, &limits()).unwrap();
    let head = plan(data.path()).start("127.0.0.1:0", &bare);
    head.program.says("another program uses");
    goes_on(&head);
    drop(other);
    head.program.says_within("history is written again", RETRIED);
    assert_eq!(ended(head, data.path()), TOLD);
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("history.redb");
    drop(Store::open(&file, &limits()).unwrap());
    let database = Database::open(&file).unwrap();
    let tx = database.begin_write().unwrap();
    tx.open_table(META).unwrap().insert("version", 99_u32.to_le_bytes().as_slice()).unwrap();
    tx.commit().unwrap();
    drop(database);
    let newer = fs::read(&file).unwrap();
    let head = plan(data.path()).start("127.0.0.1:0", &bare);
    head.program.says("was written by a newer Headroom (store version 99)");
    goes_on(&head);
    assert!(fs::read(&file).unwrap() == newer, "it was touched");
    fs::rename(&file, data.path().join("away")).unwrap();
    head.program.says_within("history is written again", RETRIED);
    assert_eq!(ended(head, data.path()), TOLD);
}

#[test]
fn a_damaged_file_is_set_aside() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("history.redb");
    let damage = vec![0x5a; 1 << 16];
    fs::write(&file, &damage).unwrap();
    let head = plan(data.path()).start("127.0.0.1:0", &bare);
    head.program.says("history was damaged, and is begun anew");
    goes_on(&head);
    assert_eq!(ended(head, data.path()), [EventKind::HistoryTrouble]);
    let files = fs::read_dir(data.path()).unwrap().map(|file| file.unwrap().path());
    let aside: Vec<PathBuf> =
        files.filter(|file| file.to_string_lossy().contains("history.redb.damaged-")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(fs::read(&aside[0]).unwrap() == damage, "it is as it was");
}

#[test]
fn a_clock_that_jumps_loses_and_doubles_nothing() {
    let Some(library) = faketime() else {
        say("NOT RUN: there is no libfaketime");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (data, time) = (dir.path().join("data"), dir.path().join("time"));
    fs::write(&time, "+0").unwrap();
    let wrap = |program: &Command| {
        let mut faked = bare(program);
        faked.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &time);
        faked.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME_NO_CACHE", "1");
        faked
    };
    let head = plan(&data).start("127.0.0.1:0", &wrap);
    goes_on(&head);
    let node = node(&head);
    for (n, offset) in ["+1d", "-1d", "+0"].into_iter().enumerate() {
        fs::write(&time, offset).unwrap();
        until("a clock that is set", || {
            (head.program.count("the clock of this machine was set") == n + 1).then_some(())
        });
        goes_on(&head);
        thread::sleep(Duration::from_millis(1500));
    }
    assert_eq!(ended(head, &data), [EventKind::ClockSet; 3]);
    let id = shared::NodeId::from_host_name(&node);
    let mut seqs: Vec<u64> =
        stored(&data.join("history.redb"), &id).iter().map(|(_, kept)| kept.seq).collect();
    seqs.sort_unstable();
    assert!(seqs.len() > 50, "{}", seqs.len());
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
}

#[test]
fn a_head_that_is_told_to_end_writes_all_it_has() {
    let data = tempfile::tempdir().unwrap();
    let plan = HeadPlan::new(data.path(), &["--history-commit", "1h"]);
    let head = plan.start("127.0.0.1:0", &bare);
    goes_on(&head);
    let node = node(&head);
    let shown = head.record(&node);
    assert_eq!(ended(head, data.path()), []);
    let id = shared::NodeId::from_host_name(&node);
    let on_disk = stored(&data.path().join("history.redb"), &id);
    for (seq, ..) in &shown.held {
        assert!(on_disk.iter().any(|(_, kept)| kept.seq == *seq), "{seq} is not on disk");
    }
    // The next head goes on where it was, and shows the last five minutes.
    let head = plan.start("127.0.0.1:0", &bare);
    goes_on(&head);
    let both = head.record(&node);
    let has = |seq: u64| both.held.iter().any(|held| held.0 == seq);
    assert!(shown.held.iter().all(|held| has(held.0)), "{shown:?}, then {both:?}");
}
