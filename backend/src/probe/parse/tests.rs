//! Tests of `parse`.

use super::*;
use proptest::prelude::*;

fn with_layout(
    parse: fn(&[u8], &mut Layout, &mut Sample) -> Result<(), BadLine>,
) -> impl Fn(&[u8], &mut Sample) -> Result<(), BadLine> {
    move |text, sample| parse(text, &mut Layout::default(), sample)
}

fn vmstat_4k(text: &[u8], layout: &mut Layout, sample: &mut Sample) -> Result<(), BadLine> {
    vmstat(text, layout, sample, 4096)
}

fn read(
    parse: impl Fn(&[u8], &mut Sample) -> Result<(), BadLine>,
    text: &str,
) -> (Sample, Option<String>) {
    let mut sample = Sample::EMPTY;
    let bad = parse(text.as_bytes(), &mut sample).err();
    (sample, bad.map(|bad| bad.to_string()))
}

#[test]
fn meminfo_is_in_bytes() {
    let (sample, bad) = read(
        with_layout(meminfo),
        "MemTotal:  24684092 kB\nMemFree:12345678 kB\nActive(file): 7 kB",
    );
    assert_eq!(sample.get(Field::Total), Some(24_684_092 * 1024));
    assert_eq!(sample.get(Field::Free), Some(12_345_678 * 1024));
    assert_eq!(sample.get(Field::ActiveFile), Some(7168));
    assert_eq!(sample.get(Field::Available), None);
    assert_eq!(bad, None);
}

#[test]
fn one_bad_line_spoils_no_other() {
    let text = "MemTotal: 100 kB\nMemFree: ten kB\n\nMemAvailable 5\nDirty: 18446744073709288640 kB\nCached: 12";
    let (sample, bad) = read(with_layout(meminfo), text);
    assert_eq!(sample.get(Field::Total), Some(102_400));
    assert_eq!(sample.get(Field::Free), None);
    assert_eq!(sample.get(Field::Dirty), None, "a counter below zero is unknown");
    assert_eq!(sample.get(Field::Cached), None, "a line without its unit may be cut short");
    assert!(bad.unwrap().contains("MemFree: ten kB"));
}

#[test]
fn damage_is_printed_safely() {
    let (_, bad) = read(with_layout(meminfo), "MemFree: \u{1b}[31m\u{202e}kB");
    let bad = bad.unwrap();
    assert!(!bad.contains('\u{1b}') && !bad.contains('\u{202e}'), "{bad}");
}

#[test]
fn vmstat_takes_declared_counters() {
    let (sample, bad) =
        read(with_layout(vmstat_4k), "nr_free_pages 1\npswpin 12\npswpout 0\noom_kill 3\n");
    assert_eq!(sample.get(Field::SwappedIn), Some(12));
    assert_eq!(sample.get(Field::SwappedOut), Some(0));
    assert_eq!(sample.get(Field::OomKills), Some(3));
    assert_eq!((sample.get(Field::MajorFaults), bad), (None, None));
}

#[test]
fn zones_are_added_up() {
    let text = "pgscan_direct_dma 1\npgscan_direct_normal 20\npgscan_direct_throttle 300\n\
                allocstall_movable 4\nnr_zspages 3\npgpgin 5\nkswapd_high_wmark_hit_quickly 6\n";
    let (sample, bad) = read(with_layout(vmstat_4k), text);
    assert_eq!(sample.get(Field::ScannedDirect), Some(21));
    assert_eq!(sample.get(Field::AllocationStalls), Some(4));
    assert_eq!(sample.get(Field::Zspages), Some(3 * 4096));
    assert_eq!(sample.get(Field::PagedIn), Some(5 * 1024));
    assert_eq!(sample.get(Field::KswapdHighQuick), Some(6));
    assert_eq!(bad, None);
}

#[test]
fn a_layout_that_changes_is_noticed() {
    let mut layout = Layout::default();
    for (text, free) in [
        ("MemTotal: 9 kB\nMemFree: 1 kB\n", 1),
        ("MemTotal: 9 kB\nMemFree: 2 kB\n", 2),
        ("MemTotal: 9 kB\nDirty: 5 kB\nMemFree: 3 kB\n", 3),
        ("MemFree: 4 kB\nMemTotal: 9 kB\n", 4),
    ] {
        let mut sample = Sample::EMPTY;
        meminfo(text.as_bytes(), &mut layout, &mut sample).unwrap();
        assert_eq!(sample.get(Field::Free), Some(free * 1024), "{text}");
        assert_eq!(sample.get(Field::Total), Some(9 * 1024), "{text}");
    }
}

#[test]
fn marks_are_summed_over_zones() {
    let text = "Node 0, zone DMA\n  per-node stats\n      nr_inactive_anon 5\n  pages free 3\n        \
                min 1\n        low 12\n        high 15\n        present 4000\n        managed 3840\n        \
                protection: (0, 2859, 7812)\n  pagesets\n    cpu: 0\n              high:  186\n              \
                high_min: 7\nNode 1, zone Movable\n  pages free 0\n        low 32\n        high 32\n        \
                managed 0\n        protection: (0, 0, 0)\n";
    let mut sample = Sample::EMPTY;
    zoneinfo(text.as_bytes(), &mut sample, 1000);
    assert_eq!(sample.get(Field::ZoneLow), Some(44_000));
    assert_eq!(sample.get(Field::ZoneReserve), Some(3_840_000), "no more than is managed");
    zoneinfo(b"Node 0, zone DMA\n  low 2\n", &mut sample, 1000);
    assert_eq!(sample.get(Field::ZoneLow), Some(2000));
    assert_eq!(sample.get(Field::ZoneReserve), None);
    let boosted =
        b"Node 0, zone Normal\n boost 5\n low 8\n high 9\n managed 99\n protection: (0)\n";
    zoneinfo(boosted, &mut sample, 1000);
    assert_eq!(sample.get(Field::ZoneLow), Some(8000));
    assert_eq!(sample.get(Field::ZoneReserve), Some(4000), "the boost is not held back");
    zoneinfo(b"nothing", &mut sample, 1000);
    assert_eq!((sample.get(Field::ZoneLow), sample.get(Field::ZoneReserve)), (None, None));
}

#[test]
fn zram_devices_are_added_up() {
    let mut sample = Sample::EMPTY;
    zram(b"176164864 45302958 45907968 0 45907968 1 2 3 4\n", &mut sample);
    zram(b"100 50 60\n", &mut sample);
    assert_eq!(sample.get(Field::ZramOriginal), Some(176_164_964));
    assert_eq!(sample.get(Field::ZramUsed), Some(45_908_028));
}

#[test]
fn the_zfs_cache_tells_size_and_floor() {
    let mut sample = Sample::EMPTY;
    arcstats(b"6 1 0x01 91 4368\nname type data\nc_min 4 33554432\nsize 4 1604\n", &mut sample);
    assert_eq!(sample.get(Field::ArcSize), Some(1604));
    assert_eq!(sample.get(Field::ArcFloor), Some(33_554_432));
}

#[test]
fn counts_have_no_unit() {
    let (sample, bad) =
        read(with_layout(meminfo), "HugePages_Total:      12\nHugepagesize:       2048 kB\n");
    assert_eq!(sample.get(Field::HugePagesTotal), Some(12));
    assert_eq!(sample.get(Field::HugePageSize), Some(2 << 20));
    assert_eq!(bad, None);
}

#[test]
fn pressure_is_its_total() {
    let text = "some avg10=1.00 avg60=0.50 avg300=0.10 total=8675309\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=42\n";
    let (sample, _) = read(with_layout(pressure_memory), text);
    assert_eq!(sample.get(Field::PressureSome), Some(8_675_309));
    assert_eq!(sample.get(Field::PressureFull), Some(42));
    let (sample, bad) = read(with_layout(pressure_memory), "some avg10=1.00\nfull total=1\n");
    assert_eq!(sample.get(Field::PressureSome), None);
    assert_eq!(sample.get(Field::PressureFull), Some(1));
    assert!(bad.is_some());
}

#[test]
fn cpu_time_counts_guests_once() {
    let (sample, bad) = read(stat, "cpu  100 10 50 1000 200 3 4 5 60 7\ncpu0 1 1 1 1\n");
    assert_eq!(sample.get(Field::CpuBusy), Some(172));
    assert_eq!(sample.get(Field::CpuTotal), Some(1372));
    assert_eq!(bad, None);
    assert!(read(stat, "cpu  1 2\n").1.is_some());
    assert!(read(stat, "").1.is_some());
}

#[test]
fn load_is_in_hundredths() {
    let (sample, bad) = read(loadavg, "0.20 12.18 0.02 1/80 11206\n");
    assert_eq!(sample.get(Field::Load1), Some(20));
    assert_eq!(sample.get(Field::Load5), Some(1218));
    assert_eq!(sample.get(Field::Load15), Some(2));
    assert_eq!(bad, None);
    let (sample, bad) = read(loadavg, "0.20 x");
    assert_eq!((sample.get(Field::Load1), sample.get(Field::Load5)), (Some(20), None));
    assert!(bad.is_some());
}

#[test]
fn a_key_is_a_whole_word() {
    let text = b"anon 1\ninactive_file_x 2\ntotal_inactive_file 3\ninactive_file 4\nmax x";
    assert_eq!(keyed(text, "inactive_file"), Some(4));
    assert_eq!(keyed(text, "max"), None);
    assert_eq!(keyed(text, "file"), None);
}

#[test]
fn single_numbers() {
    assert_eq!(single(b"1500000\n"), Some(1_500_000));
    assert_eq!(single(b"-5000\n"), None);
    assert_eq!(single(b""), None);
}

/// Lines that look like the kernel's, whole or damaged.
fn nearly_meminfo() -> impl Strategy<Value = Vec<u8>> {
    let keys: Vec<_> = Field::ALL.iter().map(|field| field.def().key).collect();
    let line = (proptest::sample::select(keys), "[: ]{0,3}", any::<u64>(), "( ?kB)?[\n\r]?")
        .prop_map(|(key, gap, value, end)| format!("{key}{gap}{value}{end}").into_bytes());
    proptest::collection::vec(
        prop_oneof![line, proptest::collection::vec(any::<u8>(), 0..20)],
        0..20,
    )
    .prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(text in prop_oneof![
        nearly_meminfo(), proptest::collection::vec(any::<u8>(), 0..300)
    ]) {
        let mut sample = Sample::EMPTY;
        let mut layout = Layout::default();
        for parse in [meminfo, vmstat_4k, pressure_memory] {
            parse(&text, &mut layout, &mut sample).ok();
        }
        for parse in [stat, loadavg] {
            parse(&text, &mut sample).ok();
        }
        zoneinfo(&text, &mut sample, u64::MAX);
        zram(&text, &mut sample);
        arcstats(&text, &mut sample);
        std::hint::black_box(single(&text));
    }

    #[test]
    fn every_whole_value_comes_through(kib in 0..IMPOSSIBLE_KIB) {
        let mut sample = Sample::EMPTY;
        let text = format!("MemTotal: {kib} kB\n");
        meminfo(text.as_bytes(), &mut Layout::default(), &mut sample).unwrap();
        prop_assert_eq!(sample.get(Field::Total), Some(kib * 1024));
    }
}
