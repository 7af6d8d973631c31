//! The way to a head on another machine: finds it, connects, keeps the link alive, and comes back when it
//! is lost.

mod connect;
mod discover;
mod status;
mod talk;

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use shared::backoff::Backoff;
use shared::wire::{AgentMessage, AgentRequest};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::link::{Ended, Link};
use crate::config::{HeadUrl, Place, Token, UplinkConfig};
use crate::secrets;
use crate::tls;
use connect::NoSocket;
use status::Status;

pub use discover::search;

/// The first wait is up to so long, in ms, the next twice as long…
const BASE_MS: u32 = 1000;
/// …up to this while no head answers…
const AWAY_MS: u32 = 60_000;
/// …and up to this if the head answers, but the link soon ends.
const FLAPPING_MS: u32 = 8000;
/// A link that lasted as long did not end soon.
const GOOD: Duration = Duration::from_secs(5);
/// No head can send an agent away for longer, in ms.
const LONGEST_MS: u32 = 3_600_000;
/// From the first packet to the head's consent to a WebSocket.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages that may wait for a link; what finds no room stays in the outbox.
const QUEUE: usize = 8;

/// One link to a head afar: the agent's end of it.
pub struct RemoteLink {
    messages: mpsc::Sender<AgentMessage>,
    requests: mpsc::Receiver<AgentRequest>,
}

impl Link for RemoteLink {
    fn offer(&mut self, make: impl FnOnce() -> AgentMessage) -> Result<bool, Ended> {
        match self.messages.try_reserve() {
            Ok(room) => {
                room.send(make());
                Ok(true)
            }
            Err(mpsc::error::TrySendError::Full(())) => Ok(false),
            Err(mpsc::error::TrySendError::Closed(())) => Err(Ended),
        }
    }

    async fn next(&mut self) -> Result<AgentRequest, Ended> {
        self.requests.recv().await.ok_or(Ended)
    }
}

/// Why there is no link any more, or was none.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The agent is stopping.
    Stopped,
    /// The head does not serve this agent. It is of no use to come back sooner than in so many ms.
    Refused { why: String, retry_ms: u32 },
    /// Anything else.
    Lost(String),
}

/// What is needed to call on the head.
struct Caller {
    place: Place,
    token: Token,
    /// What the token is bound to.
    machine: String,
    tls: Arc<ClientConfig>,
}

/// Keeps a link to the head, and gives each new one to `links`, until `stop` is true.
pub async fn run(
    config: UplinkConfig,
    links: mpsc::Sender<RemoteLink>,
    stop: watch::Receiver<bool>,
) {
    let UplinkConfig { place, token, machine } = config;
    let tls = Arc::new(tls::pinned(place.fingerprints()));
    let machine = machine_digest(&machine);
    let caller = Caller { place, token, machine, tls };
    let mut status = Status::default();
    let mut away = Backoff::new(BASE_MS, AWAY_MS);
    let mut flapping = Backoff::new(BASE_MS, FLAPPING_MS);
    loop {
        let end = tokio::select! {
            biased;
            end = caller.once(&links, &stop, &mut status) => end,
            // While it talks it takes its leave first.
            () = stopped_for(stop.clone(), talk::LEAVE) => End::Stopped,
        };
        let lasted = status.lasted();
        if lasted >= GOOD {
            flapping.reset();
        }
        let mut backoff = &mut away;
        if !lasted.is_zero() {
            backoff.reset();
            backoff = &mut flapping;
        }
        let retry_ms = match end {
            End::Stopped => return,
            End::Refused { why, retry_ms } => {
                status.refused(&why);
                retry_ms.min(LONGEST_MS)
            }
            End::Lost(why) => {
                status.lost(&why);
                0
            }
        };
        let wait = retry_ms.saturating_add(backoff.next_ms(random()));
        tokio::select! {
            () = sleep(Duration::from_millis(wait.into())) => {}
            () = stopped_for(stop.clone(), Duration::ZERO) => return,
        }
    }
}

/// How an agent tells its head which machine it runs on, by what tells that from others.
#[must_use]
pub fn machine_digest(machine: &[u8]) -> String {
    secrets::hex(&secrets::sha256(&[b"headroom machine", machine].concat()))
}

impl Caller {
    /// One link, from the first packet to its end.
    async fn once(
        &self,
        links: &mpsc::Sender<RemoteLink>,
        stop: &watch::Receiver<bool>,
        status: &mut Status,
    ) -> End {
        let found;
        let urls = match &self.place {
            Place::At { url, .. } => std::slice::from_ref(url),
            Place::Near { .. } => match discover::heads().await {
                Ok(heads) => {
                    found = heads;
                    found.as_slice()
                }
                Err(why) => return End::Lost(why),
            },
        };
        let mut end = End::Lost("no head was found on this network".into());
        for url in urls {
            match self.try_at(url, links, stop, status).await {
                // Another address of the same head may answer.
                End::Lost(why) if urls.len() > 1 && status.lasted().is_zero() => {
                    end = End::Lost(why);
                }
                ended => return ended,
            }
        }
        end
    }

    async fn try_at(
        &self,
        url: &HeadUrl,
        links: &mpsc::Sender<RemoteLink>,
        stop: &watch::Receiver<bool>,
        status: &mut Status,
    ) -> End {
        let in_time = InTime { url, until: Instant::now() + CONNECT_TIMEOUT, stop };
        let mut wire = match in_time.or_end(connect::connect(self, url)).await {
            Ok(Ok(wire)) => wire,
            Ok(Err(end)) | Err(end) => return end,
        };
        let refusal = match in_time.or_end(connect::upgrade(self, url, &mut wire)).await {
            Ok(Ok(socket)) => return talk::talk(socket, url, links, stop.clone(), status).await,
            Ok(Err(NoSocket::Refused(refusal))) => *refusal,
            Ok(Err(NoSocket::Lost(end))) | Err(end) => return end,
        };
        let reason = in_time.or_end(connect::reason(url, refusal, &mut wire)).await;
        reason.unwrap_or_else(|end| end)
    }
}

/// What must be done by a time, and before the agent stops.
struct InTime<'a> {
    url: &'a HeadUrl,
    until: Instant,
    stop: &'a watch::Receiver<bool>,
}

impl InTime<'_> {
    async fn or_end<T>(&self, work: impl Future<Output = T>) -> Result<T, End> {
        tokio::select! {
            biased;
            () = stopped_for(self.stop.clone(), Duration::ZERO) => Err(End::Stopped),
            done = timeout_at(self.until, work) => done.map_err(|_| {
                let seconds = CONNECT_TIMEOUT.as_secs();
                End::Lost(format!("{} does not answer within {seconds} seconds", self.url))
            }),
        }
    }
}

/// Ends `grace` after the agent was told to stop.
async fn stopped_for(mut stop: watch::Receiver<bool>, grace: Duration) {
    // Whoever could tell is gone only when all ends.
    stop.wait_for(|stop| *stop).await.ok();
    sleep(grace).await;
}

/// From 0 to 1.
fn random() -> f64 {
    let bits = u32::from_ne_bytes(secrets::random());
    f64::from(bits) / f64::from(u32::MAX)
}
