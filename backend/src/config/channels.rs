//! Who is told of incidents: the tables `[[alerts.channels]]` of the settings file.
//!
//! Secrets never stand in it: it names files that hold them.

mod kinds;

use std::path::Path;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::survey::Severity;
use toml::{Table, Value};

use super::values::Time;
use crate::error::Error;

pub use kinds::{
    ChatId, Discord, Email, EmailTls, Gotify, Ntfy, Priorities, Program, Slack, Telegram, Webhook,
};
pub(crate) use kinds::{is_topic, is_url};

/// Channels at most.
const MOST: usize = 32;
/// Characters of a name at most.
const MOST_NAME: usize = 40;
/// How long a channel may take over one message, unless it is said.
const TIMEOUT: Duration = Duration::from_secs(30);
const LEAST_TIMEOUT: Duration = Duration::from_secs(1);
const MOST_TIMEOUT: Duration = Duration::from_mins(5);
/// Keys that would hold what must not stand in the settings file.
const SECRETS: [&str; 3] = ["token", "password", "secret"];

/// A table `[[alerts.channels]]`, as it stands in the file: which keys it may have depends on its kind.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ChannelSettings(#[schemars(with = "Common")] Table);

/// What every channel may have, besides what its kind needs.
#[derive(Deserialize, JsonSchema)]
struct Common {
    /// What it is called, in the page and in logs: no other has this name.
    #[schemars(with = "String")]
    #[expect(dead_code, reason = "it is looked at before the rest, as errors name the channel")]
    name: Value,
    /// What it is, see below.
    #[schemars(with = "String")]
    kind: Option<Value>,
    /// What is not so bad is not told: `trouble`, `warning` or `note` [default: note].
    #[schemars(with = "Option<String>")]
    min_severity: Option<Severity>,
    /// Whether a picture of the node's last five minutes goes with the words [default: true, of kinds that
    /// take one].
    picture: Option<bool>,
    /// How long it may take over one message, 1s to 5m [default: 30s].
    timeout: Option<Time>,
    #[serde(flatten)]
    #[schemars(skip)]
    of_kind: Table,
}

/// A channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelConfig {
    /// What it is called: no other has this name.
    pub name: String,
    /// What is not so bad is not told.
    pub min_severity: Severity,
    /// Whether a picture goes with the words. Only of kinds that take one.
    pub picture: bool,
    /// How long it may take over one message.
    pub timeout: Duration,
    /// What it is, and what that needs.
    pub kind: ChannelKind,
}

/// The kinds of channels.
#[derive(Clone, Debug, PartialEq)]
pub enum ChannelKind {
    /// See [`Email`].
    Email(Box<Email>),
    /// See [`Ntfy`].
    Ntfy(Ntfy),
    /// See [`Gotify`].
    Gotify(Gotify),
    /// See [`Telegram`].
    Telegram(Telegram),
    /// See [`Discord`].
    Discord(Discord),
    /// See [`Slack`].
    Slack(Slack),
    /// See [`Webhook`].
    Webhook(Webhook),
    /// See [`Program`].
    Program(Program),
}

/// Which keys each kind has, besides those that every channel has.
pub(crate) fn schemas(from: &mut SchemaGenerator) -> [(&'static str, Schema); 8] {
    let schemas = [
        from.subschema_for::<Email>(),
        from.subschema_for::<Ntfy>(),
        from.subschema_for::<Gotify>(),
        from.subschema_for::<Telegram>(),
        from.subschema_for::<Discord>(),
        from.subschema_for::<Slack>(),
        from.subschema_for::<Webhook>(),
        from.subschema_for::<Program>(),
    ];
    let mut names = KINDS.into_iter();
    schemas.map(|schema| (names.next().unwrap_or_default(), schema))
}

/// The names of kinds, in the order in which they are told.
const KINDS: [&str; 8] =
    ["email", "ntfy", "gotify", "telegram", "discord", "slack", "webhook", "program"];
/// Those that take a picture.
const PICTURED: [&str; 4] = ["email", "ntfy", "telegram", "discord"];

impl ChannelKind {
    /// Its name in settings and in the API: `email`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        KINDS[match self {
            Self::Email(_) => 0,
            Self::Ntfy(_) => 1,
            Self::Gotify(_) => 2,
            Self::Telegram(_) => 3,
            Self::Discord(_) => 4,
            Self::Slack(_) => 5,
            Self::Webhook(_) => 6,
            Self::Program(_) => 7,
        }]
    }
}

impl ChannelSettings {
    /// The channels of `file`. Errors name channel, key and file.
    pub fn resolve(all: Vec<Self>, file: &Path) -> Result<Vec<ChannelConfig>, Error> {
        let wrong = |what: String| Error::Refused(format!("{}: {what}", file.display()));
        if all.len() > MOST {
            return Err(wrong(format!("there are more than {MOST} tables [[alerts.channels]]")));
        }
        let mut channels: Vec<ChannelConfig> = Vec::new();
        for (place, settings) in all.into_iter().enumerate() {
            let name = name(settings.0.get("name")).map_err(|why| {
                wrong(format!("table {} of [[alerts.channels]]: {why}", place + 1))
            })?;
            let of_it = |why: String| wrong(format!("channel {name:?}: {why}"));
            if channels.iter().any(|channel| channel.name == name) {
                return Err(of_it("another channel has this name".into()));
            }
            channels.push(channel(&name, settings.0).map_err(of_it)?);
        }
        Ok(channels)
    }
}

fn name(name: Option<&Value>) -> Result<String, String> {
    let Some(name) = name else { return Err("the key `name` is missing".into()) };
    let is_plain = |c: char| c.is_alphanumeric() || " -_.".contains(c);
    match name.as_str() {
        Some(name)
            if !name.trim().is_empty()
                && name.chars().count() <= MOST_NAME
                && name.chars().all(is_plain) =>
        {
            Ok(name.into())
        }
        _ => Err(format!(
            "`name` is a text of 1 to {MOST_NAME} letters, digits, blanks, '-', '_' and '.'"
        )),
    }
}

fn channel(name: &str, table: Table) -> Result<ChannelConfig, String> {
    let Common { kind, min_severity, picture, timeout, of_kind: table, .. } = of_table(table)?;
    let kinds = || format!("it is one of {}", KINDS.join(", "));
    let kind = match kind {
        None => return Err(format!("the key `kind` is missing; {}", kinds())),
        Some(Value::String(kind)) if KINDS.contains(&kind.as_str()) => kind,
        Some(other) => {
            let other = other.as_str().unwrap_or_else(|| other.type_str());
            return Err(format!("`kind` cannot be {other:?}; {}", kinds()));
        }
    };
    let min_severity = min_severity.unwrap_or(Severity::Note);
    let timeout = timeout.map_or(TIMEOUT, |time| time.0);
    if !(LEAST_TIMEOUT..=MOST_TIMEOUT).contains(&timeout) {
        return Err("`timeout` is 1s to 5m".into());
    }
    let takes_picture = PICTURED.contains(&kind.as_str());
    if picture == Some(true) && !takes_picture {
        let kinds = PICTURED.join(", ");
        return Err(format!("`picture` cannot be true: {kind} takes none, only {kinds} do"));
    }
    for key in SECRETS {
        if table.contains_key(key) {
            return Err(secret(key));
        }
    }
    let kind = match kind.as_str() {
        "email" => ChannelKind::Email(Box::new(of_table::<Email>(table)?.checked()?)),
        "ntfy" => ChannelKind::Ntfy(of_table::<Ntfy>(table)?.checked()?),
        "gotify" => ChannelKind::Gotify(of_table::<Gotify>(table)?.checked()?),
        "telegram" => ChannelKind::Telegram(of_table::<Telegram>(table)?.checked()?),
        "discord" | "slack" if table.contains_key("url") => return Err(secret("url")),
        "discord" => ChannelKind::Discord(of_table(table)?),
        "slack" => ChannelKind::Slack(of_table(table)?),
        "webhook" => ChannelKind::Webhook(of_table::<Webhook>(table)?.checked()?),
        _ => ChannelKind::Program(of_table::<Program>(table)?.checked()?),
    };
    Ok(ChannelConfig {
        name: name.into(),
        min_severity,
        picture: takes_picture && picture != Some(false),
        timeout,
        kind,
    })
}

/// Why `key` must not stand in the settings file.
fn secret(key: &str) -> String {
    format!("`{key}` is a secret: write it into a file of its own, and name that as `{key}_file`")
}

fn of_table<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    table.try_into().map_err(|error| line(&error))
}

/// What a value is not, on one line: it names the key.
fn line(error: &toml::de::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
