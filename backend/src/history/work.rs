//! One commit, while it is made: what comes is written, what is over is rolled up, what is too old goes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use redb::{ReadableTable, Table, WriteTransaction};
use shared::NodeId;
use shared::history::{Batch, Durable, Kept, Tier};

use super::bytes::{Bytes, put, seal, unseal};
use super::chunk::{self, Taken};
use super::error::Fault;
use super::index::{ChunkRef, Index, NodeIndex};
use super::open::{BOOTS, EVENTS, FACTS, META, NODES, USAGES};
use super::segment::{Chunk, Entry, Key, PIECES, PieceKey, SEGMENTS, SegmentWriter};
use super::spans::Spans;
use super::tiers::{RAW_REACH, ROLLED, slot_ms};

/// Readings of a chunk at most.
const MOST_READINGS: usize = 4096;
/// Slots that are written to at the same time at most.
const MOST_OPEN: usize = 6;
/// In [`META`]: [`Index::floors`].
pub(super) const FLOORS: &str = "floors";
/// In [`META`]: [`Index::extra_bytes`].
pub(super) const EXTRA_BYTES: &str = "extra_bytes";

/// A boot, as it is on disk.
pub(super) struct Boot {
    pub(super) node: u32,
    pub(super) name: Arc<str>,
    /// When its latest reading was taken.
    pub(super) last_ms: u64,
    pub(super) spans: Spans,
}

impl Boot {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(u64::from(self.node), &mut bytes);
        put(self.name.len() as u64, &mut bytes);
        bytes.extend(self.name.as_bytes());
        put(self.last_ms, &mut bytes);
        self.spans.write(&mut bytes);
        seal(&bytes)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut bytes = Bytes(unseal(bytes)?);
        let node = bytes.small()?;
        let len = bytes.small()?;
        let name = std::str::from_utf8(bytes.take(len)?);
        let name = name.map_err(|_| Fault::broken("the name of a boot is no text"))?.into();
        Ok(Self { node, name, last_ms: bytes.number()?, spans: Spans::read(&mut bytes)? })
    }
}

/// See the module.
pub(super) struct Work<'t> {
    pub(super) index: Index,
    pub(super) pieces: Table<'t, PieceKey, &'static [u8]>,
    pub(super) segments: Table<'t, Key, &'static [u8]>,
    pub(super) meta: Table<'t, &'static str, &'static [u8]>,
    nodes: Table<'t, u32, &'static [u8]>,
    pub(super) boots: Table<'t, u32, &'static [u8]>,
    pub(super) events: Table<'t, (u64, u32), &'static [u8]>,
    pub(super) facts: Table<'t, (u32, u64), &'static [u8]>,
    pub(super) usages: Table<'t, (u64, u32), &'static [u8]>,
    /// Boots that were written to.
    changed: BTreeMap<u32, Boot>,
    /// Numbers of boots by node and name.
    numbers: HashMap<(u32, Arc<str>), u32>,
    open: BTreeMap<u64, SegmentWriter>,
    /// Chunks of readings of this commit, by node.
    pub(super) fresh: BTreeMap<u32, Vec<ChunkRef>>,
    /// What was rolled up before, and has to be anew: tier, slot, node.
    pub(super) late: BTreeSet<(Tier, u64, u32)>,
    /// Whether there is anything to commit.
    pub(super) has_changed: bool,
    /// What is broken, and was left out.
    pub(super) broken: Vec<String>,
    /// Tiers that lost something before its time.
    pub(super) lost: BTreeSet<Tier>,
}

impl<'t> Work<'t> {
    pub(super) fn begin(tx: &'t WriteTransaction, mut index: Index) -> Result<Self, Fault> {
        // What was found broken when it was opened is told once.
        let broken = std::mem::take(&mut index.damage);
        let numbers = index.boots.iter();
        let numbers = numbers.map(|(n, (node, name))| ((*node, name.clone()), *n)).collect();
        Ok(Self {
            index,
            pieces: tx.open_table(PIECES)?,
            segments: tx.open_table(SEGMENTS)?,
            meta: tx.open_table(META)?,
            nodes: tx.open_table(NODES)?,
            boots: tx.open_table(BOOTS)?,
            events: tx.open_table(EVENTS)?,
            facts: tx.open_table(FACTS)?,
            usages: tx.open_table(USAGES)?,
            changed: BTreeMap::new(),
            numbers,
            open: BTreeMap::new(),
            fresh: BTreeMap::new(),
            late: BTreeSet::new(),
            has_changed: false,
            broken,
            lost: BTreeSet::new(),
        })
    }

    /// The number of `node`, which it gets if it has none.
    pub(super) fn node(&mut self, node: &NodeId) -> Result<u32, Fault> {
        if let Some(&number) = self.index.ids.get(node) {
            return Ok(number);
        }
        let number = self.index.ids.values().max().map_or(0, |last| last + 1);
        let bytes = seal(&[&number.to_le_bytes(), node.as_str().as_bytes()].concat());
        self.nodes.insert(number, bytes.as_slice())?;
        Arc::make_mut(&mut self.index.ids).insert(node.clone(), number);
        self.has_changed = true;
        Ok(number)
    }

    /// The number of a boot, of which `changed` knows all from now on.
    fn boot(&mut self, node: u32, name: &str) -> Result<u32, Fault> {
        let name: Arc<str> = name.into();
        if let Some(&number) = self.numbers.get(&(node, name.clone())) {
            if !self.changed.contains_key(&number) {
                let boot = match self.boots.get(number)? {
                    Some(bytes) => Boot::read(bytes.value())?,
                    None => Boot { node, name, last_ms: 0, spans: Spans::default() },
                };
                self.changed.insert(number, boot);
            }
            return Ok(number);
        }
        let number = self.index.boots.keys().next_back().map_or(1, |last| last + 1);
        Arc::make_mut(&mut self.index.boots).insert(number, (node, name.clone()));
        self.numbers.insert((node, name.clone()), number);
        self.changed.insert(number, Boot { node, name, last_ms: 0, spans: Spans::default() });
        Ok(number)
    }

    /// Writes the readings of a batch, but for those that are on disk already.
    pub(super) fn append(&mut self, batch: Batch) -> Result<(), Fault> {
        if batch.readings.is_empty() {
            return Ok(());
        }
        let node = self.node(&batch.node)?;
        let number = self.boot(node, &batch.boot)?;
        let mut kept = batch.readings;
        if !kept.is_sorted_by_key(|kept| kept.seq) {
            kept.sort_by_key(|kept| kept.seq);
        }
        if let Some(boot) = self.changed.get_mut(&number) {
            kept.retain(|kept| boot.spans.add(kept.seq));
            let last_ms = kept.iter().map(|kept| kept.reading.at_ms).max().unwrap_or(0);
            boot.last_ms = boot.last_ms.max(last_ms);
        }
        self.find_late(node, number, &kept)?;
        let mut rest = &kept[..];
        while let Some(first) = rest.first() {
            let slot = first.reading.at_ms / slot_ms(Tier::Raw);
            let is_in = |kept: &Kept| {
                (slot..slot + RAW_REACH).contains(&(kept.reading.at_ms / slot_ms(Tier::Raw)))
            };
            let count = rest.iter().take(MOST_READINGS).take_while(|kept| is_in(kept)).count();
            let (chunk, others) = rest.split_at(count);
            self.write(node, number, slot, chunk)?;
            rest = others;
        }
        Ok(())
    }

    fn write(&mut self, node: u32, boot: u32, slot: u64, kept: &[Kept]) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        chunk::write(kept, &mut bytes);
        let times = || kept.iter().map(|kept| kept.reading.at_ms);
        let entry = Entry {
            node,
            boot,
            at: 0,
            len: 0,
            count: kept.len() as u32,
            first_ms: times().min().unwrap_or(0),
            last_ms: times().max().unwrap_or(0),
            min_seq: kept[0].seq,
            max_seq: kept[kept.len() - 1].seq,
        };
        if self.open.get(&slot).is_some_and(SegmentWriter::is_full) {
            self.close(slot)?;
        }
        if !self.open.contains_key(&slot) && self.open.len() >= MOST_OPEN {
            let oldest = self.open.keys().next().copied().unwrap_or(slot);
            self.close(oldest)?;
        }
        let key = self.index.next_key(Tier::Raw, slot);
        let writer = self.open.entry(slot).or_insert_with(|| SegmentWriter::new(key));
        writer.add(&mut self.pieces, entry, &bytes)?;
        Ok(())
    }

    fn close(&mut self, slot: u64) -> Result<(), Fault> {
        let Some(writer) = self.open.remove(&slot) else { return Ok(()) };
        let (key, entries) = writer.finish(&mut self.pieces, &mut self.segments)?;
        self.index.add(key, &entries);
        let total = entries.iter().map(|entry| u64::from(entry.len)).sum();
        for entry in entries {
            self.fresh.entry(entry.node).or_default().push(ChunkRef { key, total, entry });
        }
        self.has_changed = true;
        Ok(())
    }

    /// Writes what is left of all readings.
    pub(super) fn close_all(&mut self) -> Result<(), Fault> {
        while let Some(&slot) = self.open.keys().next() {
            self.close(slot)?;
        }
        Ok(())
    }

    /// Notes which slots that were rolled up already are changed by `kept`.
    fn find_late(&mut self, node: u32, boot: u32, kept: &[Kept]) -> Result<(), Fault> {
        let Some(index) = self.index.nodes.get(&node).cloned() else { return Ok(()) };
        let mut times: Vec<u64> = kept.iter().map(|kept| kept.reading.at_ms).collect();
        let source = |chunk: &ChunkRef| (self.index.boot(boot), *chunk);
        let chunks = index.raw.iter().filter(|chunk| chunk.entry.boot == boot).map(source);
        let seqs: Vec<u64> = kept.iter().map(|kept| kept.seq).collect();
        times.extend(followers(&self.pieces, chunks, &seqs)?);
        for tier in ROLLED {
            let mut last = None;
            for at_ms in &times {
                let slot = at_ms / slot_ms(tier);
                if last.replace(slot) != Some(slot) && index.rolled(tier, slot).is_some() {
                    self.late.insert((tier, slot, node));
                }
            }
        }
        Ok(())
    }

    /// Writes down what is known of boots; for each all of its readings that are on disk.
    pub(super) fn close_boots(&mut self) -> Result<Vec<Durable>, Fault> {
        let ids: HashMap<u32, &NodeId> = self.index.ids.iter().map(|(id, n)| (*n, id)).collect();
        let mut durable = Vec::new();
        for (number, boot) in &self.changed {
            let bytes = boot.write();
            if self.boots.get(number)?.is_none_or(|old| old.value() != bytes) {
                self.boots.insert(number, bytes.as_slice())?;
                self.has_changed = true;
            }
            if let Some(&node) = ids.get(&boot.node) {
                let (node, boot_name) = (node.clone(), boot.name.to_string());
                durable.push(Durable { node, boot: boot_name, spans: boot.spans.told() });
            }
        }
        Ok(durable)
    }

    /// What there is of a node.
    pub(super) fn of_node(&self, node: u32) -> Arc<NodeIndex> {
        self.index.nodes.get(&node).cloned().unwrap_or_default()
    }
}

/// When those readings on disk were taken that follow, within their boot, those numbered `seqs`, which
/// are in order.
pub(super) fn followers(
    pieces: &impl ReadableTable<PieceKey, &'static [u8]>,
    chunks: impl Iterator<Item = (Arc<str>, ChunkRef)>,
    seqs: &[u64],
) -> Result<Vec<u64>, Fault> {
    let Some(&first) = seqs.first() else { return Ok(Vec::new()) };
    let mut on_disk = Vec::new();
    for (boot, chunk) in chunks.filter(|(_, chunk)| chunk.entry.max_seq > first) {
        let ChunkRef { key, total, entry } = chunk;
        let source = Chunk::new(pieces, key, &entry, total);
        match Taken::read(&source, entry.len as usize, boot, &[]) {
            Ok(taken) => on_disk.extend(taken.seqs.iter().copied().zip(taken.at_ms)),
            // What follows cannot be told where it is broken.
            Err(Fault::Broken(_)) => {}
            Err(error) => return Err(error),
        }
    }
    on_disk.sort_unstable();
    let follower = |seq: &u64| {
        let next = on_disk.partition_point(|(other, _)| other < seq);
        on_disk.get(next).map(|(_, at_ms)| *at_ms)
    };
    Ok(seqs.iter().filter_map(follower).collect())
}
