//! The feed, over WebSockets, and what all WebSockets share.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, UPGRADE};
use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Closed, ProtocolError,
    Session,
};
use serde::Deserialize;
use shared::wire::{self, Encoding, FeedRequest};
use tokio::time::{Instant, interval, timeout};

use super::api::stopping;
use super::bounded::bounded;
use super::{Entrance, State, error, wrong_method};
use crate::head::Head;
use crate::head::feed::{FollowerId, Following, Frame, MOST_FOLLOWERS, View};

/// Bytes of one request at most.
const MOST_REQUEST: usize = 4096;
/// Between two pings.
const PING: Duration = Duration::from_secs(5);
pub(super) fn routes(config: &mut web::ServiceConfig) {
    let other = web::to(async || wrong_method("GET"));
    config.service(web::resource("/api/v1/feed").route(web::get().to(feed)).default_service(other));
}

/// A WebSocket that was just opened.
pub(super) struct Opened {
    pub(super) response: HttpResponse,
    pub(super) session: Session,
    pub(super) messages: AggregatedMessageStream,
    pub(super) encoding: Encoding,
}

/// Opens a WebSocket whose messages have at most `most` bytes; an error is the answer to a request
/// that wants none.
pub(super) async fn open(
    request: &HttpRequest,
    body: web::Payload,
    most: usize,
) -> actix_web::Result<Result<Opened, HttpResponse>> {
    let protocols = Encoding::ALL.map(Encoding::subprotocol);
    let body = bounded(request, body, most).await?;
    let Ok((response, session, messages)) =
        actix_ws::handle_with_protocols(request, body, &protocols)
    else {
        let message = format!("this is a WebSocket; connect with one of {}", protocols.join(", "));
        let mut response = error(StatusCode::UPGRADE_REQUIRED, message);
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Ok(Err(response));
    };
    let chosen = response.headers().get("Sec-WebSocket-Protocol");
    let encoding = Encoding::ALL
        .into_iter()
        .find(|encoding| chosen.is_some_and(|chosen| chosen == encoding.subprotocol()))
        .unwrap_or(Encoding::Json);
    let messages =
        messages.max_frame_size(most).aggregate_continuations().max_continuation_size(most);
    Ok(Ok(Opened { response, session, messages, encoding }))
}

/// What a follower asks for in the address.
#[derive(Default, Deserialize)]
struct Asked {
    view: Option<String>,
}

async fn feed(
    state: web::Data<State>,
    entrance: web::Data<Entrance>,
    asked: web::Query<Asked>,
    request: HttpRequest,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let view = match asked.view.as_deref() {
        None | Some("full") => View::Full,
        Some("overview") => View::Overview,
        Some(other) => {
            let message = format!("there is no view {other:?}; there are full and overview");
            return Ok(error(StatusCode::BAD_REQUEST, message));
        }
    };
    let Opened { response, session, messages, encoding } =
        match open(&request, body, MOST_REQUEST).await? {
            Ok(opened) => opened,
            Err(response) => return Ok(response),
        };
    let following = match state.head.follow(encoding, view).await {
        Ok(Some(following)) => following,
        Ok(None) => {
            let message = format!("{MOST_FOLLOWERS} follow this head already; close one of them");
            return Ok(error(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        Err(_) => return Ok(stopping()),
    };
    let change = state.viewers.change();
    let is_open = entrance.anonymous_read;
    // A new password ends what sessions from before it opened.
    let over = async move {
        change.await;
        if is_open {
            pending::<()>().await;
        }
    };
    let peer = Peer { session, encoding, patience: state.viewer_timeout };
    rt::spawn(talk(peer, messages, following, state.head.clone(), over));
    Ok(response)
}

/// Passes frames out and requests in, until one side ends it, or it is `over`.
async fn talk(
    mut peer: Peer,
    mut messages: AggregatedMessageStream,
    mut following: Following,
    head: Head,
    over: impl Future<Output = ()>,
) {
    let mut over = pin!(over);
    let mut ping = interval(PING);
    let mut last_sign = Instant::now();
    let end = loop {
        tokio::select! {
            frame = following.frames.recv() => {
                let Some(frame) = frame else {
                    break Some(reason(CloseCode::Away, "the head is stopping"));
                };
                if !peer.takes(frame).await {
                    break None;
                }
            }
            message = messages.recv() => {
                last_sign = Instant::now();
                match message {
                    Some(Ok(message)) => {
                        let taken = take(message, &mut peer, following.id, &head).await;
                        if let Err(end) = taken {
                            break end;
                        }
                    }
                    Some(Err(error)) => break Some(broken(&error, MOST_REQUEST)),
                    None => break None,
                }
            }
            () = &mut over => break Some(reason(CloseCode::Policy, "the password was changed; sign in again")),
            _ = ping.tick() => {
                if last_sign.elapsed() > peer.patience || !peer.is_there().await {
                    break None;
                }
            }
        }
    };
    // Its place is free for another, even while it is slow to take its leave.
    drop(following);
    timeout(peer.patience, peer.session.close(end)).await.ok();
}

/// The other side of a feed.
struct Peer {
    session: Session,
    encoding: Encoding,
    /// How long it may take nothing and say nothing. A page in the background, or behind a bad link,
    /// finds itself where it was.
    patience: Duration,
}

impl Peer {
    /// Whether it takes a frame, in time.
    async fn takes(&mut self, frame: Frame) -> bool {
        let sending = async {
            match frame {
                Frame::Text(text) => self.session.text(text).await,
                Frame::Binary(bytes) => self.session.binary(bytes).await,
            }
        };
        is_in_time(self.patience, sending).await
    }

    /// Asks for a sign of life; whether that could be asked.
    async fn is_there(&mut self) -> bool {
        is_in_time(self.patience, self.session.ping(b"")).await
    }
}

async fn is_in_time(patience: Duration, sending: impl Future<Output = Result<(), Closed>>) -> bool {
    matches!(timeout(patience, sending).await, Ok(Ok(())))
}

/// Takes one message; an error ends the connection.
async fn take(
    message: AggregatedMessage,
    peer: &mut Peer,
    follower: FollowerId,
    head: &Head,
) -> Result<(), Option<CloseReason>> {
    let request = match (message, peer.encoding) {
        (AggregatedMessage::Ping(bytes), _) => {
            let pong = is_in_time(peer.patience, peer.session.pong(&bytes)).await;
            return if pong { Ok(()) } else { Err(None) };
        }
        (AggregatedMessage::Pong(_), _) => return Ok(()),
        (AggregatedMessage::Close(reason), _) => return Err(reason),
        (AggregatedMessage::Text(text), Encoding::Json) => {
            wire::from_json::<FeedRequest>(text.as_bytes())
        }
        (AggregatedMessage::Binary(bytes), Encoding::Postcard) => wire::from_postcard(&bytes),
        (_, Encoding::Json) => {
            return Err(Some(reason(
                CloseCode::Unsupported,
                "requests here are JSON in text frames",
            )));
        }
        (_, Encoding::Postcard) => {
            return Err(Some(reason(
                CloseCode::Unsupported,
                "requests here are postcard in binary frames",
            )));
        }
    };
    match request {
        Ok(Some(request)) => head
            .request(follower, request)
            .await
            .map_err(|_| Some(reason(CloseCode::Away, "the head is stopping"))),
        // From a newer client: what it asks for is not known here.
        Ok(None) => Ok(()),
        Err(error) => Err(Some(reason(CloseCode::Invalid, &error.to_string()))),
    }
}

/// Why a connection that fails so is closed, where messages have at most `most` bytes.
pub(super) fn broken(error: &ProtocolError, most: usize) -> CloseReason {
    match error {
        ProtocolError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            reason(CloseCode::Invalid, "this text is not UTF-8")
        }
        // As Io come frames that are too large, one by one or together, and an end that nobody can
        // be told.
        ProtocolError::Overflow | ProtocolError::Io(_) => {
            reason(CloseCode::Size, &format!("a message has at most {most} bytes"))
        }
        error => reason(CloseCode::Protocol, &error.to_string()),
    }
}

/// A close frame holds 123 bytes of reason (RFC 6455 §5.5).
pub(super) fn reason(code: CloseCode, description: &str) -> CloseReason {
    let description = &description[..description.floor_char_boundary(123)];
    CloseReason { code, description: Some(description.into()) }
}
