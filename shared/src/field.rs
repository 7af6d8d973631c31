//! The one table of everything Headroom reads from a node.
//!
//! Parsing, wire, JSON, the field table in the docs and the page all loop over [`Field::ALL`]:
//! a new plain field is one row here, and a colour token in `static/theme.css` if it brings one.
//! Rows are append-only: the position of a row is its id on the wire and in stored data.

use std::fmt::Write as _;

/// Where a field is read from. Paths are below the proc root or the sys root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `/proc/meminfo`; the key is what stands before the colon.
    Meminfo,
    /// `/proc/vmstat`; the key is the first word of the line.
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
}

impl Source {
    /// The file, as people name it.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Meminfo => "/proc/meminfo",
            Self::Vmstat => "/proc/vmstat",
            Self::PressureMemory => "/proc/pressure/memory",
            Self::Stat => "/proc/stat",
            Self::Loadavg => "/proc/loadavg",
            Self::Cpufreq => "/sys/devices/system/cpu/cpufreq/policy*",
            Self::Thermal => "/sys/class/thermal/thermal_zone*",
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
    /// Only rises until the node boots again; the difference of two readings is of interest.
    Counter,
}

/// One row of the table.
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
    /// A short name for people.
    pub label: &'static str,
    /// The CSS custom property that holds its colour.
    pub color: &'static str,
    /// What it means, in sentences.
    pub help: &'static str,
}

macro_rules! fields {
    ($($(#[doc = $help:literal])+ $name:ident $id:literal = $source:ident $key:literal, $unit:ident $kind:ident, $label:literal, $color:literal;)+) => {
        /// One quantity of a node. The discriminant is its id on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
            label: $label,
            color: $color,
            help: concat!($($help),+).trim_ascii(),
        }),+];
    };
}

fields! {
    /// RAM that the kernel can use: physical memory less what firmware and the kernel's own image
    /// took at boot.
    Total "total" = Meminfo "MemTotal", Bytes Gauge, "Total", "--c-total";
    /// RAM that nothing uses at all. Low on a healthy machine, because the kernel keeps files
    /// cached in it until somebody needs the room.
    Free "free" = Meminfo "MemFree", Bytes Gauge, "Free", "--c-free";
    /// The kernel's estimate of what new programs can get without swapping: free memory and
    /// reclaimable cache, less what it holds back. Since Linux 3.14.
    Available "available" = Meminfo "MemAvailable", Bytes Gauge, "Available", "--c-available";
    /// Cached blocks of disks, not of files.
    Buffers "buffers" = Meminfo "Buffers", Bytes Gauge, "Buffers", "--c-cache";
    /// Cached contents of files. Includes shared memory and tmpfs, which cannot be dropped.
    Cached "cached" = Meminfo "Cached", Bytes Gauge, "Cached", "--c-cache";
    /// Cached file pages used lately.
    ActiveFile "active_file" = Meminfo "Active(file)", Bytes Gauge, "Active files", "--c-cache";
    /// Cached file pages not used lately: the first to be dropped.
    InactiveFile "inactive_file" = Meminfo "Inactive(file)", Bytes Gauge, "Inactive files", "--c-cache";
    /// Shared memory and files in tmpfs. Can be swapped out but not dropped.
    Shmem "shmem" = Meminfo "Shmem", Bytes Gauge, "Shared and tmpfs", "--c-used";
    /// Kernel objects that can be dropped, such as cached directory entries.
    SlabReclaimable "slab_reclaimable" = Meminfo "SReclaimable", Bytes Gauge, "Reclaimable slab", "--c-cache";
    /// All kernel memory that can be dropped: reclaimable slab and more. Since Linux 4.20.
    KernelReclaimable "kernel_reclaimable" = Meminfo "KReclaimable", Bytes Gauge, "Reclaimable kernel memory", "--c-cache";
    /// Programs' own memory: heaps and stacks, backed by no file.
    Anon "anon" = Meminfo "AnonPages", Bytes Gauge, "Programs", "--c-used";
    /// Cached file pages that must be written to disk before they can be dropped.
    Dirty "dirty" = Meminfo "Dirty", Bytes Gauge, "Dirty", "--c-cache";
    /// Room in all swap areas. With zram it is a promise, not disk space.
    SwapTotal "swap_total" = Meminfo "SwapTotal", Bytes Gauge, "Swap total", "--c-swap";
    /// Unused room in all swap areas.
    SwapFree "swap_free" = Meminfo "SwapFree", Bytes Gauge, "Swap free", "--c-swap";
    /// Pages in RAM that also still have their copy in swap.
    SwapCached "swap_cached" = Meminfo "SwapCached", Bytes Gauge, "Swap cached", "--c-swap";
    /// Pages read back from swap since boot.
    SwappedIn "swapped_in_pages" = Vmstat "pswpin", Pages Counter, "Swapped in", "--c-swap";
    /// Pages written to swap since boot.
    SwappedOut "swapped_out_pages" = Vmstat "pswpout", Pages Counter, "Swapped out", "--c-swap";
    /// Page faults since boot that had to wait for a disk.
    MajorFaults "major_faults" = Vmstat "pgmajfault", Count Counter, "Major faults", "--c-pressure";
    /// Cached file pages dropped and soon needed again, since boot: cache that was not spare.
    /// Since Linux 5.9.
    FileRefaults "file_refaults_pages" = Vmstat "workingset_refault_file", Pages Counter, "File refaults", "--c-pressure";
    /// Processes the kernel killed since boot because memory ran out. Since Linux 4.13.
    OomKills "oom_kills" = Vmstat "oom_kill", Count Counter, "OOM kills", "--c-trouble";
    /// Time since boot in which at least one task waited for memory. Since Linux 4.20, with PSI on.
    PressureSome "pressure_some_us" = PressureMemory "some", Micros Counter, "Pressure, some", "--c-pressure";
    /// Time since boot in which every task that could have run waited for memory.
    PressureFull "pressure_full_us" = PressureMemory "full", Micros Counter, "Pressure, all", "--c-trouble";
    /// CPU time of all cores since boot that was not idle and not waiting for disks.
    CpuBusy "cpu_busy_ticks" = Stat "busy", Ticks Counter, "CPU busy", "--c-cpu";
    /// CPU time of all cores since boot, idle time included.
    CpuTotal "cpu_total_ticks" = Stat "total", Ticks Counter, "CPU time", "--c-cpu";
    /// Tasks that ran or waited, averaged over one minute.
    Load1 "load_1m_hundredths" = Loadavg "1", Hundredths Gauge, "Load, 1 min", "--c-cpu";
    /// Tasks that ran or waited, averaged over five minutes.
    Load5 "load_5m_hundredths" = Loadavg "2", Hundredths Gauge, "Load, 5 min", "--c-cpu";
    /// Tasks that ran or waited, averaged over fifteen minutes.
    Load15 "load_15m_hundredths" = Loadavg "3", Hundredths Gauge, "Load, 15 min", "--c-cpu";
    /// Present frequency of the fastest core.
    CpuFrequency "cpu_frequency_hz" = Cpufreq "scaling_cur_freq", Hertz Gauge, "CPU frequency", "--c-cpu";
    /// Temperature of the CPU, or of the first sensor where none is named so.
    Temperature "temperature_millicelsius" = Thermal "temp", MilliCelsius Gauge, "Temperature", "--c-temperature";
}

impl Field {
    /// The field's row.
    #[must_use]
    pub fn def(self) -> &'static Def {
        &DEFS[self as usize]
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
         A counter counts from the node's boot. What a kernel does not tell is `null`, never 0.\n\n\
         | # | id | unit | kind | read from | what it is |\n|---:|---|---|---|---|---|\n",
    );
    for field in Field::ALL {
        let def = field.def();
        let kind = match def.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        // Writing to a String cannot fail.
        writeln!(
            text,
            "| {} | `{}` | {} | {kind} | `{}` `{}` | {} |",
            *field as u8,
            def.id,
            def.unit.name(),
            def.source.path(),
            def.key,
            def.help
        )
        .ok();
    }
    text
}

#[cfg(test)]
mod tests {
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
            assert!(labels.insert(def.label), "label {} twice", def.label);
            assert!(def.help.ends_with('.'), "help of {} does not end with a full stop", def.id);
            assert!(def.color.starts_with("--c-"), "colour of {} is no token", def.id);
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
            "total free available buffers cached active_file inactive_file shmem slab_reclaimable \
             kernel_reclaimable anon dirty swap_total swap_free swap_cached swapped_in_pages \
             swapped_out_pages major_faults file_refaults_pages oom_kills pressure_some_us \
             pressure_full_us cpu_busy_ticks cpu_total_ticks load_1m_hundredths load_5m_hundredths \
             load_15m_hundredths cpu_frequency_hz temperature_millicelsius"
        );
    }
}
