//! A canvas as a surface for charts.

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use shared::chart::timeline::{Align, Place, Surface};

/// The drawing side of a canvas. What fails on it leaves a hole in the picture, and nothing else.
pub(crate) struct Canvas(CanvasRenderingContext2d);

impl Canvas {
    pub(crate) fn of(canvas: &HtmlCanvasElement) -> Option<Self> {
        Some(Self(canvas.get_context("2d").ok()??.unchecked_into()))
    }

    fn path(&self, places: &[Place]) {
        self.0.begin_path();
        for &(x, y) in places {
            self.0.line_to(x, y);
        }
    }
}

impl Surface for Canvas {
    fn fill(&mut self, outline: &[Place], color: &str) {
        self.path(outline);
        self.0.set_fill_style_str(color);
        self.0.fill();
    }

    fn line(&mut self, points: &[Place], color: &str, width: f64) {
        self.path(points);
        self.0.set_line_width(width);
        self.0.set_line_join("round");
        self.0.set_stroke_style_str(color);
        self.0.stroke();
    }

    fn text(&mut self, text: &str, (x, y): Place, align: Align, color: &str, size: f64) {
        self.0.set_font(&format!("{}px system-ui, sans-serif", size as u32));
        self.0.set_text_align(match align {
            Align::Start => "start",
            Align::Middle => "center",
            Align::End => "end",
        });
        self.0.set_text_baseline("middle");
        self.0.set_fill_style_str(color);
        self.0.fill_text(text, x, y).ok();
    }
}
