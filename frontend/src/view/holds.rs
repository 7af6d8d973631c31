//! What is held for jobs, with a way to release it.

use std::cell::RefCell;

use leptos::web_sys::Element;
use shared::fit::Hold;
use shared::units::{human, span};
use shared::wire::value_from_postcard;

use super::dom::{around, find, follow, get, on, put, reveal, set, show, stamp};
use crate::access::Topic;
use crate::store::Store;

/// Holds are asked for anew after so long, in ms.
const AGAIN_MS: u64 = 15_000;

/// Asks what is held.
pub(super) fn ask_holds(store: Store) {
    store.ask_for(Topic::Holds, "/api/v1/holds");
}

/// Fills the list of holds.
pub(super) fn add_holds(root: &Element, store: Store) {
    let (section, list) = (find(root, "holding"), find(root, "holds"));
    on(&list, "click", move |event| {
        if let Some(button) = around(&event, "button") {
            let path = ["/api/v1/holds/", &get(&button, "data-hold")].concat();
            store.say(Topic::Hold, "DELETE", &path, None);
        }
    });
    let asked: RefCell<u64> = RefCell::new(0);
    follow(move || {
        store.beat();
        let now_ms = store.live_ms();
        if now_ms >= *asked.borrow() + AGAIN_MS {
            asked.replace(now_ms);
            ask_holds(store);
        }
    });
    let shown: RefCell<Vec<(Hold, Element)>> = RefCell::default();
    follow(move || {
        store.beat();
        let told = store.told(Topic::Holds);
        let holds: Vec<Hold> = match told.as_deref() {
            Some(Ok(bytes)) => value_from_postcard(bytes).unwrap_or_default(),
            _ => Vec::new(),
        };
        let now_ms = store.live_ms();
        let may = store.desk().session().is_some_and(|session| session.may_write);
        reveal(&section, !holds.is_empty());
        let is_same = {
            let shown = shown.borrow();
            shown.len() == holds.len() && shown.iter().zip(&holds).all(|(old, new)| old.0 == *new)
        };
        if !is_same {
            list.set_text_content(None);
            let items = holds.into_iter().map(|hold| {
                let item = item_of(&hold);
                put(&list, &item);
                (hold, item)
            });
            let items = items.collect();
            shown.replace(items);
        }
        for (hold, item) in &*shown.borrow() {
            let left = span(hold.until_ms.saturating_sub(now_ms) / 1000);
            show(&find(item, "hold-left"), &["for ", &left, " more"].concat());
            reveal(&find(item, "release"), may);
        }
    });
}

fn item_of(hold: &Hold) -> Element {
    let item = stamp("t-hold");
    let note = if hold.note.is_empty() { "a job" } else { &hold.note };
    show(&find(&item, "hold-what"), note);
    let places: Vec<_> = hold
        .places
        .iter()
        .map(|(node, copies)| {
            [&copies.to_string(), " × ", &human(hold.size), " on ", node.as_str()].concat()
        })
        .collect();
    show(&find(&item, "hold-places"), &places.join(", "));
    let release = find(&item, "release");
    set(&release, "data-hold", &hold.id);
    set(&release, "aria-label", &["Release what is held for ", note].concat());
    item
}
