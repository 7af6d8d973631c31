//! How current the numbers are, in words: stale ones are never shown as live.

use shared::node::Condition;
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

/// How current the numbers are.
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
    /// Numbers are overdue.
    Late,
    /// Numbers are old.
    Stale,
    /// The node is not there.
    Gone,
    /// The user looks at the past.
    Past,
    /// The page cannot read this head, or the head does not take this node.
    Refused,
}

impl Kind {
    /// Its name in the style sheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Frozen => "frozen",
            Self::Past => "past",
            Self::Connecting | Self::Waiting => "waiting",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Gone => "away",
            Self::Refused => "refused",
        }
    }
}

/// What is known of one node's numbers, all times in ms.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers<'a> {
    /// What the node is like.
    pub condition: Condition,
    /// Since how long it is.
    pub since_ms: u64,
    /// Since the last reading was taken; `None` if there never was one.
    pub age_ms: Option<u64>,
    /// Why there are none.
    pub trouble: Option<&'a str>,
    /// Why its agent is turned away.
    pub why: &'a str,
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject<'a> {
    /// One node; `None` while nothing is known of it.
    Node(Option<Numbers<'a>>),
    /// So many nodes.
    Nodes(usize),
}

impl Status {
    /// Judges the link, and the numbers that are shown. The page's clock says `now_ms`.
    #[must_use]
    pub fn of(link: &Link, frozen: bool, subject: &Subject<'_>, now_ms: u64) -> Self {
        let age_ms = match subject {
            Subject::Node(Some(numbers)) => numbers.age_ms,
            _ => None,
        };
        let last = age_ms.map_or_else(String::new, |age| {
            format!("The numbers are from {} ago.", span(age / 1000))
        });
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
            Link::Live if frozen => {
                (Kind::Frozen, "held still", format!("{last} Press space to go on."))
            }
            Link::Live => match subject {
                Subject::Nodes(0) => (
                    Kind::Waiting,
                    "no node yet",
                    "The head is there, but no node has reported to it yet.".into(),
                ),
                Subject::Nodes(_) => (Kind::Live, "live", String::new()),
                Subject::Node(None) => {
                    (Kind::Waiting, "no such node", "No node of this name is known here.".into())
                }
                Subject::Node(Some(numbers)) => numbers.judge(&last),
            },
        };
        Self { kind, words, detail }
    }
}

impl Status {
    /// The user looks at the past; `nothing` is why there is nothing to see of it.
    #[must_use]
    pub fn past(nothing: String) -> Self {
        Self { kind: Kind::Past, words: "the past", detail: nothing }
    }
}

impl Numbers<'_> {
    fn judge(&self, last: &str) -> (Kind, &'static str, String) {
        let since = span(self.since_ms / 1000);
        let words = self.condition.name();
        match (self.condition, self.trouble, self.age_ms) {
            (Condition::Refused, ..) => {
                (Kind::Refused, words, format!("Its agent is turned away: {}. {last}", self.why))
            }
            (Condition::NeverSeen, ..) => (
                Kind::Waiting,
                words,
                format!("Its token was made {since} ago, and nobody has used it yet."),
            ),
            (Condition::Gone, ..) => {
                (Kind::Gone, words, format!("It has been gone for {since}. {last}"))
            }
            (_, Some(trouble), _) => (Kind::Stale, "cannot be read", format!("{trouble}. {last}")),
            (_, None, None) => {
                (Kind::Waiting, "first reading", "Waiting for the first reading.".into())
            }
            (Condition::Live, ..) => (Kind::Live, words, String::new()),
            (Condition::Late, ..) => (Kind::Late, words, format!("A reading is overdue. {last}")),
            (Condition::Stale, ..) => {
                (Kind::Stale, words, format!("The node has gone quiet. {last}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(condition: Condition, age_ms: Option<u64>) -> Numbers<'static> {
        Numbers { condition, since_ms: 720_000, age_ms, trouble: None, why: "wrong machine" }
    }

    fn kind(link: &Link, frozen: bool, numbers: Numbers<'_>) -> Kind {
        Status::of(link, frozen, &Subject::Node(Some(numbers)), 10_000).kind
    }

    #[test]
    fn only_young_numbers_over_a_live_link_are_live() {
        let live = || numbers(Condition::Live, Some(900));
        assert_eq!(kind(&Link::Live, false, live()), Kind::Live);
        assert_eq!(kind(&Link::Live, false, numbers(Condition::Live, None)), Kind::Waiting);
        let broken = Numbers { trouble: Some("broken"), ..live() };
        assert_eq!(kind(&Link::Live, false, broken), Kind::Stale);
        assert_eq!(kind(&Link::Live, true, live()), Kind::Frozen);
        for link in [Link::Lost(1000), Link::Connecting, Link::Foreign(2)] {
            assert_ne!(kind(&link, false, live()), Kind::Live);
        }
    }

    #[test]
    fn each_condition_looks_different_and_says_since_when() {
        let mut kinds = Vec::new();
        for condition in crate::fleet::totals::CONDITIONS {
            let subject = Subject::Node(Some(numbers(condition, Some(720_000))));
            let status = Status::of(&Link::Live, false, &subject, 0);
            assert!(!kinds.contains(&status.kind), "{condition:?}");
            kinds.push(status.kind);
            assert_eq!(status.words, condition.name());
            let is_live = condition == Condition::Live;
            assert_eq!(status.detail.contains("12\u{a0}min"), !is_live, "{}", status.detail);
        }
    }

    #[test]
    fn what_is_old_says_how_old() {
        let subject = Subject::Node(Some(numbers(Condition::Live, Some(12_000))));
        let status = Status::of(&Link::Lost(0), false, &subject, 10_000);
        assert!(status.detail.contains("12\u{a0}s ago"), "{}", status.detail);
        assert!(status.detail.contains("for 10\u{a0}s"), "{}", status.detail);
        let words = |subject| Status::of(&Link::Live, false, &subject, 0).words;
        assert_eq!(words(Subject::Nodes(0)), "no node yet");
        assert_eq!(words(Subject::Nodes(4)), "live");
        assert_eq!(words(Subject::Node(None)), "no such node");
    }
}
