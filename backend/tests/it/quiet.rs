//! While nobody looks, no control group is looked into, and processes are only ranked for the black box, which
//! is seldom and reads one line of each: what the running program opens, as the kernel sees it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::get;
use crate::support::{Server, command, say, until};

const PERIOD_MS: u64 = 100;
/// What is watched.
const CALLS: &str = "open,openat,openat2,pread64";
/// So long that one reading looks around: every sixtieth does.
const WATCHED: Duration = Duration::from_secs(7);
const LOOK_AROUND: usize = 60;
/// A pause between two files of processes that is longer, in s, is one between two rankings.
const PAUSE: f64 = 0.9;
/// While all is calm a ranking comes after so many s.
const RANKED_EVERY: f64 = 30.0;

/// A strace of all threads of a process. It is detached when this is dropped.
pub(crate) struct Trace {
    child: Child,
    file: PathBuf,
}

/// One call: when, which, of which file.
#[derive(Debug)]
struct Call {
    /// Seconds since 1970.
    at: f64,
    name: String,
    path: PathBuf,
}

impl Trace {
    /// Attaches, to see `calls`; `Err` is why that cannot be.
    pub(crate) fn of(pid: u32, file: PathBuf, calls: &str) -> Result<Self, String> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-ttt", "-y", "-s", "4096", "-e", &format!("trace={calls}")]);
        strace.arg("-o").arg(&file).args(["-p", &pid.to_string()]);
        let child = strace.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("strace does not start: {error}"))?;
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let first = said.next().unwrap_or_default();
        // What it says of further threads must not stop it.
        thread::spawn(move || said.for_each(drop));
        let trace = Self { child, file };
        if first.contains(" attached") { Ok(trace) } else { Err(first) }
    }

    /// Detaches, and gives what it saw, a call in each line.
    pub(crate) fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        self.child.wait().unwrap();
        fs::read_to_string(&self.file).unwrap()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `123 1700000000.123456 openat(AT_FDCWD</>, "/proc/1/stat", O_RDONLY) = 5</proc/1/stat>`, or
/// `123 1700000000.123456 pread64(5</proc/meminfo>, …`.
fn call(line: &str) -> Option<Call> {
    // Small numbers of processes are followed by more than one blank.
    let (_, rest) = line.split_once(' ')?;
    let (at, rest) = rest.trim_start().split_once(' ')?;
    let at = at.parse().ok()?;
    let (name, arguments) = rest.split_once('(')?;
    let of_handle = || arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    let quoted = arguments.split_once('"').and_then(|(_, rest)| rest.split_once('"'));
    let path = match (name, quoted) {
        ("pread64", _) => of_handle()?.0.into(),
        // Joined, a whole path takes the place of the directory's.
        (_, Some((path, _))) => Path::new(of_handle().map_or("/", |(dir, _)| dir)).join(path),
        _ => return None,
    };
    Some(Call { at, name: name.into(), path })
}

#[test]
fn lines_of_strace_are_understood() {
    for (line, name, path) in [
        (
            r#"7 1.5 openat(AT_FDCWD</tmp>, "/proc/1/stat", O_RDONLY) = 5</proc/1/stat>"#,
            "openat",
            "/proc/1/stat",
        ),
        (
            r#"7     1.5 openat(4</proc/12>, "status", O_RDONLY) = -1 ENOENT"#,
            "openat",
            "/proc/12/status",
        ),
        (
            r#"7 1.5 pread64(5</proc/meminfo>, "MemTotal"..., 16384, 0) = 1391"#,
            "pread64",
            "/proc/meminfo",
        ),
    ] {
        let call = call(line).unwrap();
        assert_eq!((call.name.as_str(), call.path.as_path()), (name, Path::new(path)));
    }
    assert!(call("7 1.5 +++ exited with 0 +++").is_none());
}

/// Whether all has been calm, as `before` and `after` show it: two readings of the machine itself. Else
/// processes are ranked more often, as they should be.
fn is_calm(before: &Machine, after: &Machine) -> bool {
    let fallen = before.available.saturating_sub(after.least);
    fallen < before.total / 100
        && after.least > before.total / 8
        && after.waited_us - before.waited_us < 100_000
}

/// See [`is_calm`].
struct Machine {
    total: u64,
    available: u64,
    least: u64,
    waited_us: u64,
}

impl Machine {
    fn now() -> Self {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
        let kib = |key: &str| -> u64 {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim_end_matches(" kB").trim().parse().unwrap()
        };
        // Kernels without it do not wait, as far as anybody knows.
        let pressure = fs::read_to_string("/proc/pressure/memory").unwrap_or_default();
        let waited = pressure.lines().next().and_then(|some| some.rsplit_once('=')?.1.parse().ok());
        let available = kib("MemAvailable:");
        Self {
            total: kib("MemTotal:"),
            available,
            least: available,
            waited_us: waited.unwrap_or(0),
        }
    }

    /// The same after so long, and the least that was available meanwhile.
    fn after(time: Duration) -> Self {
        let end = Instant::now() + time;
        let mut last = Self::now();
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
            let now = Self::now();
            last = Self { least: now.available.min(last.least), ..now };
        }
        last
    }
}

/// Whether it belongs to a process: something below `/proc/PID`.
fn is_of_process(path: &Path) -> bool {
    let name = path.strip_prefix("/proc").ok().and_then(|path| path.iter().next()?.to_str());
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether it belongs to a control group that process `pid` is not in.
fn is_of_other_group(path: &Path, pid: u32) -> bool {
    let Ok(below) = path.strip_prefix("/sys/fs/cgroup") else { return false };
    let Some(group) = below.parent() else { return false };
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let mut own = own.lines().filter_map(|line| line.splitn(3, ':').nth(2)?.strip_prefix('/'));
    let mounts = ["", "memory", "unified"];
    // Limits count up to the root, so that all groups above count as its own.
    !own.any(|own| mounts.iter().any(|mount| Path::new(mount).join(own).starts_with(group)))
}

#[test]
fn processes_are_only_ranked_and_groups_left_alone_while_nobody_asks() {
    // The first ranking is before anything is traced: what has fallen since then counts, too.
    let before = Machine::now();
    let mut program = command();
    program.args(["--listen", "127.0.0.1:0", "--period-ms", &PERIOD_MS.to_string()]);
    let server = Server::spawn(&mut program, Stdio::null());
    let node = until("a reading", || {
        let nodes = get(server.address(), "/api/v1/nodes").json();
        let node = nodes["nodes"].as_array()?.first()?.clone();
        (!node["sample"].is_null()).then(|| node["id"].as_str().unwrap().to_owned())
    });
    let dir = tempfile::tempdir().unwrap();
    let trace = match Trace::of(server.pid(), dir.path().join("calls"), CALLS) {
        Ok(trace) => trace,
        Err(why) => return say(format_args!("NOT RUN: {why}")),
    };
    let after = Machine::after(WATCHED);
    let asked_at = UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let usage = get(server.address(), &format!("/api/v1/nodes/{node}/usage"));
    let calls: Vec<Call> = trace.end().lines().filter_map(call).collect();

    let opens = |from: f64, to: f64| {
        let is_open = move |call: &&Call| call.name != "pread64" && (from..to).contains(&call.at);
        calls.iter().filter(is_open)
    };
    let readings = calls
        .iter()
        .filter(|call| call.at < asked_at && call.path == Path::new("/proc/meminfo"))
        .map(|call| (call.at * 1000.0) as u64 / PERIOD_MS)
        .collect::<BTreeSet<_>>();
    assert!(readings.len() > 30, "only {} readings were seen", readings.len());
    let (of_processes, others): (Vec<_>, Vec<_>) =
        opens(0.0, asked_at).partition(|call| is_of_process(&call.path));
    let mut rankings = Vec::new();
    for call in &of_processes {
        let file = call.path.file_name().unwrap();
        // The list of processes is the directory that they are in.
        assert!(file == "statm" || file == "comm", "{} was opened", call.path.display());
        if rankings.last().is_none_or(|last: &f64| call.at > last + PAUSE) {
            rankings.push(call.at);
        } else if let Some(last) = rankings.last_mut() {
            *last = call.at;
        }
    }
    let most = (WATCHED.as_secs_f64() / RANKED_EVERY).ceil() as usize;
    if is_calm(&before, &after) {
        assert!(rankings.len() <= most, "{} rankings while all was calm", rankings.len());
    } else {
        say("NOT RUN: whether rankings are seldom while all is calm, as it was not");
        assert!(rankings.len() <= WATCHED.as_secs() as usize + 1, "{} rankings", rankings.len());
    }
    let ticks_with_opens: BTreeSet<_> =
        others.iter().map(|call| (call.at * 1000.0) as u64 / PERIOD_MS).collect();
    let opened: Vec<_> = others.iter().map(|call| &call.path).collect();
    say(format_args!(
        "{} readings, {} files opened, in {} of them; {} files of processes in {} rankings",
        readings.len(),
        opened.len(),
        ticks_with_opens.len(),
        of_processes.len(),
        rankings.len()
    ));
    for path in &opened {
        assert!(!is_of_other_group(path, server.pid()), "{} was opened", path.display());
    }
    // Each that looks around, or lists the processes, may cross the end of its period.
    let most = 2 * (1 + readings.len() / LOOK_AROUND + rankings.len());
    assert!(ticks_with_opens.len() <= most, "files are opened all the time: {opened:?}");

    // The same eyes see a sweep.
    assert_eq!(usage.status, 200, "{}", usage.text());
    let asks_more = |call: &&Call| is_of_process(&call.path) && call.path.ends_with("status");
    let seen = opens(asked_at, f64::INFINITY).filter(asks_more).count();
    assert!(seen > 0, "a sweep was answered, but no process was looked into");
    say(format_args!("{seen} files of processes opened for one who asked"));
}
