//! How current the numbers are, in words: stale ones are never shown as live.

use shared::node::Liveness;
use shared::units::span;

/// The link to the head.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// Not there yet.
    Connecting,
    /// Messages come in.
    Live,
    /// It was there, and is lost since this time of the page's clock, in ms.
    Lost(u64),
    /// The head speaks this other protocol: nothing it says can be read.
    Foreign(u16),
}

/// How current the numbers of a node are.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Which of the designed states it is.
    pub kind: Kind,
    /// A few words for the header. They do not count seconds, so that a screen reader is told of
    /// changes of state only.
    pub words: &'static str,
    /// The rest, with ages; empty if there is nothing to add.
    pub detail: String,
}

/// The designed states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers are as young as they should be.
    Live,
    /// Held still by the user.
    Frozen,
    /// The link is being made for the first time.
    Connecting,
    /// Waiting for the first numbers.
    Waiting,
    /// Numbers are old.
    Stale,
    /// The page cannot read this head.
    Refused,
}

impl Kind {
    /// Its name in the style sheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Frozen => "frozen",
            Self::Connecting | Self::Waiting => "waiting",
            Self::Stale => "stale",
            Self::Refused => "refused",
        }
    }
}

/// What is known of one node's numbers, all times in ms.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers<'a> {
    /// Since the last reading was taken; `None` if there never was one.
    pub age_ms: Option<u64>,
    /// Between two readings.
    pub period_ms: u64,
    /// Why there are none.
    pub trouble: Option<&'a str>,
}

impl Status {
    /// Judges the link, and the numbers of a node if one is known.
    #[must_use]
    pub fn of(link: &Link, frozen: bool, numbers: Option<&Numbers<'_>>, now_ms: u64) -> Self {
        let age = numbers.and_then(|numbers| numbers.age_ms);
        let ago = |age_ms: u64| format!("{} ago", span(age_ms / 1000));
        let last =
            age.map_or_else(String::new, |age| format!("The numbers are from {}.", ago(age)));
        let (kind, words, detail) = match link {
            Link::Foreign(protocol) => (
                Kind::Refused,
                "another version",
                format!("The head speaks protocol {protocol}, which this page cannot read."),
            ),
            Link::Connecting => (Kind::Connecting, "connecting", String::new()),
            Link::Lost(since_ms) => (
                Kind::Stale,
                "connection lost",
                format!(
                    "The head has not answered for {}. {last} Trying again by itself.",
                    span(now_ms.saturating_sub(*since_ms) / 1000)
                ),
            ),
            Link::Live => return Self::of_numbers(frozen, numbers, &last),
        };
        Self { kind, words, detail }
    }

    fn of_numbers(frozen: bool, numbers: Option<&Numbers<'_>>, last: &str) -> Self {
        let Some(numbers) = numbers else {
            let detail = "The head is there, but no node has reported to it yet.".into();
            return Self { kind: Kind::Waiting, words: "no node yet", detail };
        };
        let (kind, words, detail) = match (numbers.trouble, numbers.age_ms) {
            _ if frozen => (Kind::Frozen, "held still", format!("{last} Press space to go on.")),
            (Some(trouble), _) => (Kind::Stale, "cannot be read", format!("{trouble}. {last}")),
            (None, None) => {
                (Kind::Waiting, "first reading", "Waiting for the first reading.".into())
            }
            (None, Some(age)) => match Liveness::of(age, numbers.period_ms) {
                Liveness::Live => (Kind::Live, "live", String::new()),
                Liveness::Stale => {
                    (Kind::Stale, "no news", format!("The node has gone quiet. {last}"))
                }
            },
        };
        Self { kind, words, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(link: &Link, frozen: bool, age_ms: Option<u64>, trouble: Option<&str>) -> Kind {
        let numbers = Numbers { age_ms, period_ms: 1000, trouble };
        Status::of(link, frozen, Some(&numbers), 10_000).kind
    }

    #[test]
    fn only_young_numbers_over_a_live_link_are_live() {
        assert_eq!(kind(&Link::Live, false, Some(900), None), Kind::Live);
        assert_eq!(kind(&Link::Live, false, Some(9000), None), Kind::Stale);
        assert_eq!(kind(&Link::Live, false, None, None), Kind::Waiting);
        assert_eq!(kind(&Link::Live, false, Some(900), Some("broken")), Kind::Stale);
        assert_eq!(kind(&Link::Live, true, Some(900), None), Kind::Frozen);
        for link in [Link::Lost(1000), Link::Connecting, Link::Foreign(2)] {
            assert_ne!(kind(&link, false, Some(0), None), Kind::Live);
        }
    }

    #[test]
    fn what_is_old_says_how_old() {
        let numbers = Numbers { age_ms: Some(12_000), period_ms: 1000, trouble: None };
        let status = Status::of(&Link::Lost(0), false, Some(&numbers), 10_000);
        assert!(status.detail.contains("12\u{a0}s ago"), "{}", status.detail);
        assert!(status.detail.contains("for 10\u{a0}s"), "{}", status.detail);
        assert_eq!(Status::of(&Link::Live, false, None, 0).words, "no node yet");
    }
}
