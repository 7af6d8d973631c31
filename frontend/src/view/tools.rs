//! The same memory in the words of other tools.

use std::cell::Cell;

use leptos::web_sys::Element;
use shared::rosetta::{ELSEWHERE, TOOLS};
use shared::units::human;

use super::dom::{Table, add, add_late, add_text, follow, put, show, stamp};
use super::panel::Panel;
use crate::store::{Node, Store};

/// Fills the panel of what each tool would print.
pub(crate) fn add_tools(root: &Element, store: Store, node: &Node) {
    let panel = Panel::of(root, "tools");
    let (body, gist, node) = (panel.body.clone(), panel.gist.clone(), node.clone());
    let is_filled = Cell::new(false);
    follow(move || {
        if panel.is_open() && !is_filled.replace(true) {
            let (gist, node) = (gist.clone(), node.clone());
            add_late(&body, store, move |body, parts| (parts.tools)(body, &gist, &node));
        }
    });
}

/// What is in it.
pub(crate) fn fill_tools(body: &Element, gist: &Element, node: &Node) {
    put(body, &stamp("t-tools"));
    let table = Table::of(body, "other tools");
    for other in ELSEWHERE {
        let line = add(body, "p", "sentence");
        add_text(&line, "strong", "", other.system);
        add_text(&line, "span", "", &format!(" {}", other.words));
    }
    let (gist, node) = (gist.clone(), node.clone());
    follow(move || {
        let readout = node.read();
        let told = |tool: &shared::rosetta::Tool| tool.told(&readout.sample);
        let used = || TOOLS.iter().filter_map(|tool| told(tool).used);
        if let Some((least, most)) = used().min().zip(used().max()) {
            show(&gist, &format!("say that {} to {} is used", human(least), human(most)));
        }
        let amount = |bytes: Option<u64>| bytes.map_or_else(|| "—".into(), human);
        let row = |tool: &shared::rosetta::Tool| {
            let told = told(tool);
            vec![
                format!("{}, {}", tool.name, tool.versions),
                amount(told.used),
                told.available_in_words(&readout.sample),
                amount(told.cached),
                format!("used = {}. {}", tool.formula, tool.reason),
            ]
        };
        table.show(&TOOLS.iter().map(row).collect::<Vec<_>>());
    });
}
