//! `headroom export`: the past as CSV, JSON lines or `OpenMetrics`.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use shared::NodeId;
use shared::history::Batch;

use super::bar::Bar;
use super::source::Source;
use crate::ask::{self, Head};
use crate::clock::unix_ms;
use crate::config::{ExportArgs, ExportFormat, TrustArgs};
use crate::error::Error;
use crate::history::query::{Plan, Query, Words};
use crate::history::tell::{self, Form, Listener, Past, Whom};
use crate::history::{Reader, Store, StoreError};

/// Writes what is asked for.
pub fn run(args: ExportArgs) -> Result<(), Error> {
    let ExportArgs { format, from, to, nodes, fields, step, output, past } = args;
    let form = match format {
        ExportFormat::Csv => Form::Csv,
        ExportFormat::Jsonl => Form::Lines,
        ExportFormat::Openmetrics => Form::OpenMetrics,
    };
    let words = Words {
        from: Some(&from),
        to: Some(&to),
        step: Some(&step),
        fields: Some(&fields),
        ..Words::default()
    };
    // What is wrong is said before anything is opened.
    let query =
        Query::parse(&words, unix_ms()).map_err(|wrong| Error::Refused(wrong.to_string()))?;
    let source = Source::of(past)?;
    let mut output = Output::open(output)?;
    match source {
        Source::Here(store) => here(&store, query, nodes.as_deref(), form, &mut output)?,
        Source::Head(url, trust) => {
            from_head(&url, &trust, &words, nodes.as_deref(), form, &mut output)?;
        }
    }
    output.close()
}

fn from_head(
    url: &str,
    trust: &TrustArgs,
    words: &Words<'_>,
    nodes: Option<&str>,
    form: Form,
    output: &mut Output,
) -> Result<(), Error> {
    let mut path = format!("/api/v1/history?format={}", form.name());
    let said = [
        ("from", words.from),
        ("to", words.to),
        ("step", words.step),
        ("fields", words.fields),
        ("nodes", nodes),
    ];
    for (name, value) in said {
        if let Some(value) = value {
            path = format!("{path}&{name}={}", ask::encoded(value));
        }
    }
    let head = Head::enter(url, trust)?;
    let bar = Bar::new(None);
    let mut bytes = 0;
    head.fetch(&path, |piece| {
        bytes += piece.len() as u64;
        bar.at(0, bytes);
        output.write(piece)
    })
}

fn here(
    store: &Store,
    query: Query,
    named: Option<&str>,
    form: Form,
    output: &mut Output,
) -> Result<(), Error> {
    let reader = store.read()?;
    let plan = query.plan(&reader)?.map_err(|wrong| Error::Refused(wrong.to_string()))?;
    let mut known = reader.nodes()?;
    known.sort_unstable();
    let nodes = match named {
        Some(named) => chosen(named, &known)?,
        None => known,
    };
    drop(reader);
    // Metrics are told field by field, and each of them node by node.
    let passes = if form == Form::OpenMetrics { plan.fields.len() } else { 1 };
    let span_ms = plan.span.end - plan.span.start;
    let steps = span_ms.saturating_mul((nodes.len() * passes) as u64);
    let still = Still { store, begun: Cell::new(0) };
    let bar = Bar::new(Some(steps));
    let mut writer =
        Writer { output, plan: &plan, still: &still, bar, at_ms: 0, bytes: 0, failed: None };
    let rest = tell::tell(&still, &plan, &Whom::Each(nodes), form, &mut writer)?;
    if let Some(failed) = writer.failed {
        return Err(failed);
    }
    rest.map_or(Ok(()), |rest| output.write(&rest))
}

fn chosen(named: &str, known: &[NodeId]) -> Result<Vec<NodeId>, Error> {
    let find = |id: &str| {
        let found = known.iter().find(|node| node.as_str() == id).cloned();
        found.ok_or_else(|| Error::Refused(format!("this history has no node {id:?}")))
    };
    let ids = named.split(',').map(str::trim).filter(|id| !id.is_empty());
    let mut nodes = ids.map(find).collect::<Result<Vec<_>, _>>()?;
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes)
}

/// A history that nobody writes to.
struct Still<'a> {
    store: &'a Store,
    /// How many times a node was begun.
    begun: Cell<u64>,
}

impl Past for Still<'_> {
    type Error = StoreError;

    fn recent(&self, _node: &NodeId) -> Result<Vec<Batch>, StoreError> {
        self.begun.set(self.begun.get() + 1);
        Ok(Vec::new())
    }

    fn read(&self) -> Result<Reader, StoreError> {
        self.store.read()
    }
}

/// Writes what is told, and says how far it is.
struct Writer<'a> {
    output: &'a mut Output,
    plan: &'a Plan,
    still: &'a Still<'a>,
    bar: Bar,
    at_ms: u64,
    bytes: u64,
    failed: Option<Error>,
}

impl Listener for Writer<'_> {
    fn take(&mut self, piece: Vec<u8>) -> ControlFlow<()> {
        self.bytes += piece.len() as u64;
        let span = &self.plan.span;
        let within = self.at_ms.clamp(span.start, span.end) - span.start;
        let before = self.still.begun.get().saturating_sub(1);
        self.bar.at(before.saturating_mul(span.end - span.start) + within, self.bytes);
        match self.output.write(&piece) {
            Ok(()) if !self.output.is_closed => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn at(&mut self, at_ms: u64) {
        self.at_ms = at_ms;
    }
}

/// Where it goes: a file, which has its name once it is complete, or standard output.
struct Output {
    file: Option<(File, PathBuf, PathBuf)>,
    /// Whether nobody reads any more.
    is_closed: bool,
}

impl Output {
    fn open(path: Option<PathBuf>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self { file: None, is_closed: false }) };
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(|source| failed(&part, source))?;
        Ok(Self { file: Some((file, part, path)), is_closed: false })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        match &mut self.file {
            Some((file, part, _)) => file.write_all(piece).map_err(|source| failed(part, source)),
            None if self.is_closed => Ok(()),
            None => match io::stdout().write_all(piece) {
                // `headroom export | head` has what it wants.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.is_closed = true;
                    Ok(())
                }
                written => written.map_err(Error::Output),
            },
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        match self.file.take() {
            Some((file, part, path)) => {
                let done = file.sync_all().and_then(|()| fs::rename(&part, &path));
                done.map_err(|source| failed(&path, source))
            }
            None if self.is_closed => Ok(()),
            None => io::stdout().flush().map_err(Error::Output),
        }
    }
}

impl Drop for Output {
    /// A part of it is of no use.
    fn drop(&mut self) {
        if let Some((_, part, _)) = &self.file {
            fs::remove_file(part).ok();
        }
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::File { what: "write", path: path.into(), source }
}
