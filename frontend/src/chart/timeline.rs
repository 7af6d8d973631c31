//! Draws five minutes of a node's memory on any surface.

use shared::units::human;
use shared::window::SPAN_MS;

use super::scale::{Axis, Point, ticks};

/// A place in device pixels from the top left corner.
pub type Place = (f64, f64);

/// Where a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// What is drawn on: a canvas in the page, SVG elsewhere. Colours are those of CSS.
pub trait Surface {
    /// Fills the area within `outline`.
    fn fill(&mut self, outline: &[Place], color: &str);
    /// Draws a line through `points`, `width` device pixels wide.
    fn line(&mut self, points: &[Place], color: &str, width: f64);
    /// Writes `text`, vertically centred at `place`, `size` device pixels high.
    fn text(&mut self, text: &str, place: Place, align: Align, color: &str, size: f64);
}

/// The colours of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    /// What is in use.
    pub used: String,
    /// What can be dropped.
    pub cache: String,
    /// The border of what can be had.
    pub available: String,
    /// What lies under everything.
    pub ground: String,
    /// Lines of the grid.
    pub grid: String,
    /// Words.
    pub text: String,
    /// The part that is looked at.
    pub part: String,
}

/// Draws `runs` on a surface of `size`, `density` device pixels to a pixel. Gives the time axis;
/// `None` if there is nothing to draw.
///
/// From the bottom up: what is in use, what can be dropped, and on bare ground what is free. What
/// lies above the line can be had. The part that is looked at is a line of its own.
pub fn draw(
    surface: &mut impl Surface,
    (width, height): (f64, f64),
    runs: &[Vec<Point>],
    palette: &Palette,
    density: f64,
) -> Option<Axis> {
    let end_ms = runs.last()?.last()?.at_ms;
    let total = runs.iter().flatten().map(|point| point.split.total).max().unwrap_or(0).max(1);
    let px = |pixels: f64| pixels * density;
    let axis = Axis { end_ms, left: px(64.0), right: width - px(12.0) };
    let (top, bottom) = (px(8.0), height - px(24.0));
    let y = |bytes: u64| bottom - bytes as f64 / total as f64 * (bottom - top);

    for tick in ticks(total) {
        surface.line(&[(axis.left, y(tick)), (axis.right, y(tick))], &palette.grid, px(1.0));
        let place = (axis.left - px(8.0), y(tick));
        surface.text(&human(tick), place, Align::End, &palette.text, px(12.0));
    }
    minutes(surface, &axis, bottom, width, palette, density);
    for run in runs {
        let line = |of: &dyn Fn(&Point) -> Option<u64>| -> Vec<Place> {
            run.iter().filter_map(|point| Some((axis.x(point.at_ms), y(of(point)?)))).collect()
        };
        let mut area = |of: &dyn Fn(&Point) -> Option<u64>, color: &str| {
            let mut outline = line(of);
            let ends = outline.first().zip(outline.last()).map(|(first, last)| (first.0, last.0));
            if let Some((first, last)) = ends {
                outline.extend([(last, bottom), (first, bottom)]);
            }
            surface.fill(&outline, color);
        };
        area(&|p| Some(p.split.in_use + p.split.reclaimable), &palette.cache);
        area(&|p| Some(p.split.in_use), &palette.used);
        let border = line(&|p| Some(p.split.total - p.split.available));
        let part = line(&|p| p.part);
        // A seam on both sides keeps a line apart from colours of its own brightness.
        surface.line(&border, &palette.ground, px(5.0));
        surface.line(&border, &palette.available, px(2.0));
        surface.line(&part, &palette.ground, px(6.0));
        surface.line(&part, &palette.part, px(3.0));
    }
    Some(axis)
}

/// Writes how long ago things were under a plot that ends at `bottom`.
pub(super) fn minutes(
    surface: &mut impl Surface,
    axis: &Axis,
    bottom: f64,
    width: f64,
    palette: &Palette,
    density: f64,
) {
    let px = |pixels: f64| pixels * density;
    // Where words at each minute would touch, every other minute has one.
    let every_ms = if width < px(480.0) { 120_000 } else { 60_000 };
    for ago_ms in (0..=SPAN_MS).step_by(every_ms) {
        let x = axis.x(axis.end_ms.saturating_sub(ago_ms));
        let (word, align) = match ago_ms {
            0 => ("now".into(), Align::End),
            _ => (format!("−{} min", ago_ms / 60_000), Align::Middle),
        };
        surface.text(&word, (x, bottom + px(14.0)), align, &palette.text, px(12.0));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::chart::svg::Svg;
    use shared::memory::Split;

    /// Colours that say what they are for.
    pub(in crate::chart) fn palette() -> Palette {
        let color = |name: &str| name.to_owned();
        Palette {
            used: color("#used"),
            cache: color("#cache"),
            available: color("#available"),
            ground: color("#ground"),
            grid: color("#grid"),
            text: color("#text"),
            part: color("#part"),
        }
    }

    fn svg(runs: &[Vec<Point>]) -> (String, Option<Axis>) {
        let palette = palette();
        let mut surface = Svg::new(800.0, 240.0);
        let axis = draw(&mut surface, (800.0, 240.0), runs, &palette, 1.0);
        (surface.finish(), axis)
    }

    #[test]
    fn each_run_is_drawn_apart() {
        const GIB: u64 = 1 << 30;
        let split = Split {
            total: 4 * GIB,
            in_use: GIB,
            reclaimable: GIB,
            free: 2 * GIB,
            available: 5 * GIB / 2,
            held_back: GIB / 2,
        };
        let point = |at_ms| Point { at_ms, split, part: Some(GIB / 4) };
        let runs = [vec![point(1000), point(2000)], vec![point(90_000), point(91_000)]];
        let (svg, axis) = svg(&runs);
        for color in ["#used", "#cache", "#available", "#part"] {
            assert_eq!(svg.matches(&format!("\"{color}\"")).count(), 2, "{color}: {svg}");
        }
        assert!(svg.contains("2.00 GiB") && svg.contains("now") && svg.contains("−5 min"), "{svg}");
        let axis = axis.unwrap();
        assert_eq!((axis.end_ms, axis.left, axis.right), (91_000, 64.0, 788.0));
        // A quarter of total is in use: its area ends a quarter up, between 8 and 216.
        assert!(svg.contains(&format!("{:.1},164.0", axis.x(91_000))), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let (svg, axis) = svg(&[]);
        assert_eq!(axis, None);
        assert!(!svg.contains("<text"), "{svg}");
    }
}
