//! Who may do what: the page is for everybody, so that it can ask for the password; what it shows is for
//! viewers; and changes are for those who signed in.
//!
//! A program that has no cookies, such as Prometheus, may show the password with each request (HTTP
//! Basic, RFC 7617): it may read then. Nobody is asked for it, so that no browser keeps it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderValue, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::client::{Client, Right};
use super::{State, error, session};
use crate::clock::unix_ms;

/// What everybody may ask: each of them says itself what it tells to whom. Agents show a token.
const OPEN: [&str; 5] =
    ["/healthz", "/api/v1/agent", "/api/v1/login", "/api/v1/logout", "/api/v1/session"];
/// Where secrets are made: for those who signed in, whatever others may read.
const CLOSED: &str = "/api/v1/tokens";
/// Where things are changed, which only they may; elsewhere any method but reading is refused as such.
const CHANGED: [&str; 3] = ["/api/v1/alerts", "/api/v1/holds", "/api/v1/incidents"];

/// Where each incident is told in full, as a document.
const INCIDENTS: &str = "/incidents/";

/// Refuses who may not ask for what they ask for.
pub(super) async fn check(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let client = request.extensions().get::<Client>().copied();
    let client = match client {
        Some(client) if client.right == Right::Nothing => {
            match shown(&state, &client, &request).await {
                Ok(right) => Some(Client { right, ..client }),
                Err(refusal) => return Ok(request.into_response(refusal).map_into_right_body()),
            }
        }
        other => other,
    };
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    if client.is_some_and(|client| may(&client, request.method(), request.path())) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    if request.path().starts_with(INCIDENTS) {
        // Whoever follows a link in a message signs in there, and sees the incident then.
        let see = HttpResponse::SeeOther().insert_header((LOCATION, "/incidents")).finish();
        return Ok(request.into_response(see).map_into_right_body());
    }
    let message = if state.viewers.has_password() {
        "sign in first, with the password of this head's viewers"
    } else {
        "this is for those who signed in, and no password is set yet; on the head's machine, `headroom \
         password` sets one"
    };
    let refusal = error(StatusCode::UNAUTHORIZED, message);
    Ok(request.into_response(refusal).map_into_right_body())
}

/// What whoever shows the password with the request may do. A wrong one is counted as at the login, and
/// refused.
async fn shown(
    state: &State,
    client: &Client,
    request: &ServiceRequest,
) -> Result<Right, HttpResponse> {
    let Some(password) = request.headers().get(AUTHORIZATION).and_then(password) else {
        return Ok(Right::Nothing);
    };
    match state.viewers.may_read(password, client.address, unix_ms()).await {
        Ok(()) => Ok(Right::Read),
        Err(refusal) => Err(session::refused(&refusal)),
    }
}

/// The password of `Authorization: Basic …`, whichever name stands before it.
fn password(header: &HeaderValue) -> Option<String> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

fn may(client: &Client, method: &Method, path: &str) -> bool {
    let tells = path.starts_with("/api/") || path == "/metrics" || path.starts_with(INCIDENTS);
    if !tells || OPEN.contains(&path) {
        return true;
    }
    let is_changed = CHANGED.iter().any(|place| path.starts_with(place));
    let changes = path.starts_with(CLOSED) || (is_changed && !method.is_safe());
    client.right >= if changes { Right::Change } else { Right::Read }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_in_headers() {
        let found = |text: &str| password(&HeaderValue::from_str(text).unwrap());
        assert_eq!(found("Basic cHJvbTpjb3JyZWN0OmhvcnNl"), Some("correct:horse".into()));
        assert_eq!(found("basic OmE="), Some("a".into()));
        for wrong in ["Basic", "Basic ???", "Basic YQ==", "Bearer cHJvbTph", "Basic //8="] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_may_do_as_much_as_they_should() {
        let client = |right| Client {
            address: [127, 0, 0, 1].into(),
            is_secure: false,
            is_proxied: false,
            right,
        };
        let everybody = [Right::Nothing, Right::Read, Right::Change].map(client);
        for (path, allowed) in [
            ("/", [true; 3]),
            ("/app-0123456789abcdef.js", [true; 3]),
            ("/healthz", [true; 3]),
            ("/api/v1/agent", [true; 3]),
            ("/api/v1/session", [true; 3]),
            ("/api/v1/login", [true; 3]),
            ("/api/v1/nodes", [false, true, true]),
            ("/api/v1/feed", [false, true, true]),
            ("/api/v1/agent/", [false, true, true]),
            ("/api/v2/anything", [false, true, true]),
            ("/metrics", [false, true, true]),
            ("/incidents/7", [false, true, true]),
            ("/api/v1/tokens", [false, false, true]),
            ("/api/v1/tokens/pi-5", [false, false, true]),
        ] {
            assert_eq!(everybody.map(|who| may(&who, &Method::GET, path)), allowed, "{path}");
        }
        for (method, path) in
            [(Method::POST, "/api/v1/holds"), (Method::DELETE, "/api/v1/alerts/rules")]
        {
            assert_eq!(
                everybody.map(|who| may(&who, &method, path)),
                [false, false, true],
                "{path}"
            );
        }
    }
}
