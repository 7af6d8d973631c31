//! What goes, and what must stay.

use std::ops::ControlFlow::Continue;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use shared::history::{Batch, Kept, Tier};
use shared::wire::Reading;
use shared::{Field, Sample};

use super::disk::Disk;
use super::{DAY, Naive, ample, node, readings, rows};
use crate::history::reader::Ask;
use crate::history::tiers::{RAW_REACH, slot_ms};
use crate::history::{Extra, Limits, Store};

const FIELDS: [Field; 2] = [Field::Available, Field::CpuTotal];
const START_MS: u64 = 1_700_000_000_000;
const HOUR_MS: u64 = 3_600_000;

/// Readings every `period_ms` of `span_ms` up to `to_ms`; numbers go by the time.
fn batch(of: u64, to_ms: u64, span_ms: u64, period_ms: u64) -> Batch {
    let first = (to_ms - span_ms).div_ceil(period_ms);
    let kept = (first..to_ms / period_ms).map(|seq| {
        let mut sample = Sample::EMPTY;
        for field in FIELDS {
            sample.set(field, Some(seq * 4096));
        }
        let at_ms = seq * period_ms;
        Kept { seq, reading: Reading { at_ms, uptime_us: at_ms * 1000, sample } }
    });
    Batch { node: node(of), boot: "boot".into(), readings: kept.collect() }
}

fn keep(hours: [u32; 5]) -> Limits {
    Limits { keep: hours.map(|hours| Duration::from_hours(hours.into())), ..ample() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn what_is_young_enough_stays_and_what_is_old_goes(
        raw in 1_u32..20, more in prop::collection::vec(0_u32..200, 4),
        commits in prop::collection::vec((1_u64..9, select(vec![0_u64, 1, 900_000, 899_999])), 3..12),
    ) {
        let mut hours = [raw; 5];
        for (n, more) in more.into_iter().enumerate() {
            hours[n + 1] = hours[n] + more;
        }
        let limits = keep(hours);
        let store = Store::open_at(Box::new(Disk::default()), &limits).unwrap();
        let mut naive = Naive::default();
        let mut now_ms = START_MS;
        for (hours, more_ms) in commits {
            now_ms += hours * HOUR_MS + more_ms;
            let batch = batch(0, now_ms, hours * HOUR_MS, 61_000);
            naive.append(&batch);
            let done = store.commit([batch], &Extra::default(), now_ms).unwrap();
            prop_assert_eq!(done.lost, vec![]);
            let reader = store.read().unwrap();
            let node = node(0);
            for tier in Tier::ALL {
                let age_ms = limits.keep[tier as usize].as_millis() as u64;
                let step_ms = tier.step_ms().max(1);
                let from_ms = (now_ms - age_ms).div_ceil(step_ms) * step_ms;
                let span = from_ms..u64::MAX;
                let ask = Ask { node: &node, span, fields: &FIELDS, recent: &[] };
                if tier == Tier::Raw {
                    prop_assert_eq!(readings(&reader, &ask), naive.readings(&ask));
                }
                prop_assert_eq!(rows(&reader, &ask, tier, step_ms), naive.rows(&ask, step_ms));
            }
        }
        // As many commits as it takes to catch up.
        for _ in 0..40 {
            store.commit([], &Extra::default(), now_ms).unwrap();
        }
        let oldest = store.read().unwrap().oldest_ms(Tier::Raw).unwrap();
        let most_ms = u64::from(raw) * HOUR_MS + (RAW_REACH + 1) * slot_ms(Tier::Raw);
        // What is not rolled up stays: the slot of ten seconds that now is in, and the one before.
        let unrolled_ms = 3 * slot_ms(Tier::TenSeconds);
        prop_assert!(oldest >= Some(now_ms - most_ms.max(unrolled_ms)), "{:?} {}", oldest, now_ms);
    }
}

#[test]
fn a_clock_that_is_set_far_ahead_costs_little() {
    let limits = keep([48, 480, 4800, 9600, 20_000]);
    let store = Store::open_at(Box::new(Disk::default()), &limits).unwrap();
    let mut now_ms = START_MS;
    for _ in 0..10 {
        now_ms += 4 * HOUR_MS;
        store.commit([batch(0, now_ms, 4 * HOUR_MS, 60_000)], &Extra::default(), now_ms).unwrap();
    }
    let wrong_ms = now_ms + 100 * 365 * 24 * HOUR_MS;
    let future = batch(1, wrong_ms, HOUR_MS, 60_000);
    let count = future.readings.len();
    store.commit([future], &Extra::default(), wrong_ms).unwrap();
    let oldest = store.read().unwrap().oldest_ms(Tier::Raw).unwrap().unwrap();
    assert!(oldest <= START_MS + 12 * HOUR_MS, "{}", (oldest - START_MS) / HOUR_MS);
    assert!(oldest > START_MS + HOUR_MS, "by that clock it is old: {oldest}");
    // What is dated so stays, and is in nobody's way.
    for _ in 0..20 {
        now_ms += 4 * HOUR_MS;
        let now = batch(0, now_ms, 4 * HOUR_MS, 60_000);
        store.commit([now], &Extra::default(), now_ms).unwrap();
    }
    let reader = store.read().unwrap();
    assert!(reader.oldest_ms(Tier::Raw).unwrap() > Some(now_ms - 52 * HOUR_MS));
    let (node, span) = (node(1), 0..u64::MAX);
    let ask = Ask { node: &node, span, fields: &FIELDS, recent: &[] };
    assert_eq!(readings(&reader, &ask).len(), count);
}

/// Numbers that nothing makes shorter.
fn noise(to_ms: u64) -> Batch {
    let mut batch = batch(0, to_ms, HOUR_MS, 1000);
    let mut random = to_ms;
    for kept in &mut batch.readings {
        for &field in &Field::ALL[..24] {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            kept.reading.sample.set(field, Some(random ^ (random >> 29)));
        }
    }
    batch
}

#[test]
fn where_there_is_no_room_the_oldest_readings_go_and_the_file_does_not_grow() {
    let limits = Limits { max_bytes: 16 << 20, keep: [DAY * 10_000; 5] };
    let disk = Disk::default();
    let store = Store::open_at(Box::new(disk.clone()), &limits).unwrap();
    let (mut now_ms, mut lost_ms) = (START_MS, 0);
    for n in 0..20 {
        now_ms += HOUR_MS;
        let done = store.commit([noise(now_ms)], &Extra::default(), now_ms).unwrap();
        for (tier, from_ms) in done.lost {
            assert_eq!(tier, Tier::Raw, "in commit {n}");
            assert!(from_ms > lost_ms);
            lost_ms = from_ms;
        }
        assert!(disk.state().bytes.len() as u64 <= limits.max_bytes, "in commit {n}");
    }
    let reader = store.read().unwrap();
    assert_eq!(reader.oldest_ms(Tier::Raw).unwrap(), Some(lost_ms));
    assert!(lost_ms > START_MS + 8 * HOUR_MS, "most went: {lost_ms}");
    assert!(lost_ms < now_ms - 3 * HOUR_MS, "some stayed: {lost_ms}");
    // What it became is all there.
    let (node, span) = (node(0), 0..u64::MAX);
    let ask = Ask { node: &node, span, fields: &FIELDS[..1], recent: &[] };
    let rows = rows(&reader, &ask, Tier::TenSeconds, 10_000);
    assert_eq!(rows.iter().map(|row| row.count).sum::<u32>(), 20 * 3600);
    let status = store.status(now_ms).unwrap();
    assert_eq!(status.bytes, disk.state().bytes.len() as u64);
    assert!(status.outlook.contains("not the"), "{}", status.outlook);
}

#[test]
fn a_limit_that_is_made_less_makes_the_file_shorter() {
    let disk = Disk::default();
    let store = Store::open_at(Box::new(disk.clone()), &ample()).unwrap();
    let mut now_ms = START_MS;
    for _ in 0..22 {
        now_ms += HOUR_MS;
        store.commit([noise(now_ms)], &Extra::default(), now_ms).unwrap();
    }
    drop(store);
    let limits = Limits { max_bytes: 16 << 20, keep: ample().keep };
    let len = |disk: &Disk| disk.state().bytes.len() as u64;
    assert!(len(&disk) > limits.max_bytes, "{}", len(&disk));
    let store = Store::open_at(Box::new(disk.clone()), &limits).unwrap();
    let reader = store.read().unwrap();
    let done = store.commit([], &Extra::default(), now_ms).unwrap();
    assert_eq!(done.lost.len(), 1);
    // While somebody reads it waits, and what is read is as it was.
    assert!(len(&disk) > limits.max_bytes && reader.check(&mut |_, _| Continue(())).is_ok());
    assert!(reader.oldest_ms(Tier::Raw).unwrap() < Some(START_MS + HOUR_MS));
    drop(reader);
    store.commit([noise(now_ms + HOUR_MS)], &Extra::default(), now_ms + HOUR_MS).unwrap();
    assert!(len(&disk) <= limits.max_bytes, "{}", len(&disk));
    let (node, span) = (node(0), 0..u64::MAX);
    let ask = Ask { node: &node, span, fields: &FIELDS[..1], recent: &[] };
    let rows = rows(&store.read().unwrap(), &ask, Tier::TenSeconds, 10_000);
    assert_eq!(rows.iter().map(|row| row.count).sum::<u32>(), 23 * 3600);
}
