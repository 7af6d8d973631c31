//! What can be had of a node's memory, as one sample tells it. All in bytes.

use crate::field::Def;
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
    #[error("this kernel does not report {0}")]
    Missing(&'static str),
    /// The numbers contradict each other, as where a container's tool rewrites some lines of the file.
    #[error(
        "the numbers in /proc/meminfo contradict each other (a container may rewrite part of the file)"
    )]
    Inconsistent,
}

const fn missing(def: &Def) -> NoSplit {
    NoSplit::Missing(def.key)
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
    /// estimates `MemAvailable` (`mm/show_mem.c`, `si_mem_available`), and what ZFS can give back.
    /// Kernels that do not list the file LRU (before 2.6.28) are given `Cached − Shmem + Buffers`,
    /// which is nearly the same.
    pub fn of(sample: &Sample) -> Result<Self, NoSplit> {
        let total = sample.get(Field::Total).ok_or(missing(const { Field::Total.def() }))?;
        let giving = Giving::of(sample)?;
        let available = giving.available(sample).bytes;
        let free = giving.free;

        let slack = total / DRIFT;
        let given = giving.sum().ok_or(NoSplit::Inconsistent)?;
        let reclaimable = given - free;
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

/// What new programs can get without swapping, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// On the whole machine, in bytes.
    pub bytes: u64,
    /// How it is known.
    pub source: Source,
    /// What of it is ZFS cache that can shrink, in bytes: the kernel does not count it.
    pub arc: u64,
    /// What of it this process can get, in bytes: less where a control group limits it.
    pub here: u64,
}

/// How available memory is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The kernel says it.
    Kernel,
    /// Estimated as newer kernels do, with the zones' own reserves and marks.
    Zones,
    /// Estimated with the zones' low marks, for want of their reserves.
    LowMarks,
    /// Estimated with low marks that follow from `min_free_kbytes`.
    MinFree,
    /// Estimated without knowing any mark: what the kernel holds back is not subtracted.
    NoMarks,
}

impl Source {
    /// Whether it is not the kernel's own number.
    #[must_use]
    pub fn is_estimated(self) -> bool {
        self != Self::Kernel
    }

    /// The formula, with its files and keys.
    #[must_use]
    pub fn formula(self) -> &'static str {
        match self {
            Self::Kernel => "MemAvailable in /proc/meminfo",
            Self::Zones => {
                "MemFree − reserve + files − min(files/2, low) + reclaimable − min(reclaimable/2, low), \
                 reserve and low summed from /proc/zoneinfo"
            }
            Self::LowMarks => {
                "MemFree − low + files − min(files/2, low) + reclaimable − min(reclaimable/2, low), low \
                 summed from /proc/zoneinfo"
            }
            Self::MinFree => {
                "MemFree − low + files − min(files/2, low) + reclaimable − min(reclaimable/2, low), low \
                 = vm.min_free_kbytes × 5/4"
            }
            Self::NoMarks => {
                "MemFree + files + reclaimable; what the kernel holds back is not known"
            }
        }
    }
}

impl Available {
    /// What `sample` tells of available memory. Kernels before 3.14 do not say it: then it is
    /// estimated as newer ones do. A present 0 is an answer.
    pub fn of(sample: &Sample) -> Result<Self, NoSplit> {
        if sample.get(Field::Available).is_some() {
            // The kernel's own number needs no other line.
            let giving = Giving::of(sample).unwrap_or_default();
            return Ok(Giving { arc: arc(sample), ..giving }.available(sample));
        }
        Ok(Giving::of(sample)?.available(sample))
    }
}

/// What the kernel can give to programs, in bytes.
#[derive(Clone, Copy, Default)]
struct Giving {
    free: u64,
    /// The file LRU.
    files: u64,
    /// Reclaimable kernel memory.
    kernel: u64,
    /// What ZFS can give back.
    arc: u64,
}

impl Giving {
    fn of(sample: &Sample) -> Result<Self, NoSplit> {
        let get = |field| sample.get(field);
        let free = get(Field::Free).ok_or(missing(const { Field::Free.def() }))?;
        let listed = get(Field::ActiveFile).zip(get(Field::InactiveFile));
        let files = if let Some((active, inactive)) = listed {
            active.checked_add(inactive)
        } else {
            get(Field::Cached)
                .ok_or(missing(const { Field::Cached.def() }))?
                .saturating_sub(get(Field::Shmem).unwrap_or(0))
                .checked_add(get(Field::Buffers).unwrap_or(0))
        };
        // lxcfs passes on the host's KReclaimable beside the container's SReclaimable.
        let whole = get(Field::KernelReclaimable).filter(|_| get(Field::Lxcfs) != Some(1));
        let kernel = whole.or(get(Field::SlabReclaimable)).unwrap_or(0);
        let giving =
            Self { free, files: files.ok_or(NoSplit::Inconsistent)?, kernel, arc: arc(sample) };
        giving.sum().map(|_| giving).ok_or(NoSplit::Inconsistent)
    }

    fn sum(self) -> Option<u64> {
        self.free.checked_add(self.files)?.checked_add(self.kernel)?.checked_add(self.arc)
    }

    fn available(self, sample: &Sample) -> Available {
        let (of_kernel, source) = match sample.get(Field::Available) {
            Some(available) => (available, Source::Kernel),
            None => self.estimate(sample),
        };
        let bytes = of_kernel.saturating_add(self.arc);
        let here = sample.get(Field::LimitLeft).map_or(bytes, |left| left.min(bytes));
        Available { bytes, source, arc: self.arc, here }
    }

    /// The kernel's present formula (`mm/show_mem.c`, `si_mem_available`) with the best marks that are
    /// known.
    fn estimate(self, sample: &Sample) -> (u64, Source) {
        let get = |field| sample.get(field);
        let (reserve, low, source) = match (get(Field::ZoneReserve), get(Field::ZoneLow)) {
            (Some(reserve), Some(low)) => (reserve, low, Source::Zones),
            (None, Some(low)) => (low, low, Source::LowMarks),
            (_, None) => match get(Field::MinFree) {
                // `mm/page_alloc.c`, `__setup_per_zone_wmarks`: low is min and a quarter of it.
                Some(min) => (min / 4 * 5, min / 4 * 5, Source::MinFree),
                None => (0, 0, Source::NoMarks),
            },
        };
        let spare = |amount: u64| amount - (amount / 2).min(low);
        let given = self.free + spare(self.files) + spare(self.kernel);
        (given.saturating_sub(reserve), source)
    }
}

/// How far the ZFS cache can shrink, in bytes; 0 where there is none.
fn arc(sample: &Sample) -> u64 {
    let size = sample.get(Field::ArcSize).unwrap_or(0);
    size.saturating_sub(sample.get(Field::ArcFloor).unwrap_or(size))
}

/// The estimate of available memory by this module's own formula, whatever the kernel says: to see
/// whether they agree. `None` without the zones' marks.
#[must_use]
pub fn estimated_from_zones(sample: &Sample) -> Option<u64> {
    let (bytes, source) = Giving::of(sample).ok()?.estimate(sample);
    (source == Source::Zones).then_some(bytes)
}

/// `total − available`: what cannot be had, whoever holds it. `None` if either is unknown or they
/// contradict each other.
#[must_use]
pub fn used(sample: &Sample) -> Option<u64> {
    sample.get(Field::Total)?.checked_sub(Available::of(sample).ok()?.bytes)
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
        assert_eq!(Available::of(&sample).unwrap().source, Source::Kernel);
    }

    #[test]
    fn what_the_kernel_does_not_say_is_estimated_with_the_best_marks() {
        let mut sample = sample(ORDINARY);
        sample.set(Field::Available, None);
        let estimate = |sample: &Sample| {
            let Available { bytes, source, .. } = Available::of(sample).unwrap();
            (bytes, source)
        };
        assert_eq!(estimate(&sample), (700, Source::NoMarks));
        sample.set(Field::MinFree, Some(32));
        assert_eq!(estimate(&sample), (700 - 40 - 40 - 25, Source::MinFree));
        sample.set(Field::ZoneLow, Some(10));
        assert_eq!(estimate(&sample), (700 - 30, Source::LowMarks));
        sample.set(Field::ZoneReserve, Some(60));
        assert_eq!(estimate(&sample), (700 - 60 - 20, Source::Zones));
        assert_eq!(estimated_from_zones(&sample), Some(620));
        assert_eq!(Split::of(&sample).unwrap().held_back, 80);
        sample.set(Field::ZoneReserve, Some(5000));
        assert_eq!(estimate(&sample).0, 0, "never below nothing");
    }

    #[test]
    fn zfs_gives_back_what_is_above_its_floor() {
        let mut sample = sample(ORDINARY);
        sample.set(Field::ArcSize, Some(120));
        sample.set(Field::ArcFloor, Some(20));
        let available = Available::of(&sample).unwrap();
        assert_eq!((available.bytes, available.arc, available.here), (700, 100, 700));
        let split = Split::of(&sample).unwrap();
        assert_eq!((split.in_use, split.reclaimable, split.held_back), (200, 500, 100));
        sample.set(Field::ArcFloor, None);
        assert_eq!(Available::of(&sample).unwrap().arc, 0);
    }

    #[test]
    fn a_limit_leaves_less_here() {
        let mut sample = sample(ORDINARY);
        sample.set(Field::LimitLeft, Some(50));
        let available = Available::of(&sample).unwrap();
        assert_eq!((available.bytes, available.here), (600, 50));
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
