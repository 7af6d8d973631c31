//! What the page knows of the cluster: applies what the head says, one message at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::breakdown::Breakdown;
use shared::memory::{Available, NoSplit, Split};
use shared::survey::Survey;
use shared::usage::Usage;
use shared::window::Window;
use shared::wire::{FeedMessage, FeedRequest, NodePast, NodeState, Reading, Snapshot};
use shared::{Field, NodeFacts, NodeId, Sample, rates};

/// One node, with its recent past.
#[derive(Clone, Debug)]
pub struct Node {
    state: NodeState,
    window: Window,
    /// When its last reading was taken, by the page's clock, in ms.
    taken_ms: u64,
    survey: Option<Arc<Survey>>,
    usage: Option<Arc<Usage>>,
}

/// All nodes, as of the last message.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    seq: u64,
    nodes: BTreeMap<u32, Node>,
}

/// What a message changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Nodes of which something is new.
    pub changed: Vec<u32>,
    /// What to ask the head for now.
    pub ask: Vec<FeedRequest>,
}

impl Fleet {
    /// Takes in a message that arrived at `now_ms` of the page's clock.
    pub fn apply(&mut self, message: FeedMessage, now_ms: u64) -> Outcome {
        match message {
            FeedMessage::Snapshot(snapshot) => self.restart(snapshot, now_ms),
            FeedMessage::Delta(delta) => {
                if delta.seq <= self.seq {
                    return Outcome::default();
                }
                if delta.seq > self.seq + 1 {
                    return Outcome { changed: vec![], ask: vec![FeedRequest::Resync {}] };
                }
                self.seq = delta.seq;
                let mut outcome = Outcome::default();
                for state in delta.joined {
                    outcome.changed.push(state.node);
                    outcome.ask.push(FeedRequest::Recall { node: state.node });
                    self.join(state, delta.now_ms, now_ms, Window::default());
                }
                for news in delta.readings {
                    if let Some(node) = self.nodes.get_mut(&news.node) {
                        node.taken_ms = local(news.reading.at_ms, delta.now_ms, now_ms);
                        node.window.push(news.reading.clone());
                        node.state.latest = Some(news.reading);
                        node.state.trouble = None;
                        outcome.changed.push(news.node);
                    }
                }
                for news in delta.troubles {
                    if let Some(node) = self.nodes.get_mut(&news.node) {
                        node.state.trouble = Some(news.trouble);
                        outcome.changed.push(news.node);
                    }
                }
                outcome
            }
            FeedMessage::Window(past) => self.change(past.node, |node| {
                node.window = Window::of(node.window.iter().chain(past.readings).collect());
            }),
            FeedMessage::Past(NodePast { node, past }) => self.change(node, |node| {
                node.window = Window::of(node.window.iter().chain(past.iter()).collect());
            }),
            FeedMessage::Survey(news) => self.change(news.node, |node| {
                node.survey = Some(Arc::new(news.survey));
            }),
            FeedMessage::Usage(news) => self.change(news.node, |node| {
                node.usage = Some(Arc::new(news.usage));
            }),
            FeedMessage::Roster(_)
            | FeedMessage::Briefs(_)
            | FeedMessage::Opened(_)
            | FeedMessage::Reading(_)
            | FeedMessage::Trouble(_)
            | FeedMessage::Standings(_) => Outcome::default(),
        }
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut Node)) -> Outcome {
        let Some(node) = self.nodes.get_mut(&number) else { return Outcome::default() };
        change(node);
        Outcome { changed: vec![number], ask: vec![] }
    }

    /// Starts anew from a snapshot. A node known before keeps its past: the gap shows in it.
    fn restart(&mut self, snapshot: Snapshot, now_ms: u64) -> Outcome {
        self.seq = snapshot.seq;
        let mut past: BTreeMap<NodeId, Window> =
            std::mem::take(&mut self.nodes).into_values().map(|n| (n.state.id, n.window)).collect();
        let mut outcome = Outcome::default();
        for state in snapshot.nodes {
            outcome.changed.push(state.node);
            outcome.ask.push(FeedRequest::Recall { node: state.node });
            let window = past.remove(&state.id).unwrap_or_default();
            self.join(state, snapshot.now_ms, now_ms, window);
        }
        outcome
    }

    fn join(&mut self, state: NodeState, head_ms: u64, now_ms: u64, mut window: Window) {
        let taken_ms = state.latest.as_ref().map_or(now_ms, |r| local(r.at_ms, head_ms, now_ms));
        window = state.latest.iter().cloned().fold(window, |mut window, latest| {
            window.push(latest);
            window
        });
        let node = Node { state, window, taken_ms, survey: None, usage: None };
        self.nodes.insert(node.state.node, node);
    }

    /// The numbers of all nodes.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.nodes.keys().copied()
    }

    /// What there is to show of a node.
    #[must_use]
    pub fn readout(&self, number: u32) -> Option<Readout> {
        self.nodes.get(&number).map(Readout::of)
    }

    /// The recent past of a node.
    #[must_use]
    pub fn window(&self, number: u32) -> Option<&Window> {
        self.nodes.get(&number).map(|node| &node.window)
    }
}

/// A time of the head's clock, by the page's clock, given what both said at one moment.
fn local(at_ms: u64, head_ms: u64, now_ms: u64) -> u64 {
    now_ms.saturating_sub(head_ms.saturating_sub(at_ms))
}

/// What there is to show of a node: its last reading, and what follows from it and the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Readout {
    /// Its id.
    pub id: NodeId,
    /// What does not change.
    pub facts: NodeFacts,
    /// How often it reports, in ms.
    pub period_ms: u32,
    /// When the reading was taken, by the page's clock, in ms.
    pub taken_ms: u64,
    /// Time since the node booted, in µs.
    pub uptime_us: Option<u64>,
    /// The reading; empty if there is none yet.
    pub sample: Sample,
    /// What can be had.
    pub available: Result<Available, NoSplit>,
    /// Memory by what can be had of it.
    pub split: Result<Split, NoSplit>,
    /// Memory in exact parts.
    pub breakdown: Breakdown,
    /// Share of CPU time that was busy, 0 to 1.
    pub cpu_busy: Option<f64>,
    /// Share of time in which some task waited for memory, 0 to 1.
    pub pressure_some: Option<f64>,
    /// Share of time in which all tasks waited for memory, 0 to 1.
    pub pressure_full: Option<f64>,
    /// Bytes read back from swap each second.
    pub swapped_in: Option<f64>,
    /// Bytes written to swap each second.
    pub swapped_out: Option<f64>,
    /// Bytes of files each second that were dropped and soon needed again.
    pub refaulted: Option<f64>,
    /// Bytes each second that programs had to reclaim themselves before they got memory.
    pub reclaimed_waiting: Option<f64>,
    /// What was found when the node was last looked around.
    pub survey: Option<Arc<Survey>>,
    /// Who has its memory, if somebody looks.
    pub usage: Option<Arc<Usage>>,
    /// Why there are no readings.
    pub trouble: Option<String>,
}

impl Readout {
    fn of(node: &Node) -> Self {
        let NodeState { id, facts, period_ms, latest, trouble, .. } = node.state.clone();
        let pair = node.window.last().zip(node.window.before_last());
        let rate = |of: fn(&Reading, &Reading) -> Option<f64>| {
            pair.and_then(|(last, before)| of(before, last))
        };
        let bytes_a_second = |field| {
            let (last, before) = pair?;
            Some(rates::per_second(before, last, field)? * facts.page_size as f64)
        };
        let sample = latest.as_ref().map_or(Sample::EMPTY, |latest| latest.sample.clone());
        Self {
            available: Available::of(&sample),
            split: Split::of(&sample),
            breakdown: Breakdown::of(&sample, &facts),
            cpu_busy: rate(rates::cpu_busy),
            pressure_some: rate(|from, to| rates::pressure(from, to, Field::PressureSome)),
            pressure_full: rate(|from, to| rates::pressure(from, to, Field::PressureFull)),
            swapped_in: bytes_a_second(Field::SwappedIn),
            swapped_out: bytes_a_second(Field::SwappedOut),
            refaulted: bytes_a_second(Field::FileRefaults).or(bytes_a_second(Field::Refaults)),
            reclaimed_waiting: bytes_a_second(Field::StolenDirect),
            survey: node.survey.clone(),
            usage: node.usage.clone(),
            uptime_us: latest.map(|latest| latest.uptime_us),
            taken_ms: node.taken_ms,
            id,
            facts,
            period_ms,
            sample,
            trouble,
        }
    }

    /// Since the reading was taken, in ms.
    #[must_use]
    pub fn age_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.taken_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::wire::{Delta, NodeReading, NodeTrouble, NodeWindow, PROTOCOL};

    fn reading(at_ms: u64, busy: u64) -> Reading {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(1000));
        sample.set(Field::CpuBusy, Some(busy));
        sample.set(Field::CpuTotal, Some(at_ms / 10));
        Reading { at_ms, uptime_us: at_ms * 1000, sample }
    }

    fn snapshot(seq: u64, node: u32, latest: Option<Reading>) -> FeedMessage {
        let state = NodeState {
            node,
            id: NodeId::from_host_name("pi"),
            facts: NodeFacts::default(),
            period_ms: 1000,
            latest,
            trouble: None,
        };
        FeedMessage::Snapshot(Snapshot {
            protocol: PROTOCOL,
            build: String::new(),
            seq,
            now_ms: 10_000,
            nodes: vec![state],
        })
    }

    fn delta(seq: u64, readings: Vec<NodeReading>) -> FeedMessage {
        FeedMessage::Delta(Delta {
            seq,
            now_ms: 11_000,
            joined: vec![],
            readings,
            troubles: vec![],
        })
    }

    #[test]
    fn a_gap_in_the_numbers_asks_for_a_snapshot() {
        let mut fleet = Fleet::default();
        let outcome = fleet.apply(snapshot(5, 0, None), 0);
        assert_eq!(outcome.ask, [FeedRequest::Recall { node: 0 }]);
        assert_eq!(fleet.apply(delta(6, vec![]), 0), Outcome::default());
        assert_eq!(fleet.apply(delta(6, vec![]), 0), Outcome::default());
        assert_eq!(fleet.apply(delta(9, vec![]), 0).ask, [FeedRequest::Resync {}]);
    }

    #[test]
    fn readings_are_placed_on_the_pages_own_clock() {
        let mut fleet = Fleet::default();
        fleet.apply(snapshot(1, 0, Some(reading(9000, 0))), 500_000);
        assert_eq!(fleet.readout(0).unwrap().age_ms(500_000), 1000);
        let news = NodeReading { node: 0, reading: reading(11_000, 100) };
        fleet.apply(delta(2, vec![news]), 502_000);
        let readout = fleet.readout(0).unwrap();
        assert_eq!(readout.age_ms(502_500), 500);
        assert_eq!(readout.cpu_busy, Some(0.5));
    }

    #[test]
    fn the_past_outlives_a_restart_of_the_head() {
        let mut fleet = Fleet::default();
        fleet.apply(snapshot(1, 3, Some(reading(9000, 0))), 0);
        fleet.apply(snapshot(1, 0, Some(reading(20_000, 0))), 0);
        let past = NodeWindow { node: 0, readings: vec![reading(19_000, 0)] };
        fleet.apply(FeedMessage::Window(past), 0);
        let times: Vec<u64> = fleet.window(0).unwrap().iter().map(|r| r.at_ms).collect();
        assert_eq!(times, [9000, 19_000, 20_000]);
        let past = Window::of(vec![reading(17_000, 0), reading(18_000, 0)]).pack();
        fleet.apply(FeedMessage::Past(NodePast { node: 0, past }), 0);
        let times: Vec<u64> = fleet.window(0).unwrap().iter().map(|r| r.at_ms).collect();
        assert_eq!(times, [9000, 17_000, 18_000, 19_000, 20_000]);
        assert_eq!(fleet.numbers().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn trouble_is_shown_and_ends_with_a_reading() {
        let mut fleet = Fleet::default();
        fleet.apply(snapshot(1, 0, None), 0);
        let trouble = NodeTrouble { node: 0, trouble: "no meminfo".into() };
        let news =
            Delta { seq: 2, now_ms: 0, joined: vec![], readings: vec![], troubles: vec![trouble] };
        fleet.apply(FeedMessage::Delta(news), 0);
        assert_eq!(fleet.readout(0).unwrap().trouble.as_deref(), Some("no meminfo"));
        fleet.apply(delta(3, vec![NodeReading { node: 0, reading: reading(1, 1) }]), 0);
        assert_eq!(fleet.readout(0).unwrap().trouble, None);
    }

    #[test]
    fn news_of_unknown_nodes_are_skipped() {
        let mut fleet = Fleet::default();
        fleet.apply(snapshot(1, 0, None), 0);
        let news = NodeReading { node: 9, reading: reading(1, 1) };
        assert!(fleet.apply(delta(2, vec![news]), 0).changed.is_empty());
        assert_eq!(fleet.readout(9), None);
    }
}
