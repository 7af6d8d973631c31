//! Findings as text for people.

use shared::survey::Finding;

use crate::table::{plain, wrapped};

/// A block for each finding, or a sentence if there is none.
pub(super) fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "Nothing is missing or misleading on this node.\n".into();
    }
    let blocks: Vec<String> = findings.iter().map(block).collect();
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
    use shared::survey::Severity;

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
        assert_eq!(text(&[]), "Nothing is missing or misleading on this node.\n");
    }
}
