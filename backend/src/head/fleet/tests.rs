//! What agents report, in whatever order and from however many links.

use super::*;
use crate::head::news::Outlook;
use shared::black_box::{
    BlackBox, Killed, MOST_KILLED, MOST_RANKED, MOST_RANKINGS, Ranked, Ranking, Why,
};
use shared::overview::{Brief, Briefs, Label};
use shared::run::Run;
use shared::wire::{AgentReading, ClockReading, Delta, FeedMessage};
use shared::{Field, NodeFacts, Sample};

fn hello(id: &str, boot: &str) -> Report {
    Report::Said(AgentMessage::Hello(Hello {
        protocol: PROTOCOL,
        id: NodeId::from_host_name(id),
        facts: NodeFacts { host_name: id.into(), ..NodeFacts::default() },
        boot_id: Some(boot.into()),
        period_ms: 1000,
    }))
}

fn reading(seq: u64) -> AgentReading {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Total, Some(1 << 30));
    sample.set(Field::Available, Some(1 << 29));
    AgentReading { seq, uptime_us: seq * 1_000_000, sample }
}

fn live(seq: u64) -> Report {
    Report::Live(vec![reading(seq)])
}

fn id(name: &str) -> NodeId {
    NodeId::from_host_name(name)
}

/// A node that has reported a first reading over link 1.
fn fleet() -> Fleet {
    let mut fleet = Fleet::default();
    fleet.report(1, None, hello("a", "x"), 0).unwrap();
    fleet.report(1, None, live(1), 50_000).unwrap();
    fleet
}

fn outlook<'a>(fleet: &'a Fleet, news: &'a News) -> Outlook<'a> {
    Outlook { fleet, news, build: "b", now_ms: 50_001 }
}

fn next_delta(fleet: &mut Fleet) -> Delta {
    let news = fleet.news.take();
    match outlook(fleet, &news).delta() {
        FeedMessage::Delta(delta) => delta,
        other => panic!("{other:?}"),
    }
}

fn next_briefs(fleet: &mut Fleet) -> Briefs {
    let news = fleet.news.take();
    match outlook(fleet, &news).briefs() {
        FeedMessage::Briefs(briefs) => briefs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn deltas_are_numbered_and_tell_each_thing_once() {
    let mut fleet = fleet();
    assert!(fleet.news.is_some());
    let delta = next_delta(&mut fleet);
    assert_eq!((delta.seq, delta.joined.len(), delta.readings.len()), (1, 1, 1));
    assert!(!fleet.news.is_some());
    let empty = next_delta(&mut fleet);
    assert_eq!((empty.seq, empty.joined.len(), empty.readings.len()), (2, 0, 0));
    fleet.report(1, None, live(2), 51_000).unwrap();
    fleet.report(1, None, live(3), 52_000).unwrap();
    let briefs = next_briefs(&mut fleet);
    assert_eq!((briefs.seq, briefs.rows.len()), (3, 1), "the newest only");
    assert_eq!(briefs.rows[0].available_kib, Some(1 << 19));
    let news = fleet.news.take();
    let FeedMessage::Roster(roster) = outlook(&fleet, &news).roster() else {
        panic!("an overview begins with a roster");
    };
    assert_eq!((roster.seq, roster.nodes.len()), (4, 1));
    assert_eq!(roster.nodes[0].trace.shares(), [125]);
}

#[test]
fn trouble_lasts_until_the_next_reading() {
    let mut fleet = fleet();
    let trouble = Report::Said(AgentMessage::Trouble("ü".repeat(400)));
    fleet.report(1, None, trouble, 0).unwrap();
    let delta = next_delta(&mut fleet);
    assert_eq!(delta.troubles.len(), 1);
    assert!(delta.troubles[0].trouble.len() <= 500);
    let flags = |fleet: &Fleet| fleet.node(0).unwrap().brief.unwrap().flags;
    assert_eq!(flags(&fleet) & Brief::TROUBLE, Brief::TROUBLE);
    fleet.report(1, None, live(2), 0).unwrap();
    assert_eq!(fleet.details().next().unwrap().state.trouble, None);
    assert_eq!(flags(&fleet) & Brief::TROUBLE, 0);
}

#[test]
fn what_is_held_is_told_and_an_outbox_fills_the_gap() {
    let mut fleet = fleet();
    assert_eq!(
        fleet.report(1, None, live(9), 58_000),
        Ok(Reply::Held(vec![Span { from: 9, to: 9 }]))
    );
    fleet.leave(1, false, 58_500);
    assert!(matches!(fleet.detail(&id("a")).unwrap().standing, Standing::Gone { .. }));
    let welcome = fleet.report(2, None, hello("a", "x"), 60_000);
    let held = vec![Span { from: 1, to: 1 }, Span { from: 9, to: 9 }];
    assert_eq!(welcome, Ok(Reply::Welcome(Welcome { id: id("a"), held }, None)));
    fleet.news.take();
    let old = Report::Old((2..=8).map(reading).collect());
    assert_eq!(
        fleet.report(2, None, old, 60_100),
        Ok(Reply::HeldNow(vec![Span { from: 2, to: 8 }]))
    );
    let briefs = next_briefs(&mut fleet);
    assert_eq!(briefs.refilled, [0]);
    let seqs: Vec<u64> = fleet.numbered(&id("a")).unwrap().iter().map(|n| n.seq).collect();
    assert_eq!(seqs, (1..=9).collect::<Vec<_>>());
    assert_eq!(fleet.past(0).past.iter().count(), 9);
}

#[test]
fn a_node_is_reported_by_one_agent_at_a_time() {
    let mut fleet = fleet();
    let second = fleet.report(2, None, hello("a", "y"), 51_000);
    assert_eq!(second, Err(Refusal::Twice(id("a"))));
    // The first has gone silent.
    let welcome = fleet.report(3, None, hello("a", "y"), 50_000 + u64::from(SILENCE_MS));
    assert!(matches!(welcome, Ok(Reply::Welcome(_, Some(1)))), "{welcome:?}");
    assert_eq!(fleet.details().count(), 1);
    fleet.leave(1, true, 60_000);
    assert!(matches!(fleet.detail(&id("a")).unwrap().standing, Standing::Connected { .. }));
}

#[test]
fn a_token_names_its_node_and_takes_it_away() {
    let mut fleet = Fleet::default();
    let expected = |name: &str, used| Expected { id: id(name), created_ms: 7, used };
    fleet.expect(&[expected("new", false), expected("old", true), expected("b", false)], 1000);
    let standing = |fleet: &Fleet, name: &str| fleet.detail(&id(name)).map(|d| d.standing);
    assert_eq!(standing(&fleet, "new"), Some(Standing::NeverSeen { since_ms: 7 }));
    assert_eq!(standing(&fleet, "old"), Some(Standing::Gone { since_ms: 1000, stopped: false }));
    // Whatever it calls itself.
    fleet.report(5, Some(&id("b")), hello("other", "x"), 2000).unwrap();
    assert_eq!(standing(&fleet, "other"), None);
    assert_eq!(standing(&fleet, "b"), Some(Standing::Connected { since_ms: 2000 }));
    fleet.refused(&id("new"), "wrong".into(), 2500);
    fleet.refused(&id("b"), "wrong".into(), 2500);
    assert!(matches!(standing(&fleet, "new"), Some(Standing::Refused { .. })));
    assert!(matches!(standing(&fleet, "b"), Some(Standing::Connected { .. })));

    fleet.news.take();
    let cut = fleet.expect(&[expected("new", false)], 3000);
    assert_eq!(cut, [(5, Refusal::Revoked(id("b")))]);
    assert!(matches!(standing(&fleet, "b"), Some(Standing::Refused { since_ms: 3000, .. })));
    assert_eq!(fleet.report(5, None, live(1), 3000), Err(Refusal::NoHello));
    fleet.expect(&[expected("b", false), expected("c", false)], 4000);
    fleet.expect(&[expected("b", false)], 4000);
    assert_eq!(standing(&fleet, "c"), None, "nobody ever saw it");
    let briefs = next_briefs(&mut fleet);
    assert_eq!(briefs.left.len(), 1);
}

#[test]
fn a_wrong_clock_is_found_and_by_how_much() {
    let mut fleet = fleet();
    let clock = |uptime_s: u64, ahead_s: i64| {
        Report::Said(AgentMessage::Clock(ClockReading {
            uptime_us: uptime_s * 1_000_000,
            unix_ms: (49_000 + uptime_s * 1000).saturating_add_signed(ahead_s * 1000),
        }))
    };
    let found = |fleet: &Fleet| {
        fleet.survey(0).map_or_else(Vec::new, |survey| {
            survey.findings.into_iter().map(|finding| finding.finding).collect()
        })
    };
    fleet.report(1, None, clock(2, 1), 51_000).unwrap();
    assert!(found(&fleet).is_empty());
    fleet.report(1, None, clock(3, 86_400), 52_000).unwrap();
    assert!(found(&fleet)[0].contains("24\u{a0}h ahead of the head's"), "{:?}", found(&fleet));
    fleet.shift(86_400_000);
    assert!(found(&fleet).is_empty(), "it was the head's clock that was wrong");
    assert_eq!(fleet.detail(&id("a")).unwrap().state.latest.unwrap().at_ms, 86_450_000);
}

#[test]
fn what_comes_from_afar_is_bounded() {
    let mut fleet = fleet();
    let label = |key: String| Label { key, value: "v".repeat(60) };
    let labels: Vec<Label> =
        (0..40).map(|n| label(format!("k{n}"))).chain([label("<b>".into())]).collect();
    fleet.report(1, None, Report::Said(AgentMessage::Labels(labels)), 0).unwrap();
    assert_eq!(fleet.detail(&id("a")).unwrap().labels.len(), Label::MOST);
    let Report::Said(AgentMessage::Hello(mut long)) = hello("b", "x") else { return };
    long.facts.host_name = "ü".repeat(5000);
    long.period_ms = 0;
    fleet.report(2, None, Report::Said(AgentMessage::Hello(long)), 0).unwrap();
    let state = fleet.detail(&id("b")).unwrap().state;
    assert!(state.facts.host_name.len() <= 256 && state.period_ms == 50);
}

#[test]
fn what_is_not_the_protocol_is_refused() {
    let mut fleet = Fleet::default();
    assert_eq!(fleet.report(1, None, Report::Live(vec![]), 0), Err(Refusal::NoHello));
    let Report::Said(AgentMessage::Hello(mut newer)) = hello("a", "x") else { return };
    newer.protocol = 9;
    let refusal = fleet.report(1, None, Report::Said(AgentMessage::Hello(newer)), 0).unwrap_err();
    assert!(refusal.to_string().contains("protocol 9"), "{refusal}");
    assert_eq!(fleet.window(77).readings.len(), 0);
}

#[test]
fn black_boxes_are_placed_in_the_heads_time_and_taken_once() {
    let mut fleet = fleet();
    let a_box = |at_us: u64| BlackBox {
        why: Why::OutOfMemory,
        uptime_us: at_us,
        killed: vec![Killed { name: "é".repeat(500), uptime_us: at_us, ..Killed::default() }; 99],
        rankings: vec![Ranking { uptime_us: at_us, rows: vec![Ranked::default(); 99] }; 99],
        readings: Run::of([&reading(1), &reading(2)]),
        note: Some("n".repeat(9999)),
    };
    let said = |at_us| Report::Said(AgentMessage::BlackBox(Box::new(a_box(at_us))));
    // The node's second is the head's fiftieth.
    fleet.report(1, None, said(3_000_000), 59_000).unwrap();
    fleet.report(1, None, said(3_000_000), 59_500).unwrap();
    let [kept] = &fleet.take_boxes()[..] else { panic!("one that is sent again is the same") };
    assert_eq!((kept.node.as_str(), kept.at_ms, kept.offset_ms), ("a", 52_000, 49_000));
    let times: Vec<u64> = kept.readings.iter().map(|reading| reading.at_ms).collect();
    assert_eq!((times, kept.what.readings.len()), (vec![50_000, 51_000], 0));
    let BlackBox { killed, rankings, note, .. } = &kept.what;
    assert_eq!((killed.len(), killed[0].name.len()), (MOST_KILLED, 256));
    assert_eq!((rankings.len(), rankings[0].rows.len()), (MOST_RANKINGS, MOST_RANKED));
    assert_eq!(note.as_ref().unwrap().len(), 1000);
    assert!(fleet.take_boxes().is_empty());
    // Nobody takes them: the newest are kept.
    for at in 10..200 {
        fleet.report(1, None, said(at * 1_000_000), 1_000_000).unwrap();
    }
    let kept = fleet.take_boxes();
    assert_eq!((kept.len(), kept[63].what.uptime_us), (64, 199_000_000));
}
