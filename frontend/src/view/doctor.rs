//! What is missing or misleading on a node, and what helps.

use leptos::prelude::*;
use shared::survey::{Finding, Severity};

use super::amount::text;
use super::panel::Panel;
use crate::state::Readout;

/// The findings, the worst first.
#[component]
pub(crate) fn Doctor(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let opened = RwSignal::new(false);
    let findings =
        Memo::new(move |_| readout.read().survey.as_ref().map(|survey| survey.findings.clone()));
    let gist = text(move || match findings.read().as_deref() {
        None => "not looked around yet".into(),
        Some([]) => "nothing is missing or misleading".into(),
        Some([one]) => one.finding.clone(),
        Some(all) => format!("{} findings", all.len()),
    });
    let entry = |finding: Finding| {
        view! {
            <li class=format!("finding {}", class(finding.severity)) data-name=finding.id>
                <p class="what"><b>{finding.severity.name()}</b>" "{finding.finding}</p>
                <p class="seen">"Seen: "{finding.evidence}</p>
                <p class="fix">{finding.fix}</p>
            </li>
        }
    };
    view! {
        <Panel name="doctor" title="Doctor" gist opened>
            <ul class="findings">
                {move || findings.get().unwrap_or_default().into_iter().map(entry).collect_view()}
            </ul>
            <p class="sentence">"Headroom changes nothing on a node: what is to be done is yours to do."</p>
        </Panel>
    }
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Trouble => "wrong",
        Severity::Warning => "strained",
        Severity::Note => "noted",
    }
}
