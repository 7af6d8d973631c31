//! Whether what is available is being lost steadily.
//!
//! Lines are laid through what lies between now and some time ago, for many such times. The longest
//! stretch that is a line, falls, still falls, and has taken about half of what there was is what is
//! told. That much has to be gone because nothing that comes and goes can be told from a leak sooner: a
//! program that starts takes less, and what has been as low before and came back will do so again.

use super::line::{Line, median};
use super::{Horizon, Quality, SLOTS};

/// A node that has been up for less, in ms, is starting: what it loses then is no sign of anything.
pub const QUIET_MS: u64 = 300_000;

/// A stretch must be at least so long, in ms.
const LEAST_MS: f64 = 240_000.0;
/// Slots of the stretches that are tried, the longest first.
const COUNTS: [usize; 16] = [60, 54, 48, 42, 36, 31, 27, 23, 20, 17, 15, 13, 11, 10, 9, 8];
/// Of the slots of a stretch so many must be known.
const KNOWN: f64 = 0.7;
/// A line that lost less than this share of what there was is not looked at more closely.
const LOST: f64 = 0.41;
/// What is left may last no longer than so many times what the fall has taken: so about half of what there
/// was must be gone.
const AHEAD: f64 = 1.12;
/// Kendall's τ is at most…
const TAU: f64 = -0.6;
/// …and no chance: so many deviations.
const Z: f64 = -3.0;
/// Points are this far from the line, as a share of the fall, at most…
const SPREAD: f64 = 0.08;
/// …and nine of ten this far.
const MOST: f64 = 0.35;
/// The first half of the stretch falls by this share of the whole's rate at least, and at most…
const EARLY: std::ops::RangeInclusive<f64> = 0.6..=1.5;
/// …and the second by this share of the first's at least: what warms up slows down.
const LATE: f64 = 0.62;
/// The last points are above the line by this share of the fall at most: a fall that has ended leaves it.
const ABOVE: f64 = 0.06;
/// What is flat, falls, and is flat again is below the line first and above it last, together by this share.
const BENT: f64 = 0.1;
/// The middle is below both ends by this share of the fall at most, beyond what noise brings: what warms up
/// slows down.
const SAGS: f64 = 0.03;
/// No single step is a larger share of the fall: programs that start are no leak, even one after another.
const STEP: f64 = 0.3;
/// What was lost of late is this share of what the line says at least.
const STILL: f64 = 0.5;
/// What was there before counts if it is no farther back than so many times the stretch…
const BACK: f64 = 4.0;
/// …and then what is available must be lower than ever, by this share of how much it varied.
const BELOW: f64 = 0.35;
/// The same for all that is known, a day and more.
const BELOW_ALL: f64 = 0.1;

/// How it goes on, if it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Until nothing is available, in ms.
    pub left_ms: u64,
    /// Bytes that are lost in an hour.
    pub lost_per_hour: u64,
    /// How long that has been so, in ms.
    pub over_ms: u64,
    /// How far it can be relied on.
    pub quality: Quality,
}

/// What `horizons`, the finest first, tell of a node that has been up for `uptime_ms`. All of them end now.
#[must_use]
pub fn foresee(horizons: &[Horizon], uptime_ms: u64) -> Option<Trend> {
    let usable_ms = uptime_ms.checked_sub(QUIET_MS)? as f64;
    let courses: Vec<Course> = horizons.iter().map(|h| Course::of(h, usable_ms)).collect();
    // Each begins where the finer one ends.
    let reaches =
        |n: usize| n.checked_sub(1).map_or(LEAST_MS, |finer| courses[finer].reach_ms * 0.9);
    (0..courses.len()).rev().find_map(|n| {
        let from_ms = reaches(n).max(LEAST_MS);
        COUNTS.iter().find_map(|&count| courses[n].judge(count, from_ms, &courses))
    })
}

/// A horizon as points: ms from now, so negative, and KiB; oldest first.
struct Course {
    step_ms: f64,
    into_ms: f64,
    reach_ms: f64,
    points: Vec<(f64, f64)>,
}

impl Course {
    fn of(horizon: &Horizon, usable_ms: f64) -> Self {
        let (step_ms, into_ms) = (horizon.step_ms as f64, horizon.into_ms as f64);
        let slots = horizon.lows.iter().zip((0..SLOTS).rev());
        let points = slots.filter_map(|(low, back)| {
            // What falls is least at the end of a slot.
            let at_ms = if back == 0 { 0.0 } else { -into_ms - (back as f64 - 1.0) * step_ms };
            (at_ms - step_ms >= -usable_ms).then_some((at_ms, f64::from((*low)?)))
        });
        let reach_ms = into_ms + (SLOTS as f64 - 1.0) * step_ms;
        Self { step_ms, into_ms, reach_ms, points: points.collect() }
    }

    /// What the last `count` slots tell, if they reach back more than `from_ms` and are steady.
    fn judge(&self, count: usize, from_ms: f64, all: &[Self]) -> Option<Trend> {
        let back_ms = self.into_ms + (count as f64 - 1.5) * self.step_ms;
        if back_ms < from_ms {
            return None;
        }
        let points = &self.points[self.points.partition_point(|(at_ms, _)| *at_ms < -back_ms)..];
        let (first, last) = (points.first()?.0, points.last()?.0);
        let span_ms = last - first;
        let is_whole = points.len() as f64 >= count as f64 * KNOWN
            && span_ms >= LEAST_MS.min(back_ms) * 0.85
            && span_ms >= back_ms * 0.85
            && last >= -2.0 * self.step_ms;
        // Most nodes lose nothing, and that is seen at once.
        let some = (points.len() / 8).max(1);
        let (began, ends) = (level(points.get(..some)?)?, level(&points[points.len() - some..])?);
        if !is_whole || began <= 0.0 || began - ends < began * LOST {
            return None;
        }
        let line = Line::through(points)?;
        let loss = -line.slope;
        let fall = loss * span_ms;
        let few = (points.len() / 12).max(2);
        let is_line = loss > 0.0
            && line.tau <= TAU
            && line.z <= Z
            && line.spread <= fall * SPREAD
            && line.most <= fall * MOST
            && beside(&line, &points[points.len() - few..])? <= fall * ABOVE
            && beside(&line, &points[points.len() - few..])? - beside(&line, &points[..few])?
                <= fall * BENT;
        if !is_line {
            return None;
        }
        let halves = points.split_at(points.len() / 2);
        let of = |half: &[(f64, f64)]| Some(-Line::through(half)?.slope / loss);
        let (early, late) = (of(halves.0)?, of(halves.1)?);
        if !EARLY.contains(&early) || late < early * LATE {
            return None;
        }
        let still = still_falls(&line, span_ms, all)?;
        let sags = sag(&line, points) > fall * SAGS
            || sag(&line, &points[points.len() / 3..]) > fall * 2.0 / 3.0 * SAGS;
        if sags || has_stepped(points, fall) || !is_new_low(line.at(0.0), all, first) {
            return None;
        }
        let left_ms = (line.at(0.0) / loss).max(0.0);
        // Of the first slot the end alone is known, but all of it belongs to the fall.
        let over_ms = span_ms + self.step_ms;
        if left_ms > over_ms * AHEAD {
            return None;
        }
        let is_even = [early, late].iter().all(|part| (0.8..=1.25).contains(part));
        let is_near = line.spread <= fall * 0.05 && line.most <= fall * 0.14;
        Some(Trend {
            left_ms: left_ms as u64,
            lost_per_hour: (loss * 3_600_000.0 * 1024.0) as u64,
            over_ms: over_ms as u64,
            quality: if is_even && is_near && (0.75..=1.35).contains(&still) {
                Quality::Good
            } else {
                Quality::Fair
            },
        })
    }

    /// The level `ago_ms` ago.
    fn level_at(&self, ago_ms: f64) -> Option<f64> {
        let after = self.points.partition_point(|(at_ms, _)| *at_ms < -ago_ms);
        let near = after.saturating_sub(1)..(after + 2).min(self.points.len());
        let near = &self.points[near];
        let is_near = |point: &&(f64, f64)| (point.0 + ago_ms).abs() <= self.step_ms * 2.0;
        near.iter().all(|point| is_near(&point)).then(|| level(near)).flatten()
    }
}

fn level(points: &[(f64, f64)]) -> Option<f64> {
    median(&mut points.iter().map(|(_, kib)| *kib).collect::<Vec<_>>())
}

/// What was lost of late, as a share of what the line says; `None` if that is too little to go on. How
/// late that is depends on the noise: a fall in steps must have time for some of them. Two times are looked
/// at, as one may lie where much was used for a moment.
fn still_falls(line: &Line, span_ms: f64, all: &[Course]) -> Option<f64> {
    let loss = -line.slope;
    let late_ms = (span_ms / 8.0).max(line.spread * 4.0 / loss).min(span_ms / 3.0);
    let share = |ago_ms: f64| {
        let reaches = |course: &&Course| course.reach_ms >= ago_ms + course.step_ms * 2.0;
        all.iter().filter(reaches).find_map(|course| {
            let (then, now) = course.level_at(ago_ms).zip(course.level_at(0.0))?;
            Some((then - now) / (loss * ago_ms))
        })
    };
    share(late_ms).into_iter().chain(share(late_ms * 1.5)).reduce(f64::max).filter(|s| *s >= STILL)
}

/// How far some points are above the line.
fn beside(line: &Line, points: &[(f64, f64)]) -> Option<f64> {
    median(&mut points.iter().map(|(at_ms, kib)| kib - line.at(*at_ms)).collect::<Vec<_>>())
}

/// How far the middle third is below both others, beyond what points that are `spread` from a line bring
/// about.
fn sag(line: &Line, points: &[(f64, f64)]) -> f64 {
    let third = points.len() / 3;
    let [first, middle, last] =
        [0..third, third..points.len() - third, points.len() - third..points.len()]
            .map(|part| beside(line, &points[part]).unwrap_or(0.0));
    // The deviation of a median of so many, and of the difference of such.
    let chance = line.spread * 1.25 * 1.5_f64.sqrt() / (third.max(1) as f64).sqrt();
    f64::midpoint(first, last) - middle - chance * 2.0
}

/// Whether one step made much of the fall.
fn has_stepped(points: &[(f64, f64)], fall: f64) -> bool {
    // Single points that are off are no steps; where there are few points, each is a part of the fall.
    let beside = (points.len() / 6).max(1);
    let levels: Vec<f64> = points.windows(beside).filter_map(level).collect();
    let even = fall * beside as f64 / points.len() as f64;
    levels.windows(beside + 1).any(|pair| pair[0] - pair[beside] > fall * STEP + even)
}

/// Whether `kib` is less than what was available before a fall that began at `began_ms`: what came back
/// once will do so again.
fn is_new_low(kib: f64, all: &[Course], began_ms: f64) -> bool {
    let near_ms = began_ms * (1.0 + BACK);
    let wider = |ends: Option<(f64, f64)>, kib: f64| {
        Some(ends.map_or((kib, kib), |(low, high): (f64, f64)| (low.min(kib), high.max(kib))))
    };
    let (mut ever, mut near) = (None, None);
    for course in all {
        // The slot that the fall began in tells of both.
        let until_ms = began_ms - course.step_ms * 0.5;
        for &(at_ms, kib) in course.points.iter().take_while(|(at_ms, _)| *at_ms < until_ms) {
            ever = wider(ever, kib);
            near = if at_ms >= near_ms { wider(near, kib) } else { near };
        }
    }
    let is_below = |ends: Option<(f64, f64)>, share: f64| {
        ends.is_none_or(|(low, high)| kib < low - (high - low) * share)
    };
    is_below(ever, BELOW_ALL) && is_below(near, BELOW)
}

#[cfg(test)]
mod tests;
