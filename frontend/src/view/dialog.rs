//! Dialogs: what is in them is loaded when they are first opened.

use std::cell::Cell;
use std::rc::Rc;

use leptos::prelude::Owner;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlDialogElement};

use super::dom::{add_late, find, focus};
use crate::access::Call;
use crate::store::{Parts, Store};

/// What fills a dialog.
type Fill = fn(&Parts) -> fn(&HtmlDialogElement, Store);

/// A dialog.
#[derive(Clone)]
pub(crate) struct Dialog {
    element: HtmlDialogElement,
    store: Store,
    fill: Fill,
    is_filled: Rc<Cell<bool>>,
    /// What it is part of: not the event that opens it.
    owner: Option<Owner>,
}

impl Dialog {
    /// The dialog that is named `name`.
    pub(crate) fn of(page: &Element, store: Store, name: &str, fill: Fill) -> Self {
        let element = find(page, name).unchecked_into();
        Self { element, store, fill, is_filled: Rc::default(), owner: Owner::current() }
    }

    /// Opens it.
    pub(crate) fn open(&self) {
        if self.element.open() {
            return;
        }
        if !self.is_filled.replace(true) {
            let (dialog, store, fill) = (self.element.clone(), self.store, self.fill);
            let work = move || {
                let element = dialog.clone();
                add_late(&element, store, move |_, parts| fill(parts)(&dialog, store));
            };
            match &self.owner {
                Some(owner) => owner.with(work),
                None => work(),
            }
        }
        // It can only fail on a dialog that is open.
        self.element.show_modal().ok();
    }

    /// Opens the one that adds a node.
    pub(crate) fn open_adding(&self) {
        let desk = self.store.desk();
        desk.ask(Call::Session);
        if desk.session().is_some_and(|session| session.may_write) {
            desk.ask(Call::Tokens);
        }
        self.open();
        focus(&find(&self.element, "add-name"));
    }
}
