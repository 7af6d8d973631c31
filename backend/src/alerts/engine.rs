//! Judges signs by rules, and keeps incidents: told the time, without files or sockets.
//!
//! # Layout
//!
//! * [`Engine`]: what is known, and a look at all of it once a second.
//! * `eye`: what is watched of one subject.
//! * `grouping`: harms that begin become incidents, alone or together; and end.
//! * `boxes`: black boxes go to their incidents.
//! * `telling`: what is told, and when.
//! * `orders`: what people say of incidents.

mod boxes;
mod eye;
mod grouping;
mod orders;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use shared::NodeId;
use shared::alert::{ChannelStatus, Harm, Incident, Rule, Rules};
use shared::black_box::BoxAt;
use shared::history::Event;

use super::kept::{Begun, Kept, Subject};
use super::watch::{Seen, Turn};
use super::words;
use crate::head::Sign;
use eye::Eye;

/// Incidents at most; then the oldest that are over go…
const MOST_INCIDENTS: usize = 500;
/// …as they do after so long, in ms.
const MOST_AGE_MS: u64 = 400 * 86_400_000;
/// What is not there for so long, in ms, is gone for good.
const ABSENT_MS: u64 = 60_000;

/// What is to be known besides signs.
#[derive(Debug, Default)]
pub(super) struct World {
    /// What trouble the head is in…
    pub(super) trouble: Option<String>,
    /// …and whether it is known that it is in none.
    pub(super) is_well: bool,
    pub(super) channels: Vec<ChannelStatus>,
    /// Black boxes that came.
    pub(super) boxes: Vec<BoxAt>,
    /// Of nodes where programs were killed: the boot, and how many its kernel counted in it.
    pub(super) kills: HashMap<NodeId, (String, u64)>,
    /// The minute of the day where the head is.
    pub(super) minute: u32,
}

/// What is to be found out for an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Who has most of the memory.
    Top(u64, NodeId),
    /// What the node said last.
    LastWords(u64, NodeId),
}

/// What came of a look.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Incidents that are to be written.
    pub(super) dirty: BTreeSet<u64>,
    /// Incidents that are no more.
    pub(super) removed: Vec<u64>,
    /// Whether [`Memory`] is to be written.
    pub(super) is_memory_dirty: bool,
    /// Steps that are to be told, by incident.
    pub(super) tell: Vec<(u64, u32)>,
    /// What stands on the line of time.
    pub(super) events: Vec<Event>,
    pub(super) wants: Vec<Want>,
    /// Black boxes, and which incident each belongs to.
    pub(super) boxes: Vec<(u64, BoxAt)>,
}

impl Changes {
    /// Whether there is nothing to be written.
    pub(super) fn is_empty(&self) -> bool {
        let Self { dirty, removed, is_memory_dirty, boxes, .. } = self;
        dirty.is_empty() && removed.is_empty() && !is_memory_dirty && boxes.is_empty()
    }

    /// Adds what is to be written too.
    pub(super) fn add(&mut self, more: Self) {
        self.dirty.extend(more.dirty);
        self.removed.extend(more.removed);
        self.is_memory_dirty |= more.is_memory_dirty;
        self.boxes.extend(more.boxes);
    }
}

/// What is known besides incidents, and outlives the program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The last number that an incident had.
    pub(super) last_id: u64,
    /// Nodes whose agents took their leave.
    pub(super) parted: BTreeSet<NodeId>,
    /// What the doctor had found on a node already: that is no news.
    pub(super) found: BTreeMap<NodeId, BTreeSet<String>>,
    /// Programs that were killed on a node, as far as that was told: the boot, and how many in it.
    pub(super) killed: BTreeMap<NodeId, (String, u64)>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Engine {
    pub(super) memory: Memory,
    /// Every incident, by its number.
    pub(super) all: BTreeMap<u64, Kept>,
    eyes: HashMap<Subject, Eye>,
    /// Black boxes of nodes with too little harm for an incident, yet.
    held: Vec<BoxAt>,
    /// When it looked first, by the head's clock.
    started_ms: Option<u64>,
}

impl Engine {
    /// Goes on with what is known.
    pub(super) fn restored(memory: Memory, incidents: Vec<Kept>) -> Self {
        let mut engine = Self { memory, ..Self::default() };
        for kept in incidents {
            let open = kept.members.iter().filter(|_| kept.is_open());
            for member in open {
                let eye = engine.eyes.entry(member.subject.clone()).or_default();
                member.harms.iter().for_each(|harm| eye.restore(*harm));
            }
            engine.memory.last_id = engine.memory.last_id.max(kept.incident.id);
            engine.all.insert(kept.incident.id, kept);
        }
        engine
    }

    /// Nodes on which programs were killed since the last look.
    pub(super) fn with_kills(&self, signs: &[Sign]) -> Vec<NodeId> {
        let seen = |sign: &&Sign| {
            let eye = self.eyes.get(&Subject::Node(sign.id.clone()));
            sign.oom_kills > eye.map_or(0, |eye| eye.kills)
        };
        signs.iter().filter(|sign| sign.oom_kills > 0).filter(seen).map(|s| s.id.clone()).collect()
    }

    /// Looks at everything: once a second.
    pub(super) fn tick(
        &mut self,
        now_ms: u64,
        signs: &[Sign],
        world: World,
        rules: &Rules,
    ) -> Changes {
        self.started_ms.get_or_insert(now_ms);
        let mut changes = Changes::default();
        let mut begun = Vec::new();
        let mut ended = Vec::new();
        self.look_at_nodes(signs, &world, rules, now_ms, (&mut begun, &mut ended), &mut changes);
        self.look_at_head(&world, rules, now_ms, (&mut begun, &mut ended));
        self.look_for_absent(signs, &world, now_ms, &mut ended, &mut changes);
        let boxes = self.open_boxes(world.boxes, signs, rules, now_ms, &mut begun);
        for (subject, harm, why) in ended {
            self.end(&subject, harm, why, rules, now_ms, &mut changes);
        }
        self.begin(begun, signs.len(), rules, now_ms, &mut changes);
        self.put_boxes(boxes, now_ms, &mut changes);
        self.close(rules, now_ms, &mut changes);
        self.tell_due(rules, world.minute, now_ms, &mut changes);
        self.prune(now_ms, &mut changes);
        changes
    }

    fn look_at_nodes(
        &mut self,
        signs: &[Sign],
        world: &World,
        rules: &Rules,
        now_ms: u64,
        (begun, ended): (&mut Vec<Begun>, &mut Vec<Ended>),
        changes: &mut Changes,
    ) {
        for sign in signs {
            let subject = Subject::Node(sign.id.clone());
            let eye = self.eyes.entry(subject.clone()).or_default();
            eye.begin(now_ms);
            changes.is_memory_dirty |= eye::note_leave(sign, &mut self.memory);
            for rule in &rules.rules {
                if matches!(rule.harm, Harm::Head | Harm::Channel) {
                    continue;
                }
                if !rule.enabled {
                    if eye.watch(rule.harm).drop_it() {
                        ended.push((subject.clone(), rule.harm, Some(unwatched(rule.harm))));
                    }
                    continue;
                }
                let kills = if rule.harm == Harm::OutOfMemory {
                    let told = world.kills.get(&sign.id);
                    let kills = eye.count_kills(sign, told, &mut self.memory, now_ms);
                    changes.is_memory_dirty |= kills > 0;
                    kills
                } else {
                    0
                };
                let (turn, text) = eye.look(sign, rule, kills, &mut self.memory, now_ms, changes);
                match turn {
                    Some(Turn::Begun) => begun.push(Begun {
                        subject: subject.clone(),
                        harm: rule.harm,
                        text: text.unwrap_or_else(|| words::begun(rule.harm, sign, now_ms)),
                        more_kills: 0,
                    }),
                    Some(Turn::Ended) => ended.push((subject.clone(), rule.harm, None)),
                    None if kills > 0 => begun.push(Begun {
                        subject: subject.clone(),
                        harm: rule.harm,
                        text: String::new(),
                        more_kills: kills,
                    }),
                    None => {}
                }
            }
        }
    }

    fn look_at_head(
        &mut self,
        world: &World,
        rules: &Rules,
        now_ms: u64,
        (begun, ended): (&mut Vec<Begun>, &mut Vec<Ended>),
    ) {
        let channels = world.channels.iter().map(|channel| {
            let subject = Subject::Channel(channel.name.clone());
            // A head that starts anew does not know yet what becomes of what waits.
            let well = if channel.waiting > 0 { Seen::Between } else { Seen::Back };
            (subject, Harm::Channel, channel.trouble.clone(), well)
        });
        let well = if world.is_well { Seen::Back } else { Seen::Nothing };
        let head = (Subject::Head, Harm::Head, world.trouble.clone(), well);
        for (subject, harm, trouble, well) in channels.chain([head]) {
            let Some(rule) = rules.rule(harm) else { continue };
            let eye = self.eyes.entry(subject.clone()).or_default();
            eye.absent_since_ms = None;
            let seen = if trouble.is_some() { Seen::Beyond } else { well };
            match eye.look_at_trouble(rule, seen, now_ms) {
                Some(Turn::Begun) => {
                    let why = words::tame(trouble.as_deref().unwrap_or_default());
                    let text = match harm {
                        Harm::Channel => format!("{}: {why}.", words::title(harm, subject.name())),
                        _ => format!("{why}."),
                    };
                    begun.push(Begun { subject, harm, text, more_kills: 0 });
                }
                Some(Turn::Ended) => {
                    let why = (!rule.enabled).then(|| unwatched(harm));
                    ended.push((subject, harm, why));
                }
                None => {}
            }
        }
    }

    /// What is not there any more harms nobody.
    fn look_for_absent(
        &mut self,
        signs: &[Sign],
        world: &World,
        now_ms: u64,
        ended: &mut Vec<Ended>,
        changes: &mut Changes,
    ) {
        if self.eyes.len() == signs.len() + world.channels.len() + 1 {
            return;
        }
        let nodes: BTreeSet<&NodeId> = signs.iter().map(|sign| &sign.id).collect();
        let memory = &mut self.memory;
        self.eyes.retain(|subject, eye| {
            let is_there = match subject {
                Subject::Node(node) => nodes.contains(node),
                Subject::Head => true,
                Subject::Channel(name) => world.channels.iter().any(|it| it.name == *name),
            };
            let since_ms = *eye.absent_since_ms.get_or_insert(now_ms);
            if is_there {
                eye.absent_since_ms = None;
                return true;
            }
            if now_ms.saturating_sub(since_ms) < ABSENT_MS {
                return true;
            }
            let why = match subject {
                Subject::Channel(name) => format!("The channel {name} is no more."),
                other => format!("{} is no longer a node of this head.", other.name()),
            };
            for harm in Harm::ALL.into_iter().filter(|harm| eye.watch(*harm).holds()) {
                ended.push((subject.clone(), harm, Some(why.clone())));
            }
            if let Some(node) = subject.node() {
                changes.is_memory_dirty |= memory.parted.remove(node)
                    | memory.found.remove(node).is_some()
                    | memory.killed.remove(node).is_some();
            }
            false
        });
    }

    /// Lets go what is too much, or too old.
    fn prune(&mut self, now_ms: u64, changes: &mut Changes) {
        let is_done = |kept: &Kept| !kept.is_open() && kept.due.is_empty();
        let too_many = self.all.len().saturating_sub(MOST_INCIDENTS);
        let is_old = |kept: &Kept| {
            let over_ms = kept.incident.over_ms.unwrap_or(now_ms);
            now_ms.saturating_sub(over_ms) > MOST_AGE_MS
        };
        let done = self.all.iter().filter(|(_, kept)| is_done(kept));
        let gone: Vec<u64> = done
            .enumerate()
            .filter(|(place, (_, kept))| *place < too_many || is_old(kept))
            .map(|(_, (id, _))| *id)
            .collect();
        for id in gone {
            self.all.remove(&id);
            changes.removed.push(id);
        }
    }

    /// The head's clock was set by so many ms: what happened since it started is moved.
    pub(super) fn shift(&mut self, by_ms: i64) {
        let Some(started_ms) = &mut self.started_ms else { return };
        let from_ms = *started_ms;
        *started_ms = started_ms.saturating_add_signed(by_ms);
        self.all.values_mut().for_each(|kept| kept.shift(by_ms, from_ms));
        self.eyes.values_mut().for_each(|eye| eye.shift(by_ms));
        for held in &mut self.held {
            held.at_ms = held.at_ms.saturating_add_signed(by_ms);
            held.offset_ms = held.offset_ms.saturating_add_signed(by_ms);
        }
    }

    /// The incident with this number.
    pub(super) fn incident(&self, id: u64) -> Option<&Incident> {
        self.all.get(&id).map(|kept| &kept.incident)
    }
}

/// Whom a harm befell that ended, and why it did, if not because all is well.
type Ended = (Subject, Harm, Option<String>);

fn unwatched(harm: Harm) -> String {
    format!("{:?} is no longer watched for.", harm.def().label)
}

/// How long `rule` has to hold, and to be over, in ms.
fn spans(rule: &Rule) -> (u64, u64) {
    let begin_s = if rule.harm == Harm::OutOfMemory { 0 } else { rule.begin_s };
    (u64::from(begin_s) * 1000, u64::from(rule.end_s) * 1000)
}
