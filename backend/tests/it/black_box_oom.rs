//! A program that the kernel kills for want of memory in a control group, for real: the black box names
//! it, and who grew, with the sizes that the kernel itself tells.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use actix_web::rt::System;
use headroom::probe::Roots;
use serde_json::Value;
use shared::black_box::{BoxAt, Why};
use shared::breakdown::Breakdown;
use shared::{Field, NodeFacts};

use crate::black_box::{next_box, watched};
use crate::black_box_file::check_in_browser;
use crate::client::get;
use crate::netns::run;
use crate::support::{Server, command, say};

const MIB: u64 = 1 << 20;
/// What the group may hold, what the victim holds of it, and what the grower would like.
const LIMIT_MIB: u64 = 192;
const VICTIM_MIB: u64 = 100;
const GROWER_MIB: u64 = 170;
/// Sizes that are read at two times, or from two of the kernel's counters, agree within this.
const BOUND: u64 = 8 * MIB;
/// Names of 15 bytes at most.
const VICTIM: &str = "</script><b>vic";
const GROWER: &str = "gro\u{202e}wer</p>";

/// Held by each test here, as all agents of a machine see all kills.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Goes into a group, takes memory, says so, and stays.
const PROGRAM: &str = "
import sys, time
group, adjust, name, mib, pause_ms = sys.argv[1:]
open(group, 'w').write('0')
open('/proc/self/oom_score_adj', 'w').write(adjust)
open('/proc/self/comm', 'w').write(name)
held = []
for _ in range(int(mib)):
    held.append(bytes([1]) * (1 << 20))
    time.sleep(int(pause_ms) / 1000)
print('held', flush=True)
sys.stdin.read()
";

/// A control group with a limit, and the programs in it. All are gone when this is dropped.
struct Group {
    dir: PathBuf,
    /// As the kernel names it.
    path: String,
    programs: Vec<Child>,
}

impl Group {
    /// `Err` is why there can be none.
    fn new() -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return Err("only root can make control groups".into());
        }
        let name = format!(
            "headroom-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let limit = LIMIT_MIB * MIB;
        // Version 1, and version 2 alone.
        let first = PathBuf::from("/sys/fs/cgroup/memory");
        let second = PathBuf::from("/sys/fs/cgroup");
        let (root, files): (_, &[(&str, u64)]) = if first.join("memory.limit_in_bytes").exists() {
            (first, &[("memory.limit_in_bytes", limit)])
        } else {
            fs::write(second.join("cgroup.subtree_control"), "+memory")
                .map_err(|error| format!("no control group of memory can be made: {error}"))?;
            (second, &[("memory.swap.max", 0), ("memory.max", limit)])
        };
        let dir = root.join(&name);
        fs::create_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let group = Self { dir, path: format!("/{name}"), programs: Vec::new() };
        for (file, value) in files {
            match fs::write(group.dir.join(file), value.to_string()) {
                Err(error) if *file != "memory.swap.max" => return Err(format!("{file}: {error}")),
                _ => {}
            }
        }
        Ok(group)
    }

    /// Starts a program in it. It says when it holds all that it wants.
    fn start(&mut self, name: &str, adjust: i32, mib: u64, pause_ms: u64) -> &mut Child {
        let procs = self.dir.join("cgroup.procs");
        let mut program = Command::new("python3");
        program.args(["-c", PROGRAM]).arg(procs).arg(adjust.to_string()).arg(name);
        program.args([mib.to_string(), pause_ms.to_string()]);
        let child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        self.programs.push(child);
        self.programs.last_mut().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for program in &mut self.programs {
            program.kill().ok();
            program.wait().ok();
        }
        // What was in it takes a moment to go.
        for _ in 0..50 {
            if fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// Of `/proc/PID/status`, in bytes.
fn status(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// What came of it.
struct Killing {
    at: BoxAt,
    victim: u32,
    /// What it held as its `status` says: all, and of its own.
    held: (u64, u64),
    grower: u32,
    group: String,
}

/// Lets one program hold memory, and another take it until the kernel kills the first.
async fn killing(mut group: Group) -> Killing {
    let victim = group.start(VICTIM, 900, VICTIM_MIB, 0);
    let mut said = String::new();
    BufReader::new(victim.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "held\n");
    let victim = victim.id();
    let resident = (status(victim, "VmRSS"), status(victim, "RssAnon"));
    let head = watched(Roots { proc: "/proc".into(), sys: "/sys".into() }, 500).await;
    actix_web::rt::time::sleep(Duration::from_millis(1500)).await;
    let grower = group.start(GROWER, 0, GROWER_MIB, 15).id();
    let at = loop {
        let at = next_box(&head, Duration::from_secs(20)).await;
        // Other programs may have waited for memory meanwhile.
        if at.what.why == Why::OutOfMemory {
            break at;
        }
    };
    let ended = group.programs[0].wait().unwrap();
    assert_eq!(ended.signal(), Some(9), "the kernel killed the victim");
    assert!(group.programs[1].try_wait().unwrap().is_none(), "the grower lives");
    Killing { at, victim, held: resident, grower, group: group.path.clone() }
}

/// The names as they are shown: without what turns the direction of others.
fn shown(name: &str) -> String {
    name.replace('\u{202e}', "")
}

impl Killing {
    /// What the box must tell whether or not the log can be read.
    fn check(&self) {
        let Self { at, victim, grower, .. } = self;
        let [killed] = &at.what.killed[..] else { panic!("{:?}", at.what.killed) };
        assert_eq!((killed.pid, killed.name.as_str()), (*victim, VICTIM));
        let grown = at.what.grown();
        let it = grown.iter().find(|one| one.pid == *grower);
        let it = it.unwrap_or_else(|| panic!("{grower} is not among {grown:?}"));
        assert_eq!(it.name, shown(GROWER));
        assert!(
            it.from < 60 * MIB && it.to > 70 * MIB && it.to < GROWER_MIB * MIB + BOUND,
            "{it:?}"
        );
        assert!(
            grown.iter().all(|one| one.pid != *victim || one.to - one.from < BOUND),
            "{grown:?}"
        );
        assert!(at.readings.len() >= 3, "{}", at.readings.len());
        assert!(at.readings.is_sorted_by_key(|reading| reading.at_ms));
        let facts = here();
        for reading in &at.readings {
            let sum: u64 = Breakdown::of(&reading.sample, &facts).iter().map(|part| part.1).sum();
            assert_eq!(Some(sum), reading.sample.get(Field::Total));
        }
        let kills = |place: usize| at.readings[place].sample.get(Field::OomKills).unwrap();
        assert!(kills(at.readings.len() - 1) > kills(0), "before and after are in it");
    }
}

fn here() -> NodeFacts {
    let cores = std::thread::available_parallelism().unwrap().get() as u32;
    NodeFacts { cores: Some(cores), page_size: 4096, ..NodeFacts::default() }
}

#[test]
fn the_kernels_log_names_the_victim_and_the_box_the_grower() {
    let _alone = alone();
    System::new().block_on(async {
        let group = match Group::new() {
            Ok(group) => group,
            Err(why) => return say(format_args!("NOT RUN: {why}")),
        };
        if let Err(error) = fs::File::open("/dev/kmsg") {
            return say(format_args!("NOT RUN: /dev/kmsg: {error}"));
        }
        let it = killing(group).await;
        it.check();
        let killed = &it.at.what.killed[0];
        assert!(killed.is_logged && it.at.what.note.is_none(), "{:?}", it.at.what.note);
        assert_eq!(killed.group.as_ref(), Some(&it.group));
        let bytes = killed.bytes.unwrap();
        assert!(bytes.abs_diff(it.held.0) < BOUND, "{bytes} and {:?}", it.held);
        // The kernel's own table at that moment: both, and together with what is shared they fill the group.
        let table = it.at.what.rankings.iter().find(|ranking| {
            let has = |pid| ranking.rows.iter().any(|row| row.pid == pid && row.bytes > 0);
            has(it.victim) && has(it.grower)
        });
        let own = |pid| table.unwrap().rows.iter().find(|row| row.pid == pid).unwrap().bytes;
        assert!(own(it.victim).abs_diff(it.held.1) < BOUND, "{} and {:?}", own(it.victim), it.held);
        let sum = own(it.victim) + own(it.grower);
        assert!(sum.abs_diff(LIMIT_MIB * MIB) < 2 * BOUND, "{sum}");
        say(format_args!(
            "killed {bytes} bytes (by its status {}), the grower then had {}",
            it.held.0,
            own(it.grower)
        ));
    });
}

/// The whole way: the incident that the head makes of it, its file, and the same from the API.
#[test]
fn the_file_of_an_incident_opens_without_a_network_and_shows_what_the_api_tells() {
    let _alone = alone();
    let mut group = match Group::new() {
        Ok(group) => group,
        Err(why) => return say(format_args!("NOT RUN: {why}")),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut program = command();
    program.env("HEADROOM_DATA_DIR", dir.path().join("data"));
    program.env("HEADROOM_RUNTIME_DIR", dir.path().join("run"));
    program.args(["--listen", "127.0.0.1:0", "--period-ms", "500"]);
    let server = Server::spawn(&mut program, Stdio::null());
    group.start(VICTIM, 900, VICTIM_MIB, 0);
    sleep(Duration::from_secs(1));
    group.start(GROWER, 0, GROWER_MIB, 15);
    let get = |path: &str| get(server.address(), path);
    let has_box = |value: &Value| {
        let boxes = value["boxes"].as_array().unwrap();
        boxes.iter().any(|at| at["what"]["why"] == "out_of_memory")
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    let (id, told) = loop {
        assert!(Instant::now() < deadline, "no incident has a black box");
        sleep(Duration::from_millis(200));
        let incidents = get("/api/v1/incidents").json();
        let with_box = incidents.as_array().unwrap().iter().find_map(|incident| {
            let id = incident["id"].as_u64().unwrap();
            let told = get(&format!("/api/v1/incidents/{id}")).json();
            has_box(&told).then_some((id, told))
        });
        if let Some(found) = with_box {
            break found;
        }
    };
    let answer = get(&format!("/incidents/{id}?download"));
    assert_eq!(answer.status, 200);
    let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    let name = format!("attachment; filename=\"headroom-incident-{id}.html\"");
    assert_eq!(header("content-disposition"), name);
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(answer.text().contains(&format!("href=\"http://{}/\"", server.address())));
    let look = get(&format!("/incidents/{id}"));
    assert_eq!((look.status, look.header("content-disposition")), (200, None));
    for missing in ["/incidents/999999", "/incidents/%3Cimg%20src=x%3E", "/incidents/-1"] {
        let answer = get(missing);
        assert_eq!(answer.status, 404, "{missing}");
        let text = answer.text();
        assert!(text.contains("There is no incident") && !text.contains("<img"), "{missing}");
    }
    System::new().block_on(check_in_browser(&answer.text(), &told));
}

#[test]
fn without_the_log_the_victim_is_concluded() {
    let _alone = alone();
    if let Err(why) = Group::new() {
        return say(format_args!("NOT RUN: {why}"));
    }
    // Processes of other tests come and go: here are none but those of this one.
    let inner = "black_box_oom::in_a_name_space_without_a_log";
    let mut program = Command::new("unshare");
    program.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    program.arg(std::env::current_exe().unwrap());
    program.args(["--exact", inner, "--ignored", "--nocapture", "--test-threads=1"]);
    let output = program.stdin(Stdio::null()).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    let said = said.concat();
    let last: String = said.chars().rev().take(3000).collect::<String>().chars().rev().collect();
    assert!(output.status.success() && said.contains("1 passed"), "{last}");
}

#[test]
#[ignore = "it is run in name spaces of its own"]
fn in_a_name_space_without_a_log() {
    System::new().block_on(async {
        // A node on a file system without devices is opened by nobody, as under ProtectKernelLogs=yes.
        let dir = tempfile::tempdir().unwrap();
        let device = dir.path().join("kmsg");
        let (dir, device) = (dir.path().to_str().unwrap(), device.to_str().unwrap());
        run("mount", &["-t", "tmpfs", "-o", "nodev,size=64k", "tmpfs", dir]).unwrap();
        run("mknod", &[device, "c", "1", "11"]).unwrap();
        run("mount", &["--bind", device, "/dev/kmsg"]).unwrap();
        fs::File::open("/dev/kmsg").unwrap_err();
        let it = killing(Group::new().unwrap()).await;
        it.check();
        let killed = &it.at.what.killed[0];
        assert!(!killed.is_logged && killed.group.is_none());
        let bytes = killed.bytes.unwrap();
        assert!(bytes.abs_diff(it.held.1) < BOUND, "{bytes} and {:?}", it.held);
        let note = it.at.what.note.as_deref().unwrap();
        assert!(
            note.starts_with("the kernel's log (/dev/kmsg) cannot be read: Permission denied"),
            "{note}"
        );
        assert_eq!(it.at.what.grown()[0].pid, it.grower);
    });
}
