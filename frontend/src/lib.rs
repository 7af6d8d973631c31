//! The Headroom page: what a browser shows of the cluster.
//!
//! # Layout
//!
//! * [`state`]: what the page knows; applies what the head says. Pure.
//! * [`status`]: how current that is, in words. Pure.
//! * [`chart`]: the timeline's geometry and drawing, for any surface. Pure.
//! * `net`: the only module that touches the network.
//! * `store`: the state as signals, for the views.
//! * `view`: what is shown. Reads the store, never the network.
//! * `app`: puts them together.
//!
//! What is pure also compiles natively, and is tested there.

#![cfg_attr(
    target_arch = "wasm32",
    expect(unreachable_pub, reason = "Leptos makes the properties of a component public")
)]

pub mod chart;
pub mod state;
pub mod status;

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod net;
#[cfg(target_arch = "wasm32")]
mod store;
#[cfg(target_arch = "wasm32")]
mod view;

/// Starts the page in the place that is made for it.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn start() {
    use wasm_bindgen::JsCast as _;

    console_error_panic_hook::set_once();
    let document = leptos::prelude::document();
    if let Some(place) = document.get_element_by_id("app") {
        place.set_inner_html("");
        leptos::mount::mount_to(place.unchecked_into(), app::App).forget();
    }
}
