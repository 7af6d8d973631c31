//! Those who follow the feed. A message is encoded once for each encoding, whoever follows; queues
//! are short, and one that is full gets the newest state later, never a backlog.

use std::cell::{LazyCell, OnceCell};
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use bytestring::ByteString;
use shared::history::Event;
use shared::wire::{self, Encoding, FeedMessage, LOOK_MS, NodeUsage};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::news::Outlook;
use crate::error::tell;

/// Frames that wait for one follower. With deltas 100 ms apart, and a few nodes that are open, this
/// is most of a second.
const QUEUE: usize = 24;
/// Followers at most: each holds a socket and its buffers.
pub const MOST_FOLLOWERS: usize = 256;
/// Nodes that one follower has open or looks into at once.
const MOST_OPEN: usize = 8;

/// An encoded message, shared by all who get it.
#[derive(Clone, Debug)]
pub enum Frame {
    /// JSON, for a text frame.
    Text(ByteString),
    /// postcard, for a binary frame.
    Binary(Bytes),
}

/// What a follower wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Every node in full, as scripts do.
    Full,
    /// Every node in brief, and in full those it opens.
    Overview,
}

/// Names a follower, for as long as the head runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerId(u64);

/// What a follower holds: when it drops the frames, it has left.
#[derive(Debug)]
pub struct Following {
    /// Its name.
    pub id: FollowerId,
    /// Its frames, a snapshot or roster first. They end when the head does.
    pub frames: mpsc::Receiver<Frame>,
}

struct Follower {
    id: FollowerId,
    encoding: Encoding,
    view: View,
    frames: mpsc::Sender<Frame>,
    needs_snapshot: bool,
    /// The nodes it watches or has open.
    watches: BTreeSet<u32>,
    /// The nodes it looks into, and until when, in ms of the head's clock.
    looks: Vec<(u32, u64)>,
}

impl Follower {
    /// Queues a frame, or remembers that it missed one.
    fn offer(&mut self, frame: Option<Frame>) {
        self.needs_snapshot = match frame.map(|frame| self.frames.try_send(frame)) {
            Some(Ok(())) => false,
            // One who left is dropped with the next delta.
            Some(Err(TrySendError::Full(_) | TrySendError::Closed(_))) | None => true,
        };
    }

    /// Queues a frame that is no part of the numbered deltas: it stands in for no snapshot that is
    /// still due. One that finds no room makes a snapshot due, after which followers ask anew.
    fn offer_beside(&mut self, frame: Option<Frame>) {
        let was_due = self.needs_snapshot;
        self.offer(frame);
        self.needs_snapshot |= was_due;
    }
}

/// All who follow the feed.
#[derive(Default)]
pub struct Feed {
    followers: Vec<Follower>,
    joined: u64,
}

impl Feed {
    /// Lets somebody follow, with a snapshot or roster as the first frame; `None` if there are too
    /// many.
    pub(super) fn join(
        &mut self,
        encoding: Encoding,
        view: View,
        outlook: &Outlook<'_>,
    ) -> Option<Following> {
        self.drop_those_who_left();
        if self.followers.len() >= MOST_FOLLOWERS {
            return None;
        }
        self.joined += 1;
        let id = FollowerId(self.joined);
        let (sender, frames) = mpsc::channel(QUEUE);
        let mut follower = Follower {
            id,
            encoding,
            view,
            frames: sender,
            needs_snapshot: true,
            watches: BTreeSet::new(),
            looks: Vec::new(),
        };
        match view {
            View::Overview => {
                follower.offer(encode(&outlook.roster(), encoding));
                if let Some(forecasts) = outlook.forecasts(true) {
                    follower.offer_beside(encode(&forecasts, encoding));
                }
            }
            View::Full => {
                follower.offer(encode(&outlook.snapshot(), encoding));
                if let Some(standings) = outlook.standings(true) {
                    follower.offer_beside(encode(&standings, encoding));
                }
            }
        }
        self.followers.push(follower);
        Some(Following { id, frames })
    }

    /// Sends a message to one follower.
    pub fn send(&mut self, to: FollowerId, message: &FeedMessage) {
        if let Some(follower) = self.follower(to) {
            follower.offer_beside(encode(message, follower.encoding));
        }
    }

    /// Sends a snapshot in place of the next delta.
    pub fn resync(&mut self, follower: FollowerId) {
        if let Some(follower) = self.follower(follower) {
            follower.needs_snapshot = true;
        }
    }

    /// The same to everybody, as all times have changed.
    pub fn resync_all(&mut self) {
        self.followers.iter_mut().for_each(|follower| follower.needs_snapshot = true);
    }

    /// From now on a follower is told of each new survey of `node`, and in an overview of all else
    /// that is new of it. `false` if it has as many open as it may.
    pub fn watch(&mut self, follower: FollowerId, node: u32) -> bool {
        let Some(follower) = self.follower(follower) else { return false };
        if follower.view == View::Overview && follower.watches.len() >= MOST_OPEN {
            return follower.watches.contains(&node);
        }
        follower.watches.insert(node);
        true
    }

    /// The opposite of [`Self::watch`].
    pub fn close(&mut self, follower: FollowerId, node: u32) {
        if let Some(follower) = self.follower(follower) {
            follower.watches.remove(&node);
        }
    }

    /// For the next [`LOOK_MS`] a follower is told who has the memory of `node`.
    pub fn look(&mut self, follower: FollowerId, node: u32, now_ms: u64) {
        if let Some(follower) = self.follower(follower) {
            follower.looks.retain(|&(other, until_ms)| other != node && until_ms >= now_ms);
            follower.looks.truncate(MOST_OPEN - 1);
            follower.looks.push((node, now_ms + u64::from(LOOK_MS)));
        }
    }

    /// Tells everybody what happened.
    pub fn tell(&mut self, events: Vec<Event>) {
        let message = Shared::new(|| FeedMessage::Events(events));
        for follower in &mut self.followers {
            follower.offer_beside(message.frame(follower.encoding));
        }
    }

    /// Sends a sweep to those who look into its node.
    pub fn show_usage(&mut self, usage: NodeUsage, now_ms: u64) {
        let node = usage.node;
        let looks = |&(other, until_ms): &(u32, u64)| other == node && until_ms >= now_ms;
        let message = Shared::new(|| FeedMessage::Usage(usage));
        for follower in self.followers.iter_mut().filter(|other| other.looks.iter().any(looks)) {
            follower.offer_beside(message.frame(follower.encoding));
        }
    }

    fn follower(&mut self, id: FollowerId) -> Option<&mut Follower> {
        self.followers.iter_mut().find(|follower| follower.id == id)
    }

    /// Sends what is new to all, or everything to those who missed something.
    pub(super) fn publish(&mut self, outlook: &Outlook<'_>) {
        self.drop_those_who_left();
        if self.followers.is_empty() {
            return;
        }
        let news = Shared::new(|| outlook.delta());
        let all = Shared::new(|| outlook.snapshot());
        let briefs = Shared::new(|| outlook.briefs());
        let roster = Shared::new(|| outlook.roster());
        let standings = outlook.standings(false).map(|message| Shared::new(|| message));
        let all_standings =
            LazyCell::new(|| outlook.standings(true).map(|message| Shared::new(|| message)));
        let forecasts = outlook.forecasts(false).map(|message| Shared::new(|| message));
        let all_forecasts =
            LazyCell::new(|| outlook.forecasts(true).map(|message| Shared::new(|| message)));
        // A delta cannot say that a node is no more.
        let has_gaps = !outlook.news.left.is_empty();
        for follower in &mut self.followers {
            let encoding = follower.encoding;
            match (follower.view, follower.needs_snapshot) {
                (View::Overview, false) => {
                    follower.offer(briefs.frame(encoding));
                    if let Some(forecasts) = &forecasts {
                        follower.offer_beside(forecasts.frame(encoding));
                    }
                }
                (View::Overview, true) => {
                    follower.offer(roster.frame(encoding));
                    if let Some(forecasts) = &*all_forecasts {
                        follower.offer_beside(forecasts.frame(encoding));
                    }
                }
                (View::Full, needs_snapshot) if needs_snapshot || has_gaps => {
                    follower.offer(all.frame(encoding));
                    if let Some(standings) = &*all_standings {
                        follower.offer_beside(standings.frame(encoding));
                    }
                }
                (View::Full, _) => {
                    follower.offer(news.frame(encoding));
                    if let Some(standings) = &standings {
                        follower.offer_beside(standings.frame(encoding));
                    }
                }
            }
        }
        self.show_what_is_open(outlook);
    }

    /// Sends what is new of single nodes to those who watch them.
    fn show_what_is_open(&mut self, outlook: &Outlook<'_>) {
        for survey in outlook.surveys() {
            let node = survey.node;
            let message = Shared::new(|| FeedMessage::Survey(survey));
            for follower in self.followers.iter_mut().filter(|f| f.watches.contains(&node)) {
                follower.offer_beside(message.frame(follower.encoding));
            }
        }
        let mut open: BTreeMap<u32, Vec<Shared<_>>> = BTreeMap::new();
        for follower in self.followers.iter_mut().filter(|f| f.view == View::Overview) {
            for node in follower.watches.clone() {
                let messages = open.entry(node).or_insert_with(|| {
                    let messages = outlook.of_open(node).into_iter();
                    messages.map(|message| Shared::new(|| message)).collect()
                });
                for message in messages {
                    follower.offer_beside(message.frame(follower.encoding));
                }
            }
        }
    }

    fn drop_those_who_left(&mut self) {
        self.followers.retain(|follower| !follower.frames.is_closed());
    }
}

/// A message that is made when the first follower gets it, and encoded once for each encoding.
struct Shared<F> {
    message: LazyCell<FeedMessage, F>,
    frames: [OnceCell<Option<Frame>>; Encoding::ALL.len()],
}

impl<F: FnOnce() -> FeedMessage> Shared<F> {
    fn new(message: F) -> Self {
        Self { message: LazyCell::new(message), frames: Default::default() }
    }

    fn frame(&self, encoding: Encoding) -> Option<Frame> {
        self.frames[encoding as usize].get_or_init(|| encode(&self.message, encoding)).clone()
    }
}

/// `None` is a message that cannot be encoded: none is known, and followers get a snapshot instead.
fn encode(message: &FeedMessage, encoding: Encoding) -> Option<Frame> {
    let frame = match encoding {
        Encoding::Json => wire::to_json(message).map(|text| Frame::Text(text.into())),
        Encoding::Postcard => wire::to_postcard(message).map(|bytes| Frame::Binary(bytes.into())),
    };
    frame.inspect_err(|error| tell(format_args!("a message was not sent: {error}"))).ok()
}

#[cfg(test)]
mod tests;
