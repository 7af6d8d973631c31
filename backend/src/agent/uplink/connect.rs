//! From an address to a WebSocket: TCP, TLS, and the head's consent.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use shared::wire::{Encoding, PROTOCOL};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::{Request, generate_key};
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::http::header::{self, HeaderMap, HeaderName};
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Caller, End};
use crate::bill::Counted;
use crate::config::HeadUrl;
use crate::probe::text;

/// Bytes of a message of the head at most.
const MOST_FRAME: usize = 64 << 10;
/// When to ask a head of another protocol again, in ms.
const OTHER_PROTOCOL_MS: u32 = 60_000;
/// Bytes of a refusal that are read.
const MOST_REFUSAL: u64 = 4 << 10;
/// Characters of it that are shown.
const MOST_CHARS: usize = 300;
/// How long the kernel tries to get a packet through before it gives the connection up, in ms.
#[cfg(target_os = "linux")]
const USER_TIMEOUT_MS: u32 = 10_000;

/// Bytes both ways, encrypted or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// A WebSocket over a connection that somebody else owns.
pub(super) type Socket<'a> = WebSocketStream<&'a mut Box<dyn Wire>>;

/// Why there is no WebSocket.
pub(super) enum NoSocket {
    /// The head says why, perhaps not to the end yet.
    Refused(Box<Response<Option<Vec<u8>>>>),
    Lost(End),
}

/// Connects to the head at `url`. Over TLS it has then proved, by the certificate whose fingerprint was
/// given, that it is the one that is meant.
pub(super) async fn connect(caller: &Caller, url: &HeadUrl) -> Result<Box<dyn Wire>, End> {
    let lost = |what: &str, error: &dyn Display| End::Lost(format!("{what} {url}: {error}"));
    let mut tcp = Err(io::ErrorKind::NotFound.into());
    for address in addresses(url).await? {
        tcp = TcpStream::connect(address).await;
        if tcp.is_ok() {
            break;
        }
    }
    let tcp = tcp.map_err(|error| lost("cannot connect to", &error))?;
    give_up_dead_peers(&tcp).map_err(|error| lost("cannot set up the connection to", &error))?;
    let tcp = Counted(tcp);
    if !url.is_tls() {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(url.host().to_owned());
    let name = name.map_err(|error| lost("there is no host of this name:", &error))?;
    let connector = TlsConnector::from(Arc::clone(&caller.tls));
    let tls = connector.connect(name, tcp).await;
    Ok(Box::new(tls.map_err(|error| lost("no secure connection to", &error))?))
}

async fn addresses(url: &HeadUrl) -> Result<impl Iterator<Item = SocketAddr>, End> {
    let found = tokio::net::lookup_host((url.host(), url.port())).await;
    let lost = |error| End::Lost(format!("cannot find the address of {}: {error}", url.host()));
    Ok(found.map_err(lost)?.collect::<Vec<_>>().into_iter())
}

fn give_up_dead_peers(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(tcp, USER_TIMEOUT_MS)?;
    Ok(())
}

/// Shows the token, and asks for a WebSocket.
pub(super) async fn upgrade<'a>(
    caller: &Caller,
    url: &HeadUrl,
    wire: &'a mut Box<dyn Wire>,
) -> Result<Socket<'a>, NoSocket> {
    let lost = |error: &dyn Display| {
        NoSocket::Lost(End::Lost(format!("{url} does not answer as a head does: {error}")))
    };
    let request = Request::builder()
        .uri(url.of_agents())
        .header(header::HOST, url.authority())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .header(header::SEC_WEBSOCKET_PROTOCOL, Encoding::Postcard.subprotocol())
        .header(header::USER_AGENT, concat!("headroom/", env!("CARGO_PKG_VERSION")))
        .header(header::AUTHORIZATION, format!("Bearer {}", caller.token.secret()))
        .header("X-Headroom-Machine", &caller.machine)
        .body(())
        .map_err(|error| lost(&error))?;
    // A head says little: large buffers would stay empty.
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20)
        .max_message_size(Some(MOST_FRAME))
        .max_frame_size(Some(MOST_FRAME));
    match client_async_with_config(request, wire, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(refusal)) => Err(NoSocket::Refused(refusal)),
        // It consents, but to none of what this agent speaks.
        Err(tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))) => {
            let why = format!(
                "{url} speaks another protocol than this agent ({PROTOCOL}); upgrade the older of them"
            );
            Err(NoSocket::Lost(End::Refused { why, retry_ms: OTHER_PROTOCOL_MS }))
        }
        Err(error) => Err(lost(&error)),
    }
}

/// Why the head at `url` refused, of which the beginning is in `refusal` and the rest in `wire`.
pub(super) async fn reason(
    url: &HeadUrl,
    refusal: Response<Option<Vec<u8>>>,
    wire: &mut Box<dyn Wire>,
) -> End {
    let (parts, begun) = refusal.into_parts();
    let length = number(&parts.headers, &header::CONTENT_LENGTH).unwrap_or(0);
    let mut body = begun.unwrap_or_default();
    let missing = length.min(MOST_REFUSAL).saturating_sub(body.len() as u64);
    // A reason that is cut short is no JSON, and the status is told instead.
    wire.take(missing).read_to_end(&mut body).await.ok();
    let said: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let why = match said.as_ref().and_then(|said| said["error"].as_str()) {
        Some(said) => text::clean(said, MOST_CHARS),
        None => format!("{url} answers {}; is there a head?", parts.status),
    };
    let seconds = number(&parts.headers, &header::RETRY_AFTER).unwrap_or(0);
    let retry_ms = u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX);
    End::Refused { why, retry_ms }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
