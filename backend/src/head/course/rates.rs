//! What counters did in the last ten seconds.

use shared::memory::swap_used;
use shared::{Field, Sample};

/// Counters are remembered at least this far apart, in ms…
const EVERY_MS: u32 = 1900;
/// …and so many times, so that ten seconds can be told of.
const COUNT: usize = 6;
/// What rates are told over, in ms, or a little more.
const OVER_MS: u32 = 9500;
/// Of a node that reports seldom they are told over so much at most, in ms.
const MOST_MS: u32 = 130_000;

/// Counters at a moment, each without its upper half: what matters is by how much it rose.
#[derive(Clone, Copy, Default)]
struct Mark {
    /// Uptime, in ms.
    at_ms: u32,
    pressure_us: u32,
    swapped: u32,
    refaults: u32,
    busy: u32,
    cpu: u32,
    /// Which of them are known, as bits.
    known: u8,
}

// Bits of what a mark knows.
const PRESSURE: u8 = 1;
const SWAPPED: u8 = 2;
const REFAULTS: u8 = 4;
const CPU: u8 = 8;

impl Mark {
    fn of(at_ms: u64, sample: &Sample) -> Self {
        let get = |field| sample.get(field).map(|value| value as u32);
        let sum = |fields: &[Field]| {
            let known = fields.iter().filter_map(|&field| get(field));
            known.reduce(u32::wrapping_add)
        };
        let pressure = get(Field::PressureSome);
        // What comes out of zswap is not counted as read from swap.
        let swapped = sum(&[Field::SwappedIn, Field::ZswapIn]);
        let refaults = sum(&[Field::FileRefaults, Field::AnonRefaults]);
        let refaults = refaults.or_else(|| get(Field::Refaults));
        let cpu = get(Field::CpuBusy).zip(get(Field::CpuTotal));
        let (busy, ticks) = cpu.unwrap_or_default();
        let bit = |bit, is: bool| if is { bit } else { 0 };
        Self {
            at_ms: at_ms as u32,
            pressure_us: pressure.unwrap_or(0),
            swapped: swapped.unwrap_or(0),
            refaults: refaults.unwrap_or(0),
            busy,
            cpu: ticks,
            known: bit(PRESSURE, pressure.is_some())
                | bit(SWAPPED, swapped.is_some())
                | bit(REFAULTS, refaults.is_some())
                | bit(CPU, cpu.is_some()),
        }
    }

    /// By how much a counter rose until `later`.
    fn rise(&self, later: &Self, bit: u8, counter: impl Fn(&Self) -> u32) -> Option<f64> {
        let rise = counter(later).wrapping_sub(counter(self));
        // More than that is a counter that began anew.
        let is_sound = self.known & later.known & bit != 0 && rise < 1 << 31;
        is_sound.then_some(f64::from(rise))
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Marks {
    marks: [Mark; COUNT],
    /// How many there ever were.
    count: u32,
}

/// What the counters of a node tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::head) struct Rates {
    /// See [`super::super::Shown::pressure`].
    pub(in crate::head) pressure: Option<f64>,
    /// See [`super::super::Shown::thrashing`].
    pub(in crate::head) thrashing: Option<f64>,
    /// The share of CPU time that was busy: 0 to 1.
    pub(in crate::head) busy: Option<f64>,
}

impl Marks {
    /// Takes in the newest reading.
    pub(super) fn note(&mut self, at_ms: u64, sample: &Sample) {
        let age_ms = |newest: &Mark| (at_ms as u32).wrapping_sub(newest.at_ms);
        if self.newest_first().next().is_some_and(|newest| age_ms(newest) < EVERY_MS) {
            return;
        }
        self.marks[self.count as usize % COUNT] = Mark::of(at_ms, sample);
        self.count = self.count.wrapping_add(1);
    }

    fn newest_first(&self) -> impl Iterator<Item = &Mark> {
        let known = (self.count as usize).min(COUNT);
        (1..=known).map(|back| &self.marks[(self.count as usize).wrapping_sub(back) % COUNT])
    }

    /// What happened until the newest reading, of `at_ms`.
    pub(super) fn until(&self, at_ms: u64, sample: &Sample) -> Rates {
        let to = Mark::of(at_ms, sample);
        let age_ms = |mark: &Mark| to.at_ms.wrapping_sub(mark.at_ms);
        let earlier = || self.newest_first().filter(|mark| (1..=MOST_MS).contains(&age_ms(mark)));
        let long_ago = earlier().find(|mark| age_ms(mark) >= OVER_MS);
        let Some(from) = long_ago.or_else(|| earlier().last()) else { return Rates::default() };
        let over_ms = f64::from(age_ms(from));
        let waited_us = from.rise(&to, PRESSURE, |mark| mark.pressure_us);
        let swapped = from.rise(&to, SWAPPED, |mark| mark.swapped);
        let refaults = from.rise(&to, REFAULTS, |mark| mark.refaults);
        let busy = from.rise(&to, CPU, |mark| mark.busy);
        let cpu = from.rise(&to, CPU, |mark| mark.cpu).filter(|ticks| *ticks > 0.0);
        let pages = match swapped {
            Some(swapped) if swap_used(sample).is_some_and(|used| used > 0) => {
                refaults.map(|refaults| refaults.min(swapped))
            }
            _ => refaults,
        };
        Rates {
            // Nobody waits for longer than time takes.
            pressure: waited_us
                .map(|us| us / 1000.0 / over_ms)
                .filter(|share| *share < 1.5)
                .map(|share| share.min(1.0)),
            thrashing: pages.map(|pages| pages * 1000.0 / over_ms),
            busy: busy.zip(cpu).map(|(busy, cpu)| (busy / cpu).min(1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64, swap_used: u64) -> Sample {
        let mut sample = Sample::EMPTY;
        for (field, value) in [
            // One of four seconds was waited, from the 20th on all of the time.
            (
                Field::PressureSome,
                (1 << 32) - 1_000_000
                    + second.min(20) * 250_000
                    + second.saturating_sub(20) * 1_000_000,
            ),
            (Field::SwappedIn, second * 30),
            (Field::ZswapIn, second * 10),
            (Field::FileRefaults, second * 100),
            (Field::AnonRefaults, second * 100),
            (Field::SwapTotal, 1000),
            (Field::SwapFree, 1000 - swap_used),
            (Field::CpuBusy, second * 3),
            (Field::CpuTotal, second * 4),
        ] {
            sample.set(field, Some(value));
        }
        sample
    }

    #[test]
    fn rates_are_of_the_last_ten_seconds() {
        let mut marks = Marks::default();
        assert_eq!(marks.until(0, &sample(0, 0)), Rates::default());
        for second in 0..=20 {
            marks.note(second * 1000, &sample(second, 0));
        }
        let near = |rate: Option<f64>, right: f64| (rate.unwrap() - right).abs() < 1e-9;
        let rates = marks.until(20_000, &sample(20, 0));
        assert!(near(rates.pressure, 0.25) && near(rates.thrashing, 200.0), "{rates:?}");
        assert!(near(rates.busy, 0.75));
        let rates = marks.until(20_000, &sample(20, 5));
        assert!(near(rates.thrashing, 40.0), "the lesser, where swap is in use: {rates:?}");
        (21..=26).for_each(|second| marks.note(second * 1000, &sample(second, 0)));
        let pressure = marks.until(26_000, &sample(26, 0)).pressure.unwrap();
        assert!(
            (0.55..0.8).contains(&pressure),
            "six of ten seconds and a quarter of four: {pressure}"
        );
        (27..=34).for_each(|second| marks.note(second * 1000, &sample(second, 0)));
        assert!(near(marks.until(34_000, &sample(34, 0)).pressure, 1.0));
    }

    #[test]
    fn a_counter_that_began_anew_tells_nothing() {
        let mut marks = Marks::default();
        marks.note(0, &sample(1000, 0));
        let rates = marks.until(10_000, &sample(0, 0));
        assert_eq!((rates.pressure, rates.thrashing), (None, None));
        marks.note(500_000, &sample(0, 0));
        assert_eq!(marks.until(900_000, &sample(1, 0)), Rates::default(), "a gap");
    }
}
