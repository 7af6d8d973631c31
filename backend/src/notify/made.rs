//! An incident that is made up, to try a channel with.

use shared::alert::{Cause, Harm, Holder, Incident, Step, StepKind};
use shared::survey::Severity;
use shared::wire::Reading;
use shared::{Field, NodeFacts, NodeId, Sample};

use super::Message;

const GIB: u64 = 1 << 30;
/// Readings of the picture.
const SECONDS: u64 = 300;

/// What is told to try a channel.
pub(super) fn message(now_ms: u64) -> Message {
    let step = Step {
        at_ms: now_ms,
        kind: StepKind::Opened,
        text: "If you can read this, Headroom reaches you here. The numbers are made up.".into(),
        is_told: true,
    };
    let incident = Incident {
        title: "This is only a test".into(),
        nodes: Vec::new(),
        since_ms: now_ms,
        severity: Severity::Note,
        steps: vec![step.clone()],
        harms: Vec::new(),
        top: Vec::new(),
        ..incident(0)
    };
    let facts = NodeFacts { host_name: "made up".into(), ..NodeFacts::default() };
    Message {
        incident,
        step,
        number: 0,
        url: None,
        timeline: Some((facts, readings(now_ms))),
        except: None,
    }
}

/// Memory that is lost for five minutes.
pub(super) fn readings(end_ms: u64) -> Vec<Reading> {
    let reading = |second: u64| {
        let used = GIB + second * GIB / 140 + (second * 37 % 11) * (GIB / 400);
        let cached = GIB / 2 - second * GIB / 700;
        let mut sample = Sample::EMPTY;
        for (field, bytes) in [
            (Field::Total, 4 * GIB),
            (Field::Free, (4 * GIB).saturating_sub(used + cached)),
            (Field::Available, (4 * GIB).saturating_sub(used + GIB / 20)),
            (Field::Cached, cached),
        ] {
            sample.set(field, Some(bytes));
        }
        Reading {
            at_ms: end_ms.saturating_sub((SECONDS - second) * 1000),
            uptime_us: second * 1_000_000,
            sample,
        }
    };
    (0..=SECONDS).map(reading).collect()
}

/// An incident as there are.
pub(super) fn incident(id: u64) -> Incident {
    let node = || NodeId::from_host_name("pi-07");
    let holder = |pid, name: &str, bytes| Holder { node: node(), pid, name: name.into(), bytes };
    let since_ms = 1_795_683_200_000;
    Incident {
        id,
        cause: Cause::Memory,
        nodes: vec![node()],
        severity: Severity::Trouble,
        title: "3.1 % available".into(),
        since_ms,
        over_ms: None,
        steps: vec![Step {
            at_ms: since_ms,
            kind: StepKind::Opened,
            text: "119 MiB of 3.70 GiB can still be had, for a minute now.".into(),
            is_told: true,
        }],
        harms: vec![Harm::LowShare],
        top: vec![
            holder(812, "chromium", 2_254_857_830),
            holder(1077, "java", 512 << 20),
            holder(611, "sshd", 8 << 20),
        ],
        acknowledged_ms: None,
        silenced: false,
        boxes: 0,
    }
}
