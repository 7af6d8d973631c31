//! The way in: a form to sign in with.

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlInputElement};

use super::dom::{find, focus, follow, on, put, show, stamp};
use crate::access::Call;
use crate::store::Store;

/// Shows it within `place`.
pub(crate) fn add_door(place: &Element, store: Store) {
    let root = stamp("t-door");
    put(place, &root);
    let form = find(&root, "door-form");
    let password: HtmlInputElement = find(&root, "password").unchecked_into();
    let (why, error) = (find(&root, "door-why"), find(&root, "door-error"));
    let typed = password.clone();
    on(&form, "submit", move |event| {
        event.prevent_default();
        store.desk().ask(Call::SignIn(typed.value()));
        typed.set_value("");
    });
    focus(&password);
    follow(move || {
        show(&error, &store.desk().refusal());
        if store.desk().session().is_some_and(|session| !session.has_password) {
            show(
                &why,
                "This head shows its cluster to nobody from afar yet: set a password on it with \
                 headroom password.",
            );
        }
    });
}
