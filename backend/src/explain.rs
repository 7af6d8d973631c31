//! `headroom explain`: where memory went, and what other tools would say of it.

use std::io;

use shared::breakdown::Breakdown;
use shared::memory::{Available, Split};
use shared::report::Report;
use shared::rosetta::{ELSEWHERE, TOOLS};
use shared::units::{human, percent_of};
use shared::{Field, NodeFacts, Sample, explain};

use crate::ask;
use crate::config::ExplainArgs;
use crate::error::{Error, print, tell};
use crate::probe::{Probe, host};
use crate::table::{aligned, wrapped};

/// Reads this machine once, or asks a head for one of its nodes, and prints.
pub fn run(args: &ExplainArgs) -> Result<(), Error> {
    let (sample, facts) = if let Some(head) = &args.of.head {
        ask::node(head, &args.of)?
    } else {
        let roots = args.roots.resolve();
        let taken = Probe::open(&roots).read()?;
        taken.complaints.iter().for_each(tell);
        (taken.sample, host::facts(&roots))
    };
    if args.json {
        let report = serde_json::to_string_pretty(&Report::of(&sample, &facts));
        return print(&(report.map_err(|error| Error::Output(io::Error::from(error)))? + "\n"));
    }
    print(&text(&sample, &facts))
}

fn text(sample: &Sample, facts: &NodeFacts) -> String {
    let mut text = wrapped("", 0, &headline(sample));
    match Split::of(sample) {
        Ok(split) => {
            text += &wrapped("", 0, &explain::free_and_available(&split));
            text += &wrapped("", 0, &explain::halves(&split));
        }
        Err(reason) => {
            text += &wrapped(
                "",
                0,
                &format!("Why free and available differ cannot be said: {reason}."),
            );
        }
    }
    for note in explain::notes(sample) {
        text += &wrapped("", 0, &note);
    }
    text += "\n";
    text += &breakdown(sample, facts);
    text += "\n";
    text += &tools(sample);
    for other in ELSEWHERE {
        text += &wrapped(&format!("{}: ", other.system), 2, other.words);
    }
    text
}

fn headline(sample: &Sample) -> String {
    let total = human(sample.get(Field::Total).unwrap_or(0));
    let Ok(available) = Available::of(sample) else {
        return format!("How much of {total} is available cannot be said.");
    };
    let what = if available.here < available.bytes {
        format!(
            "{} is available here, {} of {total} on the machine",
            human(available.here),
            human(available.bytes)
        )
    } else {
        format!("{} of {total} is available", human(available.bytes))
    };
    if available.source.is_estimated() {
        return format!("{what} (estimated).");
    }
    format!("{what} ({}).", available.source.formula())
}

fn breakdown(sample: &Sample, facts: &NodeFacts) -> String {
    let breakdown = Breakdown::of(sample, facts);
    let total = sample.get(Field::Total).unwrap_or(0);
    let mut rows = vec![["What memory holds", "", "", "given back?", "from"].map(str::to_owned)];
    for (part, bytes) in breakdown.iter().filter(|(_, bytes)| *bytes > 0) {
        rows.push([
            part.label().into(),
            human(bytes),
            percent_of(bytes, total).unwrap_or_default(),
            part.given().words().into(),
            part.formula().into(),
        ]);
    }
    let mut text = String::new();
    if rows.len() > 1 {
        let nothing = String::new;
        rows.push(["= MemTotal, exactly".into(), human(total), nothing(), nothing(), nothing()]);
        text = aligned(&rows, "lrrll");
    }
    let remarks = [explain::inexact(&breakdown.outcome), explain::not_itemised(sample, &breakdown)];
    for remark in remarks.into_iter().flatten() {
        text += &wrapped("", 0, &remark);
    }
    text
}

fn tools(sample: &Sample) -> String {
    let heading = ["In other tools' words", "", "used", "available", "cached"];
    let mut rows = vec![heading.map(str::to_owned)];
    let amount = |bytes: Option<u64>| bytes.map_or_else(|| "—".into(), human);
    let mut reasons = String::new();
    for tool in TOOLS {
        let told = tool.told(sample);
        rows.push([
            tool.name.into(),
            tool.versions.into(),
            amount(told.used),
            told.available_in_words(sample),
            amount(told.cached),
        ]);
        let start = format!("{} ({}): ", tool.name, tool.versions);
        reasons += &wrapped(&start, 2, &format!("used = {}. {}", tool.formula, tool.reason));
    }
    aligned(&rows, "llrrr") + "\n" + &reasons
}
