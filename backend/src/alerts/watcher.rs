//! Looks at all nodes once a second, keeps what came of it, and has it told.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use shared::alert::{Cause, Holder, Rules};
use shared::black_box::{BlackBox, BoxAt, SPAN_MS, Why};
use shared::run::Run;
use shared::usage::Usage;
use shared::{Field, NodeFacts, NodeId};
use tokio::time::{sleep, timeout};

use super::engine::{Changes, Memory, Want, World};
use super::kept::{Kept, Subject};
use super::{Alerts, Inner};
use crate::error::tell;
use crate::head::fleet::Numbered;
use crate::head::{AsOf, Head, HeadGone, Sign};
use crate::keeper::Archive;
use crate::notify::{Message, Notifier};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// A sweep over a node in trouble takes so long at most: what is told waits for it.
const SWEEP: Duration = Duration::from_secs(2);
/// Sweeps at once at most.
const MOST_SWEEPS: usize = 16;
/// After it could not be written, it is tried again after so many looks.
const RETRY: u32 = 10;
/// Rankings of a black box that are older, in ms, are none of a node's last words.
const YOUNG_MS: u64 = 300_000;

/// What the watcher works with.
pub struct Means {
    /// Whose nodes are watched.
    pub head: Head,
    /// Whether history is written.
    pub archive: Archive,
    /// Who is told.
    pub notifier: Notifier,
    /// Where the head is reached.
    pub url: String,
}

/// What could not be written yet.
#[derive(Default)]
struct Backlog {
    changes: Changes,
    is_rules_dirty: bool,
    trouble: Option<String>,
    wait: u32,
}

/// Watches until the head has ended.
pub async fn watch(alerts: Alerts, means: Means) {
    let store = alerts.store.clone();
    // Whether there is room for it shows when it is needed.
    tokio::task::spawn_blocking(move || store.reserve()).await.ok();
    let mut watcher = Watcher { alerts, means, backlog: Backlog::default(), boxes: HashMap::new() };
    // The end of the head is no news to whoever ends it.
    while watcher.look().await.is_ok() {
        tokio::select! {
            () = sleep(EVERY) => {}
            () = watcher.alerts.changed.notified() => {}
        }
    }
}

struct Watcher {
    alerts: Alerts,
    means: Means,
    backlog: Backlog,
    /// The last black box of each node, for its last words.
    boxes: HashMap<NodeId, BoxAt>,
}

impl Watcher {
    async fn look(&mut self) -> Result<(), HeadGone> {
        let gate = self.alerts.gate.clone();
        let gate = gate.lock().await;
        let head = self.means.head.clone();
        let AsOf { now_ms, of: signs } = head.signs(0).await?;
        let boxes = head.boxes().await?;
        self.remember(&boxes, now_ms);
        let with_kills = self.alerts.look().engine.with_kills(&signs);
        let mut kills = HashMap::new();
        for node in with_kills {
            let last = head.readings(node.clone()).await?.and_then(|readings| counted(&readings));
            kills.extend(last.map(|last| (node, last)));
        }
        let trouble = self.means.archive.trouble().or(self.backlog.trouble.clone());
        let channels = self.means.notifier.status();
        let changes = {
            let mut inner = self.alerts.look();
            let rules = inner.rules().clone();
            let minute = minute_of_day(&rules, now_ms);
            let is_well = self.means.archive.has_committed();
            let world = World { trouble, is_well, channels, boxes, kills, minute };
            inner.engine.tick(now_ms, &signs, world, &rules)
        };
        drop(gate);
        self.follow_up(changes, &signs, now_ms).await
    }

    /// Does what came of a look: finds out, writes, and tells.
    async fn follow_up(
        &mut self,
        mut changes: Changes,
        signs: &[Sign],
        now_ms: u64,
    ) -> Result<(), HeadGone> {
        for event in changes.events.drain(..) {
            self.means.head.tell(event).await?;
        }
        self.find_out(&mut changes, signs, now_ms).await;
        let tell = std::mem::take(&mut changes.tell);
        self.write(changes).await;
        if tell.is_empty() {
            return Ok(());
        }
        let mut told = Changes::default();
        for (id, step) in tell {
            if let Some(message) = self.message(id, step, signs).await? {
                self.means.notifier.send(message).await;
            }
            self.alerts.look().engine.handed(id, step, now_ms);
            told.dirty.insert(id);
        }
        self.write(told).await;
        Ok(())
    }

    /// Who has most of the memory, and what nodes said last.
    async fn find_out(&mut self, changes: &mut Changes, signs: &[Sign], now_ms: u64) {
        let mut sweeps = Vec::new();
        for want in std::mem::take(&mut changes.wants) {
            match want {
                Want::Top(id, node) if sweeps.len() < MOST_SWEEPS => {
                    let usage = self.means.head.usage(node.clone());
                    sweeps.push(async move { (id, node, timeout(SWEEP, usage).await) });
                }
                Want::Top(..) => {}
                Want::LastWords(id, node) => {
                    if let Some(last) = self.last_words(&node, signs, now_ms).await {
                        if let Some(kept) = self.alerts.look().engine.all.get_mut(&id) {
                            kept.incident.boxes += 1;
                        }
                        changes.boxes.push((id, last));
                    }
                }
            }
        }
        for (id, node, usage) in join_all(sweeps).await {
            let Ok(Ok(usage)) = usage else { continue };
            if let Some(kept) = self.alerts.look().engine.all.get_mut(&id)
                && !kept.has_box_top
            {
                kept.incident.top = holders(&node, usage);
            }
        }
    }

    fn remember(&mut self, boxes: &[BoxAt], now_ms: u64) {
        self.boxes.retain(|_, last| last.at_ms + YOUNG_MS >= now_ms);
        for black_box in boxes {
            let last = BoxAt { readings: Vec::new(), ..black_box.clone() };
            self.boxes.insert(black_box.node.clone(), last);
        }
    }

    /// What a node reported in its last two minutes, as a black box of its own.
    async fn last_words(&self, node: &NodeId, signs: &[Sign], now_ms: u64) -> Option<BoxAt> {
        let readings = self.means.head.readings(node.clone()).await.ok()??;
        let last = readings.last()?.reading.clone();
        let from_ms = last.at_ms.saturating_sub(SPAN_MS);
        let readings = readings.into_iter().map(|numbered| numbered.reading);
        let readings = readings.filter(|reading| reading.at_ms >= from_ms).collect();
        let before = self.boxes.get(node);
        let sign = signs.iter().find(|sign| sign.id == *node);
        let silent_ms = now_ms.saturating_sub(sign.map_or(last.at_ms, |sign| sign.since_ms));
        let what = BlackBox {
            why: Why::LastWords,
            uptime_us: last.uptime_us,
            killed: before.map(|it| it.what.killed.clone()).unwrap_or_default(),
            rankings: before.map(|it| it.what.rankings.clone()).unwrap_or_default(),
            readings: Run::default(),
            note: Some(format!(
                "This is what the head had heard of it until {} before it made this.",
                shared::units::span(silent_ms / 1000)
            )),
        };
        let offset_ms = last.at_ms.saturating_sub(last.uptime_us / 1000);
        Some(BoxAt { node: node.clone(), at_ms: last.at_ms, offset_ms, what, readings })
    }

    async fn message(
        &self,
        id: u64,
        step: u32,
        signs: &[Sign],
    ) -> Result<Option<Message>, HeadGone> {
        let Some(kept) = self.alerts.look().engine.all.get(&id).cloned() else { return Ok(None) };
        let Some(what) = kept.incident.steps.get(step as usize).cloned() else { return Ok(None) };
        let timeline = self.timeline(&kept, signs).await?;
        let except = match kept.subjects.as_slice() {
            [Subject::Channel(name)] => Some(name.clone()),
            _ => None,
        };
        let url = Some(format!("{}{}", self.means.url, kept.incident.path()));
        let incident = kept.incident;
        Ok(Some(Message { incident, step: what, number: step, url, timeline, except }))
    }

    /// The last minutes of the node that runs short of memory.
    async fn timeline(
        &self,
        kept: &Kept,
        signs: &[Sign],
    ) -> Result<Option<(NodeFacts, Vec<shared::wire::Reading>)>, HeadGone> {
        let ([Subject::Node(node)], Cause::Memory) =
            (kept.subjects.as_slice(), kept.incident.cause)
        else {
            return Ok(None);
        };
        let Some(sign) = signs.iter().find(|sign| sign.id == *node) else { return Ok(None) };
        let readings = self.means.head.readings(node.clone()).await?.unwrap_or_default();
        let readings = readings.into_iter().map(|numbered| numbered.reading).collect();
        Ok(Some(((*sign.facts).clone(), readings)))
    }

    /// Writes what changed, and what could not be written before.
    async fn write(&mut self, changes: Changes) {
        let mut ordered = {
            let mut inner = self.alerts.look();
            self.backlog.is_rules_dirty |= std::mem::take(&mut inner.is_rules_dirty);
            std::mem::take(&mut inner.ordered)
        };
        ordered.add(changes);
        self.backlog.changes.add(ordered);
        let has_more = !self.backlog.changes.is_empty() || self.backlog.is_rules_dirty;
        if !has_more || self.backlog.wait > 0 {
            self.backlog.wait = self.backlog.wait.saturating_sub(1);
            return;
        }
        let work = std::mem::take(&mut self.backlog.changes);
        let (memory, kept, rules) = {
            let inner = self.alerts.look();
            let Inner { engine, changed, .. } = &*inner;
            let memory = work.is_memory_dirty.then(|| engine.memory.clone());
            let kept = work.dirty.iter().filter_map(|id| engine.all.get(id).cloned());
            let rules = self.backlog.is_rules_dirty.then(|| changed.clone());
            (memory, kept.collect::<Vec<_>>(), rules)
        };
        let alerts = self.alerts.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut work = work;
            let written = write_all(&alerts, memory.as_ref(), &kept, rules.as_ref(), &mut work);
            (written, work)
        });
        let Ok((written, work)) = written.await else { return };
        match written {
            Ok(()) => {
                self.backlog.is_rules_dirty = false;
                if self.backlog.trouble.take().is_some() {
                    tell("incidents are kept on disk again");
                }
            }
            Err(error) => {
                // It is all still in memory.
                self.backlog.changes.add(work);
                self.backlog.wait = RETRY;
                let text = format!("incidents cannot be kept on disk: {error}");
                if self.backlog.trouble.replace(text.clone()).is_none() {
                    tell(text);
                }
            }
        }
    }
}

fn write_all(
    alerts: &Alerts,
    memory: Option<&Memory>,
    incidents: &[Kept],
    rules: Option<&Option<Rules>>,
    work: &mut Changes,
) -> io::Result<()> {
    let store = &alerts.store;
    for kept in incidents {
        store.write_incident(kept)?;
    }
    if let Some(memory) = memory {
        store.write_memory(memory)?;
    }
    if let Some(rules) = rules {
        store.write_rules(rules.as_ref())?;
    }
    for id in &work.removed {
        store.remove(*id)?;
    }
    while let Some((id, black_box)) = work.boxes.first() {
        store.add_box(*id, black_box)?;
        work.boxes.remove(0);
    }
    Ok(())
}

/// The boot of the last reading, and how many programs its kernel had killed in it.
fn counted(readings: &[Numbered]) -> Option<(String, u64)> {
    let last = readings.last()?;
    Some((last.boot.clone().unwrap_or_default(), last.reading.sample.get(Field::OomKills)?))
}

/// The three that hold most.
fn holders(node: &NodeId, usage: Usage) -> Vec<Holder> {
    let processes = usage.processes.into_iter().take(3);
    let holder = |process: shared::usage::ProcessUsage| Holder {
        node: node.clone(),
        pid: process.pid,
        bytes: process.own(),
        name: process.name,
    };
    processes.map(holder).collect()
}

/// The minute of the day where this head is. It is asked for only where quiet hours are set.
fn minute_of_day(rules: &Rules, now_ms: u64) -> u32 {
    if rules.quiet.is_none() {
        return 0;
    }
    // Without a time zone it is UTC, as for the system itself.
    minute_in(tz::TimeZone::local().ok().as_ref(), now_ms)
}

fn minute_in(zone: Option<&tz::TimeZone>, now_ms: u64) -> u32 {
    let seconds = i64::try_from(now_ms / 1000).unwrap_or(0);
    let ahead = zone.and_then(|zone| Some(zone.find_local_time_type(seconds).ok()?.ut_offset()));
    let minute = (seconds + i64::from(ahead.unwrap_or(0))).div_euclid(60).rem_euclid(1440);
    u32::try_from(minute).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_of_the_day_is_that_of_the_time_zone() {
        let berlin = tz::TimeZone::from_posix_tz("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2026-01-15 and 2026-07-15, 23:30 in UTC.
        let (winter, summer) = (1_768_519_800_000, 1_784_158_200_000);
        assert_eq!(minute_in(Some(&berlin), winter), 30);
        assert_eq!(minute_in(Some(&berlin), summer), 90);
        assert_eq!(minute_in(None, winter), 23 * 60 + 30);
        let quito = tz::TimeZone::from_posix_tz("EST5").unwrap();
        assert_eq!(minute_in(Some(&quito), winter), 18 * 60 + 30);
    }
}
