//! What the page knows, with a signal for each thing that changes.
//!
//! Signals only say that something changed; what it is stays outside the graph, so that there is one
//! type of signal and nothing is copied to be compared.

mod access;
mod late;
mod list;
mod node;
mod past;
mod shown;
mod status;
mod time;
mod told;

use std::cell::{Cell, RefCell};

use leptos::prelude::*;
use shared::NodeId;
use shared::wire::FeedMessage;

use crate::fleet::row::Row;
use crate::net::{Event, Outbox};
use crate::route::{Place, Route};
use crate::state::{Fleet, Outcome};
use crate::status::Link;

pub(crate) use access::Desk;
pub(crate) use late::{Late, Parts};
pub(crate) use list::Entry;
pub(crate) use node::Node;
pub(crate) use shown::Shown;
pub(crate) use time::zone_ms;

/// Without news, time goes on in steps of about this, in ms: news come once a second.
const BEAT_MS: u64 = 1100;

/// What the views read. A handle: copies are of the same store.
#[derive(Clone, Copy)]
pub(crate) struct Store(&'static Inner);

struct Inner {
    fleet: RefCell<Fleet>,
    outbox: Outbox,
    link: RefCell<Link>,
    route: RefCell<Route>,
    shown: RefCell<Shown>,
    /// Another view is shown.
    turned: RwSignal<()>,
    /// The address is another.
    routed: RwSignal<()>,
    /// The cluster as it was last looked at.
    home: RefCell<Route>,
    /// The node that was last looked at.
    visited: RefCell<Option<NodeId>>,
    /// A node that was asked for is open.
    opened: RwSignal<()>,
    nodes: RefCell<Vec<Node>>,
    list: list::List,
    desk: Desk,
    told: told::Told,
    late: Cell<Late>,
    late_came: RwSignal<()>,
    past: past::Past,
    /// Whether the user holds the numbers still.
    frozen: Cell<bool>,
    /// Whether the head serves a newer page than this.
    outdated: Cell<bool>,
    look: node::Look,
    /// Time went on, or what the status tells of changed.
    beat: RwSignal<()>,
    /// When that was, by the page's clock, in ms.
    beat_ms: Cell<u64>,
    /// The most memory that a node has, in KiB.
    largest_kib: Cell<u64>,
    /// Pictures are to be painted anew: the window has another size, or the theme changed.
    resized: RwSignal<()>,
}

impl Store {
    pub(crate) fn new(route: Route) -> Self {
        let signal = || RwSignal::new(());
        // It lives as long as the page.
        let store = Self(Box::leak(Box::new(Inner {
            fleet: RefCell::default(),
            outbox: Outbox::default(),
            link: RefCell::new(Link::Connecting),
            route: RefCell::new(route),
            shown: RefCell::new(Shown::Skeleton),
            turned: signal(),
            routed: signal(),
            home: RefCell::default(),
            visited: RefCell::default(),
            opened: signal(),
            nodes: RefCell::default(),
            list: list::List::new(),
            desk: Desk::new(),
            told: told::Told::new(),
            late: Cell::default(),
            late_came: signal(),
            past: past::Past::new(),
            frozen: Cell::new(false),
            outdated: Cell::new(false),
            look: node::Look::default(),
            beat: signal(),
            beat_ms: Cell::new(0),
            largest_kib: Cell::new(0),
            resized: signal(),
        })));
        store.keep_home();
        store
    }

    /// Requests to the head's feed.
    pub(crate) fn outbox(self) -> &'static Outbox {
        &self.0.outbox
    }

    /// Takes in what happened on the link.
    pub(crate) fn hear(self, event: Event) {
        // Of nodes that are open their own signals tell.
        let is_of_open = matches!(
            &event,
            Event::Message(message) if matches!(
                **message,
                FeedMessage::Reading(_)
                    | FeedMessage::Past(_)
                    | FeedMessage::Survey(_)
                    | FeedMessage::Usage(_)
            )
        );
        match event {
            Event::Message(message) => {
                self.0.link.replace(Link::Live);
                if let FeedMessage::Roster(roster) = &*message {
                    self.0.outdated.set(own_build().is_some_and(|own| own != roster.build));
                    self.0.past.forget_events();
                    self.ask_incidents();
                }
                let message = match *message {
                    FeedMessage::Events(events) => {
                        self.hear_of_incidents(&events);
                        return self.0.past.hear(events);
                    }
                    message => message,
                };
                let is_first = !self.0.fleet.borrow().is_told();
                let outcome = self.0.fleet.borrow_mut().apply(message, now_ms());
                self.show(outcome);
                if is_first {
                    self.settle_time();
                }
            }
            Event::Foreign(protocol) => {
                self.0.link.replace(Link::Foreign(protocol));
                self.0.outdated.set(true);
            }
            Event::Lost | Event::Unmade => {
                // The first loss counts, not each attempt after it.
                let mut link = self.0.link.borrow_mut();
                if matches!(*link, Link::Connecting | Link::Live) {
                    *link = Link::Lost(now_ms());
                }
                drop(link);
                if matches!(event, Event::Unmade) {
                    // Perhaps this browser may not read, or not any more.
                    self.0.desk.ask_who();
                }
            }
        }
        if !is_of_open {
            self.settle();
            self.keep_up();
            self.tick();
        }
    }

    /// Brings signals up to date with what a message changed.
    fn show(self, outcome: Outcome) {
        let Outcome { nodes, listed, mut ask } = outcome;
        ask.extend(self.look_on());
        if !ask.is_empty() {
            self.0.outbox.put(ask);
        }
        if listed {
            self.relist();
        }
        if !self.is_held() {
            self.show_nodes(&nodes);
        }
    }

    /// Lets the page's clock go on.
    pub(crate) fn tick(self) {
        self.0.beat_ms.set(now_ms());
        let kib = |row: &Row| row.brief.map(|brief| brief.total_kib);
        let largest = self.rows(|rows| rows.iter().filter_map(kib).max().unwrap_or(0));
        self.0.largest_kib.set(largest);
        self.0.beat.notify();
    }

    /// The same, unless news have done so within the last second.
    pub(crate) fn tick_in_time(self) {
        if now_ms().saturating_sub(self.0.beat_ms.get()) >= BEAT_MS {
            self.tick();
        }
    }

    /// Follows the page's clock; gives what it says.
    pub(crate) fn beat(self) -> u64 {
        self.0.beat.track();
        now_ms()
    }

    /// The time that is shown, by the head's clock, in ms: now, or a moment of the past.
    pub(crate) fn head_ms(self) -> u64 {
        self.time().at_ms.unwrap_or_else(|| self.live_ms())
    }

    /// Follows whatever has pictures painted anew.
    pub(crate) fn resized(self) {
        self.0.resized.track();
    }

    /// Has pictures painted anew.
    pub(crate) fn resize(self) {
        self.0.resized.notify();
    }

    /// Whether the head serves a newer page than this.
    pub(crate) fn is_outdated(self) -> bool {
        self.0.outdated.get()
    }

    /// Whether the user holds the numbers still.
    pub(crate) fn is_frozen(self) -> bool {
        self.0.frozen.get()
    }

    /// Holds the numbers still, or lets them go on.
    pub(crate) fn freeze(self, frozen: bool) {
        self.0.frozen.set(frozen);
        if !self.is_held() {
            let all: Vec<u32> = self.rows(|rows| rows.iter().map(|row| row.number).collect());
            self.show_nodes(&all);
        }
        self.tick();
    }

    /// Reads every node in brief, as of the time that is shown, in the order of their numbers.
    pub(crate) fn rows<T>(self, read: impl FnOnce(&[Row]) -> T) -> T {
        match &*self.0.past.then.borrow() {
            Some(rows) => read(rows),
            None => read(self.0.fleet.borrow().rows()),
        }
    }

    /// A node in brief, by its number.
    pub(crate) fn row(self, number: u32) -> Option<Row> {
        self.rows(|rows| {
            let place = rows.binary_search_by_key(&number, |row| row.number);
            place.ok().map(|at| rows[at].clone())
        })
    }

    /// A node in brief, by its id.
    pub(crate) fn row_of(self, id: &NodeId) -> Option<Row> {
        self.rows(|rows| rows.iter().find(|row| row.id == *id).cloned())
    }

    /// The most memory that a node has, in KiB: the end of the common scale.
    pub(crate) fn largest_kib(self) -> u64 {
        self.0.largest_kib.get()
    }

    /// Where the page is. Who reads it follows it.
    pub(crate) fn route(self) -> Route {
        self.0.routed.track();
        self.0.route.borrow().clone()
    }

    /// The cluster as it was last looked at.
    pub(crate) fn home(self) -> Route {
        self.0.home.borrow().clone()
    }

    fn keep_home(self) {
        let route = self.0.route.borrow();
        match &route.place {
            Place::Overview => {
                self.0.home.replace(route.clone());
            }
            Place::Node(id) => {
                self.0.visited.replace(NodeId::try_from(id.clone()).ok());
            }
            Place::Compare(_) | Place::Incidents => {}
        }
    }

    /// The node that was last looked at, said once.
    pub(crate) fn take_visited(self) -> Option<NodeId> {
        self.0.visited.take()
    }

    /// Goes to another place, or looks at the same one differently.
    pub(crate) fn turn(self, route: Route) {
        let (is_reordered, old_time) = {
            let mut old = self.0.route.borrow_mut();
            let differs = old.order != route.order || old.by_share != route.by_share;
            let time = old.time;
            *old = route;
            (differs, time)
        };
        self.forget_address();
        self.settle_time();
        self.keep_home();
        if is_reordered {
            self.reorder();
        }
        self.0.routed.notify();
        self.settle();
        if self.time() != old_time {
            self.change_time(old_time);
        }
    }

    /// Makes whole what an address says of time, once it is known when now is.
    fn settle_time(self) {
        let live_ms = self.live_ms();
        if live_ms != 0 {
            let mut route = self.0.route.borrow_mut();
            route.time = route.time.settled(live_ms);
        }
    }
}

/// The page's clock, in ms since it was loaded: it only goes forward, whatever is set elsewhere.
fn now_ms() -> u64 {
    window().performance().map_or(0.0, |clock| clock.now()) as u64
}

/// The build id that this page was made with.
fn own_build() -> Option<String> {
    let meta = document().query_selector("meta[name=headroom-build]").ok()??;
    meta.get_attribute("content")
}
