//! What it costs to keep the past: the same made-up days in Headroom, Prometheus and
//! `VictoriaMetrics`, one after another on this machine, and the same questions to each.

mod client;
mod server;

use super::program::{self, Program};
use super::{Row, measure};
use crate::error::{Error, Result};
use crate::peers;
use crate::process;
use crate::swarm::{self, Scratch};
use client::Client;
use serde_json::Value;
use server::{PROMETHEUS, Server, VICTORIA};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NODES: u32 = 16;
/// Raw values, on disk.
const VALUE_BYTES: f64 = 0.6;
/// Written in a day of 16 nodes with the whole field table.
const DAY_MB: f64 = 50.0;
/// Resident memory of a head with 16 nodes and history.
const RESIDENT_KIB: u64 = 20 * 1024;
/// One series, 24 h at steps of a minute.
const QUERY_MS: f64 = 1.0;
/// Two commits, and all that lies between.
const LIVE_S: u64 = 2 * 15 * 60;
/// How long the head is watched with 16 nodes that report.
const WATCHED_S: u32 = 20;
const HOUR_MS: u64 = 3_600_000;
/// As the generator has them; see `swarm past --help`.
const FIELDS: [&str; 12] = [
    "total",
    "free",
    "available",
    "buffers",
    "cached",
    "slab_reclaimable",
    "shmem",
    "anon",
    "mapped",
    "dirty",
    "swap_total",
    "swap_free",
];

/// What one store was found to take, and how long its answers take, in ms.
struct Found {
    disk: f64,
    written: f64,
    resident_kib: u64,
    queries: [f64; 3],
}

/// The questions: one series over 24 h, all 192 over 24 h, and a node's over 30 days.
const QUESTIONS: [&str; 3] =
    ["1 series, 24 h at 1 min", "16 × 12 series, 24 h at 1 min", "12 series, 30 d at 30 min"];

/// How much is made up.
#[derive(Clone, Copy)]
struct Scale {
    hours: u64,
    first: u64,
    until_ms: u64,
}

/// Adds all rows.
pub(super) fn measure_all(rows: &mut Vec<Row>, headroom: &Path, short: bool) -> Result<()> {
    peers::ensure_stores()?;
    let swarm = swarm::build()?;
    let now_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let until_ms = now_ms / HOUR_MS * HOUR_MS;
    let (hours, first) = if short { (24, 3 * 24) } else { (24, 30 * 24) };
    let scale = Scale { hours, first, until_ms };
    let mut found: Vec<(&str, Found)> = Vec::new();
    measure(rows, "Headroom: a day of 16 nodes, and a month of one", || {
        let (one, rows) = of_headroom(headroom, &swarm, scale)?;
        found.push(("Headroom", one));
        Ok(rows)
    });
    for kind in [&PROMETHEUS, &VICTORIA] {
        measure(rows, &format!("{}: the same", kind.name), || {
            found.push((kind.name, of_peer(kind, &swarm, scale)?));
            Ok(Vec::new())
        });
    }
    rows.extend(compared(&found));
    measure(rows, "a day of 16 nodes, the whole field table", || whole_table(&swarm, until_ms));
    if !short {
        measure(rows, "16 nodes that report, for half an hour", || live(headroom, &swarm));
    }
    Ok(())
}

/// One row for each figure, with the peers' beside ours.
fn compared(found: &[(&str, Found)]) -> Vec<Row> {
    let of = |name: &str| found.iter().find(|(other, _)| *other == name).map(|(_, found)| found);
    let Some(ours) = of("Headroom") else { return Vec::new() };
    let mut rows = Vec::new();
    let mut add = |what: &str, unit: &str, budget: Option<f64>, figure: &dyn Fn(&Found) -> f64| {
        let our = figure(ours);
        let mut notes: Vec<String> =
            budget.into_iter().map(|budget| format!("{budget} {unit}")).collect();
        for kind in [&PROMETHEUS, &VICTORIA] {
            let theirs = of(kind.name).map(figure);
            let text = theirs.map_or_else(
                || "not measured".to_owned(),
                |theirs| format!("{theirs:.2} = {:.1} ×", theirs / our),
            );
            notes.push(format!("{} {text}", kind.short));
        }
        let note = notes.join("; ");
        let measured = format!("{our:.3} {unit}");
        rows.push(match budget {
            Some(budget) => Row::new(what, measured, note, our <= budget),
            None => Row::told(what, measured, &note),
        });
    };
    add("12 fields: on disk, of a value", "B", None, &|found| found.disk);
    add("12 fields: written, of a value", "B", None, &|found| found.written);
    let resident = |found: &Found| found.resident_kib as f64 / 1024.0;
    add("resident after the questions", "MiB", Some(RESIDENT_KIB as f64 / 1024.0), &resident);
    for (place, question) in QUESTIONS.iter().enumerate() {
        let budget = (place == 0).then_some(QUERY_MS);
        add(question, "ms", budget, &|found| found.queries[place]);
    }
    rows
}

/// `swarm past` with `to`, and what it tells.
fn past(swarm: &Path, scale: Scale, fields: &str, to: &[&str]) -> Result<Value> {
    let mut command = Command::new(swarm);
    command.args(["past", "--nodes", &NODES.to_string(), "--hours", &scale.hours.to_string()]);
    command.args(["--first", &scale.first.to_string(), "--until-ms", &scale.until_ms.to_string()]);
    command.args(["--fields", fields]).args(to).stderr(Stdio::inherit());
    let text = process::output(&mut command)?;
    println!("{}", text.trim_end());
    serde_json::from_str(&text).map_err(|error| Error::say(format!("`swarm past`: {error}")))
}

fn number(report: &Value, pointer: &str) -> Result<f64> {
    let found = report.pointer(pointer).and_then(Value::as_f64);
    found.ok_or_else(|| Error::say(format!("`swarm past` told no {pointer}")))
}

fn of_headroom(headroom: &Path, swarm: &Path, scale: Scale) -> Result<(Found, Vec<Row>)> {
    let scratch = Scratch::new("history")?;
    let dir = scratch.path().display().to_string();
    let report = past(swarm, scale, "twelve", &["store", "--data-dir", &dir])?;
    let values = number(&report, "/values")?;
    let raw = number(&report, "/tiers/raw")? / values;
    let tokens = swarm::tokens(headroom, scratch.path(), NODES)?;
    let args = ["--data-dir", &dir, "--history-max-size", "64GiB", "--history-raw-days", "60"];
    let head = Program::start_with(headroom, &args)?;
    let mut client = Client::new(head.port);
    let (from, until) = (scale.until_ms - 24 * HOUR_MS, scale.until_ms);
    let month = scale.until_ms - scale.first * HOUR_MS;
    let fields = FIELDS.join(",");
    client.wait_for("/api/v1/nodes/pi-02/history")?;
    let queries = [
        client.median(&[format!(
            "/api/v1/nodes/pi-02/history?from={from}&to={until}&step=1m&fields=available"
        )])?,
        client
            .median(&[format!("/api/v1/history?from={from}&to={until}&step=1m&fields={fields}")])?,
        client.median(&[format!(
            "/api/v1/nodes/pi-01/history?from={month}&to={until}&step=30m&fields={fields}"
        )])?,
    ];
    // And then what it is for: nodes that report, and history that is written.
    let mut load = Command::new(swarm);
    load.args(["--head", &format!("http://127.0.0.1:{}", head.port), "--json", "--tokens"]);
    load.arg(tokens).args(["--nodes", &NODES.to_string(), "--seconds", &WATCHED_S.to_string()]);
    process::output(&mut load)?;
    let resident_kib = head.resident_kib()?;
    let found = Found {
        disk: number(&report, "/file")? / values,
        written: number(&report, "/written")? / values,
        resident_kib,
        queries,
    };
    let row = Row::new(
        "12 fields: raw values on disk, of a value",
        format!("{raw:.3} B"),
        format!("{VALUE_BYTES} B"),
        raw <= VALUE_BYTES,
    );
    Ok((found, vec![row]))
}

fn of_peer(kind: &'static server::Kind, swarm: &Path, scale: Scale) -> Result<Found> {
    let scratch = Scratch::new(kind.short)?;
    let server = Server::start(kind, scratch.path())?;
    let port = server.port.to_string();
    let report = past(swarm, scale, "twelve", &["remote-write", "--port", &port])?;
    let values = number(&report, "/values")?;
    let mut client = Client::new(server.port);
    if let Some(flush) = kind.flush {
        client.median(&[flush.to_owned()])?;
    }
    // What it does by itself once all has come: blocks are cut, parts are merged.
    std::thread::sleep(Duration::from_secs(10));
    let range = |query: String, from: u64, step_s: u64| {
        let (from, until) = (from / 1000, scale.until_ms / 1000);
        format!(
            "/api/v1/query_range?query={query}&start={from}&end={until}&step={step_s}&nocache=1"
        )
    };
    let day = scale.until_ms - 24 * HOUR_MS;
    let month = scale.until_ms - scale.first * HOUR_MS;
    let most = |field: &str, of: &str, over: &str| {
        format!("max_over_time(headroom_{field}{of}%5B{over}%5D)")
    };
    let node = |number: u32| format!("%7Bnode%3D%22pi-{number:02}%22%7D");
    let all = FIELDS.map(|field| range(most(field, "", "1m"), day, 60));
    let of_month = FIELDS.map(|field| range(most(field, &node(1), "30m"), month, 1800));
    let queries = [
        client.median(&[range(most("available", &node(2), "1m"), day, 60)])?,
        client.median(&all)?,
        client.median(&of_month)?,
    ];
    Ok(Found {
        disk: server.disk_bytes()? as f64 / values,
        written: program::written(server.pid())? as f64 / values,
        resident_kib: program::resident_kib(server.pid())?,
        queries,
    })
}

fn whole_table(swarm: &Path, until_ms: u64) -> Result<Vec<Row>> {
    let scratch = Scratch::new("table")?;
    let dir: PathBuf = scratch.path().to_owned();
    let scale = Scale { hours: 24, first: 0, until_ms };
    let report = past(swarm, scale, "all", &["store", "--data-dir", &dir.display().to_string()])?;
    let values = number(&report, "/values")?;
    let raw = number(&report, "/tiers/raw")?;
    let written = number(&report, "/written")?;
    let written_mb = written / 1e6;
    let day = "whole table: written in a day of 16 nodes";
    Ok(vec![
        Row::new(day, format!("{written_mb:.1} MB"), format!("{DAY_MB} MB"), written_mb <= DAY_MB),
        Row::new(
            "whole table: raw values on disk, of a value",
            format!("{:.3} B", raw / values),
            format!("{VALUE_BYTES} B"),
            raw / values <= VALUE_BYTES,
        ),
    ])
}

/// What a head writes for nodes that really report, from one quarter of an hour to another: commits are
/// then. Roll-ups are only written every two hours; the day above has them.
fn live(headroom: &Path, swarm: &Path) -> Result<Vec<Row>> {
    let scratch = Scratch::new("live")?;
    let dir = scratch.path().display().to_string();
    let tokens = swarm::tokens(headroom, scratch.path(), NODES)?;
    // What is kept in RAM must be there to be no write to a disk.
    let in_ram = Path::new("/dev/shm").join(format!("headroom-{}", std::process::id()));
    let in_ram = in_ram.display().to_string();
    let head = Program::start_with(headroom, &["--data-dir", &dir, "--runtime-dir", &in_ram])?;
    // A new file is no part of a day.
    Client::new(head.port).wait_for("/api/v1/history")?;
    let begun = program::written(head.pid())?;
    let mut load = Command::new(swarm);
    load.args(["--head", &format!("http://127.0.0.1:{}", head.port), "--json", "--tokens"]);
    load.arg(tokens).args(["--nodes", &NODES.to_string(), "--seconds"]);
    process::output(load.arg((LIVE_S + 30).to_string()))?;
    let written = program::written(head.pid())? - begun;
    let day_mb = written as f64 / 1e6 * 86_400.0 / LIVE_S as f64;
    let resident_kib = head.resident_kib()?;
    drop(head);
    crate::files::remove_dir(Path::new(&in_ram))?;
    Ok(vec![
        Row::new(
            "whole table, live: written, by the day",
            format!("{day_mb:.1} MB ({:.2} MB in 30 min)", written as f64 / 1e6),
            format!("{DAY_MB} MB"),
            day_mb <= DAY_MB,
        ),
        Row::new(
            "head with 16 nodes and history, resident",
            format!("{:.1} MiB", resident_kib as f64 / 1024.0),
            format!("{} MiB", RESIDENT_KIB / 1024),
            resident_kib <= RESIDENT_KIB,
        ),
    ])
}
