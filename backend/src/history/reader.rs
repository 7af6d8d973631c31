//! What is read of history, as of one moment.
//!
//! Readings that are not on disk yet can be given along: they are told as if they were, and those that
//! have come to be on disk meanwhile are told once.

use std::ops::{ControlFlow, Range};

use shared::history::{Batch, Event, FactsAt, Kept, Tier, UsageAt};
use shared::wire::Reading;
use shared::{Field, NodeId, Sample};

use super::cell::{Cell, Row};
use super::store::{Inner, StoreError};

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
    pub(super) inner: Inner,
}

impl Reader {
    /// Every node of which there is something.
    pub fn nodes(&self) -> Result<Vec<NodeId>, StoreError> {
        Ok(self.inner.nodes.keys().cloned().collect())
    }

    /// What `node` was at `at_ms`, or when it was first known.
    pub fn facts(&self, node: &NodeId, at_ms: u64) -> Result<Option<FactsAt>, StoreError> {
        let of_node = || self.inner.extra.facts.iter().filter(|facts| facts.node == *node);
        Ok(of_node().rfind(|facts| facts.at_ms <= at_ms).or_else(|| of_node().next()).cloned())
    }

    /// What happened in `span`, to `node` or to anyone, oldest first; of more than `most` the newest.
    pub fn events(
        &self,
        span: Range<u64>,
        node: Option<&NodeId>,
        most: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let is_meant = |event: &&Event| {
            span.contains(&event.at_ms) && node.is_none_or(|node| event.node.as_ref() == Some(node))
        };
        let mut events: Vec<_> = self.inner.extra.events.iter().filter(is_meant).cloned().collect();
        events.sort_by_key(|event| event.at_ms);
        Ok(events.split_off(events.len().saturating_sub(most)))
    }

    /// The last sweep over `node` in `span`.
    pub fn usage(&self, node: &NodeId, span: Range<u64>) -> Result<Option<UsageAt>, StoreError> {
        let of_node = self.inner.extra.usages.iter();
        Ok(of_node
            .filter(|usage| usage.node == *node && span.contains(&usage.at_ms))
            .max_by_key(|usage| usage.at_ms)
            .cloned())
    }

    /// Where `tier` begins: ms since 1970; `None` if there is nothing of it on disk.
    pub fn oldest_ms(&self, _tier: Tier) -> Result<Option<u64>, StoreError> {
        let first = |kept: &Vec<(String, Kept)>| kept.first().map(|(_, kept)| kept.reading.at_ms);
        Ok(self.inner.nodes.values().filter_map(first).min())
    }

    /// The readings, by their time, with the name of their boot.
    pub fn readings(
        &self,
        ask: &Ask<'_>,
        each: &mut dyn FnMut(&str, Kept) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Ask { node, ref span, fields, recent } = *ask;
        for (boot, kept) in self.all(node, recent) {
            if !span.contains(&kept.reading.at_ms) {
                continue;
            }
            let mut sample = Sample::EMPTY;
            for &field in fields {
                sample.set(field, kept.reading.sample.get(field));
            }
            let reading = Reading { sample, ..kept.reading };
            if each(&boot, Kept { reading, ..kept }).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The buckets that begin in the span, each `step_ms` wide, oldest first; empty ones are left out.
    /// They are made of `tier`, and of what is finer where that is not rolled up yet. `step_ms` must be
    /// a multiple of the tier's own; of raw readings it may be anything but 0.
    pub fn rows(
        &self,
        ask: &Ask<'_>,
        _tier: Tier,
        step_ms: u64,
        each: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Ask { node, ref span, fields, recent } = *ask;
        let mut open: Option<Row> = None;
        let mut before: Option<(String, Kept)> = None;
        for (boot, kept) in self.all(node, recent) {
            let at_ms = kept.reading.at_ms / step_ms * step_ms;
            let same = before.as_ref().filter(|(b, _)| *b == boot).map(|(_, k)| &k.reading);
            let cells = fields.iter().map(|&field| Cell::of(field, same, &kept.reading)).collect();
            let row = Row { at_ms, count: 1, uptime_us: kept.reading.uptime_us, cells };
            before = Some((boot, kept));
            if !span.contains(&at_ms) {
                continue;
            }
            match &mut open {
                Some(open) if open.at_ms == at_ms => open.merge(&row),
                open => {
                    if let Some(done) = open.replace(row)
                        && each(done).is_break()
                    {
                        return Ok(());
                    }
                }
            }
        }
        if let Some(done) = open {
            let _ = each(done);
        }
        Ok(())
    }

    fn all(&self, node: &NodeId, recent: &[Batch]) -> Vec<(String, Kept)> {
        let mut all = self.inner.nodes.get(node).cloned().unwrap_or_default();
        for batch in recent.iter().filter(|batch| batch.node == *node) {
            for kept in &batch.readings {
                if !all.iter().any(|(boot, k)| *boot == batch.boot && k.seq == kept.seq) {
                    all.push((batch.boot.clone(), kept.clone()));
                }
            }
        }
        all.sort_by_key(|(_, kept)| kept.reading.at_ms);
        all
    }
}
