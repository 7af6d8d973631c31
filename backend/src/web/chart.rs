//! The last five minutes of a node as a picture, as messages carry it.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, guard, web};
use shared::NodeFacts;
use shared::wire::Reading;

use super::api::{detail, stopping};
use super::{State, error, wrong_method};
use crate::notify::picture;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    for (path, route) in [
        ("/api/v1/nodes/{id}/chart.svg", read().to(svg)),
        ("/api/v1/nodes/{id}/chart.png", read().to(png)),
    ] {
        let other = web::to(async || wrong_method("GET, HEAD"));
        config.service(web::resource(path).route(route).default_service(other));
    }
}

async fn svg(state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    let draw = |name: &str, facts: &NodeFacts, readings: &[Reading]| {
        picture::svg(name, facts, readings).map(String::into_bytes)
    };
    drawn(&state, &id, "image/svg+xml", draw).await
}

async fn png(state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    drawn(&state, &id, "image/png", picture::png).await
}

type Draw = fn(&str, &NodeFacts, &[Reading]) -> Option<Vec<u8>>;

/// Draws what a node reported, away from the thread that answers.
async fn drawn(state: &State, id: &str, kind: &'static str, draw: Draw) -> HttpResponse {
    let node = match detail(state, id).await {
        Ok(detail) => detail.of.state,
        Err(response) => return response,
    };
    let Ok(Some(readings)) = state.head.readings(node.id.clone()).await else { return stopping() };
    let drawn = web::block(move || {
        let readings: Vec<Reading> = readings.into_iter().map(|one| one.reading).collect();
        draw(node.id.as_str(), &node.facts, &readings)
    });
    match drawn.await {
        Ok(Some(bytes)) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_TYPE, kind))
            .body(bytes),
        Ok(None) => {
            error(StatusCode::SERVICE_UNAVAILABLE, "this node has given no reading yet to draw")
        }
        Err(_) => stopping(),
    }
}
