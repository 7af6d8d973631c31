//! The state as signals, for the views.
//!
//! Each node has one signal, written only when something of it changed. Windows stay outside the
//! graph: charts read them when their node's signal says so.

use leptos::prelude::*;
use shared::breakdown::Part;
use shared::wire::{FeedMessage, FeedRequest, LOOK_MS};

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
    /// The node that the user looks into, to see who has its memory.
    looking: RwSignal<Option<u32>>,
    /// When that was last asked for, by the page's clock, in ms.
    asked_ms: StoredValue<u64>,
}

/// Between two requests for who has the memory, in ms: well before a look ends.
const ASK_MS: u64 = LOOK_MS as u64 / 3;

/// A node and what there is to show of it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct NodeSignal {
    /// Its number in the head's messages.
    pub(crate) number: u32,
    /// What there is to show.
    pub(crate) readout: RwSignal<Readout>,
    /// The part of its memory that the user looks at.
    pub(crate) part: RwSignal<Option<Part>>,
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
            looking: RwSignal::new(None),
            asked_ms: StoredValue::new(0),
        }
    }

    /// Begins or ends to ask who has the memory of a node.
    pub(crate) fn look(self, node: Option<u32>) {
        self.looking.set(node);
        self.asked_ms.set_value(0);
    }

    /// The request that keeps the node's agent looking, when it is time for one. The head says
    /// something every second, so that this comes by often enough.
    fn look_on(self) -> Option<FeedRequest> {
        let node = self.looking.get_untracked()?;
        let now_ms = now_ms();
        let is_due = now_ms.saturating_sub(self.asked_ms.get_value()) >= ASK_MS;
        is_due.then(|| {
            self.asked_ms.set_value(now_ms);
            FeedRequest::Look { node }
        })
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
                let Outcome { changed, mut ask } = outcome.unwrap_or_default();
                ask.extend(self.look_on());
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
                        fleet.readout(number).map(|readout| NodeSignal {
                            number,
                            readout: RwSignal::new(readout),
                            part: RwSignal::new(None),
                        })
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

    /// The recent past of a node, and of one part of its memory, as it can be drawn.
    pub(crate) fn runs(self, node: NodeSignal, part: Option<Part>) -> Vec<Vec<Point>> {
        node.readout.with_untracked(|readout| {
            self.fleet.with_value(|fleet| {
                fleet.window(node.number).map_or_else(Vec::new, |window| {
                    runs(window, readout.period_ms.into(), &readout.facts, part)
                })
            })
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
