//! The last five minutes, with a cursor for pointer and keys.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, Event, HtmlCanvasElement, KeyboardEvent, PointerEvent};
use shared::units::{fixed, human, span};

use super::canvas::Canvas as Surface;
use super::dom::{find, follow, on, show, style};
use super::paint::{density, fit, token};
use crate::chart::scale::{Axis, Point, step};
use crate::chart::timeline::{Palette, draw};
use crate::store::{Node, Store};

/// What was drawn last: what the pointer is over.
#[derive(Default)]
struct Drawn {
    runs: Vec<Vec<Point>>,
    axis: Option<Axis>,
    density: f64,
}

/// A timeline, and what was asked of it.
struct Plot {
    node: Node,
    canvas: HtmlCanvasElement,
    line: Element,
    told: Element,
    drawn: RefCell<Drawn>,
    cursor: Cell<Option<Point>>,
}

/// Shows a node's last five minutes.
pub(crate) fn add_timeline(root: &Element, store: Store, node: &Node) {
    let canvas: HtmlCanvasElement = find(root, "canvas").unchecked_into();
    let plot = Rc::new(Plot {
        node: node.clone(),
        line: find(root, "cursor"),
        told: find(root, "told"),
        drawn: RefCell::default(),
        cursor: Cell::new(None),
        canvas: canvas.clone(),
    });
    let painted = plot.clone();
    follow(move || {
        painted.node.read();
        store.resized();
        painted.drawn.replace(paint(&painted.canvas, store.runs(&painted.node)));
        painted.tell();
    });
    for kind in ["pointermove", "pointerdown"] {
        let plot = plot.clone();
        on(&canvas, kind, move |event| plot.point(&event));
    }
    let left = plot.clone();
    on(&canvas, "pointerleave", move |_| left.put(None));
    on(&canvas, "keydown", move |event| plot.step(&event));
}

impl Plot {
    fn put(&self, cursor: Option<Point>) {
        self.cursor.set(cursor);
        self.tell();
    }

    fn point(&self, event: &Event) {
        let Some(event) = event.dyn_ref::<PointerEvent>() else { return };
        let near = {
            let drawn = self.drawn.borrow();
            let x = f64::from(event.offset_x()) * drawn.density;
            drawn.axis.and_then(|axis| axis.nearest(&drawn.runs, x))
        };
        self.put(near);
    }

    fn step(&self, event: &Event) {
        let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
        let steps = match event.key().as_str() {
            "ArrowLeft" => -1,
            "ArrowRight" => 1,
            "Escape" if self.cursor.get().is_some() => {
                event.stop_propagation();
                return self.put(None);
            }
            _ => return,
        };
        event.prevent_default();
        let from = self.cursor.get().map_or(u64::MAX, |point| point.at_ms);
        let next = step(&self.drawn.borrow().runs, from, steps);
        self.put(next);
    }

    /// Puts the line where the cursor is, and says what was then.
    fn tell(&self) {
        let drawn = self.drawn.borrow();
        let at = self.cursor.get().zip(drawn.axis);
        // The line moves on with the time under it.
        let x = at.map(|(point, axis)| axis.x(point.at_ms) / drawn.density);
        style(&self.line, "left", &x.map_or("-10px".into(), |x| fixed(x, 1) + "px"));
        let part = self.node.part();
        let Some((point, axis)) = at else {
            return show(
                &self.told,
                if part.is_none() {
                    "What lies above the green line could be had at that time."
                } else {
                    "The plain line is the part that is looked at, the green one the border of what \
                     could be had."
                },
            );
        };
        let split = point.split;
        let part = part.zip(point.part).map_or_else(String::new, |(part, bytes)| {
            format!(", {}: {}", part.label(), human(bytes))
        });
        let readout = self.node.read_untracked();
        let estimated = readout.available.as_ref().is_ok_and(|found| found.source.is_estimated());
        let told = format!(
            "{} ago: {} available{}, {} in use, {} cache, {} free{part}",
            span(axis.end_ms.saturating_sub(point.at_ms) / 1000),
            human(split.available),
            if estimated { " (estimated)" } else { "" },
            human(split.in_use),
            human(split.reclaimable),
            human(split.free)
        );
        show(&self.told, &told);
    }
}

/// Draws at the density of the screen. A canvas that cannot be drawn on stays empty.
fn paint(canvas: &HtmlCanvasElement, runs: Vec<Vec<Point>>) -> Drawn {
    let (size, density) = (fit(canvas), density());
    let axis = Surface::of(canvas)
        .and_then(|mut surface| draw(&mut surface, size, &runs, &palette(), density));
    Drawn { runs, axis, density }
}

/// The theme's colours for a timeline.
pub(super) fn palette() -> Palette {
    Palette {
        used: token("--c-used"),
        cache: token("--c-cache"),
        available: token("--c-available"),
        ground: token("--panel"),
        grid: token("--line"),
        text: token("--muted"),
        part: token("--text"),
    }
}
