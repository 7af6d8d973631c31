//! Who has how much memory of its own, as cheaply as that can be told: one line of each process
//! (`/proc/PID/statm`), and the names of the largest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use shared::black_box::{MOST_RANKED, Ranked, Ranking};

use super::{files, parse, text};

/// So many of the largest are remembered from one ranking to the next: who is gone is known of them.
const MOST_KNOWN: usize = 48;
/// Rankings in which a process without memory is looked at once: a kernel thread has none for ever, but
/// its number may have gone to another.
const TURNS_OF_BARE: u32 = 8;
/// Numbers of processes without memory that are remembered at most.
const MOST_BARE: usize = 4096;
/// Processes of which it is remembered what they held at most.
const MOST_HELD: usize = 4096;
/// What they held before is remembered for so long at least, in µs.
const BASE_US: u64 = 45_000_000;
/// Characters of a name at most.
const MOST_NAME_CHARS: usize = 64;

/// One process of a ranking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub pid: u32,
    /// The name it gives itself, fit to be shown.
    pub name: Arc<str>,
    /// What it holds of its own in RAM, in bytes: resident − shared.
    pub bytes: u64,
}

/// What a ranking found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those with the most, largest first.
    pub rows: Vec<Row>,
    /// Who was among the largest in the ranking before this, and has no memory any more: with what it
    /// had then, largest first.
    pub gone: Vec<Row>,
}

/// Ranks the processes of a node.
pub struct Ranker {
    root: PathBuf,
    page_size: u64,
    /// The largest when it last ranked, largest first.
    known: Vec<Known>,
    /// Those that had no memory, in rising order.
    bare: Vec<u32>,
    round: u32,
    path: String,
    /// What all held in the last ranking, and in one before.
    last: Held,
    base: Held,
}

/// What processes held at a time: numbers and pages, in the order of the numbers.
#[derive(Clone, Debug, Default)]
struct Held {
    at_us: u64,
    pages: Vec<(u32, u32)>,
}

#[derive(Clone, Debug)]
struct Known {
    row: Row,
    now: Statm,
}

/// Of `statm`, in bytes (`proc_pid_statm(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Statm {
    /// Resident without shared.
    own: u64,
    /// Address space.
    size: u64,
    shared: u64,
}

impl Ranker {
    /// Reads nothing yet. `proc` stands for `/proc`; `page_size` is the kernel's, in bytes.
    #[must_use]
    pub fn new(proc: PathBuf, page_size: u64) -> Self {
        Self {
            root: proc,
            page_size,
            known: Vec::new(),
            bare: Vec::new(),
            round: 0,
            path: String::new(),
            last: Held::default(),
            base: Held::default(),
        }
    }

    /// Ranks all that run now, which is told: µs since boot.
    pub fn rank(&mut self, at_us: u64) -> Found {
        self.round = self.round.wrapping_add(1);
        let turn_of_bare = self.round.is_multiple_of(TURNS_OF_BARE);
        let mut largest: BinaryHeap<Reverse<(Statm, u32)>> =
            BinaryHeap::with_capacity(MOST_KNOWN + 1);
        let mut bare = Vec::with_capacity(self.bare.len());
        let mut held = Vec::with_capacity(self.last.pages.len());
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let is_bare = !turn_of_bare && self.bare.binary_search(&pid).is_ok();
            match if is_bare { None } else { self.statm(pid) } {
                Some(now) => {
                    if held.len() < MOST_HELD {
                        let pages = now.own / self.page_size.max(1);
                        held.push((pid, u32::try_from(pages).unwrap_or(u32::MAX)));
                    }
                    largest.push(Reverse((now, pid)));
                    if largest.len() > MOST_KNOWN {
                        largest.pop();
                    }
                }
                None if bare.len() < MOST_BARE => bare.push(pid),
                None => {}
            }
        }
        bare.sort_unstable();
        self.bare = bare;
        held.sort_unstable();
        if self.last.at_us >= self.base.at_us + BASE_US || self.base.pages.is_empty() {
            self.base = std::mem::take(&mut self.last);
        }
        self.last = Held { at_us, pages: held };
        let before = std::mem::take(&mut self.known);
        for (place, Reverse((now, pid))) in largest.into_sorted_vec().into_iter().enumerate() {
            let same = |known: &&Known| known.row.pid == pid && known.now.size == now.size;
            // One that became another program has other address space. Those that are told of are
            // asked in any case.
            let name = match before.iter().find(same) {
                Some(known) if place >= MOST_RANKED => Some(Arc::clone(&known.row.name)),
                known => self.name(pid, known.map(|known| &known.row.name)),
            };
            if let Some(name) = name {
                self.known.push(Known { row: Row { pid, name, bytes: now.own }, now });
            }
        }
        let rows = self.known.iter().take(MOST_RANKED).map(|known| known.row.clone()).collect();
        // Who is not among the largest any more may have become smaller.
        let here: Vec<(u32, Arc<str>)> =
            self.known.iter().map(|known| (known.row.pid, Arc::clone(&known.row.name))).collect();
        let is_here =
            |pid: u32, name: &Arc<str>| here.iter().any(|it| it.0 == pid && it.1 == *name);
        let mut gone = Vec::new();
        for Known { row, .. } in before {
            if !is_here(row.pid, &row.name) && self.is_gone(&row) {
                gone.push(row);
            }
        }
        Found { rows, gone }
    }

    /// What a process shares with others or with files, in bytes, if it was among the largest.
    #[must_use]
    pub fn shared(&self, pid: u32) -> Option<u64> {
        self.known.iter().find(|known| known.row.pid == pid).map(|known| known.now.shared)
    }

    /// What processes that are told of elsewhere held in rankings before, also if they were not among
    /// the largest: 0 is that they were not there. Nothing, if none of them is known: their numbers may
    /// be of another name space.
    #[must_use]
    pub fn earlier(&self, rows: &[Ranked]) -> Vec<Ranking> {
        let of = |held: &Held, pid: u32| {
            let place = held.pages.binary_search_by_key(&pid, |it| it.0).ok()?;
            Some(u64::from(held.pages[place].1).saturating_mul(self.page_size))
        };
        if rows.iter().all(|row| of(&self.last, row.pid).is_none()) {
            return Vec::new();
        }
        let both = [&self.base, &self.last].into_iter().filter(|held| !held.pages.is_empty());
        both.map(|held| Ranking {
            uptime_us: held.at_us,
            rows: rows
                .iter()
                .map(|row| Ranked { bytes: of(held, row.pid).unwrap_or(0), ..row.clone() })
                .collect(),
        })
        .collect()
    }

    /// Whether this process is not there any more, has no memory, or is another that is far smaller:
    /// with another name alone it may have named itself anew.
    fn is_gone(&mut self, row: &Row) -> bool {
        let Some(now) = self.statm(row.pid) else { return true };
        now.own < row.bytes / 2 && self.name(row.pid, None).is_none_or(|now| now != row.name)
    }

    /// `None` if it has no memory (any more).
    fn statm(&mut self, pid: u32) -> Option<Statm> {
        let mut buffer = [0; 128];
        let text = self.read(pid, "statm", &mut buffer)?;
        let mut pages = parse::words(text).map(parse::number);
        let mut next = || pages.next().flatten();
        let (size, resident, shared) = (next()?, next()?, next()?);
        let bytes = |pages: u64| pages.saturating_mul(self.page_size);
        let own = bytes(resident.saturating_sub(shared));
        (size > 0).then(|| Statm { own, size: bytes(size), shared: bytes(shared) })
    }

    /// Its name; the one that is known already, if it is still that.
    fn name(&mut self, pid: u32, known: Option<&Arc<str>>) -> Option<Arc<str>> {
        let mut buffer = [0; 256];
        let text = self.read(pid, "comm", &mut buffer)?;
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let name = text::clean(&String::from_utf8_lossy(text), MOST_NAME_CHARS);
        let name = if name.is_empty() { "?".into() } else { name };
        let known = known.filter(|known| ***known == *name);
        Some(known.map_or_else(|| name.into(), Arc::clone))
    }

    fn read<'b>(&mut self, pid: u32, file: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        self.path.clear();
        // Writing to a String cannot fail.
        write!(self.path, "{pid}/{file}").ok();
        let file = File::open(self.root.join(&self.path)).ok()?;
        files::beginning(&file, buffer).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn ranker(&self) -> Ranker {
            Ranker::new(self.0.path().into(), 4096)
        }

        fn put(&self, pid: u32, name: &str, statm: &str) {
            let dir = self.0.path().join(pid.to_string());
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("comm"), format!("{name}\n")).unwrap();
            fs::write(dir.join("statm"), statm).unwrap();
        }

        fn end(&self, pid: u32) {
            fs::remove_dir_all(self.0.path().join(pid.to_string())).unwrap();
        }
    }

    fn words(rows: &[Row]) -> Vec<(u32, &str, u64)> {
        rows.iter().map(|row| (row.pid, &*row.name, row.bytes / 4096)).collect()
    }

    #[test]
    fn the_largest_come_first_and_by_what_is_their_own() {
        let tree = Tree::new();
        let mut ranker = tree.ranker();
        assert_eq!(ranker.rank(1), Found::default());
        tree.put(2, "kthreadd", "0 0 0 0 0 0 0\n");
        tree.put(10, "files", "9000 5000 4990 1 0 1 0\n");
        tree.put(11, "own", "9000 900 100 1 0 1 0\n");
        for pid in 100..160 {
            tree.put(pid, "small", "90 30 10 1 0 1 0\n");
        }
        let found = ranker.rank(1);
        assert_eq!(found.rows.len(), MOST_RANKED);
        assert_eq!(words(&found.rows)[..2], [(11, "own", 800), (159, "small", 20)]);
        assert_eq!(found.gone, []);
        assert_eq!(ranker.shared(11), Some(100 * 4096));
    }

    #[test]
    fn who_is_gone_is_told_with_what_it_had() {
        let tree = Tree::new();
        let mut ranker = tree.ranker();
        tree.put(10, "first", "9000 900 100 1 0 1 0\n");
        tree.put(11, "second", "9000 800 100 1 0 1 0\n");
        tree.put(12, "third", "9000 700 100 1 0 1 0\n");
        tree.put(13, "fourth", "9000 600 100 1 0 1 0\n");
        ranker.rank(1);
        tree.end(10);
        // It is dead, but its parent has not seen it.
        tree.put(11, "second", "0 0 0 0 0 0 0\n");
        tree.put(12, "third", "9000 110 100 1 0 1 0\n");
        // Another has its number.
        tree.put(13, "sh", "90 30 10 1 0 1 0\n");
        let found = ranker.rank(1);
        let gone = [(10, "first", 800), (11, "second", 700), (13, "fourth", 500)];
        assert_eq!(words(&found.gone), gone);
        assert_eq!(words(&found.rows), [(13, "sh", 20), (12, "third", 10)]);
        assert_eq!(ranker.rank(1).gone, []);
    }

    #[test]
    fn a_number_that_was_a_kernel_threads_is_looked_at_in_its_turn() {
        let tree = Tree::new();
        let mut ranker = tree.ranker();
        tree.put(7, "kworker", "0 0 0 0 0 0 0\n");
        ranker.rank(1);
        tree.put(7, "now", "9000 900 100 1 0 1 0\n");
        let rounds = (0..TURNS_OF_BARE).take_while(|_| ranker.rank(1).rows.is_empty()).count();
        assert!(rounds < TURNS_OF_BARE as usize, "never seen");
    }

    #[test]
    fn names_are_as_they_are_now_and_fit_to_be_shown() {
        let tree = Tree::new();
        let mut ranker = tree.ranker();
        tree.put(7, "sh", "900 90 10 1 0 1 0\n");
        assert_eq!(words(&ranker.rank(1).rows), [(7, "sh", 80)]);
        tree.put(7, "\u{202e}</script>\u{1b}", "900 90 10 1 0 1 0\n");
        let found = ranker.rank(1);
        assert_eq!(words(&found.rows), [(7, "</script>", 80)]);
        assert_eq!(found.gone, [], "it named itself anew");
        tree.put(7, "", "900 90 10 1 0 1 0\n");
        assert_eq!(words(&ranker.rank(1).rows), [(7, "?", 80)]);
    }

    #[test]
    fn what_small_ones_held_before_is_known_too() {
        let tree = Tree::new();
        let mut ranker = tree.ranker();
        for pid in 100..170 {
            tree.put(pid, "large", "9000 5000 10 1 0 1 0\n");
        }
        tree.put(7, "small", "90 30 10 1 0 1 0\n");
        let row = |pid| Ranked { pid, name: "n".into(), bytes: 1 };
        assert_eq!(ranker.earlier(&[row(7)]), []);
        ranker.rank(10);
        tree.put(7, "small", "90 50 10 1 0 1 0\n");
        ranker.rank(BASE_US);
        ranker.rank(BASE_US + 1);
        let told: Vec<_> = ranker
            .earlier(&[row(7), row(8)])
            .iter()
            .map(|r| (r.uptime_us, r.rows[0].bytes / 4096, r.rows[1].bytes))
            .collect();
        assert_eq!(told, [(10, 20, 0), (BASE_US + 1, 40, 0)]);
        ranker.rank(2 * BASE_US);
        ranker.rank(2 * BASE_US + 1);
        assert_eq!(ranker.earlier(&[row(7)])[0].rows[0].bytes / 4096, 40, "and it goes on");
        assert_eq!(ranker.earlier(&[row(8)]), []);
    }
}
