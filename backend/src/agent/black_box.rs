//! The black box: who had the memory in the last two minutes, kept cheaply, and sent with the readings
//! of that time when the kernel killed a program for want of memory, or many waited for it.
//!
//! Processes are ranked in a thread of their own, seldom while all is calm. What is sent stays here
//! until the head is known to have it.

mod album;
mod course;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::future::pending;

use shared::black_box::{BlackBox, Killed, Ranking, SPAN_MS, Why};
use shared::run::{Run, Span};
use shared::wire::{AgentMessage, AgentReading};
use tokio::task::{JoinHandle, spawn_blocking};

use super::link::{Ended, Link};
use super::outbox::Outbox;
use super::session::Session;
use crate::clock;
use crate::probe::Roots;
use crate::probe::kernel_log::{Heard, KernelLog, Table};
use crate::probe::ranking::{Found, Ranker};
use album::{Album, Kills};
use course::{Allowance, Course};

/// After a kill so much of what follows is in the box too, in µs: others that are killed with it, and
/// what came free.
const AFTERWARDS_US: u64 = 2_000_000;
/// Black boxes that wait for a link at most; then the oldest go.
const MOST_WAITING: usize = 4;
/// Bytes of readings in a box at most.
const MOST_READINGS_BYTES: usize = 64 << 10;

/// What looks at processes and at the kernel's log; it is in the thread that does so while it does.
struct Tools {
    ranker: Ranker,
    log: KernelLog,
}

impl Tools {
    fn open(roots: &Roots, page_size: u64) -> Self {
        let ranker = Ranker::new(roots.proc.clone(), page_size);
        Self { ranker, log: KernelLog::open(roots, page_size) }
    }
}

/// What they found.
struct Done {
    tools: Box<Tools>,
    at_us: u64,
    took_us: u64,
    found: Found,
    heard: Heard,
    /// What those in the log's tables held before.
    earlier: Vec<Ranking>,
}

/// See the module.
pub(super) struct Recorder {
    roots: Roots,
    page_size: u64,
    /// `None` while they are in use.
    tools: Option<Box<Tools>>,
    work: Option<JoinHandle<Done>>,
    log_trouble: Option<String>,
    course: Course,
    album: Album,
    kills: Option<Kills>,
    kills_allowed: Allowance,
    /// When programs had come to wait for long, if no box tells of it yet.
    strained_us: Option<u64>,
    strain_allowed: Allowance,
    /// Whether something was killed since the log was read last.
    has_to_hear: bool,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    what: Box<BlackBox>,
    /// The number of the last reading that was taken when it went into the present link.
    sent: Option<u64>,
}

impl Recorder {
    /// Opens the kernel's log, if it is for us.
    pub(super) fn new(roots: &Roots, page_size: u64) -> Self {
        let tools = Tools::open(roots, page_size);
        Self {
            roots: roots.clone(),
            page_size,
            log_trouble: tools.log.trouble().map(str::to_owned),
            tools: Some(Box::new(tools)),
            work: None,
            course: Course::default(),
            album: Album::default(),
            kills: None,
            kills_allowed: Allowance::default(),
            strained_us: None,
            strain_allowed: Allowance::default(),
            has_to_hear: false,
            waiting: VecDeque::new(),
        }
    }

    /// Takes in the newest reading, which is in `outbox` already, and begins what is due.
    pub(super) fn see(&mut self, reading: &AgentReading, outbox: &Outbox) {
        let news = self.course.see(reading);
        let now_us = reading.uptime_us;
        if news.kills > 0 {
            self.has_to_hear = true;
            self.note_kills(news.kills, now_us);
        }
        if news.is_strained && self.strain_allowed.next(now_us).is_some_and(|at_us| at_us <= now_us)
        {
            self.strained_us = Some(now_us);
        }
        self.seal(outbox);
        if self.has_to_hear || self.is_owed() || self.course.is_time() {
            self.look();
        }
    }

    fn note_kills(&mut self, count: u64, now_us: u64) {
        let before_us = self.course.before_us();
        let Some(soonest_us) = self.kills_allowed.next(now_us) else { return };
        let due_us = soonest_us.max(now_us + AFTERWARDS_US);
        if let Some(kills) = &mut self.kills {
            // One that was about to be sent waits for what belongs to it, but not for ever.
            kills.count = kills.count.saturating_add(count);
            kills.due_us = kills.due_us.max(due_us.min(kills.at_us + 5 * AFTERWARDS_US));
            return;
        }
        let gone = self.album.gone_since(before_us).to_vec();
        let logged = Vec::new();
        self.kills = Some(Kills { before_us, at_us: now_us, due_us, count, logged, gone });
    }

    /// Whether a box waits for a last ranking.
    fn is_owed(&self) -> bool {
        let now_us = self.course.now_us();
        self.strained_us.is_some()
            || self.kills.as_ref().is_some_and(|kills| kills.due_us <= now_us)
    }

    /// Ranks the processes, and reads the log if something was killed.
    fn look(&mut self) {
        let Some(mut tools) = self.tools.take() else { return };
        let has_to_hear = std::mem::take(&mut self.has_to_hear) || self.kills.is_some();
        self.work = Some(spawn_blocking(move || {
            let at_us = clock::uptime_us();
            let mut heard = if has_to_hear { tools.log.read() } else { Heard::default() };
            for table in &mut heard.tables {
                leave_out_shared(table, &tools.ranker);
            }
            let tables = heard.tables.iter();
            let earlier =
                tables.flat_map(|table| tools.ranker.earlier(&table.ranking.rows)).collect();
            let found = tools.ranker.rank(at_us);
            let took_us = clock::uptime_us().saturating_sub(at_us);
            Done { tools, at_us, took_us, found, heard, earlier }
        }));
    }

    /// Waits until processes were ranked; for ever, while they are not.
    pub(super) async fn looked(&mut self) {
        let done = match &mut self.work {
            Some(work) => work.await,
            None => pending().await,
        };
        self.work = None;
        let Ok(Done { tools, at_us, took_us, found, heard, earlier }) = done else {
            // The thread ended in an error that it has told.
            self.tools = Some(Box::new(Tools::open(&self.roots, self.page_size)));
            return;
        };
        self.tools = Some(tools);
        self.course.ranked(at_us, took_us);
        if let Some(kills) = &mut self.kills {
            kills.gone.extend(found.gone.iter().cloned());
            // The log's clock is a little off; the readings tell between which it was.
            let (asleep_us, now_us) = (clock::asleep_us(), clock::uptime_us());
            let time = |log_us: u64| {
                log_us.saturating_add(asleep_us).clamp(kills.before_us, now_us.max(kills.before_us))
            };
            for mut killed in heard.killed {
                killed.uptime_us = time(killed.uptime_us);
                kills.logged.push(killed);
            }
            for ranking in earlier {
                self.album.add_logged(ranking);
            }
            for Table { ranking: Ranking { uptime_us, rows }, .. } in heard.tables {
                self.album.add_logged(Ranking { uptime_us: time(uptime_us), rows });
            }
        }
        self.album.add(at_us, found.rows, found.gone);
    }

    /// Makes the boxes that are due, of readings in `outbox`.
    pub(super) fn seal(&mut self, outbox: &Outbox) {
        if self.work.is_some() || self.has_to_hear {
            return;
        }
        let (now_us, ranked_us) = (self.course.now_us(), self.course.ranked_us());
        let is_done = |since_us| since_us <= now_us && ranked_us.is_some_and(|at| at >= since_us);
        if let Some(kills) = self.kills.take_if(|kills| is_done(kills.due_us)) {
            self.kills_allowed.sent(now_us);
            let at_us = kills.at_us;
            let (killed, note) = kills.told(self.log_trouble.as_deref());
            self.make(Why::OutOfMemory, at_us, killed, note, outbox);
        }
        if let Some(at_us) = self.strained_us.take_if(|at_us| is_done(*at_us)) {
            self.strain_allowed.sent(now_us);
            self.make(Why::Pressure, at_us, Vec::new(), None, outbox);
        }
    }

    fn make(
        &mut self,
        why: Why,
        uptime_us: u64,
        killed: Vec<Killed>,
        note: Option<String>,
        outbox: &Outbox,
    ) {
        let now_us = self.course.now_us();
        let recent = outbox.recent(now_us.saturating_sub(SPAN_MS * 1000));
        let mut readings = Run::of(&recent);
        for every in [2, 4, 8] {
            // Where all changes all the time, each other one has to do.
            if readings.bytes() > MOST_READINGS_BYTES {
                readings = Run::of(recent.iter().step_by(every));
            }
        }
        let rankings = self.album.rankings();
        let what = BlackBox { why, uptime_us, killed, rankings, readings, note };
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting { what: Box::new(what), sent: None });
    }

    /// A link begins: who knows what came through the last.
    pub(super) fn begin(&mut self) {
        self.waiting.iter_mut().for_each(|waiting| waiting.sent = None);
    }

    /// Sends what was not sent through this link, as far as there is room. `newest` is the number of the
    /// last reading.
    pub(super) fn send<L: Link>(
        &mut self,
        session: &mut Session<L>,
        newest: u64,
    ) -> Result<(), Ended> {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.sent.is_none()) {
            if !session.offer(|| AgentMessage::BlackBox(waiting.what.clone()))? {
                break;
            }
            waiting.sent = Some(newest);
        }
        Ok(())
    }

    /// The head holds readings: what went before them through the same link it has, too.
    pub(super) fn held(&mut self, spans: &[Span]) {
        let newest = spans.iter().map(|span| span.to).max().unwrap_or(0);
        self.waiting.retain(|waiting| waiting.sent.is_none_or(|sent| sent >= newest));
    }
}

/// Older kernels do not tell apart what is shared: it is taken from what is known of each process.
fn leave_out_shared(table: &mut Table, ranker: &Ranker) {
    if table.with_shared {
        for row in &mut table.ranking.rows {
            row.bytes = row.bytes.saturating_sub(ranker.shared(row.pid).unwrap_or(0));
        }
        table.ranking.rows.sort_by_key(|row| Reverse(row.bytes));
    }
}

#[cfg(test)]
mod tests;
