//! Signing in and out.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::body;
use super::client::{Client, Right};
use super::{Entrance, State, error, fresh, wrong_method};
use crate::clock::unix_ms;
use crate::viewers::{COOKIE_NAME, NotSignedIn, SESSION};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let post = || web::to(async || wrong_method("POST"));
    let get = || web::to(async || wrong_method("GET"));
    let login = web::resource("/api/v1/login").route(web::post().to(login));
    let logout = web::resource("/api/v1/logout").route(web::post().to(logout));
    let session = web::resource("/api/v1/session").route(web::get().to(session));
    config.service(login.default_service(post()));
    config.service(logout.default_service(post()));
    config.service(session.default_service(get()));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    password: String,
}

async fn login(
    state: web::Data<State>,
    client: web::ReqData<Client>,
    request: HttpRequest,
    body: web::Payload,
) -> HttpResponse {
    let Login { password } = match body::json(&request, body).await {
        Ok(login) => login,
        Err(refusal) => return refusal,
    };
    match state.viewers.sign_in(password, client.address, unix_ms()).await {
        Ok(session) => cookie(&client, &session, SESSION.as_secs()),
        Err(refusal) => refused(&refusal),
    }
}

/// The answer to whoever is not signed in.
pub(super) fn refused(refusal: &NotSignedIn) -> HttpResponse {
    let (status, wait) = match refusal {
        NotSignedIn::WrongPassword | NotSignedIn::NoPassword => (StatusCode::UNAUTHORIZED, None),
        NotSignedIn::TooMany(wait) => (StatusCode::TOO_MANY_REQUESTS, Some(wait.as_secs())),
        NotSignedIn::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(1)),
    };
    let mut response = error(status, refusal.to_string());
    if let Some(wait) = wait {
        response.headers_mut().insert(RETRY_AFTER, wait.into());
    }
    response
}

/// The session is not kept here, so it is the browser that forgets it.
async fn logout(client: web::ReqData<Client>) -> HttpResponse {
    cookie(&client, "", 0)
}

/// Lets the browser keep `session` for so many seconds.
fn cookie(client: &Client, session: &str, seconds: u64) -> HttpResponse {
    let secure = if client.is_secure { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE_NAME}={session}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{secure}"
    );
    HttpResponse::NoContent()
        .insert_header((SET_COOKIE, cookie))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// What whoever asks may do here, and how they could do more.
async fn session(
    entrance: web::Data<Entrance>,
    state: web::Data<State>,
    client: web::ReqData<Client>,
) -> HttpResponse {
    let is_set = state.viewers.has_password();
    fresh(&json!({
        "signed_in": client.right == Right::Change,
        // Whether there is something to sign in with, or there should be.
        "password": is_set || entrance.is_exposed,
        "password_set": is_set,
        "may_read": client.right >= Right::Read,
        "may_write": client.right == Right::Change,
        // Whether others may listen.
        "plain": !client.is_secure && !client.address.is_loopback(),
    }))
}
