//! One request to a service, and what its answer means.
//!
//! Nothing is followed elsewhere: a redirect is an answer like any other, and what was sent with the
//! request goes to no other server.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use awc::error::{ConnectError, SendRequestError};
use awc::{Client, Connector};
use tokio::time::timeout;

use super::words::clean;
use crate::{secrets, tls};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of an answer at most: more is not read.
const MOST_ANSWER: usize = 64 << 10;
/// Characters of what a service says is wrong.
const MOST_SAID: usize = 200;
/// A service that says when to come back is believed up to here.
const MOST_WAIT: Duration = Duration::from_hours(1);

/// Why a message was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// In a sentence for people. Holds no secret.
    pub(super) why: String,
    /// What is to be done.
    pub(super) then: Then,
}

/// What is to be done about a message that was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It may go the next time, not before so long.
    Again(Duration),
    /// Somebody has to change something first; it may go then.
    Slowly,
    /// The service will never take it.
    Never,
}

impl Failure {
    pub(super) fn again(why: impl Into<String>) -> Self {
        Self { why: why.into(), then: Then::Again(Duration::ZERO) }
    }

    pub(super) fn slowly(why: impl Into<String>) -> Self {
        Self { why: why.into(), then: Then::Slowly }
    }

    pub(super) fn never(why: impl Into<String>) -> Self {
        Self { why: why.into(), then: Then::Never }
    }
}

/// What is posted.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) timeout: Duration,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Sends it. An answer is whatever is one; its status may be anything.
pub(super) async fn ask(request: Request) -> Result<Answer, Failure> {
    let limit = request.timeout;
    let late = |_| Failure::again(format!("it gives no answer within {} s", limit.as_secs()));
    timeout(limit, send(request)).await.map_err(late)?
}

async fn send(request: Request) -> Result<Answer, Failure> {
    let is_secure = request.url.starts_with("https://");
    let ca_file = request.ca_file.clone();
    let connector = Connector::new().timeout(CONNECT).handshake_timeout(CONNECT);
    let connector = if is_secure {
        // Read anew each time: certificates are renewed while this goes on. Not on the thread of all.
        let trusted = tokio::task::spawn_blocking(move || tls::trusting(ca_file.as_deref()));
        let trusted = trusted.await.map_err(|_| Failure::again("it was broken off"))?;
        connector.rustls_0_23(Arc::new(trusted.map_err(Failure::slowly)?))
    } else {
        connector.rustls_0_23(Arc::new(tls::pinned(&[])))
    };
    let client = Client::builder()
        .connector(connector)
        .disable_timeout()
        .disable_redirects()
        .no_default_headers()
        .add_default_header(("User-Agent", concat!("headroom/", env!("CARGO_PKG_VERSION"))))
        .finish();
    let mut ask = client.request(request.method, &request.url).force_close();
    for (name, value) in request.headers {
        // What is not a header is none of the settings, which were checked, but of a file.
        let wrong = || Failure::slowly(format!("the value of the header {name} cannot be sent"));
        let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        let name = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        ask = ask.insert_header((name, value));
    }
    ask = ask.insert_header((CONTENT_TYPE, request.content_type));
    let mut answer = ask.send_body(request.body).await.map_err(|error| unreachable_as(&error))?;
    let retry_after =
        answer.headers().get(RETRY_AFTER).and_then(|value| wait(value.to_str().ok()?));
    let status = answer.status();
    // The status says it all: what follows only explains it.
    let body = answer.body().limit(MOST_ANSWER).await.map(Into::into).unwrap_or_default();
    Ok(Answer { status, retry_after, body })
}

/// `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
fn wait(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Why nothing came back.
fn unreachable_as(error: &SendRequestError) -> Failure {
    let why = match error {
        SendRequestError::Timeout | SendRequestError::Connect(ConnectError::Timeout) => {
            return Failure::again("no connection was made in time");
        }
        SendRequestError::Connect(ConnectError::Io(error)) => {
            let mut text = error.to_string();
            if let Some(cause) = error.source() {
                text = format!("{text}: {cause}");
            }
            format!("it cannot be reached: {text}")
        }
        SendRequestError::Connect(ConnectError::Resolver(error)) => {
            format!("its name cannot be resolved: {error}")
        }
        SendRequestError::Connect(error) => format!("it cannot be reached: {error}"),
        SendRequestError::Url(_) => return Failure::slowly("its address is none"),
        other => format!("it broke off: {other}"),
    };
    Failure::again(clean(&why, MOST_SAID))
}

impl Answer {
    /// Whether the service took it; if not, what is to be done.
    pub(super) fn judge(self) -> Result<Self, Failure> {
        let status = self.status;
        if status.is_success() {
            return Ok(self);
        }
        let said = self.said();
        let why = if said.is_empty() {
            format!("it answers {status}")
        } else {
            format!("it answers {status}: {said}")
        };
        let then = match status.as_u16() {
            // Too often, too early, or not now.
            408 | 425 | 429 | 500..=599 => {
                let said = self.retry_after.or_else(|| self.said_wait());
                Then::Again(said.unwrap_or_default().min(MOST_WAIT))
            }
            // A token that is wrong or a topic that is not there can be mended.
            300..=399 | 401 | 403 | 404 | 407 | 410 => Then::Slowly,
            _ => Then::Never,
        };
        let why =
            if status.is_redirection() { why + "; name the address that it leads to" } else { why };
        Err(Failure { why, then })
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What the service says is wrong, in its words: each has another key for it.
    fn said(&self) -> String {
        let json = self.json();
        let of = |key: &str| json.as_ref()?.get(key)?.as_str().map(str::to_owned);
        let keys = ["description", "errorDescription", "message", "error"];
        let text = keys.into_iter().find_map(of);
        let is_plain = json.is_none() && !self.body.starts_with(b"<");
        let text = text.unwrap_or_else(|| {
            if is_plain { String::from_utf8_lossy(&self.body).into_owned() } else { String::new() }
        });
        clean(&text, MOST_SAID)
    }

    /// When to come back, where the body says it: Discord in `retry_after`, Telegram in
    /// `parameters.retry_after`, both in seconds.
    fn said_wait(&self) -> Option<Duration> {
        let json = self.json()?;
        let seconds =
            json.get("retry_after").or_else(|| json.get("parameters")?.get("retry_after"));
        Duration::try_from_secs_f64(seconds?.as_f64()?).ok()
    }
}

/// Parts of a form (RFC 7578).
pub(super) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    pub(super) fn new() -> Self {
        Self { boundary: secrets::hex(&secrets::random::<16>()), body: Vec::new() }
    }

    /// A part that is text.
    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.part(&format!("name=\"{name}\""), None, text.as_bytes())
    }

    /// A part that is a file. Names are the program's own.
    pub(super) fn file(self, name: &str, file: &str, kind: &str, bytes: &[u8]) -> Self {
        self.part(&format!("name=\"{name}\"; filename=\"{file}\""), Some(kind), bytes)
    }

    /// A part that is JSON.
    pub(super) fn json(self, name: &str, json: &serde_json::Value) -> Self {
        self.part(
            &format!("name=\"{name}\""),
            Some("application/json"),
            json.to_string().as_bytes(),
        )
    }

    fn part(mut self, names: &str, kind: Option<&str>, bytes: &[u8]) -> Self {
        let kind = kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
        let head =
            format!("--{}\r\nContent-Disposition: form-data; {names}\r\n{kind}\r\n", self.boundary);
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// Its type, and its bytes.
    pub(super) fn finish(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>, body: &str) -> Result<Answer, Failure> {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: retry_after.and_then(wait),
            body: body.into(),
        }
        .judge()
    }

    #[test]
    fn what_answers_mean() {
        answer(204, None, "").unwrap();
        for (status, after, body, then, why) in [
            (500, None, "", Then::Again(Duration::ZERO), "it answers 500 Internal Server Error"),
            (503, Some("7"), "", Then::Again(Duration::from_secs(7)), "503"),
            (429, Some("999999"), "", Then::Again(MOST_WAIT), "429"),
            (
                429,
                None,
                r#"{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":5}}"#,
                Then::Again(Duration::from_secs(5)),
                "Too Many Requests: Too Many Requests",
            ),
            (429, None, r#"{"retry_after":0.5}"#, Then::Again(Duration::from_millis(500)), "429"),
            (429, Some("-1"), r#"{"retry_after":-1}"#, Then::Again(Duration::ZERO), "429"),
            (401, None, r#"{"errorDescription":"no token"}"#, Then::Slowly, "no token"),
            (302, None, "<html>", Then::Slowly, "name the address"),
            (
                400,
                None,
                "invalid_payload",
                Then::Never,
                "it answers 400 Bad Request: invalid_payload",
            ),
            (413, None, r#"{"error":"too\nlarge"}"#, Then::Never, "too large"),
        ] {
            let failure = answer(status, after, body).unwrap_err();
            assert_eq!(failure.then, then, "{status} {body}");
            assert!(failure.why.contains(why), "{}", failure.why);
        }
    }

    #[test]
    fn a_date_says_when_to_come_back() {
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!((90..=100).contains(&wait(&date).unwrap().as_secs()));
        assert_eq!(wait("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn a_form_has_parts() {
        let (kind, body) =
            Form::new().text("a", "b").file("f", "x.png", "image/png", b"\x89").finish();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.png\"\r\n\
             Content-Type: image/png\r\n\r\n"
        );
        let body: Vec<u8> = body;
        assert!(body.starts_with(expected.as_bytes()));
        assert!(
            body.ends_with(format!("\u{0}--{boundary}--\r\n").replace('\0', "\r\n").as_bytes())
        );
    }
}
