//! History as a whole: a copy of it, and whether it is sound. Both are for `headroom history`.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use shared::history::POSTCARD;

use super::super::State;
use super::super::params::Params;
use super::answer::{Failure, Room, stream};
use crate::history::frames::write_record;
use crate::history::tell::{Form, Listener as _};

/// Bytes of records that are gathered before they are passed on.
const PIECE: usize = 64 << 10;
/// Between two words about how far it is.
const SAY: Duration = Duration::from_millis(250);

/// Every record of the store, as it is at one moment, each preceded by its length.
pub(super) async fn copy(
    state: web::Data<State>,
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    Params::of(&request, &[])?;
    let archive = state.archive.clone();
    let make = move |to: &mut super::answer::Pieces| {
        let mut out = Vec::with_capacity(PIECE);
        let mut flow = ControlFlow::Continue(());
        archive.read()?.records(&mut |record| {
            write_record(&record, &mut out);
            if out.len() >= PIECE {
                flow = to.take(std::mem::replace(&mut out, Vec::with_capacity(PIECE)));
            }
            flow
        })?;
        Ok(flow.is_continue().then_some(out))
    };
    stream(&room, &request, POSTCARD, make).await
}

/// Verifies every checksum. Lines of JSON tell how far it is, and the last one what was found.
pub(super) async fn check(
    state: web::Data<State>,
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    Params::of(&request, &[])?;
    let archive = state.archive.clone();
    let make = move |to: &mut super::answer::Pieces| {
        let line = |value: serde_json::Value| format!("{value}\n").into_bytes();
        let reader = archive.read()?;
        let mut flow = to.take(line(json!({ "progress": [0, 0] })));
        let mut said = Instant::now();
        let checked = reader.check(&mut |done, of| {
            if said.elapsed() >= SAY && flow.is_continue() {
                said = Instant::now();
                flow = to.take(line(json!({ "progress": [done, of] })));
            }
            flow
        })?;
        Ok(flow.is_continue().then(|| line(json!({ "checked": checked }))))
    };
    stream(&room, &request, Form::Lines.media_type(), make).await
}
