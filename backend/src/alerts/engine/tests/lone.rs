//! One node alone: a shortage, a kill, a link that comes and goes, a clock, a finding.

use super::StepKind::{Opened, Over, Update, Worse};
use super::*;

#[test]
fn a_leak_is_one_incident_from_its_forecast_to_its_end() {
    let mut stage = Stage::new(&["pi"]);
    let out_ms = stage.now_ms + 3_600_000;
    stage.set("pi", |sign| {
        let (quality, suspects) = (Quality::Good, Vec::new());
        let over_ms = 1_800_000;
        sign.forecast = Some(Forecast { out_ms, lost_per_hour: GIB, over_ms, quality, suspects });
    });
    stage.run(200);
    stage.set("pi", low(100));
    stage.run(60);
    assert_eq!(stage.kinds(), [Opened], "it is not low for long yet");
    stage.run(1);
    assert!(stage.text().contains("100 MiB of 4.00 GiB is available (2.4"), "{}", stage.text());
    stage.set("pi", |sign| shown(sign).pressure = Some(0.6));
    stage.run(100);
    stage.kill("pi", 1);
    stage.run(20);
    stage.set("pi", |sign| {
        *sign = Sign { oom_kills: sign.oom_kills, ..well("pi", 0) };
    });
    stage.run(700);
    // A kill is over ten minutes after the last one, which ended all else.
    assert_eq!(
        stage.told(),
        [(121, Opened), (261, Worse), (364, Worse), (963, Over)],
        "{:?}",
        stage.told
    );
    assert!(stage.told.iter().all(|told| told.1 == 1));
    assert!(stage.told[0].3.starts_with("The memory of pi runs out in about 57"));
    let incident = stage.incident(1);
    assert_eq!(incident.title, "The kernel killed a program on pi for want of memory");
    assert_eq!(incident.severity, Severity::Trouble);
    assert_eq!(incident.harms, []);
    let untold: Vec<_> = incident.steps.iter().filter(|step| !step.is_told).collect();
    assert_eq!(untold.len(), 1, "{untold:?}");
    assert!(untold[0].text.starts_with("Programs on pi wait for memory 60"));
}

#[test]
fn a_cache_that_fills_and_a_level_that_wavers_are_nothing() {
    let mut stage = Stage::new(&["pi"]);
    for second in 0..600 {
        // What is free falls; what is available does not.
        stage.set("pi", |sign| shown(sign).available = Some(GIB - second));
        stage.run(1);
    }
    for _ in 0..20 {
        stage.set("pi", low(100));
        stage.run(50);
        stage.set("pi", low(250));
        stage.run(1);
    }
    assert_eq!(stage.told(), []);
    // Between its levels it goes on.
    stage.set("pi", low(100));
    stage.run(61);
    stage.set("pi", low(250));
    stage.run(1000);
    assert_eq!(stage.kinds(), [Opened]);
    stage.set("pi", low(400));
    stage.run(121);
    assert_eq!(stage.kinds(), [Opened, Over]);
}

#[test]
fn what_is_stale_neither_begins_nor_ends() {
    let mut stage = Stage::new(&["pi"]);
    stage.set("pi", low(100));
    stage.run(61);
    stage.set("pi", low(4000));
    stage.silence("pi");
    stage.run(600);
    assert_eq!(stage.kinds(), [Opened, Opened], "low, and not heard");
    assert_eq!(stage.told[1].0, 122);
    stage.hear("pi");
    stage.run(200);
    let ends: Vec<_> = stage.told[2..].iter().map(|told| (told.1, told.2)).collect();
    assert_eq!(ends, [(2, Over), (1, Over)]);
    assert!(stage.told[2].3.starts_with("pi is heard again, after 9"), "{:?}", stage.told);
}

#[test]
fn a_kill_is_told_with_its_victim_once() {
    for box_first in [false, true] {
        let mut stage = Stage::new(&["pi"]);
        let black_box = black_box("pi", Why::OutOfMemory, stage.now_ms);
        if box_first {
            stage.world.boxes = vec![black_box];
            stage.run(1);
            stage.kill("pi", 1);
        } else {
            stage.kill("pi", 1);
            stage.run(1);
            stage.world.boxes = vec![black_box];
        }
        stage.run(5);
        assert_eq!(stage.kinds(), [Opened], "{:?}", stage.told);
        assert_eq!(
            stage.text(),
            "For want of memory on pi the kernel killed hog (process 7, 1.00 GiB)."
        );
        let incident = stage.incident(1);
        assert_eq!((incident.boxes, incident.top.len()), (1, 3));
        assert_eq!(incident.top[0].name, "hog");
    }
}

#[test]
fn kills_that_go_on_are_told_less_and_less() {
    let mut stage = Stage::new(&["pi"]);
    for _ in 0..120 {
        stage.kill("pi", 1);
        stage.run(60);
    }
    let updates = stage.kinds().iter().filter(|kind| **kind == Update).count();
    assert_eq!(stage.kinds()[0], Opened);
    assert!((3..=6).contains(&updates), "{:?}", stage.told());
    assert!(stage.text().starts_with("The kernel killed more programs ("), "{}", stage.text());
}

#[test]
fn pressure_alone_keeps_its_black_box_only_if_it_lasts() {
    let mut stage = Stage::new(&["pi"]);
    stage.world.boxes = vec![black_box("pi", Why::Pressure, stage.now_ms)];
    stage.set("pi", |sign| shown(sign).pressure = Some(0.5));
    stage.run(20);
    assert!(stage.engine.all.is_empty());
    stage.run(20);
    assert_eq!(stage.incident(1).boxes, 1);
    assert_eq!(stage.kinds(), [Opened]);
}

#[test]
fn a_link_that_comes_and_goes_is_one_incident() {
    let mut stage = Stage::new(&["pi"]);
    for _ in 0..60 {
        stage.silence("pi");
        stage.run(90);
        stage.hear("pi");
        stage.run(90);
    }
    stage.run(8000);
    assert_eq!(stage.kinds(), [Opened, Over, Update, Over], "{:?}", stage.told);
    assert!(stage.told.iter().all(|told| told.1 == 1));
    assert!(stage.told[2].3.contains("comes and goes"));
    // Much later it is another one.
    stage.silence("pi");
    stage.run(70);
    assert_eq!(stage.told.last().unwrap().1, 2);
}

#[test]
fn who_takes_leave_is_not_missed_even_by_a_head_that_starts_anew() {
    let mut stage = Stage::new(&["pi"]);
    stage.set("pi", |sign| sign.stopped = true);
    stage.run(400);
    stage.restart();
    // It does not know any more why the node is silent.
    stage.set("pi", |sign| sign.stopped = false);
    stage.silent.insert(id("pi"), stage.now_ms - 3001);
    stage.run(900);
    assert_eq!(stage.told(), []);
    stage.hear("pi");
    stage.run(10);
    stage.silence("pi");
    stage.run(70);
    assert_eq!(stage.kinds(), [Opened]);
}

#[test]
fn one_that_cannot_be_read_is_not_unheard_as_well() {
    let mut stage = Stage::new(&["pi"]);
    stage.set("pi", |sign| sign.trouble = Some("no memory file\n".into()));
    stage.silence("pi");
    stage.run(200);
    assert_eq!(stage.kinds(), [Opened]);
    assert_eq!(stage.text(), "The memory of pi cannot be read: no memory file.");
    stage.set("pi", |sign| sign.trouble = None);
    stage.hear("pi");
    stage.run(61);
    assert_eq!(stage.kinds(), [Opened, Over]);
}

#[test]
fn only_findings_that_are_new_are_told() {
    let finding = |id: &str, severity| Finding {
        id: id.into(),
        severity,
        finding: format!("It is {id}."),
        evidence: String::new(),
        fix: String::new(),
    };
    let [old, new, mild] =
        [("old", Severity::Trouble), ("new", Severity::Trouble), ("mild", Severity::Warning)]
            .map(|(id, severity)| finding(id, severity));
    let mut stage = Stage::new(&[]);
    let mut sign = well("pi", 0);
    stage.nodes.insert(id("pi"), sign.clone());
    stage.run(30);
    sign.findings = [old.clone()].into();
    stage.nodes.insert(id("pi"), sign.clone());
    stage.run(300);
    sign.findings = [old.clone(), mild].into();
    stage.nodes.insert(id("pi"), sign.clone());
    stage.run(300);
    assert_eq!(stage.told(), []);
    sign.findings = [old.clone(), new].into();
    stage.nodes.insert(id("pi"), sign.clone());
    stage.run(300);
    assert_eq!(stage.kinds(), [Opened]);
    assert_eq!(stage.text(), "The doctor found on pi: It is new.");
    // A head that starts anew hears of findings only after a while.
    stage.restart();
    let found = std::mem::replace(&mut sign.findings, [].into());
    stage.nodes.insert(id("pi"), sign.clone());
    stage.run(30);
    sign.findings = found;
    stage.nodes.insert(id("pi"), sign.clone());
    stage.run(300);
    assert_eq!(stage.kinds(), [Opened]);
    sign.findings = [].into();
    stage.nodes.insert(id("pi"), sign.clone());
    stage.run(130);
    assert_eq!(stage.kinds(), [Opened, Over]);
    sign.findings = [old].into();
    stage.nodes.insert(id("pi"), sign);
    stage.run(130);
    assert_eq!(stage.kinds(), [Opened, Over, Update], "it was gone, and is back");
}

#[test]
fn power_clock_head_and_channels() {
    let mut stage = Stage::new(&["pi"]);
    stage.set("pi", |sign| shown(sign).throttled = true);
    stage.run(61);
    stage.set("pi", |sign| shown(sign).under_voltage = true);
    stage.run(11);
    assert_eq!(stage.kinds(), [Opened, Worse]);
    stage.set("pi", |sign| sign.clock_ahead_ms = Some(-90_000));
    stage.run(301);
    assert_eq!(stage.text(), "The clock of pi is 90\u{a0}s behind the head's.");
    stage.trouble = Some("history cannot be written: the disk is full".into());
    stage.run(1);
    assert_eq!(stage.text(), "history cannot be written: the disk is full.");
    stage.channels = vec![ChannelStatus {
        name: "phone".into(),
        trouble: Some("no way".into()),
        ..Default::default()
    }];
    stage.run(301);
    assert_eq!(stage.text(), "The channel phone takes no messages: no way.");
    stage.trouble = None;
    stage.channels[0].trouble = None;
    stage.run(61);
    assert_eq!(stage.kinds()[5..], [Over, Over]);
    // A channel that is no more, and a node, harm nobody.
    stage.channels[0].trouble = Some("again".into());
    stage.run(302);
    stage.channels.clear();
    stage.nodes.clear();
    stage.run(62);
    let gone: Vec<_> =
        stage.told.iter().filter(|it| it.3.contains("no ")).map(|it| &it.3).collect();
    assert!(gone.iter().any(|text| *text == "The channel phone is no more."), "{gone:?}");
    assert!(gone.iter().any(|text| *text == "pi is no longer a node of this head."), "{gone:?}");
    assert!(stage.engine.all.values().all(|kept| !kept.is_open()));
    assert!(stage.engine.memory.found.is_empty());
}

#[test]
fn a_rule_that_is_switched_off_ends_what_it_began() {
    let mut stage = Stage::new(&["pi"]);
    stage.set("pi", low(100));
    stage.run(61);
    stage.rules.rules[Harm::LowShare as usize].enabled = false;
    stage.run(1);
    assert_eq!(stage.kinds(), [Opened, Over]);
    assert_eq!(stage.text(), "\"Little available\" is no longer watched for.");
}

#[test]
fn a_clock_that_is_set_changes_no_span_and_moves_what_happened() {
    let mut stage = Stage::new(&["pi"]);
    stage.set("pi", low(100));
    stage.run(40);
    let by_ms = 3 * 365 * 86_400_000;
    stage.engine.shift(by_ms);
    stage.now_ms = stage.now_ms.saturating_add_signed(by_ms);
    stage.run(20);
    assert_eq!(stage.told(), []);
    stage.run(1);
    assert_eq!(stage.kinds(), [Opened]);
    stage.engine.shift(-by_ms);
    stage.now_ms = stage.now_ms.saturating_add_signed(-by_ms);
    assert_eq!(stage.incident(1).since_ms, START_MS + 191_000);
    stage.set("pi", low(1000));
    stage.run(121);
    assert_eq!(stage.kinds(), [Opened, Over]);
    assert!(stage.text().ends_with("after 2\u{a0}min."), "{}", stage.text());
}
