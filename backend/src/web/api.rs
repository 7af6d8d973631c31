//! JSON for scripts.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, guard, web};
use serde::Serialize;
use serde_json::json;
use shared::field::Kind;
use shared::forecast::Forecast;
use shared::node::Condition;
use shared::overview::Standing;
use shared::report::{AvailableReport, Report};
use shared::survey::Survey;
use shared::wire::Reading;
use shared::{Field, NodeFacts, NodeId, Sample, memory, rates};
use tokio::time::timeout;

use super::client::{Client, Right};
use super::{State, csv, error, fresh, history, wrong_method};
use crate::head::fleet::{NodeDetail, Numbered};
use crate::head::{AsOf, HeadGone};
use crate::history::tell::Form;
use crate::tokens::Issued;

/// A sweep takes a fraction of a second; a node that needs longer has other troubles.
const USAGE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let read = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    for (path, route) in [
        ("/api/v1/nodes", read().to(nodes)),
        ("/api/v1/nodes/{id}", read().to(node)),
        ("/api/v1/nodes/{id}/explain", read().to(explain)),
        ("/api/v1/nodes/{id}/doctor", read().to(doctor)),
        ("/api/v1/nodes/{id}/usage", read().to(usage)),
        ("/api/v1/nodes/{id}/readings", read().to(readings)),
        ("/api/v1/fields", read().to(fields)),
        ("/healthz", read().to(health)),
    ] {
        let other = web::to(async || wrong_method("GET, HEAD"));
        config.service(web::resource(path).route(route).default_service(other));
    }
}

/// All nodes as scripts see them.
#[derive(Serialize)]
struct NodesView<'a> {
    /// The head's clock: ms since 1970.
    now_ms: u64,
    nodes: Vec<NodeView<'a>>,
}

/// A node as scripts see it.
#[derive(Serialize)]
struct NodeView<'a> {
    id: &'a str,
    /// `live`, `late`, `stale`, `gone`, `never seen` or `refused`…
    state: &'static str,
    /// …since this time of the head's clock, in ms since 1970.
    since_ms: u64,
    /// Why it is refused.
    refusal: Option<&'a str>,
    /// Whether its last reading is as young as it should be.
    live: bool,
    /// Why it gives no readings.
    trouble: Option<&'a str>,
    labels: BTreeMap<&'a str, &'a str>,
    /// Since its last reading, in ms.
    age_ms: Option<u64>,
    /// Between two readings, in ms.
    period_ms: u32,
    facts: &'a NodeFacts,
    /// The version of its agent.
    agent: Option<String>,
    /// What new programs can get, estimated where the kernel does not say it.
    available: Option<AvailableReport>,
    /// `total − available`, in bytes.
    used: Option<u64>,
    /// When nothing is available any more, if it goes on as it does.
    forecast: Option<&'a Forecast>,
    sample: Option<&'a Sample>,
}

impl<'a> NodeView<'a> {
    fn new(node: &'a NodeDetail, agents: &Agents, now_ms: u64) -> Self {
        let NodeDetail { state, standing, labels, .. } = node;
        let sample = state.latest.as_ref().map(|latest| &latest.sample);
        let (condition, since_ms) = condition(node, now_ms);
        Self {
            id: state.id.as_str(),
            state: condition.name(),
            since_ms,
            refusal: match standing {
                Standing::Refused { why, .. } => Some(why),
                _ => None,
            },
            live: condition == Condition::Live,
            trouble: state.trouble.as_deref(),
            labels: labels.iter().map(|l| (l.key.as_str(), l.value.as_str())).collect(),
            age_ms: state.latest.as_ref().map(|latest| now_ms.saturating_sub(latest.at_ms)),
            period_ms: state.period_ms,
            facts: &state.facts,
            agent: agents.of(node),
            available: sample.and_then(AvailableReport::of),
            used: sample.and_then(memory::used),
            forecast: node.forecast.as_ref(),
            sample,
        }
    }
}

/// Of which version agents are, as they said when they used their tokens.
struct Agents(Vec<Issued>);

impl Agents {
    fn of(&self, node: &NodeDetail) -> Option<String> {
        match self.0.binary_search_by(|issued| issued.name.cmp(&node.state.id)) {
            Ok(place) => self.0[place].agent.clone(),
            // Without a token there is the head's own, or none any more.
            Err(_) if matches!(node.standing, Standing::Connected { .. }) => {
                Some(env!("CARGO_PKG_VERSION").into())
            }
            Err(_) => None,
        }
    }
}

/// What a node is like, and since when.
pub(super) fn condition(node: &NodeDetail, now_ms: u64) -> (Condition, u64) {
    let taken_ms = node.state.latest.as_ref().map(|latest| latest.at_ms);
    Condition::of(&node.standing, taken_ms, node.state.period_ms.into(), now_ms)
}

async fn nodes(
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, history::Failure> {
    let form = csv::form(&request)?;
    Ok(match state.head.nodes().await {
        Ok(AsOf { now_ms, of: nodes }) if form == Form::Csv => csv::nodes(&nodes, now_ms),
        Ok(AsOf { now_ms, of: nodes }) => {
            let agents = Agents(state.tokens.list());
            let nodes = nodes.iter().map(|node| NodeView::new(node, &agents, now_ms)).collect();
            fresh(&NodesView { now_ms, nodes })
        }
        Err(HeadGone) => stopping(),
    })
}

/// A node as scripts see it when they ask for it alone.
#[derive(Serialize)]
struct DetailView<'a> {
    #[serde(flatten)]
    node: NodeView<'a>,
    /// What each counter did per second between the last two readings, in its unit.
    rates: BTreeMap<&'static str, Option<f64>>,
    /// What was found when the node was last looked around.
    survey: Option<&'a Survey>,
}

async fn node(state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    let AsOf { now_ms, of: detail } = match detail(&state, &id).await {
        Ok(detail) => detail,
        Err(response) => return response,
    };
    let pair = detail.before.as_ref().zip(detail.state.latest.as_ref());
    let counters = Field::ALL.iter().filter(|field| field.def().kind == Kind::Counter);
    let rate = |&field| {
        let per_second = pair.and_then(|(before, last)| rates::per_second(before, last, field));
        (field.def().id, per_second)
    };
    fresh(&DetailView {
        node: NodeView::new(&detail, &Agents(state.tokens.list()), now_ms),
        rates: counters.map(rate).collect(),
        survey: detail.survey.as_ref(),
    })
}

async fn explain(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, history::Failure> {
    let form = csv::form(&request)?;
    let detail = match detail(&state, &id).await {
        Ok(detail) => detail.of,
        Err(response) => return Ok(response),
    };
    let report = |latest: &Reading| {
        let report = Report::of(&latest.sample, &detail.state.facts);
        if form == Form::Csv {
            return csv::list(&report.breakdown.parts, &["id", "bytes", "reclaimable"]);
        }
        fresh(&report)
    };
    Ok(match &detail.state.latest {
        Some(latest) => report(latest),
        None => error(StatusCode::SERVICE_UNAVAILABLE, "this node has given no reading yet"),
    })
}

async fn doctor(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, history::Failure> {
    let form = csv::form(&request)?;
    Ok(match detail(&state, &id).await {
        Ok(AsOf { of: NodeDetail { survey: Some(survey), .. }, .. }) if form == Form::Csv => {
            csv::list(&survey.findings, &["id", "severity", "finding", "evidence", "fix"])
        }
        Ok(AsOf { of: NodeDetail { survey: Some(survey), .. }, .. }) => fresh(&survey.findings),
        Ok(_) => error(StatusCode::SERVICE_UNAVAILABLE, "this node has not been looked around yet"),
        Err(response) => response,
    })
}

/// Asks the node, and waits for its answer; or tells what it answered in the past.
async fn usage(
    state: web::Data<State>,
    room: web::Data<history::Room>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, history::Failure> {
    let (at, form) = history::usage_asked(&request)?;
    if let Some(at) = at {
        return history::usage_at(&state, &room, (&id, &at), form).await;
    }
    let id = match detail(&state, &id).await {
        Ok(detail) => detail.of.state.id,
        Err(response) => return Ok(response),
    };
    Ok(match timeout(USAGE_TIMEOUT, state.head.usage(id)).await {
        Ok(Ok(usage)) if form == Form::Csv => csv::usage(&usage),
        Ok(Ok(usage)) => history::told(form, &usage, &usage),
        _ => error(StatusCode::SERVICE_UNAVAILABLE, "this node does not answer; try again"),
    })
}

/// A reading as scripts see it.
#[derive(Serialize)]
struct ReadingView<'a> {
    /// Its number, which rises by one with each reading of a boot.
    seq: u64,
    /// The boot that the number and the uptime count in.
    boot: Option<&'a str>,
    /// When it was taken, by the head's clock: ms since 1970.
    at_ms: u64,
    /// When it was taken, by the node's monotonic clock: µs since it booted.
    uptime_us: u64,
    sample: &'a Sample,
}

impl<'a> ReadingView<'a> {
    fn of(numbered: &'a Numbered) -> Self {
        let Numbered { boot, seq, reading } = numbered;
        Self {
            seq: *seq,
            boot: boot.as_deref(),
            at_ms: reading.at_ms,
            uptime_us: reading.uptime_us,
            sample: &reading.sample,
        }
    }
}

/// The last five minutes of a node, oldest first.
async fn readings(state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    let id = match detail(&state, &id).await {
        Ok(detail) => detail.of.state.id,
        Err(response) => return response,
    };
    let Ok(Some(readings)) = state.head.readings(id).await else { return stopping() };
    fresh(&readings.iter().map(ReadingView::of).collect::<Vec<_>>())
}

/// The field table, for whoever shows fields.
async fn fields(request: HttpRequest) -> Result<HttpResponse, history::Failure> {
    let field = |&field: &Field| {
        let (def, text) = (field.def(), field.text());
        json!({
            "id": def.id,
            "label": text.label,
            "unit": def.unit.name(),
            "kind": if def.kind == Kind::Counter { "counter" } else { "gauge" },
            "file": def.source.path(),
            "key": def.key,
            "since": text.since,
            "help": text.help,
        })
    };
    let fields: Vec<_> = Field::ALL.iter().map(field).collect();
    Ok(match csv::form(&request)? {
        Form::Csv => csv::list(&fields, &["id", "label", "unit", "kind", "file", "key"]),
        _ => fresh(&fields),
    })
}

/// What the head knows of the node named `id`, or the answer that says why it knows nothing.
pub(super) async fn detail(state: &State, id: &str) -> Result<AsOf<NodeDetail>, HttpResponse> {
    let unknown = || {
        let message = format!("there is no node {id:?}; /api/v1/nodes lists them");
        error(StatusCode::NOT_FOUND, message)
    };
    let id = NodeId::try_from(id.to_owned()).map_err(|_| unknown())?;
    match state.head.detail(id).await {
        Ok(detail) => detail.ok_or_else(unknown),
        Err(HeadGone) => Err(stopping()),
    }
}

async fn health(state: web::Data<State>, client: web::ReqData<Client>) -> HttpResponse {
    match state.head.nodes().await {
        Ok(AsOf { now_ms, of: nodes }) => {
            let is_live = |node: &&NodeDetail| condition(node, now_ms).0 == Condition::Live;
            let live = nodes.iter().filter(is_live).count();
            // How many there are is for those who may see them.
            fresh(&if client.right >= Right::Read {
                json!({ "status": "ok", "nodes": nodes.len(), "live": live })
            } else {
                json!({ "status": "ok" })
            })
        }
        Err(HeadGone) => stopping(),
    }
}

pub(super) fn stopping() -> HttpResponse {
    error(StatusCode::SERVICE_UNAVAILABLE, "this head is stopping")
}
