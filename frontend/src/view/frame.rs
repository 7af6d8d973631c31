//! What charts over time have in common: their axis, the pointer on it, the moment that is shown, and the
//! way to another.

use std::cell::Cell;
use std::rc::Rc;

use leptos::web_sys::{Element, HtmlCanvasElement};
use shared::units::{fixed, span};

use super::dom::{find, style};
use super::gesture::{Act, add_gestures};
use super::paint::density;
use crate::store::{Store, zone_ms};
use crate::time::calendar::marks;
use crate::time::span_words;
use shared::chart::scale::Axis;
use shared::chart::timeline::Period;

/// Pixels that a word under a chart takes.
const WORD_PX: f64 = 88.0;

/// A chart's frame. Clones are of the same.
#[derive(Clone)]
pub(super) struct Frame {
    store: Store,
    /// Where the pointer is.
    line: Element,
    /// The moment that is shown.
    moment: Element,
    /// What is being picked.
    picked: Element,
    axis: Rc<Cell<Option<Axis>>>,
}

/// What stands under a chart so many pixels wide, whose newest point is of `newest_ms`.
pub(super) fn period(store: Store, newest_ms: Option<u64>, width: f64) -> Period {
    let time = store.time();
    if time.is_plain() {
        return newest_ms.map_or_else(Period::default, |at| Period::last_minutes(at, width));
    }
    let (from_ms, to_ms) = store.range();
    let most = (width / WORD_PX) as usize;
    let marks = marks(from_ms, to_ms, zone_ms(to_ms), most);
    let events = store.events();
    let shown = store.shown_untracked();
    let is_of =
        |event: &&shared::history::Event| event.node.as_ref().is_none_or(|node| shown.is_of(node));
    let events = events.iter().filter(is_of).map(|event| event.at_ms).collect();
    Period { end_ms: to_ms, span_ms: to_ms - from_ms, marks, events }
}

impl Frame {
    /// The frame of the chart within `root`.
    pub(super) fn of(root: &Element, store: Store) -> Self {
        let part = |name| find(root, name);
        let (line, moment, picked) = (part("cursor"), part("then"), part("picked"));
        Self { store, line, moment, picked, axis: Rc::default() }
    }

    /// Tells `point` where the pointer is over the plot, in device pixels. A tap goes to that time, and
    /// what it is dragged over becomes the range.
    pub(super) fn follow_pointer(
        self,
        canvas: &HtmlCanvasElement,
        point: impl Fn(Option<f64>) + 'static,
    ) {
        let (store, axis) = (self.store, self.axis.clone());
        let time = move |x: f64| axis.get().map_or(0, |axis| axis.time(x * density()));
        let timed = time.clone();
        add_gestures(canvas, store, true, timed, move |act| match act {
            Act::Over(x) => point(Some(x * density())),
            Act::Left => {
                self.pick(None);
                point(None);
            }
            Act::Drag(from, to) => self.pick(Some((from, to))),
            Act::Drop(from, to) => {
                self.pick(None);
                let (one, other) = (time(from), time(to));
                if store.keeps_history() && self.axis.get().is_some() {
                    let range = (one.min(other), one.max(other));
                    store.travel(store.time().between(range.0, range.1, store.live_ms()));
                }
            }
            Act::Tap(x) => self.go(time(x)),
        });
    }

    /// Looks at another moment.
    pub(super) fn go(&self, at_ms: u64) {
        if self.store.keeps_history() && self.axis.get().is_some() {
            self.store.travel(self.store.time().at(at_ms, self.store.live_ms()));
        }
    }

    /// Takes over where the axis is.
    pub(super) fn show(&self, axis: Option<Axis>) {
        self.axis.set(axis);
        let at_ms = self.store.time().at_ms;
        style(&self.moment, "left", &self.left(at_ms));
    }

    /// Puts the line at a time.
    pub(super) fn point(&self, at_ms: Option<u64>) {
        style(&self.line, "left", &self.left(at_ms));
    }

    fn left(&self, at_ms: Option<u64>) -> String {
        let at = at_ms.zip(self.axis.get()).map(|(at_ms, axis)| (axis.x(at_ms), axis));
        let within = at.filter(|(x, axis)| (axis.left - 1.0..=axis.right + 1.0).contains(x));
        within.map_or("-10px".into(), |(x, _)| fixed(x / density(), 1) + "px")
    }

    fn pick(&self, range: Option<(f64, f64)>) {
        let (left, width) = range.map_or((-10.0, 0.0), |(a, b)| (a.min(b), (a - b).abs()));
        style(&self.picked, "left", &(fixed(left, 1) + "px"));
        style(&self.picked, "width", &(fixed(width, 1) + "px"));
    }

    /// When something was, in words.
    pub(super) fn when(&self, at_ms: u64) -> String {
        let time = self.store.time();
        if time.is_plain() {
            let end_ms = self.axis.get().map_or(at_ms, |axis| axis.end_ms);
            return [&span(end_ms.saturating_sub(at_ms) / 1000), " ago"].concat();
        }
        self.store.moment(at_ms)
    }

    /// What the chart is of.
    pub(super) fn title(&self) -> String {
        let time = self.store.time();
        let (from_ms, to_ms) = self.store.range();
        match (time.is_plain(), time.to_ms) {
            (true, _) => "The last five minutes".into(),
            (false, None) => ["The last ", &span_words(time.span_ms)].concat(),
            (false, Some(_)) => {
                [&self.store.moment(from_ms), " to ", &self.store.moment(to_ms)].concat()
            }
        }
    }
}
