//! One node, from the number people came for to everything else.

use leptos::prelude::*;
use shared::Field;
use shared::units::{percent_of, span};

use super::amount::{Amount, text};
use super::facts::Facts;
use super::memory::{Breakdown, Difference};
use super::tiles::Tiles;
use super::timeline::Timeline;
use crate::store::{NodeSignal, Store};

/// Shows one node.
#[component]
pub(crate) fn NodeView(
    /// The state.
    store: Store,
    /// Which node.
    node: NodeSignal,
) -> impl IntoView {
    let readout = node.readout;
    let get = move |field: Field| readout.read().sample.get(field);
    let facts = text(move || {
        let readout = readout.read();
        let facts = &readout.facts;
        let up = readout.uptime_us.map(|us| format!("up {}", span(us / 1_000_000)));
        [facts.model.clone(), facts.os.clone(), up]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" · ")
    });
    let share = text(move || {
        let known = get(Field::Available).zip(get(Field::Total));
        let percent = known.and_then(|(available, total)| percent_of(available, total));
        percent.map_or(String::new(), |percent| format!("({percent})"))
    });
    let title = format!("node-{}", node.number);
    view! {
        <section class="node" aria-labelledby=title>
            <div class="name">
                <h1 id=title.clone()>{text(move || readout.read().facts.host_name.clone())}</h1>
                <p class="facts-line">{facts}</p>
            </div>
            <div class="headline panel">
                <p class="figure">
                    <Amount bytes=Signal::derive(move || get(Field::Available)) name="available"
                        unknown="Kernels before 3.14 do not estimate it"/>
                    <span class="what">"available"</span>
                </p>
                <p class="of">
                    "of "
                    <Amount bytes=Signal::derive(move || get(Field::Total)) name="total"/>
                    " "{share}
                </p>
                <Breakdown readout/>
            </div>
            <Difference readout/>
            <Tiles readout/>
            <Timeline store node/>
            <Facts readout/>
        </section>
    }
}
