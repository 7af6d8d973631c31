//! The readings that the head may still need: those it does not hold yet, for hours if it is away, and
//! those it does, since a head that starts anew has lost them: until they are on disk, or for five minutes
//! if the head keeps no history; and those of the last two minutes, for the black box. Does no I/O, and
//! is told the time.
//!
//! Readings lie packed in chunks. Its memory is bounded: when there is no room, first what the head holds
//! goes, what is on disk before the rest, then every other reading of an old chunk, again and again, so that what is older is coarser and
//! the newest is whole. What was dropped so is counted.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::mem::size_of;

use shared::black_box::SPAN_MS;
use shared::run::{Run, Span};
use shared::wire::{AgentReading, Thinned};

/// Bytes of memory at most.
const MOST_BYTES: usize = 2 << 20;
/// Readings of a chunk at most; a bit of a word for each.
const CHUNK: usize = 60;
/// A chunk that is as large takes no more: it must fit into a frame.
const CHUNK_BYTES: usize = 24 << 10;
/// How long what the head holds is kept for a head that starts anew: as long as a head remembers.
const HELD_US: u64 = 5 * 60 * 1_000_000;

/// What a black box tells of, in µs…
const BOX_US: u64 = SPAN_MS * 1000;
/// …by readings that are so far apart at least.
const APART_US: u64 = 950_000;

/// See the module.
#[derive(Default)]
pub(super) struct Outbox {
    /// Oldest first. Only the last one grows.
    chunks: VecDeque<Chunk>,
    /// The newest reading, which the next one is packed against.
    newest: Option<Box<AgentReading>>,
    /// Whether the head has said on this link that it tells what is on disk.
    keeps: bool,
    thinned: Thinned,
}

struct Chunk {
    run: Run,
    /// The sequence number of its first reading; the others follow in steps of `1 << level`.
    first: u64,
    /// How often every other reading of it was dropped.
    level: u32,
    /// When its newest reading was taken.
    until_us: u64,
    /// A bit for each reading that the head holds.
    held: u64,
    /// A bit for each reading that is on disk.
    durable: u64,
    /// A bit for each reading that was sent through the present link.
    sent: u64,
}

impl Outbox {
    /// Adds the newest reading.
    pub(super) fn push(&mut self, reading: &AgentReading) {
        let fits = |chunk: &Chunk| {
            chunk.level == 0
                && chunk.run.len() < CHUNK
                && chunk.run.bytes() < CHUNK_BYTES
                && chunk.first + chunk.run.len() as u64 == reading.seq
        };
        match (self.chunks.back_mut(), &mut self.newest) {
            (Some(chunk), Some(newest)) if fits(chunk) => {
                chunk.run.push(newest, reading);
                chunk.until_us = reading.uptime_us;
                newest.as_mut().clone_from(reading);
            }
            (last, newest) => {
                if let Some(last) = last {
                    last.run.shrink();
                }
                self.chunks.push_back(Chunk::of(&[reading], 0));
                *newest = Some(Box::new(reading.clone()));
            }
        }
        self.make_room();
    }

    /// A link begins: the head holds `held` of this boot, and nothing else.
    pub(super) fn begin(&mut self, held: &[Span]) {
        for chunk in &mut self.chunks {
            (chunk.held, chunk.durable, chunk.sent) = (0, 0, 0);
        }
        self.keeps = false;
        // Nothing goes yet: the head may be about to say that it tells what is on disk.
        self.mark_held(held);
    }

    /// The head has come to hold `spans`.
    pub(super) fn held(&mut self, spans: &[Span], now_us: u64) {
        self.mark_held(spans);
        let is_needed = |chunk: &Chunk| {
            chunk.held != chunk.all() || chunk.until_us.saturating_add(HELD_US) >= now_us
        };
        if !self.keeps {
            self.chunks.retain(is_needed);
        }
    }

    fn mark_held(&mut self, spans: &[Span]) {
        for chunk in &mut self.chunks {
            chunk.held |= spans.iter().fold(0, |bits, span| bits | chunk.bits(*span));
        }
    }

    /// The head has told what is on disk, and goes on telling it. Says whether anything went: what a
    /// black box may need stays.
    pub(super) fn durable(&mut self, spans: &[Span], now_us: u64) -> bool {
        self.keeps = true;
        for chunk in &mut self.chunks {
            chunk.durable |= spans.iter().fold(0, |bits, span| bits | chunk.bits(*span));
            chunk.held |= chunk.durable;
        }
        let before = self.chunks.len();
        // The last one grows: it goes when it is closed.
        let last = before.saturating_sub(1);
        let mut place = 0;
        self.chunks.retain(|chunk| {
            place += 1;
            let is_recent = chunk.until_us.saturating_add(BOX_US) >= now_us;
            chunk.durable != chunk.all() || place > last || is_recent
        });
        self.chunks.len() < before
    }

    /// All that may not be on disk, oldest first, with what shares a chunk with it.
    pub(super) fn readings(&self) -> impl Iterator<Item = AgentReading> {
        self.chunks.iter().flat_map(Chunk::readings)
    }

    /// The readings since `since_us`, oldest first: one a second at most, the newest [`Run::MOST`].
    pub(super) fn recent(&self, since_us: u64) -> Vec<AgentReading> {
        let mut recent: Vec<AgentReading> = Vec::new();
        for chunk in self.chunks.iter().filter(|chunk| chunk.until_us >= since_us) {
            for reading in chunk.readings() {
                let is_next = |last: &AgentReading| reading.uptime_us >= last.uptime_us + APART_US;
                if reading.uptime_us >= since_us && recent.last().is_none_or(is_next) {
                    recent.push(reading);
                }
            }
        }
        recent.split_off(recent.len().saturating_sub(Run::MOST))
    }

    /// A reading was sent by itself.
    pub(super) fn sent(&mut self, seq: u64) {
        if let Some(chunk) = self.chunks.iter_mut().rev().find(|chunk| chunk.first <= seq) {
            chunk.sent |= chunk.bits(Span { from: seq, to: seq });
        }
    }

    /// Counts as not sent what the head does not hold.
    pub(super) fn send_again(&mut self) {
        for chunk in &mut self.chunks {
            chunk.sent = chunk.held;
        }
    }

    /// The oldest readings that the head does not hold and that were not sent, and from where to where
    /// they reach. They count as sent from now on.
    pub(super) fn next_unheld(&mut self) -> Option<(Run, Span)> {
        let chunk = self.chunks.iter_mut().find(|chunk| chunk.open() != 0)?;
        let open = chunk.open();
        chunk.sent |= open;
        let bit = |index: u32| chunk.first + (u64::from(index) << chunk.level);
        let span = Span { from: bit(open.trailing_zeros()), to: bit(open.ilog2()) };
        if open == chunk.all() {
            return Some((chunk.run.clone(), span));
        }
        let readings = chunk.readings();
        Some((Run::of(picked(&readings, open)), span))
    }

    /// Whether there is something that was neither sent nor is held.
    pub(super) fn has_unsent(&self) -> bool {
        self.chunks.iter().any(|chunk| chunk.open() != 0)
    }

    /// Whether the head holds all of `span` that is still here.
    pub(super) fn is_held(&self, span: Span) -> bool {
        self.chunks.iter().all(|chunk| chunk.bits(span) & !chunk.held == 0)
    }

    /// Whether something was sent that the head does not hold yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.chunks.iter().any(|chunk| chunk.sent & !chunk.held != 0)
    }

    /// What was dropped for want of room before the head held it.
    pub(super) fn thinned(&self) -> Thinned {
        self.thinned
    }

    /// Bytes of memory that it takes, used or not.
    fn bytes(&self) -> usize {
        let chunks = self.chunks.capacity() * size_of::<Chunk>();
        let newest = self.newest.as_ref().map_or(0, |_| size_of::<AgentReading>());
        let runs = self.chunks.iter().map(|chunk| chunk.run.capacity());
        size_of::<Self>() + chunks + newest + runs.sum::<usize>()
    }

    fn make_room(&mut self) {
        while self.bytes() > MOST_BYTES && self.chunks.len() > 1 {
            let closed = self.chunks.len() - 1;
            let first =
                |is_done: fn(&Chunk) -> bool| self.chunks.iter().take(closed).position(is_done);
            let done = first(|chunk| chunk.durable == chunk.all())
                .or_else(|| first(|chunk| chunk.held == chunk.all()));
            match done {
                Some(done) => drop(self.chunks.remove(done)),
                None => self.thin(),
            }
        }
    }

    /// Drops every other reading of the oldest chunk among those that are as coarse and together take
    /// the most room: so each step back in time is twice as coarse, and takes about as much.
    fn thin(&mut self) {
        let closed = self.chunks.len() - 1;
        let mut rooms = [0; 64];
        for chunk in self.chunks.iter().take(closed) {
            rooms[chunk.level as usize] += chunk.run.capacity() + size_of::<Chunk>();
        }
        let largest = (0..rooms.len()).rev().max_by_key(|level| rooms[*level]).unwrap_or_default();
        let oldest = self.chunks.iter().position(|chunk| chunk.level as usize == largest);
        let Some(place) = oldest else { return };
        let Some(chunk) = self.chunks.remove(place) else { return };
        let is_single = chunk.run.len() == 1 || chunk.level >= 62;
        let kept = if is_single { 0 } else { 0x5555_5555_5555_5555 & chunk.all() };
        let readings = chunk.readings();
        for dropped in picked(&readings, chunk.all() & !kept & !chunk.held) {
            count(&mut self.thinned, dropped);
        }
        let mut coarse: Vec<&AgentReading> = picked(&readings, kept).collect();
        let bits = |bits: u64| (0..32).fold(0, |half, i| half | ((bits >> (2 * i)) & 1) << i);
        let mut marks = [chunk.held, chunk.durable, chunk.sent].map(bits);
        let level = chunk.level + 1;
        let Some(first) = coarse.first().map(|first| first.seq) else { return };
        // Small chunks are joined with the one before, for each begins with a whole reading.
        let before = place.checked_sub(1).filter(|&before| {
            let before = &self.chunks[before];
            before.level == level
                && before.first + ((before.run.len() as u64) << level) == first
                && before.run.len() + coarse.len() <= CHUNK
                && before.run.bytes() + chunk.run.bytes() / 2 <= CHUNK_BYTES
        });
        let old = before.and_then(|before| self.chunks.remove(before));
        let older = old.as_ref().map(Chunk::readings).unwrap_or_default();
        if let Some(old) = &old {
            for (bits, of_old) in marks.iter_mut().zip([old.held, old.durable, old.sent]) {
                *bits = *bits << old.run.len() | of_old;
            }
            coarse.splice(0..0, &older);
        }
        let [held, durable, sent] = marks;
        let joined = Chunk { held, durable, sent, ..Chunk::of(&coarse, level) };
        self.chunks.insert(before.unwrap_or(place), joined);
    }
}

impl Chunk {
    /// `readings` must not be empty.
    fn of(readings: &[&AgentReading], level: u32) -> Self {
        let mut run = Run::of(readings.iter().copied());
        run.shrink();
        let first = readings.first().map_or(0, |first| first.seq);
        let until_us = readings.last().map_or(0, |last| last.uptime_us);
        Self { run, first, level, until_us, held: 0, durable: 0, sent: 0 }
    }

    /// A bit for each reading.
    fn all(&self) -> u64 {
        (1 << self.run.len()) - 1
    }

    /// A bit for each reading that is neither held nor sent.
    fn open(&self) -> u64 {
        self.all() & !self.held & !self.sent
    }

    /// A bit for each reading that is in `span`.
    fn bits(&self, span: Span) -> u64 {
        let below = |seq: u64| {
            let count = seq.saturating_sub(self.first).div_ceil(1 << self.level);
            (1 << count.min(self.run.len() as u64)) - 1
        };
        below(span.to.saturating_add(1)) & !below(span.from)
    }

    fn readings(&self) -> Vec<AgentReading> {
        // What was packed here can be unpacked.
        self.run.readings().unwrap_or_default()
    }
}

/// The readings whose bits are set.
fn picked(readings: &[AgentReading], bits: u64) -> impl Iterator<Item = &AgentReading> {
    readings.iter().enumerate().filter(move |(i, _)| bits & (1 << i) != 0).map(|(_, it)| it)
}

fn count(thinned: &mut Thinned, dropped: &AgentReading) {
    let Thinned { readings, since_us, until_us } = thinned;
    *since_us = if *readings == 0 { dropped.uptime_us } else { dropped.uptime_us.min(*since_us) };
    *until_us = dropped.uptime_us.max(*until_us);
    *readings += 1;
}
