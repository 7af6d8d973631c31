//! The same memory in the words of other tools: what each of them would print of one sample, by its
//! own formula, and why that differs. Formulas are those of the tools' sources, as of 2026.

use crate::memory::{Available, used};
use crate::units::human;
use crate::{Field, Sample};

/// What a tool prints, in bytes. `None` is what it does not print, or cannot of this sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What it calls used.
    pub used: Option<u64>,
    /// What it calls available.
    pub available: Option<u64>,
    /// What it calls cached, or buff/cache less the buffers.
    pub cached: Option<u64>,
}

impl Told {
    /// Its available memory for people, marked where `sample` has no such number of the kernel, so that
    /// whatever the tool prints is an estimate of its own.
    #[must_use]
    pub fn available_in_words(&self, sample: &Sample) -> String {
        let estimated = if sample.get(Field::Available).is_none() { " (estimated)" } else { "" };
        self.available.map_or_else(|| "—".into(), |bytes| human(bytes) + estimated)
    }
}

/// A tool, and how it reckons.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// The versions that reckon so.
    pub versions: &'static str,
    /// How it comes to *used* (and to what else it does in its own way), by keys of `/proc/meminfo`.
    pub formula: &'static str,
    /// Why its numbers are not Headroom's, in one sentence.
    pub reason: &'static str,
    told: fn(&Lines<'_>) -> Told,
}

impl Tool {
    /// What it would print of `sample`; nothing without the lines that all of them need.
    #[must_use]
    pub fn told(&self, sample: &Sample) -> Told {
        Lines::of(sample).map_or_else(Told::default, |lines| (self.told)(&lines))
    }
}

/// The lines that tools reckon with, in bytes; 0 where a line is missing, as all of them take it.
struct Lines<'a> {
    sample: &'a Sample,
    total: i64,
    free: i64,
    available: Option<i64>,
    buffers: i64,
    cached: i64,
    shmem: i64,
    slab_reclaimable: i64,
    slab: i64,
    /// File LRU, as the kernel lists it.
    files: Option<i64>,
    /// How far the ZFS cache can shrink.
    arc: i64,
}

impl<'a> Lines<'a> {
    fn of(sample: &'a Sample) -> Option<Self> {
        let get = |field| sample.get(field).and_then(|bytes| i64::try_from(bytes).ok());
        let or_0 = |field| get(field).unwrap_or(0);
        Some(Self {
            sample,
            total: get(Field::Total)?,
            free: get(Field::Free)?,
            available: get(Field::Available),
            buffers: or_0(Field::Buffers),
            cached: or_0(Field::Cached),
            shmem: or_0(Field::Shmem),
            slab_reclaimable: or_0(Field::SlabReclaimable),
            slab: or_0(Field::Slab),
            files: get(Field::ActiveFile)
                .zip(get(Field::InactiveFile))
                .and_then(|(active, inactive)| active.checked_add(inactive)),
            arc: (or_0(Field::ArcSize) - get(Field::ArcFloor).unwrap_or(i64::MAX)).max(0),
        })
    }

    fn cache(&self) -> i64 {
        self.cached.saturating_add(self.slab_reclaimable)
    }

    /// `used` if it is not negative, else `total − free`, as several tools have it.
    fn or_total_less_free(&self, used: i64) -> i64 {
        if used < 0 { self.total - self.free } else { used }
    }

    /// `free + files + slab`, each less its reserve, for a low mark in bytes.
    fn estimate(&self, low: i64) -> Option<f64> {
        // Halves of odd numbers of bytes are kept, as in Python.
        let spare = |amount: i64| amount as f64 - (amount as f64 / 2.0).min(low as f64);
        self.sample.get(Field::SlabReclaimable)?;
        Some((self.free - low) as f64 + spare(self.files?) + spare(self.slab_reclaimable))
    }

    /// `library/meminfo.c` of procps 4: a missing line counts as 0, and 0 as missing.
    fn procps4_available(&self) -> i64 {
        let available = self.available.filter(|&available| available != 0).unwrap_or(self.free);
        if available > self.total { self.free } else { available }
    }

    /// `proc/sysinfo.c` of procps 3.3.10 to 4.0.0: a missing one is estimated from `min_free_kbytes`.
    fn procps3_available(&self) -> i64 {
        let low =
            self.sample.get(Field::MinFree).map_or(0, |min| (min / 1024 * 5 / 4 * 1024) as i64);
        let available = match self.available {
            Some(available) if available != 0 => available,
            _ => self.estimate(low).map_or(self.free, |estimate| estimate.max(0.0) as i64),
        };
        if available > self.total { self.free } else { available }
    }

    /// `calculate_avail_vmem` of psutil for what is missing or 0.
    fn psutil_available(&self) -> i64 {
        let available = match self.available {
            Some(available) if available != 0 => available,
            _ => {
                let low = self.sample.get(Field::ZoneLow).map(|low| low as i64);
                low.and_then(|low| self.estimate(low))
                    .map_or(self.free.saturating_add(self.cached), |estimate| estimate as i64)
            }
        };
        if available > self.total { self.free } else { available.max(0) }
    }

    /// What is neither free nor cache by the old reckoning.
    fn less_caches(&self) -> i64 {
        self.or_total_less_free(self.total - self.free - self.buffers - self.cache())
    }
}

/// Numbers as a tool prints them; what came out negative is not a number.
fn told(used: i64, available: impl Into<Option<i64>>, cached: i64) -> Told {
    let number = |bytes: i64| u64::try_from(bytes).ok();
    Told {
        used: number(used),
        available: available.into().and_then(number),
        cached: number(cached),
    }
}

/// Every tool, Headroom first.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "Headroom",
        versions: "this one",
        formula: "MemTotal − available; available = MemAvailable, and ZFS cache above its floor",
        reason: "What programs cannot have, whoever holds it: the kernel's own reserve is in it.",
        told: |lines| Told {
            used: used(lines.sample),
            available: Available::of(lines.sample).ok().map(|available| available.bytes),
            cached: u64::try_from(lines.cache()).ok(),
        },
    },
    Tool {
        name: "free",
        versions: "procps 4.0.1 and newer",
        formula: "MemTotal − MemAvailable; cache = Cached + SReclaimable",
        reason: "The same, but an available of 0 becomes MemFree, and ZFS cache counts as used.",
        told: |lines| {
            let available = lines.procps4_available();
            told(lines.or_total_less_free(lines.total - available), available, lines.cache())
        },
    },
    Tool {
        name: "free",
        versions: "procps 3.3.12 to 4.0.0",
        formula: "MemTotal − MemFree − Buffers − Cached − SReclaimable",
        reason: "All cache counts as unused, also shared memory and tmpfs in it, and so does the kernel's reserve.",
        told: |lines| told(lines.less_caches(), lines.procps3_available(), lines.cache()),
    },
    Tool {
        name: "free",
        versions: "procps 3.3.10 and 3.3.11",
        formula: "MemTotal − MemFree − Buffers − Cached − Slab",
        reason: "Even kernel objects that cannot be dropped count as cache.",
        told: |lines| {
            let cache = lines.cached + lines.slab;
            let used = lines.or_total_less_free(lines.total - lines.free - lines.buffers - cache);
            told(used, lines.procps3_available(), cache)
        },
    },
    Tool {
        name: "free",
        versions: "procps up to 3.3.9",
        formula: "MemTotal − MemFree",
        reason: "All cache counts as used, so that a healthy machine looks full.",
        told: |lines| told(lines.total - lines.free, None, lines.cached),
    },
    Tool {
        name: "psutil",
        versions: "7.1 and newer",
        formula: "MemTotal − MemAvailable; cached = Cached + SReclaimable",
        reason: "The same, but an available of 0 is estimated anew, and ZFS cache counts as used.",
        told: |lines| {
            let available = lines.psutil_available();
            told(lines.total - available, available, lines.cache())
        },
    },
    Tool {
        name: "psutil",
        versions: "4.4 to 7.0",
        formula: "MemTotal − MemFree − Buffers − Cached − SReclaimable",
        reason: "All cache counts as unused, also shared memory and tmpfs in it.",
        told: |lines| told(lines.less_caches(), lines.psutil_available(), lines.cache()),
    },
    Tool {
        name: "htop",
        versions: "3",
        formula: "MemTotal − MemFree − Buffers − Cached − SReclaimable + Shmem; cache = Cached + SReclaimable − Shmem",
        reason: "Shared memory counts as used, but the kernel's reserve, and cache it would not give, do not.",
        told: |lines| {
            let used = lines.less_caches() + lines.shmem - lines.arc;
            let available = match lines.available {
                Some(available) if available != 0 => available.min(lines.total),
                _ => lines.free,
            };
            told(used, available, lines.cache() - lines.shmem + lines.arc)
        },
    },
    Tool {
        name: "btop",
        versions: "1.2 and newer",
        formula: "MemTotal − available; available = MemAvailable, and ZFS cache above its floor; cached = Cached, and all ZFS cache",
        reason: "The same; its graphs of available, cached and free overlap.",
        told: |lines| {
            let arc = lines.sample.get(Field::ArcSize).map_or(0, |bytes| bytes as i64);
            let available = lines.available.unwrap_or(lines.free + lines.cached) + lines.arc;
            let given = if available <= lines.total { available } else { lines.free };
            told(lines.total - given, available, lines.cached + arc)
        },
    },
    Tool {
        name: "netdata",
        versions: "1.37 and newer",
        formula: "MemTotal − MemFree − Buffers − cached; cached = Cached + KReclaimable − Shmem, with ZFS cache above its floor",
        reason: "The kernel's reserve, and cache it would not give, count as unused.",
        told: |lines| {
            let kernel = lines.sample.get(Field::KernelReclaimable).map(|bytes| bytes as i64);
            let kernel = kernel.filter(|&bytes| bytes > 0).unwrap_or(lines.slab_reclaimable);
            let cached = lines.cached + kernel - lines.shmem + lines.arc;
            told(
                lines.total - lines.free - lines.buffers - cached,
                lines.available.map(|available| available + lines.arc),
                cached,
            )
        },
    },
    Tool {
        name: "Glances",
        versions: "4.5",
        formula: "MemTotal − available, at least 0; available = psutil's, and ZFS cache above its floor",
        reason: "The same, but an available of 0 is estimated anew.",
        told: |lines| {
            let available = lines.psutil_available() + lines.arc;
            told((lines.total - available).max(0), available, lines.cache() + lines.arc)
        },
    },
    Tool {
        name: "Beszel",
        versions: "0.18",
        formula: "MemTotal − MemAvailable, less all ZFS cache; cache = Cached + SReclaimable + Buffers − Shmem",
        reason: "All of the ZFS cache counts as unused, also what ZFS never gives back.",
        told: |lines| {
            let used = lines.total - lines.available.unwrap_or(0);
            let arc = lines.sample.get(Field::ArcSize).map_or(0, |bytes| bytes as i64);
            let used = if arc < used { used - arc } else { used };
            let cache = lines.cache() + lines.buffers - lines.shmem;
            told(
                used,
                None,
                if cache > 0 { cache } else { (lines.total - lines.free - used).max(0) },
            )
        },
    },
    Tool {
        name: "Zabbix",
        versions: "agent 4 and newer",
        formula: "MemTotal − MemFree; available = MemAvailable; cached = Cached",
        reason: "All cache counts as used; its available is the kernel's.",
        told: |lines| {
            let available = lines.available.unwrap_or(lines.free + lines.buffers + lines.cached);
            told(lines.total - lines.free, available, lines.cached)
        },
    },
    Tool {
        name: "gopsutil",
        versions: "4 (Telegraf and others)",
        formula: "MemTotal − MemAvailable; cached = Cached + SReclaimable",
        reason: "The same; ZFS cache counts as used.",
        told: |lines| {
            let available = lines.available;
            told(
                available.map_or(-1, |available| lines.total - available),
                available,
                lines.cache(),
            )
        },
    },
    Tool {
        name: "bottom",
        versions: "0.10 and newer",
        formula: "MemTotal − MemAvailable; cache = MemAvailable − MemFree",
        reason: "The same; its cache is what the kernel would give of it.",
        told: |lines| {
            let available = lines.available.unwrap_or(-1);
            let used = if available < 0 { -1 } else { lines.total - available };
            told(used, None, available - lines.free)
        },
    },
    Tool {
        name: "node_exporter",
        versions: "1",
        formula: "left to the dashboard; it passes on each line as it is",
        reason: "Dashboards differ: many subtract MemFree, Buffers and Cached, which counts tmpfs as unused.",
        told: |lines| told(-1, lines.available, lines.cached),
    },
];

/// How another system uses the same words.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere {
    /// The system.
    pub system: &'static str,
    /// Its words, in sentences.
    pub words: &'static str,
}

/// Other systems than Linux.
pub const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        system: "Windows",
        words: "Free and available are one number there: tools print the available one (standby cache, free and zeroed pages) for both, and used is total − available.",
    },
    Elsewhere {
        system: "macOS",
        words: "There is no MemAvailable. psutil calls inactive + free available and active + wired used; the sysinfo library adds all active memory to available, so that the two differ by that much. Activity Monitor's used is app, wired and compressed memory.",
    },
    Elsewhere {
        system: "FreeBSD",
        words: "Available is inactive + cache + free, used is active + wired; the ZFS cache is in wired, and some tools subtract it.",
    },
];

#[cfg(test)]
mod tests;
