//! From view to view: each has an address.

use leptos::prelude::*;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use leptos::web_sys::{Event, KeyboardEvent, MouseEvent};

use super::dom::{around, get, set};
use crate::route::{Place, Route};
use crate::store::Store;

/// Where the browser is.
pub(crate) fn here() -> Route {
    let location = location();
    let path = location.pathname().unwrap_or_default();
    Route::parse(&path, &location.search().unwrap_or_default())
}

/// Goes somewhere, at the same time; the way back leads here.
pub(crate) fn go(store: Store, mut route: Route) {
    note_address(store);
    route.time = store.time();
    let address = route.address();
    if let Ok(history) = window().history() {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address)).ok();
    }
    store.turn(route);
    window().scroll_to_with_x_and_y(0.0, 0.0);
}

/// Gives the time that is looked at its address; the way back leads to the one before.
pub(crate) fn note_address(store: Store) {
    let address = untrack(|| store.route()).address();
    if here().address() == address {
        return;
    }
    if let Ok(history) = window().history() {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address)).ok();
    }
}

/// Has a link lead to the same time that is looked at here, before it is followed.
pub(crate) fn date_link(store: Store, event: &Event) {
    if let Some(link) = around(event, "a.here") {
        let mut route = route_of(&get(&link, "href"));
        route.time = store.time();
        set(&link, "href", &route.address());
    }
}

fn route_of(address: &str) -> Route {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    Route::parse(path, query)
}

/// Looks at the same place differently; the way back leads to where it would have led before.
pub(crate) fn adjust(store: Store, change: impl FnOnce(&mut Route)) {
    let mut route = store.route();
    change(&mut route);
    if let Ok(history) = window().history() {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&route.address())).ok();
    }
    store.turn(route);
}

/// Back to the cluster, as it was last looked at.
pub(crate) fn go_home(store: Store) {
    if store.route().place != Place::Overview {
        go(store, store.home());
    }
}

/// Follows links to places of the page without loading it anew, as long as no new tab is asked for.
pub(crate) fn follow_link(store: Store, event: &Event) {
    let Some(mouse) = event.dyn_ref::<MouseEvent>() else { return };
    let is_plain = mouse.button() == 0
        && !(mouse.ctrl_key() || mouse.meta_key() || mouse.shift_key() || mouse.alt_key());
    let Some(link) = around(event, "a.here").filter(|_| is_plain) else { return };
    event.prevent_default();
    go(store, route_of(&get(&link, "href")));
}

/// The key of an event that is meant for the page: not for a field that is typed into, nor for the
/// browser.
pub(crate) fn key_of(event: &Event) -> Option<String> {
    let key = event.dyn_ref::<KeyboardEvent>()?;
    let is_elsewhere = key.ctrl_key()
        || key.meta_key()
        || key.alt_key()
        || event.default_prevented()
        || around(event, "input:not([type=checkbox]), select, dialog").is_some();
    (!is_elsewhere).then(|| key.key())
}

/// Whether the key belongs to something that it works already: a button, a link, a box to tick.
pub(crate) fn is_on_control(event: &Event) -> bool {
    around(event, "button, a, summary, input, [role=application]").is_some()
}
