//! The nodes of a head, one in a row, and what they have together.

use std::io;

use serde::Serialize;
use shared::Field;
use shared::forecast::Forecast;
use shared::memory::{self, Available};
use shared::units::span;

use super::amount;
use crate::ask::Node;
use crate::error::Error;
use crate::table::{aligned, plain};

/// A node in a row. Amounts are bytes; `null` is unknown.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    state: &'a str,
    age_ms: Option<u64>,
    #[serde(flatten)]
    amounts: Amounts,
    forecast: Option<&'a Forecast>,
}

impl<'a> Row<'a> {
    fn of(node: &'a Node) -> Self {
        Self {
            id: node.id.as_str(),
            state: node.state.as_str(),
            age_ms: node.age_ms,
            amounts: Amounts::of(node),
            forecast: node.forecast.as_ref(),
        }
    }
}

#[derive(Clone, Copy, Default, Serialize)]
struct Amounts {
    total: Option<u64>,
    used: Option<u64>,
    free: Option<u64>,
    available: Option<u64>,
    swap_total: Option<u64>,
    swap_used: Option<u64>,
}

impl Amounts {
    fn of(node: &Node) -> Self {
        let Some(sample) = &node.sample else { return Self::default() };
        Self {
            total: sample.get(Field::Total),
            used: memory::used(sample),
            free: sample.get(Field::Free),
            available: Available::of(sample).ok().map(|available| available.bytes),
            swap_total: sample.get(Field::SwapTotal),
            swap_used: memory::swap_used(sample),
        }
    }

    /// What all have together, as far as it is known.
    fn sum(all: impl Iterator<Item = Self>) -> Self {
        let add = |sum: Option<u64>, one: Option<u64>| match (sum, one) {
            (Some(sum), Some(one)) => Some(sum.saturating_add(one)),
            (sum, one) => sum.or(one),
        };
        all.fold(Self::default(), |sum, one| Self {
            total: add(sum.total, one.total),
            used: add(sum.used, one.used),
            free: add(sum.free, one.free),
            available: add(sum.available, one.available),
            swap_total: add(sum.swap_total, one.swap_total),
            swap_used: add(sum.swap_used, one.swap_used),
        })
    }

    fn cells(self, bytes: bool) -> [String; 6] {
        let swap_free = self.swap_total.zip(self.swap_used);
        let swap_free = swap_free.map(|(total, used)| total.saturating_sub(used));
        [self.total, self.used, self.free, self.available, self.swap_used, swap_free]
            .map(|value| amount(value, bytes))
    }
}

/// Whether what a node last said still holds.
fn counts(node: &Node) -> bool {
    matches!(node.state.as_str(), "live" | "late")
}

#[derive(Serialize)]
struct Report<'a> {
    nodes: Vec<Row<'a>>,
    /// What the nodes that are live or late have together.
    totals: Totals,
}

#[derive(Serialize)]
struct Totals {
    /// How many those are.
    nodes: usize,
    #[serde(flatten)]
    amounts: Amounts,
}

fn totals(nodes: &[Node]) -> Totals {
    let counted = || nodes.iter().filter(|node| counts(node));
    Totals { nodes: counted().count(), amounts: Amounts::sum(counted().map(Amounts::of)) }
}

pub(super) fn json(nodes: &[Node]) -> Result<String, Error> {
    let report = Report { nodes: nodes.iter().map(Row::of).collect(), totals: totals(nodes) };
    let text = serde_json::to_string_pretty(&report).map_err(io::Error::from);
    text.map(|text| text + "\n").map_err(Error::Output)
}

/// Those that are gone are shown as they were, and not counted.
pub(super) fn table(nodes: &[Node], bytes: bool) -> String {
    let row = |first: &str, state: &str, amounts: Amounts, age: String| -> Vec<String> {
        let cells = amounts.cells(bytes).into_iter();
        [first.to_owned(), state.to_owned()].into_iter().chain(cells).chain([age]).collect()
    };
    let header =
        ["", "state", "total", "used", "free", "available", "swap used", "swap free", "age"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for node in nodes {
        let age = node.age_ms.map_or_else(|| "—".into(), |ms| span(ms / 1000));
        rows.push(row(node.id.as_str(), node.state.as_str(), Amounts::of(node), age));
    }
    let Totals { nodes: counted, amounts } = totals(nodes);
    let together = format!("{counted} of {}", nodes.len());
    rows.push(row("Together", &together, amounts, String::new()));
    let mut text = aligned(&rows, "ll");
    for node in nodes {
        if let Some(forecast) = &node.forecast {
            let sentence = forecast.sentence(node.now_ms);
            let line = format!("{}: {}", node.id.as_str(), plain(&sentence));
            text.extend(["\n", &line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::forecast::{Quality, Suspect};

    fn node(id: &str, state: &str, total: u64) -> Node {
        let sample: shared::Sample = {
            let mut sample = shared::Sample::EMPTY;
            sample.set(Field::Total, Some(total));
            sample.set(Field::Free, Some(total / 8));
            sample.set(Field::Available, Some(total / 2));
            sample
        };
        Node {
            id: id.to_owned().try_into().unwrap(),
            state: state.to_owned().try_into().unwrap(),
            age_ms: Some(3000),
            facts: shared::NodeFacts::default(),
            sample: Some(sample),
            forecast: None,
            now_ms: 0,
        }
    }

    #[test]
    fn what_is_gone_is_shown_and_not_counted() {
        let mut nodes =
            [node("pi-1", "live", 8 << 30), node("pi-2", "late", 4 << 30), node("x", "gone", 1)];
        nodes[2].age_ms = None;
        nodes[1].forecast = Some(Forecast {
            out_ms: 3 * 3_600_000,
            lost_per_hour: 512 << 20,
            over_ms: 4 * 3_600_000,
            quality: Quality::Fair,
            suspects: vec![Suspect {
                pid: 7,
                name: "l\u{1b}[2J".into(),
                bytes: 1 << 30,
                per_hour: 256 << 20,
            }],
        });
        let text = table(&nodes, false);
        let line = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("pi-1"), "pi-1 live 8.00 GiB 4.00 GiB 1.00 GiB 4.00 GiB — — 3 s");
        assert_eq!(line("x"), "x gone 1 B 1 B 0 B 0 B — — —");
        assert_eq!(line("Together"), "Together 2 of 3 12.0 GiB 6.00 GiB 1.50 GiB 6.00 GiB — —");
        let value: serde_json::Value = serde_json::from_str(&json(&nodes).unwrap()).unwrap();
        assert_eq!(value["totals"]["nodes"], 2);
        assert_eq!(value["totals"]["available"], 6_u64 << 30);
        assert_eq!(value["nodes"][2]["state"], "gone");
        assert!(
            value["nodes"][0]["swap_used"].is_null() && value["nodes"][0]["forecast"].is_null()
        );
        assert_eq!(value["nodes"][1]["forecast"]["suspects"][0]["pid"], 7);
        let text = text.replace('\u{a0}', " ");
        assert!(text.ends_with(
            "pi-2: runs out in 3 h if it goes on so: it lost 512 MiB an hour for the last 4 h, though not \
             evenly. Growing: l\\u{1b}[2J (7), 1.00 GiB and 256 MiB more an hour.\n"
        ), "{text}");
    }
}
