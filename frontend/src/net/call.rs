//! Single requests: who may do what here, and the tokens of nodes.

use leptos::prelude::window;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use leptos::web_sys::{Headers, RequestInit, Response};
use wasm_bindgen_futures::JsFuture;

use super::fetch::send;
use crate::access::{Call, Lines, Reply, Request, Session, Token};

/// Asks the head.
pub(crate) async fn perform(call: Call) -> Reply {
    match call {
        Call::Tell(Request { topic, method, path, body }) => {
            Reply::Told(topic, send(method, &path, body).await)
        }
        Call::Session => {
            Reply::Session(ask("GET", "/api/v1/session", None).await.ok().map(|answer| Session {
                may_read: flag(&answer, "may_read"),
                may_write: flag(&answer, "may_write"),
                has_password: flag(&answer, "password_set"),
                is_plain: flag(&answer, "plain"),
            }))
        }
        Call::SignIn(password) => {
            let body = object("password", &password);
            Reply::SignedIn(ask("POST", "/api/v1/login", Some(&body)).await.map(drop))
        }
        Call::Tokens => {
            Reply::Tokens(ask("GET", "/api/v1/tokens", None).await.map(|answer| tokens(&answer)))
        }
        Call::Create(name) => {
            let answer = ask("POST", "/api/v1/tokens", Some(&object("name", &name))).await;
            Reply::Created(answer.map(|answer| Lines {
                setup: text(&answer, "setup"),
                agent: text(&answer, "line"),
            }))
        }
        Call::Revoke(name) => {
            // The head gives names that are safe in addresses.
            let path = ["/api/v1/tokens/", &name].concat();
            Reply::Revoked(ask("DELETE", &path, None).await.map(drop))
        }
    }
}

/// What the head answers, or why it does not do it.
async fn ask(method: &str, path: &str, body: Option<&JsValue>) -> Result<JsValue, String> {
    let unreachable = |_| "The head does not answer.".to_owned();
    let init = RequestInit::new();
    init.set_method(method);
    if let Some(body) = body {
        init.set_body(body);
        let headers = Headers::new().map_err(unreachable)?;
        headers.set("content-type", "application/json").map_err(unreachable)?;
        init.set_headers(&headers);
    }
    let answer = window().fetch_with_str_and_init(path, &init);
    let answer = JsFuture::from(answer).await.map_err(unreachable)?;
    let answer: Response = answer.unchecked_into();
    if answer.ok() { Ok(json(&answer).await) } else { Err(why_not(&answer).await) }
}

/// The body of an answer, if it is JSON.
async fn json(answer: &Response) -> JsValue {
    let Ok(text) = answer.text() else { return JsValue::NULL };
    let text = JsFuture::from(text).await.unwrap_or(JsValue::NULL);
    js_sys::JSON::parse(&text.as_string().unwrap_or_default()).unwrap_or(JsValue::NULL)
}

/// Why the head does not do what it was asked, in a sentence.
pub(super) async fn why_not(answer: &Response) -> String {
    let mut why = text(&json(answer).await, "error");
    if why.is_empty() {
        why = ["The head answers ", &answer.status().to_string(), "."].concat();
    }
    if let Ok(Some(seconds)) = answer.headers().get("retry-after") {
        why = [&why, " Try again in ", &seconds, " s."].concat();
    }
    why
}

/// `{"key": "value"}`.
fn object(key: &str, value: &str) -> JsValue {
    let object = js_sys::Object::new();
    // Setting a property of a plain object does not fail.
    js_sys::Reflect::set(&object, &key.into(), &value.into()).ok();
    js_sys::JSON::stringify(&object).map_or(JsValue::NULL, Into::into)
}

fn property(object: &JsValue, key: &str) -> JsValue {
    js_sys::Reflect::get(object, &key.into()).unwrap_or(JsValue::UNDEFINED)
}

fn flag(object: &JsValue, key: &str) -> bool {
    property(object, key).is_truthy()
}

fn text(object: &JsValue, key: &str) -> String {
    property(object, key).as_string().unwrap_or_default()
}

fn tokens(answer: &JsValue) -> Vec<Token> {
    let list = property(answer, "tokens").dyn_into::<js_sys::Array>().unwrap_or_default();
    list.iter()
        .map(|token| Token {
            name: text(&token, "name"),
            created_ms: property(&token, "created_ms").as_f64().unwrap_or(0.0) as u64,
            is_bound: flag(&token, "bound_ms"),
        })
        .collect()
}
