//! Files of real machines, captured from many kernels: none may upset the program, and each number
//! must come through as it stands there.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use headroom::probe::Roots;
use headroom::probe::usage::Sweep;
use serde_json::Value;
use shared::field::{Kind, Source, Unit};
use shared::memory::Split;
use shared::{Field, Sample};

use crate::support::{FakeProc, PAGE, headroom, say};

/// Where the captures are.
pub(crate) fn root() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures");
    env::var_os("HEADROOM_FIXTURES").map_or(beside, PathBuf::from)
}

/// The captures of one kind, with their names; `None` if they are not on this machine.
pub(crate) fn captures(kind: &str) -> Option<Vec<(String, String)>> {
    let root = root();
    let Ok(entries) = fs::read_dir(root.join(kind)) else {
        say(format_args!(
            "NOT RUN: no captures of {kind} in {}; name their folder in HEADROOM_FIXTURES",
            root.display()
        ));
        return None;
    };
    let mut captures: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    captures.sort();
    assert!(!captures.is_empty(), "the folder of {kind} is empty");
    Some(captures)
}

/// What the program tells of a node whose `file` has this text; `Err` is what it complained of.
fn told(fake: &FakeProc, file: &str, text: &str) -> Result<Value, String> {
    fake.write(file, text);
    let args = ["free".to_owned(), "--json".to_owned()];
    let output = headroom(args.into_iter().chain(fake.args()));
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => {
            assert_eq!(complaints, "", "nothing is wrong with a file of a real kernel");
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        }
        Some(1) => Err(complaints),
        other => panic!("exit code {other:?}: {complaints}"),
    }
}

/// Notes which fields `report` knows.
fn note(seen: &mut HashSet<Field>, source: Source, report: &Value) {
    seen.extend(Field::of(source).filter(|field| !report[field.def().id].is_null()));
}

/// A misspelt key would be missing everywhere, which looks like a kernel that lacks it: `rare` are those
/// that really are in none of the captures.
fn each_was_seen(seen: &HashSet<Field>, source: Source, rare: &[Field]) {
    let unseen: Vec<_> = Field::of(source).filter(|field| !seen.contains(field)).collect();
    assert_eq!(unseen, rare, "of {}", source.path());
}

/// Lines of machines of which there is no capture: without an MMU, with shadow call stacks, tested for
/// bad memory at boot, confidential, with graphics on kernels after 6.18, and old 32-bit PCs.
const RARE_IN_MEMINFO: &[Field] = &[
    Field::MmapCopy,
    Field::ShadowCallStack,
    Field::EarlyMemtestBad,
    Field::Unaccepted,
    Field::GpuActive,
    Field::GpuReclaim,
    Field::DirectMap4M,
];

#[test]
fn meminfo_of_many_kernels() {
    let Some(captures) = captures("meminfo") else { return };
    let fake = FakeProc::new();
    let mut seen = HashSet::new();
    let (mut split, mut unsplit, mut refused) = (0, 0, 0);
    for (name, text) in &captures {
        let number = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let report = match told(&fake, "proc/meminfo", text) {
            Ok(report) => report,
            Err(complaint) => {
                assert_eq!(number("MemTotal"), None, "{name}: {complaint}");
                assert!(complaint.contains("no line MemTotal"), "{name}: {complaint}");
                refused += 1;
                continue;
            }
        };
        note(&mut seen, Source::Meminfo, &report);
        for field in Field::of(Source::Meminfo) {
            let def = field.def();
            let scale = if def.unit == Unit::Bytes { 1024 } else { 1 };
            let value = number(def.key).map(|number| number * scale);
            assert_eq!(report[def.id].as_u64(), value, "{name}: {}", def.id);
        }
        let sample: Sample = serde_json::from_value(report.clone()).unwrap();
        let of = |id: &str| report[id].as_u64();
        match Split::of(&sample) {
            Ok(parts) => {
                let Split { total, in_use, reclaimable, free, available, held_back } = parts;
                assert_eq!(in_use + reclaimable + free, total, "{name}");
                assert_eq!(in_use + held_back + available, total, "{name}");
                assert_eq!(of("total"), Some(total), "{name}");
                assert_eq!(of("free"), Some(free), "{name}");
                let id = if number("MemAvailable").is_some() {
                    "available"
                } else {
                    "available_estimated"
                };
                assert_eq!(of(id), Some(available), "{name}");
                assert_eq!(of("in_use"), Some(in_use), "{name}");
                assert_eq!(of("reclaimable"), Some(reclaimable), "{name}");
                assert_eq!(of("held_back"), Some(held_back), "{name}");
                split += 1;
            }
            Err(reason) => {
                for id in ["in_use", "reclaimable", "held_back"] {
                    assert_eq!(of(id), None, "{name}: {reason}");
                }
                let reason = reason.to_string();
                if let Some(key) = reason.strip_prefix("this kernel does not report ") {
                    assert_eq!(number(key), None, "{name}");
                }
                say(format_args!("{name}: {reason}"));
                unsplit += 1;
            }
        }
    }
    say(format_args!(
        "{} captures of meminfo: {split} split exactly, {unsplit} cannot be, {refused} refused",
        captures.len()
    ));
    assert!(split > 0, "not one of them can be split");
    each_was_seen(&seen, Source::Meminfo, RARE_IN_MEMINFO);
}

#[test]
fn vmstat_of_many_kernels() {
    let Some(captures) = captures("vmstat") else { return };
    let fake = FakeProc::new();
    let mut seen = HashSet::new();
    for (name, text) in &captures {
        let report = told(&fake, "proc/vmstat", text).unwrap();
        let counts: HashMap<&str, u64> = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(key, count)| (key, count.trim().parse().unwrap()))
            .collect();
        // Kernels before 4.8 count some things zone by zone.
        let of_zones = |key: &str| {
            ["dma", "dma32", "normal", "high", "movable", "device"]
                .into_iter()
                .filter_map(|zone| counts.get(format!("{key}_{zone}").as_str()).copied())
                .reduce(|sum, count| sum + count)
        };
        note(&mut seen, Source::Vmstat, &report);
        for field in Field::of(Source::Vmstat) {
            let def = field.def();
            let scale = match (def.unit, def.kind) {
                (Unit::Bytes, Kind::Gauge) => PAGE,
                (Unit::Bytes, Kind::Counter) => 1024,
                _ => 1,
            };
            let count = counts.get(def.key).copied().or_else(|| of_zones(def.key));
            let count = count.map(|count| count * scale);
            assert_eq!(report[def.id].as_u64(), count, "{name}: {}", def.id);
        }
        assert!(report["swapped_in_pages"].is_u64(), "{name} does not even count swapping");
    }
    say(format_args!("{} captures of vmstat", captures.len()));
    each_was_seen(&seen, Source::Vmstat, &[]);
}

#[test]
fn pressure_of_many_kernels() {
    let Some(captures) = captures("pressure") else { return };
    let fake = FakeProc::new();
    for (name, text) in &captures {
        let report = told(&fake, "proc/pressure/memory", text).unwrap();
        let total = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            line.split_once("total=")?.1.trim().parse::<u64>().ok()
        };
        for field in Field::of(Source::PressureMemory) {
            let def = field.def();
            assert_eq!(report[def.id].as_u64(), total(def.key), "{name}: {}", def.id);
        }
        assert!(report["pressure_full_us"].is_u64(), "{name} has no line full");
    }
    say(format_args!("{} captures of pressure", captures.len()));
}

/// The tree as the two roots.
fn roots(fake: &FakeProc) -> Roots {
    Roots { proc: fake.path("proc"), sys: fake.path("sys") }
}

#[test]
fn a_control_group() {
    let Some(captures) = captures("cgroup") else { return };
    let fake = FakeProc::new();
    fake.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    let text = |file: &str| {
        let name = format!("telegraf-v2-{file}.txt");
        captures.iter().find(|(capture, _)| *capture == name).unwrap().1.as_str()
    };
    let files = ["current", "stat", "swap.current", "max", "high", "events"];
    for file in files.map(|file| format!("memory.{file}")) {
        fake.write(&format!("sys/fs/cgroup/job.slice/run.scope/{file}"), text(&file));
    }
    fake.write("sys/fs/cgroup/job.slice/memory.current", text("memory.current"));
    let usage = Sweep::new(&roots(&fake), 4096).take(false, &mut || false);
    let number = |file: &str| text(file).trim().parse::<u64>().ok();
    let keyed = |file: &str, key: &str| {
        let value =
            text(file).lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        value.parse::<u64>().ok()
    };
    let [group] = &usage.groups[..] else { panic!("{usage:?}") };
    assert_eq!((&*group.path, &*group.name), ("/job.slice/run.scope", "run"));
    assert_eq!(Some(group.current), number("memory.current"));
    assert_eq!(Some(group.inactive_file), keyed("memory.stat", "inactive_file"));
    assert_eq!(group.swap, Some(0));
    assert_eq!((group.limit, group.high), (number("memory.max"), None));
    assert_eq!(group.oom_kills, keyed("memory.events", "oom_kill"));
    assert_eq!(group.limit_hits, keyed("memory.events", "max"));
    assert!(group.limit.is_some() && group.limit_hits.is_some());
}

#[test]
fn processes_of_many_kernels() {
    let Some(captures) = captures("smaps") else { return };
    let fake = FakeProc::new();
    for (name, text) in &captures {
        for file in ["statm", "status"] {
            if name.ends_with(&format!("-{file}.txt")) {
                fake.write(&format!("proc/26231/{file}"), text);
            }
        }
    }
    let mut rollups = 0;
    for (name, text) in captures.iter().filter(|(name, _)| name.ends_with("smaps_rollup.txt")) {
        fake.write("proc/26231/smaps_rollup", text);
        let usage = Sweep::new(&roots(&fake), 4096).take(true, &mut || true);
        let [process] = &usage.processes[..] else { panic!("{usage:?}") };
        assert_eq!((process.pid, &*process.name), (26_231, "prometheus"));
        assert_eq!((process.anon, process.file), (2092 * 1024, 4624 * 1024));
        assert_eq!((process.shmem, process.swap), (0, 660 * 1024));
        let pss = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
        let pss: u64 = pss.trim().trim_end_matches(" kB").parse().unwrap();
        assert_eq!(process.pss, Some(pss * 1024), "{name}");
        rollups += 1;
    }
    assert!(rollups > 0, "no capture of smaps_rollup");
}
