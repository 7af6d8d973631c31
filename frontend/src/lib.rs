//! The Headroom page: what a browser shows of the cluster.
//!
//! # Layout
//!
//! * [`access`]: who may do what here. Pure.
//! * [`rules`]: the rules by which harm is told, in words and in JSON. Pure.
//! * [`state`]: what the page knows; applies what the head says. Pure.
//! * [`fleet`]: the cluster as it is looked at: order, sums, geometry. Pure.
//! * [`fit`]: what is asked about the next job. Pure.
//! * [`foreseen`]: when memory runs out, in words. Pure.
//! * [`route`]: addresses. Pure.
//! * [`time`]: when is looked at, and what is known of it. Pure.
//! * [`status`]: how current that is, in words. Pure.
//! * `net`: the only module that touches the network.
//! * `store`: the state as signals, for the views.
//! * `view`: what is shown. Reads the store, never the network.
//! * `late`: what of the views is loaded when it is first used.
//! * `app`: puts them together.
//!
//! What is pure also compiles natively, and is tested there.

pub mod access;
pub mod fit;
pub mod fleet;
pub mod foreseen;
pub mod route;
pub mod rules;
pub mod state;
pub mod status;
pub mod time;

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod late;
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
    console_error_panic_hook::set_once();
    let document = leptos::prelude::document();
    if let Some(page) = document.body() {
        // What stands in the page is filled; Leptos gives it signals and effects.
        leptos::mount::mount_to(page.clone(), move || {
            app::start(&page);
        })
        .forget();
    }
}
