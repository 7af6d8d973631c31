//! Once all has settled, head and agent have nothing written to a disk but history's commits: as the
//! system's calls show it, and the counters of a disk that is the head's alone.
//!
//! `cargo xtask soak card` watches a release build for half an hour, with commits as they are.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use headroom::probe::Roots;
use tempfile::TempDir;

use crate::cluster::{HeadPlan, bare};
use crate::disk::Mount;
use crate::quiet::Trace;
use crate::spy::Spies;
use crate::support::{FakeProc, say, until};

const NODES: usize = 16;
const COMMIT: &str = "10s";
/// Commits that are watched.
const COMMITS: u64 = 2;
/// In a day, as often as they usually are.
const COMMITS_A_DAY: u64 = 96;
/// What may be written in a day, in bytes.
const BUDGET: u64 = 50_000_000;
/// Once this long after the start all nodes are known, and their tokens bound to them.
const SETTLED: Duration = Duration::from_secs(4);
/// Nothing is written to the disk this long, between two commits.
const STILL: Duration = Duration::from_secs(5);
const CALLS: &str = "write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range,ftruncate,fallocate,\
                     fsync,fdatasync,sync,syncfs,open,openat,creat,rename,renameat,renameat2,link,linkat,\
                     symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir";

/// A disk of its own in RAM; without the rights for that a directory, of which no device counts.
struct Disk {
    // Ends before the directory that it is in.
    mount: Option<Mount>,
    dir: TempDir,
}

impl Disk {
    fn new() -> Self {
        let disk = Self { mount: None, dir: tempfile::tempdir_in("/dev/shm").unwrap() };
        let image = disk.dir.path().join("image");
        File::create(&image).and_then(|file| file.set_len(256 << 20)).unwrap();
        // What is usually put off until after mounting would be counted.
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(&image);
        let is_made = make.status().is_ok_and(|status| status.success());
        let at = disk.dir.path().join("disk");
        fs::create_dir(&at).unwrap();
        let mount = is_made.then(|| Mount::image(&image, &at)).flatten();
        if mount.is_none() {
            say("NOT RUN: what the device counts, as no file system could be mounted on one");
        }
        Self { mount, ..disk }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    /// Bytes that reached it, once what the file system had put off is written, too.
    fn written(&self) -> Option<u64> {
        self.mount.as_ref()?;
        let sync = Command::new("sync").arg("--file-system").arg(self.path()).status();
        assert!(sync.unwrap().success());
        self.counted()
    }

    fn counted(&self) -> Option<u64> {
        self.mount.as_ref()?;
        let source = Command::new("findmnt").args(["-n", "-o", "SOURCE"]).arg(self.path()).output();
        let source = String::from_utf8(source.unwrap().stdout).unwrap();
        let name = source.trim().strip_prefix("/dev/").unwrap().to_owned();
        let stat = fs::read_to_string(format!("/sys/block/{name}/stat")).unwrap();
        // Sectors of 512 bytes (Documentation/block/stat.rst).
        Some(stat.split_ascii_whitespace().nth(6).unwrap().parse::<u64>().unwrap() * 512)
    }
}

/// What the kernel counts that a process had written.
fn written_by(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.parse().unwrap()
}

fn changed_at(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|file| file.modified()).unwrap()
}

/// The file that a call changes, if it changes one: `7 1.5 write(35</data/x>, ""..., 9) = 9`, or
/// `7 1.5 openat(AT_FDCWD</>, "/data/x", O_WRONLY|O_CREAT) = 5</data/x>`.
fn changed(line: &str) -> Option<(&str, String)> {
    let (_, rest) = line.split_once(' ')?;
    let (_, rest) = rest.trim_start().split_once(' ')?;
    let (name, arguments) = rest.split_once('(')?;
    let quoted = arguments.split('"').nth(1).map(str::to_owned);
    let opens = matches!(name, "open" | "openat" | "creat");
    if opens && !["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| arguments.contains(flag)) {
        return None;
    }
    let by_name = opens
        || ["rename", "link", "symlink", "unlink", "mkdir", "rmdir"]
            .iter()
            .any(|it| name.starts_with(it));
    if by_name {
        return quoted.map(|path| (name, path));
    }
    let path = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    match path {
        // Sockets and pipes have no path.
        Some((path, _)) if path.starts_with('/') => Some((name, path.to_owned())),
        Some(_) => None,
        // Without a handle it is all disks that are meant.
        None => name.starts_with("sync").then(|| (name, "all".to_owned())),
    }
}

#[test]
fn what_changes_files_is_seen() {
    for (line, expected) in [
        (r#"7 1.5 write(35</data/x>, ""..., 9) = 9"#, Some(("write", "/data/x"))),
        (r#"7  1.5 pwrite64(35</d/x>, ""..., 9, 0 <unfinished ...>"#, Some(("pwrite64", "/d/x"))),
        ("7 1.5 fdatasync(35</data/x> <unfinished ...>", Some(("fdatasync", "/data/x"))),
        (r#"7 1.5 write(3<anon_inode:[eventfd]>, ""..., 8) = 8"#, None),
        (r#"7 1.5 writev(9<socket:[27]>, [{""..., 8}], 1) = 8"#, None),
        (
            r#"7 1.5 openat(AT_FDCWD</>, "/proc/1/stat", O_RDONLY|O_CLOEXEC) = 5</proc/1/stat>"#,
            None,
        ),
        (
            r#"7 1.5 openat(AT_FDCWD</>, "/d/x", O_WRONLY|O_CREAT, 0600) = 5</d/x>"#,
            Some(("openat", "/d/x")),
        ),
        (r#"7 1.5 rename("/d/x.new", "/d/x") = 0"#, Some(("rename", "/d/x.new"))),
        ("7 1.5 sync() = 0", Some(("sync", "all"))),
        ("7 1.5 <... fdatasync resumed>) = 0", None),
        ("7 1.5 +++ exited with 0 +++", None),
    ] {
        let seen = changed(line);
        assert_eq!(seen.as_ref().map(|(name, path)| (*name, path.as_str())), expected, "{line}");
    }
}

#[test]
fn nothing_is_written_to_a_disk_but_commits() {
    let disk = Disk::new();
    let ram = tempfile::tempdir_in("/dev/shm").unwrap();
    let calls = tempfile::tempdir().unwrap();
    let (data, run) = (disk.path().join("data"), ram.path().join("head"));
    let run_arg = run.display().to_string();
    let plan = HeadPlan::new(&data, &["--history-commit", COMMIT, "--runtime-dir", &run_arg]);
    let tokens = (0..NODES).map(|n| plan.token(&format!("spy-{n}"))).collect();
    let token = plan.token("agent");
    let head = plan.start("127.0.0.1:0", &bare);
    let wrap = |program: &Command| {
        let mut program = bare(program);
        program.env("RUNTIME_DIRECTORY", ram.path().join("agent"));
        program
    };
    let agent = head.agent_at(
        head.address,
        &token,
        &["--machine-id-file", "/proc/sys/kernel/random/boot_id"],
        &wrap,
    );
    let fake = FakeProc::new();
    let roots = Roots { proc: fake.path("proc"), sys: fake.path("sys") };
    let _spies = Spies::start(head.address, tokens, &roots, 1000);
    for node in (0..NODES).map(|n| format!("spy-{n}")).chain(["agent".into()]) {
        until("each node", || (head.state(&node) == "live").then_some(()));
    }
    sleep(SETTLED);
    let history = data.join("history.redb");
    // What was begun before is over with the next commit.
    let commit = || {
        let before = changed_at(&history);
        until("a commit", || (changed_at(&history) != before).then_some(()));
        sleep(Duration::from_secs(1));
    };
    commit();
    let traces = [("head", head.program.pid()), ("agent", agent.pid())]
        .map(|(name, pid)| (name, Trace::of(pid, calls.path().join(name), CALLS)));
    let (first, agent_first) = (disk.written(), written_by(agent.pid()));
    let head_first = written_by(head.program.pid());
    let (mut last, mut still) = (first, 0);
    for _ in 0..COMMITS {
        let (committed_at, by_head) = (changed_at(&history), written_by(head.program.pid()));
        sleep(STILL);
        let found = (disk.counted(), written_by(head.program.pid()));
        // On a busy machine the next commit may be there already.
        if changed_at(&history) == committed_at {
            assert_eq!(found.0, last, "bytes reached the disk between two commits");
            assert_eq!(found.1, by_head, "the head wrote between two commits");
            still += 1;
        }
        commit();
        last = disk.written();
    }
    if still == 0 {
        say("NOT RUN: whether the disk is still between commits, as it never was between two");
    }
    let by_head = written_by(head.program.pid()) - head_first;
    assert!(by_head > 0, "a commit was not counted");
    assert_eq!(written_by(agent.pid()), agent_first, "the agent had something written");
    say(format_args!("{COMMITS} commits of {NODES} nodes: {by_head} B of the head"));
    if let (Some(first), Some(last)) = (first, last) {
        let of_one = (last - first) / COMMITS;
        say(format_args!("{of_one} B of each reached the disk"));
        assert!(of_one * COMMITS_A_DAY <= BUDGET, "{of_one} B in a commit");
    }
    for (name, trace) in traces {
        let text = match trace {
            Ok(trace) => trace.end(),
            Err(why) => {
                say(format_args!("NOT RUN: what the calls of the {name} show: {why}"));
                continue;
            }
        };
        let seen: Vec<_> = text.lines().filter_map(changed).collect();
        let in_ram = |path: &str| Path::new(path).starts_with(ram.path());
        let is_history = |path: &str| name == "head" && Path::new(path) == history;
        let wrong: Vec<_> =
            seen.iter().filter(|(_, path)| !in_ram(path) && !is_history(path)).collect();
        assert!(wrong.is_empty(), "the {name} changes {wrong:?}");
        assert!(seen.iter().any(|(_, path)| in_ram(path)), "the {name} has no journal: {text}");
        let syncs = seen.iter().filter(|(call, _)| call.contains("sync")).count() as u64;
        assert_eq!(syncs > 0, name == "head");
        say(format_args!(
            "the {name}: {} calls that change files, {syncs} of them syncs",
            seen.len()
        ));
    }
}
