//! What harms, as JSON for scripts and in postcard for the page: incidents, rules, channels.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, guard, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::alert::{AlertStatus, Rules};

use super::params::{BadRequest, Params};
use super::{State, body, csv, error, fresh, history, wrong_method};
use crate::alerts::NoIncident;
use crate::clock::unix_ms;
use crate::config::Time;
use crate::history::tell::Form;

const FORMS: &[Form] = &[Form::Json, Form::Postcard];
/// For the list of them.
const LIST_FORMS: &[Form] = &[Form::Json, Form::Csv, Form::Postcard];
/// Incidents that are told if nobody says how many…
const USUAL: usize = 100;
/// …and at most.
const MOST: usize = 1000;
/// Bytes of rules at most: all silences have notes.
const MOST_RULES: usize = 64 << 10;
/// The longest silence, in ms: a year.
const MOST_SILENCE_MS: u64 = 366 * 86_400_000;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    let resource = |path: &str, allowed: &'static str| {
        web::resource(path).default_service(web::to(move || async move { wrong_method(allowed) }))
    };
    config
        .service(resource("/api/v1/incidents", "GET, HEAD").route(read().to(incidents)))
        .service(resource("/api/v1/incidents/{id}", "GET, HEAD").route(read().to(incident)))
        .service(
            resource("/api/v1/incidents/{id}/acknowledge", "POST")
                .route(web::post().to(acknowledge)),
        )
        .service(resource("/api/v1/incidents/{id}/silence", "POST").route(web::post().to(silence)))
        .service(resource("/api/v1/alerts", "GET, HEAD").route(read().to(status)))
        .service(
            resource("/api/v1/alerts/rules", "PUT, DELETE")
                .route(web::put().to(set_rules))
                .route(web::delete().to(reset_rules)),
        )
        .service(resource("/api/v1/alerts/test", "POST").route(web::post().to(test)));
}

/// Why an answer is an error.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Wrong(#[from] BadRequest),
    #[error(transparent)]
    None(#[from] NoIncident),
    #[error("{0:?} is not the number of an incident; /api/v1/incidents lists them")]
    NoNumber(String),
    #[error("this head is stopping")]
    Ended,
}

impl actix_web::ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::None(_) | Self::NoNumber(_) => StatusCode::NOT_FOUND,
            Self::Ended => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        error(self.status_code(), self.to_string())
    }
}

async fn incidents(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let params = Params::of(&request, &["open", "limit", "format"])?;
    let wrong = |text: &str| Failure::Wrong(BadRequest(text.to_owned()));
    let open = match params.get("open") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong("`open` is `true` or `false`")),
    };
    let limit = match params.get("limit") {
        None => USUAL,
        Some(limit) => {
            let limit = limit.parse().ok().filter(|limit| (1..=MOST).contains(limit));
            limit.ok_or_else(|| wrong(&format!("`limit` is a number from 1 to {MOST}")))?
        }
    };
    let form = params.form(&request, LIST_FORMS)?;
    let incidents = state.alerts.incidents(open, limit);
    if form == Form::Csv {
        let first = ["id", "since_ms", "over_ms", "severity", "cause", "nodes", "title"];
        return Ok(csv::list(&incidents, &first));
    }
    Ok(history::told(form, &incidents, &incidents))
}

async fn incident(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let form = Params::of(&request, &["format"])?.form(&request, FORMS)?;
    let id = number(&id)?;
    let alerts = state.alerts.clone();
    let incident = alerts.incident(id)?;
    let boxes = web::block(move || alerts.boxes(id)).await.map_err(|_| Failure::Ended)??;
    Ok(history::told(form, &json!({ "incident": incident, "boxes": boxes }), &(&incident, &boxes)))
}

fn number(id: &str) -> Result<u64, Failure> {
    id.parse().map_err(|_| Failure::NoNumber(id.chars().take(20).collect()))
}

/// Nothing need be said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn acknowledge(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let id = number(&id)?;
    if let Err(refusal) = body::json::<Nothing>(&request, body).await {
        return Ok(refusal);
    }
    let now_ms = unix_ms();
    Ok(fresh(&state.alerts.acknowledge(id, now_ms)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct For {
    #[serde(rename = "for")]
    span: Time,
}

async fn silence(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let id = number(&id)?;
    let span = match body::json::<For>(&request, body).await {
        Ok(For { span }) => span.0.as_millis(),
        Err(refusal) => return Ok(refusal),
    };
    let Some(span_ms) = u64::try_from(span).ok().filter(|span| *span <= MOST_SILENCE_MS) else {
        return Err(BadRequest("a silence lasts a year at most".into()).into());
    };
    let now_ms = unix_ms();
    Ok(fresh(&state.alerts.silence(id, now_ms.saturating_add(span_ms), now_ms)?))
}

fn whole(state: &State) -> AlertStatus {
    AlertStatus { channels: state.notifier.status(), ..state.alerts.status() }
}

async fn status(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let form = Params::of(&request, &["format"])?.form(&request, FORMS)?;
    let status = whole(&state);
    Ok(history::told(form, &status, &status))
}

async fn set_rules(
    state: web::Data<State>,
    request: HttpRequest,
    body: web::Payload,
) -> HttpResponse {
    let rules: Rules = match body::json_of(&request, body, MOST_RULES).await {
        Ok(rules) => rules,
        Err(refusal) => return refusal,
    };
    match state.alerts.set_rules(Some(rules)) {
        Ok(()) => fresh(&whole(&state)),
        Err(wrong) => error(StatusCode::BAD_REQUEST, wrong.to_string()),
    }
}

async fn reset_rules(state: web::Data<State>) -> HttpResponse {
    match state.alerts.set_rules(None) {
        Ok(()) => fresh(&whole(&state)),
        Err(wrong) => error(StatusCode::BAD_REQUEST, wrong.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    channel: Option<String>,
}

/// What became of a test on one channel.
#[derive(Serialize)]
struct Tested {
    channel: String,
    error: Option<String>,
}

async fn test(state: web::Data<State>, request: HttpRequest, body: web::Payload) -> HttpResponse {
    let Test { channel } = match body::json(&request, body).await {
        Ok(test) => test,
        Err(refusal) => return refusal,
    };
    let channels = state.notifier.status();
    if let Some(name) = &channel
        && !channels.iter().any(|it| it.name == *name)
    {
        let name: String = name.chars().take(40).collect();
        let message = format!("there is no channel {name:?}; /api/v1/alerts lists them");
        return error(StatusCode::NOT_FOUND, message);
    }
    let tested = state.notifier.test(channel.as_deref()).await.into_iter();
    let tested: Vec<Tested> = tested.map(|(channel, error)| Tested { channel, error }).collect();
    fresh(&tested)
}
