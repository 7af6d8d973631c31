//! The readings of one node that the head holds: of the last five minutes, each exactly once, in the
//! order they were taken; and those that no commit holds yet.

use std::collections::VecDeque;
use std::mem::size_of;

use shared::run::Span;
use shared::window::{SPAN_MS, Window};
use shared::wire::{AgentReading, Reading};
use shared::{NodeId, Sample};

use super::offset::Offset;
use super::past::{Past, PastBoot};
use super::spans::Spans;
use super::unsaved::{PackedBatch, Unsaved};

/// Boots of a node that are remembered at most, besides those of which something is not on disk…
const MOST_BOOTS: usize = 4;
/// …and with them.
const MOST_UNSAVED_BOOTS: usize = 1000;

/// Whether readings are kept until they are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// They are for the last five minutes only.
    Not,
    /// They are.
    All,
    /// They should be, but there is no room: what comes now is not held, and comes again.
    NoRoom,
}

/// See the module.
#[derive(Default)]
pub(super) struct Record {
    /// The last is the present one.
    boots: VecDeque<Boot>,
}

/// What one boot of a node told. Its readings are placed in time by its monotonic clock alone, so
/// that no clock that is set can lose, double or reorder them.
struct Boot {
    id: Option<String>,
    offset: Offset,
    readings: Window<AgentReading>,
    held: Spans,
    /// The number of the newest live reading.
    newest: Option<u64>,
    unsaved: Unsaved,
    /// What came while there was no room for it: it is not held, whatever lies around it.
    turned_away: Spans,
    /// What is on disk, and what is on its way there.
    durable: Spans,
    given: Option<Spans>,
}

/// What became of readings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Whether any is news.
    pub(super) is_new: bool,
    /// What of them is held.
    pub(super) held: Vec<Span>,
}

impl Record {
    /// From now on readings are of this boot, and come every `period_ms`. One that was there before is
    /// gone on with. `past` is what is on disk of the node.
    pub(super) fn begin(&mut self, id: Option<String>, period_ms: u32, past: Option<&Past>) {
        if let Some(place) = self.boots.iter().position(|boot| boot.id == id) {
            if let Some(mut known) = self.boots.remove(place) {
                known.readings.set_period(period_ms.into());
                self.boots.push_back(known);
            }
            return;
        }
        let mut boot = Boot {
            readings: Window::of_period(period_ms.into()),
            id,
            offset: Offset::default(),
            held: Spans::default(),
            newest: None,
            unsaved: Unsaved::default(),
            turned_away: Spans::default(),
            durable: Spans::default(),
            given: None,
        };
        if let Some(past) = past.and_then(|past| past.boot(boot.id.as_deref())) {
            boot.remember(past);
        }
        self.boots.push_back(boot);
        let done = self.boots.iter().take(self.boots.len() - 1);
        if done.clone().filter(|boot| boot.unsaved.is_empty()).count() >= MOST_BOOTS
            && let Some(oldest) = done.clone().position(|boot| boot.unsaved.is_empty())
        {
            self.boots.remove(oldest);
        }
        if self.boots.len() > MOST_UNSAVED_BOOTS {
            self.boots.pop_front();
        }
    }

    /// Takes in what is on disk of boots that are here already.
    pub(super) fn remember(&mut self, past: &Past) {
        for boot in &mut self.boots {
            if let Some(past) = past.boot(boot.id.as_deref()) {
                boot.remember(past);
            }
        }
    }

    /// Takes in that the node said its uptime just now.
    pub(super) fn note(&mut self, uptime_us: u64, now_ms: u64) {
        if let Some(boot) = self.boots.back_mut() {
            boot.offset.note(uptime_us, now_ms);
        }
    }

    /// Takes in readings of which the last was taken just now.
    pub(super) fn take_live(
        &mut self,
        readings: Vec<AgentReading>,
        keep: Keep,
        now_ms: u64,
    ) -> Taken {
        let Some(boot) = self.boots.back_mut() else { return Taken::default() };
        let (mut is_new, mut held) = (false, Spans::default());
        for reading in readings {
            let span = Span { from: reading.seq, to: reading.seq };
            let is_held = boot.held.has(reading.seq);
            if is_held {
                held.add(span);
            }
            if boot.newest.is_some_and(|newest| reading.seq <= newest) {
                continue;
            }
            boot.newest = Some(reading.seq);
            boot.offset.note(reading.uptime_us, now_ms);
            if keep == Keep::NoRoom && !is_held {
                boot.turned_away.add(span);
            } else {
                if keep == Keep::All && !is_held {
                    boot.unsaved.push(boot.readings.last(), &reading);
                }
                boot.held.add(span);
                held.add(span);
            }
            boot.readings.push(reading);
            is_new = true;
        }
        if is_new {
            self.drop_what_is_old(now_ms);
        }
        Taken { is_new, held: held.take() }
    }

    /// Takes in readings that were taken some time ago, in order. Between the first and the last there
    /// are no others, but for those that came by themselves. What is new is what found its place in
    /// the last five minutes.
    pub(super) fn take_old(
        &mut self,
        mut readings: Vec<AgentReading>,
        keep: Keep,
        now_ms: u64,
    ) -> Taken {
        let Some(boot) = self.boots.back_mut() else { return Taken::default() };
        let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
            return Taken::default();
        };
        let (span, newest_us) = (Span { from: first.seq, to: last.seq }, last.uptime_us);
        readings.retain(|reading| !boot.held.has(reading.seq));
        let held = if keep == Keep::NoRoom && !readings.is_empty() {
            boot.turned_away.add(span);
            Vec::new()
        } else {
            for reading in &readings {
                boot.turned_away.remove(reading.seq);
            }
            boot.turned_away.missing_of(span)
        };
        boot.held.add_all(&held);
        if boot.offset.at_ms(0).is_none() {
            // Nothing else tells as yet how this boot lies in time: it may only be earlier.
            boot.offset.note(newest_us, now_ms);
        }
        if keep == Keep::All {
            boot.unsaved.add(&readings);
        }
        let uptime_ms =
            boot.offset.at_ms(0).map_or(0, |booted_ms| now_ms.saturating_sub(booted_ms));
        let reaches_back_to_us = uptime_ms.saturating_sub(SPAN_MS) * 1000;
        readings.retain(|reading| reading.uptime_us >= reaches_back_to_us);
        Taken { is_new: !readings.is_empty() && boot.readings.merge(readings), held }
    }

    /// Former boots are dropped as their last reading becomes too old, unless it is not on disk yet.
    fn drop_what_is_old(&mut self, now_ms: u64) {
        let oldest_ms = now_ms.saturating_sub(SPAN_MS);
        let present = self.boots.len().saturating_sub(1);
        let mut place = 0;
        self.boots.retain(|boot| {
            place += 1;
            let last = boot.readings.last().and_then(|last| boot.offset.at_ms(last.uptime_us));
            place > present
                || !boot.unsaved.is_empty()
                || last.is_some_and(|last_ms| last_ms >= oldest_ms)
        });
    }

    /// Bytes of memory that what is not on disk takes.
    pub(super) fn unsaved_bytes(&self) -> usize {
        let former = self.boots.len().saturating_sub(1) * size_of::<Boot>();
        former + self.boots.iter().map(|boot| boot.unsaved.bytes()).sum::<usize>()
    }

    /// All that is not on disk, to be written.
    pub(super) fn give(&mut self, node: &NodeId, into: &mut Vec<PackedBatch>) {
        for boot in &mut self.boots {
            if !boot.unsaved.is_empty() {
                let runs = boot.unsaved.give();
                boot.given = Some(boot.held.clone());
                into.extend(PackedBatch::of(node, boot.id.as_deref(), boot.offset, runs));
            }
        }
    }

    /// What was given is on disk. Says whether anything of the present boot was.
    pub(super) fn saved(&mut self) -> bool {
        let mut is_news = false;
        for boot in &mut self.boots {
            is_news = boot.given.is_some();
            if let Some(given) = boot.given.take() {
                boot.unsaved.saved();
                boot.durable = given;
            }
        }
        is_news
    }

    /// All that is not on disk, to be looked at.
    pub(super) fn look(&self, node: &NodeId) -> Vec<PackedBatch> {
        let mut batches = Vec::new();
        for boot in &self.boots {
            let runs = boot.unsaved.look();
            batches.extend(PackedBatch::of(node, boot.id.as_deref(), boot.offset, runs));
        }
        batches
    }

    /// Whether the head holds the reading of this boot with this number.
    pub(super) fn holds(&self, seq: u64) -> bool {
        self.boots.back().is_some_and(|boot| boot.held.has(seq))
    }

    /// The sequence numbers of this boot that the head holds.
    pub(super) fn held(&self) -> Vec<Span> {
        self.boots.back().map(|boot| boot.held.all().to_vec()).unwrap_or_default()
    }

    /// The sequence numbers of this boot that are on disk.
    pub(super) fn durable(&self) -> Vec<Span> {
        self.boots.back().map(|boot| boot.durable.all().to_vec()).unwrap_or_default()
    }

    /// The name of the present boot.
    pub(super) fn boot(&self) -> Option<&str> {
        self.boots.back()?.id.as_deref()
    }

    /// Whether it ever began.
    pub(super) fn has_begun(&self) -> bool {
        !self.boots.is_empty()
    }

    /// The newest reading, of whatever boot.
    pub(super) fn latest(&self) -> Option<Reading> {
        self.boots.iter().rev().find_map(|boot| boot.place(boot.readings.last()?))
    }

    /// The readings of the present boot, oldest first.
    pub(super) fn present(&self) -> impl Iterator<Item = AgentReading> {
        self.boots.back().into_iter().flat_map(|boot| boot.readings.iter())
    }

    /// The newest reading where it lies: when it was taken, by the head's clock and by its uptime in µs.
    pub(super) fn newest(&self) -> Option<(u64, u64, &Sample)> {
        self.boots.iter().rev().find_map(|boot| {
            let AgentReading { uptime_us, ref sample, .. } = *boot.readings.last()?;
            Some((boot.offset.at_ms(uptime_us)?, uptime_us, sample))
        })
    }

    /// The one before the newest, if it is of the same boot: counters start anew with each.
    pub(super) fn before_latest(&self) -> Option<Reading> {
        let boot = self.boots.iter().rev().find(|boot| !boot.readings.is_empty())?;
        boot.place(boot.readings.before_last()?)
    }

    /// All of them, oldest first, with their numbers and the boot that these count in.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (Option<&str>, u64, Reading)> {
        self.boots.iter().flat_map(|boot| {
            boot.readings.iter().filter_map(move |reading| {
                Some((boot.id.as_deref(), reading.seq, boot.place(&reading)?))
            })
        })
    }

    /// A time of the present boot by the head's clock.
    pub(super) fn at_ms(&self, uptime_us: u64) -> Option<u64> {
        self.boots.back()?.offset.at_ms(uptime_us)
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        for boot in &mut self.boots {
            boot.offset.shift(by_ms);
        }
    }
}

impl Boot {
    /// Takes in what is on disk of it.
    fn remember(&mut self, past: &PastBoot) {
        self.held.add_all(&past.durable);
        self.durable.add_all(&past.durable);
        self.unsaved.drop_known(&self.durable);
        if let Some((uptime_us, at_ms)) = past.placed {
            self.offset.presume(uptime_us, at_ms);
        }
        let recent = past.recent.iter().flat_map(|run| run.readings().unwrap_or_default());
        self.readings.merge(recent);
    }

    fn place(&self, reading: &AgentReading) -> Option<Reading> {
        let AgentReading { uptime_us, ref sample, .. } = *reading;
        Some(Reading { at_ms: self.offset.at_ms(uptime_us)?, uptime_us, sample: sample.clone() })
    }
}

#[cfg(test)]
mod tests;
