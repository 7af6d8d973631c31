//! The past over HTTP.
//!
//! It is read and put into its form on threads of their own, a few at once, and comes through a short
//! channel: a client that goes away ends the work.

mod answer;
mod whole;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, guard, web};
use serde::Serialize;
use serde_json::json;
use shared::NodeId;
use shared::history::to_postcard;

use super::params::{BadRequest, Params};
use super::{State, csv, error, fresh, wrong_method};
use crate::clock::unix_ms;
use crate::history::query::{self, BadQuery, Query, Words};
use crate::history::tell::{Form, MOST_EVENTS, events as events_of};

pub(super) use answer::{Failure, Room};
use answer::{Live, Wanted};

/// Events are told of so long if nobody says how long, in ms.
const EVENTS_MS: u64 = 24 * 3_600_000;
/// A sweep tells of an instant if it was recorded so shortly before, in ms.
const USAGE_MS: u64 = 10 * 60_000;
/// Nodes that are asked for by name at most.
const MOST_NODES: usize = 1000;

/// For what has no columns…
const SHORT_FORMS: &[Form] = &[Form::Json, Form::Postcard];
/// …and for what is a list.
const LIST_FORMS: &[Form] = &[Form::Json, Form::Postcard, Form::Csv];
const OF_NODE: [&str; 7] = ["from", "to", "step", "points", "fields", "bands", "format"];
const OF_FLEET: [&str; 8] = ["nodes", "from", "to", "step", "points", "fields", "bands", "format"];

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    for (path, route) in [
        ("/api/v1/nodes/{id}/history", read().to(of_node)),
        ("/api/v1/history", read().to(of_fleet)),
        ("/api/v1/history/status", read().to(status)),
        ("/api/v1/history/copy", read().to(whole::copy)),
        ("/api/v1/history/check", read().to(whole::check)),
        ("/api/v1/events", read().to(events)),
    ] {
        let other = web::to(async || wrong_method("GET, HEAD"));
        config.service(web::resource(path).route(route).default_service(other));
    }
}

/// The query and the form of a request.
fn asked(request: &HttpRequest, params: &Params) -> Result<(Query, Form), Failure> {
    let words = Words {
        from: params.get("from"),
        to: params.get("to"),
        step: params.get("step"),
        points: params.get("points"),
        fields: params.get("fields"),
        bands: params.get("bands"),
    };
    Ok((Query::parse(&words, unix_ms())?, params.form(request, &Form::ALL)?))
}

async fn of_node(
    state: web::Data<State>,
    room: web::Data<Room>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let nodes = Some(vec![node(&id)?]);
    let (query, form) = asked(&request, &Params::of(&request, &OF_NODE)?)?;
    answer::answer(&state, &room, &request, Wanted { nodes, is_alone: true, query, form }).await
}

async fn of_fleet(
    state: web::Data<State>,
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let params = Params::of(&request, &OF_FLEET)?;
    let nodes = params.get("nodes").map(nodes).transpose()?;
    let (query, form) = asked(&request, &params)?;
    answer::answer(&state, &room, &request, Wanted { nodes, is_alone: false, query, form }).await
}

fn node(id: &str) -> Result<NodeId, Failure> {
    let start = || id.chars().take(NodeId::MAX_LEN).collect();
    NodeId::try_from(id.to_owned()).map_err(|_| Failure::Unknown(start()))
}

/// The nodes with these ids, in the order of their ids, each once.
fn nodes(text: &str) -> Result<Vec<NodeId>, Failure> {
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    let mut nodes = ids.map(node).collect::<Result<Vec<_>, _>>()?;
    nodes.sort_unstable();
    nodes.dedup();
    if (1..=MOST_NODES).contains(&nodes.len()) {
        return Ok(nodes);
    }
    let message = format!(
        "`nodes` names 1 to {MOST_NODES} nodes, separated by commas; without it, all are meant"
    );
    Err(BadRequest(message).into())
}

/// How history fares.
async fn status(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let form = Params::of(&request, &["format"])?.form(&request, SHORT_FORMS)?;
    let archive = state.archive.clone();
    let status = web::block(move || archive.status(unix_ms())).await;
    let status = status.map_err(|_| Failure::Ended)?;
    Ok(told(form, &status, &status))
}

/// What happened, oldest first.
async fn events(
    state: web::Data<State>,
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let params = Params::of(&request, &["from", "to", "node", "format"])?;
    let span = query::span(params.get("from"), params.get("to"), EVENTS_MS, unix_ms())?;
    let node = params.get("node").map(node).transpose()?;
    let form = params.form(&request, LIST_FORMS)?;
    let live = Live::of(&state);
    let read = move || events_of(&live, span, node.as_ref(), MOST_EVENTS);
    let events = answer::read(&room, read).await?;
    if form == Form::Csv {
        return Ok(csv::list(&events, &["at_ms", "node", "kind", "text"]));
    }
    Ok(told(form, &events, &events))
}

/// The form in which a sweep is wanted, and of which time, if that is not now.
pub(super) fn usage_asked(request: &HttpRequest) -> Result<(Option<String>, Form), Failure> {
    let params = Params::of(request, &["at", "format"])?;
    let form = params.form(request, LIST_FORMS)?;
    Ok((params.get("at").map(str::to_owned), form))
}

/// Who had the memory of a node at a time: the sweep that was recorded last before it.
pub(super) async fn usage_at(
    state: &State,
    room: &Room,
    (id, at): (&str, &str),
    form: Form,
) -> Result<HttpResponse, Failure> {
    let no_time = || BadQuery::Time { name: "at", text: at.chars().take(40).collect() };
    let at_ms = query::parse_time(at, unix_ms()).ok_or_else(no_time)?;
    let node = node(id)?;
    let archive = state.archive.clone();
    let span = at_ms.saturating_sub(USAGE_MS)..at_ms.saturating_add(1);
    let read = move || Ok(archive.read()?.usage(&node, span)?);
    let Some(usage) = answer::read(room, read).await? else {
        let message = format!(
            "nobody looked at the processes of {id} in the {} minutes before that",
            USAGE_MS / 60_000
        );
        return Ok(error(StatusCode::NOT_FOUND, message));
    };
    if form == Form::Csv {
        return Ok(csv::usage(&usage.usage));
    }
    Ok(told(form, &json!({ "at_ms": usage.at_ms, "usage": usage.usage }), &usage))
}

/// An answer of one value, in either form.
pub(super) fn told(form: Form, json: &impl Serialize, postcard: &impl Serialize) -> HttpResponse {
    if form == Form::Json {
        return fresh(json);
    }
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_TYPE, form.media_type()))
        .body(to_postcard(postcard))
}
