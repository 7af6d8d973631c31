//! `/incidents/{id}`: an incident as one HTML document, to look at or to keep.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HOST, HeaderValue,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, guard, web};

use super::client::Client;
use super::{State, error, wrong_method};
use crate::head::{AsOf, HeadGone};
use crate::incident_page::{Known, POLICY, document, not_found};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(page);
    let other = web::to(async || wrong_method("GET, HEAD"));
    config.service(web::resource("/incidents/{id}").route(read).default_service(other));
}

async fn page(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> HttpResponse {
    let url = url(&request);
    let missing = |what: &str| answer(StatusCode::NOT_FOUND, not_found(what, &url));
    let Ok(number) = id.parse::<u64>() else {
        return missing(&id.chars().take(40).collect::<String>());
    };
    let Ok(AsOf { now_ms, of: nodes }) = state.head.nodes().await else {
        return error(StatusCode::SERVICE_UNAVAILABLE, HeadGone.to_string());
    };
    let facts: BTreeMap<_, _> =
        nodes.into_iter().map(|node| (node.state.id, node.state.facts)).collect();
    let here = url.clone();
    // Black boxes are on disk.
    let made = web::block(move || {
        let incident = state.alerts.incident(number)?;
        let boxes = state.alerts.boxes(number)?;
        let (incident, boxes) = (&incident, boxes.as_slice());
        Ok::<_, crate::alerts::NoIncident>(document(&Known {
            incident,
            boxes,
            facts: &facts,
            url: &here,
            now_ms,
        }))
    })
    .await;
    let html = match made {
        Ok(Ok(html)) => html,
        Ok(Err(_)) => return missing(&number.to_string()),
        Err(_) => return error(StatusCode::SERVICE_UNAVAILABLE, "this head is stopping"),
    };
    let mut response = answer(StatusCode::OK, html);
    if request
        .query_string()
        .split('&')
        .any(|pair| pair == "download" || pair.starts_with("download="))
    {
        let name = format!("attachment; filename=\"headroom-incident-{number}.html\"");
        if let Ok(name) = HeaderValue::try_from(name) {
            response.headers_mut().insert(CONTENT_DISPOSITION, name);
        }
    }
    response
}

fn answer(status: StatusCode, html: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html)
}

/// Where whoever asks finds this head.
fn url(request: &HttpRequest) -> String {
    let is_secure = request.extensions().get::<Client>().is_some_and(|client| client.is_secure);
    // It was looked at already: it is an address, or a name of this head.
    let host =
        request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("{}://{host}", if is_secure { "https" } else { "http" })
}
