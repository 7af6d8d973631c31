//! What follows from one sample about memory. All in bytes.

use crate::{Field, Sample};

/// Total memory split by what it holds, and what of it can be had.
///
/// Two identities hold exactly:
/// `in_use + reclaimable + free == total`, and
/// `in_use + held_back + available == total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// RAM that the kernel can use.
    pub total: u64,
    /// What programs and the kernel itself hold and cannot simply drop.
    pub in_use: u64,
    /// File cache and kernel memory that can be dropped when the room is needed.
    pub reclaimable: u64,
    /// What nothing uses.
    pub free: u64,
    /// What new programs can get without swapping.
    pub available: u64,
    /// What is neither in use nor available: the kernel's reserve.
    pub held_back: u64,
}

/// Why there is no [`Split`] of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSplit {
    /// A quantity that every split needs is not there.
    #[error("this kernel does not report {}", .0.def().key)]
    Missing(Field),
    /// The numbers contradict each other, as where a container's tool rewrites some lines of the file.
    #[error(
        "the numbers in /proc/meminfo contradict each other (a container may rewrite part of the file)"
    )]
    Inconsistent,
}

/// The share of total by which two counters that should fit may miss each other: 1 %.
///
/// Each CPU keeps up to 125 pages per counter to itself for up to a second, and the lines of the
/// file are not read at one instant (`mm/vmstat.c`, `calculate_normal_threshold`).
const DRIFT: u64 = 100;

impl Split {
    /// Splits `sample`.
    ///
    /// `reclaimable` is the file LRU and reclaimable kernel memory, as the kernel counts them when it
    /// estimates `MemAvailable` (`mm/show_mem.c`, `si_mem_available`). Kernels that do not list the file
    /// LRU (before 2.6.28) are given `Cached − Shmem + Buffers`, which is nearly the same.
    pub fn of(sample: &Sample) -> Result<Self, NoSplit> {
        let need = |field| sample.get(field).ok_or(NoSplit::Missing(field));
        let total = need(Field::Total)?;
        let free = need(Field::Free)?;
        let available = need(Field::Available)?;
        let reclaimable = reclaimable(sample)?;

        let slack = total / DRIFT;
        let given = free.checked_add(reclaimable).ok_or(NoSplit::Inconsistent)?;
        if given > total.saturating_add(slack) || available > given.saturating_add(slack) {
            return Err(NoSplit::Inconsistent);
        }
        // Within the drift, the cache gives way: free and available are what people act on.
        let reclaimable = reclaimable.max(available.saturating_sub(free));
        let reclaimable = reclaimable.min(total.checked_sub(free).ok_or(NoSplit::Inconsistent)?);
        let in_use = total - free - reclaimable;
        let held_back = (free + reclaimable).checked_sub(available).ok_or(NoSplit::Inconsistent)?;
        Ok(Self { total, in_use, reclaimable, free, available, held_back })
    }
}

/// Memory that is dropped when its room is needed: the file LRU and reclaimable kernel memory.
fn reclaimable(sample: &Sample) -> Result<u64, NoSplit> {
    let get = |field| sample.get(field);
    let listed = get(Field::ActiveFile).zip(get(Field::InactiveFile));
    let files = if let Some((active, inactive)) = listed {
        active.checked_add(inactive)
    } else {
        let cached = get(Field::Cached).ok_or(NoSplit::Missing(Field::Cached))?;
        cached
            .saturating_sub(get(Field::Shmem).unwrap_or(0))
            .checked_add(get(Field::Buffers).unwrap_or(0))
    };
    let kernel = get(Field::KernelReclaimable).or(get(Field::SlabReclaimable)).unwrap_or(0);
    files.and_then(|files| files.checked_add(kernel)).ok_or(NoSplit::Inconsistent)
}

/// `total − available`: what cannot be had, whoever holds it. `None` if either is unknown or they
/// contradict each other.
#[must_use]
pub fn used(sample: &Sample) -> Option<u64> {
    sample.get(Field::Total)?.checked_sub(sample.get(Field::Available)?)
}

/// `swap_total − swap_free`, under the same conditions.
#[must_use]
pub fn swap_used(sample: &Sample) -> Option<u64> {
    sample.get(Field::SwapTotal)?.checked_sub(sample.get(Field::SwapFree)?)
}

/// Cache as people know it from `free`: `Buffers + Cached + SReclaimable`. Overlaps with what is in
/// use, because tmpfs is in it.
#[must_use]
pub fn buff_cache(sample: &Sample) -> Option<u64> {
    let of = |field| sample.get(field).unwrap_or(0);
    sample
        .get(Field::Cached)?
        .checked_add(of(Field::Buffers))?
        .checked_add(of(Field::SlabReclaimable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[(Field, u64)]) -> Sample {
        let mut sample = Sample::EMPTY;
        for &(field, value) in values {
            sample.set(field, Some(value));
        }
        sample
    }

    const ORDINARY: &[(Field, u64)] = &[
        (Field::Total, 1000),
        (Field::Free, 300),
        (Field::Available, 600),
        (Field::ActiveFile, 150),
        (Field::InactiveFile, 200),
        (Field::SlabReclaimable, 40),
        (Field::KernelReclaimable, 50),
    ];

    #[test]
    fn both_identities_hold() {
        let split = Split::of(&sample(ORDINARY)).unwrap();
        assert_eq!(split.reclaimable, 400);
        assert_eq!(split.in_use + split.reclaimable + split.free, 1000);
        assert_eq!(split.in_use + split.held_back + split.available, 1000);
        assert_eq!(split.held_back, 100);
    }

    #[test]
    fn without_file_lists_the_cache_stands_in() {
        let sample = sample(&[
            (Field::Total, 1000),
            (Field::Free, 300),
            (Field::Available, 500),
            (Field::Cached, 260),
            (Field::Shmem, 20),
            (Field::Buffers, 10),
        ]);
        assert_eq!(Split::of(&sample).unwrap().reclaimable, 250);
    }

    #[test]
    fn less_may_be_available_than_free() {
        let split = Split::of(&sample(&[
            (Field::Total, 7814),
            (Field::Free, 133),
            (Field::Available, 107),
            (Field::Cached, 30),
        ]))
        .unwrap();
        assert_eq!((split.in_use, split.held_back), (7651, 56));
    }

    #[test]
    fn zero_available_is_an_answer() {
        let mut sample = sample(ORDINARY);
        sample.set(Field::Available, Some(0));
        assert_eq!(Split::of(&sample).unwrap().held_back, 700);
        sample.set(Field::Available, None);
        assert_eq!(Split::of(&sample), Err(NoSplit::Missing(Field::Available)));
    }

    #[test]
    fn contradictions_are_named_not_drawn() {
        let mut sample = sample(ORDINARY);
        sample.set(Field::Available, Some(900));
        assert_eq!(Split::of(&sample), Err(NoSplit::Inconsistent));
        sample.set(Field::Available, Some(600));
        sample.set(Field::ActiveFile, Some(900));
        assert_eq!(Split::of(&sample), Err(NoSplit::Inconsistent));
        sample.set(Field::ActiveFile, Some(u64::MAX));
        assert_eq!(Split::of(&sample), Err(NoSplit::Inconsistent));
        sample.set(Field::Free, Some(1001));
        assert_eq!(Split::of(&sample), Err(NoSplit::Inconsistent));
    }

    #[test]
    fn drift_is_taken_from_the_cache() {
        let mut sample = sample(ORDINARY);
        sample.set(Field::Available, Some(705));
        let split = Split::of(&sample).unwrap();
        assert_eq!((split.reclaimable, split.held_back), (405, 0));
    }
}
