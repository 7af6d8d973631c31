//! What one reading of this machine costs, against the bare reads of the same files: the difference
//! is what Headroom adds. Both take turns, as far apart as the readings of an agent at 50 Hz, so that
//! caches are about as cold for one as for the other.
//!
//! `cargo bench -p headroom --bench tick [-- --short]`; the last line is `ratio X.XX`.

#[cfg(target_os = "linux")]
fn main() {
    let short = std::env::args().any(|argument| argument == "--short");
    if let Err(error) = linux::run(if short { 60 } else { 300 }) {
        eprintln!("tick: {error}");
        std::process::exit(1);
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("only Linux has the files that this reads");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::fs::{self, File};
    use std::hint::black_box;
    use std::io;
    use std::os::unix::fs::FileExt as _;
    use std::path::{Path, PathBuf};
    use std::thread::sleep;
    use std::time::Duration;

    use headroom::probe::{Probe, Roots};
    use rustix::time::{ClockId, clock_gettime};
    use shared::Field;
    use shared::field::Source;

    const PAUSE: Duration = Duration::from_millis(20);
    /// The probe reads no more of /proc/stat, and asks for no more of others at once.
    const STAT_BYTES: usize = 512;
    const STEP: usize = 16 * 1024;
    /// What is looked up with every sixtieth reading, or only where it limits this process, or beside
    /// the probe.
    const RARE: [Source; 5] = [
        Source::Zoneinfo,
        Source::Sysctl,
        Source::OwnGroups,
        Source::Mountinfo,
        Source::OwnProcess,
    ];

    /// An open file, and how much of it the probe reads at most.
    struct Bare {
        file: File,
        most_bytes: usize,
    }

    pub(super) fn run(rounds: usize) -> Result<(), Box<dyn Error>> {
        let roots = Roots { proc: "/proc".into(), sys: "/sys".into() };
        let mut probe = Probe::open(&roots);
        let paths = paths();
        let bare: Vec<Bare> = paths.iter().filter_map(|path| open(path)).collect();
        let mut buffer = vec![0; 64 * 1024];
        probe.read()?;
        read(&bare, &mut buffer)?;

        let mut of_probe = Vec::with_capacity(rounds);
        let mut of_reads = Vec::with_capacity(rounds);
        for round in 0..rounds {
            // Whoever comes second might find the kernel's caches warmer.
            for turn in 0..2 {
                sleep(PAUSE);
                let start = cpu_time();
                if (round + turn) % 2 == 0 {
                    black_box(probe.read()?);
                    of_probe.push(cpu_time().saturating_sub(start));
                } else {
                    black_box(read(&bare, &mut buffer)?);
                    of_reads.push(cpu_time().saturating_sub(start));
                }
            }
        }
        let mean_us = of_probe.iter().sum::<Duration>().as_secs_f64() * 1e6 / rounds as f64;
        let (probe_us, reads_us) = (median_us(of_probe), median_us(of_reads));
        println!("{rounds} rounds, {} of {} files are here", bare.len(), paths.len());
        println!("probe {probe_us:.1} µs, on average {mean_us:.1} µs, with its looks around");
        println!("bare reads {reads_us:.1} µs");
        println!("ratio {:.2}", probe_us / reads_us);
        Ok(())
    }

    /// The files that every reading reads.
    fn paths() -> Vec<PathBuf> {
        let mut sources: Vec<Source> = Vec::new();
        for field in Field::ALL {
            let source = field.def().source;
            if !sources.contains(&source) && !RARE.contains(&source) {
                sources.push(source);
            }
        }
        sources.into_iter().flat_map(files_of).collect()
    }

    fn files_of(source: Source) -> Vec<PathBuf> {
        let path = source.path();
        if source == Source::Zram {
            // The probe reads those that are in use.
            let in_use = |dir: &PathBuf| {
                fs::read_to_string(dir.join("disksize")).is_ok_and(|size| size.trim() != "0")
            };
            let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
            let devices =
                devices.filter(|entry| entry.file_name().to_string_lossy().starts_with("zram"));
            return devices
                .map(|entry| entry.path())
                .filter(in_use)
                .map(|dir| dir.join("mm_stat"))
                .collect();
        }
        let Some(prefix) = path.strip_suffix('*') else { return vec![path.into()] };
        let (dir, prefix) = prefix.rsplit_once('/').unwrap_or_default();
        let mut files: Vec<PathBuf> = fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .flat_map(|entry| {
                Field::of(source).map(move |field| entry.path().join(field.def().key))
            })
            .collect();
        files.sort();
        if source == Source::Thermal {
            // Of all thermometers the probe reads one.
            files.truncate(1);
        }
        files
    }

    fn open(path: &Path) -> Option<Bare> {
        let most_bytes = if path.ends_with("stat") { STAT_BYTES } else { usize::MAX };
        Some(Bare { file: File::open(path).ok()?, most_bytes })
    }

    /// Reads each file to its end as the probe does, and leaves it at that.
    fn read(files: &[Bare], buffer: &mut [u8]) -> io::Result<usize> {
        let mut sum = 0;
        for Bare { file, most_bytes } in files {
            let mut length = 0;
            while length < *most_bytes {
                let end = buffer.len().min(length + STEP.min(most_bytes - length));
                match file.read_at(&mut buffer[length..end], length as u64)? {
                    0 => break,
                    count => length += count,
                }
            }
            sum += length;
        }
        Ok(sum)
    }

    fn cpu_time() -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
    }

    fn median_us(mut times: Vec<Duration>) -> f64 {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    }
}
