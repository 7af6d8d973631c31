//! Who a node is, and whether it still speaks.

use std::fmt;

use serde::{Deserialize, Serialize};

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
}
