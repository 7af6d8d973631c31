//! Pushes to a store that takes `InfluxDB`'s line protocol.
//!
//! Batches wait in a queue while the store is away, the oldest go first when it is full. What the store
//! refuses for good is dropped and counted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use awc::{Client, Connector};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use shared::backoff::Backoff;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::Account;
use super::line::line;
use super::told;
use crate::config::{InfluxConfig, InfluxVersion};
use crate::head::Head;
use crate::{bill, secrets, tls};

/// Batches that wait at most…
const MOST_WAITING: usize = 360;
/// …and their bytes.
const MOST_BYTES: usize = 16 << 20;
/// Bytes of a batch at most: stores refuse what is much larger.
const BATCH: usize = 1 << 20;
/// How long a store may take over a batch.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The waits between attempts, in ms: the first up to so long, later ones up to this.
const WAITS: (u32, u32) = (1000, 60_000);
/// A store that says when to come back is believed up to here.
const MOST_WAIT: Duration = Duration::from_mins(10);
/// Bytes of an answer, and characters of it that are shown.
const MOST_ANSWER: usize = 4 << 10;
const MOST_SAID: usize = 200;
const MOST_SECRET: usize = 4096;

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Bytes>>,
    more: Notify,
}

/// What became of a batch.
enum Fate {
    Taken,
    /// It may be taken later, not before so long.
    Later(Option<Duration>, String),
    /// It never will.
    Never(String),
}

/// Sends batches until the head ends.
pub(super) async fn run(config: InfluxConfig, head: Head, account: Account) {
    let queue = Queue::default();
    tokio::select! {
        () = gather(&config, &head, &queue, &account) => {}
        () = send(&config, &queue, &account) => {}
    }
}

/// Makes a batch of what is new, every now and then.
async fn gather(config: &InfluxConfig, head: &Head, queue: &Queue, account: &Account) {
    let mut sent_ms: HashMap<u32, u64> = HashMap::new();
    let mut due = Instant::now() + config.every;
    loop {
        sleep_until(due).await;
        due = (due + config.every).max(Instant::now());
        let Ok(nodes) = told::nodes(head).await else { return };
        sent_ms.retain(|number, _| nodes.of.iter().any(|node| node.state.node == *number));
        let mut batch = Vec::new();
        for node in &nodes.of {
            let last_ms = sent_ms.entry(node.state.node).or_default();
            if let Some(at_ms) = line(config, node, nodes.now_ms, *last_ms, &mut batch) {
                *last_ms = at_ms;
            }
            if batch.len() >= BATCH {
                queue.put(std::mem::take(&mut batch), account);
            }
        }
        if !batch.is_empty() {
            queue.put(batch, account);
        }
    }
}

impl Queue {
    fn look(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, batch: Vec<u8>, account: &Account) {
        let mut waiting = self.look();
        waiting.push_back(batch.into());
        let mut bytes: usize = waiting.iter().map(Bytes::len).sum();
        let mut dropped = 0;
        while waiting.len() > MOST_WAITING || bytes > MOST_BYTES {
            let Some(oldest) = waiting.pop_front() else { break };
            bytes -= oldest.len();
            dropped += 1;
        }
        account.waiting(waiting.len());
        account.dropped(dropped);
        self.more.notify_one();
    }

    async fn take(&self) -> Bytes {
        loop {
            if let Some(batch) = self.look().pop_front() {
                return batch;
            }
            self.more.notified().await;
        }
    }
}

async fn send(config: &InfluxConfig, queue: &Queue, account: &Account) {
    let mut backoff = Backoff::new(WAITS.0, WAITS.1);
    let mut client = None;
    loop {
        let batch = queue.take().await;
        loop {
            account.waiting(queue.look().len() + 1);
            let fate = push(config, &mut client, batch.clone()).await;
            if !matches!(fate, Fate::Taken) {
                client = None;
            }
            match fate {
                Fate::Taken => {
                    backoff.reset();
                    account.sent();
                    break;
                }
                Fate::Never(why) => {
                    account.dropped(1);
                    account.trouble(why);
                    break;
                }
                Fate::Later(wait, why) => {
                    account.trouble(why);
                    let random =
                        f64::from(u32::from_ne_bytes(secrets::random())) / f64::from(u32::MAX);
                    let own = Duration::from_millis(backoff.next_ms(random).into());
                    sleep(wait.unwrap_or_default().min(MOST_WAIT).max(own)).await;
                }
            }
        }
        account.waiting(queue.look().len());
    }
}

/// Where batches go.
fn address(config: &InfluxConfig) -> String {
    let InfluxConfig { url, version, .. } = config;
    match version {
        InfluxVersion::V1 { database, .. } => {
            format!("{url}/write?db={}&precision=ms", encoded(database))
        }
        InfluxVersion::V2 { org, bucket } => format!(
            "{url}/api/v2/write?org={}&bucket={}&precision=ms",
            encoded(org),
            encoded(bucket)
        ),
    }
}

/// A text as it stands in an address.
fn encoded(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes()
        .map(
            |byte| {
                if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

/// A client that may write. Secrets and trust are read anew after each failure: both are renewed while
/// this goes on. Not on the thread of all.
async fn prepared(config: &InfluxConfig) -> Result<Client, String> {
    let config = config.clone();
    let read = move || {
        let secret = |path: &std::path::Path| {
            secrets::own_line(path, MOST_SECRET)
                .map_err(|error| format!("cannot use the secret in {}: {error}", path.display()))
        };
        let said = match (&config.token_file, &config.version) {
            (Some(file), _) => Some(format!("Token {}", secret(file)?)),
            (None, InfluxVersion::V1 { login: Some((name, file)), .. }) => {
                let pair = format!("{name}:{}", secret(file)?);
                Some(format!("Basic {}", BASE64.encode(pair)))
            }
            _ => None,
        };
        let said = said.map(HeaderValue::try_from).transpose();
        let said = said.map_err(|_| "the secret has characters that cannot be sent".to_owned())?;
        let trusted = if config.url.starts_with("https:") {
            tls::trusting(config.ca_file.as_deref())?
        } else {
            tls::pinned(&[])
        };
        Ok((said, trusted))
    };
    let read: Result<_, String> = spawn_blocking(read).await.map_err(|error| error.to_string())?;
    let (said, trusted) = read?;
    let connector = Connector::new().timeout(TIMEOUT).handshake_timeout(TIMEOUT);
    let mut client = Client::builder()
        .connector(connector.rustls_0_23(Arc::new(trusted)))
        .timeout(TIMEOUT)
        .disable_redirects()
        .add_default_header(("User-Agent", concat!("headroom/", env!("CARGO_PKG_VERSION"))));
    if let Some(said) = said {
        client = client.add_default_header((AUTHORIZATION, said));
    }
    Ok(client.finish())
}

async fn push(config: &InfluxConfig, client: &mut Option<Client>, batch: Bytes) -> Fate {
    let client = match client {
        Some(client) => client,
        None => match prepared(config).await {
            Ok(made) => client.insert(made),
            Err(why) => return Fate::Later(None, why),
        },
    };
    // A connection that idles between two batches may be gone when the next one goes.
    let request = client
        .post(address(config))
        .force_close()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"));
    let bytes = batch.len();
    let mut answer = match request.send_body(batch).await {
        Ok(answer) => answer,
        Err(error) => return Fate::Later(None, format!("it cannot be reached: {error}")),
    };
    // Without headers and TLS: about what was sent.
    bill::count_sent(bytes);
    let status = answer.status();
    if status.is_success() {
        return Fate::Taken;
    }
    let wait =
        answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.body().limit(MOST_ANSWER).await.unwrap_or_default();
    let said: String = String::from_utf8_lossy(&body)
        .chars()
        .filter(|c| !c.is_control())
        .take(MOST_SAID)
        .collect();
    let why = format!("it answers {status}: {said}");
    let is_lasting = status.is_client_error()
        && status != StatusCode::TOO_MANY_REQUESTS
        && status != StatusCode::REQUEST_TIMEOUT;
    if is_lasting { Fate::Never(why) } else { Fate::Later(wait.map(Duration::from_secs), why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded() {
        assert_eq!(encoded("my org/é&x=1"), "my%20org%2F%C3%A9%26x%3D1");
    }
}
