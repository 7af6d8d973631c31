//! Scripted fleets, without clock or sockets: what is told of them, and nothing else.

mod any;
mod lone;
mod many;
mod mute;

use std::collections::BTreeMap;

use shared::alert::{ChannelStatus, Harm, Incident, Rules, StepKind};
use shared::black_box::{BlackBox, BoxAt, Killed, Ranked, Ranking, Why};
use shared::forecast::{Forecast, Quality};
use shared::node::Condition;
use shared::run::Run;
use shared::survey::{Finding, Severity};
use shared::{NodeFacts, NodeId};

use super::{Changes, Engine, Want, World};
use crate::head::{Shown, Sign};

const GIB: u64 = 1 << 30;

fn id(name: &str) -> NodeId {
    NodeId::from_host_name(name)
}

/// A node that is well at `now_ms`: half of its 4 GiB is available.
fn well(name: &str, now_ms: u64) -> Sign {
    Sign {
        node: 0,
        id: id(name),
        facts: NodeFacts::default().into(),
        labels: [].into(),
        condition: Condition::Live,
        since_ms: now_ms,
        stopped: false,
        trouble: None,
        shown: Some(Shown {
            at_ms: now_ms,
            total: 4 * GIB,
            available: Some(2 * GIB),
            pressure: Some(0.0),
            thrashing: Some(0.0),
            ..Shown::default()
        }),
        oom_kills: 0,
        clock_ahead_ms: Some(0),
        findings: [].into(),
        forecast: None,
    }
}

fn shown(sign: &mut Sign) -> &mut Shown {
    sign.shown.as_mut().unwrap()
}

/// Of so many MiB available.
fn low(mib: u64) -> impl Fn(&mut Sign) {
    move |sign| shown(sign).available = Some(mib << 20)
}

/// A fleet, a head that watches it, and what it told.
struct Stage {
    engine: Engine,
    rules: Rules,
    now_ms: u64,
    nodes: BTreeMap<NodeId, Sign>,
    /// When each was heard last that is silent now.
    silent: BTreeMap<NodeId, u64>,
    world: World,
    minute: u32,
    channels: Vec<ChannelStatus>,
    trouble: Option<String>,
    /// Whether the head knows that it is in no trouble.
    is_well: bool,
    /// What was told: when in s, the incident, the kind and the text.
    told: Vec<(u64, u64, StepKind, String)>,
    last: Changes,
    /// Whether messages are delivered as they should.
    is_delivered: bool,
}

const START_MS: u64 = 1_000_000_000;

impl Stage {
    fn new(names: &[&str]) -> Self {
        let nodes = names.iter().map(|name| (id(name), well(name, START_MS)));
        let mut stage = Self {
            engine: Engine::default(),
            rules: Rules::default(),
            now_ms: START_MS,
            nodes: nodes.collect(),
            silent: BTreeMap::new(),
            world: World::default(),
            minute: 720,
            channels: Vec::new(),
            trouble: None,
            is_well: true,
            told: Vec::new(),
            last: Changes::default(),
            is_delivered: true,
        };
        // What the doctor finds from now on is news.
        stage.run(130);
        stage
    }

    fn fleet(count: usize) -> Self {
        let names: Vec<String> = (0..count).map(|number| format!("pi-{number:02}")).collect();
        Self::new(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Changes how a node is from now on.
    fn set(&mut self, name: &str, change: impl Fn(&mut Sign)) {
        change(self.nodes.get_mut(&id(name)).unwrap());
    }

    /// From now on nothing comes from a node.
    fn silence(&mut self, name: &str) {
        self.silent.insert(id(name), self.now_ms);
    }

    fn hear(&mut self, name: &str) {
        self.silent.remove(&id(name));
    }

    /// Programs are killed on a node.
    fn kill(&mut self, name: &str, count: u64) {
        self.set(name, |sign| sign.oom_kills += count);
    }

    /// Lets so many seconds pass.
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now_ms += 1000;
            self.tick();
        }
    }

    fn tick(&mut self) {
        let now_ms = self.now_ms;
        let mut signs: Vec<Sign> = self.nodes.values().cloned().collect();
        for sign in &mut signs {
            if sign.stopped {
                (sign.condition, sign.since_ms) = (Condition::Gone, now_ms);
            } else if let Some(&heard_ms) = self.silent.get(&sign.id) {
                sign.since_ms = heard_ms;
                sign.condition = match now_ms - heard_ms {
                    0..=3000 => Condition::Live,
                    3001..=15_000 => Condition::Late,
                    15_001..=300_000 => Condition::Stale,
                    _ => Condition::Gone,
                };
            }
        }
        let world = World {
            minute: self.minute,
            channels: self.channels.clone(),
            trouble: self.trouble.clone(),
            is_well: self.is_well,
            ..std::mem::take(&mut self.world)
        };
        let mut changes = self.engine.tick(now_ms, &signs, world, &self.rules);
        for (incident, step) in std::mem::take(&mut changes.tell) {
            let what = &self.engine.all[&incident].incident.steps[step as usize];
            let at_s = (now_ms.saturating_sub(START_MS) / 1000).saturating_sub(130);
            if self.is_delivered {
                self.told.push((at_s, incident, what.kind, what.text.clone()));
                self.engine.handed(incident, step, now_ms);
            }
        }
        self.last = changes;
        self.check();
    }

    /// What always holds: one open incident of each cause and node, and steps that alternate.
    fn check(&self) {
        let mut open = Vec::new();
        for kept in self.engine.all.values() {
            let ends = kept.incident.steps.iter().filter(|step| step.kind == StepKind::Over);
            assert_eq!(ends.count(), kept.relapses as usize + usize::from(!kept.is_open()));
            if kept.is_open() {
                open.extend(kept.subjects.iter().map(|it| (kept.incident.cause, it.clone())));
            }
        }
        let count = open.len();
        open.sort();
        open.dedup();
        assert_eq!(open.len(), count, "two open incidents of the same");
    }

    /// The head is started anew, with what it kept.
    fn restart(&mut self) {
        let kept: Vec<_> = self.engine.all.values().cloned().collect();
        let bytes = serde_json::to_vec(&(&self.engine.memory, &kept)).unwrap();
        let (memory, kept) = serde_json::from_slice(&bytes).unwrap();
        self.engine = Engine::restored(memory, kept);
        // It counts what was killed since it knows its nodes, and has not heard of anybody yet.
        self.nodes.values_mut().for_each(|sign| sign.oom_kills = 0);
        for heard_ms in self.silent.values_mut() {
            *heard_ms = self.now_ms - 3001;
        }
    }

    /// What was told: when in s, and the kind.
    fn told(&self) -> Vec<(u64, StepKind)> {
        self.told.iter().map(|(at_s, _, kind, _)| (*at_s, *kind)).collect()
    }

    fn kinds(&self) -> Vec<StepKind> {
        self.told.iter().map(|(_, _, kind, _)| *kind).collect()
    }

    /// The text that was told last.
    fn text(&self) -> &str {
        &self.told.last().unwrap().3
    }

    fn incident(&self, number: u64) -> &Incident {
        self.engine.incident(number).unwrap()
    }
}

/// A black box of a node where `name` was killed.
fn black_box(node: &str, why: Why, now_ms: u64) -> BoxAt {
    let row = |pid, name: &str, bytes| Ranked { pid, name: name.into(), bytes };
    let rows = vec![row(7, "hog", GIB), row(8, "b", 9), row(9, "c", 8), row(10, "d", 7)];
    let killed = Killed {
        pid: 7,
        name: "hog".into(),
        bytes: Some(GIB),
        group: None,
        uptime_us: 5,
        is_logged: true,
    };
    BoxAt {
        node: id(node),
        at_ms: now_ms,
        offset_ms: now_ms,
        what: BlackBox {
            why,
            uptime_us: 5,
            killed: if why == Why::OutOfMemory { vec![killed] } else { Vec::new() },
            rankings: vec![Ranking { uptime_us: 4, rows }],
            readings: Run::default(),
            note: None,
        },
        readings: Vec::new(),
    }
}
