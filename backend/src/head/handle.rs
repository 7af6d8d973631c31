//! The way to the head.

use std::sync::Arc;

use shared::NodeId;
use shared::black_box::BoxAt;
use shared::history::{Batch, Event, EventKind};
use shared::usage::Usage;
use shared::wire::{Encoding, FeedRequest};
use tokio::sync::{Notify, mpsc, oneshot};

use super::feed::{FollowerId, Following, View};
use super::fleet::{Expected, NodeDetail, Numbered};
use super::{AgentLink, AsOf, Bygone, Command, Count, HeadGone, Known, PackedBatch, Pending, Sign};

/// See the module. Clones lead to the same head.
#[derive(Clone)]
pub struct Head {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) pressed: Arc<Notify>,
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

    /// How many nodes there are, and are live.
    pub async fn count(&self) -> Result<Count, HeadGone> {
        self.ask(Command::Count).await
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

    /// The readings of the node with this id that are not on disk yet. They are unpacked here: of a
    /// quarter of an hour it takes some ms.
    pub async fn unsaved(&self, id: NodeId) -> Result<Vec<Batch>, HeadGone> {
        let packed = self.ask(|answer| Command::Unsaved(id, answer)).await?;
        Ok(packed.iter().map(PackedBatch::unpack).collect())
    }

    /// What happened that is not on disk yet, as it was noted.
    pub async fn events(&self) -> Result<Vec<Event>, HeadGone> {
        self.ask(Command::Events).await
    }

    /// Something happened to the head itself; the text is a sentence for people.
    pub async fn happened(&self, kind: EventKind, text: String) -> Result<(), HeadGone> {
        self.send(Command::Happened(kind, text)).await
    }

    /// What every node shows of itself, in the order they joined; floors are of the last `over_ms`, an
    /// hour at most.
    pub async fn signs(&self, over_ms: u64) -> Result<AsOf<Vec<Sign>>, HeadGone> {
        self.ask(|answer| Command::Signs(over_ms, answer)).await
    }

    /// The black boxes that came since this was asked last.
    pub async fn boxes(&self) -> Result<Vec<BoxAt>, HeadGone> {
        self.ask(Command::Boxes).await
    }

    /// Something happened, to a node or to the head, that the head did not see itself.
    pub async fn tell(&self, event: Event) -> Result<(), HeadGone> {
        self.send(Command::Tell(event)).await
    }

    /// All that is not on disk, to be written; what came until now. It stays here until
    /// [`Self::saved`] is called, so that a commit that fails loses nothing.
    pub async fn pending(&self) -> Result<Pending, HeadGone> {
        self.ask(Command::Give).await
    }

    /// What [`Self::pending`] gave last is on disk. Agents are told so.
    pub async fn saved(&self) -> Result<(), HeadGone> {
        self.send(Command::Saved).await
    }

    /// What is on disk: told once, when history is opened.
    pub async fn know(&self, known: Known) -> Result<(), HeadGone> {
        self.send(Command::Know(Box::new(known))).await
    }

    /// How nodes went before this head began, as history tells it: told in parts, from a thread of its own,
    /// which waits while the head is busy.
    pub fn recall(&self, bygones: Vec<Bygone>) -> Result<(), HeadGone> {
        self.commands.blocking_send(Command::Recall(bygones)).map_err(|_| HeadGone)
    }

    /// Waits until it is time to write what is pending, for there is little room left for more.
    pub async fn pressed(&self) {
        self.pressed.notified().await;
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
