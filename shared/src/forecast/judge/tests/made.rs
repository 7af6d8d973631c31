//! Series that are made up, from a seed each.

use super::super::{Horizon, SLOTS, Trend, foresee};
use super::{HOUR, MINUTE};

/// KiB of a node.
const TOTAL: f64 = 8e6;

/// So many seeds, or as many as `HEADROOM_SEEDS` says.
pub(super) fn count(usual: u64) -> u64 {
    std::env::var("HEADROOM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// A straight line to nothing.
    Leak,
    /// With noise that is white, and some that wanders.
    NoisyLeak,
    /// In 20 to 60 steps.
    StepwiseLeak,
    /// With short times in which much more is used.
    LeakWithDips,
    /// Below a program that lets garbage gather.
    LeakUnderGc,
    /// Noise alone.
    Flat,
    /// The cache fills, and available falls a little with it.
    CacheFill,
    /// A node that boots.
    Start,
    /// A program that takes long to reach what it needs: up to 45 % of what is available.
    WarmUp,
    /// The same, and more than that. Some of these are called: nothing tells them from a leak.
    DeepWarmUp,
    /// Garbage that gathers, and is collected: up to 42 % of what is available.
    Saw,
    /// More than that, of which one tooth at least has been seen.
    DeepSaw,
    /// Day and night.
    Days,
    /// Much more by day, of which one day has been seen.
    DeepDays,
    /// A program that starts.
    Step,
    /// A fall that ended.
    Ended,
    /// Programs that come and go.
    Jobs,
}

/// One series.
pub(super) struct Series {
    kind: Kind,
    seed: u64,
    /// How long the node has been up when it begins, in s.
    pub(super) up_s: f64,
    /// From when on it counts what is said, and, of leaks, when they begin.
    pub(super) begins_s: f64,
    /// When a leak ends.
    pub(super) ends_s: f64,
    pub(super) length_s: f64,
    pub(super) step_s: f64,
    level: f64,
    depth: f64,
    noise: f64,
    period: f64,
    jumps: Vec<(f64, f64)>,
}

struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// 0 to 1.
    fn share(&mut self) -> f64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Alike in each power of ten.
    fn between_logs(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// About normal, of deviation 1.
    fn normal(&mut self) -> f64 {
        (0..6).map(|_| self.share()).sum::<f64>() * 2.0_f64.sqrt() - 3.0 * 2.0_f64.sqrt()
    }
}

impl Series {
    pub(super) fn new(kind: Kind, seed: u64) -> Self {
        let mut chance = Chance::new(seed + 1000 * kind as u64);
        let level = chance.between(0.3, 0.95);
        let mut series = Self {
            kind,
            seed,
            up_s: 10_000.0,
            begins_s: 0.0,
            ends_s: 0.0,
            length_s: 0.0,
            step_s: 1.0,
            level,
            depth: chance.between(0.1, 0.42),
            noise: chance.between(0.0, 0.02),
            period: 0.0,
            jumps: Vec::new(),
        };
        let life = chance.between_logs(10.0 * MINUTE, 24.0 * HOUR);
        match kind {
            Kind::Leak
            | Kind::NoisyLeak
            | Kind::StepwiseLeak
            | Kind::LeakWithDips
            | Kind::LeakUnderGc => {
                series.begins_s = [0.0, 0.3, 1.5][(chance.share() * 3.0) as usize] * life;
                series.ends_s = series.begins_s + life;
                series.length_s = series.ends_s;
                series.leak(&mut chance, life);
            }
            Kind::Saw | Kind::DeepSaw => {
                series.period = chance.between_logs(2.0 * MINUTE, 8.0 * HOUR);
                series.length_s = series.period * 4.0 + HOUR;
                if kind == Kind::DeepSaw {
                    series.depth = chance.between(0.42, 0.85);
                    series.begins_s = series.period * 2.1;
                }
            }
            Kind::Days | Kind::DeepDays => {
                series.length_s = 60.0 * HOUR;
                series.period = chance.share() * 24.0 * HOUR;
                series.depth = chance.between(0.1, 0.42);
                if kind == Kind::DeepDays {
                    series.depth = chance.between(0.42, 0.9);
                    series.begins_s = 24.0 * HOUR;
                }
            }
            Kind::Start => {
                series.up_s = 0.0;
                series.length_s = 40.0 * MINUTE;
                series.depth = chance.between(0.2, 0.7);
                series.period = chance.between(20.0, 300.0);
            }
            Kind::WarmUp | Kind::DeepWarmUp => {
                series.depth = if kind == Kind::WarmUp {
                    chance.between(0.2, 0.45)
                } else {
                    chance.between(0.45, 0.8)
                };
                series.period = chance.between_logs(MINUTE, HOUR);
                series.length_s = series.period * 10.0 + HOUR;
            }
            Kind::Step => {
                series.depth = chance.between(0.2, 0.9);
                series.period = chance.between(5.0, 100.0);
                series.length_s = 2.0 * HOUR;
            }
            Kind::Ended => {
                series.depth = chance.between(0.2, 0.9);
                series.period = chance.between_logs(4.0 * MINUTE, 6.0 * HOUR);
                // A while after its end.
                series.begins_s = 600.0 + series.period * 1.25;
                series.length_s = series.period * 3.0 + HOUR;
            }
            Kind::CacheFill => {
                series.depth = chance.between(0.0, 0.06);
                series.period = chance.between_logs(2.0 * MINUTE, 6.0 * HOUR);
                series.length_s = series.period * 2.0 + HOUR;
            }
            Kind::Flat => {
                series.noise = chance.between(0.0, 0.1);
                series.length_s = chance.between_logs(HOUR, 24.0 * HOUR);
            }
            Kind::Jobs => {
                series.length_s = 24.0 * HOUR;
                series.level = 0.95;
                series.jobs(&mut chance);
            }
        }
        series.step_s = (series.length_s / 7200.0).clamp(1.0, 20.0);
        series
    }

    fn leak(&mut self, chance: &mut Chance, life: f64) {
        match self.kind {
            Kind::Leak => self.noise = chance.between(0.0, 0.002),
            Kind::StepwiseLeak => {
                self.noise = chance.between(0.0, 0.005);
                let steps = chance.between(20.0, 60.0).round();
                for n in 0..steps as u32 {
                    let at = (f64::from(n) + chance.between(0.2, 0.8)) / steps;
                    self.jumps.push((self.begins_s + at * life, 1.0 / steps));
                }
            }
            Kind::LeakWithDips => {
                let (mut at, longest) = (0.0, (life / 40.0).min(900.0));
                while at < self.length_s {
                    at += longest * chance.between(3.0, 20.0);
                    let depth = chance.between(0.05, 0.15) * self.level;
                    let end = at + longest * chance.between(0.3, 1.0);
                    self.jumps.extend([(at, depth), (end, -depth)]);
                }
            }
            Kind::LeakUnderGc => {
                self.depth = chance.between(0.02, 0.05);
                self.period = life / chance.between(40.0, 80.0);
            }
            _ => {}
        }
    }

    fn jobs(&mut self, chance: &mut Chance) {
        let (mut at, mut ends): (f64, Vec<(f64, f64)>) = (0.0, Vec::new());
        while at < self.length_s {
            at += chance.between_logs(MINUTE, 2.0 * HOUR);
            ends.retain(|(end, _)| *end > at);
            let free = 0.9 - ends.iter().map(|(_, size)| size).sum::<f64>();
            let size = chance.between(0.02, 0.5) * free;
            let end = at + chance.between_logs(2.0 * MINUTE, 8.0 * HOUR);
            ends.push((end, size));
            self.jumps.extend([(at, size), (end, -size)]);
        }
        self.jumps.sort_by(|a, b| a.0.total_cmp(&b.0));
    }

    fn available(&self, at: f64) -> f64 {
        let level = self.level;
        let jumped = || {
            let done = self.jumps.partition_point(|(when, _)| *when <= at);
            self.jumps[..done].iter().map(|(_, by)| by).sum::<f64>()
        };
        let gone = ((at - self.begins_s) / (self.ends_s - self.begins_s).max(1.0)).clamp(0.0, 1.0);
        // Ten minutes of nothing, then what there is.
        let since = (at - 600.0).max(0.0);
        match self.kind {
            Kind::Leak | Kind::NoisyLeak => level * (1.0 - gone),
            Kind::StepwiseLeak => level * (1.0 - jumped()),
            Kind::LeakWithDips => level * (1.0 - gone) - jumped(),
            Kind::LeakUnderGc => {
                level * (1.0 - gone) - self.depth * level * (at / self.period).fract()
            }
            Kind::Flat => level,
            Kind::CacheFill | Kind::Step | Kind::Ended => {
                level * (1.0 - self.depth * (since / self.period).min(1.0))
            }
            Kind::Start => level * (1.0 - self.depth * (1.0 - (-at / self.period).exp())),
            Kind::WarmUp | Kind::DeepWarmUp => {
                level * (1.0 - self.depth * (1.0 - (-since / self.period).exp()))
            }
            Kind::Saw | Kind::DeepSaw => {
                let phase = (at / self.period + self.seed as f64 * 0.37).fract();
                level * (1.0 - self.depth * phase)
            }
            Kind::Days | Kind::DeepDays => {
                let phase = (at + self.period) / (24.0 * HOUR) * std::f64::consts::TAU;
                level * (1.0 - self.depth * (0.5 + 0.5 * phase.sin()))
            }
            Kind::Jobs => level - jumped(),
        }
    }

    /// Tells what is available, in KiB, from the beginning until `until_s`.
    pub(super) fn play(&self, until_s: f64, mut each: impl FnMut(f64, f64)) {
        let mut chance = Chance::new(self.seed + 77_000);
        let (mut at, mut wanders) = (0.0, 0.0);
        while at <= until_s {
            wanders = wanders * 0.995 + chance.normal() * 0.1 * self.noise;
            let noise = (chance.normal() * self.noise * 0.5 + wanders) * self.level;
            each(at, ((self.available(at) + noise) * TOTAL).max(0.0));
            at += self.step_s;
        }
    }
}

/// A head that looks at it.
pub(super) struct Watch {
    up_s: f64,
    newest_ms: u64,
    horizons: Vec<Horizon>,
}

impl Watch {
    pub(super) fn new(up_s: f64) -> Self {
        let horizon = |step_ms| Horizon { step_ms, into_ms: 0, lows: [None; SLOTS] };
        let steps_ms = [5000, 20_000, 60_000, 240_000, 1_800_000];
        Self { up_s, newest_ms: 0, horizons: steps_ms.map(horizon).to_vec() }
    }

    pub(super) fn note(&mut self, at_s: f64, kib: f64) {
        let uptime_ms = ((at_s + self.up_s) * 1000.0) as u64;
        for horizon in &mut self.horizons {
            let moved = uptime_ms / horizon.step_ms - self.newest_ms / horizon.step_ms;
            let moved = (moved as usize).min(SLOTS);
            horizon.lows.rotate_left(moved);
            horizon.lows[SLOTS - moved..].fill(None);
            let last = &mut horizon.lows[SLOTS - 1];
            *last = Some(last.map_or(kib as u32, |low| low.min(kib as u32)));
            horizon.into_ms = uptime_ms % horizon.step_ms;
        }
        self.newest_ms = uptime_ms;
    }

    pub(super) fn foresee(&self) -> Option<Trend> {
        foresee(&self.horizons, self.newest_ms)
    }
}
