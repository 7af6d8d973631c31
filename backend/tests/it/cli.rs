//! The command line: what is wrong ends at once, with the right exit code and a name for it.

use std::fs;
use std::net::TcpListener;
use std::process::{Output, Stdio};

use crate::client::{get, node_when};
use crate::support::{FakeProc, Server, command, headroom, until};

/// The program must have ended with `code` and, on standard error, all of `words`.
fn ended(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    if code != 0 {
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "errors belong on standard error");
    }
}

#[test]
fn it_says_what_it_is() {
    let version = headroom(["--version"]);
    ended(&version, 0, &[]);
    let line = format!("headroom {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&version.stdout), line);
    for (args, words) in [
        (
            &["--help"][..],
            &["serve", "free", "doctor", "--listen", "--proc-root", "[env: HEADROOM_LISTEN="][..],
        ),
        (&["serve", "--help"], &["--listen", "--insecure-http", "--host-names", "--period-ms"]),
        (&["free", "--help"], &["--json", "--bytes"]),
        (&["doctor", "--help"], &["--json", "--ask-firmware", "deprecated", "--sys-root"]),
    ] {
        let help = headroom(args);
        ended(&help, 0, &[]);
        // As it is wrapped depends on the longest option.
        let text = String::from_utf8_lossy(&help.stdout);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(text.contains(word), "{word} is not in: {text}");
        }
    }
}

#[test]
fn what_is_said_wrongly_is_named() {
    for (args, words) in [
        (&["--perriod-ms", "5"][..], &["--perriod-ms", "--period-ms"][..]),
        (&["fre"], &["'fre'", "'free'"]),
        (&["free", "--json", "-b"], &["--json", "--bytes"]),
        (&["free", "--listen", "127.0.0.1:0"], &["--listen"]),
        (&["--listen", "8080"], &["\"8080\"", "127.0.0.1:8080", "--listen"]),
        (&["--listen", "localhost:8080"], &["\"localhost:8080\"", "--listen"]),
        (&["--period-ms", "49"], &["49", "50 to 60000", "--period-ms"]),
        (&["serve", "--period-ms", "1s"], &["\"1s\"", "--period-ms"]),
        (&["--listen", "0.0.0.0:0", "--tls=false"], &["0.0.0.0:0", "--insecure-http"]),
        (&["--listen", "[::]:0", "--tls=false"], &["[::]:0", "--insecure-http"]),
        (&["--listen", "0.0.0.0:0", "--tls=false", "--insecure-http=false"], &["--insecure-http"]),
        (&["--tls-cert", "cert.pem"], &["tls_cert", "tls_key"]),
        (&["--trusted-proxies", "proxy"], &["proxy", "--trusted-proxies"]),
        (&["--max-connections", "0"], &["--max-connections"]),
        (&["token", "create", "Pi 5"], &["\"Pi 5\"", "lower-case"]),
        (&["token", "create", "pi-5", "--head", "pi"], &["\"pi\"", "https://"]),
        (&["explain", "--head", "https://a", "--fingerprint", "ab"], &["64 hexadecimal"]),
        (&["--config", "/no/such/headroom.toml"], &["/no/such/headroom.toml"]),
    ] {
        ended(&headroom(args), 2, words);
    }
}

#[test]
fn the_environment_is_checked() {
    for args in [&["free"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let output = command().args(args).env("HEADROOM_LISTN", "127.0.0.1:0").output().unwrap();
        ended(&output, 2, &["HEADROOM_LISTN", "HEADROOM_LISTEN"]);
    }
    let output = command().env("HEADROOM_PERIOD_MS", "never").output().unwrap();
    ended(&output, 2, &["\"never\"", "--period-ms"]);
    let mut program = command();
    program.env("HEADROOM_LISTEN", "0.0.0.0:0").env("HEADROOM_TLS", "false");
    let output = program.output().unwrap();
    ended(&output, 2, &["0.0.0.0:0", "--insecure-http"]);
    let fake = FakeProc::new();
    let mut free = command();
    free.arg("free").env("HEADROOM_PROC_ROOT", fake.path("proc")).env("HEADROOM_SYS_ROOT", "/none");
    let output = free.args(["--json"]).output().unwrap();
    ended(&output, 0, &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("3976716288"));
}

#[test]
fn a_settings_file_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pi.toml");
    let name = path.to_str().unwrap();
    for (text, word) in [
        ("perriod_ms = 1000", "perriod_ms"),
        ("period_ms = 1", "1 is not a period"),
        ("period_ms = \"often\"", "period_ms"),
        ("listen = \"0.0.0.0:0\"\ntls = false", "--insecure-http"),
        ("listen = ", "line 1"),
    ] {
        fs::write(&path, text).unwrap();
        let words = if word == "--insecure-http" { vec![word] } else { vec![word, name] };
        ended(&headroom(["--config", name]), 2, &words);
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let fake = FakeProc::new();
    let path = fake.path("headroom.toml");
    let tree = |path: &str| fake.path(path).to_str().unwrap().to_owned();
    let text = format!(
        "listen = \"127.0.0.1:0\"\nperiod_ms = 200\nproc_root = {:?}\nsys_root = {:?}\n\
         host_names = [\"from-the-file\"]\n",
        tree("proc"),
        tree("sys")
    );
    fs::write(&path, text).unwrap();
    for (environment, flags, period_ms) in
        [(None, &[][..], 200), (Some("300"), &[], 300), (Some("300"), &["--period-ms", "400"], 400)]
    {
        let mut program = command();
        program.env("HEADROOM_CONFIG", &path).args(flags);
        if let Some(ms) = environment {
            program.env("HEADROOM_PERIOD_MS", ms);
        }
        let server = Server::spawn(&mut program, Stdio::piped());
        let node = node_when(server.address(), "pi-test", |node| !node["sample"].is_null());
        assert_eq!(node["period_ms"], period_ms);
        assert_eq!(node["sample"]["temperature_millicelsius"], 48_312);
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    ended(&headroom(["--listen", &address]), 1, &[&address, "--listen"]);
    // That plain HTTP is meant was said, so this too gets as far as to the port.
    let everywhere = format!("0.0.0.0:{port}");
    ended(&headroom(["--listen", &everywhere, "--insecure-http"]), 1, &[&everywhere]);
    let output = command()
        .env("HEADROOM_LISTEN", &everywhere)
        .env("HEADROOM_INSECURE_HTTP", "true")
        .output();
    ended(&output.unwrap(), 1, &[&everywhere]);
}

#[test]
fn a_node_that_cannot_be_read_is_named() {
    let fake = FakeProc::new();
    fs::create_dir(fake.path("empty")).unwrap();
    let empty = fake.path("empty").to_str().unwrap().to_owned();
    let meminfo = format!("{empty}/meminfo");
    let proc = fake.path("proc");
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    for words in [&["free"][..], &["free", "--json"], &serve] {
        let output = headroom(words.iter().chain(&["--proc-root", &empty]));
        ended(&output, 1, &[&meminfo, "--proc-root"]);
    }
    fake.replace_meminfo_line("MemTotal", "");
    for words in [&["free"][..], &serve] {
        let output = headroom(words.iter().chain(&["--proc-root", proc.to_str().unwrap()]));
        ended(&output, 1, &[proc.join("meminfo").to_str().unwrap(), "MemTotal"]);
    }
}

/// `headroom >&-`, or into a program that ends first: that is no reason not to serve.
#[test]
fn an_address_that_nobody_reads_is_served() {
    let fake = FakeProc::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = command();
    program.args(["--listen", &address.to_string()]).args(fake.args());
    let mut child = program.stdout(writer).spawn().unwrap();
    until("an answer, or the end", || {
        let served = std::net::TcpStream::connect(address).is_ok();
        (served || child.try_wait().unwrap().is_some()).then_some(())
    });
    let ended = child.try_wait().unwrap();
    let status = ended.is_none().then(|| get(address, "/healthz").status);
    child.kill().ok();
    child.wait().unwrap();
    assert_eq!(status, Some(200), "{ended:?}");
}
