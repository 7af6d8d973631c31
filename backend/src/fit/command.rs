//! `headroom fit` and `headroom hold`.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value};
use shared::fit::{Answer, Hold, NodeFit};
use shared::units::{human, span};

use super::{Written, asked, over_ms};
use crate::ask::{self, Head, encoded};
use crate::config::{FitArgs, FitFormat, HoldCommand, HoldListArgs, HoldReleaseArgs, Layout, Time};
use crate::error::{Error, print, tell};
use crate::history::query::rfc3339;
use crate::table::{aligned, wrapped};

/// Asks a head where it fits, and prints the answer.
pub fn run(args: FitArgs) -> Result<(), Error> {
    let words = words(&args);
    let FitArgs { format, json, hold, note, of, .. } = args;
    let format = if json { FitFormat::Json } else { format };
    let (url, trust) = ask::place(of)?;
    let mut head = Head::enter(&url, &trust)?;
    let answer: Answer = if let Some(time) = hold {
        let mut body: Map<String, Value> =
            words.into_iter().map(|(name, said)| (name.into(), said.into())).collect();
        body.insert("for".into(), seconds(time).into());
        body.insert("note".into(), note.unwrap_or_default().into());
        head.post("/api/v1/holds", &body.into())?
    } else {
        let words: Vec<_> =
            words.into_iter().map(|(name, said)| format!("{name}={}", encoded(&said))).collect();
        head.question(&format!("/api/v1/fit?{}", words.join("&")))?
    };
    show(&answer, format)
}

/// What is asked, as it is said over HTTP.
fn words(args: &FitArgs) -> Vec<(&'static str, String)> {
    let strategy = match args.strategy {
        Layout::Pack => "pack",
        Layout::Spread => "spread",
        Layout::MostHeadroom => "most_headroom",
    };
    let labels = (!args.labels.is_empty()).then(|| args.labels.join(","));
    let said = [
        Some(args.size.0.to_string()),
        Some(args.copies.to_string()),
        Some(strategy.into()),
        Some(seconds(args.over)),
        args.reserve.map(|size| size.0.to_string()),
        args.duration.map(seconds),
        args.per_node.map(|count| count.to_string()),
        args.nodes.clone(),
        labels,
    ];
    asked::WORDS.into_iter().zip(said).filter_map(|(name, said)| Some((name, said?))).collect()
}

fn seconds(time: Time) -> String {
    format!("{}s", time.0.as_secs_f64())
}

fn show(answer: &Answer, format: FitFormat) -> Result<(), Error> {
    let written = match format {
        FitFormat::Table => {
            print(&table(answer))?;
            None
        }
        FitFormat::Json => {
            print(&in_json(answer)?)?;
            None
        }
        FitFormat::Openmpi => Some(Written::OpenMpi),
        FitFormat::Mpich => Some(Written::Mpich),
        FitFormat::Slurm => Some(Written::Slurm),
        FitFormat::Plain => Some(Written::Plain),
    };
    if !answer.fits {
        return Err(Error::DoesNotFit(answer.summary.clone()));
    }
    if let Some(written) = written {
        print(&written.of(answer))?;
        // Standard output is for the program that starts the job.
        if let Some(hold) = &answer.hold {
            tell(is_held(hold, answer.now_ms));
        }
    }
    Ok(())
}

fn in_json(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from);
    text.map(|text| text + "\n").map_err(Error::Output)
}

fn is_held(hold: &Hold, now_ms: u64) -> String {
    let left = span(hold.until_ms.saturating_sub(now_ms) / 1000);
    let id = &hold.id;
    format!("Held as {id} for {left}; `headroom hold release {id}` gives it back.")
}

/// Every node, and what that means.
fn table(answer: &Answer) -> String {
    let least = format!("least in {}", span(over_ms(&answer.job) / 1000));
    let mut rows = vec![["", &least, "held", "placed", ""].map(str::to_owned)];
    rows.extend(answer.nodes.iter().map(row));
    let mut text = aligned(&rows, "lrrrl");
    if answer.fits {
        text += &wrapped("", 0, &answer.summary);
    }
    if answer.job.reserve.is_none() {
        text += &wrapped(
            "",
            0,
            "Of each node's least, 5 % of its memory stays free, from 32 MiB to 2 GiB; --reserve says \
             otherwise.",
        );
    }
    if let Some(hold) = &answer.hold {
        text += &wrapped("", 0, &is_held(hold, answer.now_ms));
    }
    text
}

fn row(node: &NodeFit) -> [String; 5] {
    let dash = || "—".to_owned();
    let count = |count: u32| if count == 1 { "1 copy".into() } else { format!("{count} copies") };
    [
        node.id.to_string(),
        node.floor.map_or_else(dash, human),
        if node.held > 0 { human(node.held) } else { dash() },
        if node.copies > 0 { node.copies.to_string() } else { dash() },
        match &node.because {
            Some(because) => format!("no, because {because}"),
            None => format!("yes, {}", count(node.room)),
        },
    ]
}

/// `headroom hold`.
pub fn hold(command: HoldCommand) -> Result<(), Error> {
    match command {
        HoldCommand::List(HoldListArgs { json, of }) => {
            let (url, trust) = ask::place(of)?;
            let holds: Vec<Hold> = Head::enter(&url, &trust)?.get("/api/v1/holds")?;
            print(&if json { in_json(&holds)? } else { list(&holds) })
        }
        HoldCommand::Release(HoldReleaseArgs { id, of }) => {
            let (url, trust) = ask::place(of)?;
            Head::enter(&url, &trust)?.delete(&format!("/api/v1/holds/{}", encoded(&id)))?;
            print(&format!("{} is given back.\n", crate::table::plain(&id)))
        }
    }
}

fn list(holds: &[Hold]) -> String {
    if holds.is_empty() {
        return "Nothing is held.\n".into();
    }
    let mut rows = vec![["", "copies", "each", "until", "nodes", "note"].map(str::to_owned)];
    rows.extend(holds.iter().map(|hold| {
        let copies: u64 = hold.places.iter().map(|(_, copies)| u64::from(*copies)).sum();
        let nodes: Vec<_> =
            hold.places.iter().take(4).map(|(id, n)| format!("{n} on {id}")).collect();
        let more = if hold.places.len() > 4 { ", …" } else { "" };
        [
            hold.id.clone(),
            copies.to_string(),
            human(hold.size),
            rfc3339(hold.until_ms),
            nodes.join(", ") + more,
            hold.note.clone(),
        ]
    }));
    aligned(&rows, "lrrlll")
}
