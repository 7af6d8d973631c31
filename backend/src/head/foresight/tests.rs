//! Forecasts of a fleet: they come, are told when people would notice, and end.

use super::*;
use crate::head::bygone::Bygone;
use crate::head::fleet::Fleet;
use crate::head::report::Report;
use shared::forecast::Quality;
use shared::usage::ProcessUsage;
use shared::wire::{AgentMessage, AgentReading, Hello, PROTOCOL};
use shared::{Field, NodeFacts, NodeId, Sample};

const BOOTED_MS: u64 = 1_000_000_000_000;
/// Judged so often, in s.
const ROUND_S: u64 = 20;

fn reading(second: u64, mib: u64) -> AgentReading {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Total, Some(8000 << 20));
    sample.set(Field::Available, Some(mib << 20));
    AgentReading { seq: second, uptime_us: second * 1_000_000, sample }
}

struct Told {
    fleet: Fleet,
    /// How often something new was foreseen, and how often an agent was to look.
    news: usize,
    looks: usize,
}

impl Told {
    fn new() -> Self {
        let mut told = Self { fleet: Fleet::default(), news: 0, looks: 0 };
        told.hello("a", 0);
        told
    }

    fn report(&mut self, report: Report, second: u64) {
        self.fleet.report(1, None, report, BOOTED_MS + second * 1000).unwrap();
    }

    fn hello(&mut self, boot: &str, second: u64) {
        let hello = Hello {
            protocol: PROTOCOL,
            id: NodeId::from_host_name("pi"),
            facts: NodeFacts::default(),
            boot_id: Some(boot.into()),
            period_ms: 1000,
        };
        self.report(Report::Said(AgentMessage::Hello(hello)), second);
    }

    fn forecast(&self) -> Option<&Forecast> {
        self.fleet.node(0)?.forecast()
    }

    /// The head's clock goes on without a word of the node.
    fn judge(&mut self, second: u64) {
        for _ in 0..200 {
            self.looks += self.fleet.foresee_some(BOOTED_MS + second * 1000).len();
        }
        self.news += self.fleet.news.take().foreseen.len();
    }

    fn live(&mut self, seconds: std::ops::Range<u64>, mib: impl Fn(u64) -> u64) {
        for second in seconds {
            self.report(Report::Live(vec![reading(second, mib(second))]), second);
            if second % ROUND_S == 0 {
                self.judge(second);
            }
        }
    }
}

/// Six thousand MiB that last for 20 minutes from the 1000th second on.
fn leak(second: u64) -> u64 {
    6000 - second.saturating_sub(1000) * 5
}

#[test]
fn a_leak_is_foreseen_and_told_now_and_then() {
    let mut told = Told::new();
    told.live(600..1500, leak);
    assert_eq!((told.forecast(), told.news, told.looks), (None, 0, 0));
    told.live(1500..1620, leak);
    let forecast = told.forecast().unwrap().clone();
    let out_s = (forecast.out_ms - BOOTED_MS) / 1000;
    assert!((2170..=2230).contains(&out_s), "{out_s}");
    assert_eq!(forecast.quality, Quality::Good);
    let per_s = forecast.lost_per_hour as f64 / 3600.0 / f64::from(1 << 20);
    assert!((4.7..5.3).contains(&per_s), "{per_s}");
    told.live(1620..2100, leak);
    assert!(told.news <= 4, "it was told {} times, though nothing changed", told.news);
    assert!((8..=11).contains(&told.looks), "{} looks in ten minutes", told.looks);
    // The clock is set: the end moves with it.
    told.fleet.shift(3_600_000);
    let moved_ms = told.forecast().unwrap().out_ms - forecast.out_ms;
    assert!(moved_ms.abs_diff(3_600_000) < 30_000, "{moved_ms}");
    told.fleet.shift(-3_600_000);
    // It ends.
    let news = told.news;
    told.live(2100..2300, |_| 500);
    assert_eq!((told.forecast(), told.news), (None, news + 1));
}

#[test]
fn a_node_that_is_silent_or_boots_is_foreseen_no_longer() {
    for boots in [false, true] {
        let mut told = Told::new();
        told.live(600..1700, leak);
        assert!(told.forecast().is_some());
        let news = told.news;
        if boots {
            told.hello("b", 1710);
            told.judge(1711);
        } else {
            told.judge(1740);
            assert!(told.forecast().is_some());
            told.judge(1800);
            told.judge(1820);
        }
        assert_eq!((told.forecast(), told.news), (None, news + 1), "{boots}");
    }
}

#[test]
fn who_grows_is_named() {
    let mut told = Told::new();
    told.live(600..1640, leak);
    for minute in 0..5 {
        let process = |pid: u32, mib: u64| ProcessUsage {
            pid,
            name: "leaker".into(),
            anon: mib << 20,
            ..ProcessUsage::default()
        };
        let second = 1640 + minute * 60;
        let usage = Usage {
            uptime_us: second * 1_000_000,
            processes: vec![process(1, 900 + minute * 300), process(2, 5000)],
            ..Usage::default()
        };
        told.fleet.note_usage(0, &usage, BOOTED_MS + second * 1000);
        told.live(second..second + 60, leak);
        let suspects = &told.forecast().unwrap().suspects;
        let named: Vec<u32> = suspects.iter().map(|suspect| suspect.pid).collect();
        assert_eq!(named, if minute < 3 { vec![] } else { vec![1] }, "{minute}");
    }
}

#[test]
fn after_a_restart_it_is_foreseen_from_history() {
    let minutes = |from: u64, to: u64| {
        let low =
            |at: u64| ((BOOTED_MS / 1000 + at * 60) as u32, (leak(at * 60 + 59) << 10) as u32);
        (from..to).map(low).collect()
    };
    let bygone =
        Bygone { node: NodeId::from_host_name("pi"), minutes: minutes(10, 28), tens: Vec::new() };
    for is_first in [true, false] {
        let mut told = Told::new();
        let recall = |told: &mut Told, second: u64| {
            told.fleet.recall(vec![bygone.clone()], BOOTED_MS + second * 1000);
        };
        if is_first {
            recall(&mut told, 1690);
        }
        told.live(1700..1719, leak);
        if !is_first {
            told.judge(1720);
            assert_eq!(told.forecast(), None);
            recall(&mut told, 1720);
        }
        told.live(1719..1741, leak);
        let out_s = (told.forecast().unwrap().out_ms - BOOTED_MS) / 1000;
        assert!((2150..=2250).contains(&out_s), "{out_s}");
    }
    // Of another boot it tells nothing.
    let mut told = Told::new();
    told.hello("b", 1690);
    let later = |second: u64| AgentReading {
        uptime_us: (second - 1690) * 1_000_000,
        ..reading(second, leak(second))
    };
    for second in 1700..1760 {
        told.report(Report::Live(vec![later(second)]), second);
    }
    told.fleet.recall(vec![bygone], BOOTED_MS + 1_760_000);
    told.judge(1760);
    assert_eq!(told.forecast(), None);
}
