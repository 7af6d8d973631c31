//! What moves time: play, steps, ranges, and the keys for them.

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlSelectElement};

use super::dom::{add_text, find, follow, on, set, show};
use crate::store::Store;
use crate::time::step::SPEEDS;
use crate::time::{PRESETS, Time};

/// Fills the controls of the time bar: play, ranges, the way back to live.
pub(super) fn add_controls(root: &Element, store: Store) {
    let part = |name| find(root, name);
    on(part("back-to-live"), "click", move |_| store.travel(store.time().live()));
    let (more, all) = (part("time-more"), root.clone());
    on(more.clone(), "click", move |_| {
        let is_open = all.class_list().toggle("open").unwrap_or(false);
        set(&more, "aria-expanded", if is_open { "true" } else { "false" });
    });
    for (name, steps) in [("step-back", -1), ("step-on", 1)] {
        on(part(name), "click", move |_| step(store, steps));
    }
    let play = part("play");
    on(&play, "click", move |_| store.play(!store.is_playing()));
    let speed: HtmlSelectElement = part("speed").unchecked_into();
    for each in SPEEDS {
        let option = add_text(&speed, "option", "", &[&each.to_string(), "×"].concat());
        set(&option, "value", &each.to_string());
    }
    speed.set_value(&store.speed().to_string());
    let chosen = speed.clone();
    on(&speed, "change", move |_| {
        if let Ok(speed) = chosen.value().parse() {
            store.set_speed(speed);
        }
    });
    let ranges = part("ranges");
    let moving = ["step-back", "play", "step-on"].map(part);
    let buttons = PRESETS.map(|(span_ms, words)| {
        let button = add_text(&ranges, "button", "", words);
        set(&button, "type", "button");
        on(&button, "click", move |_| {
            let time = store.time();
            let live_ms = store.live_ms();
            store.travel(match time.at_ms {
                None => Time::last(span_ms),
                // As much before the moment as there was.
                Some(_) => time.zoomed(span_ms as f64 / time.span_ms.max(1) as f64, None, live_ms),
            });
        });
        (button, span_ms)
    });
    follow(move || {
        let time = store.moved();
        let (is_kept, is_playing) = (store.keeps_history(), store.is_playing());
        for (button, span_ms) in &buttons {
            set(button, "aria-pressed", if time.span_ms == *span_ms { "true" } else { "false" });
            enable(button, is_kept || *span_ms == PRESETS[0].0);
        }
        for button in &moving {
            enable(button, is_kept);
        }
        show(&play, if is_playing { "❚❚" } else { "▶" });
        set(&play, "aria-label", if is_playing { "Pause" } else { "Play" });
    });
}

fn enable(button: &Element, is_on: bool) {
    if is_on {
        button.remove_attribute("disabled").ok();
    } else {
        set(button, "disabled", "");
    }
}

/// A step of the moment, as fine as the past is known there.
fn step(store: Store, steps: i64) {
    if !store.keeps_history() {
        return;
    }
    let live_ms = store.live_ms();
    let time = store.time();
    let from_ms = time.at_ms.unwrap_or(live_ms);
    let step_ms = store.width_ms().max(1000).cast_signed();
    // The first step back from now leads to a whole second that is over.
    let at_ms = if time.at_ms.is_none() { from_ms / 1000 * 1000 } else { from_ms };
    store.travel(time.at(at_ms.saturating_add_signed(steps * step_ms), live_ms));
}

/// Keys of time that work everywhere. Says whether it was one.
pub(crate) fn press_time(store: Store, key: &str) -> bool {
    let (time, live_ms) = (store.time(), store.live_ms());
    if !store.keeps_history() {
        return false;
    }
    match key {
        "p" => store.play(!store.is_playing()),
        "," => step(store, -1),
        "." => step(store, 1),
        "+" | "=" => store.travel(time.zoomed(0.5, None, live_ms)),
        "-" => store.travel(time.zoomed(2.0, None, live_ms)),
        "0" => store.travel(match time.at_ms {
            None => Time::default(),
            Some(_) => time.zoomed(PRESETS[0].0 as f64 / time.span_ms as f64, None, live_ms),
        }),
        _ => return false,
    }
    true
}
