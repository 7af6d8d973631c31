//! The architecture: what each module may use. Change it here when a decision changes.

/// What the modules of a crate may use of each other, and must not mention at all.
pub(super) struct Module {
    /// Directory of the crate's source, and module below it. An empty name is the whole crate.
    pub(super) at: (&'static str, &'static str),
    /// Modules of the same crate; `None` for all.
    pub(super) uses: Option<&'static [&'static str]>,
    /// Paths, or parts of them.
    pub(super) never: &'static [&'static str],
    /// Parts of texts.
    pub(super) texts: &'static [&'static str],
    /// The rule in words.
    pub(super) because: &'static str,
}

pub(super) const BACKEND: &str = "backend/src";
pub(super) const FRONTEND: &str = "frontend/src";

const CLOCKS: [&str; 2] = ["Instant::now", "SystemTime::now"];
const CLOCKS_AND_SOCKETS: [&str; 10] = [
    "Instant",
    "SystemTime",
    "std::net",
    "tokio",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "actix_web",
    "actix_ws",
];

pub(super) const MODULES: &[Module] = &[
    Module {
        at: ("shared/src", ""),
        uses: None,
        never: &["std::fs", "std::net", "std::process", "Instant", "SystemTime"],
        texts: &[],
        because: "shared does no I/O and reads no clock: take the value as an argument",
    },
    Module {
        at: (BACKEND, "probe"),
        uses: Some(&[]),
        never: &CLOCKS_AND_SOCKETS,
        texts: &[],
        because: "probe turns files into samples, and knows no clock, no socket and nobody else",
    },
    Module {
        at: (BACKEND, "head"),
        uses: Some(&["error"]),
        never: &[CLOCKS[0], CLOCKS[1], "actix_web", "actix_ws", "actix_rt", "std::fs", "std::net"],
        texts: &[],
        because: "head owns the fleet, knows no HTTP and no node, and is told the time",
    },
    Module {
        at: (BACKEND, "history"),
        uses: Some(&[]),
        never: &CLOCKS_AND_SOCKETS,
        texts: &["/proc", "/sys"],
        because: "history knows readings and nothing of how they came, and is told the time",
    },
    Module {
        at: (BACKEND, "keeper"),
        uses: Some(&["config", "error", "head", "history"]),
        never: &["actix_web", "actix_ws", "std::net"],
        texts: &["/proc", "/sys"],
        because: "keeper brings what the head holds to disk, and serves nothing",
    },
    Module {
        at: (BACKEND, "past"),
        uses: Some(&["ask", "clock", "config", "data", "error", "history", "keeper", "table"]),
        never: &["tokio", "actix_web", "actix_ws", "std::net"],
        texts: &["/proc", "/sys"],
        because: "past reads a history that is kept, or asks a head, and serves nothing",
    },
    Module {
        at: (BACKEND, "web"),
        uses: Some(&[
            "alerts",
            "bill",
            "clock",
            "config",
            "error",
            "exports",
            "fit",
            "head",
            "here",
            "history",
            "holds",
            "incident_page",
            "keeper",
            "metrics",
            "notify",
            "tls",
            "tokens",
            "viewers",
        ]),
        never: &["std::fs", "sysinfo"],
        texts: &["/proc", "/sys"],
        because: "web serves what head knows and never reads a node",
    },
    Module {
        at: (BACKEND, "alerts"),
        uses: Some(&[
            "ask", "clock", "config", "error", "head", "keeper", "notify", "secrets", "table",
        ]),
        never: &["actix_web", "actix_ws", "std::net"],
        texts: &["/proc", "/sys"],
        because: "alerts judges what the head knows, and has it told by notify",
    },
    Module {
        at: (BACKEND, "notify"),
        uses: Some(&["clock", "config", "error", "secrets", "tls"]),
        never: &["actix_ws", "TcpListener"],
        texts: &["/proc", "/sys"],
        because: "notify knows messages and channels, not how harm is found",
    },
    Module {
        at: (BACKEND, "incident_page"),
        uses: Some(&["secrets"]),
        never: &CLOCKS_AND_SOCKETS,
        texts: &[],
        because: "incident_page puts what is known of an incident into one document",
    },
    Module {
        at: (BACKEND, "fit"),
        uses: Some(&[
            "ask", "config", "error", "head", "here", "history", "holds", "keeper", "table",
        ]),
        never: &["actix_ws", "std::fs", "std::net"],
        texts: &["/proc", "/sys"],
        because: "fit judges what the head knows, or asks a head",
    },
    Module {
        at: (BACKEND, "holds"),
        uses: Some(&["error", "secrets"]),
        never: &["tokio", "actix_web", "actix_ws", "std::net", CLOCKS[0], CLOCKS[1]],
        texts: &["/proc", "/sys"],
        because: "holds keeps reservations, and is told the time",
    },
    Module {
        at: (BACKEND, "exports"),
        uses: Some(&["bill", "config", "error", "head", "secrets", "tls"]),
        never: &["actix_ws", "std::fs", "std::net", "TcpListener"],
        texts: &["/proc", "/sys"],
        because: "exports sends what the head knows elsewhere, and serves nothing",
    },
    Module {
        at: (BACKEND, "metrics"),
        uses: Some(&["bill", "exports", "head"]),
        never: &CLOCKS_AND_SOCKETS,
        texts: &[],
        because: "metrics puts readings into the words of Prometheus",
    },
    Module {
        at: (BACKEND, "agent"),
        uses: Some(&[
            "bill", "clock", "config", "doctor", "error", "head", "metrics", "probe", "secrets",
            "signals", "systemd", "tls",
        ]),
        never: &["actix_web", "actix_ws", "actix_rt"],
        texts: &[],
        because: "agent reads its node through probe and reports to head, here or afar, without a server",
    },
    Module {
        at: (BACKEND, "announce"),
        uses: Some(&["config", "here", "tls"]),
        never: &["actix_web", "actix_ws", "std::fs", "tokio"],
        texts: &["/proc", "/sys"],
        because: "announce tells where the head is, and hears nothing",
    },
    Module {
        at: (BACKEND, "bill"),
        uses: Some(&[]),
        never: &["std::net", "actix_web", "actix_ws", CLOCKS[0], CLOCKS[1]],
        texts: &[],
        because: "bill knows this program alone: not what it reads, nor to whom it talks",
    },
    Module {
        at: (BACKEND, "signals"),
        uses: Some(&[]),
        never: &["std::fs", "std::net"],
        texts: &[],
        because: "signals is a leaf",
    },
    Module {
        at: (BACKEND, "free"),
        uses: Some(&["ask", "clock", "config", "error", "probe", "table"]),
        never: &["tokio", "actix_web", "actix_ws"],
        texts: &[],
        because: "free reads this node once or asks a head, and serves nothing",
    },
    Module {
        at: (BACKEND, "doctor"),
        uses: Some(&["ask", "config", "error", "probe", "table"]),
        never: &["tokio", "actix_web", "actix_ws"],
        texts: &[],
        because: "doctor judges what probe saw, without head or server",
    },
    Module {
        at: (BACKEND, "explain"),
        uses: Some(&["ask", "config", "error", "probe", "table"]),
        never: &["tokio", "actix_web", "actix_ws"],
        texts: &[],
        because: "explain reads this node once or asks a head, and serves nothing",
    },
    Module {
        at: (BACKEND, "manual"),
        uses: Some(&["config", "error"]),
        never: &["tokio", "actix_web", "actix_ws", "std::net"],
        texts: &[],
        because: "manual writes down what config declares",
    },
    Module {
        at: (BACKEND, "ask"),
        uses: Some(&["clock", "config", "error", "here", "secrets", "table", "tls", "viewers"]),
        never: &["actix_ws", "std::fs"],
        texts: &["/proc", "/sys"],
        because: "ask knows heads by their addresses, and reads no node",
    },
    Module {
        at: (BACKEND, "tokens"),
        uses: Some(&["clock", "config", "data", "error", "here", "secrets", "table", "tls"]),
        never: &["actix_web", "actix_ws", "std::net"],
        texts: &["/proc", "/sys"],
        because: "tokens knows who may report, not how they come",
    },
    Module {
        at: (BACKEND, "viewers"),
        uses: Some(&["config", "data", "error", "here", "prompt", "secrets"]),
        never: &["actix_web", "actix_ws", "TcpListener", "TcpStream"],
        texts: &["/proc", "/sys"],
        because: "viewers knows who may look, not how they come",
    },
    Module {
        at: (BACKEND, "tls"),
        uses: Some(&["error", "secrets"]),
        never: &["actix_web", "actix_ws", "std::net", "tokio"],
        texts: &["/proc", "/sys"],
        because: "tls knows certificates, and opens no connection",
    },
    Module {
        at: (BACKEND, "here"),
        uses: Some(&["secrets", "tls"]),
        never: &["actix_web", "actix_ws", "std::fs", "tokio"],
        texts: &["/proc", "/sys"],
        because: "here knows names and addresses of this machine, and talks to nobody",
    },
    Module {
        at: (BACKEND, "secrets"),
        uses: Some(&[]),
        never: &["std::net", "tokio", "actix_web", "actix_ws"],
        texts: &["/proc", "/sys"],
        because: "secrets is a leaf",
    },
    Module {
        at: (BACKEND, "data"),
        uses: Some(&["error", "secrets"]),
        never: &["std::net", "tokio", "actix_web", "actix_ws"],
        texts: &["/proc", "/sys"],
        because: "data knows what a head keeps by its names, and nothing of what stands in it",
    },
    Module {
        at: (BACKEND, "backup"),
        uses: Some(&[
            "ask", "clock", "config", "data", "error", "here", "history", "keeper", "past",
            "prompt", "secrets", "systemd", "table", "viewers",
        ]),
        never: &["std::net", "tokio", "actix_web", "actix_ws"],
        texts: &["/proc", "/sys/"],
        because: "backup copies what a head keeps as files, and asks a head for its history",
    },
    Module {
        at: (BACKEND, "systemd"),
        uses: Some(&["error"]),
        never: &["actix_web", "actix_ws"],
        texts: &["/proc", "/sys/"],
        because: "systemd knows the service manager, and nobody else",
    },
    Module {
        at: (BACKEND, "setup"),
        uses: Some(&[
            "agent", "ask", "config", "error", "here", "probe", "prompt", "secrets", "systemd",
            "table", "tls", "tokens", "viewers",
        ]),
        never: &["tokio", "actix_web", "actix_ws"],
        texts: &["/sys/class", "/sys/fs"],
        because: "setup writes settings and secrets and starts the service, and serves nothing itself",
    },
    Module {
        at: (BACKEND, "prompt"),
        uses: Some(&["error"]),
        never: &["std::fs", "std::net", "tokio"],
        texts: &["/proc", "/sys"],
        because: "prompt asks at the terminal, and knows not what for",
    },
    Module {
        at: (BACKEND, "table"),
        uses: Some(&[]),
        never: &[],
        texts: &[],
        because: "table is a leaf",
    },
    Module {
        at: (BACKEND, "clock"),
        uses: Some(&[]),
        never: &[],
        texts: &[],
        because: "clock is a leaf",
    },
    Module {
        at: (BACKEND, "error"),
        uses: Some(&["history", "probe", "table"]),
        never: &[],
        texts: &[],
        because: "error knows the errors of the layers below, and nothing else",
    },
    Module {
        at: (BACKEND, "config"),
        uses: Some(&["error", "probe", "secrets", "tls"]),
        never: &[],
        texts: &[],
        because: "config knows what is set and not who acts on it",
    },
    Module { at: (BACKEND, "serve"), uses: None, never: &[], texts: &[], because: "" },
    Module { at: (BACKEND, "main"), uses: None, never: &[], texts: &[], because: "" },
    Module { at: (BACKEND, "lib"), uses: None, never: &[], texts: &[], because: "" },
    Module {
        at: (FRONTEND, ""),
        uses: None,
        never: &["std::fs", "std::net", "Instant", "SystemTime"],
        texts: &[],
        because: "the browser has no files, sockets or clock of std, only panics",
    },
];

/// Modules that alone may mention something, with what it is.
pub(super) const ONLY: &[(&str, &str, &[&str])] = &[(
    FRONTEND,
    "net",
    &["gloo_net", "WebSocket", "web_sys::WebSocket", "EventSource", "XmlHttpRequest"],
)];

/// Edges that do not exist, in crates whose modules are otherwise free.
pub(super) const APART: &[(&str, &str, &str, &str)] =
    &[(FRONTEND, "view", "net", "views only read state; let `net` write it there")];
