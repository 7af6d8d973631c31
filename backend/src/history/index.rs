//! What there is on disk, in memory: where each chunk lies. Read once, when the store is opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable};
use shared::NodeId;
use shared::history::Tier;

use super::bytes::unseal;
use super::error::Fault;
use super::open::{BOOTS, META, NODES};
use super::segment::{self, Entry, Key, SEGMENTS, on_disk, tier_key, tier_of};
use super::tiers::ROLLED;
use super::work::{Boot, EXTRA_BYTES, FLOORS};

/// A chunk, and the segment that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkRef {
    pub(super) key: Key,
    /// Bytes of the segment.
    pub(super) total: u64,
    pub(super) entry: Entry,
}

/// What there is of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeIndex {
    /// Chunks of readings, in the order of their segments.
    pub(super) raw: Vec<ChunkRef>,
    /// For each tier of [`ROLLED`], and each slot, the chunk that counts.
    pub(super) rolled: [BTreeMap<u64, ChunkRef>; ROLLED.len()],
}

impl NodeIndex {
    /// The chunk of a slot of a tier of buckets.
    pub(super) fn rolled(&self, tier: Tier, slot: u64) -> Option<&ChunkRef> {
        self.of(tier)?.get(&slot)
    }

    /// The chunks of a tier of buckets.
    pub(super) fn of(&self, tier: Tier) -> Option<&BTreeMap<u64, ChunkRef>> {
        self.rolled.get((tier as usize).checked_sub(1)?)
    }

    fn add(&mut self, chunk: ChunkRef, tier: Tier) {
        let Some(rolled) = (tier as usize).checked_sub(1) else { return self.raw.push(chunk) };
        let old = self.rolled[rolled].entry(chunk.key.1).or_insert(chunk);
        if old.key.2 <= chunk.key.2 {
            *old = chunk;
        }
    }

    fn remove(&mut self, key: Key, tier: Tier) {
        let Some(rolled) = (tier as usize).checked_sub(1) else {
            return self.raw.retain(|chunk| chunk.key != key);
        };
        if self.rolled[rolled].get(&key.1).is_some_and(|chunk| chunk.key == key) {
            self.rolled[rolled].remove(&key.1);
        }
    }

    fn is_empty(&self) -> bool {
        self.raw.is_empty() && self.rolled.iter().all(BTreeMap::is_empty)
    }
}

/// A segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Bytes on disk, that is, of whole pages.
    pub(super) on_disk: u64,
    pub(super) first_ms: u64,
    pub(super) last_ms: u64,
}

/// See the module. Clones share what is not changed afterwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub(super) nodes: BTreeMap<u32, Arc<NodeIndex>>,
    pub(super) segments: Arc<BTreeMap<Key, Segment>>,
    pub(super) ids: Arc<BTreeMap<NodeId, u32>>,
    /// Whose each boot is, and its name.
    pub(super) boots: Arc<BTreeMap<u32, (u32, Arc<str>)>>,
    /// What of each tier lies before this, or some of it, was removed: ms since 1970.
    pub(super) floors: [u64; Tier::ALL.len()],
    /// Bytes of all that is no reading and no bucket.
    pub(super) extra_bytes: u64,
    /// Directories and boots that are not what was written.
    pub(super) damage: Vec<String>,
}

impl Index {
    /// Reads what there is.
    pub(super) fn read(tx: &ReadTransaction) -> Result<Self, Fault> {
        let mut index = Self::default();
        for entry in tx.open_table(NODES)?.iter()? {
            let (number, bytes) = entry?;
            let number = number.value();
            let id = unseal(bytes.value())?.strip_prefix(&number.to_le_bytes());
            let id = id.and_then(|id| String::from_utf8(id.to_vec()).ok());
            let id = id.and_then(|id| NodeId::try_from(id).ok());
            let id = id.ok_or_else(|| Fault::broken(format!("node {number} has no id")))?;
            Arc::make_mut(&mut index.ids).insert(id, number);
        }
        for entry in tx.open_table(BOOTS)?.iter()? {
            let (number, bytes) = entry?;
            let (node, name) = match Boot::read(bytes.value()) {
                Ok(boot) => (boot.node, boot.name),
                // Its readings are still there, and its number is taken.
                Err(error) => {
                    index.damage.push(format!("boot {}: {error}", number.value()));
                    (u32::MAX, "damaged".into())
                }
            };
            Arc::make_mut(&mut index.boots).insert(number.value(), (node, name));
        }
        let meta = tx.open_table(META)?;
        if let Some(floors) = meta.get(FLOORS)? {
            for (floor, bytes) in index.floors.iter_mut().zip(floors.value().chunks_exact(8)) {
                *floor = bytes.try_into().map_or(0, u64::from_le_bytes);
            }
        }
        if let Some(bytes) = meta.get(EXTRA_BYTES)? {
            index.extra_bytes = bytes.value().try_into().map_or(0, u64::from_le_bytes);
        }
        index.read_directories(&tx.open_table(SEGMENTS)?)?;
        Ok(index)
    }

    fn read_directories(
        &mut self,
        table: &impl ReadableTable<Key, &'static [u8]>,
    ) -> Result<(), Fault> {
        for segment in table.iter()? {
            let (key, value) = segment?;
            let key = key.value();
            let entries = segment::read_directory(value.value());
            match (entries, tier_of(key.0)) {
                (Ok(entries), Some(_)) => self.add(key, &entries),
                (Err(error), _) => self.damage.push(format!("{}: {error}", name(key))),
                (_, None) => self.damage.push(format!("{}: no such tier", name(key))),
            }
        }
        Ok(())
    }

    /// Adds a segment.
    pub(super) fn add(&mut self, key: Key, entries: &[Entry]) {
        let Some(tier) = tier_of(key.0) else { return };
        let total = entries.iter().map(|entry| u64::from(entry.len)).sum();
        for &entry in entries {
            let node = self.nodes.entry(entry.node).or_default();
            Arc::make_mut(node).add(ChunkRef { key, total, entry }, tier);
        }
        let first_ms = entries.iter().map(|entry| entry.first_ms).min().unwrap_or(0);
        let last_ms = entries.iter().map(|entry| entry.last_ms).max().unwrap_or(0);
        let segment = Segment { on_disk: on_disk(total), first_ms, last_ms };
        Arc::make_mut(&mut self.segments).insert(key, segment);
    }

    /// Takes a segment out.
    pub(super) fn remove(&mut self, key: Key) {
        let Some(tier) = tier_of(key.0) else { return };
        Arc::make_mut(&mut self.segments).remove(&key);
        for node in self.nodes.values_mut() {
            Arc::make_mut(node).remove(key, tier);
        }
        self.nodes.retain(|_, node| !node.is_empty());
    }

    /// What there is of `node`, if anything.
    pub(super) fn node(&self, node: &NodeId) -> Option<&Arc<NodeIndex>> {
        self.nodes.get(self.ids.get(node)?)
    }

    /// The segments of a tier, oldest first.
    pub(super) fn of(&self, tier: Tier) -> impl DoubleEndedIterator<Item = (Key, &Segment)> {
        let tier = tier_key(tier);
        self.segments.range((tier, 0, 0)..=(tier, u64::MAX, u32::MAX)).map(|(key, seg)| (*key, seg))
    }

    /// Bytes on disk of a tier.
    pub(super) fn bytes(&self, tier: Tier) -> u64 {
        self.of(tier).map(|(_, segment)| segment.on_disk).sum()
    }

    /// The key of one more segment of a slot.
    pub(super) fn next_key(&self, tier: Tier, slot: u64) -> Key {
        let tier = tier_key(tier);
        let last = self.segments.range((tier, slot, 0)..=(tier, slot, u32::MAX)).next_back();
        (tier, slot, last.map_or(0, |(key, _)| key.2.saturating_add(1)))
    }

    /// The name of a boot.
    pub(super) fn boot(&self, boot: u32) -> Arc<str> {
        self.boots.get(&boot).map_or_else(|| "".into(), |(_, name)| name.clone())
    }
}

/// What a segment is called where it is broken.
pub(super) fn name(key: Key) -> String {
    let tier = tier_of(key.0).map_or("?", Tier::name);
    format!("segment {tier} {}.{}", key.1, key.2)
}
