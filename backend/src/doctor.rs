//! `headroom doctor`: why a number is missing or misleads on this node, and the line that helps.
//! Judges what was read; changes nothing.

mod board;
mod card;
mod holders;
mod kernel;
mod place;
mod print;
mod swap;

use std::path::PathBuf;
use std::{fs, io};

use shared::breakdown::{Breakdown, Part};
use shared::memory::{Available, Split};
use shared::survey::{Finding, Severity};
use shared::units::percent_of;
use shared::{Field, NodeFacts, Sample};

use crate::ask;
use crate::config::DoctorArgs;
use crate::error::{self, Error, tell};
use crate::probe::survey::{self, Evidence};
use crate::probe::{Probe, host};

/// What follows from the sample. `None` is what cannot be worked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Derived {
    /// What of total memory no line of meminfo accounts for, in bytes.
    residual: Option<u64>,
    /// What the kernel keeps in reserve, in bytes.
    held_back: Option<u64>,
    /// Whether the available memory that is shown is an estimate of Headroom, not of the kernel.
    available_estimated: bool,
}

/// All that a rule may look at.
struct Case<'a> {
    evidence: &'a Evidence,
    facts: &'a NodeFacts,
    sample: &'a Sample,
    derived: &'a Derived,
}

type Rule = fn(&Case<'_>) -> Option<Finding>;

/// What each may find, in the order in which findings of one severity are told.
const RULES: [(&str, Rule); 27] = [
    ("under_voltage", board::under_voltage),
    ("throttled", board::throttled),
    ("hardware_corrupted", holders::hardware_corrupted),
    ("oom_kills", holders::oom_kills),
    ("lxcfs", place::lxcfs),
    ("container_limit", place::container_limit),
    ("available_missing", kernel::available_missing),
    ("available_estimated", kernel::available_estimated),
    ("available_zero", kernel::available_zero),
    ("psi_off", kernel::psi_off),
    ("psi_denied", kernel::psi_denied),
    ("memory_cgroup_off", kernel::memory_cgroup_off),
    ("zfs_arc", holders::zfs_arc),
    ("balloon", place::balloon),
    ("huge_pages_unused", holders::huge_pages_unused),
    ("tmpfs", holders::tmpfs),
    ("residual", holders::residual),
    ("held_back", holders::held_back),
    ("zswap_before_zram", swap::zswap_before_zram),
    ("zswap_in_ram", swap::zswap_in_ram),
    ("zram_promise", swap::zram_promise),
    ("zram_not_swap", swap::zram_not_swap),
    ("swap_on_sd", swap::swap_on_sd),
    ("cma", holders::cma),
    ("fake_numa", board::fake_numa),
    ("no_rtc", board::no_rtc),
    ("disk_writes", card::disk_writes),
];

/// Names of all that the doctor may find on a node, each with a paragraph in docs/troubleshoot.md. The head
/// has some of its own.
#[must_use]
pub fn names() -> [&'static str; RULES.len()] {
    RULES.map(|(name, _)| name)
}

/// What is missing or misleading, the worst first.
#[must_use]
pub fn findings(evidence: &Evidence, facts: &NodeFacts, sample: &Sample) -> Vec<Finding> {
    let derived = Derived {
        residual: Breakdown::of(sample, facts).get(Part::Residual),
        held_back: Split::of(sample).ok().map(|split| split.held_back),
        available_estimated: Available::of(sample).is_ok_and(|found| found.source.is_estimated()),
    };
    judge(&Case { evidence, facts, sample, derived: &derived })
}

/// Whether it is worth while to find out who writes to disks ([`Evidence::ask_who_wrote`]) before this is
/// judged, if nobody asked: a card wears.
#[must_use]
pub fn wants_writers(evidence: &Evidence) -> bool {
    card::wears_a_card(evidence)
}

fn judge(case: &Case<'_>) -> Vec<Finding> {
    let found = |(name, rule): &(&str, Rule)| {
        let found = rule(case)?;
        debug_assert_eq!(found.id, *name, "a rule finds what it is listed for");
        Some(found)
    };
    let mut findings: Vec<_> = RULES.iter().filter_map(found).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}

impl Case<'_> {
    /// Total memory, in bytes.
    fn total(&self) -> Option<u64> {
        self.sample.get(Field::Total).or_else(|| self.evidence.meminfo.line_number("MemTotal"))
    }

    /// The share of `bytes` in total memory as text, if it is at least `percent`.
    fn share(&self, bytes: u64, percent: u64) -> Option<String> {
        let total = self.total()?;
        let reached = u128::from(bytes) * 100 >= u128::from(total) * u128::from(percent);
        percent_of(bytes, total).filter(|_| reached)
    }

    fn in_container(&self) -> bool {
        self.evidence.container.is_some()
    }

    /// What was read in meminfo, safe to print.
    fn meminfo(&self, keys: &[&str]) -> String {
        self.evidence.meminfo.quote_lines(keys)
    }

    /// How to give the kernel `word` when it starts.
    fn boot_with(&self, word: &str) -> String {
        if self.in_container() {
            format!("This is a container, so it is up to its host: start that with `{word}`.")
        } else if self.evidence.board.is_pi {
            format!(
                "Add `{word}` at the end of the one line in `/boot/firmware/cmdline.txt` \
                 (`/boot/cmdline.txt` before Debian 12), after a blank, and restart."
            )
        } else if self.evidence.board.has_device_tree {
            format!(
                "Add `{word}` to the kernel's command line, in the settings of this board's boot \
                 loader, and restart."
            )
        } else {
            format!(
                "Add `{word}` to `GRUB_CMDLINE_LINUX_DEFAULT` in `/etc/default/grub`, run \
                 `sudo update-grub`, and restart."
            )
        }
    }
}

/// Ids are stable: scripts know them.
fn finding(
    (severity, id): (Severity, &str),
    finding: impl Into<String>,
    evidence: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    let (finding, evidence, fix) = (finding.into(), evidence.into(), fix.into());
    Finding { id: id.into(), severity, finding, evidence, fix }
}

/// Where there is more about each finding.
const MORE: &str = "\nMore about each: `man headroom-troubleshoot`, or docs/troubleshoot.md.\n";

/// Looks once and prints. That something was found is no error.
pub fn run(args: &DoctorArgs) -> Result<(), Error> {
    let findings = match &args.of.head {
        Some(head) => ask::of_node(head, &args.of, "doctor")?,
        None => look(args)?,
    };
    let text = match (args.json, findings.is_empty()) {
        (true, _) => json(&findings)?,
        (false, true) => print::text(&findings),
        (false, false) => print::text(&findings) + MORE,
    };
    error::print(&text)
}

fn look(args: &DoctorArgs) -> Result<Vec<Finding>, Error> {
    let roots = args.roots.resolve();
    let taken = Probe::open(&roots).read()?;
    taken.complaints.iter().for_each(tell);
    let mut evidence = survey::survey(&roots);
    evidence.ask_who_wrote();
    evidence.writes.is_asked = true;
    evidence.writes.data_dir = data_dir(args);
    if args.ask_firmware {
        evidence.ask_firmware();
        match &evidence.throttled {
            Some(answer) if answer.text().is_some() => {}
            Some(answer) => tell(format_args!("the firmware did not answer: {}", answer.quote())),
            None => tell(
                "there is no firmware to ask: this is no Raspberry Pi, or it runs another kernel",
            ),
        }
    }
    Ok(findings(&evidence, &host::facts(&roots), &taken.sample))
}

/// Where a head on this node keeps its data, with no links on the way, if it has any.
fn data_dir(args: &DoctorArgs) -> Option<PathBuf> {
    match args.data.clone().resolve() {
        // Others may not look into the directory that a service has for itself.
        Ok(dir) if fs::symlink_metadata(&dir).is_ok() => {
            Some(fs::canonicalize(&dir).unwrap_or(dir))
        }
        Ok(_) => None,
        Err(error) => {
            tell(error);
            None
        }
    }
}

fn json(findings: &[Finding]) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(findings).map_err(io::Error::from);
    text.map(|text| text + "\n").map_err(Error::Output)
}

#[cfg(test)]
mod tests;
