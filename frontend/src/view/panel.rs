//! Panels that open on request.

use std::cell::Cell;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::web_sys::Element;

use super::dom::{find, on};

/// A panel with a title and a line that says what is in it.
pub(crate) struct Panel {
    /// The line beside the title.
    pub(crate) gist: Element,
    /// What is shown when it is open.
    pub(crate) body: Element,
    opened: Rc<Cell<bool>>,
    toggled: RwSignal<()>,
}

impl Panel {
    /// The panel that is named `name` within `root`.
    pub(crate) fn of(root: &Element, name: &str) -> Self {
        let details = find(root, name);
        let (opened, toggled) = (Rc::new(Cell::new(false)), RwSignal::new(()));
        let (watched, is_open) = (details.clone(), opened.clone());
        on(&details, "toggle", move |_| {
            is_open.set(watched.has_attribute("open"));
            toggled.notify();
        });
        let (gist, body) = (find(&details, "gist"), find(&details, "body"));
        Self { gist, body, opened, toggled }
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        self.toggled.track();
        self.opened.get()
    }
}
