//! Who may ask: checks the `Host` of every request, and the `Origin` of every WebSocket and of all that
//! does more than read.
//!
//! A web site that makes its own name point to this head (DNS rebinding) is refused by its `Host`;
//! a web site that opens a WebSocket to this head, which browsers allow across origins (RFC 6455
//! §10.2), by its `Origin`.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderMap, ORIGIN, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};

use super::gate::Place;
use super::{Entrance, State, client, error};

/// The names under which this head may be reached, in lower case.
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn new(names: Vec<String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// IP addresses and names in .local cannot be made to point elsewhere by who owns a domain.
    fn allow(&self, host: &str) -> bool {
        let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || [".localhost", ".local"].iter().any(|end| name.ends_with(end))
            || self.0.contains(&name)
    }
}

/// `[::1]:8080` → `[::1]`, `pi:8080` → `pi`.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && !name.is_empty() => name,
        _ => host,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &actix_web::http::header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Refuses what does not come from a page of this head, or from a program that is no browser.
pub(super) async fn check(
    names: web::Data<Names>,
    entrance: web::Data<Entrance>,
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let client = client::of(&request, &entrance, &state.viewers);
    let refusal = refusal(&names, request.method(), request.headers(), client.is_secure);
    if let Some((status, message)) = refusal {
        return Ok(request.into_response(error(status, message)).map_into_right_body());
    }
    request.extensions_mut().insert(client);
    let response = next.call(request).await?;
    // Who follows or reports was let in, and is not pushed out.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(place) = response.request().conn_data::<Arc<Place>>()
    {
        place.keep();
    }
    Ok(response.map_into_left_body())
}

fn refusal(
    names: &Names,
    method: &Method,
    headers: &HeaderMap,
    is_secure: bool,
) -> Option<(StatusCode, String)> {
    let Some(host) = text(headers, &HOST) else {
        return Some((StatusCode::BAD_REQUEST, "the request has no Host".into()));
    };
    if !names.allow(host) {
        let message = format!(
            "this head is not known as {host:?}; if it should be, start it with --host-names {}",
            without_port(host)
        );
        return Some((StatusCode::MISDIRECTED_REQUEST, message));
    }
    let is_reading = matches!(*method, Method::GET | Method::HEAD);
    if (headers.contains_key(UPGRADE) || !is_reading) && headers.contains_key(ORIGIN) {
        let origin = text(headers, &ORIGIN).unwrap_or_default();
        // A page that came securely may well reach this head through a proxy that is not known here.
        let plain = origin.strip_prefix("http://").filter(|_| !is_secure);
        let site = plain.or(origin.strip_prefix("https://"));
        if !site.is_some_and(|site| site.eq_ignore_ascii_case(host)) {
            let message = format!("a page of {origin:?} may not use this head");
            return Some((StatusCode::FORBIDDEN, message));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn status(host: &str, origin: Option<&'static str>) -> Option<u16> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        let names = Names::new(vec!["Pi-Head".into(), "dash.example.org".into()]);
        refusal(&names, &Method::GET, &headers, false).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_names_of_this_head_are_served() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "192.168.1.9",
            "pi-head:8080",
            "pi-head.local",
            "dash.example.org.",
            "a.localhost",
        ] {
            assert_eq!(status(host, None), None, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil.example",
            "pi-head.evil",
        ] {
            assert_eq!(status(host, None), Some(421), "{host}");
        }
    }

    #[test]
    fn only_own_pages_may_follow() {
        assert_eq!(status("pi-head:8080", Some("http://pi-head:8080")), None);
        assert_eq!(status("pi-head", Some("https://pi-head")), None);
        for origin in ["http://evil.example", "http://pi-head:81", "null", "", "ftp://pi-head:8080"]
        {
            assert_eq!(status("pi-head:8080", Some(origin)), Some(403), "{origin}");
        }
    }

    #[test]
    fn changes_come_from_own_pages_too_and_securely_where_that_is_possible() {
        let status = |method: Method, origin: &'static str, is_secure| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("pi-head"));
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            let names = Names::new(vec!["pi-head".into()]);
            refusal(&names, &method, &headers, is_secure).map(|(status, _)| status.as_u16())
        };
        for method in [Method::POST, Method::DELETE, Method::PUT] {
            assert_eq!(status(method.clone(), "https://pi-head", true), None);
            assert_eq!(status(method.clone(), "https://pi-head", false), None);
            assert_eq!(status(method.clone(), "http://pi-head", false), None);
            assert_eq!(status(method.clone(), "http://pi-head", true), Some(403));
            assert_eq!(status(method, "https://evil.example", true), Some(403));
        }
        // A page of another site may read what everybody may: its browser keeps it from it.
        assert_eq!(status(Method::GET, "https://evil.example", true), None);
    }
}
