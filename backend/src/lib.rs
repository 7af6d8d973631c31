//! The native side of Headroom: it reads a node, gathers what nodes report, and serves the page.
//!
//! # Layout
//!
//! * [`config`]: every setting, from defaults, file, environment and flags.
//! * [`probe`]: files under a root become a [`shared::Sample`]. Knows no clock and no socket.
//! * [`agent`]: reads its node once a period and reports it.
//! * [`announce`]: tells the network where the head is.
//! * [`head`]: the task that owns the fleet. Knows no HTTP, and is told the time.
//! * [`history`]: the past, on disk. Knows readings and nothing of how they came.
//! * [`keeper`]: writes what the head holds to history, and tells it what is durable.
//! * [`alerts`]: watches for harm, and keeps incidents.
//! * [`notify`]: tells people of them.
//! * [`holds`]: memory that is spoken for.
//! * [`fit`]: where the next job fits, and `headroom fit`.
//! * [`metrics`]: what the head knows in the words of Prometheus.
//! * [`exports`]: sends readings to stores and brokers.
//! * [`incident_page`]: one incident as a document that opens anywhere.
//! * [`web`]: serves what the head knows. Never reads a node.
//! * [`free`]: `headroom free`.
//! * [`explain`]: `headroom explain`.
//! * [`past`]: `headroom export`, `headroom import` and `headroom history`.
//! * [`manual`]: man pages and completions, from the declarations of flags and settings.
//! * [`setup`]: `headroom setup`: makes this machine a head, or a node of one.
//! * [`ask`]: asks a head over HTTP.
//! * [`prompt`]: asks whoever sits at the terminal.
//! * [`table`]: tables and paragraphs for the terminal.
//! * [`doctor`]: `headroom doctor`: why a number is missing or misleads, and what helps.
//! * [`tokens`]: who may report, and `headroom token`.
//! * [`viewers`]: who may look, and `headroom password`.
//! * [`tls`]: certificates, and who trusts them.
//! * [`secrets`]: random bytes, digests, and files that nobody else may read.
//! * [`here`]: what this machine is called, and where it is reached.
//! * [`data`]: what a head keeps in its data directory.
//! * [`backup`]: `headroom backup` and `headroom restore`.
//! * [`serve`]: puts agent, head and web together until a signal ends them.
//! * [`bill`]: what this program itself costs.
//! * [`signals`]: what ends the program.
//! * [`systemd`]: what the service manager is asked and told.
//! * [`clock`]: the clocks of this machine.
//! * [`error`]: why a command ended, and with which exit code.
//!
//! The machine that the head runs on is a node like any other: an agent in the same process reports
//! it over the channel that all agents use.

pub mod agent;
pub mod alerts;
pub mod announce;
pub mod ask;
pub mod backup;
pub mod bill;
pub mod clock;
pub mod config;
pub mod data;
pub mod doctor;
pub mod error;
pub mod explain;
pub mod exports;
pub mod fit;
pub mod free;
pub mod head;
pub mod here;
pub mod history;
pub mod holds;
pub mod incident_page;
pub mod keeper;
pub mod manual;
pub mod metrics;
pub mod notify;
pub mod past;
pub mod probe;
pub mod prompt;
pub mod secrets;
pub mod serve;
pub mod setup;
pub mod signals;
pub mod systemd;
pub mod table;
pub mod tls;
pub mod tokens;
pub mod viewers;
pub mod web;
