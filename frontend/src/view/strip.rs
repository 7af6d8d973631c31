//! What goes wrong at present, in one line below the header: only while something does.

use std::cell::RefCell;

use leptos::web_sys::Element;
use shared::alert::Incident;
use shared::survey::Severity;
use shared::units::span;

use super::dom::{dress, find, follow, show};
use crate::store::{Shown, Store};

/// Fills the line, and says of new incidents, and of those only, to those who do not see it.
pub(crate) fn add_strip(page: &Element, store: Store) {
    let part = |name| find(page, name);
    let (strip, spoken) = (part("strip"), part("spoken-incident"));
    let (count, title, when) = (part("strip-count"), part("strip-title"), part("strip-when"));
    // The newest that was said; `None` before anything is known.
    let said: RefCell<Option<u64>> = RefCell::default();
    follow(move || {
        let open = store.open_incidents();
        let newest = open.iter().map(|incident| incident.id).max().unwrap_or(0);
        if store.knows_incidents()
            && said.replace(Some(newest)).is_some_and(|old| newest > old)
            && let Some(incident) = open.iter().find(|incident| incident.id == newest)
        {
            show(&spoken, &["New incident: ", &incident.title].concat());
        }
        store.beat();
        let is_there = matches!(store.shown(), Shown::Incidents | Shown::Door | Shown::Skeleton);
        let worst = open.iter().map(|incident| incident.severity).min();
        let Some(worst) = worst.filter(|_| !is_there) else { return dress(&strip, "gone") };
        dress(&strip, ["strip here ", severity_class(worst)].concat().as_str());
        show(&count, &[&open.len().to_string(), " open"].concat());
        let Some(newest) = open.iter().find(|incident| incident.id == newest) else { return };
        show(&title, &newest.title);
        show(&when, &lasting(newest, store.live_ms()));
    });
}

/// The class of a severity.
pub(crate) fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Trouble => "wrong",
        Severity::Warning => "strained",
        Severity::Note => "noted",
    }
}

/// `for 12 min`.
pub(crate) fn lasting(incident: &Incident, now_ms: u64) -> String {
    let end_ms = incident.over_ms.unwrap_or(now_ms);
    ["for ", &span(end_ms.saturating_sub(incident.since_ms) / 1000)].concat()
}
