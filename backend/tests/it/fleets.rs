//! A head and an agent on each of some machines, with as much available on each as a test says.

use serde_json::Value;

use crate::client::{Answer, get, send_json};
use crate::cluster::{Head, HeadPlan, Program, bare};
use crate::made::import;
use crate::support::{FakeProc, headroom, until};
use crate::viewers::{PASSWORD, set_password, sign_in};

/// See the module. Everybody may read its head; who changes anything signs in with [`PASSWORD`].
pub(crate) struct Fleet {
    pub(crate) head: Head,
    plan: HeadPlan,
    /// The machines, in the order of the nodes; the first is the head's own.
    pub(crate) machines: Vec<FakeProc>,
    pub(crate) agents: Vec<Program>,
}

impl Fleet {
    /// Nodes with so many MiB available each, and a past to import, if there is one.
    pub(crate) fn start(nodes: &[(&str, u64)], past: &str) -> Self {
        let machine = |(name, mib): &(&str, u64)| {
            let fake = FakeProc::new();
            fake.write("proc/sys/kernel/hostname", &format!("{name}\n"));
            fake.set_meminfo("MemAvailable", mib * 1024);
            fake
        };
        let machines: Vec<FakeProc> = nodes.iter().map(machine).collect();
        let data = machines[0].path("data");
        if !past.is_empty() {
            import(&data, past);
        }
        set_password(&machines[0], PASSWORD);
        let args: Vec<String> =
            machines[0].args().into_iter().chain(["--anonymous-read".into()]).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let plan = HeadPlan::new(&data, &args);
        let head = plan.start("127.0.0.1:0", &bare);
        let agent = |((name, _), machine): (&(&str, u64), &FakeProc)| {
            let args = machine.args();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            head.agent_at(head.address, &plan.token(name), &args, &bare)
        };
        let agents = nodes.iter().zip(&machines).skip(1).map(agent).collect();
        let fleet = Self { head, plan, machines, agents };
        fleet.is_there(nodes.len());
        fleet
    }

    /// Waits until the head knows what so many nodes have.
    fn is_there(&self, nodes: usize) {
        let known = |fit: &Value| {
            let all = fit["nodes"].as_array().unwrap();
            all.iter().filter(|node| node["room"] != 0).count() == nodes
        };
        until("all nodes to be known", || known(&self.fit("size=1&reserve=0")).then_some(()));
        until("history to be open", || {
            (get(self.head.address, "/api/v1/events?from=-1s").status == 200).then_some(())
        });
    }

    /// Kills the head as a loss of power does, and starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.head.program.kill();
        self.head = self.plan.start(&self.head.address.to_string(), &bare);
        self.is_there(self.machines.len());
    }

    /// What the head answers to `/api/v1/fit?…`.
    pub(crate) fn ask(&self, words: &str) -> Answer {
        get(self.head.address, &format!("/api/v1/fit?{words}"))
    }

    /// The same, in JSON.
    pub(crate) fn fit(&self, words: &str) -> Value {
        let answer = self.ask(words);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Asks for a hold, as somebody who signed in.
    pub(crate) fn hold(&self, body: &Value) -> Answer {
        let cookie = sign_in(self.head.address, PASSWORD);
        self.hold_as(&cookie, body)
    }

    /// The same, with a session that is there already.
    pub(crate) fn hold_as(&self, cookie: &str, body: &Value) -> Answer {
        send_json(self.head.address, "POST", "/api/v1/holds", &[("Cookie", cookie)], body)
    }

    /// Runs a command that asks the head.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Output {
        let url = format!("http://{}", self.head.address);
        headroom(args.iter().copied().chain(["--head", &url]))
    }
}

/// How many copies are placed on which nodes.
pub(crate) fn placed(fit: &Value) -> Vec<(&str, u64)> {
    let nodes = fit["nodes"].as_array().unwrap().iter();
    let copies = nodes.map(|node| (node["id"].as_str().unwrap(), node["copies"].as_u64().unwrap()));
    copies.filter(|(_, copies)| *copies > 0).collect()
}

/// Why nothing fits on a node; blanks are plain.
pub(crate) fn because(fit: &Value, node: &str) -> String {
    let mut nodes = fit["nodes"].as_array().unwrap().iter();
    let node = nodes.find(|other| other["id"] == node).unwrap();
    plain(node["because"].as_str().unwrap_or("nothing"))
}

/// `text` with plain blanks.
pub(crate) fn plain(text: &str) -> String {
    text.replace('\u{a0}', " ")
}
