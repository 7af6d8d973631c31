//! What the last readings show: whether it is time to rank processes, and whether something happened
//! that is worth a black box. Does no I/O, and is told the time.

use std::collections::VecDeque;

use shared::wire::AgentReading;
use shared::{Field, Sample};

/// Pressure is judged over so long, in µs…
const OVER_US: u64 = 10_000_000;
/// …from readings so far apart.
const APART_US: u64 = 900_000;
/// The share of that time in which some program waited at which a black box is sent…
const STRAINED: f64 = 0.2;
/// …and at which it may be again.
const RELIEVED: f64 = 0.1;
/// From this share on processes are ranked often.
const UNEASY: f64 = 0.05;

/// Between two rankings while all is calm, in µs…
const CALM_US: u64 = 30_000_000;
/// …while little is available, or programs wait for memory…
const UNEASY_US: u64 = 2_000_000;
/// …and at least.
const LEAST_US: u64 = 1_000_000;
/// A reading may come so much sooner than a whole period after the last, in µs.
const SLACK_US: u64 = 100_000;
/// So little of total memory is little: one part of so many.
const LITTLE: u64 = 10;
/// What is available has fallen if it is less by one part of so many of total memory.
const FALLEN: u64 = 64;
/// Between two rankings so many times as long passes as one takes: they cost 1 % of a core at most.
const SHARE: u64 = 100;

/// Between two black boxes of one kind, in µs, at least.
const BETWEEN_US: u64 = 60_000_000;
/// So many may come with no more between them…
const AT_ONCE: u32 = 6;
/// …and then one each so many µs: 12 an hour.
const EACH_US: u64 = 600_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Readings of the last [`OVER_US`], oldest first.
    moments: VecDeque<Moment>,
    now: Moment,
    /// When the reading before was taken.
    before_us: u64,
    oom_kills: Option<u64>,
    ranked: Option<LastRanking>,
    is_strained: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    at_us: u64,
    /// Time for which some program waited, since boot.
    waited_us: Option<u64>,
    total: u64,
    available: Option<u64>,
}

#[derive(Debug)]
struct LastRanking {
    at_us: u64,
    took_us: u64,
    available: Option<u64>,
}

/// What happened between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Programs that were killed for want of memory.
    pub(super) kills: u64,
    /// Whether programs have come to wait for long.
    pub(super) is_strained: bool,
}

impl Course {
    /// Takes in the newest reading.
    pub(super) fn see(&mut self, reading: &AgentReading) -> News {
        self.before_us = self.now.at_us;
        self.now = Moment::of(reading.uptime_us, &reading.sample);
        let is_next = |last: &Moment| self.now.at_us >= last.at_us + APART_US;
        if self.moments.back().is_none_or(is_next) {
            self.moments.push_back(self.now);
        }
        while self.moments.get(1).is_some_and(|next| next.at_us + OVER_US <= self.now.at_us) {
            self.moments.pop_front();
        }
        let oom_kills = reading.sample.get(Field::OomKills);
        let kills = oom_kills.zip(self.oom_kills).map_or(0, |(now, then)| now.saturating_sub(then));
        self.oom_kills = oom_kills.or(self.oom_kills);
        let was_strained = self.is_strained;
        match self.waiting() {
            Some((share, over_us)) if share >= STRAINED && over_us + SLACK_US >= OVER_US => {
                self.is_strained = true;
            }
            Some((share, _)) if share < RELIEVED => self.is_strained = false,
            _ => {}
        }
        News { kills, is_strained: self.is_strained && !was_strained }
    }

    /// When the newest reading was taken.
    pub(super) fn now_us(&self) -> u64 {
        self.now.at_us
    }

    /// When the one before was.
    pub(super) fn before_us(&self) -> u64 {
        self.before_us
    }

    /// The share of the last ten seconds in which some program waited for memory, 0 to 1; and over how
    /// long that is, in µs.
    fn waiting(&self) -> Option<(f64, u64)> {
        let then = self.moments.front()?;
        let waited_us = self.now.waited_us?.checked_sub(then.waited_us?)?;
        let over_us = self.now.at_us.checked_sub(then.at_us).filter(|&over_us| over_us > 0)?;
        Some((waited_us as f64 / over_us as f64, over_us))
    }

    /// Whether it is time to rank.
    pub(super) fn is_time(&self) -> bool {
        let Some(ranked) = &self.ranked else { return true };
        let Moment { at_us, total, available, .. } = self.now;
        let since_us = at_us.saturating_sub(ranked.at_us) + SLACK_US;
        if since_us < LEAST_US.max(ranked.took_us.saturating_mul(SHARE)) {
            return false;
        }
        let fallen = ranked.available.zip(available).map(|(then, now)| then.saturating_sub(now));
        let is_uneasy = available.is_some_and(|available| available < total / LITTLE)
            || self.waiting().is_some_and(|(share, _)| share > UNEASY);
        fallen.is_some_and(|fallen| fallen > total / FALLEN)
            || since_us >= if is_uneasy { UNEASY_US } else { CALM_US }
    }

    /// Processes were ranked at `at_us`, which took so long.
    pub(super) fn ranked(&mut self, at_us: u64, took_us: u64) {
        self.ranked = Some(LastRanking { at_us, took_us, available: self.now.available });
    }

    /// When they were last.
    pub(super) fn ranked_us(&self) -> Option<u64> {
        self.ranked.as_ref().map(|ranked| ranked.at_us)
    }
}

impl Moment {
    fn of(at_us: u64, sample: &Sample) -> Self {
        Self {
            at_us,
            waited_us: sample.get(Field::PressureSome),
            total: sample.get(Field::Total).unwrap_or(0),
            available: sample.get(Field::Available).or(sample.get(Field::Free)),
        }
    }
}

/// How many black boxes of one kind may be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    left: u32,
    /// Since when one more comes.
    since_us: u64,
    last_us: Option<u64>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: AT_ONCE, since_us: 0, last_us: None }
    }
}

impl Allowance {
    /// When one may be sent, at `now_us` or later; `None` if so many were that it is too much.
    pub(super) fn next(&mut self, now_us: u64) -> Option<u64> {
        let more = now_us.saturating_sub(self.since_us) / EACH_US;
        self.left = AT_ONCE.min(self.left.saturating_add(u32::try_from(more).unwrap_or(AT_ONCE)));
        self.since_us = if self.left == AT_ONCE { now_us } else { self.since_us + more * EACH_US };
        let soonest_us = self.last_us.map_or(0, |last_us| last_us + BETWEEN_US);
        (self.left > 0).then_some(now_us.max(soonest_us))
    }

    /// One was sent.
    pub(super) fn sent(&mut self, now_us: u64) {
        self.left = self.left.saturating_sub(1);
        self.last_us = Some(now_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// A reading at so many ms, with so much available of 4 GiB, and programs that waited so long, in ms.
    fn reading(at_ms: u64, available: u64, waited_ms: u64) -> AgentReading {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(4 * GIB));
        sample.set(Field::Available, Some(available));
        sample.set(Field::PressureSome, Some(waited_ms * 1000));
        AgentReading { seq: at_ms, uptime_us: at_ms * 1000, sample }
    }

    /// How many rankings there are in `seconds` of readings, where each takes so long.
    fn rankings(seconds: u64, took_us: u64, reading_at: impl Fn(u64) -> AgentReading) -> usize {
        let mut course = Course::default();
        (0..seconds)
            .filter(|at| {
                course.see(&reading_at(*at));
                let is_time = course.is_time();
                if is_time {
                    course.ranked(course.now_us(), took_us);
                }
                is_time
            })
            .count()
    }

    #[test]
    fn rankings_are_seldom_while_all_is_calm() {
        let calm = |at| reading(at * 1000, 3 * GIB, 0);
        assert_eq!(rankings(120, 500, calm), 4);
        // Half a percent of total comes and goes.
        let wavering = |at| reading(at * 1000, 3 * GIB - at % 2 * (GIB / 50), 0);
        assert_eq!(rankings(120, 500, wavering), 4);
        // A twentieth of a second of each.
        let waiting = |at| reading(at * 1000, 3 * GIB, at * 40);
        assert_eq!(rankings(120, 500, waiting), 4);
    }

    #[test]
    fn rankings_are_frequent_when_it_matters() {
        let falling = |at| reading(at * 1000, 4 * GIB - at * (GIB / 14), 0);
        assert_eq!(rankings(40, 500, falling), 40, "a fall of 73 MiB each second");
        let slowly = |at| reading(at * 1000, 4 * GIB - at * (GIB / 100), 0);
        assert_eq!(rankings(120, 500, slowly), 18, "one for each 64 MiB");
        assert_eq!(rankings(120, 500, |at| reading(at * 1000, GIB / 4, 0)), 60, "little is left");
        assert_eq!(rankings(120, 500, |at| reading(at * 1000, 3 * GIB, at * 60)), 60, "waiting");
    }

    #[test]
    fn rankings_cost_little_however_long_they_take() {
        let short = |at| reading(at * 1000, GIB / 4, 0);
        // 80 ms each: 1 % of a core is one each 8 s.
        assert_eq!(rankings(120, 80_000, short), 15);
    }

    #[test]
    fn kills_are_counted_between_readings() {
        let mut course = Course::default();
        let kills = |kills: Option<u64>, at: u64| {
            let mut reading = reading(at * 1000, GIB, 0);
            reading.sample.set(Field::OomKills, kills);
            reading
        };
        let told = [Some(7), Some(7), Some(9), None, Some(10), Some(3)];
        let news = told.into_iter().zip(1..).map(|(count, at)| course.see(&kills(count, at)).kills);
        assert_eq!(news.collect::<Vec<_>>(), [0, 0, 2, 0, 1, 0]);
        assert_eq!((course.now_us(), course.before_us()), (6_000_000, 5_000_000));
    }

    /// At which seconds there is news of pressure, of programs that wait for so many ms in each.
    fn strained(period_ms: u64, waits: &[(u64, u64)]) -> Vec<u64> {
        let mut course = Course::default();
        let (mut at_ms, mut waited_ms, mut told) = (0, 0, Vec::new());
        for &(seconds, per_second) in waits {
            for _ in 0..seconds * 1000 / period_ms {
                at_ms += period_ms;
                waited_ms += per_second * period_ms / 1000;
                if course.see(&reading(at_ms, GIB, waited_ms)).is_strained {
                    told.push(at_ms / 1000);
                }
            }
        }
        told
    }

    #[test]
    fn pressure_is_news_once_until_it_is_over() {
        for period_ms in [100, 1000, 2000] {
            assert_eq!(strained(period_ms, &[(60, 150)]), [0_u64; 0], "{period_ms}: too little");
            let [first] = strained(period_ms, &[(20, 0), (60, 400)])[..] else { panic!() };
            assert!((24..=27).contains(&first), "{period_ms}: {first}");
            // It falls below the mark, but not far enough.
            let told = strained(period_ms, &[(20, 0), (20, 400), (20, 150), (20, 400)]);
            assert_eq!(told.len(), 1, "{period_ms}: {told:?}");
            let told = strained(period_ms, &[(20, 0), (20, 400), (20, 50), (20, 400)]);
            assert_eq!(told.len(), 2, "{period_ms}: {told:?}");
            // Two seconds of four are not ten.
            assert_eq!(strained(period_ms, &[(4, 900)]), [0_u64; 0], "{period_ms}");
        }
    }

    #[test]
    fn there_are_not_more_than_twelve_boxes_an_hour() {
        let mut allowance = Allowance::default();
        let mut sent = 0;
        // Something happens each second of a day.
        for at in 0..86_400_u64 {
            let now_us = at * 1_000_000;
            if allowance.next(now_us).is_some_and(|next| next <= now_us) {
                allowance.sent(now_us);
                sent += 1;
                assert!(sent as u64 <= 6 + at / 600, "{sent} by {at} s");
                assert!(sent > 1 || at == 0);
            }
            if at == 300 {
                assert_eq!(sent, 6, "one a minute at first");
            }
        }
        assert_eq!(sent, 6 + 144 - 1);
    }
}
