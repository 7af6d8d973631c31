//! Any series, in any order, is read as it was written.

use proptest::prelude::*;
use proptest::sample::select;
use shared::history::{Batch, Kept};
use shared::wire::Reading;
use shared::{Field, Sample};

use super::{Naive, agree, alike, ample, node};
use crate::history::relate::RELATIONS;
use crate::history::{Extra, Store};

/// Gauges and counters, neighbours and not, the first and the last.
const FIELDS: [Field; 13] = [
    Field::Total,
    Field::Free,
    Field::Buffers,
    Field::Cached,
    Field::Shmem,
    Field::SlabReclaimable,
    Field::SlabUnreclaimable,
    Field::Slab,
    Field::Available,
    Field::SwappedIn,
    Field::CpuTotal,
    Field::PressureSome,
    Field::UnderVoltage,
];

fn value() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        5 => (0_u64..50).prop_map(|pages| Some(pages * 4096)),
        2 => Just(None),
        2 => (0_u64..9).prop_map(Some),
        1 => any::<u64>().prop_map(Some),
        1 => Just(Some(u64::MAX)),
    ]
}

/// A stretch of readings of one boot: how it begins, and how it goes on.
#[derive(Clone, Debug)]
struct Stretch {
    node: u64,
    boot: u64,
    /// The first number, and the difference of two.
    first: u64,
    step: u64,
    /// When the boot was, in hours; the clock may be set within it.
    hour: u64,
    set_ms: Vec<u64>,
    /// Between two readings.
    period_ms: u64,
    values: Vec<Vec<Option<u64>>>,
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let period = prop_oneof![Just(1000_u64), Just(1003), Just(20_000), Just(200_000), Just(100)];
    let rows = prop::collection::vec(prop::collection::vec(value(), FIELDS.len()), 1..40);
    let set = prop::collection::vec(select(vec![0_u64, 0, 0, 0, 1, 7_200_000, 90_000_000]), 40);
    (0_u64..2, 0_u64..2, 0_u64..60, 1_u64..4, select(vec![0_u64, 1, 30, 700]), set, period, rows)
        .prop_map(|(node, boot, first, step, hour, set_ms, period_ms, values)| Stretch {
            node,
            boot,
            first,
            step,
            hour,
            set_ms,
            period_ms,
            values,
        })
}

impl Stretch {
    fn batch(&self) -> Batch {
        let mut offset_ms = 1_700_000_000_000 + self.hour * 3_600_000 + self.boot * 77_777;
        let mut readings = Vec::new();
        for (n, values) in self.values.iter().enumerate() {
            let seq = self.first + self.step * n as u64;
            let uptime_us = 5_000_000 + seq * self.period_ms * 1000 + seq % 7;
            offset_ms += self.set_ms[n];
            let mut sample = Sample::EMPTY;
            for (field, value) in FIELDS.into_iter().zip(values) {
                sample.set(field, *value);
            }
            // As the kernel makes it, most of the time.
            if self.step < 3 {
                for relation in RELATIONS {
                    let known = |field| Ok::<_, ()>(sample.get(field));
                    let sum = relation.sum(known).unwrap();
                    sample.set(relation.field, sum.map(|sum| sum.wrapping_add(seq / 30)));
                }
            }
            let at_ms = offset_ms + uptime_us / 1000;
            readings.push(Kept { seq, reading: Reading { at_ms, uptime_us, sample } });
        }
        let (node, boot) = (node(self.node), format!("boot-{}", self.boot));
        Batch { node, boot, readings }
    }
}

#[derive(Clone, Debug)]
enum Deed {
    /// Commits, so many hours after the earliest.
    Commit(Vec<Stretch>, u64),
    Reopen,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let commit = (prop::collection::vec(stretch(), 0..4), select(vec![0_u64, 3, 40, 900, 9000]));
    let commit = commit.prop_map(|(stretches, hour)| Deed::Commit(stretches, hour));
    prop::collection::vec(prop_oneof![5 => commit, 1 => Just(Deed::Reopen)], 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_was_written_is_read_and_rolled_up_rightly(
        deeds in deeds(), recent in prop::collection::vec(stretch(), 0..3)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.redb");
        let mut store = Store::open(&path, &ample()).unwrap();
        let mut naive = Naive::default();
        let recent: Vec<Batch> = recent.iter().map(Stretch::batch).collect();
        for deed in &deeds {
            match deed {
                Deed::Commit(stretches, hour) => {
                    let batches: Vec<Batch> = stretches.iter().map(Stretch::batch).collect();
                    let now_ms = 1_700_000_000_000 + hour * 3_600_000;
                    let done = store.commit(batches.clone(), &Extra::default(), now_ms).unwrap();
                    for batch in &batches {
                        naive.append(batch);
                    }
                    prop_assert_eq!(&done.lost, &Vec::new());
                    for durable in done.durable {
                        let told = durable.spans.iter().flat_map(|span| span.from..=span.to);
                        let right = naive.numbers(&durable.node, &durable.boot);
                        prop_assert!(told.eq(right), "{:?}", durable);
                    }
                }
                Deed::Reopen => {
                    drop(store);
                    store = Store::open(&path, &ample()).unwrap();
                }
            }
            alike(&store, &naive, &[], &FIELDS);
        }
        agree(&store, &naive, &recent, &FIELDS);
    }
}
