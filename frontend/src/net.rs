//! The page's link to the head. The only module that touches the network.

use futures_util::future::{Either, select};
use futures_util::{SinkExt as _, StreamExt as _};
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::location;
use shared::backoff::Backoff;
use shared::wire::{
    Encoding, FeedMessage, FeedRequest, PROTOCOL, from_postcard, peek_snapshot, to_postcard,
};

/// The head sends something every second; silence for this long, in ms, is a broken link.
const SILENCE_MS: u32 = 3000;

/// What happens on the link.
pub(crate) enum Event {
    /// The head says something; the answer is what to ask it for.
    Message(FeedMessage),
    /// The head speaks another protocol. Nothing that it says can be trusted to mean what it seems
    /// to; only another page can read it.
    Foreign(u16),
    /// The link is down.
    Lost,
}

/// Follows the head's feed for as long as the page lives. After a loss it tries again by itself,
/// soon at first, and every few seconds at most. It ends with a head of another protocol.
pub(crate) async fn follow(mut heard: impl FnMut(Event) -> Vec<FeedRequest>) {
    let mut backoff = Backoff::new(500, 5000);
    loop {
        if let Some(mut socket) = open() {
            while let Some(event) = next(&mut socket).await {
                backoff.reset();
                let foreign = matches!(event, Event::Foreign(_));
                for request in heard(event) {
                    let Ok(bytes) = to_postcard(&request) else { continue };
                    if socket.send(Message::Bytes(bytes)).await.is_err() {
                        break;
                    }
                }
                if foreign {
                    return;
                }
            }
        }
        heard(Event::Lost);
        TimeoutFuture::new(backoff.next_ms(js_sys::Math::random())).await;
    }
}

fn open() -> Option<WebSocket> {
    let location = location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let url = format!("{scheme}://{}/api/v1/feed", location.host().ok()?);
    WebSocket::open_with_protocol(&url, Encoding::Postcard.subprotocol()).ok()
}

/// The next event, or `None` once the link is down or silent.
async fn next(socket: &mut WebSocket) -> Option<Event> {
    loop {
        let frame = match select(socket.next(), TimeoutFuture::new(SILENCE_MS)).await {
            Either::Left((Some(Ok(Message::Bytes(bytes))), _)) => bytes,
            Either::Left((Some(Ok(Message::Text(_))), _)) => continue,
            Either::Left((Some(Err(_)) | None, _)) | Either::Right(_) => return None,
        };
        match peek_snapshot(&frame) {
            Some((protocol, _)) if protocol != PROTOCOL => return Some(Event::Foreign(protocol)),
            _ => {}
        }
        match from_postcard(&frame) {
            Ok(Some(message)) => return Some(Event::Message(message)),
            // From a newer head: what it says is not known here.
            Ok(None) => {}
            // A frame that cannot be read may have changed anything: a new link brings a snapshot.
            Err(_) => return None,
        }
    }
}
