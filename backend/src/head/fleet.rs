//! Every node of the cluster, and what agents report of it. Does no I/O, and is told the time.

mod boxes;
mod foreseeing;
mod keeping;
mod recent;
mod telling;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shared::NodeId;
use shared::forecast::Forecast;
use shared::history::EventKind;
use shared::overview::Standing;
use shared::run::Span;
use shared::survey::Survey;
use shared::wire::{AgentMessage, Hello, NodeState, PROTOCOL, Reading, SILENCE_MS, Welcome};

use super::bounds;
use super::keeping::Keeping;
use super::log::of_node;
use super::news::News;
use super::node::Node;
use super::refusal::Refusal;
use super::report::Report;
use boxes::Boxes;
use foreseeing::Foreseeing;
use telling::Before;

/// Nodes at most.
pub const MOST_NODES: usize = 20_000;

/// Names the connection of one agent, for as long as the head runs.
pub type LinkId = u64;

/// A node that has a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The token's name, which is the node's id.
    pub id: NodeId,
    /// When it was made: ms since 1970.
    pub created_ms: u64,
    /// Whether a node has used it.
    pub used: bool,
}

/// What to tell the agent that reported.
#[derive(Debug, PartialEq)]
pub enum Reply {
    /// Nothing.
    None,
    /// It is known now; a link that it had before is of no more use.
    Welcome(Welcome, Option<LinkId>),
    /// These are held, which can be told when it suits…
    Held(Vec<Span>),
    /// …or is waited for.
    HeldNow(Vec<Span>),
}

/// All that the head knows of a node at present.
#[derive(Clone, Debug)]
pub struct NodeDetail {
    /// Who it is, and its last reading.
    pub state: NodeState,
    /// How it stands.
    pub standing: Standing,
    /// Its labels.
    pub labels: Vec<shared::overview::Label>,
    /// The reading before the last, for rates.
    pub before: Option<Reading>,
    /// What was found when it was last looked around, if it ever was.
    pub survey: Option<Survey>,
    /// What is foreseen of it.
    pub forecast: Option<Forecast>,
}

/// A reading with its number, and the boot that this counts in.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The boot.
    pub boot: Option<String>,
    /// The number.
    pub seq: u64,
    /// The reading.
    pub reading: Reading,
}

/// Every node the head has heard of or expects.
#[derive(Default)]
pub struct Fleet {
    nodes: BTreeMap<u32, Node>,
    by_id: HashMap<NodeId, u32>,
    by_link: HashMap<LinkId, u32>,
    numbers: u32,
    pub(super) news: News,
    pub(super) keeping: Keeping,
    /// Nodes that are gone, until that is told.
    leaving: BTreeSet<u32>,
    /// Black boxes that nobody has taken yet.
    boxes: Boxes,
    foreseeing: Foreseeing,
}

impl Fleet {
    /// Takes in what an agent reports, at `now_ms` of the head's clock. `known_as` is the id that its
    /// token gives the node; without one it says it itself.
    pub fn report(
        &mut self,
        link: LinkId,
        known_as: Option<&NodeId>,
        report: Report,
        now_ms: u64,
    ) -> Result<Reply, Refusal> {
        let report = match report {
            Report::Said(AgentMessage::Hello(hello)) => {
                return self.hello(link, known_as, hello, now_ms);
            }
            report => report,
        };
        let number = *self.by_link.get(&link).ok_or(Refusal::NoHello)?;
        let Some(node) = self.nodes.get_mut(&number) else { return Ok(Reply::None) };
        node.heard_ms = now_ms;
        match report {
            Report::Live(readings) => {
                let held = self.live(number, readings, now_ms);
                return Ok(if held.is_empty() { Reply::None } else { Reply::Held(held) });
            }
            Report::Old(readings) => {
                let held = self.old(number, readings, now_ms);
                return Ok(if held.is_empty() { Reply::None } else { Reply::HeldNow(held) });
            }
            Report::Said(message) => self.said(number, message, now_ms),
        }
        Ok(Reply::None)
    }

    fn said(&mut self, number: u32, message: AgentMessage, now_ms: u64) {
        let Some(node) = self.nodes.get_mut(&number) else { return };
        match message {
            AgentMessage::Survey(mut survey) => {
                bounds::survey(&mut survey);
                node.set_survey(survey);
                self.news.surveyed.insert(number);
                self.tell_findings(number, now_ms);
            }
            AgentMessage::Trouble(mut trouble) => {
                bounds::trouble(&mut trouble);
                let before = node.trouble.replace(trouble);
                node.summarise();
                self.news.troubled.insert(number);
                if before.is_none() {
                    self.tell_trouble(number, now_ms);
                }
            }
            AgentMessage::Clock(clock) => {
                let was_off = node.clock_finding().is_some();
                if node.compare_clocks(clock, now_ms) {
                    self.news.surveyed.insert(number);
                    self.tell_clock(number, was_off, now_ms);
                }
            }
            AgentMessage::Labels(mut labels) => {
                bounds::labels(&mut labels);
                if *node.labels != labels[..] {
                    node.labels = labels.into();
                    self.news.joined.insert(number);
                    self.keeping.note_facts(number, now_ms);
                }
            }
            AgentMessage::BlackBox(black_box) => self.take_box(number, *black_box, now_ms),
            AgentMessage::Thinned(thinned) => {
                if node.set_thinned(thinned) {
                    self.news.surveyed.insert(number);
                    self.tell_thinned(number, now_ms);
                }
            }
            // Readings were unpacked, and sweeps are passed on, before they came here.
            AgentMessage::Hello(_)
            | AgentMessage::Readings(_)
            | AgentMessage::Next(_)
            | AgentMessage::Run(_)
            | AgentMessage::Usage(_) => {}
        }
    }

    fn hello(
        &mut self,
        link: LinkId,
        known_as: Option<&NodeId>,
        mut hello: Hello,
        now_ms: u64,
    ) -> Result<Reply, Refusal> {
        let id = known_as.unwrap_or(&hello.id).clone();
        if hello.protocol != PROTOCOL {
            return Err(Refusal::Protocol { id, protocol: hello.protocol });
        }
        bounds::hello(&mut hello);
        let connected = Standing::Connected { since_ms: now_ms };
        let number = self.find_or_add(&id, connected).ok_or(Refusal::TooMany(id.clone()))?;
        let Some(node) = self.nodes.get_mut(&number) else { return Ok(Reply::None) };
        let other = node.link.filter(|&other| other != link);
        if other.is_some() {
            let is_heard = now_ms.saturating_sub(node.heard_ms) < SILENCE_MS.into();
            if is_heard {
                return Err(Refusal::Twice(id));
            }
        }
        node.heard_ms = now_ms;
        let before = Before::of(node);
        let past = self.keeping.pasts.get(&id);
        node.begin(link, hello, past, now_ms);
        let welcome = Welcome { id, held: node.record.held() };
        self.by_link.insert(link, number);
        self.news.joined.insert(number);
        self.greet(number, &before, now_ms);
        Ok(Reply::Welcome(welcome, other))
    }

    /// The number of the node with this id; `None` if there is no room for one more.
    fn find_or_add(&mut self, id: &NodeId, standing: Standing) -> Option<u32> {
        if let Some(&number) = self.by_id.get(id) {
            return Some(number);
        }
        if self.nodes.len() >= MOST_NODES {
            return None;
        }
        let number = self.numbers;
        self.numbers += 1;
        self.by_id.insert(id.clone(), number);
        self.nodes.insert(number, Node::new(number, id.clone(), standing));
        self.news.joined.insert(number);
        Some(number)
    }

    /// A link has ended; `stopped` says that its agent took its leave.
    pub fn leave(&mut self, link: LinkId, stopped: bool, now_ms: u64) {
        let Some(number) = self.by_link.remove(&link) else { return };
        if let Some(node) = self.nodes.get_mut(&number)
            && node.link == Some(link)
        {
            node.link = None;
            node.standing = Standing::Gone { since_ms: now_ms, stopped };
            node.story.gone = Some((now_ms, false));
            self.news.stood.insert(number);
            self.leaving.insert(number);
            if stopped {
                self.tell_gone(number, now_ms);
            }
        }
    }

    /// From now on these nodes have tokens. Gives the links of those that have none any more: they
    /// are no longer served.
    pub fn expect(&mut self, expected: &[Expected], now_ms: u64) -> Vec<(LinkId, Refusal)> {
        for Expected { id, created_ms, used } in expected {
            let standing = if *used {
                Standing::Gone { since_ms: now_ms, stopped: false }
            } else {
                Standing::NeverSeen { since_ms: *created_ms }
            };
            if let Some(number) = self.find_or_add(id, standing)
                && let Some(node) = self.nodes.get_mut(&number)
            {
                node.has_token = true;
            }
        }
        let mut cut = Vec::new();
        let ids: std::collections::HashSet<&NodeId> = expected.iter().map(|e| &e.id).collect();
        let revoked = self.nodes.values_mut().filter(|n| n.has_token && !ids.contains(&n.id));
        let mut vanished = Vec::new();
        for node in revoked {
            node.has_token = false;
            if matches!(node.standing, Standing::NeverSeen { .. }) {
                vanished.push(node.number);
                continue;
            }
            let refusal = Refusal::Revoked(node.id.clone());
            let why = refusal.to_string();
            if node.story.refuse(&why) {
                let event = of_node(now_ms, &node.id, EventKind::Refused, why.clone());
                self.keeping.log.note(event, now_ms);
            }
            node.standing = Standing::Refused { since_ms: now_ms, why };
            self.news.stood.insert(node.number);
            if let Some(link) = node.link.take() {
                self.by_link.remove(&link);
                cut.push((link, refusal));
            }
        }
        for number in vanished {
            if let Some(node) = self.nodes.remove(&number) {
                self.by_id.remove(&node.id);
                self.news.forget(number);
            }
        }
        cut
    }

    /// An agent that would be node `id` was turned away. Whether that is news.
    pub fn refused(&mut self, id: &NodeId, mut why: String, now_ms: u64) -> bool {
        bounds::trouble(&mut why);
        let is_news = self.tell_refused(id, &why, now_ms);
        if let Some(node) = self.by_id.get(id).and_then(|number| self.nodes.get_mut(number))
            && node.link.is_none()
        {
            node.standing = Standing::Refused { since_ms: now_ms, why };
            self.news.stood.insert(node.number);
        }
        is_news
    }

    /// The head's clock was set by so many ms: all times move with it.
    pub fn shift(&mut self, by_ms: i64) {
        self.nodes.values_mut().for_each(|node| node.shift(by_ms));
        self.keeping.shift(by_ms);
        self.shift_bygones(by_ms);
    }

    /// The node that reports through `link`.
    #[must_use]
    pub fn number(&self, link: LinkId) -> Option<u32> {
        self.by_link.get(&link).copied()
    }

    /// The node with this id.
    #[must_use]
    pub fn number_of(&self, id: &NodeId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The connection of a node's agent, while there is one.
    #[must_use]
    pub fn link(&self, number: u32) -> Option<LinkId> {
        self.node(number)?.link
    }

    /// What was found on a node.
    #[must_use]
    pub fn survey(&self, number: u32) -> Option<Survey> {
        self.node(number)?.survey()
    }

    /// All that is known of the node with this id.
    #[must_use]
    pub fn detail(&self, id: &NodeId) -> Option<NodeDetail> {
        self.node(self.number_of(id)?).map(detail)
    }

    /// All that is known of every node, in the order they joined, but for what was found on them.
    pub fn details(&self) -> impl Iterator<Item = NodeDetail> {
        self.nodes.values().map(|node| NodeDetail { survey: None, ..detail(node) })
    }

    pub(super) fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(&number)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }
}

fn detail(node: &Node) -> NodeDetail {
    NodeDetail {
        state: node.state(),
        standing: node.standing.clone(),
        labels: node.labels.to_vec(),
        before: node.record.before_latest(),
        survey: node.survey(),
        forecast: node.forecast().cloned(),
    }
}

#[cfg(test)]
mod tests;
