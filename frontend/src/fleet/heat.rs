//! Where nodes stand on the heat map: node × time, in as many columns as it takes to see them all.

use shared::overview::Trace;

/// Where things are on a heat map, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Nodes on it.
    pub count: usize,
    /// Nodes from top to bottom.
    pub rows: usize,
    /// Columns of nodes.
    pub columns: usize,
    /// The width of one step of time.
    pub step: f64,
    /// The height of a node.
    pub row: f64,
    /// The width of a node's name; 0 where there is no room for names.
    pub name: f64,
}

/// Between two columns, in pixels.
const GAP: f64 = 16.0;
/// A row that names can stand in is at least this high…
const NAMED_ROW: f64 = 18.0;
/// …and no row is higher.
const HIGHEST_ROW: f64 = 24.0;
/// A row that can still be told from its neighbours, and pointed at.
const GOOD_ROW: f64 = 7.0;
const LOWEST_ROW: f64 = 4.0;
/// The width of names where there are any, and the least width of time.
const NAME: f64 = 120.0;
const LEAST_STEP: f64 = 1.5;
const STEPS: f64 = Trace::MOST as f64;

impl Layout {
    /// The best layout for `count` nodes in a place of this size: names if there is room, else as few
    /// columns as let every row be seen. What does not fit goes on below.
    #[must_use]
    pub fn of(count: usize, width: f64, height: f64) -> Self {
        let of = |columns: usize, name: f64| {
            let rows = count.div_ceil(columns).max(1);
            let step = ((width + GAP) / columns as f64 - GAP - name) / STEPS;
            let row = (height / rows as f64).floor().min(HIGHEST_ROW);
            Self { count, rows, columns, step, row, name }
        };
        let fits = |layout: &Self, row: f64| layout.row >= row && layout.step >= LEAST_STEP;
        let all = || (1..=count.clamp(1, 64)).map(|columns| of(columns, 0.0));
        (1..=4)
            .map(|columns| of(columns, NAME))
            .find(|layout| fits(layout, NAMED_ROW))
            .or_else(|| all().find(|layout| fits(layout, GOOD_ROW)))
            .or_else(|| all().take_while(|layout| layout.step >= LEAST_STEP).last())
            .unwrap_or_else(|| of(1, 0.0))
            .scrolling()
    }

    /// No row is lower than can be seen; the map becomes higher instead.
    fn scrolling(self) -> Self {
        Self { row: self.row.max(LOWEST_ROW), step: self.step.max(0.5), ..self }
    }

    /// The height of all of it.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.rows as f64 * self.row
    }

    /// Where the node at `place` of the order begins: its left edge and its top.
    #[must_use]
    pub fn at(&self, place: usize) -> (f64, f64) {
        let column = (place / self.rows) as f64;
        let width = self.name + STEPS * self.step + GAP;
        (column * width, (place % self.rows) as f64 * self.row)
    }

    /// What is at a point: a node's place in the order, and how many steps of time before the last.
    #[must_use]
    pub fn hit(&self, x: f64, y: f64) -> Option<(usize, usize)> {
        let width = self.name + STEPS * self.step + GAP;
        let column = (x / width).floor();
        let row = (y / self.row).floor();
        if x < 0.0 || y < 0.0 || column >= self.columns as f64 || row >= self.rows as f64 {
            return None;
        }
        let place = column as usize * self.rows + row as usize;
        let step = ((x - column * width - self.name) / self.step).floor();
        // A point on a name is one on the newest step, and so is one in the gap.
        let back = if step < 0.0 { 0.0 } else { (STEPS - 1.0 - step).max(0.0) };
        (place < self.count).then_some((place, back as usize))
    }

    /// The place that the arrow keys lead to: so many columns to the right, so many rows down.
    #[must_use]
    pub fn step_from(&self, place: usize, right: isize, down: isize) -> usize {
        let last = self.count.saturating_sub(1);
        let moved = place as isize + down + right * self.rows as isize;
        if moved < 0 || moved as usize > last {
            if right == 0 { (moved.max(0) as usize).min(last) } else { place.min(last) }
        } else {
            moved as usize
        }
    }
}

/// Steps of the ramp.
pub const TONES: usize = 7;

/// Which tone of the ramp stands for a share, in [`Trace::WHOLE`]: 0 for plenty, the last for next to
/// nothing. The less there is, the finer the tones.
#[must_use]
pub fn tone(share: u8) -> usize {
    let percent = u32::from(share) * 100 / u32::from(Trace::WHOLE);
    match percent {
        80.. => 0,
        60.. => 1,
        40.. => 2,
        25.. => 3,
        15.. => 4,
        5.. => 5,
        _ => 6,
    }
}

/// What a tone stands for.
pub const TONE_WORDS: [&str; TONES] =
    ["80 % or more", "60 %", "40 %", "25 %", "15 %", "5 %", "less than 5 %"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_nodes_have_names_and_many_fit_all_the_same() {
        let few = Layout::of(8, 1200.0, 600.0);
        assert_eq!((few.columns, few.rows, few.row), (1, 8, 24.0));
        assert!(few.name > 0.0);
        for (width, height) in [(1200.0, 700.0), (2500.0, 1100.0)] {
            let many = Layout::of(1000, width, height);
            assert!(many.height() <= height, "{many:?}");
            assert!(many.row >= GOOD_ROW && many.step >= LEAST_STEP, "{many:?}");
            assert!(many.columns * many.rows >= 1000);
        }
        let phone = Layout::of(1000, 330.0, 600.0);
        assert!(phone.height() > 600.0 && phone.row >= LOWEST_ROW, "{phone:?}");
        assert_eq!(Layout::of(0, 330.0, 600.0).hit(1.0, 1.0), None);
    }

    #[test]
    fn every_node_is_found_where_it_is_drawn() {
        for count in [1, 7, 61, 1000] {
            let layout = Layout::of(count, 1200.0, 700.0);
            for place in 0..count {
                let (x, y) = layout.at(place);
                let right = x + layout.name + STEPS * layout.step - 0.1;
                assert_eq!(layout.hit(right, y + 0.5), Some((place, 0)), "{layout:?}");
                assert_eq!(layout.hit(x + layout.name + 0.1, y + 0.5), Some((place, 59)));
                assert!(right <= 1200.0);
            }
            assert_eq!(layout.hit(-1.0, 1.0), None);
            assert_eq!(layout.hit(1.0, layout.height() + 1.0), None);
        }
    }

    #[test]
    fn arrow_keys_stay_on_the_map() {
        let layout = Layout { count: 10, rows: 4, columns: 3, step: 2.0, row: 8.0, name: 0.0 };
        assert_eq!(layout.step_from(0, 0, 1), 1);
        assert_eq!(layout.step_from(0, 0, -1), 0);
        assert_eq!(layout.step_from(9, 0, 1), 9);
        assert_eq!(layout.step_from(1, 1, 0), 5);
        assert_eq!(layout.step_from(7, 1, 0), 7, "there is nothing to its right");
    }

    #[test]
    fn the_less_there_is_the_darker() {
        let tones: Vec<usize> = (0..=Trace::WHOLE).rev().map(tone).collect();
        assert!(tones.is_sorted());
        assert_eq!((tones[0], tones[250]), (0, TONES - 1));
    }
}
