//! The breakdown of captured memory files, against a reference that was written apart from it, and the
//! estimate of available memory, against kernels that say it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::captures::{captures, root};
use crate::support::{FakeProc, headroom, say};

/// Prints the reference's parts of every meminfo below a folder, in KiB, as one JSON object:
/// `python3 -c SCRIPT FOLDER-OF-PARTITION.PY ZRAM-KIB ZSPAGES-KIB FILE…`.
const SCRIPT: &str = r#"
import sys, json
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import partition
zram, zspages = (int(kib) for kib in sys.argv[2:4])
told = {}
for file in sys.argv[4:]:
    lines, _ = partition.parse(open(file).read())
    if "MemTotal" in lines:
        parts, state = partition.partition(lines, zram, zspages)
        told[file.rsplit("/", 1)[1]] = {"state": state, "parts": parts}
print(json.dumps(told))
"#;

/// What the reference says of each capture, by its name; `None` where there is no reference.
fn reference(captures: &[(String, String)], zram_kib: u64, zspages_kib: u64) -> Option<Value> {
    let home = root().parent().map(Path::to_owned).unwrap_or_default();
    if !home.join("partition.py").is_file() {
        say(format_args!("NOT RUN: no partition.py in {}", home.display()));
        return None;
    }
    let files = captures.iter().map(|(name, _)| root().join("meminfo").join(name));
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT]).arg(&home).args([zram_kib, zspages_kib].map(|kib| kib.to_string()));
    let output = match python.args(files).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => {
            say(format_args!("NOT RUN: python3 does not start: {error}"));
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// What `headroom explain --json` says of a tree; `None` if it refuses it, which only a file without
/// a total may make it do.
fn explained(fake: &FakeProc) -> Option<Value> {
    let args = ["explain", "--json"].map(str::to_owned);
    let output = headroom(args.into_iter().chain(fake.args()));
    if output.status.code() == Some(1) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("no line MemTotal"), "{said}");
        return None;
    }
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Every part agrees to the byte, and they sum to total; returns the outcome.
fn agrees(name: &str, report: &Value, reference: &Value) -> String {
    let outcome = report["breakdown"]["outcome"].as_str().unwrap();
    let expected = match reference["state"].as_str().unwrap() {
        "ok" => "exact",
        "inconsistent" => "not_itemisable",
        state => state,
    };
    assert_eq!(outcome, expected, "{name}");
    let parts = report["breakdown"]["parts"].as_array().unwrap();
    if outcome == "not_itemisable" {
        assert!(parts.is_empty(), "{name}");
        let reason = report["breakdown"]["reason"].as_str().unwrap();
        assert!(!reason.is_empty(), "{name}");
        say(format_args!("{name}: {reason}"));
        return outcome.into();
    }
    let mut sum = 0;
    for part in parts {
        let id = part["id"].as_str().unwrap();
        let kib = &reference["parts"][if id == "bounce" { "bounce_wbtmp" } else { id }];
        let bytes = part["bytes"].as_u64().unwrap();
        assert_eq!(Some(bytes), kib.as_u64().map(|kib| kib * 1024), "{name}: {id}");
        sum += bytes;
    }
    assert_eq!(parts.len(), reference["parts"].as_object().unwrap().len(), "{name}");
    assert_eq!(Some(sum), report["sample"]["total"].as_u64(), "{name}: a byte is missing");
    outcome.into()
}

#[test]
fn every_capture_breaks_down_as_the_reference_does() {
    let Some(captures) = captures("meminfo") else { return };
    let fake = FakeProc::new();
    // Without compressed pages, then with those of the tree; zspages are counted as of 777 pages.
    for (zram_kib, zspages_kib) in [(1028, 777 * 4), (1028, 0), (0, 0)] {
        let Some(reference) = reference(&captures, zram_kib, zspages_kib) else { return };
        if zspages_kib == 0 && fake.path("proc/vmstat").exists() {
            fake.remove("proc/vmstat");
        }
        if zram_kib == 0 {
            fake.remove("sys/block");
        }
        let (mut outcomes, mut refused) = (Vec::new(), 0);
        for (name, text) in &captures {
            fake.write("proc/meminfo", text);
            match explained(&fake) {
                Some(report) => outcomes.push(agrees(name, &report, &reference[name])),
                None => refused += 1,
            }
        }
        let count = |wanted: &str| outcomes.iter().filter(|outcome| *outcome == wanted).count();
        let (exact, drift, not) = (count("exact"), count("drift"), count("not_itemisable"));
        say(format_args!(
            "{} captures, {zram_kib} KiB in zram and {zspages_kib} KiB of compressed pages: \
             {exact} exact, {drift} drift, {not} not itemisable, {refused} without a total",
            captures.len()
        ));
        assert_eq!(refused + outcomes.len(), captures.len());
        assert_eq!(outcomes.len(), reference.as_object().unwrap().len());
        assert!(exact > 0, "not one of them can be broken down");
    }
}

/// Which memory file belongs to which zones: of the same machine, and mostly of the same moment.
const PAIRS: [(&str, &str); 6] = [
    ("coreos-sosreport.txt", "coreos-sosreport.txt"),
    ("innosilicon.txt", "innosilicon.txt"),
    ("jc.txt", "jc.txt"),
    ("microvm-6.18.txt", "microvm-6.18-firecracker-lazyinit.txt"),
    ("node_exporter.txt", "node_exporter.txt"),
    ("prometheus-procfs.txt", "prometheus-procfs.txt"),
];

#[test]
fn what_old_kernels_do_not_say_is_estimated_as_new_ones_reckon() {
    let (Some(meminfos), Some(zones)) = (captures("meminfo"), captures("zoneinfo")) else {
        return;
    };
    let fake = FakeProc::new();
    let mut compared = 0;
    for (zones_of, meminfo_of) in PAIRS {
        let text = |of: &[(String, String)], name: &str| {
            of.iter().find(|(other, _)| other == name).map(|(_, text)| text.clone())
        };
        let Some((zones, meminfo)) = text(&zones, zones_of).zip(text(&meminfos, meminfo_of)) else {
            say(format_args!("NOT RUN: there are not both zones and memory of {zones_of}"));
            continue;
        };
        let (without, of_kernel): (Vec<_>, Vec<_>) =
            meminfo.split_inclusive('\n').partition(|line| !line.starts_with("MemAvailable:"));
        fake.write("proc/zoneinfo", &zones);
        fake.write("proc/meminfo", &without.concat());
        let report = explained(&fake).unwrap();
        let estimate = report["available"]["bytes"].as_u64().unwrap();
        assert_eq!(report["available"]["source"], "estimated", "{zones_of}");
        let formula = report["available"]["formula"].as_str().unwrap();
        assert!(formula.contains("reserve and low summed from /proc/zoneinfo"), "{formula}");
        assert!(Some(estimate) < report["sample"]["total"].as_u64(), "{zones_of}");
        let Some(line) = of_kernel.first() else {
            say(format_args!("{zones_of}: estimated {estimate}, which this kernel does not say"));
            continue;
        };
        let kernel: u64 = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024;
        let off = estimate.abs_diff(kernel);
        say(format_args!("{zones_of}: estimated {estimate}, the kernel says {kernel}: {off} off"));
        assert!(off * 1000 <= kernel, "{zones_of}: off by more than 0.1 %");
        compared += 1;
    }
    assert!(compared > 0, "no pair has the kernel's own number");
}

/// The pool of the captured device stands in for its own part, and nothing else moves.
#[test]
fn zram_is_told_as_its_device_says() {
    let (Some(zram), Some(meminfos)) = (captures("zram"), captures("meminfo")) else { return };
    let fake = FakeProc::new();
    fake.remove("proc/vmstat");
    let (mut read, mut paired) = (0, 0);
    for (name, stat) in zram.iter().filter(|(name, _)| name.ends_with("mm_stat.txt")) {
        fake.write("sys/block/zram0/mm_stat", stat);
        let columns: Vec<u64> = stat.split_whitespace().map(|word| word.parse().unwrap()).collect();
        // A second device counts too, and one that is not in use does not.
        fake.write("sys/block/zram2/disksize", "4096\n");
        fake.write("sys/block/zram2/mm_stat", "1000 200 300 0 300 0 0\n");
        fake.write("sys/block/zram1/mm_stat", stat);
        let report = explained(&fake).unwrap();
        let sample = &report["sample"];
        assert_eq!(sample["zram_original"], columns[0] + 1000, "{name}");
        assert_eq!(sample["zram_compressed"], columns[1] + 200, "{name}");
        assert_eq!(sample["zram_used"], columns[2] + 300, "{name}");
        fake.remove("sys/block/zram2");
        read += 1;

        // The memory file of the same moment: the pool is no line of it, so that it was residual.
        let moment = name.strip_prefix("microvm-6.18-lzo-after-pageout");
        let name = moment.map(|_| "microvm-6.18-zram-after-pageout.txt");
        let Some((_, text)) = meminfos.iter().find(|(other, _)| Some(other.as_str()) == name)
        else {
            continue;
        };
        let other = FakeProc::new();
        other.remove("proc/vmstat");
        other.write("proc/meminfo", text);
        other.write("sys/block/zram0/mm_stat", stat);
        let with = explained(&other).unwrap();
        other.remove("sys/block");
        let without = explained(&other).unwrap();
        let part = |report: &Value, id: &str| {
            let parts = report["breakdown"]["parts"].as_array().unwrap();
            parts.iter().find(|part| part["id"] == id).unwrap()["bytes"].as_u64().unwrap()
        };
        assert_eq!((part(&with, "compressed"), part(&without, "compressed")), (columns[2], 0));
        assert_eq!(part(&without, "residual") - part(&with, "residual"), columns[2]);
        for id in ["anon", "shmem", "file", "free", "swapcache", "slab_unreclaimable"] {
            assert_eq!(part(&with, id), part(&without, id), "{id}");
        }
        paired += 1;
    }
    say(format_args!("{read} captures of mm_stat, {paired} with the memory of their moment"));
    assert!(read > 0 && paired > 0);
}

#[test]
fn the_zfs_cache_is_told_as_its_file_says() {
    let Some(captures) = captures("arcstats") else { return };
    let fake = FakeProc::new();
    let plain = explained(&fake).unwrap();
    let kernel = plain["available"]["bytes"].as_u64().unwrap();
    let mut read = 0;
    for (name, text) in &captures {
        let number = |key: &str| {
            let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            lines.find(|words| words.first() == Some(&key)).map(|words| words[2].parse::<u64>())
        };
        let (size, floor) = (number("size").unwrap().unwrap(), number("c_min").unwrap().unwrap());
        fake.write("proc/spl/kstat/zfs/arcstats", text);
        let report = explained(&fake).unwrap();
        assert_eq!(report["sample"]["arc_size"], size, "{name}");
        assert_eq!(report["sample"]["arc_floor"], floor, "{name}");
        let spare = size.saturating_sub(floor);
        assert_eq!(report["available"]["zfs"], spare, "{name}");
        assert_eq!(report["available"]["bytes"], kernel + spare, "{name}");
        let of = |tool: &str| {
            let row = report["tools"].as_array().unwrap().iter().find(|row| row["tool"] == tool);
            row.unwrap()["available"].as_u64()
        };
        assert_eq!(of("Glances"), Some(kernel + spare), "{name}");
        assert_eq!(of("free"), Some(kernel), "{name}: free knows nothing of ZFS");
        read += 1;
    }
    say(format_args!("{read} captures of arcstats"));
}
