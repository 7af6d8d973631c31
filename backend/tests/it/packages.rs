//! The packages as owners have them: installed in Debian 12 trees of each architecture, set up, joined
//! over TLS by an agent of another one, upgraded, removed. Other architectures run under qemu.
//!
//! Only in `cargo xtask soak packages`, which builds them all; the package of this architecture is in
//! every `cargo xtask test`, in a tree that systemd boots.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::cluster::{Head, Program};
use crate::netns::{Host, Network};
use crate::support::say;
use crate::tree::Tree;

/// Each is a head once, and the next one its node.
const ARCHITECTURES: [&str; 3] = ["amd64", "arm64", "armhf"];
/// Within this time a thing that will happen has happened, also under an emulator.
const EMULATED: Duration = Duration::from_secs(90);
const PASSWORD: &str = "six-quiet-otters";

/// What `cargo xtask soak packages` made: packages of both revisions, and trees.
struct Made {
    packages: PathBuf,
    trees: PathBuf,
    armv6: PathBuf,
}

impl Made {
    fn find() -> Option<Self> {
        let dir = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let packages = dir("XTASK_PACKAGES")?;
        Some(Self { packages, trees: dir("XTASK_TREES")?, armv6: dir("XTASK_ARMV6")? })
    }

    /// Where the package is.
    fn package(&self, revision: u32, arch: &str) -> Option<PathBuf> {
        let end = format!("-{revision}_{arch}.deb");
        let found = std::fs::read_dir(&self.packages).unwrap().flatten().map(|entry| entry.path());
        let is_it = |path: &Path| path.to_str().is_some_and(|path| path.ends_with(&end));
        found.into_iter().find(|path| is_it(path))
    }

    /// The package, as a file in `tree`.
    fn bring(&self, tree: &Tree<'_>, revision: u32, arch: &str) -> String {
        let package = self.package(revision, arch).expect(arch);
        std::fs::copy(package, tree.at("/tmp/headroom.deb")).unwrap();
        "/tmp/headroom.deb".into()
    }

    fn tree<'a>(&self, arch: &str, host: &'a Host) -> Tree<'a> {
        Tree::of(&self.trees.join(arch), host).unwrap()
    }
}

/// Asks until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + EMULATED;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain for {EMULATED:?}: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A head's machine, set up.
struct Home<'a> {
    tree: Tree<'a>,
    host: &'a Host,
    address: SocketAddr,
    fingerprint: String,
    /// What to run on the node.
    line: String,
}

impl<'a> Home<'a> {
    /// Installs the package, and does what its owner does.
    fn set_up(made: &Made, arch: &str, host: &'a Host, node: &str) -> Self {
        let tree = made.tree(arch, host);
        let package = made.bring(&tree, 1, arch);
        tree.run("dpkg", &["-i", &package]);
        std::fs::write(tree.at("/tmp/password"), PASSWORD).unwrap();
        std::fs::set_permissions(tree.at("/tmp/password"), Permissions::from_mode(0o600)).unwrap();
        let address = SocketAddr::new(host.address, 8443);
        let listen = address.to_string();
        let args = ["setup", "--yes", "--json", "--listen", &listen, "--node", node];
        let args = [&args[..], &["--password-file", "/tmp/password"]].concat();
        let output = tree.command("headroom", &args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let set: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let (fingerprint, line) = (text(&set["fingerprint"]), text(&set["nodes"][0]["setup"]));
        Self { tree, host, address, fingerprint, line }
    }

    fn start(&self) -> Head {
        let program = Program::start(&mut self.tree.command("headroom", &["serve"]), "");
        serves(&program);
        let fingerprint = Some(self.fingerprint.parse().unwrap());
        Head { program, address: self.address, fingerprint }
    }

    /// What a command of the program prints of this head.
    fn ask(&self, command: &[&str]) -> Option<String> {
        let url = format!("https://{}", self.address);
        let of = ["--head", &url, "--fingerprint", &self.fingerprint];
        let args = [command, &of, &["--password-file", "/tmp/password"]].concat();
        let output = self.tree.command("headroom", &args).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Waits until `node` is live, and has the memory of the one kernel that all of this runs on.
    fn sees(&self, node: &str) {
        let total = until(node, || {
            let nodes: Value = serde_json::from_str(&self.ask(&["free", "--json"])?).unwrap();
            let one = nodes["nodes"].as_array()?.iter().find(|one| one["id"] == node)?;
            (one["state"] == "live").then(|| one["total"].as_u64())?
        });
        assert_eq!(total, total_of_this_kernel(), "{node}");
    }

    /// The numbers of all readings of `node` that can be had.
    fn past(&self, node: &str) -> BTreeSet<u64> {
        let export = ["export", "--from", "-1h", "--format", "jsonl", "--nodes", node];
        let lines = self.ask(&export).expect("the past");
        let number = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["reading"]["seq"].as_u64()
        };
        lines.lines().filter_map(number).collect()
    }
}

/// Of the one kernel that all of this runs on, in bytes.
fn total_of_this_kernel() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// Waits until a head is there.
fn serves(head: &Program) {
    until("a head", || head.stdout().contains("Headroom is at ").then_some(()));
}

/// Ends a program as its service manager would.
fn stop(mut program: Program) {
    program.signal(Signal::TERM);
    assert!(program.wait(EMULATED).success(), "{}", program.stderr());
}

fn life_of_a_package(made: &Made, network: &Network, arch: &str, other: &str) {
    let begun = Instant::now();
    let node = format!("pi-{other}");
    let home = Home::set_up(made, arch, network.host("head"), &node);
    let head = home.start();
    let page = home.host.inside(|| head.get("/"));
    assert!(page.status == 200 && page.text().contains("<title>Headroom"), "{}", page.status);

    let away = made.tree(other, network.host("node"));
    away.run("dpkg", &["-i", &made.bring(&away, 1, other)]);
    // The line as it is printed, but for `sudo`, which is not in so small a system.
    away.run("sh", &["-c", &home.line.replace("sudo ", "")]);
    let agent = Program::start(&mut away.command("headroom", &["agent"]), "");
    home.sees(&node);
    let past = until("some readings", || Some(home.past(&node)).filter(|past| past.len() > 3));
    stop(head.program);
    let tokens = home.tree.run("headroom", &["token", "list", "--json"]);

    home.tree.run("dpkg", &["-i", &made.bring(&home.tree, 2, arch)]);
    assert_eq!(home.tree.run("headroom", &["token", "list", "--json"]), tokens);
    let head = home.start();
    home.sees(&node);
    let now = home.past(&node);
    assert!(past.is_subset(&now), "{past:?} was there, {now:?} is");
    stop(agent);
    stop(head.program);

    for (tree, arch) in [(&home.tree, arch), (&away, other)] {
        tree.run("dpkg", &["-P", "headroom"]);
        let ours = |path: &String| path.starts_with("/tmp/");
        let left: Vec<_> = tree.files().into_iter().filter(|path| !ours(path)).collect();
        let base = made.tree(arch, home.host).files();
        let left: Vec<_> = left.into_iter().filter(|path| !base.contains(path)).collect();
        assert!(left.is_empty(), "{arch}: purge left {left:?}");
    }
    say(format_args!(
        "{arch} head, {other} node: installed, joined, upgraded, purged in {:.0?}",
        begun.elapsed()
    ));
}

/// The program for the oldest boards, on the processor of a Raspberry Pi 1 and Zero.
fn the_oldest_board(made: &Made, network: &Network) {
    let home = Home::set_up(made, "amd64", network.host("head"), "zero");
    let head = home.start();
    let on_the_board = |args: &[&str]| {
        let mut command = Command::new("qemu-arm-static");
        command.args(["-cpu", "arm1176"]).arg(&made.armv6).args(args);
        command
    };
    let free = on_the_board(&["free", "--json"]).output().unwrap();
    let free: Value = serde_json::from_slice(&free.stdout).unwrap();
    assert_eq!(free["total"], total_of_this_kernel());
    let url = format!("https://{}", home.address);
    let pin = ["--head", &url, "--fingerprint", &home.fingerprint, "--token-file", "-"];
    let agent = on_the_board(&[&["agent"], &pin[..]].concat());
    let token = home.line.split_whitespace().nth(1).unwrap();
    let node = network.host("node");
    let agent = Program::start(&mut node.wrap(&agent, &[]), &format!("{token}\n"));
    home.sees("zero");
    stop(agent);
    stop(head.program);

    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let serve = on_the_board(&["serve", "--listen", "127.0.0.1:8080", "--data-dir", data]);
    let head = Program::start(&mut node.wrap(&serve, &[]), "");
    serves(&head);
    let address = SocketAddr::from(([127, 0, 0, 1], 8080));
    let page = node.inside(|| crate::client::get(address, "/"));
    assert!(page.status == 200 && page.text().contains("<title>Headroom"), "{}", page.status);
    stop(head);
    say("armv6: `free`, an agent and a head ran on an arm1176");
}

#[test]
fn packages_serve_join_upgrade_and_leave_nothing_on_every_architecture() {
    let Some(made) = Made::find() else {
        say(
            "NOT RUN: packages of other architectures; `cargo xtask soak packages` builds and tries them",
        );
        return;
    };
    let network = Network::of(&["head", "node"]).unwrap();
    let (there, missing): (Vec<_>, Vec<_>) =
        ARCHITECTURES.into_iter().partition(|arch| made.package(2, arch).is_some());
    if !missing.is_empty() {
        say(format_args!("NOT RUN: {}, of which there are no packages", missing.join(", ")));
    }
    for (place, arch) in there.iter().enumerate() {
        let other = there[(place + 1) % there.len()];
        life_of_a_package(&made, &network, arch, other);
    }
    the_oldest_board(&made, &network);
}
