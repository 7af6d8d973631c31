//! Where the next job fits, and what is held for one.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, ResponseError, guard, web};
use serde_json::{Map, Value};
use shared::fit::{Answer, Job};

use super::history::told;
use super::params::{BadRequest, Params};
use super::{State, body, error, wrong_method};
use crate::clock::unix_ms;
use crate::config::Time;
use crate::error::Error;
use crate::fit::asked::{self, BadJob, WORDS};
use crate::fit::{Desk, HoldFor, NoAnswer, Written};
use crate::history::tell::Form;
use crate::holds;

/// For programs that read answers.
const FORMS: &[Form] = &[Form::Json, Form::Postcard];

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    let fits = web::resource("/api/v1/fit")
        .route(read().to(fits))
        .default_service(web::to(async || wrong_method("GET, HEAD")));
    let holds = web::resource("/api/v1/holds")
        .route(read().to(list))
        .route(web::post().to(hold))
        .default_service(web::to(async || wrong_method("GET, HEAD, POST")));
    let one = web::resource("/api/v1/holds/{id}")
        .route(web::delete().to(release))
        .default_service(web::to(async || wrong_method("DELETE")));
    config.service(fits).service(holds).service(one);
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Request(#[from] BadRequest),
    #[error(transparent)]
    Job(#[from] BadJob),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Request(_) | Self::Job(_) => StatusCode::BAD_REQUEST,
            Self::NoAnswer(NoAnswer::Ended | NoAnswer::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAnswer(NoAnswer::NotHeld(why)) => not_kept(why),
        }
    }

    fn error_response(&self) -> HttpResponse {
        error(self.status_code(), self.to_string())
    }
}

/// The status that says why holds were not changed.
fn not_kept(why: &Error) -> StatusCode {
    match why {
        Error::Refused(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn fits(desk: web::Data<Desk>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let known: Vec<&str> = WORDS.into_iter().chain(["format"]).collect();
    let params = Params::of(&request, &known)?;
    let job = asked::job(|name| params.get(name))?;
    let written = Written::ALL.into_iter().find(|form| Some(form.name()) == params.get("format"));
    let Some(written) = written else {
        let form = form(&params, &request)?;
        let answer = desk.answer(job, None).await?;
        return Ok(told(form, &answer, &answer));
    };
    let answer = desk.answer(job, None).await?;
    if !answer.fits {
        return Ok(error(StatusCode::CONFLICT, answer.summary));
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body(written.of(&answer)))
}

/// As [`Params::form`], but that it names all forms there are.
fn form(params: &Params, request: &HttpRequest) -> Result<Form, BadRequest> {
    params.form(request, FORMS).map_err(|BadRequest(text)| {
        let others: Vec<_> = Written::ALL.into_iter().map(Written::name).collect();
        BadRequest(format!("{text}, {}", others.join(", ")))
    })
}

async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let form = Params::of(&request, &["format"])?.form(&request, FORMS)?;
    let holds = state.holds.list(unix_ms());
    Ok(told(form, &holds, &holds))
}

async fn hold(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    let form = Params::of(&request, &["format"])?.form(&request, FORMS)?;
    let said: Map<String, Value> = match body::json(&request, body).await {
        Ok(said) => said,
        Err(refusal) => return Ok(refusal),
    };
    let (job, hold) = wanted(said)?;
    let answer: Answer = desk.answer(job, Some(hold)).await?;
    let mut response = told(form, &answer, &answer);
    if answer.hold.is_none() {
        *response.status_mut() = StatusCode::CONFLICT;
    }
    Ok(response)
}

/// The job in a body, and how it is to be held.
fn wanted(said: Map<String, Value>) -> Result<(Job, HoldFor), Failure> {
    let mut words: Vec<(String, String)> = Vec::new();
    for (name, value) in said {
        if !WORDS.contains(&name.as_str()) && !["for", "note"].contains(&name.as_str()) {
            let name: String = name.chars().take(40).collect();
            let known = WORDS.join(", ");
            let message = format!("there is no {name:?} here; known are {known}, for, note");
            return Err(BadRequest(message).into());
        }
        if !value.is_null() {
            let text = in_words(&value).ok_or_else(|| {
                BadRequest(format!("`{name}` is a text, a number or a list of texts"))
            })?;
            words.push((name, text));
        }
    }
    let word =
        |name: &str| words.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str());
    let job = asked::job(word)?;
    let time = word("for").unwrap_or_default();
    let ms = time.parse().ok().map(|Time(time)| time.as_millis());
    let ms =
        ms.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| (1..=holds::MOST_MS).contains(ms));
    let time: String = time.chars().take(40).collect();
    let ms =
        ms.ok_or_else(|| BadRequest(format!("for={time:?} is not a time up to 7d, such as 10m")))?;
    let note = word("note").unwrap_or_default();
    if note.chars().count() > holds::MOST_NOTE {
        let message = format!("a note has {} characters at most", holds::MOST_NOTE);
        return Err(BadRequest(message).into());
    }
    Ok((job, HoldFor { ms, note: note.into() }))
}

/// A value of JSON as it would stand in an address.
fn in_words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

async fn release(state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    let (holds, name) = (state.holds.clone(), id.clone());
    match web::block(move || holds.release(&name, unix_ms())).await {
        Ok(Ok(true)) => HttpResponse::NoContent().finish(),
        Ok(Ok(false)) => {
            let id: String = id.chars().take(40).collect();
            error(
                StatusCode::NOT_FOUND,
                format!("nothing is held as {id:?}; /api/v1/holds lists all"),
            )
        }
        Ok(Err(why)) => error(not_kept(&why), why.chain().to_string()),
        Err(_) => super::api::stopping(),
    }
}
