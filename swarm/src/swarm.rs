//! All nodes, those who follow them, and what is measured meanwhile.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};

use crate::args::{Args, Fault};
use crate::chance::Chance;
use crate::counts::{Counts, Taken, Times, Totals};
use crate::follow::{self, Places};
use crate::link::Way;
use crate::node::{Identity, Node, Plan};
use crate::process::{Process, Used};
use crate::report::{Head, Rates, Report, Stall};
use crate::tokens::{self, Token};

/// So long may it take until all are connected, besides the millisecond that each takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// From then on until it is measured: what came with connecting is over.
const SETTLE: Duration = Duration::from_secs(3);
/// Between two lines of what is going on.
const TELL: Duration = Duration::from_secs(10);

struct Swarm {
    args: Args,
    counts: Arc<Counts>,
    times: Arc<Times>,
    head: Option<Process>,
    way: Way,
}

/// Runs as `args` say, to the end. The error is a sentence.
pub(crate) fn run(args: Args) -> Result<Report, String> {
    let way = Way::find(&args.head, args.fingerprint)?;
    let nodes = args.nodes as usize;
    let tokens = tokens::read(&args.tokens, nodes)?;
    lift_limit();
    let taken = Arc::new(Taken::of(nodes));
    let swarm = Swarm {
        counts: Arc::default(),
        times: Arc::default(),
        head: args.head_pid.map(Process::of),
        way,
        args,
    };
    let runtime = runtime()?;
    swarm.watch(&tokens, &taken)?;
    swarm.release(&tokens, &taken)?;
    runtime.block_on(swarm.measure())
}

fn runtime() -> Result<Runtime, String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))
}

/// As many files as the system allows.
fn lift_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be lifted, connecting says so.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
}

impl Swarm {
    /// Lets the nodes live, all in one thread.
    fn release(&self, tokens: &[Token], taken: &Arc<Taken>) -> Result<(), String> {
        let runtime = runtime()?;
        let plan = Arc::new(Plan {
            way: self.way.clone(),
            encoding: self.args.encoding.into(),
            period: Duration::from_millis(self.args.period_ms.into()),
            nodes: tokens.len(),
            counts: Arc::clone(&self.counts),
            taken: Arc::clone(taken),
            begin: Instant::now(),
        });
        let seed = self.args.seed;
        let identities: Vec<_> =
            tokens.iter().enumerate().map(|(index, token)| identity(token, index, seed)).collect();
        let faults: Vec<_> = (0..tokens.len()).map(|index| self.fault(index)).collect();
        thread::spawn(move || {
            for (index, (fault, own)) in faults.into_iter().zip(&identities).enumerate() {
                let identity = match fault {
                    Some(Fault::Reuse) => borrowed(own, &identities[0], index),
                    _ => own.clone(),
                };
                runtime.spawn(Node::new(&plan, index, seed, identity, fault).live());
            }
            runtime.block_on(std::future::pending::<()>());
        });
        Ok(())
    }

    /// What is wrong with node `index`.
    fn fault(&self, index: usize) -> Option<Fault> {
        let healthy = (self.args.nodes.saturating_sub(self.args.faulty)) as usize;
        let number = index.checked_sub(healthy)?;
        let faults = &self.args.fault;
        (!faults.is_empty()).then(|| faults[number % faults.len()])
    }

    /// Follows, in a thread of its own: it is not to wait for nodes.
    fn watch(&self, tokens: &[Token], taken: &Arc<Taken>) -> Result<(), String> {
        if !self.args.follow {
            return Ok(());
        }
        let runtime = runtime()?;
        let places: Places =
            tokens.iter().enumerate().map(|(place, token)| (token.name.clone(), place)).collect();
        let (way, taken) = (self.way.clone(), Arc::clone(taken));
        let times = Arc::clone(&self.times);
        thread::spawn(move || {
            runtime.block_on(follow::follow(way, taken, Arc::new(places), times));
        });
        Ok(())
    }

    async fn measure(&self) -> Result<Report, String> {
        let nodes = self.args.nodes as usize;
        self.all_connected(nodes).await;
        sleep(SETTLE).await;
        self.times.take();
        let (before, begun, cpu) = (self.counts.totals(), Instant::now(), Before::now(self));
        self.pass(Duration::from_secs(self.args.seconds.into())).await;
        let rates = Rates::of(self.counts.totals().since(before), nodes, begun.elapsed());
        let mut report = Report {
            nodes,
            connected: self.counts.connected.load(Relaxed),
            seconds: begun.elapsed().as_secs_f64(),
            rates,
            refused: self.counts.refused(),
            latency: self.args.follow.then(|| self.times.take()),
            stall: None,
            own_cpu: cpu.own(),
            head: cpu.head(self),
        };
        if let Some(seconds) = self.args.stall {
            report.stall = Some(self.stall(Duration::from_secs(seconds.into())).await?);
        }
        Ok(report)
    }

    async fn all_connected(&self, nodes: usize) {
        let deadline = Instant::now() + PATIENCE + Duration::from_millis(nodes as u64);
        let healthy = (0..nodes).filter(|&index| self.fault(index).is_none()).count() as u64;
        while self.counts.connected.load(Relaxed) < healthy && Instant::now() < deadline {
            self.pass(Duration::from_millis(100)).await;
        }
        eprintln!("{} of {nodes} are connected", self.counts.connected.load(Relaxed));
    }

    /// Lets time pass, and tells what is going on.
    async fn pass(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let (before, begun) = (self.counts.totals(), Instant::now());
            sleep(TELL.min(end - begun)).await;
            if begun.elapsed() >= TELL {
                self.tell(before, begun.elapsed());
            }
        }
    }

    fn tell(&self, before: Totals, time: Duration) {
        let rates = Rates::of(self.counts.totals().since(before), self.args.nodes as usize, time);
        eprintln!("{} connected, {rates}", self.counts.connected.load(Relaxed));
    }

    async fn stall(&self, pause: Duration) -> Result<Stall, String> {
        let resident = || self.head.as_ref().and_then(Process::resident_kib);
        let before = resident();
        self.times.take();
        let most = Cell::new(before);
        let watching = async {
            loop {
                most.set(most.get().max(resident()));
                sleep(Duration::from_millis(250)).await;
            }
        };
        let stalled = tokio::select! {
            stalled = follow::stall(&self.way, pause) => stalled,
            never = watching => never,
        };
        let stalled =
            stalled.map_err(|ended| format!("the follower that stops reading: {ended}"))?;
        let grew = before.zip(most.get()).map(|(before, most)| most as i64 - before as i64);
        Ok(Stall { latency: self.times.take(), stalled, head_grew_kib: grew })
    }
}

/// CPU time up to a moment, of this process and of the head.
struct Before {
    own: Option<Used>,
    head: Option<Used>,
}

impl Before {
    fn now(swarm: &Swarm) -> Self {
        let head = swarm.head.as_ref().and_then(Process::used);
        Self { own: Process::this().used(), head }
    }

    fn own(&self) -> Option<f64> {
        Process::this().percent_since(self.own?)
    }

    fn head(&self, swarm: &Swarm) -> Option<Head> {
        let process = swarm.head.as_ref()?;
        let cpu = process.percent_since(self.head?)?;
        Some(Head { cpu, resident_kib: process.resident_kib()? })
    }
}

fn identity(token: &Token, index: usize, seed: u64) -> Identity {
    let mut chance = Chance::new(seed.rotate_left(17) ^ index as u64);
    let machine = [0; 4].map(|_| format!("{:016x}", chance.next())).concat();
    Identity { name: token.name.clone(), token: token.token.clone(), machine, boot: boot() }
}

/// Another one each time: what was counted up to the last time is over.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default().trim().to_owned()
}

/// The token of another node, from another machine or from another boot of the same.
fn borrowed(own: &Identity, other: &Identity, index: usize) -> Identity {
    let machine = if index.is_multiple_of(2) { &own.machine } else { &other.machine };
    Identity { token: other.token.clone(), machine: machine.clone(), ..own.clone() }
}

#[cfg(test)]
mod tests;
