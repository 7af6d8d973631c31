//! Those who follow the feed. A message is encoded once for each encoding, whoever follows; queues
//! are short, and one that is full gets the newest state later, never a backlog.

use std::cell::{LazyCell, OnceCell};
use std::collections::BTreeSet;

use bytes::Bytes;
use bytestring::ByteString;
use shared::wire::{self, Delta, Encoding, FeedMessage, LOOK_MS, NodeSurvey, NodeUsage, Snapshot};
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::error::tell;

/// Frames that wait for one follower. With deltas 100 ms apart this is most of a second.
const QUEUE: usize = 8;
/// Followers at most: each holds a socket and its buffers.
pub const MOST_FOLLOWERS: usize = 256;

/// An encoded message, shared by all who get it.
#[derive(Clone, Debug)]
pub enum Frame {
    /// JSON, for a text frame.
    Text(ByteString),
    /// postcard, for a binary frame.
    Binary(Bytes),
}

/// Names a follower, for as long as the head runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerId(u64);

/// What a follower holds: when it drops the frames, it has left.
#[derive(Debug)]
pub struct Following {
    /// Its name.
    pub id: FollowerId,
    /// Its frames, a snapshot first. They end when the head does.
    pub frames: mpsc::Receiver<Frame>,
}

struct Follower {
    id: FollowerId,
    encoding: Encoding,
    frames: mpsc::Sender<Frame>,
    needs_snapshot: bool,
    /// The nodes it watches.
    watches: BTreeSet<u32>,
    /// The nodes it looks into, and until when, in ms of the head's clock.
    looks: Vec<(u32, u64)>,
}

/// Nodes that one follower looks into at once.
const MOST_LOOKS: usize = 8;

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
    /// Lets somebody follow, with a snapshot as the first frame; `None` if there are too many.
    pub fn join(
        &mut self,
        encoding: Encoding,
        snapshot: impl FnOnce() -> Snapshot,
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
            frames: sender,
            needs_snapshot: true,
            watches: BTreeSet::new(),
            looks: Vec::new(),
        };
        follower.offer(encode(&FeedMessage::Snapshot(snapshot()), encoding));
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

    /// From now on a follower is told of each new survey of `node`.
    pub fn watch(&mut self, follower: FollowerId, node: u32) {
        if let Some(follower) = self.follower(follower) {
            follower.watches.insert(node);
        }
    }

    /// For the next [`LOOK_MS`] a follower is told who has the memory of `node`.
    pub fn look(&mut self, follower: FollowerId, node: u32, now_ms: u64) {
        if let Some(follower) = self.follower(follower) {
            follower.looks.retain(|&(other, until_ms)| other != node && until_ms >= now_ms);
            follower.looks.truncate(MOST_LOOKS - 1);
            follower.looks.push((node, now_ms + u64::from(LOOK_MS)));
        }
    }

    /// Sends a survey to those who watch its node.
    pub fn show_survey(&mut self, survey: NodeSurvey) {
        let node = survey.node;
        let message = Shared::new(|| FeedMessage::Survey(survey));
        for follower in self.followers.iter_mut().filter(|other| other.watches.contains(&node)) {
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

    /// Sends `delta` to all, or a snapshot that includes it to those who missed something.
    pub fn publish(&mut self, delta: Delta, snapshot: impl FnOnce() -> Snapshot) {
        self.drop_those_who_left();
        if self.followers.is_empty() {
            return;
        }
        let delta = Shared::new(|| FeedMessage::Delta(delta));
        let snapshot = Shared::new(|| FeedMessage::Snapshot(snapshot()));
        for follower in &mut self.followers {
            let frame = if follower.needs_snapshot {
                snapshot.frame(follower.encoding)
            } else {
                delta.frame(follower.encoding)
            };
            follower.offer(frame);
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
mod tests {
    use super::*;
    use shared::wire::PROTOCOL;

    fn delta(seq: u64) -> Delta {
        Delta { seq, now_ms: 0, joined: vec![], readings: vec![], troubles: vec![] }
    }

    fn snapshot(seq: u64) -> Snapshot {
        Snapshot { protocol: PROTOCOL, build: String::new(), seq, now_ms: 0, nodes: vec![] }
    }

    fn received(following: &mut Following) -> Vec<String> {
        std::iter::from_fn(|| following.frames.try_recv().ok())
            .map(|frame| match frame {
                Frame::Text(text) => text[..12].to_owned(),
                Frame::Binary(bytes) => format!("{:?}", &bytes[..2]),
            })
            .collect()
    }

    #[test]
    fn a_slow_follower_gets_the_newest_state_and_holds_nobody_up() {
        let mut feed = Feed::default();
        let mut slow = feed.join(Encoding::Json, || snapshot(0)).unwrap();
        let mut quick = feed.join(Encoding::Postcard, || snapshot(0)).unwrap();
        for seq in 1..=20 {
            feed.publish(delta(seq), || snapshot(seq));
            assert_eq!(received(&mut quick).last(), Some(&format!("[1, {seq}]")));
        }
        let frames = received(&mut slow);
        assert_eq!(frames.len(), QUEUE);
        feed.publish(delta(21), || snapshot(21));
        assert_eq!(received(&mut slow), ["{\"snapshot\":"]);
        feed.publish(delta(22), || snapshot(22));
        assert_eq!(received(&mut slow), ["{\"delta\":{\"s"]);
    }

    #[test]
    fn only_those_who_look_are_told_who_has_the_memory() {
        let mut feed = Feed::default();
        let mut looking = feed.join(Encoding::Json, || snapshot(0)).unwrap();
        let mut other = feed.join(Encoding::Json, || snapshot(0)).unwrap();
        feed.look(looking.id, 3, 1000);
        feed.watch(other.id, 3);
        received(&mut looking);
        received(&mut other);
        let usage = || NodeUsage { node: 3, usage: shared::usage::Usage::default() };
        feed.show_usage(usage(), 2000);
        feed.show_usage(NodeUsage { node: 4, ..usage() }, 2000);
        assert_eq!(received(&mut looking), ["{\"usage\":{\"n"]);
        feed.show_usage(usage(), 1001 + u64::from(LOOK_MS));
        assert!(received(&mut looking).is_empty(), "a look ends by itself");
        feed.show_survey(NodeSurvey { node: 3, survey: shared::survey::Survey::default() });
        assert!(received(&mut looking).is_empty());
        assert_eq!(received(&mut other), ["{\"survey\":{\""]);
    }

    #[test]
    fn a_message_is_encoded_once() {
        let mut feed = Feed::default();
        let mut all: Vec<_> =
            (0..3).map(|_| feed.join(Encoding::Postcard, || snapshot(0)).unwrap()).collect();
        feed.publish(delta(1), || snapshot(1));
        let places: Vec<_> = all
            .iter_mut()
            .map(|following| {
                following.frames.try_recv().unwrap();
                match following.frames.try_recv().unwrap() {
                    Frame::Binary(bytes) => bytes.as_ptr(),
                    Frame::Text(text) => text.as_ptr(),
                }
            })
            .collect();
        assert!(places.iter().all(|place| *place == places[0]));
    }

    #[test]
    fn followers_are_limited_and_places_are_given_back() {
        let mut feed = Feed::default();
        let mut all: Vec<_> = (0..MOST_FOLLOWERS)
            .map(|_| feed.join(Encoding::Json, || snapshot(0)).unwrap())
            .collect();
        assert!(feed.join(Encoding::Json, || snapshot(0)).is_none());
        all.pop();
        assert!(feed.join(Encoding::Json, || snapshot(0)).is_some());
    }
}
