//! Elements made by hand, for lists and tables: a component for each cell would make the page larger
//! and slower than the tables are worth. Texts are always set as text, never parsed.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlElement};

/// A new last child of `parent`.
pub(crate) fn add(parent: &Element, tag: &str, class: &str) -> Option<Element> {
    let child = document().create_element(tag).ok()?;
    set(&child, "class", class);
    parent.append_child(&child).ok()?;
    Some(child)
}

/// The same with a text.
pub(crate) fn add_text(parent: &Element, tag: &str, class: &str, text: &str) -> Option<Element> {
    let child = add(parent, tag, class)?;
    child.set_text_content(Some(text));
    Some(child)
}

/// Sets an attribute. It fails only for names that are none.
pub(crate) fn set(element: &Element, name: &str, value: &str) {
    element.set_attribute(name, value).ok();
}

/// Sets the text of an element, unless that is its text already.
pub(crate) fn show(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Gives an element its share of its parent's width.
pub(crate) fn widen(element: &Element, share: f64) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let percent = shared::units::fixed(share * 100.0, 3) + "%";
        element.style().set_property("width", &percent).ok();
    }
}

/// Runs `work` now, and again whenever a signal that it read has changed. One type for all of them
/// keeps the page small.
pub(crate) fn follow(work: impl Fn() + 'static) {
    let work: Box<dyn Fn()> = Box::new(work);
    Effect::new(move |_| work());
}

/// A heading, and where the numbers under it come from.
pub(crate) type Heading = (&'static str, &'static str);

/// A table whose rows come and go.
pub(crate) struct Table {
    element: Element,
    head: &'static [Heading],
    body: Element,
}

impl Table {
    /// An empty table as the last child of `parent`; `name` is for tests and for those who cannot see
    /// it.
    pub(crate) fn add(parent: &Element, name: &str, head: &'static [Heading]) -> Option<Self> {
        let table = add(parent, "table", "gone")?;
        set(&table, "data-name", name);
        set(&table, "aria-label", name);
        let row = add(&add(&table, "thead", "")?, "tr", "")?;
        for (label, origin) in head {
            let heading = add(&row, "th", "")?;
            set(&heading, "scope", "col");
            let label = add_text(&heading, "span", "amount", label)?;
            set(&label, "data-exact", origin);
            set(&label, "tabindex", if origin.is_empty() { "-1" } else { "0" });
        }
        Some(Self { head, body: add(&table, "tbody", "")?, element: table })
    }

    /// Shows `rows`: elements that are there are used again, so that nothing moves but what changed.
    pub(crate) fn show(&self, rows: &[Vec<String>]) -> Option<()> {
        set(&self.element, "class", if rows.is_empty() { "gone" } else { "grid" });
        let there = self.body.children();
        for (index, cells) in rows.iter().enumerate() {
            let row = match there.item(index as u32) {
                Some(row) => row,
                None => self.add_row()?,
            };
            let places = row.children();
            for (column, text) in cells.iter().enumerate() {
                show(&places.item(column as u32)?, text);
            }
        }
        while let Some(spare) = there.item(rows.len() as u32) {
            spare.remove();
        }
        Some(())
    }

    fn add_row(&self) -> Option<Element> {
        let row = add(&self.body, "tr", "row")?;
        for (column, (label, _)) in self.head.iter().enumerate() {
            let cell = add(&row, if column == 0 { "th" } else { "td" }, "")?;
            set(
                &cell,
                if column == 0 { "scope" } else { "data-label" },
                if column == 0 { "row" } else { label },
            );
        }
        Some(row)
    }
}
