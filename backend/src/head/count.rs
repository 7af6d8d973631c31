//! How many nodes there are, for whoever wants to know no more.

use shared::node::Condition;

use super::fleet::Fleet;

/// How many nodes there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Whose numbers are as young as they should be…
    pub live: usize,
    /// …of so many.
    pub all: usize,
}

impl Count {
    /// At `now_ms` of the head's clock.
    pub(super) fn of(fleet: &Fleet, now_ms: u64) -> Self {
        fleet.nodes().fold(Self::default(), |count, node| {
            let taken_ms = node.record.newest().map(|(at_ms, ..)| at_ms);
            let period_ms = node.period_ms.into();
            let (condition, _) = Condition::of(&node.standing, taken_ms, period_ms, now_ms);
            let is_live = usize::from(condition == Condition::Live);
            Self { live: count.live + is_live, all: count.all + 1 }
        })
    }
}
