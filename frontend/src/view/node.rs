//! One node, from the number people came for to everything else.

use leptos::html::Div;
use leptos::prelude::*;
use shared::Field;
use shared::explain::notes;
use shared::units::{percent_of, span};

use super::amount::{Amount, text};
use super::doctor::add_doctor;
use super::facts::Facts;
use super::memory::{Breakdown, Difference, from};
use super::tiles::Tiles;
use super::timeline::Timeline;
use super::tools::add_tools;
use super::usage::add_who;
use crate::state::Readout;
use crate::store::{NodeSignal, Store};

/// What can be had by the process that reads the node, in bytes.
fn here(readout: &Readout) -> Option<u64> {
    readout.available.ok().map(|available| available.here)
}

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
        let known = here(&readout.read()).zip(get(Field::Total));
        let percent = known.and_then(|(available, total)| percent_of(available, total));
        percent.map_or(String::new(), |percent| format!("({percent})"))
    });
    let what = text(move || {
        let readout = readout.read();
        let Ok(available) = readout.available else { return "available".into() };
        let estimated = if available.source.is_estimated() { ", estimated" } else { "" };
        let here = if available.here < available.bytes { " here" } else { "" };
        format!("available{here}{estimated}")
    });
    let notes = text(move || notes(&readout.read().sample).join(" "));
    let doctor = NodeRef::<Div>::new();
    doctor.on_load(move |place| {
        add_doctor(&place, readout);
    });
    let panels = NodeRef::<Div>::new();
    panels.on_load(move |place| {
        add_who(&place, store, node);
        add_tools(&place, readout);
    });
    let title = format!("node-{}", node.number);
    view! {
        <section class="node" aria-labelledby=title>
            <div class="name">
                <h1 id=title.clone()>{text(move || readout.read().facts.host_name.clone())}</h1>
                <p class="facts-line">{facts}</p>
            </div>
            <div class="doctor" node_ref=doctor></div>
            <div class="headline panel">
                <p class="figure">
                    <Amount bytes=Signal::derive(move || here(&readout.read())) name="available"
                        unknown="This kernel tells neither it nor what it could be estimated from"
                        from=from(readout)/>
                    <span class="what" data-name="what">{what}</span>
                </p>
                <p class="of">
                    "of "
                    <Amount bytes=Signal::derive(move || get(Field::Total)) name="total"
                        from=const { Field::Total.origin() }.to_string()/>
                    " "{share}
                </p>
                <p class="sentence" data-name="notes">{notes}</p>
                <Breakdown node/>
            </div>
            <Difference readout/>
            <Tiles readout/>
            <Timeline store node/>
            <Facts readout/>
            <div class="panels" node_ref=panels></div>
        </section>
    }
}
