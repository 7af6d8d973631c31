//! What the page knows of the cluster: applies what the head says, one message at a time.
//!
//! The same for one node as for many: all of them in brief, and in full those that are open.

mod node;

use std::sync::Arc;

use shared::NodeId;
use shared::forecast::Forecast;
use shared::overview::{Briefs, NodeStanding, Roster, RosterEntry};
use shared::window::Window;
use shared::wire::{FeedMessage, FeedRequest, NodeForecast, NodePast, NodeState};

use crate::fleet::row::Row;

pub use node::{Bill, Node, Readout};

/// All nodes, as of the last message.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    seq: u64,
    /// What the head's clock is ahead of the page's, in ms; `None` before the first message.
    ahead_ms: Option<i64>,
    /// In the order of their numbers.
    rows: Vec<Row>,
    /// The nodes that somebody looks at.
    wanted: Vec<NodeId>,
    open: Vec<Node>,
    /// What is foreseen, by the nodes' numbers.
    forecasts: Vec<(u32, Forecast)>,
}

/// What a message changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Nodes of which something is new in full.
    pub nodes: Vec<u32>,
    /// Whether nodes came or went, or are called or labelled differently.
    pub listed: bool,
    /// What to ask the head for now.
    pub ask: Vec<FeedRequest>,
}

impl Fleet {
    /// Takes in a message that arrived at `now_ms` of the page's clock.
    pub fn apply(&mut self, message: FeedMessage, now_ms: u64) -> Outcome {
        match message {
            FeedMessage::Roster(roster) => self.restart(roster, now_ms),
            FeedMessage::Briefs(briefs) if briefs.seq <= self.seq => Outcome::default(),
            FeedMessage::Briefs(briefs) if briefs.seq > self.seq + 1 => {
                Outcome { ask: vec![FeedRequest::Resync {}], ..Outcome::default() }
            }
            FeedMessage::Briefs(briefs) => self.go_on(briefs, now_ms),
            FeedMessage::Opened(state) => self.opened(*state),
            FeedMessage::Reading(news) => self.change(news.node, |node| node.read(news.reading)),
            FeedMessage::Trouble(news) => {
                self.change(news.node, |node| node.state.trouble = Some(news.trouble))
            }
            FeedMessage::Past(NodePast { node, past }) => self.change(node, |node| {
                node.window.merge(past.iter());
            }),
            FeedMessage::Survey(news) => self.change(news.node, |node| {
                node.survey = Some(Arc::new(news.survey));
            }),
            FeedMessage::Usage(news) => self.change(news.node, |node| {
                node.usage = Some(Arc::new(news.usage));
            }),
            // These are for scripts, which follow no overview.
            FeedMessage::Snapshot(_)
            | FeedMessage::Delta(_)
            | FeedMessage::Window(_)
            | FeedMessage::Standings(_)
            | FeedMessage::Events(_) => Outcome::default(),
            FeedMessage::Forecasts(news) => {
                let nodes = news.iter().map(|news| news.node).collect();
                for NodeForecast { node, forecast } in news {
                    self.forecasts.retain(|(number, _)| *number != node);
                    self.forecasts.extend(forecast.map(|forecast| (node, forecast)));
                }
                Outcome { nodes, ..Outcome::default() }
            }
        }
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut Node)) -> Outcome {
        let Some(node) = self.open.iter_mut().find(|node| node.state.node == number) else {
            return Outcome::default();
        };
        change(node);
        Outcome { nodes: vec![number], ..Outcome::default() }
    }

    fn opened(&mut self, state: NodeState) -> Outcome {
        if !self.wanted.contains(&state.id) {
            return Outcome::default();
        }
        let number = state.node;
        match self.open.iter_mut().find(|node| node.state.id == state.id) {
            Some(node) => {
                if let Some(latest) = &state.latest {
                    node.window.push(latest.clone());
                }
                node.state = state;
            }
            None => self.open.push(Node::of(state, Window::default())),
        }
        Outcome { nodes: vec![number], ..Outcome::default() }
    }

    /// Starts anew from a roster. A node known before keeps its past: the gap shows in it.
    fn restart(&mut self, roster: Roster, now_ms: u64) -> Outcome {
        let ahead_ms = roster.now_ms.cast_signed() - now_ms.cast_signed();
        // Only another run of the head has another time line. Within one, the clocks also part when
        // the page's machine sleeps, and nothing that is known has moved.
        let is_new_run = roster.seq < self.seq;
        let shift_ms = self.ahead_ms.filter(|_| is_new_run).map_or(0, |old| ahead_ms - old);
        self.ahead_ms = Some(ahead_ms);
        self.seq = roster.seq;
        // What is foreseen follows a roster.
        self.forecasts.clear();
        if shift_ms != 0 {
            for node in &mut self.open {
                node.window.shift(shift_ms);
            }
        }
        let mut older = std::mem::take(&mut self.rows);
        for (index, entry) in roster.nodes.into_iter().enumerate() {
            let mut row = Row::of(entry);
            // Mostly nothing has moved.
            let is_same = |old: &Row| old.id == row.id;
            let at = older.get(index).filter(|old| is_same(old)).map(|_| index);
            if let Some(at) = at.or_else(|| older.iter().position(is_same)) {
                row.remember(std::mem::take(&mut older[at].trace), shift_ms);
            }
            self.put(row);
        }
        let nodes = self.open.iter().map(|node| node.state.node).collect();
        let ask = self.wanted.iter().filter_map(|id| self.to_open(id)).collect();
        Outcome { nodes, listed: true, ask }
    }

    fn go_on(&mut self, briefs: Briefs, now_ms: u64) -> Outcome {
        let Briefs { seq, now_ms: head_ms, joined, left, rows, standings, refilled } = briefs;
        self.seq = seq;
        self.ahead_ms = Some(head_ms.cast_signed() - now_ms.cast_signed());
        let mut outcome =
            Outcome { listed: !joined.is_empty() || !left.is_empty(), ..Outcome::default() };
        for number in left {
            self.rows.retain(|row| row.number != number);
            self.open.retain(|node| node.state.node != number);
            self.forecasts.retain(|(node, _)| *node != number);
        }
        for entry in joined {
            self.join(entry, &mut outcome);
        }
        for brief in rows {
            if let Some(row) = self.find(brief.node) {
                row.read(brief);
            }
        }
        for NodeStanding { node, standing } in standings {
            if let Some(row) = self.find(node) {
                row.standing = standing;
            }
        }
        let is_open = |number: &u32| self.open.iter().any(|node| node.state.node == *number);
        outcome
            .ask
            .extend(refilled.into_iter().filter(is_open).map(|node| FeedRequest::Recall { node }));
        outcome
    }

    fn join(&mut self, entry: RosterEntry, outcome: &mut Outcome) {
        let row = Row::of(entry);
        let is_known = self.open.iter().any(|node| node.state.node == row.number);
        if self.wanted.contains(&row.id) && !is_known {
            outcome.ask.push(FeedRequest::Open { node: row.number });
        }
        self.put(row);
    }

    fn place(&self, number: u32) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&number, |row| row.number)
    }

    fn find(&mut self, number: u32) -> Option<&mut Row> {
        self.place(number).ok().map(|at| &mut self.rows[at])
    }

    fn put(&mut self, row: Row) {
        match self.place(row.number) {
            Ok(at) => self.rows[at] = row,
            Err(at) => self.rows.insert(at, row),
        }
    }

    fn to_open(&self, id: &NodeId) -> Option<FeedRequest> {
        let row = self.rows.iter().find(|row| row.id == *id)?;
        Some(FeedRequest::Open { node: row.number })
    }

    /// Says which nodes are looked at; gives what to ask the head for.
    pub fn want(&mut self, ids: Vec<NodeId>) -> Vec<FeedRequest> {
        let mut ask = Vec::new();
        self.open.retain(|node| {
            let keeps = ids.contains(&node.state.id);
            if !keeps {
                ask.push(FeedRequest::Close { node: node.state.node });
            }
            keeps
        });
        let fresh = ids.iter().filter(|id| !self.wanted.contains(id));
        ask.extend(fresh.filter_map(|id| self.to_open(id)));
        self.wanted = ids;
        ask
    }

    /// Every node in brief, in the order of their numbers.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A node in brief.
    #[must_use]
    pub fn row(&self, number: u32) -> Option<&Row> {
        self.place(number).ok().map(|at| &self.rows[at])
    }

    /// What there is to show of a node that is open.
    #[must_use]
    pub fn readout(&self, id: &NodeId) -> Option<Readout> {
        self.node(id).map(Readout::of)
    }

    /// The recent past of a node that is open.
    #[must_use]
    pub fn window(&self, id: &NodeId) -> Option<&Window> {
        self.node(id).map(|node| &node.window)
    }

    /// What is foreseen of a node.
    #[must_use]
    pub fn forecast(&self, number: u32) -> Option<&Forecast> {
        self.forecasts.iter().find(|(node, _)| *node == number).map(|(_, forecast)| forecast)
    }

    fn node(&self, id: &NodeId) -> Option<&Node> {
        self.open.iter().find(|node| node.state.id == *id)
    }

    /// Whether the head has said anything.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.ahead_ms.is_some()
    }

    /// The head's clock when the page's says `now_ms`; 0 before the first message.
    #[must_use]
    pub fn head_ms(&self, now_ms: u64) -> u64 {
        self.ahead_ms.map_or(0, |ahead_ms| now_ms.saturating_add_signed(ahead_ms))
    }
}

#[cfg(test)]
mod tests;
