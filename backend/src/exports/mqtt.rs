//! Publishes what nodes are like to a broker, as Home Assistant discovers it.
//!
//! All of it is retained, so that whoever comes later knows it too: what sensors a node has, whether it
//! speaks, and how it is. That this head is gone the broker says itself, as its last will.

mod discovery;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ClientError, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Packet,
    QoS, TlsConfiguration, Transport,
};
use shared::NodeId;
use shared::backoff::Backoff;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::Account;
use super::told::{self, fresh, is_revoked};
use crate::config::MqttConfig;
use crate::head::fleet::NodeDetail;
use crate::head::{Head, Shown};
use crate::{bill, secrets, tls};
use discovery::{Names, Sensor};

/// Messages that may wait for the connection.
const QUEUE: usize = 64;
/// A broker hears of this head at least so often.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The waits between attempts, in ms: the first up to so long, later ones up to this.
const WAITS: (u32, u32) = (1000, 60_000);
/// A connection that lasted as long did not end soon.
const GOOD: Duration = Duration::from_secs(5);
/// Bytes of a message that is heard at most: none is expected.
const MOST_HEARD: usize = 4 << 10;
/// Bytes of a message that is told at most.
const MOST_TOLD: usize = 64 << 10;
const MOST_SECRET: usize = 4096;

/// The states of availability.
const ONLINE: &str = "online";
const OFFLINE: &str = "offline";

/// The floor and the rates are not asked for: only what is of the last seconds.
const OVER_MS: u64 = 1;

/// How often the broker took this head in: 0 while it does not.
type Epoch = u64;

/// Publishes until the head ends.
pub(super) async fn run(config: MqttConfig, head: Head, account: Account) {
    let mut backoff = Backoff::new(WAITS.0, WAITS.1);
    loop {
        let options = match options(&config).await {
            Ok(options) => options,
            Err(why) => {
                account.trouble(why);
                wait(&mut backoff).await;
                continue;
            }
        };
        let (client, connection) = AsyncClient::new(options, QUEUE);
        let (connected, epoch) = watch::channel(0);
        let mut publisher =
            Publisher { config: &config, client, told: HashMap::new(), forgotten: HashSet::new() };
        tokio::select! {
            () = keep(connection, connected, &account, &mut backoff) => {}
            () = publisher.run(&head, epoch, &account) => return,
        }
        wait(&mut backoff).await;
    }
}

async fn wait(backoff: &mut Backoff) {
    let random = f64::from(u32::from_ne_bytes(secrets::random())) / f64::from(u32::MAX);
    sleep(Duration::from_millis(backoff.next_ms(random).into())).await;
}

/// Serves the connection until it fails.
async fn keep(
    mut connection: EventLoop,
    connected: watch::Sender<Epoch>,
    account: &Account,
    backoff: &mut Backoff,
) {
    let mut since = None;
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                since = Some(Instant::now());
                connected.send_modify(|epoch| *epoch += 1);
            }
            Ok(_) => {}
            Err(error) => {
                // One that soon ends, as when two heads call themselves the same, is none.
                if since.is_some_and(|since| since.elapsed() >= GOOD) {
                    backoff.reset();
                }
                let why = match error {
                    ConnectionError::ConnectionRefused(code) => {
                        format!("the broker refuses this head: {code:?}")
                    }
                    error => format!("no connection to the broker: {error}"),
                };
                account.trouble(why);
                return;
            }
        }
    }
}

/// Reads secrets and trust, anew for each connection. Not on the thread of all.
async fn options(config: &MqttConfig) -> Result<MqttOptions, String> {
    let config = config.clone();
    let read = move || {
        let id = config.client_id.clone().unwrap_or_else(|| {
            // Two clients of one name would throw each other out.
            format!("headroom-{}", secrets::hex(&secrets::random::<6>()))
        });
        let mut options = MqttOptions::new(id, config.host.as_str(), config.port);
        let will = LastWill::new(Names::status(&config), OFFLINE, QoS::AtLeastOnce, true);
        options
            .set_keep_alive(KEEP_ALIVE)
            .set_max_packet_size(MOST_HEARD, MOST_TOLD)
            .set_last_will(will);
        if let Some((name, file)) = &config.login {
            let password = match file {
                Some(file) => secrets::own_line(file, MOST_SECRET).map_err(|error| {
                    format!("cannot use the secret in {}: {error}", file.display())
                })?,
                None => String::new(),
            };
            options.set_credentials(name, password);
        }
        if config.is_tls {
            let trusted = tls::trusting(config.ca_file.as_deref())?;
            let trusted = TlsConfiguration::Rustls(Arc::new(trusted));
            options.set_transport(Transport::tls_with_config(trusted));
        }
        Ok(options)
    };
    spawn_blocking(read).await.map_err(|error| error.to_string())?
}

/// What was told of a node in this connection.
#[derive(Default)]
struct Told {
    sensors: HashSet<Sensor>,
    is_online: Option<bool>,
    at_ms: u64,
}

struct Publisher<'a> {
    config: &'a MqttConfig,
    client: AsyncClient,
    told: HashMap<NodeId, Told>,
    /// Nodes of which all was taken back.
    forgotten: HashSet<NodeId>,
}

impl Publisher<'_> {
    /// Publishes every now and then while there is a connection, until the head ends.
    async fn run(&mut self, head: &Head, mut epoch: watch::Receiver<Epoch>, account: &Account) {
        // Whoever could tell is gone only when all ends.
        if epoch.wait_for(|epoch| *epoch > 0).await.is_err() {
            std::future::pending::<()>().await;
        }
        if self.publish(Names::status(self.config), ONLINE).await.is_err() {
            std::future::pending::<()>().await;
        }
        let mut due = Instant::now();
        loop {
            sleep_until(due).await;
            due = (due + self.config.every).max(Instant::now());
            let Ok(nodes) = told::nodes(head).await else { return };
            let Ok(signs) = head.signs(OVER_MS).await else { return };
            let shown: HashMap<u32, Shown> =
                signs.of.into_iter().filter_map(|sign| Some((sign.node, sign.shown?))).collect();
            let mut there = HashSet::new();
            let mut went = Ok(());
            for node in nodes.of.iter().filter(|node| !is_revoked(node)) {
                there.insert(node.state.id.clone());
                let shown = shown.get(&node.state.node);
                went = went.and(self.tell(node, shown, nodes.now_ms).await);
            }
            went = went.and(self.forget(&there, &nodes.of).await);
            // An error is the end of the connection, which is seen where it is served.
            if went.is_ok() {
                account.sent();
            }
        }
    }

    async fn tell(
        &mut self,
        node: &NodeDetail,
        shown: Option<&Shown>,
        now_ms: u64,
    ) -> Result<(), ClientError> {
        let id = &node.state.id;
        let names = Names::of(self.config, id);
        let reading = fresh(node, now_ms);
        let told = self.told.entry(id.clone()).or_default();
        let (was_online, is_online) =
            (told.is_online.replace(reading.is_some()), reading.is_some());
        let is_new = reading.is_some_and(|reading| reading.at_ms > told.at_ms);
        let state = reading.map(|reading| discovery::state(reading, shown));
        let mut unknown = Vec::new();
        if let Some((reading, state)) = reading.zip(state.as_ref()) {
            told.at_ms = reading.at_ms;
            let has = |sensor: &Sensor| state.contains_key(sensor.key());
            let new = Sensor::ALL.into_iter().filter(has).filter(|s| told.sensors.insert(*s));
            unknown = new.collect();
        }
        if !self.config.discovery.is_empty() {
            for sensor in unknown {
                let config = discovery::config(self.config, &names, node, sensor);
                self.publish(names.config(sensor), config.to_string()).await?;
            }
        }
        if was_online != Some(is_online) {
            self.publish(names.availability(), if is_online { ONLINE } else { OFFLINE }).await?;
        }
        if let Some(state) = state.filter(|_| is_new) {
            self.publish(names.state(), serde_json::Value::Object(state).to_string()).await?;
        }
        Ok(())
    }

    /// Takes back what was told of nodes that belong to the cluster no more: also what an earlier run
    /// told, as far as the head still knows them.
    async fn forget(
        &mut self,
        there: &HashSet<NodeId>,
        all: &[NodeDetail],
    ) -> Result<(), ClientError> {
        self.forgotten.retain(|id| !there.contains(id));
        let revoked = all.iter().filter(|node| is_revoked(node)).map(|node| &node.state.id);
        let gone: HashSet<NodeId> = self.told.keys().chain(revoked).cloned().collect();
        for id in gone {
            if there.contains(&id) || self.forgotten.contains(&id) {
                continue;
            }
            let names = Names::of(self.config, &id);
            if !self.config.discovery.is_empty() {
                for sensor in Sensor::ALL {
                    self.publish(names.config(sensor), "").await?;
                }
            }
            self.publish(names.availability(), "").await?;
            self.publish(names.state(), "").await?;
            self.told.remove(&id);
            self.forgotten.insert(id);
        }
        let is_known = |id: &NodeId| all.iter().any(|node| node.state.id == *id);
        self.forgotten.retain(is_known);
        Ok(())
    }

    async fn publish(&self, topic: String, payload: impl Into<String>) -> Result<(), ClientError> {
        let payload = payload.into();
        bill::count_sent(topic.len() + payload.len());
        self.client.publish(topic, QoS::AtLeastOnce, true, payload).await
    }
}
