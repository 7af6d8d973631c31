//! Where memory is: the bar of its parts, the bracket under it, what the parts are, and free beside
//! available.

use leptos::html::Div;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::Element;
use shared::Field;
use shared::breakdown::Part;
use shared::explain::{free_and_available, halves, inexact, not_itemised};
use shared::memory::Split;
use shared::units::{exact, human};

use super::amount::{Amount, text};
use super::dom::{add, add_text, follow, set, show, widen};
use crate::state::Readout;
use crate::store::NodeSignal;

/// Total memory in exact parts, under it what can be had, and what the parts are.
#[component]
pub(crate) fn Breakdown(
    /// The node.
    node: NodeSignal,
) -> impl IntoView {
    let place = NodeRef::<Div>::new();
    place.on_load(move |place| {
        add_breakdown(&place, node);
    });
    let press = move |event: leptos::ev::MouseEvent| {
        let pressed = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let entry = pressed.and_then(|pressed| pressed.closest("button").ok().flatten());
        let id = entry.and_then(|entry| entry.get_attribute("data-part"));
        if let Some(&part) = Part::ALL.iter().find(|part| id.as_deref() == Some(part.id())) {
            let is_chosen = node.part.get_untracked() == Some(part);
            node.part.set(if is_chosen { None } else { Some(part) });
        }
    };
    view! { <div node_ref=place on:click=press></div> }
}

/// A part as it is shown.
struct Entry {
    part: Part,
    piece: Element,
    line: Element,
    button: Element,
    amount: Element,
    exactly: Element,
}

impl Entry {
    /// A line of the legend. Pressed, it tells what the part is and shows it over time.
    fn add(bar: &Element, list: &Element, node: u32, part: Part) -> Option<Self> {
        let about = format!("about-{node}-{}", part.id());
        let piece = add(bar, "span", part.class())?;
        let line = add(list, "li", "entry")?;
        let button = add(&line, "button", "")?;
        for (name, value) in
            [("type", "button"), ("data-part", part.id()), ("aria-describedby", &about)]
        {
            set(&button, name, value);
        }
        add(&button, "span", &format!("swatch {}", part.class()))?;
        add_text(&button, "span", "label", part.label())?;
        add_text(&button, "span", "given", part.given().words())?;
        let amount = add(&button, "data", "value")?;
        set(&amount, "data-name", part.id());
        let text = add_text(&line, "p", "about", part.sentence())?;
        set(&text, "id", &about);
        let from = add(&text, "span", "from")?;
        let exactly = add(&from, "span", "")?;
        add_text(&from, "span", "", &format!(" = {}", part.formula()))?;
        Some(Self { part, piece, line, button, amount, exactly })
    }

    fn show(&self, bytes: u64, total: u64, is_chosen: bool) {
        widen(&self.piece, bytes as f64 / total.max(1) as f64);
        let class = match (bytes, is_chosen) {
            (0, _) => "gone",
            (_, true) => "entry chosen",
            (_, false) => "entry",
        };
        set(&self.line, "class", class);
        set(&self.button, "aria-pressed", if is_chosen { "true" } else { "false" });
        set(&self.amount, "value", &bytes.to_string());
        show(&self.amount, &human(bytes));
        show(&self.exactly, &exact(bytes));
    }
}

fn add_breakdown(place: &Element, node: NodeSignal) -> Option<()> {
    let named = |parent: &Element, tag: &str, class: &str, name: &str| {
        let child = add(parent, tag, class)?;
        set(&child, "data-name", name);
        Some(child)
    };
    let reason = named(place, "p", "no-split", "no-split")?;
    let told = add(place, "div", "")?;
    let bars = add(&told, "div", "bars")?;
    set(&bars, "aria-hidden", "true");
    let bar = named(&bars, "div", "bar", "bar")?;
    let bracket = named(&bars, "div", "bracket", "bracket")?;
    let used = add(&bracket, "span", "in-use")?;
    let held_back = add(&bracket, "span", "held-back")?;
    let available = add(&bracket, "span", "available")?;
    let between = named(&told, "p", "halves amount", "halves")?;
    set(&between, "tabindex", "0");
    set(
        &between,
        "data-exact",
        "Really used = MemTotal − MemFree − Active(file) − Inactive(file) − KReclaimable. Held back = \
         MemFree + Active(file) + Inactive(file) + KReclaimable − MemAvailable.",
    );
    let list = add(&told, "ul", "parts")?;
    set(&list, "aria-label", "The parts of memory");
    let entries: Option<Vec<Entry>> =
        Part::ALL.iter().map(|&part| Entry::add(&bar, &list, node.number, part)).collect();
    let entries = entries?;
    let inside = named(&told, "p", "sentence", "inside")?;
    follow(move || {
        let readout = node.readout.read();
        let breakdown = &readout.breakdown;
        show(&reason, &inexact(&breakdown.outcome).unwrap_or_default());
        show(&inside, &not_itemised(&readout.sample, breakdown).unwrap_or_default());
        let is_told = breakdown.get(Part::Free).is_some();
        set(&told, "class", if is_told { "drawn" } else { "gone" });
        let total = breakdown.iter().map(|(_, bytes)| bytes).sum();
        for entry in &entries {
            let bytes = breakdown.get(entry.part).unwrap_or(0);
            entry.show(bytes, total, node.part.get() == Some(entry.part));
        }
        set(&bracket, "class", if readout.split.is_ok() { "bracket" } else { "gone" });
        show(&between, &readout.split.as_ref().map_or_else(|_| String::new(), halves));
        if let Ok(Split { total, in_use, held_back: kept, available: given, .. }) = readout.split {
            for (piece, bytes) in [(&used, in_use), (&held_back, kept), (&available, given)] {
                widen(piece, bytes as f64 / total.max(1) as f64);
            }
        }
    });
    Some(())
}

/// How the available memory of a node is known.
pub(crate) fn from(readout: RwSignal<Readout>) -> Signal<String> {
    text(move || {
        let known = readout.read().available.ok();
        known.map_or_else(String::new, |available| available.source.formula().into())
    })
}

/// Free and available side by side, and why they differ.
#[component]
pub(crate) fn Difference(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let get = move |field: Field| Signal::derive(move || readout.read().sample.get(field));
    let available = Signal::derive(move || Some(readout.read().available.ok()?.bytes));
    let name = text(move || {
        let estimated = readout.read().available.is_ok_and(|found| found.source.is_estimated());
        if estimated { "available, estimated" } else { "available" }.into()
    });
    let sentence = text(move || match &readout.read().split {
        Ok(split) => free_and_available(split),
        Err(reason) => format!("Why they differ cannot be said: {reason}."),
    });
    view! {
        <section class="difference panel" aria-label="Free and available">
            <h2>"Free versus available"</h2>
            <div class="pair">
                <p><span class="label">"free"</span><Amount bytes=get(Field::Free) name="free" from=const { Field::Free.origin() }.to_string()/></p>
                <p class="good"><span class="label">{name}</span><Amount bytes=available name="available_again" from=from(readout)/></p>
            </div>
            <p class="sentence" data-name="why">{sentence}</p>
        </section>
    }
}
