//! Asks a head, as an agent and without being one, whether it would let it in.

use std::sync::Arc;

use actix_web::http::header::{ACCEPT, AUTHORIZATION};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::System;
use serde::Deserialize;
use shared::NodeId;

use super::{Head, State, causes, failed};
use crate::config::{HeadUrl, Token};
use crate::error::Error;
use crate::table::plain;
use crate::tls::{self, Fingerprint};

/// A node that a head would let in.
#[derive(Deserialize)]
pub struct Seat {
    /// What the head calls it, if it says so.
    #[serde(default)]
    pub node: Option<NodeId>,
    /// How it stands there.
    #[serde(default)]
    pub state: Option<State>,
}

/// Why a head would not let an agent in.
pub enum NoSeat {
    /// It says why.
    Refused(String),
    /// It is not there, or is another one.
    Away(Error),
}

/// Asks the head at `url`, which has a certificate of one of `fingerprints` if it speaks TLS, about the agent
/// with `token` on `machine` (a digest). The token belongs to that machine from then on.
pub fn seat(
    url: &HeadUrl,
    fingerprints: &[Fingerprint],
    token: &Token,
    machine: &str,
) -> Result<Seat, NoSeat> {
    let head = Head { url: url.as_str(), tls: Arc::new(tls::pinned(fingerprints)), session: None };
    let path = format!("{}/api/v1/agent", head.url);
    let answer = System::new().block_on(async {
        let request = head
            .client()
            .request(Method::GET, path)
            .insert_header((AUTHORIZATION, format!("Bearer {}", token.secret())))
            .insert_header(("X-Headroom-Machine", machine))
            .insert_header((ACCEPT, "application/json"));
        let answer = request.send().await.map_err(|error| failed(head.url, causes(&error)))?;
        head.whole(answer).await
    });
    let answer = answer.map_err(NoSeat::Away)?;
    match answer.status {
        StatusCode::OK => head.read(&answer).map_err(NoSeat::Away),
        // It would be let in, if it came as agents come. A head that is older does not say as whom.
        StatusCode::UPGRADE_REQUIRED => Ok(Seat { node: None, state: None }),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let said: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
            let why = said.as_ref().and_then(|said| said["error"].as_str()).unwrap_or_default();
            Err(NoSeat::Refused(plain(why).into_owned()))
        }
        status => {
            let why = format!("it answers {status}; is there a head?");
            Err(NoSeat::Away(failed(head.url, why)))
        }
    }
}
