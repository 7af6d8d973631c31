//! `headroom history`: whether it is sound, a copy of it, and how it fares.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use serde::{Deserialize, Serialize};
use shared::history::{HistoryStatus, TierStatus};
use shared::units::human;

use super::bar::Bar;
use super::source::{Source, open_with};
use crate::ask::Head;
use crate::clock::unix_ms;
use crate::config::{CheckArgs, CopyArgs, PastArgs, StatusArgs, TrustArgs};
use crate::error::{Error, print};
use crate::history::frames::NoRecord;
use crate::history::query::rfc3339;
use crate::history::{Checked, Holding, Record, Store};
use crate::table::{aligned, plain, wrapped};

/// Records that are read ahead of those that are written.
const AHEAD: usize = 16;

fn in_json(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from);
    text.map(|text| text + "\n").map_err(Error::Output)
}

/// `headroom history status`.
pub(super) fn status(args: StatusArgs) -> Result<(), Error> {
    let json = args.json;
    let (past, config) = args.resolve()?;
    let PastArgs { head, trust, data } = past;
    let source = match head {
        Some(head) => Source::Head(head, trust),
        None => Source::at(&data.resolve()?, trust, |dir| open_with(dir, &config))?,
    };
    let status: HistoryStatus = match source {
        Source::Here(store) => store.status(unix_ms())?,
        Source::Head(url, trust) => Head::enter(&url, &trust)?.get("/api/v1/history/status")?,
    };
    print(&if json { in_json(&status)? } else { table(&status) })
}

fn table(status: &HistoryStatus) -> String {
    let header = ["tier", "from", "size", "kept for", "room for"].map(str::to_owned);
    let days = |days: u32| format!("{days} d");
    let row = |tier: &TierStatus| {
        [
            tier.tier.name().to_owned(),
            tier.from_ms.map_or_else(|| "—".into(), rfc3339),
            human(tier.bytes),
            days(tier.keep_days),
            days(tier.room_days),
        ]
    };
    let rows: Vec<_> = [header].into_iter().chain(status.tiers.iter().map(row)).collect();
    let mut text = if status.tiers.is_empty() { String::new() } else { aligned(&rows, "ll") };
    let sizes = format!(
        "{} of at most {}; a day takes about {}.",
        human(status.bytes),
        human(status.max_bytes),
        human(status.bytes_per_day)
    );
    let written = status.committed_ms.map(|at_ms| format!("Written last at {}.", rfc3339(at_ms)));
    let sentences = [Some(sizes), written, Some(status.outlook.clone()), status.trouble.clone()];
    for sentence in sentences.into_iter().flatten().filter(|sentence| !sentence.is_empty()) {
        text.push_str(&wrapped("", 0, &sentence));
    }
    text
}

/// `headroom history check`.
pub(super) fn check(args: CheckArgs) -> Result<(), Error> {
    let checked = match Source::of(args.past)? {
        Source::Here(store) => {
            let bar = Bar::new(Some(0));
            store.read()?.check(&mut |done, of| {
                bar.of(done, of);
                ControlFlow::Continue(())
            })?
        }
        Source::Head(url, trust) => check_afar(&url, &trust)?,
    };
    print(&if args.json { in_json(&view(&checked))? } else { found(&checked) })?;
    if checked.damages == 0 { Ok(()) } else { Err(Error::Damaged(checked.damages)) }
}

/// A line of what the head says.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Progress(u64, u64),
    Checked(Checked),
}

fn check_afar(url: &str, trust: &TrustArgs) -> Result<Checked, Error> {
    let head = Head::enter(url, trust)?;
    let bar = Bar::new(Some(0));
    let (mut text, mut checked) = (Vec::new(), None);
    head.fetch("/api/v1/history/check", |piece| {
        text.extend_from_slice(piece);
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(Said::Progress(done, of)) => bar.of(done, of),
                Ok(Said::Checked(found)) => checked = Some(found),
                Err(error) => return Err(no_head(url, &error.to_string())),
            }
        }
        Ok(())
    })?;
    checked.ok_or_else(|| no_head(url, "it did not say what it found"))
}

fn no_head(url: &str, what: &str) -> Error {
    Error::Ask { head: url.into(), reason: format!("this is not what a head answers: {what}") }
}

/// What was found, as programs read it.
fn view(checked: &Checked) -> serde_json::Value {
    let holding = |held: &Holding| {
        serde_json::json!({
            "node": held.node, "first_ms": held.first_ms, "last_ms": held.last_ms,
            "count": held.count, "bytes": held.bytes,
        })
    };
    let tier = |(tier, nodes): &(shared::history::Tier, Vec<Holding>)| {
        let nodes: Vec<_> = nodes.iter().map(holding).collect();
        serde_json::json!({ "tier": tier.name(), "nodes": nodes })
    };
    serde_json::json!({
        "version": checked.version,
        "tiers": checked.tiers.iter().map(tier).collect::<Vec<_>>(),
        "events": checked.events,
        "facts": checked.facts,
        "usages": checked.usages,
        "bytes": checked.bytes,
        "damages": checked.damages,
        "damage": checked.damage,
    })
}

/// What was found, as people read it.
fn found(checked: &Checked) -> String {
    let mut rows = vec![["tier", "node", "from", "to", "count", "size"].map(str::to_owned)];
    for (tier, nodes) in &checked.tiers {
        rows.extend(nodes.iter().map(|held| {
            [
                tier.name().to_owned(),
                held.node.to_string(),
                rfc3339(held.first_ms),
                rfc3339(held.last_ms),
                held.count.to_string(),
                human(held.bytes),
            ]
        }));
    }
    let mut text = if rows.len() > 1 { aligned(&rows, "llll") + "\n" } else { String::new() };
    let Checked { version, events, facts, usages, bytes, damages, .. } = checked;
    text += &wrapped(
        "",
        0,
        &format!(
            "Store of version {version}, {} looked at; besides: events {events}, facts {facts}, \
             sweeps {usages}.",
            human(*bytes)
        ),
    );
    if *damages == 0 {
        text += "All of it is what was written.\n";
    }
    for damage in &checked.damage {
        text += &wrapped("- ", 2, &plain(damage));
    }
    let more = damages.saturating_sub(checked.damage.len() as u64);
    if more > 0 {
        text += &wrapped("- ", 2, &format!("and {more} more"));
    }
    text
}

/// `headroom history copy`.
pub(super) fn copy(args: CopyArgs) -> Result<(), Error> {
    let CopyArgs { file, past } = args;
    // That it is there is said before anything is read.
    if file.try_exists().unwrap_or(true) {
        return Err(Error::Refused(format!(
            "{} is there already; a copy is a new file",
            file.display()
        )));
    }
    let bar = Bar::new(None);
    let source = Source::of(past)?;
    restore(&file, move |each| {
        source.records(&mut |record, bytes| {
            bar.at(0, bytes);
            each(record)
        })
    })
}

/// Makes a store at `path` of the records that `tell` tells, in a thread of its own.
fn restore(
    path: &Path,
    tell: impl FnOnce(&mut dyn FnMut(Record) -> ControlFlow<()>) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let (sender, records) = sync_channel(AHEAD);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut each = |record| match sender.send(Ok(record)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            if let Err(error) = tell(&mut each) {
                // Whoever would hear it has an error of their own.
                sender.send(Err(error)).ok();
            }
        });
        Store::restore(path, records)
    })
}

impl From<NoRecord> for Error {
    fn from(wrong: NoRecord) -> Self {
        Self::Refused(wrong.to_string())
    }
}
