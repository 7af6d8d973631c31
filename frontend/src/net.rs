//! The page's link to the head. The only module that touches the network.

mod call;
mod fetch;

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

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

pub(crate) use call::perform;
pub(crate) use fetch::{Refusal, bytes, text};

/// The head sends something every second; silence for this long, in ms, is a broken link.
const SILENCE_MS: u32 = 3000;
/// How often a page that may not read looks whether it may, in ms.
const ASK_AGAIN_MS: u32 = 250;

/// What happens on the link.
pub(crate) enum Event {
    /// The head says something.
    Message(Box<FeedMessage>),
    /// The head speaks another protocol. Nothing that it says can be trusted to mean what it seems
    /// to; only another page can read it.
    Foreign(u16),
    /// The link is down.
    Lost,
    /// The link could not be made, or said nothing.
    Unmade,
}

/// Requests that wait to be sent.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: RefCell<Vec<FeedRequest>>,
    sender: RefCell<Option<Waker>>,
}

impl Outbox {
    /// Adds requests, which are sent at once if there is a link.
    pub(crate) fn put(&self, requests: Vec<FeedRequest>) {
        self.waiting.borrow_mut().extend(requests);
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }

    /// Waits until there are some.
    async fn take(&self) -> Vec<FeedRequest> {
        poll_fn(|context| {
            let waiting = self.waiting.take();
            if waiting.is_empty() {
                self.sender.replace(Some(context.waker().clone()));
                return Poll::Pending;
            }
            Poll::Ready(waiting)
        })
        .await
    }
}

/// Follows the head's feed for as long as the page lives. After a loss it tries again by itself,
/// soon at first, and every few seconds at most; while `may_read` says no, it waits. It ends with a
/// head of another protocol.
pub(crate) async fn follow(
    outbox: &Outbox,
    may_read: impl Fn() -> bool,
    mut heard: impl FnMut(Event),
) {
    let mut backoff = Backoff::new(500, 5000);
    loop {
        // What was asked of a link that is lost is asked again when all is known anew.
        outbox.waiting.take();
        let mut end = Event::Unmade;
        if let Some(mut socket) = open() {
            while let Some(next) = next(&mut socket, outbox).await {
                let event = match next {
                    Next::Heard(event) => event,
                    Next::Ask(requests) => {
                        for request in requests {
                            let Ok(bytes) = to_postcard(&request) else { continue };
                            if socket.send(Message::Bytes(bytes)).await.is_err() {
                                break;
                            }
                        }
                        continue;
                    }
                };
                backoff.reset();
                end = Event::Lost;
                let foreign = matches!(event, Event::Foreign(_));
                heard(event);
                if foreign {
                    return;
                }
            }
        }
        heard(end);
        TimeoutFuture::new(backoff.next_ms(js_sys::Math::random())).await;
        while !may_read() {
            TimeoutFuture::new(ASK_AGAIN_MS).await;
        }
    }
}

fn open() -> Option<WebSocket> {
    let location = location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let url = [scheme, "://", &location.host().ok()?, "/api/v1/feed?view=overview"].concat();
    WebSocket::open_with_protocol(&url, Encoding::Postcard.subprotocol()).ok()
}

enum Next {
    Heard(Event),
    Ask(Vec<FeedRequest>),
}

/// What is to be done next, or `None` once the link is down or silent.
async fn next(socket: &mut WebSocket, outbox: &Outbox) -> Option<Next> {
    let mut silence = TimeoutFuture::new(SILENCE_MS);
    loop {
        let ask = std::pin::pin!(outbox.take());
        let frame = match select(socket.next(), select(ask, &mut silence)).await {
            Either::Left((Some(Ok(Message::Bytes(bytes))), _)) => bytes,
            Either::Left((Some(Ok(Message::Text(_))), _)) => continue,
            Either::Right((Either::Left((requests, _)), _)) => return Some(Next::Ask(requests)),
            Either::Left((Some(Err(_)) | None, _)) | Either::Right(_) => return None,
        };
        match peek_snapshot(&frame) {
            Some((protocol, _)) if protocol != PROTOCOL => {
                return Some(Next::Heard(Event::Foreign(protocol)));
            }
            _ => {}
        }
        match from_postcard(&frame) {
            Ok(Some(message)) => return Some(Next::Heard(Event::Message(Box::new(message)))),
            // From a newer head: what it says is not known here.
            Ok(None) => {}
            // A frame that cannot be read may have changed anything: a new link brings all anew.
            Err(_) => return None,
        }
    }
}
