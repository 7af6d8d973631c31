//! What the feed tells: snapshots, deltas and windows, in both encodings.

use std::time::{Duration, Instant};

use awc::ws::Message;
use shared::field::Source;
use shared::wire::{Encoding, FeedMessage, FeedRequest, NodeUsage, PROTOCOL};
use shared::{Field, Sample};

use crate::client::{Follower, get, node_when, run};
use crate::support::{FakeProc, Server, VALUES};

fn sample() -> Sample {
    let mut sample = Sample::EMPTY;
    for &(field, value) in VALUES {
        sample.set(field, Some(value));
    }
    sample
}

/// A sample without what the program says of itself, which no tree of files tells.
fn of_node(sample: &Sample) -> Sample {
    let mut sample = sample.clone();
    for field in Field::of(Source::OwnProcess) {
        sample.set(field, None);
    }
    sample
}

#[test]
fn it_begins_with_a_snapshot_in_the_encoding_that_was_asked_for() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "100"]);
    let at = server.address();
    node_when(at, "pi-test", |node| !node["sample"].is_null());
    let [json, postcard] = Encoding::ALL.map(Encoding::subprotocol);
    run(async {
        for (asked, chosen) in [
            (vec![], None),
            (vec![json], Some(json)),
            (vec![postcard], Some(postcard)),
            (vec!["headroom.v9.carrier-pigeon", postcard], Some(postcard)),
            (vec!["headroom.v9.carrier-pigeon"], None),
        ] {
            let mut follower = Follower::connect(at, &asked, None).await.unwrap();
            assert_eq!(follower.protocol.as_deref(), chosen, "{asked:?}");
            let snapshot = follower.snapshot().await;
            assert_eq!(snapshot.protocol, PROTOCOL);
            assert_eq!(snapshot.build, headroom::web::BUILD);
            let [node] = &snapshot.nodes[..] else { panic!("{:?}", snapshot.nodes) };
            assert_eq!(node.id.as_str(), "pi-test");
            assert_eq!(node.facts.host_name, "pi-test");
            assert_eq!(node.facts.model.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
            assert_eq!(node.period_ms, 100);
            assert_eq!(node.trouble, None);
            let latest = node.latest.as_ref().unwrap();
            assert_eq!(of_node(&latest.sample), sample());
            assert!(snapshot.now_ms.abs_diff(latest.at_ms) < 2000);
        }
    });
}

/// For a while: both encodings tell the same, without a gap, and never late.
#[test]
fn deltas_are_numbered_and_come_once_a_second_at_least() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    run(async {
        let mut json = Follower::json(server.address()).await;
        let mut postcard =
            Follower::connect(server.address(), &[Encoding::Postcard.subprotocol()], None)
                .await
                .unwrap();
        let mut seq = json.snapshot().await.seq;
        let mut other = postcard.delta_when_snapshot_is_past(seq).await;
        let mut readings = 0;
        let mut last_us = 0;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            let heard = Instant::now();
            let delta = json.delta().await;
            assert!(heard.elapsed() < Duration::from_millis(1800), "{:?}", heard.elapsed());
            assert_eq!(delta.seq, seq + 1);
            seq = delta.seq;
            if other.seq == seq {
                assert_eq!(other, delta, "the encodings tell different things");
            }
            while other.seq <= seq {
                other = postcard.delta().await;
            }
            for reading in delta.readings {
                assert_eq!(reading.node, 0);
                assert_eq!(of_node(&reading.reading.sample), sample());
                assert!(reading.reading.uptime_us > last_us, "the node's clock stands still");
                last_us = reading.reading.uptime_us;
                readings += 1;
            }
        }
        assert!((4..=7).contains(&readings), "{readings} readings in 5 s");
    });
}

impl Follower {
    /// The first delta numbered above `seq`, after the snapshot.
    async fn delta_when_snapshot_is_past(&mut self, seq: u64) -> shared::wire::Delta {
        self.snapshot().await;
        self.delta_when(|delta| delta.seq > seq).await
    }
}

#[test]
fn silence_of_the_node_is_no_silence_of_the_feed() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "60000"]);
    run(async {
        let mut follower = Follower::json(server.address()).await;
        follower.snapshot().await;
        let mut empty = 0;
        for _ in 0..4 {
            let heard = Instant::now();
            let delta = follower.delta().await;
            assert!(heard.elapsed() < Duration::from_millis(1800), "{:?}", heard.elapsed());
            empty += u32::from(delta.readings.is_empty() && delta.joined.is_empty());
        }
        assert!(empty >= 2, "{empty} deltas without news in 4 s");
    });
}

#[test]
fn what_changes_is_told_within_two_seconds() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    run(async {
        let mut follower = Follower::json(server.address()).await;
        follower.snapshot().await;
        follower.delta_when(|delta| !delta.readings.is_empty()).await;
        for (key, field, kib) in [
            ("MemAvailable", Field::Available, 1_000_004),
            ("MemAvailable", Field::Available, 1_000_008),
            ("SwapFree", Field::SwapFree, 12),
        ] {
            fake.set_meminfo(key, kib);
            let changed = Instant::now();
            follower
                .delta_when(|delta| {
                    let told = |sample: &Sample| sample.get(field) == Some(kib * 1024);
                    delta.readings.iter().any(|reading| told(&reading.reading.sample))
                })
                .await;
            assert!(changed.elapsed() < Duration::from_secs(2), "{:?}", changed.elapsed());
        }
        let node = get(server.address(), "/api/v1/nodes/pi-test").json();
        assert_eq!(node["sample"]["available"], 1_000_008 * 1024);
        assert_eq!(node["sample"]["swap_free"], 12 * 1024);
    });
}

#[test]
fn a_watch_is_answered_with_the_recent_past() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "50"]);
    run(async {
        for encoding in Encoding::ALL {
            let mut follower =
                Follower::connect(server.address(), &[encoding.subprotocol()], None).await.unwrap();
            let snapshot = follower.snapshot().await;
            // Readings of one second share one place, so two seconds make two.
            follower.delta_when(|delta| delta.now_ms > snapshot.now_ms + 2000).await;
            follower.ask(&FeedRequest::Watch { node: 0 }).await;
            let window = follower.window().await;
            assert_eq!(window.node, 0);
            assert!((2..=60).contains(&window.readings.len()), "{}", window.readings.len());
            let in_order = |pair: &[shared::wire::Reading]| {
                // Seconds are those of the node's own clock.
                pair[0].uptime_us / 1_000_000 < pair[1].uptime_us / 1_000_000
                    && pair[0].at_ms < pair[1].at_ms
            };
            assert!(window.readings.windows(2).all(in_order), "{:?}", window.readings);
            assert!(window.readings.iter().all(|reading| of_node(&reading.sample) == sample()));

            follower.ask(&FeedRequest::Recall { node: 0 }).await;
            let past =
                |message| if let FeedMessage::Past(past) = message { Some(past) } else { None };
            let past = picked(&mut follower, past).await;
            let readings: Vec<_> = past.past.iter().collect();
            // One more may have come between, or taken the place of the last.
            let same = window.readings.len() - 1;
            assert_eq!((past.node, &readings[..same]), (0, &window.readings[..same]), "packed");

            follower.ask(&FeedRequest::Watch { node: 77 }).await;
            let window = follower.window().await;
            assert_eq!((window.node, window.readings.len()), (77, 0));
        }
    });
}

#[test]
fn a_resync_is_answered_with_a_snapshot_even_if_more_is_asked_for() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "50"]);
    run(async {
        let mut follower = Follower::json(server.address()).await;
        follower.snapshot().await;
        for also_watch in [false, true, true] {
            follower.delta().await;
            follower.ask(&FeedRequest::Resync {}).await;
            if also_watch {
                follower.ask(&FeedRequest::Watch { node: 0 }).await;
            }
            let mut last_seq = None;
            let (mut windows, mut deltas) = (0, 0);
            let snapshot = loop {
                match follower.message().await {
                    FeedMessage::Snapshot(snapshot) => break snapshot,
                    FeedMessage::Delta(delta) => {
                        last_seq = Some(delta.seq);
                        deltas += 1;
                        assert!(deltas < 10, "no snapshot comes");
                    }
                    FeedMessage::Window(_) => windows += 1,
                    FeedMessage::Survey(_) | FeedMessage::Standings(_) => {}
                    other => panic!("nobody asked for {other:?}"),
                }
            };
            if also_watch && windows == 0 {
                follower.window().await;
            }
            if let Some(seq) = last_seq {
                assert_eq!(snapshot.seq, seq + 1, "the snapshot stands in for one delta");
            }
            if !also_watch {
                assert_eq!(follower.delta().await.seq, snapshot.seq + 1);
            }
        }
    });
}

/// A newer client may ask for what this version does not know, or say more than it understands.
#[test]
fn requests_from_the_future_are_skipped() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "50"]);
    run(async {
        let mut follower = Follower::json(server.address()).await;
        let mut seq = follower.snapshot().await.seq;
        for text in [r#"{"forecast":{"node":0}}"#, r#"{"forecast":null}"#] {
            follower.send(Message::Text(text.into())).await;
        }
        for _ in 0..3 {
            seq += 1;
            assert_eq!(follower.delta().await.seq, seq);
        }
        let more = r#"{"watch":{"node":0,"since_ms":12}}"#;
        follower.send(Message::Text(more.into())).await;
        assert_eq!(follower.window().await.node, 0);

        let postcard = Encoding::Postcard.subprotocol();
        let mut follower = Follower::connect(server.address(), &[postcard], None).await.unwrap();
        let mut seq = follower.snapshot().await.seq;
        follower.send(Message::Binary(vec![99, 1, 2, 3].into())).await;
        for _ in 0..3 {
            seq += 1;
            assert_eq!(follower.delta().await.seq, seq);
        }
        follower.send(Message::Binary(vec![0, 0, 77, 77].into())).await;
        assert_eq!(follower.window().await.node, 0);
    });
}

/// The next message for which `pick` has an answer, whatever comes between.
async fn picked<T>(follower: &mut Follower, pick: impl Fn(FeedMessage) -> Option<T>) -> T {
    for _ in 0..200 {
        if let Some(answer) = pick(follower.message().await) {
            return answer;
        }
    }
    panic!("200 messages came, and not the one that was asked for");
}

fn usage(message: FeedMessage) -> Option<NodeUsage> {
    if let FeedMessage::Usage(usage) = message { Some(usage) } else { None }
}

#[test]
fn a_survey_is_told_to_those_who_watch() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    run(async {
        let mut follower = Follower::json(server.address()).await;
        follower.snapshot().await;
        follower.ask(&FeedRequest::Recall { node: 0 }).await;
        let survey =
            |message| if let FeedMessage::Survey(told) = message { Some(told) } else { None };
        let told = picked(&mut follower, survey).await;
        assert_eq!((told.node, told.survey.swaps.len()), (0, 2));
        assert_eq!(told.survey.zram[0].original, 3_211_264);
        let ids: Vec<_> = told.survey.findings.iter().map(|finding| finding.id.as_str()).collect();
        assert!(ids.contains(&"held_back"), "{ids:?}");
    });
}

#[test]
fn who_has_the_memory_is_told_to_those_who_look_for_as_long_as_they_do() {
    let fake = FakeProc::new();
    fake.write("proc/77/comm", "hungry\n");
    fake.write("proc/77/statm", "50000 20000 1000 10 0 1000 0\n");
    fake.write("proc/77/status", "Name:\thungry\nRssAnon:\t76000 kB\nVmSwap:\t500 kB\n");
    let server = Server::start(&fake, &["--period-ms", "100"]);
    run(async {
        let mut looking = Follower::json(server.address()).await;
        let mut other = Follower::json(server.address()).await;
        looking.snapshot().await;
        other.snapshot().await;
        looking.ask(&FeedRequest::Look { node: 0 }).await;
        let mut last_us = 0;
        for _ in 0..3 {
            let NodeUsage { node, usage } = picked(&mut looking, usage).await;
            assert_eq!((node, usage.process_count), (0, 1));
            let process = &usage.processes[0];
            assert_eq!((process.name.as_str(), process.pid), ("hungry", 77));
            assert_eq!(process.own(), 76_500 * 1024);
            assert!(usage.uptime_us > last_us, "each is a new one");
            last_us = usage.uptime_us;
        }
        other.ask(&FeedRequest::Look { node: 99 }).await;
        for _ in 0..30 {
            assert_eq!(usage(other.message().await), None, "it did not look there");
        }
    });
}
