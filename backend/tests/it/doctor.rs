//! `headroom doctor`.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::{iter, str};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use shared::survey::{Finding, Severity};

use crate::captures::captures;
use crate::client::get;
use crate::support::{FakeProc, Server, command, headroom, say, until};

fn doctor(fake: &FakeProc, flags: &[&str]) -> Output {
    headroom(iter::once(&"doctor").chain(flags).map(ToString::to_string).chain(fake.args()))
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn findings(output: &Output) -> Vec<Finding> {
    serde_json::from_str(&text(output)).unwrap()
}

fn ids(fake: &FakeProc) -> Vec<String> {
    let output = doctor(fake, &["--json"]);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    findings(&output).into_iter().map(|finding| finding.id).collect()
}

#[test]
fn findings_have_evidence_and_a_fix() {
    let fake = FakeProc::new();
    assert_eq!(ids(&fake), ["oom_kills", "held_back", "zram_promise", "no_rtc"]);
    for finding in findings(&doctor(&fake, &["--json"])) {
        let Finding { id, evidence, fix, .. } = &finding;
        let read = evidence.split([':', ' ']).next().unwrap();
        assert!(evidence.contains(fake.path("").to_str().unwrap()), "{id}: {evidence}");
        assert!(id == "no_rtc" || Path::new(read).is_file(), "{id}: {read} was never read");
        assert!(!fix.is_empty(), "{id}");
    }
    fake.write("sys/class/rtc/rtc0/name", "rtc-ds3231\n");
    fake.write("proc/vmstat", "pswpin 1\noom_kill 0\n");
    fake.set_meminfo("MemAvailable", 2_800_000);
    fake.remove("sys/block/zram0");
    fake.write("proc/swaps", "Filename Type Size Used Priority\n");
    assert_eq!(ids(&fake), [""; 0]);
    assert_eq!(text(&doctor(&fake, &[])), "Nothing is missing or misleading on this node.\n");
}

#[test]
fn a_new_raspberry_pi_is_told_what_to_turn_on() {
    let fake = FakeProc::new();
    fake.turn_everything_off();
    fake.write("proc/swaps", "Filename Type Size Used Priority\n/dev/zram0 partition 9 8 100\n");
    fake.write("sys/block/zram0/disksize", "2147483648\n");
    fake.write("sys/block/zram0/mm_stat", "8388608 2000000 2097152 0 0 0 0 0 0\n");
    for node in ["node0", "node1"] {
        fake.write(&format!("sys/devices/system/node/{node}/meminfo"), "");
    }
    assert_eq!(
        ids(&fake),
        [
            "oom_kills",
            "psi_off",
            "memory_cgroup_off",
            "held_back",
            "zram_promise",
            "fake_numa",
            "no_rtc"
        ]
    );
    let text = text(&doctor(&fake, &[]));
    let root = fake.path("");
    let text = text.replace(root.to_str().unwrap(), "/");
    let block = text.split("\n\n").nth(1).unwrap();
    let lines: Vec<&str> = block.lines().map(str::trim).collect();
    assert_eq!(lines[0], "warning psi_off");
    assert!(lines[1].starts_with("The kernel does not measure pressure (PSI), so nothing tells"));
    assert!(lines[3].starts_with("seen: "), "{block}");
    assert!(block.contains("fix:  Add `psi=1` at the end of the one line in `/boot/"), "{block}");
    assert!(text.contains("to fill it would take 512"), "{text}");
}

#[test]
fn what_files_say_is_shown_safely() {
    let fake = FakeProc::new();
    fake.write("proc/device-tree/model", "\u{1b}[2J\u{202e}Pi\0");
    fake.write(
        "proc/swaps",
        "Filename Type Size Used Priority\n/dev/mmcblk0\\033]0;x\\007\u{9b}p1 partition 9 8 \u{7}-2\n\
         /dev/mmcblk1\\033\\012p1 partition 9 8 -2\n",
    );
    for flags in [&[][..], &["--json"]] {
        let text = text(&doctor(&fake, flags));
        assert!(text.contains("swap_on_sd") && text.contains("mmcblk1 p1"), "{text}");
        let bad = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(bad) && !text.contains("\\u00"), "{text:?}");
    }
}

#[test]
fn what_is_written_to_a_card_is_told_here_and_at_the_head() {
    let fake = FakeProc::new();
    fake.write("proc/uptime", "345600.00 1.00\n");
    fake.write("proc/diskstats", "179 0 mmcblk0 1 0 8 1 1 0 800000 1 0 1 1\n");
    fake.write("sys/block/mmcblk0/size", "62333952\n");
    fake.write("sys/block/mmcblk0/device/type", "SD\n");
    fake.write("proc/1/io", "write_bytes: 40000000\ncancelled_write_bytes: 0\n");
    fake.write("proc/1/comm", "rsyslogd\n");
    let card = "mmcblk0, an SD card of 31.9 GB, takes 102 MB a day since boot (4\u{a0}d)";
    let text = text(&doctor(&fake, &[])).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&card.replace('\u{a0}', " ")), "{text}");
    assert!(text.contains(": rsyslogd 10.0 MB, Headroom 0 B, the rest 92.4 MB ("), "{text}");
    assert!(text.contains("To write less, `sudo systemctl disable --now rsyslog`"), "{text}");
    // Nobody asked there: so nobody looked into all processes, but for its own the head has the bill.
    let server = Server::start(&fake, &[]);
    let found = until("what the head's own agent found", || {
        let answer = get(server.address(), "/api/v1/nodes/pi-test/doctor");
        let found: Vec<Finding> = serde_json::from_slice(&answer.body).ok()?;
        found.into_iter().find(|finding| finding.id == "disk_writes")
    });
    assert_eq!(found.severity, Severity::Note);
    assert!(found.finding.starts_with(card), "{}", found.finding);
    assert!(found.finding.contains(": Headroom "), "{}", found.finding);
    assert!(!found.finding.contains("rsyslogd"), "{}", found.finding);
    assert!(found.fix.contains("`sudo headroom doctor` on the node"), "{}", found.fix);
}

const THROTTLED: &str = "sys/devices/platform/soc/soc:firmware/get_throttled";

/// A pipe in the place of the file: whoever opens it waits for the other end.
fn pipe_as_firmware(fake: &FakeProc) {
    let path = fake.path(THROTTLED);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn start(fake: &FakeProc, flags: &[&str]) -> Child {
    let mut command = command();
    command.arg("doctor").args(flags).args(fake.args());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn the_firmware_is_left_alone() {
    let fake = FakeProc::new();
    pipe_as_firmware(&fake);
    for flags in [&[][..], &["--json"]] {
        let mut child = start(&fake, flags);
        let ended = until("the program ends", || {
            let status = child.try_wait().unwrap();
            if status.is_none() && opened_by_reader(&fake).is_some() {
                child.kill().unwrap();
                panic!("it reads the firmware's file");
            }
            status
        });
        assert!(ended.success());
    }
}

/// The end for writing, if somebody reads at the other.
fn opened_by_reader(fake: &FakeProc) -> Option<fs::File> {
    // O_NONBLOCK, open(2): without a reader it fails at once.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(nonblocking).open(fake.path(THROTTLED)).ok()
}

#[test]
fn the_firmware_answers_who_asks() {
    let fake = FakeProc::new();
    pipe_as_firmware(&fake);
    let child = start(&fake, &["--ask-firmware", "--json"]);
    let mut pipe = until("the program opens the firmware's file", || opened_by_reader(&fake));
    pipe.write_all(b"50005\n").unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let first = findings(&output).remove(0);
    assert_eq!((first.id.as_str(), first.severity), ("throttled", Severity::Trouble));
    assert_eq!(
        first.finding,
        "The firmware says: now under-voltage, throttled; since boot under-voltage, throttled."
    );
    fake.remove(THROTTLED);
    let output = doctor(&fake, &["--ask-firmware"]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("there is no firmware to ask"), "{said}");
}

#[test]
fn this_machine_is_judged() {
    let output = headroom(["doctor", "--json"]);
    let found = findings(&output);
    for Finding { id, severity, evidence, .. } in &found {
        say(format_args!("{} {id}: {evidence}", severity.name()));
        assert!(!evidence.is_empty());
    }
    let has = |id: &str| found.iter().any(|finding| finding.id == id);
    assert_eq!(has("psi_off"), fs::metadata("/proc/pressure/memory").is_err());
    let vmstat = fs::read_to_string("/proc/vmstat").unwrap();
    assert_eq!(has("oom_kills"), !vmstat.contains("oom_kill 0\n"));
    assert!(!has("throttled"));
    text(&headroom(["doctor"]));
}

#[test]
fn a_root_that_is_no_proc_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let output = headroom(["doctor".as_ref(), "--proc-root".as_ref(), dir.path().as_os_str()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is --proc-root right?"));
}

#[test]
fn an_output_that_nobody_reads_is_no_error_and_a_full_disk_is() {
    let fake = FakeProc::new();
    for flags in [&[][..], &["--json"]] {
        let run = |stdout: Stdio| {
            command().arg("doctor").args(flags).args(fake.args()).stdout(stdout).output().unwrap()
        };
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(writer.into());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(run(full.into()).status.code(), Some(1));
    }
}

#[test]
fn files_of_real_machines_are_judged() {
    let fake = FakeProc::new();
    for (name, arcstats) in captures("arcstats").unwrap_or_default() {
        fake.write("proc/spl/kstat/zfs/arcstats", &arcstats);
        let line = arcstats.lines().find(|line| line.starts_with("size ")).unwrap();
        let size: u64 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
        let total = 3_883_512 * 1024;
        assert_eq!(ids(&fake).contains(&"zfs_arc".into()), size >= total / 10, "{name}");
    }
    fake.remove("proc/vmstat");
    for (name, meminfo) in captures("meminfo").unwrap_or_default() {
        fake.write("proc/meminfo", &meminfo);
        let output = doctor(&fake, &["--json"]);
        if output.status.success() {
            let found: Vec<_> = findings(&output).into_iter().map(|finding| finding.id).collect();
            let missing = !meminfo.contains("MemAvailable:");
            assert_eq!(found.contains(&"available_estimated".into()), missing, "{name}: {found:?}");
            say(format_args!("{name}: {}", found.join(" ")));
        }
    }
}
