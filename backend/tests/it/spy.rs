//! Agents as they are, in threads of the tests: all that they tell a head is noted, and what it tells
//! them is on disk.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use actix_web::rt;
use awc::ws::{Frame, Message};
use futures_util::{SinkExt as _, StreamExt as _};
use headroom::agent::{self, Agent, Ended, Link};
use headroom::probe::Roots;
use shared::run::{Span, Stream};
use shared::wire::{self, AgentMessage, AgentReading, AgentRequest, Encoding};
use tokio::sync::mpsc;

use crate::afar::machine;

/// Between two tries to reach the head.
const RETRY: Duration = Duration::from_millis(150);

/// What an agent told, and was told.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The readings it told, by their numbers.
    pub(crate) told: BTreeMap<u64, AgentReading>,
    /// Those that are on disk, as the head says.
    durable: Vec<Span>,
    /// Links that it had.
    pub(crate) links: u32,
}

impl Seen {
    fn tell(&mut self, reading: AgentReading) {
        if let Some(before) = self.told.get(&reading.seq) {
            assert_eq!(before, &reading, "one number for two readings");
        }
        self.told.insert(reading.seq, reading);
    }

    fn save(&mut self, spans: &[Span]) {
        for &span in spans {
            if !self.durable.iter().any(|known| known.covers(span)) {
                self.durable.retain(|known| !span.covers(*known));
                self.durable.push(span);
            }
        }
    }

    /// The readings that are on disk, as the head says.
    pub(crate) fn durable(&self) -> impl Iterator<Item = &AgentReading> {
        let is_in = |seq: u64| move |span: &Span| span.covers(Span { from: seq, to: seq });
        self.told.values().filter(move |reading| self.durable.iter().any(is_in(reading.seq)))
    }
}

/// Agents that report for as long as this is there, each with a token of `tokens`.
pub(crate) struct Spies {
    /// What each told and was told.
    pub(crate) seen: Vec<Arc<Mutex<Seen>>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Spies {
    /// Lets them report to `at` every `period_ms`, whether there is a head or not.
    pub(crate) fn start(
        at: SocketAddr,
        tokens: Vec<String>,
        roots: &Roots,
        period_ms: u32,
    ) -> Self {
        let seen: Vec<Arc<Mutex<Seen>>> = tokens.iter().map(|_| Arc::default()).collect();
        let (all, roots) = (seen.clone(), roots.clone());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = thread::spawn(move || {
            rt::System::new().block_on(async move {
                for (place, (token, seen)) in tokens.into_iter().zip(all).enumerate() {
                    let agent = Agent {
                        roots: roots.clone(),
                        period_ms,
                        name: None,
                        labels: Vec::new(),
                        journal: None,
                        shows: None,
                        pulse: headroom::systemd::life::Pulse::of_part(),
                    };
                    let (links, incoming) = mpsc::channel(1);
                    rt::spawn(agent::run(agent, incoming));
                    rt::spawn(connect(at, token, machine(&format!("{place:02x}")), seen, links));
                }
                stopped.await.ok();
            });
        });
        Self { seen, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Spies {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// One link of an agent.
struct Spy {
    messages: mpsc::Sender<AgentMessage>,
    requests: mpsc::Receiver<AgentRequest>,
    seen: Arc<Mutex<Seen>>,
    stream: Stream,
}

impl Link for Spy {
    fn offer(&mut self, make: impl FnOnce() -> AgentMessage) -> Result<bool, Ended> {
        let room = match self.messages.try_reserve() {
            Ok(room) => room,
            Err(mpsc::error::TrySendError::Full(())) => return Ok(false),
            Err(mpsc::error::TrySendError::Closed(())) => return Err(Ended),
        };
        let message = make();
        let mut seen = self.seen.lock().unwrap();
        match &message {
            AgentMessage::Next(next) => seen.tell(self.stream.read(next).unwrap()),
            AgentMessage::Run(run) => {
                run.readings().unwrap().into_iter().for_each(|reading| seen.tell(reading));
            }
            _ => {}
        }
        room.send(message);
        Ok(true)
    }

    async fn next(&mut self) -> Result<AgentRequest, Ended> {
        let request = self.requests.recv().await.ok_or(Ended)?;
        if let AgentRequest::Durable { spans } = &request {
            self.seen.lock().unwrap().save(spans);
        }
        Ok(request)
    }
}

/// Gives an agent one link after the other.
async fn connect(
    at: SocketAddr,
    token: String,
    machine: String,
    seen: Arc<Mutex<Seen>>,
    links: mpsc::Sender<Spy>,
) {
    loop {
        let connecting = awc::Client::new()
            .ws(format!("ws://{at}/api/v1/agent"))
            .protocols([Encoding::Postcard.subprotocol()])
            .header("Authorization", format!("Bearer {token}"))
            .header("X-Headroom-Machine", machine.as_str())
            .connect();
        if let Ok((_, mut socket)) = connecting.await {
            let (messages, mut outgoing) = mpsc::channel::<AgentMessage>(8);
            let (incoming, requests) = mpsc::channel(8);
            seen.lock().unwrap().links += 1;
            let spy =
                Spy { messages, requests, seen: Arc::clone(&seen), stream: Stream::default() };
            if links.send(spy).await.is_err() {
                return;
            }
            loop {
                let went = tokio::select! {
                    Some(message) = outgoing.recv() => {
                        let bytes = wire::to_postcard(&message).unwrap();
                        socket.send(Message::Binary(bytes.into())).await.is_ok()
                    }
                    frame = socket.next() => match frame {
                        Some(Ok(Frame::Binary(bytes))) => match wire::from_postcard(&bytes).unwrap() {
                            Some(request) => incoming.send(request).await.is_ok(),
                            None => true,
                        },
                        Some(Ok(Frame::Ping(bytes))) => {
                            socket.send(Message::Pong(bytes)).await.is_ok()
                        }
                        Some(Ok(Frame::Close(_)) | Err(_)) | None => false,
                        Some(Ok(_)) => true,
                    },
                };
                if !went {
                    break;
                }
            }
        }
        rt::time::sleep(RETRY).await;
    }
}
