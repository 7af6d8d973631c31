//! What does not change while a node runs.

use leptos::prelude::*;
use shared::Field;
use shared::units::{fixed, human};

use super::amount::{Known, text};
use super::tiles::frequency;
use crate::state::Readout;

type Fact = fn(&Readout) -> Option<String>;

const FACTS: [(&str, Fact); 15] = [
    ("Machine", |readout| readout.facts.model.clone()),
    ("System", |readout| readout.facts.os.clone()),
    ("Kernel", |readout| readout.facts.kernel.clone()),
    ("CPU", |readout| readout.facts.cpu_name.clone()),
    ("Cores", |readout| readout.facts.cores.map(|cores| cores.to_string())),
    ("Frequency", range),
    ("Page size", |readout| Some(human(readout.facts.page_size))),
    ("Runs in", |readout| readout.survey.as_ref()?.container.clone()),
    ("RAM installed", |readout| readout.survey.as_ref()?.installed.map(human)),
    ("Firmware keeps", |readout| {
        let survey = readout.survey.as_ref()?;
        kept(survey.installed?, survey.handed?, "with what is set aside for graphics")
    }),
    ("Kernel keeps", |readout| {
        let survey = readout.survey.as_ref()?;
        let given = survey.handed.or(survey.installed)?;
        kept(given, readout.sample.get(Field::Total)?, "its image, and descriptions of all pages")
    }),
    ("Memory", |readout| readout.sample.get(Field::Total).map(human)),
    ("NUMA nodes", |readout| {
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
    }),
    ("Swap", |readout| {
        let areas =
            readout.survey.iter().flat_map(|survey| &survey.swaps).map(|area| {
                format!("{} of {} in {}", human(area.used), human(area.size), area.name)
            });
        let areas: Vec<String> = areas.collect();
        if areas.is_empty() {
            readout.sample.get(Field::SwapTotal).map(human)
        } else {
            Some(areas.join(", "))
        }
    }),
    ("Compressed", |readout| {
        let zram = readout.survey.iter().flat_map(|survey| &survey.zram).map(|device| {
            let ratio = device.effective_ratio().map_or_else(String::new, |ratio| {
                let full = human((device.promised as f64 / ratio) as u64);
                format!(
                    ", {} : 1; all of {} would take {full}",
                    fixed(ratio, 2),
                    human(device.promised)
                )
            });
            format!("{}: {} in {}{ratio}", device.name, human(device.original), human(device.used))
        });
        let zswap = readout.sample.get(Field::Zswap).zip(readout.sample.get(Field::Zswapped));
        let zswap = zswap.filter(|(pool, _)| *pool > 0).map(|(pool, content)| {
            let ratio = fixed(content as f64 / pool as f64, 2);
            format!("zswap: {} in {}, {ratio} : 1", human(content), human(pool))
        });
        let all: Vec<String> = zram.chain(zswap).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }),
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
    let row = |(name, fact): (&'static str, Fact)| {
        let value = Signal::derive(move || fact(&readout.read()));
        let known = view! { <Known value name="fact" why="This system does not tell"/> };
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
        </section>
    }
}
