//! Draws five minutes of a node's memory on any surface that plotters knows.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use shared::units::human;
use shared::window::SPAN_MS;

use super::scale::{Axis, Point, ticks};

/// The colours of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// What is in use.
    pub used: RGBColor,
    /// What can be dropped.
    pub cache: RGBColor,
    /// The border of what can be had.
    pub available: RGBColor,
    /// What lies under everything.
    pub ground: RGBColor,
    /// Lines of the grid.
    pub grid: RGBColor,
    /// Words.
    pub text: RGBColor,
}

/// Reads `#rrggbb`.
#[must_use]
pub fn color(hex: &str) -> Option<RGBColor> {
    let digits = hex.trim().strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let rgb = u32::from_str_radix(digits, 16).ok()?;
    Some(RGBColor((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8))
}

const FONT: &str = "system-ui, sans-serif";

/// Draws `runs`, `density` device pixels to a pixel. Gives the time axis, in the surface's pixels;
/// `None` if there is nothing to draw.
///
/// From the bottom up: what is in use, what can be dropped, and on bare ground what is free. What
/// lies above the line can be had. The part that is looked at is a line of its own.
pub fn draw<B: DrawingBackend>(
    surface: &DrawingArea<B, Shift>,
    runs: &[Vec<Point>],
    palette: &Palette,
    density: f64,
) -> Result<Option<Axis>, DrawingAreaErrorKind<B::ErrorType>> {
    let Some(last) = runs.last().and_then(|run| run.last()) else { return Ok(None) };
    let end_ms = last.at_ms;
    let total = runs.iter().flatten().map(|point| point.split.total).max().unwrap_or(0).max(1);
    let px = |pixels: f64| (pixels * density).round() as i32;
    let minutes = (SPAN_MS / 60_000) as i32;
    // Where words at each minute would touch, every other minute has one.
    let narrow = f64::from(surface.dim_in_pixel().0) < 480.0 * density;
    let every = if narrow { 2 } else { 1 };
    let whole_minutes = (0..=minutes).step_by(every).map(|ago| -f64::from(ago)).collect();
    let marks = ticks(total).into_iter().map(|tick| tick as f64).collect::<Vec<_>>();
    let mut chart = ChartBuilder::on(surface)
        .margin_top(px(8.0))
        .margin_right(px(12.0))
        .x_label_area_size(px(24.0))
        .y_label_area_size(px(64.0))
        .build_cartesian_2d(
            Marked { range: -f64::from(minutes)..0.0, marks: whole_minutes },
            Marked { range: 0.0..total as f64, marks },
        )?;
    let text = (FONT, 12.0 * density).into_font().color(&palette.text);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(palette.grid.mix(0.6))
        .axis_style(palette.grid)
        .x_label_style(text.clone())
        .y_label_style(text)
        .x_label_formatter(&|minutes| match *minutes {
            now if now > -0.5 => "now".into(),
            ago => format!("−{:.0} min", -ago),
        })
        .y_label_formatter(&|bytes| human(*bytes as u64))
        .draw()?;
    let x = |point: &Point| -((end_ms.saturating_sub(point.at_ms)) as f64) / 60_000.0;
    for run in runs {
        let area = |of: fn(&Point) -> u64, color: &RGBColor| {
            AreaSeries::new(
                run.iter().map(|point| (x(point), of(point) as f64)),
                0.0,
                color.filled(),
            )
        };
        chart.draw_series(area(|p| p.split.in_use + p.split.reclaimable, &palette.cache))?;
        chart.draw_series(area(|p| p.split.in_use, &palette.used))?;
        let border =
            run.iter().map(|point| (x(point), (point.split.total - point.split.available) as f64));
        // A seam on both sides keeps the line apart from colours of its own brightness.
        for (color, width) in [(palette.ground, 5.0), (palette.available, 2.0)] {
            let style = color.stroke_width(px(width) as u32);
            chart.draw_series(LineSeries::new(border.clone(), style))?;
        }
        let part: Vec<_> =
            run.iter().filter_map(|point| Some((x(point), point.part? as f64))).collect();
        for (color, width) in [(palette.ground, 6.0), (palette.text, 3.0)] {
            let style = color.stroke_width(px(width) as u32);
            chart.draw_series(LineSeries::new(part.iter().copied(), style))?;
        }
    }
    let (horizontal, _) = chart.plotting_area().get_pixel_range();
    Ok(Some(Axis { end_ms, left: horizontal.start.into(), right: horizontal.end.into() }))
}

/// An axis with marks at given places, instead of decimal ones.
struct Marked {
    range: Range<f64>,
    marks: Vec<f64>,
}

impl Ranged for Marked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        from + (f64::from(to - from) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::memory::Split;

    const PALETTE: Palette = Palette {
        used: RGBColor(1, 2, 3),
        cache: RGBColor(4, 5, 6),
        available: RGBColor(7, 8, 9),
        ground: RGBColor(255, 255, 255),
        grid: RGBColor(10, 11, 12),
        text: RGBColor(13, 14, 15),
    };

    fn svg(runs: &[Vec<Point>]) -> (String, Option<Axis>) {
        let mut text = String::new();
        let surface = SVGBackend::with_string(&mut text, (800, 240)).into_drawing_area();
        let axis = draw(&surface, runs, &PALETTE, 1.0).unwrap();
        surface.present().unwrap();
        drop(surface);
        (text, axis)
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
        for color in ["#010203", "#040506", "#070809", "#0D0E0F"] {
            let drawn = svg.matches(color).count();
            assert!(drawn >= 2, "{color} is drawn {drawn} times");
        }
        assert!(svg.contains("2.00 GiB") && svg.contains("now"), "{svg}");
        let axis = axis.unwrap();
        assert!(axis.left > 40.0 && axis.right <= 800.0, "{axis:?}");
        assert_eq!(axis.end_ms, 91_000);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(svg(&[]).1, None);
    }

    #[test]
    fn colours_are_read_from_hex() {
        assert_eq!(color(" #1f4e9c "), Some(RGBColor(0x1f, 0x4e, 0x9c)));
        assert_eq!(color("blue"), None);
        assert_eq!(color("#12"), None);
    }
}
