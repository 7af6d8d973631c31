//! The messages between a head, agents from afar, and overviews: they survive both encodings, and
//! their bytes do not change from version to version. The others are in `wire.rs`.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that fails")]

use shared::black_box::{BlackBox, Killed, Ranked, Ranking, Why};
use shared::forecast::{Forecast, Quality, Suspect};
use shared::history::{Event, EventKind};
use shared::overview::{Brief, Briefs, Label, NodeStanding, Roster, RosterEntry, Standing, Trace};
use shared::run::{Run, Span, Stream};
use shared::wire::{
    AgentMessage, AgentReading, AgentRequest, ClockReading, FeedMessage, FeedRequest, Message,
    NodeForecast, NodeReading, NodeState, NodeTrouble, PROTOCOL, Reading, Thinned, Welcome,
    from_json, from_postcard, peek_snapshot, to_json, to_postcard,
};
use shared::{Field, NodeFacts, NodeId, Sample};

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The bytes of a message that survives both encodings, and one that is longer.
fn bytes_of<M: Message + PartialEq + std::fmt::Debug>(message: &M) -> String {
    let json = to_json(message).unwrap();
    assert_eq!(from_json::<M>(json.as_bytes()).unwrap().as_ref(), Some(message));
    let bytes = to_postcard(message).unwrap();
    let longer = [&bytes[..], &[1, 2, 3]].concat();
    assert_eq!(from_postcard::<M>(&longer).unwrap().as_ref(), Some(message));
    from_postcard::<M>(&bytes[..bytes.len() - 1]).unwrap_err();
    let kind = M::KINDS[usize::from(bytes[0])];
    assert!(json.starts_with(&format!("{{\"{kind}\":")), "{json} is not of kind {kind}");
    hex(&bytes)
}

fn an_entry() -> RosterEntry {
    let mut trace = Trace::default();
    trace.note(7000, Some(0.5));
    RosterEntry {
        node: 7,
        id: NodeId::from_host_name("pi"),
        host_name: "Pi".into(),
        labels: vec![Label { key: "k".into(), value: "v".into() }],
        period_ms: 1000,
        standing: Standing::Refused { since_ms: 2, why: "w".into() },
        brief: Some(a_brief()),
        trace,
    }
}

fn a_brief() -> Brief {
    Brief {
        node: 7,
        at_ms: 6,
        total_kib: 9,
        available_kib: Some(8),
        swap_total_kib: 4,
        swap_used_kib: 3,
        pressure: Some(2),
        cpu: None,
        temperature: Some(481),
        flags: Brief::ESTIMATED,
    }
}

fn a_black_box(readings: Run) -> BlackBox {
    BlackBox {
        why: Why::OutOfMemory,
        uptime_us: 300,
        killed: vec![Killed {
            pid: 7,
            name: "n".into(),
            bytes: Some(8),
            group: Some("/g".into()),
            uptime_us: 9,
            is_logged: true,
        }],
        rankings: vec![Ranking {
            uptime_us: 10,
            rows: vec![Ranked { pid: 11, name: "m".into(), bytes: 12 }],
        }],
        readings,
        note: Some("s".into()),
    }
}

/// If this fails, older agents and pages cannot read what this version writes: append instead, or
/// raise [`PROTOCOL`].
#[test]
fn golden_bytes() {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Total, Some(1 << 20));
    sample.set(Field::Free, Some(12));
    let first = AgentReading { seq: 5, uptime_us: 6000, sample: sample.clone() };
    sample.set(Field::Total, Some((1 << 20) + 1024));
    sample.set(Field::Free, None);
    let second = AgentReading { seq: 6, uptime_us: 1_006_000, sample: sample.clone() };
    let mut stream = Stream::default();
    let standings = |standing| vec![NodeStanding { node: 7, standing }];
    let reading = Reading { at_ms: 1000, uptime_us: 5, sample };
    let spans = vec![Span { from: 1, to: 300 }];
    let actual = [
        bytes_of(&FeedMessage::Roster(Roster {
            protocol: PROTOCOL,
            build: "b".into(),
            seq: 2,
            now_ms: 3,
            nodes: vec![an_entry()],
        })),
        bytes_of(&FeedMessage::Briefs(Briefs {
            seq: 3,
            now_ms: 4,
            joined: vec![],
            left: vec![9],
            rows: vec![a_brief()],
            standings: standings(Standing::Gone { since_ms: 5, stopped: true }),
            refilled: vec![7],
        })),
        bytes_of(&FeedMessage::Opened(Box::new(NodeState {
            node: 7,
            id: NodeId::from_host_name("pi"),
            facts: NodeFacts::default(),
            period_ms: 1000,
            latest: None,
            trouble: None,
        }))),
        bytes_of(&FeedMessage::Reading(Box::new(NodeReading { node: 7, reading }))),
        bytes_of(&FeedMessage::Trouble(NodeTrouble { node: 7, trouble: "t".into() })),
        bytes_of(&FeedMessage::Standings(standings(Standing::Connected { since_ms: 5 }))),
        bytes_of(&FeedMessage::Standings(standings(Standing::NeverSeen { since_ms: 5 }))),
        bytes_of(&FeedRequest::Open { node: 7 }),
        bytes_of(&FeedRequest::Close { node: 7 }),
        bytes_of(&AgentMessage::Next(stream.next(&first))),
        bytes_of(&AgentMessage::Next(stream.next(&second))),
        bytes_of(&AgentMessage::Run(Run::of([&first, &second]))),
        bytes_of(&AgentMessage::Clock(ClockReading { uptime_us: 5, unix_ms: 6 })),
        bytes_of(&AgentMessage::Labels(an_entry().labels)),
        bytes_of(&AgentMessage::Thinned(Thinned { readings: 1, since_us: 2, until_us: 3 })),
        bytes_of(&AgentRequest::Welcome(Welcome {
            id: NodeId::from_host_name("pi"),
            held: spans.clone(),
        })),
        bytes_of(&AgentRequest::Held { spans: spans.clone() }),
        bytes_of(&AgentRequest::Refused { why: "w".into(), retry_ms: 300 }),
        bytes_of(&AgentRequest::Durable { spans }),
        bytes_of(&FeedMessage::Events(vec![Event {
            at_ms: 300,
            node: Some(NodeId::from_host_name("pi")),
            kind: EventKind::OutOfMemory,
            text: "t".into(),
        }])),
        bytes_of(&AgentMessage::BlackBox(Box::new(a_black_box(Run::of([&first, &second]))))),
        bytes_of(&FeedMessage::Forecasts(vec![
            NodeForecast {
                node: 7,
                forecast: Some(Forecast {
                    out_ms: 300,
                    lost_per_hour: 1000,
                    over_ms: 5,
                    quality: Quality::Good,
                    suspects: vec![Suspect { pid: 9, name: "n".into(), bytes: 2, per_hour: 3 }],
                }),
            },
            NodeForecast { node: 8, forecast: None },
        ])),
    ];
    let golden = include_str!("cluster.golden.txt");
    assert_eq!(actual.join("\n"), golden.trim_end());
}

#[test]
fn a_roster_of_any_protocol_tells_its_protocol() {
    let bytes = postcard::to_allocvec(&(6_u32, 9_u16, "b1", [1_u8; 20])).unwrap();
    assert_eq!(peek_snapshot(&bytes), Some((9, "b1".into())));
}
