//! Nodes that are open.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use shared::NodeId;
use shared::breakdown::Part;
use shared::memory::Available;
use shared::wire::{FeedRequest, LOOK_MS};

use super::{Store, now_ms};
use crate::fleet::row::slots;
use crate::state::Readout;
use shared::chart::compare::Value;
use shared::chart::scale::Row;
use shared::chart::scale::{Point, runs, runs_of};

/// Between two requests for who has the memory, in ms: well before a look ends.
const ASK_MS: u64 = LOOK_MS as u64 / 3;

/// A node that is open, and what there is to show of it.
pub(crate) type Node = Rc<OpenNode>;

/// See [`Node`].
pub(crate) struct OpenNode {
    id: NodeId,
    readout: RefCell<Rc<Readout>>,
    part: Cell<Option<Part>>,
    changed: RwSignal<()>,
}

/// The node that the user looks into, to see who has its memory.
#[derive(Default)]
pub(super) struct Look {
    at: RefCell<Option<NodeId>>,
    /// When that was last asked for, by the page's clock, in ms.
    asked_ms: Cell<Option<u64>>,
}

impl Look {
    /// The node that is looked into.
    pub(super) fn at(&self) -> Option<String> {
        self.at.borrow().as_ref().map(|id| id.as_str().into())
    }
}

impl OpenNode {
    /// What there is to show. Who reads it follows it.
    pub(crate) fn read(&self) -> Rc<Readout> {
        self.changed.track();
        self.read_untracked()
    }

    /// What there is to show now.
    pub(crate) fn read_untracked(&self) -> Rc<Readout> {
        self.readout.borrow().clone()
    }

    /// The part of its memory that the user looks at.
    pub(crate) fn part(&self) -> Option<Part> {
        self.part.get()
    }

    /// Looks at a part of its memory, or at none.
    pub(crate) fn choose(&self, part: Option<Part>) {
        self.part.set(part);
        self.changed.notify();
    }
}

impl Store {
    /// A node that is open. Who asks follows that.
    pub(crate) fn opened(self, id: &NodeId) -> Option<Node> {
        self.0.opened.track();
        self.node(id)
    }

    /// A node that is open.
    pub(crate) fn node(self, id: &NodeId) -> Option<Node> {
        self.0.nodes.borrow().iter().find(|node| node.id == *id).cloned()
    }

    /// Has these nodes open, and no others.
    pub(super) fn want(self, ids: Vec<NodeId>) {
        self.0.nodes.borrow_mut().retain(|node| ids.contains(&node.id));
        self.0.opened.notify();
        let ask = self.0.fleet.borrow_mut().want(ids);
        if !ask.is_empty() {
            self.0.outbox.put(ask);
        }
    }

    /// Brings open nodes up to date, given which numbers changed.
    pub(super) fn show_nodes(self, changed: &[u32]) {
        let fleet = self.0.fleet.borrow();
        for row in changed.iter().filter_map(|&number| fleet.row(number)) {
            if let Some(readout) = fleet.readout(&row.id) {
                self.show_then(readout);
            }
        }
    }

    /// Shows a node as it is told.
    pub(super) fn show_then(self, readout: Readout) {
        let readout = Rc::new(readout);
        if let Some(node) = self.node(&readout.id) {
            node.readout.replace(readout);
            node.changed.notify();
        } else {
            self.0.nodes.borrow_mut().push(Rc::new(OpenNode {
                id: readout.id.clone(),
                readout: RefCell::new(readout),
                part: Cell::new(None),
                changed: RwSignal::new(()),
            }));
            // Who waited for it can show it.
            self.0.opened.notify();
        }
    }

    /// Begins or ends to ask who has the memory of a node.
    pub(crate) fn look(self, node: Option<NodeId>) {
        self.0.look.at.replace(node);
        self.0.look.asked_ms.set(None);
        self.plan();
        if let Some(request) = self.look_on() {
            self.0.outbox.put(vec![request]);
        }
    }

    /// The request that keeps the node's agent looking, when it is time for one. The head says
    /// something every second, so that this comes by often enough.
    pub(super) fn look_on(self) -> Option<FeedRequest> {
        let at = self.0.look.at.borrow();
        if self.is_past() {
            return None;
        }
        let node = self.row_of(at.as_ref()?)?.number;
        let now_ms = now_ms();
        let is_due =
            self.0.look.asked_ms.get().is_none_or(|asked| now_ms.saturating_sub(asked) >= ASK_MS);
        is_due.then(|| {
            self.0.look.asked_ms.set(Some(now_ms));
            FeedRequest::Look { node }
        })
    }

    /// The range that is looked at of a node, and of the part of its memory that is looked at, as it can be
    /// drawn.
    pub(crate) fn runs(self, node: &OpenNode) -> Vec<Vec<Point>> {
        let readout = node.read_untracked();
        if !self.time().is_plain() {
            let course = self.0.past.course.borrow();
            let widths = (readout.period_ms.into(), course.width_ms());
            let rows = &mut course.rows(node.id.as_str());
            return runs_of(rows, widths, &readout.facts, node.part());
        }
        self.0.fleet.borrow().window(&node.id).map_or_else(Vec::new, |window| {
            runs(window, readout.period_ms.into(), &readout.facts, node.part())
        })
    }

    /// Tells how wide charts are, in pixels. Gives the width of what they draw a point for, in ms.
    pub(crate) fn charted_width(self, px: f64) -> u64 {
        self.0.past.chart_px.set(px as u32);
        if self.time().is_plain() { 0 } else { self.0.past.course.borrow().width_ms() }
    }

    /// What was available on a node, in bytes or in thousandths: each reading if the node is open,
    /// else one for each step of what is known in brief.
    pub(crate) fn values(self, id: &NodeId, by_share: bool) -> Vec<Value> {
        let scaled = |available: u64, total: u64| {
            if by_share { available.saturating_mul(1000) / total.max(1) } else { available }
        };
        if !self.time().is_plain() {
            let course = self.0.past.course.borrow();
            let value = |(reading, band): Row| {
                let total = reading.sample.get(shared::Field::Total)?;
                let available = Available::of(&reading.sample).ok()?.here;
                let band = band.map(|(low, high)| (scaled(low, total), scaled(high, total)));
                Some((reading.at_ms, scaled(available, total), band))
            };
            return course.rows(id.as_str()).filter_map(value).collect();
        }
        let fleet = self.0.fleet.borrow();
        if let Some(window) = fleet.window(id) {
            let value = |reading: shared::wire::Reading| {
                let total = reading.sample.get(shared::Field::Total)?;
                let available = Available::of(&reading.sample).ok()?.here;
                Some((reading.at_ms, scaled(available, total), None))
            };
            return window.iter().filter_map(value).collect();
        }
        let Some(row) = fleet.rows().iter().find(|row| row.id == *id) else { return Vec::new() };
        let total = row.brief.map_or(0, |brief| brief.total_kib * 1024);
        slots(&row.trace)
            .filter_map(|(at_ms, share)| {
                let available = total / u64::from(shared::overview::Trace::WHOLE);
                Some((at_ms, scaled(available * u64::from(share?), total), None))
            })
            .collect()
    }
}
