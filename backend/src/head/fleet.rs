//! What the head knows of each node: who it is, its last reading, its last five minutes. Does no
//! I/O, and is told the time.

use std::collections::{BTreeSet, HashMap};

use shared::NodeId;
use shared::survey::Survey;
use shared::window::Window;
use shared::wire::{
    AgentMessage, AgentReading, Delta, Hello, NodePast, NodeReading, NodeState, NodeTrouble,
    NodeWindow, PROTOCOL, Reading, Snapshot,
};

/// Nodes at most.
pub const MOST_NODES: usize = 10_000;
/// Bytes of a sentence of trouble at most.
const MOST_TROUBLE: usize = 500;

/// Names the connection of one agent, for as long as the head runs.
pub type LinkId = u64;

/// Why a report was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The agent is of another protocol.
    #[error(
        "node {id} speaks protocol {protocol}, this head speaks {PROTOCOL}; update the older of them"
    )]
    Protocol {
        /// The node.
        id: NodeId,
        /// What it speaks.
        protocol: u16,
    },
    /// The agent did not say who it is.
    #[error("an agent reported before it said which node it is")]
    NoHello,
    /// There are too many nodes.
    #[error("node {0} is one more than the {MOST_NODES} that a head serves")]
    TooMany(NodeId),
}

/// All that the head knows of a node at present.
#[derive(Clone, Debug)]
pub struct NodeDetail {
    /// Who it is, and its last reading.
    pub state: NodeState,
    /// The reading before the last, for rates.
    pub before: Option<Reading>,
    /// What was found when it was last looked around, if it ever was.
    pub survey: Option<Survey>,
}

struct Node {
    state: NodeState,
    boot_id: Option<String>,
    /// The connection of its agent.
    link: LinkId,
    window: Window,
    survey: Option<Survey>,
}

/// Every node the head has heard of, and what of it the feed has not been told yet.
#[derive(Default)]
pub struct Fleet {
    nodes: Vec<Node>,
    by_id: HashMap<NodeId, u32>,
    by_link: HashMap<LinkId, u32>,
    seq: u64,
    joined: BTreeSet<u32>,
    read: BTreeSet<u32>,
    troubled: BTreeSet<u32>,
}

impl Fleet {
    /// Takes in what an agent reports, at `now_ms` of the head's clock.
    pub fn report(
        &mut self,
        link: LinkId,
        message: AgentMessage,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        if let AgentMessage::Hello(hello) = message {
            return self.hello(link, hello);
        }
        let number = *self.by_link.get(&link).ok_or(Refusal::NoHello)?;
        let node = &mut self.nodes[number as usize];
        match message {
            AgentMessage::Hello(_)
            | AgentMessage::Usage(_)
            | AgentMessage::Next(_)
            | AgentMessage::Run(_)
            | AgentMessage::Clock(_)
            | AgentMessage::Labels(_)
            | AgentMessage::Thinned(_) => {}
            AgentMessage::Survey(survey) => node.survey = Some(survey),
            AgentMessage::Readings(readings) => {
                if node.take(readings, now_ms) {
                    self.troubled.remove(&number);
                    self.read.insert(number);
                }
            }
            AgentMessage::Trouble(mut trouble) => {
                trouble.truncate(trouble.floor_char_boundary(MOST_TROUBLE));
                node.state.trouble = Some(trouble);
                self.troubled.insert(number);
            }
        }
        Ok(())
    }

    fn hello(&mut self, link: LinkId, hello: Hello) -> Result<(), Refusal> {
        let Hello { protocol, id, facts, boot_id, period_ms } = hello;
        if protocol != PROTOCOL {
            return Err(Refusal::Protocol { id, protocol });
        }
        let number = match self.by_id.get(&id) {
            Some(&number) => {
                let node = &mut self.nodes[number as usize];
                node.link = link;
                node.state.facts = facts;
                node.state.period_ms = period_ms;
                if node.boot_id != boot_id {
                    // Counters and uptime start anew: old readings would give false rates.
                    node.boot_id = boot_id;
                    node.window = Window::default();
                    node.state.latest = None;
                    node.survey = None;
                }
                number
            }
            None if self.nodes.len() >= MOST_NODES => return Err(Refusal::TooMany(id)),
            None => {
                let number = self.nodes.len() as u32;
                self.by_id.insert(id.clone(), number);
                self.nodes.push(Node {
                    state: NodeState {
                        node: number,
                        id,
                        facts,
                        period_ms,
                        latest: None,
                        trouble: None,
                    },
                    boot_id,
                    link,
                    window: Window::default(),
                    survey: None,
                });
                number
            }
        };
        self.by_link.insert(link, number);
        self.joined.insert(number);
        Ok(())
    }

    /// Whether there is something the feed has not been told.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !(self.joined.is_empty() && self.read.is_empty() && self.troubled.is_empty())
    }

    /// What the feed has not been told yet. Of each node only the newest reading is in it.
    pub fn take_delta(&mut self, now_ms: u64) -> Delta {
        self.seq += 1;
        let state = |number: &u32| &self.nodes[*number as usize].state;
        let delta = Delta {
            seq: self.seq,
            now_ms,
            joined: self.joined.iter().map(|number| state(number).clone()).collect(),
            readings: self
                .read
                .iter()
                .filter_map(|&node| {
                    Some(NodeReading { node, reading: state(&node).latest.clone()? })
                })
                .collect(),
            troubles: self
                .troubled
                .iter()
                .filter_map(|&node| {
                    Some(NodeTrouble { node, trouble: state(&node).trouble.clone()? })
                })
                .collect(),
        };
        self.joined.clear();
        self.read.clear();
        self.troubled.clear();
        delta
    }

    /// Everything, as of the last delta and what came since.
    #[must_use]
    pub fn snapshot(&self, build: &str, now_ms: u64) -> Snapshot {
        Snapshot {
            protocol: PROTOCOL,
            build: build.into(),
            seq: self.seq,
            now_ms,
            nodes: self.nodes().cloned().collect(),
        }
    }

    /// The last five minutes of a node; empty for a number that no node has.
    #[must_use]
    pub fn window(&self, number: u32) -> NodeWindow {
        let window = self.nodes.get(number as usize).map(|node| &node.window);
        let readings = window.into_iter().flat_map(Window::iter).collect();
        NodeWindow { node: number, readings }
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

    /// The connection through which a node was last heard.
    #[must_use]
    pub fn link(&self, number: u32) -> Option<LinkId> {
        self.nodes.get(number as usize).map(|node| node.link)
    }

    /// What was found when a node was last looked around.
    #[must_use]
    pub fn survey(&self, number: u32) -> Option<&Survey> {
        self.nodes.get(number as usize)?.survey.as_ref()
    }

    /// All that is known of the node with this id.
    #[must_use]
    pub fn detail(&self, id: &NodeId) -> Option<NodeDetail> {
        let node = self.nodes.get(self.number_of(id)? as usize)?;
        let before = node.window.before_last().cloned();
        Some(NodeDetail { state: node.state.clone(), before, survey: node.survey.clone() })
    }

    /// The same, packed.
    #[must_use]
    pub fn past(&self, number: u32) -> NodePast {
        let window = self.nodes.get(number as usize).map(|node| &node.window);
        NodePast { node: number, past: window.map(Window::pack).unwrap_or_default() }
    }

    /// Every node, in the order they joined.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeState> {
        self.nodes.iter().map(|node| &node.state)
    }
}

impl Node {
    /// Takes in readings, of which the last was taken just now. Says whether there was any.
    ///
    /// A node's own time of day is not trusted: its readings are placed by their distance from the
    /// last one on the node's monotonic clock.
    fn take(&mut self, readings: Vec<AgentReading>, now_ms: u64) -> bool {
        let Some(newest_us) = readings.last().map(|last| last.uptime_us) else { return false };
        for AgentReading { uptime_us, sample, .. } in readings {
            let age_ms = newest_us.saturating_sub(uptime_us) / 1000;
            let at_ms = now_ms.saturating_sub(age_ms);
            self.window.push(Reading { at_ms, uptime_us, sample });
        }
        self.state.latest = self.window.last().cloned();
        self.state.trouble = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Field, NodeFacts, Sample};

    fn hello(id: &str, boot: &str) -> AgentMessage {
        AgentMessage::Hello(Hello {
            protocol: PROTOCOL,
            id: NodeId::from_host_name(id),
            facts: NodeFacts::default(),
            boot_id: Some(boot.into()),
            period_ms: 1000,
        })
    }

    fn reading(seq: u64, uptime_us: u64) -> AgentReading {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(seq));
        AgentReading { seq, uptime_us, sample }
    }

    #[test]
    fn deltas_are_numbered_and_tell_each_thing_once() {
        let mut fleet = Fleet::default();
        fleet.report(1, hello("a", "x"), 0).unwrap();
        fleet.report(1, AgentMessage::Readings(vec![reading(1, 1_000_000)]), 50_000).unwrap();
        assert!(fleet.is_dirty());
        let delta = fleet.take_delta(50_001);
        assert_eq!((delta.seq, delta.joined.len(), delta.readings.len()), (1, 1, 1));
        assert!(!fleet.is_dirty());
        let empty = fleet.take_delta(51_001);
        assert_eq!((empty.seq, empty.joined.len(), empty.readings.len()), (2, 0, 0));
        assert_eq!(fleet.snapshot("b", 0).seq, 2);
    }

    #[test]
    fn a_batch_is_placed_by_the_nodes_own_clock() {
        let mut fleet = Fleet::default();
        fleet.report(1, hello("a", "x"), 0).unwrap();
        let batch = vec![reading(1, 7_000_000), reading(2, 8_000_000), reading(3, 9_500_000)];
        fleet.report(1, AgentMessage::Readings(batch), 100_000).unwrap();
        let times: Vec<u64> =
            fleet.window(0).readings.iter().map(|reading| reading.at_ms).collect();
        assert_eq!(times, [97_500, 98_500, 100_000]);
        assert_eq!(fleet.take_delta(0).readings.len(), 1, "the feed gets the newest only");
    }

    #[test]
    fn trouble_lasts_until_the_next_reading() {
        let mut fleet = Fleet::default();
        fleet.report(1, hello("a", "x"), 0).unwrap();
        fleet.report(1, AgentMessage::Trouble("ü".repeat(400)), 0).unwrap();
        let delta = fleet.take_delta(0);
        assert_eq!(delta.troubles.len(), 1);
        assert!(delta.troubles[0].trouble.len() <= MOST_TROUBLE);
        fleet.report(1, AgentMessage::Readings(vec![reading(1, 1)]), 0).unwrap();
        assert_eq!(fleet.nodes().next().unwrap().trouble, None);
    }

    #[test]
    fn a_node_that_booted_anew_starts_its_window_anew() {
        let mut fleet = Fleet::default();
        fleet.report(1, hello("a", "x"), 0).unwrap();
        fleet.report(1, AgentMessage::Readings(vec![reading(1, 1)]), 0).unwrap();
        fleet.report(2, hello("a", "x"), 0).unwrap();
        assert_eq!(fleet.window(0).readings.len(), 1);
        fleet.report(3, hello("a", "y"), 0).unwrap();
        assert_eq!(fleet.window(0).readings.len(), 0);
        assert_eq!(fleet.nodes().count(), 1);
    }

    #[test]
    fn what_is_not_the_protocol_is_refused() {
        let mut fleet = Fleet::default();
        let silent = fleet.report(1, AgentMessage::Readings(vec![]), 0);
        assert_eq!(silent, Err(Refusal::NoHello));
        let AgentMessage::Hello(mut newer) = hello("a", "x") else { return };
        newer.protocol = 9;
        let refusal = fleet.report(1, AgentMessage::Hello(newer), 0).unwrap_err();
        assert!(refusal.to_string().contains("protocol 9"), "{refusal}");
        assert_eq!(fleet.window(77).readings.len(), 0);
    }
}
