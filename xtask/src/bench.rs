//! `bench`: what Headroom costs here, measured, beside what it may cost.

mod agent;
mod card;
mod cluster;
mod history;
mod many;
mod program;

use crate::error::{Error, Result};
use crate::files::{self, grouped};
use crate::process;
use crate::web::{self, page::Page};
use program::Program;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Everything the page loads, compressed.
const PAGE_BYTES: usize = 150_000;
/// From the start of the program to its first served page.
const START: Duration = Duration::from_millis(100);
const STARTS: usize = 20;
/// A reading of the field table, over the bare reads of the same files.
const TICK_RATIO: f64 = 1.5;
/// Between two sweeps while somebody looks, in µs.
const SWEEP_EVERY_US: f64 = 2_000_000.0;
/// Resident memory of a head with its own agent.
const RESIDENT_KIB: u64 = 20 * 1024;
/// Half of what stripped Netdata takes of a core for the same files at 1 Hz.
const NETDATA_HALF_PERCENT: f64 = 0.033;

/// One line of the table.
struct Row {
    what: String,
    measured: String,
    budget: String,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Within,
    Over,
    /// Something went wrong, which has been said.
    NotMeasured,
    /// There is no budget; it is told for information.
    Told,
}

impl Row {
    fn new(what: &str, measured: String, budget: String, within: bool) -> Self {
        let verdict = if within { Verdict::Within } else { Verdict::Over };
        Self { what: what.to_owned(), measured, budget, verdict }
    }

    /// A row without a budget; `note` stands in its place.
    fn told(what: &str, measured: String, note: &str) -> Self {
        let (what, budget) = (what.to_owned(), note.to_owned());
        Self { what, measured, budget, verdict: Verdict::Told }
    }
}

/// Measures everything; whether all of it is within its budget.
pub(crate) fn bench(short: bool) -> Result<bool> {
    web::build()?;
    let binary = process::build_release()?;
    let watch = Duration::from_secs(if short { 20 } else { 600 });
    let mut rows = Vec::new();
    measure(&mut rows, "page", || Ok(vec![page(&web::dir())?]));
    measure(&mut rows, "page with a thousand nodes", many::measure);
    measure(&mut rows, "start to first served page", || Ok(vec![start(&binary)?]));
    measure(&mut rows, "reading all fields / bare reads", || Ok(vec![tick()?]));
    measure(&mut rows, "sweep over processes and groups", || Ok(vec![sweep()?]));
    let what = format!("head and its agent over {} s", watch.as_secs());
    measure(&mut rows, &what, || resident(&binary, watch));
    let what = format!("agent over {} s", watch.as_secs());
    measure(&mut rows, &what, || agent::measure(&binary, watch));
    history::measure_all(&mut rows, &binary, short)?;
    cluster::measure_all(&mut rows, &binary, short, !short)?;
    Ok(print(&rows))
}

/// Measures what it costs to keep the past, beside two others who do; whether all of it is within its
/// budget.
pub(crate) fn of_history(short: bool) -> Result<bool> {
    let binary = process::build_release()?;
    let mut rows = Vec::new();
    history::measure_all(&mut rows, &binary, short)?;
    Ok(print(&rows))
}

/// Measures what a head does with very many nodes, in which the page has no part; whether all of it is
/// within its budget.
pub(crate) fn of_cluster(short: bool) -> Result<bool> {
    let binary = process::build_release()?;
    let mut rows = Vec::new();
    cluster::measure_all(&mut rows, &binary, short, true)?;
    Ok(print(&rows))
}

/// Measures what is written to a disk; whether all of it is within its budget.
pub(crate) fn of_card(built: Option<(PathBuf, PathBuf)>) -> Result<bool> {
    card::soak(built)
}

/// One failed measurement does not keep the others from being made.
fn measure(rows: &mut Vec<Row>, what: &str, work: impl FnOnce() -> Result<Vec<Row>>) {
    eprintln!("\n==> {what}");
    match work() {
        Ok(more) => rows.extend(more),
        Err(error) => {
            eprintln!("error: {error}");
            let (measured, budget) = ("-".to_owned(), "-".to_owned());
            let what = what.to_owned();
            rows.push(Row { what, measured, budget, verdict: Verdict::NotMeasured });
        }
    }
}

fn page(dir: &Path) -> Result<Row> {
    let mut contents = BTreeMap::new();
    for path in files::list(dir)? {
        let name = files::name(&path);
        if dir.join(format!("{name}.br")).is_file() {
            contents.insert(name, files::read(&path)?);
        }
    }
    let loaded = Page::loaded(&contents);
    let mut sum = 0;
    for name in &loaded {
        sum += files::read(&dir.join(format!("{name}.br")))?.len();
    }
    Ok(Row::new(
        &format!("page, {} files, brotli", loaded.len()),
        format!("{} B", grouped(sum)),
        format!("{} B", grouped(PAGE_BYTES)),
        sum <= PAGE_BYTES,
    ))
}

fn start(binary: &Path) -> Result<Row> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(Program::start(binary)?.served_after);
    }
    times.sort_unstable();
    let (least, most) = (times[0], times[times.len() - 1]);
    let median = times[times.len() / 2];
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    Ok(Row::new(
        "start to first served page",
        format!("{} ms ({}…{})", ms(median), ms(least), ms(most)),
        format!("{} ms", START.as_millis()),
        median <= START,
    ))
}

fn tick() -> Result<Row> {
    let lines = lines_of("tick", &[])?;
    let ratio = lines.iter().rev().find_map(|line| number_in(line, "ratio"));
    let ratio = ratio.ok_or_else(|| without("tick", "ratio"))?;
    Ok(Row::new(
        "reading all fields / bare reads",
        format!("{ratio:.2} ×"),
        format!("{TICK_RATIO:.2} ×"),
        ratio <= TICK_RATIO,
    ))
}

fn sweep() -> Result<Row> {
    let lines = lines_of("sweep", &["--", "--short"])?;
    let us = lines.iter().find_map(|line| number_in(line, "sweep"));
    let us = us.ok_or_else(|| without("sweep", "sweep"))?;
    let note = format!("({:.2} % while somebody looks)", us / SWEEP_EVERY_US * 100.0);
    Ok(Row::told("sweep with 300 processes more", format!("{us:.0} µs of CPU"), &note))
}

/// What a bench of the program prints.
fn lines_of(bench: &str, args: &[&str]) -> Result<Vec<String>> {
    let mut cargo = process::cargo("bench");
    cargo.args(["-p", "headroom", "--bench", bench]).args(args).stdout(Stdio::piped());
    let failed = |cause| Error::Io { subject: format!("`cargo bench --bench {bench}`"), cause };
    let mut child = process::Guard(cargo.spawn().map_err(failed)?);
    let mut lines = Vec::new();
    if let Some(stdout) = child.0.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(failed)?;
            println!("{line}");
            lines.push(line);
        }
    }
    let status = child.0.wait().map_err(failed)?;
    if status.success() {
        return Ok(lines);
    }
    Err(Error::say(format!("`cargo bench -p headroom --bench {bench}` failed ({status})")))
}

fn without(bench: &str, line: &str) -> Error {
    Error::say(format!(
        "`cargo bench -p headroom --bench {bench}` printed no line `{line} X`; see \
         backend/benches/{bench}.rs"
    ))
}

/// The number in `ratio 1.23`, whatever follows it.
fn number_in(line: &str, name: &str) -> Option<f64> {
    line.trim().strip_prefix(name)?.split_whitespace().next()?.parse().ok()
}

fn resident(binary: &Path, watch: Duration) -> Result<Vec<Row>> {
    let program = Program::start(binary)?;
    let (begun, before) = (Instant::now(), program.cpu_ns()?);
    std::thread::sleep(watch);
    let spent = program.cpu_ns()?.saturating_sub(before);
    let percent = spent as f64 / begun.elapsed().as_nanos() as f64 * 100.0;
    let kib = program.resident_kib()?;
    let after = watch.as_secs();
    let memory = Row::new(
        &format!("head and its agent, resident after {after} s"),
        format!("{:.1} MiB", kib as f64 / 1024.0),
        format!("{} MiB", RESIDENT_KIB / 1024),
        kib <= RESIDENT_KIB,
    );
    let note = format!("({NETDATA_HALF_PERCENT} % is half of Netdata)");
    let cpu = Row::told("the same, CPU of one core", format!("{percent:.3} %"), &note);
    Ok(vec![memory, cpu])
}

/// Prints the table; whether nothing is over its budget.
fn print(rows: &[Row]) -> bool {
    println!("\n{:<44} {:<26} {:<44} verdict", "what", "measured", "budget");
    for Row { what, measured, budget, verdict } in rows {
        let verdict = match verdict {
            Verdict::Within => "ok",
            Verdict::Over => "OVER",
            Verdict::NotMeasured => "NOT MEASURED",
            Verdict::Told => "for information",
        };
        println!("{what:<44} {measured:<26} {budget:<44} {verdict}");
    }
    rows.iter().all(|row| matches!(row.verdict, Verdict::Within | Verdict::Told))
}

#[cfg(test)]
mod tests {
    use super::{Error, Row, Verdict, measure, number_in, page, print};

    #[test]
    fn finds_the_ratio() {
        assert_eq!(number_in("ratio 1.31", "ratio"), Some(1.31));
        assert_eq!(number_in("ratio 1.31 (2 runs)", "ratio"), Some(1.31));
        assert_eq!(number_in("the ratio is 2", "ratio"), None);
        assert_eq!(number_in("sweep with PSS 6804 µs", "sweep"), None);
    }

    #[test]
    fn what_is_over_or_not_measured_fails() {
        let row = |verdict| Row { verdict, ..Row::new("a", "1".into(), "2".into(), true) };
        assert!(print(&[row(Verdict::Told), row(Verdict::Within)]));
        assert!(!print(&[row(Verdict::Told), row(Verdict::Over)]));
        let mut rows = Vec::new();
        measure(&mut rows, "a", || Err(Error::say("no")));
        assert!(!print(&rows));
    }

    #[test]
    fn the_page_is_what_index_html_leads_to() {
        let dir = std::env::temp_dir().join(format!("headroom-weight-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let text = [("index.html", "a.js"), ("a.js", "b.css"), ("b.css", ""), ("lost.svg", "")];
        for (name, contents) in text {
            std::fs::write(dir.join(name), contents).unwrap();
            std::fs::write(dir.join(format!("{name}.br")), "12345").unwrap();
        }
        let row = page(&dir).unwrap();
        assert_eq!((row.what.as_str(), row.measured.as_str()), ("page, 3 files, brotli", "15 B"));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
