//! The address of a head, and the secret for it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

/// The address of a head: `http` or `https`, a host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct HeadUrl {
    is_tls: bool,
    /// A name or an address, without brackets.
    host: String,
    port: u16,
    /// As it was given.
    text: String,
}

impl HeadUrl {
    /// The head with TLS at this address.
    #[must_use]
    pub fn tls(address: IpAddr, port: u16) -> Self {
        let text = format!("https://{}", std::net::SocketAddr::new(address, port));
        Self { is_tls: true, host: address.to_string(), port, text }
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|it| it.is_loopback())
    }

    /// A name or an address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, as a request names them.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The WebSocket that agents speak to.
    #[must_use]
    pub fn of_agents(&self) -> String {
        format!("{}://{}/api/v1/agent", if self.is_tls { "wss" } else { "ws" }, self.authority())
    }

    /// As it was given, without what trails.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for HeadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for HeadUrl {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let text = given.strip_suffix('/').unwrap_or(given);
        parse(text).ok_or_else(|| {
            format!("{given:?} is not the address of a head, such as https://192.168.1.10:8443")
        })
    }
}

fn parse(text: &str) -> Option<HeadUrl> {
    let (scheme, authority) = text.split_once("://")?;
    let is_tls = match scheme {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None if port.is_empty() => {
            if is_tls {
                443
            } else {
                80
            }
        }
        None => return None,
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let is_host = (1..=253).contains(&host.len()) && host.chars().all(allowed);
    is_host.then(|| HeadUrl { is_tls, host: host.into(), port, text: text.into() })
}

impl TryFrom<String> for HeadUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// What lets a node join a head. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The secret itself.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }
}

impl FromStr for Token {
    type Err = String;

    /// Says what is wrong without showing the text, which may be another secret.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".into());
        }
        if text.len() > 256 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is one word of letters and digits".into());
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, is_tls, host, port, authority) in [
            ("http://127.0.0.1:8080", false, "127.0.0.1", 8080, "127.0.0.1:8080"),
            ("https://pi.local/", true, "pi.local", 443, "pi.local"),
            ("http://pi", false, "pi", 80, "pi"),
            ("https://[fd00::1]:8443", true, "fd00::1", 8443, "[fd00::1]:8443"),
        ] {
            let url: HeadUrl = text.parse().unwrap();
            assert_eq!((url.is_tls(), url.host(), url.port()), (is_tls, host, port));
            assert_eq!(url.authority(), authority);
        }
        let wrong = [
            "",
            "pi:80",
            "ftp://pi",
            "http://",
            "http://pi:0",
            "http://pi:99999",
            "http://a b",
            "https://user@pi",
            "https://pi/x",
            "http://[::1",
            "http://[pi]",
            "http://pi?x",
            "http://ü",
        ];
        for wrong in wrong {
            let error = wrong.parse::<HeadUrl>().unwrap_err();
            assert!(error.contains("such as https://"), "{error}");
        }
        let found = HeadUrl::tls("fd00::1".parse().unwrap(), 8443);
        assert_eq!(found, "https://[fd00::1]:8443".parse().unwrap());
    }

    #[test]
    fn this_machine_is_known() {
        for (text, is_loopback) in [
            ("http://127.1.2.3:80", true),
            ("http://[::1]:80", true),
            ("http://localhost", true),
            ("http://localhost.evil.example", false),
            ("http://192.168.1.1", false),
        ] {
            assert_eq!(text.parse::<HeadUrl>().unwrap().is_loopback(), is_loopback, "{text}");
        }
    }
}
