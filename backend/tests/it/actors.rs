//! Nodes that play a part: fake agents that speak the real protocol, and show what a test tells them to.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use actix_web::rt;
use awc::ws::{Frame, Message};
use futures_util::{Sink, SinkExt as _, StreamExt as _};
use headroom::clock::{unix_ms, uptime_us};
use shared::black_box::BlackBox;
use shared::run::{Run, Stream};
use shared::survey::Survey;
use shared::usage::{ProcessUsage, Usage};
use shared::wire::{
    self, AgentMessage, AgentReading, AgentRequest, ClockReading, Encoding, Hello, PROTOCOL,
};
use shared::{Field, NodeFacts, NodeId, Sample};
use tokio::sync::{mpsc, oneshot};

use crate::afar::machine;

/// Between two readings.
const PERIOD: Duration = Duration::from_millis(250);
/// Between two tries to reach the head.
const RETRY: Duration = Duration::from_millis(100);
/// Readings that an actor remembers until its head has them on disk.
const REMEMBERED: usize = 200;

/// What a node shows.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Whether it reaches the head.
    pub(crate) is_up: bool,
    /// MiB, of 4 GiB.
    pub(crate) available: u64,
    /// MiB of page cache.
    pub(crate) cached: u64,
    /// The share of time in which programs wait for memory.
    pub(crate) pressure: f64,
    /// Pages a second that are read back from swap.
    pub(crate) thrashing: u64,
    /// Programs that were killed.
    pub(crate) kills: u64,
    /// How far its clock is ahead, in ms.
    pub(crate) ahead_ms: i64,
    /// What the doctor finds.
    pub(crate) survey: Survey,
    /// Black boxes that are to be sent.
    pub(crate) boxes: Vec<BlackBox>,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            is_up: true,
            available: 2048,
            cached: 512,
            pressure: 0.0,
            thrashing: 0,
            kills: 3,
            ahead_ms: 0,
            survey: Survey::default(),
            boxes: Vec::new(),
        }
    }
}

/// A cast of nodes. They report for as long as this is there.
pub(crate) struct Cast {
    parts: BTreeMap<String, Arc<Mutex<Part>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Cast {
    /// Nodes with these names and tokens, which report to `at` whether there is a head or not.
    pub(crate) fn start(at: SocketAddr, nodes: Vec<(String, String)>) -> Self {
        let parts: BTreeMap<String, Arc<Mutex<Part>>> =
            nodes.iter().map(|(name, _)| (name.clone(), Arc::default())).collect();
        let all = parts.clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            rt::System::new().block_on(async move {
                for (place, (name, token)) in nodes.into_iter().enumerate() {
                    let part = Arc::clone(&all[&name]);
                    let machine = machine(&format!("{place:02x}"));
                    rt::spawn(Actor::new(name, part).play(at, token, machine));
                }
                stopped.await.ok();
            });
        });
        Self { parts, stop: Some(stop), thread: Some(thread) }
    }

    /// Changes what a node shows.
    pub(crate) fn set(&self, name: &str, change: impl FnOnce(&mut Part)) {
        change(&mut self.parts[name].lock().unwrap());
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Actor {
    name: String,
    part: Arc<Mutex<Part>>,
    seq: u64,
    last_us: u64,
    /// Counters: µs of pressure, and pages.
    pressure_us: u64,
    pages: u64,
    /// Readings that are not on disk, as far as it knows: it tells them again to the next head.
    kept: VecDeque<AgentReading>,
}

impl Actor {
    fn new(name: String, part: Arc<Mutex<Part>>) -> Self {
        let kept = VecDeque::new();
        Self { name, part, seq: 0, last_us: uptime_us(), pressure_us: 0, pages: 0, kept }
    }

    fn part(&self) -> Part {
        self.part.lock().unwrap().clone()
    }

    async fn play(mut self, at: SocketAddr, token: String, machine: String) {
        loop {
            if self.part().is_up {
                self.link(at, &token, &machine).await;
            } else {
                // What nobody hears is read all the same.
                self.read();
            }
            rt::time::sleep(RETRY).await;
        }
    }

    /// Reports over one link until it ends.
    async fn link(&mut self, at: SocketAddr, token: &str, machine: &str) -> Option<()> {
        let connecting = awc::Client::new()
            .ws(format!("ws://{at}/api/v1/agent"))
            .protocols([Encoding::Postcard.subprotocol()])
            .header("Authorization", format!("Bearer {token}"))
            .header("X-Headroom-Machine", machine)
            .connect();
        let (_, socket) = connecting.await.ok()?;
        let (mut out, mut incoming) = socket.split();
        // Read apart, so that a reading is never half read.
        let (heard, mut requests) = mpsc::unbounded_channel();
        let reading = rt::spawn(async move {
            while let Some(Ok(frame)) = incoming.next().await {
                if heard.send(frame).is_err() {
                    break;
                }
            }
        });
        let ended = self.talk(&mut out, &mut requests).await;
        reading.abort();
        ended
    }

    async fn talk(
        &mut self,
        out: &mut (impl Sink<Message> + Unpin),
        requests: &mut mpsc::UnboundedReceiver<Frame>,
    ) -> Option<()> {
        let facts =
            NodeFacts { host_name: self.name.clone(), page_size: 4096, ..NodeFacts::default() };
        say(
            out,
            &AgentMessage::Hello(Hello {
                protocol: PROTOCOL,
                id: NodeId::from_host_name(&self.name),
                facts,
                boot_id: Some(format!("boot of {}", self.name)),
                period_ms: 250,
            }),
        )
        .await?;
        let mut stream = Stream::default();
        let mut is_welcome = false;
        let (mut surveyed, mut beat) = (None, 0_u32);
        let mut tick = rt::time::interval(PERIOD);
        loop {
            tokio::select! {
                frame = requests.recv() => match frame? {
                    Frame::Binary(bytes) => match wire::from_postcard(&bytes).unwrap() {
                        Some(AgentRequest::Welcome(_)) => {
                            is_welcome = true;
                            let run = Run::of(self.kept.iter().take(Run::MOST));
                            say(out, &AgentMessage::Run(run)).await?;
                        }
                        Some(AgentRequest::Durable { spans }) => {
                            let is_in = |seq| spans.iter().any(|it| (it.from..=it.to).contains(&seq));
                            self.kept.retain(|reading| !is_in(reading.seq));
                        }
                        Some(AgentRequest::Refused { .. }) => return None,
                        Some(AgentRequest::Look {}) => {
                            say(out, &AgentMessage::Usage(usage())).await?;
                        }
                        _ => {}
                    },
                    Frame::Ping(bytes) => out.send(Message::Pong(bytes)).await.ok()?,
                    Frame::Close(_) => return None,
                    _ => {}
                },
                _ = tick.tick(), if is_welcome => {
                    let part = self.part();
                    if !part.is_up {
                        // Without a word, as when somebody pulls the plug.
                        return None;
                    }
                    if beat.is_multiple_of(4) {
                        let unix_ms = unix_ms().saturating_add_signed(part.ahead_ms);
                        let clock = ClockReading { unix_ms, uptime_us: uptime_us() };
                        say(out, &AgentMessage::Clock(clock)).await?;
                    }
                    beat += 1;
                    if surveyed.as_ref() != Some(&part.survey) {
                        say(out, &AgentMessage::Survey(part.survey.clone())).await?;
                        surveyed = Some(part.survey.clone());
                    }
                    let reading = self.read();
                    say(out, &AgentMessage::Next(stream.next(&reading))).await?;
                    let boxes = std::mem::take(&mut self.part.lock().unwrap().boxes);
                    for black_box in boxes {
                        let black_box = BlackBox { uptime_us: uptime_us(), ..black_box };
                        say(out, &AgentMessage::BlackBox(Box::new(black_box))).await?;
                    }
                }
            }
        }
    }

    fn read(&mut self) -> AgentReading {
        let part = self.part();
        let now_us = uptime_us().max(self.last_us + 1);
        let passed_us = now_us - self.last_us;
        self.last_us = now_us;
        self.seq += 1;
        self.pressure_us += (passed_us as f64 * part.pressure) as u64;
        self.pages += passed_us * part.thrashing / 1_000_000;
        let mut sample = Sample::EMPTY;
        for (field, value) in [
            (Field::Total, 4096 << 20),
            (Field::Free, part.available.saturating_sub(part.cached) << 20),
            (Field::Available, part.available << 20),
            (Field::Cached, part.cached << 20),
            (Field::SwapTotal, 2048 << 20),
            (Field::SwapFree, 1024 << 20),
            (Field::PressureSome, self.pressure_us),
            (Field::SwappedIn, self.pages),
            (Field::AnonRefaults, self.pages),
            (Field::FileRefaults, 0),
            (Field::OomKills, part.kills),
        ] {
            sample.set(field, Some(value));
        }
        let reading = AgentReading { seq: self.seq, uptime_us: now_us, sample };
        self.kept.push_back(reading.clone());
        if self.kept.len() > REMEMBERED {
            self.kept.pop_front();
        }
        reading
    }
}

/// Who has the memory of an actor.
fn usage() -> Usage {
    let process = |pid: u32| ProcessUsage {
        pid,
        name: format!("actor-{pid}"),
        anon: (100 - u64::from(pid)) << 20,
        ..ProcessUsage::default()
    };
    Usage { process_count: 5, processes: (1..=5).map(process).collect(), ..Usage::default() }
}

async fn say(out: &mut (impl Sink<Message> + Unpin), message: &AgentMessage) -> Option<()> {
    out.send(Message::Binary(wire::to_postcard(message).unwrap().into())).await.ok()
}
