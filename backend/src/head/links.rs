//! The ways to the agents, both ends of them: what is asked of them, what they are told they need not keep, and the
//! scripts that wait for what they find.

use std::collections::HashMap;

use shared::NodeId;
use shared::run::{BadRun, Span, Stream};
use shared::usage::Usage;
use shared::wire::{AgentMessage, AgentRequest, Welcome};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;

use super::fleet::LinkId;
use super::refusal::Refusal;
use super::report::Report;
use super::spans::Spans;
use super::{Command, HeadGone};

/// Requests that may wait for one agent.
const QUEUE: usize = 8;
/// Scripts at most that wait for a sweep.
const MOST_WAITING: usize = 64;
/// Each agent is told what is held once in so many rounds of [`Links::tell_some`]; a round is a
/// tenth of a second, and a sign of life is due every 3 s.
const ROUNDS: u64 = 20;

struct Link {
    /// The id that its token gives the node.
    known_as: Option<NodeId>,
    requests: mpsc::Sender<AgentRequest>,
    /// What it has not been told yet that is held.
    held: Spans,
    /// What it has not been told yet that is on disk.
    durable: Option<Vec<Span>>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Links {
    last: LinkId,
    open: HashMap<LinkId, Link>,
    waiting: Vec<(u32, oneshot::Sender<Usage>)>,
    round: u64,
}

impl Links {
    pub(super) fn connect(
        &mut self,
        known_as: Option<NodeId>,
    ) -> (LinkId, mpsc::Receiver<AgentRequest>) {
        self.last += 1;
        let (requests, receiver) = mpsc::channel(QUEUE);
        self.open
            .insert(self.last, Link { known_as, requests, held: Spans::default(), durable: None });
        (self.last, receiver)
    }

    /// Whether `link` is still served.
    pub(super) fn has(&self, link: LinkId) -> bool {
        self.open.contains_key(&link)
    }

    pub(super) fn known_as(&self, link: LinkId) -> Option<&NodeId> {
        self.open.get(&link)?.known_as.as_ref()
    }

    pub(super) fn drop(&mut self, link: LinkId) {
        self.open.remove(&link);
    }

    /// Ends a link, and says why.
    pub(super) fn refuse(&mut self, link: LinkId, refusal: &Refusal) {
        if let Some(link) = self.open.remove(&link) {
            let (why, retry_ms) = (refusal.to_string(), refusal.retry_ms());
            // One that takes nothing learns it when it comes back.
            link.requests.try_send(AgentRequest::Refused { why, retry_ms }).ok();
        }
    }

    /// Answers hello. `durable` is what is on disk of the node's boot, if anything is ever written.
    pub(super) fn welcome(&mut self, link: LinkId, welcome: Welcome, durable: Option<Vec<Span>>) {
        if let Some(link) = self.open.get_mut(&link) {
            link.requests.try_send(AgentRequest::Welcome(welcome)).ok();
            link.durable = durable;
            link.tell_durable();
        }
    }

    /// Tells the agent behind `link` what is on disk.
    pub(super) fn save(&mut self, link: LinkId, spans: Vec<Span>) {
        if let Some(link) = self.open.get_mut(&link) {
            link.durable = Some(spans);
            link.tell_durable();
        }
    }

    /// Lets the agent behind `link` look who has its node's memory. It is asked again: one that finds
    /// no room is no loss.
    pub(super) fn look(&self, link: LinkId) {
        if let Some(link) = self.open.get(&link) {
            link.requests.try_send(AgentRequest::Look {}).ok();
        }
    }

    /// Remembers to tell the agent behind `link` that `spans` are held; `now` if it waits for that.
    pub(super) fn hold(&mut self, link: LinkId, spans: &[Span], now: bool) {
        if let Some(link) = self.open.get_mut(&link) {
            link.held.add_all(spans);
            if now {
                link.tell();
            }
        }
    }

    /// Tells a part of the agents what is held, so that each hears of it, and that the head is alive,
    /// in time. Gives the links that have ended meanwhile.
    pub(super) fn tell_some(&mut self) -> Vec<LinkId> {
        self.round += 1;
        let round = self.round;
        let due = self.open.iter_mut().filter(|(id, _)| (*id + round).is_multiple_of(ROUNDS));
        due.filter_map(|(&id, link)| link.tell().is_none().then_some(id)).collect()
    }

    /// Lets a script wait for the next sweep over `node`. An error is that too many wait.
    pub(super) fn wait(&mut self, node: u32, link: LinkId, answer: oneshot::Sender<Usage>) {
        self.waiting.retain(|(_, answer)| !answer.is_closed());
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push((node, answer));
            self.look(link);
        }
    }

    /// Passes a sweep over `node` on to those who wait for it.
    pub(super) fn answer(&mut self, node: u32, usage: &Usage) {
        for (_, answer) in self.waiting.extract_if(.., |(other, _)| *other == node) {
            answer.send(usage.clone()).ok();
        }
    }
}

impl Link {
    /// `None` if it has ended.
    fn tell(&mut self) -> Option<()> {
        self.tell_durable();
        match self.requests.try_reserve() {
            Ok(place) => place.send(AgentRequest::Held { spans: self.held.take() }),
            // It is told later.
            Err(TrySendError::Full(())) => {}
            Err(TrySendError::Closed(())) => return None,
        }
        Some(())
    }

    fn tell_durable(&mut self) {
        if self.durable.is_some()
            && let Ok(place) = self.requests.try_reserve()
        {
            let spans = self.durable.take().unwrap_or_default();
            place.send(AgentRequest::Durable { spans });
        }
    }
}

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// See [`HeadGone`].
    #[error(transparent)]
    Gone(#[from] HeadGone),
    /// Packed readings could not be unpacked.
    #[error(transparent)]
    Bad(#[from] BadRun),
}

/// The channel through which one agent reports, whether from this process or from afar.
pub struct AgentLink {
    link: LinkId,
    commands: mpsc::Sender<Command>,
    requests: mpsc::Receiver<AgentRequest>,
    /// What the next packed reading is told as a difference from.
    stream: Box<Stream>,
}

impl AgentLink {
    pub(super) fn new(
        link: LinkId,
        commands: mpsc::Sender<Command>,
        requests: mpsc::Receiver<AgentRequest>,
    ) -> Self {
        Self { link, commands, requests, stream: Box::default() }
    }

    /// Reports. Waits while the head is busy.
    pub async fn send(&mut self, message: AgentMessage) -> Result<(), NotTaken> {
        let report = Box::new(Report::of(message, &mut self.stream)?);
        Ok(self.commands.send(Command::Report(self.link, report)).await.map_err(|_| HeadGone)?)
    }

    /// Reports what `make` makes, if the head has room for it at once. Says whether it had.
    pub fn offer(&mut self, make: impl FnOnce() -> AgentMessage) -> Result<bool, NotTaken> {
        let room = match self.commands.try_reserve() {
            Ok(room) => room,
            Err(TrySendError::Full(())) => return Ok(false),
            Err(TrySendError::Closed(())) => return Err(HeadGone.into()),
        };
        let report = Report::of(make(), &mut self.stream)?;
        room.send(Command::Report(self.link, Box::new(report)));
        Ok(true)
    }

    /// What the head asks for next.
    pub async fn next(&mut self) -> Result<AgentRequest, HeadGone> {
        self.requests.recv().await.ok_or(HeadGone)
    }

    /// Ends the link; `stopped` says that the agent took its leave.
    pub async fn leave(self, stopped: bool) {
        self.commands.send(Command::Leave(self.link, stopped)).await.ok();
    }
}
