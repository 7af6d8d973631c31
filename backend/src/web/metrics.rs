//! `/metrics`: all nodes for Prometheus and its kin. A page is made once a second at most, and shared by
//! all who scrape; then it is forgotten, for of a thousand nodes it has some megabytes.

use std::time::Duration;

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use actix_web::{HttpRequest, HttpResponse, guard, rt, web};
use bytes::Bytes;
use tokio::sync::Mutex;

use super::api::stopping;
use super::{State, wrong_method};
use crate::bill;
use crate::clock::unix_ms;
use crate::head::{AsOf, HeadGone};
use crate::metrics::{Form, Known, OfHead, accepted, page};

/// How long a page is told.
const FRESH: Duration = Duration::from_secs(1);
/// Open incidents that are counted at most.
const MOST_INCIDENTS: usize = 10_000;

/// The pages that were made last, one of each form.
#[derive(Default)]
pub(super) struct Pages([Mutex<Option<Bytes>>; Form::ALL.len()]);

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(metrics);
    let other = web::to(async || wrong_method("GET, HEAD"));
    config.service(web::resource("/metrics").route(read).default_service(other));
}

async fn metrics(
    state: web::Data<State>,
    pages: web::Data<Pages>,
    request: HttpRequest,
) -> HttpResponse {
    let accept = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let form = accepted(accept);
    // Whoever comes while it is made waits for it.
    let mut kept = pages.0[form as usize].lock().await;
    let body = match &*kept {
        Some(body) => body.clone(),
        None => match made(state, form).await {
            Ok(body) => {
                *kept = Some(body.clone());
                let pages = pages.clone();
                rt::spawn(async move {
                    rt::time::sleep(FRESH).await;
                    pages.0[form as usize].lock().await.take();
                });
                body
            }
            Err(HeadGone) => return stopping(),
        },
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, form.media_type()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Accept"))
        .body(body)
}

/// Gathers what is told, and makes the page on a thread of its own.
async fn made(state: web::Data<State>, form: Form) -> Result<Bytes, HeadGone> {
    let AsOf { now_ms, of: nodes } = state.head.nodes().await?;
    let made = web::block(move || {
        let incidents = state.alerts.incidents(true, MOST_INCIDENTS);
        let history = state.archive.status(unix_ms());
        let head =
            OfHead { incidents: &incidents, history: &history, exports: &state.exports.status() };
        let known = Known { now_ms, nodes: &nodes, head: Some(head), cost: bill::cost() };
        page(&known, form)
    });
    // A thread that broke off is a head that stops.
    made.await.map(Bytes::from).map_err(|_| HeadGone)
}
