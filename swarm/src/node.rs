//! A node of the swarm: it takes readings, and reports them as an agent does.

mod faulty;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use shared::backoff::Backoff;
use shared::overview::Label;
use shared::run::{Run, Span, Stream};
use shared::wire::{
    AgentMessage, AgentReading, AgentRequest, ClockReading, Encoding, Hello, PROTOCOL, SIGN_MS,
    SILENCE_MS, Thinned,
};
use shared::{Field, NodeId};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::args::Fault;
use crate::chance::Chance;
use crate::counts::{Counts, Taken};
use crate::frame;
use crate::link::{Ended, Heard, Link, Purpose, Way};
use crate::machine::Machine;

/// Readings that wait for a head at most; as many as fit into one run.
const OUTBOX: usize = Run::MOST;
/// Between two readings of the clock.
const CLOCK: Duration = Duration::from_secs(10);
/// The answer to hello comes within this time.
const WELCOME: Duration = Duration::from_secs(10);
const SIGN: Duration = Duration::from_millis(SIGN_MS as u64);
const SILENCE: Duration = Duration::from_millis(SILENCE_MS as u64);

/// What all nodes have in common.
pub(crate) struct Plan {
    pub(crate) way: Way,
    pub(crate) encoding: Encoding,
    pub(crate) period: Duration,
    pub(crate) nodes: usize,
    pub(crate) counts: Arc<Counts>,
    pub(crate) taken: Arc<Taken>,
    /// When the swarm begins.
    pub(crate) begin: Instant,
}

/// Who a node says it is.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) token: String,
    /// 64 hexadecimal digits.
    pub(crate) machine: String,
    pub(crate) boot: String,
}

/// See the module.
pub(crate) struct Node {
    plan: Arc<Plan>,
    index: usize,
    identity: Identity,
    fault: Option<Fault>,
    machine: Machine,
    chance: Chance,
    /// What its uptime was when the swarm began, in µs.
    booted_us: u64,
    seq: u64,
    /// When the next reading is due.
    due: Instant,
    /// Readings that the head does not hold, oldest first.
    outbox: VecDeque<AgentReading>,
    thinned: Thinned,
}

impl Node {
    pub(crate) fn new(
        plan: &Arc<Plan>,
        index: usize,
        seed: u64,
        identity: Identity,
        fault: Option<Fault>,
    ) -> Self {
        let mut chance = Chance::new(seed ^ (index as u64) << 32);
        let booted_us = chance.between(3600, 3_000_000) * 1_000_000 + chance.below(1_000_000);
        Self {
            machine: Machine::new(chance.next()),
            booted_us,
            seq: booted_us / 1000,
            // Nodes are spread evenly over a period.
            due: plan.begin + plan.period * index as u32 / plan.nodes as u32,
            outbox: VecDeque::new(),
            thinned: Thinned::default(),
            plan: Arc::clone(plan),
            index,
            identity,
            fault,
            chance,
        }
    }

    /// Reports, and comes back when that ends. Never ends.
    pub(crate) async fn live(mut self) {
        // A head takes up to a thousand new connections a second gladly, and more not at once.
        sleep_until(self.plan.begin + Duration::from_millis(self.index as u64)).await;
        let mut backoff = Backoff::new(500, 30_000);
        loop {
            let ended = match self.report(&mut backoff).await {
                Err(ended) => ended,
                Ok(never) => match never {},
            };
            let counts = &self.plan.counts;
            Counts::add(&counts.ended, 1);
            let mut wait_ms = backoff.next_ms(self.chance.share());
            if let Ended::Refused { retry_ms, .. } = &ended {
                wait_ms = wait_ms.max(*retry_ms);
            }
            counts.refuse(&ended.to_string());
            sleep(Duration::from_millis(wait_ms.into())).await;
        }
    }

    async fn report(&mut self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Ended> {
        let mut link = self.open().await?;
        self.greet(&mut link).await?;
        backoff.reset();
        let _connected = Connected::new(&self.plan.counts);
        let now = Instant::now();
        while self.due + self.plan.period <= now {
            // What it took while it was away.
            self.take(self.due);
        }
        if !self.outbox.is_empty() {
            link.send(&AgentMessage::Run(Run::of(&self.outbox))).await?;
        }
        if self.thinned.readings > 0 {
            link.send(&AgentMessage::Thinned(self.thinned)).await?;
        }
        match self.fault {
            None | Some(Fault::Reuse) => self.go_on(&mut link).await,
            Some(fault) => self.go_wrong(&mut link, fault).await,
        }
    }

    async fn open(&self) -> Result<Link, Ended> {
        let bearer = format!("Bearer {}", self.identity.token);
        let purpose = Purpose {
            path: "/api/v1/agent",
            headers: &[("Authorization", &bearer), ("X-Headroom-Machine", &self.identity.machine)],
            encoding: self.plan.encoding,
            source: self.plan.way.source(self.index),
            receive_buffer: None,
        };
        Link::open(&self.plan.way, &purpose, &self.plan.counts).await
    }

    /// Says who it is, and waits until it is welcome.
    async fn greet(&mut self, link: &mut Link) -> Result<(), Ended> {
        let name = &self.identity.name;
        let hello = Hello {
            protocol: PROTOCOL,
            id: NodeId::from_host_name(name),
            facts: self.machine.facts(name),
            boot_id: Some(self.identity.boot.clone()),
            period_ms: self.plan.period.as_millis() as u32,
        };
        link.send(&AgentMessage::Hello(hello)).await?;
        let label = |key: &str, value: String| Label { key: key.into(), value };
        let labels = vec![
            label("kind", self.machine.kind().into()),
            label("rack", format!("r{:02}", self.index / 40 + 1)),
        ];
        link.send(&AgentMessage::Labels(labels)).await?;
        link.send(&self.clock()).await?;
        let until = Instant::now() + WELCOME;
        loop {
            let heard = timeout_at(until, link.receive()).await;
            match heard.map_err(|_| Ended::Lost("not welcome in time".into()))?? {
                Heard::Message(AgentRequest::Welcome(welcome)) => {
                    self.held(&welcome.held);
                    return Ok(());
                }
                heard => self.answer(link, heard).await?,
            }
        }
    }

    /// Sends each reading when it is taken.
    async fn go_on(&mut self, link: &mut Link) -> Result<std::convert::Infallible, Ended> {
        let mut stream = Stream::default();
        let now = Instant::now();
        let (mut heard_at, mut sent_at, mut clock_at) = (now, now, now + CLOCK);
        loop {
            let next = self.due.min(clock_at).min(heard_at + SILENCE).min(sent_at + SIGN);
            tokio::select! {
                heard = link.receive() => {
                    heard_at = Instant::now();
                    self.answer(link, heard?).await?;
                    continue;
                }
                () = sleep_until(next) => {}
            }
            let now = Instant::now();
            if now >= self.due {
                let next = stream.next(self.take(now));
                link.send(&AgentMessage::Next(next)).await?;
                sent_at = now;
            }
            if now >= clock_at {
                link.send(&self.clock()).await?;
                clock_at = now + CLOCK;
            }
            if now >= sent_at + SIGN {
                link.send_frame(frame::PING, b"").await?;
                sent_at = now;
            }
            if now >= heard_at + SILENCE {
                return Err(Ended::Lost("the head is silent".into()));
            }
        }
    }

    /// Takes the reading that is due, at the time `at`, into the outbox.
    fn take(&mut self, at: Instant) -> &AgentReading {
        let plan = &self.plan;
        let since = at.saturating_duration_since(plan.begin);
        let sample = self.machine.step(plan.period.as_millis() as u64).clone();
        let available = sample.get(Field::Available).unwrap_or_default();
        self.seq += 1;
        plan.taken.note(self.index, self.seq, available / 1024);
        while self.due <= at {
            self.due += plan.period;
        }
        if self.outbox.len() == OUTBOX
            && let Some(dropped) = self.outbox.pop_front()
        {
            if self.thinned.readings == 0 {
                self.thinned.since_us = dropped.uptime_us;
            }
            self.thinned.readings += 1;
            self.thinned.until_us = dropped.uptime_us;
        }
        let uptime_us = self.booted_us + since.as_micros() as u64;
        self.outbox.push_back(AgentReading { seq: self.seq, uptime_us, sample });
        Counts::add(&plan.counts.sent, 1);
        let last = self.outbox.len() - 1;
        &self.outbox[last]
    }

    fn clock(&self) -> AgentMessage {
        let uptime_us = self.booted_us + self.plan.begin.elapsed().as_micros() as u64;
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        AgentMessage::Clock(ClockReading { uptime_us, unix_ms: unix.as_millis() as u64 })
    }

    async fn answer(&mut self, link: &mut Link, heard: Heard<AgentRequest>) -> Result<(), Ended> {
        match heard {
            Heard::Ping(bytes) => link.send_frame(frame::PONG, &bytes).await,
            Heard::Message(AgentRequest::Held { spans }) => {
                self.held(&spans);
                Ok(())
            }
            Heard::Message(AgentRequest::Refused { why, retry_ms }) => {
                Err(Ended::Refused { why, retry_ms })
            }
            // There are no processes to look into.
            Heard::Message(
                AgentRequest::Look {} | AgentRequest::Welcome(_) | AgentRequest::Durable { .. },
            )
            | Heard::Unknown
            | Heard::Pong => Ok(()),
        }
    }

    fn held(&mut self, spans: &[Span]) {
        let before = self.outbox.len();
        let is_held = |seq| spans.iter().any(|span| (span.from..=span.to).contains(&seq));
        self.outbox.retain(|reading| !is_held(reading.seq));
        Counts::add(&self.plan.counts.held, before - self.outbox.len());
    }
}

/// Counts as connected until it is dropped.
struct Connected(Arc<Counts>);

impl Connected {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.connected.fetch_add(1, Relaxed);
        Self(Arc::clone(counts))
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Relaxed);
    }
}
