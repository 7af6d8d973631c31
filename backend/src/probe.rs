//! Reads a node: files under a root → [`Sample`]. Knows no clock and no socket.

mod files;
pub mod host;
pub mod kernel_log;
mod limits;
pub mod parse;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
pub mod ranking;
mod sensors;
pub mod survey;
pub(crate) mod text;
#[cfg(test)]
pub(crate) mod tree;
pub mod usage;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use shared::field::Source;
use shared::{Field, Sample};

use files::KeptFile;
use limits::Limits;
use parse::Layout;
use survey::Surroundings;

/// The trees that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// What stands for `/proc`.
    pub proc: PathBuf,
    /// What stands for `/sys`.
    pub sys: PathBuf,
}

/// The kernel's own.
impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into() }
    }
}

impl Roots {
    /// Whether the kernel's own files are read by another path than `/proc`: by a program in a container
    /// that looks at the machine around it. What holds for the program does not hold there.
    pub(crate) fn are_around(&self) -> bool {
        self.proc != Path::new("/proc")
            && File::open(&self.proc).is_ok_and(|dir| files::is_made_by_the_kernel(&dir))
    }

    /// The process whose files tell of the machine: this one, or the first of the machine around.
    fn witness(&self) -> PathBuf {
        self.proc.join(if self.are_around() { "1" } else { "self" })
    }

    /// The device tree (`Documentation/devicetree/usage-model.rst`). In proc it is a link to an absolute
    /// path, which leads elsewhere, or nowhere, where another tree stands for `/sys`.
    fn device_tree(&self) -> PathBuf {
        let in_sys = self.sys.join("firmware/devicetree/base");
        if self.are_around() && in_sys.is_dir() { in_sys } else { self.proc.join("device-tree") }
    }

    /// The file that `source` is.
    fn file(&self, source: Source) -> PathBuf {
        self.proc.join(source.path().trim_start_matches("/proc/"))
    }
}

/// Why a node cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The one file that every reading needs cannot be read.
    #[error("cannot read {}; is --proc-root right?", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file lacks what every reading needs.
    #[error("{} has no line MemTotal; is it a meminfo file?", .0.display())]
    NoTotal(PathBuf),
}

/// A reading, and what was wrong with the files it came from.
#[derive(Debug, Default)]
pub struct Taken {
    /// The reading.
    pub sample: Sample,
    /// Lines that could not be understood, in sentences for people.
    pub complaints: Vec<String>,
}

/// Between two looks around: readings.
const LOOK_AROUND: u32 = 60;

/// The files of a reading, kept open between readings.
pub struct Probe {
    roots: Roots,
    page_size: u64,
    texts: [(Source, KeptFile, Layout); 5],
    frequencies: Vec<KeptFile>,
    temperature: Option<KeptFile>,
    under_voltage: Option<KeptFile>,
    zram: Vec<KeptFile>,
    arcstats: Option<KeptFile>,
    limits: Limits,
    /// What was found at the last look around, and when the next one is due, in readings.
    found: Sample,
    until_next_look: u32,
    buffer: Vec<u8>,
    #[cfg(not(target_os = "linux"))]
    system: Option<sysinfo::System>,
}

impl Probe {
    /// Opens what there is under `roots`. What is missing stays unknown in every reading.
    #[must_use]
    pub fn open(roots: &Roots) -> Self {
        let texts = [
            Source::Meminfo,
            Source::Vmstat,
            Source::PressureMemory,
            Source::Stat,
            Source::Loadavg,
        ]
        .map(|source| {
            let file = KeptFile::open(roots.file(source));
            // Of /proc/stat only the first line is declared, and the file is long.
            let file = if source == Source::Stat { file.only_first(512) } else { file };
            (source, file, Layout::default())
        });
        Self {
            texts,
            page_size: host::page_size(),
            frequencies: sensors::frequencies(&roots.sys),
            temperature: sensors::temperature(&roots.sys),
            under_voltage: None,
            zram: Vec::new(),
            arcstats: None,
            limits: Limits::find(roots),
            found: Sample::EMPTY,
            until_next_look: 0,
            buffer: Vec::with_capacity(16 * 1024),
            roots: roots.clone(),
            #[cfg(not(target_os = "linux"))]
            system: sysinfo::System::new().ok(),
        }
    }

    /// Takes one reading. What this kernel lacks is `None`; only a missing total is an error.
    ///
    /// What hardly ever changes is looked up with the first reading and then with every sixtieth.
    pub fn read(&mut self) -> Result<Taken, ProbeError> {
        if self.until_next_look == 0 {
            self.look_around();
        }
        self.until_next_look -= 1;
        let mut taken = Taken { sample: self.base(), complaints: Vec::new() };
        for (source, file, layout) in &mut self.texts {
            match file.read(&mut self.buffer) {
                Ok(()) => {}
                Err(error) if *source == Source::Meminfo && cfg!(target_os = "linux") => {
                    return Err(ProbeError::Unreadable { path: file.path().into(), source: error });
                }
                // This kernel lacks it, or a container hides it: its fields stay unknown.
                Err(_) => continue,
            }
            let sample = &mut taken.sample;
            let parsed = match source {
                Source::Meminfo => parse::meminfo(&self.buffer, layout, sample),
                Source::Vmstat => parse::vmstat(&self.buffer, layout, sample, self.page_size),
                Source::PressureMemory => parse::pressure_memory(&self.buffer, layout, sample),
                Source::Stat => parse::stat(&self.buffer, sample),
                _ => parse::loadavg(&self.buffer, sample),
            };
            if let Err(bad) = parsed {
                taken.complaints.push(format!("{}: {bad}", file.path().display()));
            }
        }
        if taken.sample.get(Field::Total).is_none() {
            return Err(ProbeError::NoTotal(self.roots.file(Source::Meminfo)));
        }
        self.read_devices(&mut taken.sample);
        self.limits.read(&mut self.buffer, &mut taken.sample);
        Ok(taken)
    }

    /// Files of one number, or of a few.
    fn read_devices(&mut self, sample: &mut Sample) {
        let buffer = &mut self.buffer;
        let khz = self.frequencies.iter_mut().filter_map(|file| file.number(buffer)).max();
        sample.set(Field::CpuFrequency, khz.and_then(|khz| khz.checked_mul(1000)));
        for (field, file) in [
            (Field::Temperature, &mut self.temperature),
            (Field::UnderVoltage, &mut self.under_voltage),
        ] {
            sample.set(field, file.as_mut().and_then(|file| file.number(buffer)));
        }
        for file in &mut self.zram {
            if file.read(buffer).is_ok() {
                parse::zram(buffer, sample);
            }
        }
        if self.arcstats.as_mut().is_some_and(|file| file.read(buffer).is_ok()) {
            parse::arcstats(buffer, sample);
        }
    }

    /// Looks up what hardly ever changes, and which devices there are.
    fn look_around(&mut self) {
        self.until_next_look = LOOK_AROUND;
        let Self { roots, buffer, found, .. } = self;
        *found = Sample::EMPTY;
        if KeptFile::open(roots.file(Source::Zoneinfo)).read(buffer).is_ok() {
            parse::zoneinfo(buffer, found, self.page_size);
        }
        let min_free = roots.file(Source::Sysctl).join(Field::MinFree.def().key);
        let kib = KeptFile::open(min_free).number(buffer);
        found.set(Field::MinFree, kib.and_then(|kib| kib.checked_mul(1024)));
        self.under_voltage = sensors::under_voltage(&roots.sys);
        self.zram = sensors::zram(&roots.sys);
        let Surroundings { lxcfs, container, has_mounts, .. } = Surroundings::of(roots);
        found.set(Field::Lxcfs, has_mounts.then_some(lxcfs.is_some().into()));
        // In a container it is the host's.
        self.arcstats = Some(roots.file(Source::Arcstats))
            .filter(|path| container.is_none() && path.is_file())
            .map(KeptFile::open);
        self.limits.look_up(buffer);
    }

    /// What is known before any file is read.
    fn base(&mut self) -> Sample {
        #[cfg(not(target_os = "linux"))]
        if let Some(system) = &mut self.system {
            return portable::read(system);
        }
        self.found.clone()
    }
}
