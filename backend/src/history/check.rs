//! What is on disk, and whether it is what was written.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use redb::{ReadTransaction, ReadableTable as _, ReadableTableMetadata as _};
use serde::{Deserialize, Serialize};
use shared::history::Tier;
use shared::{Field, NodeId};

use super::chunk::Taken;
use super::error::Fault;
use super::extra::{from_json, to_usage};
use super::grid::Grid;
use super::index::{Index, name};
use super::open::{BOOTS, EVENTS, FACTS, META, USAGES, VERSION};
use super::segment::{self, Chunk, Entry, Key, PIECES, PieceKey, SEGMENTS, tier_of};
use super::sheet::Sheet;
use super::tiers::start_ms;
use super::work::Boot;

/// Sentences about damage at most.
const MOST_TOLD: usize = 1000;

/// What was found by [`super::Reader::check`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The version that the store says it has.
    pub version: u32,
    /// For each tier, finest first, and each node of which it has something, in the order of their ids.
    pub tiers: Vec<(Tier, Vec<Holding>)>,
    /// Events.
    pub events: u64,
    /// Times that facts of a node were written down.
    pub facts: u64,
    /// Sweeps.
    pub usages: u64,
    /// Bytes of all that was looked at.
    pub bytes: u64,
    /// What is not what was written, in a sentence each; of very many the first ones.
    pub damage: Vec<String>,
    /// How many of these there are in all.
    pub damages: u64,
}

/// What there is of one node in one tier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holding {
    /// The node.
    pub node: NodeId,
    /// When it begins and when it ends, by the head's clock: ms since 1970, both included.
    pub first_ms: u64,
    /// See [`Self::first_ms`].
    pub last_ms: u64,
    /// Readings, or buckets.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Checked {
    fn damage(&mut self, what: String) {
        self.damages += 1;
        if self.damage.len() < MOST_TOLD {
            self.damage.push(what);
        }
    }

    fn note<R>(
        &mut self,
        of: impl FnOnce() -> String,
        result: Result<R, Fault>,
    ) -> Result<(), Fault> {
        match result {
            Err(Fault::Broken(what)) => self.damage(format!("{}: {what}", of())),
            result => drop(result?),
        }
        Ok(())
    }
}

/// See [`super::Reader::check`].
pub(super) fn check(
    tx: &ReadTransaction,
    index: &Index,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Checked, Fault> {
    let mut checked = Checked::default();
    let meta = tx.open_table(META)?;
    if let Some(version) = meta.get(VERSION)? {
        checked.version = version.value().try_into().map_or(0, u32::from_le_bytes);
    }
    let all = index.segments.values().map(|segment| segment.on_disk).sum();
    let mut holdings: BTreeMap<(Tier, u32), Holding> = BTreeMap::new();
    let ids: BTreeMap<u32, &NodeId> = index.ids.iter().map(|(id, n)| (*n, id)).collect();
    let pieces = tx.open_table(PIECES)?;
    let mut known = HashSet::new();
    for segment in tx.open_table(SEGMENTS)?.iter()? {
        let (key, value) = segment?;
        let key = key.value();
        known.insert(key);
        if progress(checked.bytes, all).is_break() {
            return Ok(checked);
        }
        let entries = match (segment::read_directory(value.value()), tier_of(key.0)) {
            (Ok(entries), Some(_)) => entries,
            (Ok(_), None) => {
                checked.damage(format!("{}: no such tier", name(key)));
                continue;
            }
            (Err(error), _) => {
                checked.damage(format!("{}: {error}", name(key)));
                continue;
            }
        };
        let total = entries.iter().map(|entry| u64::from(entry.len)).sum();
        checked.bytes += segment::on_disk(total);
        for entry in entries {
            let result = chunk(&pieces, key, &entry, total, index);
            let of = || {
                let node = ids.get(&entry.node).map_or("an unknown node", |id| id.as_str());
                format!("{}: {node}", name(key))
            };
            let is_sound = result.is_ok();
            checked.note(of, result)?;
            if !ids.contains_key(&entry.node) {
                checked.damage(format!("{}: node {} is not known", name(key), entry.node));
            }
            let (Some(tier), Some(node), true) = (tier_of(key.0), ids.get(&entry.node), is_sound)
            else {
                continue;
            };
            let holding = holdings.entry((tier, entry.node)).or_insert_with(|| Holding {
                node: (*node).clone(),
                first_ms: u64::MAX,
                last_ms: 0,
                count: 0,
                bytes: 0,
            });
            holding.first_ms = holding.first_ms.min(entry.first_ms);
            holding.last_ms = holding.last_ms.max(entry.last_ms);
            holding.bytes += u64::from(entry.len);
            if counts(index, key, &entry) {
                holding.count += u64::from(entry.count);
            }
        }
    }
    for piece in pieces.iter()? {
        let (tier, slot, batch, number) = piece?.0.value();
        if !known.contains(&(tier, slot, batch)) {
            let key = name((tier, slot, batch));
            checked.damage(format!("{key}: piece {number} belongs to nothing"));
        }
    }
    for tier in Tier::ALL {
        let of_tier = holdings.iter().filter(|((t, _), _)| *t == tier);
        let mut of_tier: Vec<Holding> = of_tier.map(|(_, holding)| holding.clone()).collect();
        of_tier.sort_by(|a, b| a.node.cmp(&b.node));
        checked.tiers.push((tier, of_tier));
    }
    extras(tx, &mut checked)?;
    let _ = progress(checked.bytes, all);
    Ok(checked)
}

/// Whether a chunk is what is told of its slot: of buckets only the newest one is.
fn counts(index: &Index, key: Key, entry: &Entry) -> bool {
    let Some(tier) = tier_of(key.0).filter(|&tier| tier != Tier::Raw) else { return true };
    let node = index.nodes.get(&entry.node);
    let chunk = node.and_then(|node| node.rolled(tier, key.1));
    chunk.is_some_and(|chunk| chunk.key == key && chunk.entry == *entry)
}

/// Reads all of a chunk.
fn chunk(
    pieces: &redb::ReadOnlyTable<PieceKey, &'static [u8]>,
    key: Key,
    entry: &Entry,
    total: u64,
    index: &Index,
) -> Result<(), Fault> {
    let source = Chunk::new(pieces, key, entry, total);
    let len = entry.len as usize;
    Sheet::open(&source, len)?.verify()?;
    let Some(tier) = tier_of(key.0) else { return Ok(()) };
    // Some at a time, for all would take much memory.
    for fields in Field::ALL.chunks(16) {
        let rows = if tier == Tier::Raw {
            let boot = index.boots.get(&entry.boot).map(|(_, name)| name.clone());
            let boot = boot.ok_or_else(|| Fault::broken("its boot is not known"))?;
            Taken::read(&source, len, boot, fields)?.seqs.len()
        } else {
            let start = start_ms(tier, key.1);
            Grid::read(&source, len, (tier, start), fields)?.heads.len()
        };
        if rows != entry.count as usize {
            return Err(Fault::broken("it has not as many rows as its directory says"));
        }
    }
    Ok(())
}

fn extras(tx: &ReadTransaction, checked: &mut Checked) -> Result<(), Fault> {
    for entry in tx.open_table(BOOTS)?.iter()? {
        let (number, bytes) = entry?;
        checked.note(|| format!("boot {}", number.value()), Boot::read(bytes.value()))?;
    }
    let (events, facts, usages) =
        (tx.open_table(EVENTS)?, tx.open_table(FACTS)?, tx.open_table(USAGES)?);
    for entry in events.iter()? {
        let (key, bytes) = entry?;
        let event = from_json::<shared::history::Event>(bytes.value());
        checked.note(|| format!("event {:?}", key.value()), event)?;
    }
    for entry in facts.iter()? {
        let (key, bytes) = entry?;
        let facts = from_json::<shared::history::FactsAt>(bytes.value());
        checked.note(|| format!("facts {:?}", key.value()), facts)?;
    }
    for entry in usages.iter()? {
        let (key, bytes) = entry?;
        checked.note(|| format!("sweep {:?}", key.value()), to_usage(bytes.value()))?;
    }
    checked.events = events.len()?;
    checked.facts = facts.len()?;
    checked.usages = usages.len()?;
    Ok(())
}
