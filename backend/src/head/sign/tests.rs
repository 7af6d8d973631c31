//! What nodes show of themselves.

use super::*;
use crate::head::fleet::Fleet;
use crate::head::report::Report;
use shared::survey::Survey;
use shared::wire::{AgentMessage, AgentReading, Hello, PROTOCOL};

const BOOTED_MS: u64 = 1_000_000_000;

fn hello(boot: &str) -> Report {
    Report::Said(AgentMessage::Hello(Hello {
        protocol: PROTOCOL,
        id: NodeId::from_host_name("pi"),
        facts: NodeFacts {
            model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
            max_frequency_hz: Some(1_800_000_000),
            ..NodeFacts::default()
        },
        boot_id: Some(boot.into()),
        period_ms: 1000,
    }))
}

fn reading(second: u64, mib: u64, others: &[(Field, u64)]) -> AgentReading {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Total, Some(1000 << 20));
    sample.set(Field::Available, Some(mib << 20));
    for &(field, value) in others {
        sample.set(field, Some(value));
    }
    AgentReading { seq: second, uptime_us: second * 1_000_000, sample }
}

struct Told(Fleet);

impl Told {
    fn new() -> Self {
        let mut told = Self(Fleet::default());
        told.tell(hello("a"), 0);
        told
    }

    fn tell(&mut self, report: Report, second: u64) {
        self.0.report(1, None, report, BOOTED_MS + second * 1000).unwrap();
    }

    fn live(&mut self, second: u64, mib: u64, others: &[(Field, u64)]) {
        self.tell(Report::Live(vec![reading(second, mib, others)]), second);
    }

    fn sign(&self, over_s: u64, second: u64) -> Sign {
        self.0.signs(over_s * 1000, BOOTED_MS + second * 1000).pop().unwrap()
    }

    fn floor(&self, over_s: u64, second: u64) -> (Option<u64>, u64) {
        let shown = self.sign(over_s, second).shown.unwrap();
        (shown.floor.map(|floor| floor >> 20), shown.floor_over_ms / 1000)
    }
}

#[test]
fn a_floor_reaches_back_an_hour_whatever_clock_is_set() {
    let mut told = Told::new();
    assert_eq!(told.sign(60, 5).shown, None);
    (1000..3000).for_each(|second| told.live(second, if second == 1200 { 100 } else { 500 }, &[]));
    assert_eq!(told.floor(600, 2999), (Some(500), 600));
    assert_eq!(told.floor(3600, 2999).0, Some(100));
    // What an outbox brings, twice.
    for _ in 0..2 {
        let old = (700..800).map(|second| reading(second, 90, &[])).collect();
        told.tell(Report::Old(old), 2999);
    }
    let (floor, over_s) = told.floor(3600, 2999);
    assert_eq!(floor, Some(90));
    assert!((2098..=2100).contains(&over_s), "{over_s}");
    told.0.shift(86_400_000);
    assert_eq!(told.floor(3600, 86_400 + 2999).0, Some(90));
    told.0.shift(-86_400_000);
    // Another boot knows nothing of it.
    told.tell(hello("b"), 3010);
    assert_eq!(told.floor(3600, 3010).0, Some(500), "its last reading is all that is known");
    told.live(3011, 400, &[]);
    assert_eq!(told.floor(3600, 3011), (Some(400), 1));
}

#[test]
fn what_is_shared_is_not_copied() {
    let mut told = Told::new();
    told.live(10, 500, &[]);
    let (one, other) = (told.sign(60, 10), told.sign(60, 10));
    assert!(Arc::ptr_eq(&one.facts, &other.facts) && Arc::ptr_eq(&one.labels, &other.labels));
    assert!(Arc::ptr_eq(&one.findings, &other.findings));
}

#[test]
fn it_thrashes_only_where_memory_is_short() {
    let run = |mib: u64, waited_ms: u64| {
        let mut told = Told::new();
        for second in 1..=12 {
            let waited_us = second * waited_ms * 1000;
            let others = [(Field::FileRefaults, second * 700), (Field::PressureSome, waited_us)];
            told.live(second, mib, &others);
        }
        told.sign(60, 12).shown.unwrap().thrashing.unwrap().round() as u64
    };
    assert_eq!(run(150, 0), 700);
    assert_eq!(run(800, 200), 700, "programs wait");
    assert_eq!(run(800, 10), 0, "somebody reads more files than the cache holds");
}

#[test]
fn a_board_is_throttled_where_it_is_hot_and_slow_though_it_has_work() {
    let run = |millicelsius: u64, mhz: u64, busy: u64| {
        let mut told = Told::new();
        for second in 1..=12 {
            told.live(
                second,
                500,
                &[
                    (Field::Temperature, millicelsius),
                    (Field::CpuFrequency, mhz * 1_000_000),
                    (Field::CpuBusy, second * busy),
                    (Field::CpuTotal, second * 100),
                ],
            );
        }
        told.sign(60, 12).shown.unwrap().throttled
    };
    assert!(run(82_000, 1500, 90));
    assert!(!run(82_000, 1500, 10), "it has little to do");
    assert!(!run(82_000, 1800, 90), "it runs as fast as it can");
    assert!(!run(60_000, 600, 90), "it is cool");
}

#[test]
fn the_firmware_says_whether_it_throttles_now() {
    let mut told = Told::new();
    told.live(1, 500, &[(Field::UnderVoltage, 1)]);
    let finding = |severity| Finding {
        id: "throttled".into(),
        severity,
        finding: "The firmware says".into(),
        evidence: String::new(),
        fix: String::new(),
    };
    for (severity, is) in [(Severity::Warning, false), (Severity::Trouble, true)] {
        let survey = Survey { findings: vec![finding(severity)], ..Survey::default() };
        told.tell(Report::Said(AgentMessage::Survey(survey)), 2);
        let sign = told.sign(60, 2);
        assert_eq!(sign.findings.len(), 1);
        let shown = sign.shown.unwrap();
        assert_eq!((shown.throttled, shown.under_voltage), (is, true));
    }
}
