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
    /// Seconds that a harm has to hold, or to be over, at most.
    pub const MOST_HELD_S: u32 = 86_400;
    /// See [`Self::group_s`].
    pub const MOST_GROUP_S: u32 = 600;
    /// See [`Self::remind_h`].
    pub const MOST_REMIND_H: u32 = 24 * 30;
    /// Silences at most.
    pub const MOST_SILENCES: usize = 64;
    /// Bytes of a silence's note at most.
    pub const MOST_NOTE: usize = 200;

    /// How `harm` is watched for.
    #[must_use]
    pub fn rule(&self, harm: Harm) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.harm == harm)
    }

    /// The same rules in the order of the table, those that are missing as they are by default; an error
    /// if they cannot be kept to.
    pub fn checked(mut self) -> Result<Self, BadRules> {
        let bad = |text: String| Err(BadRules(text));
        for rule in &self.rules {
            let id = rule.harm.def().id;
            if self.rules.iter().filter(|other| other.harm == rule.harm).count() > 1 {
                return bad(format!("{id} has two rules"));
            }
            if let Some(wrong) = rule.wrong() {
                return bad(format!("{id}: {wrong}"));
            }
        }
        if self.group_s > Self::MOST_GROUP_S || self.remind_h > Self::MOST_REMIND_H {
            return bad(format!(
                "a first message waits {} s at most, and is repeated after {} h at most",
                Self::MOST_GROUP_S,
                Self::MOST_REMIND_H
            ));
        }
        if self.group_nodes < 2 {
            return bad("a group has 2 nodes at least".into());
        }
        if self.quiet.as_ref().is_some_and(|quiet| quiet.from_min.max(quiet.to_min) >= 1440) {
            return bad("quiet hours begin and end at a minute of the day, 0 to 1439".into());
        }
        if self.silences.len() > Self::MOST_SILENCES {
            return bad(format!("there are {} silences at most", Self::MOST_SILENCES));
        }
        if self.silences.iter().any(|silence| silence.note.len() > Self::MOST_NOTE) {
            return bad(format!("the note of a silence has {} bytes at most", Self::MOST_NOTE));
        }
        let missing =
            Self::default().rules.into_iter().filter(|rule| self.rule(rule.harm).is_none());
        let missing: Vec<Rule> = missing.collect();
        self.rules.extend(missing);
        self.rules.sort_by_key(|rule| rule.harm);
        Ok(self)
    }
}

impl Rule {
    /// Why it cannot be kept to, in a sentence without its full stop.
    #[must_use]
    pub fn wrong(&self) -> Option<String> {
        if self.begin_s.max(self.end_s) > Rules::MOST_HELD_S {
            return Some("it holds, and is over, for a day at most".into());
        }
        self.harm.def().level.wrong(self.begin, self.end)
    }
}

impl Quiet {
    /// Whether this minute of the day is one of theirs. From a minute to the same is all day.
    #[must_use]
    pub fn holds(&self, minute: u32) -> bool {
        let (from, to) = (self.from_min, self.to_min);
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }

    /// Whether something as bad as `severity` is told all the same.
    #[must_use]
    pub fn lets_pass(&self, severity: Severity) -> bool {
        // The worst comes first.
        self.except.is_some_and(|except| severity <= except)
    }
}

impl Silence {
    /// Whether it is about this harm of this node. What is of no node is silenced by its harm alone.
    #[must_use]
    pub fn covers(&self, node: Option<&NodeId>, harm: Harm, now_ms: u64) -> bool {
        now_ms < self.until_ms
            && self.harm.is_none_or(|of| of == harm)
            && self.node.as_ref().is_none_or(|of| Some(of) == node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_may_pass_midnight() {
        let quiet = |from_min, to_min| Quiet { from_min, to_min, except: Some(Severity::Trouble) };
        let night = quiet(22 * 60, 7 * 60);
        assert!(night.holds(23 * 60) && night.holds(0) && night.holds(7 * 60 - 1));
        assert!(!night.holds(7 * 60) && !night.holds(21 * 60 + 59));
        assert!(quiet(60, 120).holds(60) && !quiet(60, 120).holds(120));
        assert!(night.lets_pass(Severity::Trouble) && !night.lets_pass(Severity::Warning));
        assert!(!Quiet { except: None, ..night }.lets_pass(Severity::Trouble));
    }

    #[test]
    fn rules_are_made_whole_or_refused() {
        let rule = |rules: &Rules, harm| rules.rule(harm).unwrap().clone();
        let mut rules = Rules::default();
        rules.rules.retain(|rule| rule.harm == Harm::Pressure);
        rules.rules[0].begin = 30.0;
        let whole = rules.clone().checked().unwrap();
        assert_eq!(whole.rules.len(), Harm::ALL.len());
        assert_eq!(rule(&whole, Harm::Pressure), rules.rules[0]);
        assert_eq!(rule(&whole, Harm::LowShare), rule(&Rules::default(), Harm::LowShare));
        let error = |change: &dyn Fn(&mut Rules)| {
            let mut rules = rules.clone();
            change(&mut rules);
            rules.checked().unwrap_err().0
        };
        assert!(error(&|rules| rules.rules[0].end = 30.0).starts_with("pressure: it begins above"));
        assert!(error(&|rules| rules.rules[0].end_s = 90_000).contains("a day at most"));
        assert!(error(&|rules| rules.group_nodes = 1).contains("2 nodes"));
        assert!(error(&|rules| rules.rules.push(rules.rules[0].clone())).contains("two rules"));
        let quiet = Quiet { from_min: 1440, to_min: 0, except: None };
        assert!(error(&|rules| rules.quiet = Some(quiet.clone())).contains("0 to 1439"));
    }

    #[test]
    fn a_silence_is_about_what_it_says_until_it_ends() {
        let node = NodeId::from_host_name("a");
        let silence =
            Silence { node: Some(node.clone()), harm: None, until_ms: 10, note: String::new() };
        assert!(silence.covers(Some(&node), Harm::Unheard, 9));
        assert!(!silence.covers(Some(&node), Harm::Unheard, 10));
        assert!(!silence.covers(None, Harm::Head, 9));
        let of_harm = Silence { node: None, harm: Some(Harm::Head), ..silence };
        assert!(of_harm.covers(None, Harm::Head, 9));
        assert!(!of_harm.covers(Some(&node), Harm::Unheard, 9));
    }
}
