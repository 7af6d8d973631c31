//! What two readings of one node tell together: counters become rates.

use crate::Field;
use crate::wire::Reading;

/// The difference of `field` between two readings, if both know it and it did not start anew.
#[must_use]
pub fn difference(from: &Reading, to: &Reading, field: Field) -> Option<u64> {
    to.sample.get(field)?.checked_sub(from.sample.get(field)?)
}

/// The share of CPU time, of all cores together, that was busy between two readings: 0 to 1.
#[must_use]
pub fn cpu_busy(from: &Reading, to: &Reading) -> Option<f64> {
    let total = difference(from, to, Field::CpuTotal)?;
    let busy = difference(from, to, Field::CpuBusy)?;
    (total > 0).then(|| (busy as f64 / total as f64).min(1.0))
}

/// The share of time in which tasks waited for memory between two readings: 0 to 1. `field` is
/// [`Field::PressureSome`] or [`Field::PressureFull`].
#[must_use]
pub fn pressure(from: &Reading, to: &Reading, field: Field) -> Option<f64> {
    let waited_us = difference(from, to, field)?;
    let elapsed_us = elapsed_us(from, to)?;
    Some((waited_us as f64 / elapsed_us as f64).min(1.0))
}

/// `field` per second between two readings, in the field's unit.
#[must_use]
pub fn per_second(from: &Reading, to: &Reading, field: Field) -> Option<f64> {
    let count = difference(from, to, field)?;
    Some(count as f64 * 1e6 / elapsed_us(from, to)? as f64)
}

/// Time between two readings by the node's own monotonic clock, in µs; `None` unless it passed.
fn elapsed_us(from: &Reading, to: &Reading) -> Option<u64> {
    to.uptime_us.checked_sub(from.uptime_us).filter(|&elapsed| elapsed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;

    fn reading(uptime_us: u64, values: &[(Field, u64)]) -> Reading {
        let mut sample = Sample::EMPTY;
        for &(field, value) in values {
            sample.set(field, Some(value));
        }
        Reading { at_ms: 0, uptime_us, sample }
    }

    #[test]
    fn rates_are_by_the_nodes_own_clock() {
        let from = reading(
            1_000_000,
            &[
                (Field::CpuTotal, 1000),
                (Field::CpuBusy, 100),
                (Field::PressureSome, 5000),
                (Field::SwappedIn, 10),
            ],
        );
        let to = reading(
            3_000_000,
            &[
                (Field::CpuTotal, 1800),
                (Field::CpuBusy, 300),
                (Field::PressureSome, 205_000),
                (Field::SwappedIn, 30),
            ],
        );
        assert_eq!(cpu_busy(&from, &to), Some(0.25));
        assert_eq!(pressure(&from, &to, Field::PressureSome), Some(0.1));
        assert_eq!(pressure(&from, &to, Field::PressureFull), None);
        assert_eq!(per_second(&from, &to, Field::SwappedIn), Some(10.0));
    }

    #[test]
    fn a_node_that_booted_anew_has_no_rate() {
        let from = reading(9_000_000, &[(Field::SwappedIn, 30), (Field::CpuTotal, 5)]);
        let to = reading(1_000_000, &[(Field::SwappedIn, 40), (Field::CpuTotal, 2)]);
        assert_eq!(per_second(&from, &to, Field::SwappedIn), None);
        assert_eq!(cpu_busy(&from, &to), None);
        assert_eq!(per_second(&from, &from, Field::SwappedIn), None);
    }
}
