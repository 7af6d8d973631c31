//! `check`: everything that needs no test run to be judged.

use crate::process::{self, cargo};
use crate::step::Steps;
use crate::toolchain::{TARGET, Target, Toolchain};
use std::process::ExitCode;

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

pub(crate) fn check() -> ExitCode {
    let mut steps = Steps::new();
    steps.run("format", || process::run(cargo("fmt").args(["--all", "--check"])));
    steps.run("clippy", || {
        let mut clippy = cargo("clippy");
        process::run(clippy.args(["--workspace", "--all-targets"]).args(DENY_WARNINGS))
    });
    if let Some(toolchain) = steps.run("compiler for the page", || Toolchain::ensure(TARGET)) {
        if toolchain.has_clippy() {
            steps.run("clippy of the page", || {
                process::run(
                    toolchain
                        .cargo("clippy", &Target::page())?
                        .args(["-p", "frontend"])
                        .args(DENY_WARNINGS),
                )
            });
        } else {
            steps.not_run("clippy of the page", "the compiler for the page has no clippy");
        }
    }
    steps.run("documentation", || {
        let mut doc = cargo("doc");
        doc.args(["--workspace", "--no-deps", "--document-private-items"]);
        process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    steps.run("tidy", crate::tidy::check);
    deny(&mut steps);
    steps.finish()
}

fn deny(steps: &mut Steps) {
    if process::find(&["cargo-deny"]).is_none() {
        return steps.not_run("cargo deny", "install it: `cargo install cargo-deny --locked`");
    }
    steps.run("licences, bans, sources", || {
        process::run(cargo("deny").args(["check", "licenses", "bans", "sources"]))
    });
    // These need the network, which is no fault of the tree.
    match process::output(cargo("deny").args(["check", "advisories"])) {
        Err(error) if error.to_string().contains("failed to fetch advisory database") => {
            steps.not_run("advisories", "the database of advisories cannot be fetched");
        }
        result => {
            steps.run("advisories", || result);
        }
    }
}
