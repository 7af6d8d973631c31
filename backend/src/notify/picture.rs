//! A node's last minutes as a picture: what the page draws, by the same code, with a heading.

mod surface;

use shared::NodeFacts;
use shared::chart::scale::{Point, runs_of};
use shared::chart::svg::Svg;
use shared::chart::timeline::{Align, Palette, Period, Place, Surface, draw};
use shared::units::human;
use shared::window::SPAN_MS;
use shared::wire::Reading;
use time::OffsetDateTime;

use surface::Pixels;

/// In pixels of the page.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
/// Of which the heading takes so many.
const HEADING: f64 = 60.0;
/// Pixels of the picture to one of the page: sharp on a phone.
const DENSITY: f64 = 2.0;
const MARGIN: f64 = 16.0;
/// Where the first line of the heading stands, and the second.
const LINES: [f64; 2] = [22.0, 46.0];

/// The colours, as they are in `static/theme.css` by day: a picture is looked at in places whose own
/// brightness is not known.
const COLORS: [(&str, &str); 7] = [
    ("--c-used", "#173f7d"),
    ("--c-cache", "#5a93d8"),
    ("--c-available", "#16793a"),
    ("--panel", "#ffffff"),
    ("--line", "#d3dae2"),
    ("--muted", "#546375"),
    ("--text", "#16202b"),
];

fn palette() -> Palette {
    let [used, cache, available, ground, grid, text, part] =
        COLORS.map(|(_, color)| color.to_owned());
    Palette { used, cache, available, ground, grid, text, part }
}

/// A PNG of what a node reported, of at most the last five minutes. `None` if nothing can be drawn of it.
#[must_use]
pub fn png(name: &str, facts: &NodeFacts, readings: &[Reading]) -> Option<Vec<u8>> {
    let mut pixels = Pixels::new(WIDTH * DENSITY, HEIGHT * DENSITY)?;
    paint(&mut pixels, name, facts, readings, DENSITY)?;
    pixels.finish()
}

/// The same as SVG.
#[must_use]
pub fn svg(name: &str, facts: &NodeFacts, readings: &[Reading]) -> Option<String> {
    let mut svg = Svg::new(WIDTH, HEIGHT);
    paint(&mut svg, name, facts, readings, 1.0)?;
    Some(svg.finish())
}

fn paint(
    surface: &mut impl Surface,
    name: &str,
    facts: &NodeFacts,
    readings: &[Reading],
    density: f64,
) -> Option<()> {
    let px = |pixels: f64| pixels * density;
    let last = readings.last()?;
    let begin_ms = last.at_ms.saturating_sub(SPAN_MS);
    let recent = &readings[readings.partition_point(|reading| reading.at_ms < begin_ms)..];
    let mut rows = recent.iter().map(|reading| (reading.clone(), None));
    let runs = runs_of(&mut rows, (period_ms(recent), 0), facts, None);
    let shown = runs.last()?.last()?;
    let palette = palette();
    let corners = |x: f64, y: f64, width: f64, height: f64| -> [Place; 4] {
        [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
            .map(|(x, y)| (px(x), px(y)))
    };
    surface.fill(&corners(0.0, 0.0, WIDTH, HEIGHT), &palette.ground);

    heading(surface, name, shown, &palette, density);
    let mut x = MARGIN;
    for (color, word, wide) in [
        (&palette.used, "in use", 88.0),
        (&palette.cache, "cache, can be dropped", 194.0),
        (&palette.available, "above this line: available", 0.0),
    ] {
        let is_line = *color == palette.available;
        let (y, height) = if is_line { (LINES[1] - 1.5, 3.0) } else { (LINES[1] - 5.0, 10.0) };
        surface.fill(&corners(x, y, 12.0, height), color);
        let place = (px(x + 18.0), px(LINES[1]));
        surface.text(word, place, Align::Start, &palette.text, px(12.0));
        x += wide;
    }

    let mut period = Period::last_minutes(last.at_ms, WIDTH);
    for (at_ms, word) in &mut period.marks {
        if *at_ms == last.at_ms {
            *word = clock(*at_ms) + " UTC";
        }
    }
    // Letters of one width need more room beside the plot than those of the page.
    let mut below = Below { surface, by: (px(8.0), px(HEADING)) };
    let size = (px(WIDTH - 12.0), px(HEIGHT - HEADING));
    draw(&mut below, size, &runs, &period, &palette, density).map(|_| ())
}

/// Whose it is, and what can be had.
fn heading(surface: &mut impl Surface, name: &str, shown: &Point, palette: &Palette, density: f64) {
    let (available, total) = (human(shown.split.available), human(shown.split.total));
    let name: String = name.chars().take(32).collect();
    let place = (MARGIN * density, LINES[0] * density);
    surface.text(&name, place, Align::Start, &palette.part, 12.0 * density);
    let end = ((WIDTH - MARGIN) * density, LINES[0] * density);
    let text = format!("{available} of {total} available");
    surface.text(&text, end, Align::End, &palette.part, 12.0 * density);
}

/// Between two readings, as they come.
fn period_ms(readings: &[Reading]) -> u64 {
    let (first, last) = (readings.first(), readings.last());
    let span = first.zip(last).map_or(0, |(first, last)| last.at_ms.saturating_sub(first.at_ms));
    span / (readings.len() as u64).saturating_sub(1).max(1)
}

fn clock(ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp((ms / 1000) as i64);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

/// The part of a surface below its heading.
struct Below<'a, S> {
    surface: &'a mut S,
    by: Place,
}

impl<S: Surface> Below<'_, S> {
    fn moved(&self, places: &[Place]) -> Vec<Place> {
        places.iter().map(|(x, y)| (x + self.by.0, y + self.by.1)).collect()
    }
}

impl<S: Surface> Surface for Below<'_, S> {
    fn fill(&mut self, outline: &[Place], color: &str) {
        let outline = self.moved(outline);
        self.surface.fill(&outline, color);
    }

    fn line(&mut self, points: &[Place], color: &str, width: f64) {
        let points = self.moved(points);
        self.surface.line(&points, color, width);
    }

    fn text(&mut self, text: &str, (x, y): Place, align: Align, color: &str, size: f64) {
        self.surface.text(text, (x + self.by.0, y + self.by.1), align, color, size);
    }
}

#[cfg(test)]
mod tests;
