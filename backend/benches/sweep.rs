//! What one sweep over the processes and control groups of this machine costs, with 300 more small
//! processes than there are, against the bare `pread`s of the same `statm` files. Both take turns, a
//! while apart, so that caches are about as cold for one as for the other.
//!
//! `cargo bench -p headroom --bench sweep [-- --short]`; the last line is `ratio X.XX`.

#[cfg(target_os = "linux")]
fn main() {
    let short = std::env::args().any(|argument| argument == "--short");
    if let Err(error) = linux::run(if short { 40 } else { 200 }) {
        eprintln!("sweep: {error}");
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
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::thread::sleep;
    use std::time::Duration;

    use headroom::probe::Roots;
    use headroom::probe::usage::Sweep;
    use rustix::time::{ClockId, clock_gettime};

    const CHILDREN: usize = 300;
    const PAUSE: Duration = Duration::from_millis(50);

    /// Processes that are ended when this goes.
    struct Crowd(Vec<Child>);

    impl Crowd {
        fn start() -> io::Result<Self> {
            let mut crowd = Self(Vec::new());
            for _ in 0..CHILDREN {
                let mut sleeper = Command::new("sleep");
                crowd.0.push(sleeper.arg("600").stdin(Stdio::null()).spawn()?);
            }
            Ok(crowd)
        }
    }

    impl Drop for Crowd {
        fn drop(&mut self) {
            for child in &mut self.0 {
                child.kill().ok();
            }
            for child in &mut self.0 {
                child.wait().ok();
            }
        }
    }

    pub(super) fn run(rounds: usize) -> Result<(), Box<dyn Error>> {
        let _crowd = Crowd::start()?;
        // Until each has become what it is.
        sleep(Duration::from_millis(500));
        let roots = Roots { proc: "/proc".into(), sys: "/sys".into() };
        let page_size = rustix::param::page_size() as u64;
        let new = || Sweep::new(&roots, page_size);
        let (mut plain, mut swapping) = (new(), new());
        let (first, usage) = timed(|| plain.take(false, &mut || false));
        println!(
            "{} processes, {} told of; {} control groups",
            usage.process_count,
            usage.processes.len(),
            usage.group_count
        );
        println!("first sweep {:.0} µs", us(first));
        swapping.take(true, &mut || false);

        let bare = statm_files()?;
        let mut buffer = [0; 256];
        let mut times: [Vec<Duration>; 5] = Default::default();
        for round in 0..rounds {
            for turn in 0..times.len() {
                // Whoever comes later might find the kernel's caches warmer.
                let what = (round + turn) % times.len();
                sleep(PAUSE);
                times[what].push(match what {
                    0 => timed(|| plain.take(false, &mut || false)).0,
                    1 => timed(|| swapping.take(true, &mut || false)).0,
                    2 => timed(|| plain.take(false, &mut || true)).0,
                    3 => timed(|| fs::read_dir("/proc").into_iter().flatten().count()).0,
                    _ => timed(|| read(&bare, &mut buffer)).0,
                });
            }
        }
        let [plain, swapping, with_pss, names, reads] = times.map(median_us);
        println!("sweep {plain:.0} µs");
        println!("sweep while swap is in use {swapping:.0} µs");
        println!("sweep with PSS {with_pss:.0} µs");
        println!("names in /proc alone {names:.0} µs");
        println!("bare reads of {} statm files {reads:.0} µs", bare.len());
        println!("ratio {:.2}", plain / reads);
        Ok(())
    }

    /// Of all processes that have memory.
    fn statm_files() -> io::Result<Vec<File>> {
        let mut files = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let is_process = name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
            let path = Path::new("/proc").join(name).join("statm");
            if is_process && fs::read(&path).is_ok_and(|text| !text.starts_with(b"0 ")) {
                files.extend(File::open(path).ok());
            }
        }
        Ok(files)
    }

    /// Those that ended give nothing.
    fn read(files: &[File], buffer: &mut [u8]) -> usize {
        files.iter().filter_map(|file| file.read_at(buffer, 0).ok()).sum()
    }

    /// The CPU time of this thread that `work` takes.
    fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
        let start = cpu_time();
        let result = black_box(work());
        (cpu_time().saturating_sub(start), result)
    }

    fn cpu_time() -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
    }

    fn us(time: Duration) -> f64 {
        time.as_secs_f64() * 1e6
    }

    fn median_us(mut times: Vec<Duration>) -> f64 {
        times.sort();
        us(times[times.len() / 2])
    }
}
