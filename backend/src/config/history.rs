//! How history is kept.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::values::{Size, Time};

/// Bytes on disk at least: less holds no day of anything.
const LEAST_BYTES: u64 = 16 << 20;
/// Between two commits at least: each writes some pages…
const LEAST_COMMIT: Duration = Duration::from_secs(1);
/// …and at most: a power cut costs the head's own node as much.
const MOST_COMMIT: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The settings of history: in a file those of the table `[history]`. `None` is what was not said here.
#[derive(Args, Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HistorySettings {
    /// Keep history on disk, in the data directory [default: true]. In a file: `enabled`.
    #[arg(
        long = "history", env = "HEADROOM_HISTORY", value_name = "BOOL",
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub enabled: Option<bool>,
    /// Let history take so much of the disk at most, such as 500MB [default: 1GiB]. The oldest
    /// readings go first.
    #[arg(
        long = "history-max-size", env = "HEADROOM_HISTORY_MAX_SIZE", value_name = "SIZE",
        value_parser = max_size
    )]
    #[serde(deserialize_with = "max_size_in_file")]
    pub max_size: Option<Size>,
    /// Write to disk once in so long, 1s to 1h [default: 15m].
    #[arg(
        long = "history-commit", env = "HEADROOM_HISTORY_COMMIT", value_name = "TIME",
        value_parser = commit
    )]
    #[serde(deserialize_with = "commit_in_file")]
    pub commit: Option<Time>,
    /// Keep every reading for so many days [default: 7].
    #[arg(long = "history-raw-days", env = "HEADROOM_HISTORY_RAW_DAYS", value_name = "DAYS")]
    pub raw_days: Option<NonZeroU32>,
    /// Keep what each 10 seconds came to for so many days [default: 30].
    #[arg(long = "history-days-10s", env = "HEADROOM_HISTORY_DAYS_10S", value_name = "DAYS")]
    pub days_10s: Option<NonZeroU32>,
    /// Keep what each minute came to for so many days [default: 120].
    #[arg(long = "history-days-1m", env = "HEADROOM_HISTORY_DAYS_1M", value_name = "DAYS")]
    pub days_1m: Option<NonZeroU32>,
    /// Keep what each 10 minutes came to for so many days [default: 400].
    #[arg(long = "history-days-10m", env = "HEADROOM_HISTORY_DAYS_10M", value_name = "DAYS")]
    pub days_10m: Option<NonZeroU32>,
    /// Keep what each 2 hours came to for so many days [default: 1830].
    #[arg(long = "history-days-2h", env = "HEADROOM_HISTORY_DAYS_2H", value_name = "DAYS")]
    pub days_2h: Option<NonZeroU32>,
}

/// How history is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryConfig {
    /// Bytes on disk at most.
    pub max_bytes: u64,
    /// Between two commits.
    pub commit: Duration,
    /// How long each tier is kept, in the order of [`shared::history::Tier::ALL`].
    pub keep: [Duration; 5],
}

impl HistorySettings {
    /// Puts what was said over what stands in the file, and that over the defaults; `None` is to keep
    /// none.
    #[must_use]
    pub fn resolve(&self, file: &Self) -> Option<HistoryConfig> {
        let is_kept = self.enabled.or(file.enabled).unwrap_or(true);
        is_kept.then(|| self.kept_over(file))
    }

    /// The same, whether one is kept or not.
    #[must_use]
    pub fn kept_over(&self, file: &Self) -> HistoryConfig {
        let days = |said: Option<NonZeroU32>, file: Option<NonZeroU32>, default| {
            DAY.saturating_mul(said.or(file).map_or(default, NonZeroU32::get))
        };
        HistoryConfig {
            max_bytes: self.max_size.or(file.max_size).map_or(1 << 30, |size| size.0),
            commit: self.commit.or(file.commit).map_or(Duration::from_mins(15), |time| time.0),
            keep: [
                days(self.raw_days, file.raw_days, 7),
                days(self.days_10s, file.days_10s, 30),
                days(self.days_1m, file.days_1m, 120),
                days(self.days_10m, file.days_10m, 400),
                days(self.days_2h, file.days_2h, 1830),
            ],
        }
    }
}

fn checked_size(size: Size) -> Result<Size, String> {
    if size.0 >= LEAST_BYTES {
        return Ok(size);
    }
    Err(format!("history takes {} MiB at least; --history=false keeps none", LEAST_BYTES >> 20))
}

fn checked_commit(time: Time) -> Result<Time, String> {
    if (LEAST_COMMIT..=MOST_COMMIT).contains(&time.0) {
        return Ok(time);
    }
    Err("history is written once in 1s to 1h".into())
}

fn max_size(text: &str) -> Result<Size, String> {
    checked_size(text.parse()?)
}

fn commit(text: &str) -> Result<Time, String> {
    checked_commit(text.parse()?)
}

fn max_size_in_file<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Size>, D::Error> {
    checked_size(Size::deserialize(from)?).map(Some).map_err(serde::de::Error::custom)
}

fn commit_in_file<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
    checked_commit(Time::deserialize(from)?).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser as _;

    use super::*;
    use crate::config::Cli;

    fn resolve(args: &[&str]) -> Result<Option<HistoryConfig>, String> {
        let args = ["headroom"].iter().chain(args);
        let cli = Cli::try_parse_from(args).map_err(|error| error.to_string())?;
        let config = cli.serve.resolve().map_err(|error| error.chain().to_string())?;
        Ok(config.history)
    }

    #[test]
    fn history_is_kept_unless_it_is_said_otherwise() {
        let config = resolve(&[]).unwrap().unwrap();
        assert_eq!((config.max_bytes, config.commit), (1 << 30, Duration::from_mins(15)));
        assert_eq!(config.keep.map(|keep| keep.as_secs() / 86_400), [7, 30, 120, 400, 1830]);
        assert_eq!(resolve(&["--history=false"]), Ok(None));
        let args =
            ["--history-max-size", "64MiB", "--history-commit", "5s", "--history-raw-days=2"];
        let config = resolve(&args).unwrap().unwrap();
        assert_eq!((config.max_bytes, config.commit), (64 << 20, Duration::from_secs(5)));
        assert_eq!(config.keep[0], DAY * 2);
    }

    #[test]
    fn a_file_has_a_table_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("headroom.toml");
        let file = ["--config", path.to_str().unwrap()];
        fs::write(&path, "[history]\nmax_size = \"2GiB\"\ncommit = \"1m\"\ndays_2h = 400\n")
            .unwrap();
        let config = resolve(&file).unwrap().unwrap();
        assert_eq!((config.max_bytes, config.commit), (2 << 30, Duration::from_mins(1)));
        assert_eq!(config.keep[4], DAY * 400);
        fs::write(&path, "history.enabled = false").unwrap();
        assert_eq!(resolve(&file), Ok(None));
        for (text, complaint) in [
            ("history.max_size = 1000", "16 MiB at least"),
            ("history.max_size = \"1 apple\"", "\"1 apple\" is not an amount"),
            ("history.commit = \"2h\"", "1s to 1h"),
            ("history.commit = 15", "invalid type"),
            ("history.raw_days = 0", "nonzero"),
            ("history.raw_dayz = 1", "unknown field `raw_dayz`"),
        ] {
            fs::write(&path, text).unwrap();
            let error = resolve(&file).unwrap_err();
            assert!(error.contains(complaint) && error.contains("headroom.toml"), "{error}");
        }
        let error = resolve(&["--history-commit", "2h"]).unwrap_err();
        assert!(error.contains("1s to 1h"), "{error}");
    }
}
