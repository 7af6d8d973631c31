//! Readings that come late, twice, or of another boot.

use super::*;
use shared::Sample;

fn reading(seq: u64) -> AgentReading {
    AgentReading { seq, uptime_us: seq * 1_000_000, sample: Sample::EMPTY }
}

fn record() -> Record {
    let mut record = Record::default();
    record.begin(Some("a".into()), 1000, None);
    record
}

fn told(record: &Record) -> Vec<(u64, u64)> {
    record.numbered().map(|(_, seq, reading)| (seq, reading.at_ms)).collect()
}

#[test]
fn what_comes_twice_or_late_is_held_once_and_in_order() {
    let mut record = record();
    let live = |record: &mut Record, seq: u64| {
        record.take_live(vec![reading(seq)], Keep::Not, 1_000_000 + seq * 1000).is_new
    };
    for seq in [10, 11, 15] {
        assert!(live(&mut record, seq));
    }
    assert!(!live(&mut record, 11) && !live(&mut record, 15));
    assert!(record.take_old((10..14).map(reading).collect(), Keep::Not, 1_016_000).is_new);
    assert!(!record.take_old((10..14).map(reading).collect(), Keep::Not, 1_016_000).is_new);
    assert_eq!(record.held(), [Span { from: 10, to: 13 }, Span { from: 15, to: 15 }]);
    assert!(live(&mut record, 16));
    let seqs: Vec<u64> = told(&record).iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, [10, 11, 12, 13, 15, 16]);
    assert!(told(&record).iter().all(|(seq, at_ms)| *at_ms == 1_000_000 + seq * 1000));
}

#[test]
fn a_backlog_alone_is_placed_before_now() {
    let mut record = record();
    assert!(record.take_old((1..=50).map(reading).collect(), Keep::Not, 1_000_000).is_new);
    assert_eq!(told(&record)[49], (50, 1_000_000));
    assert!(record.take_live(vec![reading(100)], Keep::Not, 1_020_000).is_new);
    assert_eq!(record.latest().unwrap().at_ms, 1_020_000);
    assert_eq!(told(&record)[0], (1, 921_000), "now it is known better");
}

#[test]
fn what_is_older_than_a_window_is_held_no_longer_but_known() {
    let mut record = record();
    record.take_live(vec![reading(1000)], Keep::Not, 5_000_000);
    assert!(!record.take_old((1..=60).map(reading).collect(), Keep::Not, 5_000_500).is_new);
    assert_eq!(told(&record).len(), 1);
    assert_eq!(record.held()[0], Span { from: 1, to: 60 });
}

#[test]
fn a_boot_goes_on_with_its_own_numbers() {
    let mut record = record();
    record.take_live(vec![reading(500)], Keep::Not, 1_000_000);
    record.begin(Some("b".into()), 1000, None);
    assert_eq!(record.held(), []);
    record.take_live(vec![reading(3)], Keep::Not, 1_030_000);
    assert_eq!(record.latest().unwrap().uptime_us, 3_000_000);
    assert_eq!(record.before_latest(), None, "counters start anew");
    assert_eq!(told(&record), [(500, 1_000_000), (3, 1_030_000)]);
    record.begin(Some("a".into()), 1000, None);
    assert_eq!(record.held(), [Span { from: 500, to: 500 }]);
    record.begin(Some("b".into()), 1000, None);
    record.take_live(vec![reading(400)], Keep::Not, 1_427_000);
    assert_eq!(told(&record).len(), 1, "the boot before is too old by now");
}

#[test]
fn a_clock_that_is_set_moves_all_of_it_together() {
    let mut record = record();
    for seq in 1..=3 {
        record.take_live(vec![reading(seq)], Keep::Not, 10_000_000 + seq * 1000);
    }
    record.shift(-86_400);
    record.take_live(vec![reading(4)], Keep::Not, 10_004_000 - 86_400);
    let times: Vec<u64> = told(&record).iter().map(|(_, at_ms)| *at_ms).collect();
    assert_eq!(times, [9_914_600, 9_915_600, 9_916_600, 9_917_600]);
}
