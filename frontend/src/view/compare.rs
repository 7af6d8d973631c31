//! Some nodes side by side, on one time axis and one scale.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, Event, HtmlCanvasElement, KeyboardEvent, PointerEvent};
use shared::NodeId;
use shared::units::{fixed, human, percent, span};
use shared::window::SPAN_MS;

use super::canvas::Canvas;
use super::dom::{add, add_text, find, follow, on, put, set, show, stamp, style};
use super::fleet::add_share;
use super::paint::{density, fit, token};
use super::timeline::palette;
use crate::chart::compare::{Line, draw};
use crate::chart::scale::Axis;
use crate::route::{Place, Route};
use crate::store::Store;

/// A step of the cursor by keys, in ms.
const STEP_MS: u64 = 1000;

struct Compare {
    store: Store,
    ids: Vec<NodeId>,
    /// What each node had at the time that is looked at.
    values: Vec<Element>,
    canvas: HtmlCanvasElement,
    line: Element,
    told: Element,
    lines: RefCell<Vec<Line>>,
    axis: Cell<Option<Axis>>,
    /// When is looked at, by the head's clock, in ms.
    cursor: Cell<Option<u64>>,
}

/// Shows these nodes within `place`.
pub(crate) fn add_compare(place: &Element, store: Store, ids: Vec<NodeId>) {
    let root = stamp("t-compare");
    let names = find(&root, "names");
    let mut values = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        values.push(add_name(&names, store, index, id));
    }
    add_share(&root, store);
    set(&find(&root, "up"), "href", &store.home().address());
    put(place, &root);
    let canvas: HtmlCanvasElement = find(&root, "canvas").unchecked_into();
    let compare = Rc::new(Compare {
        store,
        ids,
        values,
        line: find(&root, "cursor"),
        told: find(&root, "told"),
        lines: RefCell::default(),
        axis: Cell::new(None),
        cursor: Cell::new(None),
        canvas: canvas.clone(),
    });
    let painted = compare.clone();
    follow(move || {
        store.beat();
        store.resized();
        if !store.is_frozen() || painted.axis.get().is_none() {
            painted.paint();
        }
        painted.tell();
    });
    for kind in ["pointermove", "pointerdown"] {
        let compare = compare.clone();
        on(&canvas, kind, move |event| compare.point(&event));
    }
    let left = compare.clone();
    on(&canvas, "pointerleave", move |_| left.put(None));
    on(&canvas, "keydown", move |event| compare.press(&event));
}

/// An entry of the legend; gives the place for the node's value.
fn add_name(list: &Element, store: Store, index: usize, id: &NodeId) -> Element {
    let item = add(list, "li", "");
    let swatch = add(&item, "i", "swatch");
    style(&swatch, "background", &color_name(index));
    let link = add(&item, "a", "here");
    let place = Place::Node(id.as_str().into());
    set(&link, "href", &Route { place, ..Route::default() }.address());
    let name = add(&link, "bdi", "");
    let row = store.row_of(id);
    show(&name, row.as_ref().map_or(id.as_str(), |row| row.name()));
    if row.is_none() {
        add_text(&item, "span", "sentence", "not known here");
    }
    add(&item, "span", "at")
}

fn color_name(index: usize) -> String {
    ["var(--line-", &(index + 1).to_string(), ")"].concat()
}

impl Compare {
    fn paint(&self) {
        let by_share = self.store.route().by_share;
        let mut lines = Vec::new();
        let mut most = if by_share { 1000 } else { 0 };
        for (index, id) in self.ids.iter().enumerate() {
            let row = self.store.row_of(id);
            let total = row.as_ref().and_then(|row| Some(row.brief?.total_kib * 1024));
            if !by_share {
                most = most.max(total.unwrap_or(0));
            }
            let period_ms = row.map_or(1000, |row| u64::from(row.period_ms.max(1000)));
            let values = self.store.values(id, by_share);
            let color = token(&["--line-", &(index + 1).to_string()].concat());
            // What is known only in brief has one value in five seconds.
            let is_open = self.store.node(id).is_some();
            let longest_ms = if is_open { 3 * period_ms } else { 3 * period_ms.max(5000) };
            lines.push(Line::of(values, longest_ms, color));
        }
        let (size, density) = (fit(&self.canvas), density());
        if let Some(mut surface) = Canvas::of(&self.canvas) {
            let scale = (self.store.head_ms(), most, by_share);
            self.axis.set(Some(draw(&mut surface, size, &lines, &palette(), density, scale)));
        }
        self.lines.replace(lines);
    }

    fn put(&self, cursor: Option<u64>) {
        self.cursor.set(cursor);
        self.tell();
    }

    fn point(&self, event: &Event) {
        let Some(event) = event.dyn_ref::<PointerEvent>() else { return };
        let Some(axis) = self.axis.get() else { return };
        let x = f64::from(event.offset_x()) * density();
        let age = (axis.right - x) / (axis.right - axis.left) * SPAN_MS as f64;
        let is_within = (0.0..=SPAN_MS as f64).contains(&age);
        self.put(is_within.then(|| axis.end_ms.saturating_sub(age as u64)));
    }

    fn press(&self, event: &Event) {
        let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
        let Some(axis) = self.axis.get() else { return };
        let at_ms = self.cursor.get().unwrap_or(axis.end_ms);
        let leap = if key.shift_key() { 10 * STEP_MS } else { STEP_MS };
        let next = match key.key().as_str() {
            "ArrowLeft" => at_ms.saturating_sub(leap).max(axis.end_ms.saturating_sub(SPAN_MS)),
            "ArrowRight" => (at_ms + leap).min(axis.end_ms),
            "Escape" if self.cursor.get().is_some() => {
                event.prevent_default();
                return self.put(None);
            }
            _ => return,
        };
        event.prevent_default();
        self.put(Some(next));
    }

    /// Puts the line where the cursor is, and says what each node had then, or has now.
    fn tell(&self) {
        let Some(axis) = self.axis.get() else { return };
        let x = self.cursor.get().map(|at_ms| axis.x(at_ms) / density());
        style(&self.line, "left", &x.map_or("-10px".into(), |x| fixed(x, 1) + "px"));
        let at_ms = self.cursor.get().unwrap_or(axis.end_ms);
        let by_share = self.store.route().by_share;
        for (place, line) in self.values.iter().zip(self.lines.borrow().iter()) {
            let value = line.near(at_ms).map_or("—".into(), |value| {
                if by_share { percent(value as f64 / 1000.0) } else { human(value) }
            });
            show(place, &value);
        }
        let when = match self.cursor.get() {
            None => "Now. Point at a time, or use the arrow keys.".into(),
            Some(at_ms) => [&span(axis.end_ms.saturating_sub(at_ms) / 1000), " ago"].concat(),
        };
        show(&self.told, &when);
    }
}
