//! The package on a machine with systemd, from its installation to its purge: a Debian 12 tree that
//! systemd-nspawn boots. (In a virtual machine the kernel would be its own too; here it is this machine's.)

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use serde_json::Value;

use crate::boot_machine::{Machine, within};
use crate::client::get;
use crate::netns::{Host, Network};
use crate::support::{say, until};

const HEAD: &str = "headroom.service";
const AGENT: &str = "headroom-agent.service";
const SETTINGS: &str = "/etc/headroom/headroom.toml";
/// What a unit may be exposed to at most, by the reckoning of `systemd-analyze security`.
const MOST_EXPOSED: f64 = 2.0;
/// Within this time a unit has started, or stopped, or been found hung.
const SOON: Duration = Duration::from_secs(30);
/// The services watched and started again more quickly than people want it. With `XTASK_SOAK` they are as
/// they are shipped.
const QUICK: &str = "[Service]\nWatchdogSec=3\nRestartSec=500ms\n";

/// The packages of two revisions; `Err` is why there are none.
fn packages() -> Result<[PathBuf; 2], String> {
    let of = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_file()).ok_or(format!("{name} names no package"))
    };
    Ok([of("XTASK_DEB")?, of("XTASK_DEB_NEXT")?])
}

#[test]
fn the_package_lives_on_a_machine_with_systemd() {
    let not_run = |why: String| say(format_args!("NOT RUN: no machine to install on: {why}"));
    let packages = match packages() {
        Ok(packages) if geteuid().is_root() => packages,
        Ok(_) => return not_run("only root can boot one".into()),
        Err(why) => return not_run(why),
    };
    let network = match Network::of(&["box"]) {
        Ok(network) => network,
        Err(why) => return not_run(why),
    };
    let host = network.host("box");
    if let Err(why) = host.lead_out() {
        return not_run(why);
    }
    let machine = match Machine::boot(host) {
        Ok(machine) => machine,
        Err(why) => return not_run(why),
    };
    let is_soak = std::env::var_os("XTASK_SOAK").is_some();
    let test = Test { machine: &machine, host, is_soak };
    assert_eq!(machine.state(), "running", "before anything is installed");
    let before = test.files();
    for (package, name) in packages.iter().zip(["one.deb", "two.deb"]) {
        fs::copy(package, machine.path("/root").join(name)).unwrap();
    }
    test.step("installed", Test::is_installed);
    test.step("sandboxed", Test::is_sandboxed);
    test.step("set up", Test::a_head_is_set_up);
    test.step("joined", Test::an_agent_joins);
    test.step("watched", Test::what_hangs_or_dies_is_started_again);
    test.step("set wrongly", Test::what_is_set_wrongly_says_so_once);
    test.step("upgraded", Test::an_upgrade_keeps_what_there_is);
    test.step("restored", Test::a_backup_brings_back_what_there_was);
    test.step("purged", |test| test.a_purge_leaves_nothing(&before));
}

struct Test<'a> {
    machine: &'a Machine,
    host: &'a Host,
    is_soak: bool,
}

impl Test<'_> {
    fn step(&self, name: &str, work: impl FnOnce(&Self)) {
        let begun = Instant::now();
        work(self);
        say(format_args!("{name} within {:.1} s", begun.elapsed().as_secs_f64()));
    }

    /// Asks the head as it is when nothing is set.
    fn get(&self, path: &str) -> Value {
        let address: SocketAddr = ([127, 0, 0, 1], 8080).into();
        self.host.inside(|| get(address, path)).json()
    }

    /// What the program prints as JSON of a head with TLS, whatever it is asked.
    fn ask(&self, command: &str) -> Value {
        let fingerprint = self.machine.sh("cat /root/fingerprint");
        let way = format!("--head https://{}:8080 --fingerprint {fingerprint}", self.host.address);
        let printed = self.machine.run(&format!("headroom {command} {way} --json"));
        serde_json::from_str(&printed.out).unwrap_or(Value::Null)
    }

    /// Which nodes are live.
    fn live(&self) -> Vec<String> {
        let nodes = self.ask("free");
        let nodes = nodes["nodes"].as_array().or(nodes.as_array()).cloned().unwrap_or_default();
        let live = nodes.iter().filter(|node| node["state"] == "live");
        live.map(|node| node["id"].as_str().unwrap().to_owned()).collect()
    }

    fn restart(&self, unit: &str) {
        self.machine.sh(&format!("systemctl daemon-reload && systemctl restart {unit}"));
    }

    fn is_installed(&self) {
        let machine = self.machine;
        machine.sh("dpkg --install /root/one.deb");
        assert_eq!(machine.property(HEAD, "ActiveState"), "active");
        // Ready is who serves: asked at once.
        let nodes = self.get("/api/v1/nodes");
        let page = self.host.inside(|| get(([127, 0, 0, 1], 8080).into(), "/"));
        assert!(page.status == 200 && page.text().contains("<html"), "{}", page.text());
        assert_eq!(machine.property(HEAD, "UnitFileState"), "enabled");
        assert_eq!(machine.property(AGENT, "ActiveState"), "inactive");
        assert_eq!(machine.property(AGENT, "UnitFileState"), "disabled");
        assert_eq!(machine.state(), "running", "{}", machine.sh("systemctl --failed"));
        let total = fs::read_to_string("/proc/meminfo").unwrap();
        let total = total.lines().next().unwrap().split_whitespace().nth(1).unwrap();
        let total = total.parse::<u64>().unwrap() * 1024;
        assert_eq!(nodes["nodes"][0]["sample"]["total"], total);
        assert_eq!(nodes["nodes"][0]["sample"]["limit"], Value::Null, "its own limit is no node's");
    }

    fn is_sandboxed(&self) {
        let machine = self.machine;
        for unit in [HEAD, AGENT] {
            let said = machine.sh(&format!("systemd-analyze security {unit}"));
            let last = said.lines().last().unwrap();
            let exposed = last.split_whitespace().find_map(|word| word.parse::<f64>().ok());
            say(format_args!("{}", last.trim_start_matches('→').trim()));
            assert!(exposed.unwrap() <= MOST_EXPOSED, "{said}");
        }
        let processes = |of: &dyn Fn(&Value) -> bool| {
            let id = self.get("/api/v1/nodes")["nodes"][0]["id"].as_str().unwrap().to_owned();
            let usage = self.get(&format!("/api/v1/nodes/{id}/usage"));
            let list = usage["processes"].as_array().expect("processes").clone();
            list.iter().filter(|process| of(process)).count()
        };
        // Root's, and of a user of its own.
        let others = ["systemd", "systemd-journal", "systemd-logind", "dbus-daemon"];
        let of_others = |process: &Value| others.iter().any(|name| process["name"] == *name);
        let has_pss = |process: &Value| of_others(process) && process["pss"].is_u64();
        assert_eq!(processes(&of_others), others.len());
        assert_eq!(processes(&has_pss), 0, "nobody allowed it to look into others");
        let pid = machine.main_pid(HEAD);
        let status = machine.sh(&format!("cat /proc/{pid}/status /proc/{pid}/oom_score_adj"));
        for line in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Uid:\t6"] {
            assert!(status.contains(line), "{line:?} in {status}");
        }
        assert_eq!(machine.property(HEAD, "OOMScoreAdjust"), "-500");
        if !status.ends_with("\n-500") {
            say("NOT RUN: that the kernel spares it: root may not ask for that here");
        }
        let total = self.get("/api/v1/nodes")["nodes"][0]["sample"]["total"].as_u64().unwrap();
        let most: u64 = machine.property(HEAD, "MemoryMax").parse().unwrap();
        assert!(most <= total / 4 + 4096 && most > total / 5, "{most} of {total}");
        assert_eq!(machine.property(AGENT, "MemoryMax"), (64 << 20).to_string());
        let group = machine.property(HEAD, "ControlGroup");
        match fs::read_to_string(machine.path(&format!("/sys/fs/cgroup{group}/memory.max"))) {
            Ok(limit) => assert_eq!(limit.trim(), most.to_string()),
            Err(_) => say("NOT RUN: that the kernel holds it to that: no memory controller inside"),
        }
        let drop_in = "/usr/share/doc/headroom/examples/pss.conf";
        machine.sh(&format!("install -D -t /etc/systemd/system/{HEAD}.d {drop_in}"));
        self.restart(HEAD);
        assert_eq!(processes(&has_pss), others.len(), "with the drop-in it may look into others");
        machine.sh(&format!("rm /etc/systemd/system/{HEAD}.d/pss.conf"));
    }

    /// With a token for a node, which is made once.
    fn a_head_is_set_up(&self) {
        let machine = self.machine;
        let quick = if self.is_soak { "" } else { QUICK };
        for unit in [HEAD, AGENT] {
            machine.write(&format!("/etc/systemd/system/{unit}.d/quick.conf"), quick);
        }
        machine.sh("systemctl daemon-reload");
        let set_up = || {
            let said = machine.sh("headroom setup --json --anonymous-read --node box-2");
            serde_json::from_str::<Value>(&said).unwrap()
        };
        let made = set_up();
        assert_eq!((&made["changed"], &made["running"]), (&true.into(), &true.into()), "{made}");
        assert_eq!(made["urls"][0], format!("https://{}:8080", self.host.address));
        let token = made["nodes"][0]["token"].as_str().unwrap();
        machine.write("/etc/headroom/secrets/token", token);
        machine.sh("chmod 600 /etc/headroom/secrets/token");
        machine.write("/root/fingerprint", made["fingerprint"].as_str().unwrap());
        let pid = machine.main_pid(HEAD);
        let again = set_up();
        assert_eq!(
            (&again["changed"], &again["running"]),
            (&false.into(), &true.into()),
            "{again}"
        );
        assert_eq!(machine.main_pid(HEAD), pid, "nothing to start anew for");
    }

    /// The agent of the same machine, over TLS: it has a token, so it is a node of its own.
    fn an_agent_joins(&self) {
        let machine = self.machine;
        let address = self.host.address;
        // Nobody told it which head.
        assert!(!machine.run(&format!("systemctl start {AGENT}")).is_ok);
        let journal = machine.journal(AGENT);
        assert!(journal.contains("sudo headroom setup --agent"), "{journal}");
        assert_eq!(machine.property(AGENT, "NRestarts"), "0");
        let fingerprint = machine.sh("cat /root/fingerprint");
        let settings = fs::read_to_string(machine.path(SETTINGS)).unwrap();
        machine.write(
            SETTINGS,
            &format!(
                "{settings}\n[agent]\n\
                 head = \"https://{address}:8080\"\nfingerprint = [\"{fingerprint}\"]\n\
                 token_file = \"/etc/headroom/secrets/token\"\n"
            ),
        );
        machine.sh(&format!("systemctl enable --now {AGENT}"));
        within("both nodes are live", SOON, || self.live().len() == 2);
        assert!(self.live().contains(&"box-2".to_owned()));
        let status = |unit: &str| machine.property(unit, "StatusText");
        within("the agent says to whom it reports", SOON, || {
            status(AGENT) == format!("Reports to https://{address}:8080 as box-2")
        });
        within("the head says so", SOON, || status(HEAD) == "2 of 2 nodes live");
    }

    fn what_hangs_or_dies_is_started_again(&self) {
        let machine = self.machine;
        // As long as the shipped watchdog takes, and as long again.
        let soon = if self.is_soak { Duration::from_mins(1) } else { SOON };
        for (unit, signal) in [(HEAD, "STOP"), (AGENT, "STOP"), (HEAD, "KILL"), (AGENT, "KILL")] {
            let (begun, pid) = (Instant::now(), machine.main_pid(unit));
            machine.sh(&format!("kill -{signal} {pid}"));
            within(&format!("{unit} is there again after SIG{signal}"), soon, || {
                let [now, state] = ["MainPID", "SubState"].map(|name| machine.property(unit, name));
                now != "0" && now != pid && state == "running"
            });
            say(format_args!(
                "{unit} is there again {:.1} s after SIG{signal}",
                begun.elapsed().as_secs_f64()
            ));
        }
        for unit in [HEAD, AGENT] {
            let journal = machine.journal(unit);
            assert_eq!(journal.matches("Watchdog timeout").count(), 1, "{journal}");
        }
        within("both nodes are live again", SOON, || self.live().len() == 2);
        // Whoever works is left alone, longer than it may be silent.
        let pids = [HEAD, AGENT].map(|unit| machine.main_pid(unit));
        let silence = if self.is_soak { 35 } else { 4 };
        std::thread::sleep(Duration::from_secs(silence));
        assert_eq!([HEAD, AGENT].map(|unit| machine.main_pid(unit)), pids);
        assert_eq!(machine.state(), "running");
    }

    fn what_is_set_wrongly_says_so_once(&self) {
        let machine = self.machine;
        let right = fs::read_to_string(machine.path(SETTINGS)).unwrap();
        machine.write(SETTINGS, &format!("perriod_ms = 1\n{right}"));
        let errors = || {
            let of = "--identifier headroom --priority err";
            machine.sh(&format!("journalctl --quiet --no-pager --output cat {of}"))
        };
        let former = errors().lines().count();
        let before = machine.property(HEAD, "NRestarts");
        assert!(!machine.run(&format!("systemctl restart {HEAD}")).is_ok);
        std::thread::sleep(Duration::from_secs(if self.is_soak { 15 } else { 2 }));
        assert_eq!(machine.property(HEAD, "ActiveState"), "failed");
        assert!(machine.property(HEAD, "NRestarts") <= before, "it is tried again and again");
        let lines: Vec<_> = errors().lines().skip(former).map(str::to_owned).collect();
        let lines = lines.join("\n");
        say(format_args!("in the journal: {lines}"));
        assert_eq!(lines.lines().count(), 1, "{lines}");
        for part in ["perriod_ms", SETTINGS, "line 1"] {
            assert!(lines.contains(part), "{part} in {lines}");
        }
        machine.write(SETTINGS, &right);
        self.restart(HEAD);
        within("both nodes are live again", SOON, || self.live().len() == 2);
    }

    fn an_upgrade_keeps_what_there_is(&self) {
        let machine = self.machine;
        let keep = "cat /var/lib/headroom/tokens.json /var/lib/headroom/cert.pem /etc/headroom/headroom.toml";
        let (kept, pids) = (machine.sh(keep), [HEAD, AGENT].map(|unit| machine.main_pid(unit)));
        let begun = machine.sh("date --utc +%Y-%m-%dT%H:%M:%SZ");
        machine.sh("dpkg --install /root/two.deb");
        assert_eq!(machine.sh("dpkg-query --show --showformat '${Version}' headroom"), "0.1.0-2");
        for (unit, pid) in [HEAD, AGENT].iter().zip(&pids) {
            assert_eq!(machine.property(unit, "ActiveState"), "active");
            assert_ne!(machine.main_pid(unit), *pid, "{unit} is of the new package");
        }
        assert_eq!(machine.sh(keep), kept);
        within("both nodes are live again", SOON, || self.live().len() == 2);
        let older = |node: &str| {
            let fingerprint = machine.sh("cat /root/fingerprint");
            let address = self.host.address;
            machine.sh(&format!(
                "headroom export --head https://{address}:8080 --fingerprint {fingerprint} \
                 --from -1h --to {begun} --nodes {node} --fields free --format jsonl | wc -l"
            ))
        };
        let own = machine.sh("hostname");
        let [own, joined] = [own.as_str(), "box-2"].map(|node| older(node).parse::<u32>().unwrap());
        say(format_args!("readings from before the upgrade: {own} and {joined}"));
        assert!(own >= 10 && joined >= 5);
        assert_eq!(machine.state(), "running");
    }

    fn a_backup_brings_back_what_there_was(&self) {
        let machine = self.machine;
        machine.sh("headroom backup /root/headroom.tar");
        machine.sh("headroom token create stray --data-dir /var/lib/headroom");
        let pid = machine.main_pid(HEAD);
        let begun = Instant::now();
        machine.sh("headroom restore --yes /root/headroom.tar");
        say(format_args!("back after {:.1} s", begun.elapsed().as_secs_f64()));
        assert_ne!(machine.main_pid(HEAD), pid);
        let tokens = machine.sh("cat /var/lib/headroom/tokens.json");
        assert!(tokens.contains("box-2") && !tokens.contains("stray"), "{tokens}");
        let owners = |of: &str| machine.sh(&format!("stat --format %u {of} | sort -u"));
        let user = owners(&format!("/proc/{}", machine.main_pid(HEAD)));
        assert_eq!(owners("/var/lib/headroom/*.*"), user, "all of it is the service's own");
        within("both nodes are live again", SOON, || self.live().len() == 2);
        assert_eq!(machine.state(), "running");
    }

    fn a_purge_leaves_nothing(&self, before: &BTreeSet<String>) {
        let machine = self.machine;
        // Removed, it can come back as it was.
        machine.sh("dpkg --remove headroom");
        machine.sh("test -f /var/lib/headroom/tokens.json && test -f /etc/headroom/secrets/token");
        assert_eq!(machine.run("pgrep headroom").out, "");
        machine.sh("dpkg --purge headroom");
        let after = self.files();
        let left: Vec<_> = after.difference(before).collect();
        assert!(left.is_empty(), "left: {left:?}");
        let lost: Vec<_> = before.difference(&after).collect();
        assert!(lost.is_empty(), "taken along: {lost:?}");
        assert_eq!(machine.state(), "running");
        // The service manager forgets what is gone when it comes to it.
        until("no unit is remembered", || {
            let units = machine.run("systemctl list-units --all 'headroom*' --no-legend").out;
            units.is_empty().then_some(())
        });
    }

    /// All files, but for what dpkg, the journal and the service manager note for themselves.
    fn files(&self) -> BTreeSet<String> {
        let places = "/etc /usr /var /run";
        let found = self.machine.sh(&format!("find {places}"));
        let is_noted = |path: &&str| {
            [
                "/run/systemd/",
                "/run/udev/",
                "/run/log/journal/",
                "/var/lib/dpkg/",
                "/var/log/dpkg.log",
                "/run/agetty",
            ]
            .iter()
            .any(|noted| path.starts_with(noted) && !path.contains("headroom"))
        };
        found.lines().filter(|path| !is_noted(path)).map(str::to_owned).collect()
    }
}
