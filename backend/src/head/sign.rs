//! What a node shows of itself at a moment, in few words: for those who place work, and those who watch
//! for harm.

use std::sync::Arc;

use shared::forecast::Forecast;
use shared::memory::Available;
use shared::node::Condition;
use shared::overview::{Label, Standing};
use shared::survey::Finding;
use shared::{Field, NodeFacts, NodeId};

use super::node::Node;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    /// The node's number.
    pub node: u32,
    /// Its id.
    pub id: NodeId,
    /// What does not change while it runs.
    pub facts: Arc<NodeFacts>,
    /// Its labels.
    pub labels: Arc<[Label]>,
    /// What it is like…
    pub condition: Condition,
    /// …since this time of the head's clock: ms since 1970.
    pub since_ms: u64,
    /// Whether its agent took its leave.
    pub stopped: bool,
    /// Why it cannot be read at present.
    pub trouble: Option<String>,
    /// What its last reading shows, if it ever gave one.
    pub shown: Option<Shown>,
    /// Programs that were killed for want of memory since this head knows it, each counted once.
    pub oom_kills: u64,
    /// How far its clock is ahead of the head's, in ms.
    pub clock_ahead_ms: Option<i64>,
    /// What was found on it.
    pub findings: Arc<[Finding]>,
    /// What is foreseen.
    pub forecast: Option<Forecast>,
}

/// What the last readings of a node show. `None` is what is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// When the last was taken, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// Total memory, in bytes.
    pub total: u64,
    /// What new programs can get, under all limits, in bytes.
    pub available: Option<u64>,
    /// The least of that over the time that was asked about, in bytes.
    pub floor: Option<u64>,
    /// How much of that time is known, in ms.
    pub floor_over_ms: u64,
    /// The share of the last 10 s in which some program waited for memory: 0 to 1.
    pub pressure: Option<f64>,
    /// Pages that were needed again shortly after they had been dropped, or were read back from swap, per
    /// second, over the last 10 s: the lesser of refaults and swap-ins where there is swap in use, else
    /// refaults.
    pub thrashing: Option<f64>,
    /// Whether the supply voltage is too low.
    pub under_voltage: bool,
    /// Whether the processor is slowed down, as it is too hot or has too little power.
    pub throttled: bool,
}

impl Node {
    /// What it shows at `now_ms`; the floor is of the last `over_ms`.
    pub(super) fn sign(&self, over_ms: u64, now_ms: u64) -> Sign {
        let latest = self.record.latest();
        let taken_ms = latest.as_ref().map(|latest| latest.at_ms);
        let state = self.state();
        let (condition, since_ms) =
            Condition::of(&self.standing, taken_ms, state.period_ms.into(), now_ms);
        let shown = latest.map(|latest| {
            let available = |sample: &_| Available::of(sample).ok().map(|a| a.here);
            let recent = self.readings().filter(|r| r.at_ms + over_ms >= now_ms);
            let (mut floor, mut first_ms) = (None, latest.at_ms);
            for reading in recent {
                let here = available(&reading.sample);
                floor = floor.into_iter().chain(here).min();
                first_ms = first_ms.min(reading.at_ms);
            }
            Shown {
                at_ms: latest.at_ms,
                total: latest.sample.get(Field::Total).unwrap_or(0),
                available: available(&latest.sample),
                floor,
                floor_over_ms: latest.at_ms - first_ms,
                under_voltage: latest.sample.get(Field::UnderVoltage).unwrap_or(0) > 0,
                ..Shown::default()
            }
        });
        Sign {
            node: self.number,
            id: self.id.clone(),
            facts: Arc::new(state.facts),
            labels: self.labels.clone().into(),
            condition,
            since_ms,
            stopped: matches!(self.standing, Standing::Gone { stopped: true, .. }),
            trouble: self.trouble.clone(),
            shown,
            oom_kills: self.story.killed(),
            clock_ahead_ms: self.clock_ahead_ms(),
            findings: self.found().unwrap_or_default().into(),
            forecast: None,
        }
    }
}
