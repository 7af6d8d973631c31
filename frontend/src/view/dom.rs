//! Elements made by hand: from the templates of the page where they stand still, one by one where they
//! come and go. A component for each would make the page larger and slower than it is worth. Texts are
//! always set as text, never parsed.

use std::cell::{Cell, RefCell};

use leptos::prelude::*;
use leptos::wasm_bindgen::closure::Closure;
use leptos::wasm_bindgen::{JsCast, JsValue};
use leptos::web_sys::{Element, Event, EventTarget, HtmlElement, HtmlTemplateElement};

use crate::store::{Late, Parts, Store};

/// An element that is in no page. It stands in for what is missing in a template: then only that is
/// not shown, and no other code has to deal with it.
fn nowhere() -> Element {
    // It fails only for names that are none.
    document().create_element("i").unwrap_or_else(|_| JsValue::UNDEFINED.unchecked_into())
}

/// A copy of what is in the template with this id.
pub(crate) fn stamp(template: &str) -> Element {
    let template = document().get_element_by_id(template);
    let content = template.and_then(|template| {
        template.unchecked_into::<HtmlTemplateElement>().content().first_element_child()
    });
    let copy = content.and_then(|content| content.clone_node_with_deep(true).ok());
    copy.map_or_else(nowhere, JsCast::unchecked_into)
}

/// The element within `root` that is named `name`.
pub(crate) fn find(root: &Element, name: &str) -> Element {
    let found = root.query_selector(&["[data-name=\"", name, "\"]"].concat());
    found.ok().flatten().unwrap_or_else(nowhere)
}

/// Every element within `root` that `selector` selects.
pub(crate) fn all(root: &Element, selector: &str) -> Vec<Element> {
    let Ok(list) = root.query_selector_all(selector) else { return Vec::new() };
    (0..list.length()).filter_map(|index| list.item(index)?.dyn_into().ok()).collect()
}

/// A new last child of `parent`.
pub(crate) fn add(parent: &Element, tag: &str, class: &str) -> Element {
    let child = document().create_element(tag).unwrap_or_else(|_| nowhere());
    if !class.is_empty() {
        set(&child, "class", class);
    }
    put(parent, &child);
    child
}

/// Makes `child` the last child of `parent`.
pub(crate) fn put(parent: &Element, child: &Element) {
    parent.append_child(child).ok();
}

/// The same with a text.
pub(crate) fn add_text(parent: &Element, tag: &str, class: &str, text: &str) -> Element {
    let child = add(parent, tag, class);
    child.set_text_content(Some(text));
    child
}

/// Sets an attribute. It fails only for names that are none.
pub(crate) fn set(element: &Element, name: &str, value: &str) {
    element.set_attribute(name, value).ok();
}

/// What an attribute says; nothing if it is not there.
pub(crate) fn get(element: &Element, name: &str) -> String {
    element.get_attribute(name).unwrap_or_default()
}

/// Sets the text of an element, unless that is its text already.
pub(crate) fn show(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Sets the classes of an element, unless it has them already.
pub(crate) fn dress(element: &Element, class: &str) {
    if element.class_name() != class {
        element.set_class_name(class);
    }
}

/// Shows or hides an element.
pub(crate) fn reveal(element: &Element, is_shown: bool) {
    element.class_list().toggle_with_force("gone", !is_shown).ok();
}

/// Sets a property of an element's own style.
pub(crate) fn style(element: &Element, property: &str, value: &str) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        element.style().set_property(property, value).ok();
    }
}

/// Gives an element its share of its parent's width.
pub(crate) fn widen(element: &Element, share: f64) {
    style(element, "width", &(shared::units::fixed(share * 100.0, 3) + "%"));
}

/// A place whose text, classes and width are remembered: what stays the same costs nothing, not even a
/// look at the page.
pub(crate) struct Spot {
    element: Element,
    text: RefCell<String>,
    class: Cell<&'static str>,
    /// In thousandths.
    share: Cell<i32>,
}

impl Spot {
    /// A new place, of which nothing is remembered yet.
    pub(crate) fn at(element: Element) -> Self {
        let (text, share) = (RefCell::default(), Cell::new(-1));
        Self { element, text, class: Cell::new("?"), share }
    }

    /// Sets its text.
    pub(crate) fn show(&self, text: &str) {
        if *self.text.borrow() != text {
            self.element.set_text_content(Some(text));
            self.text.replace(text.into());
        }
    }

    /// Sets its classes.
    pub(crate) fn dress(&self, class: &'static str) {
        if self.class.replace(class) != class {
            self.element.set_class_name(class);
        }
    }

    /// Gives it its share of its parent's width, to the thousandth.
    pub(crate) fn widen(&self, share: f64) {
        let share = (share * 1000.0).round() as i32;
        if self.share.replace(share) != share {
            widen(&self.element, f64::from(share) / 1000.0);
        }
    }
}

/// Moves the focus to an element.
pub(crate) fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        element.focus().ok();
    }
}

/// Runs `work` now, and again whenever a signal that it read has changed. One type for all of them
/// keeps the page small.
pub(crate) fn follow(work: impl Fn() + 'static) {
    follow_boxed(Box::new(work));
}

fn follow_boxed(work: Box<dyn Fn()>) {
    Effect::new(move |_| work());
}

/// What is done when it is dropped.
struct End(Option<Box<dyn FnOnce()>>);

impl Drop for End {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            work();
        }
    }
}

/// Runs `work` when the view ends that this is part of.
pub(crate) fn at_end(work: impl FnOnce() + 'static) {
    StoredValue::new_local(End(Some(Box::new(work))));
}

/// Runs `work` on each event of this kind, for as long as the view lives that this is part of.
pub(crate) fn on(
    target: impl AsRef<EventTarget>,
    kind: &'static str,
    work: impl Fn(Event) + 'static,
) {
    on_boxed(target.as_ref().clone(), kind, Box::new(work));
}

fn on_boxed(target: EventTarget, kind: &'static str, work: Box<dyn Fn(Event)>) {
    let work = Closure::wrap(work);
    target.add_event_listener_with_callback(kind, work.as_ref().unchecked_ref()).ok();
    at_end(move || {
        target.remove_event_listener_with_callback(kind, work.as_ref().unchecked_ref()).ok();
    });
}

/// What a `<meta>` of the page says; nothing if it is not there.
pub(crate) fn meta(name: &str) -> String {
    let found = document().query_selector(&["meta[name=", name, "]"].concat());
    found.ok().flatten().map_or_else(String::new, |meta| get(&meta, "content"))
}

/// Adds templates to the page: a text of our own, and the only one that is parsed.
pub(crate) fn attach(templates: &str) {
    if let Some(page) = document().body() {
        page.insert_adjacent_html("beforeend", templates).ok();
    }
}

/// Adds a style sheet to the page, once.
pub(crate) fn attach_styles(path: &str) {
    let Some(head) = document().head() else { return };
    if all(&head, &["link[href=\"", path, "\"]"].concat()).is_empty() {
        let link = add(&head, "link", "");
        set(&link, "rel", "stylesheet");
        set(&link, "href", path);
    }
}

/// Fills `place` with what `work` makes of the late part once that is here; until then it shows that
/// something is to come, and if it cannot be had, what to do.
pub(crate) fn add_late(
    place: &Element,
    store: Store,
    work: impl Fn(&Element, &'static Parts) + 'static,
) {
    add_late_boxed(place.clone(), store, Box::new(work));
}

type Work = Box<dyn Fn(&Element, &'static Parts)>;

fn add_late_boxed(place: Element, store: Store, work: Work) {
    store.want_late();
    follow(move || {
        let late = store.late();
        place.set_text_content(None);
        untrack(|| match late {
            Late::Here(parts) => work(&place, parts),
            Late::Absent | Late::Coming => put(&place, &stamp("t-late")),
            Late::Failed => {
                let failed = stamp("t-no-late");
                put(&place, &failed);
                on(find(&failed, "again"), "click", move |_| store.want_late());
                on(find(&failed, "reload"), "click", |_| reload());
            }
        });
    });
}

/// Loads the page anew.
pub(crate) fn reload() {
    // A page that cannot be reloaded stays as it is.
    window().location().reload().ok();
}

/// The nearest element around what an event happened to that `selector` selects.
pub(crate) fn around(event: &Event, selector: &str) -> Option<Element> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    target.closest(selector).ok()?
}

/// A table whose rows come and go.
pub(crate) struct Table {
    element: Element,
    labels: Vec<String>,
    body: Element,
}

impl Table {
    /// The table that is named `name` within `root`; its head is there already.
    pub(crate) fn of(root: &Element, name: &str) -> Self {
        let element = find(root, name);
        let labels = all(&element, "th").iter().filter_map(|label| label.text_content()).collect();
        Self { labels, body: add(&element, "tbody", ""), element }
    }

    /// Shows `rows`: elements that are there are used again, so that nothing moves but what changed.
    pub(crate) fn show(&self, rows: &[Vec<String>]) {
        dress(&self.element, if rows.is_empty() { "gone" } else { "grid" });
        let there = self.body.children();
        for (index, cells) in rows.iter().enumerate() {
            let row = match there.item(index as u32) {
                Some(row) => row,
                None => self.add_row(),
            };
            let places = row.children();
            for (column, text) in cells.iter().enumerate() {
                if let Some(place) = places.item(column as u32) {
                    show(&place, text);
                }
            }
        }
        while let Some(spare) = there.item(rows.len() as u32) {
            spare.remove();
        }
    }

    fn add_row(&self) -> Element {
        let row = add(&self.body, "tr", "row");
        for (column, label) in self.labels.iter().enumerate() {
            if column == 0 {
                set(&add(&row, "th", ""), "scope", "row");
            } else {
                set(&add(&row, "td", ""), "data-label", label);
            }
        }
        row
    }
}
