//! Makes answers about the past, a few at once, and passes them on as they are made.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use bytes::Bytes;
use futures_util::stream::unfold;
use shared::NodeId;
use shared::history::{Batch, Event};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::super::api::stopping;
use super::super::params::BadRequest;
use super::super::{State, error};
use crate::error::Seldom;
use crate::head::{AsOf, Head, HeadGone};
use crate::history::query::{BadQuery, Query};
use crate::history::tell::{self, Form, Listener, Past, Whom};
use crate::history::{Reader, StoreError};
use crate::keeper::{Archive, NoHistory};

/// Answers that are made at once, at most.
const MOST: usize = 4;
/// How long others wait for one of these to be done.
const WAIT: Duration = Duration::from_secs(2);
/// What those are told to wait who waited in vain, in s.
const RETRY_S: u32 = 5;
/// Pieces that are made ahead of the client.
const AHEAD: usize = 2;
/// How long a client may take for one.
const PATIENCE: Duration = Duration::from_mins(1);

/// Room for a few answers at once.
pub(in super::super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

impl Room {
    async fn enter(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let entering = Arc::clone(&self.0).acquire_owned();
        timeout(WAIT, entering).await.ok().and_then(Result::ok).ok_or(Failure::Busy)
    }
}

/// What is asked for.
pub(super) struct Wanted {
    /// Of which nodes; `None` is all.
    pub(super) nodes: Option<Vec<NodeId>>,
    /// Whether it is one node that is told also if there is nothing to tell.
    pub(super) is_alone: bool,
    pub(super) query: Query,
    pub(super) form: Form,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Failure {
    #[error("{MOST} questions about history are being answered already; try again in {RETRY_S} s")]
    Busy,
    #[error(transparent)]
    Request(#[from] BadRequest),
    #[error(transparent)]
    Query(#[from] BadQuery),
    #[error(transparent)]
    NoHistory(#[from] NoHistory),
    #[error(transparent)]
    HeadGone(#[from] HeadGone),
    #[error("there is no node {0:?}, and there was none; /api/v1/nodes lists those of today")]
    Unknown(String),
    #[error("it ended before it was done")]
    Ended,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        NoHistory::from(error).into()
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Request(_) | Self::Query(_) => StatusCode::BAD_REQUEST,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::NoHistory(NoHistory::Store(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::NoHistory(NoHistory::NotOpen) | Self::HeadGone(_) | Self::Ended => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        if matches!(self, Self::HeadGone(_) | Self::Ended) {
            return stopping();
        }
        if matches!(self, Self::NoHistory(NoHistory::Store(_))) {
            UNREAD.tell(self);
        }
        let mut response = error(self.status_code(), self.to_string());
        if matches!(self, Self::Busy) {
            response.headers_mut().insert(RETRY_AFTER, RETRY_S.into());
        }
        response
    }
}

/// That history cannot be read: it happens with each request then.
static UNREAD: Seldom = Seldom::new();

/// Does on a thread of its own what takes a while.
pub(super) async fn read<T: Send + 'static>(
    room: &Room,
    read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let place = room.enter().await?;
    let reading = spawn_blocking(move || {
        let _place = place;
        read()
    });
    reading.await.unwrap_or(Err(Failure::Ended))
}

/// The past as the head has it: on disk, and not yet there.
pub(super) struct Live {
    head: Head,
    archive: Archive,
    runtime: Handle,
}

impl Past for Live {
    type Error = Failure;

    fn recent(&self, node: &NodeId) -> Result<Vec<Batch>, Failure> {
        Ok(self.runtime.block_on(self.head.unsaved(node.clone()))?)
    }

    fn recent_events(&self) -> Result<Vec<Event>, Failure> {
        Ok(self.runtime.block_on(self.head.events())?)
    }

    fn read(&self) -> Result<Reader, Failure> {
        Ok(self.archive.read()?)
    }
}

impl Live {
    /// That of this head. Only where a runtime is.
    pub(super) fn of(state: &State) -> Self {
        let runtime = Handle::current();
        Self { head: state.head.clone(), archive: state.archive.clone(), runtime }
    }

    /// Makes an answer. What is left at the end is returned; `None` if nobody wants it any more.
    fn tell(&self, wanted: Wanted, to: &mut Pieces) -> Result<Option<Vec<u8>>, Failure> {
        let Wanted { nodes, is_alone, query, form } = wanted;
        let reader = self.read()?;
        let plan = query.plan(&reader)??;
        let nodes = self.nodes(nodes, &reader)?;
        // It would keep what is old from being thrown away.
        drop(reader);
        let whom = match nodes {
            mut one if is_alone => one.pop().map_or_else(|| Whom::Each(one), Whom::One),
            nodes => Whom::Each(nodes),
        };
        tell::tell(self, &plan, &whom, form, to)
    }

    /// Those of whom there may be something, in the order of their ids.
    fn nodes(&self, named: Option<Vec<NodeId>>, reader: &Reader) -> Result<Vec<NodeId>, Failure> {
        let mut known = reader.nodes()?;
        if named.as_ref().is_none_or(|named| named.iter().any(|node| !known.contains(node))) {
            let AsOf { of: live, .. } = self.runtime.block_on(self.head.nodes())?;
            known.extend(live.into_iter().map(|node| node.state.id));
        }
        let Some(named) = named else {
            known.sort_unstable();
            known.dedup();
            return Ok(known);
        };
        match named.iter().find(|node| !known.contains(node)) {
            Some(node) => Err(Failure::Unknown(node.to_string())),
            None => Ok(named),
        }
    }
}

/// Where pieces go.
pub(super) struct Pieces {
    pieces: mpsc::Sender<Bytes>,
    runtime: Handle,
}

impl Listener for Pieces {
    fn take(&mut self, piece: Vec<u8>) -> ControlFlow<()> {
        let taken = async { timeout(PATIENCE, self.pieces.send(piece.into())).await };
        match self.runtime.block_on(taken) {
            Ok(Ok(())) => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }

    fn is_there(&self) -> bool {
        !self.pieces.is_closed()
    }
}

/// Tells what is asked for.
pub(super) async fn answer(
    state: &State,
    room: &Room,
    request: &HttpRequest,
    wanted: Wanted,
) -> Result<HttpResponse, Failure> {
    let live = Live::of(state);
    let kind = wanted.form.media_type();
    stream(room, request, kind, move |to| live.tell(wanted, to)).await
}

/// Answers what `work` makes, on a thread of its own: in one piece if it is short, and else as it is made.
/// It returns what is left at the end, or nothing if nobody wants it any more.
pub(super) async fn stream(
    room: &Room,
    request: &HttpRequest,
    media_type: &'static str,
    work: impl FnOnce(&mut Pieces) -> Result<Option<Vec<u8>>, Failure> + Send + 'static,
) -> Result<HttpResponse, Failure> {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Accept"))
        .insert_header((CONTENT_TYPE, media_type));
    if *request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let place = room.enter().await?;
    let (pieces, mut made) = mpsc::channel(AHEAD);
    let mut to = Pieces { pieces, runtime: Handle::current() };
    let making = spawn_blocking(move || {
        let _place = place;
        work(&mut to)
    });
    if let Some(first) = made.recv().await {
        let body = Body { first: Some(first), made, making: Some(making) };
        let pieces = unfold(body, async |mut body| Some((body.next().await?, body)));
        return Ok(response.streaming(Box::pin(pieces)));
    }
    let all = making.await.unwrap_or(Err(Failure::Ended))?;
    Ok(response.body(all.ok_or(Failure::Ended)?))
}

/// An answer on its way.
struct Body {
    first: Option<Bytes>,
    made: mpsc::Receiver<Bytes>,
    making: Option<JoinHandle<Result<Option<Vec<u8>>, Failure>>>,
}

impl Body {
    /// The next piece. After an error the connection ends in the middle, so that nobody takes a part for
    /// the whole.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(piece) = self.first.take() {
            return Some(Ok(piece));
        }
        if let Some(piece) = self.made.recv().await {
            return Some(Ok(piece));
        }
        match self.making.take()?.await.unwrap_or(Err(Failure::Ended)) {
            // An empty piece would end the body too early.
            Ok(Some(rest)) => (!rest.is_empty()).then(|| Ok(rest.into())),
            Ok(None) => Some(Err(io::ErrorKind::TimedOut.into())),
            Err(failure) => {
                UNREAD.tell(format_args!("an answer about history was broken off: {failure}"));
                Some(Err(io::Error::other(failure)))
            }
        }
    }
}
