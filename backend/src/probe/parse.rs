//! The texts of the kernel → fields of a [`Sample`]. Pure: bytes in, fields out.
//!
//! Each function takes every line that it understands, whatever is wrong with the others, and then
//! tells of the first declared line that it did not.

use std::fmt;

use shared::field::Source;
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

/// `/proc/meminfo`: `Key:   value kB`. There may be no blank after the colon
/// (`fs/proc/meminfo.c`, `ShadowCallStack:%8lu`), and no newline at the end.
pub fn meminfo(text: &[u8], sample: &mut Sample) -> Result<(), BadLine> {
    each_line(Source::Meminfo, b':', text, sample, |value| {
        let kib = number(value.trim_ascii().strip_suffix(b"kB")?)?;
        (kib < IMPOSSIBLE_KIB).then(|| kib * 1024)
    })
}

/// `/proc/vmstat`: `key value`.
pub fn vmstat(text: &[u8], sample: &mut Sample) -> Result<(), BadLine> {
    each_line(Source::Vmstat, b' ', text, sample, number)
}

/// `/proc/pressure/memory`: `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`
/// (Documentation/accounting/psi.rst); the total is in µs.
pub fn pressure_memory(text: &[u8], sample: &mut Sample) -> Result<(), BadLine> {
    each_line(Source::PressureMemory, b' ', text, sample, |averages| {
        number(words(averages).find_map(|word| word.strip_prefix(b"total="))?)
    })
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

/// Takes from each `key`, `separator`, `rest` line of `text` the field of `source` with that key.
fn each_line(
    source: Source,
    separator: u8,
    text: &[u8],
    sample: &mut Sample,
    value: impl Fn(&[u8]) -> Option<u64>,
) -> Result<(), BadLine> {
    let fields: Vec<Field> = Field::of(source).collect();
    let mut bad = None;
    for line in lines(text) {
        let Some(end) = line.iter().position(|&byte| byte == separator) else { continue };
        let (key, rest) = (&line[..end], &line[end + 1..]);
        let declared = |field: &&Field| field.def().key.as_bytes() == key;
        let Some(&field) = fields.iter().find(declared) else { continue };
        // The first line of a key counts: a second one can only be damage.
        if sample.get(field).is_some() {
            continue;
        }
        let found = value(rest);
        sample.set(field, found);
        if found.is_none() && bad.is_none() {
            bad = Some(BadLine::new(field, line));
        }
    }
    bad.map_or(Ok(()), Err)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Decimal digits and nothing else but blanks around them.
fn number(text: &[u8]) -> Option<u64> {
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
        let (sample, bad) =
            read(meminfo, "MemTotal:  24684092 kB\nMemFree:12345678 kB\nActive(file): 7 kB");
        assert_eq!(sample.get(Field::Total), Some(24_684_092 * 1024));
        assert_eq!(sample.get(Field::Free), Some(12_345_678 * 1024));
        assert_eq!(sample.get(Field::ActiveFile), Some(7168));
        assert_eq!(sample.get(Field::Available), None);
        assert_eq!(bad, None);
    }

    #[test]
    fn one_bad_line_spoils_no_other() {
        let text = "MemTotal: 100 kB\nMemFree: ten kB\n\nMemAvailable 5\nDirty: 18446744073709288640 kB\nCached: 12";
        let (sample, bad) = read(meminfo, text);
        assert_eq!(sample.get(Field::Total), Some(102_400));
        assert_eq!(sample.get(Field::Free), None);
        assert_eq!(sample.get(Field::Dirty), None, "a counter below zero is unknown");
        assert_eq!(sample.get(Field::Cached), None, "a line without its unit may be cut short");
        assert!(bad.unwrap().contains("MemFree: ten kB"));
    }

    #[test]
    fn damage_is_printed_safely() {
        let (_, bad) = read(meminfo, "MemFree: \u{1b}[31m\u{202e}kB");
        let bad = bad.unwrap();
        assert!(!bad.contains('\u{1b}') && !bad.contains('\u{202e}'), "{bad}");
    }

    #[test]
    fn vmstat_takes_declared_counters() {
        let (sample, bad) = read(vmstat, "nr_free_pages 1\npswpin 12\npswpout 0\noom_kill 3\n");
        assert_eq!(sample.get(Field::SwappedIn), Some(12));
        assert_eq!(sample.get(Field::SwappedOut), Some(0));
        assert_eq!(sample.get(Field::OomKills), Some(3));
        assert_eq!((sample.get(Field::MajorFaults), bad), (None, None));
    }

    #[test]
    fn pressure_is_its_total() {
        let text = "some avg10=1.00 avg60=0.50 avg300=0.10 total=8675309\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=42\n";
        let (sample, _) = read(pressure_memory, text);
        assert_eq!(sample.get(Field::PressureSome), Some(8_675_309));
        assert_eq!(sample.get(Field::PressureFull), Some(42));
        let (sample, bad) = read(pressure_memory, "some avg10=1.00\nfull total=1\n");
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
            for parse in [meminfo, vmstat, pressure_memory, stat, loadavg] {
                parse(&text, &mut sample).ok();
            }
            std::hint::black_box(single(&text));
        }

        #[test]
        fn every_whole_value_comes_through(kib in 0..IMPOSSIBLE_KIB) {
            let mut sample = Sample::EMPTY;
            meminfo(format!("MemTotal: {kib} kB\n").as_bytes(), &mut sample).unwrap();
            prop_assert_eq!(sample.get(Field::Total), Some(kib * 1024));
        }
    }
}
