//! What is missing or misleading on a node, and what helps.

use std::cell::RefCell;
use std::sync::Arc;

use leptos::web_sys::Element;
use shared::survey::{Finding, Severity, Survey};

use super::dom::{add, add_text, dress, find, follow, set, show};
use super::panel::Panel;
use crate::store::Node;

/// Fills the panel of findings, the worst first.
pub(crate) fn add_doctor(root: &Element, node: &Node) {
    let panel = Panel::of(root, "doctor");
    let list = find(&panel.body, "findings");
    let shown: RefCell<Option<Option<Arc<Survey>>>> = RefCell::new(None);
    let node = node.clone();
    follow(move || {
        let readout = node.read();
        let (survey, is_past) = (readout.survey.clone(), readout.recorded.is_some());
        if is_past {
            show(&panel.gist, "tells of the present only");
        }
        if is_past || shown.borrow().as_ref() == Some(&survey) {
            return;
        }
        list.set_text_content(None);
        let findings = survey.as_ref().map(|survey| survey.findings.as_slice());
        show(
            &panel.gist,
            &match findings {
                None => "not looked around yet".into(),
                Some([]) => "nothing is missing or misleading".into(),
                Some([one]) => one.finding.clone(),
                // What is wrong must not wait to be looked for.
                Some([worst, ..]) if worst.severity == Severity::Trouble => {
                    format!("{} ({})", worst.finding, summary(findings.unwrap_or_default()))
                }
                Some(all) => summary(all),
            },
        );
        let is_wrong =
            findings.is_some_and(|all| all.iter().any(|one| one.severity == Severity::Trouble));
        dress(&panel.gist, if is_wrong { "gist wrong" } else { "gist" });
        for finding in findings.unwrap_or_default() {
            add_finding(&list, finding);
        }
        shown.replace(Some(survey));
    });
}

fn add_finding(list: &Element, finding: &Finding) {
    let entry = add(list, "li", &format!("finding {}", class(finding.severity)));
    set(&entry, "data-name", &finding.id);
    let what = add(&entry, "p", "what");
    add_text(&what, "strong", "", finding.severity.name());
    add_text(&what, "span", "", &format!(" {}", finding.finding));
    add_text(&entry, "p", "seen", &format!("Seen: {}", finding.evidence));
    let fix = add(&entry, "p", "fix");
    // What stands in backquotes is to be copied.
    for (index, piece) in finding.fix.split('`').enumerate() {
        add_text(&fix, if index % 2 == 0 { "span" } else { "code" }, "", piece);
    }
}

/// `1 trouble, 2 warnings`.
fn summary(findings: &[Finding]) -> String {
    let count = |severity: Severity| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {}{plural}", severity.name()))
    };
    let counts = [Severity::Trouble, Severity::Warning, Severity::Note].map(count);
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Trouble => "wrong",
        Severity::Warning => "strained",
        Severity::Note => "noted",
    }
}
