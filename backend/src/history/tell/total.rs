//! Running totals, made of what buckets know of a counter.

use shared::Field;
use shared::Sample;
use shared::field::Kind;

use super::number::gauge_mean;
use crate::history::cell::Row;

/// Buckets of one node told as readings: the mean of a gauge, and of a counter a running total whose
/// difference from the bucket before, by the difference of their uptimes, is the mean rate.
pub(super) struct Totals {
    /// For each field its total, and the uptime it is of.
    last: Vec<Option<(u64, u64)>>,
    uptime_us: u64,
}

impl Totals {
    pub(super) fn new(fields: usize) -> Self {
        Self { last: vec![None; fields], uptime_us: 0 }
    }

    /// The next bucket. Totals start anew with a boot.
    pub(super) fn sample(&mut self, fields: &[Field], row: &Row) -> Sample {
        if row.uptime_us < self.uptime_us {
            self.last.fill(None);
        }
        self.uptime_us = row.uptime_us;
        let mut sample = Sample::EMPTY;
        for ((&field, cell), last) in fields.iter().zip(&row.cells).zip(&mut self.last) {
            let Some(cell) = cell else { continue };
            let value = match (field.def().kind, *last) {
                (Kind::Gauge, _) => gauge_mean(cell),
                (Kind::Counter, None) => 0,
                (Kind::Counter, Some((total, at_us))) => {
                    let passed_us = u128::from(row.uptime_us - at_us);
                    let weight = u128::from(cell.weight.max(1));
                    let rise = (u128::from(cell.sum) * passed_us + weight / 2) / weight;
                    total.saturating_add(u64::try_from(rise).unwrap_or(u64::MAX))
                }
            };
            *last = Some((value, row.uptime_us));
            sample.set(field, Some(value));
        }
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::cell::Cell;

    #[test]
    fn differences_are_rates() {
        let fields = [Field::Faults, Field::Free];
        let mut totals = Totals::new(2);
        let mut next = |uptime_s: u64, rise: Option<u64>, weight_s: u64| {
            let of = |sum| Cell { min: 0, max: 0, sum, weight: weight_s * 1_000_000 };
            let gauge = Cell { min: 1, max: 6, sum: 7, weight: 2 };
            let cells = vec![rise.map(of), Some(gauge)];
            let row = Row { at_ms: 0, count: 1, uptime_us: uptime_s * 1_000_000, cells };
            let sample = totals.sample(&fields, &row);
            assert_eq!(sample.get(Field::Free), Some(4));
            sample.get(Field::Faults)
        };
        assert_eq!(next(100, Some(50), 10), Some(0), "nothing to be a difference from");
        assert_eq!(next(110, Some(50), 10), Some(50));
        // A reading was missed: five a second it is nevertheless.
        assert_eq!(next(120, Some(45), 9), Some(100));
        assert_eq!(next(130, None, 1), None);
        assert_eq!(next(140, Some(10), 10), Some(120), "one a second, for twenty");
        assert_eq!(next(5, Some(3), 3), Some(0), "it booted");
        assert_eq!(next(6, Some(u64::MAX), 1), Some(u64::MAX));
        assert_eq!(next(7, Some(1), 1), Some(u64::MAX));
    }
}
