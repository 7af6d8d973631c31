//! The example of a settings file: as it stands it says nothing, and all that it shows may be said.

use std::collections::BTreeSet;

use super::*;

const EXAMPLE: &str = include_str!("../../../packaging/examples/headroom.toml");

/// What a line shows: a setting, with whether it is another way of saying something; or nothing.
fn shown(line: &str) -> Option<(&str, bool)> {
    let line = line.strip_prefix('#')?;
    let (line, is_other) = line.strip_prefix('#').map_or((line, false), |line| (line, true));
    (!line.is_empty() && !line.starts_with(' ')).then_some((line, is_other))
}

fn resolved(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("headroom.toml");
    fs::write(&path, text).unwrap();
    let args = ["headroom", "--config", path.to_str().unwrap()];
    let config = Cli::try_parse_from(args).unwrap().serve.resolve();
    format!("{:?}", config.map_err(|error| error.chain().to_string()).unwrap())
}

#[test]
fn as_it_stands_it_says_nothing() {
    assert!(toml::from_str::<toml::Table>(EXAMPLE).unwrap().is_empty());
    assert_eq!(resolved(EXAMPLE), resolved(""));
}

#[test]
fn all_that_it_shows_can_be_said() {
    let lines = EXAMPLE.lines().filter_map(shown).filter(|(_, is_other)| !is_other);
    let text: Vec<_> = lines.map(|(line, _)| line).collect();
    let config = resolved(&text.join("\n"));
    for kind in ["Email", "Ntfy", "Gotify", "Telegram", "Discord", "Slack", "Webhook", "Program"] {
        assert!(config.contains(&format!("kind: {kind}(")), "{kind}: {config}");
    }
    assert!(config.contains("V1 {") && config.contains("is_tls: true"), "{config}");
}

#[test]
fn it_shows_every_key_and_no_other() {
    let mut heading = String::new();
    let mut seen = BTreeSet::new();
    for (line, _) in EXAMPLE.lines().filter_map(shown) {
        if line.starts_with('[') {
            heading = line.replace("low_share", "NAME");
        }
        let Some((key, value)) = line.split_once(" = ") else { continue };
        if heading.starts_with("[[") && key == "kind" {
            heading = format!("[[alerts.channels]] {}", value.trim_matches('"'));
        }
        seen.insert((heading.clone(), key.to_owned()));
    }
    // What every channel may have is shown with the first.
    let common =
        settings::tables().into_iter().find(|table| table.heading == "[[alerts.channels]]");
    let common: Vec<_> = common.unwrap().keys.into_iter().map(|key| key.name).collect();
    for (heading, key) in seen.clone() {
        if common.contains(&key) && heading.starts_with("[[") {
            seen.remove(&(heading, key.clone()));
            seen.insert(("[[alerts.channels]]".into(), key));
        }
    }
    let mut known = BTreeSet::new();
    for table in settings::tables() {
        for key in &table.keys {
            let key = key.name.split('.').next().unwrap();
            known.insert((table.heading.clone(), key.to_owned()));
        }
    }
    let missing: Vec<_> = known.difference(&seen).collect();
    let unknown: Vec<_> = seen.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
}
