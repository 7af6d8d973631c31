//! What a swarm counts, from all its threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::machine::UNLIKE;

/// Running totals.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Nodes that are welcome at present.
    pub(crate) connected: AtomicU64,
    /// Links that ended, for whatever reason.
    pub(crate) ended: AtomicU64,
    /// Readings that were sent once or more often.
    pub(crate) sent: AtomicU64,
    /// Readings that the head said it holds.
    pub(crate) held: AtomicU64,
    /// Bytes of messages to the head, and from it.
    pub(crate) payload_out: AtomicU64,
    pub(crate) payload_in: AtomicU64,
    /// Bytes of TCP, with handshakes, frames and TLS.
    pub(crate) wire_out: AtomicU64,
    pub(crate) wire_in: AtomicU64,
    refused: Mutex<BTreeMap<String, u64>>,
}

/// The totals at a moment, or their difference between two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) ended: u64,
    pub(crate) sent: u64,
    pub(crate) held: u64,
    pub(crate) payload_out: u64,
    pub(crate) payload_in: u64,
    pub(crate) wire_out: u64,
    pub(crate) wire_in: u64,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Relaxed);
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            ended: self.ended.load(Relaxed),
            sent: self.sent.load(Relaxed),
            held: self.held.load(Relaxed),
            payload_out: self.payload_out.load(Relaxed),
            payload_in: self.payload_in.load(Relaxed),
            wire_out: self.wire_out.load(Relaxed),
            wire_in: self.wire_in.load(Relaxed),
        }
    }

    /// The head turned a node away, or ended its link, and said why.
    pub(crate) fn refuse(&self, why: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        // Reasons that name a node are as many as there are nodes.
        if refused.len() < 50 || refused.contains_key(why) {
            *refused.entry(why.to_owned()).or_default() += 1;
        } else {
            *refused.entry("for other reasons".to_owned()).or_default() += 1;
        }
    }

    pub(crate) fn refused(&self) -> BTreeMap<String, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Totals {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            ended: self.ended - before.ended,
            sent: self.sent - before.sent,
            held: self.held - before.held,
            payload_out: self.payload_out - before.payload_out,
            payload_in: self.payload_in - before.payload_in,
            wire_out: self.wire_out - before.wire_out,
            wire_in: self.wire_in - before.wire_in,
        }
    }
}

/// The last readings of each node, known by what was available, and when they were taken.
#[derive(Debug)]
pub(crate) struct Taken {
    begun: Instant,
    /// Of each: available KiB, and below them 36 bits of µs since the swarm began, which is 19 hours.
    recent: Vec<[AtomicU64; UNLIKE]>,
}

const MICROS: u32 = 36;

impl Taken {
    pub(crate) fn of(nodes: usize) -> Self {
        let recent = std::iter::repeat_with(Default::default).take(nodes).collect();
        Self { begun: Instant::now(), recent }
    }

    /// Node `index` took reading number `seq`.
    pub(crate) fn note(&self, index: usize, seq: u64, available_kib: u64) {
        let micros = self.begun.elapsed().as_micros() as u64 & ((1 << MICROS) - 1);
        let place = seq as usize % UNLIKE;
        self.recent[index][place].store((available_kib << MICROS) | micros, Relaxed);
    }

    /// When that was; `None` if it is not among the last.
    pub(crate) fn when(&self, index: usize, available_kib: u64) -> Option<Instant> {
        let entries = self.recent.get(index)?.iter().map(|entry| entry.load(Relaxed));
        let micros = entries
            .filter(|entry| entry >> MICROS == available_kib)
            .map(|entry| entry & ((1 << MICROS) - 1))
            .max()?;
        Some(self.begun + Duration::from_micros(micros))
    }
}

/// Times, by the millisecond, up to a minute.
#[derive(Debug, Default)]
pub(crate) struct Times(Mutex<Vec<u32>>);

const MOST_MS: usize = 60_000;

/// How long something took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Spread {
    /// How often it was measured.
    pub(crate) count: u64,
    pub(crate) p50_ms: u64,
    pub(crate) p99_ms: u64,
    pub(crate) most_ms: u64,
}

impl Times {
    pub(crate) fn note(&self, all: impl IntoIterator<Item = Duration>) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.resize(MOST_MS + 1, 0);
        for time in all {
            // Rounded up: what took a moment took no less.
            let ms = time.as_micros().div_ceil(1000) as usize;
            times[ms.min(MOST_MS)] += 1;
        }
    }

    /// What was noted since the last time this was asked.
    pub(crate) fn take(&self) -> Spread {
        let times = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let count: u64 = times.iter().copied().map(u64::from).sum();
        let at = |share: f64| {
            let mut left = (count as f64 * share).ceil() as u64;
            let place = times.iter().position(|&many| {
                left = left.saturating_sub(many.into());
                left == 0
            });
            place.unwrap_or_default() as u64
        };
        Spread { count, p50_ms: at(0.5), p99_ms: at(0.99), most_ms: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Taken, Times};

    #[test]
    fn times_are_spread() {
        let times = Times::default();
        assert_eq!(times.take().count, 0);
        times.note((1..=100).map(Duration::from_millis));
        times.note([Duration::from_micros(100_001), Duration::from_secs(100)]);
        let spread = times.take();
        assert_eq!((spread.count, spread.p50_ms, spread.p99_ms), (102, 51, 101));
        assert_eq!(spread.most_ms, 60_000);
        assert_eq!(times.take().count, 0);
    }

    #[test]
    fn readings_are_known_again_while_they_are_young() {
        let taken = Taken::of(2);
        for seq in 0..10 {
            taken.note(1, seq, 1000 + seq);
        }
        assert!(taken.when(1, 1009).unwrap() >= taken.when(1, 1002).unwrap());
        assert_eq!(taken.when(1, 1001), None);
        assert_eq!(taken.when(0, 1009), None);
        assert_eq!(taken.when(2, 1009), None);
    }
}
