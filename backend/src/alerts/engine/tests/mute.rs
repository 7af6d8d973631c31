//! Silence, acknowledgement, quiet hours, reminders, and heads that start anew.

use shared::alert::{Quiet, Silence};

use super::StepKind::{Opened, Over, Update, Worse};
use super::*;

#[test]
fn what_somebody_looks_after_is_told_no_more_but_for_its_end() {
    let mut stage = Stage::new(&["pi"]);
    stage.set("pi", |sign| shown(sign).thrashing = Some(900.0));
    stage.run(61);
    assert_eq!(stage.engine.acknowledge(9, stage.now_ms), None);
    let now_ms = stage.now_ms;
    let acknowledged = stage.engine.acknowledge(1, now_ms).unwrap();
    assert_eq!(stage.engine.acknowledge(1, now_ms + 1), Some(acknowledged));
    stage.set("pi", low(100));
    stage.kill("pi", 1);
    stage.run(900);
    stage.set("pi", |sign| *sign = Sign { oom_kills: 1, ..well("pi", 0) });
    stage.run(900);
    assert_eq!(stage.kinds(), [Opened, Over], "{:?}", stage.told);
    assert_eq!(stage.incident(1).acknowledged_ms, Some(now_ms));
}

#[test]
fn what_is_silenced_is_told_when_that_is_over_if_it_still_holds() {
    let silence = |node: &str, until_ms| Silence {
        node: Some(id(node)),
        harm: Some(Harm::LowShare),
        until_ms,
        note: String::new(),
    };
    let mut stage = Stage::new(&["a", "b"]);
    stage.rules.silences =
        vec![silence("a", stage.now_ms + 500_000), silence("b", stage.now_ms + 500_000)];
    stage.set("a", low(100));
    stage.set("b", low(100));
    stage.run(200);
    assert!(stage.incident(1).silenced && stage.incident(2).silenced);
    stage.set("b", low(4000));
    stage.run(400);
    assert_eq!(stage.told(), [(500, Opened)], "{:?}", stage.told);
    assert!(!stage.incident(1).silenced);
    assert!(stage.incident(2).over_ms.is_some(), "nobody was told of it at all");
    // One that is silenced itself is told nothing of, not even its end.
    let now_ms = stage.now_ms;
    stage.engine.silence(1, now_ms + 3_600_000, now_ms).unwrap();
    stage.set("a", low(4000));
    stage.run(300);
    assert_eq!(stage.kinds(), [Opened]);
}

#[test]
fn quiet_hours_let_the_worst_pass_and_the_rest_wait() {
    let mut stage = Stage::new(&["a", "b", "c"]);
    stage.rules.quiet =
        Some(Quiet { from_min: 1320, to_min: 420, except: Some(Severity::Trouble) });
    stage.set("c", |sign| shown(sign).thrashing = Some(900.0));
    stage.run(75);
    assert_eq!(stage.kinds(), [Opened]);
    stage.minute = 1400;
    stage.set("c", |sign| shown(sign).thrashing = Some(0.0));
    stage.set("a", |sign| shown(sign).thrashing = Some(900.0));
    stage.set("b", |sign| shown(sign).thrashing = Some(900.0));
    stage.run(200);
    stage.set("b", |sign| shown(sign).thrashing = Some(0.0));
    stage.run(200);
    assert_eq!(stage.kinds(), [Opened], "the night is quiet");
    stage.silence("b");
    stage.run(75);
    assert_eq!(stage.kinds(), [Opened, Opened], "but for what is worse");
    stage.restart();
    stage.minute = 420;
    stage.run(1);
    // The end of what was told before, and what still holds.
    assert_eq!(stage.kinds()[2..], [Over, Opened], "{:?}", stage.told);
    assert!(stage.told[2].3.starts_with("c has memory again"));
    assert!(stage.told[3].3.starts_with("a reads back"));
}

#[test]
fn what_becomes_worse_at_night_is_told() {
    let mut stage = Stage::new(&["a"]);
    stage.rules.quiet = Some(Quiet { from_min: 0, to_min: 1439, except: Some(Severity::Trouble) });
    stage.set("a", |sign| shown(sign).thrashing = Some(900.0));
    stage.run(100);
    assert_eq!(stage.kinds(), []);
    stage.set("a", low(100));
    stage.run(61);
    assert_eq!(stage.kinds(), [Opened]);
    assert!(stage.text().starts_with("a has little memory left"), "{}", stage.text());
}

#[test]
fn what_goes_on_is_told_again_if_that_is_wanted() {
    let mut stage = Stage::new(&["a"]);
    stage.rules.remind_h = 1;
    stage.set("a", low(100));
    stage.run(2 * 3600 + 100);
    assert_eq!(stage.told(), [(61, Opened), (3661, Update), (7261, Update)]);
    assert_eq!(stage.text(), "Still so: a has little memory left.");
}

#[test]
fn a_head_that_starts_anew_goes_on_with_what_it_knew() {
    let mut stage = Stage::fleet(3);
    stage.set("pi-00", low(100));
    stage.silence("pi-01");
    stage.kill("pi-02", 2);
    stage.run(100);
    assert_eq!(stage.kinds(), [Opened; 3], "{:?}", stage.told);
    for _ in 0..3 {
        stage.restart();
        stage.run(50);
    }
    assert_eq!(stage.kinds(), [Opened; 3], "nothing is told twice: {:?}", stage.told);
    stage.set("pi-00", low(1000));
    stage.hear("pi-01");
    stage.run(700);
    assert_eq!(stage.kinds(), [Opened, Opened, Opened, Over, Over, Over], "{:?}", stage.told);
    stage.restart();
    stage.run(100);
    assert_eq!(stage.told.len(), 6);
}

#[test]
fn a_head_that_starts_anew_does_not_take_what_it_has_not_tried_for_well() {
    let mut stage = Stage::new(&[]);
    let channel = |trouble: Option<&str>, waiting| ChannelStatus {
        name: "phone".into(),
        trouble: trouble.map(Into::into),
        waiting,
        ..ChannelStatus::default()
    };
    stage.channels = vec![channel(Some("no way"), 2)];
    stage.trouble = Some("the disk is full".into());
    stage.run(301);
    assert_eq!(stage.kinds(), [Opened, Opened]);
    stage.restart();
    (stage.trouble, stage.is_well, stage.channels) = (None, false, vec![channel(None, 2)]);
    stage.run(600);
    assert_eq!(stage.kinds(), [Opened, Opened], "{:?}", stage.told);
    (stage.is_well, stage.channels) = (true, vec![channel(None, 0)]);
    stage.run(61);
    assert_eq!(stage.kinds(), [Opened, Opened, Over, Over]);
}

#[test]
fn agents_have_time_to_come_back_to_a_head_that_was_away() {
    let mut stage = Stage::new(&["a", "b"]);
    stage.restart();
    for name in ["a", "b"] {
        stage.silent.insert(id(name), stage.now_ms - 3001);
    }
    stage.run(100);
    assert_eq!(stage.told(), [], "it tries once a minute");
    stage.hear("a");
    stage.run(60);
    assert_eq!(stage.kinds(), [Opened]);
    assert!(stage.text().starts_with("b has not reported"), "{}", stage.text());
}

#[test]
fn what_was_not_handed_over_is_handed_over_by_the_next_head() {
    let mut stage = Stage::fleet(3);
    stage.is_delivered = false;
    stage.set("pi-00", low(100));
    stage.run(65);
    stage.restart();
    stage.is_delivered = true;
    stage.run(10);
    assert_eq!(stage.kinds(), [Opened]);
}

#[test]
fn a_kill_that_agents_tell_again_after_a_crash_is_no_other() {
    let mut stage = Stage::new(&["a"]);
    let kill = |stage: &mut Stage, counted: u64| {
        stage.kill("a", 1);
        stage.world.kills = [(id("a"), ("boot".into(), counted))].into();
        stage.run(3);
    };
    kill(&mut stage, 8);
    assert_eq!(stage.kinds(), [Opened]);
    stage.restart();
    stage.run(700);
    assert_eq!(stage.kinds(), [Opened, Over]);
    kill(&mut stage, 8);
    stage.run(400);
    assert_eq!(stage.kinds(), [Opened, Over], "{:?}", stage.told);
    kill(&mut stage, 9);
    stage.run(10);
    assert_eq!(stage.kinds(), [Opened, Over, Update], "{:?}", stage.told);
    assert!(!stage.kinds().contains(&Worse));
}
