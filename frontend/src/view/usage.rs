//! Who has the memory: processes and control groups, gathered while this is open.

use leptos::prelude::*;
use leptos::web_sys::Element;
use shared::units::human;
use shared::usage::Usage;

use super::dom::{Heading, Table, add, follow, set, show};
use super::panel::Panel;
use crate::store::{NodeSignal, Store};

const PROCESSES: &[Heading] = &[
    ("Process", "Name in /proc/PID/comm, and PID"),
    ("Own", "RssAnon + RssShmem + VmSwap in /proc/PID/status: what would come free if it ended"),
    ("In RAM", "RssAnon in /proc/PID/status: memory that no file stands behind"),
    ("Shared", "RssShmem in /proc/PID/status; others may share it"),
    ("Files", "RssFile in /proc/PID/status; mostly given back on request"),
    ("Swapped", "VmSwap in /proc/PID/status"),
    (
        "Share",
        "Pss in /proc/PID/smaps_rollup: shared pages divided among those who share them; measured for the largest, where allowed",
    ),
];

const GROUPS: &[Heading] = &[
    ("Container or service", "Name from the path below /sys/fs/cgroup"),
    ("Needs", "memory.current − inactive_file of memory.stat, as docker and kubelet count"),
    ("Charged", "memory.current: with all cache"),
    ("Limit", "memory.max, or memory.high"),
    ("Swapped", "memory.swap.current"),
    ("Killed", "oom_kill in memory.events: processes killed for want of memory"),
    ("At limit", "max in memory.events: how often it reached its limit"),
];

/// Adds the panel of who has the memory. While it is open, the node is asked to look.
pub(crate) fn add_who(place: &Element, store: Store, node: NodeSignal) -> Option<()> {
    let panel = Panel::add(place, "who", "Who has it")?;
    show(&panel.gist, "processes, services and containers");
    let about = add(&panel.body, "p", "sentence")?;
    let of_processes = Table::add(&panel.body, "processes", PROCESSES)?;
    let about_groups = add(&panel.body, "p", "sentence")?;
    set(&about_groups, "data-name", "about-groups");
    let of_groups = Table::add(&panel.body, "groups", GROUPS)?;
    let opened = panel.opened;
    follow(move || store.look(opened.get().then_some(node.number)));
    on_cleanup(move || store.look(None));
    follow(move || {
        let readout = node.readout.read();
        let Some(usage) = readout.usage.as_deref() else {
            return show(&about, "Asking the node…");
        };
        show(
            &about,
            &format!(
                "The largest of {} processes, looked at while this is open; that took {} ms.",
                usage.process_count,
                usage.took_us.div_ceil(1000)
            ),
        );
        of_processes.show(&processes(usage));
        let of_all = || format!("The largest of {} services and containers.", usage.group_count);
        show(&about_groups, &usage.no_groups.clone().unwrap_or_else(of_all));
        of_groups.show(&groups(usage));
    });
    Some(())
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
