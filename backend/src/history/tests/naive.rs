//! A store that keeps all in memory, and works out everything anew.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use shared::history::{Batch, Kept};
use shared::wire::Reading;
use shared::{NodeId, Sample};

use crate::history::{Ask, Cell, Row};

/// Readings of a node, by boot and number.
type Boots = BTreeMap<String, BTreeMap<u64, Reading>>;

#[derive(Clone, Debug, Default)]
pub(super) struct Naive {
    nodes: BTreeMap<NodeId, Boots>,
}

impl Naive {
    pub(super) fn append(&mut self, batch: &Batch) {
        add(self.nodes.entry(batch.node.clone()).or_default(), batch);
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum()
    }

    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.nodes.keys().cloned().collect()
    }

    pub(super) fn numbers(&self, node: &NodeId, boot: &str) -> BTreeSet<u64> {
        let boot = self.nodes.get(node).and_then(|boots| boots.get(boot));
        boot.map(|readings| readings.keys().copied().collect()).unwrap_or_default()
    }

    /// From a quarter to three quarters of the readings of a node, by their times.
    pub(super) fn middle(&self, node: &NodeId) -> Range<u64> {
        let boots = self.nodes[node].values();
        let mut times: Vec<u64> = boots.flat_map(|b| b.values().map(|r| r.at_ms)).collect();
        times.sort_unstable();
        if times.is_empty() {
            return 0..1;
        }
        times[times.len() / 4]..times[times.len() * 3 / 4]
    }

    fn all(&self, ask: &Ask<'_>) -> Boots {
        let mut boots = self.nodes.get(ask.node).cloned().unwrap_or_default();
        for batch in ask.recent.iter().filter(|batch| batch.node == *ask.node) {
            add(&mut boots, batch);
        }
        boots
    }

    pub(super) fn readings(&self, ask: &Ask<'_>) -> Vec<(String, Kept)> {
        let mut all = Vec::new();
        for (boot, readings) in self.all(ask) {
            for (seq, reading) in readings {
                if ask.span.contains(&reading.at_ms) {
                    let mut sample = Sample::EMPTY;
                    for &field in ask.fields {
                        sample.set(field, reading.sample.get(field));
                    }
                    all.push((boot.clone(), Kept { seq, reading: Reading { sample, ..reading } }));
                }
            }
        }
        all.sort_by_key(|(_, kept)| kept.reading.at_ms);
        all
    }

    pub(super) fn rows(&self, ask: &Ask<'_>, step_ms: u64) -> Vec<Row> {
        let mut all = Vec::new();
        for readings in self.all(ask).into_values() {
            let mut before: Option<Reading> = None;
            for reading in readings.into_values() {
                let cell = |&field| Cell::of(field, before.as_ref(), &reading);
                let cells = ask.fields.iter().map(cell).collect();
                let (at_ms, uptime_us) = (reading.at_ms, reading.uptime_us);
                all.push(Row { at_ms, count: 1, uptime_us, cells });
                before = Some(reading);
            }
        }
        all.sort_by_key(|row| row.at_ms);
        let mut rows: Vec<Row> = Vec::new();
        for mut row in all {
            row.at_ms = row.at_ms / step_ms * step_ms;
            if !ask.span.contains(&row.at_ms) {
                continue;
            }
            match rows.last_mut() {
                Some(last) if last.at_ms == row.at_ms => last.merge(&row),
                _ => rows.push(row),
            }
        }
        rows
    }
}

fn add(boots: &mut Boots, batch: &Batch) {
    let readings = boots.entry(batch.boot.clone()).or_default();
    for kept in &batch.readings {
        readings.entry(kept.seq).or_insert_with(|| kept.reading.clone());
    }
}
