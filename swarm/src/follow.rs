//! A follower of the overview, as a page is one: how long it takes from a reading to there, and what
//! becomes of one that stops reading for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use shared::NodeId;
use shared::overview::{Brief, RosterEntry};
use shared::wire::{Encoding, FeedMessage, FeedRequest};
use tokio::time::{Instant, sleep, timeout};

use crate::counts::{Counts, Taken, Times};
use crate::frame;
use crate::link::{Ended, Heard, Link, Purpose, Way};

/// What the system holds of what comes, in bytes, for one that stops reading. More would only keep it
/// from being one: a page that does not read for a minute leaves megabytes there.
const BUFFER: u32 = 16 * 1024;
/// So long may it take to be up to date again.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name of a node, and its place in the swarm.
pub(crate) type Places = HashMap<String, usize>;

async fn open(way: &Way, counts: &Arc<Counts>, buffer: Option<u32>) -> Result<Link, Ended> {
    let purpose = Purpose {
        path: "/api/v1/feed?view=overview",
        headers: &[],
        encoding: Encoding::Postcard,
        source: None,
        receive_buffer: buffer,
    };
    Link::open(way, &purpose, counts).await
}

/// The next message, and when it was there.
async fn next(link: &mut Link) -> Result<(FeedMessage, Instant), Ended> {
    loop {
        match link.receive().await? {
            Heard::Message(message) => return Ok((message, Instant::now())),
            Heard::Ping(bytes) => link.send_frame(frame::PONG, &bytes).await?,
            Heard::Unknown | Heard::Pong => {}
        }
    }
}

/// Follows, and notes how long each reading took. Never ends.
pub(crate) async fn follow(way: Way, taken: Arc<Taken>, places: Arc<Places>, times: Arc<Times>) {
    let counts = Arc::new(Counts::default());
    loop {
        let mut numbers = Numbers { places: &places, known: HashMap::new() };
        let ended = match open(&way, &counts, None).await {
            Ok(mut link) => numbers.follow(&mut link, &taken, &times).await,
            Err(ended) => ended,
        };
        eprintln!("the follower starts anew: {ended}");
        sleep(Duration::from_millis(500)).await;
    }
}

struct Numbers<'a> {
    places: &'a Places,
    /// By the head's numbers.
    known: HashMap<u32, usize>,
}

impl Numbers<'_> {
    async fn follow(&mut self, link: &mut Link, taken: &Taken, times: &Times) -> Ended {
        let mut expected = None;
        loop {
            let (message, at) = match next(link).await {
                Ok(next) => next,
                Err(ended) => return ended,
            };
            match message {
                FeedMessage::Roster(roster) => {
                    self.learn(&roster.nodes);
                    expected = Some(roster.seq + 1);
                }
                FeedMessage::Briefs(briefs) => {
                    if expected.replace(briefs.seq + 1) != Some(briefs.seq)
                        && let Err(ended) = link.send(&FeedRequest::Resync {}).await
                    {
                        return ended;
                    }
                    self.learn(&briefs.joined);
                    let joined = briefs.joined.iter().filter_map(|entry| entry.brief.as_ref());
                    let rows = briefs.rows.iter().chain(joined);
                    times.note(rows.filter_map(|brief| self.latency(brief, taken, at)));
                }
                _ => {}
            }
        }
    }

    fn learn(&mut self, entries: &[RosterEntry]) {
        for entry in entries {
            if let Some(&place) = self.places.get(NodeId::as_str(&entry.id)) {
                self.known.insert(entry.node, place);
            }
        }
    }

    fn latency(&self, brief: &Brief, taken: &Taken, at: Instant) -> Option<Duration> {
        let place = *self.known.get(&brief.node)?;
        let when = taken.when(place, brief.available_kib?)?;
        Some(at.into_std().saturating_duration_since(when))
    }
}

/// What became of a follower that stopped reading.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Stalled {
    /// From its reading on until it had the state of that moment or a later one, in ms.
    pub(crate) up_to_date_ms: u64,
    /// Messages before that: the backlog.
    pub(crate) backlog: u64,
    /// Bytes before that.
    pub(crate) backlog_bytes: u64,
    /// Whether the head had ended the link meanwhile.
    pub(crate) ended: bool,
}

/// Follows for a moment, reads nothing for so long, and reads on.
pub(crate) async fn stall(way: &Way, pause: Duration) -> Result<Stalled, Ended> {
    let counts = Arc::new(Counts::default());
    let mut link = open(way, &counts, Some(BUFFER)).await?;
    for _ in 0..3 {
        next(&mut link).await?;
    }
    sleep(pause).await;
    let before = counts.totals();
    let (begun, now_ms) = (Instant::now(), unix_ms());
    let mut stalled = Stalled::default();
    let catching_up = async {
        loop {
            let seen_ms = match next(&mut link).await {
                Ok((FeedMessage::Roster(roster), _)) => roster.now_ms,
                Ok((FeedMessage::Briefs(briefs), _)) => briefs.now_ms,
                Ok(_) => 0,
                // A page connects again.
                Err(_) => {
                    stalled.ended = true;
                    link = open(way, &counts, Some(BUFFER)).await?;
                    continue;
                }
            };
            if seen_ms >= now_ms {
                return Ok(());
            }
            stalled.backlog += 1;
        }
    };
    let caught_up = timeout(PATIENCE, catching_up).await;
    caught_up.unwrap_or_else(|_| Err(Ended::Lost("it is never up to date again".into())))?;
    stalled.up_to_date_ms = begun.elapsed().as_millis() as u64;
    stalled.backlog_bytes = counts.totals().since(before).wire_in;
    Ok(stalled)
}

/// The clock that the head is told to have: they are on one machine, or this is of no use.
fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as u64
}
