//! What pictures share: the theme's colours, and canvases as sharp as the screen.

use leptos::prelude::*;
use leptos::web_sys::HtmlCanvasElement;

/// A token of the theme, whichever theme is on.
pub(crate) fn token(name: &str) -> String {
    let style = document()
        .document_element()
        .and_then(|root| window().get_computed_style(&root).ok().flatten());
    let value = style.and_then(|style| style.get_property_value(name).ok());
    value.unwrap_or_default().trim().into()
}

/// A token's colour as bytes, if it is written as `#rrggbb`.
pub(crate) fn rgb(name: &str) -> Option<[u8; 3]> {
    let value = token(name);
    let byte = |at: usize| u8::from_str_radix(value.get(at..at + 2)?, 16).ok();
    Some([byte(1)?, byte(3)?, byte(5)?])
}

/// Device pixels to a pixel.
pub(crate) fn density() -> f64 {
    window().device_pixel_ratio().max(1.0)
}

/// Gives a canvas as many pixels as the screen has there; clears it. Gives its size in them.
pub(crate) fn fit(canvas: &HtmlCanvasElement) -> (f64, f64) {
    let to_device = |css: i32| (f64::from(css) * density()).round() as u32;
    // Setting a size also clears what was drawn.
    canvas.set_width(to_device(canvas.client_width()));
    canvas.set_height(to_device(canvas.client_height()));
    (f64::from(canvas.width()), f64::from(canvas.height()))
}
