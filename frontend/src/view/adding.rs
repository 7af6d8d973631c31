//! A dialog that adds a node: a name, a line to run there, and word of its arrival.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlDialogElement, HtmlInputElement};
use shared::node::Condition;

use super::dom::{
    add, add_text, around, find, focus, follow, get, on, put, reveal, set, show, stamp,
};
use crate::access::Call;
use crate::store::Store;

/// Brings the dialog to life.
pub(crate) fn add_adding(dialog: &HtmlDialogElement, store: Store) {
    put(dialog, &stamp("t-adding"));
    let part = |name| find(dialog, name);
    let desk = store.desk();
    let name: HtmlInputElement = part("add-name").unchecked_into();
    let (setup, line) = (part("setup-line"), part("line"));
    // The node that is waited for.
    let waited: Rc<RefCell<String>> = Rc::default();
    let (typed, asked) = (name.clone(), waited.clone());
    on(part("add-form"), "submit", move |event| {
        event.prevent_default();
        asked.replace(typed.value());
        desk.ask(Call::Create(typed.value()));
    });
    let copies = [(part("copy-setup"), &setup), (part("copy"), &line)];
    for (button, line) in copies.clone() {
        add_copy(button, line.clone());
    }
    let copies = copies.map(|(button, _)| button);
    on(dialog, "close", move |_| desk.forget_lines());
    let (shown, error) = (part("add-line"), part("add-error"));
    let (sign_in, closed) = (part("sign-in"), dialog.clone());
    on(&sign_in, "click", move |_| {
        closed.close();
        store.sign_in();
    });
    let form = part("add-form");
    follow(move || {
        let made = desk.lines();
        let lines = made.clone().and_then(Result::ok).unwrap_or_default();
        let is_none = lines.agent.is_empty();
        reveal(&shown, !is_none);
        reveal(&form, is_none);
        show(&setup, &lines.setup);
        show(&line, &lines.agent);
        show(&error, &made.and_then(Result::err).unwrap_or_default());
        if is_none {
            for copy in &copies {
                show(copy, "Copy");
            }
            name.set_value("");
        }
    });
    let joining = part("joining");
    follow(move || {
        store.beat();
        let name = waited.borrow();
        let row = store.rows(|rows| {
            rows.iter().find(|row| row.id.as_str() == *name).map(|row| {
                let (condition, _) = row.condition(store.head_ms());
                (row.name().to_owned(), condition == Condition::Live && row.brief.is_some())
            })
        });
        let text = match row {
            Some((host, true)) => [&name, " has joined", &also(&name, &host)].concat(),
            _ => ["Waiting for ", &name, "…"].concat(),
        };
        show(&joining, &text);
    });
    let (may, may_not, how) = (part("may-add"), part("may-not-add"), part("add-how"));
    let tokens = part("tokens");
    follow(move || {
        let session = desk.session();
        let may_write = session.as_ref().is_some_and(|session| session.may_write);
        reveal(&may, may_write);
        reveal(&may_not, !may_write);
        let has_password = session.is_some_and(|session| session.has_password);
        show(
            &how,
            if has_password {
                "Only who signed in may add a node here. On the head itself, this makes the line \
                 for a node:"
            } else {
                "Run this on the head, with the name of the node. It prints the line to run there:"
            },
        );
        reveal(&sign_in, has_password && !may_write);
        reveal(&tokens, may_write && !desk.tokens().is_empty());
    });
    add_tokens(&part("token-list"), store);
    focus(&part("add-name"));
}

/// Has `button` copy `line`.
fn add_copy(button: Element, line: Element) {
    on(button.clone(), "click", move |_| {
        let text = line.text_content().unwrap_or_default();
        // Where there is no clipboard, as over plain HTTP, the line is there to be selected.
        if let Some(selection) = window().get_selection().ok().flatten() {
            selection.select_all_children(&line).ok();
        }
        if window().is_secure_context() {
            drop(window().navigator().clipboard().write_text(&text));
            show(&button, "Copied");
        } else {
            show(&button, "Selected: copy it by hand");
        }
    });
}

/// What else the machine calls itself.
fn also(name: &str, host: &str) -> String {
    if name == host { ".".into() } else { [" as \u{2068}", host, "\u{2069}."].concat() }
}

/// The list of tokens, each with a way to take it back.
fn add_tokens(list: &Element, store: Store) {
    let desk = store.desk();
    on(list, "click", move |event| {
        let Some(button) = around(&event, "button") else { return };
        // Taken back at the second press.
        if get(&button, "data-sure").is_empty() {
            set(&button, "data-sure", "yes");
            show(&button, "Really revoke?");
        } else {
            desk.ask(Call::Revoke(get(&button, "data-token")));
        }
    });
    let (list, shown) = (list.clone(), RefCell::new(Vec::new()));
    follow(move || {
        let tokens = desk.tokens();
        if *shown.borrow() == tokens {
            return;
        }
        list.set_text_content(None);
        for token in &tokens {
            let item = add(&list, "li", "");
            add_text(&item, "span", "", &token.name);
            let state = if token.is_bound { "in use" } else { "not used yet" };
            add_text(&item, "span", "sentence", state);
            let button = add_text(&item, "button", "quiet", "Revoke");
            set(&button, "type", "button");
            set(&button, "data-token", &token.name);
        }
        shown.replace(tokens);
    });
}
