//! Which nodes are shown, and in which order.

use std::cmp::Ordering;

use shared::node::Condition;
use shared::overview::Trace;

use super::row::Row;

/// What nodes can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// Its name; numbers in names count as numbers.
    #[default]
    Name,
    /// Its state, the worst first.
    State,
    /// What is available, the most first.
    Available,
    /// The least that was available in the last minutes, as a share, the least first.
    Least,
    /// Swap in use, the most first.
    Swap,
    /// Pressure, the most first.
    Pressure,
    /// Temperature, the hottest first.
    Temperature,
    /// The last reading, the oldest first.
    Seen,
}

impl Column {
    /// All of them, in the order of the list's columns.
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::State,
        Self::Available,
        Self::Least,
        Self::Swap,
        Self::Pressure,
        Self::Temperature,
        Self::Seen,
    ];

    /// Its name in addresses and in the page.
    #[must_use]
    pub fn id(self) -> &'static str {
        ["name", "state", "available", "least", "swap", "pressure", "temperature", "seen"]
            [self as usize]
    }

    /// Whether its numbers grow from the top down when it is not reversed.
    #[must_use]
    pub fn is_ascending(self) -> bool {
        matches!(self, Self::Name | Self::Least | Self::Seen)
    }
}

/// Which nodes, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// What they are sorted by.
    pub column: Column,
    /// Whether the other way around.
    pub is_reversed: bool,
    /// The key of the label by whose values they are grouped; empty for no groups.
    pub group: String,
    /// Words that each of them has somewhere; empty for all of them.
    pub filter: String,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The head of a group: the label's value, empty for nodes without one, and how many follow.
    Group(String, usize),
    /// A node, by its number.
    Node(u32),
}

impl Order {
    /// The lines of a list of `rows` at `head_ms` of the head's clock. With `by_share`, what is
    /// available counts as a share of total.
    #[must_use]
    pub fn lines(&self, rows: &[Row], by_share: bool, head_ms: u64) -> Vec<Line> {
        let mut found: Vec<usize> =
            (0..rows.len()).filter(|&at| matches(&rows[at], &self.filter, head_ms)).collect();
        let keys: Vec<Option<u64>> =
            rows.iter().map(|row| key(row, self.column, by_share, head_ms)).collect();
        let by_name = |a: usize, b: usize| natural(rows[a].name(), rows[b].name());
        let compare = |a: usize, b: usize| {
            let by_group = match self.group.as_str() {
                "" => Ordering::Equal,
                group => by_label(rows[a].label(group), rows[b].label(group)),
            };
            let by_key = if self.column == Column::Name {
                let by_name = by_name(a, b);
                if self.is_reversed { by_name.reverse() } else { by_name }
            } else {
                // What is unknown stays at the end, whichever way around.
                match (keys[a], keys[b]) {
                    (Some(a), Some(b)) if self.is_reversed => b.cmp(&a),
                    (Some(a), Some(b)) => a.cmp(&b),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                }
            };
            by_group.then(by_key).then_with(|| by_name(a, b)).then(a.cmp(&b))
        };
        sort(&mut found, &compare);
        let mut lines = Vec::with_capacity(found.len());
        let mut last = None;
        for at in found {
            if !self.group.is_empty() {
                let value = rows[at].label(&self.group);
                if last != Some(value) {
                    lines.push(Line::Group(value.into(), 0));
                    last = Some(value);
                }
                let open = lines.iter_mut().rev().find_map(|line| match line {
                    Line::Group(_, count) => Some(count),
                    Line::Node(_) => None,
                });
                if let Some(count) = open {
                    *count += 1;
                }
            }
            lines.push(Line::Node(rows[at].number));
        }
        lines
    }
}

/// Keys of labels that some node has, in order.
#[must_use]
pub fn label_keys(rows: &[Row]) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for label in rows.iter().flat_map(|row| &row.labels) {
        if let Err(place) = keys.binary_search(&label.key.as_str()) {
            keys.insert(place, &label.key);
        }
    }
    keys
}

/// A number that is the smaller, the further up a row belongs.
fn key(row: &Row, column: Column, by_share: bool, head_ms: u64) -> Option<u64> {
    let brief = row.current(head_ms);
    let most_first = |value: u64| u64::MAX - value;
    match column {
        Column::Name => None,
        Column::State => Some(severity(row, head_ms)),
        Column::Available if by_share => Some(most_first((brief?.share()? * 1_000_000.0) as u64)),
        Column::Available => Some(most_first(brief?.available_kib?)),
        Column::Least => {
            let known = row.trace.shares().iter().filter(|&&share| share != Trace::UNKNOWN);
            known.min().map(|&share| share.into())
        }
        Column::Swap => Some(most_first(brief?.swap_used_kib)),
        Column::Pressure => Some(most_first(brief?.pressure?.into())),
        Column::Temperature => Some(most_first(brief?.temperature?.into())),
        Column::Seen => Some(row.brief?.at_ms),
    }
}

/// How soon somebody should look at a row: the smaller the sooner.
fn severity(row: &Row, head_ms: u64) -> u64 {
    let is_wrong = !row.trouble().is_empty();
    match row.condition(head_ms).0 {
        Condition::Refused => 0,
        Condition::Gone => 1,
        Condition::Stale => 2,
        Condition::Live | Condition::Late if is_wrong => 3,
        Condition::Late => 4,
        Condition::NeverSeen => 5,
        Condition::Live => 6,
    }
}

/// Whether each word of `filter` is in the row's name, id, state, trouble or labels, whatever the case
/// of its letters.
fn matches(row: &Row, filter: &str, head_ms: u64) -> bool {
    filter.split_ascii_whitespace().all(|word| {
        let has = |text: &str| contains(text, word);
        has(row.name())
            || has(row.id.as_str())
            || has(row.condition(head_ms).0.name())
            || has(row.trouble())
            || row.labels.iter().any(|label| {
                has(&label.value) || has(&[&label.key, "=", label.value.as_str()].concat())
            })
    })
}

fn contains(text: &str, word: &str) -> bool {
    let is_here = |part: &[u8]| part.eq_ignore_ascii_case(word.as_bytes());
    text.as_bytes().windows(word.len().max(1)).any(is_here)
}

/// Values in their natural order, and what has none at the end.
fn by_label(a: &str, b: &str) -> Ordering {
    a.is_empty().cmp(&b.is_empty()).then_with(|| natural(a, b))
}

/// Texts in order, with numbers in them as numbers: `pi-2` before `pi-10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(&first), Some(&other)) = (a.first(), b.first()) else {
            return a.len().cmp(&b.len());
        };
        if first.is_ascii_digit() && other.is_ascii_digit() {
            let (number, rest) = number(a);
            let (against, other_rest) = self::number(b);
            let order = number.len().cmp(&against.len()).then_with(|| number.cmp(against));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (rest, other_rest);
        } else {
            let order = first.to_ascii_lowercase().cmp(&other.to_ascii_lowercase());
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[1..], &b[1..]);
        }
    }
}

/// The digits at the start without leading zeros, and what follows them.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    (&digits[zeros..], rest)
}

/// Sorts places by merging runs: small, and the same for whatever is compared.
fn sort(places: &mut Vec<usize>, compare: &dyn Fn(usize, usize) -> Ordering) {
    let count = places.len();
    let mut merged = Vec::with_capacity(count);
    let mut length = 1;
    while length < count {
        merged.clear();
        for start in (0..count).step_by(2 * length) {
            let middle = (start + length).min(count);
            let end = (middle + length).min(count);
            let (mut left, mut right) = (start, middle);
            while left < middle || right < end {
                let takes_left =
                    right >= end || (left < middle && compare(places[left], places[right]).is_le());
                let from = if takes_left { &mut left } else { &mut right };
                merged.push(places[*from]);
                *from += 1;
            }
        }
        std::mem::swap(places, &mut merged);
        length *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;
    use shared::overview::{Label, Standing};

    fn names<'a>(order: &Order, rows: &'a [Row]) -> Vec<&'a str> {
        let nodes = order.lines(rows, false, 10_500).into_iter().filter_map(|line| match line {
            Line::Node(number) => Some(rows[number as usize].name()),
            Line::Group(..) => None,
        });
        nodes.collect()
    }

    fn labelled(mut row: Row, value: &str) -> Row {
        row.labels = vec![Label { key: "rack".into(), value: value.into() }];
        row
    }

    fn rows() -> Vec<Row> {
        let mut rows =
            vec![row(0, "pi-10", 300, 900), row(1, "pi-2", 200, 400), row(2, "Head", 100, 100)];
        rows.push(Row { brief: None, ..row(3, "new", 0, 0) });
        rows
    }

    #[test]
    fn names_sort_as_people_count() {
        let mut order = Order::default();
        assert_eq!(names(&order, &rows()), ["Head", "new", "pi-2", "pi-10"]);
        order.is_reversed = true;
        assert_eq!(names(&order, &rows()), ["pi-10", "pi-2", "new", "Head"]);
        assert_eq!(natural("a007b", "a7b"), Ordering::Equal);
        assert_eq!(natural("a1", "a1b"), Ordering::Less);
    }

    #[test]
    fn what_is_unknown_stays_at_the_end() {
        let mut order = Order { column: Column::Available, ..Order::default() };
        assert_eq!(names(&order, &rows()), ["pi-10", "pi-2", "Head", "new"]);
        order.is_reversed = true;
        assert_eq!(names(&order, &rows()), ["Head", "pi-2", "pi-10", "new"]);
        let shares = order.lines(&rows(), true, 10_500);
        assert_eq!(shares[0], Line::Node(0), "a third is the least share");
    }

    #[test]
    fn the_worst_comes_first_when_asked() {
        let mut rows = rows();
        rows[1].standing = Standing::Gone { since_ms: 0, stopped: true };
        if let Some(brief) = &mut rows[2].brief {
            brief.flags = 1;
        }
        let order = Order { column: Column::State, ..Order::default() };
        assert_eq!(names(&order, &rows)[..2], ["pi-2", "Head"]);
    }

    #[test]
    fn all_words_are_looked_for_everywhere() {
        let mut rows = rows();
        rows[0] = labelled(rows[0].clone(), "A1");
        let found = |filter: &str| {
            let order = Order { filter: filter.into(), ..Order::default() };
            names(&order, &rows).join(" ")
        };
        assert_eq!(found("PI"), "pi-2 pi-10");
        assert_eq!(found("pi rack=a"), "pi-10");
        assert_eq!(found("live head"), "Head");
        assert_eq!(found("nothing"), "");
        assert_eq!(found("  "), "Head new pi-2 pi-10");
    }

    #[test]
    fn groups_have_heads_and_those_without_come_last() {
        let rows = [
            row(0, "c", 1, 2),
            labelled(row(1, "b", 1, 2), "2"),
            labelled(row(2, "a", 1, 2), "10"),
            labelled(row(3, "d", 1, 2), "2"),
        ];
        let order = Order { group: "rack".into(), ..Order::default() };
        let lines = order.lines(&rows, false, 10_500);
        let group = |value: &str, count| Line::Group(value.into(), count);
        let node = Line::Node;
        assert_eq!(
            lines,
            [group("2", 2), node(1), node(3), group("10", 1), node(2), group("", 1), node(0)]
        );
        assert_eq!(label_keys(&rows), ["rack"]);
    }

    #[test]
    fn many_are_sorted_as_the_library_would() {
        let key = |at: usize| (at * 7919 + 13) % 1009;
        let mut places: Vec<usize> = (0..1000).collect();
        let mut expected = places.clone();
        sort(&mut places, &|a, b| key(a).cmp(&key(b)));
        expected.sort_by_key(|&at| key(at));
        assert_eq!(places, expected);
    }
}
