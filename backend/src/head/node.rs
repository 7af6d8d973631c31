//! What the head knows of one node. Does no I/O, and is told the time.

use std::sync::Arc;

use shared::history::FactsAt;
use shared::memory::Available;
use shared::overview::{Brief, Label, RosterEntry, Standing, Trace};
use shared::survey::{Finding, Severity, Survey};
use shared::units::span;
use shared::wire::{AgentReading, ClockReading, Hello, NodeState, Reading, Thinned};
use shared::{NodeFacts, NodeId, Sample};

use super::course::Course;
use super::fleet::LinkId;
use super::foresight::Foresight;
use super::past::Past;
use super::record::{Keep, Record, Taken};
use super::story::Story;

/// A clock that is off by less, in ms, is not worth a word.
const CLOCK_OFF_MS: i64 = 2000;
/// Names of what the head itself finds on a node, each with a paragraph in docs/troubleshoot.md.
pub const FINDINGS: [&str; 2] = ["clock-off", "outbox-thinned"];

/// See the module.
pub(super) struct Node {
    pub(super) number: u32,
    pub(super) id: NodeId,
    pub(super) standing: Standing,
    /// The connection of its agent, while there is one.
    pub(super) link: Option<LinkId>,
    /// Whether there is a token for it.
    pub(super) has_token: bool,
    /// When it was last heard, by the head's clock, in ms.
    pub(super) heard_ms: u64,
    pub(super) boot_id: Option<String>,
    pub(super) record: Record,
    pub(super) trouble: Option<String>,
    pub(super) labels: Arc<[Label]>,
    pub(super) trace: Trace,
    pub(super) brief: Option<Brief>,
    /// What was told of it as events.
    pub(super) story: Story,
    /// How what is available goes, once it gave a reading in this boot.
    pub(super) course: Option<Box<Course>>,
    /// What is foreseen, if anything is.
    pub(super) foresight: Option<Box<Foresight>>,
    pub(super) facts: Arc<NodeFacts>,
    pub(super) period_ms: u32,
    survey: Option<Box<Survey>>,
    /// What its agent found, to be shared.
    findings: Arc<[Finding]>,
    /// How far its wall clock is ahead of the head's, in ms.
    clock_ahead_ms: Option<i64>,
    thinned: Option<Thinned>,
}

impl Node {
    pub(super) fn new(number: u32, id: NodeId, standing: Standing) -> Self {
        Self {
            number,
            id,
            standing,
            link: None,
            has_token: false,
            heard_ms: 0,
            boot_id: None,
            record: Record::default(),
            trouble: None,
            labels: Arc::default(),
            trace: Trace::default(),
            brief: None,
            story: Story::default(),
            course: None,
            foresight: None,
            facts: Arc::default(),
            period_ms: 1000,
            survey: None,
            findings: Arc::default(),
            clock_ahead_ms: None,
            thinned: None,
        }
    }

    /// Its agent said who it is, over `link`. `past` is what is on disk of it.
    pub(super) fn begin(&mut self, link: LinkId, hello: Hello, past: Option<&Past>, now_ms: u64) {
        let Hello { facts, boot_id, period_ms, .. } = hello;
        self.record.begin(boot_id.clone(), period_ms, past);
        if self.boot_id != boot_id {
            self.survey = None;
            self.findings = Arc::default();
            self.thinned = None;
            self.story.boot();
            self.course = None;
            self.foresight = None;
            self.boot_id = boot_id;
        }
        self.facts = Arc::new(facts);
        self.period_ms = period_ms;
        if self.course.is_none() && past.is_some() {
            self.relearn();
        }
        self.link = Some(link);
        self.standing = Standing::Connected { since_ms: now_ms };
    }

    /// Takes in readings of which the last was taken just now.
    pub(super) fn take_live(
        &mut self,
        readings: Vec<AgentReading>,
        keep: Keep,
        now_ms: u64,
    ) -> Taken {
        let course = self.course.get_or_insert_default();
        for reading in &readings {
            course.note_live(reading.uptime_us, &reading.sample, self.period_ms.into());
        }
        let taken = self.record.take_live(readings, keep, now_ms);
        if taken.is_new {
            self.trouble = None;
            self.summarise();
            if let Some(brief) = self.brief {
                self.trace.note(brief.at_ms, brief.share());
            }
        }
        taken
    }

    /// Takes in readings of its outbox.
    pub(super) fn take_old(
        &mut self,
        readings: Vec<AgentReading>,
        keep: Keep,
        now_ms: u64,
    ) -> Taken {
        let course = self.course.get_or_insert_default();
        let mut before_us = None;
        for reading in &readings {
            // What came before is in it already.
            if !self.record.holds(reading.seq) {
                let AgentReading { uptime_us, ref sample, .. } = *reading;
                let gap_ms = before_us.map(|before| uptime_us.saturating_sub(before) / 1000);
                course.note_old(uptime_us, sample, gap_ms, self.period_ms.into());
            }
            before_us = Some(reading.uptime_us);
        }
        let times: Vec<_> = readings.iter().map(|r| (r.uptime_us, share(&r.sample))).collect();
        let taken = self.record.take_old(readings, keep, now_ms);
        if !taken.is_new {
            return taken;
        }
        for (uptime_us, share) in times {
            if let Some(at_ms) = self.record.at_ms(uptime_us) {
                self.trace.note(at_ms, share);
            }
        }
        self.summarise();
        taken
    }

    /// Brings its brief up to date. What the head finds itself is never worse than a warning.
    pub(super) fn summarise(&mut self) {
        let flag = |flag, is: bool| if is { flag } else { 0 };
        let flags = flag(Brief::TROUBLE, self.trouble.is_some())
            | flag(Brief::FINDING, self.survey.as_deref().is_some_and(is_wrong));
        self.brief = self.record.latest().map(|latest| {
            Brief::of(self.number, &latest, self.record.before_latest().as_ref(), flags)
        });
    }

    pub(super) fn set_survey(&mut self, survey: Survey) {
        if *self.findings != survey.findings[..] {
            self.findings = survey.findings.as_slice().into();
        }
        self.survey = Some(Box::new(survey));
        self.summarise();
    }

    /// Takes in what the node's wall clock says. Says whether what there is to say of it changed.
    pub(super) fn compare_clocks(&mut self, clock: ClockReading, now_ms: u64) -> bool {
        self.record.note(clock.uptime_us, now_ms);
        let Some(at_ms) = self.record.at_ms(clock.uptime_us) else { return false };
        let before = self.clock_finding();
        self.clock_ahead_ms = Some((clock.unix_ms as i64).saturating_sub(at_ms as i64));
        self.clock_finding() != before
    }

    /// Takes in what its outbox had to drop. Says whether that is news.
    pub(super) fn set_thinned(&mut self, thinned: Thinned) -> bool {
        self.thinned.replace(thinned) != Some(thinned)
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        self.story.shift(by_ms);
        self.record.shift(by_ms);
        self.trace.shift(by_ms);
        self.foresight.iter_mut().for_each(|foresight| foresight.shift(by_ms));
        self.heard_ms = self.heard_ms.saturating_add_signed(by_ms);
        self.clock_ahead_ms = self.clock_ahead_ms.map(|ahead| ahead.saturating_sub(by_ms));
        match &mut self.standing {
            // When a token was made is told by the time of day, not by the head's time line.
            Standing::NeverSeen { .. } => {}
            Standing::Connected { since_ms }
            | Standing::Gone { since_ms, .. }
            | Standing::Refused { since_ms, .. } => {
                *since_ms = since_ms.saturating_add_signed(by_ms);
            }
        }
        self.summarise();
    }

    /// What was found on it, by its agent and by the head.
    pub(super) fn survey(&self) -> Option<Survey> {
        let of_head = [self.clock_finding(), self.thinned_finding()];
        if self.survey.is_none() && of_head.iter().all(Option::is_none) {
            return None;
        }
        let mut survey = self.survey.as_deref().cloned().unwrap_or_default();
        survey.findings.extend(of_head.into_iter().flatten());
        survey.findings.sort_by_key(|finding| finding.severity);
        Some(survey)
    }

    pub(super) fn clock_finding(&self) -> Option<Finding> {
        let ahead_ms = self.clock_ahead_ms.filter(|ahead| ahead.abs() >= CLOCK_OFF_MS)?;
        let by = span(ahead_ms.unsigned_abs() / 1000);
        let way = if ahead_ms > 0 { "ahead of" } else { "behind" };
        Some(Finding {
            id: FINDINGS[0].into(),
            severity: Severity::Warning,
            finding: format!(
                "The clock of this node is {by} {way} the head's. Its readings are placed by the \
                 head's clock all the same; logs and files on it carry wrong times."
            ),
            evidence: format!("its wall clock minus the head's: {:+} s", ahead_ms / 1000),
            fix:
                "Let it keep time: `sudo timedatectl set-ntp true`, then `timedatectl` should say \
                  that the clock is synchronized. If all nodes say this, it is the head's clock."
                    .into(),
        })
    }

    pub(super) fn thinned_finding(&self) -> Option<Finding> {
        let Thinned { readings, since_us, until_us } = self.thinned.filter(|t| t.readings > 0)?;
        let over = span(until_us.saturating_sub(since_us) / 1_000_000);
        Some(Finding {
            id: FINDINGS[1].into(),
            severity: Severity::Note,
            finding: format!(
                "While the head was away this node's agent dropped {readings} readings, the oldest \
                 first, spread over {over}."
            ),
            evidence: format!("readings dropped since the agent started: {readings}"),
            fix:
                "Nothing has to be done. An agent keeps about an hour; a head that is back sooner \
                  misses nothing."
                    .into(),
        })
    }

    /// How far its wall clock is ahead of the head's, in ms.
    pub(super) fn clock_ahead_ms(&self) -> Option<i64> {
        self.clock_ahead_ms
    }

    /// The same, to be shared; empty if it did not say so.
    pub(super) fn findings(&self) -> &Arc<[Finding]> {
        &self.findings
    }

    /// What its agent found on it, if it said so.
    pub(super) fn found(&self) -> Option<&[Finding]> {
        self.survey.as_deref().map(|survey| survey.findings.as_slice())
    }

    /// What it is, from `at_ms` on.
    pub(super) fn facts_at(&self, at_ms: u64) -> FactsAt {
        FactsAt {
            at_ms,
            node: self.id.clone(),
            facts: NodeFacts::clone(&self.facts),
            labels: self.labels.to_vec(),
            period_ms: self.period_ms,
        }
    }

    /// In full.
    pub(super) fn state(&self) -> NodeState {
        NodeState {
            node: self.number,
            id: self.id.clone(),
            facts: NodeFacts::clone(&self.facts),
            period_ms: self.period_ms,
            latest: self.record.latest(),
            trouble: self.trouble.clone(),
        }
    }

    /// As a row of an overview.
    pub(super) fn entry(&self) -> RosterEntry {
        RosterEntry {
            node: self.number,
            id: self.id.clone(),
            host_name: self.facts.host_name.clone(),
            labels: self.labels.to_vec(),
            period_ms: self.period_ms,
            standing: self.standing.clone(),
            brief: self.brief,
            trace: self.trace.clone(),
        }
    }

    /// All its readings, oldest first.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading> {
        self.record.numbered().map(|(_, _, reading)| reading)
    }
}

fn share(sample: &Sample) -> Option<f64> {
    let available = Available::of(sample).ok()?.here;
    let total = sample.get(shared::Field::Total).filter(|&total| total > 0)?;
    Some(available as f64 / total as f64)
}

fn is_wrong(survey: &Survey) -> bool {
    survey.findings.iter().any(|finding| finding.severity == Severity::Trouble)
}
