//! The same memory in the words of other tools.

use leptos::prelude::*;
use shared::rosetta::{ELSEWHERE, TOOLS};
use shared::units::human;

use super::amount::text;
use super::grid::{Grid, Heading, Rows};
use super::panel::Panel;
use crate::state::Readout;

const HEAD: &[Heading] = &[
    ("Tool", ""),
    ("Used", "What the tool prints as used, by its own formula, of this very reading"),
    ("Available", "What the tool prints as available"),
    ("Cached", "What the tool prints as cached, without buffers"),
    ("Why", ""),
];

/// What each tool would print.
#[component]
pub(crate) fn Tools(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let opened = RwSignal::new(false);
    let gist = text(move || {
        let readout = readout.read();
        let mut used: Vec<u64> =
            TOOLS.iter().filter_map(|tool| tool.told(&readout.sample).used).collect();
        used.sort_unstable();
        match used.first().zip(used.last()) {
            Some((least, most)) => {
                format!("say that {} to {} is used", human(*least), human(*most))
            }
            None => String::new(),
        }
    });
    let rows = Memo::new(move |_| -> Rows {
        if !opened.get() {
            return Rows::new();
        }
        let amount = |bytes: Option<u64>| bytes.map_or_else(|| "—".into(), human);
        let row = |tool: &shared::rosetta::Tool| {
            let told = tool.told(&readout.read().sample);
            vec![
                format!("{} {}", tool.name, tool.versions),
                amount(told.used),
                amount(told.available),
                amount(told.cached),
                format!("{}. {}", tool.formula, tool.reason),
            ]
        };
        TOOLS.iter().map(row).collect()
    });
    let elsewhere = || {
        let other = |other: &shared::rosetta::Elsewhere| {
            view! { <p><b>{other.system}</b>" "{other.words}</p> }
        };
        ELSEWHERE.iter().map(other).collect_view()
    };
    view! {
        <Panel name="tools" title="Other tools" gist opened>
            <Grid name="other tools" head=HEAD most=TOOLS.len() rows/>
            <div class="elsewhere">{elsewhere()}</div>
        </Panel>
    }
}
