//! What waits to be told, on each channel: `outbox.json` in the directory `notify` of the data directory,
//! with a picture beside it for each message that has one.
//!
//! It is written when a message is taken, and when one was told; each time as a whole, or not at all.

mod lane;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::alert::{Incident, Step};

use super::Message;
use crate::error::tell;
use crate::secrets;

use lane::{Lane, MOST_WAITING};
pub(super) use lane::{Telling, Thread};

/// An incident's number, and which of its steps.
pub(super) type Id = (u64, u32);

/// Bytes of messages at most, as they are kept.
const MOST_BYTES: usize = 8 << 20;
/// Steps of an incident that are kept with a message; the newest are.
const MOST_STEPS: usize = 64;
/// Incidents of which it is known what was taken.
const MOST_SEEN: usize = 1000;
/// Of the file.
const VERSION: u32 = 1;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) incident: Incident,
    pub(super) step: Step,
    pub(super) number: u32,
    pub(super) url: Option<String>,
    /// When it was taken, by the time of day: ms since 1970.
    pub(super) at_ms: u64,
    /// Whether there is a picture.
    pub(super) has_picture: bool,
}

impl Entry {
    pub(super) fn id(&self) -> Id {
        (self.incident.id, self.number)
    }
}

impl From<&Message> for Entry {
    fn from(message: &Message) -> Self {
        let mut incident = message.incident.clone();
        let more = incident.steps.len().saturating_sub(MOST_STEPS);
        incident.steps.drain(..more);
        Self {
            incident,
            step: message.step.clone(),
            number: message.number,
            url: message.url.clone(),
            at_ms: 0,
            has_picture: false,
        }
    }
}

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outbox {
    version: u32,
    /// Tells this head's messages from those of another.
    instance: String,
    messages: Vec<Entry>,
    lanes: BTreeMap<String, Lane>,
    /// What was taken: none is taken twice.
    seen: BTreeMap<u64, Vec<u32>>,
    #[serde(skip)]
    dir: PathBuf,
    /// Rises with each change.
    #[serde(skip)]
    change: u64,
}

impl Outbox {
    /// Opens what is kept in `dir`, for `channels`. What waits for others is dropped. A file that cannot be
    /// read is set aside: harm is better told again than not at all.
    pub(super) fn open(dir: &Path, channels: &[&str]) -> io::Result<Self> {
        let path = file(dir);
        let kept = match secrets::read(&path)? {
            None => None,
            Some(bytes) => match serde_json::from_slice::<Self>(&bytes) {
                Ok(kept) if kept.version == VERSION => Some(kept),
                other => {
                    let why =
                        other.err().map_or("it is of another version".into(), |e| e.to_string());
                    let aside = path.with_extension("json.damaged");
                    fs::rename(&path, &aside)?;
                    tell(format_args!(
                        "{} cannot be read ({why}) and is now {}: what waited in it is not told",
                        path.display(),
                        aside.display()
                    ));
                    None
                }
            },
        };
        let mut outbox = kept.unwrap_or_else(|| Self {
            version: VERSION,
            instance: secrets::hex(&secrets::random::<6>()),
            messages: Vec::new(),
            lanes: BTreeMap::new(),
            seen: BTreeMap::new(),
            dir: PathBuf::new(),
            change: 0,
        });
        outbox.dir = dir.into();
        outbox.lanes.retain(|name, lane| {
            let is_there = channels.contains(&name.as_str());
            if !is_there && !lane.waiting.is_empty() {
                tell(format_args!(
                    "the channel {name:?} is not there any more: {} messages for it are dropped",
                    lane.waiting.len()
                ));
            }
            is_there
        });
        for name in channels {
            outbox.lanes.entry((*name).into()).or_default();
        }
        // Nothing is told of which nothing is known.
        let known: Vec<Id> = outbox.messages.iter().map(Entry::id).collect();
        for lane in outbox.lanes.values_mut() {
            lane.waiting.retain(|id| known.contains(id));
        }
        outbox.clear();
        outbox.sweep();
        Ok(outbox)
    }

    /// Tells this head's messages from those of another.
    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// Counts changes.
    pub(super) fn change(&self) -> u64 {
        self.change
    }

    /// Whether it was taken before.
    pub(super) fn has_seen(&self, (incident, number): Id) -> bool {
        self.seen.get(&incident).is_some_and(|numbers| numbers.contains(&number))
    }

    /// Takes a message for `channels`.
    pub(super) fn take(&mut self, entry: Entry, channels: &[&str]) {
        let id = entry.id();
        if self.has_seen(id) {
            return;
        }
        self.seen.entry(id.0).or_default().push(id.1);
        while self.seen.len() > MOST_SEEN {
            self.seen.pop_first();
        }
        for name in channels {
            if let Some(lane) = self.lanes.get_mut(*name) {
                lane.waiting.push(id);
                if lane.waiting.len() > MOST_WAITING {
                    lane.thin();
                }
            }
        }
        self.messages.push(entry);
        self.bound();
        self.clear();
        self.change += 1;
    }

    /// Drops the oldest while all together are too large.
    fn bound(&mut self) {
        let size = |entry: &Entry| serde_json::to_vec(entry).map_or(0, |bytes| bytes.len());
        let sizes: Vec<usize> = self.messages.iter().map(size).collect();
        let mut bytes: usize = sizes.iter().sum();
        let (mut oldest, last) = (0, self.messages.len().saturating_sub(1));
        while bytes > MOST_BYTES && oldest < last {
            let id = self.messages[oldest].id();
            for lane in self.lanes.values_mut() {
                lane.lose(id);
            }
            bytes -= sizes[oldest];
            oldest += 1;
        }
    }

    /// Forgets messages that wait nowhere, and their pictures.
    fn clear(&mut self) {
        let Self { messages, lanes, dir, .. } = self;
        messages.retain(|entry| {
            let id = entry.id();
            let waits = lanes.values().any(|lane| lane.waiting.contains(&id));
            if !waits && entry.has_picture {
                // One that stays is swept away at the next start.
                fs::remove_file(picture(dir, id)).ok();
            }
            waits
        });
    }

    /// Removes pictures of messages that are not there.
    fn sweep(&self) {
        let Ok(files) = fs::read_dir(&self.dir) else { return };
        for path in files.filter_map(|file| Some(file.ok()?.path())) {
            let is_known = self.messages.iter().any(|entry| picture(&self.dir, entry.id()) == path);
            if path.extension().is_some_and(|end| end == "png") && !is_known {
                fs::remove_file(path).ok();
            }
        }
    }

    /// What is to be told next on `channel`.
    pub(super) fn next(&self, channel: &str, now_ms: u64) -> Option<Telling> {
        self.lanes.get(channel)?.next(&self.messages, now_ms)
    }

    /// It was told on `channel`; `reply_to` is what an answer to it names.
    pub(super) fn told(
        &mut self,
        channel: &str,
        telling: &Telling,
        reply_to: Option<i64>,
        now_ms: u64,
    ) {
        if let Some(lane) = self.lanes.get_mut(channel) {
            lane.told(telling, reply_to, now_ms);
        }
        self.clear();
        self.change += 1;
    }

    /// It can never be told on `channel`.
    pub(super) fn give_up(&mut self, channel: &str, telling: &Telling) {
        if let Some(lane) = self.lanes.get_mut(channel) {
            lane.waiting.retain(|id| !telling.ids.contains(id));
        }
        self.clear();
        self.change += 1;
    }

    /// Lets messages of other incidents go first on `channel`.
    pub(super) fn put_off(&mut self, channel: &str, incident: u64) {
        if let Some(lane) = self.lanes.get_mut(channel) {
            lane.put_off(incident);
        }
    }

    /// How many wait on `channel`, how many were dropped as too many waited, and when it last took one.
    pub(super) fn status(&self, channel: &str) -> (u32, u32, Option<u64>) {
        self.lanes
            .get(channel)
            .map_or((0, 0, None), |lane| (lane.waiting.len() as u32, lane.lost, lane.sent_ms))
    }

    /// Where it is kept, and what is to be written there.
    pub(super) fn encoded(&self) -> (PathBuf, Vec<u8>) {
        // Nothing in it refuses to be JSON.
        (file(&self.dir), serde_json::to_vec(self).unwrap_or_default())
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("outbox.json")
}

/// Where the picture of a message is.
pub(super) fn picture(dir: &Path, (incident, number): Id) -> PathBuf {
    dir.join(format!("{incident}-{number}.png"))
}

#[cfg(test)]
mod tests;
