//! Takes connections: within limits, with TLS or without, and hands them to the application.

use std::cell::RefCell;
use std::net::{IpAddr, TcpListener};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};
use std::{fmt, io};

use actix_http::{HttpService, Request, Response};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_factory, fn_service,
    map_config,
};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::gate::{Full, Gate, Limits, Place};
use crate::bill::Counted;
use crate::error::tell;

/// For a handshake, and again for the first line and the headers of a request.
const TO_BEGIN: Duration = Duration::from_secs(5);
/// A connection that asks for nothing more is closed.
const IDLE: Duration = Duration::from_secs(5);
/// Between two complaints about too many connections.
const COMPLAIN: Duration = Duration::from_mins(1);
/// Connections that were taken and not yet counted, at most.
const UNCOUNTED: u32 = 256;

/// Serves what `application` makes on `listener`: with TLS if that is given, and no more connections than
/// `limits` allow.
pub(super) fn server<F, I, S, B>(
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    limits: Limits,
    application: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    // One thread carries thousands of requests a second, and each wakes four times a second even when
    // there are none: on a Pi that is most of what an idle head costs.
    let builder = ServerBuilder::new()
        .workers(1)
        .disable_signals()
        .shutdown_timeout(2)
        .max_concurrent_connections(limits.all.saturating_add(UNCOUNTED) as usize);
    let stopping = builder.graceful_shutdown_signal();
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let door = Arc::new(Door { gate: Gate::new(limits), tls, complained: Mutex::default() });
    let services = move || {
        let stopping = stopping.clone();
        let application = application().into_factory();
        let application = application.map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .keep_alive(IDLE)
            .client_request_timeout(TO_BEGIN)
            // Idle connections must not hold up the end.
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|wire: &Wire, extensions| {
                extensions.insert(Arc::clone(&wire.place));
                extensions.insert(wire.afterwards.clone());
            })
            .h1(map_config(application, |()| AppConfig::default()));
        let door = Arc::clone(&door);
        fn_factory(move || {
            let (http, door) = (http.new_service(()), Arc::clone(&door));
            async move {
                let http = Rc::new(http.await?);
                Ok::<_, ()>(fn_service(move |stream: TcpStream| {
                    let (http, door) = (Rc::clone(&http), Arc::clone(&door));
                    async move {
                        let peer = stream.peer_addr()?;
                        // Both in boxes, as they are large and may be over long before the connection
                        // is.
                        let opening = Box::pin(door.open(stream, peer.ip()));
                        let Some(wire) = opening.await else { return Ok(()) };
                        let (place, afterwards) =
                            (Arc::clone(&wire.place), wire.afterwards.clone());
                        let serving = Box::pin(http.call((wire, Some(peer))));
                        tokio::select! {
                            // A connection that broke needs no words.
                            _ = serving => {}
                            () = place.is_needed() => return Ok(()),
                        }
                        if let Some(rest) = afterwards.begin() {
                            rest.await;
                        }
                        Ok::<_, io::Error>(())
                    }
                }))
            }
        })
    };
    Ok(builder.listen("headroom", listener, services)?.run())
}

/// Where connections come in.
struct Door {
    gate: Gate,
    tls: Option<TlsAcceptor>,
    complained: Mutex<Option<Instant>>,
}

impl Door {
    /// Greets who comes from `address`; `None` if that came to nothing.
    async fn open(&self, stream: TcpStream, address: IpAddr) -> Option<Wire> {
        let place = match self.gate.enter(address) {
            Ok(place) => Arc::new(place),
            Err(full) => {
                self.complain(full, address);
                return None;
            }
        };
        // Frames are written whole, so there is nothing to gather.
        stream.set_nodelay(true).ok();
        let Some(tls) = &self.tls else {
            return Some(Wire::new(Stream::Plain(Counted(stream)), place));
        };
        let handshake = async {
            if is_plain_http(&stream).await {
                refuse_plain_http(stream).await;
                return None;
            }
            tls.accept(Counted(stream)).await.ok()
        };
        tokio::select! {
            handshake = timeout(TO_BEGIN, handshake) => {
                let stream = Stream::Tls(Box::new(handshake.ok()??));
                Some(Wire::new(stream, Arc::clone(&place)))
            }
            () = place.is_needed() => None,
        }
    }

    fn complain(&self, full: Full, address: IpAddr) {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.is_some_and(|at| at.elapsed() < COMPLAIN) {
            return;
        }
        *complained = Some(Instant::now());
        match full {
            Full::Address => tell(format_args!(
                "refusing connections from {address}, which has too many \
                 (--max-connections-per-address)"
            )),
            Full::House => tell(format_args!(
                "refusing connections, such as from {address}: there are too many (--max-connections)"
            )),
        }
    }
}

/// Whether a request begins where a handshake should. Handshakes begin with 22.
async fn is_plain_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_uppercase()
}

/// Tells whoever forgot the s of https.
async fn refuse_plain_http(mut stream: TcpStream) {
    let body = r#"{"error":"this head is reached by https://"}"#;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    // What was asked is read, or the answer would be lost with a reset.
    stream.write_all(answer.as_bytes()).await.ok();
    stream.shutdown().await.ok();
    let mut rest = [0; 1024];
    for _ in 0..64 {
        if !matches!(tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await, Ok(1..)) {
            return;
        }
    }
}

/// A connection and its place, as the HTTP server has it.
pub(super) struct Wire {
    place: Arc<Place>,
    afterwards: Afterwards,
    /// Whether the answer was sent after which the connection goes on otherwise.
    answered: bool,
    reader: Option<Waker>,
}

/// A connection, in the clear or not.
pub(super) enum Stream {
    Plain(Counted<TcpStream>),
    Tls(Box<TlsStream<Counted<TcpStream>>>),
}

type Rest = dyn FnOnce(Stream) -> Pin<Box<dyn Future<Output = ()>>>;

/// What becomes of a connection that was upgraded: once the answer is sent, HTTP sees its end, and what
/// was left here goes on with it.
#[derive(Clone)]
pub(super) struct Afterwards(Rc<Inner>);

struct Inner {
    stream: RefCell<Option<Stream>>,
    rest: RefCell<Option<Box<Rest>>>,
}

impl Afterwards {
    /// To be called while the request is answered.
    pub(super) fn go_on<F: Future<Output = ()> + 'static>(
        &self,
        rest: impl FnOnce(Stream) -> F + 'static,
    ) {
        *self.0.rest.borrow_mut() = Some(Box::new(|stream| Box::pin(rest(stream))));
    }

    fn is_wanted(&self) -> bool {
        self.0.rest.borrow().is_some()
    }

    fn begin(self) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
        let rest = self.0.rest.take()?;
        Some(rest(self.0.stream.take()?))
    }
}

impl Wire {
    fn new(stream: Stream, place: Arc<Place>) -> Self {
        let inner = Inner { stream: RefCell::new(Some(stream)), rest: RefCell::default() };
        let afterwards = Afterwards(Rc::new(inner));
        Self { place, afterwards, answered: false, reader: None }
    }

    /// Does something with the stream, which is there for as long as HTTP has it.
    fn with<T>(
        &mut self,
        act: impl FnOnce(Pin<&mut Stream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut *self.afterwards.0.stream.borrow_mut() {
            Some(stream) => act(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answered {
            return Poll::Ready(Ok(()));
        }
        self.reader = Some(context.waker().clone());
        if self.afterwards.is_wanted() {
            // What comes now is not HTTP.
            return Poll::Pending;
        }
        self.with(|stream| stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.with(|stream| stream.poll_write(context, bytes)))?;
        // The head of an answer is written at once: nothing was sent before it.
        if self.afterwards.is_wanted() && written == bytes.len() {
            self.answered = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.answered {
            return Poll::Ready(Ok(()));
        }
        self.with(|stream| stream.poll_shutdown(context))
    }
}

/// Calls the method of the stream that is there.
macro_rules! of_stream {
    ($stream:ident, $method:ident($($argument:expr),*)) => {
        match $stream.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        of_stream!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        of_stream!(self, poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_stream!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_stream!(self, poll_shutdown(context))
    }
}
