//! When is looked at: a range of time, and a moment within it.

pub mod ask;
pub mod calendar;
pub mod course;
pub mod marks;
pub mod picture;
pub mod reel;
pub mod step;

use shared::window::SPAN_MS;

/// The shortest range, in ms.
const SHORTEST_MS: u64 = 10_000;
/// The longest range, in ms.
const LONGEST_MS: u64 = 5 * 365 * DAY_MS;
const DAY_MS: u64 = 86_400_000;
/// A moment this close to now is now, in ms.
const NOW_MS: u64 = 1000;

/// Ranges to choose from: how long, in ms, and what they are called.
pub const PRESETS: [(u64, &str); 7] = [
    (SPAN_MS, "5 min"),
    (DAY_MS / 24, "1 h"),
    (DAY_MS / 4, "6 h"),
    (DAY_MS, "24 h"),
    (7 * DAY_MS, "7 d"),
    (30 * DAY_MS, "30 d"),
    (365 * DAY_MS, "1 y"),
];

/// Units of a span in addresses, the longest first.
const UNITS: [(u64, char); 5] =
    [(365 * DAY_MS, 'y'), (DAY_MS, 'd'), (DAY_MS / 24, 'h'), (60_000, 'm'), (1000, 's')];

/// When is looked at, by the head's clock. All of it is in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// How long the range is.
    pub span_ms: u64,
    /// Where it ends; `None` is now, whenever that is.
    pub to_ms: Option<u64>,
    /// The moment that is shown; `None` is now.
    pub at_ms: Option<u64>,
}

impl Default for Time {
    fn default() -> Self {
        Self { span_ms: SPAN_MS, to_ms: None, at_ms: None }
    }
}

impl Time {
    /// Whether all that is shown is the last five minutes, which need no history.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// From when to when.
    #[must_use]
    pub fn range(&self, now_ms: u64) -> (u64, u64) {
        let to_ms = self.to_ms.unwrap_or(now_ms);
        (to_ms.saturating_sub(self.span_ms), to_ms)
    }

    /// Now again; the range is as long as it was.
    #[must_use]
    pub fn live(self) -> Self {
        Self { to_ms: None, at_ms: None, ..self }
    }

    /// The last `span_ms`, now.
    #[must_use]
    pub fn last(span_ms: u64) -> Self {
        Self { span_ms: span_ms.clamp(SHORTEST_MS, LONGEST_MS), ..Self::default() }
    }

    /// At another moment. The range stays, unless the moment lies beyond it.
    #[must_use]
    pub fn at(self, at_ms: u64, now_ms: u64) -> Self {
        if at_ms.saturating_add(NOW_MS) > now_ms {
            return self.live();
        }
        let (from_ms, to_ms) = self.range(now_ms);
        // Beyond the range it moves on by most of itself: it does not creep along with the moment.
        let to_ms = if at_ms > to_ms {
            (at_ms + self.span_ms * 4 / 5).min(now_ms)
        } else if at_ms < from_ms {
            at_ms + self.span_ms * 4 / 5
        } else {
            to_ms
        };
        Self { to_ms: Some(to_ms), at_ms: Some(at_ms), ..self }
    }

    /// What an address says, made whole: a range that ends at some time has a moment within it, and a
    /// moment has a range around it.
    #[must_use]
    pub fn settled(self, now_ms: u64) -> Self {
        match (self.to_ms, self.at_ms) {
            (None, None) => self,
            (Some(to_ms), None) => self.at(to_ms.min(now_ms), now_ms),
            (Some(_), Some(at_ms)) => self.at(at_ms, now_ms),
            (None, Some(at_ms)) => {
                let to_ms = Some((at_ms + self.span_ms / 2).min(now_ms));
                Self { to_ms, ..self }.at(at_ms, now_ms)
            }
        }
    }

    /// From `from_ms` to `to_ms`. If that reaches up to now, it goes on with it.
    #[must_use]
    pub fn between(self, from_ms: u64, to_ms: u64, now_ms: u64) -> Self {
        let span_ms = to_ms.saturating_sub(from_ms).clamp(SHORTEST_MS, LONGEST_MS);
        let span_ms = span_ms / 1000 * 1000;
        if self.at_ms.is_none() && to_ms.saturating_add(span_ms / 50) >= now_ms {
            return Self::last(span_ms);
        }
        let to_ms = to_ms.min(now_ms);
        let at_ms = self.at_ms.unwrap_or(to_ms).clamp(to_ms.saturating_sub(span_ms), to_ms);
        Self { span_ms, to_ms: Some(to_ms), at_ms: None }.at(at_ms, now_ms)
    }

    /// `factor` times as long, around `pivot_ms`, which stays where it is on the screen. With no pivot
    /// that is the moment.
    #[must_use]
    pub fn zoomed(self, factor: f64, pivot_ms: Option<u64>, now_ms: u64) -> Self {
        let (from_ms, to_ms) = self.range(now_ms);
        let pivot_ms = pivot_ms.or(self.at_ms).unwrap_or(now_ms).clamp(from_ms, to_ms);
        let span = (self.span_ms as f64 * factor).clamp(SHORTEST_MS as f64, LONGEST_MS as f64);
        let share = (to_ms - pivot_ms) as f64 / self.span_ms.max(1) as f64;
        let to_ms = pivot_ms.saturating_add((share * span) as u64).min(now_ms);
        let from_ms = to_ms.saturating_sub(span as u64);
        // Whoever zooms into the past looks at what is there.
        let left = self.at_ms.is_none() && to_ms.saturating_add(span as u64 / 50) < now_ms;
        let moment = if left { Self { at_ms: Some(pivot_ms), ..self } } else { self };
        moment.between(from_ms, to_ms, now_ms)
    }

    /// The range earlier by this share of it, or later if that is negative.
    #[must_use]
    pub fn panned(self, share: f64, now_ms: u64) -> Self {
        let (_, to_ms) = self.range(now_ms);
        let by_ms = (share * self.span_ms as f64) as i64;
        let to_ms = to_ms.saturating_add_signed(-by_ms).min(now_ms);
        let moved = Self { to_ms: Some(to_ms), ..self };
        moved.between(to_ms.saturating_sub(self.span_ms), to_ms, now_ms)
    }

    /// What stands in an address for it: keys and values. Nothing for the last five minutes, live.
    pub fn write(&self, put: &mut dyn FnMut(&str, &str)) {
        match self.to_ms {
            None if self.span_ms == SPAN_MS => {}
            None => put("range", &short(self.span_ms)),
            Some(to_ms) => {
                put("from", &to_ms.saturating_sub(self.span_ms).to_string());
                put("to", &to_ms.to_string());
            }
        }
        if let Some(at_ms) = self.at_ms {
            put("at", &at_ms.to_string());
        }
    }

    /// Takes in a key of an address with its value. `from` is kept until `to` is known.
    pub fn read(&mut self, key: &str, value: &str, from: &mut Option<u64>) {
        match key {
            "range" => {
                if let Some(span_ms) = span_of(value) {
                    self.span_ms = span_ms;
                }
            }
            "from" => *from = value.parse().ok(),
            "to" => self.to_ms = value.parse().ok(),
            "at" => self.at_ms = value.parse().ok(),
            _ => {}
        }
        if let Some((from_ms, to_ms)) = from.zip(self.to_ms) {
            self.span_ms = to_ms.saturating_sub(from_ms).clamp(SHORTEST_MS, LONGEST_MS);
        }
    }
}

/// `24h`.
fn short(span_ms: u64) -> String {
    let (unit_ms, letter) =
        UNITS.into_iter().find(|(unit_ms, _)| span_ms.is_multiple_of(*unit_ms)).unwrap_or(UNITS[4]);
    let mut text = (span_ms / unit_ms).to_string();
    text.push(letter);
    text
}

fn span_of(text: &str) -> Option<u64> {
    let (unit_ms, letter) = UNITS.into_iter().find(|(_, letter)| text.ends_with(*letter))?;
    let count: u64 = text.strip_suffix(letter)?.parse().ok()?;
    Some(count.checked_mul(unit_ms)?.clamp(SHORTEST_MS, LONGEST_MS))
}

/// How long a range is, in words: `24 h`.
#[must_use]
pub fn span_words(span_ms: u64) -> String {
    let preset = PRESETS.iter().find(|(preset_ms, _)| *preset_ms == span_ms);
    preset.map_or_else(|| shared::units::span(span_ms / 1000), |(_, words)| (*words).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const HOUR: u64 = DAY_MS / 24;

    #[test]
    fn a_moment_leaves_the_present_and_the_range_stays() {
        let day = Time::last(DAY_MS);
        let past = day.at(NOW - 3 * HOUR, NOW);
        assert_eq!(past.range(NOW + 5000), (NOW - DAY_MS, NOW), "it stands still");
        assert_eq!(past.at_ms, Some(NOW - 3 * HOUR));
        assert_eq!(past.live(), day);
        assert_eq!(past.at(NOW + 1, NOW), day, "what is not over is now");
        let beyond = past.at(NOW - 2 * DAY_MS, NOW);
        let (from, to) = beyond.range(NOW);
        assert!(from < NOW - 2 * DAY_MS && to > NOW - 2 * DAY_MS && to - from == DAY_MS);
        let short = Time::last(60_000).at(NOW - HOUR, NOW);
        let later = short.at(NOW - HOUR + 61_000, NOW).range(NOW);
        assert!(later.0 < NOW - HOUR + 61_000 && later.1 > NOW - HOUR + 61_000, "{later:?}");
    }

    #[test]
    fn zooming_keeps_what_is_under_the_pointer() {
        let past = Time::last(DAY_MS).at(NOW - 3 * HOUR, NOW);
        let pivot = NOW - 6 * HOUR;
        let closer = past.zoomed(0.5, Some(pivot), NOW);
        let (from, to) = closer.range(NOW);
        assert_eq!((to - pivot, pivot - from), (3 * HOUR, 9 * HOUR));
        assert_eq!(closer.at_ms, Some(NOW - 3 * HOUR), "it is still in the range");
        assert_eq!(closer.zoomed(2.0, Some(pivot), NOW).range(NOW), past.range(NOW));
        let live = Time::last(DAY_MS);
        assert_eq!(live.zoomed(0.5, None, NOW), Time::last(DAY_MS / 2), "now stays now");
        assert_eq!(live.zoomed(2.0, Some(pivot), NOW), Time::last(2 * DAY_MS));
        let left = live.zoomed(0.5, Some(pivot), NOW);
        assert_eq!(left.at_ms, Some(pivot), "whoever zooms into the past looks at it");
        assert_eq!(Time::last(1).span_ms, SHORTEST_MS);
        assert_eq!(live.zoomed(1e9, None, NOW).span_ms, LONGEST_MS);
    }

    #[test]
    fn ranges_are_picked_and_moved() {
        let live = Time::last(DAY_MS);
        let picked = live.between(NOW - 5 * HOUR, NOW - 4 * HOUR, NOW);
        assert_eq!((picked.span_ms, picked.to_ms), (HOUR, Some(NOW - 4 * HOUR)));
        assert_eq!(picked.at_ms, Some(NOW - 4 * HOUR));
        assert_eq!(live.between(NOW - HOUR, NOW - 1000, NOW), Time::last(HOUR - 1000));
        let earlier = live.panned(0.5, NOW);
        assert_eq!(earlier.range(NOW), (NOW - 36 * HOUR, NOW - 12 * HOUR));
        assert_eq!(earlier.at_ms, earlier.to_ms, "the moment goes with the range");
        assert_eq!(earlier.panned(-9.0, NOW).range(NOW), (NOW - 24 * HOUR, NOW));
    }

    #[test]
    fn addresses_are_made_whole() {
        let half = Time { at_ms: Some(NOW - HOUR), ..Time::default() }.settled(NOW);
        let (from, to) = half.range(NOW);
        assert!(from < NOW - HOUR && to > NOW - HOUR);
        let range = Time { to_ms: Some(NOW - HOUR), ..Time::default() }.settled(NOW);
        assert_eq!(range.at_ms, Some(NOW - HOUR));
        assert_eq!(Time::last(HOUR).settled(NOW), Time::last(HOUR));
        let ahead = Time { to_ms: Some(NOW + DAY_MS), at_ms: Some(NOW + HOUR), span_ms: HOUR };
        assert_eq!(ahead.settled(NOW), Time::last(HOUR), "what is not yet is now");
    }

    #[test]
    fn spans_are_short_in_addresses() {
        for (span_ms, text) in
            [(DAY_MS, "1d"), (6 * HOUR, "6h"), (90_000, "90s"), (365 * DAY_MS, "1y")]
        {
            assert_eq!(short(span_ms), text);
            assert_eq!(span_of(text), Some(span_ms));
        }
        assert_eq!(span_of("24h"), Some(DAY_MS));
        assert_eq!(span_of("1s"), Some(SHORTEST_MS));
        for text in ["", "h", "1w", "-1h", "99999999999999999999y"] {
            assert_eq!(span_of(text), None, "{text}");
        }
        assert_eq!(span_words(DAY_MS), "24 h");
        assert_eq!(span_words(37 * 60_000), "37\u{a0}min");
    }
}
