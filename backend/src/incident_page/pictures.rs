//! Pictures: memory over time as on the dashboard, and what a process held.

use shared::NodeFacts;
use shared::black_box::{BoxAt, Course, SPAN_MS};
use shared::chart::scale::runs_of;
use shared::chart::svg::Svg;
use shared::chart::timeline::{Palette, Period, Surface as _, draw};

use super::html::put;
use super::words::clock;

/// Sizes in which a timeline is drawn, as its words keep theirs; and for which screens.
const SIZES: [(&str, f64, f64, u64); 3] = [
    ("narrow", 336.0, 220.0, 60_000),
    ("middle", 960.0, 300.0, 30_000),
    ("wide", 1400.0, 420.0, 15_000),
];

fn palette() -> Palette {
    let color = |token: &str| format!("var(--{token})");
    Palette {
        used: color("c-used"),
        cache: color("c-cache"),
        available: color("c-available"),
        ground: color("panel"),
        grid: color("line"),
        text: color("muted"),
        part: color("text"),
    }
}

/// Draws what the readings of a box tell, and what the colours are.
pub(super) fn timelines(out: &mut String, at: &BoxAt, facts: &NodeFacts) {
    let ends = at.readings.first().zip(at.readings.last());
    let Some((first_ms, last_ms)) = ends.map(|(first, last)| (first.at_ms, last.at_ms)) else {
        return;
    };
    // Between two readings that were thinned to one a second there are no more than two.
    let mut rows = at.readings.iter().map(|reading| (reading.clone(), None));
    let runs = runs_of(&mut rows, (1000, 0), facts, None);
    // Whoever reports may say what they like of time.
    let span_ms = last_ms.saturating_sub(first_ms).clamp(10_000, 2 * SPAN_MS);
    let from_ms = last_ms.saturating_sub(span_ms);
    let events =
        at.what.killed.iter().map(|killed| at.offset_ms.saturating_add(killed.uptime_us / 1000));
    let events: Vec<u64> = events.collect();
    for (class, width, height, every_ms) in SIZES {
        let first_mark = from_ms.div_ceil(every_ms).saturating_mul(every_ms);
        let marks = (first_mark..=last_ms).step_by(every_ms as usize);
        let marks = marks.map(|mark_ms| (mark_ms, clock(mark_ms))).collect();
        let period = Period { end_ms: last_ms, span_ms, marks, events: Vec::new() };
        let mut svg = Svg::new(width, height);
        let axis = draw(&mut svg, (width, height), &runs, &period, &palette(), 1.0);
        let is_within = |event_ms: &&u64| (from_ms..=last_ms).contains(*event_ms);
        for event_ms in events.iter().filter(is_within) {
            // Above all else, as it is why this is looked at.
            let x = axis.map_or(0.0, |axis| axis.x(*event_ms));
            let line = [(x, 8.0), (x, height - 24.0)];
            svg.line(&line, "var(--panel)", 5.0);
            svg.line(&line, "var(--c-trouble)", 2.0);
        }
        put!(out, "<div class=\"plot {class}\" aria-hidden=\"true\">{}</div>\n", svg.finish());
    }
    out.push_str(
        "<ul class=\"legend\"><li><i class=\"used\"></i>in use</li><li><i class=\"cache\"></i>cache and \
         other that is given back</li><li><i class=\"free\"></i>free</li><li><i class=\"available\"></i>\
         above the line: available</li>",
    );
    if !events.is_empty() {
        out.push_str("<li><i class=\"mark\"></i>a program was killed</li>");
    }
    out.push_str("</ul>\n");
}

/// Draws what a process held, on the scale of all of them: from `span_us.0` to `span_us.1` by the node's
/// clock, up to `most` bytes.
pub(super) fn course(course: &Course, span_us: (u64, u64), most: u64) -> String {
    const SIZE: (f64, f64) = (240.0, 36.0);
    let long_us = span_us.1.saturating_sub(span_us.0).max(1) as f64;
    let x = |at_us: u64| at_us.saturating_sub(span_us.0) as f64 / long_us * (SIZE.0 - 4.0) + 2.0;
    let y = |bytes: u64| SIZE.1 - 2.0 - bytes as f64 / most.max(1) as f64 * (SIZE.1 - 6.0);
    let line: Vec<(f64, f64)> =
        course.points.iter().map(|&(at_us, bytes)| (x(at_us), y(bytes))).collect();
    let mut svg = Svg::new(SIZE.0, SIZE.1);
    svg.line(&[(0.0, SIZE.1 - 1.0), (SIZE.0, SIZE.1 - 1.0)], "var(--line)", 1.0);
    if let (Some(first), Some(last)) = (line.first(), line.last()) {
        let mut area = line.clone();
        area.extend([(last.0, SIZE.1 - 2.0), (first.0, SIZE.1 - 2.0)]);
        svg.fill(&area, "var(--c-cache)");
        svg.line(&line, "var(--c-used)", 2.0);
        // One that was ranked once is a place, not a line.
        svg.line(&[(last.0 - 2.0, last.1), (last.0 + 2.0, last.1)], "var(--c-used)", 4.0);
    }
    svg.finish()
}
