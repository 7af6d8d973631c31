//! The outbox against models: nothing is lost that was not counted, and its memory is bounded.

use std::collections::BTreeSet;
use std::io::Write as _;

use proptest::prelude::*;
use shared::{Field, Sample};

use super::*;
use crate::probe::{Probe, Roots};

const SECOND_US: u64 = 1_000_000;
/// Long after all readings.
const LATER: u64 = u64::MAX;

/// Numbers without any pattern, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn reading(seq: u64) -> AgentReading {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Free, Some(seq * 4096));
    AgentReading { seq, uptime_us: seq * SECOND_US, sample }
}

/// All that is left to send.
fn rest(outbox: &mut Outbox) -> Vec<AgentReading> {
    let mut all = Vec::new();
    while let Some((run, span)) = outbox.next_unheld() {
        let readings = run.readings().unwrap();
        assert_eq!(span, Span { from: readings[0].seq, to: readings.last().unwrap().seq });
        assert!(run.len() <= CHUNK && run.bytes() <= CHUNK_BYTES + 3000, "{}", run.bytes());
        all.extend(readings);
    }
    all
}

fn seqs(readings: &[AgentReading]) -> Vec<u64> {
    readings.iter().map(|reading| reading.seq).collect()
}

#[derive(Clone, Debug)]
enum Step {
    /// So many readings are taken; whether they are sent.
    Take(u64, bool),
    /// The head holds so many from so far back.
    Hold(u64, u64),
    /// The link begins anew, and the head holds all that it held, or nothing.
    Begin(bool),
    /// A run is sent, and held or not.
    Send(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..150_u64, any::<bool>()).prop_map(|(count, sent)| Step::Take(count, sent)),
        (0..500_u64, 0..200_u64).prop_map(|(back, count)| Step::Hold(back, count)),
        any::<bool>().prop_map(Step::Begin),
        any::<bool>().prop_map(Step::Send),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_not_held_is_sent_once_and_in_order(steps in steps()) {
        let mut outbox = Outbox::default();
        let (mut last, mut held, mut sent) = (5000_u64, BTreeSet::new(), BTreeSet::new());
        let mut ever_held = BTreeSet::new();
        for step in steps {
            let now_us = last * SECOND_US;
            match step {
                Step::Take(count, is_sent) => for _ in 0..count {
                    last += 1;
                    outbox.push(&reading(last));
                    if is_sent {
                        outbox.sent(last);
                        sent.insert(last);
                    }
                },
                Step::Hold(back, count) => {
                    let from = last.saturating_sub(back).max(5001);
                    let to = (from + count).min(last);
                    held.extend(from..=to);
                    outbox.held(&[Span { from, to }], now_us);
                }
                Step::Begin(remembers) => {
                    if !remembers {
                        held.clear();
                    }
                    sent.clear();
                    let spans: Vec<Span> = held.iter().map(|&n| Span { from: n, to: n }).collect();
                    outbox.begin(&spans);
                }
                Step::Send(is_held) => if let Some((run, span)) = outbox.next_unheld() {
                    let told = seqs(&run.readings().unwrap());
                    let is_new = |n: &u64| !held.contains(n) && !sent.contains(n);
                    prop_assert!(told.iter().all(is_new), "{:?}", told);
                    sent.extend(told.iter().copied());
                    prop_assert_eq!(outbox.is_held(span), false);
                    if is_held {
                        outbox.held(&[span], now_us);
                        // Others in between may have been sent by themselves.
                        held.extend(span.from..=span.to);
                        prop_assert!(outbox.is_held(span));
                    }
                }
            }
            ever_held.extend(held.iter().copied());
            let waits = sent.iter().any(|n| !held.contains(n) && *n > 5000);
            prop_assert_eq!(outbox.is_waiting(), waits);
        }
        let recent = last.saturating_sub(300);
        outbox.begin(&[]);
        let told = seqs(&rest(&mut outbox));
        prop_assert!(told.is_sorted_by(|a, b| a < b));
        let told: BTreeSet<u64> = told.into_iter().collect();
        for seq in 5001..=last {
            let is_needed = !ever_held.contains(&seq) || seq > recent;
            prop_assert!(!is_needed || told.contains(&seq), "{} is lost", seq);
        }
        prop_assert_eq!(outbox.thinned().readings, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn whatever_is_read_memory_is_bounded_and_what_is_lost_is_counted(
        seed in any::<u64>(), spread in 1..64_u32, held_from in 1..1000_u64
    ) {
        let mut outbox = Outbox::default();
        let mut random = Random(seed);
        let count = 4000;
        for seq in 1..=count {
            let mut reading = reading(seq);
            for &field in Field::ALL {
                let value = (random.below(1 << 30) << 32 | random.below(1 << 32)) >> spread;
                reading.sample.set(field, Some(value));
            }
            outbox.push(&reading);
            prop_assert!(outbox.bytes() <= MOST_BYTES, "{}", outbox.bytes());
            if seq == held_from {
                outbox.held(&[Span { from: seq / 2, to: seq }], 0);
            }
        }
        let thinned = outbox.thinned();
        let mut told = seqs(&rest(&mut outbox));
        let lost: Vec<u64> = (1..=count)
            .filter(|n| !told.contains(n) && !(held_from / 2..=held_from).contains(n))
            .collect();
        prop_assert_eq!(lost.len() as u64, thinned.readings);
        if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
            prop_assert_eq!(thinned.since_us, first * SECOND_US);
            prop_assert_eq!(thinned.until_us, last * SECOND_US);
        }
        prop_assert!(told.is_sorted_by(|a, b| a < b));
        // What is newest is whole, what is old is coarse, and something of all times is there.
        prop_assert!((count - 200..=count).all(|n| told.contains(&n)));
        told.retain(|n| *n > held_from);
        let widest = told.windows(2).map(|pair| pair[1] - pair[0]).max();
        prop_assert!(widest.unwrap_or(0) <= 128, "{:?}", widest);
    }
}

#[test]
fn hours_without_a_head_get_coarser_the_older_it_is() {
    let mut outbox = Outbox::default();
    let mut random = Random(7);
    let mut sample = lively();
    for seq in 1..=30_000 {
        change(&mut sample, &mut random);
        outbox.push(&AgentReading { seq, uptime_us: seq * SECOND_US, sample: sample.clone() });
        assert!(outbox.bytes() <= MOST_BYTES, "{}", outbox.bytes());
    }
    let thinned = outbox.thinned().readings;
    let told = seqs(&rest(&mut outbox));
    assert_eq!(told.len() as u64 + thinned, 30_000);
    let steps: Vec<u64> = told.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.is_sorted_by(|a, b| a >= b || a - b == 1), "coarser where it is newer");
    let whole = steps.iter().rev().take_while(|step| **step == 1).count();
    say(&format!("after eight hours: {whole} s whole, steps of up to {} s before", steps[0]));
    assert!(whole > 3600 / 2, "only the last {whole} readings are whole");
    assert!(told[0] < 600, "the first {} s are gone", told[0]);
}

#[test]
fn an_hour_fits_whole() {
    let roots = Roots::default();
    let mut probe = Probe::open(&roots);
    let (mut real, mut lifelike) = (Outbox::default(), Outbox::default());
    let mut random = Random(1);
    let mut sample = lively();
    for seq in 1..=3600 {
        let uptime_us = seq * SECOND_US + random.below(900);
        if let Ok(taken) = probe.read() {
            real.push(&AgentReading { seq, uptime_us, sample: taken.sample });
        }
        change(&mut sample, &mut random);
        lifelike.push(&AgentReading { seq, uptime_us, sample: sample.clone() });
    }
    for (what, outbox) in [("this machine, quickly", real), ("lifelike", lifelike)] {
        say(&format!("an hour at 1 Hz takes {} KiB ({what})", outbox.bytes() >> 10));
        assert!(outbox.bytes() <= MOST_BYTES);
        assert_eq!(outbox.thinned(), Thinned::default());
    }
}

#[test]
fn what_a_new_head_lacks_is_kept_for_five_minutes() {
    let mut outbox = Outbox::default();
    for seq in 1..=900 {
        outbox.push(&reading(seq));
        outbox.sent(seq);
        outbox.held(&[Span { from: seq, to: seq }], seq * SECOND_US);
    }
    assert!(outbox.next_unheld().is_none());
    outbox.begin(&[]);
    let told = seqs(&rest(&mut outbox));
    assert!(told[0] <= 600 && told[0] + 60 > 600 - 60, "{}", told[0]);
    assert_eq!(told, (told[0]..=900).collect::<Vec<_>>());
    assert!(outbox.next_unheld().is_none());
    outbox.send_again();
    assert_eq!(seqs(&rest(&mut outbox)), told);
}

fn say(text: &str) {
    writeln!(std::io::stderr(), "    {text}").ok();
}

/// Every field of the table known.
fn lively() -> Sample {
    let mut sample = Sample::EMPTY;
    for (place, &field) in Field::ALL.iter().enumerate() {
        sample.set(field, Some((1 << 32) + place as u64 * 4096));
    }
    sample
}

/// Changes it as much as a second changes a busy machine: sixty of the fields, by up to 64 MiB.
fn change(sample: &mut Sample, random: &mut Random) {
    for _ in 0..60 {
        let field = Field::ALL[random.below(Field::ALL.len() as u64) as usize];
        let bits = random.below(15);
        let by = random.below(1 << bits) * 4096;
        let old = sample.get(field).unwrap_or(0);
        let up = random.below(2) == 0;
        sample.set(field, Some(if up { old + by } else { old.saturating_sub(by) }));
    }
}

#[test]
fn what_is_held_is_kept_until_it_is_on_disk() {
    let mut outbox = Outbox::default();
    outbox.begin(&[]);
    outbox.durable(&[], LATER);
    for seq in 1..=900 {
        outbox.push(&reading(seq));
        outbox.sent(seq);
        outbox.held(&[Span { from: seq, to: seq }], seq * SECOND_US);
    }
    assert!(outbox.next_unheld().is_none());
    // A quarter of an hour later the head is killed, and holds what it wrote in between.
    let written = Span { from: 1, to: 200 };
    assert!(outbox.durable(&[written], LATER));
    outbox.begin(&[written]);
    outbox.durable(&[written], LATER);
    assert_eq!(seqs(&rest(&mut outbox)), (201..=900).collect::<Vec<_>>());
    // A head that keeps nothing says so by its silence.
    outbox.begin(&[Span { from: 1, to: 900 }]);
    outbox.held(&[], 2000 * SECOND_US);
    outbox.begin(&[]);
    assert!(rest(&mut outbox).is_empty());
}

#[test]
fn the_last_two_minutes_stay_for_the_black_box() {
    let mut outbox = Outbox::default();
    outbox.begin(&[]);
    (1..=900).for_each(|seq| outbox.push(&reading(seq)));
    outbox.durable(&[Span { from: 1, to: 900 }], 900 * SECOND_US);
    let recent = outbox.recent(780 * SECOND_US);
    let seqs = recent.iter().map(|reading| reading.seq);
    assert_eq!(seqs.collect::<Vec<_>>(), (781..=900).collect::<Vec<_>>());
    assert!(outbox.readings().count() <= 180, "and no more than the rest of a chunk");
    outbox.durable(&[Span { from: 1, to: 900 }], LATER);
    assert!(outbox.readings().count() <= 60);
    // One that reads ten times a second tells of each second once.
    let mut outbox = Outbox::default();
    for seq in 1..=3000 {
        outbox.push(&AgentReading { uptime_us: seq * SECOND_US / 10, ..reading(seq) });
    }
    let recent = outbox.recent(180 * SECOND_US);
    assert_eq!(recent.len(), Run::MOST);
    assert!(recent.windows(2).all(|two| two[1].seq == two[0].seq + 10));
}

#[test]
fn without_room_what_is_on_disk_goes_first() {
    let (mut outbox, mut random, mut sample) = (Outbox::default(), Random(3), lively());
    let mut last = 0;
    let mut take = |outbox: &mut Outbox, count: u64| {
        for _ in 0..count {
            last += 1;
            change(&mut sample, &mut random);
            let (seq, uptime_us) = (last, last * SECOND_US);
            outbox.push(&AgentReading { seq, uptime_us, sample: sample.clone() });
        }
        last
    };
    outbox.begin(&[]);
    outbox.durable(&[], LATER);
    take(&mut outbox, 3000);
    outbox.held(&[Span { from: 1, to: 3000 }], 0);
    outbox.durable(&[Span { from: 2001, to: 2500 }], LATER);
    while outbox.thinned().readings == 0 {
        assert!(take(&mut outbox, 1) < 60_000, "there is room for all of it");
    }
    outbox.begin(&[]);
    assert!(rest(&mut outbox)[0].seq > 3000, "what is held goes before anything is thinned");
}
