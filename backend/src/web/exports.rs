//! How exports fare.

use actix_web::{HttpRequest, HttpResponse, guard, web};

use super::history::Failure;
use super::{State, csv, fresh, wrong_method};
use crate::history::tell::Form;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(exports);
    let other = web::to(async || wrong_method("GET, HEAD"));
    config.service(web::resource("/api/v1/exports").route(read).default_service(other));
}

async fn exports(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let all = state.exports.status();
    Ok(match csv::form(&request)? {
        Form::Csv => csv::list(&all, &["name", "kind", "to", "sent", "waiting", "dropped"]),
        _ => fresh(&all),
    })
}
