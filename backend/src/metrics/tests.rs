//! Tests of `metrics`.

use shared::overview::Standing;
use shared::wire::{NodeState, Reading};
use shared::{Field, NodeFacts, Sample};

use shared::NodeId;

use super::*;

const NOW_MS: u64 = 1_700_000_000_000;

fn node(number: u32, age_ms: u64) -> NodeDetail {
    let mut sample = Sample::EMPTY;
    for (field, value) in [
        (Field::Total, 4_096_000),
        (Field::Free, 1_024_000),
        (Field::Available, 2_048_000),
        (Field::SwappedIn, 12),
        (Field::PressureSome, 1_500_000),
        (Field::Load1, 7),
    ] {
        sample.set(field, Some(value));
    }
    let id = NodeId::try_from(format!("pi-{number}")).unwrap();
    let facts = NodeFacts {
        host_name: "a\"b\\c\nd".into(),
        kernel: Some("6.12".into()),
        page_size: 4096,
        ..NodeFacts::default()
    };
    let at_ms = NOW_MS - age_ms;
    NodeDetail {
        state: NodeState {
            node: number,
            id,
            facts,
            period_ms: 1000,
            latest: Some(Reading { at_ms, uptime_us: 5_000_000, sample }),
            trouble: None,
        },
        standing: Standing::Connected { since_ms: NOW_MS - 1 },
        labels: Vec::new(),
        before: None,
        survey: None,
        forecast: None,
    }
}

fn told(form: Form) -> String {
    let nodes = [node(1, 0), node(2, 60_000)];
    let history = HistoryStatus { is_kept: true, bytes: 77, ..HistoryStatus::default() };
    let export = ExportStatus { name: "influx".into(), sent: 3, ..ExportStatus::default() };
    let head = OfHead { incidents: &[], history: &history, exports: &[export] };
    let cost = Cost { memory: Some(1), cpu_us: Some(1_250_000), sent: 9, written: None };
    let known = Known { now_ms: NOW_MS, nodes: &nodes, head: Some(head), cost };
    String::from_utf8(page(&known, form)).unwrap()
}

#[test]
fn both_forms_say_the_same() {
    let (text, open) = (told(Form::Text), told(Form::OpenMetrics));
    let samples = |page: &str| -> Vec<String> {
        page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(samples(&text), samples(&open));
    for line in [
        "headroom_node_up{instance=\"pi-1\"} 1",
        "headroom_node_up{instance=\"pi-2\"} 0",
        "headroom_node_state{instance=\"pi-2\",state=\"stale\"} 1",
        "headroom_node_age_seconds{instance=\"pi-2\"} 60",
        "node_memory_MemAvailable_bytes{instance=\"pi-1\"} 2048000",
        "node_vmstat_pswpin{instance=\"pi-1\"} 12",
        "node_pressure_memory_waiting_seconds_total{instance=\"pi-1\"} 1.5",
        "node_load1{instance=\"pi-1\"} 0.07",
        "node_boot_time_seconds{instance=\"pi-1\"} 1699999995",
        "headroom_used_bytes{instance=\"pi-1\"} 2048000",
        "process_cpu_seconds_total 1.25",
        "headroom_history_bytes 77",
        "headroom_export_sent_total{export=\"influx\"} 3",
        "headroom_incidents_open{severity=\"trouble\"} 0",
        r#"node_uname_info{instance="pi-1",nodename="a\"b\\c\nd",release="6.12",sysname="Linux"} 1"#,
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in {text}");
    }
    assert!(!text.contains("node_memory_Buffers"), "what is not known is not told");
    assert!(!text.contains("headroom_written_bytes"), "nor is its family");
    assert!(!text.contains("MemTotal_bytes{instance=\"pi-2\""), "a stale node has no numbers");
    for (text_line, open_line) in [
        ("# TYPE node_vmstat_pswpin untyped", "# TYPE node_vmstat_pswpin unknown"),
        ("# TYPE process_cpu_seconds_total counter", "# TYPE process_cpu_seconds counter"),
        ("# TYPE node_load1 gauge", "# UNIT process_cpu_seconds seconds"),
    ] {
        assert!(text.contains(text_line) && !open.contains(" counter\n# EOF"), "{text_line}");
        assert!(open.contains(open_line), "{open_line}");
    }
    assert!(open.ends_with("\n# EOF\n") && !text.contains("# EOF") && !text.contains("# UNIT"));
}

#[test]
fn each_family_stands_together_and_once() {
    for form in Form::ALL {
        let page = told(form);
        let mut seen = std::collections::HashSet::new();
        let mut present = String::new();
        for line in page.lines().filter(|line| *line != "# EOF") {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                present = rest.split(' ').next().unwrap().to_owned();
                assert!(seen.insert(present.clone()), "{present} twice");
            }
            let name = line.trim_start_matches("# TYPE ").trim_start_matches("# HELP ");
            let name = name.trim_start_matches("# UNIT ");
            assert!(name.starts_with(&present), "{line} in {present}");
        }
    }
}
