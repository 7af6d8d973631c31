//! Who may do what: the page is for everybody, so that it can ask for the password; what it shows is for
//! viewers; and changes are for those who signed in.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};

use super::client::{Client, Right};
use super::{State, error};

/// What everybody may ask: each of them says itself what it tells to whom. Agents show a token.
const OPEN: [&str; 5] =
    ["/healthz", "/api/v1/agent", "/api/v1/login", "/api/v1/logout", "/api/v1/session"];
/// Where secrets are made: for those who signed in, as whatever changes anything, whatever others may
/// read.
const CLOSED: &str = "/api/v1/tokens";

/// Refuses who may not ask for what they ask for.
pub(super) async fn check(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let client = request.extensions().get::<Client>().copied();
    if client.is_some_and(|client| may(&client, request.method(), request.path())) {
        return Ok(next.call(request).await?.map_into_left_body());
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

fn may(client: &Client, method: &Method, path: &str) -> bool {
    let tells = path.starts_with("/api/") || path == "/metrics" || path.starts_with("/incidents/");
    if !tells || OPEN.contains(&path) {
        return true;
    }
    let changes = path.starts_with(CLOSED) || !method.is_safe();
    client.right >= if changes { Right::Change } else { Right::Read }
}

#[cfg(test)]
mod tests {
    use super::*;

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
