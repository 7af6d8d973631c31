//! The keys.

use leptos::html::Dialog;
use leptos::prelude::*;

const KEYS: [(&str, &str); 6] = [
    ("space", "hold the numbers still, or let them go on"),
    ("l", "live: let them go on"),
    ("enter", "on a part of memory: what it is, and its line over time"),
    ("← →", "on the timeline: step through the readings"),
    ("?", "these keys"),
    ("esc", "close"),
];

/// A dialog that lists the keys.
#[component]
pub(crate) fn Help(
    /// The way to open it.
    dialog: NodeRef<Dialog>,
) -> impl IntoView {
    view! {
        <dialog node_ref=dialog aria-labelledby="keys">
            <h2 id="keys">"Keys"</h2>
            <dl class="keys">
                {KEYS.map(|(key, what)| view! { <div><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div> }).to_vec()}
            </dl>
            <form method="dialog"><button>"Close"</button></form>
        </dialog>
    }
}
