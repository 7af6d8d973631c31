//! Files that are not what was written, or not for us.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use redb::{Database, ReadableDatabase as _, TableDefinition};
use shared::history::{Batch, Kept, Tier};
use shared::wire::Reading;
use shared::{Field, Sample};

use super::{Naive, agree, ample, node, readings};
use crate::history::bytes::put;
use crate::history::cell::Cell;
use crate::history::chunk::Taken;
use crate::history::error::Fault;
use crate::history::grid::{Grid, GridWriter, Head};
use crate::history::open::{self, META, VERSION, migrate};
use crate::history::reader::Ask;
use crate::history::{Extra, Record, Store, StoreError, column};

const FIELDS: [Field; 3] = [Field::Available, Field::CpuTotal, Field::Shmem];

fn batch(n: u64) -> Batch {
    let kept = (n * 100..n * 100 + 100).map(|seq| {
        let mut sample = Sample::EMPTY;
        for (n, field) in FIELDS.into_iter().enumerate() {
            sample.set(field, Some(seq * seq % 977 * 4096 + n as u64));
        }
        let at_ms = 1_700_000_000_000 + seq * 1000;
        Kept { seq, reading: Reading { at_ms, uptime_us: seq * 1_000_100, sample } }
    });
    Batch { node: node(0), boot: "boot".into(), readings: kept.collect() }
}

fn filled(path: &Path) -> Naive {
    let store = Store::open(path, &ample()).unwrap();
    let mut naive = Naive::default();
    for n in 0..4 {
        store.commit([batch(n)], &Extra::default(), 1_700_000_000_000 + n * 9_000_000).unwrap();
        naive.append(&batch(n));
    }
    naive
}

fn records(store: &Store) -> Vec<Record> {
    let mut records = Vec::new();
    let mut each = |record| {
        records.push(record);
        ControlFlow::Continue(())
    };
    store.read().unwrap().records(&mut each).unwrap();
    records
}

proptest! {
    #[test]
    fn any_numbers_are_a_column(
        values in prop::collection::vec(prop_oneof![any::<u64>(), 0_u64..9, Just(u64::MAX)], 1..500),
        shift in 0_u32..63, repeat in 1_usize..5,
    ) {
        let values: Vec<u64> = values.iter().flat_map(|v| vec![v << shift; repeat]).collect();
        let mut bytes = Vec::new();
        column::write(&values, &mut bytes);
        prop_assert_eq!(column::read(&bytes, values.len()).unwrap(), values);
    }

    #[test]
    fn any_bytes_are_a_column_or_damaged(
        kind in 0_u8..8, bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0_usize..1000
    ) {
        let bytes = [&[kind][..], &bytes].concat();
        if let Ok(values) = column::read(&bytes, count) {
            prop_assert_eq!(values.len(), count);
        }
    }

    /// With the checksum put right, so that all that follows is read, too.
    #[test]
    fn any_bytes_are_a_chunk_or_damaged(
        rows in 0_u64..2000, columns in 0_u64..9,
        rest in prop::collection::vec(prop_oneof![0_u8..20, any::<u8>()], 0..300),
    ) {
        let mut counts = Vec::new();
        put(rows, &mut counts);
        put(columns, &mut counts);
        counts.extend(rest);
        let mut head = Vec::new();
        put(counts.len() as u64, &mut head);
        head.extend(counts);
        let mut bytes = crc32fast::hash(&head).to_le_bytes().to_vec();
        bytes.extend(head);
        Taken::read(&bytes[..], bytes.len(), "".into(), Field::ALL).ok();
        Grid::read(&bytes[..], bytes.len(), (Tier::Minute, 0), Field::ALL).ok();
        Taken::read(&bytes[..], bytes.len() + 7, "".into(), Field::ALL).map(|_| ()).unwrap_err();
    }

    #[test]
    fn any_buckets_are_read_as_they_were_written(
        rows in prop::collection::vec((1_u64..4, any::<u32>(), any::<u64>(), prop::collection::vec(
            prop::option::of((any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), 0_u8..4)), 3
        )), 1..60)
    ) {
        let mut grid = Grid::new(3);
        let mut at_ms = 0;
        for (gap, count, uptime_us, cells) in rows {
            at_ms += gap * 60_000;
            grid.heads.push(Head { at_ms, count, uptime_us });
            grid.cells.extend(cells.into_iter().map(|cell| cell.map(|(min, max, sum, weight, like)| {
                // Any at all, and some that are as they are in life.
                match like {
                    0 => Cell { min, max, sum, weight },
                    1 => Cell { min, max: min, sum: min.saturating_mul(count.into()), weight: count.into() },
                    2 => Cell { min: 0, max: 0, sum: 0, weight: weight / 2 },
                    _ => Cell { min: min / 2, max: min, sum: min.saturating_mul(3), weight: 3 },
                }
            })));
        }
        let mut writer = GridWriter::new(Tier::Minute, 0, &grid.heads, grid.weights(Some(1)));
        for (n, field) in FIELDS_IN_ORDER.into_iter().enumerate() {
            writer.push(field, &grid, n);
        }
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        let read = Grid::read(&bytes[..], bytes.len(), (Tier::Minute, 0), &FIELDS_IN_ORDER).unwrap();
        prop_assert_eq!(read, grid);
    }
}

/// A gauge, and two counters.
const FIELDS_IN_ORDER: [Field; 3] = [Field::Available, Field::CpuTotal, Field::PagedIn];

/// A store of which a byte was changed is never read as another one.
#[test]
fn a_changed_byte_is_noticed_where_it_matters() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.redb");
    let naive = filled(&path);
    let whole = fs::read(&path).unwrap();
    let node = node(0);
    let ask = Ask { node: &node, span: 0..u64::MAX, fields: &FIELDS, recent: &[] };
    let right = naive.readings(&ask);
    let (mut damaged, mut unharmed, mut random) = (0, 0, 1_u64);
    for _ in 0..1200 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = (random >> 33) as usize % whole.len();
        if whole[at] == 0 && random & 7 != 0 {
            continue;
        }
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (random % 8);
        fs::write(&path, &bytes).unwrap();
        let found = Store::open(&path, &ample()).and_then(|store| {
            let reader = store.read()?;
            let checked = reader.check(&mut |_, _| ControlFlow::Continue(()))?;
            let mut found = Vec::new();
            reader.readings(&ask, &mut |boot, kept| {
                found.push((boot.to_owned(), kept));
                ControlFlow::Continue(())
            })?;
            Ok((checked, found))
        });
        match found {
            Err(StoreError::Damaged { .. }) => damaged += 1,
            Err(error) => panic!("byte {at}: {error:?}"),
            Ok((checked, found)) if found == right => {
                unharmed += 1;
                drop(checked);
            }
            Ok((checked, _)) => {
                assert!(checked.damages > 0, "byte {at} changed what is read");
                damaged += 1;
            }
        }
    }
    println!("{damaged} damaged, {unharmed} unharmed");
    assert!(damaged > 20 && unharmed > 20, "{damaged} {unharmed}");
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.redb");
    filled(&path);
    let database = Database::open(&path).unwrap();
    let tx = database.begin_write().unwrap();
    tx.open_table(META).unwrap().insert(VERSION, 99_u32.to_le_bytes().as_slice()).unwrap();
    tx.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    for error in [Store::open(&path, &ample()).err(), Store::open_to_read(&path).err()] {
        let error = error.unwrap();
        assert!(matches!(error, StoreError::Newer { version: 99, .. }), "{error:?}");
        assert!(error.to_string().contains("version 99"), "{error}");
    }
    assert!(fs::read(&path).unwrap() == before, "it is as it was");
}

#[test]
fn an_older_store_is_brought_forward_step_by_step() {
    const NOTES: TableDefinition<'_, u32, u32> = TableDefinition::new("notes");
    let step: [open::Step; 3] = [
        |_| panic!("the store is past that"),
        |tx| {
            tx.open_table(NOTES)?.insert(1, 10)?;
            Ok(())
        },
        |tx| {
            let mut notes = tx.open_table(NOTES)?;
            let first = notes.get_mut(1)?.map_or(0, |value| value.value());
            notes.insert(2, first + 1)?;
            Ok(())
        },
    ];
    let dir = tempfile::tempdir().unwrap();
    let database = Database::create(dir.path().join("a.redb")).unwrap();
    let tx = database.begin_write().unwrap();
    tx.open_table(META).unwrap().insert(VERSION, 2_u32.to_le_bytes().as_slice()).unwrap();
    tx.commit().unwrap();
    let broken: [open::Step; 3] = [step[0], step[1], |_| Err(Fault::broken("no"))];
    migrate(&database, &broken).unwrap_err();
    let notes = || database.begin_read().unwrap().open_table(NOTES);
    assert!(notes().is_err(), "all of it or nothing");
    for _ in 0..2 {
        migrate(&database, &step).unwrap();
        assert_eq!(notes().unwrap().get(2).unwrap().unwrap().value(), 11);
    }
}

#[test]
fn two_programs_cannot_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.redb");
    let store = Store::open(&path, &ample()).unwrap();
    for error in [Store::open(&path, &ample()).err(), Store::open_to_read(&path).err()] {
        assert!(matches!(error, Some(StoreError::Locked(_))), "{error:?}");
    }
    store.commit([batch(0)], &Extra::default(), 0).unwrap();
    drop(store);
    let store = Store::open_to_read(&path).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(store.commit([], &Extra::default(), 0), Err(StoreError::Io { .. })));
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn what_is_no_store_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.redb");
    for (text, is_store) in [
        (b"my diary\n".to_vec(), false),
        (b"my diary\n".repeat(1000), false),
        (Vec::new(), true),
        // Begun, and not finished.
        (vec![0; 9000], true),
    ] {
        fs::write(&path, &text).unwrap();
        let opened = Store::open(&path, &ample());
        assert_eq!(opened.is_ok(), is_store);
        if !is_store {
            assert!(matches!(opened.err(), Some(StoreError::Damaged { .. })));
            assert_eq!(fs::read(&path).unwrap(), text);
        }
    }
    fs::remove_file(&path).unwrap();
    let naive = filled(&path);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(Store::open(&path, &ample()).err(), Some(StoreError::Damaged { .. })));
    fs::write(&path, &whole).unwrap();
    agree(&Store::open(&path, &ample()).unwrap(), &naive, &[], &FIELDS);
}

#[test]
fn a_copy_is_the_same_and_cut_short_it_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("history.redb"), dir.path().join("copy.redb"));
    let naive = filled(&path);
    let store = Store::open(&path, &ample()).unwrap();
    let all = records(&store);
    let restore = |records: &[Record]| {
        Store::restore(&copy, records.iter().cloned().map(Ok::<_, StoreError>))
    };
    for cut in [0, 1, all.len() / 2, all.len() - 1] {
        assert!(matches!(restore(&all[..cut]), Err(StoreError::Damaged { .. })));
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("copy")), "{left:?}");
    }
    let wrong = [&[Record { table: 6, key: vec![1], value: Vec::new() }], &all[..]].concat();
    assert!(matches!(restore(&wrong), Err(StoreError::Damaged { .. })));
    restore(&all).unwrap();
    let copied = Store::open_to_read(&copy).unwrap();
    assert_eq!(records(&copied), all);
    agree(&copied, &naive, &[], &FIELDS);
    assert!(matches!(restore(&all), Err(StoreError::Io { .. })), "something is there");
    let node = node(0);
    let ask = Ask { node: &node, span: 0..u64::MAX, fields: &FIELDS, recent: &[] };
    assert_eq!(readings(&copied.read().unwrap(), &ask).len(), 400);
}
