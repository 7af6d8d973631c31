//! What does not change while a node runs.

use leptos::prelude::*;
use shared::Field;
use shared::units::human;

use super::amount::Known;
use super::tiles::frequency;
use crate::state::Readout;

type Fact = fn(&Readout) -> Option<String>;

const FACTS: [(&str, Fact); 9] = [
    ("Machine", |readout| readout.facts.model.clone()),
    ("System", |readout| readout.facts.os.clone()),
    ("Kernel", |readout| readout.facts.kernel.clone()),
    ("CPU", |readout| readout.facts.cpu_name.clone()),
    ("Cores", |readout| readout.facts.cores.map(|cores| cores.to_string())),
    ("Frequency", range),
    ("Memory", |readout| readout.sample.get(Field::Total).map(human)),
    ("Swap", |readout| readout.sample.get(Field::SwapTotal).map(human)),
    ("Page size", |readout| Some(human(readout.facts.page_size))),
];

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
        view! { <div><dt>{name}</dt><dd>{known}</dd></div> }
    };
    view! {
        <section class="facts panel" aria-label="This machine">
            <h2>"This machine"</h2>
            <dl>{FACTS.map(row).into_iter().collect::<Vec<_>>()}</dl>
        </section>
    }
}
