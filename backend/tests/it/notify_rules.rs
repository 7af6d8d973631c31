//! Messages are told once on each channel, whatever receivers do and however often the head is restarted.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use shared::alert::StepKind;

use crate::notify::{Does, Got, Place, Receiver, message, status, until};
use crate::support::SOON;

const ENOUGH: Duration = Duration::from_secs(5);

fn key(got: &Got) -> String {
    let json = got.json();
    let key = got.header("idempotency-key").unwrap();
    assert_eq!(json["key"], key);
    json["id"].as_str().unwrap().to_owned()
}

fn keys(got: &[Got]) -> Vec<String> {
    got.iter().map(key).collect()
}

fn hook(receiver: &Receiver) -> String {
    format!("url = \"{}/hook\"\ntimeout = \"1s\"", receiver.url())
}

#[test]
fn what_fails_is_told_again_and_once_and_holds_up_nobody() {
    let busy = || Does::Answers(429, "Retry-After: 2\r\n", "slow down".into());
    let bad = Receiver::new([Does::Answers(500, "", "<html>".into()), Does::Stalls]);
    let good = Receiver::new([]);
    let mut place = Place::new();
    place.channel("bad", "webhook", &hook(&bad));
    place.channel("good", "webhook", &hook(&good));
    // Nobody listens there.
    place.channel("dead", "webhook", "url = \"http://127.0.0.1:9/\"");
    place.run_to(ENOUGH, async |notifier| {
        for (id, number) in [(17, 0), (17, 1), (18, 0), (17, 0)] {
            notifier.send(message(id, number, StepKind::Opened)).await;
        }
        let began = Instant::now();
        until("the good one is told", || good.taken().len() == 3).await;
        assert!(began.elapsed() < SOON / 2, "{:?}", began.elapsed());
        until("the bad one was tried twice", || bad.got().len() == 2).await;
        until("it says what is wrong", || status(notifier, "bad").0.contains("within 1 s")).await;
        let (trouble, waiting) = status(notifier, "dead");
        assert!(trouble.contains("cannot be reached") && waiting == 3, "{trouble} {waiting}");
    });
    assert_eq!(bad.taken().len(), 0);
    assert_eq!(keys(&good.got()), ["17-0", "17-1", "18-0"]);

    // Another life of the head: the bad one asks for time, breaks off, and then takes it all.
    for does in [busy(), Does::Resets] {
        bad.then(does);
    }
    place.run_to(ENOUGH, async |notifier| {
        assert_eq!(status(notifier, "bad").1, 3);
        // The head may have noted less than it did.
        notifier.send(message(17, 1, StepKind::Opened)).await;
        until("all is told", || status(notifier, "bad").1 == 0).await;
        assert_eq!(status(notifier, "bad").0, "", "all is well again");
        assert!(notifier.status()[0].sent_ms.is_some());
    });
    let got = bad.got();
    let wait = got[3].at - got[2].at;
    assert!(wait >= Duration::from_secs(2), "it asked for 2 s and had {wait:?}");
    let mut taken = keys(&bad.taken());
    let order = |id: &str| taken.iter().position(|taken| taken == id);
    assert!(order("17-0") < order("17-1"), "{taken:?}");
    taken.sort();
    assert_eq!(taken, ["17-0", "17-1", "18-0"]);
    assert_eq!(keys(&good.got()).len(), 3, "and nothing twice on the good one");
}

#[test]
fn what_is_broken_off_is_told_again_under_the_same_name() {
    let receiver = Receiver::new([Does::Stalls]);
    let mut place = Place::new();
    place.channel("hook", "webhook", &format!("url = \"{}\"", receiver.url()));
    // As if killed: nothing is noted of what is on its way.
    place.run(async |notifier| {
        notifier.send(message(1, 0, StepKind::Opened)).await;
        until("it is on its way", || receiver.got().len() == 1).await;
    });
    place.run_to(ENOUGH, async |notifier| {
        until("it is told", || status(notifier, "hook").1 == 0).await;
    });
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].header("idempotency-key"), got[1].header("idempotency-key"));
    // And never once it was taken.
    place.run(async |_| sleep(Duration::from_millis(300)).await);
    assert_eq!(receiver.got().len(), 2);
}

#[test]
fn what_is_being_told_may_end_before_the_head_does() {
    let receiver = Receiver::new([]);
    let mut place = Place::new();
    place.channel("hook", "webhook", &hook(&receiver));
    place.run_to(ENOUGH, async |notifier| {
        notifier.send(message(1, 0, StepKind::Opened)).await;
        // Told to stop at once; it may have begun or not.
    });
    place.run_to(ENOUGH, async |notifier| {
        until("it is told", || status(notifier, "hook").1 == 0).await;
    });
    assert_eq!(keys(&receiver.got()), ["1-0"]);
}

#[test]
fn what_can_never_be_told_is_dropped_and_what_can_be_mended_waits() {
    let picky = Receiver::new([Does::Answers(422, "", "no such thing".into())]);
    let elsewhere = Receiver::new([]);
    let location = format!("Location: {}/\r\n", elsewhere.url());
    let moved = Receiver::new([Does::Answers(307, Box::leak(location.into()), String::new())]);
    let mut place = Place::new();
    place.channel("picky", "webhook", &hook(&picky));
    let token = place.secret("token", "Bearer sesame-sesame");
    let keys = format!("{}\nheader_files.Authorization = \"{token}\"", hook(&moved));
    place.channel("moved", "webhook", &keys);
    place.run(async |notifier| {
        notifier.send(message(1, 0, StepKind::Opened)).await;
        until("it is refused", || status(notifier, "picky") != (String::new(), 1)).await;
        let (trouble, waiting) = status(notifier, "picky");
        assert!(
            trouble.contains("dropped") && trouble.contains("422") && waiting == 0,
            "{trouble}"
        );
        assert!(trouble.contains("no such thing"), "{trouble}");
        notifier.send(message(1, 1, StepKind::Over)).await;
        until("the next is taken", || picky.taken().len() == 1).await;
        until("and all is well", || status(notifier, "picky").0.is_empty()).await;
        let (trouble, waiting) = status(notifier, "moved");
        assert!(trouble.contains("307") && waiting == 2, "{trouble}");
    });
    assert_eq!(moved.got()[0].header("authorization"), Some("Bearer sesame-sesame"));
    assert!(elsewhere.got().is_empty(), "nothing goes where it was not sent");
}

#[test]
fn who_wants_only_the_worst_is_told_only_that() {
    let (all, worst) = (Receiver::new([]), Receiver::new([]));
    let mut place = Place::new();
    place.channel("all", "webhook", &hook(&all));
    place.channel("worst", "webhook", &(hook(&worst) + "\nmin_severity = \"trouble\""));
    place.run_to(ENOUGH, async |notifier| {
        let mut warning = message(1, 0, StepKind::Opened);
        warning.incident.severity = shared::survey::Severity::Warning;
        notifier.send(warning).await;
        let mut about = message(2, 0, StepKind::Opened);
        about.except = Some("all".into());
        notifier.send(about).await;
        notifier.send(message(3, 0, StepKind::Opened)).await;
        until("all are told", || all.taken().len() == 2 && worst.taken().len() == 2).await;
    });
    assert_eq!(keys(&all.got()), ["1-0", "3-0"]);
    assert_eq!(keys(&worst.got()), ["2-0", "3-0"]);
}
