//! A full disk is told of too, once, although there is no room left to write that down.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::alerts::{Restart, channels, must_tell, plan, told, until_told};
use crate::cluster::bare;
use crate::disk::Mount;
use crate::receiver::Receiver;
use crate::support::FakeProc;

/// Fills it in one way of starting anew; `None` where nothing can be mounted.
fn fill(restart: Restart) -> Option<()> {
    let (fake, phone) = (FakeProc::new(), Receiver::start(true));
    let data = fake.path("data");
    let _mount = Mount::tmpfs(&data, "40m")?;
    let mut plan = plan(&fake, &data, &channels(&[("phone", &phone)]));
    plan.args.extend(["--history-commit".into(), "1s".into()]);
    let head = plan.start("127.0.0.1:0", &bare);
    until_told("room in reserve", || data.join("alerts/reserve").exists());
    until_told("a commit", || !head.get("/api/v1/history/status").json()["committed_ms"].is_null());
    let filler = data.join("filler");
    let fill = || {
        Command::new("dd")
            .args(["if=/dev/zero", "bs=4k", "status=none"])
            .arg(format!("of={}", filler.display()))
            .stderr(Stdio::null())
            .status()
            .unwrap();
    };
    fill();
    until_told("word of it", || !told(&phone).is_empty());
    thread::sleep(Duration::from_secs(2));
    let _head = restart.of(head, &plan);
    thread::sleep(Duration::from_secs(3));
    fs::remove_file(&filler).unwrap();
    must_tell(&phone, &format!("restarted: {restart:?}"), &[("head", &["opened", "over"])]);
    Some(())
}

#[test]
fn a_full_disk_is_told_once_and_its_end_too() {
    thread::scope(|scope| {
        let scripts = Restart::ALL.map(|restart| scope.spawn(move || fill(restart)));
        let failed = scripts.map(|script| script.join().is_err());
        assert_eq!(failed, [false; 3], "of {:?}", Restart::ALL);
    });
}
