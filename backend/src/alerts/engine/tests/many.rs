//! Many nodes at once: the switch died.

use super::StepKind::{Opened, Over, Update};
use super::*;

#[test]
fn forty_nodes_that_go_at_once_are_one_message_and_one_when_they_return() {
    let mut stage = Stage::fleet(40);
    for number in 0..40 {
        stage.silence(&format!("pi-{number:02}"));
        if number % 7 == 6 {
            // Their last words do not come at the same moment.
            stage.run(1);
        }
    }
    stage.run(300);
    assert_eq!(stage.kinds(), [Opened]);
    assert_eq!(
        stage.text(),
        "40 nodes are not heard: pi-00, pi-01, pi-02, pi-03, pi-04, pi-05 and 34 more. They may have \
         the same switch, or the same supply."
    );
    let open = stage.engine.all.values().filter(|kept| kept.is_open()).count();
    assert_eq!(
        (open, stage.engine.all.len()),
        (1, 1),
        "the first of them alone are none of their own"
    );
    stage.restart();
    stage.run(300);
    for number in 0..40 {
        stage.hear(&format!("pi-{number:02}"));
        stage.run(1);
    }
    stage.run(300);
    assert_eq!(stage.kinds(), [Opened, Over], "{:?}", stage.told);
    assert!(stage.text().starts_with("All 40 nodes are heard again, after 1"), "{}", stage.text());
}

#[test]
fn the_first_that_are_told_alone_stay_alone() {
    let mut stage = Stage::fleet(10);
    stage.silence("pi-00");
    stage.run(100);
    assert_eq!(stage.told(), [(71, Opened)], "it waits for others");
    for number in 1..10 {
        stage.silence(&format!("pi-{number:02}"));
    }
    stage.run(100);
    assert_eq!(stage.kinds(), [Opened, Opened]);
    assert!(stage.text().starts_with("9 nodes are not heard"), "{}", stage.text());
}

#[test]
fn more_that_follow_and_some_that_stay_away_are_told_now_and_then() {
    let mut stage = Stage::fleet(40);
    for number in 0..20 {
        stage.silence(&format!("pi-{number:02}"));
    }
    stage.run(100);
    for number in 20..40 {
        stage.silence(&format!("pi-{number:02}"));
        stage.run(9);
    }
    stage.run(600);
    assert_eq!(stage.kinds(), [Opened, Update], "{:?}", stage.told);
    assert!(stage.text().starts_with("40 nodes are not heard"), "{}", stage.text());
    for number in 0..38 {
        stage.hear(&format!("pi-{number:02}"));
    }
    stage.run(600);
    assert_eq!(stage.kinds(), [Opened, Update, Update]);
    assert_eq!(stage.text(), "38 of 40 nodes are well again, but not pi-38, pi-39.");
    for name in ["pi-38", "pi-39"] {
        stage.hear(name);
    }
    stage.run(600);
    assert_eq!(stage.kinds(), [Opened, Update, Update, Over]);
}

#[test]
fn a_group_that_fails_again_goes_on_with_its_incident() {
    let mut stage = Stage::fleet(6);
    let all = |stage: &mut Stage, how: fn(&mut Stage, &str), seconds| {
        for number in 0..6 {
            how(stage, &format!("pi-{number:02}"));
            stage.run(1);
        }
        stage.run(seconds);
    };
    for _ in 0..8 {
        all(&mut stage, Stage::silence, 100);
        all(&mut stage, Stage::hear, 100);
    }
    stage.run(8000);
    assert_eq!(stage.kinds(), [Opened, Over, Update, Over], "{:?}", stage.told);
    assert!(stage.told.iter().all(|told| told.1 == stage.told[0].1));
}

#[test]
fn other_causes_are_grouped_too_but_not_causes_with_each_other() {
    let mut stage = Stage::fleet(8);
    for number in 0..4 {
        stage.kill(&format!("pi-{number:02}"), 1);
        stage.silence(&format!("pi-{:02}", number + 4));
    }
    stage.run(100);
    assert_eq!(stage.kinds(), [Opened, Opened]);
    assert_eq!(stage.told[0].0, 3, "killed programs are told at once");
    assert!(stage.told[0].3.starts_with("4 nodes run short of memory: pi-00"));
    assert!(stage.told[1].3.starts_with("4 nodes are not heard: pi-04"));
}

#[test]
fn one_that_comes_and_goes_alone_is_not_swallowed_by_a_group() {
    let mut stage = Stage::fleet(8);
    stage.silence("pi-00");
    stage.run(80);
    stage.hear("pi-00");
    stage.run(40);
    for number in 1..8 {
        stage.silence(&format!("pi-{number:02}"));
    }
    stage.run(80);
    stage.silence("pi-00");
    stage.run(80);
    let of_flap = stage.told.iter().filter(|told| told.1 == 1).map(|told| told.2);
    assert_eq!(of_flap.collect::<Vec<_>>(), [Opened, Over, Update], "{:?}", stage.told);
    assert_eq!(stage.kinds(), [Opened, Over, Opened, Update]);
}

#[test]
fn a_look_that_comes_late_groups_all_the_same() {
    let mut stage = Stage::fleet(8);
    stage.silence("pi-00");
    stage.run(61);
    for number in 1..8 {
        stage.silent.insert(id(&format!("pi-{number:02}")), stage.now_ms - 60_000);
    }
    // The machine had other things to do.
    stage.now_ms += 14_000;
    stage.run(30);
    assert_eq!(stage.kinds(), [Opened]);
    assert!(stage.text().starts_with("8 nodes are not heard"), "{}", stage.text());
}

#[test]
fn few_nodes_wait_for_nobody() {
    let mut stage = Stage::fleet(2);
    stage.silence("pi-00");
    stage.run(61);
    assert_eq!(stage.told(), [(61, Opened)]);
}

#[test]
fn a_lone_node_leaves_last_words_and_a_group_does_not() {
    let mut stage = Stage::fleet(8);
    stage.silence("pi-00");
    let mut wants = Vec::new();
    let mut run = |stage: &mut Stage, seconds| {
        for _ in 0..seconds {
            stage.run(1);
            wants.append(&mut stage.last.wants);
        }
    };
    run(&mut stage, 100);
    for number in 1..8 {
        stage.silence(&format!("pi-{number:02}"));
    }
    run(&mut stage, 100);
    assert_eq!(wants, [Want::LastWords(1, id("pi-00"))]);
}
