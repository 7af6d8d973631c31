//! What waits, what is told in one, and what is kept.

use std::fs;

use shared::alert::StepKind;

use super::*;
use crate::notify::made::incident;

fn entry(incident_id: u64, number: u32, kind: StepKind, at_ms: u64) -> Entry {
    let mut incident = incident(incident_id);
    let step = Step { kind, text: format!("step {number}"), ..incident.steps[0].clone() };
    incident.steps = vec![step.clone()];
    Entry { incident, step, number, url: None, at_ms, has_picture: false }
}

fn opened(id: u64, number: u32) -> Entry {
    entry(id, number, StepKind::Opened, 0)
}

fn next(outbox: &Outbox, channel: &str) -> Option<(Id, usize)> {
    outbox.next(channel, 0).map(|telling| (telling.entry.id(), telling.missed.len()))
}

fn tell_next(outbox: &mut Outbox, channel: &str, now_ms: u64) -> Option<Telling> {
    let telling = outbox.next(channel, now_ms)?;
    outbox.told(channel, &telling, Some(7), now_ms);
    Some(telling)
}

fn keep(outbox: &Outbox) {
    let (path, bytes) = outbox.encoded();
    secrets::write(&path, &bytes).unwrap();
}

#[test]
fn each_is_told_once_on_each_channel_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(dir.path(), &["a", "b"]).unwrap();
    for number in 0..3 {
        outbox.take(opened(17, number), &["a", "b"]);
        outbox.take(opened(17, number), &["a", "b"]);
    }
    outbox.take(opened(18, 0), &["b"]);
    assert_eq!(next(&outbox, "a"), Some(((17, 0), 0)));
    let instance = outbox.instance().to_owned();
    let first = tell_next(&mut outbox, "a", 5).unwrap();
    assert_eq!((first.thread, outbox.status("a")), (None, (2, 0, Some(5))));

    // It goes on where it was, also in another life of the program.
    keep(&outbox);
    let mut outbox = Outbox::open(dir.path(), &["a", "b"]).unwrap();
    assert_eq!(outbox.instance(), instance);
    outbox.take(opened(17, 1), &["a", "b"]);
    let second = tell_next(&mut outbox, "a", 6).unwrap();
    assert_eq!(second.entry.id(), (17, 1));
    assert_eq!(second.thread, Some(Thread { first: 0, reply_to: Some(7) }));
    let told: Vec<Id> =
        std::iter::from_fn(|| Some(tell_next(&mut outbox, "b", 7)?.entry.id())).collect();
    assert_eq!(told, [(17, 0), (17, 1), (17, 2), (18, 0)]);
    assert_eq!(outbox.messages.len(), 1, "what is told everywhere is forgotten");
}

#[test]
fn an_incident_that_cannot_be_told_does_not_hold_up_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(dir.path(), &["a"]).unwrap();
    for (id, number) in [(1, 0), (2, 0), (1, 1)] {
        outbox.take(opened(id, number), &["a"]);
    }
    outbox.put_off("a", 1);
    let told: Vec<Id> =
        std::iter::from_fn(|| Some(tell_next(&mut outbox, "a", 0)?.entry.id())).collect();
    assert_eq!(told, [(2, 0), (1, 0), (1, 1)]);
}

#[test]
fn what_is_stale_is_told_in_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(dir.path(), &["a"]).unwrap();
    outbox.take(entry(1, 0, StepKind::Opened, 1000), &["a"]);
    outbox.take(entry(2, 0, StepKind::Opened, 1000), &["a"]);
    outbox.take(entry(1, 1, StepKind::Worse, 2000), &["a"]);
    outbox.take(entry(1, 2, StepKind::Over, 3000), &["a"]);
    assert_eq!(outbox.next("a", 60_000).unwrap().ids, [(1, 0)], "not stale yet");
    let telling = tell_next(&mut outbox, "a", 200_000).unwrap();
    assert_eq!(telling.entry.step.kind, StepKind::Over);
    assert_eq!(telling.ids, [(1, 0), (1, 1), (1, 2)]);
    let missed: Vec<&str> = telling.missed.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(missed, ["step 0", "step 1"]);
    assert_eq!(tell_next(&mut outbox, "a", 200_000).unwrap().entry.id(), (2, 0));
    assert_eq!(outbox.next("a", 200_000), None);
}

#[test]
fn it_never_grows_beyond_its_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(dir.path(), &["a"]).unwrap();
    // The first incident goes on and on: its middle is dropped, not the others' beginnings.
    outbox.take(opened(1, 0), &["a"]);
    for id in 2..200 {
        outbox.take(opened(id, 0), &["a"]);
    }
    for number in 1..50 {
        outbox.take(opened(1, number), &["a"]);
    }
    assert_eq!(outbox.status("a"), (200, 48, None));
    assert!(outbox.lanes["a"].waiting.contains(&(1, 49)));
    assert!((2..200).all(|id| outbox.lanes["a"].waiting.contains(&(id, 0))));
    assert_eq!(outbox.messages.len(), 200);

    let mut large = opened(1000, 0);
    large.step.text = "x".repeat(MOST_BYTES / 3);
    for number in 0..9 {
        outbox.take(Entry { number, ..large.clone() }, &["a"]);
    }
    assert!(outbox.encoded().1.len() < MOST_BYTES + 100_000);
    assert!(outbox.lanes["a"].waiting.contains(&(1000, 8)), "the newest stays");
}

#[test]
fn what_cannot_be_read_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("outbox.json"), "{\"version\":1,").unwrap();
    let mut outbox = Outbox::open(dir.path(), &["a"]).unwrap();
    outbox.take(opened(1, 0), &["a", "not there"]);
    assert_eq!(next(&outbox, "a"), Some(((1, 0), 0)));
    let aside = fs::read_to_string(dir.path().join("outbox.json.damaged")).unwrap();
    assert!(aside.starts_with("{\"version\""));
}

#[test]
fn channels_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(dir.path(), &["a", "b"]).unwrap();
    let mut with_picture = opened(1, 0);
    with_picture.has_picture = true;
    outbox.take(with_picture, &["a"]);
    outbox.take(opened(2, 0), &["b"]);
    for name in ["1-0.png", "9-9.png"] {
        fs::write(dir.path().join(name), "png").unwrap();
    }
    keep(&outbox);
    let outbox = Outbox::open(dir.path(), &["b", "c"]).unwrap();
    assert_eq!(next(&outbox, "b"), Some(((2, 0), 0)));
    assert_eq!((outbox.status("a"), outbox.status("c")), ((0, 0, None), (0, 0, None)));
    assert_eq!(outbox.messages.len(), 1);
    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["outbox.json"], "pictures of nothing are removed");
}
