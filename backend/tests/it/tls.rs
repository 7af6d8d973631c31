//! TLS: the certificate that is made, the one that is given, and who is not trusted.

use std::fs;
use std::path::Path;
use std::process::Command;

use headroom::tls::{Fingerprint, fingerprint};
use rustls::client::verify_server_name;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::ParsedCertificate;

use crate::client::{get, request_tls, send_raw};
use crate::support::{FakeProc, Server, headroom, mode, say};

/// Off loopback. No password is set, so only the page is shown.
const OUTSIDE: &str = "0.0.0.0:0";

pub(crate) fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

#[test]
fn the_first_start_makes_a_certificate_and_the_next_keeps_it() {
    let fake = FakeProc::new();
    let server = Server::start_at(OUTSIDE, &fake, &["--host-names", "dash.example.org"]);
    let path = fake.path("data/cert.pem");
    let made = certificate(&path);
    assert_eq!(server.fingerprint(), fingerprint(&made));
    compare_with_openssl(&path, server.fingerprint());
    for (path, bits) in [("data", 0o700), ("data/cert.pem", 0o600), ("data/key.pem", 0o600)] {
        assert_eq!(mode(&fake.path(path)), bits, "{path}");
    }
    let parsed = ParsedCertificate::try_from(&made).unwrap();
    let name = sysinfo::System::host_name().unwrap();
    for name in ["localhost", "127.0.0.1", "::1", "dash.example.org", &name] {
        verify_server_name(&parsed, &name.to_owned().try_into().unwrap()).expect(name);
    }
    verify_server_name(&parsed, &"example.org".try_into().unwrap()).unwrap_err();
    assert_eq!(request_tls(&server, "GET", "/healthz", &[]).json()["status"], "ok");
    drop(server);
    let server = Server::start_at(OUTSIDE, &fake, &[]);
    assert_eq!(server.fingerprint(), fingerprint(&made));
}

/// `SHA256 Fingerprint=AB:CD:…`
fn compare_with_openssl(path: &Path, ours: Fingerprint) {
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(path);
    let Ok(output) = openssl.output() else {
        return say("NOT RUN: the fingerprint is not compared, as there is no openssl here");
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs = text.trim().split_once('=').unwrap().1;
    assert_eq!(ours.to_string(), format!("sha256:{theirs}"));
}

#[test]
fn a_plain_head_on_loopback_without_history_keeps_nothing() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--history=false"]);
    assert_eq!(get(server.address(), "/api/v1/nodes").status, 200);
    assert!(!fake.path("data").exists());
    assert_eq!(server.stderr(), "");
}

#[test]
fn who_forgets_the_s_is_told() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--tls"]);
    let error = get(server.address(), "/").error(400);
    assert!(error.contains("https://"), "{error}");
    // Whatever else is no handshake ends, too.
    let answer = std::panic::catch_unwind(|| send_raw(server.address(), b"\x16\x03\x01\0\x02ab"));
    assert!(answer.is_err());
    assert_eq!(request_tls(&server, "GET", "/healthz", &[]).status, 200);
}

#[test]
fn a_certificate_that_is_given_is_used_and_checked() {
    let fake = FakeProc::new();
    let of = |data: &str| {
        headroom::tls::of_head(&fake.path(data), None, &["pi".into()]).unwrap().fingerprint()
    };
    let (given, _) = (of("given"), of("other"));
    let path = |path: &str| fake.path(path).to_str().unwrap().to_owned();
    let (cert, key, other) = (path("given/cert.pem"), path("given/key.pem"), path("other/key.pem"));
    let server = Server::start(&fake, &["--tls-cert", &cert, "--tls-key", &key]);
    assert_eq!(server.fingerprint(), given);
    assert_eq!(request_tls(&server, "GET", "/healthz", &[]).status, 200);
    assert!(!fake.path("data/key.pem").exists(), "none is made beside it");
    fs::write(fake.path("empty"), "").unwrap();
    for (cert, key, words) in [
        (&cert, &other, &[&cert, "KeyMismatch"][..]),
        (&key, &key, &[&key, "no certificate"]),
        (&cert, &path("empty"), &["empty", "no private key"]),
        (&path("none"), &key, &["none", "no such file"]),
    ] {
        let mut args = vec!["--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key];
        let trees = fake.args();
        args.extend(trees.iter().map(String::as_str));
        let output = headroom(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn only_the_head_that_is_meant_is_asked() {
    let fake = FakeProc::new();
    let args = ["--tls", "--period-ms", "100"];
    let server = Server::start(&fake, &args);
    let url = format!("https://{}", server.address());
    let seen = server.fingerprint().to_string();
    crate::support::until("a reading", || {
        let output = headroom(["explain", "--head", &url, "--fingerprint", &seen]);
        output.status.success().then_some(())
    });
    let other = format!("sha256:{}", ["AB"; 32].join(":"));
    for (args, code, words) in [
        (&["--head", &url, "--fingerprint", &other][..], 1, &[&seen[..], &other][..]),
        (&["--head", &url], 2, &["--fingerprint"]),
        (&["--head", &url.replace("https", "http"), "--fingerprint", &seen], 2, &["https://"]),
        (&["--head", &url.replace("https", "http")], 1, &["https://", "400"]),
    ] {
        let output = headroom(["doctor"].iter().chain(args));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
        assert_eq!(output.stdout, b"");
    }
}
