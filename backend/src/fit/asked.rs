//! A job in words, as it comes over HTTP.

use std::fmt;
use std::str::FromStr;

use shared::NodeId;
use shared::fit::{Job, Strategy};

use crate::config::{Size, Time};

/// What a job is said by.
pub const WORDS: [&str; 9] =
    ["size", "copies", "strategy", "over", "reserve", "duration", "per_node", "nodes", "labels"];

/// Copies at most.
pub const MOST_COPIES: u32 = 100_000;
/// The longest time over which the least may count, in minutes: as long as heads look back.
pub const MOST_MINUTES: u32 = 60;
/// The time over which the least counts if nobody says it, in minutes.
pub const MINUTES: u32 = 10;
/// Nodes that are named at most.
const MOST_NODES: usize = 1000;
/// Labels that are asked for at most.
const MOST_LABELS: usize = 16;
/// A job that runs for longer, in s, is not known to end: ten years.
const MOST_DURATION_S: u64 = 10 * 365 * 86_400;

/// What is wrong with a job, in a sentence that says what is right.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadJob(String);

/// The job that `said` says: of each of [`WORDS`] what was said of it.
pub fn job<'a>(said: impl Fn(&str) -> Option<&'a str>) -> Result<Job, BadJob> {
    let size: Size = parsed("size", said("size"))?
        .ok_or_else(|| BadJob("say what one copy needs, such as size=3GiB".into()))?;
    let reserve: Option<Size> = parsed("reserve", said("reserve"))?;
    let duration: Option<Time> = parsed("duration", said("duration"))?;
    let strategy = match said("strategy") {
        None => Strategy::default(),
        Some(name) => {
            let known = Strategy::ALL.into_iter().find(|strategy| strategy.name() == name);
            known.ok_or_else(|| wrong("strategy", name, "pack, spread or most_headroom"))?
        }
    };
    let over_min = match said("over") {
        None => MINUTES,
        Some(text) => minutes(text).ok_or_else(|| wrong("over", text, "a time from 1m to 60m"))?,
    };
    let duration_s = match duration {
        None => None,
        Some(Time(time)) => Some(time.as_secs()).filter(|s| (1..=MOST_DURATION_S).contains(s)),
    };
    if let (Some(text), None) = (said("duration"), duration_s) {
        return Err(wrong("duration", text, "a time from 1s to 3650d"));
    }
    if size.0 == 0 {
        return Err(wrong("size", said("size").unwrap_or_default(), "at least one byte"));
    }
    Ok(Job {
        size: size.0,
        copies: count("copies", said("copies"))?.unwrap_or(1),
        strategy,
        over_min,
        reserve: reserve.map(|size| size.0),
        duration_s,
        most_per_node: count("per_node", said("per_node"))?,
        nodes: nodes(said("nodes").unwrap_or_default())?,
        labels: labels(said("labels").unwrap_or_default())?,
    })
}

fn wrong(name: &str, said: &str, right: &str) -> BadJob {
    let said: String = said.chars().take(40).collect();
    BadJob(format!("{name}={said:?} is not {right}"))
}

fn parsed<T: FromStr<Err: fmt::Display>>(
    name: &str,
    said: Option<&str>,
) -> Result<Option<T>, BadJob> {
    let Some(text) = said else { return Ok(None) };
    // What is quoted in full must be short.
    if text.len() > 40 {
        return Err(wrong(name, text, "as short as an amount or a time"));
    }
    text.parse().map(Some).map_err(|error| BadJob(format!("{name}: {error}")))
}

fn count(name: &str, said: Option<&str>) -> Result<Option<u32>, BadJob> {
    let Some(text) = said else { return Ok(None) };
    let number = text.parse().ok().filter(|count| (1..=MOST_COPIES).contains(count));
    number.map(Some).ok_or_else(|| wrong(name, text, &format!("a number from 1 to {MOST_COPIES}")))
}

/// Whole minutes, rounded up; `None` if it is no time, or not within bounds.
#[must_use]
pub fn minutes(text: &str) -> Option<u32> {
    let Time(time) = text.parse().ok()?;
    let minutes = u32::try_from(time.as_millis().div_ceil(60_000)).ok()?;
    (1..=MOST_MINUTES).contains(&minutes).then_some(minutes)
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn nodes(text: &str) -> Result<Vec<NodeId>, BadJob> {
    let node = |id: &str| {
        NodeId::try_from(id.to_owned()).map_err(|error| BadJob(format!("nodes: {error}")))
    };
    let mut nodes = items(text).map(node).collect::<Result<Vec<_>, _>>()?;
    nodes.sort_unstable();
    nodes.dedup();
    if nodes.len() > MOST_NODES {
        return Err(BadJob(format!(
            "`nodes` names {MOST_NODES} nodes at most; without it, all are meant"
        )));
    }
    Ok(nodes)
}

fn labels(text: &str) -> Result<Vec<String>, BadJob> {
    let label = |label: &str| match label.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(label.to_owned()),
        _ => Err(wrong("labels", label, "key=value, such as rack=a")),
    };
    let labels = items(text).map(label).collect::<Result<Vec<_>, _>>()?;
    if labels.len() > MOST_LABELS {
        return Err(BadJob(format!("`labels` has {MOST_LABELS} labels at most")));
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[(&str, &'static str)]) -> Result<Job, String> {
        let said = |name: &str| words.iter().find(|(other, _)| *other == name).map(|(_, s)| *s);
        job(said).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let job = asked(&[("size", "3GiB")]).unwrap();
        let usual = Job {
            size: 3 << 30,
            copies: 1,
            strategy: Strategy::Spread,
            over_min: 10,
            reserve: None,
            duration_s: None,
            most_per_node: None,
            nodes: Vec::new(),
            labels: Vec::new(),
        };
        assert_eq!(job, usual);
        let all = asked(&[
            ("size", "1000"),
            ("copies", "4"),
            ("strategy", "most_headroom"),
            ("over", "90s"),
            ("reserve", "0"),
            ("duration", "2h"),
            ("per_node", "2"),
            ("nodes", "pi-2, pi-1,pi-2"),
            ("labels", "rack=a,arch=arm64"),
        ])
        .unwrap();
        let id = |name: &str| NodeId::from_host_name(name);
        let expected = Job {
            size: 1000,
            copies: 4,
            strategy: Strategy::MostHeadroom,
            over_min: 2,
            reserve: Some(0),
            duration_s: Some(7200),
            most_per_node: Some(2),
            nodes: vec![id("pi-1"), id("pi-2")],
            labels: vec!["rack=a".into(), "arch=arm64".into()],
        };
        assert_eq!(all, expected);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(asked(&[]).unwrap_err().contains("such as size=3GiB"));
        for (name, text, says) in [
            ("size", "3 GiBi", "such as 512MiB"),
            ("size", "0", "at least one byte"),
            ("size", "x".repeat(50).leak(), "as short as"),
            ("copies", "0", "from 1 to 100000"),
            ("copies", "-1", "from 1 to 100000"),
            ("copies", "100001", "from 1 to 100000"),
            ("strategy", "tight", "pack, spread or most_headroom"),
            ("over", "61m", "1m to 60m"),
            ("over", "0s", "1m to 60m"),
            ("over", "soon", "1m to 60m"),
            ("reserve", "much", "such as 512MiB"),
            ("duration", "0s", "from 1s"),
            ("duration", "9999d", "from 1s"),
            ("duration", "long", "such as 15m"),
            ("per_node", "0", "from 1 to"),
            ("nodes", "Pi 1", "not a node id"),
            ("labels", "rack", "key=value"),
            ("labels", "=a", "key=value"),
        ] {
            let error = if name == "size" {
                asked(&[(name, text)]).unwrap_err()
            } else {
                asked(&[("size", "1GiB"), (name, text)]).unwrap_err()
            };
            assert!(error.contains(says), "{name}={text}: {error}");
        }
    }
}
