//! The same memory in the words of other tools.

use leptos::web_sys::Element;
use shared::rosetta::{ELSEWHERE, TOOLS};
use shared::units::human;

use super::dom::{Table, add, add_text, follow, show};
use super::panel::Panel;
use crate::store::Node;

/// Fills the panel of what each tool would print.
pub(crate) fn add_tools(root: &Element, node: &Node) {
    let panel = Panel::of(root, "tools");
    let table = Table::of(&panel.body, "other tools");
    for other in ELSEWHERE {
        let line = add(&panel.body, "p", "sentence");
        add_text(&line, "strong", "", other.system);
        add_text(&line, "span", "", &format!(" {}", other.words));
    }
    let node = node.clone();
    follow(move || {
        let readout = node.read();
        let told = |tool: &shared::rosetta::Tool| tool.told(&readout.sample);
        let used = || TOOLS.iter().filter_map(|tool| told(tool).used);
        if let Some((least, most)) = used().min().zip(used().max()) {
            show(&panel.gist, &format!("say that {} to {} is used", human(least), human(most)));
        }
        if !panel.is_open() {
            return;
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
