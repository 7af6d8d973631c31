//! `headroom import`: reads JSON lines into a history that no head uses.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use shared::history::{Batch, Event, FactsAt, Kept, UsageAt};
use shared::{Field, NodeId};

use super::bar::Bar;
use super::source::limits;
use crate::clock::unix_ms;
use crate::config::ImportArgs;
use crate::data;
use crate::error::{Error, print};
use crate::history::tell::Line;
use crate::history::{Ask, Extra, Limits, Store, StoreError};
use crate::keeper;

/// Readings that are written at once.
const MOST_READINGS: usize = 7200;
/// Events, facts and sweeps that are.
const MOST_EXTRAS: usize = 200;
/// Bytes of a line at most.
const MOST_LINE: u64 = 16 << 20;

/// Reads a file, or standard input.
pub fn run(args: ImportArgs) -> Result<(), Error> {
    let (file, dir, config) = args.resolve()?;
    let name = file.display().to_string();
    let failed = |source| Error::File { what: "read", path: file.clone(), source };
    let (input, bytes): (Box<dyn BufRead>, _) = if name == "-" {
        (Box::new(io::stdin().lock()), None)
    } else {
        let opened = File::open(&file).map_err(failed)?;
        let bytes = opened.metadata().map_err(failed)?.len();
        (Box::new(BufReader::new(opened)), Some(bytes))
    };
    let store = open(&dir, &limits(&config))?;
    let mut import = Import {
        store,
        batches: Vec::new(),
        readings: 0,
        extra: Extra::default(),
        counts: Counts::default(),
    };
    let read = import.read(input, &name, &Bar::new(bytes));
    // What stands before a wrong line stays.
    import.commit()?;
    print(&import.counts.told())?;
    read
}

/// The history in `dir`, which is made if it is not there.
fn open(dir: &Path, limits: &Limits) -> Result<Store, Error> {
    data::enter(dir)?;
    let path = keeper::file_in(dir);
    fs::create_dir_all(dir).map_err(|source| Error::Data { path: dir.into(), source })?;
    match Store::open(&path, limits) {
        Err(StoreError::Locked(path)) => Err(Error::InUse {
            path,
            help: "stop it first: an import needs the history for itself",
        }),
        opened => Ok(opened?),
    }
}

#[derive(Default)]
struct Counts {
    readings: usize,
    facts: usize,
    sweeps: usize,
    events: usize,
    known: usize,
}

impl Counts {
    fn told(&self) -> String {
        let Self { readings, facts, sweeps, events, known } = self;
        format!(
            "imported: readings {readings}, facts {facts}, sweeps {sweeps}, events {events}; there \
             already: {known}\n"
        )
    }
}

struct Import {
    store: Store,
    batches: Vec<Batch>,
    /// In all batches.
    readings: usize,
    extra: Extra,
    counts: Counts,
}

impl Import {
    fn read(&mut self, mut input: Box<dyn BufRead>, name: &str, bar: &Bar) -> Result<(), Error> {
        let mut bytes = 0;
        let mut text = Vec::new();
        for number in 1.. {
            let wrong = |reason: String| Error::Line { file: name.into(), line: number, reason };
            text.clear();
            let read = input.by_ref().take(MOST_LINE).read_until(b'\n', &mut text);
            let length = read.map_err(|error| wrong(error.to_string()))? as u64;
            if length == 0 {
                break;
            }
            if length == MOST_LINE && text.last() != Some(&b'\n') {
                return Err(wrong(format!("a line has at most {MOST_LINE} bytes")));
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let line = Line::parse(text.trim_ascii()).map_err(|error| wrong(error.to_string()))?;
            self.take(line)?;
            bytes += length;
            if number % 64 == 0 {
                bar.at(bytes, bytes);
            }
        }
        Ok(())
    }

    fn take(&mut self, line: Line) -> Result<(), Error> {
        match line {
            Line::Begin => {}
            Line::Reading(node, boot, kept) => self.reading(node, boot, *kept),
            Line::Facts(facts) => self.extra.facts.push(*facts),
            Line::Usage(usage) => self.extra.usages.push(*usage),
            Line::Event(event) => self.extra.events.push(event),
        }
        let Extra { events, facts, usages } = &self.extra;
        let extras = events.len() + facts.len() + usages.len();
        if self.readings >= MOST_READINGS || extras >= MOST_EXTRAS { self.commit() } else { Ok(()) }
    }

    fn reading(&mut self, node: NodeId, boot: String, kept: Kept) {
        self.readings += 1;
        match self.batches.iter_mut().find(|batch| batch.node == node && batch.boot == boot) {
            Some(batch) => batch.readings.push(kept),
            None => self.batches.push(Batch { node, boot, readings: vec![kept] }),
        }
    }

    /// Writes what has been read.
    fn commit(&mut self) -> Result<(), Error> {
        self.drop_known()?;
        let batches = std::mem::take(&mut self.batches);
        let extra = std::mem::take(&mut self.extra);
        self.counts.readings += batches.iter().map(|batch| batch.readings.len()).sum::<usize>();
        self.counts.facts += extra.facts.len();
        self.counts.sweeps += extra.usages.len();
        self.counts.events += extra.events.len();
        self.readings = 0;
        if !batches.is_empty() || extra != Extra::default() {
            self.store.commit(batches, &extra, unix_ms())?;
        }
        Ok(())
    }

    /// Drops what is there already, and counts it.
    fn drop_known(&mut self) -> Result<(), Error> {
        let before = self.left();
        let reader = self.store.read()?;
        for batch in &mut self.batches {
            batch.readings.sort_by_key(|kept| kept.seq);
            batch.readings.dedup_by_key(|kept| kept.seq);
            let times = || batch.readings.iter().map(|kept| kept.reading.at_ms);
            let (Some(first), Some(last)) = (times().min(), times().max()) else { continue };
            let (node, fields): (_, &[Field]) = (&batch.node, &[]);
            let ask = Ask { node, span: first..last + 1, fields, recent: &[] };
            let mut known = HashSet::new();
            reader.readings(&ask, &mut |boot, kept| {
                if boot == batch.boot {
                    known.insert(kept.seq);
                }
                std::ops::ControlFlow::Continue(())
            })?;
            batch.readings.retain(|kept| !known.contains(&kept.seq));
        }
        self.batches.retain(|batch| !batch.readings.is_empty());
        let mut failed = None;
        let mut keep = |is_new: Result<bool, StoreError>| {
            is_new.unwrap_or_else(|error| {
                failed.get_or_insert(error);
                true
            })
        };
        self.extra.facts.retain(|facts: &FactsAt| {
            keep(reader.facts(&facts.node, facts.at_ms).map(|known| known.as_ref() != Some(facts)))
        });
        self.extra.usages.retain(|usage: &UsageAt| {
            let known = reader.usage(&usage.node, usage.at_ms..usage.at_ms + 1);
            keep(known.map(|known| known.as_ref() != Some(usage)))
        });
        self.extra.events.retain(|event: &Event| {
            let known =
                reader.events(event.at_ms..event.at_ms + 1, event.node.as_ref(), usize::MAX);
            keep(known.map(|known| !known.contains(event)))
        });
        self.counts.known += before - self.left();
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// How much is to be written.
    fn left(&self) -> usize {
        let Extra { events, facts, usages } = &self.extra;
        let readings = self.batches.iter().map(|batch| batch.readings.len()).sum::<usize>();
        readings + events.len() + facts.len() + usages.len()
    }
}
