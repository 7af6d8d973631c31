//! What harm is told of, and how: the table `[alerts]` of the settings file.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::alert::{Harm, Level, Quiet, Rule, Rules};
use shared::survey::Severity;

use super::channels::ChannelSettings;
use super::values::{Size, Time};

/// The settings of alerts. `None` is what was not said.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// How each harm is watched for: a table for each, such as `[alerts.rules.low_share]`.
    #[schemars(with = "BTreeMap<String, RuleSetting>")]
    pub rules: RuleSettings,
    /// When nothing is told but the worst, in the head's local time, such as `22:00-07:00`.
    pub quiet_hours: Option<Hours>,
    /// What is told then all the same: `trouble`, `warning` or `nothing` [default: trouble].
    #[schemars(with = "Option<String>")]
    pub quiet_except: Option<Except>,
    /// When so many nodes fail alike, they are one incident [default: 3].
    pub group_nodes: Option<GroupNodes>,
    /// How long a first message waits at most for more of the same [default: 10s].
    pub group_for: Option<GroupFor>,
    /// What goes on is told again so often, in whole hours [default: never].
    pub remind: Option<Remind>,
    /// Who is told, and how: a table for each channel.
    pub channels: Vec<ChannelSettings>,
}

impl AlertSettings {
    /// The rules that they come to.
    #[must_use]
    pub fn resolve(&self) -> Rules {
        let default = Rules::default();
        let except = self.quiet_except.map_or(Some(Severity::Trouble), |except| except.0);
        let quiet = self.quiet_hours.as_ref();
        Rules {
            rules: self.rules.0.clone(),
            quiet: quiet.map(|hours| Quiet { from_min: hours.0, to_min: hours.1, except }),
            group_nodes: self.group_nodes.map_or(default.group_nodes, |nodes| nodes.0),
            group_s: self.group_for.map_or(default.group_s, |time| time.0),
            remind_h: self.remind.map_or(default.remind_h, |hours| hours.0),
            silences: Vec::new(),
        }
    }
}

/// One rule for each harm, in the order of the table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "BTreeMap<String, RuleSetting>")]
pub struct RuleSettings(Vec<Rule>);

impl Default for RuleSettings {
    fn default() -> Self {
        Self(Rules::default().rules)
    }
}

/// A table such as `[alerts.rules.low_share]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RuleSetting {
    /// Whether it is watched for.
    enabled: Option<bool>,
    /// The level at which it begins: a number, or text with a unit such as `5 %`, `64MiB` or `1h`.
    begin: Option<Amount>,
    /// For how long it must be beyond that, a day at most.
    begin_for: Option<Time>,
    /// The level at which it ends, behind the one at which it begins.
    end: Option<Amount>,
    /// For how long it must be back, a day at most.
    end_for: Option<Time>,
}

/// A number, or text with a unit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "number or text")]
enum Amount {
    Number(f64),
    Text(String),
}

impl Amount {
    /// The number, in the unit of `level`.
    fn of(&self, level: Level) -> Result<f64, String> {
        let text = match (self, level) {
            (_, Level::None) => return Err("it has no level: it is, or it is not".into()),
            (Self::Number(number), _) => return Ok(*number),
            (Self::Text(text), _) => text,
        };
        match level {
            Level::None | Level::PagesAbove => Err(format!("{text:?} is not a number")),
            Level::PercentBelow | Level::PercentAbove => {
                let number =
                    text.trim().strip_suffix('%').and_then(|text| text.trim().parse().ok());
                number.ok_or_else(|| format!("{text:?} is not a share, such as 5 or \"5 %\""))
            }
            Level::BytesBelow => Ok(Size::from_str(text)?.0 as f64),
            Level::SecondsBelow | Level::SecondsAbove => Ok(Time::from_str(text)?.0.as_secs_f64()),
        }
    }
}

impl TryFrom<BTreeMap<String, RuleSetting>> for RuleSettings {
    type Error = String;

    fn try_from(said: BTreeMap<String, RuleSetting>) -> Result<Self, String> {
        let mut rules = Rules::default().rules;
        for (id, said) in said {
            let Some(harm) = Harm::named(&id) else {
                let known: Vec<_> = Harm::ALL.iter().map(|harm| harm.def().id).collect();
                return Err(format!("there is no rule `{id}`; known are {}", known.join(", ")));
            };
            let Some(rule) = rules.iter_mut().find(|rule| rule.harm == harm) else { continue };
            let key = |key: &str, wrong: String| format!("`{id}.{key}`: {wrong}");
            let level = harm.def().level;
            if let Some(begin) = &said.begin {
                rule.begin = begin.of(level).map_err(|wrong| key("begin", wrong))?;
            }
            if let Some(end) = &said.end {
                rule.end = end.of(level).map_err(|wrong| key("end", wrong))?;
            }
            if let Some(time) = said.begin_for {
                rule.begin_s = seconds(time).map_err(|wrong| key("begin_for", wrong))?;
            }
            if let Some(time) = said.end_for {
                rule.end_s = seconds(time).map_err(|wrong| key("end_for", wrong))?;
            }
            rule.enabled = said.enabled.unwrap_or(rule.enabled);
            if let Some(wrong) = rule.wrong() {
                return Err(format!("the levels of `{id}` are wrong: {wrong}"));
            }
        }
        Ok(Self(rules))
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Time) -> Result<u32, String> {
    let seconds = time.0.as_millis().div_ceil(1000);
    let whole = u32::try_from(seconds).ok().filter(|seconds| *seconds <= Rules::MOST_HELD_S);
    whole.ok_or_else(|| "it takes a day at most".into())
}

/// Two minutes of the day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Hours(u32, u32);

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let both = text.split_once('-').and_then(|(from, to)| minute(from).zip(minute(to)));
        both.filter(|(from, to)| from != to)
            .map(|(from, to)| Self(from, to))
            .ok_or_else(|| format!("{text:?} are no hours of the day, such as 22:00-07:00"))
    }
}

/// What quiet hours let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Except(Option<Severity>);

impl TryFrom<String> for Except {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = [Severity::Trouble, Severity::Warning];
        match known.into_iter().find(|severity| severity.name() == text) {
            Some(severity) => Ok(Self(Some(severity))),
            None if text == "nothing" => Ok(Self(None)),
            None => Err(format!("{text:?} is none of trouble, warning and nothing")),
        }
    }
}

/// See [`AlertSettings::group_nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u32")]
pub struct GroupNodes(u32);

impl TryFrom<u32> for GroupNodes {
    type Error = String;

    fn try_from(nodes: u32) -> Result<Self, String> {
        if nodes >= 2 { Ok(Self(nodes)) } else { Err("a group has 2 nodes at least".into()) }
    }
}

/// See [`AlertSettings::group_for`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Time")]
pub struct GroupFor(u32);

impl TryFrom<Time> for GroupFor {
    type Error = String;

    fn try_from(time: Time) -> Result<Self, String> {
        let seconds = seconds(time).ok().filter(|seconds| *seconds <= Rules::MOST_GROUP_S);
        seconds
            .map(Self)
            .ok_or_else(|| format!("a first message waits {} s at most", Rules::MOST_GROUP_S))
    }
}

/// See [`AlertSettings::remind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Time")]
pub struct Remind(u32);

impl TryFrom<Time> for Remind {
    type Error = String;

    fn try_from(time: Time) -> Result<Self, String> {
        let seconds = time.0.as_secs();
        let hours = u32::try_from(seconds / 3600).unwrap_or(u32::MAX);
        if seconds.is_multiple_of(3600) && hours <= Rules::MOST_REMIND_H {
            return Ok(Self(hours));
        }
        Err(format!("it is told again after whole hours, {} at most", Rules::MOST_REMIND_H))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser as _;

    use super::*;
    use crate::config::Cli;

    fn resolve(text: &str) -> Result<Rules, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("headroom.toml");
        fs::write(&path, text).unwrap();
        let cli = Cli::try_parse_from(["headroom", "--config", path.to_str().unwrap()]).unwrap();
        cli.serve.resolve().map(|config| config.alerts).map_err(|error| error.chain().to_string())
    }

    #[test]
    fn a_file_changes_what_it_names() {
        assert_eq!(resolve(""), Ok(Rules::default()));
        let rules = resolve(
            "[alerts]\nquiet_hours = \"22:00-07:30\"\nquiet_except = \"warning\"\n\
             group_nodes = 5\ngroup_for = \"20s\"\nremind = \"4h\"\n\
             [alerts.rules.low_share]\nbegin = 10\nend = \"15 %\"\nend_for = \"5m\"\n\
             [alerts.rules.low_bytes]\nenabled = true\nbegin = \"64MiB\"\n\
             [alerts.rules.runs_out]\nbegin = \"1h\"\n",
        )
        .unwrap();
        let of = |harm| {
            let rule = rules.rule(harm).unwrap();
            (rule.enabled, rule.begin, rule.begin_s, rule.end, rule.end_s)
        };
        assert_eq!(of(Harm::LowShare), (true, 10.0, 60, 15.0, 300));
        assert_eq!(of(Harm::LowBytes), (true, 67_108_864.0, 60, 201_326_592.0, 120));
        assert_eq!(of(Harm::RunsOut), (true, 3600.0, 120, 14_400.0, 300));
        let quiet = Quiet { from_min: 1320, to_min: 450, except: Some(Severity::Warning) };
        assert_eq!(rules.quiet, Some(quiet));
        assert_eq!((rules.group_nodes, rules.group_s, rules.remind_h), (5, 20, 4));
        assert_eq!(rules.clone().checked(), Ok(rules));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key_and_file() {
        for (text, complaint) in [
            ("alerts.rules.used.begin = 90", "there is no rule `used`; known are low_share"),
            ("alerts.rules.low_share.begins = 5", "unknown field `begins`"),
            ("alerts.rules.low_share.begin = 9", "`low_share` are wrong: it begins below 9"),
            ("alerts.rules.pressure.end = 20", "`pressure` are wrong: it begins above 20"),
            ("alerts.rules.low_share.begin = \"few\"", "`low_share.begin`: \"few\" is not a share"),
            ("alerts.rules.head.begin = 1", "`head.begin`: it has no level"),
            ("alerts.rules.unheard.begin_for = \"2d\"", "`unheard.begin_for`: it takes a day"),
            ("alerts.quiet_hours = \"22-7\"", "\"22-7\" are no hours"),
            ("alerts.quiet_except = \"all\"", "\"all\" is none of"),
            ("alerts.group_nodes = 1", "2 nodes at least"),
            ("alerts.remind = \"90m\"", "whole hours"),
            ("alerts.rule = 1", "unknown field `rule`"),
        ] {
            let error = resolve(text).unwrap_err();
            assert!(error.contains(complaint) && error.contains("headroom.toml"), "{error}");
        }
    }
}
