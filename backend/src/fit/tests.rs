//! What is answered about a fleet, without a head.

use std::sync::Arc;

use shared::NodeFacts;
use shared::fit::Strategy;
use shared::forecast::{Forecast, Quality};
use shared::node::Condition;
use shared::overview::Label;

use super::*;
use crate::head::Shown;

const NOW: u64 = 1_800_000_000_000;
const GIB: u64 = 1 << 30;

fn id(name: &str) -> NodeId {
    NodeId::from_host_name(name)
}

pub(super) fn answer_of(nodes: Vec<NodeFit>) -> Answer {
    let job = job(GIB, 1);
    Answer {
        now_ms: NOW,
        job,
        fits: true,
        nodes,
        largest: 0,
        room: 0,
        last_fit_ms: None,
        summary: String::new(),
        hold: None,
    }
}

fn job(size: u64, copies: u32) -> Job {
    Job {
        size,
        copies,
        strategy: Strategy::Pack,
        over_min: 10,
        reserve: Some(0),
        duration_s: None,
        most_per_node: None,
        nodes: Vec::new(),
        labels: Vec::new(),
    }
}

/// A node that is well, with so much at its worst and now.
fn sign(name: &str, floor: u64, now: u64) -> Sign {
    Sign {
        node: 0,
        id: id(name),
        facts: Arc::new(NodeFacts { host_name: name.into(), ..NodeFacts::default() }),
        labels: vec![Label { key: "rack".into(), value: name[..1].into() }].into(),
        condition: Condition::Live,
        since_ms: NOW - 120_000,
        stopped: false,
        trouble: None,
        shown: Some(Shown {
            at_ms: NOW,
            total: 8 * GIB,
            available: Some(now),
            floor: Some(floor),
            floor_over_ms: 600_000,
            ..Shown::default()
        }),
        oom_kills: 0,
        clock_ahead_ms: None,
        findings: Arc::new([]),
        forecast: None,
    }
}

fn shown(sign: &mut Sign) -> &mut Shown {
    sign.shown.as_mut().unwrap()
}

fn decide(job: Job, signs: &[Sign], holds: &[Hold]) -> Answer {
    let nodes = judge::all(&job, signs, NOW);
    let mut answer = answer(job, &nodes, holds, NOW);
    answer.summary = summary::of(&answer).replace('\u{a0}', " ");
    answer
}

/// Why nothing fits on the only node.
fn because(job: Job, sign: Sign, holds: &[Hold]) -> String {
    let answer = decide(job, &[sign], holds);
    assert_eq!((answer.fits, answer.room, answer.nodes[0].room), (false, 0, 0));
    answer.nodes[0].because.as_ref().unwrap().replace('\u{a0}', " ")
}

#[test]
fn what_counts_is_the_worst_and_not_now() {
    let fleet = [sign("a", 2 * GIB, 6 * GIB), sign("b", 3 * GIB, 3 * GIB)];
    let answer = decide(job(3 * GIB, 1), &fleet, &[]);
    assert_eq!((answer.fits, answer.nodes[0].id.as_str()), (true, "b"));
    assert_eq!(answer.summary, "A copy of 3.00 GiB fits on b.");
    let no = answer.nodes[1].because.as_ref().unwrap().replace('\u{a0}', " ");
    assert_eq!(no, "its least in the last 10 min was 2.00 GiB, though 6.00 GiB is available now");
}

#[test]
fn each_no_has_its_reason() {
    let well = || sign("a", 4 * GIB, 4 * GIB);
    let with = |change: &dyn Fn(&mut Sign)| {
        let mut sign = well();
        change(&mut sign);
        because(job(GIB, 1), sign, &[])
    };
    for (change, reason) in [
        (
            &(|s: &mut Sign| s.condition = Condition::Late) as &dyn Fn(&mut Sign),
            "it is late: its last",
        ),
        (&|s| s.condition = Condition::Stale, "it is stale: it was heard last 2 min ago"),
        (&|s| s.condition = Condition::Gone, "it is gone: it was heard last 2 min ago"),
        (
            &|s| (s.condition, s.stopped) = (Condition::Gone, true),
            "its agent was stopped 2 min ago",
        ),
        (&|s| s.condition = Condition::NeverSeen, "it has never reported"),
        (&|s| s.condition = Condition::Refused, "its agent is turned away"),
        (&|s| s.trouble = Some("no meminfo".into()), "it cannot be read at present: no meminfo"),
        (&|s| s.shown = None, "what it has available is not known yet"),
        (&|s| shown(s).floor = None, "what it has available is not known"),
        (&|s| shown(s).pressure = Some(0.34), "it is under pressure: some program waited"),
        (&|s| shown(s).thrashing = Some(600.0), "it is thrashing: it reads back 600 pages"),
        (&|s| shown(s).under_voltage = true, "its supply voltage is too low"),
        (&|s| shown(s).throttled = true, "its processor is slowed down"),
        (&|s| shown(s).floor = Some(GIB - 1), "its least in the last 10 min was 1.00 GiB, though"),
    ] {
        let told = with(change);
        assert!(told.starts_with(reason), "{told}");
    }
    let mut fine = well();
    shown(&mut fine).pressure = Some(0.1);
    shown(&mut fine).thrashing = Some(500.0);
    assert!(decide(job(GIB, 1), &[fine], &[]).fits);
    let unknown = decide(Job { nodes: vec![id("x")], ..job(GIB, 1) }, &[well()], &[]);
    assert_eq!(unknown.nodes[0].because.as_deref(), Some("this head knows no node of that name"));
}

#[test]
fn a_node_that_runs_out_first_is_left_out_of_a_job_that_says_how_long_it_takes() {
    let mut leaks = sign("a", 4 * GIB, 4 * GIB);
    leaks.forecast = Some(Forecast {
        out_ms: NOW + 2_400_000,
        lost_per_hour: GIB,
        over_ms: 1_000_000,
        quality: Quality::Fair,
        suspects: Vec::new(),
    });
    let lasting = |seconds| Job { duration_s: Some(seconds), ..job(GIB, 1) };
    assert!(decide(job(GIB, 1), &[leaks.clone()], &[]).fits);
    assert!(decide(lasting(2400), &[leaks.clone()], &[]).fits);
    let told = because(lasting(7200), leaks, &[]);
    assert!(told.starts_with("its memory runs out in 40 min"), "{told}");
    assert!(told.ends_with("and the job takes 2 h"), "{told}");
}

#[test]
fn what_is_kept_and_what_others_hold_is_not_given() {
    let node = || sign("a", 4 * GIB, 4 * GIB);
    let usual = Job { reserve: None, ..job(GIB, 1) };
    let answer = decide(usual.clone(), &[node()], &[]);
    assert_eq!(answer.nodes[0].reserve, 8 * GIB / 20);
    assert_eq!(answer.largest, 4 * GIB - 8 * GIB / 20);
    assert_eq!(answer.nodes[0].room, 3);
    let told = because(Job { size: 4 * GIB, ..usual }, node(), &[]);
    assert_eq!(told, "its least in the last 10 min was 4.00 GiB, of which 410 MiB stays free");
    let hold = Hold {
        id: "1".into(),
        note: String::new(),
        size: GIB,
        places: vec![(id("a"), 3)],
        since_ms: NOW,
        until_ms: NOW + 1,
    };
    let answer = decide(job(GIB, 1), &[node()], std::slice::from_ref(&hold));
    assert_eq!((answer.nodes[0].held, answer.nodes[0].room), (3 * GIB, 1));
    let told = because(job(2 * GIB, 1), node(), &[hold]);
    assert!(told.starts_with("others hold 3.00 GiB of it, which leaves 1.00 GiB:"), "{told}");
}

#[test]
fn only_the_nodes_that_are_meant_are_judged() {
    let fleet = [sign("a1", GIB, GIB), sign("a2", GIB, GIB), sign("b1", GIB, GIB)];
    let ids = |job: Job| -> Vec<String> {
        decide(job, &fleet, &[]).nodes.iter().map(|node| node.id.to_string()).collect()
    };
    assert_eq!(ids(job(1, 1)), ["a1", "a2", "b1"]);
    assert_eq!(ids(Job { labels: vec!["rack=a".into()], ..job(1, 1) }), ["a1", "a2"]);
    let named = Job { nodes: vec![id("a2"), id("b1")], labels: vec!["rack=a".into()], ..job(1, 1) };
    assert_eq!(ids(named), ["a2"]);
}

#[test]
fn the_sentence_says_what_matters() {
    let fleet: Vec<Sign> =
        (0..6).map(|n| sign(&format!("p{n}"), (n + 1) * GIB, (n + 1) * GIB)).collect();
    let told = |size, copies| decide(job(size, copies), &fleet, &[]).summary;
    assert_eq!(told(6 * GIB, 1), "A copy of 6.00 GiB fits on p5.");
    assert_eq!(
        told(3 * GIB, 3),
        "3 copies of 3.00 GiB fit: 2 on p5, 1 on p2; there is room for 5."
    );
    assert_eq!(told(GIB, 21), "21 copies of 1.00 GiB fit on 6 nodes, 6 on one at most.");
    assert_eq!(
        told(7 * GIB, 1),
        "A copy of 7.00 GiB does not fit: the largest that does is 6.00 GiB."
    );
    assert_eq!(
        told(4 * GIB, 4),
        "4 copies of 4.00 GiB do not fit: there is room for 3, and the largest of which 4 do is 3.00 \
         GiB."
    );
    let nobody = decide(job(GIB, 1), &[], &[]).summary;
    assert_eq!(nobody, "A copy of 1.00 GiB does not fit: this head has no nodes.");
    let labelled = Job { labels: vec!["rack=z".into()], ..job(GIB, 2) };
    let nobody = decide(labelled, &fleet, &[]).summary;
    assert_eq!(nobody, "2 copies of 1.00 GiB do not fit: no node has all these labels.");
    let mut young = sign("a", GIB, GIB);
    shown(&mut young).floor_over_ms = 40_000;
    assert_eq!(
        decide(job(GIB, 1), &[young], &[]).summary,
        "A copy of 1.00 GiB fits on a. Not all of these nodes are known for 10 min yet: the shortest \
         for 40 s."
    );
    let mut answer = decide(job(7 * GIB, 1), &fleet, &[]);
    answer.last_fit_ms = Some(NOW - 7_200_000);
    let told = summary::of(&answer).replace('\u{a0}', " ");
    assert!(told.ends_with("6.00 GiB. It last would have 2 h ago."), "{told}");
}
