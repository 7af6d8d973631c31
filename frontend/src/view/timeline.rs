//! The last five minutes, with a cursor for pointer and keys.

use leptos::ev::{KeyboardEvent, PointerEvent};
use leptos::html::Canvas;
use leptos::prelude::*;
use leptos::web_sys::HtmlCanvasElement;
use shared::units::{fixed, human, span};

use super::amount::text;
use super::canvas::Canvas as Surface;
use crate::chart::scale::{Axis, Point, step};
use crate::chart::timeline::{Palette, draw};
use crate::store::{NodeSignal, Store};

/// What was drawn last: what the pointer is over.
#[derive(Clone, Default)]
struct Drawn {
    runs: Vec<Vec<Point>>,
    axis: Option<Axis>,
    density: f64,
}

/// Shows a node's last five minutes.
#[component]
pub(crate) fn Timeline(
    /// The state.
    store: Store,
    /// Which node.
    node: NodeSignal,
) -> impl IntoView {
    let canvas = NodeRef::<Canvas>::new();
    let drawn = StoredValue::new_local(Drawn::default());
    let cursor: RwSignal<Option<Point>> = RwSignal::new(None);
    let resized = RwSignal::new(());
    let listener = window_event_listener(leptos::ev::resize, move |_| resized.notify());
    on_cleanup(move || listener.remove());

    Effect::new(move |_| {
        node.readout.track();
        resized.track();
        if let Some(canvas) = canvas.get() {
            drawn.set_value(paint(&canvas, store.runs(node, node.part.get())));
        }
    });

    let point_at = move |event: PointerEvent| {
        cursor.set(drawn.with_value(|drawn| {
            let x = f64::from(event.offset_x()) * drawn.density;
            drawn.axis?.nearest(&drawn.runs, x)
        }));
    };
    let step_by = move |event: KeyboardEvent| {
        let steps = match event.key().as_str() {
            "ArrowLeft" => -1,
            "ArrowRight" => 1,
            "Escape" => return cursor.set(None),
            _ => return,
        };
        event.prevent_default();
        let from = cursor.get_untracked().map_or(u64::MAX, |point| point.at_ms);
        cursor.set(drawn.with_value(|drawn| step(&drawn.runs, from, steps)));
    };
    let cursor_x = text(move || {
        // The line moves on with the time under it.
        node.readout.track();
        let x = cursor.get().and_then(|point| {
            drawn.with_value(|drawn| Some(drawn.axis?.x(point.at_ms) / drawn.density))
        });
        x.map_or("-10px".into(), |x| fixed(x, 1) + "px")
    });
    let told = text(move || {
        node.readout.track();
        let end_ms = drawn.with_value(|drawn| drawn.axis.map(|axis| axis.end_ms));
        let (Some(point), Some(end_ms)) = (cursor.get(), end_ms) else {
            let of = node.part.get().map_or("What lies above the green line could be had at that time", |_| {
                "The plain line is the part that is looked at, the green one the border of what could be had"
            });
            return format!("{of}.");
        };
        let split = point.split;
        let part = node.part.get().zip(point.part).map_or_else(String::new, |(part, bytes)| {
            format!(", {}: {}", part.label(), human(bytes))
        });
        let estimated =
            node.readout.read().available.is_ok_and(|found| found.source.is_estimated());
        format!(
            "{} ago: {} available{}, {} in use, {} cache, {} free{part}",
            span(end_ms.saturating_sub(point.at_ms) / 1000),
            human(split.available),
            if estimated { " (estimated)" } else { "" },
            human(split.in_use),
            human(split.reclaimable),
            human(split.free)
        )
    });
    view! {
        <section class="timeline panel" aria-label="The last five minutes">
            <h2>"The last five minutes"</h2>
            <div class="plot">
                <canvas
                    node_ref=canvas
                    tabindex="0"
                    role="img"
                    aria-label="Memory in use, cache and free over the last five minutes. Arrow keys step through the readings."
                    on:pointermove=point_at
                    on:pointerdown=point_at
                    on:pointerleave=move |_| cursor.set(None)
                    on:keydown=step_by
                ></canvas>
                <span class="cursor" aria-hidden="true" style:left=cursor_x></span>
            </div>
            <p class="told" aria-live="off" data-name="told">{told}</p>
        </section>
    }
}

/// Draws at the density of the screen. A canvas that cannot be drawn on stays empty.
fn paint(canvas: &HtmlCanvasElement, runs: Vec<Vec<Point>>) -> Drawn {
    let density = window().device_pixel_ratio().max(1.0);
    let (width, height) = (canvas.client_width(), canvas.client_height());
    let to_device = |css: i32| (f64::from(css) * density).round() as u32;
    // Setting a size also clears what was drawn.
    canvas.set_width(to_device(width));
    canvas.set_height(to_device(height));
    let size = (f64::from(canvas.width()), f64::from(canvas.height()));
    let axis = palette(canvas)
        .zip(Surface::of(canvas))
        .and_then(|(palette, mut surface)| draw(&mut surface, size, &runs, &palette, density));
    Drawn { runs, axis, density }
}

/// The theme's colours, whichever theme is on.
fn palette(canvas: &HtmlCanvasElement) -> Option<Palette> {
    let style = window().get_computed_style(canvas).ok()??;
    let token = |name: &str| style.get_property_value(name).ok();
    Some(Palette {
        used: token("--c-used")?,
        cache: token("--c-cache")?,
        available: token("--c-available")?,
        ground: token("--panel")?,
        grid: token("--line")?,
        text: token("--muted")?,
        part: token("--text")?,
    })
}
