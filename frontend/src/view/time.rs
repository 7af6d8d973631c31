//! The time bar: which range is looked at, which moment of it, and what happened.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, Event, HtmlCanvasElement};
use shared::overview::Trace;
use shared::units::{fixed, percent, span};

use super::canvas::Canvas;
use super::dom::{add, dress, find, follow, on, reveal, set, show, style};
use super::gesture::{Act, add_gestures};
use super::go::key_of;
use super::paint::{density, fit, token};
use super::play::add_controls;
use crate::fleet::heat::{TONES, tone};
use crate::fleet::row::slots;
use crate::status::Kind;
use crate::store::{Shown, Store, zone_ms};
use crate::time::calendar::marks as axis_marks;
use crate::time::marks::{Mark, marks};
use crate::time::span_words;
use crate::time::step::{finest, words};
use shared::chart::timeline::{Align, Surface as _};

/// The strip of the rail, in pixels from its top.
const STRIP: (f64, f64) = (10.0, 32.0);
/// The pointer finds a mark within so many pixels.
const NEAR_PX: f64 = 9.0;

struct Bar {
    store: Store,
    root: Element,
    rail: Element,
    canvas: HtmlCanvasElement,
    thumb: Element,
    places: Element,
    moment: Element,
    told: Element,
    marks: RefCell<Vec<Mark>>,
    /// Where the pointer is over the rail, in pixels.
    over: Cell<Option<f64>>,
    /// The theme's tones, and its colour for words.
    ink: RefCell<(Vec<String>, String)>,
    /// When it was painted: as often as there is something to see of it.
    painted: Cell<u64>,
}

/// Brings the time bar to life.
pub(crate) fn add_time(page: &Element, store: Store) {
    let root = find(page, "time");
    let part = |name| find(&root, name);
    let bar = Rc::new(Bar {
        store,
        rail: part("rail"),
        canvas: part("rail-canvas").unchecked_into(),
        thumb: part("thumb"),
        places: part("marks"),
        moment: part("moment"),
        told: part("time-told"),
        marks: RefCell::default(),
        over: Cell::new(None),
        ink: RefCell::default(),
        painted: Cell::new(0),
        root: root.clone(),
    });
    add_controls(&root, store);
    let (timed, acted) = (bar.clone(), bar.clone());
    let time = move |x| timed.time(x);
    add_gestures(&bar.rail, store, false, time, move |act| acted.act(&act));
    let pressed = bar.clone();
    on(&bar.rail, "keydown", move |event| pressed.press(&event));
    let fresh = bar.clone();
    follow(move || {
        store.resized();
        let tones = (0..TONES).map(|tone| token(&["--heat-", &tone.to_string()].concat()));
        fresh.ink.replace((tones.collect(), token("--muted")));
        fresh.painted.set(0);
    });
    let fresh = bar.clone();
    follow(move || {
        store.moved();
        fresh.painted.set(0);
    });
    follow(move || {
        store.moved();
        store.beat();
        store.resized();
        let shown = store.shown();
        let is_absent = !matches!(shown, Shown::Fleet(_) | Shown::Node(_) | Shown::Compare(_));
        let class = if shown == Shown::Skeleton {
            "time waiting"
        } else if is_absent {
            "gone"
        } else if store.is_past() {
            "time past"
        } else {
            "time"
        };
        let opened = if bar.root.class_list().contains("open") { " open" } else { "" };
        dress(&bar.root, &[class, opened].concat());
        if !is_absent {
            bar.tell();
            let now = store.live_ms() / Trace::STEP_MS;
            if bar.painted.replace(now) != now {
                bar.paint();
            }
        }
    });
}

impl Bar {
    fn width(&self) -> f64 {
        f64::from(self.rail.client_width()).max(1.0)
    }

    fn time(&self, x: f64) -> u64 {
        let (from_ms, to_ms) = self.store.range();
        let share = (x / self.width()).clamp(0.0, 1.0);
        from_ms + (share * (to_ms - from_ms) as f64) as u64
    }

    /// The mark that is under a place, by its number.
    fn near(&self, x: f64) -> Option<Mark> {
        let width = self.width();
        let marks = self.marks.borrow();
        let apart = |mark: &&Mark| (mark.place * width - x).abs();
        let near = marks.iter().filter(|mark| apart(mark) <= NEAR_PX);
        near.min_by(|a, b| apart(a).total_cmp(&apart(b))).cloned()
    }

    fn act(&self, act: &Act) {
        let store = self.store;
        match *act {
            Act::Over(x) => self.over.set(Some(x)),
            Act::Left => self.over.set(None),
            Act::Drag(_, x) | Act::Drop(_, x) | Act::Tap(x) if store.keeps_history() => {
                self.over.set(None);
                store.play(false);
                // A tap at a mark leads to what happened.
                let event = self.near(x).filter(|_| matches!(act, Act::Tap(_)));
                let event = event.and_then(|mark| store.events().get(mark.first).cloned());
                let at_ms = event.map_or_else(|| self.time(x), |event| event.at_ms);
                let at_ms = if x >= self.width() { u64::MAX / 2 } else { at_ms };
                store.travel(store.time().at(at_ms, store.live_ms()));
                if matches!(act, Act::Tap(_)) {
                    self.over.set(self.near(x).map(|_| x));
                }
            }
            _ => {}
        }
        self.tell();
    }

    fn press(&self, event: &Event) {
        let store = self.store;
        let Some(key) = key_of(event).filter(|_| store.keeps_history()) else { return };
        let (time, live_ms) = (store.time(), store.live_ms());
        let (from_ms, to_ms) = time.range(live_ms);
        let at_ms = time.at_ms.unwrap_or(live_ms);
        let small = (time.span_ms / 200).max(1000);
        let next = match key.as_str() {
            "ArrowLeft" | "ArrowDown" => at_ms.saturating_sub(small),
            "ArrowRight" | "ArrowUp" => at_ms + small,
            "PageDown" => at_ms.saturating_sub(time.span_ms / 10),
            "PageUp" => at_ms + time.span_ms / 10,
            "Home" => from_ms,
            "End" => to_ms,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        store.travel(time.at(next, live_ms));
    }

    /// Says when is looked at, how current and how fine that is, and what the pointer is at.
    fn tell(&self) {
        let store = self.store;
        let (time, live_ms) = (store.time(), store.live_ms());
        let (from_ms, _) = time.range(live_ms);
        let state = store.status();
        let moment = match time.at_ms {
            Some(at_ms) => ["You look at the past: ", &store.moment(at_ms)].concat(),
            None if state.kind == Kind::Frozen => "Held still".into(),
            None => "Live".into(),
        };
        show(&self.moment, &moment);
        show(&self.told, &self.words());
        reveal(&find(&self.root, "back-to-live"), time.at_ms.is_some());
        let at_ms = time.at_ms.unwrap_or(live_ms);
        let share = (at_ms.saturating_sub(from_ms)) as f64 / time.span_ms.max(1) as f64;
        let share = share.clamp(0.0, 1.0);
        style(&self.thumb, "left", &(fixed(share * 100.0, 3) + "%"));
        set(&self.rail, "aria-valuenow", &fixed(share * 1000.0, 0));
        let text = time.at_ms.map_or_else(
            || ["now, at the end of ", &store.range_words()].concat(),
            |at_ms| [&store.moment(at_ms), ", ", &ago(live_ms, at_ms)].concat(),
        );
        set(&self.rail, "aria-valuetext", &text);
        set(&self.rail, "aria-disabled", if store.keeps_history() { "false" } else { "true" });
        dress(&self.rail, if store.is_behind() { "rail behind" } else { "rail" });
    }

    fn words(&self) -> String {
        let store = self.store;
        let trouble = store.past_trouble();
        let Some(history) = store.history() else { return "the last five minutes".into() };
        if let Some(x) = self.over.get() {
            return self.words_at(x);
        }
        let time = store.time();
        if let Some(why) = &history.trouble {
            let what =
                if time.at_ms.is_none() { "The view is live, but nothing" } else { "Nothing" };
            return [what, " is being kept: ", why].concat();
        }
        if !history.is_kept {
            return "the last five minutes; no history is kept".into();
        }
        if !trouble.is_empty() {
            return ["The past cannot be shown: ", &trouble].concat();
        }
        let Some(at_ms) = time.at_ms else {
            return [&store.range_words(), ". Drag along the line to look at the past."].concat();
        };
        let ago = ago(store.live_ms(), at_ms);
        if store.is_behind() {
            return [&ago, " · looking it up…"].concat();
        }
        let fine = match store.width_ms() {
            0 => String::from("every reading"),
            width_ms => ["means of ", &span_words(width_ms)].concat(),
        };
        let is_known = store.rows(|rows| rows.iter().any(|row| row.brief.is_some()));
        [ago.as_str(), " · ", if is_known { &fine } else { "no readings then" }].concat()
    }

    /// What is at a place of the rail.
    fn words_at(&self, x: f64) -> String {
        let store = self.store;
        if let Some(mark) = self.near(x) {
            let events = store.events();
            let Some(event) = events.get(mark.first) else { return String::new() };
            let more = match mark.count {
                1 => String::new(),
                count => [" · and ", &(count - 1).to_string(), " more"].concat(),
            };
            return [&store.moment(event.at_ms), ": ", &event.text, &more].concat();
        }
        let at_ms = self.time(x);
        let least = self.least(at_ms).map_or("no readings".into(), |(share, _)| {
            let share = percent(f64::from(share) / f64::from(Trace::WHOLE));
            ["at least ", &share, " available on every node"].concat()
        });
        let history = store.history();
        let tier = history.and_then(|history| finest(&history, at_ms));
        let fine = tier.map_or("", words);
        let dot = if fine.is_empty() { "" } else { " · " };
        [store.moment(at_ms).as_str(), ": ", &least, dot, fine].concat()
    }

    /// The least that was available on any node at a time, and how many nodes are known then.
    fn least(&self, at_ms: u64) -> Option<(u8, usize)> {
        let slot_ms = self.store.step_ms();
        let slot = at_ms / slot_ms;
        let mut least: Option<(u8, usize)> = None;
        self.store.rows(|rows| {
            for row in rows {
                let mut known = slots(&row.trace);
                let share = known.find(|(at, _)| at / Trace::STEP_MS == slot).and_then(|it| it.1);
                if let Some(share) = share {
                    let (other, count) = least.unwrap_or((share, 0));
                    least = Some((other.min(share), count + 1));
                }
            }
        });
        least
    }

    /// Draws what there is of the range: in each step the node with the least available, as on a heat map,
    /// as high as many nodes are known; and the time under it.
    fn paint(&self) {
        let store = self.store;
        let (from_ms, to_ms) = store.range();
        let (width, _) = fit(&self.canvas);
        let Some(mut canvas) = Canvas::of(&self.canvas) else { return };
        let density = density();
        let span = (to_ms - from_ms).max(1) as f64;
        let x = |at_ms: u64| ((at_ms as f64 - from_ms as f64) / span * width).max(0.0).min(width);
        let (top, bottom) = (STRIP.0 * density, STRIP.1 * density);
        let step_ms = store.step_ms();
        let (first, last) = (from_ms / step_ms, to_ms / step_ms);
        let count = (last - first).min(2 * Trace::MOST as u64) as usize + 1;
        let mut steps = vec![(Trace::UNKNOWN, 0_usize); count];
        let nodes = store.rows(|rows| {
            for row in rows {
                for (at_ms, share) in slots(&row.trace) {
                    let index = (at_ms / Trace::STEP_MS).checked_sub(first).map(|it| it as usize);
                    if let (Some(share), Some(step)) =
                        (share, index.and_then(|index| steps.get_mut(index)))
                    {
                        *step = (step.0.min(share), step.1 + 1);
                    }
                }
            }
            rows.iter().filter(|row| row.brief.is_some() || !row.trace.shares().is_empty()).count()
        });
        let ink = self.ink.borrow();
        let (tones, muted) = (&ink.0, &ink.1);
        for (index, (share, known)) in steps.iter().enumerate().filter(|(_, step)| step.1 > 0) {
            let begin_ms = (first + index as u64) * step_ms;
            let (left, right) = (x(begin_ms), x(begin_ms + step_ms));
            let high = (bottom - top) * (*known as f64 / nodes.max(1) as f64).min(1.0);
            let (low, high) = (bottom, bottom - high);
            let corners = [(left, low), (right, low), (right, high), (left, high)];
            canvas.fill(&corners, &tones[tone(*share)]);
        }
        let most = (width / density / 96.0) as usize;
        for (at_ms, word) in axis_marks(from_ms, to_ms, zone_ms(to_ms), most) {
            let x = x(at_ms);
            canvas.line(&[(x, bottom), (x, bottom + 4.0 * density)], muted, density);
            if x > 24.0 * density && x < width - 24.0 * density {
                let place = (x, bottom + 11.0 * density);
                canvas.text(&word, place, Align::Middle, muted, 12.0 * density);
            }
        }
        self.place_marks(from_ms, to_ms);
    }

    fn place_marks(&self, from_ms: u64, to_ms: u64) {
        let found = marks(&self.store.events(), (from_ms, to_ms), 12.0 / self.width());
        if *self.marks.borrow() == found {
            return;
        }
        let there = self.places.children();
        while there.length() > found.len() as u32 {
            if let Some(spare) = there.item(0) {
                spare.remove();
            }
        }
        for (index, mark) in found.iter().enumerate() {
            let place = there.item(index as u32).unwrap_or_else(|| add(&self.places, "i", ""));
            dress(&place, if mark.is_wrong { "wrong" } else { "" });
            style(&place, "left", &(fixed(mark.place * 100.0, 2) + "%"));
        }
        self.marks.replace(found);
    }
}

fn ago(live_ms: u64, at_ms: u64) -> String {
    [&span(live_ms.saturating_sub(at_ms) / 1000), " ago"].concat()
}
