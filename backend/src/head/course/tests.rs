//! Floors are what a naive model says they are.

use super::*;
use proptest::prelude::*;
use shared::Field;

fn sample(available: u64) -> Sample {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Available, Some(available));
    sample
}

#[test]
fn it_takes_two_kilobytes() {
    let bytes = size_of::<Course>() + lows::MOST * size_of::<(u64, u64)>();
    assert!(bytes <= 2048, "{bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn floors_agree_with_a_naive_model(
        steps in proptest::collection::vec((1_u64..4, 0_u64..1000, any::<bool>()), 1..1500),
        gap_s in prop_oneof![Just(0_u64), 1_u64..2000],
        over_ms in prop_oneof![0..SPAN_MS, SPAN_MS..3_600_000],
    ) {
        let (mut course, mut naive, mut late) = (Course::default(), Vec::new(), Vec::new());
        let mut at_ms = 7_200_000;
        for (n, (seconds, mib, comes_late)) in steps.iter().enumerate() {
            at_ms += seconds * 1000 + if n == steps.len() / 2 { gap_s * 1000 } else { 0 };
            naive.push((at_ms, mib << 20));
            if *comes_late && n + 1 < steps.len() {
                late.push((at_ms, mib << 20));
            } else {
                course.note_live(at_ms * 1000, &sample(mib << 20), 3000);
            }
        }
        for (at_ms, bytes) in late {
            course.note_old(at_ms * 1000, &sample(bytes), None, 3000);
        }
        let (floor, known_ms) = course.floor(over_ms, at_ms);
        let since_ms = if over_ms > SPAN_MS {
            (at_ms - over_ms) / MINUTE_MS * MINUTE_MS
        } else {
            at_ms - over_ms
        };
        let least = naive.iter().filter(|(at, _)| *at >= since_ms).map(|(_, bytes)| *bytes).min();
        prop_assert_eq!(floor, least);
        prop_assert!(known_ms <= over_ms);
    }
}

#[test]
fn what_is_known_has_no_gaps() {
    let mut course = Course::default();
    for second in 10_000..10_300_u64 {
        course.note_live(second * 1_000_000, &sample(second << 20), 1000);
    }
    let (floor, known_ms) = course.floor(3_600_000, 10_300_000);
    assert_eq!(floor, Some(10_000 << 20));
    assert!((298_000..=300_000).contains(&known_ms), "{known_ms}");
    for second in 10_900..11_000_u64 {
        course.note_live(second * 1_000_000, &sample(second << 20), 1000);
    }
    let (_, known_ms) = course.floor(3_600_000, 11_000_000);
    assert!((397_000..=400_000).contains(&known_ms), "{known_ms}");
    let (floor, known_ms) = course.floor(60_000, 11_000_000);
    // What rises steadily is told a little too low.
    assert!((10_910 << 20..=10_940 << 20).contains(&floor.unwrap()), "{floor:?}");
    assert!((59_000..=60_000).contains(&known_ms), "{known_ms}");
    // The outbox fills the gap.
    for second in 10_300..10_900_u64 {
        course.note_old(second * 1_000_000, &sample(1 << 20), Some(1000), 1000);
    }
    let (floor, known_ms) = course.floor(600_000, 11_000_000);
    assert_eq!(floor, Some(1 << 20));
    assert!((598_000..=600_000).contains(&known_ms), "{known_ms}");
    assert!(course.floor(60_000, 11_000_000).0 >= Some(10_910 << 20));
}

#[test]
fn history_fills_what_is_older() {
    let mut course = Course::default();
    course.note_live(7_200_000_000, &sample(900 << 20), 1000);
    for minute in 60..119 {
        course.recall(minute * MINUTE_MS, MINUTE_MS, (800 - minute) << 20);
    }
    course.recall(9_000_000, MINUTE_MS, 1);
    let (floor, known_ms) = course.floor(1_800_000, 7_200_000);
    assert_eq!(floor, Some((800 - 118) << 20));
    assert!(known_ms >= 1_740_000, "{known_ms}");
    let [.., hours, _] = course.horizons();
    assert_eq!(hours.lows[SLOTS - 2], Some((800 - 118) << 10));
}
