//! Who may use whom: compares a file with the table of modules.

mod table;

use super::code::{self, Path};
use super::{Finding, Source};
use table::{APART, BACKEND, MODULES, Module, ONLY};

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
        let what = format!("say in xtask/src/tidy/edges/table.rs which modules `{name}` may use");
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
                &format!("{prefix}:2: mentions Instant"),
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
    fn agent_free_and_doctor_do_not_serve() {
        expect("backend/src/agent.rs", "crate::web::x", &["backend/src/agent.rs:1: `agent` uses"]);
        expect("backend/src/free.rs", "crate::head::x", &["backend/src/free.rs:1: `free` uses"]);
        let rule = "backend/src/doctor/swap.rs";
        expect(rule, "crate::head::x", &["backend/src/doctor/swap.rs:1: `doctor` uses"]);
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
