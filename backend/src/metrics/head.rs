//! What is told of this program itself, and of what only a head knows.

use shared::metric::Kind;
use shared::survey::Severity;

use super::families::{Families, Family};
use super::{Known, OfHead};

/// Tells what this process costs, and how a head fares.
pub(super) fn tell(known: &Known<'_>, families: &mut Families) {
    let cost = &known.cost;
    let mut one = |family, value: Option<u64>, decimals| {
        if let Some(value) = value {
            families.family(family).decimal(&[], value, decimals);
        }
    };
    one(
        Family::new(
            ("process_resident_memory_bytes", Kind::Gauge, "bytes"),
            "RAM that this process takes.",
        ),
        cost.memory,
        0,
    );
    one(
        Family::new(
            ("process_cpu_seconds", Kind::Counter, "seconds"),
            "CPU time that this process took since it was started.",
        ),
        cost.cpu_us,
        6,
    );
    one(
        Family::new(
            ("headroom_sent_bytes", Kind::Counter, "bytes"),
            "What this process sent over the network since it was started, as it left for TCP.",
        ),
        Some(cost.sent),
        0,
    );
    one(
        Family::new(
            ("headroom_written_bytes", Kind::Counter, "bytes"),
            "What this process had written to disks since it was started.",
        ),
        cost.written,
        0,
    );
    families
        .family(Family::new(
            ("headroom_build_info", Kind::Gauge, ""),
            "Always 1; names the version of this program.",
        ))
        .number(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    if let Some(head) = &known.head {
        tell_of_head(head, families);
    }
}

fn tell_of_head(head: &OfHead<'_>, families: &mut Families) {
    let mut lines = families.family(Family::new(
        ("headroom_incidents_open", Kind::Gauge, ""),
        "Incidents that are not over.",
    ));
    for severity in [Severity::Trouble, Severity::Warning, Severity::Note] {
        let open = head.incidents.iter().filter(|incident| incident.severity == severity).count();
        lines.number(&[("severity", severity.name())], open as u64);
    }
    let history = head.history;
    if history.is_kept {
        let mut gauge = |name, unit, help, value, decimals| {
            let family = Family::new((name, Kind::Gauge, unit), help);
            families.family(family).decimal(&[], value, decimals);
        };
        gauge("headroom_history_bytes", "bytes", "History on disk.", history.bytes, 0);
        gauge(
            "headroom_history_most_bytes",
            "bytes",
            "History on disk at most.",
            history.max_bytes,
            0,
        );
        gauge(
            "headroom_history_trouble",
            "",
            "1 while history cannot be written.",
            history.trouble.is_some().into(),
            0,
        );
        if let Some(committed_ms) = history.committed_ms {
            let help = "When history was written last, by the head's clock.";
            gauge("headroom_history_committed_seconds", "seconds", help, committed_ms, 3);
        }
    }
    tell_exports(head, families);
}

fn tell_exports(head: &OfHead<'_>, families: &mut Families) {
    type Value = fn(&crate::exports::ExportStatus) -> u64;
    let all: [(&str, Kind, &str, Value); 4] = [
        ("headroom_export_sent", Kind::Counter, "Batches that an export took.", |of| of.sent),
        ("headroom_export_dropped", Kind::Counter, "Batches that it will never take.", |of| {
            of.dropped
        }),
        ("headroom_export_waiting", Kind::Gauge, "Batches that wait for it.", |of| of.waiting),
        ("headroom_export_trouble", Kind::Gauge, "1 while it takes none.", |of| {
            of.trouble.is_some().into()
        }),
    ];
    for (name, kind, help, value) in all {
        let mut lines = families.family(Family::new((name, kind, ""), help));
        for export in head.exports {
            lines.number(&[("export", &export.name)], value(export));
        }
    }
}
