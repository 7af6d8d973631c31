//! What becomes of readings that share a bucket.

use shared::Field;
use shared::field::Kind;
use shared::wire::Reading;

/// A counter's difference is taken between readings that are no further apart, in µs: what happened
/// within a longer gap happened at no known time.
pub const MOST_GAP_US: u64 = 120_000_000;

/// What became of one field within a bucket.
///
/// Of a gauge `min`, `max` and `sum` are over the readings that know it, and `weight` is how many these
/// are. Of a counter they are over the steps between two readings of one boot that follow each other, each
/// counted where it ends: `sum` is by how much it rose, `weight` the µs that took, and `min` and `max` are
/// the least and the largest rate per second, rounded down and up. So of either, cells are merged by
/// [`Cell::merge`], exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
    /// The sum; it stays at the largest number rather than pass it.
    pub sum: u64,
    /// What the sum is to be divided by; never 0.
    pub weight: u64,
}

impl Cell {
    /// That of a single reading of a gauge.
    #[must_use]
    pub fn of_gauge(value: u64) -> Self {
        Self { min: value, max: value, sum: value, weight: 1 }
    }

    /// That of one step of a counter; `None` if it tells nothing: time did not pass, the counter began
    /// anew, or the gap is longer than [`MOST_GAP_US`].
    #[must_use]
    pub fn of_step(from: (u64, u64), to: (u64, u64)) -> Option<Self> {
        let rise = to.1.checked_sub(from.1)?;
        let took_us = to.0.checked_sub(from.0).filter(|us| (1..=MOST_GAP_US).contains(us))?;
        let scaled = u128::from(rise) * 1_000_000;
        let rate = |rate: u128| u64::try_from(rate).unwrap_or(u64::MAX);
        Some(Self {
            min: rate(scaled / u128::from(took_us)),
            max: rate(scaled.div_ceil(u128::from(took_us))),
            sum: rise,
            weight: took_us,
        })
    }

    /// What `field` did from `before`, the reading before it of the same boot, to `reading`.
    #[must_use]
    pub fn of(field: Field, before: Option<&Reading>, reading: &Reading) -> Option<Self> {
        let value = reading.sample.get(field)?;
        match field.def().kind {
            Kind::Gauge => Some(Self::of_gauge(value)),
            Kind::Counter => {
                let before = before?;
                let old = before.sample.get(field)?;
                Self::of_step((before.uptime_us, old), (reading.uptime_us, value))
            }
        }
    }

    /// Takes in another cell of the same field.
    pub fn merge(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum = self.sum.saturating_add(other.sum);
        self.weight = self.weight.saturating_add(other.weight);
    }

    /// The mean: of a gauge in its unit, of a counter in its unit per second.
    #[must_use]
    pub fn mean(&self, kind: Kind) -> f64 {
        let mean = self.sum as f64 / self.weight as f64;
        if kind == Kind::Counter { mean * 1e6 } else { mean }
    }
}

/// One bucket of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it begins: ms since 1970.
    pub at_ms: u64,
    /// Readings in it; never 0.
    pub count: u32,
    /// The node's uptime at the last of them, in µs.
    pub uptime_us: u64,
    /// One for each field that was asked for, in that order; `None` where nothing is known.
    pub cells: Vec<Option<Cell>>,
}

impl Row {
    /// Takes in the next row of the same bucket, which must be no earlier than this one.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.uptime_us = other.uptime_us;
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
            match (cell.as_mut(), other) {
                (Some(cell), Some(other)) => cell.merge(*other),
                (None, Some(other)) => *cell = Some(*other),
                (_, None) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_a_counter_is_a_rate() {
        let cell = Cell::of_step((1_000_000, 10), (3_000_000, 13)).unwrap();
        assert_eq!(cell, Cell { min: 1, max: 2, sum: 3, weight: 2_000_000 });
        assert!((cell.mean(Kind::Counter) - 1.5).abs() < 1e-9);
        assert_eq!(Cell::of_step((1, 10), (2, 9)), None, "it began anew");
        assert_eq!(Cell::of_step((1, 10), (1, 10)), None);
        assert_eq!(Cell::of_step((0, 0), (MOST_GAP_US + 1, 1)), None);
    }
}
