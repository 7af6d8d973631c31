//! Some nodes side by side, on one time axis and one scale.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, Event, HtmlCanvasElement, KeyboardEvent};
use shared::NodeId;
use shared::units::{human, percent};

use super::canvas::Canvas;
use super::dom::{add, add_text, find, follow, on, put, set, show, stamp, style};
use super::fleet::add_share;
use super::frame::{Frame, period};
use super::paint::{density, fit, token};
use super::timeline::palette;
use crate::route::{Place, Route};
use crate::store::Store;
use shared::chart::compare::{Line, draw};
use shared::chart::scale::Axis;

struct Compare {
    store: Store,
    ids: Vec<NodeId>,
    /// What each node had at the time that is looked at.
    values: Vec<Element>,
    canvas: HtmlCanvasElement,
    frame: Frame,
    title: Element,
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
        frame: Frame::of(&root, store),
        title: find(&root, "compare-title"),
        told: find(&root, "told"),
        lines: RefCell::default(),
        axis: Cell::new(None),
        cursor: Cell::new(None),
        canvas: canvas.clone(),
    });
    let painted = compare.clone();
    follow(move || {
        store.beat();
        store.moved();
        store.resized();
        if !store.is_frozen() || painted.axis.get().is_none() {
            painted.paint();
        }
        painted.tell();
    });
    let over = compare.clone();
    compare.frame.clone().follow_pointer(&canvas, move |x| over.point(x));
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
    if row.is_none() && !store.is_past() {
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
            let width_ms = self.store.charted_width(f64::from(self.canvas.client_width()));
            let values = self.store.values(id, by_share);
            let color = token(&["--line-", &(index + 1).to_string()].concat());
            // What is known only in brief has one value in five seconds.
            let is_full = width_ms > 0 || self.store.node(id).is_some();
            let longest_ms = 3 * if is_full { period_ms } else { period_ms.max(5000) };
            let longest_ms = longest_ms.max(width_ms * 3 / 2);
            lines.push(Line::of(values, longest_ms, color));
        }
        let known = lines.iter().flat_map(|line| &line.runs).flatten();
        most =
            most.max(known.map(|value| value.2.map_or(value.1, |band| band.1)).max().unwrap_or(0));
        let (size, density) = (fit(&self.canvas), density());
        let period = period(self.store, Some(self.store.head_ms()), size.0 / density);
        if let Some(mut surface) = Canvas::of(&self.canvas) {
            let scale = (most, by_share);
            let axis = draw(&mut surface, size, &lines, &palette(), density, &period, scale);
            self.axis.set(Some(axis));
            self.frame.show(Some(axis));
        }
        self.lines.replace(lines);
        show(&self.title, &["Available: ", &self.frame.title()].concat());
    }

    fn put(&self, cursor: Option<u64>) {
        self.cursor.set(cursor);
        self.tell();
    }

    fn point(&self, x: Option<f64>) {
        let at = x.zip(self.axis.get());
        let within = at.filter(|(x, axis)| (axis.left..=axis.right).contains(x));
        self.put(within.map(|(x, axis)| axis.time(x)));
    }

    fn press(&self, event: &Event) {
        let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
        let Some(axis) = self.axis.get() else { return };
        let at_ms = self.cursor.get().or(self.store.time().at_ms).unwrap_or(axis.end_ms);
        // A second of the last five minutes, and as little to see of any other range.
        let step_ms = axis.span_ms / 300;
        let leap = if key.shift_key() { 10 * step_ms } else { step_ms };
        let next = match key.key().as_str() {
            "ArrowLeft" => at_ms.saturating_sub(leap).max(axis.end_ms.saturating_sub(axis.span_ms)),
            "ArrowRight" => (at_ms + leap).min(axis.end_ms),
            "Enter" => {
                if let Some(at_ms) = self.cursor.get() {
                    self.frame.go(at_ms);
                }
                return;
            }
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
        self.frame.point(self.cursor.get());
        let moment_ms = self.store.time().at_ms;
        let at_ms = self.cursor.get().or(moment_ms).unwrap_or(axis.end_ms);
        let near_ms = (axis.span_ms / 60).max(5000);
        let by_share = self.store.route().by_share;
        for (place, line) in self.values.iter().zip(self.lines.borrow().iter()) {
            let value = line.near(at_ms, near_ms).map_or("—".into(), |value| {
                if by_share { percent(value as f64 / 1000.0) } else { human(value) }
            });
            show(place, &value);
        }
        let when = match self.cursor.get() {
            None => {
                let now = moment_ms.map_or("Now".into(), |at_ms| self.store.moment(at_ms));
                [&now, ". Point at a time, or use the arrow keys; enter goes there."].concat()
            }
            Some(at_ms) => self.frame.when(at_ms),
        };
        show(&self.told, &when);
    }
}
