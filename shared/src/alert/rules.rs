//! The rules by which harm is told. They stand in the settings file, and can be changed in the page.

use serde::{Deserialize, Serialize};

use super::Harm;
use crate::NodeId;
use crate::survey::Severity;

/// How one harm is watched for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Which.
    pub harm: Harm,
    /// Whether it is watched for.
    pub enabled: bool,
    /// Where it begins, in the unit of [`super::Def::level`]…
    pub begin: f64,
    /// …when it has been beyond for so many seconds.
    pub begin_s: u32,
    /// Where it ends…
    pub end: f64,
    /// …when it has been back for so many seconds.
    pub end_s: u32,
}

/// All rules: one for each harm, in the order of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// See [`Rule`].
    pub rules: Vec<Rule>,
    /// When only the worst is told at once.
    pub quiet: Option<Quiet>,
    /// What is told to nobody for a while.
    pub silences: Vec<Silence>,
    /// When so many nodes fail alike within [`Self::group_s`], they are one incident.
    pub group_nodes: u32,
    /// In seconds. A first message waits for so long, at most, for more of the same.
    pub group_s: u32,
    /// An incident that goes on is told again after so many hours; 0 is never.
    pub remind_h: u32,
}

/// Hours in which nothing is told but the worst; the rest is told when they are over, if it still holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// When they begin, in minutes since midnight of the head's local time.
    pub from_min: u32,
    /// When they end; before [`Self::from_min`] if that is on the next day.
    pub to_min: u32,
    /// What is told all the same.
    pub except: Option<Severity>,
}

/// Something that is told to nobody for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Of which node; `None` is all of them.
    pub node: Option<NodeId>,
    /// Which harm; `None` is all of them.
    pub harm: Option<Harm>,
    /// Until when, by the head's clock: ms since 1970.
    pub until_ms: u64,
    /// Why, in the words of whoever said so.
    pub note: String,
}

/// Why rules are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRules(pub String);

impl Default for Rules {
    fn default() -> Self {
        let rule = |harm: Harm| {
            let def = harm.def();
            Rule {
                harm,
                enabled: def.enabled,
                begin: def.begin,
                begin_s: def.begin_s,
                end: def.end,
                end_s: def.end_s,
            }
        };
        Self {
            rules: Harm::ALL.map(rule).to_vec(),
            quiet: None,
            silences: Vec::new(),
            group_nodes: 3,
            group_s: 10,
            remind_h: 0,
        }
    }
}

impl Rules {
    /// How `harm` is watched for.
    #[must_use]
    pub fn rule(&self, harm: Harm) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.harm == harm)
    }
}
