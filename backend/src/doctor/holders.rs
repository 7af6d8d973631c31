//! Who holds memory without being seen to, and what has gone wrong with memory.

use shared::Field;
use shared::survey::Finding;
use shared::survey::Severity::{Note, Trouble, Warning};
use shared::units::human;

use super::{Case, finding};
use crate::probe::survey::{Tmpfs, clean, name};

const MIB: u64 = 1 << 20;

pub(super) fn hardware_corrupted(case: &Case<'_>) -> Option<Finding> {
    let bytes =
        case.evidence.meminfo.line_number("HardwareCorrupted").filter(|&bytes| bytes > 0)?;
    Some(finding(
        (Trouble, "hardware_corrupted"),
        format!("{} of RAM is broken; the kernel found out and no longer uses it.", human(bytes)),
        case.meminfo(&["HardwareCorrupted"]),
        "Save what matters, look at `sudo dmesg | grep -i 'memory failure'`, and replace the \
         memory, or the board.",
    ))
}

pub(super) fn oom_kills(case: &Case<'_>) -> Option<Finding> {
    let kills = case.sample.get(Field::OomKills).filter(|&kills| kills > 0)?;
    let processes = if kills == 1 { "a process" } else { "processes" };
    let vmstat = name(&case.evidence.roots.proc.join("vmstat"));
    Some(finding(
        (Warning, "oom_kills"),
        format!("Memory ran out since boot, and the kernel killed {processes} to go on."),
        format!("{vmstat}: \"oom_kill {kills}\""),
        "See which with `journalctl -k -g 'Killed process'`; give it less to do, a limit of its own, \
         or a node with more memory.",
    ))
}

pub(super) fn zfs_arc(case: &Case<'_>) -> Option<Finding> {
    let evidence = case.evidence;
    // In a container the cache is its host's, and in none of the container's numbers.
    if evidence.lxcfs.is_some() {
        return None;
    }
    let (size, total) = (evidence.arc("size")?, case.total()?);
    let share = case.share(size, 10)?;
    let least = evidence.arc("c_min").unwrap_or(0);
    let given = size.saturating_sub(least);
    let told = |name: &str| evidence.arc(name).map(|bytes| format!("{name} {bytes}"));
    let told: Vec<_> = ["size", "c_min", "c_max"].into_iter().filter_map(told).collect();
    // An eighth, in whole MiB; ZFS ignores what is below 64 MiB.
    let most = (total / 8 / MIB * MIB).max(64 * MIB).max(least);
    Some(finding(
        (Warning, "zfs_arc"),
        format!(
            "The cache of ZFS (ARC) holds {} ({share} of total). Linux counts it as used, although \
             {} of it is given back when programs need it: Headroom adds that to what is available, \
             most other tools do not.",
            human(size),
            human(given)
        ),
        evidence.arcstats.quote_part(&told.join(", ")),
        format!(
            "To keep it smaller, write `options zfs zfs_arc_max={most}` into \
             `/etc/modprobe.d/zfs.conf`, run `sudo update-initramfs -u`, and restart."
        ),
    ))
}

pub(super) fn huge_pages_unused(case: &Case<'_>) -> Option<Finding> {
    let get = |key: &str| case.evidence.meminfo.line_number(key);
    let (all, free) = (get("HugePages_Total")?, get("HugePages_Free")?);
    // Those that a program was promised are as good as used.
    let unused = free.checked_sub(get("HugePages_Rsvd").unwrap_or(0))?;
    let bytes = unused.checked_mul(get("Hugepagesize")?)?;
    let share = case.share(bytes, 5).filter(|_| bytes > 0)?;
    let needed = all.saturating_sub(unused);
    Some(finding(
        (Warning, "huge_pages_unused"),
        format!(
            "{} ({share} of total) is set aside as huge pages that nobody uses; nothing else can \
             use it.",
            human(bytes)
        ),
        case.meminfo(&["HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "Hugepagesize"]),
        format!(
            "Write `vm.nr_hugepages = {needed}` into `/etc/sysctl.d/99-hugepages.conf`, run \
             `sudo sysctl --system`, and take any `hugepages=` off the kernel's command line."
        ),
    ))
}

pub(super) fn tmpfs(case: &Case<'_>) -> Option<Finding> {
    let mut mounts: Vec<&Tmpfs> = case.evidence.tmpfs.iter().filter(|fs| fs.used > 0).collect();
    let sum = mounts.iter().fold(0_u64, |sum, fs| sum.saturating_add(fs.used));
    let share = case.share(sum, 10)?;
    mounts.sort_by_key(|fs| std::cmp::Reverse(fs.used));
    let largest: Vec<_> = mounts
        .iter()
        .take(3)
        .map(|fs| format!("{}: {} used of {}", clean(&fs.point), human(fs.used), human(fs.size)))
        .collect();
    let first = mounts.first()?;
    Some(finding(
        (Warning, "tmpfs"),
        format!(
            "Files in tmpfs hold {} ({share} of total). It counts as cached, but cannot be dropped.",
            human(sum)
        ),
        format!("tmpfs {}", largest.join("; ")),
        format!(
            "Delete what is not needed; see `sudo du -xh {} | sort -h | tail`.",
            clean(&first.point)
        ),
    ))
}

pub(super) fn residual(case: &Case<'_>) -> Option<Finding> {
    let evidence = case.evidence;
    let residual = case.derived.residual.filter(|_| evidence.lxcfs.is_none())?;
    let share = case.share(residual, 10)?;
    let mut seen = vec![case.meminfo(&["MemTotal", "CmaTotal", "CmaFree", "Balloon"])];
    seen.extend(
        evidence.arc("size").map(|size| evidence.arcstats.quote_part(&format!("size {size}"))),
    );
    Some(finding(
        (Warning, "residual"),
        format!(
            "{} ({share} of total) is in no line of /proc/meminfo: kernel, drivers and firmware \
             hold it, and do not say which.",
            human(residual)
        ),
        seen.join("; "),
        "No line helps. What holds so much is mostly one of: the cache of ZFS, the balloon of a \
         virtual machine, buffers of a graphics or network driver, of a camera or of a display.",
    ))
}

pub(super) fn held_back(case: &Case<'_>) -> Option<Finding> {
    let (evidence, total) = (case.evidence, case.total()?);
    // lxcfs mixes sources, so differences of lines mean nothing there.
    let held_back = case.derived.held_back.filter(|_| evidence.lxcfs.is_none())?;
    let share = case.share(held_back, 5)?;
    let lines =
        ["MemTotal", "MemFree", "MemAvailable", "Active(file)", "Inactive(file)", "KReclaimable"];
    let mut seen = vec![case.meminfo(&lines)];
    let default = default_min_free_kib(total);
    let (setting, fix) = match evidence.min_free.number() {
        Some(kib) if kib > default + default / 2 => {
            seen.insert(0, evidence.min_free.quote());
            let setting = format!(
                " The setting vm.min_free_kbytes is {kib}; a kernel would choose about {default} \
                 for this much memory."
            );
            // Half at a time: too little is worse than too much.
            let less = default.max(kib / 2);
            let fix = format!(
                "Write `vm.min_free_kbytes = {less}` into `/etc/sysctl.d/99-min-free.conf`, and \
                 run `sudo sysctl --system`. It was raised for network and USB, which need memory \
                 at once: take it back if `dmesg` then tells of page allocation failures."
            );
            (setting, fix)
        }
        told => {
            seen.splice(0..0, told.map(|_| evidence.min_free.quote()));
            let fix = "Nothing is set wrongly: small memories keep a larger share in reserve. Go \
                       by what is available, not by what is free.";
            (String::new(), fix.into())
        }
    };
    let sentence = format!(
        "The kernel holds back {} ({share} of total) as a reserve: it is not used, yet not \
         available.{setting}",
        human(held_back)
    );
    Some(finding((Warning, "held_back"), sentence, seen.join("; "), fix))
}

/// What a kernel sets for memory of `total` bytes: `4 × √(KiB)`, from 128 KiB to 256 MiB
/// (`mm/page_alloc.c`, `calculate_min_free_kbytes`).
fn default_min_free_kib(total: u64) -> u64 {
    (total / 1024).saturating_mul(16).isqrt().clamp(128, 262_144)
}

/// The least that the overlays of Raspberry Pi offer, in bytes (`cma-64` of `vc4-kms-v3d`).
const LEAST_CMA: u64 = 64 * MIB;

pub(super) fn cma(case: &Case<'_>) -> Option<Finding> {
    let bytes = case.evidence.meminfo.line_number("CmaTotal")?;
    let share = case.share(bytes, 20).filter(|_| bytes > 0)?;
    let fix = if bytes <= LEAST_CMA {
        "Nothing is wrong: it is the least that drivers of displays take. Count with it on so small a \
         memory."
            .into()
    } else if case.evidence.board.is_pi {
        "If neither a camera nor a large display is used, give the line for `vc4-kms-v3d` in \
         `/boot/firmware/config.txt` less of it, `dtoverlay=vc4-kms-v3d,cma-64`, and restart."
            .into()
    } else {
        format!("If no camera, display or codec needs so much: {}", case.boot_with("cma=64M"))
    };
    Some(finding(
        (Note, "cma"),
        format!(
            "{} ({share} of total) is kept for camera, display and codecs (CMA). Programs may borrow \
             it, the kernel itself may not, so it can run short while memory seems free.",
            human(bytes)
        ),
        case.meminfo(&["CmaTotal", "CmaFree", "MemTotal"]),
        fix,
    ))
}
