//! Draws a node's memory over time on any surface.

use crate::units::human;
use crate::window::SPAN_MS;

use super::scale::{Axis, Point, ticks};

/// A place in device pixels from the top left corner.
pub type Place = (f64, f64);

/// Where a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Its start.
    Start,
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

/// What stands under a chart: from when to when it is, in ms, and when stands which word.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Period {
    /// Where it ends.
    pub end_ms: u64,
    /// How long it is.
    pub span_ms: u64,
    /// Words, and when they stand.
    pub marks: Vec<(u64, String)>,
    /// When something happened.
    pub events: Vec<u64>,
}

impl Period {
    /// The last five minutes before `end_ms`, for a chart so many pixels wide.
    #[must_use]
    pub fn last_minutes(end_ms: u64, width: f64) -> Self {
        // Where words at each minute would touch, every other minute has one.
        let every_ms = if width < 480.0 { 120_000 } else { 60_000 };
        let word = |ago_ms: u64| match ago_ms {
            0 => "now".into(),
            _ => ["−", &(ago_ms / 60_000).to_string(), " min"].concat(),
        };
        let marks = (0..=SPAN_MS).step_by(every_ms);
        let marks = marks.map(|ago_ms| (end_ms.saturating_sub(ago_ms), word(ago_ms))).collect();
        Self { end_ms, span_ms: SPAN_MS, marks, events: Vec::new() }
    }
}

/// Draws `runs` on a surface of `size`, `density` device pixels to a pixel. Gives the time axis;
/// `None` if there is nothing to draw.
///
/// From the bottom up: what is in use, what can be dropped, and on bare ground what is free. What
/// lies above the line can be had; a band around it reaches from the least to the most. The part that is looked at is a line of its own.
pub fn draw(
    surface: &mut impl Surface,
    (width, height): (f64, f64),
    runs: &[Vec<Point>],
    period: &Period,
    palette: &Palette,
    density: f64,
) -> Option<Axis> {
    if period.span_ms == 0 {
        return None;
    }
    let total = runs.iter().flatten().map(|point| point.split.total).max().unwrap_or(0);
    let px = |pixels: f64| pixels * density;
    let (left, right) = (px(64.0), width - px(12.0));
    let axis = Axis { end_ms: period.end_ms, span_ms: period.span_ms, left, right };
    let (top, bottom) = (px(8.0), height - px(24.0));
    let y = |bytes: u64| bottom - bytes as f64 / total.max(1) as f64 * (bottom - top);

    for tick in if total > 0 { ticks(total) } else { Vec::new() } {
        surface.line(&[(axis.left, y(tick)), (axis.right, y(tick))], &palette.grid, px(1.0));
        let place = (axis.left - px(8.0), y(tick));
        surface.text(&human(tick), place, Align::End, &palette.text, px(12.0));
    }
    words(surface, &axis, (top, bottom), period, palette, density);
    for run in runs {
        let run = within(run, &axis);
        let line = |of: &dyn Fn(&Point) -> Option<u64>| -> Vec<Place> {
            let x = |at_ms| axis.x(at_ms).max(axis.left).min(axis.right);
            run.iter().filter_map(|point| Some((x(point.at_ms), y(of(point)?)))).collect()
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
        let beyond = |bytes: fn((u64, u64)) -> u64| {
            line(&|p| p.band.map(|band| p.split.total.saturating_sub(bytes(band))))
        };
        let (least, mut band) = (beyond(|(low, _)| low), beyond(|(_, high)| high));
        band.extend(least.iter().rev());
        if !band.is_empty() {
            surface.fill(&band, &(palette.available.clone() + "66"));
            surface.line(&least, &palette.available, px(1.0));
        }
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

/// Of points, oldest first, those within an axis, and one beyond each end.
fn within<'a>(run: &'a [Point], axis: &Axis) -> &'a [Point] {
    let begin_ms = axis.end_ms.saturating_sub(axis.span_ms);
    let first = run.partition_point(|point| point.at_ms < begin_ms).saturating_sub(1);
    let end = run.partition_point(|point| point.at_ms <= axis.end_ms);
    run.get(first..(end + 1).min(run.len())).unwrap_or_default()
}

/// Writes what stands under a plot, and marks what happened over it.
pub(super) fn words(
    surface: &mut impl Surface,
    axis: &Axis,
    (top, bottom): Place,
    period: &Period,
    palette: &Palette,
    density: f64,
) {
    let px = |pixels: f64| pixels * density;
    for (at_ms, word) in &period.marks {
        let x = axis.x(*at_ms);
        let is_last = x + px(20.0) > axis.right;
        let align = if is_last { Align::End } else { Align::Middle };
        let place = (if is_last { axis.right } else { x }, bottom + px(14.0));
        surface.text(word, place, align, &palette.text, px(12.0));
    }
    for at_ms in &period.events {
        let x = axis.x(*at_ms);
        if x >= axis.left && x <= axis.right {
            surface.line(&[(x, top), (x, bottom)], &palette.text, px(1.0));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::chart::svg::Svg;
    use crate::memory::Split;

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
        let end_ms = runs.last().and_then(|run| run.last()).map_or(0, |point| point.at_ms);
        let period = Period::last_minutes(end_ms, 800.0);
        let axis = draw(&mut surface, (800.0, 240.0), runs, &period, &palette, 1.0);
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
        let point = |at_ms| Point { at_ms, split, band: None, part: Some(GIB / 4) };
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
    fn a_bucket_shows_its_least_and_its_most() {
        let split = Split {
            total: 400,
            in_use: 100,
            reclaimable: 100,
            free: 200,
            available: 300,
            held_back: 0,
        };
        let point = |at_ms, least| Point { at_ms, split, band: Some((least, 320)), part: None };
        let (svg, axis) = svg(&[vec![point(1000, 290), point(2000, 40), point(3000, 290)]]);
        // 360 of 400 could not be had for a moment: nine tenths up, between 216 and 8.
        let spike = format!("{:.1},28.8", axis.unwrap().x(2000));
        let band = svg.lines().find(|line| line.contains("#available66")).unwrap();
        assert!(band.contains(&spike), "{band}");
    }

    #[test]
    fn what_lies_beyond_the_axis_is_not_drawn() {
        let split =
            Split { total: 4, in_use: 1, reclaimable: 1, free: 2, available: 3, held_back: 0 };
        let point = |at_ms| Point { at_ms, split, band: None, part: None };
        let run: Vec<Point> = (0..100).map(|at| point(at * 1000)).collect();
        let axis = Axis { end_ms: 60_000, span_ms: 10_000, left: 0.0, right: 100.0 };
        let times: Vec<u64> = within(&run, &axis).iter().map(|point| point.at_ms / 1000).collect();
        assert_eq!((times[0], times.len()), (49, 13));
        assert!(within(&run, &Axis { end_ms: 0, span_ms: 0, ..axis }).len() <= 2);
        assert_eq!(within(&[], &axis), []);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let mut surface = Svg::new(800.0, 240.0);
        let size = (800.0, 240.0);
        assert_eq!(draw(&mut surface, size, &[], &Period::default(), &palette(), 1.0), None);
        assert!(!surface.finish().contains("<text"));
        let marks = vec![(1_000_000, "noon".into())];
        let period = Period { end_ms: 1_000_000, span_ms: 1000, marks, events: vec![999_500] };
        let mut surface = Svg::new(800.0, 240.0);
        assert!(draw(&mut surface, size, &[], &period, &palette(), 1.0).is_some());
        let svg = surface.finish();
        assert!(svg.contains("noon") && svg.contains("<polyline"), "a gap has its time: {svg}");
    }
}
