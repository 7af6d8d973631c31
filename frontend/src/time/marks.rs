//! Events as marks on a line of time.

use shared::history::{Event, EventKind};

/// Events that stand too close to each other to be told apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where it stands: of the width of the line, 0 to 1.
    pub place: f64,
    /// The first of its events, and how many there are.
    pub first: usize,
    /// See [`Self::first`].
    pub count: usize,
    /// Whether one of them is trouble.
    pub is_wrong: bool,
}

/// Whether an event of this kind is trouble.
#[must_use]
pub fn is_wrong(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Gone
            | EventKind::Refused
            | EventKind::Trouble
            | EventKind::Finding
            | EventKind::OutOfMemory
            | EventKind::Thinned
            | EventKind::HistoryTrouble
    )
}

/// Marks for those of `events`, oldest first, that lie in the range; two are `apart` of it apart at least.
#[must_use]
pub fn marks(events: &[Event], (from_ms, to_ms): (u64, u64), apart: f64) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    let span = to_ms.saturating_sub(from_ms).max(1) as f64;
    for (first, event) in events.iter().enumerate() {
        if !(from_ms..=to_ms).contains(&event.at_ms) {
            continue;
        }
        let place = (event.at_ms - from_ms) as f64 / span;
        let is_wrong = is_wrong(event.kind);
        match marks.last_mut() {
            Some(mark) if place - mark.place < apart => {
                mark.count += 1;
                mark.is_wrong |= is_wrong;
            }
            _ => marks.push(Mark { place, first, count: 1, is_wrong }),
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_close_is_one_mark() {
        let event = |at_ms, kind| Event { at_ms, node: None, kind, text: String::new() };
        let events = [
            event(5, EventKind::Joined),
            event(110, EventKind::Booted),
            event(112, EventKind::OutOfMemory),
            event(150, EventKind::Back),
            event(300, EventKind::Gone),
        ];
        let marks = marks(&events, (100, 200), 0.1);
        let told: Vec<_> =
            marks.iter().map(|mark| (mark.first, mark.count, mark.is_wrong)).collect();
        assert_eq!(told, [(1, 2, true), (3, 1, false)]);
        assert!((marks[1].place - 0.5).abs() < 1e-9);
    }
}
