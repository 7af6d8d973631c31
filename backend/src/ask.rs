//! Asks a head over HTTP, as scripts do.

mod agent;
mod found;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderValue, RETRY_AFTER, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::System;
use awc::{Client, ClientResponse, Connector};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use shared::forecast::Forecast;
use shared::{NodeFacts, NodeId, Sample};
use tokio::time::timeout;

use crate::config::{HeadArgs, TrustArgs};
use crate::error::{Error, tell};
use crate::table::plain;
use crate::{secrets, tls};

pub use agent::{NoSeat, Seat, seat};
pub use found::{here, place};

/// Bytes of an answer at most: ten thousand nodes.
const MOST_BYTES: usize = 64 << 20;
/// Bytes of a password at most.
const MOST_PASSWORD: usize = 1024;
const TIMEOUT: Duration = Duration::from_secs(10);
/// In the middle of a long answer nothing comes for so long at most.
const SILENCE: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct Nodes {
    now_ms: u64,
    nodes: Vec<Node>,
}

/// A node, as its head tells it.
#[derive(Deserialize)]
pub struct Node {
    /// Under which the head knows it.
    pub id: NodeId,
    /// `live`, `late`, `stale`…
    pub state: State,
    /// Since its last reading, in ms.
    pub age_ms: Option<u64>,
    /// What does not change.
    pub facts: NodeFacts,
    /// The last reading.
    pub sample: Option<Sample>,
    /// What is foreseen, by a head that does foresee.
    #[serde(default)]
    pub forecast: Option<Forecast>,
    /// The head's clock when it told this: ms since 1970.
    #[serde(skip)]
    pub now_ms: u64,
}

/// The state of a node in a word. A head of another version may know others than this one.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct State(String);

impl State {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for State {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_word = text.len() <= 20 && text.bytes().all(|b| b == b' ' || b.is_ascii_lowercase());
        if is_word { Ok(Self(text)) } else { Err(format!("{text:?} is no state")) }
    }
}

/// The last reading of a node, and its facts. `node` may be left out where the head has only one.
pub fn node(url: &str, of: &HeadArgs) -> Result<(Sample, NodeFacts), Error> {
    let found = choose(&mut Head::enter(url, &of.trust)?, of)?;
    let no_reading = || failed(url, format!("{} has given no reading yet", found.id));
    let sample = found.sample.ok_or_else(no_reading)?;
    Ok((sample, found.facts))
}

/// What the head tells at `/api/v1/nodes/{id}/{what}` of a node, chosen as in [`node`].
pub fn of_node<T: DeserializeOwned>(url: &str, of: &HeadArgs, what: &str) -> Result<T, Error> {
    let mut head = Head::enter(url, &of.trust)?;
    let id = choose(&mut head, of)?.id;
    head.get(&format!("/api/v1/nodes/{id}/{what}"))
}

/// Every node, or the one that is named.
pub fn nodes(url: &str, of: &HeadArgs) -> Result<Vec<Node>, Error> {
    let mut head = Head::enter(url, &of.trust)?;
    if of.node.is_some() {
        return Ok(vec![choose(&mut head, of)?]);
    }
    all(&mut head)
}

/// Every node that the head knows.
fn all(head: &mut Head<'_>) -> Result<Vec<Node>, Error> {
    let Nodes { now_ms, mut nodes } = head.get("/api/v1/nodes")?;
    for node in &mut nodes {
        node.now_ms = now_ms;
    }
    Ok(nodes)
}

fn choose(head: &mut Head<'_>, of: &HeadArgs) -> Result<Node, Error> {
    let mut nodes = all(head)?;
    let node = of.node.as_deref();
    let ids = |nodes: &[Node]| match nodes {
        [] => "it has none".to_owned(),
        // A page of names helps nobody.
        [..] => nodes.iter().take(20).map(|node| node.id.as_str()).collect::<Vec<_>>().join(", "),
    };
    let place = match node {
        Some(id) => nodes.iter().position(|node| node.id.as_str() == id),
        None => (nodes.len() == 1).then_some(0),
    };
    match place {
        Some(place) => Ok(nodes.swap_remove(place)),
        None => Err(Error::WhichNode {
            head: head.url.into(),
            node: node.map(Into::into),
            ids: ids(&nodes),
        }),
    }
}

/// A head that answers.
pub struct Head<'a> {
    url: &'a str,
    tls: Arc<rustls::ClientConfig>,
    session: Option<HeaderValue>,
}

/// What a head answered.
struct Answer {
    status: StatusCode,
    session: Option<HeaderValue>,
    retry_after: Option<String>,
    body: Vec<u8>,
}

impl<'a> Head<'a> {
    /// Signs in, if there is a password to do so with.
    pub fn enter(url: &'a str, of: &TrustArgs) -> Result<Self, Error> {
        let is_secure = url.starts_with("https://");
        if is_secure && of.fingerprint.is_none() {
            let text = "for https:// say with --fingerprint which certificate is the head's; the head \
                        prints it when it starts";
            return Err(Error::Refused(text.into()));
        }
        if !is_secure && of.fingerprint.is_some() {
            let text =
                format!("{url:?} shows no certificate for --fingerprint to check; write https://");
            return Err(Error::Refused(text));
        }
        let tls = Arc::new(tls::pinned(of.fingerprint.as_slice()));
        let session = of.session.as_deref().and_then(|cookie| HeaderValue::from_str(cookie).ok());
        let mut head = Self { url: url.trim_end_matches('/'), tls, session };
        if let Some(path) = &of.password_file {
            let password = secrets::first_line(path, MOST_PASSWORD).map_err(|error| {
                Error::Refused(format!("cannot read the password in {}: {error}", path.display()))
            })?;
            if !is_secure {
                tell(
                    "the password goes to the head as it is, for all to see who listen: no https://",
                );
            }
            let login = json!({ "password": password });
            let answer = head.ask(Method::POST, "/api/v1/login", Some(&login))?;
            if answer.status != StatusCode::NO_CONTENT {
                return Err(head.refused(&answer));
            }
            head.session = answer.session;
        }
        Ok(head)
    }

    /// What it tells at `path`.
    pub fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Error> {
        let answer = self.ask(Method::GET, path, None)?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(&answer));
        }
        self.read(&answer)
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Error> {
        let no_head = |error| failed(self.url, format!("this is not what a head answers: {error}"));
        serde_json::from_slice(&answer.body).map_err(no_head)
    }

    /// What it answers to a question in words of whoever runs the command.
    pub fn question<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Error> {
        let answer = self.ask(Method::GET, path, None)?;
        if answer.status != StatusCode::OK {
            return Err(self.refused_question(&answer));
        }
        self.read(&answer)
    }

    /// What it answers to what is `told` at `path`; also that it will not do that, if it says so in the
    /// same form.
    pub fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        told: &serde_json::Value,
    ) -> Result<T, Error> {
        let answer = self.ask(Method::POST, path, Some(told))?;
        let read = match answer.status {
            StatusCode::OK | StatusCode::CONFLICT => serde_json::from_slice(&answer.body).ok(),
            _ => None,
        };
        read.ok_or_else(|| self.refused_question(&answer))
    }

    /// Has it do away with what is at `path`.
    pub fn delete(&mut self, path: &str) -> Result<(), Error> {
        let answer = self.ask(Method::DELETE, path, None)?;
        if answer.status.is_success() { Ok(()) } else { Err(self.refused(&answer)) }
    }

    /// Passes on what it tells at `path`, however much that is, as it comes.
    pub fn fetch(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let url = format!("{}{path}", self.url);
        System::new().block_on(async {
            let mut answer = self.send(Method::GET, &url, None).await?;
            if answer.status() != StatusCode::OK {
                return Err(self.refused(&self.whole(answer).await?));
            }
            loop {
                let next = timeout(SILENCE, answer.next()).await;
                let next = next.map_err(|_| failed(self.url, "it says no more".into()))?;
                let Some(piece) = next else { return Ok(()) };
                take(&piece.map_err(|error| {
                    failed(self.url, format!("it broke off its answer: {}", causes(&error)))
                })?)?;
            }
        })
    }

    fn refused(&self, answer: &Answer) -> Error {
        let said: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let said = said.as_ref().and_then(|said| said["error"].as_str()).unwrap_or_default();
        let mut reason = format!("{}: {}", answer.status, plain(said));
        if answer.status == StatusCode::UNAUTHORIZED && self.session.is_none() {
            reason += " (--password-file)";
        }
        if let Some(seconds) = answer.retry_after.as_ref().and_then(|text| text.parse::<u64>().ok())
        {
            reason = format!("{reason} (in {seconds} s)");
        }
        failed(self.url, reason)
    }

    /// The same of a question whose words are those of whoever runs the command: if they are wrong, so is
    /// how it was run.
    fn refused_question(&self, answer: &Answer) -> Error {
        let said: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        match said.as_ref().and_then(|said| said["error"].as_str()) {
            Some(said) if answer.status == StatusCode::BAD_REQUEST => {
                Error::Refused(plain(said).into_owned())
            }
            _ => self.refused(answer),
        }
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        told: Option<&serde_json::Value>,
    ) -> Result<Answer, Error> {
        let url = format!("{}{path}", self.url);
        System::new().block_on(async { self.whole(self.send(method, &url, told).await?).await })
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        told: Option<&serde_json::Value>,
    ) -> Result<ClientResponse, Error> {
        let mut request = self.client().request(method, url);
        if let Some(session) = &self.session {
            request = request.insert_header((COOKIE, session.clone()));
        }
        let sent = match told {
            Some(told) => request.send_json(told).await,
            None => request.send().await,
        };
        sent.map_err(|error| failed(self.url, causes(&error)))
    }

    fn client(&self) -> Client {
        let connector = Connector::new().rustls_0_23(Arc::clone(&self.tls));
        Client::builder().connector(connector).timeout(TIMEOUT).finish()
    }

    async fn whole(&self, mut answer: ClientResponse) -> Result<Answer, Error> {
        let body = answer.body().limit(MOST_BYTES).await;
        let body = body.map_err(|error| failed(self.url, causes(&error)))?;
        let header = |name| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
        let session = header(SET_COOKIE).and_then(|cookie| {
            HeaderValue::from_str(cookie.split(';').next().unwrap_or_default()).ok()
        });
        Ok(Answer {
            status: answer.status(),
            session,
            retry_after: header(RETRY_AFTER),
            body: body.into(),
        })
    }
}

/// `text` as it stands in an address, in the value of a parameter.
#[must_use]
pub fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~,:".contains(&byte);
    let byte = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(byte).collect()
}

/// What went wrong, and why, as far as one cause does not repeat the other.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        cause = error.source();
    }
    text
}

fn failed(head: &str, reason: String) -> Error {
    Error::Ask { head: head.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_an_address_is_encoded() {
        assert_eq!(encoded("2026-01-01T00:00:00+01:00"), "2026-01-01T00:00:00%2B01:00");
        assert_eq!(encoded("a,b&c=ü"), "a,b%26c%3D%C3%BC");
    }

    #[test]
    fn a_state_is_a_word() {
        for word in ["live", "never seen"] {
            assert_eq!(State::try_from(word.to_owned()).unwrap().as_str(), word);
        }
        for wrong in ["\u{1b}[31mlive", "Live", "xxxxxxxxxxxxxxxxxxxxx"] {
            State::try_from(wrong.to_owned()).err().unwrap();
        }
    }
}
