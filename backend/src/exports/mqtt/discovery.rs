//! How Home Assistant learns of nodes and their sensors, and what they say.

use serde_json::{Map, Value, json};
use shared::memory::{self, Available};
use shared::wire::Reading;
use shared::{Field, NodeId};

use super::{OFFLINE, ONLINE};
use crate::config::MqttConfig;
use crate::head::Shown;
use crate::head::fleet::NodeDetail;
use crate::secrets;

/// What of a node is a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sensor {
    Available,
    AvailableShare,
    Used,
    SwapUsed,
    Pressure,
    Temperature,
    UnderVoltage,
    Throttled,
}

impl Sensor {
    pub(super) const ALL: [Self; 8] = [
        Self::Available,
        Self::AvailableShare,
        Self::Used,
        Self::SwapUsed,
        Self::Pressure,
        Self::Temperature,
        Self::UnderVoltage,
        Self::Throttled,
    ];

    /// Under which key its value stands in the state.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::AvailableShare => "available_percent",
            Self::Used => "used",
            Self::SwapUsed => "swap_used",
            Self::Pressure => "pressure_percent",
            Self::Temperature => "temperature",
            Self::UnderVoltage => "under_voltage",
            Self::Throttled => "throttled",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Available => "Available memory",
            Self::AvailableShare => "Available memory, share",
            Self::Used => "Used memory",
            Self::SwapUsed => "Used swap",
            Self::Pressure => "Memory pressure",
            Self::Temperature => "Temperature",
            Self::UnderVoltage => "Under-voltage",
            Self::Throttled => "Throttled",
        }
    }

    fn is_binary(self) -> bool {
        matches!(self, Self::UnderVoltage | Self::Throttled)
    }

    /// What Home Assistant has to know of its values.
    fn kind(self) -> Value {
        match self {
            Self::Available | Self::Used | Self::SwapUsed => json!({
                "device_class": "data_size", "unit_of_measurement": "B", "state_class": "measurement",
                "suggested_display_precision": 0,
            }),
            Self::AvailableShare | Self::Pressure => json!({
                "unit_of_measurement": "%", "state_class": "measurement",
                "suggested_display_precision": 1,
            }),
            Self::Temperature => json!({
                "device_class": "temperature", "unit_of_measurement": "°C",
                "state_class": "measurement", "suggested_display_precision": 1,
            }),
            Self::UnderVoltage | Self::Throttled => json!({ "device_class": "problem" }),
        }
    }
}

/// The names of a node on the broker.
pub(super) struct Names<'a> {
    config: &'a MqttConfig,
    id: &'a NodeId,
    /// The id in letters that Home Assistant takes.
    object: String,
}

impl<'a> Names<'a> {
    pub(super) fn of(config: &'a MqttConfig, id: &'a NodeId) -> Self {
        // Ids have lower-case letters, digits, '-', '_' and '.': nothing that means anything in a topic.
        // Home Assistant takes all but the dot; two ids must not come to one.
        let plain = id.as_str().replace('.', "_");
        let object = if plain == id.as_str() {
            plain
        } else {
            format!("{plain}_{}", &secrets::hex(&secrets::sha256(id.as_str().as_bytes()))[..6])
        };
        Self { config, id, object }
    }

    /// Whether this head is there.
    pub(super) fn status(config: &MqttConfig) -> String {
        format!("{}/status", config.topic)
    }

    pub(super) fn availability(&self) -> String {
        format!("{}/nodes/{}/availability", self.config.topic, self.id)
    }

    pub(super) fn state(&self) -> String {
        format!("{}/nodes/{}/state", self.config.topic, self.id)
    }

    pub(super) fn config(&self, sensor: Sensor) -> String {
        let component = if sensor.is_binary() { "binary_sensor" } else { "sensor" };
        let (prefix, key) = (&self.config.discovery, sensor.key());
        format!("{prefix}/{component}/headroom_{}/{key}/config", self.object)
    }
}

/// What Home Assistant is told of a sensor.
pub(super) fn config(
    config: &MqttConfig,
    names: &Names<'_>,
    node: &NodeDetail,
    sensor: Sensor,
) -> Value {
    let (object, key) = (&names.object, sensor.key());
    let facts = &node.state.facts;
    let mut told = json!({
        "name": sensor.name(),
        "unique_id": format!("headroom_{object}_{key}"),
        "state_topic": names.state(),
        "value_template": format!("{{{{ value_json.{key} }}}}"),
        "availability_mode": "all",
        "availability": [{ "topic": Names::status(config) }, { "topic": names.availability() }],
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "device": {
            "identifiers": [format!("headroom_{object}")],
            "name": names.id.as_str(),
            "sw_version": facts.os.as_deref().unwrap_or("unknown"),
        },
        "origin": { "name": "Headroom", "sw_version": env!("CARGO_PKG_VERSION") },
    });
    if let Some(model) = &facts.model {
        told["device"]["model"] = model.as_str().into();
    }
    if let (Some(told), Value::Object(kind)) = (told.as_object_mut(), sensor.kind()) {
        told.extend(kind);
    }
    told
}

/// How a node is: what is not known is not in it.
pub(super) fn state(reading: &Reading, shown: Option<&Shown>) -> Map<String, Value> {
    let sample = &reading.sample;
    let available = Available::of(sample).ok().map(|available| available.here);
    let total = sample.get(Field::Total).filter(|&total| total > 0);
    let share =
        available.zip(total).map(|(available, total)| percent(available as f64 / total as f64));
    let celsius = sample.get(Field::Temperature).map(|milli| milli as f64 / 1000.0);
    let flag = |on: bool| Value::from(if on { "ON" } else { "OFF" });
    let voltage = sample.get(Field::UnderVoltage).map(|alarm| flag(alarm > 0));
    let is_board = sample.get(Field::UnderVoltage).is_some();
    let values: [(Sensor, Option<Value>); 8] = [
        (Sensor::Available, available.map(Value::from)),
        (Sensor::AvailableShare, share.map(Value::from)),
        (Sensor::Used, memory::used(sample).map(Value::from)),
        (Sensor::SwapUsed, memory::swap_used(sample).map(Value::from)),
        (Sensor::Pressure, shown.and_then(|shown| shown.pressure).map(percent).map(Value::from)),
        (Sensor::Temperature, celsius.map(Value::from)),
        (Sensor::UnderVoltage, voltage),
        (Sensor::Throttled, shown.filter(|_| is_board).map(|shown| flag(shown.throttled))),
    ];
    let known =
        values.into_iter().filter_map(|(sensor, value)| Some((sensor.key().into(), value?)));
    known.chain([("at_ms".to_owned(), reading.at_ms.into())]).collect()
}

/// A share in percent, with two decimals.
fn percent(share: f64) -> f64 {
    (share * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Sample;

    #[test]
    fn two_nodes_never_have_one_name() {
        let config = MqttConfig {
            host: String::new(),
            port: 1,
            is_tls: false,
            login: None,
            client_id: None,
            topic: "headroom".into(),
            discovery: "homeassistant".into(),
            every: std::time::Duration::ZERO,
            ca_file: None,
        };
        let topic = |id: &str| {
            let id = NodeId::try_from(id.to_owned()).unwrap();
            Names::of(&config, &id).config(Sensor::UnderVoltage)
        };
        assert_eq!(topic("pi-5"), "homeassistant/binary_sensor/headroom_pi-5/under_voltage/config");
        assert_ne!(topic("pi.5"), topic("pi_5"));
        assert!(!topic("pi.5").contains('.'));
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let mut sample = Sample::EMPTY;
        for (field, value) in [
            (Field::Total, 1000),
            (Field::Free, 100),
            (Field::Available, 250),
            (Field::Temperature, 48_312),
        ] {
            sample.set(field, Some(value));
        }
        let state = Value::Object(state(&Reading { at_ms: 7, uptime_us: 1, sample }, None));
        assert_eq!(
            state,
            json!({ "available": 250, "available_percent": 25.0, "used": 750, "temperature": 48.312,
                    "at_ms": 7 })
        );
    }
}
