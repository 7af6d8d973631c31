//! The page as the program serves it, or what stands in its place.

use std::io::Read as _;

use headroom::web::BUILD;

use crate::client::{Answer, get, request};
use crate::support::{FakeProc, Server, say};

/// The content behind the coding that the answer names.
fn decoded(answer: &Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    match answer.header("content-encoding") {
        None => plain.clone_from(&answer.body),
        Some("br") => {
            brotli::Decompressor::new(answer.body.as_slice(), 4096)
                .read_to_end(&mut plain)
                .unwrap();
        }
        Some("gzip") => {
            flate2::read::GzDecoder::new(answer.body.as_slice()).read_to_end(&mut plain).unwrap();
        }
        Some(other) => panic!("nobody asked for {other}"),
    }
    plain
}

/// The names of files that `text` mentions, as `/name-0123456789abcdef.kind`.
fn files_in(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .split(['"', '\'', '`', '(', ')', ' ', '=', '>'])
        .map(|word| word.trim_start_matches("./").trim_start_matches('/'))
        .filter(|word| {
            let stem = word.split('.').next().unwrap_or_default();
            let hash = stem.rsplit_once('-').map_or("", |(_, hash)| hash);
            word.contains('.')
                && !word.contains(['/', '\\'])
                && hash.len() == 16
                && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
        .map(|word| format!("/{word}"))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn kind(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

fn content_type(path: &str) -> &'static str {
    match kind(path) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        other => panic!("what is .{other}?"),
    }
}

#[test]
fn the_page_is_served_or_said_to_be_missing() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &[]);
    if BUILD.is_empty() {
        say(format_args!("this program has no page: checking what it says in its place"));
        without_page(&server);
    } else {
        say(format_args!("this program has page {BUILD}: checking how it is served"));
        with_page(&server);
    }
}

fn without_page(server: &Server) {
    for path in ["/", "/index.html"] {
        let answer = get(server.address(), path);
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(answer.text().contains("`cargo xtask run`"), "{}", answer.text());
    }
    get(server.address(), "/headroom.js").error(404);
}

fn with_page(server: &Server) {
    let at = server.address();
    let index = get(at, "/");
    assert_eq!(index.header("cache-control"), Some("no-cache"));
    assert!(index.text().to_ascii_lowercase().starts_with("<!doctype html>"), "{}", index.text());
    for view in ["/index.html", "/nodes/pi-07", "/compare?nodes=a,b", "/?view=heat"] {
        assert_eq!(get(at, view).body, index.body, "{view}");
    }
    get(at, "/nodes/a/b").error(404);
    check_forms(server, "/index.html");

    // What the page names, and what its scripts name in turn.
    let mut files = files_in(&index.text());
    assert!(files.iter().any(|file| kind(file) == "js"), "{files:?}");
    let scripts = files.clone().into_iter().filter(|file| kind(file) == "js");
    let named_by_scripts: Vec<_> =
        scripts.flat_map(|script| files_in(&get(at, &script).text())).collect();
    files.extend(named_by_scripts);
    files.sort();
    files.dedup();
    assert!(files.iter().any(|file| kind(file) == "wasm"), "{files:?}");
    for file in &files {
        check_forms(server, file);
        let answer = get(at, file);
        assert_eq!(
            answer.header("cache-control"),
            Some("public, max-age=31536000, immutable"),
            "{file}"
        );
    }
}

/// All three forms of a file are the same file, and each is known again by its tag.
fn check_forms(server: &Server, path: &str) {
    let at = server.address();
    let plain = get(at, path);
    assert_eq!(plain.header("content-encoding"), None, "{path}");
    let mut tags = Vec::new();
    for (accept, coding) in [
        ("identity", None),
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip, deflate", Some("gzip")),
        ("br;q=0, gzip;q=0.5", Some("gzip")),
        ("br;q=0, gzip;q=0", None),
    ] {
        let answer = request(at, "GET", path, &[("Accept-Encoding", accept)]);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-encoding"), coding, "{path}, {accept}");
        assert_eq!(answer.header("content-type"), Some(content_type(path)), "{path}, {accept}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{path}, {accept}");
        assert!(decoded(&answer) == plain.body, "{path} is another file as {coding:?}");
        if coding.is_some() && plain.body.len() > 1000 {
            assert!(answer.body.len() < plain.body.len(), "{path} does not gain from {coding:?}");
        }

        let tag = answer.header("etag").unwrap().to_owned();
        let known = |tags: &str| {
            let headers = [("Accept-Encoding", accept), ("If-None-Match", tags)];
            request(at, "GET", path, &headers)
        };
        for tags in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let answer = known(&tags);
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{path}, {accept}, {tags}");
            assert_eq!(answer.header("etag"), Some(tag.as_str()), "{path}, {accept}");
        }
        assert_eq!(known("\"another build\"").status, 200, "{path}, {accept}");
        tags.push((coding, tag));
    }
    for (coding, tag) in &tags {
        let others = tags.iter().filter(|(other, _)| other != coding);
        assert!(others.into_iter().all(|(_, other)| other != tag), "{path}: one tag, two forms");
    }
    let head = request(at, "HEAD", path, &[]);
    assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    assert_eq!(head.header("content-length"), Some(plain.body.len().to_string().as_str()));
}
