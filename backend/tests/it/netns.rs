//! Machines of our own: network namespaces with an address each, on one bridge.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A bridge, and the machines on it. All of it is gone when this is dropped.
pub(crate) struct Network {
    bridge: String,
    hosts: Vec<Host>,
}

/// One machine.
pub(crate) struct Host {
    /// Its namespace.
    namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Its address.
    pub(crate) address: IpAddr,
}

/// Runs a command to its end; `Err` is why it failed, for people.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program} does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}", args.join(" "), said.trim()))
}

fn ip(args: &str) -> Result<(), String> {
    run("ip", &args.split(' ').collect::<Vec<_>>())
}

impl Network {
    /// Machines with these names; `Err` is why there can be none.
    pub(crate) fn of(names: &[&str]) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return Err("only root can make network namespaces".into());
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("hr{}-{count}", std::process::id());
        let bridge = format!("{prefix}-bridge");
        ip(&format!("netns add {bridge}"))?;
        let mut network = Self { bridge, hosts: Vec::new() };
        let bridge = &network.bridge;
        ip(&format!("-n {bridge} link add br0 type bridge"))?;
        ip(&format!("-n {bridge} link set br0 up"))?;
        for (place, name) in names.iter().enumerate() {
            let namespace = format!("{prefix}-{name}");
            ip(&format!("netns add {namespace}"))?;
            let address = Ipv4Addr::new(10, 77, 0, 10 + place as u8);
            let (name, address) = ((*name).to_owned(), address.into());
            network.hosts.push(Host { namespace: namespace.clone(), name: name.clone(), address });
            let bridge = &network.bridge;
            ip(&format!("-n {bridge} link add {name} type veth peer name eth0 netns {namespace}"))?;
            ip(&format!("-n {bridge} link set {name} master br0 up"))?;
            ip(&format!("-n {namespace} addr add {address}/24 dev eth0"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
            ip(&format!("-n {namespace} link set eth0 up"))?;
        }
        Ok(network)
    }

    /// The machine with this name.
    pub(crate) fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).unwrap()
    }

    /// Pulls the cable of a machine, or plugs it in.
    pub(crate) fn plug(&self, name: &str, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        ip(&format!("-n {} link set {name} {state}", self.bridge)).unwrap();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let namespaces = self.hosts.iter().map(|host| &host.namespace).chain([&self.bridge]);
        for namespace in namespaces {
            if let Err(error) = ip(&format!("netns del {namespace}")) {
                crate::support::say(error);
            }
        }
    }
}

impl Host {
    /// A command that runs `program` on this machine, with `more` in its environment. Its process is the
    /// program's own.
    pub(crate) fn wrap(&self, program: &Command, more: &[String]) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.namespace, "unshare", "--uts", "sh", "-c"]);
        inside.args(["hostname \"$0\" && exec env \"$@\"", &self.name]).args(more);
        inside.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Lets it believe that the world is on its cable.
    pub(crate) fn lead_out(&self) -> Result<(), String> {
        ip(&format!("-n {} route add default dev eth0", self.namespace))
    }

    /// Its network, for whoever can be given one.
    pub(crate) fn namespace_file(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.namespace)
    }

    /// Where its network is.
    pub(crate) fn network(&self) -> String {
        format!("/run/netns/{}", self.namespace)
    }

    /// Does something in a thread on this machine's network.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(self.namespace_file()).unwrap();
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                work()
            });
            there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Drops so many percent of the packets that come in, and of those that go out.
    pub(crate) fn lose(&self, percent: u32) -> Result<(), String> {
        let rule = format!("numgen random mod 100 < {percent} counter drop");
        let rules = format!(
            "table inet loss {{\n\
             chain in {{ type filter hook input priority 0; iifname eth0 {rule}; }}\n\
             chain out {{ type filter hook output priority 0; oifname eth0 {rule}; }}\n}}\n"
        );
        let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        std::fs::write(file.path(), rules).map_err(|error| error.to_string())?;
        run("ip", &["netns", "exec", &self.namespace, "nft", "-f", file.path().to_str().unwrap()])
    }

    /// Drops no more packets; says how many it dropped.
    pub(crate) fn lose_no_more(&self) -> u64 {
        let nft = ["netns", "exec", &self.namespace, "nft"];
        let table = ["table", "inet", "loss"];
        let list = Command::new("ip").args(nft).arg("list").args(table).output().unwrap();
        run("ip", &[&nft[..], &["delete"], &table].concat()).unwrap();
        let list = String::from_utf8(list.stdout).unwrap();
        let counts = list.split("packets ").skip(1).filter_map(|rest| rest.split(' ').next());
        counts.filter_map(|count| count.parse::<u64>().ok()).sum()
    }
}
