//! A link while it lasts: messages go out, requests come in, and silence ends it.

use std::cell::Cell;
use std::io::ErrorKind;
use std::time::Duration;

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use shared::wire::{self, AgentMessage, AgentRequest, SIGN_MS, SILENCE_MS};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connect::Socket;
use super::status::Status;
use super::{End, QUEUE, RemoteLink};
use crate::config::HeadUrl;
use crate::probe::text;

/// How long the head may take to answer hello.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an agent that stops waits for the head to see it.
pub(super) const LEAVE: Duration = Duration::from_secs(2);
/// Characters of what the head says at the end that are shown.
const MOST_CHARS: usize = 300;

/// Gives the link to `links`, and serves it until it ends.
pub(super) async fn talk(
    socket: Socket<'_>,
    url: &HeadUrl,
    links: &mpsc::Sender<RemoteLink>,
    stop: watch::Receiver<bool>,
    status: &mut Status,
) -> End {
    let (messages, outgoing) = mpsc::channel(QUEUE);
    let (incoming, requests) = mpsc::channel(QUEUE);
    if links.send(RemoteLink { messages, requests }).await.is_err() {
        return End::Stopped;
    }
    let (sink, stream) = socket.split();
    let stopping = Cell::new(false);
    // Both run side by side: a head that takes nothing in may still be heard, and the other way round.
    let end = tokio::select! {
        end = speak(sink, outgoing, stop, &stopping) => end,
        end = listen(stream, incoming, url, status) => end,
    };
    if stopping.get() { End::Stopped } else { end }
}

/// Sends what is to be told, and a sign of life when there is nothing.
async fn speak(
    mut sink: impl Sink<Message, Error = Error> + Unpin,
    mut outgoing: mpsc::Receiver<AgentMessage>,
    mut stop: watch::Receiver<bool>,
    stopping: &Cell<bool>,
) -> End {
    let sign = Duration::from_millis(SIGN_MS.into());
    loop {
        let next = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            next = timeout(sign, outgoing.recv()) => next,
        };
        let frame = match next {
            Ok(Some(message)) => encoded(&message),
            // The agent's loop has ended.
            Ok(None) => break,
            Err(_) => Some(Message::Ping(Vec::new().into())),
        };
        if let Some(frame) = frame
            && let Err(error) = sink.send(frame).await
        {
            return End::Lost(error.to_string());
        }
    }
    stopping.set(true);
    let reason = CloseFrame { code: CloseCode::Away, reason: "the agent is stopping".into() };
    // Whatever fails now, it is over. The head answers, which the other side hears.
    while let Ok(message) = outgoing.try_recv() {
        if let Some(frame) = encoded(&message) {
            sink.feed(frame).await.ok();
        }
    }
    if sink.send(Message::Close(Some(reason))).await.is_ok() {
        sleep(LEAVE).await;
    }
    End::Stopped
}

fn encoded(message: &AgentMessage) -> Option<Message> {
    // Encoding into memory cannot fail.
    wire::to_postcard(message).ok().map(|bytes| Message::Binary(bytes.into()))
}

/// Hears what the head asks for, until it is silent for too long.
async fn listen(
    mut stream: impl Stream<Item = Result<Message, Error>> + Unpin,
    incoming: mpsc::Sender<AgentRequest>,
    url: &HeadUrl,
    status: &mut Status,
) -> End {
    let silence = Duration::from_millis(SILENCE_MS.into());
    let welcome_by = Instant::now() + WELCOME_TIMEOUT;
    let mut is_welcome = false;
    loop {
        let silent = Instant::now() + silence;
        let deadline = if is_welcome { silent } else { silent.min(welcome_by) };
        let frame = match timeout_at(deadline, stream.next()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(Error::Io(error)))) if error.kind() == ErrorKind::UnexpectedEof => {
                return End::Lost("the connection was closed".into());
            }
            Ok(Some(Err(error))) => return End::Lost(error.to_string()),
            Ok(None) => return End::Lost("the connection was closed".into()),
            Err(_) if is_welcome => {
                return End::Lost(format!("the head was silent for {} seconds", silence.as_secs()));
            }
            Err(_) => return End::Lost("the head does not answer hello".into()),
        };
        let request = match frame {
            Message::Binary(bytes) => match wire::from_postcard(&bytes) {
                Ok(Some(request)) => request,
                // A newer head may ask for what this agent does not know.
                Ok(None) => continue,
                Err(error) => return End::Lost(format!("the head sends nonsense: {error}")),
            },
            Message::Close(reason) => {
                let reason = reason.map_or_else(String::new, |reason| reason.reason.to_string());
                let reason = text::clean(&reason, MOST_CHARS);
                return End::Lost(match reason.as_str() {
                    "" => "the head closed the link".into(),
                    _ => format!("the head closed the link: {reason}"),
                });
            }
            // The library answers pings.
            _ => continue,
        };
        match request {
            AgentRequest::Refused { why, retry_ms } => {
                return End::Refused { why: text::clean(&why, MOST_CHARS), retry_ms };
            }
            request => {
                if let AgentRequest::Welcome(welcome) = &request {
                    is_welcome = true;
                    status.connected(url.as_str(), welcome.id.as_str());
                }
                if incoming.send(request).await.is_err() {
                    return End::Stopped;
                }
            }
        }
    }
}
