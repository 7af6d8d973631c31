//! Forecasts of series that are made up, many of each kind: those that run out are called in time, and
//! those that do not are not.

use super::*;

mod made;
mod recorded;

use made::{Kind, Series, Watch};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// What was foreseen of a leak by half of its life.
struct Called {
    /// When it was called first, as a share of its life.
    first: Option<f64>,
    /// How far off the end was that was told last by then, as a share of its life.
    off: Option<f64>,
}

fn called(kind: Kind, seed: u64) -> Called {
    let series = Series::new(kind, seed);
    let life = series.ends_s - series.begins_s;
    let mut watch = Watch::new(series.up_s);
    let (mut first, mut off) = (None, None);
    let half = series.begins_s + life / 2.0;
    let every = (life / 200.0).max(20.0);
    let mut due = series.begins_s;
    series.play(half, |at, available| {
        watch.note(at, available);
        let is_last = at + series.step_s > half;
        if at >= due || is_last {
            due = at + every;
            if let Some(trend) = watch.foresee() {
                first = first.or(Some((at - series.begins_s) / life));
                off = Some((at + trend.left_ms as f64 / 1000.0 - series.ends_s) / life);
            }
        }
    });
    Called { first, off }
}

#[test]
fn leaks_are_called_by_half_of_their_life() {
    let mut too_many = Vec::new();
    for kind in
        [Kind::Leak, Kind::NoisyLeak, Kind::StepwiseLeak, Kind::LeakWithDips, Kind::LeakUnderGc]
    {
        let (mut missed, mut wrong, mut worst, mut sum) = (Vec::new(), Vec::new(), 0.0_f64, 0.0);
        let count = made::count(8);
        for seed in 0..count {
            let Called { first, off } = called(kind, seed);
            match off {
                None => missed.push((seed, first)),
                Some(off) => {
                    worst = worst.max(off.abs());
                    sum += off.abs();
                    if off.abs() > 0.1 {
                        wrong.push((seed, off));
                    }
                }
            }
        }
        let called = count as usize - missed.len();
        println!(
            "{kind:?}: {called} of {count} called by half of their life, off by {:.3} of it on average, \
             {worst:.3} at worst; missed {missed:?}, wrong {wrong:?}",
            sum / called.max(1) as f64,
        );
        let share = match kind {
            Kind::Leak => 0.0,
            Kind::LeakWithDips => 0.13,
            _ => 0.05,
        };
        let allowed = count as f64 * share;
        if (missed.len() + wrong.len()) as f64 > allowed {
            too_many.push(kind);
        }
    }
    assert_eq!(too_many, []);
}

#[test]
fn what_does_not_run_out_is_not_called() {
    let mut too_many = Vec::new();
    for kind in [
        Kind::Flat,
        Kind::CacheFill,
        Kind::Start,
        Kind::WarmUp,
        Kind::DeepWarmUp,
        Kind::Saw,
        Kind::DeepSaw,
        Kind::Days,
        Kind::DeepDays,
        Kind::Step,
        Kind::Ended,
        Kind::Jobs,
    ] {
        let (mut alarms, mut evaluations) = (Vec::new(), 0);
        let count = made::count(8);
        for seed in 0..count {
            let series = Series::new(kind, seed);
            let mut watch = Watch::new(series.up_s);
            let (mut due, mut wrong) = (0.0, None);
            series.play(series.length_s, |at, available| {
                watch.note(at, available);
                if at >= due && at >= series.begins_s && wrong.is_none() {
                    due = at + (series.length_s / 400.0).max(20.0);
                    evaluations += 1;
                    wrong = watch.foresee().map(|trend| (at, trend));
                }
            });
            alarms.extend(wrong.map(|(at, trend)| (seed, at as u64, trend.over_ms / 1000)));
        }
        println!(
            "{kind:?}: {} false alarms in {count} series, {evaluations} judgements: {alarms:?}",
            alarms.len()
        );
        let allowed = match kind {
            Kind::DeepWarmUp => count as usize * 3 / 4,
            Kind::Jobs => (count as usize / 10).max(1),
            Kind::Days => count as usize / 60,
            _ => 0,
        };
        if alarms.len() > allowed {
            too_many.push(kind);
        }
    }
    assert_eq!(too_many, []);
}

#[test]
fn a_node_that_starts_is_left_alone() {
    let mut watch = Watch::new(0.0);
    for second in 0..1000 {
        let at = f64::from(second);
        watch.note(at, 8e6 - at * 8000.0);
        let told = watch.foresee().is_some();
        assert!(!told || at >= 530.0, "called after {at} s");
        assert!(told || at < 700.0, "not called after {at} s");
        if at > 800.0 {
            break;
        }
    }
}

#[test]
fn a_fall_that_goes_on_is_good_and_one_with_noise_fair() {
    let qualities = |kind| {
        let told = (0..20).filter_map(|seed| {
            let series = Series::new(kind, seed);
            let mut watch = Watch::new(series.up_s);
            let half = f64::midpoint(series.begins_s, series.ends_s);
            series.play(half, |at, available| watch.note(at, available));
            watch.foresee().map(|trend| trend.quality)
        });
        told.fold((0, 0), |(good, fair), quality| match quality {
            Quality::Good => (good + 1, fair),
            Quality::Fair => (good, fair + 1),
        })
    };
    let (good, fair) = qualities(Kind::Leak);
    assert!(good >= 18 && fair <= 2, "{good} good, {fair} fair");
    let (good, fair) = qualities(Kind::NoisyLeak);
    assert!(fair >= 5, "{good} good, {fair} fair");
}
