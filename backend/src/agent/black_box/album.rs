//! The rankings of the last two minutes, and the black box that is made of them. Does no I/O.

use std::cmp::Reverse;
use std::collections::VecDeque;

use shared::black_box::{Killed, MOST_KILLED, MOST_RANKINGS, Ranked, Ranking, SPAN_MS};

use crate::probe::ranking::Row;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Album {
    /// Oldest first.
    pages: VecDeque<Page>,
    /// Who was gone when it was ranked last, and when that was.
    gone: (u64, Vec<Row>),
}

#[derive(Debug)]
struct Page {
    at_us: u64,
    rows: Box<[Row]>,
}

impl Album {
    /// Adds a ranking, and who was gone in it.
    pub(super) fn add(&mut self, at_us: u64, rows: Vec<Row>, gone: Vec<Row>) {
        self.gone = (at_us, gone);
        self.insert(at_us, rows);
    }

    /// Adds a ranking that the kernel's log tells of.
    pub(super) fn add_logged(&mut self, ranking: Ranking) {
        let row = |Ranked { pid, name, bytes }| Row { pid, name: name.into(), bytes };
        self.insert(ranking.uptime_us, ranking.rows.into_iter().map(row).collect());
    }

    fn insert(&mut self, at_us: u64, rows: Vec<Row>) {
        let place = self.pages.partition_point(|page| page.at_us <= at_us);
        self.pages.insert(place, Page { at_us, rows: rows.into() });
        let span_us = SPAN_MS * 1000;
        let newest_us = self.pages.back().map_or(0, |page| page.at_us);
        // One from before tells how it was when the time began.
        while self.pages.get(1).is_some_and(|next| next.at_us + span_us <= newest_us) {
            self.pages.pop_front();
        }
        if self.pages.len() > MOST_RANKINGS {
            // The one whose neighbours are nearest to each other is missed least.
            let between = |place: &usize| self.pages[place + 1].at_us - self.pages[place - 1].at_us;
            let least = (1..self.pages.len() - 1).min_by_key(between);
            self.pages.remove(least.unwrap_or(0));
        }
    }

    /// Who was gone when it was ranked last, if that was after `since_us`.
    pub(super) fn gone_since(&self, since_us: u64) -> &[Row] {
        if self.gone.0 >= since_us { &self.gone.1 } else { &[] }
    }

    /// All of them, oldest first.
    pub(super) fn rankings(&self) -> Vec<Ranking> {
        let ranked =
            |row: &Row| Ranked { pid: row.pid, name: row.name.to_string(), bytes: row.bytes };
        let ranking = |page: &Page| Ranking {
            uptime_us: page.at_us,
            rows: page.rows.iter().map(ranked).collect(),
        };
        self.pages.iter().map(ranking).collect()
    }
}

/// Programs that were killed, of which no black box tells yet.
#[derive(Debug)]
pub(super) struct Kills {
    /// The first was killed after this…
    pub(super) before_us: u64,
    /// …and this reading told of it.
    pub(super) at_us: u64,
    /// When the black box is due.
    pub(super) due_us: u64,
    /// How many they were.
    pub(super) count: u64,
    /// Those that the kernel's log tells of.
    pub(super) logged: Vec<Killed>,
    /// Those that had much, and are gone.
    pub(super) gone: Vec<Row>,
}

impl Kills {
    /// Who was killed; and if not all are known by the log, a sentence about that. `log_trouble` is why
    /// it cannot be read.
    pub(super) fn told(mut self, log_trouble: Option<&str>) -> (Vec<Killed>, Option<String>) {
        let mut killed = self.logged;
        killed.truncate(MOST_KILLED);
        let missing =
            usize::try_from(self.count).unwrap_or(MOST_KILLED).saturating_sub(killed.len());
        if missing == 0 {
            return (killed, None);
        }
        self.gone.retain(|row| killed.iter().all(|killed| killed.pid != row.pid));
        self.gone.sort_by_key(|row| Reverse(row.bytes));
        self.gone.dedup_by_key(|row| row.pid);
        let room = missing.min(MOST_KILLED - killed.len());
        let before = killed.len();
        killed.extend(self.gone.drain(..).take(room).map(|row| Killed {
            pid: row.pid,
            name: row.name.to_string(),
            bytes: Some(row.bytes),
            group: None,
            uptime_us: self.at_us,
            is_logged: false,
        }));
        let why = log_trouble.unwrap_or("the kernel's log does not tell of all who were killed");
        let concluded = match killed.len() - before {
            0 => "and nobody who had much is gone",
            found if found < missing => {
                "so whoever had most before and is gone now is taken for the victim; others are not known"
            }
            _ => "so whoever had most before and is gone now is taken for the victim",
        };
        (killed, Some(format!("{why}, {concluded}.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pid: u32, bytes: u64) -> Row {
        Row { pid, name: format!("p{pid}").into(), bytes }
    }

    #[test]
    fn two_minutes_are_kept_and_how_it_was_before() {
        let mut album = Album::default();
        for at in 0..10 {
            album.add(at * 30_000_000, vec![row(1, at)], vec![]);
        }
        let times: Vec<u64> = album.rankings().iter().map(|r| r.uptime_us / 1_000_000).collect();
        assert_eq!(times, [150, 180, 210, 240, 270]);
        album.add_logged(Ranking { uptime_us: 200_000_000, rows: vec![] });
        assert_eq!(album.rankings()[2].uptime_us, 200_000_000);
    }

    #[test]
    fn a_flood_is_thinned_evenly() {
        let mut album = Album::default();
        for at in 0..110 {
            album.add(at * 1_000_000, vec![row(1, at)], vec![]);
        }
        let rankings = album.rankings();
        assert_eq!(rankings.len(), MOST_RANKINGS);
        let gaps = rankings.windows(2).map(|two| two[1].uptime_us - two[0].uptime_us);
        assert!(gaps.max().unwrap() <= 4_000_000);
        assert_eq!(rankings.last().unwrap().uptime_us, 109_000_000);
    }

    fn kills(count: u64, logged: &[u32], gone: &[(u32, u64)]) -> Kills {
        let killed = |&pid: &u32| Killed { pid, is_logged: true, ..Killed::default() };
        Kills {
            before_us: 1,
            at_us: 2,
            due_us: 3,
            count,
            logged: logged.iter().map(killed).collect(),
            gone: gone.iter().map(|&(pid, bytes)| row(pid, bytes)).collect(),
        }
    }

    #[test]
    fn what_the_log_says_needs_no_conclusion() {
        let (killed, note) = kills(1, &[7], &[(8, 100)]).told(None);
        assert_eq!((killed.len(), killed[0].pid, note), (1, 7, None));
    }

    #[test]
    fn what_it_does_not_say_is_concluded_and_told_so() {
        let gone = [(8, 100), (9, 300), (9, 250), (10, 200)];
        let (killed, note) = kills(2, &[], &gone).told(Some("it is forbidden"));
        let told: Vec<_> = killed.iter().map(|k| (k.pid, k.bytes, k.is_logged)).collect();
        assert_eq!(told, [(9, Some(300), false), (10, Some(200), false)]);
        assert!(note.unwrap().starts_with("it is forbidden, so whoever had most"));
        let (killed, note) = kills(3, &[9], &[(9, 300), (8, 100)]).told(None);
        assert_eq!(killed.iter().map(|k| k.pid).collect::<Vec<_>>(), [9, 8]);
        assert!(note.unwrap().ends_with("others are not known."));
        let (killed, note) = kills(1, &[], &[]).told(None);
        assert!(killed.is_empty() && note.unwrap().ends_with("nobody who had much is gone."));
        assert_eq!(kills(1000, &[], &[]).told(None).0, []);
    }
}
