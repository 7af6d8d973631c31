//! The cluster in one line.

use shared::node::Condition;
use shared::overview::Brief;

use super::row::Row;

/// Sums over rows. Memory counts where its numbers are live or a little late: what was available at a
/// node that has gone quiet is no place for the next job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Nodes.
    pub nodes: usize,
    /// Nodes by what they are like, in the order of [`CONDITIONS`].
    pub conditions: [usize; 6],
    /// Nodes that report, and report something wrong.
    pub troubled: usize,
    /// Nodes whose memory is counted.
    pub counted: usize,
    /// Their total memory, in KiB.
    pub total_kib: u64,
    /// What is available on them, in KiB.
    pub available_kib: u64,
    /// Whether some of that is an estimate.
    pub is_estimated: bool,
    /// The number of the node with most available, and how much that is, in KiB.
    pub hole: Option<(u32, u64)>,
}

/// What nodes can be like, the best first.
pub const CONDITIONS: [Condition; 6] = [
    Condition::Live,
    Condition::Late,
    Condition::Stale,
    Condition::Gone,
    Condition::NeverSeen,
    Condition::Refused,
];

impl Totals {
    /// The sums of `rows` at `head_ms` of the head's clock.
    #[must_use]
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>, head_ms: u64) -> Self {
        let mut totals = Self::default();
        for row in rows {
            let (condition, _) = row.condition(head_ms);
            totals.nodes += 1;
            for (count, of) in totals.conditions.iter_mut().zip(CONDITIONS) {
                *count += usize::from(of == condition);
            }
            if !matches!(condition, Condition::Live | Condition::Late) {
                continue;
            }
            totals.troubled += usize::from(!row.trouble().is_empty());
            let Some(brief) = row.brief else { continue };
            totals.counted += 1;
            totals.total_kib += brief.total_kib;
            totals.is_estimated |= brief.flags & Brief::ESTIMATED != 0;
            if let Some(available) = brief.available_kib {
                totals.available_kib += available;
                if totals.hole.is_none_or(|(_, most)| available > most) {
                    totals.hole = Some((row.number, available));
                }
            }
        }
        totals
    }

    /// Nodes that are live.
    #[must_use]
    pub fn live(&self) -> usize {
        self.conditions[0]
    }

    /// What is wrong: `1 stale · 2 with trouble`; nothing if nothing is.
    #[must_use]
    pub fn wrong(&self) -> String {
        let mut words = Vec::new();
        for (count, condition) in self.conditions.iter().zip(CONDITIONS).skip(1) {
            if *count > 0 {
                words.push([&count.to_string(), " ", condition.name()].concat());
            }
        }
        if self.troubled > 0 {
            words.push([&self.troubled.to_string(), " with trouble"].concat());
        }
        words.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;
    use shared::overview::Standing;

    #[test]
    fn only_what_is_there_is_summed() {
        let mut rows = vec![row(0, "a", 100, 400), row(1, "b", 300, 500), row(2, "c", 999, 999)];
        rows[2].standing = Standing::Gone { since_ms: 0, stopped: true };
        if let Some(brief) = &mut rows[0].brief {
            brief.flags = Brief::UNDER_VOLTAGE | Brief::ESTIMATED;
        }
        let totals = Totals::of(&rows, 10_500);
        assert_eq!((totals.total_kib, totals.available_kib), (900, 400));
        assert_eq!((totals.nodes, totals.live(), totals.counted), (3, 2, 2));
        assert_eq!(totals.hole, Some((1, 300)));
        assert_eq!(totals.wrong(), "1 gone · 1 with trouble");
        assert!(totals.is_estimated);
        assert_eq!(Totals::of(&[], 0), Totals::default());
    }
}
