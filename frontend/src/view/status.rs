//! How current the numbers are.

use leptos::prelude::*;

use super::amount::text;
use crate::status::{Kind, Status};

/// A few words in the header, which a screen reader speaks when they change.
#[component]
pub(crate) fn StatusLine(
    /// How current the numbers are.
    status: Memo<Status>,
) -> impl IntoView {
    view! {
        <p class=text(move || format!("status {}", status.read().kind.class())) role="status" data-name="status">
            <span class="dot" aria-hidden="true"></span>
            {text(move || status.read().words.into())}
        </p>
    }
}

/// What is wrong and what to do; absent while nothing is.
#[component]
pub(crate) fn Trouble(
    /// How current the numbers are.
    status: Memo<Status>,
    /// Whether the head serves a newer page.
    outdated: Signal<bool>,
) -> impl IntoView {
    let class = text(move || {
        let kind = status.read().kind;
        let quiet = matches!(kind, Kind::Live | Kind::Connecting | Kind::Waiting);
        format!("banner {}", if quiet { "gone" } else { kind.class() })
    });
    let outdated_class =
        text(move || format!("banner {}", if outdated.get() { "outdated" } else { "gone" }));
    let reload = |_| {
        // A page that cannot be reloaded stays as it is.
        window().location().reload().ok();
    };
    view! {
        <div class=class data-name="banner">
            <p>{text(move || status.read().detail.clone())}</p>
        </div>
        <div class=outdated_class data-name="outdated">
            <p>"The head has been updated since this page was loaded."</p>
            <button type="button" on:click=reload>"Reload"</button>
        </div>
    }
}
