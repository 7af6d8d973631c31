//! What each message changes.

use shared::overview::{Brief, Standing, Trace};
use shared::wire::{NodeReading, NodeTrouble, PROTOCOL, Reading};
use shared::{Field, NodeFacts, Sample};

use super::*;

fn reading(at_ms: u64, busy: u64) -> Reading {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Total, Some(1000));
    sample.set(Field::CpuBusy, Some(busy));
    sample.set(Field::CpuTotal, Some(at_ms / 10));
    Reading { at_ms, uptime_us: at_ms * 1000, sample }
}

fn pi() -> NodeId {
    NodeId::from_host_name("pi")
}

fn entry(node: u32) -> RosterEntry {
    RosterEntry {
        node,
        id: pi(),
        host_name: "pi".into(),
        labels: vec![],
        period_ms: 1000,
        standing: Standing::Connected { since_ms: 0 },
        brief: None,
        trace: Trace::default(),
    }
}

fn roster(seq: u64, now_ms: u64, nodes: Vec<RosterEntry>) -> FeedMessage {
    FeedMessage::Roster(Roster { protocol: PROTOCOL, build: String::new(), seq, now_ms, nodes })
}

fn briefs(seq: u64) -> Briefs {
    Briefs { seq, now_ms: 11_000, ..Briefs::default() }
}

fn opened(node: u32, latest: Option<Reading>) -> FeedMessage {
    FeedMessage::Opened(Box::new(NodeState {
        node,
        id: pi(),
        facts: NodeFacts::default(),
        period_ms: 1000,
        latest,
        trouble: None,
    }))
}

fn times(fleet: &Fleet) -> Vec<u64> {
    fleet.window(&pi()).unwrap().iter().map(|reading| reading.at_ms).collect()
}

#[test]
fn a_gap_in_the_numbers_asks_for_a_roster() {
    let mut fleet = Fleet::default();
    let outcome = fleet.apply(roster(5, 10_000, vec![entry(0)]), 0);
    assert!(outcome.listed);
    assert_eq!(fleet.apply(FeedMessage::Briefs(briefs(6)), 0), Outcome::default());
    assert_eq!(fleet.apply(FeedMessage::Briefs(briefs(6)), 0), Outcome::default());
    assert_eq!(fleet.apply(FeedMessage::Briefs(briefs(9)), 0).ask, [FeedRequest::Resync {}]);
}

#[test]
fn rows_follow_what_is_said_in_brief() {
    let mut fleet = Fleet::default();
    fleet.apply(roster(1, 10_000, vec![entry(4)]), 0);
    let brief =
        Brief { node: 4, at_ms: 10_500, total_kib: 8, available_kib: Some(4), ..Brief::default() };
    let unknown = Brief { node: 9, ..brief };
    let standing = Standing::Gone { since_ms: 10_900, stopped: true };
    let news = Briefs {
        rows: vec![brief, unknown],
        standings: vec![NodeStanding { node: 4, standing: standing.clone() }],
        ..briefs(2)
    };
    fleet.apply(FeedMessage::Briefs(news), 0);
    let row = fleet.row(4).unwrap();
    assert_eq!((row.brief, &row.standing), (Some(brief), &standing));
    assert_eq!(row.trace.shares(), [125]);
    let other = RosterEntry { id: NodeId::from_host_name("b"), ..entry(2) };
    let news = Briefs { joined: vec![other], left: vec![4], ..briefs(3) };
    assert!(fleet.apply(FeedMessage::Briefs(news), 0).listed);
    assert_eq!(fleet.rows().iter().map(|row| row.number).collect::<Vec<_>>(), [2]);
}

#[test]
fn only_nodes_that_are_looked_at_are_asked_for() {
    let mut fleet = Fleet::default();
    assert_eq!(fleet.want(vec![pi()]), []);
    assert_eq!(fleet.apply(roster(1, 0, vec![]), 0).ask, []);
    let news = Briefs { joined: vec![entry(7)], ..briefs(2) };
    let ask = fleet.apply(FeedMessage::Briefs(news), 0).ask;
    assert_eq!(ask, [FeedRequest::Open { node: 7 }]);
    fleet.apply(opened(7, None), 0);
    let news = Briefs { refilled: vec![7, 8], ..briefs(3) };
    let ask = fleet.apply(FeedMessage::Briefs(news), 0).ask;
    assert_eq!(ask, [FeedRequest::Recall { node: 7 }]);
    assert_eq!(fleet.want(vec![]), [FeedRequest::Close { node: 7 }]);
    assert!(fleet.apply(opened(7, None), 0).nodes.is_empty(), "it is not looked at any more");
    assert_eq!(fleet.want(vec![pi()]), [FeedRequest::Open { node: 7 }]);
}

#[test]
fn readings_are_placed_on_the_heads_clock() {
    let mut fleet = Fleet::default();
    fleet.want(vec![pi()]);
    fleet.apply(roster(1, 10_000, vec![entry(0)]), 500);
    fleet.apply(opened(0, Some(reading(9000, 0))), 500);
    assert_eq!(fleet.head_ms(1500), 11_000);
    let news = NodeReading { node: 0, reading: reading(11_000, 100) };
    fleet.apply(FeedMessage::Reading(Box::new(news)), 1500);
    let readout = fleet.readout(&pi()).unwrap();
    assert_eq!((readout.taken_ms, readout.cpu_busy), (11_000, Some(0.5)));
}

#[test]
fn the_past_outlives_a_restart_of_the_head_and_moves_with_its_clock() {
    let mut fleet = Fleet::default();
    fleet.want(vec![pi()]);
    fleet.apply(roster(7, 10_000, vec![entry(3)]), 0);
    fleet.apply(opened(3, Some(reading(9000, 0))), 0);
    // A day later by the clock of the next head, two seconds by the page's.
    let day_ms = 86_400_000;
    let ask = fleet.apply(roster(1, 12_000 + day_ms, vec![entry(0)]), 2000).ask;
    assert_eq!(ask, [FeedRequest::Open { node: 0 }]);
    fleet.apply(opened(0, Some(reading(12_000 + day_ms, 0))), 2000);
    let past = Window::of(vec![reading(11_000 + day_ms, 0)]).pack();
    fleet.apply(FeedMessage::Past(NodePast { node: 0, past }), 2000);
    assert_eq!(times(&fleet), [9000, 11_000, 12_000].map(|ms| ms + day_ms));
}

#[test]
fn a_page_that_slept_leaves_times_as_they_were() {
    let mut fleet = Fleet::default();
    fleet.want(vec![pi()]);
    fleet.apply(roster(7, 10_000, vec![entry(3)]), 0);
    fleet.apply(opened(3, Some(reading(9000, 0))), 0);
    fleet.apply(roster(90, 70_000, vec![entry(3)]), 1000);
    assert_eq!(times(&fleet), [9000]);
    assert_eq!(fleet.head_ms(2000), 71_000);
}

#[test]
fn trouble_is_shown_and_ends_with_a_reading() {
    let mut fleet = Fleet::default();
    fleet.want(vec![pi()]);
    fleet.apply(roster(1, 0, vec![entry(0)]), 0);
    fleet.apply(opened(0, None), 0);
    let trouble = NodeTrouble { node: 0, trouble: "no meminfo".into() };
    fleet.apply(FeedMessage::Trouble(trouble), 0);
    assert_eq!(fleet.readout(&pi()).unwrap().trouble.as_deref(), Some("no meminfo"));
    let news = NodeReading { node: 0, reading: reading(1, 1) };
    fleet.apply(FeedMessage::Reading(Box::new(news)), 0);
    assert_eq!(fleet.readout(&pi()).unwrap().trouble, None);
}

#[test]
fn the_bill_is_told_in_a_sentence() {
    let bill = Bill { memory: 4 << 20, cpu: None, sent: None, written: None };
    assert_eq!(bill.words().replace('\u{a0}', " "), "Headroom itself takes 4.00 MiB here.");
    let bill = Bill { cpu: Some(0.0031), sent: Some(83.0), written: Some(600.0), ..bill };
    assert_eq!(
        bill.words().replace('\u{a0}', " "),
        "Headroom itself takes 4.00 MiB here, 0.31 % of a core; it sends 83 B/s; at this rate it \
         writes 49.4 MiB a day."
    );
}
