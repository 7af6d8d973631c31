//! What is kept besides readings: what happened, what nodes were, and sweeps.

use std::ops::{Bound, Range};

use redb::{ReadTransaction, ReadableTable as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::NodeId;
use shared::history::{Event, FactsAt, UsageAt};

use super::bytes::{seal, unseal};
use super::error::Fault;
use super::index::Index;
use super::open::{EVENTS, FACTS, USAGES};
use super::store::Extra;
use super::work::{EXTRA_BYTES, Work};

/// How sweeps are written; the first byte of each says it.
const POSTCARD: u8 = 1;

impl Work<'_> {
    /// Writes what is kept besides readings.
    pub(super) fn add(&mut self, extra: &Extra) -> Result<(), Fault> {
        for event in &extra.events {
            let same = (event.at_ms, 0)..=(event.at_ms, u32::MAX);
            let last = self.events.range(same)?.next_back().transpose()?;
            let number = last.map_or(0, |(key, _)| key.value().1.saturating_add(1));
            let bytes = to_json(event)?;
            self.count(bytes.len());
            self.events.insert((event.at_ms, number), bytes.as_slice())?;
        }
        for facts in &extra.facts {
            let node = self.node(&facts.node)?;
            let bytes = to_json(facts)?;
            self.count(bytes.len());
            self.facts.insert((node, facts.at_ms), bytes.as_slice())?;
        }
        for usage in &extra.usages {
            let node = self.node(&usage.node)?;
            let bytes = postcard::to_extend(usage, vec![POSTCARD]);
            let bytes = seal(&bytes.map_err(|error| Fault::broken(error.to_string()))?);
            self.count(bytes.len());
            self.usages.insert((usage.at_ms, node), bytes.as_slice())?;
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.index.extra_bytes = self.index.extra_bytes.saturating_add(bytes as u64);
        self.has_changed = true;
    }

    /// Notes that so many bytes are gone.
    pub(super) fn uncount(&mut self, bytes: usize) {
        self.index.extra_bytes = self.index.extra_bytes.saturating_sub(bytes as u64);
        self.has_changed = true;
    }

    /// Writes down how many bytes all that takes.
    pub(super) fn close_extra(&mut self) -> Result<(), Fault> {
        let bytes = self.index.extra_bytes.to_le_bytes();
        if self.has_changed && self.meta.get(EXTRA_BYTES)?.is_none_or(|old| old.value() != bytes) {
            self.meta.insert(EXTRA_BYTES, bytes.as_slice())?;
        }
        Ok(())
    }
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let bytes = serde_json::to_vec(value).map_err(|error| Fault::broken(error.to_string()))?;
    Ok(seal(&bytes))
}

/// What was written as JSON.
pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(unseal(bytes)?).map_err(|error| Fault::broken(error.to_string()))
}

/// A sweep.
pub(super) fn to_usage(bytes: &[u8]) -> Result<UsageAt, Fault> {
    match unseal(bytes)?.split_first() {
        Some((&POSTCARD, bytes)) => {
            postcard::from_bytes(bytes).map_err(|error| Fault::broken(format!("a sweep: {error}")))
        }
        _ => Err(Fault::broken("a sweep is of an unknown kind")),
    }
}

/// What `node` was at `at_ms`, or when it was first known.
pub(super) fn facts(
    tx: &ReadTransaction,
    index: &Index,
    node: &NodeId,
    at_ms: u64,
) -> Result<Option<FactsAt>, Fault> {
    let Some(&node) = index.ids.get(node) else { return Ok(None) };
    let table = tx.open_table(FACTS)?;
    let before = table.range((node, 0)..=(node, at_ms))?.next_back();
    let found = match before {
        Some(found) => Some(found),
        None => table.range((node, 0)..=(node, u64::MAX))?.next(),
    };
    found.map(|found| from_json(found?.1.value())).transpose()
}

/// What happened in `span`, to `node` or to anyone, oldest first; of more than `most` the newest.
pub(super) fn events(
    tx: &ReadTransaction,
    span: Range<u64>,
    node: Option<&NodeId>,
    most: usize,
) -> Result<Vec<Event>, Fault> {
    let table = tx.open_table(EVENTS)?;
    let mut events = Vec::new();
    for entry in table.range((span.start, 0)..(span.end.max(span.start), 0))?.rev() {
        if events.len() >= most {
            break;
        }
        let event: Event = from_json(entry?.1.value())?;
        if node.is_none_or(|node| event.node.as_ref() == Some(node)) {
            events.push(event);
        }
    }
    events.reverse();
    Ok(events)
}

/// The last sweep over `node` in `span`.
pub(super) fn usage(
    tx: &ReadTransaction,
    index: &Index,
    node: &NodeId,
    span: Range<u64>,
) -> Result<Option<UsageAt>, Fault> {
    let Some(&node) = index.ids.get(node) else { return Ok(None) };
    let table = tx.open_table(USAGES)?;
    let from = Bound::Included((span.start, 0));
    let to = Bound::Excluded((span.end.max(span.start), 0));
    for entry in table.range::<(u64, u32)>((from, to))?.rev() {
        let (key, bytes) = entry?;
        if key.value().1 == node {
            return to_usage(bytes.value()).map(Some);
        }
    }
    Ok(None)
}
