//! A table as of RFC 4180, with a header.

use std::borrow::Cow;

use shared::history::Kept;
use shared::{Field, NodeId};

use super::json::columns;
use super::number::{integer, mean};
use super::{Among, Teller};
use crate::history::cell::Row;
use crate::history::query::Plan;

/// See the module.
pub(super) struct Csv {
    columns: Vec<String>,
    fields: Vec<Field>,
    node: String,
}

impl Csv {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { columns: columns(plan), fields: plan.fields.clone(), node: String::new() }
    }
}

/// `text` as a cell. What a spreadsheet would take for a formula begins with an apostrophe: boots are
/// named by nodes, and names may be made to do harm.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !is_formula && !text.contains([',', '"', '\n', '\r']) {
        return text.into();
    }
    let mark = if is_formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\"")).into()
}

impl Teller for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"node,");
        out.extend_from_slice(self.columns.join(",").as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    fn node(&mut self, node: &NodeId, _among: Among, _out: &mut Vec<u8>) {
        // An id has no character that would be quoted, and none that a formula needs to do harm.
        self.node = node.as_str().into();
    }

    fn row(&mut self, row: &Row, out: &mut Vec<u8>) {
        out.extend_from_slice(self.node.as_bytes());
        out.push(b',');
        integer(row.at_ms, out);
        out.push(b',');
        integer(row.count, out);
        for (field, cell) in self.fields.iter().zip(&row.cells) {
            let Some(cell) = cell else {
                out.extend_from_slice(b",,,");
                continue;
            };
            out.push(b',');
            integer(cell.min, out);
            out.push(b',');
            mean(field.def().kind, cell, out);
            out.push(b',');
            integer(cell.max, out);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn reading(&mut self, boot: &str, kept: &Kept, out: &mut Vec<u8>) {
        out.extend_from_slice(self.node.as_bytes());
        out.push(b',');
        integer(kept.reading.at_ms, out);
        out.push(b',');
        integer(kept.reading.uptime_us, out);
        out.push(b',');
        out.extend_from_slice(cell(boot).as_bytes());
        out.push(b',');
        integer(kept.seq, out);
        for &field in &self.fields {
            out.push(b',');
            if let Some(value) = kept.reading.sample.get(field) {
                integer(value, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (text, expected) in [
            ("c0ffee-1", "c0ffee-1"),
            ("a,b", "\"a,b\""),
            ("a\"b\nc", "\"a\"\"b\nc\""),
            ("=1+1", "\"'=1+1\""),
            ("-2+3", "\"'-2+3\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
