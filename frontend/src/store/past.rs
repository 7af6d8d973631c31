//! What is known of the past, and what is asked for to know more.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use shared::NodeId;
use shared::history::{Event, HistoryStatus, Stretch, UsageAt};
use shared::wire::value_from_postcard;

use super::{Late, Shown, Store, now_ms};
use crate::fleet::row::Row;
use crate::net::Refusal;
use crate::time::ask::Ask;
use crate::time::course::{Course, Need};
use crate::time::picture::Picture;
use crate::time::reel::{Place, Reel};
use crate::time::step::{finest, moving, step_of};

/// Between two looks at how history fares, in ms.
const STATUS_MS: u64 = 30_000;
/// After a failure nothing is asked for so long, in ms.
const RETRY_MS: u64 = 3000;
/// A moment that has not moved for so long stands still, in ms.
pub(super) const REST_MS: u64 = 200;
/// Events that are known at most.
const MOST_EVENTS: usize = 1000;

/// See the module. Times are by the head's clock, unless it is said.
pub(super) struct Past {
    pub(super) status: RefCell<Option<Rc<HistoryStatus>>>,
    /// When that was asked for, by the page's clock.
    status_ms: Cell<Option<u64>>,
    pub(super) events: RefCell<Rc<Vec<Event>>>,
    events_of: Cell<Need>,
    pub(super) picture: RefCell<Picture>,
    /// What it was asked for, in its own steps.
    picture_of: Cell<Need>,
    pub(super) course: RefCell<Course>,
    pub(super) reel: RefCell<Reel>,
    /// A sweep that was asked for: of which node, at which time, and what was recorded.
    pub(super) usage: RefCell<Option<(String, u64, Option<UsageAt>)>>,
    /// The rows that are shown in place of the newest.
    pub(super) then: RefCell<Option<Vec<Row>>>,
    /// Nodes that only history knows.
    pub(super) ghosts: RefCell<Vec<NodeId>>,
    /// What is shown is not yet what was asked for.
    pub(super) is_behind: Cell<bool>,
    /// The width of the buckets that the moment is told from, in ms; 0 of single readings.
    pub(super) width_ms: Cell<u64>,
    wishes: RefCell<Vec<Ask>>,
    wished: RwSignal<()>,
    busy: RefCell<Vec<Ask>>,
    pub(super) trouble: RefCell<String>,
    /// When something failed, by the page's clock.
    failed_ms: Cell<Option<u64>>,
    /// The time is another, or more is known of it.
    pub(super) moved: RwSignal<()>,
    /// The time stands still, and is to have an address.
    pub(super) stood_still: RwSignal<()>,
    /// When the moment moved, by the page's clock.
    pub(super) moved_ms: Cell<u64>,
    /// When play last moved it, by the page's clock, while it plays.
    pub(super) played_ms: Cell<Option<u64>>,
    pub(super) speed: Cell<u32>,
    /// Counts changes of the address that wait.
    pub(super) address: Cell<u32>,
    /// How wide charts are, in pixels.
    pub(super) chart_px: Cell<u32>,
}

impl Past {
    pub(super) fn new() -> Self {
        Self {
            status: RefCell::default(),
            status_ms: Cell::default(),
            events: RefCell::default(),
            events_of: Cell::default(),
            picture: RefCell::default(),
            picture_of: Cell::default(),
            course: RefCell::default(),
            reel: RefCell::default(),
            usage: RefCell::default(),
            then: RefCell::default(),
            ghosts: RefCell::default(),
            is_behind: Cell::new(false),
            width_ms: Cell::new(0),
            wishes: RefCell::default(),
            wished: RwSignal::new(()),
            busy: RefCell::default(),
            trouble: RefCell::default(),
            failed_ms: Cell::default(),
            moved: RwSignal::new(()),
            stood_still: RwSignal::new(()),
            moved_ms: Cell::new(0),
            played_ms: Cell::default(),
            speed: Cell::new(60),
            address: Cell::new(0),
            chart_px: Cell::new(1200),
        }
    }

    /// Asks for something, unless something of its kind is under way: then what is wished for by the time
    /// that has come is asked for.
    fn wish(&self, ask: Ask) {
        let mut busy = self.busy.borrow_mut();
        if !busy.iter().any(|other| other.is_like(&ask)) {
            busy.push(ask.clone());
            self.wishes.borrow_mut().push(ask);
            self.wished.notify();
        }
    }

    /// Whether history is kept, as far as it is known.
    pub(super) fn is_kept(&self) -> bool {
        self.status.borrow().as_ref().is_some_and(|status| status.is_kept)
    }

    /// What happened, also before the head was asked.
    pub(super) fn hear(&self, news: Vec<Event>) {
        let mut events = Vec::clone(&self.events.borrow());
        for event in news {
            if !events.contains(&event) {
                let place = events.partition_point(|other| other.at_ms <= event.at_ms);
                events.insert(place, event);
            }
        }
        let more = events.len().saturating_sub(MOST_EVENTS);
        events.drain(..more);
        self.events.replace(Rc::new(events));
        self.moved.notify();
    }

    /// The link was made anew: what happened meanwhile is not known.
    pub(super) fn forget_events(&self) {
        self.events_of.take();
        self.status_ms.take();
    }
}

impl Store {
    /// Requests for the past that wait to be made.
    pub(crate) fn take_asks(self) -> Vec<Ask> {
        self.0.past.wished.track();
        self.0.past.wishes.take()
    }

    /// The node that is looked at alone.
    fn alone(self) -> Option<String> {
        match &*self.0.shown.borrow() {
            Shown::Node(id) => Some(id.as_str().into()),
            _ => None,
        }
    }

    /// What charts are of.
    fn charted(self) -> Option<String> {
        match &*self.0.shown.borrow() {
            Shown::Node(id) => Some(id.as_str().into()),
            Shown::Compare(ids) => {
                let ids: Vec<&str> = ids.iter().map(NodeId::as_str).collect();
                Some(ids.join(","))
            }
            _ => None,
        }
    }

    /// The piece of the past that is to be shown of a moment.
    pub(super) fn place(self, at_ms: u64) -> Place {
        let past = &self.0.past;
        let time = self.time();
        let least = past.status.borrow().as_ref().and_then(|status| finest(status, at_ms));
        let least = least.unwrap_or(shared::history::Tier::Raw);
        let is_moving = past.played_ms.get().is_some()
            || now_ms().saturating_sub(past.moved_ms.get()) < REST_MS;
        let speed = past.played_ms.get().map(|_| past.speed.get());
        let tier = if is_moving { moving(speed, time.span_ms).max(least) } else { least };
        let nodes = match self.alone() {
            Some(_) => 1,
            None => self.0.fleet.borrow().rows().len(),
        };
        Place::of(tier, at_ms, nodes)
    }

    /// Asks for what is missing.
    pub(super) fn plan(self) {
        let (past, live_ms, page_ms) = (&self.0.past, self.live_ms(), now_ms());
        let waits = past.failed_ms.get().is_some_and(|failed| page_ms < failed + RETRY_MS);
        if !self.0.fleet.borrow().is_told() || waits {
            return;
        }
        let is_ill = past.status.borrow().as_ref().is_some_and(|status| status.trouble.is_some());
        let every_ms = if is_ill { RETRY_MS } else { STATUS_MS };
        if past.status_ms.get().is_none_or(|asked| page_ms >= asked + every_ms) {
            past.status_ms.set(Some(page_ms));
            past.wish(Ask::Status);
        }
        if !past.is_kept() {
            return;
        }
        let time = self.time();
        let range = time.range(live_ms);
        let events_of = past.events_of.get();
        if range.0 < events_of.0 || range.1.min(live_ms) > events_of.1 || events_of.1 == 0 {
            past.wish(Ask::Events(range));
        }
        match self.0.late.get() {
            _ if time.is_plain() => {}
            Late::Absent => self.want_late(),
            Late::Here(parts) => (parts.plan_past)(self, range),
            Late::Coming | Late::Failed => {}
        }
    }

    /// The same of a past that is not just the last minutes.
    pub(crate) fn plan_past(self, range: Need) {
        let (past, live_ms, page_ms) = (&self.0.past, self.live_ms(), now_ms());
        let time = self.time();
        self.plan_range(range);
        let Some(at_ms) = time.at_ms else { return };
        let node = self.alone();
        past.reel.borrow_mut().turn_to(node.as_deref());
        let place = self.place(at_ms);
        let next = place.next();
        let reel = past.reel.borrow();
        if !reel.has(place, at_ms) {
            past.wish(Ask::Reel(node, place, live_ms));
        } else if past.played_ms.get().is_some()
            && next.from_ms < live_ms
            && !reel.has(next, next.from_ms)
        {
            past.wish(Ask::Reel(node, next, live_ms));
        }
        let is_asked = |id: &str| {
            let usage = past.usage.borrow();
            usage.as_ref().is_some_and(|(node, at, _)| node == id && *at == at_ms)
        };
        let is_still = page_ms.saturating_sub(past.moved_ms.get()) >= REST_MS;
        if let Some(id) = self.0.look.at().filter(|id| is_still && !is_asked(id)) {
            past.wish(Ask::Usage(id, at_ms));
        }
    }

    fn plan_range(self, range: Need) {
        let past = &self.0.past;
        let span_ms = range.1 - range.0;
        let step_ms = Picture::step_for(span_ms);
        // The last step goes on, and is taken anew as it does.
        let of = (range.0 / step_ms, range.1 / (step_ms / 4).max(1000));
        if past.picture.borrow().step_ms != step_ms || past.picture_of.get() != of {
            past.wish(Ask::Picture((of.0 * step_ms, range.1), step_ms));
        }
        if let Some(subject) = self.charted() {
            let step_ms = step_of(span_ms, past.chart_px.get().max(200).into());
            let from_ms = range.0 / step_ms * step_ms;
            let need = past.course.borrow().need(&subject, (from_ms, range.1), step_ms);
            if let Some(need) = need {
                past.wish(Ask::Course(subject, need, step_ms));
            }
        }
    }

    /// Takes in what the head answered.
    pub(crate) fn fetched(self, ask: &Ask, answer: Result<Vec<u8>, Refusal>) {
        let past = &self.0.past;
        past.busy.borrow_mut().retain(|other| other != ask);
        let unread = || (0, "What the head answers cannot be read.".to_owned());
        let answer = match (answer, ask) {
            (Ok(bytes), _) => self.take_in(ask, &bytes).ok_or_else(unread),
            // A head that does not know the question keeps nothing.
            (Err((404, _)), Ask::Status) => {
                past.status.replace(Some(Rc::default()));
                Ok(())
            }
            (Err((404, _)), Ask::Usage(id, at_ms)) => {
                past.usage.replace(Some((id.clone(), *at_ms, None)));
                Ok(())
            }
            (Err(refusal), _) => Err(refusal),
        };
        past.failed_ms.set(answer.is_err().then(now_ms));
        past.trouble.replace(answer.err().map_or_else(String::new, |(_, why)| why));
        self.arrive();
    }

    /// Takes in an answer, unless it came too late to be of use.
    fn take_in(self, ask: &Ask, bytes: &[u8]) -> Option<()> {
        let past = &self.0.past;
        match ask {
            Ask::Status => {
                past.status.replace(Some(Rc::new(value_from_postcard(bytes).ok()?)));
            }
            Ask::Events(range) => {
                let is_live = self.time().to_ms.is_none();
                past.events_of.set((range.0, if is_live { u64::MAX } else { range.1 }));
                past.events.replace(Rc::default());
                past.hear(value_from_postcard(bytes).ok()?);
            }
            _ => match self.0.late.get() {
                Late::Here(parts) => (parts.take_past)(self, ask, bytes)?,
                _ => return None,
            },
        }
        Some(())
    }

    /// The same of a past that is not just the last minutes.
    pub(crate) fn take_past(self, ask: &Ask, bytes: &[u8]) -> Option<()> {
        let past = &self.0.past;
        match ask {
            Ask::Status | Ask::Events(_) => return None,
            Ask::Picture((from_ms, to_ms), step_ms) => {
                let picture = Picture::of(*step_ms, *to_ms, &Stretch::read_all(bytes)?);
                past.picture.replace(picture);
                past.picture_of.set((from_ms / step_ms, to_ms / (step_ms / 4).max(1000)));
            }
            Ask::Course(subject, need, step_ms) => {
                if self.charted().as_ref() == Some(subject) {
                    let stretches = Stretch::read_all(bytes)?;
                    past.course.borrow_mut().put(subject, *step_ms, *need, stretches);
                }
            }
            Ask::Reel(node, place, until_ms) => {
                let mut reel = past.reel.borrow_mut();
                if reel.node == *node {
                    reel.put(*place, *until_ms, Stretch::read_all(bytes)?);
                }
            }
            Ask::Usage(id, at_ms) => {
                let usage = Some(value_from_postcard(bytes).ok()?);
                past.usage.replace(Some((id.clone(), *at_ms, usage)));
            }
        }
        Some(())
    }
}
