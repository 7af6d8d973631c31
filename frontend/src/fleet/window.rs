//! Which lines of a long list are in sight: only those are made.

use std::ops::Range;

use super::order::Line;

/// Lines beyond each edge that are made as well, so that scrolling meets no bare ground.
const BEYOND: usize = 6;

/// Where each line begins, in pixels from the top of the list, and at the end where the last one ends.
#[must_use]
pub fn tops(lines: &[Line], node_px: u32, group_px: u32) -> Vec<u32> {
    let mut tops = Vec::with_capacity(lines.len() + 1);
    let mut top = 0;
    for line in lines {
        tops.push(top);
        top += if matches!(line, Line::Group(..)) { group_px } else { node_px };
    }
    tops.push(top);
    tops
}

/// The lines of a list that begins at `-scrolled` in a window of `height`, both in pixels, which are in
/// sight or nearly so.
#[must_use]
pub fn visible(tops: &[u32], scrolled: f64, height: f64) -> Range<usize> {
    let count = tops.len().saturating_sub(1);
    let first = tops.partition_point(|&top| f64::from(top) <= scrolled).saturating_sub(1);
    let end = tops.partition_point(|&top| f64::from(top) < scrolled + height);
    let end = end.saturating_add(BEYOND).min(count);
    first.saturating_sub(BEYOND).min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_sight_is_made() {
        let mut lines = vec![Line::Group("a".into(), 1000)];
        lines.extend((0..1000).map(Line::Node));
        let tops = tops(&lines, 40, 30);
        assert_eq!((tops[0], tops[1], tops[1001]), (0, 30, 40_030));
        assert_eq!(visible(&tops, -500.0, 800.0), 0..14);
        assert_eq!(visible(&tops, 4030.0, 400.0), 95..117);
        assert_eq!(visible(&tops, 40_000.0, 800.0), 994..1001);
        assert_eq!(visible(&tops, 90_000.0, 800.0), 995..1001);
        assert_eq!(visible(&[0], 0.0, 800.0), 0..0);
        assert_eq!(visible(&[], 0.0, 800.0), 0..0);
    }
}
