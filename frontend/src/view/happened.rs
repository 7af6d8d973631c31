//! What happened in the range, how far history reaches, and how it fares.

use std::cell::RefCell;

use leptos::web_sys::HtmlDialogElement;
use shared::history::Event;
use shared::units::human;

use super::dom::{around, dress, find, follow, get, on, put, reveal, set, show, stamp};
use crate::store::Store;
use crate::time::marks::is_wrong;
use crate::time::step::words;

/// Events that are listed at most.
const MOST: usize = 200;

/// Fills the dialog of what happened, and of how far history reaches.
pub(crate) fn add_happened(dialog: &HtmlDialogElement, store: Store) {
    put(dialog, &stamp("t-history"));
    let part = |name| find(dialog, name);
    let (outlook, reach, kept) = (part("outlook"), part("reach"), part("kept"));
    let (trouble, list, none) = (part("history-trouble"), part("events"), part("no-events"));
    let shown: RefCell<Vec<Event>> = RefCell::default();
    let closed = dialog.clone();
    on(&list, "click", move |event| {
        let at_ms =
            around(&event, "button").and_then(|button| get(&button, "data-at").parse().ok());
        if let Some(at_ms) = at_ms {
            closed.close();
            store.travel(store.time().at(at_ms, store.live_ms()));
        }
    });
    follow(move || {
        store.moved();
        let Some(history) = store.history() else { return };
        let why = match (&history.trouble, history.is_kept) {
            (Some(why), _) => ["The view is live, but nothing is being kept: ", why].concat(),
            (None, false) => "This head keeps no history: give it a place for its data.".into(),
            _ => String::new(),
        };
        show(&trouble, &why);
        show(&outlook, &history.outlook);
        let reaches = history.tiers.iter().filter_map(|tier| {
            Some([words(tier.tier), " since ", &store.moment(tier.from_ms?)].concat())
        });
        show(&reach, &reaches.collect::<Vec<_>>().join(" · "));
        let written = history.committed_ms.map_or("not yet".into(), |at_ms| store.moment(at_ms));
        let size = [
            &human(history.bytes),
            " of at most ",
            &human(history.max_bytes),
            "; last written: ",
            &written,
        ];
        show(&kept, &if history.is_kept { size.concat() } else { String::new() });
        let (from_ms, to_ms) = store.range();
        let events = store.events();
        let within: Vec<_> = events
            .iter()
            .rev()
            .filter(|it| (from_ms..=to_ms).contains(&it.at_ms))
            .take(MOST)
            .cloned()
            .collect();
        reveal(&none, within.is_empty() && history.is_kept);
        if *shown.borrow() == within {
            return;
        }
        list.set_text_content(None);
        for event in &within {
            let item = stamp("t-event");
            put(&list, &item);
            let button = find(&item, "event");
            set(&button, "data-at", &event.at_ms.to_string());
            let is_wrong = is_wrong(event.kind);
            dress(&find(&item, "event-mark"), if is_wrong { "wrong" } else { "" });
            show(&find(&item, "event-when"), &store.moment(event.at_ms));
            show(&find(&item, "event-text"), &event.text);
        }
        shown.replace(within);
    });
}
