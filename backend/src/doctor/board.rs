//! What the board lacks, suffers from, or makes up.

use shared::survey::Finding;
use shared::survey::Severity::{Note, Trouble, Warning};

use super::{Case, finding};
use crate::probe::survey::{clean, name};

const SUPPLY: &str = "Use a supply made for this board, with a short and thick cable, and give USB \
                      disks a supply of their own.";

pub(super) fn under_voltage(case: &Case<'_>) -> Option<Finding> {
    let alarm = case.evidence.under_voltage.as_ref().filter(|alarm| alarm.number() == Some(1))?;
    Some(finding(
        (Trouble, "under_voltage"),
        "The supply's voltage is too low: the board slows down, and may lose data or stop.",
        alarm.quote(),
        SUPPLY,
    ))
}

/// The bits of `get_throttled`; 16 higher the same since boot.
const THROTTLED: [&str; 4] =
    ["under-voltage", "frequency capped", "throttled", "soft temperature limit reached"];

pub(super) fn throttled(case: &Case<'_>) -> Option<Finding> {
    let answer = case.evidence.throttled.as_ref()?;
    let word = answer.word()?;
    let bits = u32::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok()?;
    let told = |shift: u32| {
        let set = |(bit, _): &(u32, &str)| bits & (1 << (bit + shift)) != 0;
        (0..).zip(THROTTLED).filter(set).map(|(_, name)| name).collect::<Vec<_>>().join(", ")
    };
    let (now, since_boot) = (told(0), told(16));
    let (severity, sentence) = match (now.as_str(), since_boot.as_str()) {
        ("", "") => return None,
        ("", _) => (Warning, format!("The firmware says: since boot {since_boot}; not now.")),
        (_, "") => (Trouble, format!("The firmware says: now {now}.")),
        _ => (Trouble, format!("The firmware says: now {now}; since boot {since_boot}.")),
    };
    // Bits 0 and 16: under-voltage. The others come of heat.
    let fix = if bits & 0x1_0001 == 0 { "Give the board a cooler, or more air." } else { SUPPLY };
    Some(finding((severity, "throttled"), sentence, answer.quote(), fix))
}

pub(super) fn no_rtc(case: &Case<'_>) -> Option<Finding> {
    let (dir, clocks) = case.evidence.clocks.as_ref()?;
    if !case.evidence.board.has_device_tree || *clocks > 0 || case.in_container() {
        return None;
    }
    let board = case.facts.model.as_deref().map_or("This board".into(), clean);
    let fix = if case.evidence.board.is_pi {
        "Headroom does not rely on it. For right times in logs keep the time from the network on, \
         `sudo timedatectl set-ntp true`, or add a clock and its line in `/boot/firmware/config.txt`, \
         such as `dtoverlay=i2c-rtc,ds3231`."
    } else {
        "Headroom does not rely on it. For right times in logs keep the time from the network on, \
         `sudo timedatectl set-ntp true`, or add a clock."
    };
    Some(finding(
        (Note, "no_rtc"),
        format!(
            "{board} has no clock that runs while it is off: after a start its time is wrong until \
             the network tells it."
        ),
        format!("{} has no rtc0", name(dir)),
        fix,
    ))
}

pub(super) fn fake_numa(case: &Case<'_>) -> Option<Finding> {
    let evidence = case.evidence;
    let nodes = evidence.board.numa_nodes;
    if !evidence.board.is_pi || nodes < 2 {
        return None;
    }
    let dir = evidence.roots.sys.join("devices/system/node");
    let mut seen = vec![format!("{} has node0 … node{}", name(&dir), nodes - 1)];
    let word = evidence.boot_words().find(|word| word.starts_with("numa=fake"));
    seen.extend(word.map(|word| evidence.cmdline.quote_part(word)));
    Some(finding(
        (Note, "fake_numa"),
        format!(
            "The firmware divides memory into {nodes} NUMA nodes to make it faster; they are no \
             sockets, and programs can use all of it."
        ),
        seen.join("; "),
        "Nothing is wrong. Do not judge by the numbers of one of these nodes.",
    ))
}
