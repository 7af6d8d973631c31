//! One message as a channel is given it, and how the kinds of channels are told apart.

use serde_json::{Value, json};
use shared::alert::StepKind;
use shared::survey::Severity;

use super::http::Failure;
use super::keys::Keys;
use super::outbox::{Entry, Telling, Thread};
use super::words::Words;
use super::{mail, program, services};
use crate::config::{ChannelConfig, ChannelKind};
use crate::secrets;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) entry: Entry,
    /// What it tells besides, as it came too late.
    missed: Vec<shared::alert::Step>,
    pub(super) words: Words,
    /// Tells this message from all others, of any head: one that is told again has the same.
    pub(super) key: String,
    /// The same of the incident.
    pub(super) thread_key: String,
    /// The thread that it continues.
    pub(super) thread: Option<Thread>,
    /// The key of the message that the thread began with.
    pub(super) first_key: Option<String>,
    /// A PNG.
    pub(super) picture: Option<Vec<u8>>,
    pub(super) is_test: bool,
}

impl Letter {
    /// What is told of a message that waited.
    pub(super) fn of(telling: Telling, instance: &str, picture: Option<Vec<u8>>) -> Self {
        let (incident, number) = telling.entry.id();
        let thread_key = format!("headroom-{instance}-{incident}");
        Self {
            words: Words::of(&telling),
            key: format!("{thread_key}-{number}"),
            first_key: telling.thread.map(|thread| format!("{thread_key}-{}", thread.first)),
            thread_key,
            thread: telling.thread,
            missed: telling.missed,
            entry: telling.entry,
            picture,
            is_test: false,
        }
    }

    /// Something made up. Each has a key of its own.
    pub(super) fn test(entry: Entry, picture: Option<Vec<u8>>) -> Self {
        let telling = Telling { ids: vec![entry.id()], entry, missed: Vec::new(), thread: None };
        let instance = format!("test-{}", secrets::hex(&secrets::random::<6>()));
        let mut letter = Self { is_test: true, ..Self::of(telling, &instance, picture) };
        letter.words.title = format!("Test: {}", letter.entry.incident.title);
        letter.words.text = letter.entry.step.text.clone();
        letter
    }

    /// Where the incident is shown.
    pub(super) fn url(&self) -> Option<&str> {
        self.entry.url.as_deref()
    }

    /// How urgent it is: what is over, or looked after, is no more than good to know.
    pub(super) fn severity(&self) -> Severity {
        match self.entry.step.kind {
            StepKind::Over | StepKind::Acknowledged | StepKind::Silenced => Severity::Note,
            StepKind::Opened | StepKind::Worse | StepKind::Update => self.entry.incident.severity,
        }
    }

    /// What webhooks and programs are given; see docs/channels.md.
    pub(super) fn json(&self) -> Value {
        let (incident, number) = self.entry.id();
        json!({
            "version": 1,
            "id": if self.is_test { "test".into() } else { format!("{incident}-{number}") },
            "key": self.key,
            "test": self.is_test,
            "title": self.words.title,
            "text": self.words.text,
            "url": self.entry.url,
            "incident": self.entry.incident,
            "step": self.entry.step,
            "missed": self.missed,
        })
    }
}

/// Tells it on a channel. Gives what an answer to it names, where messages have numbers.
///
/// A picture that is not taken is left out, rather than the words with it.
pub(super) async fn tell(channel: &ChannelConfig, letter: &Letter) -> Result<Option<i64>, Failure> {
    let mut keys = Keys::default();
    let told = by_kind(channel, letter, &mut keys).await;
    let told = match told {
        Err(Failure { then: super::http::Then::Never, .. }) if letter.picture.is_some() => {
            let words = Letter { picture: None, ..letter.clone() };
            by_kind(channel, &words, &mut keys).await
        }
        told => told,
    };
    told.map_err(|failure| Failure { why: keys.hidden(&failure.why), ..failure })
}

async fn by_kind(
    channel: &ChannelConfig,
    letter: &Letter,
    keys: &mut Keys,
) -> Result<Option<i64>, Failure> {
    let limit = channel.timeout;
    match &channel.kind {
        ChannelKind::Email(email) => mail::tell(email, letter, limit, keys).await,
        ChannelKind::Ntfy(ntfy) => services::ntfy(ntfy, letter, limit, keys).await,
        ChannelKind::Gotify(gotify) => services::gotify(gotify, letter, limit, keys).await,
        ChannelKind::Telegram(bot) => services::telegram(bot, letter, limit, keys).await,
        ChannelKind::Discord(discord) => services::discord(discord, letter, limit, keys).await,
        ChannelKind::Slack(slack) => services::slack(slack, letter, limit, keys).await,
        ChannelKind::Webhook(webhook) => services::webhook(webhook, letter, limit, keys).await,
        ChannelKind::Program(program) => program::tell(program, letter, limit).await,
    }
}
