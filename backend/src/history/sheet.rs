//! A sheet: the columns of one chunk, each to be read by itself.
//!
//! It begins with a checksum of its head, the head's length, and the head: how many rows it has, and of
//! each column its number, how long it is, and whether it has gaps. Short columns follow there at once; the
//! others lie behind the head, each with a checksum of its own, so that only what is asked for is read.
//! Of those that are the same only the first does.
//! Of a column with gaps it is told first how many rows in turn lack it and know it.

use std::borrow::Cow;
use std::ops::Range;

use super::bytes::{Bytes, put};
use super::column;
use super::error::Fault;

/// Columns that are no longer than this lie in the head.
const SHORT: usize = 24;
const SUM: usize = 4;
/// Bytes of a head that are read at once.
const HEAD: usize = 1024;
/// Rows at most: a chunk is never longer, and what says so is broken.
pub(super) const MOST_ROWS: usize = 1 << 16;

const HAS_GAPS: u64 = 1;
const IS_SHORT: u64 = 2;
/// Told of a column that is the same as an earlier one: no column is as long. Which one follows.
const SAME_AS: u64 = u64::MAX >> 2;

/// Writes a sheet, column by column, in the order of their numbers.
pub(super) struct SheetWriter {
    rows: usize,
    next: u32,
    columns: u64,
    head: Vec<u8>,
    body: Vec<u8>,
    /// Where in `body` columns lie, and their numbers.
    long: Vec<(Range<usize>, u32)>,
}

impl SheetWriter {
    pub(super) fn new(rows: usize) -> Self {
        let (head, body, long) = (Vec::new(), Vec::new(), Vec::new());
        Self { rows, next: 0, columns: 0, head, body, long }
    }

    /// Adds column `id` without gaps. The number of `values` need not be that of rows: who reads it knows
    /// how many there are.
    pub(super) fn push(&mut self, id: u32, values: &[u64]) {
        if !values.is_empty() {
            let mut bytes = Vec::new();
            column::write(values, &mut bytes);
            self.add(id, bytes, 0);
        }
    }

    /// Adds column `id` where rows may lack it; nothing if all do.
    pub(super) fn push_known(&mut self, id: u32, values: &[Option<u64>]) {
        let known: Vec<u64> = values.iter().copied().flatten().collect();
        if known.len() == values.len() {
            return self.push(id, &known);
        }
        if known.is_empty() {
            return;
        }
        let mut runs = Vec::new();
        let mut count = 0;
        let mut rest = values;
        let mut is_known = false;
        while !rest.is_empty() {
            let run = rest.iter().take_while(|value| value.is_some() == is_known).count();
            put(run as u64, &mut runs);
            count += 1;
            is_known = !is_known;
            rest = &rest[run..];
        }
        let mut bytes = Vec::new();
        put(count, &mut bytes);
        bytes.extend(runs);
        column::write(&known, &mut bytes);
        self.add(id, bytes, HAS_GAPS);
    }

    fn add(&mut self, id: u32, bytes: Vec<u8>, gaps: u64) {
        put(u64::from(id - self.next), &mut self.head);
        self.next = id + 1;
        self.columns += 1;
        if bytes.len() <= SHORT {
            put((bytes.len() as u64) << 2 | IS_SHORT | gaps, &mut self.head);
            self.head.extend(bytes);
            return;
        }
        if let Some((_, same)) = self.long.iter().find(|(at, _)| self.body[at.clone()] == bytes) {
            put(SAME_AS << 2 | gaps, &mut self.head);
            put(u64::from(*same), &mut self.head);
            return;
        }
        put((bytes.len() as u64) << 2 | gaps, &mut self.head);
        let start = self.body.len();
        self.body.extend(&bytes);
        self.long.push((start..self.body.len(), id));
        self.body.extend(crc32fast::hash(&bytes).to_le_bytes());
    }

    /// The sheet, appended to `out`.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        let mut counts = Vec::new();
        put(self.rows as u64, &mut counts);
        put(self.columns, &mut counts);
        let mut head = Vec::new();
        put((counts.len() + self.head.len()) as u64, &mut head);
        head.extend(counts);
        head.extend(self.head);
        out.extend(crc32fast::hash(&head).to_le_bytes());
        out.extend(head);
        out.extend(self.body);
    }
}

/// Where the bytes of a sheet are.
pub(super) trait Source {
    /// `count` bytes from `at` on.
    fn bytes(&self, at: usize, count: usize) -> Result<Cow<'_, [u8]>, Fault>;
}

impl Source for [u8] {
    fn bytes(&self, at: usize, count: usize) -> Result<Cow<'_, [u8]>, Fault> {
        let bytes = self.get(at..).and_then(|rest| rest.get(..count));
        bytes.map(Cow::Borrowed).ok_or_else(|| Fault::broken("it is cut short"))
    }
}

#[derive(Clone, Copy)]
struct Place {
    id: u32,
    /// In the head, or in the whole sheet.
    at: usize,
    len: usize,
    is_short: bool,
    has_gaps: bool,
}

/// A column with gaps: which rows know it.
pub(super) type Gaps = Option<Vec<bool>>;

/// A sheet that is read.
pub(super) struct Sheet<'a, S: Source + ?Sized> {
    source: &'a S,
    /// How many rows it has.
    pub(super) rows: usize,
    head: Vec<u8>,
    places: Vec<Place>,
}

impl<'a, S: Source + ?Sized> Sheet<'a, S> {
    /// The sheet of `len` bytes that `source` holds.
    pub(super) fn open(source: &'a S, len: usize) -> Result<Self, Fault> {
        let first = source.bytes(0, len.min(HEAD))?;
        let mut bytes = Bytes(&first);
        let sum = bytes.word()?;
        let told = bytes.0.len();
        let head_len: usize = bytes.small()?;
        let ahead = told - bytes.0.len();
        let end = head_len.checked_add(SUM + ahead).filter(|&end| end <= len);
        let end = end.ok_or_else(|| Fault::broken("it is cut short"))?;
        let all = if end <= first.len() { first } else { source.bytes(0, end)? };
        let head = &all[SUM..end];
        if crc32fast::hash(head) != sum {
            return Err(Fault::broken("the checksum of its head is wrong"));
        }
        let head = head[ahead..].to_vec();
        let mut bytes = Bytes(&head);
        let rows: usize = bytes.small()?;
        let columns = bytes.number()?;
        if rows > MOST_ROWS {
            return Err(Fault::broken("it has too many rows"));
        }
        let mut places = Vec::new();
        let mut next = 0_u32;
        let mut body = end;
        for _ in 0..columns {
            let id = bytes.small::<u32>()?.checked_add(next);
            let id = id.ok_or_else(|| Fault::broken("it has too many columns"))?;
            next = id.saturating_add(1);
            let told = bytes.number()?;
            let has_gaps = told & HAS_GAPS != 0;
            if told >> 2 == SAME_AS {
                let same: u32 = bytes.small()?;
                let found = places.binary_search_by_key(&same, |place: &Place| place.id);
                let place = found.map(|found| Place { id, has_gaps, ..places[found] });
                places.push(place.map_err(|_| Fault::broken("a column is as none is"))?);
                continue;
            }
            let column_len = usize::try_from(told >> 2).unwrap_or(usize::MAX);
            let is_short = told & IS_SHORT != 0;
            let at = if is_short { head.len() - bytes.0.len() } else { body };
            if is_short {
                bytes.take(column_len)?;
            } else {
                body = body.saturating_add(column_len).saturating_add(SUM);
            }
            places.push(Place { id, at, len: column_len, is_short, has_gaps });
        }
        if body > len || !bytes.0.is_empty() {
            return Err(Fault::broken("its columns are not as long as its head says"));
        }
        Ok(Self { source, rows, head, places })
    }

    fn place(&self, id: u32) -> Option<&Place> {
        self.places.binary_search_by_key(&id, |place| place.id).ok().map(|at| &self.places[at])
    }

    fn column(&self, place: &Place) -> Result<Cow<'_, [u8]>, Fault> {
        if place.is_short {
            return Ok(Cow::Borrowed(&self.head[place.at..place.at + place.len]));
        }
        let bytes = self.source.bytes(place.at, place.len + SUM)?;
        let (column, sum) = bytes.split_at(place.len);
        if crc32fast::hash(column).to_le_bytes() != sum {
            return Err(Fault::broken(format!("the checksum of column {} is wrong", place.id)));
        }
        Ok(match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..place.len]),
            Cow::Owned(mut bytes) => {
                bytes.truncate(place.len);
                Cow::Owned(bytes)
            }
        })
    }

    /// Column `id`, which has `count` numbers and no gaps; `None` if it was not written.
    pub(super) fn read(&self, id: u32, count: usize) -> Result<Option<Vec<u64>>, Fault> {
        let Some(place) = self.place(id) else { return Ok(None) };
        if place.has_gaps {
            return Err(Fault::broken(format!("column {id} has gaps")));
        }
        column::read(&self.column(place)?, count).map(Some)
    }

    /// Column `id`, and which rows know it; 0 where they do not. `None` if no row does.
    pub(super) fn read_known(&self, id: u32) -> Result<Option<(Vec<u64>, Gaps)>, Fault> {
        let Some(place) = self.place(id) else { return Ok(None) };
        let column = self.column(place)?;
        if !place.has_gaps {
            return Ok(Some((column::read(&column, self.rows)?, None)));
        }
        let mut bytes = Bytes(&column);
        let mut known = Vec::with_capacity(self.rows);
        for run in 0..bytes.number()? {
            let until = known.len().saturating_add(bytes.small()?);
            if until > self.rows {
                return Err(Fault::broken(format!("column {id} has too many rows")));
            }
            known.resize(until, run % 2 == 1);
        }
        known.resize(self.rows, false);
        let count = known.iter().filter(|&&known| known).count();
        let mut dense = column::read(bytes.0, count)?.into_iter();
        let value = |&known: &bool| if known { dense.next() } else { None }.unwrap_or(0);
        Ok(Some((known.iter().map(value).collect(), Some(known))))
    }

    /// Reads all of it, to see whether that can be done.
    pub(super) fn verify(&self) -> Result<(), Fault> {
        for place in &self.places {
            self.column(place)?;
        }
        Ok(())
    }
}
