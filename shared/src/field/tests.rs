//! Tests of `field`.

use super::*;
use std::collections::HashSet;

#[test]
fn rows_are_complete_and_unique() {
    let mut ids = HashSet::new();
    let mut keys = HashSet::new();
    let mut labels = HashSet::new();
    for field in Field::ALL {
        let def = field.def();
        assert!(ids.insert(def.id), "id {} twice", def.id);
        assert!(keys.insert((def.source, def.key)), "key {} twice", def.key);
        let text = field.text();
        assert!(labels.insert(text.label), "label {} twice", text.label);
        assert!(text.help.ends_with('.'), "help of {} does not end with a full stop", def.id);
        assert!(text.color.starts_with("--c-"), "colour of {} is no token", def.id);
        assert!(text.since.chars().all(|c| c.is_ascii_digit() || c == '.'), "{}", def.id);
        assert_eq!(Field::by_id(def.id), Some(*field));
    }
}

#[test]
fn ids_name_their_unit() {
    for field in Field::ALL {
        let def = field.def();
        let suffix = match def.unit {
            Unit::Bytes | Unit::Count => "",
            Unit::Pages => "_pages",
            Unit::Micros => "_us",
            Unit::Ticks => "_ticks",
            Unit::Hundredths => "_hundredths",
            Unit::Hertz => "_hz",
            Unit::MilliCelsius => "_millicelsius",
        };
        assert!(def.id.ends_with(suffix), "{} should end with {suffix}", def.id);
    }
}

/// Ids are positions on the wire: this list may only grow at its end.
#[test]
fn order_is_frozen() {
    let ids: Vec<_> = Field::ALL.iter().map(|field| field.def().id).collect();
    assert_eq!(
        ids.join(" "),
        "total free available buffers cached active_file inactive_file shmem \
         slab_reclaimable kernel_reclaimable anon dirty swap_total swap_free swap_cached \
         swapped_in_pages swapped_out_pages major_faults file_refaults_pages oom_kills \
         pressure_some_us pressure_full_us cpu_busy_ticks cpu_total_ticks \
         load_1m_hundredths load_5m_hundredths load_15m_hundredths cpu_frequency_hz \
         temperature_millicelsius active inactive active_anon inactive_anon unevictable \
         mlocked high_total high_free low_total low_free mmap_copy zswap zswapped writeback \
         mapped slab slab_unreclaimable kernel_stack shadow_call_stack page_tables \
         secondary_page_tables nfs_unstable bounce writeback_tmp commit_limit committed \
         vmalloc_total vmalloc_used vmalloc_chunk percpu early_memtest_bad \
         hardware_corrupted anon_huge_pages shmem_huge_pages shmem_pmd_mapped \
         file_huge_pages file_pmd_mapped cma_total cma_free unaccepted balloon gpu_active \
         gpu_reclaim huge_pages_total huge_pages_free huge_pages_reserved \
         huge_pages_surplus huge_page_size hugetlb direct_map_4k direct_map_2m \
         direct_map_4m direct_map_1g swapped_in_zero_pages swapped_out_zero_pages \
         zswap_in_pages zswap_out_pages zswap_writeback_pages faults paged_in paged_out \
         anon_refaults_pages refaults_pages anon_activated_pages file_activated_pages \
         anon_restored_pages file_restored_pages scanned_kswapd_pages scanned_direct_pages \
         reclaimed_kswapd_pages reclaimed_direct_pages scanned_khugepaged_pages \
         reclaimed_khugepaged_pages scanned_proactive_pages reclaimed_proactive_pages \
         allocation_stalls compaction_stalls compaction_fails compaction_successes \
         huge_faults huge_fallbacks huge_collapses huge_splits huge_swap_outs kswapd_runs \
         kswapd_low_quick kswapd_high_quick zspages iommu_tables page_descriptions \
         zone_low zone_reserve min_free zram_original zram_compressed zram_used \
         arc_size arc_floor limit limit_left lxcfs under_voltage own_memory own_cpu_us own_sent \
         own_written"
    );
}
