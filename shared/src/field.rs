//! The one table of everything Headroom reads from a node.
//!
//! Parsing, wire, JSON, the field table in the docs and the page all loop over [`Field::ALL`]:
//! a new plain field is one row here, and a colour token in `static/theme.css` if it brings one.
//! Rows are append-only: the position of a row is its id on the wire and in stored data.

mod def;

use std::fmt::Write as _;

pub use def::{Def, Kind, Origin, Source, Text, Unit};

macro_rules! fields {
    ($($(#[doc = $help:literal])+ $name:ident $id:literal = $source:ident $key:literal, $unit:ident $kind:ident, $since:literal, $label:literal, $color:literal;)+) => {
        /// One quantity of a node. The discriminant is its id on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field { $($(#[doc = $help])+ $name),+ }

        impl Field {
            /// Every field, in the order of their wire ids.
            pub const ALL: &[Field] = &[$(Field::$name),+];
        }

        static DEFS: [Def; Field::ALL.len()] = [$(Def {
            id: $id,
            source: Source::$source,
            key: $key,
            unit: Unit::$unit,
            kind: Kind::$kind,
        }),+];

        static TEXTS: [Text; Field::ALL.len()] = [$(Text {
            label: $label,
            color: $color,
            since: $since,
            help: concat!($($help),+).trim_ascii(),
        }),+];
    };
}

fields! {
    /// RAM that the kernel can use: physical memory less what firmware and the kernel's own image
    /// took at boot.
    Total "total" = Meminfo "MemTotal", Bytes Gauge, "", "Total", "--c-total";
    /// RAM that nothing uses at all. Low on a healthy machine, because the kernel keeps files
    /// cached in it until somebody needs the room.
    Free "free" = Meminfo "MemFree", Bytes Gauge, "", "Free", "--c-free";
    /// The kernel's estimate of what new programs can get without swapping: free memory and
    /// reclaimable cache, less what it holds back.
    Available "available" = Meminfo "MemAvailable", Bytes Gauge, "3.14", "Available", "--c-available";
    /// Cached blocks of disks, not of files.
    Buffers "buffers" = Meminfo "Buffers", Bytes Gauge, "", "Buffers", "--c-cache";
    /// Cached contents of files. Includes shared memory and tmpfs, which cannot be dropped.
    Cached "cached" = Meminfo "Cached", Bytes Gauge, "", "Cached", "--c-cache";
    /// Cached file pages used lately.
    ActiveFile "active_file" = Meminfo "Active(file)", Bytes Gauge, "2.6.28", "Active files", "--c-cache";
    /// Cached file pages not used lately: the first to be dropped.
    InactiveFile "inactive_file" = Meminfo "Inactive(file)", Bytes Gauge, "2.6.28", "Inactive files", "--c-cache";
    /// Shared memory and files in tmpfs. Can be swapped out but not dropped.
    Shmem "shmem" = Meminfo "Shmem", Bytes Gauge, "2.6.32", "Shared and tmpfs", "--c-used";
    /// Kernel objects that can be dropped, such as cached directory entries.
    SlabReclaimable "slab_reclaimable" = Meminfo "SReclaimable", Bytes Gauge, "2.6.19", "Reclaimable slab", "--c-cache";
    /// All kernel memory that can be dropped: reclaimable slab and more.
    KernelReclaimable "kernel_reclaimable" = Meminfo "KReclaimable", Bytes Gauge, "4.20", "Reclaimable kernel memory", "--c-cache";
    /// Programs' own memory: heaps and stacks, backed by no file.
    Anon "anon" = Meminfo "AnonPages", Bytes Gauge, "2.6.18", "Programs", "--c-used";
    /// Cached file pages that must be written to disk before they can be dropped.
    Dirty "dirty" = Meminfo "Dirty", Bytes Gauge, "", "Dirty", "--c-cache";
    /// Room in all swap areas. With zram it is a promise, not disk space.
    SwapTotal "swap_total" = Meminfo "SwapTotal", Bytes Gauge, "", "Swap total", "--c-swap";
    /// Unused room in all swap areas.
    SwapFree "swap_free" = Meminfo "SwapFree", Bytes Gauge, "", "Swap free", "--c-swap";
    /// Pages in RAM that also still have their copy in swap.
    SwapCached "swap_cached" = Meminfo "SwapCached", Bytes Gauge, "", "Swap cached", "--c-swap";
    /// Pages read back from swap since boot.
    SwappedIn "swapped_in_pages" = Vmstat "pswpin", Pages Counter, "", "Swapped in", "--c-swap";
    /// Pages written to swap since boot.
    SwappedOut "swapped_out_pages" = Vmstat "pswpout", Pages Counter, "", "Swapped out", "--c-swap";
    /// Page faults since boot that had to wait for a disk.
    MajorFaults "major_faults" = Vmstat "pgmajfault", Count Counter, "", "Major faults", "--c-pressure";
    /// Cached file pages dropped and soon needed again, since boot: cache that was not spare.
    FileRefaults "file_refaults_pages" = Vmstat "workingset_refault_file", Pages Counter, "5.9", "File refaults", "--c-pressure";
    /// Processes the kernel killed since boot because memory ran out.
    OomKills "oom_kills" = Vmstat "oom_kill", Count Counter, "4.13", "OOM kills", "--c-trouble";
    /// Time since boot in which at least one task waited for memory. Only with PSI on.
    PressureSome "pressure_some_us" = PressureMemory "some", Micros Counter, "4.20", "Pressure, some", "--c-pressure";
    /// Time since boot in which every task that could have run waited for memory.
    PressureFull "pressure_full_us" = PressureMemory "full", Micros Counter, "4.20", "Pressure, all", "--c-trouble";
    /// CPU time of all cores since boot that was not idle and not waiting for disks.
    CpuBusy "cpu_busy_ticks" = Stat "busy", Ticks Counter, "", "CPU busy", "--c-cpu";
    /// CPU time of all cores since boot, idle time included.
    CpuTotal "cpu_total_ticks" = Stat "total", Ticks Counter, "", "CPU time", "--c-cpu";
    /// Tasks that ran or waited, averaged over one minute.
    Load1 "load_1m_hundredths" = Loadavg "1", Hundredths Gauge, "", "Load, 1 min", "--c-cpu";
    /// Tasks that ran or waited, averaged over five minutes.
    Load5 "load_5m_hundredths" = Loadavg "2", Hundredths Gauge, "", "Load, 5 min", "--c-cpu";
    /// Tasks that ran or waited, averaged over fifteen minutes.
    Load15 "load_15m_hundredths" = Loadavg "3", Hundredths Gauge, "", "Load, 15 min", "--c-cpu";
    /// Present frequency of the fastest core.
    CpuFrequency "cpu_frequency_hz" = Cpufreq "scaling_cur_freq", Hertz Gauge, "", "CPU frequency", "--c-cpu";
    /// Temperature of the CPU, or of the first sensor where none is named so.
    Temperature "temperature_millicelsius" = Thermal "temp", MilliCelsius Gauge, "", "Temperature", "--c-temperature";
    /// Pages used lately: programs' and files' together.
    Active "active" = Meminfo "Active", Bytes Gauge, "", "Active", "--c-used";
    /// Pages not used lately: the next to be dropped or swapped out.
    Inactive "inactive" = Meminfo "Inactive", Bytes Gauge, "", "Inactive", "--c-used";
    /// Programs' and shared pages used lately.
    ActiveAnon "active_anon" = Meminfo "Active(anon)", Bytes Gauge, "2.6.28", "Active, not of files", "--c-used";
    /// Programs' and shared pages not used lately: the next to be swapped out.
    InactiveAnon "inactive_anon" = Meminfo "Inactive(anon)", Bytes Gauge, "2.6.28", "Inactive, not of files", "--c-used";
    /// Pages that cannot be dropped or swapped out: locked by a program, a ramfs or a graphics driver.
    Unevictable "unevictable" = Meminfo "Unevictable", Bytes Gauge, "2.6.28", "Unevictable", "--c-used";
    /// Pages that programs locked into RAM (`mlock`). Part of Unevictable.
    Mlocked "mlocked" = Meminfo "Mlocked", Bytes Gauge, "2.6.28", "Locked", "--c-used";
    /// On 32-bit kernels: memory that the kernel cannot use for itself.
    HighTotal "high_total" = Meminfo "HighTotal", Bytes Gauge, "", "High memory", "--c-total";
    /// Free memory of that kind.
    HighFree "high_free" = Meminfo "HighFree", Bytes Gauge, "", "High memory, free", "--c-free";
    /// On 32-bit kernels: memory that the kernel can use for itself. When it runs out the machine
    /// fails, however much high memory is free.
    LowTotal "low_total" = Meminfo "LowTotal", Bytes Gauge, "", "Low memory", "--c-total";
    /// Free memory of that kind.
    LowFree "low_free" = Meminfo "LowFree", Bytes Gauge, "", "Low memory, free", "--c-free";
    /// On machines without an MMU: memory handed to programs that asked for a private mapping.
    MmapCopy "mmap_copy" = Meminfo "MmapCopy", Bytes Gauge, "2.6.29", "Copied mappings", "--c-used";
    /// RAM that zswap takes for compressed pages.
    Zswap "zswap" = Meminfo "Zswap", Bytes Gauge, "5.19", "zswap pool", "--c-swap";
    /// What those pages were before they were compressed. They also count as used swap.
    Zswapped "zswapped" = Meminfo "Zswapped", Bytes Gauge, "5.19", "zswap content", "--c-swap";
    /// Cached file pages that are being written to disk right now.
    Writeback "writeback" = Meminfo "Writeback", Bytes Gauge, "", "Being written", "--c-cache";
    /// Pages of files and shared memory that programs have mapped. Part of Cached.
    Mapped "mapped" = Meminfo "Mapped", Bytes Gauge, "", "Mapped", "--c-cache";
    /// Kernel objects, those that can be dropped and those that cannot.
    Slab "slab" = Meminfo "Slab", Bytes Gauge, "", "Slab", "--c-kernel";
    /// Kernel objects that cannot be dropped.
    SlabUnreclaimable "slab_unreclaimable" = Meminfo "SUnreclaim", Bytes Gauge, "2.6.19", "Unreclaimable slab", "--c-kernel";
    /// The kernel's own stacks, one for each thread.
    KernelStack "kernel_stack" = Meminfo "KernelStack", Bytes Gauge, "2.6.32", "Kernel stacks", "--c-kernel";
    /// Second stacks that guard return addresses, on arm64 and RISC-V.
    ShadowCallStack "shadow_call_stack" = Meminfo "ShadowCallStack", Bytes Gauge, "5.8", "Shadow call stacks", "--c-kernel";
    /// Tables that map programs' addresses to memory.
    PageTables "page_tables" = Meminfo "PageTables", Bytes Gauge, "2.6.18", "Page tables", "--c-kernel";
    /// The same for virtual machines and devices (KVM, IOMMU).
    SecPageTables "secondary_page_tables" = Meminfo "SecPageTables", Bytes Gauge, "6.1", "Secondary page tables", "--c-kernel";
    /// File pages sent to an NFS server but not yet on its disk. Always 0 since Linux 5.8.
    NfsUnstable "nfs_unstable" = Meminfo "NFS_Unstable", Bytes Gauge, "", "NFS, unstable", "--c-cache";
    /// Copies for devices that cannot reach all of memory.
    Bounce "bounce" = Meminfo "Bounce", Bytes Gauge, "2.6.18", "Bounce buffers", "--c-kernel";
    /// Copies that FUSE file systems keep while they write.
    WritebackTmp "writeback_tmp" = Meminfo "WritebackTmp", Bytes Gauge, "2.6.26", "FUSE write copies", "--c-kernel";
    /// How much programs may be promised in all, where the kernel is set to be strict about it.
    CommitLimit "commit_limit" = Meminfo "CommitLimit", Bytes Gauge, "2.6.10", "Commit limit", "--c-total";
    /// How much programs were promised: address space, not memory in use.
    Committed "committed" = Meminfo "Committed_AS", Bytes Gauge, "", "Committed", "--c-total";
    /// The kernel's address space for `vmalloc`: no memory.
    VmallocTotal "vmalloc_total" = Meminfo "VmallocTotal", Bytes Gauge, "", "Vmalloc space", "--c-total";
    /// Memory the kernel took by `vmalloc`, its stacks included. Address space before Linux 4.4, and
    /// always 0 from there to 5.2.
    VmallocUsed "vmalloc_used" = Meminfo "VmallocUsed", Bytes Gauge, "", "Vmalloc used", "--c-kernel";
    /// The largest free piece of that address space. Always 0 since Linux 4.4.
    VmallocChunk "vmalloc_chunk" = Meminfo "VmallocChunk", Bytes Gauge, "", "Vmalloc chunk", "--c-total";
    /// Data that the kernel keeps once for each CPU.
    Percpu "percpu" = Meminfo "Percpu", Bytes Gauge, "4.19", "Per-CPU data", "--c-kernel";
    /// Memory that failed the test at boot and is not used.
    EarlyMemtestBad "early_memtest_bad" = Meminfo "EarlyMemtestBad", Bytes Gauge, "6.4", "Failed at boot", "--c-trouble";
    /// Memory that the hardware reported as broken and is not used any more.
    HardwareCorrupted "hardware_corrupted" = Meminfo "HardwareCorrupted", Bytes Gauge, "2.6.32", "Broken", "--c-trouble";
    /// Programs' own memory that is in huge pages by itself. Part of AnonPages.
    AnonHugePages "anon_huge_pages" = Meminfo "AnonHugePages", Bytes Gauge, "2.6.38", "Programs, huge pages", "--c-used";
    /// Shared memory in huge pages. Part of Shmem.
    ShmemHugePages "shmem_huge_pages" = Meminfo "ShmemHugePages", Bytes Gauge, "4.8", "Shared, huge pages", "--c-used";
    /// Shared memory that programs have mapped in huge pages. Part of Shmem.
    ShmemPmdMapped "shmem_pmd_mapped" = Meminfo "ShmemPmdMapped", Bytes Gauge, "4.8", "Shared, mapped huge", "--c-used";
    /// Cached files in huge pages. Part of Cached.
    FileHugePages "file_huge_pages" = Meminfo "FileHugePages", Bytes Gauge, "5.4", "Files, huge pages", "--c-cache";
    /// Cached files that programs have mapped in huge pages. Part of Cached.
    FilePmdMapped "file_pmd_mapped" = Meminfo "FilePmdMapped", Bytes Gauge, "5.4", "Files, mapped huge", "--c-cache";
    /// Memory set aside for devices that need it in one piece, such as cameras and displays. Programs
    /// may borrow it meanwhile.
    CmaTotal "cma_total" = Meminfo "CmaTotal", Bytes Gauge, "3.1", "CMA", "--c-kernel";
    /// What of it is free. Part of MemFree, and of no use to most of the kernel.
    CmaFree "cma_free" = Meminfo "CmaFree", Bytes Gauge, "3.1", "CMA, free", "--c-free";
    /// In a confidential virtual machine: memory not taken into use yet. Part of MemFree.
    Unaccepted "unaccepted" = Meminfo "Unaccepted", Bytes Gauge, "6.5", "Unaccepted", "--c-free";
    /// What the host of a virtual machine has borrowed back.
    Balloon "balloon" = Meminfo "Balloon", Bytes Gauge, "6.16", "Balloon", "--c-kernel";
    /// Memory in graphics objects. Only kernels after 6.18 tell it.
    GpuActive "gpu_active" = Meminfo "GPUActive", Bytes Gauge, "", "Graphics", "--c-kernel";
    /// Memory that the graphics driver keeps ready for new objects. Only kernels after 6.18 tell it.
    GpuReclaim "gpu_reclaim" = Meminfo "GPUReclaim", Bytes Gauge, "", "Graphics, spare", "--c-kernel";
    /// Huge pages of the usual size that are set aside.
    HugePagesTotal "huge_pages_total" = Meminfo "HugePages_Total", Count Gauge, "", "Huge pages", "--c-used";
    /// Those of them that no program uses. Nobody else can have them.
    HugePagesFree "huge_pages_free" = Meminfo "HugePages_Free", Count Gauge, "", "Huge pages, free", "--c-used";
    /// Free ones that are promised to a program.
    HugePagesReserved "huge_pages_reserved" = Meminfo "HugePages_Rsvd", Count Gauge, "2.6.17", "Huge pages, promised", "--c-used";
    /// Those beyond the number that is set aside for good.
    HugePagesSurplus "huge_pages_surplus" = Meminfo "HugePages_Surp", Count Gauge, "2.6.24", "Huge pages, surplus", "--c-used";
    /// The usual size of a huge page.
    HugePageSize "huge_page_size" = Meminfo "Hugepagesize", Bytes Gauge, "", "Huge page size", "--c-total";
    /// Memory in huge pages that are set aside, of all sizes, used or not.
    Hugetlb "hugetlb" = Meminfo "Hugetlb", Bytes Gauge, "4.16", "Huge page pools", "--c-used";
    /// How much of memory the kernel itself maps in pages of 4 KiB. No memory in use.
    DirectMap4k "direct_map_4k" = Meminfo "DirectMap4k", Bytes Gauge, "2.6.27", "Direct map, 4 KiB", "--c-total";
    /// The same in pages of 2 MiB.
    DirectMap2M "direct_map_2m" = Meminfo "DirectMap2M", Bytes Gauge, "2.6.27", "Direct map, 2 MiB", "--c-total";
    /// The same in pages of 4 MiB (32-bit).
    DirectMap4M "direct_map_4m" = Meminfo "DirectMap4M", Bytes Gauge, "2.6.27", "Direct map, 4 MiB", "--c-total";
    /// The same in pages of 1 GiB.
    DirectMap1G "direct_map_1g" = Meminfo "DirectMap1G", Bytes Gauge, "2.6.27", "Direct map, 1 GiB", "--c-total";
    /// Pages that came back from swap as nothing but zeros, without any reading, since boot.
    SwappedInZero "swapped_in_zero_pages" = Vmstat "swpin_zero", Pages Counter, "6.12", "Swapped in, zeros", "--c-swap";
    /// Pages of nothing but zeros that were swapped out by a mark alone, since boot.
    SwappedOutZero "swapped_out_zero_pages" = Vmstat "swpout_zero", Pages Counter, "6.12", "Swapped out, zeros", "--c-swap";
    /// Pages that came back from zswap since boot.
    ZswapIn "zswap_in_pages" = Vmstat "zswpin", Pages Counter, "5.19", "Out of zswap", "--c-swap";
    /// Pages that went to zswap since boot.
    ZswapOut "zswap_out_pages" = Vmstat "zswpout", Pages Counter, "5.19", "Into zswap", "--c-swap";
    /// Pages that zswap passed on to the swap device since boot.
    ZswapWriteback "zswap_writeback_pages" = Vmstat "zswpwb", Pages Counter, "6.8", "zswap to disk", "--c-swap";
    /// Page faults since boot, of any kind.
    Faults "faults" = Vmstat "pgfault", Count Counter, "", "Page faults", "--c-pressure";
    /// Read from block devices since boot. The kernel counts KiB.
    PagedIn "paged_in" = Vmstat "pgpgin", Bytes Counter, "", "Read from disks", "--c-cache";
    /// Written to block devices since boot. The kernel counts KiB.
    PagedOut "paged_out" = Vmstat "pgpgout", Bytes Counter, "", "Written to disks", "--c-cache";
    /// Pages of programs swapped out and soon needed again, since boot.
    AnonRefaults "anon_refaults_pages" = Vmstat "workingset_refault_anon", Pages Counter, "5.9", "Program refaults", "--c-pressure";
    /// Pages dropped and soon needed again, since boot, on kernels that do not tell files from programs.
    Refaults "refaults_pages" = Vmstat "workingset_refault", Pages Counter, "3.15", "Refaults", "--c-pressure";
    /// Refaulted pages of programs that had been in use when they were swapped out.
    AnonActivated "anon_activated_pages" = Vmstat "workingset_activate_anon", Pages Counter, "5.9", "Program refaults, hot", "--c-pressure";
    /// Refaulted file pages that had been in use when they were dropped.
    FileActivated "file_activated_pages" = Vmstat "workingset_activate_file", Pages Counter, "5.9", "File refaults, hot", "--c-pressure";
    /// Of those of programs, the ones that went straight back among the pages in use.
    AnonRestored "anon_restored_pages" = Vmstat "workingset_restore_anon", Pages Counter, "5.9", "Program refaults, restored", "--c-pressure";
    /// Of those of files, the ones that went straight back among the pages in use.
    FileRestored "file_restored_pages" = Vmstat "workingset_restore_file", Pages Counter, "5.9", "File refaults, restored", "--c-pressure";
    /// Pages that the kernel's own thread looked at for something to drop, since boot.
    ScannedKswapd "scanned_kswapd_pages" = Vmstat "pgscan_kswapd", Pages Counter, "", "Scanned by kswapd", "--c-pressure";
    /// Pages that programs had to look at themselves before they got memory, since boot: they waited.
    ScannedDirect "scanned_direct_pages" = Vmstat "pgscan_direct", Pages Counter, "", "Scanned while waiting", "--c-pressure";
    /// Pages that the kernel's own thread dropped or swapped out, since boot.
    StolenKswapd "reclaimed_kswapd_pages" = Vmstat "pgsteal_kswapd", Pages Counter, "3.5", "Reclaimed by kswapd", "--c-pressure";
    /// Pages that programs reclaimed while they waited, since boot.
    StolenDirect "reclaimed_direct_pages" = Vmstat "pgsteal_direct", Pages Counter, "3.5", "Reclaimed while waiting", "--c-pressure";
    /// Pages looked at to make huge pages, since boot.
    ScannedKhugepaged "scanned_khugepaged_pages" = Vmstat "pgscan_khugepaged", Pages Counter, "6.3", "Scanned by khugepaged", "--c-pressure";
    /// Pages reclaimed to make huge pages, since boot.
    StolenKhugepaged "reclaimed_khugepaged_pages" = Vmstat "pgsteal_khugepaged", Pages Counter, "6.3", "Reclaimed by khugepaged", "--c-pressure";
    /// Pages looked at because a program asked the kernel to reclaim, since boot.
    ScannedProactive "scanned_proactive_pages" = Vmstat "pgscan_proactive", Pages Counter, "6.16", "Scanned on request", "--c-pressure";
    /// Pages reclaimed because a program asked the kernel to, since boot.
    StolenProactive "reclaimed_proactive_pages" = Vmstat "pgsteal_proactive", Pages Counter, "6.16", "Reclaimed on request", "--c-pressure";
    /// How often a program had to reclaim memory itself before it got some, since boot.
    AllocationStalls "allocation_stalls" = Vmstat "allocstall", Count Counter, "", "Allocation stalls", "--c-pressure";
    /// How often a program waited for memory in one piece, since boot.
    CompactionStalls "compaction_stalls" = Vmstat "compact_stall", Count Counter, "2.6.35", "Compaction stalls", "--c-pressure";
    /// How often that was in vain.
    CompactionFails "compaction_fails" = Vmstat "compact_fail", Count Counter, "2.6.35", "Compactions in vain", "--c-pressure";
    /// How often it helped.
    CompactionSuccesses "compaction_successes" = Vmstat "compact_success", Count Counter, "2.6.35", "Compactions", "--c-pressure";
    /// Huge pages that programs got at once, since boot.
    HugeFaults "huge_faults" = Vmstat "thp_fault_alloc", Count Counter, "2.6.38", "Huge pages given", "--c-used";
    /// Huge pages that were not to be had, so that small ones were given, since boot.
    HugeFallbacks "huge_fallbacks" = Vmstat "thp_fault_fallback", Count Counter, "2.6.38", "Huge pages refused", "--c-used";
    /// Huge pages made of small ones, since boot.
    HugeCollapses "huge_collapses" = Vmstat "thp_collapse_alloc", Count Counter, "2.6.38", "Huge pages made", "--c-used";
    /// Huge pages split into small ones, since boot.
    HugeSplits "huge_splits" = Vmstat "thp_split_page", Count Counter, "2.6.38", "Huge pages split", "--c-used";
    /// Huge pages swapped out whole, since boot.
    HugeSwapOuts "huge_swap_outs" = Vmstat "thp_swpout", Count Counter, "4.13", "Huge pages swapped", "--c-swap";
    /// How often the kernel's own thread began to reclaim, since boot.
    KswapdRuns "kswapd_runs" = Vmstat "pageoutrun", Count Counter, "", "Runs of kswapd", "--c-pressure";
    /// How often it was done at once and soon below the low mark again, since boot.
    KswapdLowQuick "kswapd_low_quick" = Vmstat "kswapd_low_wmark_hit_quickly", Count Counter, "2.6.33", "Low mark hit quickly", "--c-pressure";
    /// The same for the high mark.
    KswapdHighQuick "kswapd_high_quick" = Vmstat "kswapd_high_wmark_hit_quickly", Count Counter, "2.6.33", "High mark hit quickly", "--c-pressure";
    /// RAM that holds compressed pages, zram's and zswap's.
    Zspages "zspages" = Vmstat "nr_zspages", Bytes Gauge, "4.9", "Compressed pages", "--c-swap";
    /// Tables that map devices' addresses to memory. Part of what is not itemised.
    IommuTables "iommu_tables" = Vmstat "nr_iommu_pages", Bytes Gauge, "6.9", "IOMMU tables", "--c-kernel";
    /// Descriptions of pages, made since boot. Part of what is not itemised.
    PageDescriptions "page_descriptions" = Vmstat "nr_memmap_pages", Bytes Gauge, "6.10", "Page descriptions", "--c-kernel";
    /// Sum of the low marks of all zones: below them the kernel begins to reclaim.
    ZoneLow "zone_low" = Zoneinfo "low", Bytes Gauge, "", "Low marks", "--c-held-back";
    /// What the kernel holds back in all zones: the high mark, and what is kept for lower zones.
    ZoneReserve "zone_reserve" = Zoneinfo "reserve", Bytes Gauge, "", "Reserve", "--c-held-back";
    /// The setting that all marks follow from.
    MinFree "min_free" = Sysctl "min_free_kbytes", Bytes Gauge, "", "Least free", "--c-held-back";
    /// What was written to zram devices, before it was compressed.
    ZramOriginal "zram_original" = Zram "orig_data_size", Bytes Gauge, "3.14", "zram content", "--c-swap";
    /// The same compressed, without what compression wastes.
    ZramCompressed "zram_compressed" = Zram "compr_data_size", Bytes Gauge, "3.14", "zram, compressed", "--c-swap";
    /// RAM that zram devices take, with what compression wastes.
    ZramUsed "zram_used" = Zram "mem_used_total", Bytes Gauge, "3.14", "zram pool", "--c-swap";
    /// RAM that ZFS takes for its cache of files (ARC). In no line of meminfo.
    ArcSize "arc_size" = Arcstats "size", Bytes Gauge, "", "ZFS cache", "--c-cache";
    /// The size that ZFS does not shrink its cache below.
    ArcFloor "arc_floor" = Arcstats "c_min", Bytes Gauge, "", "ZFS cache, floor", "--c-cache";
    /// The least that a control group of this process may hold, where that is less than total.
    Limit "limit" = OwnGroups "memory.max", Bytes Gauge, "", "Limit", "--c-trouble";
    /// What is left of the tightest limit, with the cache that would be dropped: an estimate.
    LimitLeft "limit_left" = OwnGroups "memory.max − memory.current", Bytes Gauge, "", "Left of the limit", "--c-available";
    /// 1 where lxcfs makes /proc/meminfo, which then mixes numbers of a container and of its host.
    Lxcfs "lxcfs" = Mountinfo "fuse.lxcfs", Count Gauge, "", "Made by lxcfs", "--c-trouble";
    /// 1 while a Raspberry Pi gets too little voltage.
    UnderVoltage "under_voltage" = Hwmon "in0_lcrit_alarm", Count Gauge, "", "Under-voltage", "--c-trouble";
    /// RAM that Headroom itself takes on the node: on the head's machine the agent's and the head's.
    OwnMemory "own_memory" = OwnProcess "statm", Bytes Gauge, "", "Headroom's memory", "--c-used";
    /// CPU time that Headroom itself took since it was started.
    OwnCpu "own_cpu_us" = OwnProcess "CPU clock", Micros Counter, "", "Headroom's CPU time", "--c-cpu";
    /// What Headroom itself sent over the network since it was started, as it left for TCP.
    OwnSent "own_sent" = OwnProcess "bytes sent", Bytes Counter, "", "Sent by Headroom", "--c-cpu";
    /// What Headroom itself had written to disks since it was started.
    OwnWritten "own_written" = OwnProcess "io write_bytes", Bytes Counter, "2.6.20", "Written by Headroom", "--c-cache";
}

impl Field {
    /// The field's row.
    #[must_use]
    pub const fn def(self) -> &'static Def {
        &DEFS[self as usize]
    }

    /// The field's row, for people.
    #[must_use]
    pub fn text(self) -> &'static Text {
        &TEXTS[self as usize]
    }

    /// Where it comes from.
    #[must_use]
    pub const fn origin(self) -> Origin {
        let def = self.def();
        Origin { key: def.key, path: def.source.path() }
    }

    /// The field named `id`.
    #[must_use]
    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.def().id == id)
    }

    /// The fields read from `source`, in table order.
    pub fn of(source: Source) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |field| field.def().source == source)
    }
}

/// The table as Markdown: the text of `docs/fields.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Fields\n\nEvery quantity Headroom reads from a node, made by `cargo xtask docs` from `shared/src/field.rs`.\n\
         A counter counts from the node's boot, those of Headroom itself from its start. What a kernel does not tell is `null`, never 0.\n\n\
         | # | id | unit | kind | read from | since Linux | what it is |\n|---:|---|---|---|---|---|---|\n",
    );
    for field in Field::ALL {
        let (def, words) = (field.def(), field.text());
        let kind = match def.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        // Writing to a String cannot fail.
        writeln!(
            text,
            "| {} | `{}` | {} | {kind} | `{}` `{}` | {} | {} |",
            *field as u8,
            def.id,
            def.unit.name(),
            def.source.path(),
            def.key,
            words.since,
            words.help
        )
        .ok();
    }
    text
}

#[cfg(test)]
mod tests;
