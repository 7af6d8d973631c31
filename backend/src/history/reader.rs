//! What is read of history, as of one moment.
//!
//! Readings that are not on disk yet can be given along: they are told as if they were, and those that
//! have come to be on disk meanwhile are told once.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use redb::ReadOnlyTable;
use shared::history::{Batch, Event, FactsAt, Kept, Tier, UsageAt};
use shared::{Field, NodeId};

use super::cell::Row;
use super::check::{self, Checked};
use super::chunk::Taken;
use super::copy::{self, Record};
use super::error::{Fault, StoreError};
use super::extra;
use super::grid::Grid;
use super::index::{ChunkRef, NodeIndex};
use super::lens::Lens;
use super::open::{BOOTS, guarded};
use super::segment::{PIECES, PieceKey};
use super::store::Snapshot;
use super::tiers::Times;
use super::work::{Boot, followers};

/// Readings that are asked for.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Of which node.
    pub node: &'a NodeId,
    /// When they were taken, by the head's clock: ms since 1970.
    pub span: Range<u64>,
    /// Of which only these fields are wanted.
    pub fields: &'a [Field],
    /// Readings that are not on disk yet.
    pub recent: &'a [Batch],
}

/// See the module.
pub struct Reader {
    pub(super) now: Arc<Snapshot>,
    pub(super) path: PathBuf,
}

type Pieces = ReadOnlyTable<PieceKey, &'static [u8]>;

impl Reader {
    fn guarded<R>(
        &self,
        work: impl FnOnce(&Snapshot) -> Result<R, Fault>,
    ) -> Result<R, StoreError> {
        guarded(|| work(&self.now)).map_err(|error| error.at(&self.path))
    }

    /// Every node of which there is something, in the order of their ids.
    pub fn nodes(&self) -> Result<Vec<NodeId>, StoreError> {
        Ok(self.now.index.ids.keys().cloned().collect())
    }

    /// What `node` was at `at_ms`, or when it was first known.
    pub fn facts(&self, node: &NodeId, at_ms: u64) -> Result<Option<FactsAt>, StoreError> {
        self.guarded(|now| extra::facts(&now.tx, &now.index, node, at_ms))
    }

    /// What happened in `span`, to `node` or to anyone, oldest first; of more than `most` the newest.
    pub fn events(
        &self,
        span: Range<u64>,
        node: Option<&NodeId>,
        most: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.guarded(|now| extra::events(&now.tx, span, node, most))
    }

    /// The last sweep over `node` in `span`.
    pub fn usage(&self, node: &NodeId, span: Range<u64>) -> Result<Option<UsageAt>, StoreError> {
        self.guarded(|now| extra::usage(&now.tx, &now.index, node, span))
    }

    /// Where `tier` begins: ms since 1970; `None` if there is nothing of it on disk.
    pub fn oldest_ms(&self, tier: Tier) -> Result<Option<u64>, StoreError> {
        let mut of_tier = self.now.index.of(tier);
        // A slot begins with what is late, or goes on into the next: so the first ones are looked at.
        let Some(first) = of_tier.next() else { return Ok(None) };
        let others = of_tier.take_while(|(key, _)| key.1 == first.0.1);
        Ok(others.map(|(_, segment)| segment.first_ms).chain([first.1.first_ms]).min())
    }

    /// The readings, by their time, with the name of their boot.
    pub fn readings(
        &self,
        ask: &Ask<'_>,
        each: &mut dyn FnMut(&str, Kept) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Some(last_ms) = ask.span.end.checked_sub(1).filter(|last| *last >= ask.span.start)
        else {
            return Ok(());
        };
        self.guarded(|now| {
            let (node, pieces) = now.open(ask.node)?;
            let mut lens = now.lens(&node, &pieces, ask)?;
            for window in lens.windows(&(ask.span.start..=last_ms)) {
                let points = lens.points(&window, false)?;
                for point in &points.points {
                    let taken = &points.parts[point.part as usize];
                    if each(&taken.boot, taken.kept(point.row as usize, ask.fields)).is_break() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }

    /// The buckets that begin in the span, each `step_ms` wide, oldest first; empty ones are left out.
    /// They are made of `tier`, and of what is finer where that is not rolled up yet. `step_ms` must be
    /// a multiple of the tier's own; of raw readings it may be anything but 0.
    pub fn rows(
        &self,
        ask: &Ask<'_>,
        tier: Tier,
        step_ms: u64,
        each: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Some(times) = whole(&ask.span, step_ms.max(1)) else { return Ok(()) };
        self.guarded(|now| {
            let (node, pieces) = now.open(ask.node)?;
            let mut lens = now.lens(&node, &pieces, ask)?;
            let mut last = Grid::new(ask.fields.len());
            let mut tell = |grid: &Grid| {
                last.absorb(grid, step_ms);
                let whole = last.heads.len().saturating_sub(1);
                for n in 0..whole {
                    each(last.to_row(n))?;
                }
                last.keep_last();
                ControlFlow::Continue(())
            };
            if tier == Tier::Raw {
                for window in lens.windows(&times) {
                    if tell(&lens.of_readings(&window, step_ms)?).is_break() {
                        return Ok(());
                    }
                }
            } else {
                for slot in lens.slots(tier, &times) {
                    if tell(&lens.of_slot(tier, slot, step_ms, &times)?).is_break() {
                        return Ok(());
                    }
                }
            }
            if !last.heads.is_empty() {
                let _ = each(last.to_row(0));
            }
            Ok(())
        })
    }

    /// Looks at everything, and verifies every checksum. `progress` is told how much is done, of how
    /// much, in bytes, and may end it: then what was found so far is told.
    pub fn check(
        &self,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Checked, StoreError> {
        self.guarded(|now| check::check(&now.tx, &now.index, progress))
    }

    /// All of the store, for [`super::Store::restore`].
    pub fn records(
        &self,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.guarded(|now| copy::records(&now.tx, each))
    }
}

/// The times of the buckets that begin in `span`; `None` if there is none.
fn whole(span: &Range<u64>, step_ms: u64) -> Option<Times> {
    let first = span.start.div_ceil(step_ms).checked_mul(step_ms)?;
    let last = span.end.checked_sub(1)? / step_ms * step_ms;
    (first <= last).then(|| first..=last.saturating_add(step_ms - 1))
}

impl Snapshot {
    fn open(&self, node: &NodeId) -> Result<(Arc<NodeIndex>, Pieces), Fault> {
        let node = self.index.node(node).cloned().unwrap_or_default();
        Ok((node, self.tx.open_table(PIECES)?))
    }

    /// What is asked, with those recent readings that are not on disk.
    fn lens<'a>(
        &'a self,
        node: &'a NodeIndex,
        pieces: &'a Pieces,
        ask: &Ask<'a>,
    ) -> Result<Lens<'a, Pieces>, Fault> {
        let mut lens = Lens::new(pieces, &self.index, node, ask.fields);
        let mut by_boot: BTreeMap<&str, BTreeMap<u64, &Kept>> = BTreeMap::new();
        for batch in ask.recent.iter().filter(|batch| batch.node == *ask.node) {
            let boot = by_boot.entry(&batch.boot).or_default();
            for kept in &batch.readings {
                boot.entry(kept.seq).or_insert(kept);
            }
        }
        for (name, mut kept) in by_boot {
            let (number, on_disk) = self.boot(ask.node, name)?;
            if let Some(on_disk) = on_disk {
                kept.retain(|seq, _| !on_disk.spans.has(*seq));
            }
            let kept: Vec<&Kept> = kept.into_values().collect();
            let of_boot = |chunk: &&ChunkRef| Some(chunk.entry.boot) == number;
            let chunks = node.raw.iter().filter(of_boot).map(|chunk| (Arc::from(name), *chunk));
            let seqs: Vec<u64> = kept.iter().map(|kept| kept.seq).collect();
            lens.touched.extend(followers(pieces, chunks, &seqs)?);
            lens.touched.extend(kept.iter().map(|kept| kept.reading.at_ms));
            lens.recent.push(Rc::new(Taken::of(name.into(), &kept, ask.fields)));
        }
        lens.touched.sort_unstable();
        Ok(lens)
    }

    fn boot(&self, node: &NodeId, name: &str) -> Result<(Option<u32>, Option<Boot>), Fault> {
        let Some(&node) = self.index.ids.get(node) else { return Ok((None, None)) };
        let mut newest_first = self.index.boots.iter().rev();
        let Some((&number, _)) = newest_first.find(|(_, of)| of.0 == node && *of.1 == *name) else {
            return Ok((None, None));
        };
        let table = self.tx.open_table(BOOTS)?;
        let boot = table.get(number)?.map(|bytes| Boot::read(bytes.value())).transpose()?;
        Ok((Some(number), boot))
    }
}
