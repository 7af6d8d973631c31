//! Followers that are stuck, silent, or too many, and requests that never end.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use shared::wire::FeedMessage;

use crate::client::{Follower, get, node_when, run, upgrade};
use crate::support::{FakeProc, SOON, Server, open_sockets, resident_kib, until};

/// Connects by hand, and reads no more than the status: `101` if it is let in.
fn shake_hands(at: SocketAddr) -> (TcpStream, u16) {
    upgrade(at, "/api/v1/feed", &[])
}

/// Asks for windows, as fast as it can, and takes none of them, until the server takes no more.
fn flood(stream: &mut TcpStream) {
    let request = br#"{"watch":{"node":0}}"#;
    let mut frame = vec![0x81, 0x80 | request.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(request);
    let frames = frame.repeat(100);
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let begun = Instant::now();
    loop {
        match stream.write_all(&frames) {
            Ok(()) => assert!(begun.elapsed() < Duration::from_secs(20), "never stuck"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads whatever comes, and says nothing, until the server ends it: how long that takes.
fn stay_silent(mut stream: TcpStream) -> Duration {
    let begun = Instant::now();
    stream.read_to_end(&mut Vec::new()).unwrap();
    begun.elapsed()
}

/// One asks and takes nothing; one takes everything and never gives a sign of life, as a notebook
/// that was closed; and one does as it should. All at once, because it takes its time.
#[test]
fn who_is_stuck_or_silent_is_let_go_and_holds_nobody_up() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "50", "--viewer-timeout", "15"]);
    let at = server.address();
    let sockets = || open_sockets(server.pid());
    let alone = sockets();
    node_when(at, "pi-test", |node| !node["sample"].is_null());
    run(async {
        let mut quick = Follower::json(at).await;
        let mut seq = quick.snapshot().await.seq;
        let (silent, status) = shake_hands(at);
        assert_eq!(status, 101);
        let (mut stuck, status) = shake_hands(at);
        assert_eq!(status, 101);
        until("three followers", || (sockets() == alone + 3).then_some(()));
        let silent = thread::spawn(|| stay_silent(silent));
        let stuck = thread::spawn(move || {
            flood(&mut stuck);
            stuck
        });

        let begun = Instant::now();
        let (mut longest, mut last, mut deltas) = (Duration::ZERO, begun, 0);
        while sockets() > alone + 1 {
            match quick.message().await {
                FeedMessage::Delta(delta) => {
                    assert_eq!(delta.seq, seq + 1, "a gap");
                    seq = delta.seq;
                }
                // On a machine this busy even the quick one may miss one, and is told so.
                FeedMessage::Snapshot(snapshot) => seq = snapshot.seq,
                FeedMessage::Standings(_) => continue,
                other => panic!("nobody asked for {other:?}"),
            }
            deltas += 1;
            longest = longest.max(last.elapsed());
            last = Instant::now();
            assert!(begun.elapsed() < Duration::from_secs(30), "they are held on to");
        }
        // On an idle machine it is a tenth of a second, and ten a second.
        assert!(longest < Duration::from_secs(3), "a delta came after {longest:?}");
        let per_second = f64::from(deltas) / begun.elapsed().as_secs_f64();
        assert!(per_second > 3.0, "{per_second} deltas a second");
        let silent = silent.join().unwrap();
        assert!((12..25).contains(&silent.as_secs()), "the silent one was let go after {silent:?}");
        // Only now: it is held open to the end.
        drop(stuck.join().unwrap());
        quick.delta().await;
    });
}

#[test]
fn followers_are_limited_and_places_are_given_back() {
    const MOST: usize = headroom::head::feed::MOST_FOLLOWERS;
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--max-connections-per-address", "1000"]);
    let at = server.address();
    let mut all: Vec<TcpStream> = (0..MOST)
        .map(|number| {
            let (stream, status) = shake_hands(at);
            assert_eq!(status, 101, "follower {number}");
            stream
        })
        .collect();
    assert_eq!(shake_hands(at).1, 503);
    assert_eq!(get(at, "/healthz").status, 200, "scripts are served all the same");
    all.pop();
    until("a place", || (shake_hands(at).1 == 101).then_some(()));
    drop(all);
    until("an empty house", || (open_sockets(server.pid()) < MOST / 2).then_some(()));
}

/// A frame announced as a gigabyte: the head must not gather it.
#[test]
fn a_request_without_end_is_cut_short() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    let at = server.address();
    let resident = resident_kib(server.pid());
    let (mut stream, status) = shake_hands(at);
    assert_eq!(status, 101);
    stream.write_all(b"\x82\xff\0\0\0\0\x40\0\0\0\0\0\0\0").unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    let piece = vec![0; 64 * 1024];
    let sent = (0..1024).take_while(|_| stream.write_all(&piece).is_ok()).count();
    let more = resident_kib(server.pid()).saturating_sub(resident);
    assert!(more < 8 * 1024, "{sent} pieces of 64 KiB were taken, and {more} KiB held");
    run(async {
        Follower::json(at).await.snapshot().await;
    });
}
