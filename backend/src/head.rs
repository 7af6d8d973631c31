//! The task that owns the fleet: agents report to it, browsers and scripts follow it.
//!
//! All state belongs to one task, and is reached through bounded queues only. It knows no HTTP, and
//! the time is given to it.

pub mod feed;
pub mod fleet;

use std::collections::HashMap;
use std::time::Duration;

use shared::NodeId;
use shared::usage::Usage;
use shared::wire::{
    AgentMessage, AgentRequest, Encoding, FeedMessage, FeedRequest, NodeState, NodeSurvey,
    NodeUsage,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::error::tell;
use feed::{Feed, FollowerId, Following};
use fleet::{Fleet, LinkId, NodeDetail};

/// Commands that may wait for the head.
const QUEUE: usize = 256;
/// Deltas are at least this far apart, in ms, so that many reports share a frame.
const GATHER_MS: u64 = 100;
/// A delta is sent at least this often, in ms, even if it is empty: silence means a broken link.
const HEARTBEAT_MS: u64 = 1000;

/// Requests that may wait for one agent. They repeat themselves: one that finds no room is no loss.
const AGENT_QUEUE: usize = 4;
/// Scripts at most that wait for a sweep.
const MOST_WAITING: usize = 64;

/// The head has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the head has ended")]
pub struct HeadGone;

enum Command {
    Connect(oneshot::Sender<(LinkId, mpsc::Receiver<AgentRequest>)>),
    Report(LinkId, Box<AgentMessage>),
    Follow(Encoding, oneshot::Sender<Option<Following>>),
    Request(FollowerId, FeedRequest),
    Nodes(oneshot::Sender<Vec<NodeState>>),
    Detail(NodeId, oneshot::Sender<Option<NodeDetail>>),
    Usage(NodeId, oneshot::Sender<Usage>),
    Stop,
}

/// The way to the head. Clones lead to the same one.
#[derive(Clone)]
pub struct Head {
    commands: mpsc::Sender<Command>,
}

/// A head, and the task that must run for it. `build` names the page it serves; `now_ms` is its
/// clock, in ms since 1970, which must never go back.
pub fn new(build: String, now_ms: impl Fn() -> u64) -> (Head, impl Future<Output = ()>) {
    let (commands, queue) = mpsc::channel(QUEUE);
    (Head { commands }, run(queue, build, now_ms))
}

impl Head {
    /// Lets an agent report.
    pub async fn connect(&self) -> Result<AgentLink, HeadGone> {
        let (link, requests) = self.ask(Command::Connect).await?;
        Ok(AgentLink { link, commands: self.commands.clone(), requests })
    }

    /// Follows the feed, from a snapshot on. `None` if as many follow it already as the head serves.
    pub async fn follow(&self, encoding: Encoding) -> Result<Option<Following>, HeadGone> {
        self.ask(|answer| Command::Follow(encoding, answer)).await
    }

    /// Asks for something on behalf of a follower; the answer comes in its frames.
    pub async fn request(
        &self,
        follower: FollowerId,
        request: FeedRequest,
    ) -> Result<(), HeadGone> {
        self.commands.send(Command::Request(follower, request)).await.map_err(|_| HeadGone)
    }

    /// Every node, in the order they joined.
    pub async fn nodes(&self) -> Result<Vec<NodeState>, HeadGone> {
        self.ask(Command::Nodes).await
    }

    /// All that is known of the node with this id.
    pub async fn detail(&self, id: NodeId) -> Result<Option<NodeDetail>, HeadGone> {
        self.ask(|answer| Command::Detail(id, answer)).await
    }

    /// Who has the memory of the node with this id: the next sweep over it. An error is also a node
    /// that is not there, or too many who ask.
    pub async fn usage(&self, id: NodeId) -> Result<Usage, HeadGone> {
        self.ask(|answer| Command::Usage(id, answer)).await
    }

    /// Ends the head. All who follow the feed see its end.
    pub async fn stop(&self) {
        // A head that is gone has stopped.
        self.commands.send(Command::Stop).await.ok();
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, HeadGone> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| HeadGone)?;
        answered.await.map_err(|_| HeadGone)
    }
}

/// The channel through which one agent reports, whether from this process or from afar.
pub struct AgentLink {
    link: LinkId,
    commands: mpsc::Sender<Command>,
    requests: mpsc::Receiver<AgentRequest>,
}

impl AgentLink {
    /// Reports. Waits while the head is busy.
    pub async fn send(&self, message: AgentMessage) -> Result<(), HeadGone> {
        let report = Command::Report(self.link, Box::new(message));
        self.commands.send(report).await.map_err(|_| HeadGone)
    }

    /// What the head asks for next.
    pub async fn next(&mut self) -> Result<AgentRequest, HeadGone> {
        self.requests.recv().await.ok_or(HeadGone)
    }
}

/// The ways to the agents, and the scripts that wait for what they find.
#[derive(Default)]
struct Agents {
    links: LinkId,
    requests: HashMap<LinkId, mpsc::Sender<AgentRequest>>,
    waiting: Vec<(u32, oneshot::Sender<Usage>)>,
}

impl Agents {
    fn connect(&mut self) -> (LinkId, mpsc::Receiver<AgentRequest>) {
        self.requests.retain(|_, requests| !requests.is_closed());
        self.links += 1;
        let (sender, requests) = mpsc::channel(AGENT_QUEUE);
        self.requests.insert(self.links, sender);
        (self.links, requests)
    }

    /// Lets the agent behind `link` look who has its node's memory.
    fn look(&self, link: LinkId) {
        if let Some(requests) = self.requests.get(&link) {
            requests.try_send(AgentRequest::Look {}).ok();
        }
    }

    /// Passes a sweep over `node` on to those who wait for it.
    fn answer(&mut self, node: u32, usage: &Usage) {
        for (_, answer) in self.waiting.extract_if(.., |(other, _)| *other == node) {
            answer.send(usage.clone()).ok();
        }
    }
}

async fn run(mut queue: mpsc::Receiver<Command>, build: String, now_ms: impl Fn() -> u64) {
    let mut fleet = Fleet::default();
    let mut feed = Feed::default();
    let mut agents = Agents::default();
    let mut last_flush_ms = now_ms();
    loop {
        let due_ms = last_flush_ms + if fleet.is_dirty() { GATHER_MS } else { HEARTBEAT_MS };
        let wait = Duration::from_millis(due_ms.saturating_sub(now_ms()));
        let command = tokio::select! {
            biased;
            () = sleep(wait) => {
                last_flush_ms = now_ms();
                let delta = fleet.take_delta(now_ms());
                feed.publish(delta, || fleet.snapshot(&build, now_ms()));
                continue;
            }
            command = queue.recv() => command,
        };
        match command {
            Some(Command::Connect(answer)) => {
                answer.send(agents.connect()).ok();
            }
            Some(Command::Report(link, message)) => {
                let of_node = fleet.number(link);
                match (*message, of_node) {
                    // Nobody keeps a sweep: who has the memory is only of interest while it is so.
                    (AgentMessage::Usage(usage), Some(node)) => {
                        agents.answer(node, &usage);
                        feed.show_usage(NodeUsage { node, usage }, now_ms());
                    }
                    (message, of_node) => {
                        if let (AgentMessage::Survey(survey), Some(node)) = (&message, of_node) {
                            feed.show_survey(NodeSurvey { node, survey: survey.clone() });
                        }
                        if let Err(refusal) = fleet.report(link, message, now_ms()) {
                            tell(format_args!("a report was refused: {refusal}"));
                        }
                    }
                }
            }
            Some(Command::Follow(encoding, answer)) => {
                let following = feed.join(encoding, || fleet.snapshot(&build, now_ms()));
                answer.send(following).ok();
            }
            Some(Command::Request(follower, FeedRequest::Resync {})) => feed.resync(follower),
            Some(Command::Request(follower, FeedRequest::Watch { node })) => {
                feed.send(follower, &FeedMessage::Window(fleet.window(node)));
                watch(&fleet, &mut feed, follower, node);
            }
            Some(Command::Request(follower, FeedRequest::Recall { node })) => {
                feed.send(follower, &FeedMessage::Past(fleet.past(node)));
                watch(&fleet, &mut feed, follower, node);
            }
            Some(Command::Request(follower, FeedRequest::Look { node })) => {
                if let Some(link) = fleet.link(node) {
                    feed.look(follower, node, now_ms());
                    agents.look(link);
                }
            }
            Some(Command::Request(_, FeedRequest::Open { .. } | FeedRequest::Close { .. })) => {}
            Some(Command::Nodes(answer)) => {
                answer.send(fleet.nodes().cloned().collect()).ok();
            }
            Some(Command::Detail(id, answer)) => {
                answer.send(fleet.detail(&id)).ok();
            }
            Some(Command::Usage(id, answer)) => {
                let node = fleet.number_of(&id);
                agents.waiting.retain(|(_, answer)| !answer.is_closed());
                if let Some((node, link)) = node.and_then(|node| Some((node, fleet.link(node)?)))
                    && agents.waiting.len() < MOST_WAITING
                {
                    agents.waiting.push((node, answer));
                    agents.look(link);
                }
            }
            Some(Command::Stop) | None => return,
        }
    }
}

/// Tells a follower what was found on a node, now and whenever it changes.
fn watch(fleet: &Fleet, feed: &mut Feed, follower: FollowerId, node: u32) {
    if let Some(survey) = fleet.survey(node) {
        let survey = NodeSurvey { node, survey: survey.clone() };
        feed.send(follower, &FeedMessage::Survey(survey));
    }
    if fleet.link(node).is_some() {
        feed.watch(follower, node);
    }
}
