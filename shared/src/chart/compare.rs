//! Draws what was available on several nodes on one time axis and one scale.

use crate::units::human;

use super::scale::{Axis, ticks};
use super::timeline::{Align, Palette, Period, Place, Surface, words};

/// What was available at a time of a node, in bytes or in thousandths of its total; and if that stands for
/// many readings, the least and the most meanwhile.
pub type Value = (u64, u64, Option<(u64, u64)>);

/// One node's line, in unbroken runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its values, oldest first; nothing is drawn from one run to the next.
    pub runs: Vec<Vec<Value>>,
    /// The colour in CSS.
    pub color: String,
}

impl Line {
    /// A line of values at times in ms; where none follows within `longest_ms`, it is broken.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = Value>, longest_ms: u64, color: String) -> Self {
        let mut runs: Vec<Vec<Value>> = Vec::new();
        for value in values {
            match runs.last_mut() {
                Some(run) if run.last().is_some_and(|last| value.0 - last.0 <= longest_ms) => {
                    run.push(value);
                }
                _ => runs.push(vec![value]),
            }
        }
        Self { runs, color }
    }

    /// The value nearest to `at_ms`, if one is within `most_ms`.
    #[must_use]
    pub fn near(&self, at_ms: u64, most_ms: u64) -> Option<u64> {
        let values = self.runs.iter().flatten();
        let near = values.min_by_key(|value| value.0.abs_diff(at_ms))?;
        (near.0.abs_diff(at_ms) <= most_ms).then_some(near.1)
    }
}

/// Draws `lines` on a surface of `size`, `density` device pixels to a pixel. The scale reaches up to
/// `most`, which is in thousandths if `by_share`.
pub fn draw(
    surface: &mut impl Surface,
    (width, height): (f64, f64),
    lines: &[Line],
    palette: &Palette,
    density: f64,
    period: &Period,
    (most, by_share): (u64, bool),
) -> Axis {
    let px = |pixels: f64| pixels * density;
    let (left, right) = (px(64.0), width - px(28.0));
    let axis = Axis { end_ms: period.end_ms, span_ms: period.span_ms, left, right };
    let (top, bottom) = (px(8.0), height - px(24.0));
    let y = |value: u64| bottom - value as f64 / most.max(1) as f64 * (bottom - top);

    let marks = if by_share { vec![0, 250, 500, 750, 1000] } else { ticks(most) };
    for mark in marks {
        surface.line(&[(axis.left, y(mark)), (axis.right, y(mark))], &palette.grid, px(1.0));
        let word = if by_share { (mark / 10).to_string() + "\u{a0}%" } else { human(mark) };
        let place = (axis.left - px(8.0), y(mark));
        surface.text(&word, place, Align::End, &palette.text, px(12.0));
    }
    words(surface, &axis, (top, bottom), period, palette, density);
    for (index, shown) in lines.iter().enumerate() {
        let mut end = None;
        for run in &shown.runs {
            let is_within = |value: &&Value| (axis.left..=axis.right).contains(&axis.x(value.0));
            let line = |of: &dyn Fn(&Value) -> Option<u64>| -> Vec<Place> {
                let values = run.iter().filter(is_within);
                values.filter_map(|value| Some((axis.x(value.0), y(of(value)?)))).collect()
            };
            let places = line(&|value| Some(value.1));
            let mut band = line(&|value| Some(value.2?.1));
            band.extend(line(&|value| Some(value.2?.0)).iter().rev());
            if !band.is_empty() {
                surface.fill(&band, &[&shown.color, "40"].concat());
            }
            surface.line(&places, &palette.ground, px(4.0));
            surface.line(&places, &shown.color, px(2.0));
            end = places.last().copied().or(end);
        }
        if let Some((x, y)) = end {
            // Whoever cannot tell the colours apart finds the number in the legend.
            let place = (x + px(14.0), y);
            surface.text(&(index + 1).to_string(), place, Align::End, &shown.color, px(12.0));
        }
    }
    axis
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::svg::Svg;
    use crate::chart::timeline::tests::palette;

    #[test]
    fn a_gap_breaks_a_line() {
        let line = Line::of([(1000, 1, None), (2000, 2, None), (9000, 3, None)], 3000, "#a".into());
        assert_eq!(line.runs.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(line.near(2400, 5000), Some(2));
        assert_eq!(line.near(30_000, 5000), None);
    }

    #[test]
    fn all_share_one_scale() {
        const GIB: u64 = 1 << 30;
        let lines = [
            Line::of([(299_000, GIB, Some((0, GIB))), (300_000, GIB, None)], 3000, "#a".into()),
            Line::of([(299_000, 4 * GIB, None), (300_000, 4 * GIB, None)], 3000, "#b".into()),
        ];
        let mut svg = Svg::new(800.0, 240.0);
        let period = Period::last_minutes(300_000, 800.0);
        let scale = (4 * GIB, false);
        let axis = draw(&mut svg, (800.0, 240.0), &lines, &palette(), 1.0, &period, scale);
        let svg = svg.finish();
        // 8 is the top, 216 the bottom: a quarter of 4 GiB stands at 164.
        assert!(
            svg.contains(&format!("{:.1},164.0\" fill=\"none\" stroke=\"#a\"", axis.x(300_000))),
            "{svg}"
        );
        assert!(svg.contains(&format!("{:.1},8.0\" fill=\"none\" stroke=\"#b\"", axis.x(300_000))));
        assert!(svg.contains("fill=\"#a40\""), "the band: {svg}");
        assert!(svg.contains(">1</text>") && svg.contains(">2</text>") && svg.contains("4.00 GiB"));
        let mut svg = Svg::new(800.0, 240.0);
        draw(&mut svg, (800.0, 240.0), &[], &palette(), 1.0, &period, (1000, true));
        assert!(svg.finish().contains("75\u{a0}%"));
    }
}
