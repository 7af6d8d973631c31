//! Reads its node once a period and reports it; looks around once a minute; sweeps over processes and
//! control groups for as long as the head asks for it.

mod chores;

use std::collections::HashSet;
use std::time::Duration;

use shared::wire::{AgentMessage, AgentReading, AgentRequest, Hello, PROTOCOL};
use shared::{NodeFacts, NodeId, Sample};
use tokio::time::{Instant, sleep_until};

use crate::clock;
use crate::error::tell;
use crate::head::{AgentLink, NotTaken};
use crate::probe::{Probe, Roots, host};
use chores::Chores;

/// Reads the node under `roots` every `period_ms` and reports it through `link`, until the head is
/// gone. The first reading is taken at once, for nobody should look at an empty page for a period;
/// the others fall on whole periods of the monotonic clock. One that comes late does not delay the
/// next, and those that were missed are not made up for. What takes longer is done beside them.
///
/// A node that cannot be read is reported as such, and read again at the next tick.
pub async fn run(roots: Roots, period_ms: u32, mut link: AgentLink) -> Result<(), NotTaken> {
    let period = Duration::from_millis(period_ms.into());
    let facts = host::facts(&roots);
    let mut probe = Probe::open(&roots);
    let mut chores = Chores::new(roots.clone(), facts.clone());
    let mut heard = HashSet::new();
    let mut last = Sample::EMPTY;
    let mut seq = 0;
    link.send(AgentMessage::Hello(hello(&roots, facts, period_ms))).await?;
    let mut tick = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = sleep_until(tick) => {
                let uptime_us = clock::uptime_us();
                let message = match probe.read() {
                    Ok(taken) => {
                        let complaints = taken.complaints.into_iter();
                        complaints.for_each(|complaint| complain(&mut heard, complaint));
                        seq += 1;
                        last = taken.sample.clone();
                        let reading = AgentReading { seq, uptime_us, sample: taken.sample };
                        AgentMessage::Readings(vec![reading])
                    }
                    Err(error) => {
                        let trouble = crate::error::Error::from(error).chain().to_string();
                        complain(&mut heard, trouble.clone());
                        AgentMessage::Trouble(trouble)
                    }
                };
                link.send(message).await?;
                chores.begin_what_is_due(&last);
                tick = Instant::now() + clock::until_next(period);
            }
            done = chores.next() => link.send(done).await?,
            request = link.next() => match request? {
                AgentRequest::Look {} => {
                    chores.look();
                    chores.begin_what_is_due(&last);
                }
                AgentRequest::Welcome(_)
                | AgentRequest::Held { .. }
                | AgentRequest::Refused { .. } => {}
            },
        }
    }
}

fn hello(roots: &Roots, facts: NodeFacts, period_ms: u32) -> Hello {
    Hello {
        protocol: PROTOCOL,
        id: NodeId::from_host_name(&facts.host_name),
        facts,
        boot_id: host::boot_id(roots),
        period_ms,
    }
}

/// Says each thing once, and a hundred things at most: a broken file stays broken every second.
fn complain(heard: &mut HashSet<String>, complaint: String) {
    if heard.len() < 100 && !heard.contains(&complaint) {
        tell(&complaint);
        heard.insert(complaint);
    }
}
