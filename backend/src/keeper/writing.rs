//! Writes what the head holds, until the program ends.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{io, thread};

use shared::history::{EventKind, FactsAt, Tier};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::trouble::{Trouble, in_words};
use super::{Archive, file_in, opening};
use crate::config::HistoryConfig;
use crate::error::{print, tell};
use crate::head::{Head, HeadGone, PackedBatch, Pending};
use crate::history::{Committed, Extra, Limits, Store, StoreError};

/// Between two tellings that a tier loses something before its time, in ms.
const LOST_EVERY_MS: u64 = 86_400_000;

/// See the module.
pub struct Keeper<C> {
    archive: Archive,
    head: Head,
    path: PathBuf,
    config: HistoryConfig,
    unix_ms: C,
    trouble: Trouble,
    is_known: bool,
    /// When it was told last that a tier loses something before its time.
    lost_ms: BTreeMap<Tier, u64>,
}

impl<C: Fn() -> u64> Keeper<C> {
    /// Will keep the history of `head` in `data_dir`; `None` if `archive` is to have none. `unix_ms` is
    /// the time of day.
    pub fn new(archive: Archive, head: Head, data_dir: &Path, unix_ms: C) -> Option<Self> {
        let config = archive.config.clone()?;
        Some(Self {
            archive,
            head,
            path: file_in(data_dir),
            config,
            unix_ms,
            trouble: Trouble::default(),
            is_known: false,
            lost_ms: BTreeMap::new(),
        })
    }

    /// Keeps it until the head has ended, or `stop` says that it is about to: then all that the head
    /// holds is written.
    pub async fn run(mut self, stop: oneshot::Receiver<()>) {
        // The end of the head is no news to whoever ends it.
        self.work(stop).await.ok();
    }

    async fn work(&mut self, mut stop: oneshot::Receiver<()>) -> Result<(), HeadGone> {
        self.open().await?;
        loop {
            let wait = self.trouble.wait();
            let is_well = wait.is_none();
            let wait = wait.unwrap_or_else(|| until_next((self.unix_ms)(), self.config.commit));
            let stops = tokio::select! {
                _ = &mut stop => true,
                () = self.head.pressed(), if is_well => false,
                () = sleep(wait) => false,
            };
            self.commit().await?;
            if stops {
                return Ok(());
            }
        }
    }

    /// Opens the file, and tells the head what is in it.
    async fn open(&mut self) -> Result<(), HeadGone> {
        let limits = Limits { max_bytes: self.config.max_bytes, keep: self.config.keep };
        let (path, now_ms) = (self.path.clone(), (self.unix_ms)());
        let is_known = self.is_known;
        let opened = apart(move || {
            opening::make_dir_for(&path)?;
            let open = || {
                let store = Store::open(&path, &limits)?;
                let known = if is_known { None } else { Some(opening::known(&store, now_ms)?) };
                let status = store.status(now_ms)?;
                let outlook = (status.nodes > 0).then_some(status.outlook);
                Ok((store, known, outlook))
            };
            match open() {
                Err(error @ StoreError::Damaged { .. }) => {
                    let aside = opening::set_aside(&path, now_ms).ok_or(error)?;
                    Ok((open()?, Some(aside)))
                }
                opened => Ok((opened?, None)),
            }
        });
        match opened.await {
            Ok(((store, known, outlook), aside)) => {
                self.archive.change(|inner| inner.store = Some(store));
                if let Some(aside) = aside {
                    self.say_aside(&aside).await?;
                }
                if let Some(known) = known {
                    self.is_known = true;
                    self.head.know(known).await?;
                    self.tell_of_bygones();
                }
                if let Some(outlook) = outlook {
                    // Nobody may be there to read it.
                    print(&format!("History: {outlook}\n")).ok();
                }
                Ok(())
            }
            Err(error) => self.fail(error).await,
        }
    }

    /// Tells the head how nodes went before, beside all else: forecasts and floors need not begin anew.
    fn tell_of_bygones(&self) {
        let Ok(store) = self.archive.store() else { return };
        let (head, now_ms) = (self.head.clone(), (self.unix_ms)());
        let look_back = move || {
            let told = opening::bygones(&store, now_ms, &mut |part| match head.recall(part) {
                Ok(()) => ControlFlow::Continue(()),
                Err(HeadGone) => ControlFlow::Break(()),
            });
            if let Err(error) = told {
                tell(format_args!("how nodes went before is not known: {}", in_words(&error)));
            }
        };
        // Without it the head knows a little less for a while.
        thread::Builder::new().name("bygones".into()).spawn(look_back).ok();
    }

    async fn commit(&mut self) -> Result<(), HeadGone> {
        if self.archive.store().is_err() {
            self.open().await?;
        }
        let Ok(store) = self.archive.store() else { return Ok(()) };
        let pending = self.head.pending().await?;
        if pending.is_empty() && self.trouble.failed() == 0 {
            return Ok(());
        }
        let now_ms = pending.now_ms;
        match apart(move || write(&store, pending)).await {
            Ok(committed) => {
                self.head.saved().await?;
                self.archive.change(|inner| inner.committed_ms = Some(now_ms));
                self.end().await?;
                self.say_lost(&committed, now_ms).await
            }
            // The store opens the file anew after an error: one that is still damaged then is of no use.
            Err(error @ StoreError::Damaged { .. }) if self.trouble.failed() > 0 => {
                self.archive.change(|inner| inner.store = None);
                match opening::set_aside(&self.path, now_ms) {
                    Some(aside) => {
                        self.say_aside(&aside).await?;
                        self.open().await
                    }
                    None => self.fail(error).await,
                }
            }
            Err(error) => self.fail(error).await,
        }
    }

    /// It cannot be written: that is told once.
    async fn fail(&mut self, error: StoreError) -> Result<(), HeadGone> {
        let why = in_words(&error);
        let is_news = self.trouble.fail(&error);
        self.archive.change(|inner| inner.trouble = Some(why.clone()));
        if !is_news {
            return Ok(());
        }
        let text = format!("History cannot be written: {why}.");
        tell(format_args!("history cannot be written, and is tried again: {why}"));
        self.head.happened(EventKind::HistoryTrouble, text).await
    }

    /// It is written.
    async fn end(&mut self) -> Result<(), HeadGone> {
        self.archive.change(|inner| inner.trouble = None);
        if !self.trouble.end() {
            return Ok(());
        }
        tell("history is written again");
        self.head.happened(EventKind::HistoryOver, "History is written again.".into()).await
    }

    async fn say_aside(&mut self, aside: &Path) -> Result<(), HeadGone> {
        let aside = aside.display();
        tell(format_args!("history was damaged, and is begun anew; what there was is now {aside}"));
        let text = format!("History was damaged, and begins anew. What there was is now {aside}.");
        self.head.happened(EventKind::HistoryTrouble, text).await
    }

    /// Tells what was damaged, and which tiers lose something before its time: that once a day.
    async fn say_lost(&mut self, committed: &Committed, now_ms: u64) -> Result<(), HeadGone> {
        for what in &committed.damage {
            let text = format!("A part of history was damaged, and is left out: {what}.");
            self.head.happened(EventKind::HistoryTrouble, text).await?;
        }
        for &(tier, _) in &committed.lost {
            let told_ms = self.lost_ms.get(&tier);
            if told_ms.is_some_and(|told_ms| now_ms < told_ms + LOST_EVERY_MS) {
                continue;
            }
            self.lost_ms.insert(tier, now_ms);
            let what = match tier {
                Tier::Raw => "single readings".into(),
                coarser => format!("steps of {}", coarser.name()),
            };
            let text = format!(
                "For want of room history keeps {what} for a shorter time than is set; the oldest went."
            );
            self.head.happened(EventKind::HistoryTrouble, text).await?;
        }
        Ok(())
    }
}

/// Until the time of day is a whole multiple of `step`.
fn until_next(unix_ms: u64, step: Duration) -> Duration {
    let step_ms = (step.as_millis() as u64).max(1);
    Duration::from_millis(step_ms - unix_ms % step_ms)
}

/// One commit. What nodes are is written where that is news.
fn write(store: &Store, pending: Pending) -> Result<Committed, StoreError> {
    let Pending { now_ms, batches, events, mut facts, usages } = pending;
    let reader = store.read()?;
    let mut is_news = |facts: &FactsAt| {
        let known = reader.facts(&facts.node, facts.at_ms)?;
        Ok(known.is_none_or(|known| FactsAt { at_ms: facts.at_ms, ..known } != *facts))
    };
    let news: Vec<bool> = facts.iter().map(&mut is_news).collect::<Result<_, StoreError>>()?;
    let mut news = news.into_iter();
    facts.retain(|_| news.next().unwrap_or(true));
    drop(reader);
    let extra = Extra { events, facts, usages };
    store.commit(batches.iter().map(PackedBatch::unpack), &extra, now_ms)
}

/// Does what takes a while in a thread of its own, which a program that ends does not wait for.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (answer, answered) = oneshot::channel();
    let thread = thread::Builder::new().name("history".into());
    let begun = thread.spawn(move || answer.send(work()).ok());
    let failed = |source| StoreError::Io { path: "history".into(), source };
    match begun {
        // One that panics has said why.
        Ok(_) => answered.await.unwrap_or_else(|gone| Err(failed(io::Error::other(gone)))),
        Err(source) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_at_whole_quarters_of_an_hour() {
        let quarter = Duration::from_mins(15);
        assert_eq!(until_next(0, quarter), quarter);
        assert_eq!(until_next(899_000, quarter), Duration::from_secs(1));
        assert_eq!(until_next(900_001, quarter), Duration::from_millis(899_999));
    }
}
