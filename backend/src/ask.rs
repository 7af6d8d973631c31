//! Asks a head over HTTP, as scripts do.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::rt::System;
use awc::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::{NodeFacts, Sample};

use crate::error::Error;

/// Bytes of an answer at most: ten thousand nodes.
const MOST_BYTES: usize = 64 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    facts: NodeFacts,
    sample: Option<Sample>,
}

/// The last reading of a node, and its facts. `node` may be left out where the head has only one.
pub fn node(head: &str, node: Option<&str>) -> Result<(Sample, NodeFacts), Error> {
    let found = choose(head, node)?;
    let no_reading = || failed(head, format!("{} has given no reading yet", found.id));
    let sample = found.sample.ok_or_else(no_reading)?;
    Ok((sample, found.facts))
}

/// What the head tells at `/api/v1/nodes/{id}/{what}` of a node, chosen as in [`node`].
pub fn of_node<T: DeserializeOwned>(
    head: &str,
    node: Option<&str>,
    what: &str,
) -> Result<T, Error> {
    let id = choose(head, node)?.id;
    get(head, &format!("/api/v1/nodes/{id}/{what}"))
}

fn choose(head: &str, node: Option<&str>) -> Result<Node, Error> {
    let Nodes { mut nodes } = get(head, "/api/v1/nodes")?;
    let ids = |nodes: &[Node]| match nodes {
        [] => "it has none".to_owned(),
        // A page of names helps nobody.
        [..] => nodes.iter().take(20).map(|node| node.id.as_str()).collect::<Vec<_>>().join(", "),
    };
    let place = match node {
        Some(id) => nodes.iter().position(|node| node.id == id),
        None => (nodes.len() == 1).then_some(0),
    };
    match place {
        Some(place) => Ok(nodes.swap_remove(place)),
        None => Err(Error::WhichNode {
            head: head.into(),
            node: node.map(Into::into),
            ids: ids(&nodes),
        }),
    }
}

fn get<T: DeserializeOwned>(head: &str, path: &str) -> Result<T, Error> {
    let url = format!("{}{path}", head.trim_end_matches('/'));
    let body = System::new().block_on(async {
        let client = Client::builder().timeout(TIMEOUT).finish();
        let mut answer =
            client.get(&url).send().await.map_err(|error| failed(head, error.to_string()))?;
        let body = answer.body().limit(MOST_BYTES).await;
        let body = body.map_err(|error| failed(head, error.to_string()))?;
        if answer.status() == StatusCode::OK {
            return Ok(body);
        }
        let said: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let said = said.as_ref().and_then(|said| said["error"].as_str()).unwrap_or_default();
        Err(failed(head, format!("{}: {}", answer.status(), said.escape_debug())))
    })?;
    let no_head = |error| failed(head, format!("this is not what a head answers: {error}"));
    serde_json::from_slice(&body).map_err(no_head)
}

fn failed(head: &str, reason: String) -> Error {
    Error::Ask { head: head.into(), reason }
}
