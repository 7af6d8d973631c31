//! Tells people: takes messages for channels, keeps them until each channel has taken its own, and tries
//! again what did not go.
//!
//! * `outbox`: what waits, on disk.
//! * `work`: one task for each channel, so that none waits for another.
//! * `letter`: a message as a channel is given it; `words` and [`picture`] are what is in it.
//! * `services`, `mail`, `program`: how each kind of channel is told, over `http` or otherwise.
//! * `keys`: secrets, from files.

mod http;
mod keys;
mod letter;
mod made;
mod mail;
mod outbox;
pub mod picture;
mod program;
mod services;
mod words;
mod work;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::NodeFacts;
use shared::alert::{ChannelStatus, Incident, Step};
use shared::wire::Reading;
use tokio::sync::{Mutex as Turn, Notify, mpsc, oneshot, watch};

use crate::clock::unix_ms;
use crate::config::ChannelConfig;
use crate::error::{Error, Seldom, tell};
use crate::secrets;

use outbox::{Entry, Outbox};

pub use work::Telling;

/// Below the data directory.
const DIR: &str = "notify";
/// Tests that wait to be made.
const TESTS: usize = 16;

/// One thing to be told of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The incident as it is now. Messages of one incident are one thread, by its number.
    pub incident: Incident,
    /// What happened in it.
    pub step: Step,
    /// Which of its steps that is: with the incident's number, it names the message. One that was taken
    /// before is not taken again.
    pub number: u32,
    /// The address of its page, if the head knows how it is reached.
    pub url: Option<String>,
    /// What is drawn with it: a node, and its readings, oldest first.
    pub timeline: Option<(NodeFacts, Vec<Reading>)>,
    /// The channel it is about, which is not told.
    pub except: Option<String>,
}

/// The way to the channels. Clones lead to the same ones.
#[derive(Clone, Default)]
pub struct Notifier(Option<Arc<Desk>>);

/// What all channels share.
struct Desk {
    dir: PathBuf,
    channels: Vec<Channel>,
    outbox: Mutex<Outbox>,
    /// Who writes, and which change was written last.
    written: Turn<u64>,
    tests: mpsc::Sender<Test>,
    incoming: Mutex<Option<mpsc::Receiver<Test>>>,
    stop: watch::Sender<bool>,
    /// That what waits cannot be kept.
    unkept: Seldom,
}

/// A channel, and how it fares.
struct Channel {
    config: Arc<ChannelConfig>,
    /// Something may be there for it.
    wake: Notify,
    trouble: Mutex<Option<String>>,
}

/// Something made up that is to be told.
struct Test {
    channel: Option<String>,
    answer: oneshot::Sender<Vec<(String, Option<String>)>>,
}

impl Notifier {
    /// Opens what waits in `data_dir` for `channels`. An error is a channel whose files cannot be used, or
    /// a directory that cannot.
    pub fn open(channels: Vec<ChannelConfig>, data_dir: &Path) -> Result<Self, Error> {
        if channels.is_empty() {
            return Ok(Self::default());
        }
        for channel in &channels {
            keys::check(channel)?;
        }
        let dir = data_dir.join(DIR);
        let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
        let outbox = Outbox::open(&dir, &names)
            .map_err(|source| Error::Data { path: dir.clone(), source })?;
        let (tests, incoming) = mpsc::channel(TESTS);
        let channel = |config| Channel {
            config: Arc::new(config),
            wake: Notify::new(),
            trouble: Mutex::new(None),
        };
        Ok(Self(Some(Arc::new(Desk {
            dir,
            channels: channels.into_iter().map(channel).collect(),
            outbox: Mutex::new(outbox),
            written: Turn::new(0),
            tests,
            incoming: Mutex::new(Some(incoming)),
            stop: watch::Sender::new(false),
            unkept: Seldom::new(),
        }))))
    }

    /// Begins to tell what waits. Must be called in the head's own runtime, once.
    #[must_use]
    pub fn start(&self) -> Telling {
        self.0.as_ref().map_or_else(Telling::default, work::start)
    }

    /// Takes a message for every channel that wants such. It is on disk when this is done: from then on it
    /// is told, once on each, also if the program ends meanwhile. One that was taken before is not taken
    /// again.
    pub async fn send(&self, message: Message) {
        let Some(desk) = &self.0 else { return };
        let mut entry = Entry { at_ms: unix_ms(), ..Entry::from(&message) };
        if desk.outbox().has_seen(entry.id()) {
            return;
        }
        let told = |channel: &&Channel| {
            // The worst comes first.
            entry.incident.severity <= channel.config.min_severity
                && message.except.as_ref() != Some(&channel.config.name)
        };
        let channels: Vec<&Channel> = desk.channels.iter().filter(told).collect();
        if channels.iter().any(|channel| channel.config.picture)
            && let Some(timeline) = message.timeline
        {
            let path = outbox::picture(&desk.dir, entry.id());
            let name = name(&entry.incident, &timeline.0);
            let draw = move || draw(&name, &timeline, &path);
            entry.has_picture = tokio::task::spawn_blocking(draw).await.unwrap_or(false);
        }
        let names: Vec<&str> = channels.iter().map(|one| one.config.name.as_str()).collect();
        desk.outbox().take(entry, &names);
        desk.save().await;
        for channel in channels {
            channel.wake.notify_one();
        }
    }

    /// How the channels fare.
    #[must_use]
    pub fn status(&self) -> Vec<ChannelStatus> {
        let Some(desk) = &self.0 else { return Vec::new() };
        let outbox = desk.outbox();
        let status = |channel: &Channel| {
            let (waiting, lost, sent_ms) = outbox.status(&channel.config.name);
            let mut trouble = channel.trouble().clone();
            if lost > 0 {
                let why = format!("{lost} messages were dropped, as too many waited");
                trouble =
                    Some(trouble.map_or_else(|| why.clone(), |text| format!("{text}; {why}")));
            }
            ChannelStatus {
                name: channel.config.name.clone(),
                kind: channel.config.kind.name().into(),
                waiting,
                sent_ms,
                trouble,
            }
        };
        desk.channels.iter().map(status).collect()
    }

    /// Tells something made up, on one channel or on all, and waits for what becomes of it: the channel's
    /// name, and why it did not take it. Nothing, if there is no such channel.
    pub async fn test(&self, channel: Option<&str>) -> Vec<(String, Option<String>)> {
        let Some(desk) = &self.0 else { return Vec::new() };
        let (answer, told) = oneshot::channel();
        let test = Test { channel: channel.map(str::to_owned), answer };
        if desk.tests.send(test).await.is_err() {
            return Vec::new();
        }
        told.await.unwrap_or_default()
    }
}

/// Draws a timeline into a file; whether there is one.
fn draw(name: &str, (facts, readings): &(NodeFacts, Vec<Reading>), path: &Path) -> bool {
    let Some(png) = picture::png(name, facts, readings) else { return false };
    let written = secrets::write(path, &png);
    if let Err(error) = &written {
        tell(format_args!("cannot keep a picture in {}: {error}", path.display()));
    }
    written.is_ok()
}

/// What a picture is of.
fn name(incident: &Incident, facts: &NodeFacts) -> String {
    match incident.nodes.as_slice() {
        [node] => node.as_str().into(),
        _ => facts.host_name.clone(),
    }
}

impl Desk {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings what waits to disk, unless somebody has done so since it changed. A disk that takes nothing
    /// keeps nobody from being told.
    async fn save(&self) {
        let change = self.outbox().change();
        let mut written = self.written.lock().await;
        if *written >= change {
            return;
        }
        let (change, (path, bytes)) = {
            let outbox = self.outbox();
            (outbox.change(), outbox.encoded())
        };
        let file = path.clone();
        let result = tokio::task::spawn_blocking(move || secrets::write(&file, &bytes)).await;
        match result {
            Ok(Ok(())) => *written = change,
            Ok(Err(error)) => self.unkept.tell(format_args!(
                "cannot keep what is to be told in {}: {error}; if this program ends now, it is told \
                 not at all or again",
                path.display()
            )),
            Err(_) => {}
        }
    }
}

impl Channel {
    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
