//! Panels that open on request.

use leptos::prelude::*;

/// A panel with a title and a line that says what is in it; its content is made when it is first
/// opened.
#[component]
pub(crate) fn Panel(
    /// Names it for tests and scripts.
    name: &'static str,
    /// Its title.
    title: &'static str,
    /// What is in it, in a line.
    gist: Signal<String>,
    /// Is told when it opens and closes.
    opened: RwSignal<bool>,
    /// What is in it.
    children: ChildrenFn,
) -> impl IntoView {
    // Once made it stays, so that it opens as it was left.
    let made =
        Memo::new(move |before: Option<&bool>| opened.get() || before.copied().unwrap_or(false));
    view! {
        <details class="panel more-of" data-name=name on:toggle=move |event| {
            use leptos::wasm_bindgen::JsCast as _;

            let open = event.target().and_then(|target| target.dyn_into::<leptos::web_sys::Element>().ok());
            opened.set(open.is_some_and(|details| details.has_attribute("open")));
        }>
            <summary><h2>{title}</h2><span class="gist">{gist}</span></summary>
            <Show when=move || made.get()>{children()}</Show>
        </details>
    }
}
