//! Who has the memory: processes and control groups, gathered while this is open.

use leptos::prelude::*;
use shared::units::human;
use shared::usage::{MOST_GROUPS, MOST_PROCESSES, Usage};

use super::amount::text;
use super::grid::{Grid, Heading, Rows};
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

/// Processes and control groups.
#[component]
pub(crate) fn Who(
    /// The state.
    store: Store,
    /// Which node.
    node: NodeSignal,
) -> impl IntoView {
    let opened = RwSignal::new(false);
    Effect::new(move |_| store.look(opened.get().then_some(node.number)));
    on_cleanup(move || store.look(None));

    let usage = move |of: fn(&Usage) -> Rows| {
        Memo::new(move |_| node.readout.read().usage.as_deref().map(of).unwrap_or_default())
    };
    let (processes, groups) = (usage(processes), usage(groups));
    let gist = text(|| "processes, services and containers".into());
    let about = text(move || match node.readout.read().usage.as_deref() {
        None => "Asking the node…".into(),
        Some(usage) => format!(
            "The largest of {} processes, looked at while this is open; that took {} ms.",
            usage.process_count,
            usage.took_us.div_ceil(1000)
        ),
    });
    let about_groups = text(move || match node.readout.read().usage.as_deref() {
        None => String::new(),
        Some(Usage { no_groups: Some(why), .. }) => why.clone(),
        Some(usage) => format!("The largest of {} services and containers.", usage.group_count),
    });
    view! {
        <Panel name="who" title="Who has it" gist opened>
            <p class="sentence" data-name="about-processes">{about}</p>
            <Grid name="processes" head=PROCESSES most=MOST_PROCESSES rows=processes/>
            <p class="sentence" data-name="about-groups">{about_groups}</p>
            <Grid name="groups" head=GROUPS most=MOST_GROUPS rows=groups/>
        </Panel>
    }
}

fn processes(usage: &Usage) -> Rows {
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

fn groups(usage: &Usage) -> Rows {
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
