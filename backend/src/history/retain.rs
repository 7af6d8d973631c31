//! What goes: what is older than it is kept for, and the oldest when there is no room.

use std::collections::BTreeSet;
use std::time::Duration;

use redb::ReadableTable;
use redb::ReadableTableMetadata as _;
use shared::history::Tier;

use super::cell::MOST_GAP_US;
use super::error::Fault;
use super::open::REGION;
use super::segment::{self, Key, tier_key};
use super::store::Limits;
use super::tiers::{Times, is_over, slot_ms, slots};
use super::work::{FLOORS, Work};

/// Slots of a tier that go for their age in one commit at most: a clock that is set far ahead and back
/// again does not cost all there is.
const MOST_AGED: [usize; Tier::ALL.len()] = [8, 2, 1, 1, 1];
/// Events, facts and sweeps that are kept at most, and bytes of sweeps.
const MOST_EVENTS: u64 = 100_000;
const MOST_FACTS: u64 = 20_000;
const MOST_USAGES: u64 = 50_000;
/// Bytes that are made free at least when the disk is full.
const LEAST_ROOM: u64 = 128 << 10;
/// What is dated later than so long after now was dated by a wrong clock.
const FUTURE_MS: u64 = 86_400_000;

/// Bytes that are to stay free: what a commit writes anew before it frees what was there, a few times over.
fn slack(max_bytes: u64) -> u64 {
    (max_bytes / 32).max(2 * REGION).min(max_bytes / 2)
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Work<'_> {
    /// Removes what the limits do not allow.
    /// `tight` is how many bytes there may be as long as the disk is full.
    pub(super) fn retain(&mut self, now_ms: u64, limits: &Limits, tight: u64) -> Result<(), Fault> {
        for tier in Tier::ALL {
            let cutoff = now_ms.saturating_sub(ms(limits.keep[tier as usize]));
            for _ in 0..MOST_AGED[tier as usize] {
                let Some(slot) = self.oldest(tier) else { break };
                let is_old = self.of_slot(tier, slot).all(|(_, last_ms)| last_ms < cutoff);
                if !is_old || !self.is_rolled_up(tier, slot, now_ms) {
                    break;
                }
                self.remove_slot(tier, slot)?;
                if tier == Tier::Raw {
                    self.remove_usages(cutoff)?;
                }
            }
        }
        self.retain_extras(now_ms.saturating_sub(ms(limits.keep[Tier::TwoHours as usize])))?;
        let most = tight.min(limits.max_bytes - slack(limits.max_bytes));
        while self.bytes() > most && self.remove_oldest(now_ms)? {}
        Ok(())
    }

    /// Bytes that all of it takes on disk, about.
    fn bytes(&self) -> u64 {
        Tier::ALL.into_iter().map(|tier| self.index.bytes(tier)).sum::<u64>()
            + self.index.extra_bytes
    }

    /// Removes the oldest slot of the finest tier that may lose one. Whether there was one.
    pub(super) fn remove_oldest(&mut self, now_ms: u64) -> Result<bool, Fault> {
        for tier in Tier::ALL {
            if let Some(slot) = self.oldest(tier)
                && self.is_rolled_up(tier, slot, now_ms)
            {
                self.remove_slot(tier, slot)?;
                self.lost.insert(tier);
                return Ok(true);
            }
        }
        // What a wrong clock dated is never over, and so never rolled up. The last of it goes first.
        let last = self.index.of(Tier::Raw).next_back();
        if let Some((key, segment)) = last
            && segment.first_ms > now_ms.saturating_add(FUTURE_MS)
        {
            self.remove_segment(Tier::Raw, key)?;
            self.lost.insert(Tier::Raw);
            return Ok(true);
        }
        Ok(false)
    }

    /// Removes a part of the oldest that is there, so that a full disk takes some more: how many bytes
    /// there may be from now on.
    pub(super) fn make_room(&mut self, now_ms: u64) -> Result<u64, Fault> {
        let bytes = self.bytes();
        let most = bytes.saturating_sub((bytes / 16).max(LEAST_ROOM));
        while self.bytes() > most && self.remove_oldest(now_ms)? {}
        Ok(most)
    }

    fn oldest(&self, tier: Tier) -> Option<u64> {
        self.index.of(tier).next().map(|(key, _)| key.1)
    }

    /// The segments of a slot, and when they end.
    fn of_slot(&self, tier: Tier, slot: u64) -> impl Iterator<Item = (Key, u64)> {
        let of_tier = tier_key(tier);
        let all = self.index.segments.range((of_tier, slot, 0)..=(of_tier, slot, u32::MAX));
        all.map(|(key, segment)| (*key, segment.last_ms))
    }

    /// Whether a coarser tier has what a slot has, and needs nothing of it for what comes next: the
    /// first step of a counter begins at the reading before.
    fn is_rolled_up(&self, tier: Tier, slot: u64, now_ms: u64) -> bool {
        let Some(coarser) = tier.coarser() else { return true };
        let in_slot = |key: &Key| (key.0, key.1) == (tier_key(tier), slot);
        self.index.nodes.values().all(|node| {
            let has =
                |times: Times| slots(coarser, &times).all(|s| node.rolled(coarser, s).is_some());
            let Some(rolled) = node.of(tier) else {
                let of_slot = node.raw.iter().filter(|chunk| in_slot(&chunk.key));
                let mut of_slot = of_slot.map(|chunk| chunk.entry);
                return of_slot.all(|entry| {
                    let next = entry.last_ms.saturating_add(MOST_GAP_US / 1000) / slot_ms(coarser);
                    has(entry.first_ms..=entry.last_ms)
                        && (node.rolled(coarser, next).is_some() || is_over(coarser, next, now_ms))
                });
            };
            let chunk = rolled.get(&slot);
            chunk.is_none_or(|chunk| has(chunk.entry.first_ms..=chunk.entry.last_ms))
        })
    }

    fn remove_slot(&mut self, tier: Tier, slot: u64) -> Result<(), Fault> {
        let keys: Vec<Key> = self.of_slot(tier, slot).map(|(key, _)| key).collect();
        for key in keys {
            self.remove_segment(tier, key)?;
        }
        Ok(())
    }

    fn remove_segment(&mut self, tier: Tier, key: Key) -> Result<(), Fault> {
        segment::remove(&mut self.pieces, &mut self.segments, key)?;
        if let Some(segment) = self.index.segments.get(&key) {
            let floor = &mut self.index.floors[tier as usize];
            *floor = (*floor).max(segment.last_ms.saturating_add(1));
        }
        self.index.remove(key);
        let floors: Vec<u8> = self.index.floors.iter().flat_map(|f| f.to_le_bytes()).collect();
        self.meta.insert(FLOORS, floors.as_slice())?;
        self.has_changed = true;
        Ok(())
    }

    /// Removes sweeps from before `before_ms`.
    fn remove_usages(&mut self, before_ms: u64) -> Result<(), Fault> {
        let mut bytes = 0;
        for removed in self.usages.extract_from_if(..(before_ms, 0), |_, _| true)? {
            bytes += removed?.1.value().len();
        }
        self.uncount(bytes);
        Ok(())
    }

    fn retain_extras(&mut self, cutoff: u64) -> Result<(), Fault> {
        loop {
            let first = self.events.first()?;
            let first = first.map(|(key, bytes)| (key.value(), bytes.value().len()));
            let Some((key, bytes)) = first else { break };
            if key.0 >= cutoff && self.events.len()? <= MOST_EVENTS {
                break;
            }
            self.events.remove(key)?;
            self.uncount(bytes);
        }
        while self.usages.len()? > MOST_USAGES {
            let Some((_, value)) = self.usages.pop_first()? else { break };
            let bytes = value.value().len();
            drop(value);
            self.uncount(bytes);
        }
        if self.facts.len()? > MOST_FACTS {
            self.retain_facts(cutoff)?;
        }
        Ok(())
    }

    /// Removes what nodes were before `cutoff`, but for what each was then; and every other time of a
    /// node that changes all the time.
    fn retain_facts(&mut self, cutoff: u64) -> Result<(), Fault> {
        let mut keep = BTreeSet::new();
        let mut last: Option<(u32, u64)> = None;
        for (n, entry) in self.facts.iter()?.enumerate() {
            let key = entry?.0.value();
            if last.is_some_and(|last| last.0 != key.0 || key.1 >= cutoff && n.is_multiple_of(2)) {
                keep.extend(last);
            }
            last = Some(key);
        }
        keep.extend(last);
        self.facts.retain(|key, _| keep.contains(&key))?;
        Ok(())
    }
}
