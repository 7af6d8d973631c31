//! Will it fit? Where the copies of a job go, judged by what nodes had available at their worst, not by what
//! they have at this moment.
//!
//! # Layout
//!
//! * [`asked`]: a job in words, as it comes over HTTP.
//! * [`Desk`]: where it is answered: it hears what every node shows, and what is held.
//! * `judge`: what one node has for copies, or why nothing may be placed there.
//! * `past`: what history knows of nodes: for how long it fitted, and when it last did.
//! * `summary`: the answer in a sentence.
//! * [`Written`]: the answer for programs that start jobs.
//! * [`command`]: `headroom fit` and `headroom hold`.

pub mod asked;
pub mod command;
mod judge;
mod past;
mod summary;
mod written;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::NodeId;
use shared::fit::plan::{self, Space};
use shared::fit::{Answer, Hold, Job, NodeFit};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::Error;
use crate::head::{AsOf, Head, HeadGone, Sign};
use crate::holds::{Holds, Wish};
use crate::keeper::Archive;
use judge::Judged;

pub use written::Written;

/// Questions that are answered at once, at most: each may read history.
const MOST: usize = 4;
/// How long others wait for one of these to be done.
const WAIT: Duration = Duration::from_secs(5);
/// What is found out in history is remembered for so long, in ms: pages ask again and again.
const REMEMBER_MS: u64 = 30_000;
/// Jobs of which that is remembered at most.
const MOST_REMEMBERED: usize = 32;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The head has ended.
    #[error("this head is stopping")]
    Ended,
    /// Too many ask.
    #[error("{MOST} jobs are being placed already; try again in a few seconds")]
    Busy,
    /// What was to be held cannot be.
    #[error("{}", .0.chain())]
    NotHeld(Error),
}

impl From<HeadGone> for NoAnswer {
    fn from(_: HeadGone) -> Self {
        Self::Ended
    }
}

/// What is to be held if it fits.
#[derive(Clone, Debug)]
pub struct HoldFor {
    /// For how long, in ms.
    pub ms: u64,
    /// What for, in the words of whoever wants it.
    pub note: String,
}

/// When a job last fitted, and when that was found out, by the head's clock.
type Remembered = (Job, u64, Option<u64>);

/// Where it is answered. Clones are the same one.
#[derive(Clone)]
pub struct Desk {
    head: Head,
    archive: Archive,
    holds: Holds,
    room: Arc<Semaphore>,
    remembered: Arc<Mutex<Vec<Remembered>>>,
}

impl Desk {
    /// One that judges what `head` knows.
    #[must_use]
    pub fn new(head: Head, archive: Archive, holds: Holds) -> Self {
        let room = Arc::new(Semaphore::new(MOST));
        Self { head, archive, holds, room, remembered: Arc::default() }
    }

    /// Where `job` fits; if all of it does and that is wanted, its place is held.
    pub async fn answer(&self, job: Job, hold: Option<HoldFor>) -> Result<Answer, NoAnswer> {
        let entering = Arc::clone(&self.room).acquire_owned();
        let place = timeout(WAIT, entering).await.ok().and_then(Result::ok);
        let place = place.ok_or(NoAnswer::Busy)?;
        let AsOf { now_ms, of: signs } = self.head.signs(over_ms(&job)).await?;
        let desk = self.clone();
        let runtime = Handle::current();
        let work = move || {
            let _place = place;
            desk.decide(job, hold, &signs, now_ms, &runtime)
        };
        spawn_blocking(work).await.unwrap_or(Err(NoAnswer::Ended))
    }

    /// Reads history where need be, and disks: not for the head's own thread.
    fn decide(
        &self,
        job: Job,
        hold: Option<HoldFor>,
        signs: &[Sign],
        now_ms: u64,
        runtime: &Handle,
    ) -> Result<Answer, NoAnswer> {
        let mut nodes = judge::all(&job, signs, now_ms);
        let past = past::Past { head: &self.head, archive: &self.archive, runtime, now_ms };
        past.fill_in(&mut nodes, over_ms(&job));
        let mut answer = if let Some(hold) = hold {
            let decide = |held: &[Hold]| {
                let answer = answer(job, &nodes, held, now_ms);
                let wish = answer.fits.then(|| wish(&answer, hold));
                (answer, wish)
            };
            let (answer, hold) = self.holds.take(now_ms, decide).map_err(NoAnswer::NotHeld)?;
            Answer { hold, ..answer }
        } else {
            answer(job, &nodes, &self.holds.list(now_ms), now_ms)
        };
        if !answer.fits {
            answer.last_fit_ms = self.last_fit(&answer.job, &nodes, &past);
        }
        answer.summary = summary::of(&answer);
        Ok(answer)
    }

    fn last_fit(&self, job: &Job, nodes: &[Judged], past: &past::Past<'_>) -> Option<u64> {
        let now_ms = past.now_ms;
        let remembered = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let is_young = |at_ms: u64| now_ms.abs_diff(at_ms) < REMEMBER_MS;
        let known =
            remembered().iter().find(|(of, at_ms, _)| of == job && is_young(*at_ms)).cloned();
        if let Some((_, _, last_ms)) = known {
            return last_ms;
        }
        let last_ms = past.last_fit(job, nodes);
        let mut all = remembered();
        all.retain(|(of, at_ms, _)| of != job && is_young(*at_ms));
        all.truncate(MOST_REMEMBERED - 1);
        all.push((job.clone(), now_ms, last_ms));
        last_ms
    }
}

/// The time over which the least counts, in ms.
fn over_ms(job: &Job) -> u64 {
    u64::from(job.over_min) * 60_000
}

fn wish(answer: &Answer, hold: HoldFor) -> Wish {
    let placed = answer.nodes.iter().filter(|node| node.copies > 0);
    Wish {
        note: hold.note,
        size: answer.job.size,
        places: placed.map(|node| (node.id.clone(), node.copies)).collect(),
        for_ms: hold.ms,
    }
}

/// The answer but for what history tells, and its sentence.
fn answer(job: Job, nodes: &[Judged], holds: &[Hold], now_ms: u64) -> Answer {
    let mut held: HashMap<&NodeId, u64> = HashMap::new();
    for hold in holds {
        for (node, copies) in &hold.places {
            let of_node = held.entry(node).or_default();
            *of_node = of_node.saturating_add(hold.size.saturating_mul((*copies).into()));
        }
    }
    let held_of = |node: &Judged| held.get(&node.id).copied().unwrap_or(0);
    let space = |node: &Judged| Space { id: node.id.clone(), bytes: node.bytes(held_of(node)) };
    let spaces: Vec<Space> = nodes.iter().map(space).collect();
    let placed = plan::place(&spaces, job.size, job.copies, job.most_per_node, job.strategy);
    let node = |(place, node): (usize, &Judged)| {
        let room = spaces[place].room(job.size, job.most_per_node);
        let held = held_of(node);
        NodeFit {
            id: node.id.clone(),
            host_name: node.host_name.clone(),
            floor: node.floor,
            floor_over_ms: node.over_ms,
            held,
            room,
            copies: placed.as_ref().map_or(0, |placed| placed[place]),
            because: if room == 0 { Some(node.because(&job, held)) } else { None },
            reserve: node.reserve,
        }
    };
    let mut nodes: Vec<NodeFit> = nodes.iter().enumerate().map(node).collect();
    nodes.sort_by(|a, b| b.copies.cmp(&a.copies).then_with(|| a.id.cmp(&b.id)));
    let room = plan::room(&spaces, job.size, job.most_per_node);
    Answer {
        now_ms,
        fits: placed.is_some(),
        nodes,
        largest: plan::largest(&spaces, job.copies, job.most_per_node),
        room: u32::try_from(room).unwrap_or(u32::MAX),
        last_fit_ms: None,
        summary: String::new(),
        hold: None,
        job,
    }
}

#[cfg(test)]
mod tests;
