//! The list of nodes: in which order they stand, and which are picked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use shared::NodeId;

use super::{Store, now_ms};
use crate::fleet::order::{Column, Line};
use crate::route::MOST_COMPARED;

/// A line of the list as it stands.
pub(crate) type Entry = Line;

/// How long an order stands before the numbers may change it, in ms.
const STANDS_MS: u64 = 5000;

/// See the module.
pub(super) struct List {
    entries: RefCell<Rc<Vec<Entry>>>,
    /// The order, or which nodes are in it, changed.
    ordered: RwSignal<()>,
    ordered_ms: Cell<u64>,
    /// Whether the pointer or the focus is on the list.
    held: Cell<bool>,
    picked: RefCell<Vec<NodeId>>,
    repicked: RwSignal<()>,
}

impl List {
    pub(super) fn new() -> Self {
        Self {
            entries: RefCell::default(),
            ordered: RwSignal::new(()),
            ordered_ms: Cell::new(0),
            held: Cell::new(false),
            picked: RefCell::default(),
            repicked: RwSignal::new(()),
        }
    }
}

impl Store {
    /// Nodes came or went.
    pub(super) fn relist(self) {
        if self.0.list.held.get() && !self.0.list.entries.borrow().is_empty() {
            self.amend();
        } else {
            self.reorder();
        }
    }

    /// Puts the list in order anew.
    pub(crate) fn reorder(self) {
        let head_ms = self.head_ms();
        let route = self.0.route.borrow();
        let entries = self.rows(|rows| route.order.lines(rows, route.by_share, head_ms));
        self.0.list.ordered_ms.set(now_ms());
        self.enlist(entries);
    }

    /// Leaves the list in its order, without nodes that went, and with those that came at the end.
    fn amend(self) {
        let head_ms = self.head_ms();
        let route = self.0.route.borrow();
        let fresh = self.rows(|rows| route.order.lines(rows, route.by_share, head_ms));
        let old = self.0.list.entries.borrow().clone();
        let is_node = |line: &&Line| matches!(line, Line::Node(_));
        let kept = old.iter().filter(|line| !is_node(line) || fresh.contains(line));
        let more = fresh.iter().filter(|line| is_node(line) && !old.contains(line));
        let entries = kept.chain(more).cloned().collect();
        self.enlist(entries);
    }

    fn enlist(self, entries: Vec<Entry>) {
        if **self.0.list.entries.borrow() != entries {
            self.0.list.entries.replace(Rc::new(entries));
            self.0.list.ordered.notify();
        }
    }

    /// Puts the list in order anew if the numbers may have changed it, and nobody is at it.
    pub(crate) fn reorder_in_time(self) {
        let list = &self.0.list;
        let order = self.route().order;
        let is_still = order.column == Column::Name && order.filter.is_empty();
        let is_due = now_ms().saturating_sub(list.ordered_ms.get()) >= STANDS_MS;
        if !is_still && is_due && !list.held.get() && !self.is_frozen() {
            self.reorder();
        }
    }

    /// The pointer or the focus came to the list, or left it.
    pub(crate) fn hold(self, held: bool) {
        self.0.list.held.set(held);
    }

    /// The lines of the list. Who reads them follows their order.
    pub(crate) fn entries(self) -> Rc<Vec<Entry>> {
        self.0.list.ordered.track();
        self.0.list.entries.borrow().clone()
    }

    /// The nodes that are picked to be compared.
    pub(crate) fn picked(self) -> Vec<NodeId> {
        self.0.list.repicked.track();
        self.0.list.picked.borrow().clone()
    }

    /// Picks a node, or puts it back. There is a limit to how many can be compared.
    pub(crate) fn pick(self, id: &NodeId) {
        let mut picked = self.0.list.picked.borrow_mut();
        let before = picked.len();
        picked.retain(|one| one != id);
        if picked.len() == before && before < MOST_COMPARED {
            picked.push(id.clone());
        }
        drop(picked);
        self.0.list.repicked.notify();
    }
}
