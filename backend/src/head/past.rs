//! What is on disk of a node, as far as the head has to know: it is told when history is opened.

use shared::history::{Batch, Durable};
use shared::run::{Run, Span};
use shared::wire::AgentReading;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    boots: Vec<PastBoot>,
}

/// What is on disk of one boot.
#[derive(Clone, Debug, Default)]
pub(super) struct PastBoot {
    boot: String,
    /// The numbers of all that is.
    pub(super) durable: Vec<Span>,
    /// The readings of the last minutes.
    pub(super) recent: Vec<Run>,
    /// Where the last of them lies in time: its uptime in µs, and ms since 1970.
    pub(super) placed: Option<(u64, u64)>,
}

impl Past {
    /// Adds what is on disk of a boot.
    pub(super) fn add(&mut self, durable: Durable) {
        self.of(&durable.boot).durable = durable.spans;
    }

    /// Adds the readings of the last minutes of a boot.
    pub(super) fn add_recent(&mut self, batch: Batch) {
        let boot = self.of(&batch.boot);
        let last = batch.readings.last().map(|last| (last.reading.uptime_us, last.reading.at_ms));
        boot.placed = last.or(boot.placed);
        let readings: Vec<AgentReading> = batch
            .readings
            .into_iter()
            .map(|kept| AgentReading {
                seq: kept.seq,
                uptime_us: kept.reading.uptime_us,
                sample: kept.reading.sample,
            })
            .collect();
        boot.recent.extend(readings.chunks(Run::MOST).map(Run::of));
    }

    fn of(&mut self, boot: &str) -> &mut PastBoot {
        let place = self.boots.iter().position(|known| known.boot == boot);
        let place = place.unwrap_or_else(|| {
            self.boots.push(PastBoot { boot: boot.to_owned(), ..PastBoot::default() });
            self.boots.len() - 1
        });
        &mut self.boots[place]
    }

    /// What is on disk of this boot.
    pub(super) fn boot(&self, boot: Option<&str>) -> Option<&PastBoot> {
        self.boots.iter().find(|known| known.boot == boot.unwrap_or_default())
    }
}
