//! Under which name, and in which unit, a field stands among the metrics of Prometheus and its kin.
//!
//! What `node_exporter` tells too has its name and unit, so that dashboards made for that find it; the
//! rest begins with `headroom_`. Units are the base units: bytes, seconds, hertz, degrees Celsius.

use crate::Field;
use crate::field::{self, Source, Unit};

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// May rise and fall.
    Gauge,
    /// Only rises until whatever counts it starts anew. Its samples end in `_total`.
    Counter,
    /// A counter whose name says it not: as `node_exporter` tells `/proc/vmstat`.
    Unknown,
}

impl Kind {
    /// What the names of its samples end with, where the family's does not.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge | Self::Unknown => "",
        }
    }
}

/// How a field is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The family's name: without `_total`.
    pub name: String,
    /// How it moves.
    pub kind: Kind,
    /// The unit, with which the name ends; empty where it has none.
    pub unit: &'static str,
    /// The field's integer counts units of which so many make one of the metric's…
    divisor: u64,
    /// …as a number of so many decimals.
    decimals: usize,
}

impl Metric {
    /// How `field` is told.
    #[must_use]
    pub fn of(field: Field) -> Self {
        let def = field.def();
        let (unit, suffix, decimals) = match def.unit {
            Unit::Bytes => ("bytes", "", 0),
            Unit::Pages | Unit::Count => ("", "", 0),
            Unit::Micros => ("seconds", "_us", 6),
            // `USER_HZ` is 100.
            Unit::Ticks => ("seconds", "_ticks", 2),
            Unit::Hundredths => ("", "_hundredths", 2),
            Unit::Hertz => ("hertz", "_hz", 0),
            Unit::MilliCelsius => ("celsius", "_millicelsius", 3),
        };
        let kind = match def.kind {
            field::Kind::Gauge => Kind::Gauge,
            field::Kind::Counter => Kind::Counter,
        };
        let metric = |name: String, kind| Self { name, kind, unit, divisor: 1, decimals };
        let with_unit = |name: String| {
            if unit.is_empty() { name } else { format!("{name}_{unit}") }
        };
        match (def.source, field) {
            (Source::Meminfo, _) => {
                let key = def.key.replace(')', "").replace('(', "_");
                metric(with_unit(format!("node_memory_{key}")), kind)
            }
            // The kernel counts it in several lines, of which node_exporter tells each.
            (Source::Vmstat, Field::AllocationStalls) => {
                metric(format!("headroom_{}", def.id), kind)
            }
            (Source::Vmstat, _) if kind == Kind::Counter => {
                let kib = matches!(field, Field::PagedIn | Field::PagedOut);
                let divisor = if kib { 1024 } else { 1 };
                let name = format!("node_vmstat_{}", def.key);
                Self { name, kind: Kind::Unknown, unit: "", divisor, decimals: 0 }
            }
            (Source::PressureMemory, _) => {
                let who = if field == Field::PressureFull { "stalled" } else { "waiting" };
                metric(with_unit(format!("node_pressure_memory_{who}")), kind)
            }
            (Source::Loadavg, Field::Load1) => metric("node_load1".into(), kind),
            (Source::Loadavg, Field::Load5) => metric("node_load5".into(), kind),
            (Source::Loadavg, _) => metric("node_load15".into(), kind),
            _ => {
                let id = def.id.strip_suffix(suffix).unwrap_or(def.id);
                metric(with_unit(format!("headroom_{id}")), kind)
            }
        }
    }

    /// Appends the field's `value` as the metric's.
    pub fn write(&self, value: u64, out: &mut Vec<u8>) {
        decimal(value / self.divisor, self.decimals, out);
    }
}

/// Appends `number` with its last `decimals` digits after a point, and no more of them than it needs.
pub fn decimal(number: u64, decimals: usize, out: &mut Vec<u8>) {
    // 20 digits are as many as there can be.
    let mut digits = [b'0'; 24];
    let mut start = digits.len();
    let mut rest = number;
    while rest > 0 || start + decimals >= digits.len() {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let point = digits.len() - decimals;
    out.extend_from_slice(&digits[start..point]);
    let end = digits[point..].iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
    if end > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits[point..point + end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(field: Field, value: u64) -> String {
        let metric = Metric::of(field);
        let mut out = Vec::new();
        metric.write(value, &mut out);
        let value = String::from_utf8(out).unwrap();
        format!("{}{} {value}", metric.name, metric.kind.suffix())
    }

    #[test]
    fn metrics_are_named_and_counted_as_elsewhere() {
        for (field, value, expected) in [
            (Field::Available, 4096, "node_memory_MemAvailable_bytes 4096"),
            (Field::ActiveFile, 1, "node_memory_Active_file_bytes 1"),
            (Field::HugePagesTotal, 0, "node_memory_HugePages_Total 0"),
            (Field::Committed, u64::MAX, "node_memory_Committed_AS_bytes 18446744073709551615"),
            (Field::SwappedIn, 7, "node_vmstat_pswpin 7"),
            (Field::PagedIn, 3072, "node_vmstat_pgpgin 3"),
            (Field::OomKills, 2, "node_vmstat_oom_kill 2"),
            (Field::AllocationStalls, 2, "headroom_allocation_stalls_total 2"),
            (Field::Zspages, 4096, "headroom_zspages_bytes 4096"),
            (Field::PressureSome, 1_500_000, "node_pressure_memory_waiting_seconds_total 1.5"),
            (Field::PressureFull, 1, "node_pressure_memory_stalled_seconds_total 0.000001"),
            (Field::Load1, 5, "node_load1 0.05"),
            (Field::Load15, 1200, "node_load15 12"),
            (Field::CpuBusy, 12_345, "headroom_cpu_busy_seconds_total 123.45"),
            (Field::CpuFrequency, 600_000_000, "headroom_cpu_frequency_hertz 600000000"),
            (Field::Temperature, 48_312, "headroom_temperature_celsius 48.312"),
            (Field::OwnMemory, 9, "headroom_own_memory_bytes 9"),
            (Field::OwnCpu, 0, "headroom_own_cpu_seconds_total 0"),
            (Field::OwnSent, 9, "headroom_own_sent_bytes_total 9"),
        ] {
            assert_eq!(told(field, value), expected);
        }
    }

    #[test]
    fn names_are_sound_and_end_with_their_unit() {
        let mut names: Vec<String> = Vec::new();
        for &field in Field::ALL {
            let metric = Metric::of(field);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(metric.name.chars().all(is_name), "{}", metric.name);
            assert!(metric.name.ends_with(metric.unit), "{}", metric.name);
            assert!(!metric.name.ends_with("_total"), "{}", metric.name);
            names.push(metric.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Field::ALL.len());
    }
}
