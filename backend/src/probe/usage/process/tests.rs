//! Processes of a plain folder, and real ones.

use super::*;

const PAGE: u64 = 4096;
const KIB: u64 = 1024;

/// A folder that stands for the proc root.
struct Fake {
    dir: tempfile::TempDir,
}

/// Amounts in KiB.
#[derive(Clone, Copy, Default)]
struct Holds {
    anon: u64,
    file: u64,
    shmem: u64,
    swap: u64,
}

impl Fake {
    fn new() -> (Self, Processes) {
        let dir = tempfile::tempdir().unwrap();
        let processes = Processes::new(dir.path(), PAGE);
        (Self { dir }, processes)
    }

    fn write(&self, pid: u32, file: &str, text: &str) {
        fs::create_dir_all(self.dir.path().join(pid.to_string())).unwrap();
        fs::write(path(self.dir.path(), pid, file), text).unwrap();
    }

    fn set(&self, pid: u32, name: &str, holds: Holds) {
        let Holds { anon, file, shmem, swap } = holds;
        let (resident, shared) = ((anon + file + shmem) / 4, (file + shmem) / 4);
        self.write(pid, "statm", &format!("100000 {resident} {shared} 1 0 1 0\n"));
        let status = format!(
            "Name:\t{name}\nVmRSS:\t{} kB\nRssAnon:\t{anon} kB\nRssFile:\t{file} kB\n\
             RssShmem:\t{shmem} kB\nVmSwap:\t{swap} kB\n",
            anon + file + shmem
        );
        self.write(pid, "status", &status);
    }

    fn end(&self, pid: u32) {
        fs::remove_dir_all(self.dir.path().join(pid.to_string())).unwrap();
    }
}

fn names(processes: &[ProcessUsage]) -> Vec<&str> {
    processes.iter().map(|process| process.name.as_str()).collect()
}

#[test]
fn the_largest_come_first_and_files_do_not_count() {
    let (fake, mut processes) = Fake::new();
    fake.set(1, "init", Holds { anon: 400, ..Holds::default() });
    fake.set(7, "reader", Holds { anon: 40, file: 90_000, ..Holds::default() });
    fake.set(30, "database", Holds { anon: 200, shmem: 8000, ..Holds::default() });
    fake.set(31, "asleep", Holds { anon: 0, swap: 4000, ..Holds::default() });
    fake.write(2, "statm", "0 0 0 0 0 0 0\n");
    fake.write(2, "status", "Name:\tkthreadd\n");
    fs::create_dir(fake.dir.path().join("sys")).unwrap();
    let (count, largest) = processes.take(true);
    assert_eq!(count, 5);
    assert_eq!(names(&largest), ["database", "asleep", "init", "reader"]);
    let database = ProcessUsage {
        pid: 30,
        name: "database".into(),
        anon: 200 * KIB,
        shmem: 8000 * KIB,
        ..ProcessUsage::default()
    };
    assert_eq!(largest[0], database);
    assert_eq!(largest[3].file, 90_000 * KIB);
}

#[test]
fn no_more_are_told_of_than_asked_for() {
    let (fake, mut processes) = Fake::new();
    for pid in 1..=200 {
        fake.set(pid, "x", Holds { anon: u64::from(pid) * 4, ..Holds::default() });
    }
    let (count, largest) = processes.take(false);
    assert_eq!((count, largest.len()), (200, MOST_PROCESSES));
    assert_eq!((largest[0].pid, largest[MOST_PROCESSES - 1].pid), (200, 171));
}

/// A crowd that fills the list, and small ones with numbers below.
fn crowd() -> (Fake, Processes) {
    let (fake, mut processes) = Fake::new();
    for pid in 100..160 {
        fake.set(pid, "crowd", Holds { anon: 8000, file: 4000, ..Holds::default() });
    }
    fake.set(5, "small", Holds { anon: 2000, file: 4000, ..Holds::default() });
    assert!(!names(&processes.take(false).1).contains(&"small"));
    (fake, processes)
}

#[test]
fn growth_is_seen_in_the_next_sweep() {
    let (fake, mut processes) = crowd();
    fake.set(5, "heap", Holds { anon: 9000, file: 4000, ..Holds::default() });
    assert_eq!(processes.take(false).1[0].name, "heap");
    let (fake, mut processes) = crowd();
    fake.set(5, "shm", Holds { anon: 2000, file: 4000, shmem: 9000, ..Holds::default() });
    assert_eq!(processes.take(false).1[0].name, "shm");
    let (fake, mut processes) = crowd();
    fake.set(5, "cache", Holds { anon: 2000, file: 90_000, ..Holds::default() });
    assert!(!names(&processes.take(false).1).contains(&"cache"), "files are not its own");
}

#[test]
fn one_that_went_to_swap_keeps_its_place() {
    let (fake, mut processes) = crowd();
    fake.set(7, "hog", Holds { anon: 50_000, file: 400, ..Holds::default() });
    // Its turn is not the next.
    assert_eq!(processes.take(true).1[0].name, "hog");
    fake.set(7, "hog", Holds { anon: 0, file: 0, shmem: 0, swap: 50_000 });
    let (_, largest) = processes.take(true);
    assert_eq!((&*largest[0].name, largest[0].anon, largest[0].swap), ("hog", 0, 50_000 * KIB));
    assert_eq!(processes.take(true).1[0].name, "hog");
}

#[test]
fn what_statm_does_not_show_is_found_in_turn() {
    let (fake, mut processes) = crowd();
    processes.take(true);
    // As much came to RAM as went to swap.
    fake.set(5, "thrashing", Holds { anon: 2000, file: 4000, swap: 70_000, ..Holds::default() });
    let found = |processes: &mut Processes, sweeps: u32, swap: bool| {
        (0..sweeps).any(|_| names(&processes.take(swap).1).contains(&"thrashing"))
    };
    assert!(found(&mut processes, TURNS_WITH_SWAP, true));
    // As many pages of files went as came of shared memory.
    let (fake, mut processes) = crowd();
    fake.set(5, "thrashing", Holds { anon: 7000, file: 0, shmem: 4000, ..Holds::default() });
    assert!(found(&mut processes, TURNS, false));
}

#[test]
fn all_are_asked_when_swap_comes_into_use() {
    let (fake, mut processes) = crowd();
    fake.set(5, "gone", Holds { anon: 2000, file: 4000, swap: 70_000, ..Holds::default() });
    assert_eq!(processes.take(true).1[0].name, "gone");
}

#[test]
fn the_ended_vanish_and_leave_no_trace() {
    let (fake, mut processes) = Fake::new();
    fake.set(1, "init", Holds { anon: 400, ..Holds::default() });
    fake.set(9, "job", Holds { anon: 800, ..Holds::default() });
    assert_eq!(processes.take(false).1.len(), 2);
    fake.end(9);
    let (count, largest) = processes.take(false);
    assert_eq!((count, names(&largest)), (1, vec!["init"]));
    assert_eq!(processes.known.len(), 1);
}

#[test]
fn a_number_without_memory_is_looked_at_again() {
    let (fake, mut processes) = Fake::new();
    fake.write(9, "statm", "0 0 0 0 0 0 0\n");
    assert_eq!(processes.take(false).1, []);
    fake.set(9, "job", Holds { anon: 800, ..Holds::default() });
    assert!((0..TURNS_OF_BARE).any(|_| processes.take(false).1.len() == 1));
}

#[test]
fn damaged_files_upset_nothing() {
    let (fake, mut processes) = Fake::new();
    fake.set(1, "init", Holds { anon: 400, ..Holds::default() });
    for (pid, statm, status) in
        [(2, "", ""), (3, "1 x 3", "Name:\tx\nVmRSS: 1 kB"), (4, "9 9 9", "RssAnon: x kB")]
    {
        fake.write(pid, "statm", statm);
        fake.write(pid, "status", status);
    }
    fake.write(5, "statm", "9 9 9 9 9 9 9");
    fs::create_dir(fake.dir.path().join("99999999999")).unwrap();
    let (count, largest) = processes.take(true);
    assert_eq!((count, names(&largest)), (5, vec!["init"]));
    fs::remove_dir_all(fake.dir.path()).unwrap();
    assert_eq!(processes.take(true), (0, vec![]));
}

#[test]
fn pss_is_measured_while_there_is_time() {
    let (fake, mut processes) = Fake::new();
    for pid in 1..=20 {
        fake.set(pid, "x", Holds { anon: u64::from(pid) * 4, ..Holds::default() });
        if pid != 19 {
            fake.write(pid, "smaps_rollup", &format!("Rss: 9 kB\nPss:\t{pid} kB\n"));
        }
    }
    let mut pss = |most_questions: usize| {
        let (mut questions, (_, mut largest)) = (0, processes.take(false));
        processes.measure_pss(&mut largest, &mut || {
            questions += 1;
            questions <= most_questions
        });
        let measured: Vec<u64> = largest.iter().filter_map(|process| process.pss).collect();
        (questions, measured.into_iter().map(|bytes| bytes / KIB).collect::<Vec<_>>())
    };
    assert_eq!(pss(0), (1, vec![]));
    assert_eq!(pss(3), (4, vec![20, 18]), "19 failed");
    assert_eq!(pss(3), (4, vec![20, 18, 17]), "and is not tried again");
    let (questions, measured) = pss(100);
    assert_eq!((questions, measured.len()), (MOST_PSS, MOST_PSS));
}

#[test]
fn what_is_too_large_to_be_held_up_is_not_measured() {
    let (fake, mut processes) = Fake::new();
    for (pid, kib) in [(1, MOST_PSS_BYTES / KIB), (2, MOST_PSS_BYTES / KIB + 4)] {
        fake.set(pid, "x", Holds { anon: kib, ..Holds::default() });
        fake.write(pid, "smaps_rollup", "Rss: 9 kB\nPss:\t7 kB\n");
    }
    let (_, mut largest) = processes.take(false);
    processes.measure_pss(&mut largest, &mut || true);
    let measured: Vec<_> = largest.iter().map(|process| (process.pid, process.pss)).collect();
    assert_eq!(measured, [(2, None), (1, Some(7 * KIB))]);
}

#[cfg(target_os = "linux")]
mod real {
    use super::*;
    use std::io::Read as _;
    use std::process::{Child, Command, Stdio};

    /// Ends its process, come what may.
    struct Job(Child);

    impl Drop for Job {
        fn drop(&mut self) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }

    /// A process that holds 64 MiB, for as long as nobody reads the rest of its output.
    fn holder() -> Job {
        let mut command = Command::new("dd");
        command.args(["if=/dev/zero", "bs=64M", "count=1"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut job = Job(command.spawn().unwrap());
        let mut first = [1];
        job.0.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        job
    }

    fn here() -> Processes {
        Processes::new(Path::new("/proc"), rustix::param::page_size() as u64)
    }

    /// What is told of a process; where all that are told of are larger, what would be.
    fn told_of(processes: &mut Processes, largest: &[ProcessUsage], pid: u32) -> ProcessUsage {
        let of_list = largest.iter().find(|process| process.pid == pid);
        of_list.cloned().unwrap_or_else(|| {
            let held = processes.measure(pid).unwrap();
            assert!(largest.len() == MOST_PROCESSES && largest.last().unwrap().own() >= held.own());
            held
        })
    }

    #[test]
    fn a_process_with_64_mib_is_found_until_it_ends() {
        let mut processes = here();
        processes.take(false);
        let job = holder();
        let pid = job.0.id();
        let (count, mut largest) = processes.take(false);
        processes.measure_pss(&mut largest, &mut || true);
        assert!(count as usize >= largest.len() && processes.kept() > 1);
        let held = told_of(&mut processes, &largest, pid);
        let about = |bytes: u64| bytes >> 20 == 64 || bytes >> 20 == 65;
        assert!(about(held.anon), "{held:?}");
        assert_eq!(held.name, "dd");
        assert!(held.pss.is_none_or(about), "{held:?}");

        drop(job);
        let kept = processes.known[&pid].kept.as_ref().unwrap();
        let mut buffer = [0; 64];
        let error = files::beginning(kept, &mut buffer).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::SRCH.raw_os_error()));
        let (_, largest) = processes.take(false);
        assert!(largest.iter().all(|process| process.pid != pid));
        assert!(!processes.known.contains_key(&pid));
    }

    #[test]
    fn a_number_that_went_to_another_process_is_told_of_anew() {
        let (mut processes, job) = (here(), holder());
        processes.take(false);
        // As if this process had got the number of one that ended.
        let ended = processes.known.remove(&job.0.id()).unwrap();
        let held = ended.now.anon;
        drop(job);
        let me = std::process::id();
        processes.known.insert(me, Known { no_pss: true, ..ended });
        processes.take(false);
        let known = &processes.known[&me];
        assert!(files::beginning(known.kept.as_ref().unwrap(), &mut [0; 64]).is_ok());
        assert!(!known.no_pss && known.now.anon != held);
        assert_ne!(known.status.as_ref().unwrap().0.name, "dd");
    }

    #[test]
    fn beyond_the_bound_files_are_not_kept() {
        let mut processes = here();
        processes.most_kept = 1;
        let job = holder();
        for _ in 0..2 {
            let (_, largest) = processes.take(false);
            told_of(&mut processes, &largest, job.0.id());
            assert_eq!(processes.kept(), 1);
        }
    }
}
