//! Buckets of one node that follow each other, and the chunks they are kept in.

use shared::Field;
use shared::field::Kind;
use shared::history::Tier;

use super::cell::{Cell, Row};
use super::error::Fault;
use super::sheet::{Sheet, SheetWriter, Source};
use super::tiers::Times;

const NUMBER: u32 = 0;
const COUNT: u32 = 1;
const UPTIME: u32 = 2;
/// What most counters of a row are weighted by, less by how much uptime rose since the row before.
const WEIGHT: u32 = 3;
/// The first field; the others follow in the order of their ids, [`STRIDE`] columns each.
const FIELDS: u32 = 8;
const STRIDE: u32 = 8;
/// The least…
const MIN: u32 = 0;
/// …the most, less the least, unless all are alike…
const RANGE: u32 = 1;
/// …the sum, less what it is at least, of those rows whose least and most do not tell it already…
const SUM: u32 = 2;
/// …what it is weighted by, less what is usual in its row, unless all are as usual…
const OWN_WEIGHT: u32 = 3;
/// …or the sum of all rows, where least and most tell less than they should.
const FULL_SUM: u32 = 4;

/// What a bucket knows besides its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) at_ms: u64,
    pub(super) count: u32,
    pub(super) uptime_us: u64,
}

/// Buckets, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Grid {
    /// Cells of a bucket.
    pub(super) width: usize,
    pub(super) heads: Vec<Head>,
    /// Those of the first bucket, then those of the next.
    pub(super) cells: Vec<Option<Cell>>,
}

impl Grid {
    pub(super) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Takes in a bucket that is no earlier than the last one.
    pub(super) fn add(&mut self, head: Head, cells: &[Option<Cell>]) {
        let place = self.open(head);
        for (cell, other) in self.cells[place * self.width..].iter_mut().zip(cells) {
            merge(cell, *other);
        }
    }

    /// Makes the last bucket that of `head`, or begins it; its place.
    pub(super) fn open(&mut self, head: Head) -> usize {
        match self.heads.last_mut() {
            Some(last) if last.at_ms == head.at_ms => {
                last.count = last.count.saturating_add(head.count);
                last.uptime_us = head.uptime_us;
            }
            _ => {
                self.heads.push(head);
                self.cells.resize(self.heads.len() * self.width, None);
            }
        }
        self.heads.len() - 1
    }

    /// Takes in buckets that are no earlier than the last one, made `step_ms` wide.
    pub(super) fn absorb(&mut self, other: &Self, step_ms: u64) {
        for (n, head) in other.heads.iter().enumerate() {
            self.add(Head { at_ms: head.at_ms / step_ms * step_ms, ..*head }, other.row(n));
        }
    }

    /// The same, but only of buckets that begin within `times`.
    pub(super) fn absorb_within(&mut self, other: &Self, step_ms: u64, times: &Times) {
        for (n, head) in other.heads.iter().enumerate() {
            if times.contains(&head.at_ms) {
                self.add(Head { at_ms: head.at_ms / step_ms * step_ms, ..*head }, other.row(n));
            }
        }
    }

    /// The cells of bucket `n`.
    pub(super) fn row(&self, n: usize) -> &[Option<Cell>] {
        &self.cells[n * self.width..(n + 1) * self.width]
    }

    /// Buckets of both, where one may lie before, between or within those of the other. The uptime is
    /// that of whichever booted longer ago where they share one.
    pub(super) fn mix(&self, other: &Self) -> Self {
        let mut mixed = Self::new(self.width);
        let (mut a, mut b) = (0, 0);
        while a < self.heads.len() || b < other.heads.len() {
            let at = |grid: &Self, n: usize| grid.heads.get(n).map_or(u64::MAX, |head| head.at_ms);
            let takes_other =
                b < other.heads.len() && (a == self.heads.len() || at(other, b) < at(self, a));
            let (grid, n) = if takes_other { (other, &mut b) } else { (self, &mut a) };
            let last_us = mixed.heads.last().map(|last| (last.at_ms, last.uptime_us));
            mixed.add(grid.heads[*n], grid.row(*n));
            if let (Some((at_ms, uptime_us)), Some(last)) = (last_us, mixed.heads.last_mut())
                && at_ms == last.at_ms
            {
                last.uptime_us = last.uptime_us.max(uptime_us);
            }
            *n += 1;
        }
        mixed
    }

    /// Forgets all but the last bucket.
    pub(super) fn keep_last(&mut self) {
        let gone = self.heads.len().saturating_sub(1);
        self.heads.drain(..gone);
        self.cells.drain(..gone * self.width);
    }

    /// Bucket `n` on its own.
    pub(super) fn to_row(&self, n: usize) -> Row {
        let Head { at_ms, count, uptime_us } = self.heads[n];
        Row { at_ms, count, uptime_us, cells: self.row(n).to_vec() }
    }
}

/// Takes `other` into `cell`.
pub(super) fn merge(cell: &mut Option<Cell>, other: Option<Cell>) {
    match (cell.as_mut(), other) {
        (Some(cell), Some(other)) => cell.merge(other),
        (None, other) => *cell = other,
        (Some(_), None) => {}
    }
}

/// What a sum is at least, by its least value; it is no more if that is the most, too.
fn least_sum(kind: Kind, min: u64, weight: u64) -> u64 {
    match kind {
        Kind::Gauge => min.saturating_mul(weight),
        Kind::Counter => {
            let sum = u128::from(min) * u128::from(weight) / 1_000_000;
            u64::try_from(sum).unwrap_or(u64::MAX)
        }
    }
}

/// Whether a bucket's least and most tell its sum, which is what [`least_sum`] says.
fn tells_sum(kind: Kind, min: u64, max: u64) -> bool {
    min == max && (kind == Kind::Gauge || max == 0)
}

/// Writes the chunk of one node in one slot, some fields at a time.
pub(super) struct GridWriter {
    sheet: SheetWriter,
    heads: Vec<Head>,
    /// For each row, what most counters are weighted by.
    weights: Vec<u64>,
}

impl GridWriter {
    /// Begins the chunk of a slot that begins at `slot_ms`. `weights` is what [`Grid::weights`] says.
    pub(super) fn new(tier: Tier, slot_ms: u64, heads: &[Head], weights: Vec<u64>) -> Self {
        let mut sheet = SheetWriter::new(heads.len());
        let column = |of: &dyn Fn(&Head) -> u64| heads.iter().map(of).collect::<Vec<u64>>();
        sheet.push(NUMBER, &column(&|head| (head.at_ms - slot_ms) / tier.step_ms()));
        sheet.push(COUNT, &column(&|head| u64::from(head.count)));
        sheet.push(UPTIME, &column(&|head| head.uptime_us));
        let rises = rises(heads);
        let told: Vec<u64> = weights.iter().zip(&rises).map(|(w, r)| w.wrapping_sub(*r)).collect();
        sheet.push(WEIGHT, &told);
        Self { sheet, heads: heads.to_vec(), weights }
    }

    /// Adds field number `n` of `grid`, whose buckets must be those it was begun with. Fields come in the
    /// order of their ids.
    pub(super) fn push(&mut self, field: Field, grid: &Grid, n: usize) {
        let kind = field.def().kind;
        let cells: Vec<Option<Cell>> =
            (0..self.heads.len()).map(|row| grid.cells[row * grid.width + n]).collect();
        let id = FIELDS + field as u32 * STRIDE;
        let mins: Vec<Option<u64>> = cells.iter().map(|cell| cell.map(|cell| cell.min)).collect();
        self.sheet.push_known(id + MIN, &mins);
        let known = || cells.iter().enumerate().filter_map(|(row, cell)| Some((row, (*cell)?)));
        let ranges: Vec<u64> = known().map(|(_, cell)| cell.max.wrapping_sub(cell.min)).collect();
        self.push_unless_0(id + RANGE, &ranges);
        let rest = |cell: &Cell| cell.sum.wrapping_sub(least_sum(kind, cell.min, cell.weight));
        let is_told = |cell: &Cell| tells_sum(kind, cell.min, cell.max);
        let full = known().any(|(_, cell)| is_told(&cell) && rest(&cell) != 0);
        let sums = known().filter(|(_, cell)| full || !is_told(cell));
        let sums: Vec<u64> = sums.map(|(_, cell)| rest(&cell)).collect();
        if !full {
            self.push_unless_0(id + SUM, &sums);
        }
        let usual = |row: usize| match kind {
            Kind::Gauge => u64::from(self.heads[row].count),
            Kind::Counter => self.weights[row],
        };
        let weights: Vec<u64> =
            known().map(|(row, cell)| cell.weight.wrapping_sub(usual(row))).collect();
        self.push_unless_0(id + OWN_WEIGHT, &weights);
        if full {
            self.push_unless_0(id + FULL_SUM, &sums);
        }
    }

    fn push_unless_0(&mut self, id: u32, values: &[u64]) {
        if values.iter().any(|&value| value != 0) {
            self.sheet.push(id, values);
        }
    }

    /// The chunk, appended to `out`.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        self.sheet.finish(out);
    }
}

fn rises(heads: &[Head]) -> Vec<u64> {
    let mut last_us = 0;
    let rise = |head: &Head| {
        let rise = head.uptime_us.wrapping_sub(last_us);
        last_us = head.uptime_us;
        rise
    };
    heads.iter().map(rise).collect()
}

impl Grid {
    /// For each bucket what a counter is weighted by there: the one that is `field` number `n`.
    pub(super) fn weights(&self, n: Option<usize>) -> Vec<u64> {
        let rises = rises(&self.heads).into_iter().enumerate();
        let of = |(row, rise): (usize, u64)| {
            let cell = n.and_then(|n| self.cells[row * self.width + n]);
            cell.map_or(rise, |cell: Cell| cell.weight)
        };
        rises.map(of).collect()
    }

    /// The buckets of a chunk of `len` bytes, of a slot that begins at `slot_ms`.
    pub(super) fn read<S: Source + ?Sized>(
        source: &S,
        len: usize,
        (tier, slot_ms): (Tier, u64),
        fields: &[Field],
    ) -> Result<Self, Fault> {
        let sheet = Sheet::open(source, len)?;
        let column = |id| {
            let column = sheet.read(id, sheet.rows)?;
            column.ok_or_else(|| Fault::broken(format!("it lacks column {id}")))
        };
        let (numbers, counts, uptimes) = (column(NUMBER)?, column(COUNT)?, column(UPTIME)?);
        let mut grid = Self::new(fields.len());
        for ((number, count), uptime_us) in numbers.into_iter().zip(counts).zip(uptimes) {
            let at_ms = number.checked_mul(tier.step_ms()).and_then(|ms| ms.checked_add(slot_ms));
            let at_ms = at_ms.ok_or_else(|| Fault::broken("a bucket lies beyond all time"))?;
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            grid.heads.push(Head { at_ms, count, uptime_us });
        }
        grid.cells.resize(grid.heads.len() * fields.len(), None);
        let mut weights = Vec::new();
        if fields.iter().any(|field| field.def().kind == Kind::Counter) {
            let told = column(WEIGHT)?.into_iter().zip(rises(&grid.heads));
            weights = told.map(|(told, rise)| told.wrapping_add(rise)).collect();
        }
        for (n, &field) in fields.iter().enumerate() {
            grid.read_field(&sheet, field, n, &weights)?;
        }
        Ok(grid)
    }

    fn read_field<S: Source + ?Sized>(
        &mut self,
        sheet: &Sheet<'_, S>,
        field: Field,
        n: usize,
        weights: &[u64],
    ) -> Result<(), Fault> {
        let kind = field.def().kind;
        let id = FIELDS + field as u32 * STRIDE;
        let Some((mins, gaps)) = sheet.read_known(id + MIN)? else { return Ok(()) };
        let is_known = |row: usize| gaps.as_ref().is_none_or(|known| known[row]);
        let known: Vec<usize> = (0..sheet.rows).filter(|&row| is_known(row)).collect();
        let count = known.len();
        let ranges = sheet.read(id + RANGE, count)?;
        let own = sheet.read(id + OWN_WEIGHT, count)?;
        let range = |at: usize| ranges.as_ref().map_or(0, |ranges| ranges[at]);
        let max = |at: usize| mins[known[at]].wrapping_add(range(at));
        let is_told = |at: usize| tells_sum(kind, mins[known[at]], max(at));
        let told = (0..count).filter(|&at| is_told(at)).count();
        let full = sheet.read(id + FULL_SUM, count)?;
        let some = if full.is_none() { sheet.read(id + SUM, count - told)? } else { None };
        let mut some_at = 0;
        for (at, &row) in known.iter().enumerate() {
            let min = mins[row];
            let usual = match kind {
                Kind::Gauge => u64::from(self.heads[row].count),
                Kind::Counter => weights[row],
            };
            let weight = own.as_ref().map_or(0, |own| own[at]).wrapping_add(usual);
            let rest = match (&full, &some) {
                (Some(full), _) => full[at],
                (None, Some(some)) if !is_told(at) => {
                    some_at += 1;
                    some[some_at - 1]
                }
                _ => 0,
            };
            let sum = least_sum(kind, min, weight).wrapping_add(rest);
            self.cells[row * self.width + n] = Some(Cell { min, max: max(at), sum, weight });
        }
        Ok(())
    }
}
