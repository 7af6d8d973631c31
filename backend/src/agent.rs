//! Reads its node once a period and reports it; looks around once a minute; sweeps over processes and
//! control groups for as long as the head asks for it; ranks processes now and then for the black box.
//!
//! Readings are numbered and go into the outbox, and from there to the head through whichever link there
//! is. They are taken on time whatever the link does, also while there is none.

mod black_box;
mod chores;
pub mod command;
mod journal;
mod link;
mod metrics;
mod outbox;
mod session;
pub mod uplink;

use std::collections::HashSet;
use std::future::pending;
use std::time::Duration;

use shared::overview::Label;
use shared::wire::{AgentMessage, AgentReading, AgentRequest, Hello, PROTOCOL};
use shared::{NodeFacts, NodeId, Sample};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::bill::Bill;
use crate::clock;
use crate::error::tell;
use crate::probe::{Probe, ProbeError, Roots, host};
use crate::secrets;
use crate::systemd::life::Pulse;
use black_box::Recorder;
use chores::Chores;
use journal::Journal;
use outbox::Outbox;
use session::{Session, Todo};

pub use journal::JournalPlace;
pub use link::{Ended, Link};
pub use metrics::Latest;

/// Which node is read, and how.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The trees to read.
    pub roots: Roots,
    /// Milliseconds between two readings.
    pub period_ms: u32,
    /// What the node is called, if not by its host name.
    pub name: Option<String>,
    /// How the node is labelled.
    pub labels: Vec<Label>,
    /// Where its readings outlive the program, until they are on disk; `None` is nowhere.
    pub journal: Option<JournalPlace>,
    /// Who is shown each reading besides.
    pub shows: Option<watch::Sender<Latest>>,
    /// How the service manager is shown that it reads.
    pub pulse: Pulse,
}

/// What does not change of the node under `roots` that is called `name`, or by its host name.
fn facts(roots: &Roots, name: Option<&str>) -> NodeFacts {
    let facts = host::facts(roots);
    let host_name = name.map_or(facts.host_name, str::to_owned);
    NodeFacts { host_name, ..facts }
}

/// Reads the node and reports it through the newest of `links`, until there is none and no more can
/// come. The first reading is taken at once, for nobody should look at an empty page for a period; the
/// others fall on whole periods of the monotonic clock. One that comes late does not delay the next, and
/// those that were missed are not made up for. What takes longer is done beside them.
///
/// A node that cannot be read is reported as such, and read again at the next tick.
pub async fn run<L: Link>(mut agent: Agent, mut links: mpsc::Receiver<L>) {
    let period = Duration::from_millis(agent.period_ms.into());
    let facts = facts(&agent.roots, agent.name.as_deref());
    let mut probe = Probe::open(&agent.roots);
    let mut bill = Bill::default();
    let mut chores = Chores::new(agent.roots.clone(), facts.clone());
    let mut recorder = Recorder::new(&agent.roots, facts.page_size);
    let hello = hello(&agent, facts);
    let (mut heard, mut last) = (HashSet::new(), Sample::EMPTY);
    // One that starts later in the same boot starts at a higher number: a period is longer than a
    // millisecond.
    let mut seq = clock::uptime_us() / 1000;
    let mut outbox = Outbox::default();
    let mut journal = open_journal(&agent, &hello).map(|(journal, readings)| {
        for reading in readings {
            seq = seq.max(reading.seq);
            outbox.push(&reading);
        }
        journal
    });
    let mut session: Option<Session<L>> = None;
    let (mut may_come, mut tick) = (true, Instant::now());
    while may_come || session.is_some() {
        let mut went = Ok(());
        tokio::select! {
            biased;
            () = sleep_until(agent.pulse.due()), if agent.pulse.is_due_before(tick) => {}
            () = sleep_until(tick) => {
                let uptime_us = clock::uptime_us();
                match probe.read() {
                    Ok(mut taken) => {
                        bill.add_to(&mut taken.sample);
                        let complaints = taken.complaints.into_iter();
                        complaints.for_each(|complaint| complain(&mut heard, complaint));
                        agent.pulse.ready();
                        seq += 1;
                        last = taken.sample.clone();
                        let reading = AgentReading { seq, uptime_us, sample: taken.sample };
                        outbox.push(&reading);
                        recorder.see(&reading, &outbox);
                        if let Some(shows) = &agent.shows {
                            shows.send_replace(Some(reading.clone()));
                        }
                        if let Some(journal) = &mut journal {
                            journal.note(&reading, &outbox);
                        }
                        if let Some(session) = &mut session {
                            went = session.tell_live(&reading, &mut outbox);
                        }
                    }
                    Err(error) => tell_trouble(error, &mut heard, &mut session),
                }
                chores.begin_what_is_due(&last);
                tick = Instant::now() + clock::until_next(period);
            }
            done = chores.next() => tell_head(&mut session, done),
            () = recorder.looked() => recorder.seal(&outbox),
            link = links.recv(), if may_come => match link {
                Some(link) => {
                    recorder.begin();
                    session = Some(Session::begin(link, greetings(&hello, &agent.labels)));
                }
                None => may_come = false,
            },
            request = next_request(&mut session) => match (request, &mut session) {
                (Ok(AgentRequest::Held { spans }), Some(session)) => {
                    recorder.held(&spans);
                    session.hear(AgentRequest::Held { spans }, &mut outbox);
                }
                (Ok(request), Some(session)) => match session.hear(request, &mut outbox) {
                    Todo::Nothing => {}
                    Todo::Look => {
                        chores.look();
                        chores.begin_what_is_due(&last);
                    }
                    Todo::TellFindings => {
                        if let Some(survey) = chores.surveyed() {
                            session.tell(AgentMessage::Survey(survey.clone()));
                        }
                    }
                    Todo::Forget => {
                        if let Some(journal) = &mut journal {
                            journal.renew(outbox.readings());
                        }
                    }
                    Todo::Complain(why) => {
                        complain(&mut heard, format!("the head refuses this agent: {why}"));
                    }
                },
                (ended, _) => went = ended.map(drop),
            },
        }
        agent.pulse.came_by(tick);
        if let Some(session) = &mut session {
            went = went.and_then(|()| session.go_on(&mut outbox));
            went = went.and_then(|()| recorder.send(session, seq));
        }
        if went.is_err() {
            session = None;
        }
    }
}

/// Opens the journal, with what an earlier run of this boot left in it.
fn open_journal(agent: &Agent, hello: &Hello) -> Option<(Journal, Vec<AgentReading>)> {
    let place = agent.journal.as_ref()?;
    let boot = hello.boot_id.as_deref().unwrap_or_default();
    let complain = |error| {
        tell(format_args!(
            "no readings are kept in {}: {error}; if this program is killed, those since the last commit \
             are lost (see --runtime-dir)",
            place.dir.display()
        ));
    };
    Journal::open(place, boot).map_err(complain).ok()
}

fn hello(agent: &Agent, facts: NodeFacts) -> Hello {
    // Without the name of its boot, what an earlier run numbered cannot be told from what this one will.
    let of_this_run = || secrets::hex(&secrets::random::<16>());
    Hello {
        protocol: PROTOCOL,
        id: NodeId::from_host_name(&facts.host_name),
        facts,
        boot_id: Some(host::boot_id(&agent.roots).unwrap_or_else(of_this_run)),
        period_ms: agent.period_ms,
    }
}

fn greetings(hello: &Hello, labels: &[Label]) -> impl Iterator<Item = AgentMessage> {
    let labels = (!labels.is_empty()).then(|| AgentMessage::Labels(labels.to_vec()));
    [AgentMessage::Hello(hello.clone())].into_iter().chain(labels)
}

/// What the head asks for next; never, while there is no link.
async fn next_request<L: Link>(session: &mut Option<Session<L>>) -> Result<AgentRequest, Ended> {
    match session {
        Some(session) => session.next().await,
        None => pending().await,
    }
}

/// It cannot read its node.
fn tell_trouble<L: Link>(
    error: ProbeError,
    heard: &mut HashSet<String>,
    session: &mut Option<Session<L>>,
) {
    let trouble = crate::error::Error::from(error).chain().to_string();
    complain(heard, trouble.clone());
    tell_head(session, AgentMessage::Trouble(trouble));
}

fn tell_head<L: Link>(session: &mut Option<Session<L>>, message: AgentMessage) {
    if let Some(session) = session {
        session.tell(message);
    }
}

/// Says each thing once, and a hundred things at most: a broken file stays broken every second.
fn complain(heard: &mut HashSet<String>, complaint: String) {
    if heard.len() < 100 && !heard.contains(&complaint) {
        tell(&complaint);
        heard.insert(complaint);
    }
}
