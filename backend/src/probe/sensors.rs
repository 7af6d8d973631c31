//! Where the files of /sys are that hold one number each.

use std::fs;
use std::path::{Path, PathBuf};

use shared::Field;

use super::files::KeptFile;
use super::parse;

/// The present frequency of each group of cores.
pub(super) fn frequencies(sys: &Path) -> Vec<KeptFile> {
    policies(sys)
        .into_iter()
        .map(|policy| policy.join("scaling_cur_freq"))
        .filter(|path| path.exists())
        .map(KeptFile::open)
        .collect()
}

/// The groups of cores that share a frequency.
pub(super) fn policies(sys: &Path) -> Vec<PathBuf> {
    entries(&sys.join("devices/system/cpu/cpufreq"), "policy")
}

/// The CPU's thermometer: the first zone that is named after a CPU, or the first at all.
pub(super) fn temperature(sys: &Path) -> Option<KeptFile> {
    const CPU_ZONES: [&str; 3] = ["cpu", "x86_pkg_temp", "soc"];
    let zones = entries(&sys.join("class/thermal"), "thermal_zone");
    let of_cpu = |zone: &&PathBuf| {
        fs::read_to_string(zone.join("type"))
            .is_ok_and(|kind| CPU_ZONES.iter().any(|name| kind.starts_with(name)))
    };
    let zone = zones.iter().find(of_cpu).or(zones.first())?;
    Some(KeptFile::open(zone.join("temp")))
}

/// The Raspberry Pi's alarm for too little voltage; its other source, `get_throttled`, makes the kernel
/// log a warning when it is read.
pub(super) fn under_voltage(sys: &Path) -> Option<KeptFile> {
    let is_pi = |dir: &PathBuf| {
        fs::read_to_string(dir.join("name")).is_ok_and(|name| name.trim_end() == "rpi_volt")
    };
    let sensor = entries(&sys.join("class/hwmon"), "hwmon").into_iter().find(is_pi)?;
    Some(KeptFile::open(sensor.join(Field::UnderVoltage.def().key)))
}

/// What tells how much the zram devices hold that are in use.
pub(super) fn zram(sys: &Path) -> Vec<KeptFile> {
    let in_use = |dir: &PathBuf| {
        fs::read(dir.join("disksize"))
            .ok()
            .and_then(|text| parse::single(&text))
            .is_some_and(|size| size > 0)
    };
    let devices = entries(&sys.join("block"), "zram").into_iter().filter(in_use);
    devices.map(|device| KeptFile::open(device.join("mm_stat"))).collect()
}

/// The entries of `dir` named `prefix` and a number, by that number.
pub(super) fn entries(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut numbered: Vec<(u32, PathBuf)> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    numbered.sort();
    numbered.into_iter().map(|(_, path)| path).collect()
}
