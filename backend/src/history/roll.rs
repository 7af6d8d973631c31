//! Readings become buckets, and buckets coarser ones, when the slot they are in is over.

use std::collections::{BTreeMap, BTreeSet};

use shared::Field;
use shared::history::Tier;

use super::error::Fault;
use super::grid::{Grid, GridWriter};
use super::index::NodeIndex;
use super::lens::Lens;
use super::segment::{Entry, SegmentWriter};
use super::tiers::{self, ROLLED, finer, is_over, slot_ms, slots, start_ms};
use super::work::Work;

/// Fields that are rolled up at once: all of them would take much memory.
const FIELDS: usize = 16;

impl Work<'_> {
    /// Rolls up what is over by `now_ms` and is not yet, and what is late.
    pub(super) fn roll(&mut self, now_ms: u64) -> Result<(), Fault> {
        for tier in ROLLED {
            let mut jobs: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
            for &(_, slot, node) in self.late.iter().filter(|late| late.0 == tier) {
                jobs.entry(slot).or_default().insert(node);
            }
            for (slot, node) in self.due(tier, now_ms) {
                jobs.entry(slot).or_default().insert(node);
            }
            for (slot, nodes) in jobs {
                self.roll_slot(tier, slot, &nodes)?;
            }
        }
        Ok(())
    }

    /// What is over and not rolled up.
    fn due(&self, tier: Tier, now_ms: u64) -> Vec<(u64, u32)> {
        let mut due = Vec::new();
        for (&number, node) in &self.index.nodes {
            let mut found = BTreeSet::new();
            if finer(tier) == Tier::Raw {
                for chunk in &node.raw {
                    found.extend(slots(tier, &(chunk.entry.first_ms..=chunk.entry.last_ms)));
                }
            } else if let Some(rolled) = node.of(finer(tier)) {
                let of_slot = |slot: &u64| start_ms(finer(tier), *slot) / slot_ms(tier);
                found.extend(rolled.keys().map(of_slot));
            }
            let is_due =
                |slot: &u64| is_over(tier, *slot, now_ms) && node.rolled(tier, *slot).is_none();
            due.extend(found.into_iter().filter(is_due).map(|slot| (slot, number)));
        }
        due
    }

    fn roll_slot(&mut self, tier: Tier, slot: u64, nodes: &BTreeSet<u32>) -> Result<(), Fault> {
        let mut writer = SegmentWriter::new(self.index.next_key(tier, slot));
        let mut is_empty = true;
        for &node in nodes {
            if let Some((entry, bytes)) = self.roll_node(tier, slot, node)? {
                writer.add(&mut self.pieces, entry, &bytes)?;
                is_empty = false;
            }
        }
        if !is_empty {
            let (key, entries) = writer.finish(&mut self.pieces, &mut self.segments)?;
            self.index.add(key, &entries);
            self.has_changed = true;
        }
        Ok(())
    }

    fn roll_node(
        &mut self,
        tier: Tier,
        slot: u64,
        node: u32,
    ) -> Result<Option<(Entry, Vec<u8>)>, Fault> {
        // The counter that is known nearly everywhere tells by what the others are weighted.
        let first = [Field::CpuTotal];
        let grid = self.buckets(tier, slot, node, &first)?;
        let (Some(head), Some(last)) = (grid.heads.first(), grid.heads.last()) else {
            return Ok(None);
        };
        let (first_ms, last_ms, count) = (head.at_ms, last.at_ms, grid.heads.len() as u32);
        let start = start_ms(tier, slot);
        let mut writer = GridWriter::new(tier, start, &grid.heads, grid.weights(Some(0)));
        for fields in Field::ALL.chunks(FIELDS) {
            let grid = self.buckets(tier, slot, node, fields)?;
            if grid.heads.len() == count as usize {
                for (n, &field) in fields.iter().enumerate() {
                    writer.push(field, &grid, n);
                }
            }
        }
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        let (boot, at, len, min_seq, max_seq) = (0, 0, 0, 0, 0);
        let entry = Entry { node, boot, at, len, count, first_ms, last_ms, min_seq, max_seq };
        Ok(Some((entry, bytes)))
    }

    /// The buckets of a slot, made anew.
    fn buckets(
        &mut self,
        tier: Tier,
        slot: u64,
        number: u32,
        fields: &[Field],
    ) -> Result<Grid, Fault> {
        let node = self.of_node(number);
        let times = tiers::times(tier, slot);
        let mut lens = Lens::new(&self.pieces, &self.index, &node, fields);
        lens.broken = Some(Vec::new());
        let chunk = node.rolled(tier, slot).copied();
        let grid = match chunk {
            // What it was made of is gone: what is new is added to it.
            Some(chunk) if !lens.has_finer(tier, slot) => {
                let rolled = lens.of_chunk(&chunk, tier, slot)?;
                let fresh = self.fresh.get(&number).map_or(&[][..], Vec::as_slice);
                let mut recent = Vec::new();
                for chunk in fresh {
                    recent.extend(lens.take(chunk)?);
                }
                let mut old = NodeIndex::clone(&node);
                old.raw.retain(|chunk| !fresh.contains(chunk));
                let mut lens = Lens::new(&self.pieces, &self.index, &old, fields);
                lens.recent = recent;
                lens.broken = Some(Vec::new());
                rolled.mix(&lens.only_recent(&times, tier.step_ms())?)
            }
            _ => lens.of_finer(tier, tier.step_ms(), &times)?,
        };
        for what in lens.broken.into_iter().flatten() {
            if !self.broken.contains(&what) {
                self.broken.push(what);
            }
        }
        Ok(grid)
    }
}
