//! The task that owns the fleet: agents report to it, browsers and scripts follow it.
//!
//! All state belongs to one task, and is reached through bounded queues only. It knows no HTTP, and
//! the time is given to it.

pub mod feed;
pub mod fleet;

use std::time::Duration;

use shared::wire::{AgentMessage, Encoding, FeedMessage, FeedRequest, NodeState};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::error::tell;
use feed::{Feed, FollowerId, Following};
use fleet::{Fleet, LinkId};

/// Commands that may wait for the head.
const QUEUE: usize = 256;
/// Deltas are at least this far apart, in ms, so that many reports share a frame.
const GATHER_MS: u64 = 100;
/// A delta is sent at least this often, in ms, even if it is empty: silence means a broken link.
const HEARTBEAT_MS: u64 = 1000;

/// The head has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the head has ended")]
pub struct HeadGone;

enum Command {
    Connect(oneshot::Sender<LinkId>),
    Report(LinkId, Box<AgentMessage>),
    Follow(Encoding, oneshot::Sender<Option<Following>>),
    Request(FollowerId, FeedRequest),
    Nodes(oneshot::Sender<Vec<NodeState>>),
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
        let link = self.ask(Command::Connect).await?;
        Ok(AgentLink { link, commands: self.commands.clone() })
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
}

impl AgentLink {
    /// Reports. Waits while the head is busy.
    pub async fn send(&self, message: AgentMessage) -> Result<(), HeadGone> {
        let report = Command::Report(self.link, Box::new(message));
        self.commands.send(report).await.map_err(|_| HeadGone)
    }
}

async fn run(mut queue: mpsc::Receiver<Command>, build: String, now_ms: impl Fn() -> u64) {
    let mut fleet = Fleet::default();
    let mut feed = Feed::default();
    let mut links: LinkId = 0;
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
                links += 1;
                answer.send(links).ok();
            }
            Some(Command::Report(link, message)) => {
                if let Err(refusal) = fleet.report(link, *message, now_ms()) {
                    tell(format_args!("a report was refused: {refusal}"));
                }
            }
            Some(Command::Follow(encoding, answer)) => {
                let following = feed.join(encoding, || fleet.snapshot(&build, now_ms()));
                answer.send(following).ok();
            }
            Some(Command::Request(follower, FeedRequest::Resync {})) => feed.resync(follower),
            Some(Command::Request(follower, FeedRequest::Watch { node })) => {
                feed.send(follower, &FeedMessage::Window(fleet.window(node)));
            }
            Some(Command::Nodes(answer)) => {
                answer.send(fleet.nodes().cloned().collect()).ok();
            }
            Some(Command::Stop) | None => return,
        }
    }
}
