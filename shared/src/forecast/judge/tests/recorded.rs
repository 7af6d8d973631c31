//! Forecasts of what was recorded on a real machine, second by second: KiB that a control group, or the
//! machine, could still get.

use super::Watch;

/// A server that forgets to give back a little of what each request took, in a group of 900 MiB, until the
/// kernel killed it.
const LEAK: &str = include_str!("../../../../tests/recorded/leak.csv");
/// A program that reads all files there are, in a group of 600 MiB.
const CACHE_FILL: &str = include_str!("../../../../tests/recorded/cache-fill.csv");
/// A program that lets garbage gather and gives it back, in a group of 700 MiB.
const GARBAGE: &str = include_str!("../../../../tests/recorded/garbage.csv");
/// A machine of 24 GiB that builds and tests programs.
const WORK: &str = include_str!("../../../../tests/recorded/work.csv");

/// How long the machine was up when they begin, in s.
const UP_S: f64 = 3600.0;

fn seconds(text: &str) -> impl Iterator<Item = (f64, f64)> {
    text.lines().map(|line| {
        let (second, kib) = line.split_once(',').unwrap();
        (second.parse().unwrap(), kib.parse().unwrap())
    })
}

#[test]
fn a_leak_is_called_within_a_tenth_of_its_end_by_half_its_life() {
    let life = seconds(LEAK).last().unwrap().0;
    let mut watch = Watch::new(UP_S);
    let mut off = None;
    for (at, kib) in seconds(LEAK).take_while(|(at, _)| *at <= life / 2.0) {
        watch.note(at, kib);
        off = watch.foresee().map(|trend| (at + trend.left_ms as f64 / 1000.0 - life) / life);
    }
    let off = off.expect("it is called by half of its life");
    println!("a leak of {life} s is called by half of it, off by {off:.3} of its life");
    assert!(off.abs() <= 0.1, "{off}");
}

#[test]
fn what_does_not_run_out_is_not_called() {
    for (name, text) in [("cache fill", CACHE_FILL), ("garbage", GARBAGE), ("work", WORK)] {
        let mut watch = Watch::new(UP_S);
        let mut count = 0;
        for (at, kib) in seconds(text) {
            watch.note(at, kib);
            let told = watch.foresee();
            assert_eq!(told, None, "{name}, after {at} s");
            count += 1;
        }
        println!("{name}: not called in {count} s");
        assert!(count >= 900, "{name}");
    }
}
