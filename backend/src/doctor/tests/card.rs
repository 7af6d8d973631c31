//! What was written to disks: told of cards, and of all disks to whoever asks.

use std::fs;

use shared::survey::Severity;

use super::node::{HEALTHY, Node, PI};

/// A Raspberry Pi on which nothing is wrong but what is written to its card.
fn pi() -> Node {
    let node = Node::new(HEALTHY);
    for (path, text) in PI {
        let is_of_card = path.contains("mmcblk0") || path.ends_with("/diskstats");
        if is_of_card || path.ends_with("/uptime") || path.split('/').nth(1).is_some_and(is_number)
        {
            node.write(path, text);
        }
    }
    node.write("proc/self/mountinfo", "1 0 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n");
    node
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Seconds since boot, and sectors written to the card.
fn set(node: &Node, uptime_s: u64, sectors: u64) {
    node.write("proc/uptime", format!("{uptime_s}.00 1.00\n"));
    node.write("proc/diskstats", format!("179 0 mmcblk0 1 0 8 1 1 0 {sectors} 1 0 1 1\n"));
}

#[test]
fn a_card_that_wears_is_a_warning_with_who_wrote() {
    let found = pi().one("disk_writes");
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(
        found.finding,
        "mmcblk0, an SD card of 31.9 GB, takes 1.20 GB a day since boot (3\u{a0}d): systemd-journald \
         410 MB, Headroom 31.0 MB, systemd 3.00 MB, the rest 756 MB (journals of file systems, swap, and \
         what has ended or may not be read)."
    );
    assert!(found.evidence.contains("/diskstats: \"179 0 mmcblk0 90 1 8000 1 88 7 7031250 …\""));
    assert!(found.evidence.contains("/uptime: \"259200.12 900000.00\""), "{}", found.evidence);
    assert!(found.evidence.ends_with("/proc/PID/io of 3 processes"), "{}", found.evidence);
    let fix =
        "So mmcblk0 is written over once in 26 days, and a cheap one bears that some fifty times.";
    assert!(found.fix.starts_with(fix), "{}", found.fix);
    assert!(found.fix.contains("`Storage=volatile`"), "{}", found.fix);
}

#[test]
fn that_headroom_wrote_nothing_is_told() {
    let node = pi();
    node.write("proc/400/io", "write_bytes: 4096\ncancelled_write_bytes: 4096\n");
    let found = node.one("disk_writes");
    assert!(found.finding.contains(", systemd 3.00 MB, Headroom 0 B, the rest "), "{found:?}");
}

#[test]
fn a_card_that_does_not_is_a_note_of_itself_alone() {
    let node = pi();
    set(&node, 10 * 86_400, 2_000_000);
    let found = node.one("disk_writes");
    assert_eq!(found.severity, Severity::Note);
    let sentence = "mmcblk0, an SD card of 31.9 GB, takes 102 MB a day since boot (10\u{a0}d).";
    assert_eq!(found.finding, sentence, "nobody looked who");
    let fix = "Nothing is wrong: so mmcblk0 is written over once in 10 months. `sudo headroom doctor` on \
               the node tells who writes.";
    assert_eq!(found.fix, fix);
    // A third of a month on, and as much again.
    set(&node, 10 * 86_400, 30_000_000);
    assert_eq!(node.one("disk_writes").severity, Severity::Warning);
}

#[test]
fn a_start_is_no_habit() {
    let node = pi();
    // A 31.9 GB card bears 1.06 GB a day.
    set(&node, 2400, 2_050_000);
    let found = node.one("disk_writes");
    assert_eq!(found.severity, Severity::Note);
    let sentence = "mmcblk0, an SD card of 31.9 GB, took 1.05 GB since boot (40\u{a0}min).";
    assert_eq!(found.finding, sentence);
    assert!(found.fix.starts_with("Nothing is wrong. "), "{}", found.fix);
    set(&node, 3 * 3600, 2_050_000);
    let sentence = "mmcblk0, an SD card of 31.9 GB, took 1.05 GB since boot (3\u{a0}h), at which rate a day \
                    is 8.40 GB.";
    assert_eq!(node.one("disk_writes").finding, sentence);
    set(&node, 2400, 2_100_000);
    assert_eq!(
        node.one("disk_writes").severity,
        Severity::Warning,
        "a day's worth is gone already"
    );
    node.write("proc/uptime", "0.50 0.10\n");
    assert_eq!(node.findings(), []);
}

#[test]
fn an_emmc_is_judged_by_its_own_account() {
    let node = pi();
    node.write("sys/block/mmcblk0/device/type", "MMC\n");
    assert_eq!(node.one("disk_writes").severity, Severity::Warning, "it tells nothing");
    node.write("sys/block/mmcblk0/device/life_time", "0x01 0x02\n");
    let found = node.one("disk_writes");
    assert_eq!(found.severity, Severity::Note);
    assert!(found.finding.starts_with("mmcblk0, an eMMC of 31.9 GB, takes"), "{}", found.finding);
    assert!(
        found.fix.starts_with("By its own account up to 2 tenths of its life is used. Nothing")
    );
    assert!(found.evidence.contains("life_time: \"0x01 0x02\""), "{}", found.evidence);
    node.write("sys/block/mmcblk0/device/life_time", "0x09 0x02\n");
    assert_eq!(node.one("disk_writes").severity, Severity::Warning);
    node.write("sys/block/mmcblk0/device/life_time", "0x00 0x00\n");
    assert_eq!(node.one("disk_writes").severity, Severity::Warning, "it does not know");
}

#[test]
fn other_disks_are_told_to_whoever_asks() {
    let mut node = pi();
    fs::rename(node.path("sys/block/mmcblk0"), node.path("sys/block/nvme0n1")).unwrap();
    node.write("proc/self/mountinfo", "1 0 259:2 / / rw - ext4 /dev/nvme0n1 rw\n");
    node.write("proc/diskstats", "259 0 nvme0n1 1 0 8 1 1 0 7031250 1 0 1 1\n");
    assert_eq!(node.findings(), []);
    node.person = true;
    let found = node.one("disk_writes");
    assert_eq!(found.severity, Severity::Note);
    assert!(
        found
            .finding
            .starts_with("nvme0n1 takes 1.20 GB a day since boot (3\u{a0}d): systemd-journald")
    );
    let budget = "Headroom itself wrote 31.0 MB a day, of the 50.0 MB a day that are meant for a head with \
                  16 nodes.";
    assert!(found.finding.ends_with(budget), "{}", found.finding);
    assert!(found.evidence.ends_with("/var/lib/headroom with history is on nvme0n1"));
    assert_eq!(found.fix, "Nothing is wrong.");
    // Of two disks, each of which took its share, processes do not say which.
    node.write("sys/block/sda/device/model", "x");
    node.write(
        "proc/diskstats",
        "259 0 nvme0n1 1 0 8 1 1 0 7031250 1 0 1 1\n8 0 sda 1 0 8 1 1 0 7031249 1 0 1 1\n",
    );
    let found = node.one("disk_writes");
    let both = "nvme0n1 takes 1.20 GB a day since boot (3\u{a0}d). sda takes 1.20 GB a day since boot \
                (3\u{a0}d). To whichever of its disks, there wrote systemd-journald 410 MB, Headroom";
    assert!(found.finding.starts_with(both), "{}", found.finding);
    // But control groups do.
    for group in ["a.slice", "a.slice/x.service"] {
        node.write(&format!("sys/fs/cgroup/{group}/io.stat"), "8:0 rbytes=0 wbytes=3000000000\n");
    }
    let found = node.one("disk_writes");
    assert!(
        found
            .finding
            .contains("sda takes 1.20 GB a day since boot (3\u{a0}d): x 1.00 GB, the rest")
    );
    assert!(found.evidence.contains("io.stat of the groups in "), "{}", found.evidence);
}

#[test]
fn the_budget_is_told_where_headroom_is_over_it() {
    let mut node = pi();
    fs::rename(node.path("sys/block/mmcblk0"), node.path("sys/block/nvme0n1")).unwrap();
    node.write("proc/diskstats", "259 0 nvme0n1 1 0 8 1 1 0 7031250 1 0 1 1\n");
    node.write("proc/400/io", "write_bytes: 180000000\n");
    node.person = true;
    let over = "Headroom itself wrote 60.0 MB a day, that is more than the 50.0 MB a day that are meant for \
                a head with 16 nodes.";
    assert!(node.one("disk_writes").finding.ends_with(over), "{}", node.one("disk_writes").finding);
}
