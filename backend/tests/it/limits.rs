//! Limits: too many connections, and clients that are too slow.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

use crate::client::{get, request_tls, upgrade};
use crate::support::{FakeProc, SOON, Server, open_sockets, resident_kib, say, until};

/// Connects from `from`, an address of loopback.
fn connect_from(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    // Other tests start programs meanwhile, which must not have it too.
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddr::from((from, 0)))?;
    connect(&socket, &to)?;
    Ok(TcpStream::from(socket))
}

fn loopback(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f01_0000 + number)
}

/// Whether the server has closed it.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    match { stream }.read(&mut [0]) {
        Ok(0) => true,
        Ok(_) => panic!("nothing was asked"),
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn one_address_has_its_share_and_others_have_theirs() {
    let fake = FakeProc::new();
    let args = ["--max-connections-per-address", "10", "--trusted-proxies", "127.0.0.9"];
    let server = Server::start(&fake, &args);
    let at = server.address();
    let from = |from: Ipv4Addr| connect_from(from, at).unwrap();
    let all: Vec<_> = (0..20).map(|_| from(loopback(1))).collect();
    let open = || all.iter().filter(|stream| !is_closed(stream)).count();
    until("ten that are closed", || (open() == 10).then_some(()));
    assert!(!is_closed(&from(loopback(2))));
    assert_eq!(get(at, "/healthz").status, 200);
    // A proxy speaks for many.
    let proxied: Vec<_> = (0..20).map(|_| from(Ipv4Addr::new(127, 0, 0, 9))).collect();
    thread::sleep(Duration::from_millis(200));
    assert!(proxied.iter().all(|stream| !is_closed(stream)));
    let said = server.stderr();
    assert_eq!(said.matches("--max-connections-per-address").count(), 1, "{said}");
    assert!(said.contains(&loopback(1).to_string()), "{said}");
    drop(all);
    until("room", || (!is_closed(&from(loopback(1)))).then_some(()));
}

/// Ten thousand connections from a hundred addresses, none of which asks for anything. Those who follow
/// the feed keep their places, and others are served meanwhile.
#[test]
fn ten_thousand_connections_push_out_only_themselves() {
    const FLOOD: u32 = 10_000;
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--max-connections", "500", "--period-ms", "100"]);
    let at = server.address();
    let (mut follower, status) = upgrade(at, "/api/v1/feed", &[]);
    assert_eq!(status, 101);
    get(at, "/api/v1/nodes");
    let before_kib = resident_kib(server.pid());
    let asked = thread::spawn(move || {
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            let begun = Instant::now();
            assert_eq!(get(at, "/api/v1/nodes").status, 200);
            longest = longest.max(begun.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
        longest
    });
    let begun = Instant::now();
    let mut open = std::collections::VecDeque::new();
    let mut most_sockets = 0;
    let mut most_kib = 0;
    for number in 0..FLOOD {
        if let Ok(stream) = connect_from(loopback(number % 100), at) {
            open.push_back(stream);
        }
        // This process may not open ten thousand files; those that were pushed out are let go of.
        if open.len() > 800 {
            open.pop_front();
        }
        if number % 500 == 0 {
            most_sockets = most_sockets.max(open_sockets(server.pid()));
            most_kib = most_kib.max(resident_kib(server.pid()));
        }
    }
    let took = begun.elapsed();
    let longest = asked.join().unwrap();
    most_kib = most_kib.max(resident_kib(server.pid()));
    let more_kib = most_kib.saturating_sub(before_kib);
    say(format_args!(
        "{FLOOD} connections in {took:.1?}: {most_sockets} sockets at most, {more_kib} KiB more, and an \
         answer to another took {longest:.0?} at most"
    ));
    assert!(most_sockets < 800, "{most_sockets} sockets");
    assert!(more_kib < 16 * 1024, "{more_kib} KiB more");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    follower.set_read_timeout(Some(SOON)).unwrap();
    let mut heard = [0; 4096];
    for _ in 0..10 {
        assert_ne!(follower.read(&mut heard).unwrap(), 0, "the follower was pushed out");
    }
    drop(open);
    until("an empty house", || (open_sockets(server.pid()) < 50).then_some(()));
}

/// How long the server keeps a client that sends `first`, then a byte every half second.
fn patience(at: SocketAddr, first: &[u8], byte: u8) -> (Duration, Vec<u8>) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let begun = Instant::now();
    stream.write_all(first).unwrap();
    let mut heard = Vec::new();
    loop {
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(0) => return (begun.elapsed(), heard),
            Ok(count) => heard.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if stream.write_all(&[byte]).is_err() {
                    return (begun.elapsed(), heard);
                }
            }
            Err(_) => return (begun.elapsed(), heard),
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it is held on to");
    }
}

#[test]
fn who_is_slow_to_ask_is_let_go() {
    let fake = FakeProc::new();
    crate::viewers::set_password(&fake, crate::viewers::PASSWORD);
    let plain = Server::start(&fake, &[]);
    let secret = Server::start(&fake, &["--tls"]);
    let endless = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ";
    let login =
        b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Content-Length: 4000\r\n\r\n";
    let read = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n";
    // A handshake of TLS that was begun, and says that more of it comes.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    thread::scope(|scope| {
        for (what, server, first, byte) in [
            ("nothing", &plain, &b""[..], b'G'),
            ("a head without end", &plain, endless, b'x'),
            ("a body without end", &plain, login, b' '),
            ("a body that nobody wants", &plain, read, b' '),
            ("a handshake without end", &secret, hello, 0),
        ] {
            scope.spawn(move || {
                let (kept, heard) = patience(server.address(), first, byte);
                let heard = String::from_utf8_lossy(&heard).into_owned();
                say(format_args!("{what}: let go after {kept:.1?}"));
                assert!(kept < Duration::from_secs(13), "{what}: {kept:?}, {heard}");
            });
        }
        // Others are served meanwhile.
        for _ in 0..20 {
            assert_eq!(get(plain.address(), "/healthz").status, 200);
            assert_eq!(request_tls(&secret, "GET", "/healthz", &[]).status, 200);
            thread::sleep(Duration::from_millis(100));
        }
    });
    until("an empty house", || (open_sockets(plain.pid()) < 20).then_some(()));
}
