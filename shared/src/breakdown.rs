//! Total memory in parts that do not overlap and sum exactly to it.
//!
//! Lines of `/proc/meminfo` overlap in many ways (`Cached` includes `Shmem`, `VmallocUsed` includes
//! `KernelStack`, and so on); [`Part`] says for each part which lines it takes and which it leaves out.
//! What no line tells is the last part, [`Part::Residual`].

use crate::field::Origin;
use crate::{Field, NodeFacts, Sample};

/// Whether a part comes free when its room is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It is free.
    Free,
    /// The kernel drops it on request.
    OnRequest,
    /// Only by writing it to swap.
    BySwapping,
    /// Not until its owner gives it back.
    No,
}

impl Given {
    /// The same in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Free => "unused",
            Self::OnRequest => "given back on request",
            Self::BySwapping => "only by swapping",
            Self::No => "not given back",
        }
    }
}

macro_rules! parts {
    ($($(#[doc = $sentence:literal])+ $name:ident $id:literal $label:literal $class:literal $given:ident $formula:literal;)+) => {
        /// One part of total memory.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Part { $($(#[doc = $sentence])+ $name),+ }

        impl Part {
            /// Every part, in the order they are drawn: what is in use, what is given back, what is free.
            pub const ALL: &[Part] = &[$(Part::$name),+];

            /// Its name in JSON.
            #[must_use]
            pub fn id(self) -> &'static str {
                [$($id),+][self as usize]
            }

            /// Its name for people.
            #[must_use]
            pub fn label(self) -> &'static str {
                [$($label),+][self as usize]
            }

            /// Its kind of memory, as the style sheet calls it.
            #[must_use]
            pub fn class(self) -> &'static str {
                [$($class),+][self as usize]
            }

            /// Whether it comes free when its room is needed.
            #[must_use]
            pub fn given(self) -> Given {
                [$(Given::$given),+][self as usize]
            }

            /// What it is made of, by keys of `/proc/meminfo` unless it says another file.
            #[must_use]
            pub fn formula(self) -> &'static str {
                [$($formula),+][self as usize]
            }

            /// What it is, in sentences.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                [$(concat!($($sentence),+).trim_ascii()),+][self as usize]
            }
        }
    };
}

parts! {
    /// Heaps, stacks and other memory of programs that no file stands behind.
    Anon "anon" "Programs" "used" BySwapping "AnonPages";
    /// Shared memory and files in tmpfs, such as in /dev/shm and often /tmp.
    Shmem "shmem" "Shared and tmpfs" "shared" BySwapping "Shmem";
    /// Huge pages set aside for programs that ask for them by name, used or not.
    Hugetlb "hugetlb" "Huge page pools" "shared" No "Hugetlb, or HugePages_Total × Hugepagesize";
    /// RAM in which zram and zswap keep compressed pages.
    Compressed "compressed" "Compressed swap" "compressed" No "the larger of Zswap + mem_used_total of /sys/block/zram*/mm_stat and nr_zspages of /proc/vmstat";
    /// Objects of graphics drivers, and what they keep ready for new ones.
    Gpu "gpu" "Graphics" "kernel" No "GPUActive + GPUReclaim";
    /// The kernel's own objects that it cannot drop.
    SlabUnreclaimable "slab_unreclaimable" "Kernel objects" "kernel" No "SUnreclaim";
    /// Tables that map programs' addresses to memory.
    PageTables "page_tables" "Page tables" "kernel" No "PageTables + SecPageTables";
    /// A stack in the kernel for each thread.
    KernelStacks "kernel_stacks" "Kernel stacks" "kernel" No "KernelStack + ShadowCallStack";
    /// Data that the kernel keeps once for each CPU.
    Percpu "percpu" "Per-CPU data" "kernel" No "Percpu";
    /// Larger tables and buffers of the kernel and its modules.
    Vmalloc "vmalloc" "Kernel buffers" "kernel" No "VmallocUsed − kernel stacks, where VmallocChunk is 0";
    /// Copies for devices that cannot reach all of memory, and those that FUSE makes.
    Bounce "bounce" "Bounce buffers" "kernel" No "Bounce + WritebackTmp";
    /// What no line tells: drivers, firmware, network and device buffers, the ZFS cache.
    Residual "residual" "Not itemised" "residual" No "MemTotal − all other parts";
    /// Pages that are in swap too, and so can be dropped.
    SwapCache "swapcache" "Also in swap" "cache" OnRequest "Active(anon) + Inactive(anon) − AnonPages − Shmem, SwapCached at most";
    /// Other kernel memory that can be dropped.
    KernelMisc "kmisc_reclaimable" "Other kernel cache" "cache" OnRequest "KReclaimable − SReclaimable";
    /// Kernel objects that can be dropped, such as names of files.
    SlabReclaimable "slab_reclaimable" "Kernel cache" "cache" OnRequest "SReclaimable";
    /// Cached blocks of disks.
    Buffers "buffers" "Disk blocks" "cache" OnRequest "Buffers";
    /// Contents of files that were read or written. Dirty ones are written first.
    File "file" "File cache" "cache" OnRequest "Cached − Shmem";
    /// Memory that holds nothing at all; a healthy machine keeps little of it.
    Free "free" "Free" "free" Free "MemFree";
}

/// How well the parts fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They sum to total as they were read.
    Exact,
    /// They came to more than total by this many bytes, no more than the kernel's counters may lag
    /// behind; so much was taken from the cache.
    Drift(u64),
    /// They cannot be told apart, and why, in a sentence without its full stop.
    NotItemisable(String),
}

impl Outcome {
    /// Its name in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Drift(_) => "drift",
            Self::NotItemisable(_) => "not_itemisable",
        }
    }
}

/// Total memory in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// How well they fit.
    pub outcome: Outcome,
    /// In bytes, one for each of [`Part::ALL`]; all 0 where the outcome is not itemisable.
    bytes: [u64; Part::ALL.len()],
}

/// What a part gives up when the parts come to more than total, in this order.
const GIVES_WAY: [Part; 6] = [
    Part::Vmalloc,
    Part::KernelMisc,
    Part::SwapCache,
    Part::File,
    Part::SlabUnreclaimable,
    Part::Anon,
];

impl Breakdown {
    /// Breaks `sample` down. It is not itemisable where lines contradict each other by more than
    /// counters may lag behind: 1 % of total, or 125 pages for each CPU (`mm/vmstat.c`,
    /// `calculate_normal_threshold`).
    #[must_use]
    pub fn of(sample: &Sample, facts: &NodeFacts) -> Self {
        let Some(total) = sample.get(Field::Total) else {
            return Self::not_itemisable("MemTotal is missing".into());
        };
        if sample.get(Field::Lxcfs) == Some(1) {
            return Self::not_itemisable(
                "lxcfs makes this memory file, of some lines of the container and some of its host"
                    .into(),
            );
        }
        let mut breakdown = Self { outcome: Outcome::Exact, bytes: parts(sample) };
        let sum = breakdown.bytes.iter().try_fold(0_u64, |sum, &part| sum.checked_add(part));
        let Some(sum) = sum else {
            return Self::not_itemisable("its lines are larger than any memory".into());
        };
        let lag = u64::from(facts.cores.unwrap_or(1)).saturating_mul(125 * facts.page_size);
        match total.checked_sub(sum) {
            Some(rest) => breakdown.bytes[Part::Residual as usize] = rest,
            None if sum - total <= lag.max(total / 100) && breakdown.shrink(sum - total) => {
                breakdown.outcome = Outcome::Drift(sum - total);
            }
            None => {
                return Self::not_itemisable(format!(
                    "the lines of this memory file come to {} more than there is: it was edited, or \
                     mixes sources as in a container",
                    crate::units::human(sum - total)
                ));
            }
        }
        breakdown
    }

    fn not_itemisable(reason: String) -> Self {
        Self { outcome: Outcome::NotItemisable(reason), bytes: [0; Part::ALL.len()] }
    }

    /// Takes `excess` from the parts that give way; whether they had so much.
    fn shrink(&mut self, mut excess: u64) -> bool {
        for part in GIVES_WAY {
            let bytes = &mut self.bytes[part as usize];
            let taken = excess.min(*bytes);
            *bytes -= taken;
            excess -= taken;
        }
        excess == 0
    }

    /// The size of `part`, in bytes; `None` where nothing can be told apart.
    #[must_use]
    pub fn get(&self, part: Part) -> Option<u64> {
        (!matches!(self.outcome, Outcome::NotItemisable(_))).then(|| self.bytes[part as usize])
    }

    /// Each part with its bytes; none where nothing can be told apart.
    pub fn iter(&self) -> impl Iterator<Item = (Part, u64)> + '_ {
        Part::ALL.iter().filter_map(|&part| Some((part, self.get(part)?)))
    }
}

/// Every part but the residual, which is left 0. What is missing counts as nothing: it is then in the
/// residual.
fn parts(sample: &Sample) -> [u64; Part::ALL.len()] {
    let get = |field| sample.get(field);
    let or_0 = |field| get(field).unwrap_or(0);
    let sum = |a: u64, b: u64| a.saturating_add(b);
    let stacks = sum(or_0(Field::KernelStack), or_0(Field::ShadowCallStack));
    let huge_pages = or_0(Field::HugePagesTotal).saturating_mul(or_0(Field::HugePageSize));
    let listed = get(Field::ActiveAnon).zip(get(Field::Anon)).map(|(active, anon)| {
        sum(active, or_0(Field::InactiveAnon))
            .saturating_sub(anon)
            .saturating_sub(or_0(Field::Shmem))
    });
    let mut bytes = [0; Part::ALL.len()];
    for &part in Part::ALL {
        bytes[part as usize] = match part {
            Part::Anon => or_0(Field::Anon),
            Part::Shmem => or_0(Field::Shmem),
            Part::Hugetlb => get(Field::Hugetlb).unwrap_or(huge_pages),
            Part::Compressed => {
                sum(or_0(Field::Zswap), or_0(Field::ZramUsed)).max(or_0(Field::Zspages))
            }
            Part::Gpu => sum(or_0(Field::GpuActive), or_0(Field::GpuReclaim)),
            Part::SlabUnreclaimable => get(Field::SlabUnreclaimable).unwrap_or(or_0(Field::Slab)),
            Part::PageTables => sum(or_0(Field::PageTables), or_0(Field::SecPageTables)),
            Part::KernelStacks => stacks,
            Part::Percpu => or_0(Field::Percpu),
            // With another value it is address space, which may exceed all memory.
            Part::Vmalloc if get(Field::VmallocChunk) == Some(0) => {
                or_0(Field::VmallocUsed).saturating_sub(stacks)
            }
            Part::Vmalloc | Part::Residual => 0,
            Part::Bounce => sum(or_0(Field::Bounce), or_0(Field::WritebackTmp)),
            // Mapped pages of the swap cache are in AnonPages too; this is the rest of them.
            Part::SwapCache => listed.unwrap_or(0).min(or_0(Field::SwapCached)),
            Part::KernelMisc => {
                or_0(Field::KernelReclaimable).saturating_sub(or_0(Field::SlabReclaimable))
            }
            Part::SlabReclaimable => or_0(Field::SlabReclaimable),
            Part::Buffers => or_0(Field::Buffers),
            Part::File => or_0(Field::Cached).saturating_sub(or_0(Field::Shmem)),
            Part::Free => or_0(Field::Free),
        };
    }
    bytes
}

/// Something known to be inside the residual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// What it is.
    pub label: &'static str,
    /// Where that is told.
    pub origin: Origin,
    /// Bytes of the residual that it may be, at most.
    pub at_most: u64,
}

/// What the residual is made of, as far as anything tells. These may overlap, and parts of them may
/// be elsewhere: borrowed CMA memory holds programs' pages.
#[must_use]
pub fn annotations(sample: &Sample, residual: u64) -> Vec<Annotation> {
    // Known when this is compiled: the page need not carry the whole table for six of its rows.
    const ROWS: [(&str, Field, Origin); 6] = [
        ("the ZFS cache", Field::ArcSize, Field::ArcSize.origin()),
        ("memory lent back to the host", Field::Balloon, Field::Balloon.origin()),
        ("camera, display and codec buffers", Field::CmaTotal, Field::CmaTotal.origin()),
        ("broken memory", Field::HardwareCorrupted, Field::HardwareCorrupted.origin()),
        ("IOMMU tables", Field::IommuTables, Field::IommuTables.origin()),
        ("page descriptions", Field::PageDescriptions, Field::PageDescriptions.origin()),
    ];
    ROWS.into_iter()
        .filter_map(|(label, field, origin)| {
            let unused = if field == Field::CmaTotal { sample.get(Field::CmaFree)? } else { 0 };
            let at_most = sample.get(field)?.saturating_sub(unused).min(residual);
            (at_most > 0).then_some(Annotation { label, origin, at_most })
        })
        .collect()
}

#[cfg(test)]
mod tests;
