//! What a row of the table says.

use std::fmt;

/// Where a field is read from. Paths are below the proc root or the sys root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `/proc/meminfo`; the key is what stands before the colon.
    Meminfo,
    /// `/proc/vmstat`; the key is the first word of the line. Older kernels count some of them zone by
    /// zone (`pgscan_direct_normal`): then it is the sum.
    Vmstat,
    /// `/proc/pressure/memory`; the key is the line's first word (`some`, `full`), the value its `total=`.
    PressureMemory,
    /// The `cpu` line of `/proc/stat`; the key names the sum that is taken of it.
    Stat,
    /// `/proc/loadavg`; the key is the number's place in the line.
    Loadavg,
    /// `/sys/devices/system/cpu/cpufreq/policy*/`; the key is the file's name.
    Cpufreq,
    /// `/sys/class/thermal/thermal_zone*/`; the key is the file's name.
    Thermal,
    /// `/proc/zoneinfo`, summed over all zones of all nodes; the key names the sum. Read once a minute.
    Zoneinfo,
    /// A file of `/proc/sys/vm/`; the key is its name. Read once a minute.
    Sysctl,
    /// `mm_stat` of `/sys/block/zram*/`, summed over devices; the key is the column's name.
    Zram,
    /// `/proc/spl/kstat/zfs/arcstats`; the key is the line's first word. Not read in a container, where
    /// it is the host's.
    Arcstats,
    /// The control groups that this process is in, up to the root; the key names what follows from them.
    OwnGroups,
    /// `/proc/self/mountinfo`; the key is a type of file system.
    Mountinfo,
    /// `/sys/class/hwmon/hwmon*/` of the sensor named `rpi_volt`; the key is the file's name.
    Hwmon,
    /// This program itself, whichever trees it reads: what Headroom costs the node. Looked up once a
    /// minute; the key names the file of `/proc/self`, or what is counted here.
    OwnProcess,
}

impl Source {
    /// The file, as people name it.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Meminfo => "/proc/meminfo",
            Self::Vmstat => "/proc/vmstat",
            Self::PressureMemory => "/proc/pressure/memory",
            Self::Stat => "/proc/stat",
            Self::Loadavg => "/proc/loadavg",
            Self::Cpufreq => "/sys/devices/system/cpu/cpufreq/policy*",
            Self::Thermal => "/sys/class/thermal/thermal_zone*",
            Self::Zoneinfo => "/proc/zoneinfo",
            Self::Sysctl => "/proc/sys/vm",
            Self::Zram => "/sys/block/zram*/mm_stat",
            Self::Arcstats => "/proc/spl/kstat/zfs/arcstats",
            Self::OwnGroups => "/proc/self/cgroup",
            Self::Mountinfo => "/proc/self/mountinfo",
            Self::Hwmon => "/sys/class/hwmon/hwmon*",
            Self::OwnProcess => "/proc/self",
        }
    }
}

/// What a field's integer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Pages; their size is [`NodeFacts::page_size`](crate::NodeFacts::page_size).
    Pages,
    /// Things or events.
    Count,
    /// Microseconds.
    Micros,
    /// Clock ticks of user space (`USER_HZ`, 100 a second on every Linux port).
    Ticks,
    /// Hundredths of one.
    Hundredths,
    /// Hertz.
    Hertz,
    /// Thousandths of a degree Celsius.
    MilliCelsius,
}

impl Unit {
    /// The unit's name in the docs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Pages => "pages",
            Self::Count => "count",
            Self::Micros => "µs",
            Self::Ticks => "ticks of 10 ms",
            Self::Hundredths => "hundredths",
            Self::Hertz => "Hz",
            Self::MilliCelsius => "m°C",
        }
    }
}

/// How a field moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// May rise and fall; the value itself is of interest.
    Gauge,
    /// Only rises until the node boots again (what Headroom counts of itself, until it is started again);
    /// the difference of two readings is of interest.
    Counter,
}

/// One row of the table, as programs need it.
#[derive(Clone, Copy, Debug)]
pub struct Def {
    /// Name in JSON, CSV and on the command line; says its unit unless that is bytes or a count.
    pub id: &'static str,
    /// The file it is read from.
    pub source: Source,
    /// Its key in that file.
    pub key: &'static str,
    /// What the integer counts.
    pub unit: Unit,
    /// Whether it is a level or a running total.
    pub kind: Kind,
}

/// Where a quantity comes from; shown as `MemAvailable in /proc/meminfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The key.
    pub key: &'static str,
    /// The file.
    pub path: &'static str,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.key, self.path)
    }
}

/// The same row for people. Apart from [`Def`], so that a program that shows none of it, such as the
/// page, does not carry the texts of all rows.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// A short name.
    pub label: &'static str,
    /// The CSS custom property that holds its colour.
    pub color: &'static str,
    /// The first Linux that tells it, such as `3.14`; empty where all do. Distributions bring some
    /// lines to older kernels.
    pub since: &'static str,
    /// What it means, in sentences.
    pub help: &'static str,
}
