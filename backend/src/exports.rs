//! Sends what nodes read to where people already look: stores that take `InfluxDB`'s line protocol, and
//! brokers that Home Assistant listens to.
//!
//! Each export is a task of its own with a queue of its own, which is bounded: one that stalls holds up
//! nobody. What goes wrong is told once, and shown until it is over.

mod influx;
mod line;
mod mqtt;
mod told;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::config::ExportConfig;
use crate::error::tell;
use crate::head::Head;

/// How an export fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExportStatus {
    /// What it is called: the name of its table in the settings file.
    pub name: String,
    /// What it is: `influx`, `mqtt`.
    pub kind: &'static str,
    /// Where it goes.
    pub to: String,
    /// Batches that were taken since this head was started.
    pub sent: u64,
    /// Batches that wait.
    pub waiting: u64,
    /// Batches that were refused for good, or found no room while nothing was taken.
    pub dropped: u64,
    /// When one was taken last, by the head's clock: ms since 1970.
    pub sent_ms: Option<u64>,
    /// Why none is taken at present, in a sentence for people.
    pub trouble: Option<String>,
}

/// The exports of a head. Clones are the same ones.
#[derive(Clone, Default)]
pub struct Exports {
    all: Arc<Mutex<Vec<ExportStatus>>>,
}

impl Exports {
    /// How they fare.
    #[must_use]
    pub fn status(&self) -> Vec<ExportStatus> {
        self.look().clone()
    }

    /// Runs those that are set, until the head ends. `now_ms` is the head's clock.
    pub async fn run(self, config: ExportConfig, head: Head, now_ms: fn() -> u64) {
        let influx = async {
            if let Some(config) = config.influx {
                let account = self.begin("influx", config.url.clone(), now_ms);
                influx::run(config, head.clone(), account).await;
            }
        };
        let mqtt = async {
            if let Some(config) = config.mqtt {
                let to = format!("{}:{}", config.host, config.port);
                let account = self.begin("mqtt", to, now_ms);
                mqtt::run(config, head.clone(), account).await;
            }
        };
        tokio::join!(influx, mqtt);
    }

    fn begin(&self, kind: &'static str, to: String, now_ms: fn() -> u64) -> Account {
        let mut all = self.look();
        all.push(ExportStatus { name: kind.into(), kind, to, ..ExportStatus::default() });
        Account { exports: self.clone(), place: all.len() - 1, now_ms }
    }

    fn look(&self) -> MutexGuard<'_, Vec<ExportStatus>> {
        // Whoever panicked left nothing half done.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The account of one export.
#[derive(Clone)]
struct Account {
    exports: Exports,
    place: usize,
    now_ms: fn() -> u64,
}

impl Account {
    fn with<T>(&self, act: impl FnOnce(&mut ExportStatus) -> T) -> T {
        act(&mut self.exports.look()[self.place])
    }

    /// A batch was taken.
    fn sent(&self) {
        let now_ms = (self.now_ms)();
        let was_in_trouble = self.with(|status| {
            status.sent += 1;
            status.sent_ms = Some(now_ms);
            status.trouble.take().map(|_| (status.name.clone(), status.to.clone()))
        });
        if let Some((name, to)) = was_in_trouble {
            tell(format_args!("the export {name} to {to} goes on"));
        }
    }

    fn waiting(&self, batches: usize) {
        self.with(|status| status.waiting = batches as u64);
    }

    fn dropped(&self, batches: u64) {
        self.with(|status| status.dropped += batches);
    }

    /// None is taken at present. The first reason is told, until one is taken.
    fn trouble(&self, why: String) {
        let first = self.with(|status| {
            let is_first = status.trouble.is_none();
            let told = is_first.then(|| format!("{} to {}: {why}", status.name, status.to));
            status.trouble = Some(why);
            told
        });
        if let Some(first) = first {
            tell(format_args!("nothing goes through the export {first}"));
        }
    }
}
