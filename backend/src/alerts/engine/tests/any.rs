//! Whatever nodes do: one open incident of each cause and node, ends for beginnings, and few messages.

use proptest::prelude::*;

use super::*;

/// What may happen to a node of four.
#[derive(Clone, Debug)]
enum Act {
    Available(u64),
    Pressure(u8),
    Kill,
    Silent,
    Heard,
    Stopped,
    Trouble(bool),
    Power(bool),
    Clock(i64),
    Box,
    Away,
    Restart,
    Acknowledge,
    SetClock(i64),
    Rule(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0_u64..4096).prop_map(Act::Available),
        (0_u8..100).prop_map(Act::Pressure),
        Just(Act::Kill),
        Just(Act::Silent),
        Just(Act::Heard),
        Just(Act::Heard),
        Just(Act::Stopped),
        any::<bool>().prop_map(Act::Trouble),
        any::<bool>().prop_map(Act::Power),
        (-100_000_i64..100_000).prop_map(Act::Clock),
        Just(Act::Box),
        Just(Act::Away),
        Just(Act::Restart),
        Just(Act::Acknowledge),
        (-1_000_000_i64..1_000_000).prop_map(Act::SetClock),
        (0..Harm::ALL.len()).prop_map(Act::Rule),
    ]
}

fn play(stage: &mut Stage, node: usize, act: &Act) {
    let name = format!("pi-{node:02}");
    if !stage.nodes.contains_key(&id(&name)) {
        stage.nodes.insert(id(&name), well(&name, stage.now_ms));
    }
    match *act {
        Act::Available(mib) => stage.set(&name, low(mib)),
        Act::Pressure(percent) => {
            stage.set(&name, |sign| shown(sign).pressure = Some(f64::from(percent) / 100.0));
        }
        Act::Kill => stage.kill(&name, 1),
        Act::Silent => stage.silence(&name),
        Act::Heard => {
            stage.hear(&name);
            stage.set(&name, |sign| (sign.stopped, sign.condition) = (false, Condition::Live));
        }
        Act::Stopped => stage.set(&name, |sign| sign.stopped = true),
        Act::Trouble(is) => {
            stage.set(&name, |sign| sign.trouble = is.then(|| "no".into()));
        }
        Act::Power(is) => stage.set(&name, |sign| shown(sign).under_voltage = is),
        Act::Clock(ms) => stage.set(&name, |sign| sign.clock_ahead_ms = Some(ms)),
        Act::Box => {
            let black_box = black_box(&name, Why::OutOfMemory, stage.now_ms);
            stage.world.boxes.push(black_box);
        }
        Act::Away => drop(stage.nodes.remove(&id(&name))),
        Act::Restart => stage.restart(),
        Act::Acknowledge => {
            let open = stage.engine.all.values().find(|kept| kept.is_open());
            if let Some(id) = open.map(|kept| kept.incident.id) {
                stage.engine.acknowledge(id, stage.now_ms);
            }
        }
        Act::SetClock(by_ms) => {
            stage.engine.shift(by_ms);
            stage.now_ms = stage.now_ms.saturating_add_signed(by_ms);
            for heard_ms in stage.silent.values_mut() {
                *heard_ms = heard_ms.saturating_add_signed(by_ms);
            }
        }
        Act::Rule(place) => {
            let rule = &mut stage.rules.rules[place];
            rule.enabled = !rule.enabled;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // The stage itself checks at each look that no two are open of the same.
    #[test]
    fn any_story_has_one_incident_at_a_time_and_ends(
        story in proptest::collection::vec((0_usize..4, act(), 1_u64..120), 1..80)
    ) {
        let mut stage = Stage::fleet(4);
        // Far from where clocks that are set would lead below nothing.
        let begun_ms = stage.now_ms;
        for (node, act, seconds) in &story {
            play(&mut stage, *node, act);
            stage.run(*seconds);
        }
        let steps = story.len();
        // A message for everything that happened would be the most: each does one thing, and it may end.
        prop_assert!(stage.told.len() <= 4 + 3 * steps, "{} of {steps}", stage.told.len());
        // When all is well for long, nothing is open, and no word is owed.
        stage.rules = Rules::default();
        for name in ["pi-00", "pi-01", "pi-02", "pi-03"] {
            stage.hear(name);
            let kills = stage.nodes.get(&id(name)).map_or(0, |sign| sign.oom_kills);
            let sign = Sign { oom_kills: kills, ..well(name, begun_ms) };
            stage.nodes.insert(id(name), sign);
        }
        stage.run(1000);
        for _ in 0..60 {
            stage.now_ms += 3_600_000;
            stage.tick();
            stage.tick();
        }
        let open = stage.engine.all.values().filter(|kept| kept.is_open() || !kept.due.is_empty());
        let open: Vec<_> = open.map(|kept| kept.incident.title.clone()).collect();
        prop_assert!(open.is_empty(), "{open:?}");
        // Of whatever anybody was told, the end was told too.
        for kept in stage.engine.all.values().filter(|kept| kept.told_ms.is_some()) {
            let mut told = stage.told.iter().rev().filter(|told| told.1 == kept.incident.id);
            prop_assert_eq!(told.next().map(|told| told.2), Some(StepKind::Over));
        }
    }
}
