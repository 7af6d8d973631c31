//! The rules by which harm is told, as the page shows and sends them.

use shared::alert::{Level, Quiet, Rule, Rules, Silence};
use shared::units::fixed;

use crate::fit::quoted;

/// What a level is said with: the words before and after it, and what a value of it is multiplied by.
#[must_use]
pub fn unit(level: Level) -> Option<(&'static str, &'static str, f64)> {
    match level {
        Level::None => None,
        Level::PercentBelow => Some(("below", "%", 1.0)),
        Level::BytesBelow => Some(("below", "MiB", 1_048_576.0)),
        Level::PercentAbove => Some(("above", "%", 1.0)),
        Level::PagesAbove => Some(("above", "pages/s", 1.0)),
        Level::SecondsBelow => Some(("within", "min", 60.0)),
        Level::SecondsAbove => Some(("above", "s", 1.0)),
    }
}

/// A number as people write it: `5`, `0.25`.
#[must_use]
pub fn number(value: f64) -> String {
    let text = fixed(value, 3);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// `22:30` of minutes since midnight.
#[must_use]
pub fn clock(minutes: u32) -> String {
    let two = |value: u32| {
        if value < 10 { ["0", &value.to_string()].concat() } else { value.to_string() }
    };
    [&two(minutes / 60 % 24), ":", &two(minutes % 60)].concat()
}

/// The opposite.
#[must_use]
pub fn minutes(clock: &str) -> Option<u32> {
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.get(..2)?.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// The rules in JSON, as the head takes them.
#[must_use]
pub fn json(rules: &Rules) -> String {
    let list = |parts: Vec<String>| ["[", &parts.join(","), "]"].concat();
    object(&[
        ("rules", list(rules.rules.iter().map(rule).collect())),
        ("quiet", rules.quiet.as_ref().map_or("null".into(), quiet)),
        ("silences", list(rules.silences.iter().map(silence).collect())),
        ("group_nodes", rules.group_nodes.to_string()),
        ("group_s", rules.group_s.to_string()),
        ("remind_h", rules.remind_h.to_string()),
    ])
}

fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| ["\"", name, "\":", value].concat()).collect();
    ["{", &fields.join(","), "}"].concat()
}

fn rule(rule: &Rule) -> String {
    object(&[
        ("harm", quoted(rule.harm.def().id)),
        ("enabled", if rule.enabled { "true" } else { "false" }.into()),
        ("begin", number(rule.begin)),
        ("begin_s", rule.begin_s.to_string()),
        ("end", number(rule.end)),
        ("end_s", rule.end_s.to_string()),
    ])
}

fn quiet(quiet: &Quiet) -> String {
    object(&[
        ("from_min", quiet.from_min.to_string()),
        ("to_min", quiet.to_min.to_string()),
        ("except", quiet.except.map_or("null".into(), |severity| quoted(severity.name()))),
    ])
}

fn silence(silence: &Silence) -> String {
    object(&[
        ("node", silence.node.as_ref().map_or("null".into(), |id| quoted(id.as_str()))),
        ("harm", silence.harm.map_or("null".into(), |harm| quoted(harm.def().id))),
        ("until_ms", silence.until_ms.to_string()),
        ("note", quoted(&silence.note)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::NodeId;
    use shared::alert::Harm;
    use shared::survey::Severity;

    #[test]
    fn rules_come_back_from_json_as_they_were() {
        let mut rules = Rules::default();
        rules.rules[0].begin = 4.25;
        rules.rules[3].enabled = false;
        assert_eq!(serde_json::from_str::<Rules>(&json(&rules)).unwrap(), rules);
        rules.quiet = Some(Quiet { from_min: 1350, to_min: 360, except: Some(Severity::Trouble) });
        rules.silences.push(Silence {
            node: NodeId::try_from("pi-07".to_owned()).ok(),
            harm: Some(Harm::Unheard),
            until_ms: 1_795_435_387_000,
            note: "\"moving\" \\ it".into(),
        });
        assert_eq!(serde_json::from_str::<Rules>(&json(&rules)).unwrap(), rules);
    }

    #[test]
    fn numbers_and_times_of_day_are_written_short() {
        for (value, text) in
            [(5.0, "5"), (0.25, "0.25"), (134_217_728.0, "134217728"), (100.0, "100")]
        {
            assert_eq!(number(value), text);
        }
        for text in ["00:00", "22:30", "06:05"] {
            assert_eq!(minutes(text).map(clock).as_deref(), Some(text));
        }
        assert_eq!(minutes("06:05:30"), Some(365));
        for text in ["", "24:00", "6", "1:6x", "10:5"] {
            assert_eq!(minutes(text), None, "{text}");
        }
    }
}
