//! One node in full, and what there is to show of it.

use std::sync::Arc;

use shared::breakdown::Breakdown;
use shared::memory::{Available, NoSplit, Split};
use shared::survey::Survey;
use shared::units::{fixed, human};
use shared::usage::Usage;
use shared::window::Window;
use shared::wire::{NodeState, Reading};
use shared::{Field, NodeFacts, NodeId, Sample, rates};

/// A node that is open, with its recent past. All times are of the head's clock.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) state: NodeState,
    pub(super) window: Window,
    pub(super) survey: Option<Arc<Survey>>,
    pub(super) usage: Option<Arc<Usage>>,
}

impl Node {
    pub(super) fn of(state: NodeState, mut window: Window) -> Self {
        if let Some(latest) = &state.latest {
            window.push(latest.clone());
        }
        Self { state, window, survey: None, usage: None }
    }

    pub(super) fn read(&mut self, reading: Reading) {
        self.window.push(reading.clone());
        self.state.latest = Some(reading);
        self.state.trouble = None;
    }
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
    /// When the reading was taken, by the head's clock, in ms; 0 if there is none yet.
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
    /// Where this is of the past: what is recorded of who had its memory, in words.
    pub recorded: Option<String>,
    /// Who has its memory, if somebody looks.
    pub usage: Option<Arc<Usage>>,
    /// Why there are no readings.
    pub trouble: Option<String>,
    /// What Headroom itself costs on the node.
    pub bill: Option<Bill>,
}

/// What Headroom itself costs on a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bill {
    /// The RAM that it takes, in bytes.
    pub memory: u64,
    /// Its share of one core, 0 to 1, over the last minutes; `None` before two readings.
    pub cpu: Option<f64>,
    /// Bytes that it sent each second.
    pub sent: Option<f64>,
    /// Bytes that it had written each second.
    pub written: Option<f64>,
}

impl Bill {
    /// By the newest reading, and the oldest that is known.
    fn of(first: Option<&Reading>, last: Option<&Reading>) -> Option<Self> {
        let last = last?;
        let rate = |field| rates::per_second(first?, last, field);
        Some(Self {
            memory: last.sample.get(Field::OwnMemory)?,
            cpu: rate(Field::OwnCpu).map(|us| us / 1e6),
            sent: rate(Field::OwnSent),
            written: rate(Field::OwnWritten),
        })
    }

    /// In a sentence: per day what is written, as that is what wears a card.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = ["Headroom itself takes ", &human(self.memory), " here"].concat();
        if let Some(cpu) = self.cpu {
            words += &[", ", &fixed(cpu * 100.0, 2), "\u{a0}% of a core"].concat();
        }
        if let Some(sent) = self.sent {
            words += &["; it sends ", &human(sent as u64), "/s"].concat();
        }
        if let Some(written) = self.written {
            words += &["; at this rate it writes ", &human((written * 86_400.0) as u64), " a day"]
                .concat();
        }
        words + "."
    }
}

impl Readout {
    pub(super) fn of(node: &Node) -> Self {
        let NodeState { id, facts, period_ms, latest, trouble, .. } = node.state.clone();
        let before = node.window.before_last();
        let told = Self::told(id, facts, period_ms, latest.as_ref(), before);
        let bill = Bill::of(node.window.first(), latest.as_ref());
        Self { survey: node.survey.clone(), usage: node.usage.clone(), trouble, bill, ..told }
    }

    /// What a reading and the one before it tell.
    #[must_use]
    pub fn told(
        id: NodeId,
        facts: NodeFacts,
        period_ms: u32,
        last: Option<&Reading>,
        before: Option<&Reading>,
    ) -> Self {
        let pair = last.zip(before);
        let rate = |of: fn(&Reading, &Reading) -> Option<f64>| {
            pair.and_then(|(last, before)| of(before, last))
        };
        let bytes_a_second = |field| {
            let (last, before) = pair?;
            Some(rates::per_second(before, last, field)? * facts.page_size as f64)
        };
        let sample = last.map_or(Sample::EMPTY, |last| last.sample.clone());
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
            survey: None,
            recorded: None,
            usage: None,
            uptime_us: last.map(|last| last.uptime_us),
            taken_ms: last.map_or(0, |last| last.at_ms),
            id,
            facts,
            period_ms,
            sample,
            trouble: None,
            bill: None,
        }
    }
}
