//! What a swarm tells of what it did.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::counts::{Spread, Totals};
use crate::follow::Stalled;

/// The end result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) nodes: usize,
    pub(crate) connected: u64,
    /// How long was measured.
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) rates: Rates,
    /// Why nodes were turned away, or their links ended, and how often; from the beginning on.
    pub(crate) refused: BTreeMap<String, u64>,
    /// From a reading to a follower of the overview.
    pub(crate) latency: Option<Spread>,
    pub(crate) stall: Option<Stall>,
    /// CPU time of this process, in percent of one core.
    pub(crate) own_cpu: Option<f64>,
    pub(crate) head: Option<Head>,
}

/// What a viewer that stops reading does to the others.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stall {
    /// From a reading to the other follower while the one did not read.
    pub(crate) latency: Spread,
    #[serde(flatten)]
    pub(crate) stalled: Stalled,
    /// What the head's memory grew by meanwhile, in KiB.
    pub(crate) head_grew_kib: Option<i64>,
}

/// The head's process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Head {
    /// CPU time, in percent of one core.
    pub(crate) cpu: f64,
    /// Resident memory at the end, in KiB.
    pub(crate) resident_kib: u64,
}

/// What there was in a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rates {
    /// Readings sent.
    pub(crate) sent: f64,
    /// Readings of which the head said that it holds them.
    pub(crate) held: f64,
    /// Links that ended.
    pub(crate) ended: f64,
    /// Of each node, bytes of messages to the head and from it…
    pub(crate) payload_out: f64,
    pub(crate) payload_in: f64,
    /// …and of TCP, with what WebSocket and TLS add.
    pub(crate) wire_out: f64,
    pub(crate) wire_in: f64,
}

impl Rates {
    pub(crate) fn of(totals: Totals, nodes: usize, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        let rate = |count: u64| count as f64 / seconds;
        let of_node = |count| rate(count) / nodes as f64;
        Self {
            sent: rate(totals.sent),
            held: rate(totals.held),
            ended: rate(totals.ended),
            payload_out: of_node(totals.payload_out),
            payload_in: of_node(totals.payload_in),
            wire_out: of_node(totals.wire_out),
            wire_in: of_node(totals.wire_in),
        }
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} readings/s sent, {:.0} held; each node {:.0} B/s out ({:.0} on the wire), {:.0} in \
             ({:.0}); {:.1} links/s ended",
            self.sent,
            self.held,
            self.payload_out,
            self.wire_out,
            self.payload_in,
            self.wire_in,
            self.ended
        )
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {} ms, p99 {} ms, at most {} ms, of {}",
            self.p50_ms, self.p99_ms, self.most_ms, self.count
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} nodes, {:.0} s", self.connected, self.nodes, self.seconds)?;
        writeln!(f, "{}", self.rates)?;
        if let Some(latency) = &self.latency {
            writeln!(f, "from a reading to a follower: {latency}")?;
        }
        if let Some(Stall { latency, stalled, head_grew_kib }) = &self.stall {
            writeln!(f, "the same while another did not read: {latency}")?;
            let ended = if stalled.ended { ", over a new link" } else { "" };
            writeln!(
                f,
                "that one was up to date after {} ms, {} messages and {} B{ended}",
                stalled.up_to_date_ms, stalled.backlog, stalled.backlog_bytes
            )?;
            if let Some(grew) = head_grew_kib {
                writeln!(f, "meanwhile the head grew by {grew} KiB")?;
            }
        }
        if let Some(Head { cpu, resident_kib }) = self.head {
            writeln!(f, "head: {cpu:.1} % of a core, {resident_kib} KiB")?;
        }
        if let Some(cpu) = self.own_cpu {
            writeln!(f, "this: {cpu:.1} % of a core")?;
        }
        for (why, count) in &self.refused {
            // The head may be anybody.
            writeln!(f, "{count} × {}", why.replace(char::is_control, "�"))?;
        }
        Ok(())
    }
}
