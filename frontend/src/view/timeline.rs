//! A node's memory over time, with a cursor for pointer and keys.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, Event, HtmlCanvasElement, KeyboardEvent};
use shared::units::human;

use super::canvas::Canvas as Surface;
use super::dom::{find, follow, on, set, show};
use super::frame::{Frame, period};
use super::paint::{density, fit, token};
use crate::store::{Node, Store};
use shared::chart::scale::{Axis, Point, step};
use shared::chart::timeline::{Palette, draw};

/// What was drawn last: what the pointer is over.
#[derive(Default)]
struct Drawn {
    runs: Vec<Vec<Point>>,
    axis: Option<Axis>,
}

/// A timeline, and what was asked of it.
struct Plot {
    store: Store,
    node: Node,
    canvas: HtmlCanvasElement,
    frame: Frame,
    title: Element,
    told: Element,
    drawn: RefCell<Drawn>,
    cursor: Cell<Option<Point>>,
}

/// Shows a node's memory in the range that is looked at.
pub(crate) fn add_timeline(root: &Element, store: Store, node: &Node) {
    let canvas: HtmlCanvasElement = find(root, "canvas").unchecked_into();
    let plot = Rc::new(Plot {
        store,
        node: node.clone(),
        frame: Frame::of(root, store),
        title: find(root, "timeline-title"),
        told: find(root, "told"),
        drawn: RefCell::default(),
        cursor: Cell::new(None),
        canvas: canvas.clone(),
    });
    let (over, painted) = (plot.clone(), plot.clone());
    plot.frame.clone().follow_pointer(&canvas, move |x| over.point(x));
    follow(move || {
        store.moved();
        painted.node.read();
        store.resized();
        painted.paint();
        painted.tell();
    });
    on(&canvas, "keydown", move |event| plot.step(&event));
}

impl Plot {
    /// Draws at the density of the screen. A canvas that cannot be drawn on stays empty.
    fn paint(&self) {
        let (size, density) = (fit(&self.canvas), density());
        self.store.charted_width(size.0 / density);
        let runs = self.store.runs(&self.node);
        let newest = runs.last().and_then(|run| run.last()).map(|point| point.at_ms);
        let period = period(self.store, newest, size.0 / density);
        let axis = Surface::of(&self.canvas)
            .and_then(|mut surface| draw(&mut surface, size, &runs, &period, &palette(), density));
        self.frame.show(axis);
        // What is drawn can be told without looking at it.
        let bands = runs.iter().flatten().filter_map(|point| Some(point.band?.0));
        let least = bands.min().map_or_else(String::new, |least| least.to_string());
        set(&self.canvas, "data-least", &least);
        self.drawn.replace(Drawn { runs, axis });
        show(&self.title, &self.frame.title());
    }

    fn put(&self, cursor: Option<Point>) {
        self.cursor.set(cursor);
        self.tell();
    }

    fn point(&self, x: Option<f64>) {
        let near = {
            let drawn = self.drawn.borrow();
            x.zip(drawn.axis).and_then(|(x, axis)| axis.nearest(&drawn.runs, x))
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
            "Enter" => {
                if let Some(point) = self.cursor.get() {
                    self.frame.go(point.at_ms);
                }
                return;
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
        let at = self.cursor.get();
        // The line moves on with the time under it.
        self.frame.point(at.map(|point| point.at_ms));
        let part = self.node.part();
        let Some(point) = at else {
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
        let least = point.band.map_or_else(String::new, |(least, most)| {
            [" (", &human(least), " to ", &human(most), ")"].concat()
        });
        let told = format!(
            "{}: {} available{}{least}, {} in use, {} cache, {} free{part}",
            self.frame.when(point.at_ms),
            human(split.available),
            if estimated { " (estimated)" } else { "" },
            human(split.in_use),
            human(split.reclaimable),
            human(split.free)
        );
        show(&self.told, &told);
    }
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
