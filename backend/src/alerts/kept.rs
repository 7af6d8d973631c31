//! An incident, and what the head has to know to go on with it, also after it was started anew.

use serde::{Deserialize, Serialize};
use shared::NodeId;
use shared::alert::{Cause, Harm, Incident, Step, StepKind};
use shared::black_box::BoxAt;
use shared::survey::Severity;

use super::words;

/// Steps of an incident at most, but for its last ones.
const MOST_STEPS: usize = 120;
/// What is to be told waits so long, in ms, for what else changes.
const MOST_LATER_MS: u64 = 240_000;
/// The time between two updates is doubled so often at most.
const MOST_DOUBLED: usize = 4;
/// Black boxes of an incident at most.
pub(super) const MOST_BOXES: u32 = 8;

/// Whom harm befalls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Subject {
    Node(NodeId),
    Head,
    Channel(String),
}

impl Subject {
    pub(super) fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Node(node) => Some(node),
            _ => None,
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Node(node) => node.as_str(),
            Self::Head => "the head",
            Self::Channel(name) => name,
        }
    }
}

/// One whom an incident still harms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) subject: Subject,
    pub(super) harms: Vec<Harm>,
}

/// A step that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Due {
    pub(super) step: u32,
    /// When, by the head's clock.
    pub(super) at_ms: u64,
    /// Whether it stands on the line of time: it does also where it is told to nobody.
    pub(super) is_noted: bool,
}

/// What is to be told some time later, all in one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Later {
    /// When, by the head's clock…
    pub(super) at_ms: u64,
    /// …and when at the latest, whatever changes until then.
    pub(super) most_ms: u64,
    pub(super) joined: u32,
    pub(super) kills: u64,
    pub(super) is_back: bool,
    pub(super) again: bool,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) incident: Incident,
    /// All whom it is or was about.
    pub(super) subjects: Vec<Subject>,
    /// Those whom it harms at present.
    pub(super) members: Vec<Member>,
    /// Every harm that it had.
    pub(super) had: Vec<Harm>,
    /// Steps that are to be told, in their order.
    pub(super) due: Vec<Due>,
    pub(super) later: Option<Later>,
    /// When something of it was told last.
    pub(super) told_ms: Option<u64>,
    /// Somebody silenced it until then.
    pub(super) silent_until_ms: u64,
    /// When somebody was added last.
    pub(super) joined_ms: u64,
    /// Since when it harms nobody.
    pub(super) well_since_ms: Option<u64>,
    /// How often it came back shortly after it was over.
    pub(super) relapses: u32,
    /// How many it harmed as was told last.
    pub(super) told_left: usize,
    /// Why it ended, if not because all is well.
    pub(super) why_over: Option<String>,
    /// Whether its holders are those of a black box.
    pub(super) has_box_top: bool,
}

impl Kept {
    /// A new one, of one subject, to be told at `due_ms`.
    pub(super) fn open(id: u64, begun: &Begun, now_ms: u64, due_ms: u64) -> Self {
        let def = begun.harm.def();
        let mut kept = Self {
            incident: Incident {
                id,
                cause: def.cause,
                nodes: Vec::new(),
                severity: def.severity,
                title: words::title(begun.harm, begun.subject.name()),
                since_ms: now_ms,
                over_ms: None,
                steps: Vec::new(),
                harms: Vec::new(),
                top: Vec::new(),
                acknowledged_ms: None,
                silenced: false,
                boxes: 0,
            },
            subjects: Vec::new(),
            members: Vec::new(),
            had: Vec::new(),
            due: Vec::new(),
            later: None,
            told_ms: None,
            silent_until_ms: 0,
            joined_ms: now_ms,
            well_since_ms: None,
            relapses: 0,
            told_left: 1,
            why_over: None,
            has_box_top: false,
        };
        kept.add(begun);
        kept.step(StepKind::Opened, begun.text.clone(), now_ms, Some(due_ms));
        kept
    }

    pub(super) fn is_open(&self) -> bool {
        self.incident.over_ms.is_none()
    }

    /// Whether it is about several nodes at once.
    pub(super) fn is_group(&self) -> bool {
        self.subjects.len() > 1
    }

    pub(super) fn concerns(&self, subject: &Subject) -> bool {
        self.subjects.contains(subject)
    }

    /// The step that began it, while nobody was told of it.
    pub(super) fn untold_opening(&self) -> Option<Due> {
        let opening = self.due.iter().find(|due| {
            let step = self.incident.steps.get(due.step as usize);
            step.is_some_and(|step| step.kind == StepKind::Opened)
        });
        opening.copied().filter(|_| self.told_ms.is_none())
    }

    /// Adds a step. It is told at `due_ms`, or to nobody.
    pub(super) fn step(&mut self, kind: StepKind, text: String, at_ms: u64, due_ms: Option<u64>) {
        let is_last = matches!(kind, StepKind::Over | StepKind::Worse);
        let most = if is_last { MOST_STEPS * 2 } else { MOST_STEPS };
        if self.incident.steps.len() >= most {
            return;
        }
        let step = self.incident.steps.len() as u32;
        self.incident.steps.push(Step { at_ms, kind, text, is_told: due_ms.is_some() });
        self.due.extend(due_ms.map(|at_ms| Due { step, at_ms, is_noted: false }));
    }

    /// The step is told to nobody after all.
    pub(super) fn untell(&mut self, step: u32) {
        self.due.retain(|due| due.step != step);
        if let Some(step) = self.incident.steps.get_mut(step as usize) {
            step.is_told = false;
        }
    }

    /// What waits to be told is told to nobody.
    pub(super) fn untell_all(&mut self) {
        for due in std::mem::take(&mut self.due) {
            self.untell(due.step);
        }
    }

    /// Adds whom it harms, and how. Says whether that is a harm it never had.
    pub(super) fn add(&mut self, begun: &Begun) -> bool {
        if !self.concerns(&begun.subject) {
            self.subjects.push(begun.subject.clone());
        }
        if let Some(member) = self.members.iter_mut().find(|it| it.subject == begun.subject) {
            if !member.harms.contains(&begun.harm) {
                member.harms.push(begun.harm);
            }
        } else {
            let (subject, harms) = (begun.subject.clone(), vec![begun.harm]);
            self.members.push(Member { subject, harms });
        }
        let is_new = !self.had.contains(&begun.harm);
        if is_new {
            self.had.push(begun.harm);
        }
        self.well_since_ms = None;
        self.why_over = None;
        self.sum_up();
        is_new
    }

    /// A harm ended for one. Says whether nothing harms them any more.
    pub(super) fn end(&mut self, subject: &Subject, harm: Harm, now_ms: u64) -> bool {
        let Some(place) = self.members.iter().position(|it| it.subject == *subject) else {
            return false;
        };
        self.members[place].harms.retain(|it| *it != harm);
        let is_well = self.members[place].harms.is_empty();
        if is_well {
            self.members.remove(place);
        }
        if self.members.is_empty() {
            self.well_since_ms = Some(now_ms);
        }
        self.sum_up();
        is_well
    }

    /// Brings what is shown in line with what is known.
    pub(super) fn sum_up(&mut self) {
        self.subjects.sort_unstable();
        let mut harms: Vec<Harm> = self.members.iter().flat_map(|it| it.harms.clone()).collect();
        harms.sort_unstable();
        harms.dedup();
        self.incident.harms = harms;
        let nodes = self.subjects.iter().filter_map(Subject::node).cloned();
        self.incident.nodes = nodes.collect();
        let worst = self.had.iter().map(|harm| harm.def().severity).min();
        self.incident.severity = worst.unwrap_or(Severity::Warning);
        let first = self.had.iter().copied().min_by_key(|harm| words::rank(*harm));
        match (self.subjects.as_slice(), first) {
            ([one], Some(harm)) => self.incident.title = words::title(harm, one.name()),
            ([_, _, ..], _) => {
                let nodes = self.subjects.len();
                self.incident.title = words::title_of_group(self.incident.cause, nodes);
            }
            _ => {}
        }
    }

    /// Something is to be told at `at_ms`, or later if something is to be told anyway.
    pub(super) fn later(&mut self, at_ms: u64, change: impl FnOnce(&mut Later)) {
        if self.incident.acknowledged_ms.is_none() {
            let new = || Later { at_ms, most_ms: at_ms + MOST_LATER_MS, ..Later::default() };
            let later = self.later.get_or_insert_with(new);
            later.at_ms = later.at_ms.max(at_ms).min(later.most_ms);
            change(later);
        }
    }

    /// When an update can be told at the earliest, if one is to follow another after `span_ms`: the more
    /// there were, the later.
    pub(super) fn next_update_ms(&self, span_ms: u64) -> u64 {
        let is_update = |step: &&Step| step.kind == StepKind::Update && step.is_told;
        let told = self.incident.steps.iter().filter(is_update).count().min(MOST_DOUBLED);
        self.told_ms.map_or(0, |told_ms| told_ms.saturating_add(span_ms << told))
    }

    /// The head's clock was set: times from `from_ms` on are moved.
    pub(super) fn shift(&mut self, by_ms: i64, from_ms: u64) {
        let set = |at_ms: &mut u64| {
            if *at_ms >= from_ms {
                *at_ms = at_ms.saturating_add_signed(by_ms);
            }
        };
        let Incident { since_ms, over_ms, steps, acknowledged_ms, .. } = &mut self.incident;
        set(since_ms);
        over_ms.iter_mut().chain(acknowledged_ms).for_each(set);
        for step in steps {
            set(&mut step.at_ms);
        }
        for due in &mut self.due {
            set(&mut due.at_ms);
        }
        if let Some(later) = &mut self.later {
            set(&mut later.at_ms);
            set(&mut later.most_ms);
        }
        self.told_ms.iter_mut().chain(&mut self.well_since_ms).for_each(set);
        set(&mut self.silent_until_ms);
        set(&mut self.joined_ms);
    }
}

/// A harm that began, or that came once more.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) subject: Subject,
    pub(super) harm: Harm,
    /// What is told of it.
    pub(super) text: String,
    /// The programs that were killed, if it held already.
    pub(super) more_kills: u64,
}

impl Begun {
    pub(super) fn cause(&self) -> Cause {
        self.harm.def().cause
    }
}

/// Who had most of the memory, as a black box tells it: three at most.
pub(super) fn top_of(black_box: &BoxAt) -> Vec<shared::alert::Holder> {
    let what = &black_box.what;
    let at_us = what.killed.first().map_or(what.uptime_us, |killed| killed.uptime_us);
    let before = what.rankings.iter().rev().find(|ranking| ranking.uptime_us <= at_us);
    let rows = before.or(what.rankings.last()).map_or(&[][..], |ranking| &ranking.rows);
    let holder = |row: &shared::black_box::Ranked| shared::alert::Holder {
        node: black_box.node.clone(),
        pid: row.pid,
        name: row.name.clone(),
        bytes: row.bytes,
    };
    rows.iter().take(3).map(holder).collect()
}
