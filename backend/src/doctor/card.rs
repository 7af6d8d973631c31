//! What was written to disks, by whom, and whether a card bears it.

mod words;

use std::fmt::Write as _;

use shared::Field;
use shared::survey::Finding;
use shared::survey::Severity::{Note, Warning};
use shared::units::span;

use super::{Case, finding};
use crate::probe::survey::{Disk, DiskKind, Evidence, HEADROOM, Who, Wrote, clean};
use words::{advice, amount, long};

/// The finding's name.
pub(super) const ID: &str = "disk_writes";

/// A card that takes this part of itself a day wears: it is written over once a month. Cheap cells of
/// three bits bear some 500 erasures (what makers say of cards with a promise of endurance comes to
/// some 900), and small writes make a card erase some ten times of what they change: so it bears being
/// written over some fifty times, which is then four years. See docs/sd-card.md.
const WEARS: u64 = 30;
/// Tenths of its life: an eMMC with less than a fifth of it left wears.
const OLD: u8 = 9;
/// Bytes that Headroom may write in a day, on a head with 16 nodes that report each second.
const BUDGET: u64 = 50_000_000;

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
/// No more disks are told of at once.
const MOST_DISKS: usize = 3;
/// Nor more of those who wrote to one.
const MOST_WRITERS: usize = 4;

/// Whether a card of the node wears: then it is worth while to find out who writes.
pub(super) fn wears_a_card(evidence: &Evidence) -> bool {
    let writes = &evidence.writes;
    let uptime_s = writes.uptime_s().unwrap_or(0);
    writes.disks.iter().any(|disk| wears(disk, uptime_s))
}

/// The first day counts as a whole one: a start, or an upgrade, is no habit.
fn wears(disk: &Disk, uptime_s: u64) -> bool {
    if !disk.kind.is_card() {
        return false;
    }
    if let Some(tenth) = disk.tenth_of_life() {
        return tenth >= OLD;
    }
    let bearable = u128::from(disk.size) * u128::from(uptime_s.max(DAY_S));
    disk.size > 0 && u128::from(disk.written) * u128::from(WEARS * DAY_S) > bearable
}

pub(super) fn disk_writes(case: &Case<'_>) -> Option<Finding> {
    let writes = &case.evidence.writes;
    let uptime_s = writes.uptime_s().filter(|&uptime_s| uptime_s > 0)?;
    let own = own(case);
    let days = |seconds: u64| u128::from(seconds.max(DAY_S));
    let is_over = own.is_some_and(|own| {
        let runs_s = writes.runs_s.filter(|_| !writes.is_asked).unwrap_or(uptime_s);
        u128::from(own) * u128::from(DAY_S) > u128::from(BUDGET) * days(runs_s)
    });
    let is_told = |disk: &&Disk| disk.kind.is_card() || writes.is_asked || is_over;
    let mut disks: Vec<&Disk> = writes.disks.iter().filter(is_told).collect();
    disks.sort_by_key(|disk| (!wears(disk, uptime_s), !disk.kind.is_card()));
    disks.truncate(MOST_DISKS);
    let first = *disks.first()?;

    let report = Report { case, uptime_s, own };
    let mut sentence = String::new();
    for disk in &disks {
        report.disk(&mut sentence, disk);
    }
    report.others(&mut sentence, &disks);
    if let Some(own) = own.filter(|_| writes.is_asked || is_over) {
        report.budget(&mut sentence, own, is_over);
    }
    let is_worn = wears(first, uptime_s);
    Some(finding(
        (if is_worn { Warning } else { Note }, ID),
        sentence,
        report.seen(&disks),
        report.fix(first, is_worn),
    ))
}

/// Bytes that Headroom wrote: all of it where that was looked for, else the program that looks.
fn own(case: &Case<'_>) -> Option<u64> {
    let who = case.evidence.writes.who.as_ref();
    let in_groups = who.map(|who| {
        let own = who.groups.iter().filter(|(_, wrote)| wrote.name == HEADROOM);
        own.map(|(_, wrote)| wrote.bytes).sum::<u64>()
    });
    let of_processes = who.and_then(|who| {
        let own = who.processes.iter().find(|wrote| wrote.name == HEADROOM);
        own.map(|own| own.bytes).or((who.hidden == 0 && who.told > 0).then_some(0))
    });
    let of_this = case.sample.get(Field::OwnWritten);
    in_groups.filter(|&bytes| bytes > 0).max(of_processes).max(of_this)
}

/// What all sentences need.
struct Report<'a> {
    case: &'a Case<'a>,
    uptime_s: u64,
    own: Option<u64>,
}

impl Report<'_> {
    /// Bytes since boot as they are told: in a day, once one has passed.
    fn told(&self, bytes: u64) -> String {
        if self.uptime_s < DAY_S { amount(bytes) } else { self.of_a_day(bytes) }
    }

    fn of_a_day(&self, bytes: u64) -> String {
        let of_a_day = u128::from(bytes) * u128::from(DAY_S) / u128::from(self.uptime_s);
        amount(u64::try_from(of_a_day).unwrap_or(u64::MAX))
    }

    fn disk(&self, text: &mut String, disk: &Disk) {
        let what = match disk.kind {
            DiskKind::SdCard => format!(", an SD card of {},", amount(disk.size)),
            DiskKind::Emmc => format!(", an eMMC of {},", amount(disk.size)),
            DiskKind::Stick => format!(", a USB stick of {},", amount(disk.size)),
            DiskKind::Other => String::new(),
        };
        let (name, up) = (clean(&disk.name), span(self.uptime_s));
        let told = self.told(disk.written);
        let how = match self.uptime_s {
            0..HOUR_S => format!("took {told} since boot ({up})"),
            HOUR_S..DAY_S => {
                let of_a_day = self.of_a_day(disk.written);
                format!("took {told} since boot ({up}), at which rate a day is {of_a_day}")
            }
            _ => format!("takes {told} a day since boot ({up})"),
        };
        let gap = if text.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        write!(text, "{gap}{name}{what} {how}").ok();
        let wrote = self.who_wrote_to(disk);
        if wrote.is_empty() {
            text.push('.');
            return;
        }
        let all = wrote.iter().fold(0_u64, |sum, wrote| sum.saturating_add(wrote.bytes));
        let rest = disk.written.saturating_sub(all);
        write!(text, ": {}", self.list(&wrote)).ok();
        if rest > disk.written / 100 {
            let of = "journals of file systems, swap, and what has ended or may not be read";
            write!(text, ", the rest {} ({of})", self.told(rest)).ok();
        }
        text.push('.');
    }

    /// Control groups tell it of each disk; what processes wrote went to this one if there is no other.
    fn who_wrote_to(&self, disk: &Disk) -> Vec<Wrote> {
        let writes = &self.case.evidence.writes;
        let others = writes.disks.iter().filter(|it| it.name != disk.name);
        let others = others.fold(0_u64, |sum, other| sum.saturating_add(other.written));
        let is_alone = others <= disk.written / 20;
        let Some(who) = &writes.who else {
            let own = self.own.filter(|_| is_alone);
            return own.map(|bytes| Wrote { name: HEADROOM.into(), bytes }).into_iter().collect();
        };
        let sum = |wrote: &[Wrote]| {
            wrote.iter().fold(0_u64, |sum, wrote| sum.saturating_add(wrote.bytes))
        };
        let groups = who.of_disk(disk.device);
        let processes = if is_alone { who.processes.as_slice() } else { &[] };
        // What went through the page cache is charged to groups only where memory is, too.
        let by_groups = sum(&groups) >= sum(processes);
        let mut wrote = if by_groups { groups } else { processes.to_vec() };
        // That it wrote nothing is told, too.
        if let Some(bytes) = self.own.filter(|_| is_alone)
            && !wrote.iter().any(|wrote| wrote.name == HEADROOM)
        {
            wrote.push(Wrote { name: HEADROOM.into(), bytes });
        }
        wrote
    }

    /// The largest, and Headroom, however little that is.
    fn list(&self, wrote: &[Wrote]) -> String {
        let is_own = |wrote: &&Wrote| wrote.name == HEADROOM;
        let own = wrote.iter().skip(MOST_WRITERS).find(is_own);
        let told = wrote.iter().take(MOST_WRITERS).chain(own);
        let told = told.map(|wrote| format!("{} {}", wrote.name, self.told(wrote.bytes)));
        told.collect::<Vec<_>>().join(", ")
    }

    /// Who wrote, if it is not known to which disk.
    fn others(&self, text: &mut String, disks: &[&Disk]) {
        let own = self.own.map(|bytes| Wrote { name: HEADROOM.into(), bytes });
        let wrote = match &self.case.evidence.writes.who {
            Some(who) => who.processes.clone(),
            None => own.into_iter().collect(),
        };
        if wrote.is_empty() || disks.iter().any(|disk| !self.who_wrote_to(disk).is_empty()) {
            return;
        }
        write!(text, " To whichever of its disks, there wrote {}.", self.list(&wrote)).ok();
    }

    fn budget(&self, text: &mut String, own: u64, is_over: bool) {
        let per = if self.uptime_s < DAY_S { "" } else { " a day" };
        let is = if is_over { "that is more than" } else { "of" };
        let own = self.told(own);
        let budget = amount(BUDGET);
        write!(text, " {HEADROOM} itself wrote {own}{per}, {is} the {budget} a day that are meant for a head with 16 nodes.").ok();
    }

    fn seen(&self, disks: &[&Disk]) -> String {
        let writes = &self.case.evidence.writes;
        let lines: Vec<String> =
            disks.iter().map(|disk| writes.diskstats.quote_part(&disk.line)).collect();
        let mut seen = vec![lines.join("; "), writes.uptime.quote()];
        seen.extend(disks.iter().filter_map(|disk| Some(disk.life_time.as_ref()?.quote())));
        if let Some(who) = &writes.who {
            if disks.iter().any(|disk| !who.of_disk(disk.device).is_empty()) {
                seen.push(format!(
                    "io.stat of the groups in {}",
                    clean(&who.groups_dir.display().to_string())
                ));
            }
            let proc = clean(&self.case.evidence.roots.proc.display().to_string());
            let s = if who.told == 1 { "" } else { "es" };
            let mut of = format!("write_bytes of {proc}/PID/io of {} process{s}", who.told);
            if who.hidden > 0 {
                write!(of, ", {} more may not be read", who.hidden).ok();
            }
            seen.push(of);
        }
        if let Some(dir) = &writes.data_dir
            && let Some(disk) = self.case.evidence.disk_of(dir)
        {
            let dir = clean(&dir.display().to_string());
            seen.push(format!("{dir} with history is on {}", clean(&disk)));
        }
        seen.join("; ")
    }

    fn fix(&self, first: &Disk, is_worn: bool) -> String {
        let writes = &self.case.evidence.writes;
        let mut fix = String::new();
        let name = clean(&first.name);
        let days = u128::from(first.size) * u128::from(self.uptime_s)
            / u128::from(first.written.max(1))
            / u128::from(DAY_S);
        match (first.tenth_of_life(), first.kind.is_card()) {
            (Some(tenth), true) => {
                let used = if tenth > 10 {
                    "more than all".into()
                } else {
                    format!("up to {tenth} tenths")
                };
                write!(fix, "By its own account {used} of its life is used. ").ok();
                fix.push_str(if is_worn {
                    "Have a copy of what matters, and another at hand. "
                } else {
                    "Nothing is wrong. "
                });
            }
            (None, true) if is_worn => {
                write!(fix, "So {name} is written over once in {}, and a cheap one bears that some fifty times. ", long(days)).ok();
            }
            (None, true) if self.uptime_s >= HOUR_S => {
                write!(fix, "Nothing is wrong: so {name} is written over once in {}. ", long(days))
                    .ok();
            }
            _ => fix.push_str("Nothing is wrong. "),
        }
        let wrote = self.who_wrote_to(first);
        let is_blind = writes.who.as_ref().is_none_or(Who::is_blind);
        if is_blind && writes.is_asked {
            fix.push_str("`sudo headroom doctor` tells of the processes of others, too. ");
        } else if is_blind {
            fix.push_str("`sudo headroom doctor` on the node tells who writes. ");
        }
        if first.kind.is_card() && (!is_blind || !wrote.is_empty()) {
            let swaps = &self.case.evidence.swaps;
            let has_swap = swaps
                .iter()
                .any(|swap| swap.device.as_deref().is_some_and(|it| it.starts_with(&first.name)));
            fix.push_str(&advice(&wrote, first.written, has_swap));
        }
        fix.truncate(fix.trim_end().len());
        fix
    }
}
