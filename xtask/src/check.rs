//! `check`: everything that needs no test run to be judged.

use crate::process::{self, cargo};
use crate::step::Steps;
use crate::toolchain::Toolchain;
use std::process::ExitCode;

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

pub(crate) fn check() -> ExitCode {
    let mut steps = Steps::new();
    steps.run("format", || process::run(cargo("fmt").args(["--all", "--check"])));
    steps.run("clippy", || {
        let mut clippy = cargo("clippy");
        process::run(clippy.args(["--workspace", "--all-targets"]).args(DENY_WARNINGS))
    });
    if let Some(toolchain) = steps.run("compiler for the page", Toolchain::ensure) {
        if toolchain.has_clippy() {
            steps.run("clippy of the page", || {
                process::run(toolchain.cargo("clippy").args(["-p", "frontend"]).args(DENY_WARNINGS))
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
    if process::find(&["cargo-deny"]).is_some() {
        steps.run("cargo deny", || process::run(cargo("deny").arg("check")));
    } else {
        steps.not_run("cargo deny", "it is not installed: `cargo install cargo-deny --locked`");
    }
    steps.finish()
}
