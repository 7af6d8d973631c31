//! Pointers on what shows time: dragged, pinched, turned wheels.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, Event, PointerEvent, WheelEvent};

use super::dom::on;
use crate::store::Store;

/// A pointer that moved less than this was not dragged, in pixels.
const STILL_PX: f64 = 6.0;
/// One notch of a wheel zooms by so much.
const NOTCH: f64 = 0.25;
/// A wheel tells so many pixels for a notch.
const NOTCH_PX: f64 = 100.0;

/// What a pointer does.
pub(super) enum Act {
    /// It is there, and nothing is pressed.
    Over(f64),
    /// It left.
    Left,
    /// It is pressed at the first place, and is now at the second.
    Drag(f64, f64),
    /// It was let go at the second.
    Drop(f64, f64),
    /// It was pressed and let go at one place.
    Tap(f64),
}

struct Hand {
    store: Store,
    element: Element,
    /// Where a pointer was pressed, and whether it has been dragged.
    pressed: Cell<Option<(f64, bool)>>,
    /// Pointers that are down, and where.
    down: RefCell<Vec<(i32, f64)>>,
    /// The range when two pointers came down, as they lay then.
    pinched: Cell<Option<f64>>,
    time: Box<dyn Fn(f64) -> u64>,
    act: Box<dyn Fn(Act)>,
}

/// Follows pointers on `element`: places are in pixels from its left edge, `time` tells which time is
/// there. Two pointers zoom, and so does the wheel; on what a page is scrolled past only with the focus,
/// or with the key that zooms elsewhere.
pub(super) fn add_gestures(
    element: &Element,
    store: Store,
    is_passed: bool,
    time: impl Fn(f64) -> u64 + 'static,
    act: impl Fn(Act) + 'static,
) {
    let hand = Rc::new(Hand {
        store,
        element: element.clone(),
        pressed: Cell::new(None),
        down: RefCell::default(),
        pinched: Cell::new(None),
        time: Box::new(time),
        act: Box::new(act),
    });
    for kind in ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"] {
        let hand = hand.clone();
        on(element, kind, move |event| hand.point(kind, &event));
    }
    on(element, "wheel", move |event| hand.turn(is_passed, &event));
}

impl Hand {
    fn x(&self, client: i32) -> f64 {
        f64::from(client) - self.element.get_bounding_client_rect().left()
    }

    fn point(&self, kind: &str, event: &Event) {
        let Some(event) = event.dyn_ref::<PointerEvent>() else { return };
        let (id, x) = (event.pointer_id(), self.x(event.client_x()));
        let mut down = self.down.borrow_mut();
        if kind == "pointerdown" {
            // It is followed beyond the edges too; where that fails it ends there.
            self.element.set_pointer_capture(id).ok();
            down.push((id, x));
            self.pressed.set((down.len() == 1).then_some((x, false)));
            self.pinched.set(None);
            if event.pointer_type() != "mouse" {
                drop(down);
                (self.act)(Act::Over(x));
            }
            return;
        }
        if let Some(place) = down.iter_mut().find(|(other, _)| *other == id) {
            place.1 = x;
        }
        let is_end = kind != "pointermove";
        if let [(_, one), (_, other)] = down[..] {
            if is_end {
                down.clear();
                self.pressed.set(None);
                return;
            }
            drop(down);
            return self.pinch(one, other);
        }
        if is_end {
            down.retain(|(other, _)| *other != id);
        }
        drop(down);
        let pressed = self.pressed.get();
        match (kind, pressed) {
            ("pointermove", None) => (self.act)(Act::Over(x)),
            ("pointermove", Some((from, was_dragged))) => {
                let is_dragged = was_dragged || (x - from).abs() >= STILL_PX;
                self.pressed.set(Some((from, is_dragged)));
                if is_dragged {
                    (self.act)(Act::Drag(from, x));
                }
            }
            ("pointerup", Some((from, is_dragged))) => {
                self.pressed.set(None);
                (self.act)(if is_dragged { Act::Drop(from, x) } else { Act::Tap(x) });
            }
            _ => {
                self.pressed.set(None);
                (self.act)(Act::Left);
            }
        }
    }

    fn pinch(&self, one: f64, other: f64) {
        let apart = (one - other).abs().max(20.0);
        let before = self.pinched.replace(Some(apart)).unwrap_or(apart);
        self.zoom(before / apart, f64::midpoint(one, other));
    }

    fn zoom(&self, factor: f64, x: f64) {
        let (store, pivot) = (self.store, (self.time)(x));
        if factor.is_finite() && store.keeps_history() {
            store.travel(store.time().zoomed(factor, Some(pivot), store.live_ms()));
        }
    }

    fn turn(&self, is_passed: bool, event: &Event) {
        let Some(wheel) = event.dyn_ref::<WheelEvent>() else { return };
        let is_meant = !is_passed
            || wheel.ctrl_key()
            || wheel.meta_key()
            || self.element.matches(":focus").unwrap_or(false);
        if !is_meant || !self.store.keeps_history() {
            return;
        }
        event.prevent_default();
        let (along, across) = (wheel.delta_x(), wheel.delta_y());
        if along.abs() > across.abs() {
            let width = self.element.get_bounding_client_rect().width().max(1.0);
            let store = self.store;
            store.travel(store.time().panned(-along / width, store.live_ms()));
        } else {
            self.zoom(notches(across / NOTCH_PX), self.x(wheel.client_x()));
        }
    }
}

/// By what so many notches of a wheel zoom: as far in as out.
fn notches(count: f64) -> f64 {
    let by = 1.0 + NOTCH * count.abs().min(8.0);
    if count < 0.0 { 1.0 / by } else { by }
}
