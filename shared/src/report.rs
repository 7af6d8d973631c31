//! All that follows from one sample, as one object for scripts: `headroom explain --json` and
//! `/api/v1/nodes/{id}/explain`. Amounts are bytes, `null` is unknown.

use serde::Serialize;

use crate::breakdown::{Breakdown, Given, Outcome, Part};
use crate::memory::{Available, Source, Split};
use crate::rosetta::{ELSEWHERE, TOOLS, Tool};
use crate::{Field, NodeFacts, Sample};

/// See the module.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// Every field by its id.
    pub sample: &'a Sample,
    /// Total memory in parts.
    pub breakdown: Parts,
    /// What programs and the kernel hold and cannot simply drop.
    pub really_used: Option<u64>,
    /// What is neither in use nor available: the kernel's reserve.
    pub held_back: Option<u64>,
    /// What new programs can get.
    pub available: Option<AvailableReport>,
    /// The least that a control group of the process that read this may hold.
    pub limit: Option<u64>,
    /// The same memory in other tools' words.
    pub tools: Vec<ToolReport>,
    /// How other systems use these words.
    pub elsewhere: Vec<ElsewhereReport>,
}

/// Total memory in parts; see [`Breakdown`].
#[derive(Debug, Serialize)]
pub struct Parts {
    /// `exact`, `drift` or `not_itemisable`.
    pub outcome: &'static str,
    /// Why it is not exact.
    pub reason: Option<String>,
    /// The parts, in the order they are drawn.
    pub parts: Vec<PartReport>,
}

/// One part.
#[derive(Debug, Serialize)]
pub struct PartReport {
    /// Its name.
    pub id: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Whether the kernel gives it back on request.
    pub reclaimable: bool,
}

/// What new programs can get; see [`Available`].
#[derive(Debug, Serialize)]
pub struct AvailableReport {
    /// On the whole machine.
    pub bytes: u64,
    /// `kernel` or `estimated`.
    pub source: &'static str,
    /// How it was come by.
    pub formula: &'static str,
    /// What of it is ZFS cache that can shrink.
    pub zfs: u64,
    /// What of it can be had here, under the limits of control groups.
    pub here: u64,
}

/// What one tool would print.
#[derive(Debug, Serialize)]
pub struct ToolReport {
    /// Its name.
    pub tool: &'static str,
    /// Which versions.
    pub versions: &'static str,
    /// What it calls used.
    pub used: Option<u64>,
    /// What it calls available.
    pub available: Option<u64>,
    /// What it calls cached.
    pub cached: Option<u64>,
    /// How it reckons.
    pub formula: &'static str,
    /// Why that differs.
    pub reason: &'static str,
}

/// How another system uses the same words.
#[derive(Debug, Serialize)]
pub struct ElsewhereReport {
    /// The system.
    pub system: &'static str,
    /// Its words.
    pub words: &'static str,
}

impl<'a> Report<'a> {
    /// Reports on `sample` of the node with these facts.
    #[must_use]
    pub fn of(sample: &'a Sample, facts: &NodeFacts) -> Self {
        let split = Split::of(sample).ok();
        let breakdown = Breakdown::of(sample, facts);
        let parts = breakdown
            .iter()
            .map(|(part, bytes)| PartReport {
                id: part.id(),
                bytes,
                reclaimable: part.given() == Given::OnRequest,
            })
            .collect();
        let tools = TOOLS.iter().map(|tool| {
            let told = tool.told(sample);
            ToolReport {
                tool: tool.name,
                versions: tool.versions,
                used: told.used,
                available: told.available,
                cached: told.cached,
                formula: tool.formula,
                reason: tool.reason,
            }
        });
        Self {
            sample,
            breakdown: Parts {
                outcome: breakdown.outcome.name(),
                reason: breakdown.outcome.reason(),
                parts,
            },
            really_used: split.map(|split| split.in_use),
            held_back: split.map(|split| split.held_back),
            available: AvailableReport::of(sample),
            limit: sample.get(Field::Limit),
            tools: tools.collect(),
            elsewhere: ELSEWHERE
                .iter()
                .map(|other| ElsewhereReport { system: other.system, words: other.words })
                .collect(),
        }
    }
}

impl AvailableReport {
    /// Reports on the available memory of `sample`, if it can be known.
    #[must_use]
    pub fn of(sample: &Sample) -> Option<Self> {
        let available = Available::of(sample).ok()?;
        Some(Self {
            bytes: available.bytes,
            source: if available.source.is_estimated() { "estimated" } else { "kernel" },
            formula: available.source.formula(),
            zfs: available.arc,
            here: available.here,
        })
    }
}

impl Outcome {
    /// Why it is not exact, in a sentence without its full stop.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Exact => None,
            Self::Drift(bytes) => Some(format!(
                "the kernel's counters lag behind each other by {}, which was taken from the cache",
                crate::units::human(*bytes)
            )),
            Self::NotItemisable(reason) => Some(reason.clone()),
        }
    }
}

/// The parts and the tools as Markdown: the text of `docs/memory.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Memory in Headroom's words\n\nMade by `cargo xtask docs` from `shared/src/breakdown.rs` and \
         `shared/src/rosetta.rs`. Keys are those of `/proc/meminfo`; what a kernel does not tell counts \
         as nothing, and is then part of what is not itemised.\n\n\
         ## Total memory, part by part\n\n\
         The parts do not overlap, and sum to MemTotal to the byte. Where they come to more than there \
         is by no more than the kernel's counters may lag behind (1 % of total, or 125 pages for each \
         CPU), the excess is taken from the cache, and that is said. Beyond that, or where lxcfs makes \
         the file, nothing is drawn.\n\n\
         | part | id | made of | given back? | what it is |\n|---|---|---|---|---|\n",
    );
    text.extend(Part::ALL.iter().map(|&part| {
        let (label, id, formula) = (part.label(), part.id(), part.formula());
        let (given, sentence) = (part.given().words(), part.sentence());
        format!("| {label} | `{id}` | {formula} | {given} | {sentence} |\n")
    }));
    text += "\n## Available\n\nWhere the kernel does not say it (before Linux 3.14), by the first of these \
             that can be reckoned; *files* is Active(file) + Inactive(file), *reclaimable* is \
             KReclaimable, or SReclaimable. ZFS cache above its floor is added, except in containers. \
             What control groups leave of it is `here`.\n";
    let sources =
        [Source::Kernel, Source::Zones, Source::LowMarks, Source::MinFree, Source::NoMarks];
    text.extend(sources.map(|source| format!("\n1. {}", source.formula())));
    text += "\n";
    text += "\n## The same memory in other tools' words\n\n\
             | tool | versions | used is | why that differs |\n|---|---|---|---|\n";
    text.extend(TOOLS.iter().map(|Tool { name, versions, formula, reason, .. }| {
        format!("| {name} | {versions} | {formula} | {reason} |\n")
    }));
    text.extend(ELSEWHERE.iter().map(|other| format!("\n**{}.** {}\n", other.system, other.words)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_null_and_the_rest_is_there() {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(1000));
        sample.set(Field::Free, Some(400));
        let report = serde_json::to_value(Report::of(&sample, &NodeFacts::default())).unwrap();
        assert_eq!(report["sample"]["free"], 400);
        assert!(report["available"].is_null() && report["held_back"].is_null());
        assert_eq!(report["breakdown"]["outcome"], "exact");
        assert_eq!(report["tools"].as_array().unwrap().len(), TOOLS.len());
    }
}
