//! Where memory is: the bar of its parts, the bracket under it, what the parts are, and free beside
//! available.

use leptos::prelude::*;
use shared::Field;
use shared::breakdown::{Breakdown as Parts, Outcome, Part};
use shared::explain::{free_and_available, halves, inexact, not_itemised};
use shared::memory::Split;
use shared::units::{exact, human};

use super::amount::{Amount, text};
use crate::state::Readout;
use crate::store::NodeSignal;

/// Total memory in exact parts, under it what can be had, and what the parts are.
#[component]
pub(crate) fn Breakdown(
    /// The node.
    node: NodeSignal,
) -> impl IntoView {
    let readout = node.readout;
    let breakdown = Memo::new(move |_| readout.read().breakdown.clone());
    let split = Memo::new(move |_| readout.read().split);
    let is_told = move || !matches!(breakdown.read().outcome, Outcome::NotItemisable(_));
    let told = text(move || if is_told() { "drawn" } else { "gone" }.into());
    let bracket = text(move || if split.read().is_ok() { "bracket" } else { "gone" }.into());
    let sentence = |sentence: Option<String>| sentence.unwrap_or_default();
    let reason = text(move || sentence(inexact(&breakdown.read().outcome)));
    let halves = text(move || split.read().as_ref().map_or_else(|_| String::new(), halves));
    let inside = text(move || sentence(not_itemised(&readout.read().sample, &breakdown.read())));
    view! {
        <p class="no-split" data-name="no-split">{reason}</p>
        <div class=told>
            <div class="bars" aria-hidden="true">
                <div class="bar" data-name="bar">
                    {Part::ALL.iter().map(|&part| view! { <Piece class=part.class() share=Signal::derive(move || share(&breakdown.read(), part))/> }).collect_view()}
                </div>
                <div class=bracket data-name="bracket">
                    {[("in-use", Split::used_share as fn(&Split) -> f64), ("held-back", Split::held_back_share), ("available", Split::available_share)]
                        .map(|(class, of)| view! { <Piece class share=Signal::derive(move || split.read().as_ref().map_or(0.0, of))/> }).collect_view()}
                </div>
            </div>
            <p class="halves" data-name="halves">{halves}</p>
            <ul class="parts" aria-label="The parts of memory">
                {Part::ALL.iter().map(|&part| view! { <Entry node breakdown part/> }).collect_view()}
            </ul>
            <p class="sentence" data-name="inside">{inside}</p>
        </div>
    }
}

fn share(breakdown: &Parts, part: Part) -> f64 {
    let total: u64 = breakdown.iter().map(|(_, bytes)| bytes).sum();
    breakdown.get(part).unwrap_or(0) as f64 / total.max(1) as f64
}

/// A piece of a bar, as wide as its share of total.
#[component]
fn Piece(class: &'static str, share: Signal<f64>) -> impl IntoView {
    let width = text(move || format!("{:.3}%", share.get() * 100.0));
    view! { <span class=class style:width=width></span> }
}

/// A line of the legend. Pressed, it tells what the part is and shows it over time.
#[component]
fn Entry(node: NodeSignal, breakdown: Memo<Parts>, part: Part) -> impl IntoView {
    let bytes = move || breakdown.read().get(part);
    let is_chosen = move || node.part.get() == Some(part);
    let class = text(move || {
        let state = if bytes().unwrap_or(0) == 0 {
            "gone"
        } else if is_chosen() {
            "entry chosen"
        } else {
            "entry"
        };
        state.into()
    });
    let amount = text(move || bytes().map_or_else(String::new, human));
    let exactly = text(move || bytes().map_or_else(String::new, exact));
    let value = text(move || bytes().map_or_else(String::new, |bytes| bytes.to_string()));
    let about = format!("about-{}", part.id());
    view! {
        <li class=class>
            <button type="button" aria-describedby=about.clone()
                aria-pressed=text(move || is_chosen().to_string())
                on:click=move |_| node.part.update(|chosen| {
                    *chosen = if *chosen == Some(part) { None } else { Some(part) };
                })>
                <span class=format!("swatch {}", part.class()) aria-hidden="true"></span>
                <span class="label">{part.label()}</span>
                <span class="given">{part.given().words()}</span>
                <data class="value" data-name=part.id() value=value>{amount}</data>
            </button>
            <p class="about" id=about>{part.sentence()}" "<span class="from">{exactly}" = "{part.formula()}</span></p>
        </li>
    }
}

/// Free and available side by side, and why they differ.
#[component]
pub(crate) fn Difference(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let get = move |field: Field| Signal::derive(move || readout.read().sample.get(field));
    let available = Signal::derive(move || Some(readout.read().available.ok()?.bytes));
    let from_available = const { Field::Available.origin() }.to_string();
    let sentence = text(move || match &readout.read().split {
        Ok(split) => free_and_available(split),
        Err(reason) => format!("Why they differ cannot be said: {reason}."),
    });
    view! {
        <section class="difference panel" aria-label="Free and available">
            <h2>"Free versus available"</h2>
            <div class="pair">
                <p><span class="label">"free"</span><Amount bytes=get(Field::Free) name="free" from=const { Field::Free.origin() }.to_string()/></p>
                <p class="good"><span class="label">"available"</span><Amount bytes=available name="available_again" from=from_available/></p>
            </div>
            <p class="sentence" data-name="why">{sentence}</p>
        </section>
    }
}
