//! The task that owns the fleet: agents report to it, browsers and scripts follow it.
//!
//! All state belongs to one task, and is reached through bounded queues only. It knows no HTTP, and
//! the time is given to it.
//!
//! # Layout
//!
//! * [`fleet`]: every node, and what agents report of it; of one node `node`, with its readings in
//!   `record`, placed in time by `offset`. `bounds` cuts what is too long.
//! * [`feed`]: those who follow, and what they are told; `news` is what is new for them.
//! * `links`: the ways back to the agents; `refusal` is why one is closed.

mod bounds;
pub mod feed;
pub mod fleet;
mod links;
mod news;
mod node;
mod offset;
mod record;
mod refusal;
mod report;
mod spans;

use std::time::Duration;

use shared::NodeId;
use shared::history::Batch;
use shared::usage::Usage;
use shared::wire::{
    AgentMessage, AgentRequest, Encoding, FeedMessage, FeedRequest, NodeSurvey, NodeUsage,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::error::tell;
use feed::{Feed, FollowerId, Following, View};
use fleet::{Expected, Fleet, LinkId, NodeDetail, Numbered, Reply};
use links::Links;
pub use links::{AgentLink, NotTaken};
use news::Outlook;
use report::Report;

/// Commands that may wait for the head.
const QUEUE: usize = 1024;
/// Deltas are at least this far apart, in ms, so that many reports share a frame.
const GATHER_MS: u64 = 100;
/// A delta is sent at least this often, in ms, even if it is empty: silence means a broken link.
const HEARTBEAT_MS: u64 = 1000;

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
    Nodes(oneshot::Sender<AsOf<Vec<NodeDetail>>>),
    Detail(NodeId, oneshot::Sender<Option<AsOf<NodeDetail>>>),
    Readings(NodeId, oneshot::Sender<Option<Vec<Numbered>>>),
    Usage(NodeId, oneshot::Sender<Usage>),
    Unsaved(NodeId, oneshot::Sender<Vec<Batch>>),
    Stop,
}

/// The way to the head. Clones lead to the same one.
#[derive(Clone)]
pub struct Head {
    commands: mpsc::Sender<Command>,
}

/// A head, and the task that must run for it. `build` names the page it serves; `now_ms` is its
/// clock, in ms since 1970, which must never go back by itself: see [`Head::clock_set`].
pub fn new(build: String, now_ms: impl Fn() -> u64) -> (Head, impl Future<Output = ()>) {
    let (commands, queue) = mpsc::channel(QUEUE);
    (Head { commands }, run(queue, build, now_ms))
}

impl Head {
    /// Lets an agent report. `known_as` is the id that its token gives the node; without one it says
    /// it itself.
    pub async fn connect(&self, known_as: Option<NodeId>) -> Result<AgentLink, HeadGone> {
        let (link, requests) = self.ask(|answer| Command::Connect(known_as, answer)).await?;
        let commands = self.commands.clone();
        Ok(AgentLink::new(link, commands, requests))
    }

    /// From now on these nodes have tokens, and others that had one are served no more.
    pub async fn expect(&self, expected: Vec<Expected>) -> Result<(), HeadGone> {
        self.send(Command::Expect(expected)).await
    }

    /// An agent that would be node `id` was turned away.
    pub async fn refused(&self, id: NodeId, why: String) -> Result<(), HeadGone> {
        self.send(Command::Refused(id, why)).await
    }

    /// The clock of the head's machine was set by so many ms: the head's time line moves with it, all
    /// that is held on it included.
    pub async fn clock_set(&self, by_ms: i64) -> Result<(), HeadGone> {
        self.send(Command::ClockSet(by_ms)).await
    }

    /// Follows the feed, from a snapshot or roster on. `None` if as many follow it already as the head
    /// serves.
    pub async fn follow(
        &self,
        encoding: Encoding,
        view: View,
    ) -> Result<Option<Following>, HeadGone> {
        self.ask(|answer| Command::Follow(encoding, view, answer)).await
    }

    /// Asks for something on behalf of a follower; the answer comes in its frames.
    pub async fn request(
        &self,
        follower: FollowerId,
        request: FeedRequest,
    ) -> Result<(), HeadGone> {
        self.send(Command::Request(follower, request)).await
    }

    /// Every node, in the order they joined, without what was found on them.
    pub async fn nodes(&self) -> Result<AsOf<Vec<NodeDetail>>, HeadGone> {
        self.ask(Command::Nodes).await
    }

    /// All that is known of the node with this id.
    pub async fn detail(&self, id: NodeId) -> Result<Option<AsOf<NodeDetail>>, HeadGone> {
        self.ask(|answer| Command::Detail(id, answer)).await
    }

    /// The last five minutes of the node with this id, oldest first.
    pub async fn readings(&self, id: NodeId) -> Result<Option<Vec<Numbered>>, HeadGone> {
        self.ask(|answer| Command::Readings(id, answer)).await
    }

    /// The readings of the node with this id that are not on disk yet, as far as the head remembers.
    pub async fn unsaved(&self, id: NodeId) -> Result<Vec<Batch>, HeadGone> {
        self.ask(|answer| Command::Unsaved(id, answer)).await
    }

    /// Who has the memory of the node with this id: the next sweep over it. An error is also a node
    /// that is not there, or too many who ask.
    pub async fn usage(&self, id: NodeId) -> Result<Usage, HeadGone> {
        self.ask(|answer| Command::Usage(id, answer)).await
    }

    /// Ends the head. All who follow the feed see its end.
    pub async fn stop(&self) {
        // A head that is gone has stopped.
        self.send(Command::Stop).await.ok();
    }

    async fn send(&self, command: Command) -> Result<(), HeadGone> {
        self.commands.send(command).await.map_err(|_| HeadGone)
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, HeadGone> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer)).await?;
        answered.await.map_err(|_| HeadGone)
    }
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
}

async fn run(mut queue: mpsc::Receiver<Command>, build: String, clock: impl Fn() -> u64) {
    let mut state = State { build, ..State::default() };
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
            Command::Refused(id, why) => self.fleet.refused(&id, why, now_ms),
            Command::ClockSet(by_ms) => {
                self.added_ms += by_ms;
                self.fleet.shift(by_ms);
                self.feed.resync_all();
            }
            Command::Follow(encoding, view, answer) => {
                let news = self.fleet.news.seen();
                let build = &self.build;
                let outlook = Outlook { fleet: &self.fleet, news: &news, build, now_ms };
                answer.send(self.feed.join(encoding, view, &outlook)).ok();
            }
            Command::Request(follower, request) => self.request(follower, &request, now_ms),
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

    fn report(&mut self, link: LinkId, report: Report, now_ms: u64) {
        if !self.links.has(link) {
            return;
        }
        if let (Report::Said(AgentMessage::Usage(usage)), Some(node)) =
            (&report, self.fleet.number(link))
        {
            // Nobody keeps a sweep: who has the memory is only of interest while it is so.
            let mut usage = usage.clone();
            bounds::usage(&mut usage);
            self.links.answer(node, &usage);
            self.feed.show_usage(NodeUsage { node, usage }, now_ms);
            return;
        }
        match self.fleet.report(link, self.links.known_as(link), report, now_ms) {
            Ok(Reply::None) => {}
            Ok(Reply::Held(span)) => self.links.hold(link, span, false),
            Ok(Reply::HeldNow(span)) => self.links.hold(link, span, true),
            Ok(Reply::Welcome(welcome, other)) => {
                if let Some(other) = other {
                    self.links.drop(other);
                }
                self.links.welcome(link, welcome);
            }
            Err(refusal) => {
                tell(format_args!("an agent was refused: {refusal}"));
                self.links.refuse(link, &refusal);
                self.fleet.leave(link, false, now_ms);
            }
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
