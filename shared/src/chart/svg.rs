//! A surface of SVG, for wherever there is no canvas.

use std::fmt::Write as _;

use super::timeline::{Align, Place, Surface};

/// A picture that is being drawn.
#[derive(Debug)]
pub struct Svg(String);

impl Svg {
    /// An empty picture of this size, in pixels.
    #[must_use]
    pub fn new(width: f64, height: f64) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\">\n"
        ))
    }

    /// The picture as a document.
    #[must_use]
    pub fn finish(self) -> String {
        self.0 + "</svg>\n"
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        writeln!(self.0, "{element}").ok();
    }
}

fn points(places: &[Place]) -> String {
    places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

/// Text as it stands in a document.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

impl Surface for Svg {
    fn fill(&mut self, outline: &[Place], color: &str) {
        let (points, color) = (points(outline), escaped(color));
        self.add(format_args!("<polygon points=\"{points}\" fill=\"{color}\"/>"));
    }

    fn line(&mut self, places: &[Place], color: &str, width: f64) {
        let (points, color) = (points(places), escaped(color));
        self.add(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width:.1}\"/>"
        ));
    }

    fn text(&mut self, text: &str, (x, y): Place, align: Align, color: &str, size: f64) {
        let anchor = match align {
            Align::Start => "start",
            Align::Middle => "middle",
            Align::End => "end",
        };
        let (text, color) = (escaped(text), escaped(color));
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" dominant-baseline=\"middle\" \
             font-family=\"system-ui, sans-serif\" font-size=\"{size:.0}\" fill=\"{color}\">{text}</text>"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_texts() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text("<script>&\"", (1.0, 2.0), Align::End, "red", 12.0);
        let text = svg.finish();
        assert!(text.contains("&lt;script>&amp;&quot;") && text.ends_with("</svg>\n"), "{text}");
    }
}
