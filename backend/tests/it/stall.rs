//! A viewer that stops reading.

use std::time::{Duration, Instant};

use actix_web::rt;
use shared::Field;
use shared::wire::AgentMessage;

use crate::afar::{Afar, Head, machine, reading};

use crate::client::{Follower, run};
use crate::support::resident_kib;

/// Nodes that report ten times a second. In JSON that is two megabytes a second: soon more than the
/// system keeps for who does not read.
const NODES: usize = 40;
const STALL: Duration = Duration::from_secs(16);
/// By then the system keeps no more for it, and the head all that it will.
const FULL: Duration = Duration::from_secs(8);

async fn report(mut afar: Afar) {
    for number in 1.. {
        let mut reading = reading(number);
        for &field in Field::ALL {
            reading.sample.set(field, Some(u64::MAX - number));
        }
        afar.say(&AgentMessage::Readings(vec![reading])).await;
        rt::time::sleep(Duration::from_millis(100)).await;
    }
}

/// It costs the head bounded memory and the others nothing, and has the newest state as soon as it reads
/// again, not what it missed.
#[test]
fn who_stops_reading_gets_the_newest_state_and_holds_nobody_up() {
    run(async {
        // Readings that wait for disk would take memory of their own.
        let head = Head::with(&["--history=false"]);
        for number in 0..NODES {
            let token = head.token(&format!("pi-{number}"));
            let (afar, _) = Afar::join(head.at(), &token, &machine("ab"), "boot").await;
            rt::spawn(report(afar));
        }
        let mut stalled = Follower::json(head.at()).await;
        let mut last_seq = stalled.snapshot().await.seq;
        let mut other = Follower::json(head.at()).await;
        other.snapshot().await;
        let mut full_kib = None;
        let (begun, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        let mut newest = other.delta().await;
        while begun.elapsed() < STALL {
            newest = other.delta().await;
            longest = longest.max(last.elapsed());
            last = Instant::now();
            if begun.elapsed() > FULL {
                full_kib.get_or_insert_with(|| resident_kib(head.pid()));
            }
        }
        assert!(longest < Duration::from_secs(2), "another waited {longest:?}");
        // Sixteen megabytes were sent meanwhile.
        let grown_kib = resident_kib(head.pid()).saturating_sub(full_kib.unwrap());
        assert!(grown_kib < 4 * 1024, "the head still grew by {grown_kib} KiB");
        let resumed = Instant::now();
        let snapshot = loop {
            match stalled.kind_and_number().await {
                (kind, Some(seq)) if kind == "delta" => {
                    assert_eq!(seq, last_seq + 1, "a gap without a snapshot");
                    last_seq = seq;
                    assert!(seq < newest.seq, "it never missed anything: this tests nothing");
                }
                (kind, Some(seq)) if kind == "snapshot" => break seq,
                (kind, _) => assert_eq!(kind, "standings", "nobody asked for it"),
            }
        };
        assert!(snapshot >= newest.seq, "{snapshot} is older than {}", newest.seq);
        assert!(snapshot > last_seq + 10, "a backlog up to {last_seq}, then {snapshot}");
        assert!(resumed.elapsed() < Duration::from_secs(3), "after {:?}", resumed.elapsed());
        assert_eq!(stalled.delta().await.seq, snapshot + 1);
    });
}
