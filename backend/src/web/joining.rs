//! Tokens of nodes, for viewers who signed in.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;
use shared::NodeId;

use super::client::Client;
use super::guard::without_port;
use super::{Entrance, State, body, error, fresh, wrong_method};
use crate::clock::unix_ms;
use crate::error::Error;
use crate::tls::Fingerprint;
use crate::tokens;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let all = web::resource("/api/v1/tokens")
        .route(web::get().to(list))
        .route(web::post().to(create))
        .default_service(web::to(async || wrong_method("GET, POST")));
    let one = web::resource("/api/v1/tokens/{name}")
        .route(web::delete().to(revoke))
        .default_service(web::to(async || wrong_method("DELETE")));
    config.service(all).service(one);
}

async fn list(state: web::Data<State>) -> HttpResponse {
    fresh(&json!({ "tokens": state.tokens.list() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
}

async fn create(
    entrance: web::Data<Entrance>,
    state: web::Data<State>,
    client: web::ReqData<Client>,
    request: HttpRequest,
    body: web::Payload,
) -> HttpResponse {
    let Create { name } = match body::json(&request, body).await {
        Ok(create) => create,
        Err(refusal) => return refusal,
    };
    let name = match NodeId::try_from(name) {
        Ok(name) => name,
        Err(wrong) => return error(StatusCode::BAD_REQUEST, wrong.to_string()),
    };
    let token = match state.tokens.create(name.clone(), unix_ms()).await {
        Ok(token) => token,
        Err(failed) => return not_done(&failed),
    };
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (url, fingerprint) = way_for_agents(&entrance, &client, host);
    let line = tokens::joining(&token, &url, fingerprint);
    let setup = tokens::setting_up(&token, &url, fingerprint);
    fresh(&json!({ "name": name, "line": line, "setup": setup }))
}

/// How a node reaches this head: as whoever asks reached it, if that is a way for others too.
fn way_for_agents(
    entrance: &Entrance,
    client: &Client,
    host: &str,
) -> (String, Option<Fingerprint>) {
    let name = without_port(host);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_of_this_machine = name == "localhost" || address.is_ok_and(|it| it.is_loopback());
    // A head that nobody else reaches directly is reached through its proxy. Whose certificate that
    // shows is not known here.
    if client.is_proxied && entrance.is_local {
        let scheme = if client.is_secure { "https" } else { "http" };
        return (format!("{scheme}://{host}"), None);
    }
    if client.is_proxied || is_of_this_machine {
        return (entrance.url.clone(), entrance.fingerprint);
    }
    let scheme = if entrance.tls.is_some() { "https" } else { "http" };
    (format!("{scheme}://{host}"), entrance.fingerprint)
}

async fn revoke(state: web::Data<State>, name: web::Path<String>) -> HttpResponse {
    let unknown = |name: &str| {
        error(
            StatusCode::NOT_FOUND,
            format!("there is no token for {name:?}; /api/v1/tokens lists them"),
        )
    };
    let Ok(id) = NodeId::try_from(name.clone()) else { return unknown(&name) };
    match state.tokens.revoke(id).await {
        Ok(true) => HttpResponse::NoContent().finish(),
        Ok(false) => unknown(&name),
        Err(failed) => not_done(&failed),
    }
}

/// Why tokens were not changed.
fn not_done(failed: &Error) -> HttpResponse {
    let status = match failed {
        Error::Refused(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    error(status, failed.chain().to_string())
}
