//! When is looked at: now, or a moment of the past. What views read is of that time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use shared::history::{Event, HistoryStatus};
use shared::overview::{Brief, Standing, Trace};
use shared::window::SPAN_MS;
use shared::wire::Reading;
use shared::{NodeFacts, NodeId};

use super::past::REST_MS;
use super::{Late, Store, now_ms};
use crate::fleet::row::Row;
use crate::state::Readout;
use crate::time::calendar::moment;
use crate::time::picture::scaled;
use crate::time::reel::Frame;
use crate::time::{Time, span_words};

/// Between two steps of play, in ms.
const FRAME_MS: u64 = 100;
/// A reading so old tells nothing of a moment, in ms…
const OLD_MS: u64 = 15_000;
/// …nor one that is so many periods old.
const OLD_PERIODS: u64 = 10;
/// The number of the first node that only history knows.
const GHOSTS: u32 = 1 << 31;
/// The address follows when the time has stood still for so long, in ms.
const ADDRESS_MS: u64 = 400;

impl Store {
    /// When is looked at.
    pub(crate) fn time(self) -> Time {
        self.0.route.borrow().time
    }

    /// Follows the time that is looked at, and what is known of it.
    pub(crate) fn moved(self) -> Time {
        self.0.past.moved.track();
        self.time()
    }

    /// The head's clock, in ms.
    pub(crate) fn live_ms(self) -> u64 {
        self.0.fleet.borrow().head_ms(now_ms())
    }

    /// From when to when is looked at, in ms.
    pub(crate) fn range(self) -> (u64, u64) {
        self.time().range(self.live_ms())
    }

    /// Whether history is kept, as far as it is known.
    pub(crate) fn keeps_history(self) -> bool {
        self.0.past.is_kept()
    }

    /// Whether the past is looked at.
    pub(crate) fn is_past(self) -> bool {
        self.time().at_ms.is_some()
    }

    /// Whether what is newest is not shown.
    pub(super) fn is_held(self) -> bool {
        self.is_frozen() || self.is_past()
    }

    /// `Tue 24 Nov 12:03:07`.
    pub(crate) fn moment(self, at_ms: u64) -> String {
        moment(at_ms, self.live_ms(), zone_ms(at_ms))
    }

    /// The range that is looked at, in words: `the last 24 h`.
    pub(crate) fn range_words(self) -> String {
        let time = self.time();
        let words = span_words(time.span_ms);
        if time.to_ms.is_some() { words } else { ["the last ", &words].concat() }
    }

    /// The width of the steps of traces, in ms.
    pub(crate) fn step_ms(self) -> u64 {
        let step_ms = self.0.past.picture.borrow().step_ms;
        if self.time().is_plain() || step_ms == 0 { Trace::STEP_MS } else { step_ms }
    }

    /// Where traces end, as they count time.
    pub(crate) fn trace_ms(self) -> u64 {
        let picture = self.0.past.picture.borrow();
        if self.time().is_plain() || picture.step_ms == 0 {
            self.head_ms()
        } else {
            scaled(picture.to_ms, picture.step_ms)
        }
    }

    /// How long the range is, as traces count time.
    pub(crate) fn trace_span_ms(self) -> u64 {
        let picture = self.0.past.picture.borrow();
        if self.time().is_plain() || picture.step_ms == 0 {
            SPAN_MS
        } else {
            scaled(self.time().span_ms, picture.step_ms)
        }
    }

    /// How history fares, if it is known.
    pub(crate) fn history(self) -> Option<Rc<HistoryStatus>> {
        self.0.past.status.borrow().clone()
    }

    /// What happened in the range and about it, oldest first.
    pub(crate) fn events(self) -> Rc<Vec<Event>> {
        self.0.past.events.borrow().clone()
    }

    /// Why the past cannot be shown at present; nothing if it can.
    pub(crate) fn past_trouble(self) -> String {
        self.0.past.trouble.borrow().clone()
    }

    /// Whether what is shown is not yet of the moment that is looked at.
    pub(crate) fn is_behind(self) -> bool {
        self.is_past() && self.0.past.is_behind.get()
    }

    /// The width of the buckets that the moment is told from, in ms; 0 of single readings.
    pub(crate) fn width_ms(self) -> u64 {
        self.0.past.width_ms.get()
    }

    /// Looks at another time. The address follows once it stands still: the way back leads from one such
    /// place to the one before.
    pub(crate) fn travel(self, time: Time) {
        let past = &self.0.past;
        let old = std::mem::replace(&mut self.0.route.borrow_mut().time, time);
        if old == time {
            return;
        }
        past.moved_ms.set(now_ms());
        self.keep_home();
        self.change_time(old);
        past.address.set(past.address.get() + 1);
        let number = past.address.get();
        let later = move || {
            if past.address.get() == number && !self.is_playing() {
                past.stood_still.notify();
            }
        };
        set_timeout(later, Duration::from_millis(ADDRESS_MS));
        // What moved is told coarsely, and in full when it stands still.
        set_timeout(move || self.plan(), Duration::from_millis(REST_MS + 10));
    }

    /// The time was `old` before.
    pub(super) fn change_time(self, old: Time) {
        let time = self.time();
        if time.at_ms.is_none() {
            self.0.past.played_ms.set(None);
        }
        if old.at_ms.is_some() && time.at_ms.is_none() {
            self.0.past.then.take();
            let all: Vec<u32> = self.rows(|rows| rows.iter().map(|row| row.number).collect());
            self.show_nodes(&all);
            self.reorder();
        }
        self.arrive();
    }

    /// Follows times that stand still, so that they have an address.
    pub(crate) fn stood_still(self) {
        self.0.past.stood_still.track();
    }

    /// An address that was waited for has another place now.
    pub(super) fn forget_address(self) {
        self.0.past.address.set(self.0.past.address.get() + 1);
    }

    /// The time is another, or more is known of it.
    pub(super) fn arrive(self) {
        self.plan();
        self.seek();
        self.0.past.moved.notify();
        self.tick();
    }

    /// Whether time goes on by itself, in the past.
    pub(crate) fn is_playing(self) -> bool {
        self.0.past.played_ms.get().is_some()
    }

    /// How fast, in seconds a second.
    pub(crate) fn speed(self) -> u32 {
        self.0.past.speed.get()
    }

    /// Sets how fast.
    pub(crate) fn set_speed(self, speed: u32) {
        self.0.past.speed.set(speed);
        self.arrive();
    }

    /// Lets the past go on, from where the moment is, or from the beginning of the range; or stops it.
    pub(crate) fn play(self, on: bool) {
        let past = &self.0.past;
        if on == self.is_playing() || (on && !past.is_kept()) {
            return;
        }
        if !on {
            past.played_ms.set(None);
            past.moved_ms.set(now_ms());
            past.stood_still.notify();
            set_timeout(move || self.plan(), Duration::from_millis(REST_MS + 10));
            return self.arrive();
        }
        if !self.is_past() {
            let (from_ms, _) = self.range();
            self.travel(self.time().at(from_ms, self.live_ms()));
        }
        past.played_ms.set(Some(now_ms()));
        self.arrive();
        self.play_on();
    }

    fn play_on(self) {
        let go_on = move || {
            let past = &self.0.past;
            let page_ms = now_ms();
            let Some((last_ms, at_ms)) = past.played_ms.get().zip(self.time().at_ms) else {
                return;
            };
            let elapsed_ms = page_ms.saturating_sub(last_ms).min(10 * FRAME_MS);
            let next_ms = at_ms + elapsed_ms * u64::from(past.speed.get());
            past.played_ms.set(Some(page_ms));
            let is_known = past.reel.borrow().has(self.place(next_ms), next_ms);
            // It waits for what is still to come from the head.
            if is_known || next_ms >= self.live_ms() {
                self.travel(self.time().at(next_ms, self.live_ms()));
            } else {
                self.plan();
            }
            self.play_on();
        };
        set_timeout(go_on, Duration::from_millis(FRAME_MS));
    }

    /// News came: ranges that end now go on, and what is missing is asked for.
    pub(super) fn keep_up(self) {
        self.plan();
        if !self.is_past() && !self.time().is_plain() {
            self.seek();
            self.0.past.moved.notify();
        }
    }

    /// Brings what is shown to the time that is looked at, as far as it is known.
    pub(super) fn seek(self) {
        if self.time().is_plain() {
            self.0.past.then.take();
        } else if let Late::Here(parts) = self.0.late.get() {
            (parts.seek_past)(self);
        }
    }

    /// The same of a past that is not just the last minutes.
    pub(crate) fn seek_past(self) {
        let past = &self.0.past;
        let time = self.time();
        let Some(at_ms) = time.at_ms else {
            past.then.replace(Some(self.with_traces()));
            return;
        };
        let reel = past.reel.borrow();
        let frame = reel.at(at_ms).filter(|frame| at_ms <= frame.until_ms);
        past.is_behind.set(!reel.has(self.place(at_ms), at_ms));
        let is_lost = !past.trouble.borrow().is_empty();
        if frame.is_none() && !is_lost && past.is_kept() {
            // What was shown stays until there is something to put in its place.
            if past.then.borrow().is_none() {
                past.then.replace(Some(self.with_traces()));
            }
            return;
        }
        past.width_ms.set(frame.map_or(0, |frame| frame.step_ms));
        let rows = self.rows_then(frame, at_ms);
        let count = past.then.borrow().as_ref().map(Vec::len);
        let is_new = count != Some(rows.len());
        past.then.replace(Some(rows));
        if let Some(id) = reel.node.as_ref().and_then(|id| NodeId::try_from(id.clone()).ok()) {
            self.show_then(self.readout_then(id, frame, at_ms));
        }
        drop(reel);
        if is_new {
            self.relist();
        }
    }

    /// The newest rows, with the past of the range.
    fn with_traces(self) -> Vec<Row> {
        let picture = self.0.past.picture.borrow();
        let fleet = self.0.fleet.borrow();
        let row = |row: &Row| Row { trace: picture.trace(row.id.as_str()), ..row.clone() };
        fleet.rows().iter().map(row).collect()
    }

    /// Every node as it was.
    fn rows_then(self, frame: Option<&Frame>, at_ms: u64) -> Vec<Row> {
        let past = &self.0.past;
        let mut rows = self.with_traces();
        let picture = past.picture.borrow();
        let tracks = frame.map_or(&[][..], |frame| &frame.tracks);
        let mut ghosts = past.ghosts.borrow_mut();
        for id in tracks.iter().map(|track| track.id.as_str()).chain(picture.ids()) {
            let is_known = self.0.fleet.borrow().rows().iter().any(|row| row.id.as_str() == id)
                || ghosts.iter().any(|ghost| ghost.as_str() == id);
            if let Some(id) = NodeId::try_from(id.to_owned()).ok().filter(|_| !is_known) {
                ghosts.push(id);
            }
        }
        for (index, id) in ghosts.iter().enumerate() {
            rows.push(Row {
                number: GHOSTS + index as u32,
                id: id.clone(),
                host_name: String::new(),
                labels: Vec::new(),
                period_ms: 1000,
                standing: Standing::Gone { since_ms: 0, stopped: true },
                brief: None,
                trace: picture.trace(id.as_str()),
            });
        }
        let step_ms = frame.map_or(0, |frame| frame.step_ms);
        for row in &mut rows {
            let track = tracks.binary_search_by(|track| track.id.as_str().cmp(row.id.as_str()));
            let brief = track.ok().and_then(|at| tracks[at].brief(at_ms));
            let period_ms = u64::from(row.period_ms);
            let brief = brief.filter(|brief| tells(brief.at_ms, at_ms, step_ms, period_ms));
            row.brief = brief.map(|brief| Brief { node: row.number, ..brief });
            row.period_ms = row.period_ms.max(step_ms as u32);
            if let Some(brief) = brief {
                row.standing = Standing::Connected { since_ms: brief.at_ms };
            } else if !matches!(row.standing, Standing::NeverSeen { .. }) {
                row.standing = Standing::Gone { since_ms: 0, stopped: true };
            }
        }
        rows
    }

    /// A node in full as it was.
    fn readout_then(self, id: NodeId, frame: Option<&Frame>, at_ms: u64) -> Readout {
        let step_ms = frame.map_or(0, |frame| frame.step_ms);
        let track = frame.and_then(|frame| frame.tracks.iter().find(|it| it.id == id.as_str()));
        let kept = track.and_then(|track| track.facts.as_ref());
        let live = self.0.fleet.borrow().readout(&id).map(|readout| readout.facts);
        let unknown = || NodeFacts { host_name: id.as_str().into(), ..NodeFacts::default() };
        let facts = kept.map(|kept| kept.facts.clone()).or(live).unwrap_or_else(unknown);
        let period_ms = kept.map_or(1000, |kept| kept.period_ms);
        let pair: Option<(Reading, Option<Reading>)> = track.and_then(|track| track.pair(at_ms));
        let pair = pair.filter(|(last, _)| tells(last.at_ms, at_ms, step_ms, u64::from(period_ms)));
        let last = pair.as_ref().map(|(last, _)| last);
        let before = pair.as_ref().and_then(|(_, before)| before.as_ref());
        let told = Readout::told(id, facts, period_ms, last, before);
        let usage = self.0.past.usage.borrow();
        let of_moment =
            |(node, at, _): &&(String, u64, _)| *node == told.id.as_str() && *at == at_ms;
        let (recorded, usage) = match usage.as_ref().filter(of_moment) {
            None => ("Looking for what was recorded…".into(), None),
            Some((_, _, None)) => (
                "None were recorded near this time: who has the memory is read while somebody looks, and \
                 when memory runs short."
                    .into(),
                None,
            ),
            Some((_, _, Some(usage))) => {
                let when = self.moment(usage.at_ms);
                let count = usage.usage.process_count.to_string();
                let words =
                    ["As recorded on ", &when, ": the largest of ", &count, " processes."].concat();
                (words, Some(Arc::new(usage.usage.clone())))
            }
        };
        Readout { recorded: Some(recorded), usage, ..told }
    }
}

/// What local time is ahead of UTC at a time, in ms.
pub(crate) fn zone_ms(at_ms: u64) -> i64 {
    let date = js_sys::Date::new(&(at_ms as f64).into());
    -(date.get_timezone_offset() as i64) * 60_000
}

/// Whether a reading or bucket of `taken_ms` tells something of the moment `at_ms`.
fn tells(taken_ms: u64, at_ms: u64, step_ms: u64, period_ms: u64) -> bool {
    let age_ms = at_ms.saturating_sub(taken_ms);
    if step_ms > 0 { age_ms < step_ms } else { age_ms <= OLD_MS.max(OLD_PERIODS * period_ms) }
}
