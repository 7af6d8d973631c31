//! Tests of `breakdown`.

use super::*;
use proptest::prelude::*;

fn facts() -> NodeFacts {
    NodeFacts { cores: Some(4), page_size: 4096, ..NodeFacts::default() }
}

fn sample(values: &[(Field, u64)]) -> Sample {
    let mut sample = Sample::EMPTY;
    for &(field, value) in values {
        sample.set(field, Some(value));
    }
    sample
}

fn sum(breakdown: &Breakdown) -> u64 {
    breakdown.iter().map(|(_, bytes)| bytes).sum()
}

const MIB: u64 = 1 << 20;

#[test]
fn overlaps_are_counted_once() {
    let breakdown = Breakdown::of(
        &sample(&[
            (Field::Total, 1000 * MIB),
            (Field::Free, 300 * MIB),
            (Field::Cached, 400 * MIB),
            (Field::Shmem, 100 * MIB),
            (Field::Anon, 150 * MIB),
            (Field::ActiveAnon, 200 * MIB),
            (Field::InactiveAnon, 70 * MIB),
            (Field::SwapCached, 50 * MIB),
            (Field::KernelStack, 5 * MIB),
            (Field::VmallocUsed, 12 * MIB),
            (Field::VmallocChunk, 0),
            (Field::Zswap, 8 * MIB),
            (Field::ZramUsed, 4 * MIB),
            (Field::Zspages, 12 * MIB),
        ]),
        &facts(),
    );
    assert_eq!(breakdown.outcome, Outcome::Exact);
    let mib = |part| breakdown.get(part).unwrap() / MIB;
    assert_eq!(mib(Part::File), 300);
    assert_eq!(mib(Part::SwapCache), 20, "not what is mapped, and in AnonPages");
    assert_eq!(mib(Part::Vmalloc), 7, "not the stacks");
    assert_eq!(mib(Part::Compressed), 12, "not twice");
    assert_eq!(sum(&breakdown), 1000 * MIB);
}

#[test]
fn drift_is_marked_and_contradiction_is_not_drawn() {
    let mut sample = sample(&[
        (Field::Total, 1000 * MIB),
        (Field::Free, 500 * MIB),
        (Field::Anon, 300 * MIB),
        (Field::Cached, 200 * MIB),
    ]);
    let of = |sample: &Sample| Breakdown::of(sample, &facts());
    assert_eq!(of(&sample).outcome, Outcome::Exact);
    sample.set(Field::Cached, Some(208 * MIB));
    assert_eq!(of(&sample).outcome, Outcome::Drift(8 * MIB));
    assert_eq!(of(&sample).get(Part::File), Some(200 * MIB));
    assert_eq!(sum(&of(&sample)), 1000 * MIB);
    sample.set(Field::Cached, Some(211 * MIB));
    let broken = of(&sample);
    assert_eq!(broken.outcome.name(), "not_itemisable");
    assert_eq!((broken.get(Part::Free), broken.iter().count()), (None, 0));
    sample.set(Field::Cached, Some(1));
    sample.set(Field::Lxcfs, Some(1));
    assert!(
        matches!(of(&sample).outcome, Outcome::NotItemisable(reason) if reason.contains("lxcfs"))
    );
}

#[test]
fn what_is_in_the_residual_is_no_more_than_it() {
    let sample = sample(&[
        (Field::ArcSize, 500),
        (Field::CmaTotal, 300),
        (Field::CmaFree, 100),
        (Field::Balloon, 0),
    ]);
    let found: Vec<_> =
        annotations(&sample, 400).iter().map(|a| (a.origin.key, a.at_most)).collect();
    assert_eq!(found, [("size", 400), ("CmaTotal", 200)]);
}

#[test]
fn rows_are_complete_and_unique() {
    let mut ids: Vec<_> = Part::ALL.iter().map(|part| part.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), Part::ALL.len());
    for part in Part::ALL {
        assert!(part.sentence().ends_with('.') && !part.formula().is_empty(), "{part:?}");
    }
}

proptest! {
    #[test]
    fn parts_sum_to_total_or_are_not_told(
        values in proptest::collection::vec(
            prop_oneof![
                Just(None),
                (0_u64..1 << 24).prop_map(|kib| Some(kib * 1024)),
                (0_u64..40).prop_map(Some),
                any::<u64>().prop_map(Some)
            ],
            Field::ALL.len(),
        ),
        total in 0_u64..1 << 36,
    ) {
        let mut sample = Sample::EMPTY;
        for (&field, value) in Field::ALL.iter().zip(values) {
            sample.set(field, value);
        }
        sample.set(Field::Total, Some(total));
        let breakdown = Breakdown::of(&sample, &facts());
        if matches!(breakdown.outcome, Outcome::NotItemisable(_)) {
            prop_assert_eq!(breakdown.iter().count(), 0);
        } else {
            prop_assert_eq!(sum(&breakdown), total);
        }
    }
}
