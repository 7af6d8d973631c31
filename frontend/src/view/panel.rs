//! Panels that open on request.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::wasm_bindgen::closure::Closure;
use leptos::web_sys::Element;

use super::dom::{add, add_text, set};

/// A panel with a title and a line that says what is in it.
#[derive(Clone)]
pub(crate) struct Panel {
    /// The line beside the title.
    pub(crate) gist: Element,
    /// What is shown when it is open.
    pub(crate) body: Element,
    /// Whether it is.
    pub(crate) opened: RwSignal<bool>,
}

impl Panel {
    /// A closed panel as the last child of `parent`, named for tests and scripts.
    pub(crate) fn add(parent: &Element, name: &str, title: &str) -> Option<Self> {
        let details = add(parent, "details", "panel more-of")?;
        set(&details, "data-name", name);
        let summary = add(&details, "summary", "")?;
        add_text(&summary, "h2", "", title)?;
        let opened = RwSignal::new(false);
        let panel =
            Self { gist: add(&summary, "span", "gist")?, body: add(&details, "div", "")?, opened };
        let watched = details.clone();
        let toggled: Box<dyn Fn()> = Box::new(move || opened.set(watched.has_attribute("open")));
        let toggled = Closure::wrap(toggled);
        details
            .add_event_listener_with_callback("toggle", toggled.as_ref().unchecked_ref())
            .ok()?;
        // It lives as long as the view that it is part of.
        StoredValue::new_local(toggled);
        Some(panel)
    }
}
