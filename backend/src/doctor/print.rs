//! Findings as text for people.

use shared::survey::{Finding, Severity};

use super::card;
use crate::table::{plain, wrapped};

/// A block for each finding, and a sentence if nothing is wrong with any number.
pub(super) fn text(findings: &[Finding]) -> String {
    let is_aside = |finding: &Finding| finding.id == card::ID && finding.severity == Severity::Note;
    let mut blocks: Vec<String> = findings.iter().map(block).collect();
    if findings.iter().all(is_aside) {
        blocks.insert(0, "Nothing is missing or misleading on this node.\n".into());
    }
    blocks.join("\n")
}

fn block(finding: &Finding) -> String {
    let Finding { id, severity, finding, evidence, fix } = finding;
    let part = |start: &str, text| wrapped(start, start.len(), text);
    format!("{} {}\n", severity.name(), plain(id))
        + &part("  ", finding)
        + &part("  seen: ", evidence)
        + &part("  fix:  ", fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::WIDTH;

    #[test]
    fn blocks_are_wrapped_and_code_is_not_broken() {
        let finding = Finding {
            id: "psi_off".into(),
            severity: Severity::Warning,
            finding: "word ".repeat(20),
            evidence: "/proc/x: \"é\"".into(),
            fix: format!("Write {} `vm.min_free_kbytes = 1` there.", "it ".repeat(18)),
        };
        let text = text(&[finding.clone(), finding]);
        let block = "warning psi_off\n  \
             word word word word word word word word word word word word word word word\n  \
             word word word word word\n  \
             seen: /proc/x: \"é\"\n  \
             fix:  Write it it it it it it it it it it it it it it it it it it\n        \
             `vm.min_free_kbytes = 1` there.\n";
        assert_eq!(text, format!("{block}\n{block}"));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn nothing_found_is_said() {
        let nothing = "Nothing is missing or misleading on this node.\n";
        assert_eq!(text(&[]), nothing);
        let mut aside = Finding {
            id: card::ID.into(),
            severity: Severity::Note,
            finding: "f".into(),
            evidence: "e".into(),
            fix: "x".into(),
        };
        let block = "note disk_writes\n  f\n  seen: e\n  fix:  x\n";
        assert_eq!(text(std::slice::from_ref(&aside)), format!("{nothing}\n{block}"));
        aside.severity = Severity::Warning;
        assert!(text(&[aside]).starts_with("warning disk_writes\n"));
    }
}
