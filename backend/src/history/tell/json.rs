//! One JSON object: what it is of, which columns it has, and the rows of each node.

use serde_json::json;
use shared::history::Kept;
use shared::{Field, NodeId};

use super::number::{integer, mean};
use super::{Among, Teller};
use crate::history::cell::Row;
use crate::history::query::Plan;

/// See the module.
pub(super) struct Json {
    head: String,
    fields: Vec<Field>,
    /// The node whose rows come next, if it has any.
    node: Option<String>,
    is_first_node: bool,
    is_first_row: bool,
}

/// What each row begins with.
pub(super) const OF_READINGS: [&str; 4] = ["at_ms", "uptime_us", "boot", "seq"];
pub(super) const OF_BUCKETS: [&str; 2] = ["at_ms", "count"];

/// The names of the columns.
pub(super) fn columns(plan: &Plan) -> Vec<String> {
    let ids = plan.fields.iter().map(|field| field.def().id);
    if plan.step_ms == 0 {
        return OF_READINGS.into_iter().chain(ids).map(str::to_owned).collect();
    }
    let of_field = |id: &'static str| ["min", "mean", "max"].map(|what| format!("{id}.{what}"));
    OF_BUCKETS.into_iter().map(str::to_owned).chain(ids.flat_map(of_field)).collect()
}

impl Json {
    pub(super) fn new(plan: &Plan) -> Self {
        let ids: Vec<_> = plan.fields.iter().map(|field| field.def().id).collect();
        let [from, to, step] = [plan.span.start, plan.span.end, plan.step_ms];
        // In the order in which people read it; serde_json's own objects are sorted.
        let head = format!(
            "{{\"from_ms\":{from},\"to_ms\":{to},\"step_ms\":{step},\"tier\":{},\"fields\":{},\
             \"columns\":{},\"nodes\":[",
            json!(plan.tier.name()),
            json!(ids),
            json!(columns(plan))
        );
        let fields = plan.fields.clone();
        Self { head, fields, node: None, is_first_node: true, is_first_row: true }
    }

    fn begin_row(&mut self, at_ms: u64, out: &mut Vec<u8>) {
        self.begin_node(out);
        if !self.is_first_row {
            out.push(b',');
        }
        self.is_first_row = false;
        out.push(b'[');
        integer(at_ms, out);
    }

    fn begin_node(&mut self, out: &mut Vec<u8>) {
        let Some(node) = self.node.take() else { return };
        if !self.is_first_node {
            out.push(b',');
        }
        (self.is_first_node, self.is_first_row) = (false, true);
        out.extend_from_slice(b"{\"id\":");
        out.extend_from_slice(json!(node).to_string().as_bytes());
        out.extend_from_slice(b",\"rows\":[");
    }
}

fn or_null(value: Option<u64>, out: &mut Vec<u8>) {
    out.push(b',');
    match value {
        Some(value) => integer(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

impl Teller for Json {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
    }

    fn node(&mut self, node: &NodeId, among: Among, out: &mut Vec<u8>) {
        self.node = Some(node.as_str().into());
        if matches!(among, Among::Nobody(_)) {
            self.begin_node(out);
        }
    }

    fn row(&mut self, row: &Row, out: &mut Vec<u8>) {
        self.begin_row(row.at_ms, out);
        out.push(b',');
        integer(row.count, out);
        for (field, cell) in self.fields.iter().zip(&row.cells) {
            let Some(cell) = cell else {
                out.extend_from_slice(b",null,null,null");
                continue;
            };
            out.push(b',');
            integer(cell.min, out);
            out.push(b',');
            mean(field.def().kind, cell, out);
            out.push(b',');
            integer(cell.max, out);
        }
        out.push(b']');
    }

    fn reading(&mut self, boot: &str, kept: &Kept, out: &mut Vec<u8>) {
        self.begin_row(kept.reading.at_ms, out);
        out.push(b',');
        integer(kept.reading.uptime_us, out);
        out.push(b',');
        out.extend_from_slice(json!(boot).to_string().as_bytes());
        out.push(b',');
        integer(kept.seq, out);
        for &field in &self.fields {
            or_null(kept.reading.sample.get(field), out);
        }
        out.push(b']');
    }

    fn node_end(&mut self, out: &mut Vec<u8>) {
        if self.node.take().is_none() {
            out.extend_from_slice(b"]}");
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"]}");
    }
}
