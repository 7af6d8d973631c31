//! The past as text or bytes for others: one way through it, and a form for each who reads it.
//!
//! It is made piece by piece, so that it may be longer than memory, and ends early if nobody wants the
//! rest.

mod csv;
mod json;
mod lines;
mod number;
mod openmetrics;
mod stretch;
mod total;

use std::ops::{ControlFlow, Range};

use shared::history::{Batch, Event, FactsAt, Kept, UsageAt};
use shared::{Field, NodeId};

use super::cell::Row;
use super::error::StoreError;
use super::query::Plan;
use super::reader::{Ask, Reader};

pub use csv::cell;
pub use lines::{BadLine, Line};

/// Bytes that are gathered before they are passed on.
const PIECE: usize = 128 << 10;
/// Events that are told at once, at most.
pub const MOST_EVENTS: usize = 10_000;

/// The forms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object, for scripts.
    Json,
    /// A table with a header, for spreadsheets.
    Csv,
    /// Frames of [`shared::history::Stretch`], for the page.
    Postcard,
    /// A JSON object in each line, which `headroom import` reads if it is of single readings.
    Lines,
    /// `OpenMetrics` with timestamps, for Prometheus and its kin.
    OpenMetrics,
}

impl Form {
    /// All, the usual one first.
    pub const ALL: [Self; 5] =
        [Self::Json, Self::Csv, Self::Postcard, Self::Lines, Self::OpenMetrics];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Postcard => "postcard",
            Self::Lines => "jsonl",
            Self::OpenMetrics => "openmetrics",
        }
    }

    /// As HTTP names it.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Postcard => shared::history::POSTCARD,
            Self::Lines => "application/x-ndjson",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What has it.
    fn teller(self, plan: &Plan) -> Box<dyn Teller> {
        match self {
            Self::Json => Box::new(json::Json::new(plan)),
            Self::Csv => Box::new(csv::Csv::new(plan)),
            Self::Postcard => Box::new(stretch::Stretches::new(plan)),
            Self::Lines => Box::new(lines::Lines::new(plan)),
            Self::OpenMetrics => Box::new(openmetrics::OpenMetrics::new(plan)),
        }
    }
}

/// Who is told about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// One node, also if there is nothing to tell of it.
    One(NodeId),
    /// Those of these of whom there is something to tell.
    Each(Vec<NodeId>),
}

impl Whom {
    fn nodes(&self) -> &[NodeId] {
        match self {
            Self::One(node) => std::slice::from_ref(node),
            Self::Each(nodes) => nodes,
        }
    }
}

/// Where the past is.
pub trait Past {
    /// Why it cannot be told.
    type Error: From<StoreError>;

    /// The readings of `node` that are not on disk yet. Asked for before [`Self::read`], so that none
    /// falls between.
    fn recent(&self, node: &NodeId) -> Result<Vec<Batch>, Self::Error>;

    /// What happened that is not on disk yet. Asked for before [`Self::read`], too.
    fn recent_events(&self) -> Result<Vec<Event>, Self::Error> {
        Ok(Vec::new())
    }

    /// All that is on disk now.
    fn read(&self) -> Result<Reader, Self::Error>;
}

/// Who is told.
pub trait Listener {
    /// Takes the next piece; breaks off if no more is wanted.
    fn take(&mut self, piece: Vec<u8>) -> ControlFlow<()>;

    /// The next piece ends at this time: ms since 1970.
    fn at(&mut self, _at_ms: u64) {}

    /// Whether more is wanted.
    fn is_there(&self) -> bool {
        true
    }
}

/// Among whom a node is told.
enum Among {
    /// Others, so that it need not be mentioned.
    Others,
    /// Nobody: it alone is asked for. With it goes what it was.
    Nobody(Option<Box<FactsAt>>),
}

/// What puts it into a form.
trait Teller {
    /// Whether fields are told one after the other, each of all nodes.
    fn is_by_field(&self) -> bool {
        false
    }
    /// Whether what a node was belongs to it, if it alone is asked for.
    fn has_origin(&self) -> bool {
        false
    }
    /// Whether events, facts and sweeps belong to it.
    fn has_extras(&self) -> bool {
        false
    }
    fn begin(&mut self, out: &mut Vec<u8>);
    /// From now on it is these fields: all, or one of them.
    fn fields(&mut self, _fields: &[Field], _out: &mut Vec<u8>) {}
    /// From now on it is this node.
    fn node(&mut self, node: &NodeId, among: Among, out: &mut Vec<u8>);
    fn row(&mut self, row: &Row, out: &mut Vec<u8>);
    fn reading(&mut self, boot: &str, kept: &Kept, out: &mut Vec<u8>);
    /// The node ends.
    fn node_end(&mut self, _out: &mut Vec<u8>) {}
    fn facts(&mut self, _facts: &FactsAt, _out: &mut Vec<u8>) {}
    fn usage(&mut self, _usage: &UsageAt, _out: &mut Vec<u8>) {}
    fn event(&mut self, _event: &Event, _out: &mut Vec<u8>) {}
    fn end(&mut self, _out: &mut Vec<u8>) {}
}

/// What was made and not passed on yet.
struct Out<'a> {
    bytes: Vec<u8>,
    to: &'a mut dyn Listener,
}

impl Out<'_> {
    /// Passes on what is there, up to `at_ms`, if it is much.
    fn flow(&mut self, at_ms: u64) -> ControlFlow<()> {
        if self.bytes.len() < PIECE {
            return ControlFlow::Continue(());
        }
        self.to.at(at_ms);
        // A row may be long.
        let room = Vec::with_capacity(PIECE + PIECE / 8);
        self.to.take(std::mem::replace(&mut self.bytes, room))
    }
}

/// Tells it. What is left at the end, which may be all there is, is returned; nothing if `to` wanted no
/// more.
pub fn tell<P: Past>(
    past: &P,
    plan: &Plan,
    whom: &Whom,
    form: Form,
    to: &mut dyn Listener,
) -> Result<Option<Vec<u8>>, P::Error> {
    let mut teller = form.teller(plan);
    let mut out = Out { bytes: Vec::with_capacity(4096), to };
    teller.begin(&mut out.bytes);
    let passes: Vec<&[Field]> =
        if teller.is_by_field() { plan.fields.chunks(1).collect() } else { vec![&plan.fields] };
    for fields in passes {
        teller.fields(fields, &mut out.bytes);
        for node in whom.nodes() {
            let flow = tell_node(past, plan, fields, (node, whom), &mut *teller, &mut out)?;
            if flow.is_break() || !out.to.is_there() {
                return Ok(None);
            }
        }
    }
    if teller.has_extras() {
        let node = match whom {
            Whom::One(node) => Some(node),
            Whom::Each(_) => None,
        };
        for event in events(past, plan.span.clone(), node, usize::MAX)? {
            let is_meant = event.node.as_ref().is_none_or(|node| whom.nodes().contains(node));
            if is_meant {
                teller.event(&event, &mut out.bytes);
            }
            if out.flow(event.at_ms).is_break() {
                return Ok(None);
            }
        }
    }
    teller.end(&mut out.bytes);
    Ok(Some(out.bytes))
}

/// What happened in `span`, to `node` or to anyone, oldest first; of more than `most` the newest.
pub fn events<P: Past>(
    past: &P,
    span: Range<u64>,
    node: Option<&NodeId>,
    most: usize,
) -> Result<Vec<Event>, P::Error> {
    let recent = past.recent_events()?;
    let mut events = past.read()?.events(span.clone(), node, most)?;
    let on_disk = events.len();
    for event in recent {
        let is_meant =
            span.contains(&event.at_ms) && (node.is_none() || event.node.as_ref() == node);
        // It may have come to disk meanwhile.
        if is_meant && !events[..on_disk].contains(&event) {
            events.push(event);
        }
    }
    events.sort_by_key(|event| event.at_ms);
    Ok(events.split_off(events.len().saturating_sub(most)))
}

fn tell_node<P: Past>(
    past: &P,
    plan: &Plan,
    fields: &[Field],
    (node, whom): (&NodeId, &Whom),
    teller: &mut dyn Teller,
    out: &mut Out<'_>,
) -> Result<ControlFlow<()>, P::Error> {
    let recent = past.recent(node)?;
    // Anew for each, so that what was written since is not missed.
    let reader = past.read()?;
    let among = match whom {
        Whom::One(_) if teller.has_origin() => {
            Among::Nobody(reader.facts(node, plan.span.start)?.map(Box::new))
        }
        Whom::One(_) => Among::Nobody(None),
        Whom::Each(_) => Among::Others,
    };
    teller.node(node, among, &mut out.bytes);
    if teller.has_extras() {
        for facts in facts(&reader, node, plan)? {
            teller.facts(&facts, &mut out.bytes);
        }
    }
    let ask = Ask { node, span: plan.span.clone(), fields, recent: &recent };
    let mut flow = ControlFlow::Continue(());
    if plan.step_ms == 0 {
        reader.readings(&ask, &mut |boot, kept| {
            teller.reading(boot, &kept, &mut out.bytes);
            flow = out.flow(kept.reading.at_ms);
            flow
        })?;
    } else {
        reader.rows(&ask, plan.tier, plan.step_ms, &mut |row| {
            teller.row(&row, &mut out.bytes);
            flow = out.flow(row.at_ms);
            flow
        })?;
    }
    if teller.has_extras() && flow.is_continue() {
        for usage in usages(&reader, node, plan)? {
            teller.usage(&usage, &mut out.bytes);
        }
    }
    teller.node_end(&mut out.bytes);
    Ok(flow)
}

/// What `node` was at the beginning, and became: oldest first.
fn facts(reader: &Reader, node: &NodeId, plan: &Plan) -> Result<Vec<FactsAt>, StoreError> {
    let mut all: Vec<FactsAt> = Vec::new();
    let mut at_ms = plan.span.end.saturating_sub(1);
    while let Some(facts) = reader.facts(node, at_ms)? {
        // Before the first, the first is told again.
        if facts.at_ms > at_ms {
            if all.is_empty() && plan.span.contains(&facts.at_ms) {
                all.push(facts);
            }
            break;
        }
        let (begin, is_last) = (facts.at_ms, facts.at_ms <= plan.span.start);
        all.push(facts);
        if is_last || begin == 0 {
            break;
        }
        at_ms = begin - 1;
    }
    all.reverse();
    Ok(all)
}

/// The sweeps over `node`, oldest first.
fn usages(reader: &Reader, node: &NodeId, plan: &Plan) -> Result<Vec<UsageAt>, StoreError> {
    let (mut all, mut span) = (Vec::new(), plan.span.clone());
    while let Some(usage) = reader.usage(node, span.clone())? {
        span.end = usage.at_ms;
        all.push(usage);
    }
    all.reverse();
    Ok(all)
}
