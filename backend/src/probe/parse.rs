//! The texts of the kernel → fields of a [`Sample`]. Pure: bytes in, fields out.
//!
//! Each function takes every line that it understands, whatever is wrong with the others, and then
//! tells of the first declared line that it did not.

use std::fmt;

use memchr::memchr;
use shared::field::{Kind, Source, Unit};
use shared::{Field, Sample};

/// A declared line that could not be understood. Its field stays unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The key of the field.
    pub key: &'static str,
    /// What stood there, cut short and made safe to print.
    pub text: String,
}

impl BadLine {
    fn new(field: Field, text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&text[..text.len().min(60)]).escape_debug().to_string();
        Self { key: field.def().key, text }
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no number for {} in \"{}\"; it is shown as unknown", self.key, self.text)
    }
}

/// Values from this one on are counters that fell below zero: no machine has 2⁵³ KiB.
const IMPOSSIBLE_KIB: u64 = 1 << 53;

/// Which lines of a file hold which fields, as the last reading found them. The kernel prints the
/// same lines in the same order each time, so that a line is compared with one key, not with all.
#[derive(Debug, Default)]
pub struct Layout {
    /// The keys of all lines, one after the other: what is read together lies together.
    keys: Vec<u8>,
    /// Of each line where its key ends in `keys`, and its field.
    lines: Vec<(usize, Option<Field>)>,
}

impl Layout {
    /// The field of line `index` among those of `source`, and the length of its key, which ends
    /// before the first `separator`.
    fn field(
        &mut self,
        index: usize,
        line: &[u8],
        separator: u8,
        source: Source,
    ) -> Option<(Field, usize)> {
        let start = index.checked_sub(1).map_or(Some(0), |last| Some(self.lines.get(last)?.0));
        let known = start.zip(self.lines.get(index));
        if let Some((start, &(end, field))) = known
            && line.get(end - start) == Some(&separator)
            && line[..end - start] == self.keys[start..end]
        {
            return field.map(|field| (field, end - start));
        }
        let length = memchr(separator, line)?;
        let key = &line[..length];
        // Only counters of vmstat are told zone by zone.
        let wanted = if source == Source::Vmstat { without_zone(key) } else { key };
        let field = Field::of(source).find(|field| field.def().key.as_bytes() == wanted);
        // No file of the kernel is longer; others are not worth remembering.
        if let Some(start) = start.filter(|_| index < 4096 && length <= 64) {
            self.lines.truncate(index);
            self.keys.truncate(start);
            self.keys.extend(key);
            self.lines.push((self.keys.len(), field));
        }
        field.map(|field| (field, length))
    }
}

/// `pgscan_direct_normal` → `pgscan_direct`: kernels before 4.8 count some things zone by zone.
fn without_zone(key: &[u8]) -> &[u8] {
    const ZONES: [&[u8]; 6] = [b"_dma", b"_dma32", b"_normal", b"_high", b"_movable", b"_device"];
    ZONES.iter().find_map(|zone| key.strip_suffix(*zone)).unwrap_or(key)
}

/// `/proc/meminfo`: `Key:   value kB`, or a count without unit. There may be no blank after the colon
/// (`fs/proc/meminfo.c`, `ShadowCallStack:%8lu`), and no newline at the end.
pub fn meminfo(text: &[u8], layout: &mut Layout, sample: &mut Sample) -> Result<(), BadLine> {
    each_line(Source::Meminfo, b':', text, layout, sample, |field, value| {
        if field.def().unit == Unit::Bytes { kib(value) } else { number(value) }
    })
}

/// `/proc/vmstat`: `key value`. Levels (`nr_…`) that are shown as bytes count pages of `page_size`
/// bytes; what was read from and written to disks counts KiB (`mm/vmstat.c`, `Documentation/filesystems/proc.rst`).
pub fn vmstat(
    text: &[u8],
    layout: &mut Layout,
    sample: &mut Sample,
    page_size: u64,
) -> Result<(), BadLine> {
    each_line(Source::Vmstat, b' ', text, layout, sample, |field, value| {
        let scale = match (field.def().unit, field.def().kind) {
            (Unit::Bytes, Kind::Gauge) => page_size,
            (Unit::Bytes, Kind::Counter) => 1024,
            _ => 1,
        };
        number(value)?.checked_mul(scale)
    })
}

/// `/proc/pressure/memory`: `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`
/// (Documentation/accounting/psi.rst); the total is in µs.
pub fn pressure_memory(
    text: &[u8],
    layout: &mut Layout,
    sample: &mut Sample,
) -> Result<(), BadLine> {
    each_line(Source::PressureMemory, b' ', text, layout, sample, |_, averages| {
        number(words(averages).find_map(|word| word.strip_prefix(b"total="))?)
    })
}

/// `/proc/zoneinfo`: sums over all zones of all nodes, in bytes. `low` is the sum of the low marks;
/// `reserve` is what the kernel calls totalreserve: of each zone its high mark and the largest number of
/// its `protection`, but no more than the zone manages (`mm/page_alloc.c`,
/// `calculate_totalreserve_pages`). Empty zones count too, as they do in the kernel.
pub fn zoneinfo(text: &[u8], sample: &mut Sample, page_size: u64) {
    #[derive(Default)]
    struct Zone {
        low: Option<u64>,
        high: Option<u64>,
        protection: Option<u64>,
        managed: Option<u64>,
        present: Option<u64>,
    }
    let (mut low, mut reserve) = (None::<u64>, Some(0_u64));
    let mut end = |zone: Zone| {
        if let Some(pages) = zone.low {
            low = low.unwrap_or(0).checked_add(pages);
            // Kernels before 3.10 do not tell what a zone manages.
            reserve =
                reserve.zip(zone.high.zip(zone.protection)).and_then(|(sum, (high, kept))| {
                    let most = zone.managed.or(zone.present)?;
                    sum.checked_add(high.checked_add(kept)?.min(most))
                });
        }
    };
    let mut zone = Zone::default();
    for line in lines(text) {
        if line.starts_with(b"Node ") {
            end(std::mem::take(&mut zone));
            continue;
        }
        let mut words = words(line);
        let slot = match words.next() {
            Some(b"low") => &mut zone.low,
            Some(b"high") => &mut zone.high,
            Some(b"managed") => &mut zone.managed,
            Some(b"present") => &mut zone.present,
            Some(b"protection:") => {
                zone.protection =
                    line.split(|byte| matches!(byte, b'(' | b',' | b')')).filter_map(number).max();
                continue;
            }
            _ => continue,
        };
        *slot = slot.or(words.next().and_then(number));
    }
    end(zone);
    let bytes = |pages: Option<u64>| pages?.checked_mul(page_size);
    sample.set(Field::ZoneLow, bytes(low));
    sample.set(Field::ZoneReserve, bytes(reserve.filter(|_| low.is_some())));
}

/// `mm_stat` of a zram device: its columns, in the order of `Documentation/admin-guide/blockdev/zram.rst`,
/// are added to what other devices have. The first three are bytes.
pub fn zram(text: &[u8], sample: &mut Sample) {
    for (field, word) in Field::of(Source::Zram).zip(words(text)) {
        let sum = number(word).and_then(|bytes| sample.get(field).unwrap_or(0).checked_add(bytes));
        if sum.is_some() {
            sample.set(field, sum);
        }
    }
}

/// `/proc/spl/kstat/zfs/arcstats`: `name type data`, in bytes.
pub fn arcstats(text: &[u8], sample: &mut Sample) {
    for line in lines(text) {
        let mut words = words(line);
        let key = words.next().unwrap_or_default();
        if let Some(field) =
            Field::of(Source::Arcstats).find(|field| field.def().key.as_bytes() == key)
        {
            sample.set(field, words.nth(1).and_then(number));
        }
    }
}

/// The `cpu` line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, guest,
/// `guest_nice`, in ticks (`proc_stat(5)`). Guests are counted in user and nice too, so they are left out.
pub fn stat(text: &[u8], sample: &mut Sample) -> Result<(), BadLine> {
    let line = lines(text).find_map(|line| line.strip_prefix(b"cpu ")).unwrap_or_default();
    let times: Option<Vec<u64>> = words(line).take(8).map(number).collect();
    let times = times.filter(|times| times.len() >= 4).ok_or(BadLine::new(Field::CpuBusy, line))?;
    let waiting = |index: usize| matches!(index, 3 | 4);
    let sum = |keep: &dyn Fn(usize) -> bool| {
        times
            .iter()
            .enumerate()
            .filter(|(index, _)| keep(*index))
            .fold(0_u64, |sum, (_, ticks)| sum.saturating_add(*ticks))
    };
    sample.set(Field::CpuBusy, Some(sum(&|index| !waiting(index))));
    sample.set(Field::CpuTotal, Some(sum(&|_| true)));
    Ok(())
}

/// `/proc/loadavg`: `0.20 0.18 0.12 1/80 11206`; the first three are the averages (`proc_loadavg(5)`).
pub fn loadavg(text: &[u8], sample: &mut Sample) -> Result<(), BadLine> {
    let mut bad = None;
    for (field, word) in
        Field::of(Source::Loadavg).zip(words(text).chain(std::iter::repeat(b"".as_slice())))
    {
        let value = hundredths(word);
        sample.set(field, value);
        if value.is_none() && bad.is_none() {
            bad = Some(BadLine::new(field, text));
        }
    }
    bad.map_or(Ok(()), Err)
}

/// A file that holds one number, such as those below /sys.
#[must_use]
pub fn single(text: &[u8]) -> Option<u64> {
    number(text.trim_ascii())
}

/// `   123 kB` → bytes.
pub(super) fn kib(text: &[u8]) -> Option<u64> {
    let kib = number(text.trim_ascii().strip_suffix(b"kB")?)?;
    (kib < IMPOSSIBLE_KIB).then(|| kib * 1024)
}

/// What stands after `key` and a blank in the first line that begins with both, as a number.
pub(super) fn keyed(text: &[u8], key: &str) -> Option<u64> {
    lines(text).find_map(|line| number(line.strip_prefix(key.as_bytes())?.strip_prefix(b" ")?))
}

/// Takes from each `key`, `separator`, `rest` line of `text` the field of `source` with that key.
fn each_line(
    source: Source,
    separator: u8,
    text: &[u8],
    layout: &mut Layout,
    sample: &mut Sample,
    value: impl Fn(Field, &[u8]) -> Option<u64>,
) -> Result<(), BadLine> {
    let mut bad = None;
    for (index, line) in lines(text).enumerate() {
        let Some((field, length)) = layout.field(index, line, separator, source) else { continue };
        let rest = &line[length + 1..];
        let known = sample.get(field);
        let is_whole = length == field.def().key.len();
        // The first line of a key counts: a second one can only be damage. Zones are added up.
        if known.is_some() && is_whole {
            continue;
        }
        let found = value(field, rest);
        if found.is_none() && bad.is_none() {
            bad = Some(BadLine::new(field, line));
        }
        sample.set(
            field,
            if is_whole {
                found
            } else {
                found.and_then(|more| known.unwrap_or(0).checked_add(more))
            },
        );
    }
    bad.map_or(Ok(()), Err)
}

pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr(b'\n', text);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Decimal digits and nothing else but blanks around them.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// `0.20` → 20.
fn hundredths(word: &[u8]) -> Option<u64> {
    let point = word.iter().position(|&byte| byte == b'.')?;
    let (whole, part) = (&word[..point], &word[point + 1..]);
    let part = (part.len() == 2).then(|| number(part))??;
    number(whole)?.checked_mul(100)?.checked_add(part)
}

#[cfg(test)]
mod tests {
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
}
