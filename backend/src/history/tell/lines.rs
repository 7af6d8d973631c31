//! A JSON object in each line: readings as they were taken, with events, facts and sweeps, which
//! `headroom import` reads again; or buckets, for other programs.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::history::{Event, FactsAt, Kept, UsageAt};
use shared::wire::Reading;
use shared::{Field, NodeId, Sample};

use super::number::{integer, mean};
use super::{Among, Teller};
use crate::history::cell::Row;
use crate::history::query::Plan;

/// The version of the lines. It changes when a reader of the old ones would misread new ones.
const VERSION: u32 = 1;
/// Characters of a boot's name at most.
const MOST_BOOT: usize = 64;

/// See the module.
pub(super) struct Lines {
    fields: Vec<Field>,
    step_ms: u64,
    node: String,
}

impl Lines {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { fields: plan.fields.clone(), step_ms: plan.step_ms, node: String::new() }
    }
}

fn line(kind: &str, value: &impl Serialize, out: &mut Vec<u8>) {
    // Keys that are texts, and numbers that are finite: nothing of it can fail.
    if let Ok(text) = serde_json::to_string(value) {
        out.extend_from_slice(format!("{{\"{kind}\":{text}}}\n").as_bytes());
    }
}

fn push(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

impl Teller for Lines {
    fn has_extras(&self) -> bool {
        self.step_ms == 0
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        line("headroom_history", &VERSION, out);
    }

    fn node(&mut self, node: &NodeId, _among: Among, _out: &mut Vec<u8>) {
        self.node = node.as_str().into();
    }

    fn row(&mut self, row: &Row, out: &mut Vec<u8>) {
        push("{\"bucket\":{\"node\":\"", out);
        // An id has no character that would be escaped.
        push(&self.node, out);
        push("\",\"at_ms\":", out);
        integer(row.at_ms, out);
        push(",\"step_ms\":", out);
        integer(self.step_ms, out);
        push(",\"count\":", out);
        integer(row.count, out);
        push(",\"fields\":{", out);
        let mut gap = "\"";
        for (field, cell) in self.fields.iter().zip(&row.cells) {
            let Some(cell) = cell else { continue };
            push(gap, out);
            gap = ",\"";
            push(field.def().id, out);
            push("\":{\"min\":", out);
            integer(cell.min, out);
            push(",\"mean\":", out);
            mean(field.def().kind, cell, out);
            push(",\"max\":", out);
            integer(cell.max, out);
            out.push(b'}');
        }
        push("}}}\n", out);
    }

    fn reading(&mut self, boot: &str, kept: &Kept, out: &mut Vec<u8>) {
        push("{\"reading\":{\"node\":\"", out);
        push(&self.node, out);
        push("\",\"boot\":", out);
        push(&json!(boot).to_string(), out);
        push(",\"seq\":", out);
        integer(kept.seq, out);
        push(",\"at_ms\":", out);
        integer(kept.reading.at_ms, out);
        push(",\"uptime_us\":", out);
        integer(kept.reading.uptime_us, out);
        push(",\"sample\":{", out);
        let mut gap = "\"";
        for &field in &self.fields {
            let Some(value) = kept.reading.sample.get(field) else { continue };
            push(gap, out);
            gap = ",\"";
            push(field.def().id, out);
            push("\":", out);
            integer(value, out);
        }
        push("}}}\n", out);
    }

    fn facts(&mut self, facts: &FactsAt, out: &mut Vec<u8>) {
        line("facts", facts, out);
    }

    fn usage(&mut self, usage: &UsageAt, out: &mut Vec<u8>) {
        line("usage", usage, out);
    }

    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        line("event", event, out);
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// That a file of such lines begins.
    Begin,
    /// A reading of a boot of a node.
    Reading(NodeId, String, Box<Kept>),
    /// What a node became.
    Facts(Box<FactsAt>),
    /// A sweep that was recorded.
    Usage(Box<UsageAt>),
    /// What happened.
    Event(Event),
}

/// Why a line is not understood.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// It is something else.
    #[error("this is no line of `headroom export --format jsonl`: {0}")]
    Unknown(#[from] serde_json::Error),
    /// It comes from a newer version.
    #[error(
        "it was written by a newer Headroom (its lines are of version {0}, and this knows {VERSION})"
    )]
    Newer(u32),
    /// It has been rolled up.
    #[error(
        "this is a bucket, and only single readings can be imported: export them with --step raw"
    )]
    Bucket,
    /// No time that could be.
    #[error("at_ms={0} is no time of this world")]
    Time(u64),
    /// No name of a boot.
    #[error("a boot is named by 1 to {MOST_BOOT} characters")]
    Boot,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    HeadroomHistory(u32),
    Reading(Box<SaidReading>),
    Facts(Box<FactsAt>),
    Usage(Box<UsageAt>),
    Event(Event),
    Bucket(IgnoredAny),
}

#[derive(Deserialize)]
struct SaidReading {
    node: NodeId,
    boot: String,
    seq: u64,
    at_ms: u64,
    uptime_us: u64,
    sample: Sample,
}

impl Line {
    /// Reads a line.
    pub fn parse(text: &[u8]) -> Result<Self, BadLine> {
        let line = match serde_json::from_slice(text)? {
            Said::HeadroomHistory(VERSION) => return Ok(Self::Begin),
            Said::HeadroomHistory(version) => return Err(BadLine::Newer(version)),
            Said::Bucket(_) => return Err(BadLine::Bucket),
            Said::Facts(facts) => Self::Facts(facts),
            Said::Usage(usage) => Self::Usage(usage),
            Said::Event(event) => Self::Event(event),
            Said::Reading(said) => {
                let SaidReading { node, boot, seq, at_ms, uptime_us, sample } = *said;
                if boot.is_empty() || boot.chars().count() > MOST_BOOT {
                    return Err(BadLine::Boot);
                }
                let reading = Reading { at_ms, uptime_us, sample };
                Self::Reading(node, boot, Box::new(Kept { seq, reading }))
            }
        };
        let at_ms = match &line {
            Self::Begin => 0,
            Self::Reading(_, _, kept) => kept.reading.at_ms,
            Self::Facts(facts) => facts.at_ms,
            Self::Usage(usage) => usage.at_ms,
            Self::Event(event) => event.at_ms,
        };
        if at_ms < crate::history::query::END_MS { Ok(line) } else { Err(BadLine::Time(at_ms)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::history::{EventKind, Tier};
    use shared::usage::Usage;

    fn lines() -> Lines {
        let plan = Plan {
            span: 0..1,
            tier: Tier::Raw,
            step_ms: 0,
            fields: Field::ALL.to_vec(),
            bands: Vec::new(),
        };
        Lines { node: "pi-07".into(), ..Lines::new(&plan) }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(u64::MAX));
        sample.set(Field::Temperature, Some(0));
        let reading = Reading { at_ms: 1_763_625_600_250, uptime_us: 7, sample };
        let kept = Kept { seq: 3, reading };
        let node: NodeId = "pi-07".to_owned().try_into().unwrap();
        let facts = FactsAt {
            at_ms: 5,
            node: node.clone(),
            facts: shared::NodeFacts::default(),
            labels: Vec::new(),
            period_ms: 1000,
        };
        let usage = UsageAt { at_ms: 6, node: node.clone(), usage: Usage::default() };
        let text = "\u{1b}[2J\"\n".to_owned();
        let event = Event { at_ms: 7, node: None, kind: EventKind::ClockSet, text };
        let mut out = Vec::new();
        let mut lines = lines();
        lines.begin(&mut out);
        lines.facts(&facts, &mut out);
        lines.reading("a\"b", &kept, &mut out);
        lines.usage(&usage, &mut out);
        lines.event(&event, &mut out);
        let read: Vec<_> =
            out.split_inclusive(|&b| b == b'\n').map(|l| Line::parse(l).unwrap()).collect();
        let expected = [
            Line::Begin,
            Line::Facts(Box::new(facts)),
            Line::Reading(node, "a\"b".into(), Box::new(kept)),
            Line::Usage(Box::new(usage)),
            Line::Event(event),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn other_lines_are_refused_with_the_reason() {
        let reading = |boot: &str, at_ms: u64| {
            format!(
                r#"{{"reading":{{"node":"a","boot":"{boot}","seq":1,"at_ms":{at_ms},"uptime_us":1,"sample":{{}}}}}}"#
            )
        };
        for (text, says) in [
            (String::new(), "EOF"),
            ("{}".into(), "no line of"),
            (r#"{"future":1}"#.into(), "unknown variant `future`"),
            (r#"{"headroom_history":2}"#.into(), "newer Headroom"),
            (r#"{"bucket":{"node":"a"}}"#.into(), "--step raw"),
            (reading("", 1), "1 to 64 characters"),
            (reading("b", u64::MAX), "at_ms=18446744073709551615"),
            (reading("b", 1).replace("\"a\"", "\"A B\""), "is not a node id"),
        ] {
            let error = Line::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        Line::parse(reading("b", 1).as_bytes()).unwrap();
    }
}
