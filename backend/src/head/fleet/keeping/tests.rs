//! Readings and events until they are on disk, and after the head starts anew.

use shared::history::{Batch, Durable, EventKind, Kept};
use shared::run::Span;
use shared::survey::{Finding, Severity, Survey};
use shared::usage::{ProcessUsage, Usage};
use shared::wire::{AgentMessage, AgentReading, Hello, PROTOCOL, Reading, Thinned};
use shared::{Field, NodeFacts, NodeId, Sample};

use super::*;
use crate::head::fleet::{Expected, Reply};
use crate::head::report::Report;

/// All that fits.
const ROOM: usize = 1 << 20;

fn id(name: &str) -> NodeId {
    NodeId::from_host_name(name)
}

fn hello(boot: &str) -> Report {
    Report::Said(AgentMessage::Hello(Hello {
        protocol: PROTOCOL,
        id: id("a"),
        facts: NodeFacts { host_name: "a".into(), ..NodeFacts::default() },
        boot_id: Some(boot.into()),
        period_ms: 1000,
    }))
}

fn reading(seq: u64) -> AgentReading {
    let mut sample = Sample::EMPTY;
    sample.set(Field::Free, Some(seq << 20));
    AgentReading { seq, uptime_us: seq * 1_000_000, sample }
}

fn span(from: u64, to: u64) -> Span {
    Span { from, to }
}

struct Test {
    fleet: Fleet,
    link: LinkId,
}

impl Test {
    /// A head that nothing is known to.
    fn begin(most: usize) -> Self {
        Self { fleet: Fleet::keeping(Some(most)), link: 0 }
    }

    /// Node a says hello at `second`: what is held, and what is on disk.
    fn greet(&mut self, boot: &str, second: u64) -> (Vec<Span>, Vec<Span>) {
        self.fleet.leave(self.link, false, at(second));
        self.link += 1;
        match self.fleet.report(self.link, None, hello(boot), at(second)) {
            Ok(Reply::Welcome(welcome, _)) => {
                (welcome.held, self.fleet.durable(self.link).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    fn live(&mut self, seq: u64) -> Reply {
        let report = Report::Live(vec![reading(seq)]);
        self.fleet.report(self.link, None, report, at(seq)).unwrap()
    }

    fn old(&mut self, seqs: impl IntoIterator<Item = u64>, second: u64) -> Reply {
        let report = Report::Old(seqs.into_iter().map(reading).collect());
        self.fleet.report(self.link, None, report, at(second)).unwrap()
    }

    fn say(&mut self, message: AgentMessage, second: u64) {
        self.fleet.report(self.link, None, Report::Said(message), at(second)).unwrap();
    }

    /// The numbers that are pending, and where they lie in time.
    fn pending(&self) -> Vec<(String, u64)> {
        let batches = self.fleet.unsaved(&id("a")).into_iter().map(|batch| batch.unpack());
        batches
            .flat_map(|Batch { boot, readings, .. }| {
                readings.into_iter().map(move |kept| (boot.clone(), kept.seq))
            })
            .collect()
    }

    /// The kinds of events since the last time.
    fn events(&mut self) -> Vec<EventKind> {
        self.fleet.fresh_events().into_iter().map(|event| event.kind).collect()
    }
}

fn at(second: u64) -> u64 {
    1_000_000_000 + second * 1000
}

fn of(boot: &str, seqs: impl IntoIterator<Item = u64>) -> Vec<(String, u64)> {
    seqs.into_iter().map(|seq| (boot.to_owned(), seq)).collect()
}

#[test]
fn readings_wait_for_disk_and_agents_are_told() {
    let mut test = Test::begin(ROOM);
    assert_eq!(test.greet("x", 0), (vec![], vec![]));
    (1..=300).for_each(|seq| drop(test.live(seq)));
    let given = test.fleet.give(at(300));
    assert_eq!((given.batches.len(), given.facts.len()), (1, 1));
    let batch = given.batches[0].unpack();
    assert!(batch.readings.iter().all(|kept| kept.reading.at_ms == at(kept.seq)));
    // What comes while it is written stays, and a boot that ends too.
    test.live(301);
    test.greet("y", 310);
    test.live(311);
    assert_eq!(test.fleet.saved(), [], "nothing of this boot is on disk");
    assert_eq!(test.pending(), [of("x", [301]), of("y", [311])].concat());
    assert_eq!(test.greet("x", 312), (vec![span(1, 301)], vec![span(1, 300)]));
    let bytes = test.fleet.keeping.bytes;
    test.fleet.give(at(320));
    assert_eq!(test.fleet.saved(), [(3, vec![span(1, 301)])]);
    assert!(test.pending().is_empty() && test.fleet.keeping.bytes < bytes);
    assert!(test.fleet.give(at(320)).facts.is_empty(), "it is as it was");
}

#[test]
fn without_room_nothing_is_held_and_nothing_is_forgotten() {
    let mut test = Test::begin(3000);
    test.greet("x", 0);
    let mut last = 0;
    while test.live(last + 1) != Reply::None {
        last += 1;
        assert!(last < 1000, "there is room without end");
    }
    assert!(last > 10 && test.fleet.is_pressed());
    test.old(last + 2..last + 5, last + 5);
    test.live(last + 6);
    assert_eq!(test.pending(), of("x", 1..=last), "what is held stays");
    let shown = test.fleet.numbered(&id("a")).unwrap();
    let shown = shown.iter().rev().map(|shown| shown.seq).take(5);
    assert!(shown.eq([6, 4, 3, 2, 1].map(|n| last + n)), "all of it is shown");
    // All is on disk; what was turned away is held as it comes again, whatever lies around it.
    test.fleet.give(at(last));
    assert_eq!(test.fleet.saved(), [(1, vec![span(1, last)])]);
    let seqs = [last + 1, last + 2, last + 4];
    let Reply::HeldNow(held) = test.old(seqs, last + 7) else { panic!("it is not held") };
    assert_eq!(held, [span(last + 1, last + 2), span(last + 4, last + 4)]);
    assert_eq!(test.pending(), of("x", seqs));
    let Reply::HeldNow(held) = test.old([last + 3, last + 6], last + 8) else { panic!("not held") };
    assert_eq!(held, [span(last + 3, last + 6)]);
    assert_eq!(test.greet("x", last + 9).0, [span(1, last + 6)]);
}

#[test]
fn a_head_that_starts_anew_knows_what_is_on_disk() {
    let known = || {
        let mut known = Known::default();
        let spans = vec![span(1, 500)];
        known.add(Durable { node: id("a"), boot: "x".into(), spans });
        let kept = |seq: u64| {
            let AgentReading { uptime_us, sample, .. } = reading(seq);
            Kept { seq, reading: Reading { at_ms: at(seq) - 700, uptime_us, sample } }
        };
        let readings = (201..=500).map(kept).collect();
        known.add_recent(Batch { node: id("a"), boot: "x".into(), readings });
        known.found.push((id("a"), "swap".into(), "It swaps.".into()));
        known
    };
    for early in [true, false] {
        let mut test = Test::begin(ROOM);
        if !early {
            test.fleet.know(known(), at(503));
        }
        let (held, durable) = test.greet("x", 503);
        assert_eq!(held, durable);
        if early {
            // The agent cannot know what is on disk, and sends what it has.
            assert_eq!(held, []);
            test.old(450..=502, 503);
            test.live(503);
            assert_eq!(test.fleet.know(known(), at(503)), [(1, vec![span(1, 500)])]);
        } else {
            assert_eq!(held, [span(1, 500)]);
            test.old(501..=502, 503);
            test.live(503);
        }
        assert_eq!(test.greet("x", 504), (vec![span(1, 503)], vec![span(1, 500)]));
        let pending = test.pending();
        assert_eq!(pending.last(), Some(&("x".into(), 503)));
        let shown = test.fleet.numbered(&id("a")).unwrap();
        assert_eq!(shown.len(), 301, "{early}: the last five minutes");
        assert!(shown.iter().all(|n| n.reading.at_ms == at(n.seq)), "live readings tell better");
        assert_eq!(test.events(), [], "nothing happened");
        test.say(AgentMessage::Survey(survey(&["swap"])), 504);
        assert_eq!(test.events(), [], "it was found before");
        test.say(AgentMessage::Survey(survey(&[])), 505);
        assert_eq!(test.events(), [EventKind::FindingOver]);
    }
    let mut test = Test::begin(ROOM);
    test.greet("y", 600);
    assert_eq!(test.events(), [], "nothing is known yet");
    test.fleet.know(known(), at(601));
    assert_eq!(test.events(), [EventKind::Booted]);
    let mut test = Test::begin(ROOM);
    test.fleet.know(Known::default(), at(0));
    test.greet("x", 1);
    assert_eq!(test.events(), [EventKind::Joined]);
}

fn survey(found: &[&str]) -> Survey {
    let finding = |id: &&str| Finding {
        id: (*id).into(),
        severity: Severity::Warning,
        finding: "It swaps.".into(),
        evidence: String::new(),
        fix: String::new(),
    };
    Survey { findings: found.iter().map(finding).collect(), ..Survey::default() }
}

#[test]
fn what_happens_is_told_once() {
    let mut test = Test::begin(ROOM);
    test.fleet.know(Known::default(), 0);
    test.fleet.expect(&[Expected { id: id("a"), created_ms: 0, used: false }], 0);
    test.greet("x", 0);
    assert_eq!(test.events(), [EventKind::Joined]);
    test.live(1);
    // Away for a moment.
    test.fleet.leave(1, false, at(2));
    test.fleet.tell_who_is_gone(at(4));
    test.greet("x", 5);
    test.fleet.tell_who_is_gone(at(30));
    assert_eq!(test.events(), []);
    test.fleet.leave(2, false, at(40));
    test.fleet.tell_who_is_gone(at(49));
    assert_eq!(test.events(), []);
    test.fleet.tell_who_is_gone(at(50));
    test.fleet.tell_who_is_gone(at(51));
    let told = test.fleet.events();
    assert_eq!(told.last().map(|event| (event.kind, event.at_ms)), Some((EventKind::Gone, at(40))));
    test.greet("y", 60);
    assert_eq!(test.events(), [EventKind::Gone, EventKind::Booted, EventKind::Back]);
    test.fleet.leave(3, true, at(61));
    assert_eq!(test.events(), [EventKind::Gone], "its agent was stopped");
    test.greet("y", 62);
    for text in ["a", "b"] {
        test.say(AgentMessage::Trouble(text.into()), 63);
    }
    test.live(64);
    test.live(65);
    let thinned = |readings| Thinned { readings, since_us: 0, until_us: 1 };
    (1..4).for_each(|n| test.say(AgentMessage::Thinned(thinned(n)), 65));
    let kinds = [EventKind::Back, EventKind::Trouble, EventKind::TroubleOver, EventKind::Thinned];
    assert_eq!(test.events(), kinds);
    let mut killing = reading(66);
    killing.sample.set(Field::OomKills, Some(3));
    test.fleet.report(4, None, Report::Live(vec![killing.clone()]), at(66)).unwrap();
    (killing.seq, killing.uptime_us) = (67, 67_000_000);
    killing.sample.set(Field::OomKills, Some(5));
    test.fleet.report(4, None, Report::Live(vec![killing]), at(67)).unwrap();
    test.fleet.refused(&id("a"), "another machine".into(), at(68));
    test.fleet.refused(&id("a"), "another machine".into(), at(69));
    test.fleet.tell_head_clock(-5000, at(70));
    let kinds = [EventKind::OutOfMemory, EventKind::Refused, EventKind::ClockSet];
    assert_eq!(test.events(), kinds);
    let processes = (0..30).map(|pid| ProcessUsage { pid, ..ProcessUsage::default() }).collect();
    let usage = Usage { processes, ..Usage::default() };
    (70..=131).for_each(|second| test.fleet.note_usage(0, &usage, at(second)));
    let Pending { events: told, usages, .. } = test.fleet.give(at(70));
    let rows: Vec<_> = usages.iter().map(|u| (u.at_ms, u.usage.processes.len())).collect();
    assert_eq!(rows, [(at(70), 12), (at(130), 12)], "one a minute, the largest");
    assert!(told.iter().any(|event| event.text.contains("programs (2)")), "{told:?}");
    test.fleet.saved();
    assert!(test.fleet.events().is_empty() && test.fleet.give(at(132)).usages.is_empty());
}
