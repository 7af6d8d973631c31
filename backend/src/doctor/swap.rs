//! What swap promises, and where it lies.

use shared::memory;
use shared::survey::Finding;
use shared::survey::Severity::{Note, Warning};
use shared::units::{human, three_digits};

use super::{Case, finding};
use crate::probe::survey::{Zram, clean};

const MIB: u64 = 1 << 20;

pub(super) fn zram_promise(case: &Case<'_>) -> Option<Finding> {
    let swaps: Vec<&Zram> = zram(case, true).collect();
    let sum =
        |of: fn(&Zram) -> u64| swaps.iter().fold(0_u64, |sum, zram| sum.saturating_add(of(zram)));
    let promised = sum(|zram| zram.device.promised);
    let (original, used) = (sum(|zram| zram.device.original), sum(|zram| zram.device.used));
    // A few pages compress like nothing else.
    if original < MIB || used == 0 {
        return None;
    }
    let ratio = original as f64 / used as f64;
    let cost = promised as f64 / ratio;
    let mut seen: Vec<_> = swaps.iter().map(|zram| zram.mm_stat.quote()).collect();
    seen.push(case.evidence.swaps_file.quote_part(&swap_lines(case, |device| {
        swaps.iter().any(|zram| zram.device.name == device)
    })));
    Some(finding(
        (Note, "zram_promise"),
        format!(
            "Swap on zram stays in RAM, compressed: {} are promised, and at the present ratio of {} \
             to fill it would take {} of RAM.",
            human(promised),
            three_digits(ratio),
            human(cost as u64)
        ),
        seen.join("; "),
        "Nothing is wrong. Do not count free swap as memory that programs can get.",
    ))
}

pub(super) fn zram_not_swap(case: &Case<'_>) -> Option<Finding> {
    let others: Vec<&Zram> = zram(case, false).filter(|zram| zram.device.used > 0).collect();
    let used = others.iter().fold(0_u64, |sum, zram| sum.saturating_add(zram.device.used));
    let names: Vec<_> = others.iter().map(|zram| clean(&zram.device.name)).collect();
    let seen: Vec<_> = others.iter().map(|zram| zram.mm_stat.quote()).collect();
    (!others.is_empty()).then(|| {
        finding(
            (Note, "zram_not_swap"),
            format!(
                "{} is no swap area, and takes {} of RAM that no line of /proc/meminfo tells.",
                names.join(", "),
                human(used)
            ),
            seen.join("; "),
            "Nothing is wrong if it holds files, such as those of log2ram; see `zramctl`. Otherwise \
             give the memory back with `sudo zramctl --reset` and the device's name.",
        )
    })
}

fn zram<'a>(case: &Case<'a>, is_swap: bool) -> impl Iterator<Item = &'a Zram> {
    case.evidence.zram.iter().filter(move |zram| zram.device.is_swap == is_swap)
}

/// The lines of the areas on these devices.
fn swap_lines(case: &Case<'_>, is_it: impl Fn(&str) -> bool) -> String {
    let on_it =
        case.evidence.swaps.iter().filter(|swap| swap.device.as_deref().is_some_and(&is_it));
    on_it.map(|swap| swap.line.as_str()).collect::<Vec<_>>().join(", ")
}

pub(super) fn zswap_before_zram(case: &Case<'_>) -> Option<Finding> {
    let evidence = case.evidence;
    if !evidence.zswap.is_on() {
        return None;
    }
    let lines = swap_lines(case, |device| device.starts_with("zram"));
    (!lines.is_empty()).then(|| {
        finding(
            (Warning, "zswap_before_zram"),
            "What is swapped out is compressed by zswap first, and then by zram: neither tells how \
             well memory really compresses, and the work is done twice.",
            [evidence.zswap.enabled.quote(), evidence.swaps_file.quote_part(&lines)].join("; "),
            case.boot_with("zswap.enabled=0"),
        )
    })
}

pub(super) fn zswap_in_ram(case: &Case<'_>) -> Option<Finding> {
    let get = |key: &str| case.evidence.meminfo.line_number(key);
    let (pool, original) = (get("Zswap")?, get("Zswapped")?);
    let used = memory::swap_used(case.sample).filter(|&used| used > 0)?;
    // Small pools mislead nobody.
    case.share(pool, 1).filter(|_| pool > 0 && original >= used / 10)?;
    Some(finding(
        (Note, "zswap_in_ram"),
        format!(
            "Of {} of swap in use, {} never reached a disk: zswap keeps it in RAM, compressed to {}.",
            human(used),
            human(original),
            human(pool)
        ),
        case.meminfo(&["Zswap", "Zswapped", "SwapTotal", "SwapFree"]),
        "Nothing is wrong. Judge by how much is swapped in and out, not by how much swap is used.",
    ))
}

pub(super) fn swap_on_sd(case: &Case<'_>) -> Option<Finding> {
    let evidence = case.evidence;
    let on_card = |device: &str| device.starts_with("mmcblk");
    let lines = swap_lines(case, on_card);
    let mut areas =
        evidence.swaps.iter().filter(|swap| swap.device.as_deref().is_some_and(on_card));
    let first = areas.next()?;
    let mut seen = vec![evidence.swaps_file.quote_part(&lines)];
    seen.extend(first.mount.as_deref().map(|line| format!("it lies on \"{}\"", clean(line))));
    let fix = if evidence.board.is_pi {
        "With Debian 13, write the lines `[Main]` and `Mechanism=zram` into \
         `/etc/rpi/swap.conf.d/50-zram.conf`, and restart. Before, turn the file off with \
         `sudo systemctl disable --now dphys-swapfile`."
    } else {
        "Take its line out of `/etc/fstab`, and swap to zram or to a disk."
    };
    Some(finding(
        (Note, "swap_on_sd"),
        format!(
            "{} lies on an SD card or eMMC: swapping wears it out, and everything waits for it.",
            clean(&first.area.name)
        ),
        seen.join("; "),
        fix,
    ))
}
