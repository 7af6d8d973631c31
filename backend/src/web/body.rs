//! Bodies of requests: JSON, small, and not slow.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error;

/// Bytes of a body at most.
const MOST: usize = 4096;
/// Time that a body may take.
const TIME: Duration = Duration::from_secs(5);

/// What `body` says, or the answer that refuses it.
///
/// That it must be declared as JSON keeps forms of other sites out, as those cannot.
pub(super) async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    body: web::Payload,
) -> Result<T, HttpResponse> {
    json_of(request, body, MOST).await
}

/// The same of a body of `most` bytes.
pub(super) async fn json_of<T: DeserializeOwned>(
    request: &HttpRequest,
    body: web::Payload,
    most: usize,
) -> Result<T, HttpResponse> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        let message = "send JSON, with `Content-Type: application/json`";
        return Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let bytes = match timeout(TIME, body.to_bytes_limited(most)).await {
        Ok(Ok(Ok(bytes))) => bytes,
        Ok(Ok(Err(broken))) => return Err(error(StatusCode::BAD_REQUEST, broken.to_string())),
        Ok(Err(_)) => {
            let message = format!("a body here has at most {most} bytes");
            return Err(error(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        Err(_) => return Err(error(StatusCode::REQUEST_TIMEOUT, "the body does not come")),
    };
    serde_json::from_slice(&bytes)
        .map_err(|wrong| error(StatusCode::BAD_REQUEST, format!("not what is expected: {wrong}")))
}
