//! One node's past, some fields of it: readings become buckets here, and finer buckets coarser ones.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use redb::ReadableTable;
use shared::Field;
use shared::field::Kind;
use shared::history::Tier;

use super::cell::Cell;
use super::chunk::Taken;
use super::error::Fault;
use super::grid::{Grid, Head, merge};
use super::index::{ChunkRef, Index, NodeIndex, name};
use super::segment::{Chunk, Key, PieceKey};
use super::tiers::{self, Times, common, finer, slots, start_ms};

/// Readings of so long are looked at at once, in ms: of few fields as much as a slot of ten seconds is
/// made of…
const WINDOW_MS: u64 = 7_200_000;
/// …and of more than so many fields less, for they take memory.
const FEW_FIELDS: usize = 16;

/// A reading, and the one before it of the same boot.
pub(super) struct Point {
    pub(super) at_ms: u64,
    pub(super) part: u32,
    pub(super) row: u32,
    before: Option<(u32, u32)>,
}

/// Readings by their time.
#[derive(Default)]
pub(super) struct Points {
    pub(super) parts: Vec<Rc<Taken>>,
    pub(super) points: Vec<Point>,
}

/// See the module.
pub(super) struct Lens<'a, T> {
    pub(super) pieces: &'a T,
    pub(super) index: &'a Index,
    pub(super) node: &'a NodeIndex,
    pub(super) fields: &'a [Field],
    /// Readings that are not on disk: by boot, and by their numbers, none of them on disk.
    pub(super) recent: Vec<Rc<Taken>>,
    /// When readings are whose buckets those change, in order.
    pub(super) touched: Vec<u64>,
    /// What is broken is left out, and told here; otherwise it is an error.
    pub(super) broken: Option<Vec<String>>,
    /// Chunks that were read last.
    cache: HashMap<(Key, u64), Rc<Taken>>,
}

impl<'a, T: ReadableTable<PieceKey, &'static [u8]>> Lens<'a, T> {
    pub(super) fn new(
        pieces: &'a T,
        index: &'a Index,
        node: &'a NodeIndex,
        fields: &'a [Field],
    ) -> Self {
        let (recent, touched) = (Vec::new(), Vec::new());
        Self { pieces, index, node, fields, recent, touched, broken: None, cache: HashMap::new() }
    }

    fn source(&self, chunk: &ChunkRef) -> Chunk<'a, T> {
        Chunk::new(self.pieces, chunk.key, &chunk.entry, chunk.total)
    }

    /// What came of reading `chunk`, unless it is broken and that is to be left out.
    fn sound<R>(&mut self, chunk: &ChunkRef, read: Result<R, Fault>) -> Result<Option<R>, Fault> {
        match read {
            Err(Fault::Broken(what)) => {
                let what = format!("{}: {what}", name(chunk.key));
                let Some(broken) = &mut self.broken else { return Err(Fault::Broken(what)) };
                broken.push(what);
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    pub(super) fn take(&mut self, chunk: &ChunkRef) -> Result<Option<Rc<Taken>>, Fault> {
        let place = (chunk.key, chunk.entry.at);
        if let Some(taken) = self.cache.get(&place) {
            return Ok(Some(taken.clone()));
        }
        let boot = self.index.boot(chunk.entry.boot);
        let len = chunk.entry.len as usize;
        let taken = Taken::read(&self.source(chunk), len, boot, self.fields);
        let Some(taken) = self.sound(chunk, taken)? else { return Ok(None) };
        let taken = Rc::new(taken);
        self.cache.insert(place, taken.clone());
        Ok(Some(taken))
    }

    /// The chunks that readings of `times` are in. With `before`, also those that the readings before
    /// them, of the same boots, are in.
    fn chunks(&self, times: &Times, before: bool) -> Vec<ChunkRef> {
        let is_in = |chunk: &&ChunkRef| {
            chunk.entry.first_ms <= *times.end() && chunk.entry.last_ms >= *times.start()
        };
        let mut chosen: Vec<ChunkRef> = self.node.raw.iter().filter(is_in).copied().collect();
        if !before {
            return chosen;
        }
        // Of each boot the least and the largest number that is in it.
        let mut spans: HashMap<&str, (u64, u64)> = HashMap::new();
        let boots: Vec<_> = chosen.iter().map(|chunk| self.index.boot(chunk.entry.boot)).collect();
        let of_chunks = chosen.iter().zip(&boots).map(|(chunk, boot)| {
            let (min, max) = (chunk.entry.min_seq, chunk.entry.max_seq);
            (&**boot, min, max)
        });
        let of_recent = self
            .recent
            .iter()
            .filter_map(|taken| Some((&*taken.boot, *taken.seqs.first()?, *taken.seqs.last()?)));
        for (boot, min, max) in of_chunks.chain(of_recent) {
            let span = spans.entry(boot).or_insert((min, max));
            *span = (span.0.min(min), span.1.max(max));
        }
        let mut more: Vec<ChunkRef> = Vec::new();
        for (boot, (min, max)) in spans {
            let of_boot = || {
                let is_of = |chunk: &&ChunkRef| *self.index.boot(chunk.entry.boot) == *boot;
                self.node.raw.iter().filter(is_of).filter(|chunk| !is_in(chunk))
            };
            more.extend(of_boot().filter(|c| c.entry.min_seq <= max && c.entry.max_seq >= min));
            let last = of_boot().filter(|chunk| chunk.entry.max_seq < min);
            more.extend(last.max_by_key(|chunk| chunk.entry.max_seq));
        }
        chosen.extend(more);
        chosen
    }

    /// The readings of `times`. With `before`, each with the one before it.
    pub(super) fn points(&mut self, times: &Times, before: bool) -> Result<Points, Fault> {
        let mut parts = Vec::new();
        for chunk in self.chunks(times, before) {
            parts.extend(self.take(&chunk)?);
        }
        self.cache.retain(|_, taken| parts.iter().any(|part| Rc::ptr_eq(part, taken)));
        parts.extend(self.recent.iter().filter(|taken| !taken.seqs.is_empty()).cloned());
        parts.sort_by(|a, b| (&a.boot, a.seqs[0]).cmp(&(&b.boot, b.seqs[0])));
        let mut points = Vec::new();
        for of_boot in group(&parts) {
            let count = of_boot.clone().map(|part| parts[part].seqs.len()).sum();
            let mut rows: Vec<(u32, u32)> = Vec::with_capacity(count);
            for part in of_boot.clone() {
                rows.extend((0..parts[part].seqs.len()).map(|row| (part as u32, row as u32)));
            }
            let seq = |&(part, row): &(u32, u32)| parts[part as usize].seqs[row as usize];
            if !rows.is_sorted_by_key(seq) {
                rows.sort_by_key(seq);
            }
            let mut last = None;
            for (part, row) in rows {
                let at_ms = parts[part as usize].at_ms[row as usize];
                if times.contains(&at_ms) {
                    points.push(Point { at_ms, part, row, before: last });
                }
                last = Some((part, row));
            }
        }
        // Boots are in the order of their names, and readings of each in the order of their numbers.
        if !points.is_sorted_by_key(|point| point.at_ms) {
            points.sort_by_key(|point| point.at_ms);
        }
        Ok(Points { parts, points })
    }

    /// When there may be readings within `times`, in stretches that follow each other.
    pub(super) fn windows(&self, times: &Times) -> Vec<Times> {
        let many = if self.fields.len() > FEW_FIELDS { 4 } else { 1 };
        let window_ms = WINDOW_MS / many;
        let mut windows = BTreeSet::new();
        let mut add = |some: Times| {
            if let Some(both) = common(&some, times) {
                windows.extend(both.start() / window_ms..=both.end() / window_ms);
            }
        };
        for chunk in &self.node.raw {
            add(chunk.entry.first_ms..=chunk.entry.last_ms);
        }
        for taken in &self.recent {
            for &at_ms in &taken.at_ms {
                add(at_ms..=at_ms);
            }
        }
        let window = |n: u64| {
            let start = n * window_ms;
            common(&(start..=start.saturating_add(window_ms - 1)), times)
        };
        windows.into_iter().filter_map(window).collect()
    }

    /// Readings of `times` in buckets of `step_ms`.
    pub(super) fn of_readings(&mut self, times: &Times, step_ms: u64) -> Result<Grid, Fault> {
        let mut grid = Grid::new(self.fields.len());
        let before = self.fields.iter().any(|field| field.def().kind == Kind::Counter);
        for window in self.windows(times) {
            let points = self.points(&window, before)?;
            points.fill(&mut grid, self.fields, step_ms);
        }
        Ok(grid)
    }

    /// Whether recent readings change buckets of `times`.
    fn is_touched(&self, times: &Times) -> bool {
        let next = self.touched.partition_point(|at_ms| at_ms < times.start());
        self.touched.get(next).is_some_and(|at_ms| times.contains(at_ms))
    }

    /// Buckets of a slot within `times`, made `step_ms` wide.
    pub(super) fn of_slot(
        &mut self,
        tier: Tier,
        slot: u64,
        step_ms: u64,
        times: &Times,
    ) -> Result<Grid, Fault> {
        let Some(times) = common(&tiers::times(tier, slot), times) else {
            return Ok(Grid::new(self.fields.len()));
        };
        let Some(chunk) = self.node.rolled(tier, slot).copied() else {
            return self.of_finer(tier, step_ms, &times);
        };
        let is_touched = self.is_touched(&tiers::times(tier, slot));
        if is_touched && self.has_finer(tier, slot) {
            return self.of_finer(tier, step_ms, &times);
        }
        let rolled = self.of_chunk(&chunk, tier, slot)?;
        let mut grid = Grid::new(self.fields.len());
        if is_touched {
            let recent = self.only_recent(&tiers::times(tier, slot), tier.step_ms())?;
            grid.absorb_within(&rolled.mix(&recent), step_ms, &times);
        } else {
            grid.absorb_within(&rolled, step_ms, &times);
        }
        Ok(grid)
    }

    /// Whether all is there that a slot is made of.
    pub(super) fn has_finer(&self, tier: Tier, slot: u64) -> bool {
        start_ms(tier, slot) >= self.index.floors[finer(tier) as usize]
    }

    /// The buckets of a chunk.
    pub(super) fn of_chunk(
        &mut self,
        chunk: &ChunkRef,
        tier: Tier,
        slot: u64,
    ) -> Result<Grid, Fault> {
        let (len, start) = (chunk.entry.len as usize, start_ms(tier, slot));
        let grid = Grid::read(&self.source(chunk), len, (tier, start), self.fields);
        let grid = self.sound(chunk, grid)?;
        Ok(grid.unwrap_or_else(|| Grid::new(self.fields.len())))
    }

    /// Buckets within `times` that are made of what is finer than `tier`.
    pub(super) fn of_finer(
        &mut self,
        tier: Tier,
        step_ms: u64,
        times: &Times,
    ) -> Result<Grid, Fault> {
        let finer = finer(tier);
        if finer == Tier::Raw {
            return self.of_readings(times, step_ms);
        }
        let mut grid = Grid::new(self.fields.len());
        for slot in self.slots(finer, times) {
            let part = self.of_slot(finer, slot, step_ms, times)?;
            grid.absorb(&part, step_ms);
        }
        Ok(grid)
    }

    /// Slots of a tier of buckets of which there may be something within `times`.
    pub(super) fn slots(&self, tier: Tier, times: &Times) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        let mut add = |some: Times| {
            if let Some(both) = common(&some, times) {
                found.extend(slots(tier, &both));
            }
        };
        for chunk in &self.node.raw {
            add(chunk.entry.first_ms..=chunk.entry.last_ms);
        }
        for finer in tiers::ROLLED.into_iter().filter(|&finer| finer <= tier) {
            for &slot in self.node.of(finer).into_iter().flatten().map(|(slot, _)| slot) {
                add(tiers::times(finer, slot));
            }
        }
        for taken in &self.recent {
            for &at_ms in &taken.at_ms {
                add(at_ms..=at_ms);
            }
        }
        found
    }

    /// Recent readings alone, in buckets.
    pub(super) fn only_recent(&mut self, times: &Times, step_ms: u64) -> Result<Grid, Fault> {
        // Those on disk only tell what was before.
        let points = self.points(times, true)?;
        let is_recent = |part: u32| {
            self.recent.iter().any(|taken| Rc::ptr_eq(taken, &points.parts[part as usize]))
        };
        let parts: Vec<bool> = (0..points.parts.len()).map(|n| is_recent(n as u32)).collect();
        let Points { parts: all, points } = points;
        let points = points.into_iter().filter(|point| parts[point.part as usize]).collect();
        let mut grid = Grid::new(self.fields.len());
        Points { parts: all, points }.fill(&mut grid, self.fields, step_ms);
        Ok(grid)
    }
}

/// Neighbours of the same boot.
fn group(parts: &[Rc<Taken>]) -> Vec<std::ops::Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    for of_boot in parts.chunk_by(|a, b| a.boot == b.boot) {
        groups.push(start..start + of_boot.len());
        start += of_boot.len();
    }
    groups
}

impl Points {
    /// Takes all of them into the buckets of `grid`, of which none may be later.
    fn fill(&self, grid: &mut Grid, fields: &[Field], step_ms: u64) {
        let mut places = Vec::with_capacity(self.points.len());
        for point in &self.points {
            let uptime_us = self.parts[point.part as usize].uptimes_us[point.row as usize];
            let at_ms = point.at_ms / step_ms * step_ms;
            places.push(grid.open(Head { at_ms, count: 1, uptime_us }));
        }
        for (n, field) in fields.iter().enumerate() {
            let kind = field.def().kind;
            for (point, place) in self.points.iter().zip(&places) {
                let cell = self.cell(kind, n, point);
                merge(&mut grid.cells[place * fields.len() + n], cell);
            }
        }
    }

    fn cell(&self, kind: Kind, n: usize, point: &Point) -> Option<Cell> {
        let taken = &self.parts[point.part as usize];
        let value = taken.get(n, point.row as usize)?;
        if kind == Kind::Gauge {
            return Some(Cell::of_gauge(value));
        }
        let (part, row) = point.before?;
        let before = &self.parts[part as usize];
        let old = before.get(n, row as usize)?;
        let from = (before.uptimes_us[row as usize], old);
        Cell::of_step(from, (taken.uptimes_us[point.row as usize], value))
    }
}
