//! Messages survive both encodings, and their bytes do not change from version to version.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that fails")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use shared::survey::{Finding, Severity, Survey, SwapArea, ZramDevice};
use shared::usage::{GroupUsage, ProcessUsage, Usage};
use shared::window::Window;
use shared::wire::{
    AgentMessage, AgentReading, AgentRequest, Delta, FeedMessage, FeedRequest, Hello, Message,
    NodePast, NodeReading, NodeState, NodeSurvey, NodeTrouble, NodeUsage, NodeWindow, PROTOCOL,
    Reading, Snapshot, from_json, from_postcard, peek_snapshot, to_json, to_postcard,
};
use shared::{Field, NodeFacts, NodeId, Sample};

fn samples() -> impl Strategy<Value = Sample> {
    vec(option::of(any::<u64>()), Field::ALL.len()).prop_map(|values| {
        let mut sample = Sample::EMPTY;
        for (&field, value) in Field::ALL.iter().zip(values) {
            sample.set(field, value);
        }
        sample
    })
}

fn readings() -> impl Strategy<Value = Reading> {
    (any::<u64>(), any::<u64>(), samples()).prop_map(|(at_ms, uptime_us, sample)| Reading {
        at_ms,
        uptime_us,
        sample,
    })
}

fn facts() -> impl Strategy<Value = NodeFacts> {
    (".*", option::of(".*"), option::of(any::<u32>()), option::of(any::<u64>()), any::<u64>())
        .prop_map(|(host_name, text, cores, frequency, page_size)| NodeFacts {
            host_name,
            model: text.clone(),
            os: None,
            kernel: text.clone(),
            cpu_name: text,
            cores,
            min_frequency_hz: frequency,
            max_frequency_hz: None,
            page_size,
        })
}

fn nodes() -> impl Strategy<Value = NodeState> {
    (any::<u32>(), ".*", facts(), option::of(readings()), option::of(".*")).prop_map(
        |(node, name, facts, latest, trouble)| NodeState {
            node,
            id: NodeId::from_host_name(&name),
            facts,
            period_ms: node,
            latest,
            trouble,
        },
    )
}

fn surveys() -> impl Strategy<Value = Survey> {
    (option::of(any::<u64>()), option::of(".*"), vec((".*", any::<u64>(), any::<i32>()), 0..3))
        .prop_map(|(bytes, text, areas)| Survey {
            installed: bytes,
            handed: None,
            numa_nodes: None,
            container: text.clone(),
            zram: vec![ZramDevice { algorithm: text, ..ZramDevice::default() }],
            findings: areas
                .iter()
                .map(|(name, ..)| Finding {
                    id: name.clone(),
                    severity: Severity::Warning,
                    finding: name.clone(),
                    evidence: String::new(),
                    fix: name.clone(),
                })
                .collect(),
            swaps: areas
                .into_iter()
                .map(|(name, size, priority)| SwapArea {
                    name,
                    size,
                    priority,
                    ..SwapArea::default()
                })
                .collect(),
        })
}

fn usages() -> impl Strategy<Value = Usage> {
    (
        any::<u64>(),
        vec((any::<u32>(), ".*", any::<u64>(), option::of(any::<u64>())), 0..3),
        option::of(".*"),
    )
        .prop_map(|(uptime_us, rows, no_groups)| Usage {
            uptime_us,
            took_us: uptime_us,
            process_count: 9,
            processes: rows
                .iter()
                .map(|(pid, name, anon, pss)| ProcessUsage {
                    pid: *pid,
                    name: name.clone(),
                    anon: *anon,
                    pss: *pss,
                    ..ProcessUsage::default()
                })
                .collect(),
            group_count: 3,
            groups: rows
                .into_iter()
                .map(|(_, name, current, limit)| GroupUsage {
                    path: name.clone(),
                    name,
                    current,
                    limit,
                    ..GroupUsage::default()
                })
                .collect(),
            no_groups,
        })
}

fn feed_messages() -> impl Strategy<Value = FeedMessage> {
    prop_oneof![
        (any::<u64>(), ".*", vec(nodes(), 0..3)).prop_map(|(seq, build, nodes)| {
            FeedMessage::Snapshot(Snapshot { protocol: PROTOCOL, build, seq, now_ms: seq, nodes })
        }),
        (any::<u64>(), vec(nodes(), 0..2), vec((any::<u32>(), readings()), 0..3), vec(".*", 0..2))
            .prop_map(|(seq, joined, readings, troubles)| {
                FeedMessage::Delta(Delta {
                    seq,
                    now_ms: seq,
                    joined,
                    readings: readings
                        .into_iter()
                        .map(|(node, reading)| NodeReading { node, reading })
                        .collect(),
                    troubles: troubles
                        .into_iter()
                        .map(|trouble| NodeTrouble { node: 1, trouble })
                        .collect(),
                })
            }),
        (any::<u32>(), vec(readings(), 0..4))
            .prop_map(|(node, readings)| FeedMessage::Window(NodeWindow { node, readings })),
        (any::<u32>(), surveys())
            .prop_map(|(node, survey)| FeedMessage::Survey(NodeSurvey { node, survey })),
        (any::<u32>(), usages())
            .prop_map(|(node, usage)| FeedMessage::Usage(NodeUsage { node, usage })),
        (any::<u32>(), vec(readings(), 0..4)).prop_map(|(node, readings)| {
            FeedMessage::Past(NodePast { node, past: Window::of(readings).pack() })
        }),
    ]
}

fn feed_requests() -> impl Strategy<Value = FeedRequest> {
    prop_oneof![
        any::<u32>().prop_map(|node| FeedRequest::Watch { node }),
        Just(FeedRequest::Resync {}),
        any::<u32>().prop_map(|node| FeedRequest::Look { node }),
        any::<u32>().prop_map(|node| FeedRequest::Recall { node }),
    ]
}

fn agent_messages() -> impl Strategy<Value = AgentMessage> {
    prop_oneof![
        (".*", facts(), option::of(".*"), any::<u32>()).prop_map(
            |(name, facts, boot_id, period_ms)| {
                AgentMessage::Hello(Hello {
                    protocol: PROTOCOL,
                    id: NodeId::from_host_name(&name),
                    facts,
                    boot_id,
                    period_ms,
                })
            }
        ),
        vec((any::<u64>(), samples()), 0..3).prop_map(|readings| AgentMessage::Readings(
            readings
                .into_iter()
                .map(|(seq, sample)| AgentReading { seq, uptime_us: seq, sample })
                .collect()
        )),
        ".*".prop_map(AgentMessage::Trouble),
        surveys().prop_map(AgentMessage::Survey),
        usages().prop_map(AgentMessage::Usage),
    ]
}

fn survives<M: Message + PartialEq + std::fmt::Debug>(message: &M) {
    let json = to_json(message).unwrap();
    assert_eq!(from_json::<M>(json.as_bytes()).unwrap().as_ref(), Some(message));
    let mut bytes = to_postcard(message).unwrap();
    assert_eq!(from_postcard::<M>(&bytes).unwrap().as_ref(), Some(message));
    // A newer version may have appended to the message.
    bytes.extend([1, 2, 3]);
    assert_eq!(from_postcard::<M>(&bytes).unwrap().as_ref(), Some(message));
    // The kind's place in KINDS is its number on the wire.
    let kind = M::KINDS[usize::from(bytes[0])];
    assert!(json.starts_with(&format!("{{\"{kind}\":")), "{json} is not of kind {kind}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_encoded_is_decoded(
        feed in feed_messages(), request in feed_requests(), agent in agent_messages()
    ) {
        survives(&feed);
        survives(&request);
        survives(&agent);
        survives(&AgentRequest::Look {});
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        from_json::<FeedMessage>(&bytes).ok();
        from_postcard::<FeedMessage>(&bytes).ok();
        from_postcard::<AgentMessage>(&bytes).ok();
        from_postcard::<FeedRequest>(&bytes).ok();
        drop(peek_snapshot(&bytes));
    }

    #[test]
    fn a_message_cut_short_is_an_error(message in feed_messages()) {
        let bytes = to_postcard(&message).unwrap();
        prop_assert!(from_postcard::<FeedMessage>(&bytes[..bytes.len() - 1]).is_err());
    }
}

#[test]
fn unknown_kinds_are_skipped() {
    assert_eq!(from_json::<FeedRequest>(br#"{"from_the_future":{"x":1}}"#).unwrap(), None);
    assert_eq!(from_postcard::<FeedRequest>(&[99, 1, 2]).unwrap(), None);
    from_json::<FeedRequest>(br#"{"watch":{"node":"x"}}"#).unwrap_err();
    from_json::<FeedRequest>(b"[]").unwrap_err();
    from_postcard::<FeedRequest>(&[]).unwrap_err();
}

#[test]
fn a_snapshot_of_any_protocol_tells_its_protocol() {
    let bytes = postcard::to_allocvec(&(0_u32, 9_u16, "b1", [1_u8; 20])).unwrap();
    assert_eq!(peek_snapshot(&bytes), Some((9, "b1".into())));
    assert_eq!(peek_snapshot(&[1, 9, 0]), None);
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn a_survey() -> Survey {
    Survey {
        installed: Some(8),
        handed: Some(7),
        numa_nodes: Some(2),
        container: Some("c".into()),
        swaps: vec![SwapArea {
            name: "s".into(),
            kind: "file".into(),
            size: 6,
            used: 5,
            priority: -2,
        }],
        zram: vec![ZramDevice {
            name: "z".into(),
            promised: 9,
            algorithm: Some("a".into()),
            original: 8,
            compressed: 3,
            used: 4,
            is_swap: true,
        }],
        findings: vec![Finding {
            id: "i".into(),
            severity: Severity::Note,
            finding: "f".into(),
            evidence: "e".into(),
            fix: "x".into(),
        }],
    }
}

fn a_usage() -> Usage {
    Usage {
        uptime_us: 5,
        took_us: 6,
        process_count: 2,
        processes: vec![ProcessUsage {
            pid: 3,
            name: "p".into(),
            anon: 4,
            shmem: 5,
            file: 6,
            swap: 7,
            pss: Some(8),
        }],
        group_count: 1,
        groups: vec![GroupUsage {
            path: "/g".into(),
            name: "g".into(),
            kind: "k".into(),
            current: 9,
            inactive_file: 8,
            swap: Some(7),
            limit: Some(6),
            high: None,
            oom_kills: Some(5),
            limit_hits: Some(4),
        }],
        no_groups: Some("n".into()),
    }
}

/// The bytes of every message of protocol 1. If this fails, older agents and pages cannot read what
/// this version writes: append instead, or raise [`PROTOCOL`].
#[test]
fn golden_bytes() {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Total, Some(4096));
    sample.set(Field::Temperature, Some(300));
    let facts = NodeFacts {
        host_name: "pi".into(),
        model: Some("Pi".into()),
        cores: Some(4),
        page_size: 4096,
        ..NodeFacts::default()
    };
    let reading = Reading { at_ms: 1000, uptime_us: 5, sample: sample.clone() };
    let mut later = Reading { at_ms: 2000, uptime_us: 1005, sample: sample.clone() };
    later.sample.set(Field::Free, Some(12));
    later.sample.set(Field::Temperature, None);
    let (survey, usage) = (a_survey(), a_usage());
    let node = NodeState {
        node: 7,
        id: NodeId::from_host_name("pi"),
        facts: facts.clone(),
        period_ms: 1000,
        latest: Some(reading.clone()),
        trouble: None,
    };
    let feed = |message: FeedMessage| hex(&to_postcard(&message).unwrap());
    let agent = |message: AgentMessage| hex(&to_postcard(&message).unwrap());
    let actual = [
        feed(FeedMessage::Snapshot(Snapshot {
            protocol: 1,
            build: "b".into(),
            seq: 2,
            now_ms: 3,
            nodes: vec![node.clone()],
        })),
        feed(FeedMessage::Delta(Delta {
            seq: 3,
            now_ms: 4,
            joined: vec![],
            readings: vec![NodeReading { node: 7, reading: reading.clone() }],
            troubles: vec![NodeTrouble { node: 7, trouble: "t".into() }],
        })),
        feed(FeedMessage::Window(NodeWindow { node: 7, readings: vec![reading.clone()] })),
        hex(&to_postcard(&FeedRequest::Watch { node: 7 }).unwrap()),
        hex(&to_postcard(&FeedRequest::Resync {}).unwrap()),
        agent(AgentMessage::Hello(Hello {
            protocol: 1,
            id: NodeId::from_host_name("pi"),
            facts,
            boot_id: Some("x".into()),
            period_ms: 1000,
        })),
        agent(AgentMessage::Readings(vec![AgentReading { seq: 1, uptime_us: 5, sample }])),
        agent(AgentMessage::Trouble("t".into())),
        feed(FeedMessage::Survey(NodeSurvey { node: 7, survey: survey.clone() })),
        feed(FeedMessage::Usage(NodeUsage { node: 7, usage: usage.clone() })),
        hex(&to_postcard(&FeedRequest::Look { node: 7 }).unwrap()),
        agent(AgentMessage::Survey(survey)),
        agent(AgentMessage::Usage(usage)),
        hex(&to_postcard(&AgentRequest::Look {}).unwrap()),
        feed(FeedMessage::Past(NodePast {
            node: 7,
            past: Window::of(vec![reading, later]).pack(),
        })),
        hex(&to_postcard(&FeedRequest::Recall { node: 7 }).unwrap()),
    ];
    let golden = include_str!("golden.txt");
    assert_eq!(actual.join("\n"), golden.trim_end());
}
