//! Frames of postcard, for the page.

use shared::NodeId;
use shared::history::{Kept, Stretch};
use shared::wire::Reading;
use shared::{Field, Sample};

use super::total::Totals;
use super::{Among, Teller};
use crate::history::cell::{Cell, Row};
use crate::history::query::Plan;

/// Readings of a frame at most.
const MOST: usize = 2000;

const NOTHING: Reading = Reading { at_ms: 0, uptime_us: 0, sample: Sample::EMPTY };

/// See the module.
pub(super) struct Stretches {
    fields: Vec<Field>,
    /// Where those stand that bands are wanted of.
    bands: Vec<usize>,
    totals: Totals,
    next: Stretch,
    /// The readings that were added last: of readings, low and high.
    last: [Reading; 3],
    /// Whether it is sent though it is empty.
    is_wanted: bool,
}

impl Stretches {
    pub(super) fn new(plan: &Plan) -> Self {
        let place = |band| plan.fields.iter().position(|field| field == band);
        let bands = if plan.step_ms == 0 { &[] } else { plan.bands.as_slice() };
        let [from_ms, to_ms, step_ms] = [plan.span.start, plan.span.end, plan.step_ms];
        Self {
            fields: plan.fields.clone(),
            bands: bands.iter().filter_map(place).collect(),
            totals: Totals::new(plan.fields.len()),
            next: Stretch { from_ms, to_ms, step_ms, ..Stretch::default() },
            last: [NOTHING; 3],
            is_wanted: false,
        }
    }

    fn push(&mut self, readings: [Reading; 3], out: &mut Vec<u8>) {
        let [all, low, high] = &readings;
        self.next.readings.push(&self.last[0], all);
        if !self.bands.is_empty() {
            self.next.low.push(&self.last[1], low);
            self.next.high.push(&self.last[2], high);
        }
        self.last = readings;
        if self.next.readings.len() >= MOST {
            self.send(out);
        }
    }

    fn send(&mut self, out: &mut Vec<u8>) {
        let Stretch { id, step_ms, from_ms, to_ms, .. } = &self.next;
        let after = Stretch {
            id: id.clone(),
            step_ms: *step_ms,
            from_ms: *from_ms,
            to_ms: *to_ms,
            ..Stretch::default()
        };
        let stretch = std::mem::replace(&mut self.next, after);
        self.is_wanted = false;
        stretch.write(out);
    }

    fn band(&self, row: &Row, of: fn(&Cell) -> u64) -> Reading {
        let mut sample = Sample::EMPTY;
        for &place in &self.bands {
            sample.set(self.fields[place], row.cells[place].as_ref().map(of));
        }
        Reading { at_ms: row.at_ms, uptime_us: row.uptime_us, sample }
    }
}

impl Teller for Stretches {
    fn has_origin(&self) -> bool {
        true
    }

    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn node(&mut self, node: &NodeId, among: Among, _out: &mut Vec<u8>) {
        self.totals = Totals::new(self.fields.len());
        self.next.id = node.as_str().into();
        (self.is_wanted, self.next.facts) = match among {
            Among::Nobody(facts) => (true, facts),
            Among::Others => (false, None),
        };
    }

    fn row(&mut self, row: &Row, out: &mut Vec<u8>) {
        let sample = self.totals.sample(&self.fields, row);
        let all = Reading { at_ms: row.at_ms, uptime_us: row.uptime_us, sample };
        let (low, high) = if self.bands.is_empty() {
            (NOTHING, NOTHING)
        } else {
            (self.band(row, |cell| cell.min), self.band(row, |cell| cell.max))
        };
        self.push([all, low, high], out);
    }

    fn reading(&mut self, _boot: &str, kept: &Kept, out: &mut Vec<u8>) {
        self.push([kept.reading.clone(), NOTHING, NOTHING], out);
    }

    fn node_end(&mut self, out: &mut Vec<u8>) {
        if self.is_wanted || !self.next.readings.is_empty() {
            self.send(out);
        }
    }
}
