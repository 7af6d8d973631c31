//! JSON for scripts.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, guard, web};
use serde::Serialize;
use serde_json::json;
use shared::node::Liveness;
use shared::wire::NodeState;
use shared::{NodeFacts, Sample, memory};

use super::{State, error, wrong_method};
use crate::head::HeadGone;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    for (path, route) in [
        ("/api/v1/nodes", read().to(nodes)),
        ("/api/v1/nodes/{id}", read().to(node)),
        ("/healthz", read().to(health)),
    ] {
        let other = web::to(async || wrong_method("GET, HEAD"));
        config.service(web::resource(path).route(route).default_service(other));
    }
}

/// All nodes as scripts see them.
#[derive(Serialize)]
struct NodesView<'a> {
    /// The head's clock: ms since 1970.
    now_ms: u64,
    nodes: Vec<NodeView<'a>>,
}

/// A node as scripts see it.
#[derive(Serialize)]
struct NodeView<'a> {
    id: &'a str,
    /// Whether its last reading is as young as it should be.
    live: bool,
    /// Why it gives no readings.
    trouble: Option<&'a str>,
    /// Since its last reading, in ms.
    age_ms: Option<u64>,
    /// Between two readings, in ms.
    period_ms: u32,
    facts: &'a NodeFacts,
    /// `total − available`, in bytes.
    used: Option<u64>,
    sample: Option<&'a Sample>,
}

impl<'a> NodeView<'a> {
    fn new(node: &'a NodeState, now_ms: u64) -> Self {
        let age_ms = node.latest.as_ref().map(|latest| now_ms.saturating_sub(latest.at_ms));
        let sample = node.latest.as_ref().map(|latest| &latest.sample);
        Self {
            id: node.id.as_str(),
            live: is_live(node, now_ms),
            trouble: node.trouble.as_deref(),
            age_ms,
            period_ms: node.period_ms,
            facts: &node.facts,
            used: sample.and_then(memory::used),
            sample,
        }
    }
}

fn is_live(node: &NodeState, now_ms: u64) -> bool {
    node.latest.as_ref().is_some_and(|latest| {
        let age_ms = now_ms.saturating_sub(latest.at_ms);
        Liveness::of(age_ms, node.period_ms.into()) == Liveness::Live
    })
}

async fn nodes(state: web::Data<State>) -> HttpResponse {
    match state.head.nodes().await {
        Ok(nodes) => {
            let now_ms = state.clock.now_ms();
            let nodes = nodes.iter().map(|node| NodeView::new(node, now_ms)).collect();
            fresh(&NodesView { now_ms, nodes })
        }
        Err(HeadGone) => stopping(),
    }
}

async fn node(state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    match state.head.nodes().await {
        Ok(nodes) => nodes.iter().find(|node| node.id.as_str() == id.as_str()).map_or_else(
            || {
                let message = format!("there is no node {:?}; /api/v1/nodes lists them", *id);
                error(StatusCode::NOT_FOUND, message)
            },
            |node| fresh(&NodeView::new(node, state.clock.now_ms())),
        ),
        Err(HeadGone) => stopping(),
    }
}

async fn health(state: web::Data<State>) -> HttpResponse {
    match state.head.nodes().await {
        Ok(nodes) => {
            let now_ms = state.clock.now_ms();
            let live = nodes.iter().filter(|node| is_live(node, now_ms)).count();
            fresh(&json!({ "status": "ok", "nodes": nodes.len(), "live": live }))
        }
        Err(HeadGone) => stopping(),
    }
}

/// What is true only now.
fn fresh(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body)
}

pub(super) fn stopping() -> HttpResponse {
    error(StatusCode::SERVICE_UNAVAILABLE, "this head is stopping")
}
