//! Compressed swap for real: a zram device of our own, and a program whose memory goes there.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::netns::run;
use crate::support::{headroom, say};

/// Takes memory of which half can be compressed, asks the kernel to page it out, says so, and stays
/// until its input ends. 21 is `MADV_PAGEOUT` (Linux 5.4).
const PROGRAM: &str = "
import mmap, os, sys
size = 96 << 20
memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, size, 4096):
    memory[at:at + 2048] = os.urandom(2048)
memory.madvise(21)
print('paged out', flush=True)
sys.stdin.read()
";

const CONTROL: &str = "/sys/class/zram-control";

/// A zram device that did not exist before, in use as swap; and what keeps its memory there. Gone when
/// this is dropped, in whichever state it is then.
struct Device {
    number: u32,
    holder: Option<Child>,
}

impl Device {
    fn new() -> Result<Self, String> {
        if fs::metadata(CONTROL).is_err() {
            run("modprobe", &["zram", "num_devices=0"])?;
        }
        // Reading makes a device and gives its number.
        let number = fs::read_to_string(format!("{CONTROL}/hot_add"))
            .map_err(|error| format!("{CONTROL}/hot_add: {error}"))?;
        let device = Self { number: number.trim().parse().unwrap(), holder: None };
        let (sys, dev) = (device.sys(), device.dev());
        fs::write(format!("{sys}/disksize"), "256M").map_err(|error| format!("{sys}: {error}"))?;
        run("mkswap", &[&dev])?;
        // Before all others, so that it is this one that is filled.
        run("swapon", &["--priority", "32767", &dev])?;
        Ok(device)
    }

    fn sys(&self) -> String {
        format!("/sys/block/zram{}", self.number)
    }

    fn dev(&self) -> String {
        format!("/dev/zram{}", self.number)
    }

    /// Lets a program fill it.
    fn fill(&mut self) -> Result<(), String> {
        let mut python = Command::new("python3");
        python.args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = python.stderr(Stdio::piped()).spawn();
        let child =
            self.holder.insert(child.map_err(|error| format!("python3 does not start: {error}"))?);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() != "paged out" {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            return Err(format!("memory cannot be paged out: {}", said.trim()));
        }
        Ok(())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Its pages need not come back before the device can go.
        if let Some(child) = &mut self.holder {
            child.kill().ok();
            child.wait().ok();
        }
        let is_swap = fs::read_to_string("/proc/swaps")
            .is_ok_and(|swaps| swaps.lines().any(|line| line.starts_with(&(self.dev() + " "))));
        let off = if is_swap { run("swapoff", &[&self.dev()]) } else { Ok(()) };
        let reset = fs::write(format!("{}/reset", self.sys()), "1").map_err(|e| e.to_string());
        let gone = fs::write(format!("{CONTROL}/hot_remove"), self.number.to_string());
        let gone = gone.map_err(|error| error.to_string());
        for (what, end) in [("swapoff", off), ("reset", reset), ("hot_remove", gone)] {
            if let Err(error) = end {
                say(format_args!("{} is left behind: {what}: {error}", self.dev()));
            }
        }
    }
}

/// `orig_data_size`, `compr_data_size` and `mem_used_total`, summed over all zram devices in use.
fn mm_stats() -> [u64; 3] {
    let mut sums = [0; 3];
    for entry in fs::read_dir("/sys/block").unwrap() {
        let path = entry.unwrap().path();
        let is_zram = path.file_name().unwrap().to_string_lossy().starts_with("zram");
        // An unused one has a line of zeros.
        let stat = if is_zram { fs::read_to_string(path.join("mm_stat")) } else { continue };
        for (sum, word) in sums.iter_mut().zip(stat.unwrap().split_whitespace()) {
            *sum += word.parse::<u64>().unwrap();
        }
    }
    sums
}

/// What the kernel counts of compressed pages, in bytes; older ones than 4.9 do not.
fn zspages() -> u64 {
    let vmstat = fs::read_to_string("/proc/vmstat").unwrap();
    let pages = vmstat.lines().find_map(|line| line.strip_prefix("nr_zspages "));
    pages.map_or(0, |pages| pages.parse::<u64>().unwrap() * rustix::param::page_size() as u64)
}

fn explained() -> Value {
    let output = headroom(["explain", "--json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn compressed(report: &Value) -> u64 {
    let parts = report["breakdown"]["parts"].as_array().unwrap();
    let part = parts.iter().find(|part| part["id"] == "compressed");
    part.unwrap_or_else(|| panic!("{}", report["breakdown"]))["bytes"].as_u64().unwrap()
}

#[test]
fn memory_in_zram_is_a_part_of_its_own() {
    if !rustix::process::geteuid().is_root() {
        return say("NOT RUN: only root can make a zram device");
    }
    let before = compressed(&explained());
    let mut device = match Device::new() {
        Ok(device) => device,
        Err(why) => return say(format_args!("NOT RUN: {why}")),
    };
    if let Err(why) = device.fill() {
        return say(format_args!("NOT RUN: {why}"));
    }
    // Others may swap meanwhile: then the device is not the same before and after, and is read again.
    let (report, [original, small, used]) = (0..50)
        .find_map(|_| {
            let before = mm_stats();
            let report = explained();
            (before == mm_stats()).then_some((report, before))
        })
        .expect("the zram devices never stand still");
    assert!(original > 64 << 20, "only {original} bytes were swapped out");
    assert_eq!(report["sample"]["zram_original"], original);
    assert_eq!(report["sample"]["zram_compressed"], small);
    assert_eq!(report["sample"]["zram_used"], used);

    let part = compressed(&report);
    let zswap = report["sample"]["zswap"].as_u64().unwrap_or(0);
    let expected = (zswap + used).max(zspages());
    say(format_args!(
        "{original} bytes in zram take {used} ({part} told, {} of vmstat, {before} before)",
        zspages()
    ));
    assert!(part.abs_diff(expected) <= 1 << 20, "{part} told, {expected} expected");
    assert!(part >= before + (original / 3), "half of it cannot be compressed");
    assert_ne!(report["breakdown"]["outcome"], "not_itemisable", "{}", report["breakdown"]);
    let parts = report["breakdown"]["parts"].as_array().unwrap();
    let sum: u64 = parts.iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), report["sample"]["total"].as_u64());

    let path = device.sys();
    drop(device);
    assert!(fs::metadata(path).is_err(), "the device is still there");
}
