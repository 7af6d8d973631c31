//! `headroom explain`: where memory went, and what other tools would say of it.

use std::fmt::Write as _;
use std::io;

use shared::breakdown::Part;
use shared::breakdown::{Breakdown, Outcome, annotations};
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
    let (sample, facts) = match &args.of.head {
        Some(head) => ask::node(head, args.of.node.as_deref())?,
        None => {
            let roots = args.roots.resolve();
            let taken = Probe::open(&roots).read()?;
            taken.complaints.iter().for_each(tell);
            (taken.sample, host::facts(&roots))
        }
    };
    if args.json {
        let report = serde_json::to_string_pretty(&Report::of(&sample, &facts));
        return print(&(report.map_err(|error| Error::Output(io::Error::from(error)))? + "\n"));
    }
    print(&text(&sample, &facts))
}

fn text(sample: &Sample, facts: &NodeFacts) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut say = |line: &str| writeln!(text, "{line}").unwrap_or_default();
    say(&headline(sample));
    match Split::of(sample) {
        Ok(split) => {
            say(&wrapped(&explain::free_and_available(&split), 0));
            say("");
            say(&format!(
                "Of the {} that cannot be had, {} is really used and {} is held back by the kernel.",
                human(split.total - split.available),
                human(split.in_use),
                human(split.held_back)
            ));
        }
        Err(reason) => say(&wrapped(&format!("Why they differ cannot be said: {reason}."), 0)),
    }
    for note in explain::notes(sample) {
        say(&wrapped(&note, 0));
    }
    say("");
    say(&breakdown(sample, facts));
    say(&tools(sample));
    for other in ELSEWHERE {
        say(&wrapped(&format!("{}: {}", other.system, other.words), 2));
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
    if let Outcome::NotItemisable(reason) = &breakdown.outcome {
        return wrapped(&format!("Where memory went cannot be told apart: {reason}."), 0) + "\n";
    }
    let mut rows =
        vec![["What memory holds", "", "", "given back?", "from"].map(str::to_owned).to_vec()];
    for (part, bytes) in breakdown.iter().filter(|(_, bytes)| *bytes > 0) {
        rows.push(vec![
            part.label().into(),
            human(bytes),
            percent_of(bytes, total).unwrap_or_default(),
            part.given().words().into(),
            part.formula().into(),
        ]);
    }
    rows.push(vec![
        "= MemTotal, exactly".into(),
        human(total),
        String::new(),
        String::new(),
        String::new(),
    ]);
    let mut text = aligned(&rows, "lrrll");
    if let Some(reason) = breakdown.outcome.reason() {
        text += &(wrapped(&format!("Not quite as read: {reason}."), 0) + "\n");
    }
    let residual = breakdown.get(Part::Residual).unwrap_or(0);
    for annotation in annotations(sample, residual) {
        let line = format!(
            "Of what is not itemised, up to {} is {} ({}).",
            human(annotation.at_most),
            annotation.label,
            annotation.origin
        );
        text += &(wrapped(&line, 0) + "\n");
    }
    text
}

fn tools(sample: &Sample) -> String {
    let mut rows = vec![
        ["In other tools' words", "", "used", "available", "cached"].map(str::to_owned).to_vec(),
    ];
    let amount = |bytes: Option<u64>| bytes.map_or_else(|| "—".into(), human);
    let mut reasons = String::new();
    for tool in TOOLS {
        let told = tool.told(sample);
        rows.push(vec![
            tool.name.into(),
            tool.versions.into(),
            amount(told.used),
            amount(told.available),
            amount(told.cached),
        ]);
        let line = format!("{} ({}): {}. {}", tool.name, tool.versions, tool.formula, tool.reason);
        reasons += &(wrapped(&line, 2) + "\n");
    }
    aligned(&rows, "llrrr") + "\n" + &reasons
}
