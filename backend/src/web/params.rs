//! What stands behind the question mark of an address, and in which form an answer is wanted.

use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, web};

use crate::history::tell::Form;

/// What is wrong with a request, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadRequest(pub(super) String);

/// The parameters of a request, each said once at most.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Those of `request`. One that is not `known` is refused: a misspelt one would do nothing.
    pub(super) fn of(request: &HttpRequest, known: &[&str]) -> Result<Self, BadRequest> {
        let all = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let all =
            all.map_err(|wrong| BadRequest(format!("not to be understood: {wrong}")))?.into_inner();
        for (place, (name, _)) in all.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let name: String = name.chars().take(40).collect();
                let known = known.join(", ");
                return Err(BadRequest(format!(
                    "there is no parameter {name:?} here; known are {known}"
                )));
            }
            if all[..place].iter().any(|(other, _)| other == name) {
                return Err(BadRequest(format!("`{name}` is said twice")));
            }
        }
        Ok(Self(all))
    }

    /// What was said of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// In which of `forms` the answer is wanted: as `format` says, or `Accept`, or the first.
    pub(super) fn form(
        &self,
        request: &HttpRequest,
        forms: &'static [Form],
    ) -> Result<Form, BadRequest> {
        if let Some(format) = self.get("format") {
            return forms.iter().copied().find(|form| form.name() == format).ok_or_else(|| {
                let names: Vec<_> = forms.iter().map(|form| form.name()).collect();
                let format: String = format.chars().take(40).collect();
                let names = names.join(", ");
                BadRequest(format!("there is no format {format:?}; known are {names}"))
            });
        }
        let accepted = request
            .headers()
            .get_all(ACCEPT)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .find_map(|item| form_of(item, forms));
        Ok(accepted.unwrap_or(forms[0]))
    }
}

/// The form that an item of `Accept` names.
fn form_of(item: &str, forms: &[Form]) -> Option<Form> {
    let bare = |name: &'static str| name.split(';').next().unwrap_or_default();
    let name = item.split(';').next().unwrap_or_default().trim();
    forms.iter().copied().find(|form| bare(form.media_type()).eq_ignore_ascii_case(name))
}
