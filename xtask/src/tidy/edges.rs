//! Who may use whom: the architecture as a table.

use super::code::{self, Path};
use super::{Finding, Source};

/// What the modules of a crate may use of each other, and must not mention at all.
struct Module {
    /// Directory of the crate's source, and module below it. An empty name is the whole crate.
    at: (&'static str, &'static str),
    /// Modules of the same crate; `None` for all.
    uses: Option<&'static [&'static str]>,
    /// Paths, or parts of them.
    never: &'static [&'static str],
    /// Parts of texts.
    texts: &'static [&'static str],
    /// The rule in words.
    because: &'static str,
}

const BACKEND: &str = "backend/src";
const FRONTEND: &str = "frontend/src";

const CLOCKS: [&str; 2] = ["Instant::now", "SystemTime::now"];
const CLOCKS_AND_SOCKETS: [&str; 12] = [
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant",
    "SystemTime",
    "std::net",
    "tokio",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "actix_web",
    "actix_ws",
];

const MODULES: &[Module] = &[
    Module {
        at: ("shared/src", ""),
        uses: None,
        never: &["std::fs", "std::net", "std::process", "Instant", "SystemTime"],
        texts: &[],
        because: "shared does no I/O and reads no clock: take the value as an argument",
    },
    Module {
        at: (BACKEND, "probe"),
        uses: Some(&[]),
        never: &CLOCKS_AND_SOCKETS,
        texts: &[],
        because: "probe turns files into samples, and knows no clock, no socket and nobody else",
    },
    Module {
        at: (BACKEND, "head"),
        uses: Some(&["error"]),
        never: &[CLOCKS[0], CLOCKS[1], "actix_web", "actix_ws", "actix_rt", "std::fs", "std::net"],
        texts: &[],
        because: "head owns the fleet, knows no HTTP and no node, and is told the time",
    },
    Module {
        at: (BACKEND, "web"),
        uses: Some(&["clock", "config", "error", "head"]),
        never: &["std::fs", "sysinfo"],
        texts: &["/proc", "/sys"],
        because: "web serves what head knows and never reads a node",
    },
    Module {
        at: (BACKEND, "agent"),
        uses: Some(&["clock", "config", "error", "head", "probe"]),
        never: &["actix_web", "actix_ws"],
        texts: &[],
        because: "agent reads its node through probe and reports to head, by no other way",
    },
    Module {
        at: (BACKEND, "free"),
        uses: Some(&["clock", "config", "error", "probe"]),
        never: &["tokio", "actix_web", "actix_ws"],
        texts: &[],
        because: "free reads this node once, without head or server",
    },
    Module {
        at: (BACKEND, "clock"),
        uses: Some(&[]),
        never: &[],
        texts: &[],
        because: "clock is a leaf",
    },
    Module {
        at: (BACKEND, "error"),
        uses: Some(&["probe"]),
        never: &[],
        texts: &[],
        because: "error knows the errors of the layers below, and nothing else",
    },
    Module {
        at: (BACKEND, "config"),
        uses: Some(&["error", "probe"]),
        never: &[],
        texts: &[],
        because: "config knows what is set and not who acts on it",
    },
    Module { at: (BACKEND, "serve"), uses: None, never: &[], texts: &[], because: "" },
    Module { at: (BACKEND, "main"), uses: None, never: &[], texts: &[], because: "" },
    Module { at: (BACKEND, "lib"), uses: None, never: &[], texts: &[], because: "" },
    Module {
        at: (FRONTEND, ""),
        uses: None,
        never: &["std::fs", "std::net", "std::time"],
        texts: &[],
        because: "the browser has no files, sockets or clock of std, only panics",
    },
];

/// Modules that alone may mention something, with what it is.
const ONLY: &[(&str, &str, &[&str])] = &[(
    FRONTEND,
    "net",
    &["gloo_net", "WebSocket", "web_sys::WebSocket", "EventSource", "XmlHttpRequest"],
)];

/// Edges that do not exist, in crates whose modules are otherwise free.
const APART: &[(&str, &str, &str, &str)] =
    &[(FRONTEND, "view", "net", "views only read state; let `net` write it there")];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let paths = code::paths(&source.text);
    let crate_of = |dir: &str| source.path.strip_prefix(dir)?.strip_prefix('/').map(module);
    for rule in MODULES {
        let Some(name) = crate_of(rule.at.0) else { continue };
        if rule.at.1.is_empty() || rule.at.1 == name {
            findings.extend(against(rule, name, source, &paths));
        }
    }
    if let Some(name) = crate_of(BACKEND).filter(|name| !MODULES.iter().any(|m| m.at.1 == *name)) {
        let what = format!("say in xtask/src/tidy/edges.rs which modules `{name}` may use");
        findings.push(Finding::new(&source.path, 0, what));
    }
    for (dir, only, words) in ONLY {
        if crate_of(dir).is_some_and(|name| name != *only) {
            for word in *words {
                for path in paths.iter().filter(|path| path.contains(word)) {
                    let what = format!("mentions {word}: only `{only}` speaks to the network");
                    findings.push(Finding::new(&source.path, path.line, what));
                }
            }
        }
    }
    for (dir, from, to, what) in APART {
        if crate_of(dir) == Some(*from) {
            for path in paths.iter().filter(|path| path.contains(&format!("crate::{to}"))) {
                findings.push(Finding::new(&source.path, path.line, *what));
            }
        }
    }
    findings.dedup();
    findings
}

/// `head` for `head.rs`, `head/feed.rs` and `head/mod.rs`.
fn module(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or(path);
    first.strip_suffix(".rs").unwrap_or(first)
}

fn against(rule: &Module, name: &str, source: &Source, paths: &[Path]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |line, what: String| {
        findings.push(Finding::new(&source.path, line, format!("{what}: {}", rule.because)));
    };
    for path in paths {
        if let Some(word) = rule.never.iter().find(|word| path.contains(word)) {
            add(path.line, format!("mentions {word}"));
        }
        if let (Some(uses), [root, used, ..]) = (rule.uses, path.segments.as_slice())
            && root == "crate"
            && used != name
            && !uses.contains(&used.as_str())
        {
            add(path.line, format!("`{name}` uses `{used}`"));
        }
    }
    if !rule.texts.is_empty() {
        for (at, line) in code::literals(&source.text).lines().enumerate() {
            if let Some(text) = rule.texts.iter().find(|text| line.contains(**text)) {
                add(at + 1, format!("contains \"{text}\""));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    fn expect(path: &str, text: &str, findings: &[&str]) {
        let source = Source { path: path.into(), text: text.into() };
        let found: Vec<_> = check(&source).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), findings.len(), "{found:#?}");
        for (found, start) in found.iter().zip(findings) {
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[test]
    fn probe_stands_alone() {
        let bad =
            "use crate::{head::Head, error};\nuse std::{fs, time::Instant};\nuse std::net::IpAddr;";
        let prefix = "backend/src/probe/files.rs";
        expect(
            prefix,
            bad,
            &[
                &format!("{prefix}:1: `probe` uses `head`"),
                &format!("{prefix}:1: `probe` uses `error`"),
                &format!("{prefix}:2: mentions std::time::Instant"),
                &format!("{prefix}:3: mentions std::net"),
            ],
        );
        expect(prefix, "use crate::probe::parse;\nuse std::time::Duration;", &[]);
    }

    #[test]
    fn head_is_told_the_time_and_knows_no_http() {
        let bad = "use tokio::time::Instant;\nlet now = Instant::now();\nuse actix_web::web;";
        expect(
            "backend/src/head.rs",
            bad,
            &[
                "backend/src/head.rs:2: mentions Instant::now",
                "backend/src/head.rs:3: mentions actix",
            ],
        );
        expect(
            "backend/src/head/feed.rs",
            "crate::web::x()",
            &["backend/src/head/feed.rs:1: `head`"],
        );
    }

    #[test]
    fn web_never_reads_a_node() {
        let bad = "use crate::probe::Probe;\n// /proc in a comment\nopen(\"/proc/meminfo\")";
        expect(
            "backend/src/web.rs",
            bad,
            &["backend/src/web.rs:1: ", "backend/src/web.rs:3: contains"],
        );
    }

    #[test]
    fn agent_and_free_do_not_serve() {
        expect("backend/src/agent.rs", "crate::web::x", &["backend/src/agent.rs:1: `agent` uses"]);
        expect("backend/src/free.rs", "crate::head::x", &["backend/src/free.rs:1: `free` uses"]);
    }

    #[test]
    fn a_module_that_the_table_does_not_know_is_found() {
        expect("backend/src/new/part.rs", "", &["backend/src/new/part.rs: say in"]);
    }

    #[test]
    fn only_net_speaks_and_views_do_not_ask_it() {
        let bad = "use gloo_net::http;\nuse crate::net;";
        expect("frontend/src/state.rs", bad, &["frontend/src/state.rs:1: mentions gloo_net"]);
        expect("frontend/src/net.rs", bad, &[]);
        expect("frontend/src/view/row.rs", "crate::net::x", &["frontend/src/view/row.rs:1: views"]);
    }

    #[test]
    fn shared_has_no_clock() {
        let path = "shared/src/wire.rs";
        expect(path, "use std::time::{Duration, SystemTime};", &["shared/src/wire.rs:1: mentions"]);
    }
}
