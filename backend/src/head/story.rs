//! What was told of one node as events, so that each thing is told once.

use std::collections::BTreeMap;

use shared::Field;
use shared::history::EventKind;
use shared::survey::Finding;
use shared::wire::AgentReading;

/// A node that is back sooner, in ms, was not gone.
pub(super) const GONE_AFTER_MS: u64 = 10_000;
/// Between two tellings of what an outbox dropped, in ms.
const THINNED_EVERY_MS: u64 = 3_600_000;
/// Findings of a node that are remembered.
const MOST_FOUND: usize = 64;
/// Bytes of what was found that are remembered.
const MOST_TEXT: usize = 200;

/// See the module.
#[derive(Default)]
pub(super) struct Story {
    /// Since when it is gone, in ms of the head's clock, and whether that was told.
    pub(super) gone: Option<(u64, bool)>,
    /// What the doctor found: what was said of it, by the finding's id.
    found: BTreeMap<String, String>,
    /// Why it was turned away last.
    refused: Option<String>,
    thinned_ms: Option<u64>,
    /// When a sweep over it was recorded last, in ms of the head's clock.
    pub(super) usage_ms: Option<u64>,
    /// Programs that were killed for want of memory since it booted: when the head first heard of
    /// this boot, and the most it heard of.
    oom_kills: Option<(u64, u64)>,
    /// Programs that were killed for want of memory since this head knows it.
    killed: u64,
}

impl Story {
    /// It booted: what was counted counts anew.
    pub(super) fn boot(&mut self) {
        self.oom_kills = None;
        self.thinned_ms = None;
    }

    /// What was found once, as history remembers it.
    pub(super) fn remember(&mut self, found: Vec<(String, String)>) {
        for (id, text) in found.into_iter().take(MOST_FOUND) {
            self.found.entry(id).or_insert(text);
        }
    }

    /// What is new of what the doctor found, and what is no more: kinds and sentences.
    pub(super) fn find(&mut self, findings: &[Finding]) -> Vec<(EventKind, String)> {
        let mut told = Vec::new();
        for finding in findings.iter().take(MOST_FOUND) {
            let text = &finding.finding;
            let text = text[..text.floor_char_boundary(MOST_TEXT)].to_owned();
            if self.found.insert(finding.id.clone(), text.clone()).is_none() {
                told.push((EventKind::Finding, with_id(&text, &finding.id)));
            }
        }
        let is_there = |id: &str| findings.iter().any(|finding| finding.id == id);
        for (id, text) in self.found.extract_if(.., |id, _| !is_there(id)) {
            told.push((EventKind::FindingOver, with_id(&text, &id)));
        }
        told
    }

    /// Whether it is news that it was turned away for this reason.
    pub(super) fn refuse(&mut self, why: &str) -> bool {
        self.refused.replace(why.to_owned()).as_deref() != Some(why)
    }

    /// It was let in.
    pub(super) fn let_in(&mut self) {
        self.refused = None;
    }

    /// Whether it is time to tell once more what its outbox dropped.
    pub(super) fn thin(&mut self, now_ms: u64) -> bool {
        let is_due = self.thinned_ms.is_none_or(|at_ms| now_ms >= at_ms + THINNED_EVERY_MS);
        if is_due {
            self.thinned_ms = Some(now_ms);
        }
        is_due
    }

    /// By how much the count of killed programs rose, and at which of these readings, by its uptime.
    /// Readings of an outbox tell it only of what the live ones cannot have told already.
    pub(super) fn kills(&mut self, readings: &[AgentReading], live: bool) -> Option<(u64, u64)> {
        let mut rise: Option<(u64, u64)> = None;
        let mut before = None;
        for reading in readings {
            let Some(kills) = reading.sample.get(Field::OomKills) else { continue };
            let (first, most) = self.oom_kills.unwrap_or((kills, kills));
            let from = if live { Some(most) } else { before };
            let more = from.and_then(|from| kills.checked_sub(from)).filter(|more| *more > 0);
            if let Some(more) = more.filter(|_| live || kills <= first) {
                rise = Some((reading.uptime_us, rise.map_or(0, |(_, so_far)| so_far) + more));
            }
            before = Some(kills);
            if live {
                self.oom_kills = Some((first, most.max(kills)));
            }
        }
        self.killed += rise.map_or(0, |(_, count)| count);
        rise
    }

    /// Programs that were killed for want of memory since this head knows it, each counted once.
    pub(super) fn killed(&self) -> u64 {
        self.killed
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        let set = |at_ms: &mut u64| *at_ms = at_ms.saturating_add_signed(by_ms);
        self.gone.iter_mut().for_each(|(at_ms, _)| set(at_ms));
        self.thinned_ms.iter_mut().chain(&mut self.usage_ms).for_each(set);
    }
}

/// What was found, with the finding's id at the end: history knows it again by that.
fn with_id(text: &str, id: &str) -> String {
    format!("{text} ({id})")
}

/// What was found, and the finding's id, of the sentence of an event.
#[must_use]
pub fn found_in(text: &str) -> Option<(&str, &str)> {
    let (text, id) = text.strip_suffix(')')?.rsplit_once(" (")?;
    Some((id, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Sample;
    use shared::survey::Severity;

    fn finding(id: &str) -> Finding {
        Finding {
            id: id.into(),
            severity: Severity::Note,
            finding: format!("It (or {id}) is so."),
            evidence: String::new(),
            fix: String::new(),
        }
    }

    #[test]
    fn what_is_found_is_told_when_it_comes_and_when_it_goes() {
        let mut story = Story::default();
        story.remember(vec![("c".into(), "It was.".into())]);
        let told = story.find(&[finding("a"), finding("b")]);
        let kinds: Vec<EventKind> = told.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [EventKind::Finding, EventKind::Finding, EventKind::FindingOver]);
        assert_eq!(found_in(&told[0].1), Some(("a", "It (or a) is so.")));
        assert_eq!(told[2].1, "It was. (c)");
        assert!(story.find(&[finding("a"), finding("b")]).is_empty());
        assert_eq!(story.find(&[finding("b")])[0].0, EventKind::FindingOver);
    }

    fn readings(kills: &[u64]) -> Vec<AgentReading> {
        let reading = |(at, &kills): (usize, &u64)| {
            let mut sample = Sample::EMPTY;
            sample.set(Field::OomKills, Some(kills));
            AgentReading { seq: at as u64, uptime_us: at as u64, sample }
        };
        kills.iter().enumerate().map(reading).collect()
    }

    #[test]
    fn killed_programs_are_told_once() {
        let mut story = Story::default();
        assert_eq!(story.kills(&readings(&[3]), true), None);
        assert_eq!(story.kills(&readings(&[3, 5]), true), Some((1, 2)));
        assert_eq!(story.kills(&readings(&[3, 4, 5]), false), None, "told already");
        assert_eq!(story.kills(&readings(&[1, 1, 3]), false), Some((2, 2)), "before the head");
        assert_eq!(story.kills(&readings(&[5]), true), None);
        story.boot();
        assert_eq!(story.kills(&readings(&[0]), true), None);
        assert_eq!(story.kills(&readings(&[1]), true), Some((0, 1)));
    }

    #[test]
    fn the_same_refusal_is_told_once() {
        let mut story = Story::default();
        assert!(story.refuse("a") && !story.refuse("a") && story.refuse("b"));
        story.let_in();
        assert!(story.refuse("b"));
        assert!(story.thin(0) && !story.thin(1000) && story.thin(4_000_000));
    }
}
