//! What is told of nodes.

use shared::breakdown::{Breakdown, Part};
use shared::memory::{self, Available, Split};
use shared::metric::{Kind, Metric};
use shared::node::Condition;
use shared::wire::Reading;
use shared::{Field, Sample};

use super::Known;
use super::families::{Families, Family};
use crate::head::fleet::NodeDetail;

/// A node whose last reading is told.
struct Told<'a> {
    id: &'a str,
    node: &'a NodeDetail,
    reading: &'a Reading,
}

/// What follows from a sample, in bytes.
type Derived = fn(&Sample) -> Option<u64>;

const DERIVED: [(&str, &str, Derived); 4] = [
    (
        "headroom_available_bytes",
        "What new programs can get without swapping, as the kernel says, or estimated where it does not.",
        |sample| Available::of(sample).ok().map(|available| available.bytes),
    ),
    (
        "headroom_available_here_bytes",
        "The same, with what ZFS would give back, and under the limits of the control groups that Headroom \
         runs in.",
        |sample| Available::of(sample).ok().map(|available| available.here),
    ),
    ("headroom_used_bytes", "Total less available.", memory::used),
    (
        "headroom_held_back_bytes",
        "What the kernel keeps in reserve: the part of total less available that no program uses.",
        |sample| Split::of(sample).ok().map(|split| split.held_back),
    ),
];

/// Tells of each node how it is, and of those that are up what they read.
pub(super) fn tell(known: &Known<'_>, families: &mut Families) {
    let conditions = known.nodes.iter().map(|node| (node, condition(node, known.now_ms)));
    let conditions: Vec<_> = conditions.collect();
    let up: Vec<Told<'_>> = conditions.iter().filter_map(|(node, is)| told(node, *is)).collect();
    tell_states(known, &conditions, families);
    tell_facts(&up, families);
    tell_fields(&up, families);
    tell_derived(&up, families);
    tell_forecasts(known, &up, families);
}

fn condition(node: &NodeDetail, now_ms: u64) -> Condition {
    let taken_ms = node.state.latest.as_ref().map(|latest| latest.at_ms);
    Condition::of(&node.standing, taken_ms, node.state.period_ms.into(), now_ms).0
}

fn is_up(condition: Condition) -> bool {
    matches!(condition, Condition::Live | Condition::Late)
}

fn told(node: &NodeDetail, condition: Condition) -> Option<Told<'_>> {
    let reading = node.state.latest.as_ref().filter(|_| is_up(condition))?;
    Some(Told { id: node.state.id.as_str(), node, reading })
}

fn tell_states(known: &Known<'_>, all: &[(&NodeDetail, Condition)], families: &mut Families) {
    let mut lines = families.family(Family::new(
        ("headroom_node_up", Kind::Gauge, ""),
        "1 while the node's readings come, 0 while they do not.",
    ));
    for (node, condition) in all {
        let is_up = is_up(*condition) && node.state.latest.is_some();
        lines.number(&[("instance", node.state.id.as_str())], is_up.into());
    }
    let mut lines = families.family(Family::new(
        ("headroom_node_state", Kind::Gauge, ""),
        "1 for what the node is: live, late, stale, gone, never seen or refused.",
    ));
    for (node, condition) in all {
        lines.number(&[("instance", node.state.id.as_str()), ("state", condition.name())], 1);
    }
    let mut lines = families.family(Family::new(
        ("headroom_node_age_seconds", Kind::Gauge, "seconds"),
        "Time since the node's last reading.",
    ));
    for (node, _) in all {
        if let Some(latest) = &node.state.latest {
            let age_ms = known.now_ms.saturating_sub(latest.at_ms);
            lines.decimal(&[("instance", node.state.id.as_str())], age_ms, 3);
        }
    }
}

fn tell_facts(up: &[Told<'_>], families: &mut Families) {
    let mut lines = families.family(Family::new(
        ("node_uname_info", Kind::Gauge, ""),
        "Always 1; names the machine and its kernel.",
    ));
    for told in up {
        let facts = &told.node.state.facts;
        let release = facts.kernel.as_deref().unwrap_or_default();
        let labels = [
            ("instance", told.id),
            ("nodename", facts.host_name.as_str()),
            ("release", release),
            ("sysname", "Linux"),
        ];
        // What a system without a Linux would be called is not known.
        if !release.is_empty() {
            lines.number(&labels, 1);
        }
    }
    let mut lines = families.family(Family::new(
        ("headroom_node_info", Kind::Gauge, ""),
        "Always 1; names the board, the system and the processor.",
    ));
    for told in up {
        let facts = &told.node.state.facts;
        let known = [("model", &facts.model), ("os", &facts.os), ("cpu", &facts.cpu_name)];
        let known = known.iter().filter_map(|(name, text)| Some((*name, text.as_deref()?)));
        let labels: Vec<_> = [("instance", told.id)].into_iter().chain(known).collect();
        lines.number(&labels, 1);
    }
    let mut lines = families.family(Family::new(
        ("node_boot_time_seconds", Kind::Gauge, "seconds"),
        "When the node booted, by the head's clock.",
    ));
    for told in up {
        let booted_ms = told.reading.at_ms.saturating_sub(told.reading.uptime_us / 1000);
        lines.decimal(&[("instance", told.id)], booted_ms, 3);
    }
    let mut lines = families.family(Family::new(
        ("node_time_seconds", Kind::Gauge, "seconds"),
        "When the last reading was taken, by the head's clock.",
    ));
    for told in up {
        lines.decimal(&[("instance", told.id)], told.reading.at_ms, 3);
    }
}

fn tell_fields(up: &[Told<'_>], families: &mut Families) {
    for &field in Field::ALL {
        let metric = Metric::of(field);
        let mut lines = families
            .family(Family::new((&metric.name, metric.kind, metric.unit), field.text().help));
        for told in up {
            if let Some(value) = told.reading.sample.get(field) {
                lines.line(&[("instance", told.id)], |out| metric.write(value, out));
            }
        }
    }
}

fn tell_derived(up: &[Told<'_>], families: &mut Families) {
    for (name, help, derived) in DERIVED {
        let mut lines = families.family(Family::new((name, Kind::Gauge, "bytes"), help));
        for told in up {
            if let Some(bytes) = derived(&told.reading.sample) {
                lines.number(&[("instance", told.id)], bytes);
            }
        }
    }
    let mut lines = families.family(Family::new(
        ("headroom_memory_part_bytes", Kind::Gauge, "bytes"),
        "Total memory in parts that do not overlap and sum to it.",
    ));
    for told in up {
        let breakdown = Breakdown::of(&told.reading.sample, &told.node.state.facts);
        for (part, bytes) in breakdown.iter() {
            lines.number(&[("instance", told.id), ("part", Part::id(part))], bytes);
        }
    }
}

fn tell_forecasts(known: &Known<'_>, up: &[Told<'_>], families: &mut Families) {
    let mut lines = families.family(Family::new(
        ("headroom_out_of_memory_seconds", Kind::Gauge, "seconds"),
        "Time until nothing is available any more, if it goes on as it does. Absent while nothing is lost \
         steadily.",
    ));
    for told in up {
        if let Some(forecast) = &told.node.forecast {
            let quality = forecast.quality.name();
            let left_ms = forecast.out_ms.saturating_sub(known.now_ms);
            lines.decimal(&[("instance", told.id), ("quality", quality)], left_ms, 3);
        }
    }
}
