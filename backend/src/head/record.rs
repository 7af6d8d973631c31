//! The readings of one node that the head holds: of the last five minutes, each exactly once, in the
//! order they were taken.

use std::collections::VecDeque;

use shared::run::Span;
use shared::window::{SPAN_MS, Window};
use shared::wire::{AgentReading, Reading};

use super::offset::Offset;
use super::spans::Spans;

/// Boots of a node that are remembered at most.
const MOST_BOOTS: usize = 4;

/// See the module.
#[derive(Default)]
pub(super) struct Record {
    /// The last is the present one.
    boots: VecDeque<Boot>,
}

/// What one boot of a node told. Its readings are placed in time by its monotonic clock alone, so
/// that no clock that is set can lose, double or reorder them.
struct Boot {
    id: Option<String>,
    offset: Offset,
    readings: Window<AgentReading>,
    held: Spans,
    /// The number of the newest live reading.
    newest: Option<u64>,
}

impl Record {
    /// From now on readings are of this boot, and come every `period_ms`. One that was there before is
    /// gone on with.
    pub(super) fn begin(&mut self, id: Option<String>, period_ms: u32) {
        if let Some(place) = self.boots.iter().position(|boot| boot.id == id) {
            if let Some(mut known) = self.boots.remove(place) {
                known.readings.set_period(period_ms.into());
                self.boots.push_back(known);
            }
            return;
        }
        self.boots.push_back(Boot {
            id,
            offset: Offset::default(),
            readings: Window::of_period(period_ms.into()),
            held: Spans::default(),
            newest: None,
        });
        if self.boots.len() > MOST_BOOTS {
            self.boots.pop_front();
        }
    }

    /// Takes in that the node said its uptime just now.
    pub(super) fn note(&mut self, uptime_us: u64, now_ms: u64) {
        if let Some(boot) = self.boots.back_mut() {
            boot.offset.note(uptime_us, now_ms);
        }
    }

    /// Takes in readings of which the last was taken just now. Says whether any was new.
    pub(super) fn take_live(&mut self, readings: Vec<AgentReading>, now_ms: u64) -> bool {
        let Some(boot) = self.boots.back_mut() else { return false };
        let mut is_new = false;
        for reading in readings {
            if boot.newest.is_some_and(|newest| reading.seq <= newest) {
                continue;
            }
            boot.newest = Some(reading.seq);
            boot.offset.note(reading.uptime_us, now_ms);
            boot.held.add(Span { from: reading.seq, to: reading.seq });
            boot.readings.push(reading);
            is_new = true;
        }
        if is_new {
            self.drop_what_is_old(now_ms);
        }
        is_new
    }

    /// Takes in readings that were taken some time ago, in order. Between the first and the last there
    /// are no others. Says whether any found its place.
    pub(super) fn take_old(&mut self, mut readings: Vec<AgentReading>, now_ms: u64) -> bool {
        let Some(boot) = self.boots.back_mut() else { return false };
        let (Some(first), Some(last)) = (readings.first(), readings.last()) else { return false };
        let (span, newest_us) = (Span { from: first.seq, to: last.seq }, last.uptime_us);
        readings.retain(|reading| !boot.held.has(reading.seq));
        boot.held.add(span);
        if boot.offset.at_ms(0).is_none() {
            // Nothing else tells as yet how this boot lies in time: it may only be earlier.
            boot.offset.note(newest_us, now_ms);
        }
        let uptime_ms =
            boot.offset.at_ms(0).map_or(0, |booted_ms| now_ms.saturating_sub(booted_ms));
        let reaches_back_to_us = uptime_ms.saturating_sub(SPAN_MS) * 1000;
        readings.retain(|reading| reading.uptime_us >= reaches_back_to_us);
        !readings.is_empty() && boot.readings.merge(readings)
    }

    /// Former boots are dropped as their last reading becomes too old.
    fn drop_what_is_old(&mut self, now_ms: u64) {
        let oldest_ms = now_ms.saturating_sub(SPAN_MS);
        let present = self.boots.len().saturating_sub(1);
        let mut place = 0;
        self.boots.retain(|boot| {
            place += 1;
            let last = boot.readings.last().and_then(|last| boot.offset.at_ms(last.uptime_us));
            place > present || last.is_some_and(|last_ms| last_ms >= oldest_ms)
        });
    }

    /// The sequence numbers of this boot that the head holds.
    pub(super) fn held(&self) -> Vec<Span> {
        self.boots.back().map(|boot| boot.held.all().to_vec()).unwrap_or_default()
    }

    /// The newest reading, of whatever boot.
    pub(super) fn latest(&self) -> Option<Reading> {
        self.boots.iter().rev().find_map(|boot| boot.place(boot.readings.last()?))
    }

    /// The one before the newest, if it is of the same boot: counters start anew with each.
    pub(super) fn before_latest(&self) -> Option<Reading> {
        let boot = self.boots.iter().rev().find(|boot| !boot.readings.is_empty())?;
        boot.place(boot.readings.before_last()?)
    }

    /// All of them, oldest first, with their numbers and the boot that these count in.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (Option<&str>, u64, Reading)> {
        self.boots.iter().flat_map(|boot| {
            boot.readings.iter().filter_map(move |reading| {
                Some((boot.id.as_deref(), reading.seq, boot.place(&reading)?))
            })
        })
    }

    /// A time of the present boot by the head's clock.
    pub(super) fn at_ms(&self, uptime_us: u64) -> Option<u64> {
        self.boots.back()?.offset.at_ms(uptime_us)
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        for boot in &mut self.boots {
            boot.offset.shift(by_ms);
        }
    }
}

impl Boot {
    fn place(&self, reading: &AgentReading) -> Option<Reading> {
        let AgentReading { uptime_us, ref sample, .. } = *reading;
        Some(Reading { at_ms: self.offset.at_ms(uptime_us)?, uptime_us, sample: sample.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Sample;

    fn reading(seq: u64) -> AgentReading {
        AgentReading { seq, uptime_us: seq * 1_000_000, sample: Sample::EMPTY }
    }

    fn record() -> Record {
        let mut record = Record::default();
        record.begin(Some("a".into()), 1000);
        record
    }

    fn told(record: &Record) -> Vec<(u64, u64)> {
        record.numbered().map(|(_, seq, reading)| (seq, reading.at_ms)).collect()
    }

    #[test]
    fn what_comes_twice_or_late_is_held_once_and_in_order() {
        let mut record = record();
        let live = |record: &mut Record, seq: u64| {
            record.take_live(vec![reading(seq)], 1_000_000 + seq * 1000)
        };
        for seq in [10, 11, 15] {
            assert!(live(&mut record, seq));
        }
        assert!(!live(&mut record, 11) && !live(&mut record, 15));
        assert!(record.take_old((10..14).map(reading).collect(), 1_016_000));
        assert!(!record.take_old((10..14).map(reading).collect(), 1_016_000));
        assert_eq!(record.held(), [Span { from: 10, to: 13 }, Span { from: 15, to: 15 }]);
        assert!(live(&mut record, 16));
        let seqs: Vec<u64> = told(&record).iter().map(|(seq, _)| *seq).collect();
        assert_eq!(seqs, [10, 11, 12, 13, 15, 16]);
        assert!(told(&record).iter().all(|(seq, at_ms)| *at_ms == 1_000_000 + seq * 1000));
    }

    #[test]
    fn a_backlog_alone_is_placed_before_now() {
        let mut record = record();
        assert!(record.take_old((1..=50).map(reading).collect(), 1_000_000));
        assert_eq!(told(&record)[49], (50, 1_000_000));
        assert!(record.take_live(vec![reading(100)], 1_020_000));
        assert_eq!(record.latest().unwrap().at_ms, 1_020_000);
        assert_eq!(told(&record)[0], (1, 921_000), "now it is known better");
    }

    #[test]
    fn what_is_older_than_a_window_is_held_no_longer_but_known() {
        let mut record = record();
        record.take_live(vec![reading(1000)], 5_000_000);
        assert!(!record.take_old((1..=60).map(reading).collect(), 5_000_500));
        assert_eq!(told(&record).len(), 1);
        assert_eq!(record.held()[0], Span { from: 1, to: 60 });
    }

    #[test]
    fn a_boot_goes_on_with_its_own_numbers() {
        let mut record = record();
        record.take_live(vec![reading(500)], 1_000_000);
        record.begin(Some("b".into()), 1000);
        assert_eq!(record.held(), []);
        record.take_live(vec![reading(3)], 1_030_000);
        assert_eq!(record.latest().unwrap().uptime_us, 3_000_000);
        assert_eq!(record.before_latest(), None, "counters start anew");
        assert_eq!(told(&record), [(500, 1_000_000), (3, 1_030_000)]);
        record.begin(Some("a".into()), 1000);
        assert_eq!(record.held(), [Span { from: 500, to: 500 }]);
        record.begin(Some("b".into()), 1000);
        record.take_live(vec![reading(400)], 1_427_000);
        assert_eq!(told(&record).len(), 1, "the boot before is too old by now");
    }

    #[test]
    fn a_clock_that_is_set_moves_all_of_it_together() {
        let mut record = record();
        for seq in 1..=3 {
            record.take_live(vec![reading(seq)], 10_000_000 + seq * 1000);
        }
        record.shift(-86_400);
        record.take_live(vec![reading(4)], 10_004_000 - 86_400);
        let times: Vec<u64> = told(&record).iter().map(|(_, at_ms)| *at_ms).collect();
        assert_eq!(times, [9_914_600, 9_915_600, 9_916_600, 9_917_600]);
    }
}
