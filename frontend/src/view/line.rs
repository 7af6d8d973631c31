//! One line of the list: a node in brief.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlCanvasElement, HtmlInputElement};
use shared::node::Condition;
use shared::overview::{Brief, Trace};
use shared::survey::Severity;
use shared::units::{fixed, human, percent, span};

use super::canvas::Canvas;
use super::dom::{Spot, find, follow, on, set, stamp};
use super::paint::{density, fit, token};
use crate::fleet::row::{Row, slots};
use crate::foreseen;
use crate::route::{Place, Route};
use crate::store::Store;
use shared::chart::timeline::Surface as _;

/// Colours and size of sparklines, asked for once for all lines.
#[derive(Default)]
pub(super) struct Ink {
    available: String,
    grid: String,
    /// In device pixels; known once one is in the page.
    size: Cell<Option<(f64, f64)>>,
}

impl Ink {
    /// The theme's.
    pub(super) fn of_theme() -> Self {
        Self { available: token("--c-available"), grid: token("--line"), size: Cell::new(None) }
    }
}

/// A line of the list, and its places.
pub(super) struct Line {
    store: Store,
    number: Cell<u32>,
    /// All of it.
    pub(super) element: Element,
    name: Element,
    root: Spot,
    host: Spot,
    pick: HtmlInputElement,
    state: Spot,
    word: Spot,
    more: Spot,
    give: Spot,
    give_of: Spot,
    whole: Spot,
    used: Spot,
    rest: Spot,
    swap: Spot,
    pressure: Spot,
    temperature: Spot,
    seen: Spot,
    spark: HtmlCanvasElement,
    ink: Rc<RefCell<Ink>>,
    /// What the sparkline shows: its steps, and when they end.
    drawn: RefCell<(u64, Trace)>,
    is_shown: Cell<bool>,
}

/// A line for a node, which follows it.
pub(super) fn add_line(store: Store, number: u32, ink: &Rc<RefCell<Ink>>) -> Rc<Line> {
    let root = stamp("t-line");
    let spot = |name| Spot::at(find(&root, name));
    let line = Rc::new(Line {
        store,
        number: Cell::new(number),
        name: find(&root, "name"),
        host: spot("host"),
        pick: find(&root, "pick").unchecked_into(),
        state: spot("state"),
        word: spot("word"),
        more: spot("trouble"),
        give: spot("give"),
        give_of: spot("give-of"),
        whole: spot("whole"),
        used: spot("used"),
        rest: spot("rest"),
        swap: spot("swap"),
        pressure: spot("pressure"),
        temperature: spot("temperature"),
        seen: spot("seen"),
        spark: find(&root, "spark").unchecked_into(),
        ink: ink.clone(),
        drawn: RefCell::default(),
        is_shown: Cell::new(false),
        root: Spot::at(root.clone()),
        element: root,
    });
    let picked = line.clone();
    on(&line.pick, "change", move |_| {
        if let Some(row) = store.row(picked.number.get()) {
            store.pick(&row.id);
        }
    });
    // At once: a link without an address takes no focus.
    line.refresh();
    let shown = line.clone();
    follow(move || {
        // All of them change every second, and only those in sight are made: one signal does for all.
        store.beat();
        store.route();
        store.picked();
        shown.refresh();
    });
    line
}

/// Longer than any state lasts, in ms.
const UNKNOWN_MS: u64 = 100 * 365 * 86_400_000 / 4;

/// How a state is said in a line, with since when.
pub(super) fn words(condition: Condition, since_ms: u64) -> String {
    if condition == Condition::Live {
        return condition.name().into();
    }
    [condition.name(), " ", &since(condition, since_ms)].concat()
}

/// Since how long a state holds; nothing while all is well.
fn since(condition: Condition, since_ms: u64) -> String {
    let ago = span(since_ms / 1000);
    match condition {
        Condition::Live => String::new(),
        Condition::NeverSeen => ["made ", &ago, " ago"].concat(),
        // Nobody has known it for a hundred years: it was not there.
        _ if since_ms > UNKNOWN_MS => "no readings then".into(),
        _ => ["for ", &ago].concat(),
    }
}

/// Its class in the style sheet.
pub(super) fn class(condition: Condition) -> &'static str {
    match condition {
        Condition::Live => "state live",
        Condition::Late => "state late",
        Condition::Stale => "state stale",
        Condition::Gone => "state away",
        Condition::NeverSeen => "state unseen-yet",
        Condition::Refused => "state refused",
    }
}

impl Line {
    /// Shows another node from now on: that costs less than a new line.
    pub(super) fn turn_to(&self, number: u32) {
        self.number.set(number);
        self.is_shown.set(false);
        self.refresh();
    }

    /// Shows what is new of its node. While numbers are held still, that is only a node that it has not
    /// shown yet.
    fn refresh(&self) {
        let is_new = !self.is_shown.get();
        let Some(row) = self.store.row(self.number.get()) else { return };
        if is_new {
            self.is_shown.set(true);
            let place = Place::Node(row.id.as_str().into());
            set(&self.name, "href", &Route { place, ..Route::default() }.address());
            set(&self.pick, "aria-label", &["Compare ", row.name()].concat());
            set(&self.element, "data-node", row.id.as_str());
        }
        if is_new || !self.store.is_frozen() {
            self.show(&row);
        }
    }

    fn show(&self, row: &Row) {
        let head_ms = self.store.head_ms();
        let by_share = self.store.route().by_share;
        self.host.show(row.name());
        let is_picked = self.store.picked().contains(&row.id);
        self.pick.set_checked(is_picked);
        let (condition, since_ms) = row.condition(head_ms);
        self.state.dress(class(condition));
        self.word.show(condition.name());
        let is_old = !matches!(condition, Condition::Live | Condition::Late);
        let is_wrong = !is_old && !row.trouble().is_empty();
        let since = since(condition, head_ms.saturating_sub(since_ms));
        let harm = if self.store.is_past() { None } else { self.store.harm_of(&row.id) };
        let forecast = self.store.forecast(row.number).filter(|_| !is_old && !is_wrong);
        if let Some(forecast) = forecast {
            let is_near = foreseen::is_near(&forecast, head_ms);
            self.more.dress(if is_near { "strained" } else { "" });
            self.more.show(&["out ", &foreseen::when(&forecast, head_ms)].concat());
        } else {
            self.more.dress(if is_wrong { "wrong" } else { "" });
            self.more.show(if is_wrong { row.trouble() } else { &since });
        }
        self.root.dress(match (is_old, is_picked, harm) {
            (true, true, _) => "line old picked",
            (true, false, None) => "line old",
            (true, false, Some(_)) => "line old ill",
            (false, true, _) => "line picked",
            (false, false, None) => "line",
            (false, false, Some(Severity::Trouble)) => "line ill",
            (false, false, Some(_)) => "line unwell",
        });
        let brief = row.current(head_ms);
        let of = |text: Option<String>| text.unwrap_or_else(|| "—".into());
        let available = brief.and_then(|brief| brief.available_kib);
        let share = brief.and_then(|brief| brief.share());
        self.give.show(&of(if by_share { share.map(percent) } else { available.map(kib) }));
        self.give_of.show(&brief.map_or_else(String::new, |brief| total(&brief)));
        self.whole.dress(if brief.is_some() { "whole" } else { "gone" });
        if let Some(brief) = brief {
            let largest = self.store.largest_kib().max(1) as f64;
            let share = share.unwrap_or(0.0);
            self.whole.widen(if by_share { 1.0 } else { brief.total_kib as f64 / largest });
            self.used.widen(1.0 - share);
            self.rest.widen(share);
        }
        self.swap.show(&of(brief.map(|brief| swap_of(&brief))));
        let waited = brief.and_then(|brief| brief.pressure);
        self.pressure.show(&of(waited.map(|permille| percent(f64::from(permille) / 1000.0))));
        self.pressure.dress(match waited {
            Some(100..) => "cell wrong",
            Some(10..) => "cell strained",
            _ => "cell",
        });
        let degrees = brief.and_then(|brief| brief.temperature);
        let celsius = |tenths| fixed(f64::from(tenths) / 10.0, 1) + "\u{a0}°C";
        self.temperature.show(&of(degrees.map(celsius)));
        let ago = |at_ms: u64| [&span(head_ms.saturating_sub(at_ms) / 1000), " ago"].concat();
        self.seen.show(&row.brief.map_or("never".into(), |brief| ago(brief.at_ms)));
        self.paint(row);
    }

    /// Draws what was available, as a share of total: a line, with gaps where nothing is known.
    fn paint(&self, row: &Row) {
        let head_ms = self.store.trace_ms();
        let end_ms = head_ms / Trace::STEP_MS;
        if *self.drawn.borrow() == (end_ms, row.trace.clone()) {
            return;
        }
        let ink = self.ink.borrow();
        let size = ink.size.get().unwrap_or_else(|| fit(&self.spark));
        if size.0 == 0.0 {
            // It is not in the page yet.
            return;
        }
        ink.size.set(Some(size));
        self.drawn.replace((end_ms, row.trace.clone()));
        let least = row.trace.shares().iter().filter(|&&share| share != Trace::UNKNOWN).min();
        let range = self.store.range_words();
        let told = least.map_or(["Nothing is known of ", &range].concat(), |&least| {
            let least = percent(f64::from(least) / f64::from(Trace::WHOLE));
            ["At least ", &least, " was available in ", &range].concat()
        });
        set(&self.spark, "aria-label", &told);
        let (width, height) = size;
        // Which also clears it.
        self.spark.set_width(width as u32);
        self.spark.set_height(height as u32);
        let Some(mut canvas) = Canvas::of(&self.spark) else { return };
        let density = density();
        let span_ms = self.store.trace_span_ms();
        let begin_ms = head_ms.saturating_sub(span_ms);
        let x = |at_ms: u64| {
            at_ms.saturating_sub(begin_ms) as f64 / (span_ms + Trace::STEP_MS) as f64 * width
        };
        let inner = height - 4.0 * density;
        let y =
            |share: u8| 2.0 * density + inner * (1.0 - f64::from(share) / f64::from(Trace::WHOLE));
        canvas.line(&[(0.0, height - 0.5), (width, height - 0.5)], &ink.grid, density);
        let mut run = Vec::new();
        for (at_ms, share) in slots(&row.trace).filter(|(at_ms, _)| *at_ms >= begin_ms) {
            if let Some(share) = share {
                run.extend([(x(at_ms), y(share)), (x(at_ms + Trace::STEP_MS), y(share))]);
            } else {
                canvas.line(&run, &ink.available, 1.5 * density);
                run.clear();
            }
        }
        canvas.line(&run, &ink.available, 1.5 * density);
    }
}

fn kib(kib: u64) -> String {
    human(kib * 1024)
}

fn total(brief: &Brief) -> String {
    let estimated = if brief.flags & Brief::ESTIMATED != 0 { ", estimated" } else { "" };
    ["of ", &kib(brief.total_kib), estimated].concat()
}

fn swap_of(brief: &Brief) -> String {
    if brief.swap_total_kib == 0 { "none".into() } else { kib(brief.swap_used_kib) }
}
