//! What does not change while a node runs.

use leptos::web_sys::Element;
use shared::Field;
use shared::units::{fixed, human};

use super::amount::known;
use super::dom::{find, follow, reveal, set, show};
use super::tiles::frequency;
use crate::state::Readout;
use crate::store::Node;

/// What is known of a fact.
type Fact = fn(&Readout) -> Option<String>;

/// Facts by their names in the template.
const FACTS: [(&str, Fact); 15] = [
    ("fact-machine", |readout| readout.facts.model.clone()),
    ("fact-system", |readout| readout.facts.os.clone()),
    ("fact-kernel", |readout| readout.facts.kernel.clone()),
    ("fact-cpu", |readout| readout.facts.cpu_name.clone()),
    ("fact-cores", |readout| readout.facts.cores.map(|cores| cores.to_string())),
    ("fact-frequency", range),
    ("fact-page-size", |readout| Some(human(readout.facts.page_size))),
    ("fact-runs-in", |readout| readout.survey.as_ref()?.container.clone()),
    ("fact-ram-installed", |readout| readout.survey.as_ref()?.installed.map(human)),
    ("fact-firmware-keeps", |readout| {
        let survey = readout.survey.as_ref()?;
        kept(survey.installed?, survey.handed?, "with what is set aside for graphics")
    }),
    ("fact-kernel-keeps", |readout| {
        let survey = readout.survey.as_ref()?;
        let given = survey.handed.or(survey.installed)?;
        kept(given, readout.sample.get(Field::Total)?, "its image, and descriptions of all pages")
    }),
    ("fact-memory", |readout| readout.sample.get(Field::Total).map(human)),
    ("fact-numa-nodes", |readout| {
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
    ("fact-swap", |readout| {
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
    ("fact-compressed", |readout| {
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

fn kept(before: u64, after: u64, what: &str) -> Option<String> {
    Some(format!("{}, {what}", human(before.checked_sub(after)?)))
}

fn range(readout: &Readout) -> Option<String> {
    let (min, max) = (readout.facts.min_frequency_hz?, readout.facts.max_frequency_hz?);
    Some(format!("{} to {}", frequency(min), frequency(max)))
}

/// Fills the list of facts. What the system does not tell is a dash; a fact of which most machines have
/// nothing to tell is left out there.
pub(crate) fn add_facts(root: &Element, node: &Node) {
    let (bill, of) = (find(root, "bill"), node.clone());
    follow(move || {
        let bill_now = of.read().bill;
        show(&bill, &bill_now.map_or(String::new(), |bill| bill.words()));
    });
    let places: Vec<Element> = FACTS.iter().map(|(name, _)| find(root, name)).collect();
    let link = ["/api/v1/nodes/", node.read_untracked().id.as_str()].concat();
    set(&find(root, "all-readings"), "href", &link);
    let node = node.clone();
    follow(move || {
        let readout = node.read();
        for ((_, fact), place) in FACTS.iter().zip(&places) {
            let text = fact(&readout);
            known(place, text.as_deref());
            if let Ok(Some(row)) = place.closest(".optional") {
                reveal(&row, text.is_some());
            }
        }
    });
}
