//! What does not change while a node runs: files under the roots, and `sysinfo` for the rest.

use std::path::Path;
use std::{fs, io};

use shared::NodeFacts;
use sysinfo::System;

use super::{Roots, parse, sensors, text};

/// Texts longer than this are cut: they come from firmware and files, and go to every browser.
const MOST_CHARS: usize = 128;

/// Reads the facts of the node under `roots`. What no file there tells comes from the system that
/// this program runs on.
#[must_use]
pub fn facts(roots: &Roots) -> NodeFacts {
    let cpuinfo = fs::read_to_string(roots.proc.join("cpuinfo")).unwrap_or_default();
    let frequency = |file: &str, choose: fn(u64, u64) -> u64| {
        let khz = sensors::policies(&roots.sys)
            .into_iter()
            .filter_map(|policy| parse::single(&fs::read(policy.join(file)).ok()?))
            .reduce(choose)?;
        khz.checked_mul(1000)
    };
    NodeFacts {
        host_name: first_line(&roots.proc.join("sys/kernel/hostname"))
            .or_else(|| System::host_name().ok())
            .unwrap_or_else(|| "unknown".into()),
        model: model(roots),
        os: os(),
        kernel: first_line(&roots.proc.join("sys/kernel/osrelease"))
            .or_else(|| System::kernel_version().ok()),
        cpu_name: cpu_name(&cpuinfo),
        cores: cores(&roots.proc),
        min_frequency_hz: frequency("cpuinfo_min_freq", u64::min),
        max_frequency_hz: frequency("cpuinfo_max_freq", u64::max),
        page_size: page_size(),
    }
}

/// `Debian GNU/Linux 12` on Linux, where the long form puts the kernel's name around it.
fn os() -> Option<String> {
    let name = if cfg!(target_os = "linux") {
        format!("{} {}", System::name().ok()?, System::os_version().unwrap_or_default())
    } else {
        System::long_os_version().ok()?
    };
    clean(&name)
}

/// Names this boot of the node; see `random(4)`.
#[must_use]
pub fn boot_id(roots: &Roots) -> Option<String> {
    first_line(&roots.proc.join("sys/kernel/random/boot_id"))
}

/// Tells this machine from others: what stands in `file` if one is named, else in `/etc/machine-id`, else
/// the board's serial number, else its `name` or the host name. It is no secret, but names its machine
/// everywhere: it leaves it only as a digest.
pub fn machine_id(roots: &Roots, file: Option<&Path>, name: Option<&str>) -> io::Result<Vec<u8>> {
    let filled = |bytes: &Vec<u8>| !bytes.trim_ascii().is_empty();
    let read = |path: &Path| fs::read(path).ok().filter(filled);
    if let Some(file) = file {
        return fs::read(file).and_then(|bytes| {
            if filled(&bytes) { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        });
    }
    let found = read(Path::new("/etc/machine-id"))
        .or_else(|| read(&roots.device_tree().join("serial-number")))
        .or_else(|| read(&roots.sys.join("class/dmi/id/product_uuid")));
    let named = || name.map_or_else(|| facts(roots).host_name, str::to_owned);
    Ok(found.unwrap_or_else(|| named().into_bytes()))
}

/// From the device tree (Raspberry Pi and most other ARM boards), or from DMI (PCs).
fn model(roots: &Roots) -> Option<String> {
    let dmi = |file: &str| first_line(&roots.sys.join("class/dmi/id").join(file));
    first_line(&roots.device_tree().join("model")).or_else(|| {
        let product = dmi("product_name")?;
        match dmi("sys_vendor") {
            Some(vendor) if !product.starts_with(&vendor) => Some(format!("{vendor} {product}")),
            _ => Some(product),
        }
    })
}

/// `model name` on x86 and older ARM kernels; 64-bit ARM names only the part, so `sysinfo` is asked.
fn cpu_name(cpuinfo: &str) -> Option<String> {
    let of_file = cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| clean(value))?
    });
    of_file.or_else(|| {
        let mut system = System::new().ok()?;
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        clean(system.cpus().first()?.brand())
    })
}

/// The `cpuN` lines of `/proc/stat`: processors that are online.
fn cores(proc: &Path) -> Option<u32> {
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    let is_core = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    u32::try_from(stat.lines().filter(is_core).count()).ok().filter(|&cores| cores > 0)
}

/// Bytes in a page of the running kernel.
#[cfg(unix)]
pub(super) fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Bytes in a page, where the system does not tell.
#[cfg(not(unix))]
pub(super) fn page_size() -> u64 {
    4096
}

/// The first line of a file, cleaned.
fn first_line(path: &Path) -> Option<String> {
    clean(String::from_utf8_lossy(&fs::read(path).ok()?).lines().next()?)
}

/// Without the NUL that ends device-tree texts, and all else that is not seen; `None` if nothing is
/// left, or only what firmware writes when nobody filled it in.
fn clean(text: &str) -> Option<String> {
    let text = text::clean(text, MOST_CHARS);
    let empty = ["", "To be filled by O.E.M.", "Default string", "System Product Name"];
    (!empty.contains(&text.as_str())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tree::Tree;

    #[test]
    fn a_pi_is_named_by_its_device_tree() {
        let tree = Tree::new(&[
            ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
            ("proc/sys/kernel/hostname", "pi-07\n"),
            ("proc/sys/kernel/osrelease", "6.12.34+rpt-rpi-v8\n"),
            ("proc/stat", "cpu  1 1 1 1\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\nintr 1\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/cpuinfo_min_freq", "600000\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "1500000\n"),
        ]);
        let facts = facts(&tree.roots());
        assert_eq!(facts.model.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
        assert_eq!(facts.host_name, "pi-07");
        assert_eq!(facts.kernel.as_deref(), Some("6.12.34+rpt-rpi-v8"));
        assert_eq!(facts.cores, Some(4));
        assert_eq!(facts.min_frequency_hz, Some(600_000_000));
        assert_eq!(facts.max_frequency_hz, Some(1_500_000_000));
    }

    #[test]
    fn a_pc_is_named_by_vendor_and_product_once() {
        let tree = Tree::new(&[
            ("sys/class/dmi/id/sys_vendor", "Dell Inc.\n"),
            ("sys/class/dmi/id/product_name", "OptiPlex 3050\n"),
        ]);
        assert_eq!(model(&tree.roots()).as_deref(), Some("Dell Inc. OptiPlex 3050"));
        tree.write("sys/class/dmi/id/product_name", "To be filled by O.E.M.\n");
        assert_eq!(model(&tree.roots()), None);
    }

    #[test]
    fn texts_are_cut_and_cleaned() {
        assert_eq!(clean("\u{1b}[2JPi\0\n").as_deref(), Some("[2JPi"));
        assert_eq!(clean(&"x".repeat(1000)).map(|text| text.len()), Some(MOST_CHARS));
        assert_eq!(clean(" \0"), None);
    }
}
