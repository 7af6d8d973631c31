//! `OpenMetrics` with timestamps: each field is a family of metrics, with all nodes in it.

use shared::history::Kept;
use shared::metric::{Kind, Metric};
use shared::{Field, NodeId};

use super::number::thousandths;
use super::total::Totals;
use super::{Among, Teller};
use crate::history::cell::Row;
use crate::history::query::Plan;

/// See the module.
pub(super) struct OpenMetrics {
    fields: Vec<Field>,
    /// How the field is told.
    metric: Option<Metric>,
    /// What is to be written before the first value of the family.
    head: Option<String>,
    /// What each line of the node begins with.
    start: String,
    /// The time of the node's last line: there is one for each time.
    last_ms: Option<u64>,
    totals: Totals,
}

impl OpenMetrics {
    pub(super) fn new(_plan: &Plan) -> Self {
        Self {
            fields: Vec::new(),
            metric: None,
            head: None,
            start: String::new(),
            last_ms: None,
            totals: Totals::new(1),
        }
    }

    fn value(&mut self, at_ms: u64, value: Option<u64>, out: &mut Vec<u8>) {
        let value = value.filter(|_| self.last_ms.is_none_or(|last| last < at_ms));
        let Some((metric, value)) = self.metric.as_ref().zip(value) else { return };
        self.last_ms = Some(at_ms);
        if let Some(head) = self.head.take() {
            out.extend_from_slice(head.as_bytes());
        }
        out.extend_from_slice(self.start.as_bytes());
        metric.write(value, out);
        out.push(b' ');
        thousandths(at_ms.into(), out);
        out.push(b'\n');
    }
}

impl Teller for OpenMetrics {
    fn is_by_field(&self) -> bool {
        true
    }

    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn fields(&mut self, fields: &[Field], _out: &mut Vec<u8>) {
        self.fields = fields.to_vec();
        let Some(&field) = fields.first() else { return };
        let metric = Metric::of(field);
        let Metric { name, unit, .. } = &metric;
        let kind = match metric.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Unknown => "unknown",
        };
        let unit = if unit.is_empty() { String::new() } else { format!("# UNIT {name} {unit}\n") };
        let help = field.text().help.replace('\\', r"\\").replace('"', "\\\"");
        self.head = Some(format!("# TYPE {name} {kind}\n{unit}# HELP {name} {help}\n"));
        self.metric = Some(metric);
    }

    fn node(&mut self, node: &NodeId, _among: Among, _out: &mut Vec<u8>) {
        let Some(Metric { name, kind, .. }) = &self.metric else { return };
        // An id has no character that would be escaped.
        self.start = format!("{name}{}{{instance=\"{node}\"}} ", kind.suffix());
        (self.last_ms, self.totals) = (None, Totals::new(1));
    }

    fn row(&mut self, row: &Row, out: &mut Vec<u8>) {
        let sample = self.totals.sample(&self.fields, row);
        let value = self.fields.first().and_then(|&field| sample.get(field));
        self.value(row.at_ms, value, out);
    }

    fn reading(&mut self, _boot: &str, kept: &Kept, out: &mut Vec<u8>) {
        let value = self.fields.first().and_then(|&field| kept.reading.sample.get(field));
        self.value(kept.reading.at_ms, value, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"# EOF\n");
    }
}
