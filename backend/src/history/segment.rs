//! Segments: the chunks of all nodes that one commit wrote for one slot, laid end to end.
//!
//! They are cut into pieces that fill pages of the file: a page is a power of two of 4096 bytes, and what
//! does not fill one is written all the same. A directory, apart from them, tells whose each chunk is.

use std::borrow::Cow;
use std::cell::RefCell;

use redb::{AccessGuard, ReadableTable, Table, TableDefinition};
use shared::history::Tier;

use super::bytes::{Bytes, fold, put, seal, unfold, unseal};
use super::error::Fault;
use super::sheet::Source;

/// Which segment: how fine (the finest last, so that what is written most often lies at the end), which
/// slot, and the how-manieth of it.
pub(super) type Key = (u8, u64, u32);
/// Which piece: the segment, and the how-manieth of it.
pub(super) type PieceKey = (u8, u64, u32, u16);

pub(super) const SEGMENTS: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("segments");
pub(super) const PIECES: TableDefinition<'_, PieceKey, &[u8]> = TableDefinition::new("pieces");

/// A page of redb.
pub(super) const PAGE: u64 = 4096;
/// What a page holds besides the one value in it: its own head, where the value ends, and its key.
const PAGE_OVERHEAD: usize = 4 + 4 + 15;
/// Pages of the largest piece.
const MOST_PAGES: usize = 8;
/// Bytes of a segment at most; more goes to the next.
pub(super) const MOST_BYTES: usize = 32 << 20;

/// How fine a segment of this key is.
pub(super) fn tier_of(key: u8) -> Option<Tier> {
    Tier::ALL.into_iter().find(|&tier| tier_key(tier) == key)
}

pub(super) fn tier_key(tier: Tier) -> u8 {
    Tier::TwoHours as u8 - tier as u8
}

/// Bytes that fill `pages` pages.
const fn fill(pages: usize) -> usize {
    pages * PAGE as usize - PAGE_OVERHEAD
}

/// Bytes of the next piece, when `rest` bytes are left.
fn piece_len(rest: usize) -> usize {
    let mut pages = MOST_PAGES;
    while pages > 1 && fill(pages) > rest {
        pages /= 2;
    }
    rest.min(fill(pages))
}

/// Bytes of pages that a segment of `bytes` bytes takes.
pub(super) fn on_disk(bytes: u64) -> u64 {
    let full = bytes / fill(MOST_PAGES) as u64;
    let mut rest = (bytes % fill(MOST_PAGES) as u64) as usize;
    let mut pages = full * MOST_PAGES as u64;
    while rest > 0 {
        let len = piece_len(rest);
        pages += ((len + PAGE_OVERHEAD) as u64).div_ceil(PAGE);
        rest -= len;
    }
    pages * PAGE
}

/// Whose a chunk is, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) node: u32,
    /// 0 in roll-ups, which all boots share.
    pub(super) boot: u32,
    /// From the beginning of the segment.
    pub(super) at: u64,
    pub(super) len: u32,
    /// Rows.
    pub(super) count: u32,
    /// When it begins and ends: the first and the last bucket, or the earliest and the latest reading.
    pub(super) first_ms: u64,
    pub(super) last_ms: u64,
    /// The least and the largest number of a reading; 0 in roll-ups.
    pub(super) min_seq: u64,
    pub(super) max_seq: u64,
}

/// A directory as bytes.
fn write_directory(entries: &[Entry]) -> Vec<u8> {
    let mut body = Vec::new();
    put(entries.len() as u64, &mut body);
    let (mut node, mut first_ms) = (0, 0);
    for entry in entries {
        put(u64::from(entry.node.wrapping_sub(node)), &mut body);
        put(u64::from(entry.boot), &mut body);
        put(u64::from(entry.len), &mut body);
        put(u64::from(entry.count), &mut body);
        put(fold(entry.first_ms.wrapping_sub(first_ms) as i64), &mut body);
        put(entry.last_ms.wrapping_sub(entry.first_ms), &mut body);
        put(entry.min_seq, &mut body);
        put(entry.max_seq.wrapping_sub(entry.min_seq), &mut body);
        (node, first_ms) = (entry.node, entry.first_ms);
    }
    seal(&body)
}

/// The opposite of [`write_directory`].
pub(super) fn read_directory(bytes: &[u8]) -> Result<Vec<Entry>, Fault> {
    let mut bytes = Bytes(unseal(bytes)?);
    let count = bytes.number()?;
    let mut entries: Vec<Entry> = Vec::new();
    let (mut node, mut first_ms, mut at) = (0_u32, 0_u64, 0_u64);
    for _ in 0..count {
        node = node.wrapping_add(bytes.small()?);
        let boot = bytes.small()?;
        let len: u32 = bytes.small()?;
        let rows = bytes.small()?;
        first_ms = first_ms.wrapping_add(unfold(bytes.number()?) as u64);
        let last_ms = first_ms.wrapping_add(bytes.number()?);
        let min_seq = bytes.number()?;
        let max_seq = min_seq.wrapping_add(bytes.number()?);
        entries.push(Entry {
            node,
            boot,
            at,
            len,
            count: rows,
            first_ms,
            last_ms,
            min_seq,
            max_seq,
        });
        at = at.saturating_add(u64::from(len));
    }
    Ok(entries)
}

/// A segment that is written, chunk by chunk.
pub(super) struct SegmentWriter {
    key: Key,
    entries: Vec<Entry>,
    /// What is not a piece yet.
    rest: Vec<u8>,
    pieces: u16,
    bytes: u64,
}

impl SegmentWriter {
    pub(super) fn new(key: Key) -> Self {
        Self { key, entries: Vec::new(), rest: Vec::new(), pieces: 0, bytes: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MOST_BYTES as u64
    }

    /// Adds a chunk. Where it lies, and how long it is, is found out here.
    pub(super) fn add(
        &mut self,
        pieces: &mut Table<'_, PieceKey, &'static [u8]>,
        entry: Entry,
        chunk: &[u8],
    ) -> Result<(), Fault> {
        self.entries.push(Entry { at: self.bytes, len: chunk.len() as u32, ..entry });
        self.bytes += chunk.len() as u64;
        self.rest.extend_from_slice(chunk);
        while self.rest.len() >= fill(MOST_PAGES) {
            self.cut(pieces, fill(MOST_PAGES))?;
        }
        Ok(())
    }

    fn cut(
        &mut self,
        pieces: &mut Table<'_, PieceKey, &'static [u8]>,
        len: usize,
    ) -> Result<(), Fault> {
        let (tier, slot, batch) = self.key;
        pieces.insert((tier, slot, batch, self.pieces), &self.rest[..len])?;
        self.rest.drain(..len);
        self.pieces += 1;
        Ok(())
    }

    /// Writes what is left, and the directory: what is in it.
    pub(super) fn finish(
        mut self,
        pieces: &mut Table<'_, PieceKey, &'static [u8]>,
        segments: &mut Table<'_, Key, &'static [u8]>,
    ) -> Result<(Key, Vec<Entry>), Fault> {
        while !self.rest.is_empty() {
            self.cut(pieces, piece_len(self.rest.len()))?;
        }
        segments.insert(self.key, write_directory(&self.entries).as_slice())?;
        Ok((self.key, self.entries))
    }
}

/// Removes a segment of so many bytes.
pub(super) fn remove(
    pieces: &mut Table<'_, PieceKey, &'static [u8]>,
    segments: &mut Table<'_, Key, &'static [u8]>,
    key: Key,
) -> Result<(), Fault> {
    let (tier, slot, batch) = key;
    let all = (tier, slot, batch, 0)..=(tier, slot, batch, u16::MAX);
    pieces.retain_in(all, |_, _| false)?;
    segments.remove(key)?;
    Ok(())
}

/// A piece, and which.
type Piece<'t> = (u16, AccessGuard<'t, &'static [u8]>);

/// A chunk on disk.
pub(super) struct Chunk<'t, T> {
    pieces: &'t T,
    key: Key,
    /// Where it begins in the segment.
    at: u64,
    len: u32,
    /// Bytes of the whole segment.
    total: u64,
    /// The piece that was read last: what is read next is mostly in the same.
    last: RefCell<Option<Piece<'t>>>,
}

impl<'t, T: ReadableTable<PieceKey, &'static [u8]>> Chunk<'t, T> {
    /// The chunk that `entry` tells of, in a segment of `total` bytes.
    pub(super) fn new(pieces: &'t T, key: Key, entry: &Entry, total: u64) -> Self {
        Self { pieces, key, at: entry.at, len: entry.len, total, last: RefCell::new(None) }
    }

    /// Does something with a piece.
    fn with<R>(&self, piece: u16, work: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        let mut last = self.last.borrow_mut();
        if last.as_ref().is_none_or(|(number, _)| *number != piece) {
            let (tier, slot, batch) = self.key;
            let found = self.pieces.get((tier, slot, batch, piece))?;
            let found = found.ok_or_else(|| Fault::broken(format!("piece {piece} is missing")))?;
            *last = Some((piece, found));
        }
        Ok(work(last.as_ref().map(|(_, guard)| guard.value()).unwrap_or_default()))
    }
}

impl<T: ReadableTable<PieceKey, &'static [u8]>> Source for Chunk<'_, T> {
    fn bytes(&self, at: usize, count: usize) -> Result<Cow<'_, [u8]>, Fault> {
        if at.checked_add(count).is_none_or(|end| end > self.len as usize) {
            return Err(Fault::broken("it is cut short"));
        }
        let mut bytes = Vec::with_capacity(count);
        let mut from = self.at as usize + at;
        while bytes.len() < count {
            let (piece, start) = place(from, self.total as usize);
            let before = bytes.len();
            self.with(piece, |all| {
                let part = all.get(from - start..).unwrap_or_default();
                bytes.extend_from_slice(&part[..part.len().min(count - before)]);
            })?;
            if bytes.len() == before {
                return Err(Fault::broken(format!("piece {piece} is cut short")));
            }
            from += bytes.len() - before;
        }
        Ok(Cow::Owned(bytes))
    }
}

/// Which piece of a segment of `total` bytes byte `at` is in, and where that one begins.
fn place(at: usize, total: usize) -> (u16, usize) {
    let full = (at / fill(MOST_PAGES)).min(total / fill(MOST_PAGES));
    let (mut piece, mut start) = (full, full * fill(MOST_PAGES));
    loop {
        let len = piece_len(total - start);
        if len == 0 || at < start + len {
            return (piece as u16, start);
        }
        piece += 1;
        start += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_byte_is_in_its_piece(total in 1_usize..300_000) {
            let (mut rest, mut piece, mut start) = (total, 0, 0);
            while rest > 0 {
                let len = piece_len(rest);
                for at in [start, start + len / 2, start + len - 1] {
                    prop_assert_eq!(place(at, total), (piece, start));
                }
                rest -= len;
                start += len;
                piece += 1;
            }
        }

        #[test]
        fn a_directory_is_read_as_it_was_written(
            of in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<u32>(), any::<u64>()), 0..9),
        ) {
            let mut at = 0;
            let mut entries = Vec::new();
            for (node, boot, len, time) in of {
                let (first_ms, last_ms) = (time, time.saturating_add(u64::from(len)));
                let (min_seq, max_seq) = (time / 3, time / 2);
                let count = boot / 2;
                entries.push(Entry { node, boot, at, len, count, first_ms, last_ms, min_seq, max_seq });
                at += u64::from(len);
            }
            prop_assert_eq!(read_directory(&write_directory(&entries)).unwrap(), entries);
        }

        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..99)) {
            read_directory(&bytes).ok();
            if bytes.len() > 4 {
                let sum = crc32fast::hash(&bytes[4..]).to_le_bytes();
                bytes[..4].copy_from_slice(&sum);
                read_directory(&bytes).ok();
            }
        }
    }
}
