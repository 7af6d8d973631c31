//! Puts store, link, keys and views together.

use std::time::Duration;

use leptos::ev;
use leptos::html::Dialog;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::net;
use crate::status::Kind;
use crate::store::Store;
use crate::view::amount::text;
use crate::view::help::Help;
use crate::view::node::NodeView;
use crate::view::status::{StatusLine, Trouble};

/// The page.
#[component]
pub(crate) fn App() -> impl IntoView {
    let store = Store::new();
    let help = NodeRef::<Dialog>::new();
    spawn_local(net::follow(move |event| store.hear(event)));
    // Ages go on even when nothing arrives, which is when they matter.
    let clock = set_interval_with_handle(move || store.tick(), Duration::from_millis(500));
    on_cleanup(move || {
        if let Ok(clock) = clock {
            clock.clear();
        }
    });
    let keys = window_event_listener(ev::keydown, move |event| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        match event.key().as_str() {
            " " if !on_a_control(&event) => {
                event.prevent_default();
                store.freeze(!store.frozen.get_untracked());
            }
            "l" => store.freeze(false),
            "?" => {
                if let Some(help) = help.get_untracked().filter(|help| !help.open()) {
                    // It can only fail on a dialog that is open.
                    help.show_modal().ok();
                }
            }
            _ => {}
        }
    });
    on_cleanup(move || keys.remove());

    let only = move || store.nodes.with(|nodes| nodes.first().copied());
    let status = Memo::new(move |_| store.status(only()));
    let connecting = move || status.read().kind == Kind::Connecting;
    let main_class = text(move || match (status.read().kind, store.nodes.read().is_empty()) {
        (Kind::Connecting, _) => "gone".into(),
        (Kind::Stale | Kind::Refused, false) => "page dim".into(),
        (_, true) => "page no-node".into(),
        _ => "page".into(),
    });
    // The layout to come stays until there is something to put in its place.
    Effect::new(move |_| {
        let skeleton = document().get_element_by_id("skeleton");
        if let Some(skeleton) = skeleton.filter(|_| !connecting()) {
            skeleton.remove();
        }
    });
    view! {
        <header class="top">
            <a class="brand" href="/"><svg aria-hidden="true" viewBox="0 0 32 32"><path class="mark-used" d="M4 20h24v8H4z"/><path class="mark-room" d="M4 4h24v12H4z"/></svg>"Headroom"</a>
            <StatusLine status/>
            <button class="quiet" type="button" on:click=move |_| {
                if let Some(help) = help.get() { help.show_modal().ok(); }
            }>"Keys"</button>
        </header>
        <Trouble status outdated=store.outdated.into()/>
        <main class=main_class>
            <For each=move || store.nodes.get() key=|node| node.number let(node)>
                <NodeView store node/>
            </For>
            <p class="empty">{text(move || status.read().detail.clone())}</p>
        </main>
        <Help dialog=help/>
    }
}

/// Whether the key belongs to something that space works: a button, a link, an open dialog.
fn on_a_control(event: &ev::KeyboardEvent) -> bool {
    use leptos::wasm_bindgen::JsCast as _;

    event
        .target()
        .and_then(|target| target.dyn_into::<leptos::web_sys::Element>().ok())
        .is_some_and(|element| {
            element.closest("button, a, summary, dialog").ok().flatten().is_some()
        })
}
