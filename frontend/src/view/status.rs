//! How current the numbers are.

use leptos::prelude::*;

use crate::status::{Kind, Status};

/// A few words in the header, which a screen reader speaks when they change.
#[component]
pub(crate) fn StatusLine(
    /// How current the numbers are.
    status: Memo<Status>,
) -> impl IntoView {
    let class = Memo::new(move |_| status.read().kind.class());
    let words = Memo::new(move |_| status.read().words);
    view! {
        <p class=move || format!("status {}", class.get()) role="status" data-name="status">
            <span class="dot" aria-hidden="true"></span>
            {words}
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
    let told = move || {
        let status = status.read();
        let tell = !matches!(status.kind, Kind::Live | Kind::Waiting);
        tell.then(|| (status.kind, status.detail.clone())).filter(|(_, detail)| !detail.is_empty())
    };
    let reload = |_| {
        // A page that cannot be reloaded stays as it is.
        window().location().reload().ok();
    };
    view! {
        {move || told().map(|(kind, detail)| view! {
            <div class=format!("banner {}", kind.class()) data-name="banner">
                <p>{detail}</p>
                {(kind == Kind::Refused).then(|| view! { <button type="button" on:click=reload>"Reload"</button> })}
            </div>
        })}
        <Show when=move || outdated.get()>
            <div class="banner outdated" data-name="outdated">
                <p>"The head has been updated since this page was loaded."</p>
                <button type="button" on:click=reload>"Reload"</button>
            </div>
        </Show>
    }
}
