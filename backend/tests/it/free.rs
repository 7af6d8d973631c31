//! `headroom free`.

use std::fs;
use std::process::{Output, Stdio};

use serde_json::Value;
use shared::field::{Source, Unit};
use shared::{Field, Sample};

use crate::support::{ELSEWHERE, FakeProc, VALUES, command, headroom};

fn free(fake: &FakeProc, flags: &[&str]) -> Output {
    headroom(["free"].iter().chain(flags).map(ToString::to_string).chain(fake.args()))
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

#[test]
fn the_table_has_the_numbers_of_the_files() {
    let output = free(&FakeProc::new(), &["-b"]);
    assert_eq!(
        text(&output),
        "             total        used        free   available  buff/cache    shared  held back\n\
         Memory  3976716288  1194704896  1232224256  2782011392  1745268736  62959616  233164800\n\
         Swap    2147479552     8388608  2139090944\n"
    );
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_table_is_easy_to_read() {
    let table = text(&free(&FakeProc::new(), &[]));
    let lines: Vec<&str> = table.lines().collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words(lines[0]),
        ["total", "used", "free", "available", "buff/cache", "shared", "held", "back"]
    );
    assert_eq!(
        words(lines[1]).join(" "),
        "Memory 3.70 GiB 1.11 GiB 1.15 GiB 2.59 GiB 1.63 GiB 60.0 MiB 222 MiB"
    );
    assert_eq!(words(lines[2]).join(" "), "Swap 2.00 GiB 8.00 MiB 1.99 GiB");
    assert_eq!(
        lines[4],
        "Only 1.15 GiB is free, yet programs can get 2.59 GiB: the 1.66 GiB of cache is given back \
         as soon as it is needed, less the 222 MiB that the kernel keeps in reserve."
    );
    assert_eq!(lines.len(), 5);
}

#[test]
fn json_has_every_field_and_what_follows_from_them() {
    let report = json(&free(&FakeProc::new(), &["--json"]));
    for &(field, value) in VALUES {
        assert_eq!(report[field.def().id], value, "{}", field.def().id);
    }
    for field in ELSEWHERE {
        assert!(report[field.def().id].is_null(), "{}", field.def().id);
    }
    for (id, kib) in [
        ("used", 1_166_704_u64),
        ("available_here", 2_716_808),
        ("swap_used", 8192),
        ("buff_cache", 1_704_364),
        ("in_use", 939_004),
        ("reclaimable", 1_741_164),
        ("held_back", 227_700),
    ] {
        assert_eq!(report[id], kib * 1024, "{id}");
    }
    assert!(report["available_estimated"].is_null(), "the kernel says it itself");
    assert_eq!(report.as_object().unwrap().len(), Field::ALL.len() + 8);
}

#[test]
fn what_is_unknown_is_said_to_be() {
    let fake = FakeProc::new();
    let free_line = fake.meminfo().lines().nth(1).unwrap().to_owned() + "\n";
    fake.replace_meminfo_line("MemFree", "");
    let table = text(&free(&fake, &[]));
    assert!(table.contains('—'), "{table}");
    assert!(table.contains("does not report MemFree"), "{table}");
    let report = json(&free(&fake, &["--json"]));
    for id in ["free", "in_use", "reclaimable", "held_back", "available_estimated"] {
        assert!(report[id].is_null(), "{id}: {report}");
    }
    assert_eq!(report["used"], 1_166_704 * 1024, "the kernel's own available needs no other line");
    fake.replace_meminfo_line("MemTotal", &format!("MemTotal: 3883512 kB\n{free_line}"));
    fake.set_meminfo("Active(file)", 3_000_000);
    let table = text(&free(&fake, &[]));
    assert!(table.contains("contradict each other"), "{table}");
}

/// Kernels before 3.14: the zones tell what the kernel holds back; without them a setting does.
#[test]
fn what_the_kernel_does_not_say_is_estimated() {
    let fake = FakeProc::new();
    fake.replace_meminfo_line("MemAvailable", "");
    // free − reserve + files − low + kernel − low, in KiB; half of either cache is more than low.
    let by_zones = 1_203_344_u64 - 51_200 + (1_647_944 - 21_200) + (93_220 - 21_200);
    let table = text(&free(&fake, &["-b"]));
    assert!(table.lines().next().unwrap().contains("  available (estimated)  "), "{table}");
    assert!(table.contains(&format!(" {} ", by_zones * 1024)), "{table}");
    let table = text(&free(&fake, &[]));
    let note = "Estimated, as this kernel does not say it: MemFree − reserve + files";
    assert!(table.contains(note) && table.contains("/proc/zoneinfo."), "{table}");
    let report = json(&free(&fake, &["--json"]));
    assert!(report["available"].is_null(), "an estimate is not the kernel's number");
    assert_eq!(report["available_estimated"], by_zones * 1024);
    assert_eq!(report["available_here"], by_zones * 1024);
    assert_eq!(report["used"], (3_883_512 - by_zones) * 1024);
    assert_eq!(report["held_back"], (1_203_344 + 1_647_944 + 93_220 - by_zones) * 1024);

    fake.remove("proc/zoneinfo");
    let low = 16_384 * 5 / 4_u64;
    let by_setting = 1_203_344 - low + (1_647_944 - low) + (93_220 - low);
    let report = json(&free(&fake, &["--json"]));
    assert_eq!(report["available_estimated"], by_setting * 1024);
    assert!(text(&free(&fake, &[])).contains("vm.min_free_kbytes × 5/4."));
}

#[test]
fn a_damaged_line_spoils_no_other() {
    let fake = FakeProc::new();
    fake.replace_meminfo_line("Buffers", "Buffers:  \u{1b}[31m12x4 kB\n");
    let output = free(&fake, &["--json"]);
    let report = json(&output);
    for &(field, value) in VALUES.iter().filter(|(field, _)| *field != Field::Buffers) {
        assert_eq!(report[field.def().id], value, "{}", field.def().id);
    }
    assert!(report["buffers"].is_null());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains(fake.path("proc/meminfo").to_str().unwrap()), "{complaint}");
    assert!(complaint.contains("Buffers") && complaint.contains("12x4 kB"), "{complaint}");
    assert!(!complaint.contains('\u{1b}'), "{complaint:?}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}

/// Cut at every byte: what is whole is right, and nothing is made up.
#[test]
fn a_truncated_file_gives_what_is_whole() {
    let fake = FakeProc::new();
    let whole = fake.meminfo();
    let first = whole.find('\n').unwrap();
    let cuts = (0..whole.len()).filter(|cut| cut % 23 == 0 || cut.abs_diff(first) < 4);
    for cut in cuts {
        fake.write("proc/meminfo", &whole[..cut]);
        let output = free(&fake, &["--json"]);
        if cut < first {
            assert_eq!(output.status.code(), Some(1), "cut at {cut}");
            continue;
        }
        let report = json(&output);
        for &(field, value) in VALUES {
            let told = &report[field.def().id];
            let is_whole = |line: &str| {
                let end = if field.def().unit == Unit::Bytes { "kB" } else { &value.to_string() };
                line.starts_with(&format!("{}:", field.def().key)) && line.ends_with(end)
            };
            let of_meminfo = field.def().source == Source::Meminfo;
            if !of_meminfo || whole[..cut].lines().any(is_whole) {
                assert_eq!(*told, value, "{} of a file cut at {cut}", field.def().id);
            } else {
                assert!(told.is_null(), "{} of a file cut at {cut}: {told}", field.def().id);
            }
        }
    }
}

/// What one in the file is of the field's unit.
fn scale(field: Field) -> u64 {
    if field.def().unit == Unit::Bytes { 1024 } else { 1 }
}

/// The machine that the test runs on, as the kernel itself tells it just before and just after.
#[test]
fn this_machine_is_told_as_it_is() {
    let kernel = || -> Vec<(Field, Option<u64>)> {
        let text = fs::read_to_string("/proc/meminfo").unwrap();
        let kib = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let value = |field: Field| Some(kib(field.def().key)? * scale(field));
        Field::of(Source::Meminfo).map(|field| (field, value(field))).collect()
    };
    let before = kernel();
    let output = headroom(["free", "--json"]);
    let after = kernel();
    let sample: Sample = serde_json::from_str(&text(&output)).unwrap();
    let total = sample.get(Field::Total).unwrap();
    assert_eq!(Some(total), before[0].1);
    let slack = total / 50;
    for ((field, before), (_, after)) in before.into_iter().zip(after) {
        let told = sample.get(field);
        let id = field.def().id;
        let (Some(before), Some(after)) = (before, after) else {
            assert_eq!(told, None, "{id}: this kernel does not tell it");
            continue;
        };
        let (low, high) = (before.min(after), before.max(after));
        let told = told.unwrap();
        assert!(told + slack >= low && told <= high + slack, "{id}: {low} … {high}, told {told}");
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    let minutes15: f64 = load.split(' ').nth(2).unwrap().parse().unwrap();
    let told = sample.get(Field::Load15).unwrap() as f64 / 100.0;
    assert!((told - minutes15).abs() < 0.1, "{told}, {load}");
    assert!(sample.get(Field::CpuTotal) > sample.get(Field::CpuBusy));
}

#[test]
fn an_output_that_nobody_reads_is_no_error_and_a_full_disk_is() {
    let fake = FakeProc::new();
    for flags in [&[][..], &["--json"], &["-b"]] {
        let run = |stdout: Stdio| {
            command().arg("free").args(flags).args(fake.args()).stdout(stdout).output().unwrap()
        };
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(writer.into());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));

        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(full.into());
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with("headroom: cannot write the output: "), "{said}");
    }
}
