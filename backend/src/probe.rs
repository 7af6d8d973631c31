//! Reads a node: files under a root → [`Sample`]. Knows no clock and no socket.

mod files;
pub mod host;
pub mod parse;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
mod sensors;

use std::io;
use std::path::PathBuf;

use shared::field::Source;
use shared::{Field, Sample};

use files::KeptFile;
use parse::BadLine;

/// The trees that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// What stands for `/proc`.
    pub proc: PathBuf,
    /// What stands for `/sys`.
    pub sys: PathBuf,
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

type Parse = fn(&[u8], &mut Sample) -> Result<(), BadLine>;

/// The files of a reading, kept open between readings.
pub struct Probe {
    files: Vec<(KeptFile, Parse)>,
    frequencies: Vec<KeptFile>,
    temperature: Option<KeptFile>,
    meminfo: PathBuf,
    buffer: Vec<u8>,
    #[cfg(not(target_os = "linux"))]
    system: Option<sysinfo::System>,
}

impl Probe {
    /// Opens what there is under `roots`. What is missing stays unknown in every reading.
    #[must_use]
    pub fn open(roots: &Roots) -> Self {
        let parsers: [(Source, Parse); 5] = [
            (Source::Meminfo, parse::meminfo),
            (Source::Vmstat, parse::vmstat),
            (Source::PressureMemory, parse::pressure_memory),
            (Source::Stat, parse::stat),
            (Source::Loadavg, parse::loadavg),
        ];
        let under_proc =
            |source: Source| roots.proc.join(source.path().trim_start_matches("/proc/"));
        let files = parsers.map(|(source, parse)| {
            let file = KeptFile::open(under_proc(source));
            // Of /proc/stat only the first line is declared, and the file is long.
            (if source == Source::Stat { file.only_first(512) } else { file }, parse)
        });
        Self {
            files: files.into(),
            frequencies: sensors::frequencies(&roots.sys),
            temperature: sensors::temperature(&roots.sys),
            meminfo: under_proc(Source::Meminfo),
            buffer: Vec::with_capacity(16 * 1024),
            #[cfg(not(target_os = "linux"))]
            system: sysinfo::System::new().ok(),
        }
    }

    /// Takes one reading. What this kernel lacks is `None`; only a missing total is an error.
    pub fn read(&mut self) -> Result<Taken, ProbeError> {
        let mut taken = Taken { sample: self.base(), complaints: Vec::new() };
        for (file, parse) in &mut self.files {
            match file.read(&mut self.buffer) {
                Ok(()) => {}
                Err(source) if file.path() == self.meminfo && cfg!(target_os = "linux") => {
                    return Err(ProbeError::Unreadable { path: self.meminfo.clone(), source });
                }
                // This kernel lacks it, or a container hides it: its fields stay unknown.
                Err(_) => continue,
            }
            if let Err(bad) = parse(&self.buffer, &mut taken.sample) {
                taken.complaints.push(format!("{}: {bad}", file.path().display()));
            }
        }
        if taken.sample.get(Field::Total).is_none() {
            return Err(ProbeError::NoTotal(self.meminfo.clone()));
        }
        taken.sample.set(Field::CpuFrequency, self.frequency());
        taken.sample.set(Field::Temperature, self.temperature());
        Ok(taken)
    }

    /// What is known before any file is read.
    #[cfg(target_os = "linux")]
    #[expect(clippy::unused_self, reason = "other systems ask sysinfo")]
    fn base(&mut self) -> Sample {
        Sample::EMPTY
    }

    /// What is known before any file is read.
    #[cfg(not(target_os = "linux"))]
    fn base(&mut self) -> Sample {
        self.system.as_mut().map_or(Sample::EMPTY, portable::read)
    }

    /// Of the fastest core, in Hz; the files are in kHz.
    fn frequency(&mut self) -> Option<u64> {
        let buffer = &mut self.buffer;
        let khz = self.frequencies.iter_mut().filter_map(|file| file.number(buffer)).max()?;
        khz.checked_mul(1000)
    }

    fn temperature(&mut self) -> Option<u64> {
        self.temperature.as_mut()?.number(&mut self.buffer)
    }
}
