//! The part of the page that is loaded late: when it is first used.

use leptos::prelude::*;
use leptos::web_sys::{Element, HtmlDialogElement};
use shared::NodeId;

use super::{Node, Store};
use crate::time::ask::Ask;
use crate::time::course::Need;

/// What is in it. All else here reaches it through these.
pub(crate) struct Parts {
    /// Nodes side by side.
    pub(crate) compare: fn(&Element, Store, Vec<NodeId>),
    /// Nodes over time, as colours.
    pub(crate) heat: fn(&Element, Store),
    /// Who has the memory of a node.
    pub(crate) who: fn(&Element, Store, &Node),
    /// What other tools would print of it.
    pub(crate) tools: fn(&Element, &Element, &Node),
    /// All keys.
    pub(crate) help: fn(&HtmlDialogElement, Store),
    /// A way to add a node.
    pub(crate) adding: fn(&HtmlDialogElement, Store),
    /// What happened, and how far history reaches.
    pub(crate) happened: fn(&HtmlDialogElement, Store),
    /// Where a job fits.
    pub(crate) fit: fn(&Element, Store),
    /// What went wrong, and the rules by which that is told.
    pub(crate) incidents: fn(&Element, Store),
    /// What is to be asked for of a past that is not just the last minutes.
    pub(crate) plan_past: fn(Store, Need),
    /// What is shown of it…
    pub(crate) seek_past: fn(Store),
    /// …and what the head answers.
    pub(crate) take_past: fn(Store, &Ask, &[u8]) -> Option<()>,
}

/// Whether it is here.
#[derive(Clone, Copy, Default)]
pub(crate) enum Late {
    /// Nobody has needed it yet.
    #[default]
    Absent,
    /// It is on its way.
    Coming,
    /// It could not be loaded.
    Failed,
    /// It is here.
    Here(&'static Parts),
}

impl Store {
    /// The late part, as far as it is here. Who reads it follows its coming.
    pub(crate) fn late(self) -> Late {
        self.0.late_came.track();
        self.0.late.get()
    }

    /// Asks for the late part, unless it is here or on its way.
    pub(crate) fn want_late(self) {
        if matches!(self.0.late.get(), Late::Absent | Late::Failed) {
            self.0.late.set(Late::Coming);
            self.0.late_came.notify();
        }
    }

    /// Takes in what came of that.
    pub(crate) fn take_late(self, parts: Option<&'static Parts>) {
        self.0.late.set(parts.map_or(Late::Failed, Late::Here));
        self.0.late_came.notify();
        if !self.time().is_plain() {
            if parts.is_none() {
                let why = "this part of the page could not be loaded. Load the page anew.";
                self.0.past.trouble.replace(why.into());
            }
            self.arrive();
        }
    }
}
