//! What does not change while a node runs.

use leptos::prelude::*;
use shared::Field;
use shared::units::human;

use super::tiles::frequency;
use crate::state::Readout;

/// A list of facts; what the system does not tell is a dash.
#[component]
pub(crate) fn Facts(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let facts = Memo::new(move |_| readout.read().facts.clone());
    let total = move |field: Field| readout.read().sample.get(field).map(human);
    let range = move || {
        let facts = facts.read();
        let (min, max) = (frequency(facts.min_frequency_hz)?, frequency(facts.max_frequency_hz)?);
        Some(format!("{min} to {max}"))
    };
    let rows = move || {
        let facts = facts.get();
        [
            ("Machine", facts.model),
            ("System", facts.os),
            ("Kernel", facts.kernel),
            ("CPU", facts.cpu_name),
            ("Cores", facts.cores.map(|cores| cores.to_string())),
            ("Frequency", range()),
            ("Memory", total(Field::Total)),
            ("Swap", total(Field::SwapTotal)),
            ("Page size", Some(human(facts.page_size))),
        ]
    };
    view! {
        <section class="facts panel" aria-label="This machine">
            <h2>"This machine"</h2>
            <dl>
                {move || rows().map(|(name, value)| view! {
                    <div><dt>{name}</dt><dd>{value.unwrap_or_else(|| "—".into())}</dd></div>
                }).collect_view()}
            </dl>
        </section>
    }
}
