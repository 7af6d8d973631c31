//! Answers as bytes: the past.

use js_sys::Uint8Array;
use leptos::prelude::window;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Headers, RequestInit, Response};
use wasm_bindgen_futures::JsFuture;

use super::call::why_not;

/// Why there is no answer: its status, 0 without any, and the reason in a sentence.
pub(crate) type Refusal = (u16, String);

/// What the head answers to a request for postcard.
pub(crate) async fn bytes(path: &str) -> Result<Vec<u8>, Refusal> {
    send("GET", path, None).await
}

/// The same to any request; a body is JSON.
pub(super) async fn send(
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<Vec<u8>, Refusal> {
    let unreachable = |_| (0, "The head does not answer.".to_owned());
    let (init, headers) = (RequestInit::new(), Headers::new().map_err(unreachable)?);
    init.set_method(method);
    headers.set("accept", "application/vnd.headroom.postcard").map_err(unreachable)?;
    if let Some(body) = body {
        headers.set("content-type", "application/json").map_err(unreachable)?;
        init.set_body(&body.into());
    }
    init.set_headers(&headers);
    let answer = window().fetch_with_str_and_init(path, &init);
    let answer: Response = JsFuture::from(answer).await.map_err(unreachable)?.unchecked_into();
    if !answer.ok() {
        return Err((answer.status(), why_not(&answer).await));
    }
    let body = answer.array_buffer().map_err(unreachable)?;
    let body = JsFuture::from(body).await.map_err(unreachable)?;
    Ok(Uint8Array::new(&body).to_vec())
}

/// A file of the page; nothing if it cannot be had.
pub(crate) async fn text(path: &str) -> Option<String> {
    let answer = JsFuture::from(window().fetch_with_str(path)).await.ok()?;
    let answer: Response = answer.unchecked_into();
    let text = answer.ok().then(|| answer.text().ok()).flatten()?;
    JsFuture::from(text).await.ok()?.as_string()
}
