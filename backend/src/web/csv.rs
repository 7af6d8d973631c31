//! Tables for spreadsheets (RFC 4180), of what is a list. What a spreadsheet would take for a formula is
//! made a text: names come from nodes and processes, and may be made to do harm.

use std::collections::BTreeSet;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::Field;
use shared::memory;
use shared::report::AvailableReport;
use shared::usage::Usage;

use super::api::condition;
use super::params::{BadRequest, Params};
use crate::head::fleet::NodeDetail;
use crate::history::tell::{Form, cell};

/// For what is also told as a table.
const FORMS: &[Form] = &[Form::Json, Form::Csv];

/// In which form a list is wanted, of which nothing else can be said.
pub(super) fn form(request: &HttpRequest) -> Result<Form, BadRequest> {
    Params::of(request, &["format"])?.form(request, FORMS)
}

/// A table that is being written.
struct Table(String);

impl Table {
    fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut table = Self(String::new());
        table.row(columns);
        table
    }

    fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        for (place, text) in cells.into_iter().enumerate() {
            if place > 0 {
                self.0.push(',');
            }
            self.0.push_str(&cell(text.as_ref()));
        }
        self.0.push_str("\r\n");
    }

    fn answer(self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_TYPE, Form::Csv.media_type()))
            .body(self.0)
    }
}

/// A list of objects, with the columns of `first` before all others that there are.
pub(super) fn list<T: Serialize>(rows: &[T], first: &[&str]) -> HttpResponse {
    let rows: Vec<Map<String, Value>> = rows
        .iter()
        .filter_map(|row| match serde_json::to_value(row) {
            Ok(Value::Object(row)) => Some(row),
            _ => None,
        })
        .collect();
    let others: BTreeSet<&str> = rows
        .iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .filter(|column| !first.contains(column))
        .collect();
    let columns: Vec<&str> = first.iter().copied().chain(others).collect();
    let mut table = Table::new(columns.iter().copied());
    for row in &rows {
        table.row(columns.iter().map(|column| match row.get(*column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        }));
    }
    table.answer()
}

/// All nodes with their last readings.
pub(super) fn nodes(nodes: &[NodeDetail], now_ms: u64) -> HttpResponse {
    let before = [
        "id",
        "state",
        "since_ms",
        "age_ms",
        "period_ms",
        "host_name",
        "model",
        "os",
        "kernel",
        "labels",
        "available_bytes",
        "available_here",
        "used",
    ];
    let mut table =
        Table::new(before.into_iter().chain(Field::ALL.iter().map(|field| field.def().id)));
    let number = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    for node in nodes {
        let (condition, since_ms) = condition(node, now_ms);
        let (state, facts) = (&node.state, &node.state.facts);
        let latest = state.latest.as_ref();
        let sample = latest.map(|latest| &latest.sample);
        let available = sample.and_then(AvailableReport::of);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let labels: Vec<_> =
            node.labels.iter().map(|label| format!("{}={}", label.key, label.value)).collect();
        let row = [
            state.id.to_string(),
            condition.name().into(),
            since_ms.to_string(),
            number(latest.map(|latest| now_ms.saturating_sub(latest.at_ms))),
            state.period_ms.to_string(),
            facts.host_name.clone(),
            text(&facts.model),
            text(&facts.os),
            text(&facts.kernel),
            labels.join(" "),
            number(available.as_ref().map(|available| available.bytes)),
            number(available.as_ref().map(|available| available.here)),
            number(sample.and_then(memory::used)),
        ];
        let fields =
            Field::ALL.iter().map(|&field| number(sample.and_then(|sample| sample.get(field))));
        table.row(row.into_iter().chain(fields));
    }
    table.answer()
}

/// Who has the memory: processes first, then control groups.
pub(super) fn usage(usage: &Usage) -> HttpResponse {
    let number = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    let mut table = Table::new([
        "kind",
        "name",
        "pid",
        "own",
        "anon",
        "shmem",
        "file",
        "swap",
        "pss",
        "path",
        "current",
        "working_set",
        "limit",
        "oom_kills",
    ]);
    for of in &usage.processes {
        let swap = Some(of.swap);
        let numbers = [Some(of.own()), Some(of.anon), Some(of.shmem), Some(of.file), swap, of.pss];
        let start = ["process".to_owned(), of.name.clone(), of.pid.to_string()];
        let row = start.into_iter().chain(numbers.map(number));
        table.row(row.chain(std::iter::repeat_n(String::new(), 5)));
    }
    for of in &usage.groups {
        let mut row = vec![of.kind.clone(), of.name.clone()];
        row.resize(7, String::new());
        row.extend([number(of.swap), String::new(), of.path.clone()]);
        let numbers = [Some(of.current), Some(of.working_set()), of.limit, of.oom_kills];
        table.row(row.into_iter().chain(numbers.map(number)));
    }
    table.answer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_and_commas_do_no_harm() {
        let mut table = Table::new(["a", "b"]);
        table.row(["=cmd|'/c calc'!A0", "x,\"y\"\r\nz"]);
        assert_eq!(table.0, "a,b\r\n\"'=cmd|'/c calc'!A0\",\"x,\"\"y\"\"\r\nz\"\r\n");
    }
}
