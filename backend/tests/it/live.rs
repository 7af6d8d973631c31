//! The machine that runs the tests: what the program tells of it, against others who tell it too.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use shared::memory::estimated_from_zones;
use shared::{Field, Sample};

use crate::peers::{printed, row_of_procps};
use crate::support::{headroom, say};

/// What both tables have.
const COLUMNS: [&str; 5] = ["total", "used", "free", "available", "buff/cache"];

/// How long a moment is waited for in which the machine is quiet enough to be compared.
const PATIENCE: Duration = Duration::from_mins(1);

/// The numbers of [`COLUMNS`] by `free -b`.
fn by_free() -> [i64; 5] {
    let text = printed("free", &["-b"]).unwrap();
    let words =
        |line: usize| text.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    let (names, numbers) = (words(0), words(1));
    COLUMNS.map(|column| {
        let place = names.iter().position(|name| *name == column).unwrap();
        numbers[place + 1].parse().unwrap()
    })
}

/// The same by `headroom free -b`, which has them first and in this order.
fn by_headroom() -> [i64; 5] {
    let output = headroom(["free", "-b"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().skip(1).collect();
    [0, 1, 2, 3, 4].map(|place| numbers[place].parse().unwrap())
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// What the programs take themselves while they read, in bytes: they are not of one size.
const OWN_SIZE: i64 = 8 << 20;

/// Readings by each.
const ROUNDS: usize = 31;

/// Both take turns; the middle of two readings of `free` is about what it would have printed between them.
/// Where `headroom` lies from there, over many rounds, is no more than what lies between two of `free`.
#[test]
fn free_and_headroom_print_the_same_of_this_machine() {
    let Some(version) = printed("free", &["--version"]) else {
        return say("NOT RUN: there is no free");
    };
    let version = version.rsplit(' ').next().unwrap();
    if row_of_procps(version) != "procps 4.0.1 and newer" {
        return say(format_args!(
            "NOT RUN: free of procps {version} does not mean the same by used"
        ));
    }
    if Path::new("/proc/spl/kstat/zfs/arcstats").exists() {
        return say("NOT RUN: free does not know the ZFS cache of this machine");
    }
    let mut free = vec![by_free()];
    let mut ours = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(by_headroom());
        free.push(by_free());
    }
    for (column, name) in COLUMNS.iter().enumerate() {
        let pairs = || free.windows(2).map(|pair| (pair[0][column], pair[1][column]));
        let spread = median(pairs().map(|(before, after)| (after - before).abs()).collect());
        let middles = pairs().map(|(before, after)| before.midpoint(after));
        let offset = median(ours.iter().zip(middles).map(|(ours, of)| ours[column] - of).collect());
        say(format_args!("{name}: headroom is {offset} off, two readings of free are {spread}"));
        let most = if *name == "total" { 0 } else { spread + OWN_SIZE };
        assert!(offset.abs() <= most, "{name}: {offset} off, {most} at most");
    }
}

#[test]
fn available_by_our_own_reckoning_is_the_kernels() {
    let mut best = f64::INFINITY;
    let begun = Instant::now();
    // Other tests take memory and give it back meanwhile: there is a quiet moment sooner or later.
    for attempt in 1.. {
        if begun.elapsed() > PATIENCE {
            break;
        }
        let output = headroom(["explain", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let sample: Sample = serde_json::from_value(report["sample"].clone()).unwrap();
        let Some(kernel) = sample.get(Field::Available) else {
            return say("NOT RUN: this kernel does not say what is available");
        };
        let Some(estimate) = estimated_from_zones(&sample) else {
            return say("NOT RUN: this machine does not tell its zones");
        };
        best = best.min(estimate.abs_diff(kernel) as f64 / kernel as f64);
        // The two files are not read at one instant: while a program takes memory they differ.
        if best <= 0.001 {
            return say(format_args!(
                "reading {attempt}: the kernel says {kernel}, reckoned {estimate}: {:.4} % off",
                best * 100.0
            ));
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("never nearer than {:.3} % to what the kernel says", best * 100.0);
}
