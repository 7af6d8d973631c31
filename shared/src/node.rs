//! Who a node is, and whether it still speaks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::overview::Standing;

/// The name by which a node is addressed: lower-case letters, digits, `-`, `_` and `.`, 1 to 64 of
/// them, so that it is safe in addresses, file names and terminals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(String);

/// Why a text is not a node's id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a node id: it takes 1 to {max} lower-case letters, digits, '-', '_' or '.'",
    max = NodeId::MAX_LEN
)]
pub struct BadNodeId(String);

impl NodeId {
    /// Characters at most.
    pub const MAX_LEN: usize = 64;

    /// Makes an id of any host name: letters become lower-case, what is not allowed becomes `-`.
    #[must_use]
    pub fn from_host_name(host_name: &str) -> Self {
        let id: String = host_name
            .chars()
            .take(Self::MAX_LEN)
            .map(|c| c.to_ascii_lowercase())
            .map(|c| if allowed(c) { c } else { '-' })
            .collect();
        Self(if id.is_empty() { "node".into() } else { id })
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn allowed(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.')
}

impl TryFrom<String> for NodeId {
    type Error = BadNodeId;

    fn try_from(text: String) -> Result<Self, BadNodeId> {
        // All allowed characters are one byte long.
        if (1..=Self::MAX_LEN).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text))
        } else {
            Err(BadNodeId(text.chars().take(Self::MAX_LEN).collect()))
        }
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What does not change while a node runs. `None` is what the system does not tell.
///
/// All texts come from the node: whoever shows them treats them as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// The name the machine gives itself.
    pub host_name: String,
    /// The machine, such as `Raspberry Pi 4 Model B Rev 1.4`.
    pub model: Option<String>,
    /// The operating system, such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: Option<String>,
    /// The kernel's release, such as `6.12.34+rpt-rpi-v8`.
    pub kernel: Option<String>,
    /// The processor's name, such as `Cortex-A72`.
    pub cpu_name: Option<String>,
    /// Processors that the system may use.
    pub cores: Option<u32>,
    /// The lowest frequency a core can be set to, in Hz.
    pub min_frequency_hz: Option<u64>,
    /// The highest, in Hz.
    pub max_frequency_hz: Option<u64>,
    /// Bytes in a page: 4096 almost everywhere, 16384 on a Raspberry Pi 5.
    pub page_size: u64,
}

/// Whether a node still speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Its last reading is as young as it should be.
    Live,
    /// Readings are overdue: the numbers shown are old.
    Stale,
}

impl Liveness {
    /// Readings that may be missed before a node counts as stale.
    pub const MISSED: u64 = 3;

    /// Judges a last reading `age_ms` old of a node that reports every `period_ms`.
    ///
    /// Below a period of half a second the age must still reach 1.5 s, because a head may gather
    /// readings for a moment before it passes them on.
    #[must_use]
    pub fn of(age_ms: u64, period_ms: u64) -> Self {
        let limit = period_ms.saturating_mul(Self::MISSED).max(1500);
        if age_ms <= limit { Self::Live } else { Self::Stale }
    }
}

/// What a node is like, for people: how it stands and how old its numbers are, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Its numbers are as young as they should be.
    Live,
    /// Readings are overdue.
    Late,
    /// Nothing came for so long that its numbers tell little.
    Stale,
    /// It was stopped, or has not been heard for five minutes.
    Gone,
    /// Nobody has used its token yet.
    NeverSeen,
    /// Its agent is turned away.
    Refused,
}

impl Condition {
    /// Without a reading for so many periods a node is stale…
    pub const STALE_PERIODS: u64 = 10;
    /// …but never before this time, in ms.
    pub const STALE_MS: u64 = 15_000;
    /// A node that is not connected and was not heard for so long, in ms, is gone.
    pub const GONE_MS: u64 = 5 * 60 * 1000;

    /// Judges a node that reports every `period_ms`, whose last reading was taken at `taken_ms`; all
    /// times by one clock. With it goes since when that holds.
    #[must_use]
    pub fn of(
        standing: &Standing,
        taken_ms: Option<u64>,
        period_ms: u64,
        now_ms: u64,
    ) -> (Self, u64) {
        let (since_ms, connected) = match *standing {
            Standing::NeverSeen { since_ms } => return (Self::NeverSeen, since_ms),
            Standing::Refused { since_ms, .. } => return (Self::Refused, since_ms),
            Standing::Gone { since_ms, stopped: true } => return (Self::Gone, since_ms),
            Standing::Gone { since_ms, .. } => (since_ms, false),
            Standing::Connected { since_ms } => (since_ms, true),
        };
        let heard_ms = taken_ms.unwrap_or(since_ms);
        let age_ms = now_ms.saturating_sub(heard_ms);
        let stale_ms = period_ms.saturating_mul(Self::STALE_PERIODS).max(Self::STALE_MS);
        let is_young = Liveness::of(age_ms, period_ms) == Liveness::Live;
        if is_young && (connected || taken_ms.is_some()) {
            (Self::Live, since_ms)
        } else if age_ms <= stale_ms {
            (Self::Late, heard_ms)
        } else if connected || age_ms <= Self::GONE_MS {
            (Self::Stale, heard_ms)
        } else {
            (Self::Gone, heard_ms)
        }
    }

    /// Its name, for people and scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Gone => "gone",
            Self::NeverSeen => "never seen",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_name_gives_an_id() {
        for (host, id) in [
            ("pi-07", "pi-07"),
            ("Rack A/pi 1", "rack-a-pi-1"),
            ("", "node"),
            ("<script>", "-script-"),
            ("名前", "--"),
        ] {
            let made = NodeId::from_host_name(host);
            assert_eq!(made.as_str(), id);
            assert_eq!(NodeId::try_from(String::from(made.clone())), Ok(made));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "A", "a/b", "a b", &"x".repeat(65)] {
            let error = NodeId::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(error.contains("is not a node id"), "{error}");
        }
    }

    #[test]
    fn three_missed_readings_are_stale() {
        assert_eq!(Liveness::of(3000, 1000), Liveness::Live);
        assert_eq!(Liveness::of(3001, 1000), Liveness::Stale);
        assert_eq!(Liveness::of(1400, 100), Liveness::Live);
    }

    #[test]
    fn a_condition_says_since_when() {
        let of = |standing, taken_ms, now_ms| {
            let (condition, since_ms) = Condition::of(&standing, taken_ms, 1000, now_ms);
            (condition.name(), since_ms)
        };
        let connected = Standing::Connected { since_ms: 500 };
        assert_eq!(of(connected.clone(), Some(9000), 11_000), ("live", 500));
        assert_eq!(of(connected.clone(), Some(9000), 13_000), ("late", 9000));
        assert_eq!(of(connected.clone(), Some(9000), 25_000), ("stale", 9000));
        assert_eq!(of(connected.clone(), Some(9000), 999_000), ("stale", 9000));
        assert_eq!(of(connected, None, 4000), ("late", 500));
        let lost = Standing::Gone { since_ms: 9500, stopped: false };
        assert_eq!(of(lost.clone(), Some(9000), 10_000), ("live", 9500));
        assert_eq!(of(lost.clone(), Some(9000), 300_000), ("stale", 9000));
        assert_eq!(of(lost, Some(9000), 400_000), ("gone", 9000));
        let awaited = Standing::Gone { since_ms: 9500, stopped: false };
        assert_eq!(of(awaited, None, 9600), ("late", 9500), "not heard since the head started");
        let stopped = Standing::Gone { since_ms: 9500, stopped: true };
        assert_eq!(of(stopped, Some(9000), 9600), ("gone", 9500));
        assert_eq!(of(Standing::NeverSeen { since_ms: 7 }, None, 8), ("never seen", 7));
        let refused = Standing::Refused { since_ms: 7, why: String::new() };
        assert_eq!(of(refused, Some(6), 8), ("refused", 7));
    }
}
