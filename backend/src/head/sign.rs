//! What a node shows of itself at a moment, in few words: for those who place work, and those who watch
//! for harm.

use std::sync::Arc;

use shared::forecast::Forecast;
use shared::memory::Available;
use shared::node::Condition;
use shared::overview::{Label, Standing};
use shared::survey::{Finding, Severity};
use shared::{Field, NodeFacts, NodeId, Sample};

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
    /// refaults. 0 where memory is not short: then somebody merely reads more files than the cache can hold.
    pub thrashing: Option<f64>,
    /// Whether the supply voltage is too low.
    pub under_voltage: bool,
    /// Whether the processor is slowed down, as it is too hot or has too little power.
    pub throttled: bool,
}

/// Memory is short where less than one part in so many of it is available…
const SHORT: u64 = 5;
/// …or some program waits for it for so much of the time.
const WAITING: f64 = 0.05;
/// What heat throttles a board at, in m°C: a Raspberry Pi begins there.
const HOT_MILLICELSIUS: u64 = 80_000;
/// A core that has work to do runs at its highest frequency, or at so much of it, unless it is slowed down.
const FULL_SPEED: f64 = 0.95;
/// A node has work to do if its processors are busy for so much of the time.
const BUSY: f64 = 0.5;

impl Node {
    /// What it shows at `now_ms`; the floor is of the last `over_ms`.
    pub(super) fn sign(&self, over_ms: u64, now_ms: u64) -> Sign {
        let newest = self.record.newest();
        let taken_ms = newest.map(|(at_ms, ..)| at_ms);
        let (condition, since_ms) =
            Condition::of(&self.standing, taken_ms, self.period_ms.into(), now_ms);
        Sign {
            node: self.number,
            id: self.id.clone(),
            facts: Arc::clone(&self.facts),
            labels: Arc::clone(&self.labels),
            condition,
            since_ms,
            stopped: matches!(self.standing, Standing::Gone { stopped: true, .. }),
            trouble: self.trouble.clone(),
            shown: newest.map(|newest| self.shown(newest, over_ms, now_ms)),
            oom_kills: self.story.killed(),
            clock_ahead_ms: self.clock_ahead_ms(),
            findings: Arc::clone(self.findings()),
            forecast: self.forecast().cloned(),
        }
    }

    fn shown(
        &self,
        (at_ms, uptime_us, sample): (u64, u64, &Sample),
        over_ms: u64,
        now_ms: u64,
    ) -> Shown {
        let available = Available::of(sample).ok().map(|available| available.here);
        let until_ms = self.record.at_ms(0).map(|booted_ms| now_ms.saturating_sub(booted_ms));
        // A node that booted and gave no reading since has no course: what is shown is of its last boot.
        let known = self.course.as_deref().zip(until_ms);
        let (floor, floor_over_ms) =
            known.map_or((available, 0), |(course, until_ms)| course.floor(over_ms, until_ms));
        let rates = known.map(|(course, _)| course.rates(uptime_us, sample)).unwrap_or_default();
        let total = sample.get(Field::Total).unwrap_or(0);
        let is_short = available.is_none_or(|available| available < total / SHORT)
            || rates.pressure.is_some_and(|share| share > WAITING);
        Shown {
            at_ms,
            total,
            available,
            floor,
            floor_over_ms,
            pressure: rates.pressure,
            thrashing: rates.thrashing.map(|pages| if is_short { pages } else { 0.0 }),
            under_voltage: sample.get(Field::UnderVoltage).unwrap_or(0) > 0,
            throttled: self.is_throttled(sample, rates.busy),
        }
    }

    /// Whether its processor is slowed down: its firmware says so, or it is hot and slower than a core that
    /// has work to do. A frequency that is low for want of work is no sign, and neither is that of other
    /// machines than boards: their highest frequency is for a few cores and a short time.
    fn is_throttled(&self, sample: &Sample, busy: Option<f64>) -> bool {
        let says_so =
            |finding: &Finding| finding.id == "throttled" && finding.severity == Severity::Trouble;
        if self.findings().iter().any(says_so) {
            return true;
        }
        let facts = &*self.facts;
        let begins = |text: &Option<String>, with| {
            text.as_deref().is_some_and(|text| text.starts_with(with))
        };
        let is_board = begins(&facts.model, "Raspberry Pi") || begins(&facts.cpu_name, "Cortex");
        let is_hot = sample
            .get(Field::Temperature)
            .is_some_and(|temperature| (HOT_MILLICELSIUS..200_000).contains(&temperature));
        let frequencies = sample.get(Field::CpuFrequency).zip(facts.max_frequency_hz);
        let is_slow =
            frequencies.is_some_and(|(now, most)| (now as f64) < most as f64 * FULL_SPEED);
        is_board && is_hot && is_slow && busy.is_some_and(|busy| busy >= BUSY)
    }
}

#[cfg(test)]
mod tests;
