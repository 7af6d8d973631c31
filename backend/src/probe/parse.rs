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
/// `calculate_totalreserve_pages`). Empty zones count too, as they do in the kernel. The boost that marks
/// get for a while when memory is fragmented is in what is printed, and not in totalreserve.
pub fn zoneinfo(text: &[u8], sample: &mut Sample, page_size: u64) {
    #[derive(Default)]
    struct Zone {
        low: Option<u64>,
        high: Option<u64>,
        boost: Option<u64>,
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
                    let high = high.saturating_sub(zone.boost.unwrap_or(0));
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
            Some(b"boost") => &mut zone.boost,
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
mod tests;
