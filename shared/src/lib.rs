//! The vocabulary of Headroom: what agent, head and page say to each other, and what it means.
//!
//! # Layout
//!
//! * [`field`]: the one table of everything that is read from a node.
//! * [`sample`]: one reading of one node: a value, or none, for each field.
//! * [`metric`]: the table in the words of Prometheus.
//! * [`memory`]: what can be had: available, used, held back.
//! * [`breakdown`]: total memory in parts that sum exactly to it.
//! * [`rosetta`]: the same memory in the words of other tools.
//! * [`report`]: all that follows from a sample, for scripts.
//! * [`explain`]: the same in sentences, for page and terminal alike.
//! * [`rates`]: what two readings tell together: busy CPU, pressure, swapping.
//! * [`node`]: who a node is, and whether it still speaks.
//! * [`overview`]: the whole cluster in brief.
//! * [`pack`]: readings as differences.
//! * [`run`]: readings on their way from an agent to the head.
//! * [`window`]: the last five minutes of a node.
//! * [`history`]: the past, as it is kept and told.
//! * [`usage`]: who has the memory: processes and control groups.
//! * [`survey`]: what is looked at once a minute: board, swap areas, findings.
//! * [`wire`]: the messages, and their two encodings.
//! * [`forecast`]: when what is available runs out.
//! * [`fit`]: where the next job fits.
//! * [`alert`]: what harms, and what is told of it.
//! * [`black_box`]: what a node reports when it ran out of memory.
//! * [`chart`]: the timeline's geometry, and how it is drawn on any surface.
//! * [`units`]: bytes and ratios as text.
//! * [`backoff`]: how long to wait before trying again.
//!
//! Nothing here does I/O or reads a clock, and all of it compiles to WebAssembly.

pub mod alert;
pub mod backoff;
pub mod black_box;
pub mod breakdown;
pub mod chart;
pub mod explain;
pub mod field;
pub mod fit;
pub mod forecast;
pub mod history;
pub mod memory;
pub mod metric;
pub mod node;
pub mod overview;
pub mod pack;
pub mod rates;
pub mod report;
pub mod rosetta;
pub mod run;
pub mod sample;
pub mod survey;
pub mod units;
pub mod usage;
pub mod window;
pub mod wire;

pub use field::Field;
pub use node::{NodeFacts, NodeId};
pub use sample::Sample;
