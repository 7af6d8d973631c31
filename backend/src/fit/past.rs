//! What history knows of nodes: their least before the head started, and when a job last fitted. It reads
//! from disk, and only for so long.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use shared::fit::{Job, usual_reserve};
use shared::history::{Batch, Tier};
use shared::memory::Available;
use shared::{Field, NodeId, Sample};
use tokio::runtime::Handle;

use super::judge::{Judged, is_whole};
use super::over_ms;
use crate::head::Head;
use crate::history::cell::Row;
use crate::history::{Ask, Reader};
use crate::keeper::Archive;

/// What tells how much is available, on kernels that say it and on those that do not.
const FIELDS: [Field; 17] = [
    Field::Total,
    Field::Available,
    Field::LimitLeft,
    Field::ArcSize,
    Field::ArcFloor,
    Field::Free,
    Field::ActiveFile,
    Field::InactiveFile,
    Field::Cached,
    Field::Buffers,
    Field::Shmem,
    Field::KernelReclaimable,
    Field::SlabReclaimable,
    Field::Lxcfs,
    Field::ZoneLow,
    Field::ZoneReserve,
    Field::MinFree,
];

/// Those of them that make it less.
const LESSENS: [Field; 5] =
    [Field::ArcFloor, Field::Shmem, Field::ZoneLow, Field::ZoneReserve, Field::MinFree];

/// How long each kind of question may take, once.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far back is looked for when a job last fitted, in ms: 30 days…
const BACK_MS: u64 = 30 * DAY_MS;
/// …so much at once: as much as lies together on disk.
const STRETCH_MS: u64 = 5 * DAY_MS;
const DAY_MS: u64 = 24 * 3_600_000;
/// Of more nodes, what is not on disk yet is not asked for.
const MOST_RECENT: usize = 64;

/// See the module.
pub(super) struct Past<'a> {
    pub(super) head: &'a Head,
    pub(super) archive: &'a Archive,
    pub(super) runtime: &'a Handle,
    /// The head's clock: ms since 1970.
    pub(super) now_ms: u64,
}

impl Past<'_> {
    /// What is not on disk yet of a node.
    fn recent(&self, node: &NodeId) -> Vec<Batch> {
        self.runtime.block_on(self.head.unsaved(node.clone())).unwrap_or_default()
    }

    /// Looks at what was before the time for which the head knows the least of nodes. Without history, or
    /// if that takes too long, it stays at what the head knows.
    pub(super) fn fill_in(&self, nodes: &mut [Judged], asked_ms: u64) {
        let is_short = |node: &&mut Judged| {
            node.is_known && node.veto.is_none() && !is_whole(node.over_ms, asked_ms)
        };
        let mut short = nodes.iter_mut().filter(is_short).peekable();
        if short.peek().is_none() {
            return;
        }
        let Ok(reader) = self.archive.read() else { return };
        let begun = Instant::now();
        for node in short {
            if begun.elapsed() > PATIENCE {
                return;
            }
            let until_ms = self.now_ms.saturating_sub(node.over_ms);
            let span = self.now_ms.saturating_sub(asked_ms)..until_ms;
            let recent = self.recent(&node.id);
            // What cannot be read is looked at no further; whoever asks for history is told.
            if let Some((least, over_ms)) = least(&reader, &node.id, span, &recent) {
                node.floor = node.floor.map(|floor| floor.min(least)).or(Some(least));
                node.over_ms = (node.over_ms + over_ms).min(asked_ms);
            }
        }
    }

    /// When all copies last fitted, had they been asked for then; what is held now is left out of account.
    pub(super) fn last_fit(&self, job: &Job, nodes: &[Judged]) -> Option<u64> {
        let reader = self.archive.read().ok()?;
        let begun = Instant::now();
        let step_ms = over_ms(job).next_multiple_of(Tier::TenMinutes.step_ms());
        let begin_ms = self.now_ms.saturating_sub(BACK_MS);
        let mut end_ms = self.now_ms / step_ms * step_ms;
        while end_ms > begin_ms {
            let span = begin_ms.max(end_ms.saturating_sub(STRETCH_MS)) / step_ms * step_ms..end_ms;
            // Whole buckets, none twice.
            end_ms = span.start;
            let is_newest = self.now_ms - span.end < step_ms;
            let mut rooms: BTreeMap<u64, u64> = BTreeMap::new();
            for node in nodes {
                if begun.elapsed() > PATIENCE {
                    return None;
                }
                let recent = if is_newest && nodes.len() <= MOST_RECENT {
                    self.recent(&node.id)
                } else {
                    Vec::new()
                };
                let ask = ask(&node.id, span.clone(), &recent);
                let take = &mut |row: Row| {
                    *rooms.entry(row.at_ms).or_default() += room(&row, job);
                    ControlFlow::Continue(())
                };
                reader.rows(&ask, Tier::TenMinutes, step_ms, take).ok()?;
            }
            let fits = |(_, room): &(&u64, &u64)| **room >= u64::from(job.copies);
            if let Some((at_ms, _)) = rooms.iter().rev().find(fits) {
                return Some(at_ms + step_ms);
            }
        }
        None
    }
}

fn ask<'a>(node: &'a NodeId, span: Range<u64>, recent: &'a [Batch]) -> Ask<'a> {
    Ask { node, span, fields: &FIELDS, recent }
}

/// The least that was available in `span`, and for how much of it that is known, in ms.
fn least(reader: &Reader, node: &NodeId, span: Range<u64>, recent: &[Batch]) -> Option<(u64, u64)> {
    let mut least: Option<u64> = None;
    let mut times: Option<(u64, u64)> = None;
    let take = &mut |_: &str, kept: shared::history::Kept| {
        if let Ok(available) = Available::of(&kept.reading.sample) {
            least = least.into_iter().chain([available.here]).min();
            let at_ms = kept.reading.at_ms;
            times = Some(
                times.map_or((at_ms, at_ms), |(first, last)| (first.min(at_ms), last.max(at_ms))),
            );
        }
        ControlFlow::Continue(())
    };
    reader.readings(&ask(node, span, recent), take).ok()?;
    let (first_ms, last_ms) = times?;
    Some((least?, last_ms - first_ms))
}

/// How many copies fitted on a node throughout a bucket.
fn room(row: &Row, job: &Job) -> u64 {
    let Some(least) = least_of(row) else { return 0 };
    let total = row.cells[0].map_or(0, |cell| cell.max);
    let reserve = job.reserve.unwrap_or_else(|| usual_reserve(total));
    let room = least.saturating_sub(reserve) / job.size.max(1);
    room.min(job.most_per_node.unwrap_or(u32::MAX).into())
}

/// What was available in a bucket at the least, or less: what adds to it at its least, what takes from it
/// at its most.
fn least_of(row: &Row) -> Option<u64> {
    let mut sample = Sample::EMPTY;
    for (field, cell) in FIELDS.iter().zip(&row.cells) {
        let value = cell.map(|cell| if LESSENS.contains(field) { cell.max } else { cell.min });
        sample.set(*field, value);
    }
    Available::of(&sample).ok().map(|available| available.here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::cell::Cell;

    fn row(cells: &[(Field, u64, u64)]) -> Row {
        let cell = |field: &Field| {
            let (_, min, max) = cells.iter().find(|(of, _, _)| of == field)?;
            Some(Cell { min: *min, max: *max, sum: *max, weight: 1 })
        };
        Row { at_ms: 0, count: 1, uptime_us: 0, cells: FIELDS.iter().map(cell).collect() }
    }

    #[test]
    fn a_bucket_had_no_more_than_its_least() {
        assert_eq!(least_of(&row(&[(Field::Available, 5, 9)])), Some(5));
        let limited = row(&[(Field::Available, 5, 9), (Field::LimitLeft, 3, 30)]);
        assert_eq!(least_of(&limited), Some(3));
        let zfs = [(Field::Available, 5, 9), (Field::ArcSize, 20, 40), (Field::ArcFloor, 4, 7)];
        assert_eq!(least_of(&row(&zfs)), Some(5 + 20 - 7));
        // A kernel that does not say it.
        let old = [(Field::Free, 100, 200), (Field::Cached, 50, 60), (Field::Shmem, 1, 10)];
        assert_eq!(least_of(&row(&old)), Some(100 + 50 - 10));
        assert_eq!(least_of(&row(&[])), None);
    }
}
