//! Where memory is: the bar, the bracket under it, the legend, and free beside available.

use leptos::prelude::*;
use shared::Field;
use shared::explain::{Part, free_and_available};
use shared::memory::{NoSplit, Split};

use super::amount::{Amount, text};
use crate::state::Readout;

/// Total memory by what it holds, and under it by what can be had.
#[component]
pub(crate) fn Breakdown(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let split = Memo::new(move |_| readout.read().split);
    let drawn = text(move || if split.read().is_ok() { "drawn" } else { "gone" }.into());
    let no_split = text(move || match *split.read() {
        Ok(_) => String::new(),
        Err(reason) => format!("Where memory went cannot be drawn: {reason}."),
    });
    view! {
        <p class="no-split" data-name="no-split">{no_split}</p>
        <div class=drawn>
            <div class="bars" aria-hidden="true">
                <div class="bar" data-name="bar">
                    {Part::HELD.map(|part| view! { <Piece split part/> }).collect_view()}
                </div>
                <div class="bracket" data-name="bracket">
                    <Piece split part=Part::InUse/>
                    {Part::HAD.map(|part| view! { <Piece split part/> }).collect_view()}
                </div>
            </div>
            <dl class="legend">
                {Part::HELD.into_iter().chain(Part::HAD).map(|part| view! { <Entry split part/> }).collect_view()}
            </dl>
        </div>
    }
}

fn class(part: Part) -> &'static str {
    match part {
        Part::InUse => "in-use",
        Part::Reclaimable => "reclaimable",
        Part::Free => "free",
        Part::HeldBack => "held-back",
        Part::Available => "available",
    }
}

fn bytes(split: Memo<Result<Split, NoSplit>>, part: Part) -> Option<u64> {
    split.read().as_ref().ok().map(|split| part.of(split))
}

/// A piece of a bar, as wide as its share of total.
#[component]
fn Piece(split: Memo<Result<Split, NoSplit>>, part: Part) -> impl IntoView {
    let width = text(move || {
        let total = split.read().as_ref().map_or(0, |split| split.total);
        let share = bytes(split, part).unwrap_or(0) as f64 / total.max(1) as f64;
        format!("{:.3}%", share * 100.0)
    });
    view! { <span class=class(part) style:width=width></span> }
}

/// A line of the legend: swatch, name, amount, and a sentence.
#[component]
fn Entry(split: Memo<Result<Split, NoSplit>>, part: Part) -> impl IntoView {
    let name = match part {
        Part::InUse => "in_use",
        Part::Reclaimable => "reclaimable",
        Part::Free => "legend_free",
        Part::HeldBack => "held_back",
        Part::Available => "legend_available",
    };
    view! {
        <div class="entry">
            <dt><span class=format!("swatch {}", class(part)) aria-hidden="true"></span>{part.label()}</dt>
            <dd class="value"><Amount bytes=Signal::derive(move || bytes(split, part)) name/></dd>
            <dd class="sentence">{part.sentence()}</dd>
        </div>
    }
}

/// Free and available side by side, and why they differ.
#[component]
pub(crate) fn Difference(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let get = move |field: Field| Signal::derive(move || readout.read().sample.get(field));
    let sentence = text(move || match &readout.read().split {
        Ok(split) => free_and_available(split),
        Err(reason) => format!("Why they differ cannot be said: {reason}."),
    });
    view! {
        <section class="difference panel" aria-label="Free and available">
            <h2>"Free versus available"</h2>
            <div class="pair">
                <p><span class="label">"free"</span><Amount bytes=get(Field::Free) name="free"/></p>
                <p class="good"><span class="label">"available"</span><Amount bytes=get(Field::Available) name="available_again"/></p>
            </div>
            <p class="sentence" data-name="why">{sentence}</p>
        </section>
    }
}
