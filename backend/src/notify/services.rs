//! What each service is sent, as its public documentation says.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::http::{Answer, Failure, Form, Request, ask};
use super::keys::Keys;
use super::letter::Letter;
use super::words::short;
use crate::config::{Discord, Gotify, Ntfy, Slack, Telegram, Webhook};
use shared::survey::Severity;

/// The name of the picture.
const FILE: &str = "timeline.png";
const PNG: &str = "image/png";
const JSON: &str = "application/json";
/// Characters that Telegram takes with a photo, and without one.
const TELEGRAM: [usize; 2] = [1024, 4096];
/// Characters that Discord takes.
const DISCORD: usize = 2000;
/// Bytes of a message that ntfy takes for one, not for a file; and of one that goes in an address.
const NTFY: [usize; 2] = [4000, 1400];

type Told = Result<Option<i64>, Failure>;

/// Publishes to a topic: JSON to the server's root; with a picture, the file to the topic, and the words as
/// parameters of the address, which unlike headers may hold anything. A later message of an incident takes
/// the place of the one before it where the server knows sequences (2.16 and newer).
///
/// <https://docs.ntfy.sh/publish/#publish-as-json>, `#attach-local-file`, `#list-of-all-parameters`,
/// `#updating-deleting-notifications`
pub(super) async fn ntfy(ntfy: &Ntfy, letter: &Letter, limit: Duration, keys: &mut Keys) -> Told {
    let topic = match (&ntfy.topic, &ntfy.topic_file) {
        (Some(topic), _) => topic.clone(),
        (None, Some(path)) => keys.read(path)?,
        (None, None) => return Err(Failure::slowly("it has no topic")),
    };
    let mut headers = Vec::new();
    if let Some(path) = &ntfy.token_file {
        headers.push(("Authorization".into(), format!("Bearer {}", keys.read(path)?)));
    }
    let severity = letter.severity();
    let priority = ntfy.priority.of(severity, [5, 4, 3]);
    let tag = match severity {
        Severity::Trouble => "rotating_light",
        Severity::Warning => "warning",
        Severity::Note if letter.entry.incident.over_ms.is_some() => "white_check_mark",
        Severity::Note => "information_source",
    };
    let server = ntfy.server.trim_end_matches('/');
    let title = &letter.words.title;
    let of_bytes = |most: usize| {
        let text = &letter.words.text;
        let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        text[..end.unwrap_or(0)].to_owned()
    };
    let mut request = request(server.into(), limit, ntfy.ca_file.as_ref());
    if let Some(picture) = &letter.picture {
        let priority = priority.to_string();
        let message = of_bytes(NTFY[1]);
        let mut query = vec![
            ("filename", FILE),
            ("title", title),
            ("message", &message),
            ("priority", &priority),
            ("tags", tag),
            ("sequence-id", &letter.thread_key),
        ];
        query.extend(letter.url().map(|url| ("click", url)));
        request.method = Method::PUT;
        request.url = format!("{server}/{topic}?{}", encoded(&query));
        (request.content_type, request.body) = (PNG.into(), picture.clone());
    } else {
        let mut json = json!({
            "topic": topic,
            "title": title,
            "message": of_bytes(NTFY[0]),
            "priority": priority,
            "tags": [tag],
            "sequence_id": letter.thread_key,
        });
        if let Some(url) = letter.url() {
            json["click"] = url.into();
        }
        request.url = format!("{server}/");
        request.body = json.to_string().into();
    }
    request.headers = headers;
    ask(request).await?.judge().map(|_| None)
}

/// Parameters of an address.
fn encoded(query: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (place, (name, value)) in query.iter().enumerate() {
        let and = if place == 0 { "" } else { "&" };
        // Writing to a String cannot fail.
        write!(text, "{and}{name}=").ok();
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(byte.into());
            } else {
                write!(text, "%{byte:02X}").ok();
            }
        }
    }
    text
}

/// Creates a message. Gotify takes no files, so there is no picture.
///
/// <https://gotify.net/docs/pushmsg>, <https://gotify.net/docs/msgextras>
pub(super) async fn gotify(
    gotify: &Gotify,
    letter: &Letter,
    limit: Duration,
    keys: &mut Keys,
) -> Told {
    let mut json = json!({
        "title": letter.words.title,
        "message": letter.words.text,
        "priority": gotify.priority.of(letter.severity(), [8, 5, 2]),
        "extras": { "client::display": { "contentType": "text/plain" } },
    });
    if let Some(url) = letter.url() {
        json["extras"]["client::notification"] = json!({ "click": { "url": url } });
    }
    let url = format!("{}/message", gotify.server.trim_end_matches('/'));
    let mut request = request(url, limit, gotify.ca_file.as_ref());
    request.headers.push(("X-Gotify-Key".into(), keys.read(&gotify.token_file)?));
    request.body = json.to_string().into();
    ask(request).await?.judge().map(|_| None)
}

/// Writes to a chat, without any markup. What continues an incident answers its first message.
///
/// <https://core.telegram.org/bots/api#sendmessage>, `#sendphoto`, `#replyparameters`
pub(super) async fn telegram(
    bot: &Telegram,
    letter: &Letter,
    limit: Duration,
    keys: &mut Keys,
) -> Told {
    let token = keys.read(&bot.token_file)?;
    let way = |what: &str| format!("{}/bot{token}/{what}", bot.server.trim_end_matches('/'));
    let reply = letter.thread.and_then(|thread| thread.reply_to).map(|message| {
        // One that was deleted is no reason to say nothing.
        json!({ "message_id": message, "allow_sending_without_reply": true })
    });
    let most = TELEGRAM[usize::from(letter.picture.is_none())];
    let address = letter.url().map(|url| format!("\n{url}")).unwrap_or_default();
    let room = most.saturating_sub(address.chars().count());
    let text = short(&letter.words.whole(None), room) + &address;
    let ask_for = if let Some(picture) = &letter.picture {
        let chat = match serde_json::to_value(&bot.chat_id) {
            Ok(Value::String(name)) => name,
            other => other.unwrap_or_default().to_string(),
        };
        let mut form = Form::new().text("chat_id", &chat).text("caption", &text);
        if let Some(reply) = reply {
            form = form.text("reply_parameters", &reply.to_string());
        }
        let mut request = request(way("sendPhoto"), limit, bot.ca_file.as_ref());
        (request.content_type, request.body) = form.file("photo", FILE, PNG, picture).finish();
        request
    } else {
        let mut json = json!({
            "chat_id": bot.chat_id,
            "text": text,
            "link_preview_options": { "is_disabled": true },
        });
        if let Some(reply) = reply {
            json["reply_parameters"] = reply;
        }
        let mut request = request(way("sendMessage"), limit, bot.ca_file.as_ref());
        request.body = json.to_string().into();
        request
    };
    let answer = ask(ask_for).await?.judge()?;
    Ok(answer.json().and_then(|json| json["result"]["message_id"].as_i64()))
}

/// Executes a webhook. Webhooks open no threads in ordinary channels, so the number of the incident tells
/// what belongs together. Nobody is mentioned, whatever a name says.
///
/// <https://docs.discord.com/developers/resources/webhook#execute-webhook>,
/// <https://docs.discord.com/developers/reference#uploading-files>
pub(super) async fn discord(
    discord: &Discord,
    letter: &Letter,
    limit: Duration,
    keys: &mut Keys,
) -> Told {
    let url = keys.url(&discord.url_file)?;
    // The answer then comes when the message is there, with an error if it is not.
    let and = if url.contains('?') { '&' } else { '?' };
    let mut request = request(format!("{url}{and}wait=true"), limit, discord.ca_file.as_ref());
    let address = letter.url().map(|url| format!("\n<{url}>")).unwrap_or_default();
    let title = format!("**{}**\n", for_discord(&letter.words.title, 600));
    let room = DISCORD.saturating_sub(title.chars().count() + address.chars().count());
    let content = title + &for_discord(&letter.words.text, room) + &address;
    let mut json = json!({ "content": content, "allowed_mentions": { "parse": [] } });
    if let Some(picture) = &letter.picture {
        json["attachments"] = json!([{ "id": 0, "filename": FILE }]);
        let form = Form::new().json("payload_json", &json);
        (request.content_type, request.body) = form.file("files[0]", FILE, PNG, picture).finish();
    } else {
        request.body = json.to_string().into();
    }
    ask(request).await?.judge().map(|_| None)
}

/// `text` as Discord shows it letter by letter, of `most` characters at most.
fn for_discord(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for c in text.chars() {
        let is_markup = "\\*_~`|>#-[]()<:@".contains(c);
        length += 1 + usize::from(is_markup);
        if length >= most {
            out.push('…');
            break;
        }
        if is_markup {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Posts to an incoming webhook. Its answer names no message, so nothing can be answered: the number of
/// the incident tells what belongs together. It takes no files.
///
/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>,
/// <https://docs.slack.dev/messaging/formatting-message-text> (what is escaped, and `mrkdwn`)
pub(super) async fn slack(
    slack: &Slack,
    letter: &Letter,
    limit: Duration,
    keys: &mut Keys,
) -> Told {
    let mut request = request(keys.url(&slack.url_file)?, limit, slack.ca_file.as_ref());
    let text = letter.words.whole(letter.url());
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let json = json!({ "text": text, "mrkdwn": false, "unfurl_links": false });
    request.body = json.to_string().into();
    ask(request).await?.judge().map(|_| None)
}

/// Posts what docs/channels.md describes. A receiver that keeps `Idempotency-Key` in mind takes nothing
/// twice.
pub(super) async fn webhook(
    webhook: &Webhook,
    letter: &Letter,
    limit: Duration,
    keys: &mut Keys,
) -> Told {
    let url = match (&webhook.url, &webhook.url_file) {
        (Some(url), _) => url.clone(),
        (None, Some(path)) => keys.url(path)?,
        (None, None) => return Err(Failure::slowly("it has no address")),
    };
    let mut request = request(url, limit, webhook.ca_file.as_ref());
    request.headers.push(("Idempotency-Key".into(), letter.key.clone()));
    for (name, value) in &webhook.headers {
        request.headers.push((name.clone(), value.clone()));
    }
    for (name, path) in &webhook.header_files {
        request.headers.push((name.clone(), keys.read(path)?));
    }
    request.body = letter.json().to_string().into();
    ask(request).await?.judge().map(|_: Answer| None)
}

/// A post of JSON.
fn request(url: String, timeout: Duration, ca_file: Option<&PathBuf>) -> Request {
    Request {
        method: Method::POST,
        url,
        headers: Vec::new(),
        content_type: JSON.into(),
        body: Vec::new(),
        ca_file: ca_file.cloned(),
        timeout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_hold_anything() {
        assert_eq!(encoded(&[("a", "x y&z\n"), ("b", "ü")]), "a=x%20y%26z%0A&b=%C3%BC");
    }

    #[test]
    fn discord_is_told_letters() {
        assert_eq!(for_discord("@everyone *x* <@1>", 99), "\\@everyone \\*x\\* \\<\\@1\\>");
        assert_eq!(for_discord("abcdef", 4), "abc…");
        for most in 1..20 {
            assert!(for_discord("**********", most).chars().count() <= most);
        }
    }
}
