//! Which processes grow steadily, by sweeps over a node.

use std::collections::BTreeMap;

use super::Suspect;
use super::line::Line;
use crate::usage::{MOST_PROCESSES, Usage};

/// Processes that are named at most.
pub const MOST_SUSPECTS: usize = 3;
/// Sweeps that are remembered.
const MOST_SWEEPS: usize = 12;
/// They are at least this far apart, in ms: more tell nothing new.
const APART_MS: u64 = 45_000;
/// What grows must have been seen so often…
const LEAST_SWEEPS: usize = 3;
/// …over so long, in ms: three minutes, or little less, as looks are no clockwork…
const LEAST_MS: f64 = 170_000.0;
/// …and by so many bytes at least.
const LEAST_BYTES: f64 = 1_048_576.0;
/// Of all that it grew no single step is a larger share: what jumps does not grow.
const JUMP: f64 = 0.7;
/// Kendall's τ of what it holds.
const TAU: f64 = 0.6;
/// Of what the node loses a suspect takes at least this share.
const SHARE: f64 = 0.05;

/// What sweeps told of the processes of a node.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    /// What each process held, and when by the node's uptime in ms. A number that another process has now
    /// is another process.
    seen: BTreeMap<(u32, String), Vec<(u64, u64)>>,
    newest_ms: Option<u64>,
}

impl Growth {
    /// Takes in a sweep.
    pub fn note(&mut self, usage: &Usage) {
        let at_ms = usage.uptime_us / 1000;
        match self.newest_ms {
            Some(newest_ms) if at_ms < newest_ms => self.seen.clear(),
            Some(newest_ms) if at_ms < newest_ms + APART_MS => return,
            _ => {}
        }
        self.newest_ms = Some(at_ms);
        let mut before = std::mem::take(&mut self.seen);
        for process in usage.processes.iter().take(MOST_PROCESSES) {
            let key = (process.pid, process.name.clone());
            let mut amounts = before.remove(&key).unwrap_or_default();
            if amounts.len() >= MOST_SWEEPS {
                amounts.remove(0);
            }
            amounts.push((at_ms, process.own()));
            // One that is not among the largest any more is forgotten.
            self.seen.insert(key, amounts);
        }
    }

    /// Those that grow steadily, the fastest first, on a node that loses so many bytes in an hour.
    #[must_use]
    pub fn suspects(&self, lost_per_hour: u64) -> Vec<Suspect> {
        let suspect = |(key, amounts): (&(u32, String), &Vec<(u64, u64)>)| {
            let per_hour = steady(amounts)?;
            (per_hour >= lost_per_hour as f64 * SHARE).then(|| Suspect {
                pid: key.0,
                name: key.1.clone(),
                bytes: amounts.last().map_or(0, |(_, bytes)| *bytes),
                per_hour: per_hour as u64,
            })
        };
        let mut suspects: Vec<Suspect> = self.seen.iter().filter_map(suspect).collect();
        suspects.sort_by_key(|suspect| std::cmp::Reverse(suspect.per_hour));
        suspects.truncate(MOST_SUSPECTS);
        suspects
    }
}

/// Bytes in an hour by which it grows; `None` if it does not do so steadily.
fn steady(amounts: &[(u64, u64)]) -> Option<f64> {
    let (first, last) = (amounts.first()?, amounts.last()?);
    let over_ms = last.0.checked_sub(first.0)? as f64;
    let grown = last.1.checked_sub(first.1)? as f64;
    let steps = amounts.windows(2).map(|pair| pair[1].1.saturating_sub(pair[0].1));
    let largest = steps.max()? as f64;
    let points: Vec<(f64, f64)> =
        amounts.iter().map(|(at, bytes)| ((at - first.0) as f64, *bytes as f64)).collect();
    let line = Line::through(&points)?;
    let is_steady = amounts.len() >= LEAST_SWEEPS
        && over_ms >= LEAST_MS
        && grown >= LEAST_BYTES
        && largest <= grown * JUMP
        && line.tau >= TAU
        && line.slope > 0.0;
    is_steady.then_some(line.slope * 3_600_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::ProcessUsage;

    fn sweep(second: u64, processes: &[(u32, &str, u64)]) -> Usage {
        let process = |&(pid, name, mib): &(u32, &str, u64)| ProcessUsage {
            pid,
            name: name.into(),
            anon: mib << 20,
            ..ProcessUsage::default()
        };
        Usage {
            uptime_us: second * 1_000_000,
            processes: processes.iter().map(process).collect(),
            ..Usage::default()
        }
    }

    #[test]
    fn what_grows_is_named_and_what_jumps_is_not() {
        let mut growth = Growth::default();
        for n in 0..5 {
            assert_eq!(growth.suspects(0).len(), if n < 4 { 0 } else { 2 }, "{n}");
            let jump = if n < 2 { 100 } else { 900 };
            let saw = [100, 160, 110, 170, 120][n as usize];
            growth.note(&sweep(
                n * 60,
                &[
                    (1, "slow", 500 + n),
                    (2, "fast", 50 + 10 * n),
                    (3, "jumps", jump),
                    (4, "saw", saw),
                    (5, "flat", 700),
                    (60 + n as u32, "another each time", 80 + 20 * n),
                ],
            ));
        }
        let suspects = growth.suspects(0);
        let told: Vec<_> =
            suspects.iter().map(|s| (s.pid, s.bytes >> 20, s.per_hour >> 20)).collect();
        assert_eq!(told, [(2, 90, 600), (1, 504, 60)]);
        assert_eq!(growth.suspects(3000 << 20).len(), 1, "the other is not what the node loses");
    }

    #[test]
    fn sweeps_close_together_and_of_another_boot_count_for_nothing() {
        let mut growth = Growth::default();
        for second in 0..100 {
            growth.note(&sweep(10_000 + second, &[(1, "fast", 50 + second)]));
        }
        assert_eq!(growth.seen.values().map(Vec::len).sum::<usize>(), 3);
        growth.note(&sweep(50, &[(1, "fast", 500)]));
        assert_eq!(growth.seen.values().map(Vec::len).sum::<usize>(), 1);
    }
}
