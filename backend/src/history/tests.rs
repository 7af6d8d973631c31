//! The store against a naive one that keeps all in memory, on any data.

mod disk;
mod faults;
mod naive;
mod retention;
mod series;
mod unsound;

use std::ops::ControlFlow;
use std::time::Duration;

use shared::Field;
use shared::NodeId;
use shared::history::{Batch, Kept, Tier};

use super::reader::{Ask, Reader};
use super::store::Limits;
use super::{Row, Store};
use naive::Naive;

const DAY: Duration = Duration::from_hours(24);

/// More room and time than any test takes.
fn ample() -> Limits {
    Limits { max_bytes: 1 << 30, keep: [DAY * 10_000; 5] }
}

fn node(n: u64) -> NodeId {
    NodeId::from_host_name(&format!("node-{n}"))
}

fn rows(reader: &Reader, ask: &Ask<'_>, tier: Tier, step_ms: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut each = |row| {
        rows.push(row);
        ControlFlow::Continue(())
    };
    reader.rows(ask, tier, step_ms, &mut each).unwrap();
    rows
}

fn readings(reader: &Reader, ask: &Ask<'_>) -> Vec<(String, Kept)> {
    let mut readings = Vec::new();
    let mut each = |boot: &str, kept| {
        readings.push((boot.to_owned(), kept));
        ControlFlow::Continue(())
    };
    reader.readings(ask, &mut each).unwrap();
    readings
}

/// Everything that is asked is told as the naive one tells it, and it is sound.
fn agree(store: &Store, naive: &Naive, recent: &[Batch], fields: &[Field]) {
    alike(store, naive, recent, fields);
    sound(store, naive);
}

/// Everything that is asked is told as the naive one tells it.
fn alike(store: &Store, naive: &Naive, recent: &[Batch], fields: &[Field]) {
    let reader = store.read().unwrap();
    for node in naive.nodes() {
        for span in [0..u64::MAX, naive.middle(&node)] {
            let ask = Ask { node: &node, span, fields, recent };
            assert_eq!(readings(&reader, &ask), naive.readings(&ask), "{:?}", ask.span);
            for (tier, step_ms) in [
                (Tier::Raw, 1),
                (Tier::Raw, 7000),
                (Tier::TenSeconds, 10_000),
                (Tier::Minute, 300_000),
                (Tier::TenMinutes, 600_000),
                (Tier::TwoHours, 7_200_000),
                (Tier::TwoHours, 86_400_000),
            ] {
                let (told, right) = (rows(&reader, &ask, tier, step_ms), naive.rows(&ask, step_ms));
                assert_eq!(told, right, "{tier:?} {step_ms} {:?}", ask.span);
            }
        }
    }
}

/// Nothing is damaged, and each reading is there once.
fn sound(store: &Store, naive: &Naive) {
    let reader = store.read().unwrap();
    let checked = reader.check(&mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(checked.damage, Vec::<String>::new());
    let count: u64 = checked.tiers[0].1.iter().map(|holding| holding.count).sum();
    assert_eq!(count, naive.len() as u64, "each reading is there once");
}
