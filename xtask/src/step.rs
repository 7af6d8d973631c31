//! Steps with a name, a time and an end: what `test` and `check` are made of.

use crate::error::Result;
use std::process::ExitCode;
use std::time::{Duration, Instant};

enum End {
    Passed,
    Failed,
    NotRun,
}

/// The steps so far. All are run even when one fails, so that one look shows every problem.
pub(crate) struct Steps {
    begun: Instant,
    rows: Vec<(String, Duration, End)>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), rows: Vec::new() }
    }

    /// Does a step; `None` when it failed, which has then been said.
    pub(crate) fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        eprintln!("\n==> {name}");
        let begun = Instant::now();
        let result = work();
        let end = if result.is_ok() { End::Passed } else { End::Failed };
        self.rows.push((name.to_owned(), begun.elapsed(), end));
        result.map_err(|error| eprintln!("error: {error}")).ok()
    }

    /// Does a step that the rest can do without: what it fails for is said, and the run goes on.
    pub(crate) fn try_run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        eprintln!("\n==> {name}");
        let begun = Instant::now();
        let result = work();
        let end = if result.is_ok() { End::Passed } else { End::NotRun };
        self.rows.push((name.to_owned(), begun.elapsed(), end));
        result.map_err(|error| eprintln!("DID NOT RUN: {error}")).ok()
    }

    /// Says that a step was left out, and why.
    pub(crate) fn not_run(&mut self, name: &str, why: &str) {
        eprintln!("\n==> {name}\nDID NOT RUN: {why}");
        self.rows.push((name.to_owned(), Duration::ZERO, End::NotRun));
    }

    /// Prints what was done and how long it took; the code is 1 when a step failed.
    pub(crate) fn finish(self) -> ExitCode {
        eprintln!();
        let mut code = ExitCode::SUCCESS;
        for (name, took, end) in &self.rows {
            let end = match end {
                End::Passed => "ok",
                End::NotRun => "DID NOT RUN",
                End::Failed => {
                    code = ExitCode::FAILURE;
                    "FAILED"
                }
            };
            eprintln!("{name:<32} {:>8.1} s  {end}", took.as_secs_f64());
        }
        eprintln!("{:<32} {:>8.1} s", "total", self.begun.elapsed().as_secs_f64());
        code
    }
}
