//! What does not change while a node runs.

use leptos::prelude::*;
use shared::Field;
use shared::units::{fixed, human};

use super::amount::{Known, text};
use super::tiles::frequency;
use crate::state::Readout;

/// A name, what is known of it, and where that comes from.
type Fact = (&'static str, fn(&Readout) -> Option<String>, &'static str);

const FACTS: [Fact; 15] = [
    (
        "Machine",
        |readout| readout.facts.model.clone(),
        "/proc/device-tree/model, or /sys/class/dmi/id",
    ),
    ("System", |readout| readout.facts.os.clone(), "/etc/os-release"),
    ("Kernel", |readout| readout.facts.kernel.clone(), "/proc/sys/kernel/osrelease"),
    ("CPU", |readout| readout.facts.cpu_name.clone(), "model name in /proc/cpuinfo"),
    (
        "Cores",
        |readout| readout.facts.cores.map(|cores| cores.to_string()),
        "lines cpuN of /proc/stat",
    ),
    ("Frequency", range, "/sys/devices/system/cpu/cpufreq/policy*"),
    ("Page size", |readout| Some(human(readout.facts.page_size)), "sysconf(_SC_PAGESIZE)"),
    (
        "Runs in",
        |readout| readout.survey.as_ref()?.container.clone(),
        "mounts, user namespace and control groups of this process; the CPU's flags",
    ),
    (
        "RAM installed",
        |readout| readout.survey.as_ref()?.installed.map(human),
        "the board's revision, or blocks in /sys/devices/system/memory",
    ),
    (
        "Firmware keeps",
        |readout| {
            let survey = readout.survey.as_ref()?;
            kept(survey.installed?, survey.handed?, "with what is set aside for graphics")
        },
        "RAM installed − memory nodes of /proc/device-tree",
    ),
    (
        "Kernel keeps",
        |readout| {
            let survey = readout.survey.as_ref()?;
            let given = survey.handed.or(survey.installed)?;
            kept(
                given,
                readout.sample.get(Field::Total)?,
                "its image, and descriptions of all pages",
            )
        },
        "what the firmware hands over, or RAM installed − MemTotal",
    ),
    ("Memory", |readout| readout.sample.get(Field::Total).map(human), "MemTotal in /proc/meminfo"),
    (
        "NUMA nodes",
        |readout| {
            let survey = readout.survey.as_ref()?;
            let nodes = survey.numa_nodes.filter(|&nodes| nodes > 1)?;
            // Its only processor has one memory; firmware splits it up for speed.
            let is_pi =
                readout.facts.model.as_ref().is_some_and(|model| model.starts_with("Raspberry Pi"));
            Some(if is_pi {
                format!("{nodes}, made up by firmware: no sockets")
            } else {
                nodes.to_string()
            })
        },
        "/sys/devices/system/node",
    ),
    (
        "Swap",
        |readout| {
            let areas = readout.survey.iter().flat_map(|survey| &survey.swaps).map(|area| {
                format!("{} of {} in {}", human(area.used), human(area.size), area.name)
            });
            let areas: Vec<String> = areas.collect();
            if areas.is_empty() {
                readout.sample.get(Field::SwapTotal).map(human)
            } else {
                Some(areas.join(", "))
            }
        },
        "/proc/swaps",
    ),
    (
        "Compressed",
        |readout| {
            let zram = readout.survey.iter().flat_map(|survey| &survey.zram).map(|device| {
                let ratio = device.effective_ratio().map_or_else(String::new, |ratio| {
                    let full = human((device.promised as f64 / ratio) as u64);
                    format!(
                        ", {} : 1; all of {} would take {full}",
                        fixed(ratio, 2),
                        human(device.promised)
                    )
                });
                format!(
                    "{}: {} in {}{ratio}",
                    device.name,
                    human(device.original),
                    human(device.used)
                )
            });
            let zswap = readout.sample.get(Field::Zswap).zip(readout.sample.get(Field::Zswapped));
            let zswap = zswap.filter(|(pool, _)| *pool > 0).map(|(pool, content)| {
                let ratio = fixed(content as f64 / pool as f64, 2);
                format!("zswap: {} in {}, {ratio} : 1", human(content), human(pool))
            });
            let all: Vec<String> = zram.chain(zswap).collect();
            (!all.is_empty()).then(|| all.join(", "))
        },
        "orig_data_size and mem_used_total in /sys/block/zram*/mm_stat; Zswapped and Zswap in /proc/meminfo",
    ),
];

/// Facts of which most machines have nothing to tell, and are left out there.
const OPTIONAL: [&str; 6] =
    ["Runs in", "RAM installed", "Firmware keeps", "Kernel keeps", "NUMA nodes", "Compressed"];

fn kept(before: u64, after: u64, what: &str) -> Option<String> {
    Some(format!("{}, {what}", human(before.checked_sub(after)?)))
}

fn range(readout: &Readout) -> Option<String> {
    let (min, max) = (readout.facts.min_frequency_hz?, readout.facts.max_frequency_hz?);
    Some(format!("{} to {}", frequency(min), frequency(max)))
}

/// A list of facts; what the system does not tell is a dash.
#[component]
pub(crate) fn Facts(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let row = |(name, fact, from): Fact| {
        let value = Signal::derive(move || fact(&readout.read()));
        let known = view! { <Known value name="fact" from why="This system does not tell"/> };
        let class = text(move || {
            let is_left_out = OPTIONAL.contains(&name) && value.read().is_none();
            if is_left_out { "gone" } else { "fact" }.into()
        });
        view! { <div class=class><dt>{name}</dt><dd>{known}</dd></div> }
    };
    view! {
        <section class="facts panel" aria-label="This machine">
            <h2>"This machine"</h2>
            <dl>{FACTS.map(row).into_iter().collect::<Vec<_>>()}</dl>
            <p class="sentence">
                <a href=format!("/api/v1/nodes/{}", readout.read_untracked().id)>"All readings and their rates"</a>
                " · "<a href="/api/v1/fields">"What each of them is"</a>
            </p>
        </section>
    }
}
