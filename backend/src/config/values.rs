//! What settings are made of.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("{text:?} is not an address and a port, such as 127.0.0.1:8080 or [::1]:8080")
        })
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A time between two readings, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u32")]
pub struct PeriodMs(pub u32);

impl TryFrom<u32> for PeriodMs {
    type Error = String;

    fn try_from(ms: u32) -> Result<Self, String> {
        if (50..=60_000).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(format!("{ms} is not a period of 50 to 60000 ms"))
        }
    }
}

impl FromStr for PeriodMs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ms: u32 = text.parse().map_err(|_| format!("{text:?} is not a number of ms"))?;
        ms.try_into()
    }
}

/// A name that a node is given: as long as any that systems give at most, and fit to be shown.
pub(super) fn node_name(text: &str) -> Result<String, String> {
    const MOST: usize = 253;
    if text.is_empty() || text.len() > MOST || text.chars().any(char::is_control) {
        return Err(format!("{text:?} is no name of 1 to {MOST} bytes"));
    }
    Ok(text.to_owned())
}

/// The same in a file.
pub(super) fn named<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| node_name(&text).map_err(serde::de::Error::custom)).transpose()
}

/// An amount of bytes, such as `1GiB`, `500 MB` or `1000000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "NumberOrText")]
#[schemars(title = "amount")]
pub struct Size(pub u64);

/// A time, such as `15m`, `90s` or `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(title = "time")]
pub struct Time(pub Duration);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl TryFrom<NumberOrText> for Size {
    type Error = String;

    fn try_from(said: NumberOrText) -> Result<Self, String> {
        match said {
            NumberOrText::Number(bytes) => Ok(Self(bytes)),
            NumberOrText::Text(text) => text.parse(),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not an amount of memory, such as 512MiB, 1GiB, 500MB or plain bytes"
            )
        };
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let scale: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" | "k" => 1 << 10,
            "mib" | "m" => 1 << 20,
            "gib" | "g" => 1 << 30,
            "tib" | "t" => 1 << 40,
            "kb" => 1000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return Err(wrong()),
        };
        let bytes = number * scale as f64;
        // Beyond this the numbers have gaps.
        if bytes <= 2_f64.powi(53) { Ok(Self(bytes.round() as u64)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a time, such as 15m, 90s or 1h");
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        Duration::try_from_secs_f64(number * scale).map(Self).map_err(|_| wrong())
    }
}

/// A number that is not negative, and what stands after it.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        for (text, bytes) in [
            ("1GiB", 1 << 30),
            ("1.5 GiB", 3 << 29),
            ("500MB", 500_000_000),
            ("64m", 64 << 20),
            ("1000000", 1_000_000),
            (" 7 B ", 7),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for wrong in ["", "GiB", "-1", "1 GiBi", "1e9", "1..5", "9999999 TiB", "ü"] {
            let error = wrong.parse::<Size>().unwrap_err();
            assert!(error.contains("such as 512MiB"), "{error}");
        }
    }

    #[test]
    fn times_have_units() {
        let time = |text: &str| text.parse::<Time>().map(|time| time.0);
        assert_eq!(time("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(time("90 s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("1.5h"), Ok(Duration::from_mins(90)));
        for wrong in ["", "15", "m", "-1s", "1w", "1e400s"] {
            assert!(time(wrong).unwrap_err().contains("such as 15m"), "{wrong}");
        }
    }
}
