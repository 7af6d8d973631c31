//! Builds, tests and packages Headroom: `cargo xtask help`.

mod apt;
mod bench;
mod browser;
mod check;
mod dist;
mod docs;
mod error;
mod files;
mod peers;
mod process;
mod step;
mod swarm;
mod tidy;
mod toolchain;
mod web;

use crate::browser::Browser;
use crate::error::{Error, Result};
use crate::peers::Peers;
use crate::step::Steps;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  run [ARGS…]      build the page and the program, then run `headroom ARGS`
  web              build the page into target/page
  test             everything `cargo test` covers, with a browser for the end-to-end tests, and
                   with other tools to compare with
  check            formatting, clippy for both targets, documentation, tidy rules, cargo-deny
  bench [cluster | history] [--short]
                   measure against the budgets; --short watches memory for 20 s, not 10 min, and
                   leaves out how many nodes a head carries; with `cluster` only what a head does
                   with a thousand nodes and more, 10 min or with --short 4; with `history` only what
                   keeping the past costs, beside Prometheus and VictoriaMetrics
  swarm --head URL --nodes N (--data-dir DIR | --tokens FILE) [OPTIONS]
                   load a head with N agents whose memory is made up; of the head that keeps its data
                   in DIR it gets the tokens itself; some can do as they should not
                   (`swarm --help`)
  soak hosts       a head and four nodes in network namespaces, each trouble as long as it says: 90 s
                   without a link, 60 s of lost packets, a head frozen for 20 s; as root
  soak crash       a head that is killed two hundred times while sixteen nodes report: what it said is
                   on disk must be there, once and in order; some eight minutes
  deb --program PATH --arch NAME --out DIR [--revision N]
                   put a program that is built for amd64, arm64 or armhf into a Debian package
  soak card [HEADROOM SWARM]
                   what a head with sixteen nodes and an agent have written to a disk that is theirs
                   alone, in half an hour from just after a commit, by the device's own counters;
                   the programs are built unless they are named; as root
  docs             write docs/fields.md and docs/memory.md from the code
  help             this text

What is missing for a command is found or fetched, and said before: a Rust standard library for
the browser's target (rustup, else Debian's packages unpacked below target/toolchain), and
for `test` Chromium with chromedriver (XTASK_CHROMIUM, XTASK_CHROMEDRIVER name others), procps,
strace, python3, iproute2, nftables, faketime, openmpi-bin, prometheus, victoria-metrics,
mosquitto with its clients and, below target/peers, two versions of psutil, aiosmtpd and
prometheus_client.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        ["run", args @ ..] => ended(run(args)),
        ["web"] => ended(web::build()),
        ["test"] => test(),
        ["check"] => check::check(),
        ["bench"] => measured(bench::bench(false)),
        ["bench", "--short"] => measured(bench::bench(true)),
        ["bench", "cluster"] => measured(bench::of_cluster(false)),
        ["bench", "cluster", "--short"] => measured(bench::of_cluster(true)),
        ["bench", "history"] => measured(bench::of_history(false)),
        ["bench", "history", "--short"] => measured(bench::of_history(true)),
        ["swarm", args @ ..] => ended(swarm::swarm(args)),
        ["soak", "hosts"] => ended(soak("hosts::")),
        ["soak", "crash"] => ended(soak("crash::")),
        ["deb", args @ ..] => ended(dist::deb(args)),
        ["soak", "card"] => measured(bench::of_card(None)),
        ["soak", "card", headroom, swarm] => {
            measured(bench::of_card(Some((headroom.into(), swarm.into()))))
        }
        ["docs"] => ended(docs::write()),
        _ => {
            eprintln!("unknown command `{}`\n\n{HELP}", args.join(" "));
            ExitCode::from(2)
        }
    }
}

/// Whether all was within its budget.
fn measured(result: Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => ended(Err(error)),
    }
}

fn ended(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The program takes our place, so that signals and the terminal are its own.
fn run(args: &[&str]) -> Result<()> {
    web::build()?;
    let mut program = std::process::Command::new(process::build_release()?);
    program.args(args);
    let cause = std::os::unix::process::CommandExt::exec(&mut program);
    Err(Error::Io { subject: program.get_program().to_string_lossy().into_owned(), cause })
}

/// The same test as always, for longer.
fn soak(tests: &str) -> Result<()> {
    Peers::ensure()?;
    let mut cargo = process::cargo("test");
    cargo.args(["--package", "headroom", "--test", "it", "--", tests, "--nocapture"]);
    process::run(cargo.env("XTASK_SOAK", "1"))
}

fn test() -> ExitCode {
    let mut steps = Steps::new();
    let browser = steps.run("browser", Browser::ensure);
    let peers = steps.try_run("peers", Peers::ensure);
    let page = steps.run("page", web::build);
    if let (Some(browser), Some(())) = (browser, page) {
        steps.run("cargo test --workspace", || {
            let mut cargo = process::cargo("test");
            browser.pass_to(&mut cargo);
            if let Some(peers) = &peers {
                peers.pass_to(&mut cargo);
            }
            process::run(cargo.args(["--workspace", "--no-fail-fast"]))
        });
    }
    steps.finish()
}
