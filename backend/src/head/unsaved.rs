//! The readings of one boot that no commit holds yet, packed.

use std::sync::Arc;

use shared::NodeId;
use shared::history::{Batch, Kept};
use shared::run::Run;
use shared::wire::{AgentReading, Reading};

use super::offset::Offset;
use super::spans::Spans;

/// Bytes that a run takes besides its readings.
const OF_RUN: usize = 64;
/// Runs of a batch at most: unpacked, readings take ten times the room.
const MOST_RUNS: usize = 60;

/// See the module. What is closed does not change any more, so that whoever asks can share it.
#[derive(Default)]
pub(super) struct Unsaved {
    /// With the number of its first reading each, as they came.
    closed: Vec<(u64, Arc<Run>)>,
    /// The newest live readings.
    open: Run,
    /// The numbers of the first and the last of them.
    ends: (u64, u64),
    /// Of those that are closed, so many are on their way to disk.
    given: usize,
    closed_bytes: usize,
}

impl Unsaved {
    /// Adds a live reading. `before` is the live reading before it, if that is known.
    pub(super) fn push(&mut self, before: Option<&AgentReading>, reading: &AgentReading) {
        let follows = |last: &&AgentReading| {
            last.seq == self.ends.1
                && last.seq < reading.seq
                && last.uptime_us < reading.uptime_us
                && self.open.len() < Run::MOST
        };
        match before.filter(follows) {
            Some(last) if !self.open.is_empty() => self.open.push(last, reading),
            _ => {
                self.close();
                self.open.push(reading, reading);
                self.ends.0 = reading.seq;
            }
        }
        self.ends.1 = reading.seq;
    }

    /// Adds readings of an outbox, in order.
    pub(super) fn add(&mut self, readings: &[AgentReading]) {
        for part in readings.chunks(Run::MOST) {
            if let Some(first) = part.first() {
                let mut run = Run::of(part);
                run.shrink();
                self.add_run(first.seq, run);
            }
        }
    }

    fn add_run(&mut self, first: u64, run: Run) {
        self.closed_bytes += run.capacity() + OF_RUN;
        self.closed.push((first, Arc::new(run)));
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let mut run = std::mem::take(&mut self.open);
            run.shrink();
            self.add_run(self.ends.0, run);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.open.is_empty()
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.closed_bytes + self.open.capacity()
    }

    /// All of it, to be written.
    pub(super) fn give(&mut self) -> Vec<(u64, Arc<Run>)> {
        self.close();
        self.given = self.closed.len();
        self.closed.clone()
    }

    /// What was given is on disk.
    pub(super) fn saved(&mut self) {
        self.closed.drain(..self.given);
        self.given = 0;
        self.reckon();
    }

    /// Drops what turns out to be on disk.
    pub(super) fn drop_known(&mut self, on_disk: &Spans) {
        self.close();
        let is_known = |run: &Run| {
            run.readings().is_ok_and(|readings| readings.iter().all(|r| on_disk.has(r.seq)))
        };
        self.closed.retain(|(_, run)| !is_known(run));
        self.given = 0;
        self.reckon();
    }

    fn reckon(&mut self) {
        self.closed_bytes = self.closed.iter().map(|(_, run)| run.capacity() + OF_RUN).sum();
        self.closed.shrink_to_fit();
    }

    /// All of it, to be looked at.
    pub(super) fn look(&self) -> Vec<(u64, Arc<Run>)> {
        let open = (!self.open.is_empty()).then(|| (self.ends.0, Arc::new(self.open.clone())));
        self.closed.iter().cloned().chain(open).collect()
    }
}

/// Readings of one boot of one node that no commit holds yet, packed: to be shared and handed about
/// before they are unpacked.
#[derive(Clone, Debug)]
pub struct PackedBatch {
    node: NodeId,
    boot: String,
    offset: Offset,
    runs: Vec<Arc<Run>>,
}

impl PackedBatch {
    /// Batches of these runs, in the order of their numbers as far as runs can be.
    pub(super) fn of(
        node: &NodeId,
        boot: Option<&str>,
        offset: Offset,
        mut runs: Vec<(u64, Arc<Run>)>,
    ) -> Vec<Self> {
        runs.sort_by_key(|(first, _)| *first);
        let batch = |runs: &[(u64, Arc<Run>)]| Self {
            node: node.clone(),
            boot: boot.unwrap_or_default().to_owned(),
            offset,
            runs: runs.iter().map(|(_, run)| Arc::clone(run)).collect(),
        };
        runs.chunks(MOST_RUNS).map(batch).collect()
    }

    /// The readings, in order, each once.
    #[must_use]
    pub fn unpack(&self) -> Batch {
        let count = self.runs.iter().map(|run| run.len()).sum();
        let mut readings: Vec<Kept> = Vec::with_capacity(count);
        for run in &self.runs {
            let unpacked = run.each(|&AgentReading { seq, uptime_us, ref sample }| {
                let at_ms = self.offset.at_ms(uptime_us).unwrap_or_default();
                let reading = Reading { at_ms, uptime_us, sample: sample.clone() };
                readings.push(Kept { seq, reading });
            });
            // What was packed here can be unpacked.
            debug_assert!(unpacked.is_ok());
        }
        readings.sort_by_key(|kept| kept.seq);
        readings.dedup_by_key(|kept| kept.seq);
        Batch { node: self.node.clone(), boot: self.boot.clone(), readings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Sample;
    use shared::run::Span;

    fn reading(seq: u64) -> AgentReading {
        AgentReading { seq, uptime_us: seq * 1_000_000, sample: Sample::EMPTY }
    }

    fn seqs(runs: Vec<(u64, Arc<Run>)>) -> Vec<u64> {
        let mut offset = Offset::default();
        offset.note(0, 1000);
        let node = NodeId::from_host_name("a");
        let batches = PackedBatch::of(&node, Some("x"), offset, runs);
        let kept = batches.into_iter().flat_map(|batch| batch.unpack().readings);
        kept.inspect(|kept| assert_eq!(kept.reading.at_ms, 1000 + kept.seq * 1000))
            .map(|kept| kept.seq)
            .collect()
    }

    #[test]
    fn what_comes_while_it_is_written_stays() {
        let mut unsaved = Unsaved::default();
        let live = |unsaved: &mut Unsaved, seq: u64| {
            unsaved.push(Some(&reading(seq - 1)), &reading(seq));
        };
        (500..=900).for_each(|seq| live(&mut unsaved, seq));
        unsaved.add(&(1..=300).map(reading).collect::<Vec<_>>());
        let all: Vec<u64> = (1..=300).chain(500..=900).collect();
        assert_eq!(seqs(unsaved.look()), all);
        let before = unsaved.bytes();
        assert_eq!(seqs(unsaved.give()), all);
        live(&mut unsaved, 901);
        unsaved.add(&[reading(400)]);
        // Failed: all of it is given again.
        assert_eq!(seqs(unsaved.give()).len(), all.len() + 2);
        live(&mut unsaved, 902);
        unsaved.add(&[reading(401)]);
        unsaved.saved();
        assert_eq!(seqs(unsaved.look()), [401, 902]);
        assert!(unsaved.bytes() < before / 4, "{} of {before}", unsaved.bytes());
        unsaved.give();
        unsaved.saved();
        assert!(unsaved.is_empty());
    }

    #[test]
    fn what_does_not_follow_begins_anew() {
        let mut unsaved = Unsaved::default();
        unsaved.push(None, &reading(5));
        unsaved.push(None, &reading(6));
        unsaved.push(Some(&reading(6)), &AgentReading { uptime_us: 1, ..reading(7) });
        let runs = unsaved.look();
        assert_eq!(runs.len(), 3);
        assert!(runs.iter().all(|(_, run)| run.readings().is_ok()));
    }

    #[test]
    fn what_turns_out_to_be_on_disk_goes() {
        let mut unsaved = Unsaved::default();
        unsaved.add(&(1..=200).map(reading).collect::<Vec<_>>());
        let mut on_disk = Spans::default();
        on_disk.add(Span { from: 1, to: 150 });
        unsaved.drop_known(&on_disk);
        assert_eq!(seqs(unsaved.look()), (121..=200).collect::<Vec<_>>());
    }
}
