//! Which view is shown: what the address and the nodes call for.

use leptos::prelude::*;
use shared::NodeId;

use super::Store;
use crate::route::{Place, View};
use crate::status::Link;

/// Above so many nodes the heat map opens first.
const MANY: usize = 60;

/// Which view is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// The layout to come.
    Skeleton,
    /// A way to sign in.
    Door,
    /// Only what the status says.
    Blank,
    /// That there are no nodes yet.
    Nobody,
    /// One node.
    Node(NodeId),
    /// All of them, as lines or as a heat map.
    Fleet(View),
    /// Some of them, side by side.
    Compare(Vec<NodeId>),
    /// What went wrong.
    Incidents,
}

impl Shown {
    /// Whether a node is among what is shown in full.
    pub(crate) fn is_of(&self, node: &NodeId) -> bool {
        match self {
            Self::Node(id) => id == node,
            Self::Compare(ids) => ids.contains(node),
            _ => true,
        }
    }
}

impl Store {
    /// What is shown now.
    pub(crate) fn shown_untracked(self) -> Shown {
        self.0.shown.borrow().clone()
    }

    /// What is shown.
    pub(crate) fn shown(self) -> Shown {
        self.0.turned.track();
        self.0.shown.borrow().clone()
    }

    /// Sees to it that what is shown is what the address and the nodes call for.
    pub(super) fn settle(self) {
        let shown = self.to_show();
        if *self.0.shown.borrow() == shown {
            return;
        }
        let wanted = match &shown {
            Shown::Node(id) => vec![id.clone()],
            Shown::Compare(ids) => ids.clone(),
            _ => Vec::new(),
        };
        self.0.shown.replace(shown);
        self.want(wanted);
        self.0.turned.notify();
        self.arrive();
    }

    fn to_show(self) -> Shown {
        let route = self.0.route.borrow();
        let fleet = self.0.fleet.borrow();
        let rows = fleet.rows();
        let is_told = fleet.is_told();
        let is_locked_out = self.0.desk.is_locked_out() && *self.0.link.borrow() != Link::Live;
        if is_locked_out || self.0.desk.wants_in() {
            return Shown::Door;
        }
        if !is_told {
            return match *self.0.link.borrow() {
                Link::Connecting | Link::Live => Shown::Skeleton,
                Link::Lost(_) | Link::Foreign(_) => Shown::Blank,
            };
        }
        let id = |text: &String| NodeId::try_from(text.clone()).ok();
        match (&route.place, rows) {
            (Place::Node(name), _) => id(name).map_or(Shown::Blank, Shown::Node),
            (Place::Compare(names), _) => Shown::Compare(names.iter().filter_map(id).collect()),
            (Place::Incidents, _) => Shown::Incidents,
            (Place::Overview, []) => Shown::Nobody,
            (Place::Overview, [only]) if route.view.is_none() && route.wish.is_empty() => {
                Shown::Node(only.id.clone())
            }
            (Place::Overview, _) => {
                Shown::Fleet(route.view.unwrap_or(match *self.0.shown.borrow() {
                    // A view that somebody looks at does not turn into another by itself.
                    Shown::Fleet(view) => view,
                    _ if rows.len() > MANY => View::Heat,
                    _ => View::List,
                }))
            }
        }
    }
}
