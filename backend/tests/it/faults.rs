//! Agents that do as they should not: each is refused or put up with as it should be, is told why, and
//! spoils nothing for the others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_web::rt;
use awc::ws::Message;
use shared::run::{Next, Span};
use shared::wire::{AgentMessage, to_postcard};

use crate::afar::{Afar, End, Head, hello, machine, reading, run_of};
use crate::client::run;
use crate::support::SOON;

const HERE: &str = "ab";
const ELSEWHERE: &str = "cd";

/// A node beside the one that is wrong: it reports all the while, and all of that must be there.
struct Neighbour {
    reporting: rt::task::JoinHandle<u64>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Neighbour {
    async fn begin(head: &Head) -> Self {
        let (mut afar, _) =
            Afar::join(head.at(), &head.token("neighbour"), &machine("99"), "boot").await;
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let reporting = rt::spawn(async move {
            let mut last = 0;
            while stopped.try_recv().is_err() {
                last += 1;
                afar.live([last]).await;
                rt::time::sleep(Duration::from_millis(50)).await;
            }
            afar.held(1..=last).await;
            last
        });
        Self { reporting, stop }
    }

    /// Fails if anything of it is missing.
    async fn unharmed(self, head: &Head) {
        self.stop.send(()).unwrap();
        let last = self.reporting.await.unwrap();
        assert!(last > 1);
        assert_eq!(head.record("neighbour", last as usize), (1..=last).collect::<Vec<_>>());
    }
}

async fn join(head: &Head) -> Afar {
    Afar::join(head.at(), &head.token("pi-7"), &machine(HERE), "boot").await.0
}

#[test]
fn late_doubled_and_disordered_readings_are_there_once_and_in_order() {
    run(async {
        let head = Head::start();
        let neighbour = Neighbour::begin(&head).await;
        let mut afar = join(&head).await;
        afar.live([40, 41]).await;
        // Disordered: the newer half of an outbox comes first, and after what is live.
        for numbers in [20..30, 10..20, 30..40] {
            afar.say(&run_of(numbers)).await;
        }
        afar.held(10..=41).await;
        // Doubled: all of it once more, and beyond.
        afar.say(&run_of(10..=41)).await;
        afar.live([42]).await;
        afar.say(&run_of(35..=43)).await;
        afar.say(&AgentMessage::Readings(vec![reading(41), reading(44)])).await;
        afar.held([44]).await;
        assert_eq!(head.record("pi-7", 35), (10..=44).collect::<Vec<_>>());
        // Late: what was taken before all others.
        afar.say(&run_of(1..10)).await;
        afar.held(1..=9).await;
        assert_eq!(head.record("pi-7", 44), (1..=44).collect::<Vec<_>>());
        neighbour.unharmed(&head).await;
    });
}

/// What the head holds it says to who comes back, so that it is not sent again.
#[test]
fn who_comes_back_is_told_what_is_held() {
    run(async {
        let head = Head::start();
        let token = head.token("pi-7");
        let (mut afar, welcome) = Afar::join(head.at(), &token, &machine(HERE), "a").await;
        assert_eq!((welcome.id.as_str(), welcome.held), ("pi-7", Vec::new()));
        afar.live(5..=9).await;
        afar.held(5..=9).await;
        afar.send(Message::Close(None)).await;
        afar.end(SOON).await;
        let (afar, welcome) = Afar::join(head.at(), &token, &machine(HERE), "a").await;
        assert_eq!(welcome.held, [Span { from: 5, to: 9 }]);
        drop(afar);
        // Of another boot it holds nothing; how long its link is thought to live is a matter of seconds.
        let begun = Instant::now();
        let welcome = loop {
            let mut afar = Afar::connect(head.at(), &token, &machine(HERE)).await;
            afar.say(&hello("afar", "b")).await;
            match afar.welcome().await {
                Ok(welcome) => break welcome,
                Err(end) => assert!(begun.elapsed() < SOON, "{end:?}"),
            }
            rt::time::sleep(Duration::from_millis(200)).await;
        };
        assert_eq!(welcome.held, []);
    });
}

/// Says something wrong, and is told what was wrong about it.
#[track_caller]
fn says_wrong(what: impl AsyncFnOnce(&mut Afar) + 'static, code: u16, words: &str) {
    run(async move {
        let head = Head::start();
        let neighbour = Neighbour::begin(&head).await;
        let mut afar = join(&head).await;
        afar.live(1..=3).await;
        afar.held(1..=3).await;
        what(&mut afar).await;
        let End { close, .. } = afar.end(SOON).await;
        let (closed, why) = close.expect("no close frame");
        assert_eq!(closed, code, "{why}");
        assert!(why.contains(words), "{why}");
        assert_eq!(head.record("pi-7", 3), [1, 2, 3], "what came before stays");
        neighbour.unharmed(&head).await;
    });
}

#[test]
fn garbled_messages_end_the_link() {
    says_wrong(
        async |afar| afar.send(Message::Binary(b"\x01\xff\xff\xff".as_slice().into())).await,
        1007,
        "this is not a postcard message of protocol 1",
    );
}

#[test]
fn garbled_readings_end_the_link() {
    says_wrong(
        async |afar| {
            // A message as it should be, but the difference in it leads nowhere.
            let mut bytes = to_postcard(&AgentMessage::Next(Next::default())).unwrap();
            bytes.pop();
            bytes.extend([3, 0xff, 0xff, 0xff]);
            afar.send(Message::Binary(bytes.into())).await;
        },
        1007,
        "packed readings are cut short, out of order, or more than 120",
    );
}

#[test]
fn an_oversized_frame_ends_the_link() {
    says_wrong(
        async |afar| {
            let frame = Message::Binary(vec![0; 256 * 1024 + 1].into());
            afar.send(frame).await;
        },
        1009,
        "262144 bytes",
    );
}

#[test]
fn a_frame_of_another_encoding_ends_the_link() {
    says_wrong(
        async |afar| afar.send(Message::Text("{}".into())).await,
        1003,
        "JSON goes in text frames",
    );
}

#[test]
fn more_messages_than_any_agent_has_end_the_link() {
    says_wrong(
        async |afar| {
            for _ in 0..1100 {
                afar.say(&AgentMessage::Readings(Vec::new())).await;
            }
        },
        1008,
        "too many messages",
    );
}

/// From a newer agent may come what this head does not know.
#[test]
fn kinds_of_messages_that_are_not_known_are_skipped() {
    run(async {
        let head = Head::start();
        let mut afar = join(&head).await;
        afar.send(Message::Binary(b"\x7fabc".as_slice().into())).await;
        afar.live([1]).await;
        afar.held([1]).await;
    });
}

/// One says nothing after its hello, one dribbles a message byte by byte: both are let go as if the link
/// were dead, and one that only has little to say is not.
#[test]
fn who_is_silent_or_slow_is_let_go() {
    const PATIENCE: Duration = Duration::from_secs(20);
    run(async {
        let head = Head::start();
        let neighbour = Neighbour::begin(&head).await;
        let slow = slow(head.at(), head.token("slow"));
        let silent = async {
            let token = head.token("silent");
            let (mut afar, _) = Afar::join(head.at(), &token, &machine(HERE), "boot").await;
            let begun = Instant::now();
            afar.end(PATIENCE).await;
            begun.elapsed()
        };
        let taciturn = async {
            let mut afar = join(&head).await;
            for _ in 0..4 {
                rt::time::sleep(Duration::from_secs(3)).await;
                afar.send(Message::Ping("".into())).await;
            }
            afar.live([1]).await;
            afar.held([1]).await;
        };
        let (silent, slow, ()) = tokio::join!(silent, slow, taciturn);
        for (who, after) in [("silent", silent), ("slow", slow)] {
            assert!((8.0..13.0).contains(&after.as_secs_f64()), "{who}: {after:?}");
            assert_ne!(head.told(who, "state"), "live");
        }
        neighbour.unharmed(&head).await;
    });
}

/// Says hello, then a message of which the head never sees the end: how long it is put up with.
async fn slow(at: SocketAddr, token: String) -> Duration {
    rt::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(at).unwrap();
        let request = format!(
            "GET /api/v1/agent HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: headroom.v1.postcard\r\nAuthorization: Bearer {token}\r\n\
             X-Headroom-Machine: {}\r\n\r\n",
            machine(ELSEWHERE)
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        let hello = to_postcard(&hello("slow", "boot")).unwrap();
        // A mask of zeros leaves all as it is.
        let head = [0x82, 0x80 | u8::try_from(hello.len()).unwrap(), 0, 0, 0, 0];
        stream.write_all(&[&head[..], &hello].concat()).unwrap();
        let begun = Instant::now();
        stream.write_all(&[0x82, 0xe4, 0, 0, 0, 0]).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        loop {
            let sent = stream.write_all(&[5]);
            let mut buffer = [0; 512];
            let ended = match stream.read(&mut buffer) {
                Ok(count) => count == 0,
                Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
            };
            if ended || sent.is_err() || begun.elapsed() > Duration::from_secs(20) {
                return begun.elapsed();
            }
        }
    })
    .await
    .unwrap()
}

#[test]
fn who_has_no_right_to_report_is_told_why() {
    let head = Head::start();
    let (one, other) = (head.token("one"), head.token("other"));
    let bearer = |token: &str| format!("Bearer {token}");
    let (here, elsewhere) = (machine(HERE), machine(ELSEWHERE));
    let ask = |authorization: Option<&str>, machine: &str| {
        let mut headers = vec![("X-Headroom-Machine", machine)];
        headers.extend(authorization.map(|value| ("Authorization", value)));
        head.ask(&headers)
    };
    assert!(ask(None, &here).error(401).contains("Authorization: Bearer"));
    assert!(ask(Some(&one), &here).error(401).contains("Authorization: Bearer"));
    let wrong = bearer(&format!("hrt_{}", "0".repeat(64)));
    for wrong in [wrong.as_str(), "Bearer ", "Bearer hrt_é", &bearer(&one[..20])] {
        assert!(ask(Some(wrong), &here).status == 401, "{wrong}");
    }
    assert!(ask(Some(&wrong), &here).error(401).contains("headroom token create"));
    for no_machine in ["", "ab", &"zz".repeat(32)] {
        let why = ask(Some(&bearer(&one)), no_machine).error(403);
        assert!(why.contains("64 hexadecimal digits"), "{why}");
    }
    // All is well but that it is no WebSocket; the token belongs to this machine now.
    assert_eq!(ask(Some(&bearer(&one)), &here).status, 426);
    let why = ask(Some(&bearer(&one)), &elsewhere).error(403);
    assert!(why.contains("the token of one belongs to the machine that used it first"), "{why}");
    // The token of another node makes it that node, whatever it calls itself.
    run(async {
        let (_afar, welcome) = Afar::join(head.at(), &other, &here, "boot").await;
        assert_eq!(welcome.id.as_str(), "other");
    });
    head.revoke("one");
    crate::support::until("a head that knows it is revoked", || {
        (ask(Some(&bearer(&one)), &here).status == 401).then_some(())
    });
}

/// Two agents with one token, on one machine: the first goes on, the second is told.
#[test]
fn a_token_serves_one_agent_at_a_time() {
    run(async {
        let head = Head::start();
        let token = head.token("pi-7");
        let (mut first, _) = Afar::join(head.at(), &token, &machine(HERE), "boot").await;
        first.live([1]).await;
        for boot in ["boot", "another"] {
            let mut second = Afar::connect(head.at(), &token, &machine(HERE)).await;
            second.say(&hello("second", boot)).await;
            let end = second.end(SOON).await;
            let why = end.refused.expect("it is not told why");
            assert!(why.contains("another agent reports node pi-7"), "{why}");
            assert_eq!(end.close.map(|(code, _)| code), Some(1008));
        }
        first.live([2]).await;
        first.held([2]).await;
        assert_eq!(head.record("pi-7", 2), [1, 2]);
        assert_eq!(head.told("pi-7", "state"), "live");
    });
}

#[test]
fn a_revoked_node_is_cut_off_within_a_second() {
    run(async {
        let head = Head::start();
        let neighbour = Neighbour::begin(&head).await;
        let mut afar = join(&head).await;
        afar.live([1]).await;
        afar.held([1]).await;
        head.revoke("pi-7");
        let begun = Instant::now();
        let end = afar.end(SOON).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        let why = end.refused.expect("it is not told why");
        assert!(why.contains("the token of node pi-7 was revoked"), "{why}");
        assert_eq!(head.told("pi-7", "state"), "refused");
        assert_eq!(head.told("pi-7", "refusal"), why);
        neighbour.unharmed(&head).await;
    });
}

#[test]
fn who_reports_before_it_says_who_it_is_is_refused() {
    run(async {
        let head = Head::start();
        let mut afar = Afar::connect(head.at(), &head.token("pi-7"), &machine(HERE)).await;
        afar.live([1]).await;
        let why = afar.end(SOON).await.refused.expect("it is not told why");
        assert!(why.contains("before it said which node it is"), "{why}");
    });
}
