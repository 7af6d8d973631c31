//! What a node reports when programs were killed for want of memory, or many waited for it: its last
//! two minutes, second by second, and who had the memory.
//!
//! Names come from whoever started the process: they are text, whatever they hold.

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::run::Run;
use crate::wire::Reading;

/// How far a black box reaches back, in ms.
pub const SPAN_MS: u64 = 120_000;
/// Processes of a ranking at most.
pub const MOST_RANKED: usize = 12;
/// Rankings of a black box at most.
pub const MOST_RANKINGS: usize = 64;
/// Victims of a black box at most.
pub const MOST_KILLED: usize = 16;

/// What the agent sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlackBox {
    /// Why it is sent.
    pub why: Why,
    /// When that was, by the node's monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// Who was killed.
    pub killed: Vec<Killed>,
    /// Who had the memory, oldest first.
    pub rankings: Vec<Ranking>,
    /// The readings of the last two minutes, oldest first; at most one a second.
    pub readings: Run,
    /// Where who was killed was looked for in vain, in a sentence for people.
    pub note: Option<String>,
}

/// Why a black box is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The kernel killed a program.
    OutOfMemory,
    /// Programs waited long for memory.
    Pressure,
    /// The head made it of what the node had reported when it was no longer heard.
    LastWords,
}

/// A program that the kernel killed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killed {
    /// Its number.
    pub pid: u32,
    /// The name it gave itself.
    pub name: String,
    /// What it held in RAM, in bytes, if that is known.
    pub bytes: Option<u64>,
    /// The control group whose limit was reached, if it was not the whole machine.
    pub group: Option<String>,
    /// When, by the node's monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// Whether the kernel's log says so; if not it is concluded, as it was there before and is not now.
    pub is_logged: bool,
}

/// Who had the memory at a time: of all processes, or of those that the kernel's log listed when it killed
/// one, which may be those of one control group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranking {
    /// When, by the node's monotonic clock: µs since it booted.
    pub uptime_us: u64,
    /// Those with the most, largest first.
    pub rows: Vec<Ranked>,
}

/// One process of a ranking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its number.
    pub pid: u32,
    /// The name it gives itself.
    pub name: String,
    /// What it holds of its own in RAM, in bytes: resident − shared (`/proc/PID/statm`). 0 is one that is
    /// told of later and was not there. By the log of kernels before 6.8 it may be all that is resident.
    pub bytes: u64,
}

/// A black box as the head keeps it: placed in the head's time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxAt {
    /// The node.
    pub node: NodeId,
    /// When it was sent for, by the head's clock: ms since 1970.
    pub at_ms: u64,
    /// What the head's clock is ahead of the node's monotonic one, in ms: `uptime_us / 1000 + offset_ms`
    /// is a time of the head's.
    pub offset_ms: u64,
    /// What was sent, but for readings.
    pub what: BlackBox,
    /// The readings, oldest first.
    pub readings: Vec<Reading>,
}

/// A process that grew, from a black box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// What it held first, in bytes; 0 if it was not there.
    pub from: u64,
    /// What it held most, in bytes.
    pub to: u64,
}

impl BlackBox {
    /// The processes that grew, most first.
    #[must_use]
    pub fn grown(&self) -> Vec<Grown> {
        let mut grown: Vec<Grown> = self.courses().iter().filter_map(Course::grown).collect();
        grown.sort_by_key(|one| std::cmp::Reverse(one.to - one.from));
        grown
    }

    /// What each process that was ranked held over time, in the order they were first ranked.
    #[must_use]
    pub fn courses(&self) -> Vec<Course> {
        let mut courses: Vec<Course> = Vec::new();
        for ranking in &self.rankings {
            for Ranked { pid, name, bytes } in &ranking.rows {
                let is_it = |one: &&mut Course| one.pid == *pid && one.name == *name;
                let place = (ranking.uptime_us, *bytes);
                if let Some(one) = courses.iter_mut().find(is_it) {
                    one.points.push(place);
                } else {
                    let before = self.before(ranking.uptime_us, *bytes);
                    courses.push(Course {
                        pid: *pid,
                        name: name.clone(),
                        before,
                        points: vec![place],
                    });
                }
            }
        }
        courses
    }

    /// What a process that is first ranked at `uptime_us`, with so many bytes, held before at most: no
    /// more than the last of the ranking before, which would else have had its place. Nothing is known
    /// if that had room for more, and was not of some processes only, as one of the kernel's log may be.
    fn before(&self, uptime_us: u64, bytes: u64) -> u64 {
        let is_full =
            |ranking: &&Ranking| ranking.uptime_us < uptime_us && ranking.rows.len() >= MOST_RANKED;
        match (self.rankings.iter().rfind(is_full), self.rankings.first()) {
            (Some(Ranking { rows, .. }), _) => rows.last().map_or(0, |last| last.bytes.min(bytes)),
            // It was there from the first on, as far as is known.
            (None, Some(first)) if first.uptime_us >= uptime_us => bytes,
            _ => 0,
        }
    }
}

/// What a process held over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// What it held before it was first ranked, in bytes, at most.
    pub before: u64,
    /// When it was ranked, by the node's monotonic clock (µs since it booted), and what it held then, in
    /// bytes; oldest first.
    pub points: Vec<(u64, u64)>,
}

impl Course {
    /// By how much it grew: from the least it held to the most that it held after that.
    #[must_use]
    pub fn grown(&self) -> Option<Grown> {
        let mut least = self.before;
        let mut best: Option<(u64, u64)> = None;
        for (_, bytes) in &self.points {
            least = least.min(*bytes);
            if best.is_none_or(|(from, to)| bytes - least > to - from) {
                best = Some((least, *bytes));
            }
        }
        let (from, to) = best.filter(|(from, to)| to > from)?;
        Some(Grown { pid: self.pid, name: self.name.clone(), from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_box(rankings: &[(u64, &[(u32, u64)])]) -> BlackBox {
        let row = |&(pid, bytes): &(u32, u64)| Ranked { pid, name: format!("p{pid}"), bytes };
        let ranking = |(at, rows): &(u64, &[(u32, u64)])| Ranking {
            uptime_us: *at,
            rows: rows.iter().map(row).collect(),
        };
        BlackBox {
            why: Why::Pressure,
            uptime_us: 0,
            killed: Vec::new(),
            rankings: rankings.iter().map(ranking).collect(),
            readings: Run::default(),
            note: None,
        }
    }

    fn grown(rankings: &[(u64, &[(u32, u64)])]) -> Vec<(u32, u64, u64)> {
        a_box(rankings).grown().into_iter().map(|one| (one.pid, one.from, one.to)).collect()
    }

    #[test]
    fn who_grew_most_comes_first() {
        let rankings: [(u64, &[(u32, u64)]); 3] = [
            (1, &[(1, 100), (2, 50)]),
            (2, &[(2, 90), (1, 80)]),
            (3, &[(1, 110), (2, 95), (3, 10)]),
        ];
        // The first fell before it rose; the third was not there.
        assert_eq!(grown(&rankings), [(2, 50, 95), (1, 80, 110), (3, 0, 10)]);
        assert_eq!(grown(&[]), []);
        assert_eq!(grown(&[(1, &[(1, 100)]), (2, &[(1, 90)])]), []);
    }

    #[test]
    fn who_comes_into_a_full_ranking_had_no_more_than_its_last() {
        let full: Vec<(u32, u64)> = (0..12).map(|place| (place, 1000 - u64::from(place))).collect();
        let mut then = full.clone();
        then[0] = (99, 2000);
        assert_eq!(grown(&[(1, &full), (2, &then)]), [(99, 989, 2000)]);
        // The kernel's log tells of a group of which nobody was among the largest.
        assert_eq!(grown(&[(1, &full), (2, &[(50, 400)])]), []);
        assert_eq!(grown(&[(1, &full), (2, &[(50, 400)]), (3, &then)])[0], (99, 989, 2000));
    }
}
