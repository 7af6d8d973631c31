//! Holds on a real disk.

use std::fs;
use std::thread;

use super::*;

const NOW: u64 = 1_800_000_000_000;

fn node() -> NodeId {
    NodeId::from_host_name("pi-1")
}

fn wish(copies: u32) -> Wish {
    Wish { note: "x".into(), size: 10, places: vec![(node(), copies)], for_ms: 60_000 }
}

fn take(holds: &Holds, now_ms: u64) -> Hold {
    holds.take(now_ms, |_| ((), Some(wish(1)))).unwrap().1.unwrap()
}

fn ids(holds: &Holds, now_ms: u64) -> Vec<String> {
    holds.list(now_ms).into_iter().map(|hold| hold.id).collect()
}

#[test]
fn they_end_are_released_and_outlive_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let holds = Holds::open(dir.path()).unwrap();
    assert!(!dir.path().join("holds.json").exists(), "nothing is written for nothing");
    let (first, second) = (take(&holds, NOW), take(&holds, NOW + 1000));
    assert_eq!(ids(&holds, NOW + 1000), [first.id.clone(), second.id.clone()]);
    assert_eq!(ids(&holds, NOW + 59_999), [first.id.clone(), second.id.clone()]);
    assert_eq!(holds.list(NOW + 60_000), std::slice::from_ref(&second), "the first is over");
    let again = Holds::open(dir.path()).unwrap();
    assert_eq!(again.list(NOW + 2000), [first.clone(), second.clone()]);
    assert!(again.release(&first.id, NOW + 2000).unwrap());
    assert!(!again.release(&first.id, NOW + 2000).unwrap());
    assert!(!again.release(&second.id, NOW + 61_000).unwrap(), "it is over");
    assert_eq!(ids(&Holds::open(dir.path()).unwrap(), NOW + 2000), [second.id]);
}

#[test]
fn they_move_with_the_clock_they_were_taken_by() {
    let dir = tempfile::tempdir().unwrap();
    let old = take(&Holds::open(dir.path()).unwrap(), NOW);
    let holds = Holds::open(dir.path()).unwrap();
    let new = take(&holds, NOW + 1000);
    holds.shift(3_600_000).unwrap();
    let later = Holds::open(dir.path()).unwrap().list(NOW + 2000);
    assert_eq!(later[0], old, "it was written by a clock that was right");
    assert_eq!(later[1].since_ms, new.since_ms + 3_600_000);
    assert_eq!(later[1].until_ms, new.until_ms + 3_600_000);
    // A clock that was years ahead does not hold anything for years.
    assert_eq!(ids(&holds, NOW - MOST_MS), [""; 0]);
}

#[test]
fn they_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let holds = Holds::open(dir.path()).unwrap();
    let long = Wish { for_ms: u64::MAX, note: "n".repeat(1000), ..wish(1) };
    let hold = holds.take(NOW, |_| ((), Some(long))).unwrap().1.unwrap();
    assert_eq!(hold.until_ms, NOW + MOST_MS);
    assert_eq!(hold.note.len(), MOST_NOTE);
    let places = vec![(node(), 1); MOST_PLACES];
    let error = holds.take(NOW, |_| ((), Some(Wish { places, ..wish(1) }))).unwrap_err();
    assert!(error.to_string().contains("release some"), "{error}");
    assert_eq!(holds.list(NOW), [hold]);
}

#[test]
fn a_damaged_file_is_named_and_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("holds.json");
    fs::write(&path, "{\"holds\": [").unwrap();
    let error = Holds::open(dir.path()).err().unwrap();
    let text = error.chain().to_string();
    assert!(text.contains("holds.json") && text.contains("mend it"), "{text}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"holds\": [");
}

#[test]
fn what_cannot_be_kept_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let holds = Holds::open(&dir.path().join("file")).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = holds.take(NOW, |_| ((), Some(wish(1)))).unwrap_err();
    assert!(error.to_string().contains("cannot keep data"), "{error}");
    assert_eq!(holds.list(NOW), []);
}

/// Many want the last place at once: each sees what the others have taken.
#[test]
fn nothing_is_taken_twice() {
    let dir = tempfile::tempdir().unwrap();
    let holds = Holds::open(dir.path()).unwrap();
    let want = || {
        let decide = |held: &[Hold]| {
            let held: u64 = held.iter().map(|hold| hold.of(&node())).sum();
            ((), (held < 50).then(|| wish(1)))
        };
        (0..5).filter(|_| holds.take(NOW, decide).unwrap().1.is_some()).count()
    };
    let taken: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(want)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 5, "each is of 10 bytes, and 50 may be held");
    assert_eq!(Holds::open(dir.path()).unwrap().list(NOW).len(), 5);
}
