//! Agents from afar, over WebSockets: each shows the token of its node, and is that node.

use std::time::Duration;

use actix_http::ws::Message;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, HeaderMap, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, USER_AGENT,
};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{CloseCode, CloseReason};
use serde_json::json;
use shared::NodeId;
use shared::wire::{self, AgentMessage, AgentRequest, Encoding, PROTOCOL, SILENCE_MS};
use tokio::time::{Instant, sleep_until, timeout};

use super::api::{condition, stopping};
use super::listen::{Afterwards, Stream};
use super::small::{Said, Small};
use super::socket::{Opened, broken, open, reason};
use super::{State, error, fresh, wrong_method};
use crate::head::{AgentLink, AsOf, HeadGone, NotTaken};
use crate::tokens::TokenRefusal;

/// Bytes of a message at most: a batch of readings, or a sweep, with room to spare.
const MOST_MESSAGE: usize = 256 * 1024;
/// Messages of one agent at most within [`RATE_SPAN`]: twenty readings a second, an outbox that is
/// emptied, and as much again.
const MOST_MESSAGES: u32 = 1000;
/// The time over which messages are counted.
const RATE_SPAN: Duration = Duration::from_secs(10);
/// An agent that takes nothing, or says nothing, for this long is gone.
const SILENCE: Duration = Duration::from_millis(SILENCE_MS as u64);

/// When an agent of another protocol may come back, in s.
const OTHER_PROTOCOL_S: u16 = 60;
/// Characters of what it speaks that are told.
const MOST_OFFERED: usize = 100;

/// The header in which an agent says on which machine it runs.
const MACHINE: &str = "X-Headroom-Machine";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let other = web::to(async || wrong_method("GET"));
    let agent = web::get().to(agent);
    config.service(web::resource("/api/v1/agent").route(agent).default_service(other));
}

async fn agent(
    state: web::Data<State>,
    request: HttpRequest,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let id = match admit(&state, request.headers()).await {
        Ok(id) => id,
        Err(response) => return Ok(response),
    };
    let accepts = request.headers().get(ACCEPT);
    if accepts.is_some_and(|accepts| accepts == "application/json") {
        return Ok(seat(&state, id).await);
    }
    if let Some(others) = others_only(request.headers()) {
        return Ok(other_protocol(&state, id, &others).await);
    }
    let Opened { response, encoding, .. } = match open(&request, body, MOST_MESSAGE).await? {
        Ok(opened) => opened,
        Err(response) => return Ok(response),
    };
    let Some(afterwards) = request.conn_data::<Afterwards>() else { return Ok(stopping()) };
    let Ok(link) = state.head.connect(Some(id)).await else { return Ok(stopping()) };
    afterwards.go_on(move |stream| talk(Small::new(stream, MOST_MESSAGE), link, encoding));
    Ok(response)
}

/// Which node a request speaks for, or the answer that turns it away.
async fn admit(state: &State, headers: &HeaderMap) -> Result<NodeId, HttpResponse> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let Some(token) = text(AUTHORIZATION.as_str()).and_then(|text| text.strip_prefix("Bearer "))
    else {
        let message = "an agent shows its token as `Authorization: Bearer hrt_…`";
        return Err(error(StatusCode::UNAUTHORIZED, message));
    };
    let machine = text(MACHINE).unwrap_or_default();
    let version = text(USER_AGENT.as_str()).and_then(|text| text.strip_prefix("headroom/"));
    let now_ms = crate::clock::unix_ms();
    let refusal = match state.tokens.admit(token.trim(), machine, version, now_ms) {
        Ok(id) => return Ok(id),
        Err(refusal) => refusal,
    };
    let status = match &refusal {
        TokenRefusal::Unknown => StatusCode::UNAUTHORIZED,
        TokenRefusal::OtherMachine(id) => {
            // A head that is gone says so in its own way.
            state.head.refused(id.clone(), refusal.to_string()).await.ok();
            StatusCode::FORBIDDEN
        }
        TokenRefusal::NoMachine => StatusCode::FORBIDDEN,
    };
    Err(error(status, refusal.to_string()))
}

/// The subprotocols that an agent offers, if this head speaks none of them. One that offers none speaks
/// JSON.
fn others_only(headers: &HeaderMap) -> Option<String> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    let offered: Vec<&str> = offered.flat_map(|value| value.split(',')).map(str::trim).collect();
    let is_spoken = |name: &&str| Encoding::ALL.iter().any(|one| one.subprotocol() == *name);
    (!offered.is_empty() && !offered.iter().any(is_spoken)).then(|| offered.join(", "))
}

/// The answer to an agent of another protocol, which is shown as refused.
async fn other_protocol(state: &State, id: NodeId, offered: &str) -> HttpResponse {
    let offered: String = offered.chars().filter(|c| !c.is_control()).take(MOST_OFFERED).collect();
    let why = format!(
        "the agent of node {id} speaks {offered}, this head (Headroom {}) protocol {PROTOCOL}; upgrade the \
         older of them",
        env!("CARGO_PKG_VERSION")
    );
    // A head that is gone says so in its own way.
    state.head.refused(id, why.clone()).await.ok();
    let mut response = error(StatusCode::UPGRADE_REQUIRED, why);
    response.headers_mut().insert(RETRY_AFTER, OTHER_PROTOCOL_S.into());
    response
}

/// What an agent is told that only asks whether it would be let in: which node it is, and how that stands.
async fn seat(state: &State, id: NodeId) -> HttpResponse {
    let word = match state.head.detail(id.clone()).await {
        Ok(Some(AsOf { now_ms, of })) => Some(condition(&of, now_ms).0.name()),
        Ok(None) => None,
        Err(HeadGone) => return stopping(),
    };
    fresh(&json!({ "node": id, "state": word }))
}

/// How a link ended.
struct End {
    reason: Option<CloseReason>,
    /// Whether the agent took its leave.
    stopped: bool,
}

impl End {
    fn because(code: CloseCode, why: &str) -> Self {
        Self { reason: Some(reason(code, why)), stopped: false }
    }

    fn broken() -> Self {
        Self { reason: None, stopped: false }
    }
}

/// Passes reports in and requests out, until one side ends it.
async fn talk(mut agent: Small<Stream>, mut link: AgentLink, encoding: Encoding) {
    let mut silent_at = Instant::now() + SILENCE;
    let mut rate = Rate::new(Instant::now());
    let end = loop {
        tokio::select! {
            request = link.next() => {
                let Ok(request) = request else {
                    break End::because(CloseCode::Away, "this link is no longer served");
                };
                if !is_sent(&mut agent, &request, encoding).await {
                    break End::broken();
                }
                if let AgentRequest::Refused { why, .. } = request {
                    break End::because(CloseCode::Policy, &why);
                }
            }
            message = agent.next() => {
                let now = Instant::now();
                silent_at = now + SILENCE;
                let message = match message {
                    Some(Ok(message)) => message,
                    Some(Err(error)) => {
                        let reason = Some(broken(&error, MOST_MESSAGE));
                        break End { reason, stopped: false };
                    }
                    None => break End::broken(),
                };
                if !rate.allows(now) {
                    break End::because(CloseCode::Policy, "too many messages; see --period-ms");
                }
                if let Err(end) = take(message, &mut agent, &mut link, encoding).await {
                    break end;
                }
            }
            () = sleep_until(silent_at) => break End::broken(),
        }
    };
    link.leave(end.stopped).await;
    timeout(SILENCE, agent.close(end.reason)).await.ok();
}

/// Whether an agent takes a request, in time.
async fn is_sent(agent: &mut Small<Stream>, request: &AgentRequest, encoding: Encoding) -> bool {
    let message = match encoding {
        Encoding::Json => wire::to_json(request).map(|text| Message::Text(text.into())),
        Encoding::Postcard => wire::to_postcard(request).map(|bytes| Message::Binary(bytes.into())),
    };
    let Ok(message) = message else { return false };
    matches!(timeout(SILENCE, agent.send(message)).await, Ok(Ok(())))
}

/// Takes one message; an error ends the link.
async fn take(
    message: Said,
    agent: &mut Small<Stream>,
    link: &mut AgentLink,
    encoding: Encoding,
) -> Result<(), End> {
    let report = match (message, encoding) {
        (Said::Ping(bytes), _) => {
            let pong = timeout(SILENCE, agent.send(Message::Pong(bytes))).await;
            return if matches!(pong, Ok(Ok(()))) { Ok(()) } else { Err(End::broken()) };
        }
        (Said::Pong, _) => return Ok(()),
        (Said::Close(reason), _) => {
            let stopped = reason
                .as_ref()
                .is_some_and(|reason| matches!(reason.code, CloseCode::Away | CloseCode::Normal));
            return Err(End { reason, stopped });
        }
        (Said::Text(text), Encoding::Json) => wire::from_json::<AgentMessage>(&text),
        (Said::Binary(bytes), Encoding::Postcard) => wire::from_postcard(&bytes),
        (_, Encoding::Json | Encoding::Postcard) => {
            let why = "JSON goes in text frames, postcard in binary ones";
            return Err(End::because(CloseCode::Unsupported, why));
        }
    };
    let sent = match report {
        Ok(Some(report)) => link.send(report).await,
        // From a newer agent: what it says is not known here.
        Ok(None) => Ok(()),
        Err(error) => return Err(End::because(CloseCode::Invalid, &error.to_string())),
    };
    sent.map_err(|error| match error {
        NotTaken::Gone(_) => End::because(CloseCode::Away, "the head is stopping"),
        NotTaken::Bad(error) => End::because(CloseCode::Invalid, &error.to_string()),
    })
}

/// Counts messages over [`RATE_SPAN`].
struct Rate {
    since: Instant,
    count: u32,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    fn allows(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= RATE_SPAN {
            *self = Self::new(now);
        }
        self.count += 1;
        self.count <= MOST_MESSAGES
    }
}
