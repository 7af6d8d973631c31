//! What is foreseen of one node, and how it came to be told.

use shared::forecast::{Forecast, Growth, foresee};
use shared::usage::Usage;

use super::node::Node;

/// A forecast ends when it could not be made so many times on end.
const MISSES: u8 = 2;
/// Its quality is another when it was so many times on end.
const OTHERS: u8 = 3;
/// Between two looks at who grows, in ms.
const LOOK_EVERY_MS: u64 = 60_000;
/// A node that gave no reading for so long, in ms, and so many periods, is not judged.
const SILENT_MS: u64 = 60_000;
const SILENT_PERIODS: u64 = 5;
/// A forecast is told anew if its end moved by more than this share of what is left, or this long in ms…
const MOVED: f64 = 0.05;
const MOVED_MS: u64 = 30_000;
/// …or an amount changed by more than this share.
const CHANGED: f64 = 0.1;

/// What is foreseen of a node of which something is.
#[derive(Default)]
pub(super) struct Foresight {
    told: Option<Forecast>,
    growth: Growth,
    /// How often it could not be made since it could.
    misses: u8,
    /// How often on end its quality was another than what was told.
    others: u8,
    /// When its agent was asked last who has the memory, in ms of the head's clock.
    looked_ms: Option<u64>,
}

/// What came of judging a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// Whether there is something new to tell.
    pub(super) is_news: bool,
    /// Whether its agent should look who has the memory.
    pub(super) looks: bool,
}

impl Node {
    /// What is foreseen of it, as it was told last.
    pub(super) fn forecast(&self) -> Option<&Forecast> {
        self.foresight.as_ref()?.told.as_ref()
    }

    /// Reckons anew what is foreseen.
    pub(super) fn judge(&mut self, now_ms: u64) -> Judged {
        let Some(mut forecast) = self.reckon(now_ms) else {
            let Some(foresight) = &mut self.foresight else { return Judged::default() };
            foresight.misses += 1;
            let is_over = foresight.misses >= MISSES;
            if is_over {
                self.foresight = None;
            }
            return Judged { is_news: is_over, looks: false };
        };
        let foresight = self.foresight.get_or_insert_default();
        foresight.misses = 0;
        let told_quality = foresight.told.as_ref().map(|told| told.quality);
        let is_other = told_quality.is_some_and(|told| told != forecast.quality);
        foresight.others = if is_other { foresight.others + 1 } else { 0 };
        if let Some(told) = told_quality.filter(|_| foresight.others < OTHERS) {
            forecast.quality = told;
        }
        let is_news = foresight.told.as_ref().is_none_or(|told| is_news(told, &forecast, now_ms));
        if is_news {
            foresight.told = Some(forecast);
        }
        let looks = foresight.looked_ms.is_none_or(|at_ms| now_ms >= at_ms + LOOK_EVERY_MS);
        if looks {
            foresight.looked_ms = Some(now_ms);
        }
        Judged { is_news, looks }
    }

    fn reckon(&self, now_ms: u64) -> Option<Forecast> {
        let course = self.course.as_deref()?;
        let newest_ms = course.newest_ms();
        let at_ms = self.record.at_ms(newest_ms * 1000)?;
        let silent_ms = SILENT_MS.max(u64::from(self.period_ms) * SILENT_PERIODS);
        if now_ms > at_ms + silent_ms {
            return None;
        }
        let trend = foresee(&course.horizons(), newest_ms)?;
        let suspects = |foresight: &Foresight| foresight.growth.suspects(trend.lost_per_hour);
        Some(Forecast {
            out_ms: at_ms + trend.left_ms,
            lost_per_hour: trend.lost_per_hour,
            over_ms: trend.over_ms,
            quality: trend.quality,
            suspects: self.foresight.as_deref().map(suspects).unwrap_or_default(),
        })
    }

    /// Takes in a sweep, which may tell who grows.
    pub(super) fn note_sweep(&mut self, usage: &Usage) {
        if let Some(foresight) = &mut self.foresight {
            foresight.growth.note(usage);
        }
    }
}

impl Foresight {
    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        let told = self.told.iter_mut().map(|told| &mut told.out_ms);
        for at_ms in told.chain(&mut self.looked_ms) {
            *at_ms = at_ms.saturating_add_signed(by_ms);
        }
    }
}

/// Whether people would notice the difference.
fn is_news(told: &Forecast, now: &Forecast, now_ms: u64) -> bool {
    let differs = |a: u64, b: u64| a.abs_diff(b) as f64 > a.max(b) as f64 * CHANGED;
    let left_ms = told.out_ms.min(now.out_ms).saturating_sub(now_ms);
    let moved_ms = told.out_ms.abs_diff(now.out_ms);
    let others = told.suspects.len() != now.suspects.len()
        || told.suspects.iter().zip(&now.suspects).any(|(a, b)| {
            (a.pid, &a.name) != (b.pid, &b.name)
                || differs(a.bytes, b.bytes)
                || differs(a.per_hour, b.per_hour)
        });
    told.quality != now.quality
        || others
        || differs(told.lost_per_hour, now.lost_per_hour)
        || (moved_ms > MOVED_MS && moved_ms as f64 > left_ms as f64 * MOVED)
}

#[cfg(test)]
mod tests;
