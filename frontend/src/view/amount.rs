//! Numbers of bytes that change, and texts that may be unknown.

use std::cell::Cell;

use leptos::web_sys::Element;
use shared::units::{Amount as Text, Scale, exact};

use super::dom::{add, find, get, set, show};

/// Shows bytes in the unit that fits, which a value at the border does not change each second, with
/// the exact number and its origin on hover and focus. What is unknown is a dash with its reason.
pub(crate) struct Amount {
    place: Element,
    number: Element,
    unit: Element,
    scale: Cell<Option<Scale>>,
    shown: Cell<Option<u64>>,
    is_shown: Cell<bool>,
}

impl Amount {
    /// The amount that is named `name` within `root`.
    pub(crate) fn of(root: &Element, name: &str) -> Self {
        Self::at(find(root, name))
    }

    /// The amount in a place that is made for one: a `data` element.
    pub(crate) fn at(place: Element) -> Self {
        set(&place, "class", "amount");
        set(&place, "tabindex", "0");
        let (number, unit) = (add(&place, "span", ""), add(&place, "span", "unit"));
        Self {
            place,
            number,
            unit,
            scale: Cell::new(None),
            shown: Cell::new(None),
            is_shown: Cell::new(false),
        }
    }

    /// Says where it comes from: keys, files and formula.
    pub(crate) fn from(self, origin: &str) -> Self {
        set(&self.place, "data-from", origin);
        self
    }

    /// Shows it.
    pub(crate) fn show(&self, bytes: Option<u64>) {
        if self.shown.replace(bytes) == bytes && self.is_shown.replace(true) {
            return;
        }
        let Some(bytes) = bytes else {
            show(&self.number, "—");
            show(&self.unit, "");
            set(&self.place, "value", "");
            let why = get(&self.place, "data-why");
            let why = if why.is_empty() { "This kernel does not report it" } else { &why };
            return set(&self.place, "data-exact", why);
        };
        let text = Text::of(bytes, self.scale.get());
        self.scale.set(Some(text.scale));
        show(&self.number, &text.number);
        show(&self.unit, &["\u{a0}", text.scale.name()].concat());
        set(&self.place, "value", &bytes.to_string());
        set(&self.place, "data-exact", &exact(bytes));
    }

    /// Shows it, with an origin that changes.
    pub(crate) fn show_from(&self, bytes: Option<u64>, origin: &str) {
        self.show(bytes);
        if get(&self.place, "data-from") != origin {
            set(&self.place, "data-from", origin);
        }
    }
}

/// Shows a text, or a dash; on hover and focus the place's own `data-origin`, or `data-why`.
pub(crate) fn known(place: &Element, text: Option<&str>) {
    show(place, text.unwrap_or("—"));
    let reason = get(place, if text.is_some() { "data-origin" } else { "data-why" });
    if get(place, "data-exact") != reason {
        set(place, "data-exact", &reason);
    }
}
