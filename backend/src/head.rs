//! The task that owns the fleet: agents report to it, browsers and scripts follow it.
//!
//! All state belongs to one task, and is reached through bounded queues only. It knows no HTTP, and
//! the time is given to it.
//!
//! # Layout
//!
//! * `handle`: the way to it.
//! * [`fleet`]: every node, and what agents report of it; of one node `node`, with its readings in
//!   `record`, placed in time by `offset`, and how it goes over a day in `course`. `bounds` cuts what is
//!   too long.
//! * `foresight`: what is foreseen of a node; `bygone` is what history tells for that.
//! * `keeping`: what waits for disk besides readings: `log` is what happened, `story` what of one node
//!   was told so. `unsaved` are the readings of one boot that wait, `past` those that are there.
//! * [`feed`]: those who follow, and what they are told; `news` is what is new for them.
//! * `sign`: a node in few words, for those who place work and those who watch for harm.
//! * `links`: the ways back to the agents; `refusal` is why one is closed.

mod bounds;
mod bygone;
mod count;
mod course;
pub mod feed;
pub mod fleet;
mod foresight;
mod handle;
mod keeping;
mod links;
mod log;
mod news;
mod node;
mod offset;
mod past;
mod record;
mod refusal;
mod report;
mod sign;
mod spans;
mod story;
mod unsaved;

use std::sync::Arc;
use std::time::Duration;

use shared::NodeId;
use shared::black_box::BoxAt;
use shared::history::{Event, EventKind};
use shared::run::Span;
use shared::usage::Usage;
use shared::wire::{
    AgentMessage, AgentRequest, Encoding, FeedMessage, FeedRequest, NodeSurvey, NodeUsage,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep;

use crate::error::tell;
pub use bygone::Bygone;
pub use count::Count;
use feed::{Feed, FollowerId, Following, View};
use fleet::{Expected, Fleet, LinkId, NodeDetail, Numbered, Reply};
pub use handle::Head;
pub use keeping::{Known, Pending};
use links::Links;
pub use links::{AgentLink, NotTaken};
use news::Outlook;
pub use node::FINDINGS;
use report::Report;
pub use sign::{Shown, Sign};
pub use story::found_in;
pub use unsaved::PackedBatch;

/// Commands that may wait for the head.
const QUEUE: usize = 1024;
/// Deltas are at least this far apart, in ms, so that many reports share a frame.
const GATHER_MS: u64 = 100;
/// A delta is sent at least this often, in ms, even if it is empty: silence means a broken link.
const HEARTBEAT_MS: u64 = 1000;

/// Between two words about agents that are no nodes and are turned away, in ms.
const TURNED_AWAY_EVERY_MS: u64 = 60_000;

/// The head has ended, or serves this agent no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the head has ended")]
pub struct HeadGone;

/// Something as it was at a moment of the head's clock.
#[derive(Clone, Debug)]
pub struct AsOf<T> {
    /// When: ms since 1970.
    pub now_ms: u64,
    /// What.
    pub of: T,
}

enum Command {
    Connect(Option<NodeId>, oneshot::Sender<(LinkId, mpsc::Receiver<AgentRequest>)>),
    Report(LinkId, Box<Report>),
    Leave(LinkId, bool),
    Expect(Vec<Expected>),
    Refused(NodeId, String),
    ClockSet(i64),
    Follow(Encoding, View, oneshot::Sender<Option<Following>>),
    Request(FollowerId, FeedRequest),
    Count(oneshot::Sender<Count>),
    Nodes(oneshot::Sender<AsOf<Vec<NodeDetail>>>),
    Detail(NodeId, oneshot::Sender<Option<AsOf<NodeDetail>>>),
    Readings(NodeId, oneshot::Sender<Option<Vec<Numbered>>>),
    Usage(NodeId, oneshot::Sender<Usage>),
    Unsaved(NodeId, oneshot::Sender<Vec<PackedBatch>>),
    Events(oneshot::Sender<Vec<Event>>),
    Signs(u64, oneshot::Sender<AsOf<Vec<Sign>>>),
    Boxes(oneshot::Sender<Vec<BoxAt>>),
    Tell(Event),
    Happened(EventKind, String),
    Give(oneshot::Sender<Pending>),
    Saved,
    Know(Box<Known>),
    Recall(Vec<Bygone>),
    Stop,
}

/// What a head is to be.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Names the page it serves.
    pub build: String,
    /// Bytes of readings at most that wait for disk; `None` if history is not kept.
    pub unsaved: Option<usize>,
}

/// A head, and the task that must run for it. `now_ms` is its clock, in ms since 1970, which must never
/// go back by itself: see [`Head::clock_set`].
pub fn new(plan: Plan, now_ms: impl Fn() -> u64) -> (Head, impl Future<Output = ()>) {
    let (commands, queue) = mpsc::channel(QUEUE);
    let pressed = Arc::new(Notify::new());
    let state = State {
        fleet: Fleet::keeping(plan.unsaved),
        build: plan.build,
        pressed: Arc::clone(&pressed),
        ..State::default()
    };
    (Head { commands, pressed }, run(state, queue, now_ms))
}

/// What the head's task works on.
#[derive(Default)]
struct State {
    fleet: Fleet,
    feed: Feed,
    links: Links,
    build: String,
    /// What was added to the clock that the head was given, in ms, as the machine's clock was set.
    added_ms: i64,
    pressed: Arc<Notify>,
    /// When it was told last that somebody was turned away who is no node, in ms.
    turned_away_ms: u64,
    /// Whether it was said since the last commit that room is short.
    is_pressed: bool,
}

async fn run(mut state: State, mut queue: mpsc::Receiver<Command>, clock: impl Fn() -> u64) {
    let (mut flushed_ms, mut told_ms) = (clock(), clock());
    loop {
        let after_ms = if state.fleet.news.is_some() { GATHER_MS } else { HEARTBEAT_MS };
        let due_ms = (flushed_ms + after_ms).min(told_ms + GATHER_MS);
        let wait = Duration::from_millis(due_ms.saturating_sub(clock()));
        let command = tokio::select! {
            biased;
            () = sleep(wait) => {
                let time_ms = clock();
                let now_ms = time_ms.saturating_add_signed(state.added_ms);
                if time_ms >= flushed_ms + after_ms {
                    flushed_ms = time_ms;
                    state.publish(now_ms);
                }
                if time_ms >= told_ms + GATHER_MS {
                    told_ms = time_ms;
                    for link in state.fleet.foresee_some(now_ms) {
                        state.links.look(link);
                    }
                    for link in state.links.tell_some() {
                        state.links.drop(link);
                        state.fleet.leave(link, false, now_ms);
                    }
                }
                continue;
            }
            command = queue.recv() => command,
        };
        let Some(command) = command else { return };
        let now_ms = clock().saturating_add_signed(state.added_ms);
        if state.take(command, now_ms).is_none() {
            return;
        }
    }
}

impl State {
    fn publish(&mut self, now_ms: u64) {
        let news = self.fleet.news.take();
        let outlook = Outlook { fleet: &self.fleet, news: &news, build: &self.build, now_ms };
        self.feed.publish(&outlook);
        self.fleet.tell_who_is_gone(now_ms);
        let events = self.fleet.fresh_events();
        if !events.is_empty() {
            self.feed.tell(events);
        }
    }

    /// Does what is asked; `None` is the end. Whoever asked may be gone when the answer comes.
    fn take(&mut self, command: Command, now_ms: u64) -> Option<()> {
        match command {
            Command::Connect(known_as, answer) => {
                answer.send(self.links.connect(known_as)).ok();
            }
            Command::Report(link, report) => self.report(link, *report, now_ms),
            Command::Leave(link, stopped) => {
                self.links.drop(link);
                self.fleet.leave(link, stopped, now_ms);
            }
            Command::Expect(expected) => {
                for (link, refusal) in self.fleet.expect(&expected, now_ms) {
                    self.links.refuse(link, &refusal);
                }
            }
            Command::Refused(id, why) => self.turned_away(Some(&id), &why, now_ms),
            Command::ClockSet(by_ms) => {
                self.added_ms += by_ms;
                self.fleet.shift(by_ms);
                self.fleet.tell_head_clock(by_ms, now_ms.saturating_add_signed(by_ms));
                self.feed.resync_all();
            }
            Command::Follow(encoding, view, answer) => {
                let news = self.fleet.news.seen();
                let build = &self.build;
                let outlook = Outlook { fleet: &self.fleet, news: &news, build, now_ms };
                answer.send(self.feed.join(encoding, view, &outlook)).ok();
            }
            Command::Request(follower, request) => self.request(follower, &request, now_ms),
            Command::Count(answer) => {
                answer.send(Count::of(&self.fleet, now_ms)).ok();
            }
            Command::Nodes(answer) => {
                answer.send(AsOf { now_ms, of: self.fleet.details().collect() }).ok();
            }
            Command::Detail(id, answer) => {
                answer.send(self.fleet.detail(&id).map(|of| AsOf { now_ms, of })).ok();
            }
            Command::Readings(id, answer) => {
                answer.send(self.fleet.numbered(&id)).ok();
            }
            Command::Unsaved(id, answer) => {
                answer.send(self.fleet.unsaved(&id)).ok();
            }
            Command::Events(answer) => {
                answer.send(self.fleet.events()).ok();
            }
            Command::Signs(over_ms, answer) => {
                answer.send(AsOf { now_ms, of: self.fleet.signs(over_ms, now_ms) }).ok();
            }
            Command::Boxes(answer) => {
                answer.send(self.fleet.take_boxes()).ok();
            }
            Command::Tell(event) => self.fleet.tell_event(event, now_ms),
            Command::Happened(kind, text) => self.fleet.tell_of_head(kind, text, now_ms),
            Command::Give(answer) => {
                answer.send(self.fleet.give(now_ms)).ok();
            }
            Command::Saved => {
                self.is_pressed = false;
                let news = self.fleet.saved();
                self.tell_durable(news);
            }
            Command::Know(known) => {
                let news = self.fleet.know(*known, now_ms);
                self.tell_durable(news);
            }
            Command::Recall(bygones) => self.fleet.recall(bygones, now_ms),
            Command::Usage(id, answer) => {
                if let Some(node) = self.fleet.number_of(&id)
                    && let Some(link) = self.fleet.link(node)
                {
                    self.links.wait(node, link, answer);
                }
            }
            Command::Stop => return None,
        }
        Some(())
    }

    fn tell_durable(&mut self, news: Vec<(LinkId, Vec<Span>)>) {
        for (link, spans) in news {
            self.links.save(link, spans);
        }
    }

    fn report(&mut self, link: LinkId, report: Report, now_ms: u64) {
        if !self.links.has(link) {
            return;
        }
        if let (Report::Said(AgentMessage::Usage(usage)), Some(node)) =
            (&report, self.fleet.number(link))
        {
            let mut usage = usage.clone();
            bounds::usage(&mut usage);
            self.fleet.note_usage(node, &usage, now_ms);
            self.links.answer(node, &usage);
            self.feed.show_usage(NodeUsage { node, usage }, now_ms);
            return;
        }
        match self.fleet.report(link, self.links.known_as(link), report, now_ms) {
            Ok(Reply::None) => {}
            Ok(Reply::Held(spans)) => self.links.hold(link, &spans, false),
            Ok(Reply::HeldNow(spans)) => self.links.hold(link, &spans, true),
            Ok(Reply::Welcome(welcome, other)) => {
                if let Some(other) = other {
                    self.links.drop(other);
                }
                let durable = self.fleet.durable(link);
                self.links.welcome(link, welcome, durable);
            }
            Err(refusal) => {
                self.turned_away(refusal.node(), &refusal.to_string(), now_ms);
                self.links.refuse(link, &refusal);
                self.fleet.leave(link, false, now_ms);
            }
        }
        if self.fleet.is_pressed() && !std::mem::replace(&mut self.is_pressed, true) {
            self.pressed.notify_one();
        }
    }

    /// An agent was turned away, which is told once for each reason, however often it comes back; of one
    /// that is no node, once a minute at most.
    fn turned_away(&mut self, id: Option<&NodeId>, why: &str, now_ms: u64) {
        let is_news = if let Some(id) = id.filter(|id| self.fleet.number_of(id).is_some()) {
            self.fleet.refused(id, why.to_owned(), now_ms)
        } else {
            let is_due = now_ms.abs_diff(self.turned_away_ms) >= TURNED_AWAY_EVERY_MS;
            if is_due {
                self.turned_away_ms = now_ms;
            }
            is_due
        };
        if is_news {
            tell(format_args!("an agent was refused: {why}"));
        }
    }

    fn request(&mut self, follower: FollowerId, request: &FeedRequest, now_ms: u64) {
        match *request {
            FeedRequest::Resync {} => self.feed.resync(follower),
            FeedRequest::Watch { node } => {
                self.feed.send(follower, &FeedMessage::Window(self.fleet.window(node)));
                self.watch(follower, node);
            }
            FeedRequest::Recall { node } => {
                self.feed.send(follower, &FeedMessage::Past(self.fleet.past(node)));
                self.watch(follower, node);
            }
            FeedRequest::Open { node } => {
                let Some(state) = self.fleet.node(node).map(node::Node::state) else { return };
                if self.feed.watch(follower, node) {
                    self.feed.send(follower, &FeedMessage::Opened(Box::new(state)));
                    self.feed.send(follower, &FeedMessage::Past(self.fleet.past(node)));
                    self.watch(follower, node);
                }
            }
            FeedRequest::Close { node } => self.feed.close(follower, node),
            FeedRequest::Look { node } => {
                if let Some(link) = self.fleet.link(node) {
                    self.feed.look(follower, node, now_ms);
                    self.links.look(link);
                }
            }
        }
    }

    /// Tells a follower what was found on a node, now and whenever it changes.
    fn watch(&mut self, follower: FollowerId, node: u32) {
        if self.fleet.node(node).is_none() || !self.feed.watch(follower, node) {
            return;
        }
        if let Some(survey) = self.fleet.survey(node) {
            self.feed.send(follower, &FeedMessage::Survey(NodeSurvey { node, survey }));
        }
    }
}
