//! `soak card`: what a head with sixteen nodes, and an agent, have written to a disk that is theirs alone:
//! a file system like a Raspberry Pi's, on a device whose own counters tell what reached it.

mod disk;

use super::program::{Program, written};
use super::{Row, agent, print};
use crate::error::{Error, Result};
use crate::process::{self, Guard};
use crate::swarm::{self, Scratch};
use crate::web;
use disk::{Counts, Disk};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const NODES: u32 = 16;
/// Written in a day of 16 nodes, all of it.
const DAY_MB: f64 = 50.0;
/// Two quarters of an hour, at the end of each of which is a commit.
const WATCHED: Duration = Duration::from_mins(30);
const QUARTER_S: u64 = 15 * 60;
/// After a commit the file system goes on to write what it had put down in its journal, and what is
/// written for good after thirty seconds.
const SETTLED: Duration = Duration::from_secs(75);
/// Between two looks at the counters.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const DAY_S: f64 = 86_400.0;
/// Of nodes' connections and first commits the swarm must see the end.
const SPARE_S: u64 = 60;

/// Measures for half an hour from just after a commit, which may have to be waited for, and then a whole
/// day that is made up; whether all is within the budget. `built` are a head and a swarm that need not be
/// built.
pub(crate) fn soak(built: Option<(PathBuf, PathBuf)>) -> Result<bool> {
    if !process::is_root() {
        return Err(Error::say("a disk of its own can be made by root alone: run it with sudo"));
    }
    disk::with_own_mounts()?;
    let (headroom, swarm) = if let Some(built) = built {
        built
    } else {
        web::build()?;
        (process::build_release()?, swarm::build()?)
    };
    let mut rows = live(&headroom, &swarm)?;
    rows.extend(day(&swarm)?);
    Ok(print(&rows))
}

/// The counters of everything, at a moment.
#[derive(Clone, Copy)]
struct Look {
    disk: Counts,
    head: u64,
    agent: u64,
}

fn live(headroom: &Path, swarm: &Path) -> Result<Vec<Row>> {
    let disk = Disk::new("card", 512)?;
    let dir = disk.dir().join("data");
    let data = dir.display().to_string();
    // What is kept in RAM must be there to be no write to a disk.
    let in_ram = Scratch::below(Path::new("/dev/shm"), "card-run")?;
    let run = in_ram.path().join("head").display().to_string();
    let tokens = swarm::tokens(headroom, &dir, NODES)?;
    let token = agent::token(&crate::files::read_text(&swarm::tokens(headroom, &dir, 1)?)?)?;
    let head = Program::start_with(headroom, &["--data-dir", &data, "--runtime-dir", &run])?;
    let agent = agent_of(headroom, &head, &token, &in_ram.path().join("agent"))?;
    let wait = until_settled();
    let seconds = (wait + WATCHED).as_secs() + SPARE_S;
    let mut load = Command::new(swarm);
    load.args(["--head", &format!("http://127.0.0.1:{}", head.port), "--json", "--tokens"]);
    load.arg(tokens).args(["--nodes", &NODES.to_string(), "--seconds", &seconds.to_string()]);
    load.stdout(Stdio::null()).stderr(Stdio::null());
    let subject = swarm.display().to_string();
    let _load = Guard(load.spawn().map_err(|cause| Error::Io { subject, cause })?);
    println!(
        "{} nodes report; a commit, and what follows it, is over in {} s",
        NODES,
        wait.as_secs()
    );
    sleep(wait);
    let look = || -> Result<Look> {
        Ok(Look { disk: disk.counts()?, head: written(head.pid())?, agent: written(agent.0.id())? })
    };
    let first = look()?;
    let begun = Instant::now();
    let (mut last, mut between, mut calls) = (first, 0, 0);
    while begun.elapsed() < WATCHED {
        let is_calm = is_between_commits();
        sleep(LOOK_EVERY.min(WATCHED.saturating_sub(begun.elapsed())));
        let now = look()?;
        let bytes = now.disk.written - last.disk.written;
        if bytes > 0 || now.head > last.head {
            println!(
                "{:>4} s: {bytes} B in {} writes reached the disk, {} flushes; the head wrote {} B",
                begun.elapsed().as_secs(),
                now.disk.writes - last.disk.writes,
                now.disk.flushes - last.disk.flushes,
                now.head - last.head,
            );
        }
        if is_calm && is_between_commits() {
            between += bytes;
            calls += now.head - last.head;
        }
        last = now;
    }
    let a_day = |bytes: u64| bytes as f64 / 1e6 * DAY_S / WATCHED.as_secs_f64();
    let disk_bytes = last.disk.written - first.disk.written;
    let commits = WATCHED.as_secs() / QUARTER_S;
    let (on_disk, by_head) = (a_day(disk_bytes), a_day(last.head - first.head));
    let agent_bytes = last.agent - first.agent;
    Ok(vec![
        Row::new(
            "16 nodes, 30 min: reached the device",
            format!("{on_disk:.1} MB a day ({:.2} MB)", disk_bytes as f64 / 1e6),
            format!("{DAY_MB} MB a day"),
            on_disk <= DAY_MB,
        ),
        Row::told(
            "the same, by /proc/PID/io of the head",
            format!("{by_head:.1} MB a day"),
            "(the rest is the file system's journal)",
        ),
        Row::told(
            "of each commit",
            format!("{:.0} kB on the device", disk_bytes as f64 / 1e3 / commits as f64),
            &format!(
                "({} writes, {} flushes)",
                (last.disk.writes - first.disk.writes) / commits,
                (last.disk.flushes - first.disk.flushes) / commits
            ),
        ),
        Row::new(
            "between commits",
            format!("{between} B on the device, {calls} B of the head"),
            "0 B".into(),
            between == 0 && calls == 0,
        ),
        Row::new("an agent meanwhile", format!("{agent_bytes} B"), "0 B".into(), agent_bytes == 0),
    ])
}

/// An agent of a node of its own, whose journal is in RAM.
fn agent_of(headroom: &Path, head: &Program, token: &str, run: &Path) -> Result<Guard> {
    let mut command = Command::new(headroom);
    command.args(["agent", "--head", &format!("http://127.0.0.1:{}", head.port)]);
    command.args(["--token-file", "-"]).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    process::forget(&mut command, |name| name.starts_with("HEADROOM_"));
    command.env("RUNTIME_DIRECTORY", run);
    let subject = "the agent does not start".to_owned();
    let mut agent = Guard(command.spawn().map_err(|cause| Error::Io { subject, cause })?);
    if let Some(mut input) = agent.0.stdin.take() {
        // An agent that is gone is noticed when it is asked what it wrote.
        writeln!(input, "{token}").ok();
    }
    Ok(agent)
}

/// How far into a quarter of an hour it is: commits are where one begins.
fn into_quarter() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_secs(now.as_secs() / QUARTER_S * QUARTER_S))
}

fn until_settled() -> Duration {
    (Duration::from_secs(QUARTER_S) + SETTLED).saturating_sub(into_quarter())
}

fn is_between_commits() -> bool {
    into_quarter() > SETTLED
}

/// A whole day of 16 nodes with the tiers that are only written every two hours, in commits as a head
/// makes them, but one after another.
fn day(swarm: &Path) -> Result<Vec<Row>> {
    let disk = Disk::new("card-day", 1024)?;
    let hour_ms = 3_600_000;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let until_ms = now_ms / hour_ms * hour_ms;
    let before = disk.counts()?;
    let mut past = Command::new(swarm);
    past.args(["past", "--nodes", &NODES.to_string(), "--hours", "24", "--first", "0"]);
    past.args(["--until-ms", &until_ms.to_string(), "--fields", "all", "store", "--data-dir"]);
    println!("{}", process::output(past.arg(disk.dir()))?.trim_end());
    disk.sync()?;
    let after = disk.counts()?;
    let day_mb = (after.written - before.written) as f64 / 1e6;
    Ok(vec![Row::new(
        "a made-up day of 16 nodes: reached the device",
        format!("{day_mb:.1} MB"),
        format!("{DAY_MB} MB"),
        day_mb <= DAY_MB,
    )])
}
