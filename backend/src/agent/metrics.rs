//! `/metrics` of this node alone, for those who scrape agents: off unless an address is said. Plain HTTP
//! by hand, as it is one answer to one question: an agent carries no server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use shared::overview::{Label, Standing};
use shared::wire::{AgentReading, NodeState, Reading};
use shared::{NodeFacts, NodeId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::bill::{Counted, cost};
use crate::clock;
use crate::head::fleet::NodeDetail;
use crate::metrics::{Known, accepted, page};

/// The last reading, if there is one.
pub type Latest = Option<AgentReading>;

/// Who is answered at once, at most: others wait.
const MOST: usize = 4;
/// Bytes of a request at most.
const MOST_REQUEST: usize = 8 << 10;
/// For a request and its answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// After a connection that could not be taken: what is missing may be there again.
const PAUSE: Duration = Duration::from_millis(100);

/// What does not change.
struct Scraped {
    id: NodeId,
    facts: NodeFacts,
    period_ms: u32,
    labels: Vec<Label>,
    /// Whether only this machine can ask.
    is_local: bool,
    latest: watch::Receiver<Latest>,
}

/// Answers on `listener` for as long as it is polled.
pub(super) async fn serve(
    listener: TcpListener,
    facts: NodeFacts,
    period_ms: u32,
    labels: Vec<Label>,
    latest: watch::Receiver<Latest>,
) {
    let is_local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let id = NodeId::from_host_name(&facts.host_name);
    let scraped = Arc::new(Scraped { id, facts, period_ms, labels, is_local, latest });
    let room = Arc::new(Semaphore::new(MOST));
    loop {
        // It is never closed.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let scraped = Arc::clone(&scraped);
                tokio::spawn(async move {
                    // One that is late, or goes away, needs no answer.
                    timeout(TIMEOUT, answer(stream, &scraped)).await.ok();
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn answer(stream: TcpStream, scraped: &Scraped) -> io::Result<()> {
    let mut stream = Counted(stream);
    let mut request = Vec::with_capacity(1024);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > MOST_REQUEST || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, form, body) = scraped.told(&String::from_utf8_lossy(&request));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {form}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if !request.starts_with(b"HEAD ") {
        stream.write_all(&body).await?;
    }
    stream.shutdown().await
}

impl Scraped {
    /// Status, media type and body of the answer to `request`.
    fn told(&self, request: &str) -> (&'static str, &'static str, Vec<u8>) {
        let refused = |status, why: &str| {
            (status, "application/json", format!("{{\"error\":\"{why}\"}}").into_bytes())
        };
        let mut lines = request.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: Vec<(&str, &str)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim()))
            .collect();
        let of = |wanted: &'static str| {
            let is_it = move |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(wanted);
            headers.iter().filter(is_it).map(|(_, value)| *value)
        };
        if self.is_local && !of("host").all(is_this_machine) {
            return refused("421 Misdirected Request", "this agent is not asked by that name");
        }
        if !matches!(method, "GET" | "HEAD") {
            return refused("405 Method Not Allowed", "only GET or HEAD is served here");
        }
        if path.split('?').next() != Some("/metrics") {
            return refused("404 Not Found", "only /metrics is served here");
        }
        let form = accepted(of("accept"));
        ("200 OK", form.media_type(), page(&known(&[self.node()]), form))
    }

    /// This node, as a head would know it.
    fn node(&self) -> NodeDetail {
        let latest = self.latest.borrow().clone();
        let now_ms = clock::unix_ms();
        let latest = latest.map(|AgentReading { uptime_us, sample, .. }| {
            let age_ms = clock::uptime_us().saturating_sub(uptime_us) / 1000;
            Reading { at_ms: now_ms.saturating_sub(age_ms), uptime_us, sample }
        });
        NodeDetail {
            state: NodeState {
                node: 0,
                id: self.id.clone(),
                facts: self.facts.clone(),
                period_ms: self.period_ms,
                latest,
                trouble: None,
            },
            standing: Standing::Connected { since_ms: now_ms },
            labels: self.labels.clone(),
            before: None,
            survey: None,
            forecast: None,
        }
    }
}

fn known(nodes: &[NodeDetail]) -> Known<'_> {
    Known { now_ms: clock::unix_ms(), nodes, head: None, cost: cost() }
}

/// Whether a browser that was led here by a foreign name would not say `host`.
fn is_this_machine(host: &str) -> bool {
    let is_address = |text: &str| {
        text.parse::<SocketAddr>().is_ok()
            || text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    };
    is_address(host) || host.split(':').next() == Some("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_not_answered() {
        for (host, is_ours) in [
            ("127.0.0.1:9101", true),
            ("127.0.0.1", true),
            ("[::1]:9101", true),
            ("localhost:9101", true),
            ("localhost.evil.example", false),
            ("evil.example:9101", false),
            ("", false),
        ] {
            assert_eq!(is_this_machine(host), is_ours, "{host}");
        }
    }
}
