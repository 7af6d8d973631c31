//! The whole of it on a tree of files, with readings that are made up.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::agent::link::Ended;
use shared::wire::{AgentRequest, Welcome};
use shared::{Field, NodeId, Sample};

/// A link with room for so many messages.
#[derive(Default)]
struct Fake {
    room: usize,
    told: Vec<AgentMessage>,
}

impl Link for &mut Fake {
    fn offer(&mut self, make: impl FnOnce() -> AgentMessage) -> Result<bool, Ended> {
        let has_room = self.told.len() < self.room;
        if has_room {
            self.told.push(make());
        }
        Ok(has_room)
    }

    async fn next(&mut self) -> Result<AgentRequest, Ended> {
        Err(Ended)
    }
}

struct Stage {
    dir: tempfile::TempDir,
    outbox: Outbox,
    recorder: Recorder,
    at_us: u64,
}

impl Stage {
    fn new(log: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if let Some(log) = log {
            fs::write(dir.path().join("kmsg"), log).unwrap();
        }
        let roots = Roots { proc: dir.path().into(), sys: dir.path().join("sys") };
        let recorder = Recorder::new(&roots, 4096);
        Self { dir, outbox: Outbox::default(), recorder, at_us: clock::uptime_us() }
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn put(&self, pid: u32, name: &str, pages: u64) {
        let dir = self.root().join(pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("comm"), name).unwrap();
        fs::write(dir.join("statm"), format!("99999 {pages} 0 1 0 1 0")).unwrap();
    }

    /// So many readings, a millisecond apart by the clock, as rankings are stamped by it.
    async fn pass(&mut self, count: u64, oom_kills: u64) {
        for _ in 0..count {
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.at_us = clock::uptime_us();
            let mut sample = Sample::EMPTY;
            sample.set(Field::Total, Some(1 << 30));
            sample.set(Field::Available, Some(1 << 29));
            sample.set(Field::OomKills, Some(oom_kills));
            let reading = AgentReading { seq: self.at_us, uptime_us: self.at_us, sample };
            self.outbox.push(&reading);
            self.recorder.see(&reading, &self.outbox);
            while self.recorder.work.is_some() {
                self.recorder.looked().await;
                self.recorder.seal(&self.outbox);
            }
        }
    }

    /// What is sent once what was killed is due.
    async fn boxed(&mut self, oom_kills: u64) -> BlackBox {
        if let Some(kills) = &mut self.recorder.kills {
            kills.due_us = clock::uptime_us();
        }
        self.pass(2, oom_kills).await;
        *self.recorder.waiting.back().expect("a box").what.clone()
    }
}

const LOG: &str =
    "3,1,7,-;Out of memory: Killed process 9 (a b) total-vm:9kB, anon-rss:8kB, file-rss:4kB\n";

#[tokio::test]
async fn the_log_tells_who_was_killed() {
    let mut stage = Stage::new(Some("4,1,1,-;before\n"));
    stage.put(9, "ab", 700);
    stage.put(10, "grower", 100);
    stage.pass(3, 7).await;
    assert_eq!(stage.recorder.album.rankings().len(), 1, "all is calm");
    stage.put(10, "grower", 900);
    fs::remove_dir_all(stage.root().join("9")).unwrap();
    fs::write(stage.root().join("kmsg"), ["4,1,1,-;before\n", LOG].concat()).unwrap();
    stage.pass(1, 8).await;
    assert!(stage.recorder.waiting.is_empty(), "what follows belongs to it");
    let sent = stage.boxed(8).await;
    let [killed] = &sent.killed[..] else { panic!("{sent:?}") };
    assert_eq!((killed.pid, killed.name.as_str(), killed.bytes), (9, "a b", Some(12 * 1024)));
    assert!(killed.is_logged && sent.note.is_none());
    // The log's clock says that it was 7 µs after boot; the readings say between which it was.
    assert!(killed.uptime_us + 1_000_000 > sent.uptime_us, "{sent:?}");
    assert_eq!(sent.grown()[0].pid, 10);
    assert_eq!(sent.readings.len(), 1, "no more than one a second");
}

#[tokio::test]
async fn without_a_log_it_is_concluded() {
    let mut stage = Stage::new(None);
    stage.put(9, "large", 700);
    stage.put(11, "small", 50);
    stage.put(10, "stays", 900);
    stage.pass(2, 7).await;
    fs::remove_dir_all(stage.root().join("9")).unwrap();
    fs::remove_dir_all(stage.root().join("11")).unwrap();
    stage.pass(1, 8).await;
    let sent = stage.boxed(8).await;
    let [killed] = &sent.killed[..] else { panic!("{sent:?}") };
    assert_eq!((killed.pid, killed.name.as_str()), (9, "large"));
    assert_eq!((killed.bytes, killed.is_logged), (Some(700 * 4096), false));
    assert!(sent.note.unwrap().contains("kmsg) cannot be read"));
    // There is one a minute at most: what is killed now is told later.
    fs::remove_dir_all(stage.root().join("10")).unwrap();
    stage.pass(2, 9).await;
    let due_us = stage.recorder.kills.as_ref().unwrap().due_us;
    assert!(due_us > clock::uptime_us() + 55_000_000, "{due_us}");
    assert_eq!(stage.boxed(9).await.killed[0].name, "stays");
}

#[tokio::test]
async fn it_is_sent_until_the_head_has_it() {
    let mut stage = Stage::new(Some(""));
    stage.pass(1, 0).await;
    for kills in 1..=6 {
        stage.pass(1, kills).await;
        stage.recorder.kills.as_mut().unwrap().due_us = 0;
        stage.pass(2, kills).await;
        stage.recorder.kills_allowed = Allowance::default();
    }
    let Stage { recorder, outbox, .. } = &mut stage;
    assert_eq!(recorder.waiting.len(), MOST_WAITING);
    let newest: Vec<u64> = recorder.waiting.iter().map(|waiting| waiting.what.uptime_us).collect();
    let mut link = Fake { room: 3, told: Vec::new() };
    recorder.begin();
    let mut session = Session::begin(&mut link, []);
    recorder.send(&mut session, 5).unwrap();
    let welcome = Welcome { id: NodeId::from_host_name("a"), held: Vec::new() };
    session.hear(AgentRequest::Welcome(welcome), outbox);
    recorder.send(&mut session, 5).unwrap();
    recorder.send(&mut session, 5).unwrap();
    assert_eq!(recorder.waiting.iter().filter(|waiting| waiting.sent.is_some()).count(), 3);
    recorder.held(&[Span { from: 1, to: 5 }]);
    assert_eq!(recorder.waiting.len(), 4, "those may have come before");
    recorder.held(&[Span { from: 6, to: 6 }]);
    assert_eq!(recorder.waiting.len(), 1);
    let told = link.told.iter().map(|message| match message {
        AgentMessage::BlackBox(what) => what.uptime_us,
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), newest[..3]);
    // The rest goes through the next link, also if it had gone through one that was lost.
    recorder.waiting[0].sent = Some(9);
    recorder.begin();
    recorder.held(&[Span { from: 10, to: 10 }]);
    assert_eq!(recorder.waiting.len(), 1);
}
