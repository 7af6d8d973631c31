//! When what is available of a node's memory runs out, if it goes on as it does.
//!
//! `docs/forecast.md` says how it is reckoned, when nothing is said, and how wrong it is.
//!
//! # Layout
//!
//! * `line`: a line through amounts that lets itself not be led astray by some of them.
//! * `judge`: whether what is available is being lost steadily, and since when.
//! * `growth`: which processes grow steadily.

mod growth;
mod judge;
mod line;

pub use growth::{Growth, MOST_SUSPECTS};
pub use judge::{QUIET_MS, Trend, foresee};

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::units::{human, span};

/// What is foreseen of one node. There is none while nothing is lost steadily.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// When nothing is available any more, by the head's clock: ms since 1970.
    pub out_ms: u64,
    /// Bytes that are lost in an hour.
    pub lost_per_hour: u64,
    /// How long that has been so, in ms.
    pub over_ms: u64,
    /// How far it can be relied on.
    pub quality: Quality,
    /// Processes that grow steadily, the fastest first; empty until that is known.
    pub suspects: Vec<Suspect>,
}

impl Forecast {
    /// The same for people, at `now_ms` of the head's clock. Names of processes are in it as they are.
    #[must_use]
    pub fn sentence(&self, now_ms: u64) -> String {
        let lost = human(self.lost_per_hour);
        let evenly = match self.quality {
            Quality::Fair => ", though not evenly",
            Quality::Good => "",
        };
        let begins = match self.out_ms.saturating_sub(now_ms) / 1000 {
            0 => "runs out about now".into(),
            left_s => format!("runs out in {}", span(left_s)),
        };
        let over = span(self.over_ms / 1000);
        let mut text = format!(
            "{begins} if it goes on so: it lost {lost} an hour for the last {over}{evenly}."
        );
        for (n, Suspect { pid, name, bytes, per_hour }) in self.suspects.iter().enumerate() {
            let before = if n == 0 { " Growing: " } else { "; " };
            let (bytes, more) = (human(*bytes), human(*per_hour));
            // Writing to a String cannot fail.
            write!(text, "{before}{name} ({pid}), {bytes} and {more} more an hour").ok();
        }
        if !self.suspects.is_empty() {
            text.push('.');
        }
        text
    }
}

/// Slots of a [`Horizon`].
pub const SLOTS: usize = 60;

/// How what is available went over some time, as the least of each of [`SLOTS`] slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// How wide a slot is, in ms.
    pub step_ms: u64,
    /// How much of the newest slot is over, in ms.
    pub into_ms: u64,
    /// The least in each slot, in KiB, the newest last; `None` is not known.
    pub lows: [Option<u32>; SLOTS],
}

/// How far a forecast can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// It may well be otherwise: what is lost is lost unevenly.
    Fair,
    /// It is lost evenly, and over every span that was looked at alike.
    Good,
}

impl Quality {
    /// Its name: `fair`, `good`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fair => "fair",
            Self::Good => "good",
        }
    }
}

/// A process that grows steadily.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Its number.
    pub pid: u32,
    /// The name it gives itself.
    pub name: String,
    /// What it holds now, in bytes.
    pub bytes: u64,
    /// Bytes by which it grows in an hour.
    pub per_hour: u64,
}
