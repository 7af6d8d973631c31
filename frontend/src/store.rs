//! The state as signals, for the views.
//!
//! Each node has one signal, written only when something of it changed. Windows stay outside the
//! graph: charts read them when their node's signal says so.

use leptos::prelude::*;
use shared::wire::{FeedMessage, FeedRequest};

use crate::chart::scale::{Point, runs};
use crate::net::Event;
use crate::state::{Fleet, Outcome, Readout};
use crate::status::{Link, Numbers, Status};

/// What the views read. A handle: copies are of the same store.
#[derive(Clone, Copy)]
pub(crate) struct Store {
    fleet: StoredValue<Fleet, LocalStorage>,
    /// The nodes, in the order they joined.
    pub(crate) nodes: RwSignal<Vec<NodeSignal>>,
    link: RwSignal<Link>,
    /// Whether the user holds the numbers still.
    pub(crate) frozen: RwSignal<bool>,
    /// The page's clock, in ms since 1970; see [`Self::tick`].
    now_ms: RwSignal<u64>,
    /// Whether the head serves a newer page than this.
    pub(crate) outdated: RwSignal<bool>,
}

/// A node and what there is to show of it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct NodeSignal {
    /// Its number in the head's messages.
    pub(crate) number: u32,
    /// What there is to show.
    pub(crate) readout: RwSignal<Readout>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            fleet: StoredValue::new_local(Fleet::default()),
            nodes: RwSignal::new(Vec::new()),
            link: RwSignal::new(Link::Connecting),
            frozen: RwSignal::new(false),
            now_ms: RwSignal::new(now_ms()),
            outdated: RwSignal::new(false),
        }
    }

    /// Takes in what happened on the link; gives what to ask the head for.
    pub(crate) fn hear(self, event: Event) -> Vec<FeedRequest> {
        self.tick();
        match event {
            Event::Message(message) => {
                self.set_link(Link::Live);
                if let FeedMessage::Snapshot(snapshot) = &message {
                    self.outdated.set(own_build().is_some_and(|own| own != snapshot.build));
                }
                let outcome = self.fleet.try_update_value(|fleet| fleet.apply(message, now_ms()));
                let Outcome { changed, ask } = outcome.unwrap_or_default();
                if !self.frozen.get_untracked() {
                    self.show(&changed);
                }
                ask
            }
            Event::Foreign(protocol) => {
                self.set_link(Link::Foreign(protocol));
                self.outdated.set(true);
                Vec::new()
            }
            Event::Lost => {
                // The first loss counts, not each attempt after it.
                if self.link.with_untracked(|link| matches!(link, Link::Connecting | Link::Live)) {
                    self.set_link(Link::Lost(now_ms()));
                }
                Vec::new()
            }
        }
    }

    fn set_link(self, link: Link) {
        if self.link.with_untracked(|old| *old != link) {
            self.link.set(link);
        }
    }

    /// Lets the page's clock go on.
    pub(crate) fn tick(self) {
        self.now_ms.set(now_ms());
    }

    /// Holds the numbers still, or lets them go on.
    pub(crate) fn freeze(self, frozen: bool) {
        self.frozen.set(frozen);
        if !frozen {
            let all = self.fleet.with_value(|fleet| fleet.numbers().collect::<Vec<_>>());
            self.show(&all);
        }
    }

    /// Brings signals up to date with the nodes that changed, and the list with the fleet.
    fn show(self, changed: &[u32]) {
        self.fleet.with_value(|fleet| {
            let shown = self.nodes.get_untracked();
            if !shown.iter().map(|node| node.number).eq(fleet.numbers()) {
                let known = |number| shown.iter().find(|node| node.number == number).copied();
                let nodes = fleet.numbers().filter_map(|number| {
                    let new = || {
                        fleet
                            .readout(number)
                            .map(|readout| NodeSignal { number, readout: RwSignal::new(readout) })
                    };
                    known(number).or_else(new)
                });
                self.nodes.set(nodes.collect());
            }
            for node in self.nodes.get_untracked() {
                let news = changed.contains(&node.number).then(|| fleet.readout(node.number));
                let differs = |news: &Readout| node.readout.with_untracked(|shown| shown != news);
                if let Some(readout) = news.flatten().filter(differs) {
                    node.readout.set(readout);
                }
            }
        });
    }

    /// The recent past of a node, as it can be drawn.
    pub(crate) fn runs(self, node: NodeSignal) -> Vec<Vec<Point>> {
        let period_ms = node.readout.with_untracked(|readout| readout.period_ms.into());
        self.fleet.with_value(|fleet| {
            fleet.window(node.number).map(|window| runs(window, period_ms)).unwrap_or_default()
        })
    }

    /// How current the numbers of a node are, or the link if there is no node.
    pub(crate) fn status(self, node: Option<NodeSignal>) -> Status {
        let now_ms = self.now_ms.get();
        self.link.with(|link| {
            let Some(node) = node else {
                return Status::of(link, self.frozen.get(), None, now_ms);
            };
            node.readout.with(|readout| {
                let numbers = Numbers {
                    age_ms: readout.uptime_us.map(|_| readout.age_ms(now_ms)),
                    period_ms: readout.period_ms.into(),
                    trouble: readout.trouble.as_deref(),
                };
                Status::of(link, self.frozen.get(), Some(&numbers), now_ms)
            })
        })
    }
}

/// The browser's clock, in ms since 1970.
fn now_ms() -> u64 {
    js_sys::Date::now() as u64
}

/// The build id that this page was made with.
fn own_build() -> Option<String> {
    let meta = document().query_selector("meta[name=headroom-build]").ok()??;
    meta.get_attribute("content")
}
