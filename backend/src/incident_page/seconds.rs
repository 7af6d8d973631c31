//! Memory second by second, in bytes.

use shared::black_box::BoxAt;
use shared::breakdown::{Breakdown, Part};
use shared::memory::{Available, Split, swap_used};
use shared::units::percent;
use shared::wire::Reading;
use shared::{Field, NodeFacts, rates};

use super::html::{digits, put};
use super::words::{clock, rfc3339};

/// A column: its name, and what stands in it.
type Column<'a> = (&'static str, Box<dyn Fn(&Reading) -> Option<u64> + 'a>);

/// A table of the readings of a box: in each row the parts sum to total.
pub(super) fn table(out: &mut String, at: &BoxAt, facts: &NodeFacts) {
    if at.readings.is_empty() {
        return;
    }
    let parts = columns(&at.readings, facts);
    put!(
        out,
        "<details><summary>Second by second, in bytes: {} readings</summary>\n<div class=\"scroll\" \
         tabindex=\"0\"><table class=\"grid seconds\"><thead><tr><th>Time</th><th>Available</th>\
         <th>Waiting</th><th>Swap used</th>",
        at.readings.len()
    );
    for (label, _) in &parts {
        put!(out, "<th>{label}</th>");
    }
    out.push_str("<th>Total</th></tr></thead><tbody>\n");
    for (place, reading) in at.readings.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| &at.readings[place]);
        let waiting = before.and_then(|b| rates::pressure(b, reading, Field::PressureSome));
        let available = Available::of(&reading.sample).ok().map(|available| available.here);
        put!(
            out,
            "<tr><th scope=\"row\"><time datetime=\"{}\">{}</time></th>",
            rfc3339(reading.at_ms),
            clock(reading.at_ms)
        );
        cell(out, "Available", available);
        put!(
            out,
            "<td data-label=\"Waiting\">{}</td>",
            waiting.map_or_else(|| "—".into(), percent)
        );
        cell(out, "Swap used", swap_used(&reading.sample));
        for (label, value) in &parts {
            cell(out, label, value(reading));
        }
        cell(out, "Total", reading.sample.get(Field::Total));
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></details>\n");
}

fn cell(out: &mut String, label: &str, value: Option<u64>) {
    if let Some(value) = value {
        let shown = digits(value);
        put!(out, "<td data-label=\"{label}\"><data value=\"{value}\">{shown}</data></td>");
    } else {
        put!(out, "<td data-label=\"{label}\">—</td>");
    }
}

/// The parts that are not 0 all the time; or, where they cannot be told apart, what is in use, what is
/// given back and what is free.
fn columns<'a>(readings: &[Reading], facts: &'a NodeFacts) -> Vec<Column<'a>> {
    let breakdowns: Vec<Breakdown> =
        readings.iter().map(|reading| Breakdown::of(&reading.sample, facts)).collect();
    if breakdowns.iter().any(|breakdown| breakdown.get(Part::Free).is_none()) {
        let split = |of: fn(&Split) -> u64| {
            move |reading: &Reading| Split::of(&reading.sample).ok().as_ref().map(of)
        };
        return vec![
            ("In use", Box::new(split(|split| split.in_use))),
            ("Given back on request", Box::new(split(|split| split.reclaimable))),
            ("Free", Box::new(split(|split| split.free))),
        ];
    }
    let is_there = |part: &&Part| {
        breakdowns.iter().any(|breakdown| breakdown.get(**part).is_some_and(|bytes| bytes > 0))
    };
    let column = |&part: &Part| -> Column<'a> {
        (part.label(), Box::new(move |reading| Breakdown::of(&reading.sample, facts).get(part)))
    };
    Part::ALL.iter().filter(is_there).map(column).collect()
}
