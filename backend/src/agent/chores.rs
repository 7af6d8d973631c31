//! What takes longer than a reading, and is done beside the readings, in a thread of its own: looking
//! around once a minute, and sweeps for as long as somebody looks. One thing at a time.

use std::future::pending;
use std::time::Duration;

use shared::memory::swap_used;
use shared::survey::Survey;
use shared::usage::Usage;
use shared::wire::{AgentMessage, LOOK_MS};
use shared::{NodeFacts, Sample};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use crate::clock;
use crate::doctor;
use crate::probe::Roots;
use crate::probe::survey::survey;
use crate::probe::usage::Sweep;

/// Between two looks around.
const SURVEY_EVERY: Duration = Duration::from_mins(1);
/// Between two sweeps while somebody looks.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// What a sweep may spend on measuring the shares of the largest processes.
const SHARES_US: u64 = 50_000;

enum Done {
    Survey(Survey),
    Swept(Box<Sweep>, Usage),
}

/// See the module.
pub(super) struct Chores {
    roots: Roots,
    facts: NodeFacts,
    work: Option<JoinHandle<Done>>,
    /// What was found last, so that it is told again only when it changed.
    surveyed: Option<Survey>,
    survey_due: Instant,
    /// The files of sweeps, kept open while somebody looks.
    sweep: Option<Box<Sweep>>,
    sweep_due: Instant,
    look_until: Instant,
}

impl Chores {
    pub(super) fn new(roots: Roots, facts: NodeFacts) -> Self {
        let now = Instant::now();
        Self {
            roots,
            facts,
            work: None,
            surveyed: None,
            survey_due: now,
            sweep: None,
            sweep_due: now,
            look_until: now,
        }
    }

    /// Somebody looks.
    pub(super) fn look(&mut self) {
        self.look_until = Instant::now() + Duration::from_millis(LOOK_MS.into());
    }

    /// What was found when it last looked around, if it ever did.
    pub(super) fn surveyed(&self) -> Option<&Survey> {
        self.surveyed.as_ref()
    }

    /// Begins what is due, if nothing is being done. `last` is the last reading.
    pub(super) fn begin_what_is_due(&mut self, last: &Sample) {
        let now = Instant::now();
        if self.work.is_some() {
            return;
        }
        if now >= self.look_until {
            // Nobody looks any more: its files are closed.
            self.sweep = None;
        } else if now >= self.sweep_due {
            self.sweep_due = now + SWEEP_EVERY;
            let page_size = self.facts.page_size;
            let swap_in_use = swap_used(last).is_some_and(|used| used > 0);
            let mut sweep =
                self.sweep.take().unwrap_or_else(|| Box::new(Sweep::new(&self.roots, page_size)));
            self.work = Some(spawn_blocking(move || {
                let start_us = clock::uptime_us();
                let since_start = || clock::uptime_us().saturating_sub(start_us);
                let mut usage = sweep.take(swap_in_use, &mut || since_start() < SHARES_US);
                usage.uptime_us = start_us;
                usage.took_us = since_start();
                Done::Swept(sweep, usage)
            }));
            return;
        }
        if now >= self.survey_due {
            self.survey_due = now + SURVEY_EVERY;
            let (roots, facts, sample) = (self.roots.clone(), self.facts.clone(), last.clone());
            self.work = Some(spawn_blocking(move || {
                let mut evidence = survey(&roots);
                if doctor::wants_writers(&evidence) {
                    evidence.ask_who_wrote();
                }
                let findings = doctor::findings(&evidence, &facts, &sample);
                Done::Survey(Survey { findings, ..evidence.survey() })
            }));
        }
    }

    /// What was done, once something is; never, while nothing is being done.
    pub(super) async fn next(&mut self) -> AgentMessage {
        loop {
            let done = match &mut self.work {
                Some(work) => work.await,
                None => pending().await,
            };
            self.work = None;
            match done {
                Ok(Done::Survey(survey)) if self.surveyed.as_ref() != Some(&survey) => {
                    self.surveyed = Some(survey.clone());
                    return AgentMessage::Survey(survey);
                }
                Ok(Done::Swept(sweep, usage)) => {
                    self.sweep = Some(sweep);
                    return AgentMessage::Usage(usage);
                }
                // It is as it was, or the thread ended in an error that it has told: the next try
                // comes when it is due.
                Ok(Done::Survey(_)) | Err(_) => {}
            }
        }
    }
}
