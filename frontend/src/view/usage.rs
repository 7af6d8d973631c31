//! Who has the memory: processes and control groups, gathered while this is open.

use std::cell::Cell;

use leptos::web_sys::Element;
use shared::units::human;
use shared::usage::Usage;

use super::dom::{Table, add_late, at_end, find, follow, put, show, stamp};
use super::panel::Panel;
use crate::store::{Node, Store};

/// Fills the panel of who has the memory. While it is open, the node is asked to look.
pub(crate) fn add_who(root: &Element, store: Store, node: &Node) {
    let panel = Panel::of(root, "who");
    let id = node.read_untracked().id.clone();
    let (body, node) = (panel.body.clone(), node.clone());
    let is_filled = Cell::new(false);
    follow(move || {
        let is_open = panel.is_open();
        store.look(is_open.then(|| id.clone()));
        if is_open && !is_filled.replace(true) {
            let node = node.clone();
            add_late(&body, store, move |body, parts| (parts.who)(body, store, &node));
        }
    });
    at_end(move || store.look(None));
}

/// What is in it.
pub(crate) fn fill_who(body: &Element, _: Store, node: &Node) {
    put(body, &stamp("t-who"));
    let about = find(body, "about");
    let of_processes = Table::of(body, "processes");
    let about_groups = find(body, "about-groups");
    let of_groups = Table::of(body, "groups");
    let node = node.clone();
    follow(move || {
        let readout = node.read();
        let Some(usage) = readout.usage.as_deref() else {
            show(&about, readout.recorded.as_deref().unwrap_or("Asking the node…"));
            show(&about_groups, "");
            of_processes.show(&[]);
            return of_groups.show(&[]);
        };
        let live = format!(
            "The largest of {} processes, looked at while this is open; that took {} ms.",
            usage.process_count,
            usage.took_us.div_ceil(1000)
        );
        show(&about, readout.recorded.as_ref().unwrap_or(&live));
        of_processes.show(&processes(usage));
        let of_all = || format!("The largest of {} services and containers.", usage.group_count);
        show(&about_groups, &usage.no_groups.clone().unwrap_or_else(of_all));
        of_groups.show(&groups(usage));
    });
}

fn processes(usage: &Usage) -> Vec<Vec<String>> {
    let row = |process: &shared::usage::ProcessUsage| {
        vec![
            format!("{} {}", process.name, process.pid),
            human(process.own()),
            human(process.anon),
            human(process.shmem),
            human(process.file),
            human(process.swap),
            known(process.pss.map(human)),
        ]
    };
    usage.processes.iter().map(row).collect()
}

fn groups(usage: &Usage) -> Vec<Vec<String>> {
    let row = |group: &shared::usage::GroupUsage| {
        vec![
            format!("{} {}", group.name, group.kind),
            human(group.working_set()),
            human(group.current),
            group.limit.or(group.high).map_or_else(|| "none".into(), human),
            known(group.swap.map(human)),
            known(group.oom_kills.map(|count| count.to_string())),
            known(group.limit_hits.map(|count| count.to_string())),
        ]
    };
    usage.groups.iter().map(row).collect()
}

fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| "—".into())
}
