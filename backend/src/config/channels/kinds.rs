//! What each kind of channel needs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use actix_web::http::Uri;
use actix_web::http::header::{HeaderName, HeaderValue};
use lettre::message::Mailbox;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use shared::survey::Severity;

/// Extra headers of a webhook, and arguments of a program, at most.
const MOST_EXTRA: usize = 32;

/// E-mail, handed to a server that sends it on.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The server: a name or an address.
    pub server: String,
    /// Its port [default: 587, 465 or 25, by `tls`].
    pub port: Option<u16>,
    /// How the connection is protected: `starttls` begins in plain and goes no further without TLS; `tls`
    /// is TLS from the first byte on; `none` is for a server on this machine [default: starttls].
    #[serde(default)]
    pub tls: EmailTls,
    /// Whether a server on another machine may be spoken to without TLS [default: false].
    #[serde(default)]
    pub allow_plaintext: bool,
    /// Certificates that are trusted in place of those of the system (PEM).
    pub ca_file: Option<PathBuf>,
    /// Who signs in, if that is needed.
    pub user: Option<String>,
    /// The file of the password.
    pub password_file: Option<PathBuf>,
    /// From whom it is, such as `Headroom <pi@example.com>`.
    #[serde(deserialize_with = "from")]
    #[schemars(with = "String")]
    pub from: Mailbox,
    /// To whom it goes: one address, or several.
    #[serde(deserialize_with = "to")]
    #[schemars(with = "OneOrMore")]
    pub to: Vec<Mailbox>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmailTls {
    /// It begins in plain, and goes no further without TLS.
    #[default]
    Starttls,
    /// TLS from the first byte on.
    Tls,
    /// It is not.
    None,
}

impl Email {
    pub(super) fn checked(self) -> Result<Self, String> {
        if self.to.is_empty() {
            return Err("`to` names nobody".into());
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err("`user` and `password_file` belong together; give both, or neither".into());
        }
        let is_here = self.server == "localhost"
            || self.server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if self.tls == EmailTls::None && !is_here && !self.allow_plaintext {
            return Err("`tls` is none, and whoever is on the way could read it all; say \
                        `allow_plaintext = true` if that is meant"
                .into());
        }
        Ok(self)
    }

    /// The port that is meant.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            EmailTls::Starttls => 587,
            EmailTls::Tls => 465,
            EmailTls::None => 25,
        })
    }
}

fn mailbox<E: de::Error>(key: &str, text: &str) -> Result<Mailbox, E> {
    text.parse().map_err(|_| E::custom(format!("`{key}`: {text:?} is no e-mail address")))
}

fn from<'de, D: Deserializer<'de>>(from: D) -> Result<Mailbox, D::Error> {
    mailbox("from", &String::deserialize(from)?)
}

/// One text, or several.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "text or list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

fn to<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Mailbox>, D::Error> {
    match OneOrMore::deserialize(from)? {
        OneOrMore::One(text) => Ok(vec![mailbox("to", &text)?]),
        OneOrMore::More(texts) => texts.iter().map(|text| mailbox("to", text)).collect(),
    }
}

/// How urgent a service takes each severity to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Priorities {
    /// Of trouble, such as memory that is short.
    pub trouble: Option<u8>,
    /// Of a warning.
    pub warning: Option<u8>,
    /// Of a note, and of what is over.
    pub note: Option<u8>,
}

impl Priorities {
    /// That of `severity`, or what is usual: of trouble, of a warning, and of a note.
    #[must_use]
    pub fn of(&self, severity: Severity, usual: [u8; 3]) -> u8 {
        match severity {
            Severity::Trouble => self.trouble.unwrap_or(usual[0]),
            Severity::Warning => self.warning.unwrap_or(usual[1]),
            Severity::Note => self.note.unwrap_or(usual[2]),
        }
    }

    fn checked(self, range: std::ops::RangeInclusive<u8>) -> Result<(), String> {
        for priority in [self.trouble, self.warning, self.note].into_iter().flatten() {
            if !range.contains(&priority) {
                let (least, most) = (range.start(), range.end());
                return Err(format!("`priority` is {least} to {most}, not {priority}"));
            }
        }
        Ok(())
    }
}

/// ntfy, by ntfy.sh or a server of one's own.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ntfy {
    /// The address of the server [default: `https://ntfy.sh`].
    #[serde(default = "ntfy_sh")]
    pub server: String,
    /// The topic. Whoever knows it reads it, where topics are not protected…
    #[schemars(description = "The topic, where topics are protected; else `topic_file`.")]
    pub topic: Option<String>,
    /// …so it may stand in a file.
    #[schemars(description = "The file of the topic: whoever knows it reads it.")]
    pub topic_file: Option<PathBuf>,
    /// The file of an access token.
    pub token_file: Option<PathBuf>,
    /// Urgency, 1 to 5 [default: 5, 4 and 3].
    #[serde(default)]
    pub priority: Priorities,
    /// Certificates that are trusted in place of those of the system (PEM).
    pub ca_file: Option<PathBuf>,
}

fn ntfy_sh() -> String {
    "https://ntfy.sh".into()
}

impl Ntfy {
    pub(super) fn checked(self) -> Result<Self, String> {
        check_url("server", &self.server)?;
        self.priority.checked(1..=5)?;
        match (&self.topic, &self.topic_file) {
            (Some(topic), None) if is_topic(topic) => Ok(self),
            (Some(topic), None) => Err(format!("`topic`: {topic:?} is none: {TOPIC}")),
            (None, Some(_)) => Ok(self),
            _ => Err("give either `topic` or `topic_file`".into()),
        }
    }
}

/// What a topic is.
const TOPIC: &str = "it has 1 to 64 letters, digits, '-' and '_'";

/// Whether ntfy takes this as a topic.
#[must_use]
pub(crate) fn is_topic(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

/// A Gotify server.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gotify {
    /// Its address.
    pub server: String,
    /// The file of the application's token.
    pub token_file: PathBuf,
    /// Urgency, 0 to 10 [default: 8, 5 and 2].
    #[serde(default)]
    pub priority: Priorities,
    /// Certificates that are trusted in place of those of the system (PEM).
    pub ca_file: Option<PathBuf>,
}

impl Gotify {
    pub(super) fn checked(self) -> Result<Self, String> {
        check_url("server", &self.server)?;
        self.priority.checked(0..=10)?;
        Ok(self)
    }
}

/// A bot of Telegram.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telegram {
    /// The chat it writes to: a number, or the `@name` of a channel.
    pub chat_id: ChatId,
    /// The file of the bot's token.
    pub token_file: PathBuf,
    /// The address of the server of the Bot API [default: `https://api.telegram.org`].
    #[serde(default = "telegram_org")]
    pub server: String,
    /// Certificates that are trusted in place of those of the system (PEM).
    pub ca_file: Option<PathBuf>,
}

/// See [`Telegram::chat_id`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "number or text")]
pub enum ChatId {
    /// Of a person, a group or a channel.
    Number(i64),
    /// Of a public channel.
    Name(String),
}

fn telegram_org() -> String {
    "https://api.telegram.org".into()
}

impl Telegram {
    pub(super) fn checked(self) -> Result<Self, String> {
        check_url("server", &self.server)?;
        match &self.chat_id {
            ChatId::Name(name) if !name.starts_with('@') && name.parse::<i64>().is_err() => {
                Err(format!("`chat_id`: {name:?} is neither a number nor an @name"))
            }
            _ => Ok(self),
        }
    }
}

/// A webhook of Discord.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discord {
    /// The file of its address.
    pub url_file: PathBuf,
    /// Certificates that are trusted in place of those of the system (PEM).
    pub ca_file: Option<PathBuf>,
}

/// An incoming webhook of Slack.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The file of its address.
    pub url_file: PathBuf,
    /// Certificates that are trusted in place of those of the system (PEM).
    pub ca_file: Option<PathBuf>,
}

/// An address that takes JSON.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The address…
    #[schemars(description = "The address; give this or `url_file`.")]
    pub url: Option<String>,
    /// …or the file of it, if it is a secret.
    #[schemars(description = "The file of the address, if that is a secret.")]
    pub url_file: Option<PathBuf>,
    /// Headers besides.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers whose values are secrets: their names, and the files of their values.
    #[serde(default)]
    pub header_files: BTreeMap<String, PathBuf>,
    /// Certificates that are trusted in place of those of the system (PEM).
    pub ca_file: Option<PathBuf>,
}

impl Webhook {
    pub(super) fn checked(self) -> Result<Self, String> {
        match (&self.url, &self.url_file) {
            (Some(url), None) => check_url("url", url)?,
            (None, Some(_)) => {}
            _ => return Err("give either `url` or `url_file`".into()),
        }
        if self.headers.len() + self.header_files.len() > MOST_EXTRA {
            return Err(format!("there are more than {MOST_EXTRA} headers"));
        }
        for name in self.headers.keys().chain(self.header_files.keys()) {
            HeaderName::try_from(name.as_str())
                .map_err(|_| format!("`headers`: {name:?} is no name of a header"))?;
        }
        for (name, value) in &self.headers {
            if ["authorization", "cookie"].contains(&name.to_ascii_lowercase().as_str()) {
                return Err(format!(
                    "`headers`: {name} is a secret: write its value into a file, and name that in \
                     `header_files`"
                ));
            }
            HeaderValue::try_from(value.as_str())
                .map_err(|_| format!("`headers`: the value of {name} cannot be sent"))?;
        }
        Ok(self)
    }
}

/// A program that is given JSON on its standard input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// What it is given as arguments, as they are: there is no shell.
    #[serde(default)]
    pub args: Vec<String>,
}

impl Program {
    pub(super) fn checked(self) -> Result<Self, String> {
        if !self.path.is_absolute() {
            return Err(format!("`path`: {} does not begin with /", self.path.display()));
        }
        if self.args.len() > MOST_EXTRA {
            return Err(format!("`args` are more than {MOST_EXTRA}"));
        }
        Ok(self)
    }
}

fn check_url(key: &str, url: &str) -> Result<(), String> {
    if is_url(url) {
        return Ok(());
    }
    Err(format!(
        "`{key}` is no address: it begins with http:// or https://, and holds neither blanks nor a \
         password"
    ))
}

/// Whether `url` is an address that can be posted to. A password in it would be a secret.
#[must_use]
pub(crate) fn is_url(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    })
}
