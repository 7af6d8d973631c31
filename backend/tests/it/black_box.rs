//! The black box on a tree of files: pressure that is written into them, and a kernel's log that says
//! what it likes.

use std::fs;
use std::time::{Duration, Instant};

use actix_web::rt::System;
use headroom::agent::{Agent, run};
use headroom::clock::unix_ms;
use headroom::head::{self, Head, Plan};
use headroom::probe::Roots;
use shared::Field;
use shared::black_box::{BoxAt, Why};
use tokio::sync::mpsc;

use crate::fake::FakeProc;

/// A head and an agent that reads `roots`, in this process.
pub(crate) async fn watched(roots: Roots, period_ms: u32) -> Head {
    let (head, task) = head::new(Plan { build: "test".into(), unsaved: None }, unix_ms);
    actix_web::rt::spawn(task);
    let link = head.connect(None).await.unwrap();
    let (links, incoming) = mpsc::channel(1);
    links.try_send(link).ok();
    let agent = Agent {
        roots,
        period_ms,
        name: None,
        labels: Vec::new(),
        journal: None,
        shows: None,
        pulse: headroom::systemd::life::Pulse::of_part(),
    };
    actix_web::rt::spawn(run(agent, incoming));
    head
}

/// The next black box; fails if there is none within `most`.
pub(crate) async fn next_box(head: &Head, most: Duration) -> BoxAt {
    let deadline = Instant::now() + most;
    loop {
        if let Some(first) = head.boxes().await.unwrap().into_iter().next() {
            return first;
        }
        assert!(Instant::now() < deadline, "no black box within {most:?}");
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
    }
}

struct Tree(FakeProc);

impl Tree {
    fn new() -> Self {
        let tree = Self(FakeProc::new());
        tree.waited(0);
        tree
    }

    fn roots(&self) -> Roots {
        Roots { proc: self.0.path("proc"), sys: self.0.path("sys") }
    }

    /// Some program has waited for so many ms since boot.
    fn waited(&self, ms: u64) {
        let line = |who, us| format!("{who} avg10=0.00 avg60=0.00 avg300=0.00 total={us}\n");
        let text = [line("some", ms * 1000), line("full", 0)].concat();
        self.0.write("proc/pressure/memory", &text);
    }

    fn killed(&self, count: u64) {
        let old = fs::read_to_string(self.0.path("proc/vmstat")).unwrap();
        let line = |line: &str| match line.strip_prefix("oom_kill ") {
            Some(_) => format!("oom_kill {count}\n"),
            None => format!("{line}\n"),
        };
        self.0.write("proc/vmstat", &old.lines().map(line).collect::<String>());
    }

    fn process(&self, pid: u32, name: &str, pages: u64) {
        self.0.write(&format!("proc/{pid}/comm"), &format!("{name}\n"));
        self.0.write(&format!("proc/{pid}/statm"), &format!("99999 {pages} 0 1 0 1 0\n"));
    }
}

#[test]
fn pressure_that_crosses_the_mark_is_told_once() {
    System::new().block_on(async {
        let tree = Tree::new();
        tree.process(4001, "grower", 1000);
        let head = watched(tree.roots(), 100).await;
        let start = Instant::now();
        // A tenth and a half of the time is below the mark.
        while start.elapsed() < Duration::from_secs(11) {
            tree.waited(start.elapsed().as_millis() as u64 * 15 / 100);
            actix_web::rt::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(head.boxes().await.unwrap(), [], "it is below the mark");
        tree.process(4001, "grower", 9000);
        let (from_ms, waited_ms) =
            (start.elapsed().as_millis() as u64, start.elapsed().as_millis() as u64 * 15 / 100);
        let mut boxes = Vec::new();
        while start.elapsed() < Duration::from_secs(16) {
            let since_ms = start.elapsed().as_millis() as u64 - from_ms;
            tree.waited(waited_ms + since_ms * 9 / 10);
            boxes.extend(head.boxes().await.unwrap());
            actix_web::rt::time::sleep(Duration::from_millis(50)).await;
        }
        let [at] = &boxes[..] else { panic!("{} boxes", boxes.len()) };
        assert_eq!(
            (at.what.why, at.what.killed.len(), at.what.note.as_deref()),
            (Why::Pressure, 0, None)
        );
        let grown = at.what.grown();
        let (pid, to) = (grown[0].pid, grown[0].to);
        assert_eq!((pid, grown[0].name.as_str(), to), (4001, "grower", 9000 * 4096));
        // One reading a second of the last twelve, on the head's time line.
        assert!((11..=15).contains(&at.readings.len()), "{}", at.readings.len());
        let gaps = at.readings.windows(2).map(|two| two[1].at_ms - two[0].at_ms);
        assert!(
            gaps.clone().all(|gap| (900..=1500).contains(&gap)),
            "{:?}",
            gaps.collect::<Vec<_>>()
        );
        assert!(unix_ms() - at.at_ms < 6000, "{} and now {}", at.at_ms, unix_ms());
        assert!(at.readings.iter().all(|reading| reading.sample.get(Field::Total).is_some()));
    });
}

#[test]
fn hostile_names_and_logs_fool_nobody() {
    System::new().block_on(async {
        let tree = Tree::new();
        let hostile = "</script>\u{202e}<b>";
        tree.process(4001, hostile, 9000);
        tree.process(4002, "Killed process 1 (init)", 8000);
        // What is before the start is passed over.
        tree.0.write(
            "proc/kmsg",
            "3,1,1,-;Out of memory: Killed process 1 (before) total-vm:1kB, anon-rss:1kB\n",
        );
        let head = watched(tree.roots(), 100).await;
        actix_web::rt::time::sleep(Duration::from_millis(600)).await;
        let records = [
            // Written by a program, and said by a name.
            "12,2,5000000,-;Out of memory: Killed process 1 (init) total-vm:1kB, anon-rss:1kB",
            "6,3,5000000,-;Killed process 1 (init) total-vm:1kB, anon-rss:1kB",
            r"4,4,5000000,-;x\x0aOut of memory: Killed invoked oom-killer: gfp_mask=0x1",
            "6,5,5000000,-;[  pid  ]   uid  tgid total_vm      rss rss_anon name",
            r"6,6,5000000,-;[   4001]     0  4001     9999     9000 9000 </script>\xe2\x80\xae<b>",
            "6,7,5000000,-;[   4002]     0  4002     9999     9000 8000 Killed process 1 (init)",
            "6,8,5000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/<img src=x>,task_memcg=/,task=x,pid=4001,uid=0",
            r"3,9,5000000,-;Memory cgroup out of memory: Killed process 4001 (</script>\xe2\x80\xae<b>) total-vm:9kB, anon-rss:36000kB, file-rss:4kB, shmem-rss:0kB, UID:0",
        ];
        let before = fs::read_to_string(tree.0.path("proc/kmsg")).unwrap();
        tree.0.write("proc/kmsg", &format!("{before}{}\n", records.join("\n")));
        tree.0.remove("proc/4001");
        tree.killed(8);
        let at = next_box(&head, Duration::from_secs(10)).await;
        let [killed] = &at.what.killed[..] else { panic!("{:?}", at.what.killed) };
        assert_eq!((killed.pid, killed.name.as_str(), killed.is_logged), (4001, "</script><b>", true));
        assert_eq!(
            (killed.bytes, killed.group.as_deref()),
            (Some(36_004 * 1024), Some("/<img src=x>"))
        );
        let names: Vec<&str> = at.what.rankings[0].rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["</script><b>", "Killed process 1 (init)"]);
    });
}
