//! One node in brief.

use shared::NodeId;
use shared::node::Condition;
use shared::overview::{Brief, Label, RosterEntry, Standing, Trace};

/// What is known of a node that need not be open.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number in the head's messages.
    pub number: u32,
    /// Its id.
    pub id: NodeId,
    /// The name that it gives itself.
    pub host_name: String,
    /// Its labels.
    pub labels: Vec<Label>,
    /// How often it reports, in ms.
    pub period_ms: u32,
    /// How it stands; times by the head's clock.
    pub standing: Standing,
    /// Its last reading.
    pub brief: Option<Brief>,
    /// Its last five minutes.
    pub trace: Trace,
}

impl Row {
    /// A row of what the head says.
    #[must_use]
    pub fn of(entry: RosterEntry) -> Self {
        let RosterEntry { node, id, host_name, labels, period_ms, standing, brief, trace } = entry;
        Self { number: node, id, host_name, labels, period_ms, standing, brief, trace }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.host_name.is_empty() { self.id.as_str() } else { &self.host_name }
    }

    /// What it is like at `head_ms` of the head's clock, and since when.
    #[must_use]
    pub fn condition(&self, head_ms: u64) -> (Condition, u64) {
        let taken_ms = self.brief.map(|brief| brief.at_ms);
        Condition::of(&self.standing, taken_ms, self.period_ms.into(), head_ms)
    }

    /// The reading, if it still tells something: not of a node that is gone.
    #[must_use]
    pub fn current(&self, head_ms: u64) -> Option<Brief> {
        let counts = matches!(
            self.condition(head_ms).0,
            Condition::Live | Condition::Late | Condition::Stale
        );
        self.brief.filter(|_| counts)
    }

    /// What is wrong with it beside its state, in a few words; nothing if nothing is.
    #[must_use]
    pub fn trouble(&self) -> &'static str {
        let flags = self.brief.map_or(0, |brief| brief.flags);
        if flags & Brief::TROUBLE != 0 {
            "cannot be read"
        } else if flags & Brief::UNDER_VOLTAGE != 0 {
            "under-voltage"
        } else if flags & Brief::FINDING != 0 {
            "see its doctor"
        } else {
            ""
        }
    }

    /// The value of a label; nothing if it has none of this key.
    #[must_use]
    pub fn label(&self, key: &str) -> &str {
        let label = self.labels.iter().find(|label| label.key == key);
        label.map_or("", |label| label.value.as_str())
    }

    /// Takes in a reading.
    pub fn read(&mut self, brief: Brief) {
        self.trace.note(brief.at_ms, brief.share());
        self.brief = Some(brief);
    }

    /// Takes over the past that an older row of the same node knew, moved by `shift_ms` in time.
    pub fn remember(&mut self, mut past: Trace, shift_ms: i64) {
        past.shift(shift_ms);
        for (at_ms, share) in slots(&self.trace) {
            if let Some(share) = share {
                past.note(at_ms, Some(f64::from(share) / f64::from(Trace::WHOLE)));
            }
        }
        if past.until_ms() >= self.trace.until_ms() {
            self.trace = past;
        }
    }
}

/// The steps of a trace: when each begins, and what was available in it of [`Trace::WHOLE`].
pub fn slots(trace: &Trace) -> impl Iterator<Item = (u64, Option<u8>)> + '_ {
    let begin_ms = trace.until_ms().saturating_sub(trace.shares().len() as u64 * Trace::STEP_MS);
    trace.shares().iter().enumerate().map(move |(index, &share)| {
        let known = (share != Trace::UNKNOWN).then_some(share.min(Trace::WHOLE));
        (begin_ms + index as u64 * Trace::STEP_MS, known)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A live row with this much available of `total`, both in KiB.
    pub(crate) fn row(number: u32, name: &str, available: u64, total: u64) -> Row {
        Row {
            number,
            id: NodeId::from_host_name(name),
            host_name: name.into(),
            labels: vec![],
            period_ms: 1000,
            standing: Standing::Connected { since_ms: 0 },
            brief: Some(Brief {
                node: number,
                at_ms: 10_000,
                total_kib: total,
                available_kib: Some(available),
                ..Brief::default()
            }),
            trace: Trace::default(),
        }
    }

    #[test]
    fn the_past_outlives_a_restart_of_the_head() {
        let mut old = row(1, "a", 50, 100);
        old.trace.note(100_000, Some(0.5));
        let mut new = row(9, "a", 50, 100);
        new.trace.note(1_000_000, Some(0.2));
        new.remember(old.trace, 880_000);
        let known: Vec<_> =
            slots(&new.trace).filter_map(|(at, share)| Some((at, share?))).collect();
        assert_eq!(known, [(980_000, 125), (1_000_000, 50)]);
    }

    #[test]
    fn a_name_is_never_empty() {
        let mut row = row(1, "Pi", 1, 2);
        assert_eq!(row.name(), "Pi");
        row.host_name.clear();
        assert_eq!(row.name(), "pi");
    }

    #[test]
    fn what_is_gone_counts_no_more() {
        let row = row(1, "a", 1, 2);
        assert_eq!(row.current(11_000).map(|brief| brief.total_kib), Some(2));
        let gone = Row { standing: Standing::Gone { since_ms: 0, stopped: true }, ..row };
        assert_eq!(gone.current(11_000), None);
    }
}
