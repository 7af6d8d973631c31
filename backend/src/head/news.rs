//! What the feed has not been told yet, and the messages that tell it.

use std::collections::BTreeSet;

use shared::overview::{Briefs, NodeStanding, Roster};
use shared::wire::{
    Delta, FeedMessage, NodeForecast, NodeReading, NodeSurvey, NodeTrouble, PROTOCOL, Snapshot,
};

use super::fleet::Fleet;
use super::node::Node;

/// Numbers of nodes of which something is new.
#[derive(Default)]
pub(super) struct News {
    seq: u64,
    pub(super) joined: BTreeSet<u32>,
    pub(super) left: BTreeSet<u32>,
    pub(super) read: BTreeSet<u32>,
    pub(super) troubled: BTreeSet<u32>,
    pub(super) stood: BTreeSet<u32>,
    pub(super) surveyed: BTreeSet<u32>,
    pub(super) refilled: BTreeSet<u32>,
    pub(super) foreseen: BTreeSet<u32>,
}

impl News {
    /// Whether there is something the feed has not been told.
    pub(super) fn is_some(&self) -> bool {
        [&self.joined, &self.left, &self.read, &self.troubled, &self.stood, &self.surveyed]
            .iter()
            .any(|news| !news.is_empty())
    }

    /// A node is no more.
    pub(super) fn forget(&mut self, number: u32) {
        self.left.insert(number);
    }

    /// What the feed has been told: nothing is new to it.
    pub(super) fn seen(&self) -> Self {
        Self { seq: self.seq, ..Self::default() }
    }

    /// Takes all of it, numbered.
    pub(super) fn take(&mut self) -> Self {
        let seq = self.seq + 1;
        let news = std::mem::replace(self, Self { seq, ..Self::default() });
        Self { seq, ..news }
    }
}

/// A fleet and what is new of it, at one moment of the head's clock.
pub(super) struct Outlook<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) news: &'a News,
    pub(super) build: &'a str,
    pub(super) now_ms: u64,
}

impl Outlook<'_> {
    fn each<T>(&self, numbers: &BTreeSet<u32>, of: impl Fn(&Node) -> Option<T>) -> Vec<T> {
        numbers.iter().filter_map(|&number| of(self.fleet.node(number)?)).collect()
    }

    pub(super) fn delta(&self) -> FeedMessage {
        FeedMessage::Delta(Delta {
            seq: self.news.seq,
            now_ms: self.now_ms,
            joined: self.each(&self.news.joined, |node| Some(node.state())),
            readings: self.each(&self.news.read, reading),
            troubles: self.each(&self.news.troubled, trouble),
        })
    }

    pub(super) fn snapshot(&self) -> FeedMessage {
        FeedMessage::Snapshot(Snapshot {
            protocol: PROTOCOL,
            build: self.build.into(),
            seq: self.news.seq,
            now_ms: self.now_ms,
            nodes: self.fleet.nodes().map(Node::state).collect(),
        })
    }

    /// How the nodes stand that stand differently; of all of them after a snapshot.
    pub(super) fn standings(&self, all: bool) -> Option<FeedMessage> {
        let standings = if all {
            self.fleet.nodes().map(standing).collect()
        } else {
            self.each(&self.news.joined.union(&self.news.stood).copied().collect(), |node| {
                Some(standing(node))
            })
        };
        (!standings.is_empty()).then_some(FeedMessage::Standings(standings))
    }

    /// What is foreseen of nodes of which that changed; of all of which anything is, after a roster.
    pub(super) fn forecasts(&self, all: bool) -> Option<FeedMessage> {
        let forecasts: Vec<NodeForecast> = if all {
            let foreseen = self.fleet.nodes().filter(|node| node.forecast().is_some());
            foreseen.map(forecast).collect()
        } else {
            self.each(&self.news.foreseen, |node| Some(forecast(node)))
        };
        (!forecasts.is_empty()).then_some(FeedMessage::Forecasts(forecasts))
    }

    pub(super) fn briefs(&self) -> FeedMessage {
        FeedMessage::Briefs(Briefs {
            seq: self.news.seq,
            now_ms: self.now_ms,
            joined: self.each(&self.news.joined, |node| Some(node.entry())),
            left: self.news.left.iter().copied().collect(),
            rows: self
                .each(&self.news.read.union(&self.news.troubled).copied().collect(), |n| n.brief),
            standings: self.each(&self.news.stood, |node| Some(standing(node))),
            refilled: self.news.refilled.iter().copied().collect(),
        })
    }

    pub(super) fn roster(&self) -> FeedMessage {
        FeedMessage::Roster(Roster {
            protocol: PROTOCOL,
            build: self.build.into(),
            seq: self.news.seq,
            now_ms: self.now_ms,
            nodes: self.fleet.nodes().map(Node::entry).collect(),
        })
    }

    /// What is new of one node, for those who opened it.
    pub(super) fn of_open(&self, number: u32) -> Vec<FeedMessage> {
        let Some(node) = self.fleet.node(number) else { return Vec::new() };
        let is_in = |news: &BTreeSet<u32>| news.contains(&number);
        [
            is_in(&self.news.joined).then(|| FeedMessage::Opened(Box::new(node.state()))),
            is_in(&self.news.read)
                .then(|| Some(FeedMessage::Reading(Box::new(reading(node)?))))
                .flatten(),
            is_in(&self.news.troubled).then(|| trouble(node).map(FeedMessage::Trouble)).flatten(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What was found on nodes of which there is something new to say.
    pub(super) fn surveys(&self) -> Vec<NodeSurvey> {
        self.each(&self.news.surveyed, |node| {
            let survey = node.survey().unwrap_or_default();
            Some(NodeSurvey { node: node.number, survey })
        })
    }
}

fn reading(node: &Node) -> Option<NodeReading> {
    Some(NodeReading { node: node.number, reading: node.record.latest()? })
}

fn trouble(node: &Node) -> Option<NodeTrouble> {
    Some(NodeTrouble { node: node.number, trouble: node.trouble.clone()? })
}

fn forecast(node: &Node) -> NodeForecast {
    NodeForecast { node: node.number, forecast: node.forecast().cloned() }
}

fn standing(node: &Node) -> NodeStanding {
    NodeStanding { node: node.number, standing: node.standing.clone() }
}
