//! Builds, tests and packages Headroom: `cargo xtask help`.

mod apt;
mod bench;
mod browser;
mod check;
mod dist;
mod docs;
mod error;
mod files;
mod image;
mod package;
mod peers;
mod process;
mod skew;
mod step;
mod swarm;
mod tidy;
mod toolchain;
mod trees;
mod web;

use crate::browser::Browser;
use crate::error::{Error, Result};
use crate::package::Packages;
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
  soak boot        the package on a Debian machine that systemd-nspawn boots, from installation to
                   purge, with the watchdogs' times as they are shipped; as root
  soak crash       a head that is killed two hundred times while sixteen nodes report: what it said is
                   on disk must be there, once and in order; some eight minutes
  soak life        a restore that is killed at every call that changes a file
  soak skew        a head and agents of this version with those of an older one, which is built from
                   this repository's history into target/skew
  soak packages [OLD]
                   what `dist` makes, in Debian trees of each architecture: installed, set up, joined by
                   a node of another one, upgraded, purged; from programs OLD/ARCH/headroom of an
                   earlier build if named; the program for ARMv6 on the oldest board's processor, and
                   the image under runc; as root
  soak card [HEADROOM SWARM]
                   what a head with sixteen nodes and an agent have written to a disk that is theirs
                   alone, in half an hour from just after a commit, by the device's own counters;
                   the programs are built unless they are named; as root
  dist [--only NAMES] [--revision N]
                   what people install, in target/dist: Debian packages for amd64, arm64 and armhf,
                   tarballs for these and for armv6 (Pi 1 and Zero), an image for containers,
                   checksums, and lists of what is in them; NAMES such as arm64,armv6 makes some
                   alone
  deb --program PATH --arch NAME --out DIR [--revision N] [--native PATH] [--fast]
                   put a program that is built into a Debian package; --native is a program for this
                   machine, which writes the man pages where that one is for another; --fast packs
                   larger, in a second
  image --program ARCH=PATH… --out DIR
                   put programs that are built for amd64, arm64, armhf and armv6 into one image for
                   containers, as a directory and as an archive; without any container engine
  docs             write docs/fields.md and docs/memory.md from the code
  help             this text

What is missing for a command is found or fetched, and said before: a Rust standard library for
the browser's target and other machines (rustup, else Debian's packages unpacked below
target/toolchain); for `dist` compilers and binary tools (gcc-aarch64-linux-gnu,
gcc-arm-linux-gnueabihf, gcc-arm-linux-gnueabi, with the C libraries they link with), lintian, and
below target/tools cargo-deb and cargo-cyclonedx; and for `test` Chromium with chromedriver
(XTASK_CHROMIUM, XTASK_CHROMEDRIVER name others), procps, strace, python3, man-db, mandoc,
iproute2, nftables, faketime, openmpi-bin, prometheus, victoria-metrics, mosquitto with its
clients, debootstrap, systemd-container, skopeo, runc, docker-compose and, below target/peers,
two versions of psutil, aiosmtpd, prometheus_client, kubernetes_validate and a Debian 12 system
(250 MB), and cargo-deb below target/tools.
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
        ["soak", "life"] => ended(soak("backup_kill::")),
        ["soak", "skew"] => ended(skew::soak()),
        ["dist", args @ ..] => ended(dist::dist(args)),
        ["deb", args @ ..] => ended(dist::deb(args)),
        ["soak", "boot"] => ended(soak_boot()),
        ["soak", "packages"] => ended(package::soak(None)),
        ["soak", "packages", old] => ended(package::soak(Some(old))),
        ["soak", "card"] => measured(bench::of_card(None)),
        ["soak", "card", headroom, swarm] => {
            measured(bench::of_card(Some((headroom.into(), swarm.into()))))
        }
        ["image", args @ ..] => ended(image::image(args)),
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

/// The package on a machine with systemd, with the times of the units as they are shipped.
fn soak_boot() -> Result<()> {
    let peers = Peers::ensure()?;
    web::build()?;
    let tests = || {
        let mut cargo = process::cargo("test");
        cargo.args(["--package", "headroom", "--test", "it"]);
        cargo
    };
    process::run(tests().arg("--no-run"))?;
    let mut cargo = tests();
    peers.pass_to(&mut cargo);
    Packages::ensure()?.pass_to(&mut cargo);
    process::run(cargo.args(["--", "boot::", "--nocapture"]).env("XTASK_SOAK", "1"))
}

fn test() -> ExitCode {
    let mut steps = Steps::new();
    let browser = steps.run("browser", Browser::ensure);
    let peers = steps.try_run("peers", Peers::ensure);
    let page = steps.run("page", web::build);
    if let (Some(browser), Some(())) = (browser, page) {
        // Built as the tests are: a package of it takes no other build.
        let built = steps.run("cargo test --workspace --no-run", || {
            process::run(process::cargo("test").args(["--workspace", "--no-run"]))
        });
        let packages = built.and_then(|()| steps.try_run("package", Packages::ensure));
        steps.run("cargo test --workspace", || {
            let mut cargo = process::cargo("test");
            if let Some(packages) = &packages {
                packages.pass_to(&mut cargo);
            }
            browser.pass_to(&mut cargo);
            if let Some(peers) = &peers {
                peers.pass_to(&mut cargo);
            }
            process::run(cargo.args(["--workspace", "--no-fail-fast"]))
        });
    }
    steps.finish()
}
