//! Where the head sends what its nodes read: the tables `[export.influx]` and `[export.mqtt]` of the
//! settings file. Secrets never stand in it: it names files that hold them.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::Field;

use super::values::Time;
use crate::error::Error;

/// Between two batches at least, and at most.
const EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));

/// The table `[export]`, as it stands in the file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExportSettings {
    /// A store that takes `InfluxDB`'s line protocol.
    influx: Option<InfluxSettings>,
    /// A broker of MQTT, such as that of Home Assistant.
    mqtt: Option<MqttSettings>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct InfluxSettings {
    /// The store's address, such as `http://127.0.0.1:8086`. Needed.
    url: String,
    /// The database, of `InfluxDB` 1 and `VictoriaMetrics`.
    database: Option<String>,
    /// Who writes to the database.
    username: Option<String>,
    /// The file of the password.
    password_file: Option<PathBuf>,
    /// The organisation, of `InfluxDB` 2 and 3.
    org: Option<String>,
    /// The bucket, of `InfluxDB` 2 and 3.
    bucket: Option<String>,
    /// The file of the token that may write to the bucket.
    token_file: Option<PathBuf>,
    /// Between two batches, 1s to 1h [default: 10s].
    every: Option<Time>,
    /// The measurement's name [default: headroom].
    measurement: Option<String>,
    /// Which fields are sent, such as `["total", "available"]` [default: all].
    fields: Vec<String>,
    /// Certificates (PEM) that are trusted in place of those of the system.
    ca_file: Option<PathBuf>,
    /// Let a secret go to another machine in the clear [default: false].
    insecure_http: bool,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct MqttSettings {
    /// The broker's address, such as `mqtt://192.168.1.5` or `mqtts://broker.example:8883`. Needed.
    url: String,
    /// Who publishes.
    username: Option<String>,
    /// The file of the password.
    password_file: Option<PathBuf>,
    /// How this head calls itself: no other client of the broker may do so [default: headroom- and
    /// something random].
    client_id: Option<String>,
    /// What topics begin with [default: headroom].
    topic: Option<String>,
    /// What the topics of Home Assistant's discovery begin with; empty announces nothing [default:
    /// homeassistant].
    discovery: Option<String>,
    /// Between two states of a node, 1s to 1h [default: 30s].
    every: Option<Time>,
    /// Certificates (PEM) that are trusted in place of those of the system.
    ca_file: Option<PathBuf>,
    /// Let the password go to another machine in the clear [default: false].
    insecure: bool,
}

/// Where the head sends what its nodes read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportConfig {
    /// To a store that takes `InfluxDB`'s line protocol.
    pub influx: Option<InfluxConfig>,
    /// To a broker.
    pub mqtt: Option<MqttConfig>,
}

/// A store that takes `InfluxDB`'s line protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfluxConfig {
    /// Its address, such as `http://127.0.0.1:8086`, without a slash at the end.
    pub url: String,
    /// Which interface it has.
    pub version: InfluxVersion,
    /// The file that holds the token.
    pub token_file: Option<PathBuf>,
    /// Between two batches.
    pub every: Duration,
    /// The measurement's name.
    pub measurement: String,
    /// Which fields are sent.
    pub fields: Vec<Field>,
    /// Authorities (PEM) that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
}

/// The interfaces of `InfluxDB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InfluxVersion {
    /// `/write?db=…`
    V1 {
        /// The database.
        database: String,
        /// Who writes to it, with the file that holds the password.
        login: Option<(String, PathBuf)>,
    },
    /// `/api/v2/write?org=…&bucket=…`
    V2 {
        /// The organisation.
        org: String,
        /// The bucket.
        bucket: String,
    },
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttConfig {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether with TLS.
    pub is_tls: bool,
    /// Who publishes, with the file that holds the password.
    pub login: Option<(String, Option<PathBuf>)>,
    /// How this head calls itself: no other client of the broker may do so.
    pub client_id: Option<String>,
    /// What topics begin with.
    pub topic: String,
    /// What the topics of Home Assistant's discovery begin with; nothing is announced if it is empty.
    pub discovery: String,
    /// Between two states of a node.
    pub every: Duration,
    /// Authorities (PEM) that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl ExportSettings {
    /// What the file says, checked.
    pub fn resolve(self) -> Result<ExportConfig, Error> {
        let wrong = |table, why| Error::Refused(format!("[export.{table}]: {why}"));
        Ok(ExportConfig {
            influx: self
                .influx
                .map(InfluxSettings::resolve)
                .transpose()
                .map_err(|why| wrong("influx", why))?,
            mqtt: self
                .mqtt
                .map(MqttSettings::resolve)
                .transpose()
                .map_err(|why| wrong("mqtt", why))?,
        })
    }
}

impl InfluxSettings {
    fn resolve(self) -> Result<InfluxConfig, String> {
        let (url, host) = match self.url.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) if is_address(rest) => {
                (format!("{scheme}://{}", rest.trim_end_matches('/')), rest)
            }
            _ => {
                return Err(format!(
                    "`url` is the store's address, such as http://127.0.0.1:8086, not {:?}",
                    self.url
                ));
            }
        };
        let has_secret = self.password_file.is_some() || self.token_file.is_some();
        if has_secret && url.starts_with("http:") && !is_here(host) && !self.insecure_http {
            return Err("a secret would go to another machine in the clear; use https://, or say \
                        insecure_http = true"
                .into());
        }
        let version = match (self.database, self.org, self.bucket) {
            (Some(database), None, None) => {
                let login = match (self.username, self.password_file) {
                    (Some(name), Some(file)) if !name.contains(':') => Some((name, file)),
                    (None, None) => None,
                    _ => {
                        return Err(
                            "`username` and `password_file` belong together, and a name has \
                                    no ':'"
                                .into(),
                        );
                    }
                };
                InfluxVersion::V1 { database, login }
            }
            (None, Some(org), Some(bucket)) => {
                if self.username.is_some() || self.password_file.is_some() {
                    return Err("with `bucket` there is a `token_file`, and no `username`".into());
                }
                InfluxVersion::V2 { org, bucket }
            }
            _ => {
                return Err("say `database` (InfluxDB 1, VictoriaMetrics), or `org` and `bucket` \
                            (InfluxDB 2 and 3)"
                    .into());
            }
        };
        let mut fields = Vec::new();
        for id in &self.fields {
            let unknown = || format!("`fields` has no field {id:?}; docs/fields.md lists them");
            fields.push(Field::by_id(id).ok_or_else(unknown)?);
        }
        if fields.is_empty() {
            fields = Field::ALL.to_vec();
        }
        let measurement = self.measurement.unwrap_or_else(|| "headroom".into());
        if !is_name(&measurement) {
            return Err(format!("{measurement:?} is no name of a measurement"));
        }
        Ok(InfluxConfig {
            url,
            version,
            token_file: self.token_file,
            every: every(self.every, Duration::from_secs(10))?,
            measurement,
            fields,
            ca_file: self.ca_file,
        })
    }
}

impl MqttSettings {
    fn resolve(self) -> Result<MqttConfig, String> {
        let no_address = || {
            format!(
                "`url` is the broker's address, such as mqtt://192.168.1.5 or mqtts://broker.example:8883, \
                 not {:?}",
                self.url
            )
        };
        let (scheme, rest) = self.url.split_once("://").ok_or_else(no_address)?;
        let is_tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(no_address()),
        };
        let rest = rest.trim_end_matches('/');
        if !is_address(rest) {
            return Err(no_address());
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().map_err(|_| no_address())?)
            }
            _ => (rest, if is_tls { 8883 } else { 1883 }),
        };
        if self.password_file.is_some() && !is_tls && !is_here(rest) && !self.insecure {
            return Err(
                "the password would go to another machine in the clear; use mqtts://, or say \
                        insecure = true"
                    .into(),
            );
        }
        let login = match (self.username, self.password_file) {
            (Some(name), file) => Some((name, file)),
            (None, None) => None,
            (None, Some(_)) => return Err("`password_file` needs a `username`".into()),
        };
        let topic = self.topic.unwrap_or_else(|| "headroom".into());
        let discovery = self.discovery.unwrap_or_else(|| "homeassistant".into());
        for text in [Some(&topic), Some(&discovery).filter(|text| !text.is_empty())] {
            if let Some(text) = text.filter(|text| !is_topic(text)) {
                return Err(format!(
                    "{text:?} is no beginning of a topic: letters, digits, '-', '_', and '/' between them"
                ));
            }
        }
        if let Some(id) = self.client_id.as_ref().filter(|id| !is_name(id)) {
            return Err(format!("{id:?} is no `client_id`: letters, digits, '-', '_' and '.'"));
        }
        Ok(MqttConfig {
            host: host.trim_start_matches('[').trim_end_matches(']').into(),
            port,
            is_tls,
            login,
            client_id: self.client_id,
            topic,
            discovery,
            every: every(self.every, Duration::from_secs(30))?,
            ca_file: self.ca_file,
        })
    }
}

fn every(said: Option<Time>, usual: Duration) -> Result<Duration, String> {
    let every = said.map_or(usual, |time| time.0);
    if (EVERY.0..=EVERY.1).contains(&every) {
        return Ok(every);
    }
    Err("`every` is a time from 1s to 1h".into())
}

/// A host, perhaps with a port.
fn is_address(text: &str) -> bool {
    let text = text.trim_end_matches('/');
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    (1..=260).contains(&text.len()) && text.chars().all(is_part)
}

fn is_here(address: &str) -> bool {
    let host = address.trim_end_matches('/');
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let is_loopback = |text: &str| {
        let text = text.trim_start_matches('[').trim_end_matches(']');
        text == "localhost" || text.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    };
    is_loopback(host) || is_loopback(bare)
}

fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=100).contains(&text.len()) && text.chars().all(is_part)
}

fn is_topic(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    text.len() <= 100
        && text.split('/').all(|level| !level.is_empty() && level.chars().all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<ExportConfig, String> {
        let settings: ExportSettings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.resolve().map_err(|error| error.chain().to_string())
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, complaint) in [
            ("[influx]\nurl = 'http://a'", "say `database`"),
            ("[influx]\nurl = 'a'\ndatabase = 'b'", "the store's address"),
            ("[influx]\nurl = 'http://a/b?c'\ndatabase = 'b'", "the store's address"),
            ("[influx]\nurl = 'http://a'\ndatabase = 'b'\ntoken_file = 'f'", "in the clear"),
            ("[influx]\nurl = 'http://a'\ndatabase = 'b'\nusername = 'f'", "belong together"),
            ("[influx]\nurl = 'http://a'\ndatabase = 'b'\nevery = '1ms'", "1s to 1h"),
            ("[influx]\nurl = 'http://a'\ndatabase = 'b'\nfields = ['x']", "no field \"x\""),
            ("[influx]\npassword = 'x'", "unknown field `password`"),
            ("[mqtt]\nurl = 'http://a'", "the broker's address"),
            ("[mqtt]\nurl = 'mqtt://a:x'", "the broker's address"),
            ("[mqtt]\nurl = 'mqtt://a'\ntopic = 'a/+'", "no beginning of a topic"),
            ("[mqtt]\nurl = 'mqtt://a'\npassword_file = 'x'\nusername = 'y'", "in the clear"),
            ("[mqtt]\nurl = 'mqtt://127.0.0.1'\npassword_file = 'x'", "needs a `username`"),
        ] {
            let error = resolve(text).unwrap_err();
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_right_is_taken() {
        assert_eq!(resolve(""), Ok(ExportConfig::default()));
        let text = "[influx]\nurl = 'http://[::1]:8086/'\norg = 'o'\nbucket = 'b'\ntoken_file = 'f'\n\
                    fields = ['total']\n[mqtt]\nurl = 'mqtts://[fd00::1]'\nusername = 'u'\n";
        let ExportConfig { influx: Some(influx), mqtt: Some(mqtt) } = resolve(text).unwrap() else {
            panic!()
        };
        assert_eq!((influx.url.as_str(), influx.every.as_secs()), ("http://[::1]:8086", 10));
        assert_eq!(influx.fields, [Field::Total]);
        assert_eq!((mqtt.host.as_str(), mqtt.port, mqtt.is_tls), ("fd00::1", 8883, true));
        let mqtt = resolve("[mqtt]\nurl = 'mqtt://pi:1'\ndiscovery = ''").unwrap().mqtt.unwrap();
        assert_eq!((mqtt.host.as_str(), mqtt.port, mqtt.discovery.as_str()), ("pi", 1, ""));
    }
}
