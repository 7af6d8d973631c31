//! Where memory is: the bar of its parts, the bracket under it, what the parts are, and free beside
//! available.

use leptos::web_sys::Element;
use shared::Field;
use shared::breakdown::Part;
use shared::explain::{free_and_available, halves, inexact, not_itemised};
use shared::memory::Split;
use shared::units::{exact, human};

use super::amount::Amount;
use super::dom::{
    add, add_text, all, around, dress, find, follow, get, on, reveal, set, show, widen,
};
use crate::state::Readout;
use crate::store::Node;

/// A part as it is shown.
struct Entry {
    part: Part,
    piece: Element,
    line: Element,
    button: Element,
    amount: Element,
    exactly: Element,
}

impl Entry {
    /// A line of the legend. Pressed, it tells what the part is and shows it over time.
    fn add(bar: &Element, list: &Element, part: Part) -> Self {
        let about = ["about-", part.id()].concat();
        let piece = add(bar, "span", part.class());
        let line = add(list, "li", "entry");
        let button = add(&line, "button", "");
        for (name, value) in
            [("type", "button"), ("data-part", part.id()), ("aria-describedby", &about)]
        {
            set(&button, name, value);
        }
        add(&button, "span", &format!("swatch {}", part.class()));
        add_text(&button, "span", "label", part.label());
        add_text(&button, "span", "given", part.given().words());
        let amount = add(&button, "data", "value");
        set(&amount, "data-name", part.id());
        let text = add_text(&line, "p", "about", part.sentence());
        set(&text, "id", &about);
        let from = add(&text, "span", "from");
        let exactly = add(&from, "span", "");
        add_text(&from, "span", "", &format!(" = {}", part.formula()));
        Self { part, piece, line, button, amount, exactly }
    }

    fn show(&self, bytes: u64, total: u64, is_chosen: bool) {
        widen(&self.piece, bytes as f64 / total.max(1) as f64);
        let class = match (bytes, is_chosen) {
            (0, _) => "gone",
            (_, true) => "entry chosen",
            (_, false) => "entry",
        };
        dress(&self.line, class);
        set(&self.button, "aria-pressed", if is_chosen { "true" } else { "false" });
        set(&self.amount, "value", &bytes.to_string());
        show(&self.amount, &human(bytes));
        show(&self.exactly, &exact(bytes));
    }
}

/// Fills total memory in exact parts, under it what can be had, and what the parts are.
pub(crate) fn add_breakdown(root: &Element, node: &Node) {
    let reason = find(root, "no-split");
    let told = find(root, "told-parts");
    let bar = find(&told, "bar");
    let bracket = find(&told, "bracket");
    let pieces = all(&bracket, "span");
    let between = find(&told, "halves");
    let list = find(&told, "parts");
    let entries: Vec<Entry> = Part::ALL.iter().map(|&part| Entry::add(&bar, &list, part)).collect();
    let inside = find(&told, "inside");
    let pressed = node.clone();
    on(&list, "click", move |event| {
        let id = around(&event, "button").map(|button| get(&button, "data-part"));
        if let Some(&part) = Part::ALL.iter().find(|part| id.as_deref() == Some(part.id())) {
            pressed.choose((pressed.part() != Some(part)).then_some(part));
        }
    });
    let node = node.clone();
    follow(move || {
        let readout = node.read();
        let breakdown = &readout.breakdown;
        show(&reason, &inexact(&breakdown.outcome).unwrap_or_default());
        show(&inside, &not_itemised(&readout.sample, breakdown).unwrap_or_default());
        reveal(&told, breakdown.get(Part::Free).is_some());
        let total = breakdown.iter().map(|(_, bytes)| bytes).sum();
        for entry in &entries {
            let bytes = breakdown.get(entry.part).unwrap_or(0);
            entry.show(bytes, total, node.part() == Some(entry.part));
        }
        reveal(&bracket, readout.split.is_ok());
        show(&between, &readout.split.as_ref().map_or_else(|_| String::new(), halves));
        if let Ok(Split { total, in_use, held_back: kept, available: given, .. }) = readout.split {
            for (piece, bytes) in pieces.iter().zip([in_use, kept, given]) {
                widen(piece, bytes as f64 / total.max(1) as f64);
            }
        }
    });
}

/// How the available memory of a node is known.
pub(crate) fn from(readout: &Readout) -> &'static str {
    readout.available.as_ref().map_or("", |available| available.source.formula())
}

/// Fills free and available side by side, and why they differ.
pub(crate) fn add_difference(root: &Element, node: &Node) {
    // A part of memory has the same name.
    let root = &find(root, "difference");
    let free = Amount::of(root, "free").from(&const { Field::Free.origin() }.to_string());
    let available = Amount::of(root, "available_again");
    let (name, why) = (find(root, "available-name"), find(root, "why"));
    let node = node.clone();
    follow(move || {
        let readout = node.read();
        free.show(readout.sample.get(Field::Free));
        let found = readout.available.as_ref().ok();
        available.show_from(found.map(|found| found.bytes), from(&readout));
        let estimated = found.is_some_and(|found| found.source.is_estimated());
        show(&name, if estimated { "available, estimated" } else { "available" });
        show(
            &why,
            &match &readout.split {
                Ok(split) => free_and_available(split),
                Err(reason) => format!("Why they differ cannot be said: {reason}."),
            },
        );
    });
}
