//! Who asks: from which address, over which kind of connection, and what they may do.

use std::net::{IpAddr, SocketAddr};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{COOKIE, HeaderMap};

use super::Entrance;
use crate::clock::unix_ms;
use crate::viewers::{COOKIE_NAME, Viewers};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// Where they are.
    pub(super) address: IpAddr,
    /// Whether nobody on the way sees what is said.
    pub(super) is_secure: bool,
    /// Whether a trusted proxy speaks for them.
    pub(super) is_proxied: bool,
    /// What they may do.
    pub(super) right: Right,
}

/// What somebody may do, from less to more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    /// Load the page, and sign in.
    Nothing,
    /// See this head.
    Read,
    /// Whoever signed in may change it too.
    Change,
}

/// Finds out who asks.
pub(super) fn of(request: &ServiceRequest, entrance: &Entrance, viewers: &Viewers) -> Client {
    let headers = request.headers();
    let (address, is_secure, is_proxied) = way(request.peer_addr(), headers, entrance);
    let now_ms = unix_ms();
    let right = if sessions(headers).any(|session| viewers.knows(session, now_ms)) {
        Right::Change
    } else if entrance.anonymous_read || !(entrance.is_exposed || viewers.has_password()) {
        Right::Read
    } else {
        Right::Nothing
    };
    Client { address, is_secure, is_proxied, right }
}

/// Which way a request came: from whom, whether securely, and whether through a proxy. What a peer that
/// is not trusted says of others is not heard.
fn way(peer: Option<SocketAddr>, headers: &HeaderMap, entrance: &Entrance) -> (IpAddr, bool, bool) {
    // Connections without an address are not taken.
    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
    let is_trusted = |address: IpAddr| {
        entrance.trusted_proxies.iter().any(|proxy| proxy.to_canonical() == address)
    };
    if !is_trusted(peer) {
        return (peer, entrance.tls.is_some(), false);
    }
    // Each proxy adds whom it hears; what stands before the last stranger is that one's own invention.
    let mut client = peer;
    for said in last_first(headers, "X-Forwarded-For") {
        let Some(address) = address(said) else { break };
        client = address.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    let is_secure = last_first(headers, "X-Forwarded-Proto").next() == Some("https");
    (client, is_secure, true)
}

/// The items of a list in headers named `name`, the last one first.
fn last_first<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values: Vec<_> = headers.get_all(name).filter_map(|value| value.to_str().ok()).collect();
    values.into_iter().rev().flat_map(|value| value.rsplit(',')).map(str::trim)
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

/// Every session that a browser shows: another head on the same machine may have set one too.
fn sessions(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value)
        .take(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn entrance(proxies: &[&str]) -> Entrance {
        let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        Entrance { trusted_proxies: proxies, ..Entrance::default() }
    }

    fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let peer = |text: &str| Some(text.parse().unwrap());
        let seen = |from: &str, values: &[(&'static str, &str)], proxies: &[&str]| {
            let (address, is_secure, is_proxied) =
                way(peer(from), &headers(values), &entrance(proxies));
            (address.to_string(), is_secure, is_proxied)
        };
        let said = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https")];
        let stranger = ("10.0.0.1".to_owned(), false, false);
        assert_eq!(seen("10.0.0.1:5", &said, &[]), stranger);
        assert_eq!(seen("10.0.0.1:5", &said, &["10.0.0.2"]), stranger);
        let proxied = ("192.0.2.7".to_owned(), true, true);
        assert_eq!(seen("10.0.0.1:5", &said, &["10.0.0.1"]), proxied);
        assert_eq!(seen("[::ffff:10.0.0.1]:5", &said, &["10.0.0.1"]), proxied);
        for (list, client) in [
            ("1.1.1.1, 192.0.2.7", "192.0.2.7"),
            ("192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("10.0.0.2", "10.0.0.2"),
            ("1.1.1.1, nonsense", "10.0.0.1"),
            ("1.1.1.1, [2001:db8::1]:80", "2001:db8::1"),
            ("", "10.0.0.1"),
        ] {
            let seen = seen("10.0.0.1:5", &[("x-forwarded-for", list)], &["10.0.0.1", "10.0.0.2"]);
            assert_eq!(seen, (client.to_owned(), false, true), "{list}");
        }
        let twice = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")];
        assert_eq!(seen("10.0.0.1:5", &twice, &["10.0.0.1"]).0, "2.2.2.2");
    }

    #[test]
    fn sessions_are_found_among_other_cookies() {
        let found = |text: &str| -> Vec<String> {
            sessions(&headers(&[("cookie", text)])).map(str::to_owned).collect()
        };
        assert_eq!(found("a=b; headroom_session=x.y;headroom_session=z"), ["x.y", "z"]);
        assert_eq!(found("xheadroom_session=x; headroom_session"), [""; 0]);
    }
}
