//! Reads its node once a period and reports it.

use std::collections::HashSet;
use std::time::Duration;

use shared::wire::{AgentMessage, AgentReading, Hello, PROTOCOL};
use shared::{NodeFacts, NodeId};

use crate::clock;
use crate::error::tell;
use crate::head::{AgentLink, HeadGone};
use crate::probe::{Probe, Roots, host};

/// Reads the node under `roots` every `period_ms` and reports it through `link`, until the head is
/// gone. The first reading is taken at once, for nobody should look at an empty page for a period;
/// the others fall on whole periods of the monotonic clock. One that comes late does not delay the
/// next, and those that were missed are not made up for.
///
/// A node that cannot be read is reported as such, and read again at the next tick.
pub async fn run(roots: Roots, period_ms: u32, link: AgentLink) -> Result<(), HeadGone> {
    let mut probe = Probe::open(&roots);
    let mut heard = HashSet::new();
    let mut seq = 0;
    link.send(AgentMessage::Hello(hello(&roots, period_ms))).await?;
    loop {
        let uptime_us = clock::uptime_us();
        let message = match probe.read() {
            Ok(taken) => {
                taken.complaints.into_iter().for_each(|complaint| complain(&mut heard, complaint));
                seq += 1;
                AgentMessage::Readings(vec![AgentReading { seq, uptime_us, sample: taken.sample }])
            }
            Err(error) => {
                let trouble = crate::error::Error::from(error).chain().to_string();
                complain(&mut heard, trouble.clone());
                AgentMessage::Trouble(trouble)
            }
        };
        link.send(message).await?;
        tokio::time::sleep(clock::until_next(Duration::from_millis(period_ms.into()))).await;
    }
}

fn hello(roots: &Roots, period_ms: u32) -> Hello {
    let facts: NodeFacts = host::facts(roots);
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
