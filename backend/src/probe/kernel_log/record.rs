//! What records of the kernel's log mean (`Documentation/ABI/testing/dev-kmsg`, `mm/oom_kill.c`). Pure.
//!
//! Whoever names a process or a control group chooses a part of these texts. So each is told by where
//! it stands: a record begins with the kernel's own words, and a name ends where those that follow it
//! stand last.

use std::cmp::Reverse;

use shared::black_box::{Killed, MOST_KILLED, MOST_RANKED, Ranked, Ranking};

use super::{Heard, Table};
use crate::probe::{parse, text};

/// Characters of a name at most.
const MOST_NAME_CHARS: usize = 64;
/// Characters of a group's path at most.
const MOST_GROUP_CHARS: usize = 300;
/// Rows of a table at most.
const MOST_ROWS: usize = 20_000;
/// Tables that are kept at most.
const MOST_TABLES: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Parser {
    page_size: u64,
    heard: Heard,
    /// The group whose limit was reached, as far as this was said of the present kill.
    group: Option<String>,
    /// The table that is being printed.
    table: Option<Rows>,
    /// Whether somebody was just chosen, by kernels that say so before they say who it was (before 5.1);
    /// and whether for the limit of a group.
    chosen: Option<bool>,
}

#[derive(Debug)]
struct Rows {
    /// When it began.
    at_us: u64,
    /// Words between the number and the name.
    words: usize,
    /// Which of them is the number of pages.
    pages: usize,
    with_shared: bool,
    ranked: Vec<Ranked>,
}

impl Parser {
    pub(super) fn new(page_size: u64) -> Self {
        Self { page_size, ..Self::default() }
    }

    /// What was said since this was asked last.
    pub(super) fn take(&mut self) -> Heard {
        std::mem::take(&mut self.heard)
    }

    /// Hears one record: `level,number,µs,flags;text`, and lines about its device, which begin with a
    /// blank. Whatever else it is, is passed over.
    pub(super) fn record(&mut self, record: &[u8]) {
        let Some(line) = record.split(|&byte| byte == b'\n').next() else { return };
        let Some(end) = line.iter().position(|&byte| byte == b';') else { return };
        let mut head = line[..end].split(|&byte| byte == b',').map(parse::number);
        let (Some(Some(level)), Some(_), Some(Some(at_us))) =
            (head.next(), head.next(), head.next())
        else {
            return;
        };
        // What programs write into the log has a facility above the kernel's, which is 0.
        if level < 8 {
            self.message(&unescaped(&line[end + 1..]), at_us);
        }
    }

    fn message(&mut self, said: &str, at_us: u64) {
        if said.starts_with('[') {
            if let Some(table) = &mut self.table {
                table.row(said, self.page_size);
            }
            if let Some(table) = Rows::header(said, at_us) {
                self.table = Some(table);
            }
        } else if said.contains(" invoked oom-killer: ") {
            (self.group, self.table, self.chosen) = (None, None, None);
        } else if let Some(path) = said.strip_prefix("Memory cgroup stats for ") {
            let end = path.rfind(": cache:").or(path.rfind(':')).unwrap_or(path.len());
            self.group = Some(text::clean(&path[..end], MOST_GROUP_CHARS));
        } else if let Some(said) = said.strip_prefix("oom-kill:constraint=") {
            self.group = said.starts_with("CONSTRAINT_MEMCG,").then(|| limit_of(said)).flatten();
        } else if said.starts_with("Task in ") {
            // Before 4.20.
            let group =
                said.rsplit_once(" killed as a result of limit of ").map(|(_, group)| group);
            self.group = group.map(|group| text::clean(group, MOST_GROUP_CHARS));
        } else {
            self.victim(said, at_us);
        }
    }

    fn victim(&mut self, said: &str, at_us: u64) {
        let of_group = said.strip_prefix("Memory cgroup out of memory");
        let is_of_group = of_group.is_some();
        let by_kernel = of_group.or_else(|| said.strip_prefix("Out of memory")).and_then(|said| {
            let said = said.strip_prefix(" (oom_kill_allocating_task)").unwrap_or(said);
            said.strip_prefix(": ")
        });
        let (victim, is_of_group) = match by_kernel {
            Some(said) if said.starts_with("Kill process ") => {
                self.chosen = Some(is_of_group);
                return;
            }
            Some(said) => (said, is_of_group),
            // Only right after it was said that somebody was chosen.
            None => match self.chosen {
                Some(is_of_group) => (said, is_of_group),
                None => return,
            },
        };
        let Some(victim) = victim.strip_prefix("Killed process ") else { return };
        let Some(mut killed) = killed(victim) else { return };
        killed.uptime_us = at_us;
        killed.group = if is_of_group { self.group.clone() } else { None };
        if let Some(table) = self.table.take()
            && self.heard.tables.len() < MOST_TABLES
        {
            self.heard.tables.push(table.done());
        }
        if self.heard.killed.len() < MOST_KILLED {
            self.heard.killed.push(killed);
        }
    }
}

/// `123 (name) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB`, or with `, UID 0,` before or
/// after the name.
fn killed(said: &str) -> Option<Killed> {
    let digits = said.bytes().take_while(u8::is_ascii_digit).count();
    let (pid, said) = said.split_at(digits);
    let name = said.strip_prefix(" (").or_else(|| {
        let (user, name) = said.strip_prefix(", UID ")?.split_once(", (")?;
        user.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
    })?;
    // A name may hold anything, but the kernel's own words come last.
    let end = name.rfind(") total-vm:").or_else(|| name.rfind("), UID "))?;
    let (name, sizes) = name.split_at(end);
    let kib = |key: &str| {
        let (_, value) = sizes.split_once(key)?;
        value.split_once("kB")?.0.parse::<u64>().ok()
    };
    let parts = ["anon-rss:", "file-rss:", "shmem-rss:"].map(kib);
    let kib = parts.into_iter().flatten().fold(0_u64, u64::saturating_add);
    Some(Killed {
        pid: pid.parse().ok()?,
        name: shown(name),
        bytes: parts[0].map(|_| kib.saturating_mul(1024)),
        group: None,
        uptime_us: 0,
        is_logged: true,
    })
}

/// `CONSTRAINT_MEMCG,…,oom_memcg=/a,task_memcg=/a/b,task=name,pid=1,uid=0`.
fn limit_of(said: &str) -> Option<String> {
    let (_, said) = said.split_once(",oom_memcg=")?;
    let (group, _) = said.split_once(",task_memcg=")?;
    Some(text::clean(group, MOST_GROUP_CHARS))
}

impl Rows {
    /// `[  pid  ]   uid  tgid total_vm      rss rss_anon … oom_score_adj name`.
    fn header(said: &str, at_us: u64) -> Option<Self> {
        let (pid, columns) = said.strip_prefix('[')?.split_once(']')?;
        let columns: Vec<&str> = columns.split_ascii_whitespace().collect();
        if pid.trim() != "pid" || columns.last() != Some(&"name") {
            return None;
        }
        let place = |name| columns.iter().position(|column| *column == name);
        let anon = place("rss_anon");
        Some(Self {
            at_us,
            words: columns.len() - 1,
            pages: anon.or_else(|| place("rss"))?,
            with_shared: anon.is_none(),
            ranked: Vec::new(),
        })
    }

    /// `[  31929]     0 31929    14382 …           900 name`.
    fn row(&mut self, said: &str, page_size: u64) {
        let Some((pid, mut rest)) = said.strip_prefix('[').and_then(|said| said.split_once(']'))
        else {
            return;
        };
        let Ok(pid) = pid.trim().parse() else { return };
        let mut pages = 0;
        for place in 0..self.words {
            let word = rest.trim_start_matches(' ');
            let (value, after) = word.split_once(' ').unwrap_or((word, ""));
            if place == self.pages {
                let Ok(value) = value.parse::<u64>() else { return };
                pages = value;
            }
            rest = after;
        }
        // One blank stands before the name, which may begin with more.
        if self.ranked.len() < MOST_ROWS && pages > 0 {
            let bytes = pages.saturating_mul(page_size);
            self.ranked.push(Ranked { pid, name: shown(rest), bytes });
        }
    }

    fn done(mut self) -> Table {
        self.ranked.sort_by_key(|row| Reverse(row.bytes));
        self.ranked.truncate(MOST_RANKED);
        let ranking = Ranking { uptime_us: self.at_us, rows: self.ranked };
        Table { ranking, with_shared: self.with_shared }
    }
}

fn shown(name: &str) -> String {
    let name = text::clean(name, MOST_NAME_CHARS);
    if name.is_empty() { "?".into() } else { name }
}

/// `\x2d` → `-`: so the kernel writes whatever is no letter of ASCII.
fn unescaped(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(br"\x").and_then(|hex| hex.split_at_checked(2));
        let value = escaped.and_then(|(hex, after)| {
            let hex = str::from_utf8(hex).ok().filter(|hex| !hex.starts_with('+'))?;
            Some((u8::from_str_radix(hex, 16).ok()?, after))
        });
        let (byte, after) = value.unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
