//! One connection to a head: TCP, TLS if the head has it, and a WebSocket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use headroom::tls::{Fingerprint, pinned};
use shared::wire::{self, Encoding, Message};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::counts::Counts;
use crate::frame::{self, Frame};

/// For connecting, each step of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The answer to an upgrade is no longer, in bytes.
const MOST_HEAD: usize = 16 * 1024;

/// Why there is no link, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ended {
    /// The head said why, and perhaps for how long.
    #[error("{why}")]
    Refused { why: String, retry_ms: u32 },
    /// It could not be reached, or the link broke.
    #[error("{0}")]
    Lost(String),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

fn lost(what: &str) -> Ended {
    Ended::Lost(what.to_owned())
}

/// The way to a head.
#[derive(Clone)]
pub(crate) struct Way {
    address: SocketAddr,
    /// As the URL says it, with the port.
    authority: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Way {
    /// Finds `http://HOST:PORT` or `https://HOST:PORT`. The error is a sentence.
    pub(crate) fn find(url: &str, fingerprint: Option<Fingerprint>) -> Result<Self, String> {
        let wrong = || format!("{url:?} is no address of a head, such as http://127.0.0.1:8080");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let authority = rest.trim_end_matches('/');
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(wrong()),
        };
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let host = port.map_or(authority, |port| {
            authority.strip_suffix(&format!(":{port}")).unwrap_or(authority)
        });
        let host = host.trim_matches(['[', ']']);
        let mut found = (host, port.unwrap_or(default))
            .to_socket_addrs()
            .map_err(|error| format!("{host}: {error}"))?;
        let address = found.next().ok_or_else(|| format!("{host} has no address"))?;
        let tls = if scheme == "https" {
            let fingerprint = fingerprint.ok_or_else(|| {
                format!("{url} speaks TLS: add --fingerprint, as the head prints it at its start")
            })?;
            let config: ClientConfig = pinned(&[fingerprint]);
            let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self { address, authority: authority.to_owned(), tls })
    }

    /// An address of its own for each of many clients of a head on this machine, as heads count
    /// connections by address; `None` where there is no choice.
    pub(crate) fn source(&self, index: usize) -> Option<IpAddr> {
        let [_, b, c, d] = (index as u32 + 1).to_be_bytes();
        (self.address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST))
            .then(|| Ipv4Addr::new(127, 64 + b, c, d).into())
    }
}

/// What a link is for.
pub(crate) struct Purpose<'a> {
    /// What is asked for, such as `/api/v1/agent`.
    pub(crate) path: &'a str,
    /// More lines of the request.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) encoding: Encoding,
    /// From which address.
    pub(crate) source: Option<IpAddr>,
    /// What the system may hold of what the head sends, in bytes; `None` leaves that to the system.
    pub(crate) receive_buffer: Option<u32>,
}

/// What comes from the head.
#[derive(Debug)]
pub(crate) enum Heard<M> {
    Message(M),
    /// A message of a kind that is not known here.
    Unknown,
    Ping(Vec<u8>),
    Pong,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A WebSocket to a head.
pub(crate) struct Link {
    io: Box<dyn Io>,
    encoding: Encoding,
    counts: Arc<Counts>,
    /// What has come; before `start` it is done with.
    inbox: Vec<u8>,
    start: usize,
    out: Vec<u8>,
    key: u32,
}

impl Link {
    pub(crate) async fn open(
        way: &Way,
        purpose: &Purpose<'_>,
        counts: &Arc<Counts>,
    ) -> Result<Self, Ended> {
        let connecting = timeout(PATIENCE, connect(way, purpose, counts)).await;
        let io = connecting.map_err(|_| lost("no connection in time"))??;
        let mut link = Self {
            io,
            encoding: purpose.encoding,
            counts: Arc::clone(counts),
            inbox: Vec::new(),
            start: 0,
            out: Vec::new(),
            key: 0x5eed,
        };
        let upgrade = timeout(PATIENCE, link.upgrade(way, purpose)).await;
        upgrade.map_err(|_| lost("no answer to the upgrade in time"))??;
        Ok(link)
    }

    async fn upgrade(&mut self, way: &Way, purpose: &Purpose<'_>) -> Result<(), Ended> {
        let (path, protocol) = (purpose.path, purpose.encoding.subprotocol());
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: {protocol}\r\n",
            way.authority
        );
        for (name, value) in purpose.headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request += "\r\n";
        self.io.write_all(request.as_bytes()).await?;
        self.io.flush().await?;
        let end = loop {
            if let Some(at) = self.inbox.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.inbox.len() > MOST_HEAD || self.io.read_buf(&mut self.inbox).await? == 0 {
                return Err(lost("no whole answer to the upgrade"));
            }
        };
        let head = String::from_utf8_lossy(&self.inbox[..end]).into_owned();
        self.start = end;
        if head.starts_with("HTTP/1.1 101 ") {
            return Ok(());
        }
        Err(self.refusal(&head).await)
    }

    /// What an answer says that is no upgrade.
    async fn refusal(&mut self, head: &str) -> Ended {
        let header = |name: &str| {
            head.lines().skip(1).find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let number = |name: &str| header(name).and_then(|value| value.parse::<usize>().ok());
        let length = number("content-length").unwrap_or(0).min(MOST_HEAD);
        while self.inbox.len() < self.start + length {
            if !matches!(self.io.read_buf(&mut self.inbox).await, Ok(1..)) {
                break;
            }
        }
        let status = head.split(' ').nth(1).unwrap_or_default();
        let body: Option<serde_json::Value> =
            serde_json::from_slice(&self.inbox[self.start..]).ok();
        let why = body.as_ref().and_then(|body| body["error"].as_str()).unwrap_or_default();
        let retry_ms = number("retry-after").unwrap_or(0).saturating_mul(1000) as u32;
        Ended::Refused { why: format!("{status}: {why}"), retry_ms }
    }

    /// Sends a message.
    pub(crate) async fn send<M: Message>(&mut self, message: &M) -> Result<(), Ended> {
        let bytes = self.encode(message);
        self.send_bytes(&bytes).await
    }

    /// `message` as it is sent.
    pub(crate) fn encode<M: Message>(&self, message: &M) -> Vec<u8> {
        let bytes = match self.encoding {
            Encoding::Json => wire::to_json(message).map(String::into_bytes),
            Encoding::Postcard => wire::to_postcard(message),
        };
        // All that is said here can be encoded.
        bytes.unwrap_or_default()
    }

    /// Sends the bytes of a message, whatever they are.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        Counts::add(&self.counts.payload_out, bytes.len());
        self.send_frame(self.kind(), bytes).await
    }

    /// The kind of frames that messages are sent in.
    pub(crate) fn kind(&self) -> u8 {
        match self.encoding {
            Encoding::Json => frame::TEXT,
            Encoding::Postcard => frame::BINARY,
        }
    }

    pub(crate) async fn send_frame(&mut self, kind: u8, payload: &[u8]) -> Result<(), Ended> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        // Masks are for proxies that take frames for HTTP; here they need only be there.
        self.key = self.key.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        frame::write(kind, payload, self.key, &mut out);
        let written = self.send_raw(&out).await;
        self.out = out;
        written
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.io.write_all(bytes).await?;
        Ok(self.io.flush().await?)
    }

    /// Waits for what comes next. It can be given up at any time, and nothing is lost.
    pub(crate) async fn receive<M: Message>(&mut self) -> Result<Heard<M>, Ended> {
        loop {
            let waiting = &self.inbox[self.start..];
            if let Some((Frame { kind, payload }, length)) =
                frame::read(waiting).map_err(|error| Ended::Lost(error.to_string()))?
            {
                self.start += length;
                return self.counts.heard(kind, payload, self.encoding);
            }
            if self.start > 0 {
                self.inbox.drain(..self.start);
                self.start = 0;
                if self.inbox.is_empty() {
                    // A roster is large, and thousands of these are open.
                    self.inbox.shrink_to(1024);
                }
            }
            if self.io.read_buf(&mut self.inbox).await? == 0 {
                return Err(lost("the head closed the connection"));
            }
        }
    }
}

impl Counts {
    fn heard<M: Message>(
        &self,
        kind: u8,
        payload: &[u8],
        encoding: Encoding,
    ) -> Result<Heard<M>, Ended> {
        let message = match (kind, encoding) {
            (frame::PING, _) => return Ok(Heard::Ping(payload.to_vec())),
            (frame::PONG, _) => return Ok(Heard::Pong),
            (frame::CLOSE, _) => {
                let why = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
                return Err(if why.is_empty() {
                    lost("the head ended the link")
                } else {
                    Ended::Refused { why: why.into_owned(), retry_ms: 0 }
                });
            }
            (frame::TEXT, Encoding::Json) => wire::from_json(payload),
            (frame::BINARY, Encoding::Postcard) => wire::from_postcard(payload),
            _ => return Err(lost("the head sent a frame of another encoding")),
        };
        Self::add(&self.payload_in, payload.len());
        let message = message.map_err(|error| Ended::Lost(error.to_string()))?;
        Ok(message.map_or(Heard::Unknown, Heard::Message))
    }
}

async fn connect(
    way: &Way,
    purpose: &Purpose<'_>,
    counts: &Arc<Counts>,
) -> Result<Box<dyn Io>, Ended> {
    let socket = if way.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(bytes) = purpose.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(source) = purpose.source {
        socket.bind((source, 0).into())?;
    }
    let stream = socket.connect(way.address).await?;
    stream.set_nodelay(true)?;
    let counted = Counted { stream, counts: Arc::clone(counts) };
    Ok(match &way.tls {
        None => Box::new(counted),
        Some((tls, name)) => Box::new(tls.connect(name.clone(), counted).await?),
    })
}

/// A connection whose bytes are counted.
struct Counted {
    stream: TcpStream,
    counts: Arc<Counts>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Counts::add(&self.counts.wire_in, buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        Counts::add(&self.counts.wire_out, written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::Way;

    #[test]
    fn heads_are_found_by_their_urls() {
        let way = Way::find("http://127.0.0.1:8080/", None).unwrap();
        assert_eq!((way.address.port(), way.authority.as_str()), (8080, "127.0.0.1:8080"));
        assert_eq!(way.source(0).unwrap().to_string(), "127.64.0.1");
        assert_eq!(way.source(70_000).unwrap().to_string(), "127.65.17.113");
        let pin = Some("ab".repeat(32).parse().unwrap());
        let way = Way::find("https://[::1]", pin).unwrap();
        assert_eq!((way.address.to_string().as_str(), way.source(0)), ("[::1]:443", None));
        for (wrong, why) in [
            ("127.0.0.1:8080", "is no address"),
            ("ftp://127.0.0.1", "is no address"),
            ("https://127.0.0.1", "--fingerprint"),
        ] {
            let error = Way::find(wrong, None).err().unwrap();
            assert!(error.contains(why), "{error}");
        }
    }
}
