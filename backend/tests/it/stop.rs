//! How the server ends.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use shared::wire::Encoding;

use crate::client::{Follower, get, run};
use crate::support::{FakeProc, Server};

const IN_TIME: Duration = Duration::from_secs(3);

fn ends_in_time(signal: Signal) {
    let fake = FakeProc::new();
    let mut server = Server::start(&fake, &["--period-ms", "50"]);
    let at = server.address();
    // What must not hold it up: an idle connection, and half a request.
    let idle = TcpStream::connect(at).unwrap();
    let mut half = TcpStream::connect(at).unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    run(async {
        let mut followers = Vec::new();
        for encoding in Encoding::ALL {
            let protocol = [encoding.subprotocol()];
            let mut follower = Follower::connect(at, &protocol, None).await.unwrap();
            follower.snapshot().await;
            follower.delta().await;
            followers.push(follower);
        }
        server.signal(signal);
        for follower in &mut followers {
            assert_eq!(follower.close().await, (1001, "the head is stopping".into()));
        }
    });
    let status = server.wait(IN_TIME);
    assert_eq!(status.code(), Some(0), "{status}: {}", server.stderr());
    assert_eq!(server.stderr(), "");
    drop((idle, half));

    // Its port is free at once, for its successor.
    let port = at.port();
    let successor = Server::start_on(port, &fake, &[]);
    assert_eq!(successor.address().port(), port);
    assert_eq!(get(successor.address(), "/healthz").status, 200);
}

#[test]
fn a_service_manager_ends_it() {
    ends_in_time(Signal::TERM);
}

#[test]
fn a_person_at_the_terminal_ends_it() {
    ends_in_time(Signal::INT);
}

#[test]
fn it_can_be_ended_as_soon_as_it_says_its_address() {
    let fake = FakeProc::new();
    for _ in 0..5 {
        let mut server = Server::start(&fake, &[]);
        server.terminate();
        let status = server.wait(IN_TIME);
        assert_eq!(status.code(), Some(0), "{status}");
    }
}
