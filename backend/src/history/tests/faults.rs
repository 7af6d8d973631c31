//! Power that fails at any moment, and disks that fail.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::time::Duration;

use shared::history::{Batch, Event, EventKind, Kept, Tier};
use shared::wire::Reading;
use shared::{Field, Sample};

use super::disk::{Disk, Op};
use super::{Naive, agree, ample, node};
use crate::history::{Extra, Limits, Store, StoreError};

const FIELDS: [Field; 3] = [Field::Available, Field::CpuTotal, Field::Free];
const START_MS: u64 = 1_700_000_000_000;

/// A little chance, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// What commit number `n` brings: readings of two nodes, one of them late now and then.
fn batches(n: u64) -> Vec<Batch> {
    let mut chance = Chance(n);
    let batch = |of: u64| {
        let late = if n % 3 == 2 && of == 1 { 10 } else { 0 };
        let kept = (0..24).map(|at| {
            let seq = (n - late.min(n)) * 24 + at + late;
            let uptime_us = 1_000_000 + seq * 110_000_000;
            let mut sample = Sample::EMPTY;
            for field in FIELDS {
                sample.set(field, Some(seq * 4096 + chance.below(9)));
            }
            let at_ms = START_MS + uptime_us / 1000;
            Kept { seq, reading: Reading { at_ms, uptime_us, sample } }
        });
        let boot = format!("boot-{}", n / 4);
        Batch { node: node(of), boot, readings: kept.collect() }
    };
    (0..2).map(batch).collect()
}

fn extra(n: u64) -> Extra {
    let (at_ms, text) = (START_MS + n, format!("It is {n}."));
    let event = Event { at_ms, node: Some(node(n % 2)), kind: EventKind::Booted, text };
    Extra { events: vec![event], ..Extra::default() }
}

/// When commit `n` is made.
fn now_ms(n: u64) -> u64 {
    START_MS + (n + 1) * 24 * 110_000
}

/// Everything that is in a store, in one number.
fn digest(store: &Store) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut each = |record: crate::history::Record| {
        (record.table, record.key, record.value).hash(&mut hasher);
        ControlFlow::Continue(())
    };
    store.read().unwrap().records(&mut each).unwrap();
    hasher.finish()
}

fn damage(store: &Store) -> Vec<String> {
    store.read().unwrap().check(&mut |_, _| ControlFlow::Continue(())).unwrap().damage
}

/// Readings go after some hours, so that room is freed and used anew.
fn short() -> Limits {
    Limits { keep: [Duration::from_hours(5); 5], ..ample() }
}

#[test]
fn a_power_cut_at_any_moment_costs_nothing_that_was_acknowledged() {
    const COMMITS: u64 = 40;
    let disk = Disk::default();
    disk.state().log = Some(Vec::new());
    let done = |disk: &Disk| disk.state().log.as_ref().unwrap().len();
    let mut store = Store::open_at(Box::new(disk.clone()), &short()).unwrap();
    // What there is after so many operations.
    let mut states = vec![(done(&disk), digest(&store))];
    for n in 0..COMMITS {
        store.commit(batches(n), &extra(n), now_ms(n)).unwrap();
        states.push((done(&disk), digest(&store)));
        assert_eq!(damage(&store), Vec::<String>::new());
        if n % 5 == 4 {
            drop(store);
            store = Store::open_at(Box::new(disk.clone()), &short()).unwrap();
        }
    }
    assert!(store.read().unwrap().oldest_ms(Tier::Raw).unwrap() > Some(START_MS + 3_600_000));
    drop(store);
    let log = disk.state().log.take().unwrap();
    let mut chance = Chance(1);
    let (mut cuts, mut synced, base) = (0, 0, Disk::default());
    for (at, op) in log.iter().enumerate() {
        if matches!(op, Op::Sync) {
            for op in &log[synced..at] {
                base.state().apply(op);
            }
            synced = at + 1;
        }
        for way in 0..4 {
            let cut = Disk::of(base.state().bytes.clone());
            for op in &log[synced.min(at)..at] {
                match way {
                    0 => {}
                    1 => cut.state().apply(op),
                    2 => {
                        let kept = chance.below(9) as usize;
                        cut.state().tear(op, |sector| sector < kept);
                    }
                    _ => cut.state().tear(op, |_| chance.below(2) == 0),
                }
            }
            let store = Store::open_at(Box::new(cut), &short()).unwrap();
            let last = states.iter().rposition(|(ops, _)| *ops <= at);
            let right = last.map_or(0..1, |last| last..(last + 2).min(states.len()));
            let found = digest(&store);
            let is_right = states[right].iter().any(|(_, digest)| *digest == found);
            // What was sound then is sound now: it is the same to the bit.
            assert!(is_right, "cut {cuts}: way {way}, operation {at} of {}", log.len());
            cuts += 1;
        }
    }
    println!("{cuts} cuts in {} operations", log.len());
    assert!(cuts >= 2000, "{cuts}");
}

/// Commits until it is done, as whoever holds the readings does.
fn commit_all(store: &Store, naive: &mut Naive, commits: u64) -> usize {
    let mut failed = 0;
    for n in 0..commits {
        while let Err(error) = store.commit(batches(n), &Extra::default(), now_ms(n)) {
            assert!(matches!(error, StoreError::Io { .. } | StoreError::Full(_)), "{error}");
            failed += 1;
            assert!(failed < 100, "it does not recover: {error}");
        }
        for batch in batches(n) {
            naive.append(&batch);
        }
    }
    failed
}

#[test]
fn after_an_error_of_the_disk_it_goes_on() {
    const COMMITS: u64 = 4;
    let mut failures = 0;
    for fails_after in 0..400 {
        let disk = Disk::default();
        let store = Store::open_at(Box::new(disk.clone()), &ample()).unwrap();
        disk.state().fails_after = Some(fails_after);
        let mut naive = Naive::default();
        let failed = commit_all(&store, &mut naive, COMMITS);
        let reached = disk.state().fails_after.is_none();
        failures += failed;
        if !reached {
            break;
        }
        agree(&store, &naive, &[], &FIELDS);
        drop(store);
        let store = Store::open_at(Box::new(disk), &ample()).unwrap();
        agree(&store, &naive, &[], &FIELDS[..1]);
    }
    println!("{failures} commits failed");
    assert!(failures > 20, "{failures}");
}

#[test]
fn while_the_disk_fails_what_is_there_can_be_read() {
    let disk = Disk::default();
    let store = Store::open_at(Box::new(disk.clone()), &ample()).unwrap();
    let mut naive = Naive::default();
    commit_all(&store, &mut naive, 3);
    disk.state().is_read_only = true;
    for _ in 0..2 {
        let error = store.commit(batches(3), &Extra::default(), now_ms(3)).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    }
    disk.state().is_read_only = false;
    store.commit(batches(3), &Extra::default(), now_ms(3)).unwrap();
    for batch in batches(3) {
        naive.append(&batch);
    }
    agree(&store, &naive, &[], &FIELDS);
    drop(store);
    // Opened while nothing can be written, it is read.
    disk.state().is_read_only = true;
    let store = Store::open_at(Box::new(disk.clone()), &ample()).unwrap();
    agree(&store, &naive, &[], &FIELDS);
    store.commit(batches(4), &Extra::default(), now_ms(4)).unwrap_err();
    agree(&store, &naive, &[], &FIELDS);
    disk.state().is_read_only = false;
    store.commit(batches(4), &Extra::default(), now_ms(4)).unwrap();
}

#[test]
fn a_full_disk_costs_the_oldest_readings_and_no_hand() {
    let disk = Disk::default();
    let store = Store::open_at(Box::new(disk.clone()), &ample()).unwrap();
    store.commit(batches(0), &Extra::default(), now_ms(0)).unwrap();
    let room = disk.state().blocks() + 40;
    disk.state().most_blocks = Some(room);
    let (mut failed, mut lost) = (0, Vec::new());
    for n in 1..120 {
        let mut tries = 0;
        loop {
            match store.commit(batches(n), &extra(n), now_ms(n)) {
                Ok(done) => {
                    lost.extend(done.lost);
                    break;
                }
                Err(error) => assert!(matches!(error, StoreError::Full(_)), "{error:?}"),
            }
            failed += 1;
            tries += 1;
            assert!(tries < 10, "commit {n} never succeeds");
        }
    }
    assert_eq!(damage(&store), Vec::<String>::new());
    assert!(failed > 0 && lost.iter().any(|(tier, _)| *tier == Tier::Raw), "{failed} {lost:?}");
    assert!(store.read().unwrap().oldest_ms(Tier::Raw).unwrap() > Some(START_MS + 3_600_000));
    // Room again: nothing fails, and a reserve is made.
    disk.state().most_blocks = None;
    store.commit(batches(120), &extra(120), now_ms(120)).unwrap();
    assert!(disk.state().reserve > 0);
}
