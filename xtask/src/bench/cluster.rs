//! What a head does with a thousand nodes, and how many it carries. Generator, followers and head share
//! this machine.

use super::program::Program;
use super::{Row, measure};
use crate::error::{Error, Result};
use crate::process;
use crate::swarm::{self, Scratch};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NODES: u32 = 1000;
/// From a reading to a browser's frame.
const LATENCY_MS: u64 = 250;
/// What an agent says in a second, on the wire.
const AGENT_BYTES: f64 = 100.0;
/// Memory of the head for each node.
const NODE_KIB: f64 = 32.0;
/// What the head may grow by for a viewer that stops reading.
const STALL_KIB: i64 = 4 * 1024;
/// So soon one is up to date when it reads again.
const UP_TO_DATE_MS: u64 = 1000;
/// Nodes that two cores are to carry.
const CARRIED: u32 = 10_000;
/// More than that is not tried.
const MOST_NODES: u32 = 18_000;
/// How long encodings and TLS are compared.
const COMPARED_S: u32 = 20;

/// Adds all rows; without `carried` all but how many nodes a head carries.
pub(super) fn measure_all(
    rows: &mut Vec<Row>,
    headroom: &Path,
    short: bool,
    carried: bool,
) -> Result<()> {
    let of = &Programs { headroom, swarm: swarm::build()? };
    let (seconds, stall) = if short { (30, 10) } else { (300, 60) };
    let what = format!("head with {NODES} nodes over {seconds} s");
    measure(rows, &what, || thousand(of, seconds, stall));
    measure(rows, "the same in JSON", || in_json(of));
    measure(rows, "the same over TLS", || over_tls(of));
    if carried {
        let seconds = if short { 10 } else { 20 };
        measure(rows, "nodes that a head carries", || carries(of, seconds));
    }
    Ok(())
}

/// What is measured, and what loads it.
struct Programs<'a> {
    headroom: &'a Path,
    swarm: PathBuf,
}

/// A head with data of its own, what it held before any node was known, and the generator.
struct Bench<'a> {
    programs: &'a Programs<'a>,
    head: Program,
    alone_kib: u64,
    scratch: Scratch,
    tls: bool,
}

impl<'a> Bench<'a> {
    fn start(programs: &'a Programs<'a>, tls: bool) -> Result<Self> {
        let scratch = Scratch::new("cluster")?;
        let dir = scratch.path().display().to_string();
        let mut args = vec!["--data-dir", &dir, "--max-connections", "40000"];
        if tls {
            args.extend(["--tls", "--anonymous-read"]);
        }
        let head = Program::start_with(programs.headroom, &args)?;
        let alone_kib = head.resident_kib()?;
        Ok(Self { programs, head, alone_kib, scratch, tls })
    }

    /// Lets a swarm live for so long, with more arguments: what it found out.
    fn run(&self, nodes: u32, seconds: u32, more: &[&str]) -> Result<Value> {
        let tokens = swarm::tokens(self.programs.headroom, self.scratch.path(), nodes)?;
        let scheme = if self.tls { "https" } else { "http" };
        let mut command = Command::new(&self.programs.swarm);
        command.args(["--head", &format!("{scheme}://127.0.0.1:{}", self.head.port)]);
        command.args(["--nodes", &nodes.to_string(), "--seconds", &seconds.to_string()]);
        command.args(["--head-pid", &self.head.pid().to_string(), "--json", "--tokens"]);
        command.arg(tokens).args(more).stderr(Stdio::inherit());
        if let Some(fingerprint) = &self.head.fingerprint {
            command.args(["--fingerprint", fingerprint]);
        }
        let text = process::output(&mut command)?;
        let report: Value = serde_json::from_str(&text)
            .map_err(|error| Error::say(format!("the swarm told no result: {error}")))?;
        println!("{}", text.trim_end());
        let connected = report["connected"].as_u64();
        if connected != Some(nodes.into()) {
            let why =
                format!("{connected:?} of {nodes} nodes are connected: {}", report["refused"]);
            return Err(Error::say(why));
        }
        Ok(report)
    }
}

/// A number in a report, by the way there.
fn number(report: &Value, pointer: &str) -> Result<f64> {
    let found = report.pointer(pointer).and_then(Value::as_f64);
    found.ok_or_else(|| Error::say(format!("the swarm told no {pointer}; see swarm/src/report.rs")))
}

/// Payload and all, of each node in a second.
fn bytes(report: &Value) -> Result<(f64, String)> {
    let (payload, wire) = (number(report, "/payload_out")?, number(report, "/wire_out")?);
    Ok((wire, format!("{wire:.0} B ({payload:.0} of messages)")))
}

fn cpu(report: &Value) -> Result<String> {
    Ok(format!("{:.1} % of a core", number(report, "/head/cpu")?))
}

fn latency(report: &Value, of: &str) -> Result<(u64, String)> {
    let ms = |name: &str| number(report, &format!("{of}/{name}"));
    let (p50, p99) = (ms("p50_ms")?, ms("p99_ms")?);
    Ok((p99 as u64, format!("{p50} ms, {p99} ms")))
}

fn thousand(programs: &Programs<'_>, seconds: u32, stall: u32) -> Result<Vec<Row>> {
    let bench = Bench::start(programs, false)?;
    let more = ["--follow", "--stall", &stall.to_string()];
    let report = bench.run(NODES, seconds, &more)?;
    let grown = number(&report, "/head/resident_kib")? - bench.alone_kib as f64;
    let each_kib = grown / f64::from(NODES);
    let (wire, on_the_wire) = bytes(&report)?;
    let (p99, spread) = latency(&report, "/latency")?;
    let (p99_stall, spread_stall) = latency(&report, "/stall/latency")?;
    let grew_kib = number(&report, "/stall/head_grew_kib")? as i64;
    let up_to_date = number(&report, "/stall/up_to_date_ms")? as u64;
    let budget = format!("p99 {LATENCY_MS} ms");
    let own = number(&report, "/own_cpu")?;
    // The record reaches back five minutes.
    let filled = if seconds < 300 { ", still filling" } else { "" };
    Ok(vec![
        Row::told(
            &format!("{NODES} nodes at 1 Hz over {seconds} s: head"),
            cpu(&report)?,
            &format!("(the generator {own:.1} %)"),
        ),
        Row::new(
            "the same, memory for each node",
            format!("{each_kib:.1} KiB{filled}"),
            format!("{NODE_KIB} KiB"),
            each_kib <= NODE_KIB,
        ),
        Row::new(
            "agent to head, a second, postcard",
            on_the_wire,
            format!("{AGENT_BYTES} B"),
            wire <= AGENT_BYTES,
        ),
        Row::new("reading to browser, p50 and p99", spread, budget.clone(), p99 <= LATENCY_MS),
        Row::new(
            &format!("the same while another stalls for {stall} s"),
            spread_stall,
            budget,
            p99_stall <= LATENCY_MS,
        ),
        Row::new(
            "what the stalled one costs the head",
            format!("{grew_kib} KiB"),
            format!("{STALL_KIB} KiB"),
            grew_kib <= STALL_KIB,
        ),
        Row::new(
            "reading again to up to date",
            format!("{up_to_date} ms"),
            format!("{UP_TO_DATE_MS} ms"),
            up_to_date <= UP_TO_DATE_MS,
        ),
    ])
}

fn in_json(programs: &Programs<'_>) -> Result<Vec<Row>> {
    let bench = Bench::start(programs, false)?;
    let report = bench.run(NODES, COMPARED_S, &["--encoding", "json"])?;
    let (_, on_the_wire) = bytes(&report)?;
    let note = format!("(head {})", cpu(&report)?);
    Ok(vec![Row::told("agent to head, a second, JSON", on_the_wire, &note)])
}

fn over_tls(programs: &Programs<'_>) -> Result<Vec<Row>> {
    let bench = Bench::start(programs, true)?;
    let report = bench.run(NODES, COMPARED_S, &["--follow"])?;
    let (_, on_the_wire) = bytes(&report)?;
    let (_, spread) = latency(&report, "/latency")?;
    let note = format!("(head {}, {spread})", cpu(&report)?);
    Ok(vec![Row::told("agent to head, a second, over TLS", on_the_wire, &note)])
}

/// Half as many nodes more each time, until a frame is late.
fn carries(programs: &Programs<'_>, seconds: u32) -> Result<Vec<Row>> {
    let (mut nodes, mut carried) = (NODES, 0);
    let (mut last, mut then) = (String::new(), String::new());
    while nodes <= MOST_NODES {
        let bench = Bench::start(programs, false)?;
        let report = match bench.run(nodes, seconds, &["--follow"]) {
            Ok(report) => report,
            // So many are too many, one way or the other.
            Err(error) => {
                eprintln!("{nodes} nodes: {error}");
                then = format!("({nodes}: not all could connect)");
                break;
            }
        };
        let (p99, _) = latency(&report, "/latency")?;
        let sent = number(&report, "/sent")?;
        // A generator that cannot keep up would make the head look good.
        if p99 > LATENCY_MS || sent < f64::from(nodes) * 0.95 {
            then = format!("({nodes}: p99 {p99} ms, {sent:.0} readings/s)");
            break;
        }
        let (head, own) = (number(&report, "/head/cpu")?, number(&report, "/own_cpu")?);
        last = format!("p99 {p99} ms, CPU {head:.0} + {own:.0} %");
        carried = nodes;
        nodes = nodes * 3 / 2;
    }
    Ok(vec![
        Row::new(
            "nodes that head and generator carry here",
            format!("{carried}"),
            format!("{CARRIED}"),
            carried >= CARRIED,
        ),
        Row::told("the same", last, &then),
    ])
}
