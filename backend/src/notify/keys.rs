//! Secrets of channels: read from their files whenever they are needed, so that one that is changed counts
//! at once; kept nowhere, and left out of whatever is said of a channel.

use std::path::{Path, PathBuf};

use super::http::Failure;
use crate::config::{ChannelConfig, ChannelKind, is_topic, is_url};
use crate::error::Error;
use crate::secrets;

/// Bytes of a secret at most.
const MOST: usize = 4096;
/// What is shorter stands in many words, and would tear them apart.
const LEAST_HIDDEN: usize = 4;
/// A step of an address that is shorter is no secret by itself.
const LEAST_STEP: usize = 9;

/// The secrets that were read for one message.
#[derive(Default)]
pub(super) struct Keys(Vec<String>);

impl Keys {
    /// The secret in a file.
    pub(super) fn read(&mut self, path: &Path) -> Result<String, Failure> {
        let key = secrets::own_line(path, MOST).map_err(|error| {
            Failure::slowly(format!("cannot use the secret in {}: {error}", path.display()))
        })?;
        self.0.push(key.clone());
        Ok(key)
    }

    /// An address in a file.
    pub(super) fn url(&mut self, path: &Path) -> Result<String, Failure> {
        let url = self.read(path)?;
        if is_url(&url) {
            // The way is as secret as the whole, and so are the steps of it that are no plain words.
            let way = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
            let way = way.map_or("", |(_, way)| way);
            let steps = way.split(['/', '?', '&', '=']).filter(|step| step.len() >= LEAST_STEP);
            self.0.extend(std::iter::once(way).chain(steps).map(str::to_owned));
            return Ok(url);
        }
        Err(Failure::slowly(format!("what is in {} is no address", path.display())))
    }

    /// `text` without any of them.
    pub(super) fn hidden(&self, text: &str) -> String {
        // The longest first: one may be a part of another.
        let mut keys: Vec<&String> =
            self.0.iter().filter(|key| key.len() >= LEAST_HIDDEN).collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
        keys.into_iter().fold(text.to_owned(), |text, key| text.replace(key.as_str(), "…"))
    }
}

/// Whether every file that a channel names can be used, and what is in it is what it should be.
pub(super) fn check(channel: &ChannelConfig) -> Result<(), Error> {
    let wrong = |key: &str, why: String| {
        Error::Refused(format!("channel {:?}: `{key}`: {why}", channel.name))
    };
    let mut keys = Keys::default();
    for (key, path) in files(&channel.kind) {
        let used = match key {
            "url_file" => keys.url(path),
            _ => keys.read(path),
        };
        let text = used.map_err(|failure| wrong(key, failure.why))?;
        if key == "topic_file" && !is_topic(&text) {
            let why = format!("what is in {} is no topic", path.display());
            return Err(wrong(key, why));
        }
    }
    if let Some(path) = ca_file(&channel.kind) {
        crate::tls::trusting(Some(path)).map_err(|why| wrong("ca_file", why))?;
    }
    Ok(())
}

/// The files of secrets, and the keys that name them.
fn files(kind: &ChannelKind) -> Vec<(&str, &PathBuf)> {
    match kind {
        ChannelKind::Email(email) => named([("password_file", email.password_file.as_ref())]),
        ChannelKind::Ntfy(ntfy) => named([
            ("topic_file", ntfy.topic_file.as_ref()),
            ("token_file", ntfy.token_file.as_ref()),
        ]),
        ChannelKind::Gotify(gotify) => vec![("token_file", &gotify.token_file)],
        ChannelKind::Telegram(bot) => vec![("token_file", &bot.token_file)],
        ChannelKind::Discord(discord) => vec![("url_file", &discord.url_file)],
        ChannelKind::Slack(slack) => vec![("url_file", &slack.url_file)],
        ChannelKind::Webhook(webhook) => {
            let mut files = named([("url_file", webhook.url_file.as_ref())]);
            files.extend(webhook.header_files.values().map(|path| ("header_files", path)));
            files
        }
        ChannelKind::Program(_) => Vec::new(),
    }
}

fn named<'a, const N: usize>(
    files: [(&'a str, Option<&'a PathBuf>); N],
) -> Vec<(&'a str, &'a PathBuf)> {
    files.into_iter().filter_map(|(key, path)| Some((key, path?))).collect()
}

fn ca_file(kind: &ChannelKind) -> Option<&Path> {
    match kind {
        ChannelKind::Email(email) => email.ca_file.as_deref(),
        ChannelKind::Ntfy(ntfy) => ntfy.ca_file.as_deref(),
        ChannelKind::Gotify(gotify) => gotify.ca_file.as_deref(),
        ChannelKind::Telegram(bot) => bot.ca_file.as_deref(),
        ChannelKind::Discord(discord) => discord.ca_file.as_deref(),
        ChannelKind::Slack(slack) => slack.ca_file.as_deref(),
        ChannelKind::Webhook(webhook) => webhook.ca_file.as_deref(),
        ChannelKind::Program(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out() {
        let keys = Keys(vec!["abcd".into(), "https://x/abcd/efgh".into(), "is".into()]);
        let text = "https://x/abcd/efgh is not abcd";
        assert_eq!(keys.hidden(text), "… is not …");
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_read_is_no_secret() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let allow = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        std::fs::write(&path, "https://example.com/secret/way\nmore").unwrap();
        allow(0o640);
        let mut keys = Keys::default();
        assert_eq!(keys.url(&path).unwrap(), "https://example.com/secret/way");
        assert_eq!(keys.hidden("GET /secret/way failed"), "GET /… failed");
        for mode in [0o644, 0o602] {
            allow(mode);
            let failure = keys.read(&path).unwrap_err();
            assert!(failure.why.contains("chmod o-rwx"), "{}", failure.why);
        }
        allow(0o600);
        for (text, why) in [("\n", "is empty"), ("not/an address", "no address")] {
            std::fs::write(&path, text).unwrap();
            let failure = keys.url(&path).unwrap_err();
            assert!(failure.why.contains(why) && !failure.why.contains("not/an"), "{failure:?}");
        }
    }
}
