//! Followers, slow and quick, of a fleet that nobody reports.

use super::*;
use crate::head::fleet::Fleet;
use crate::head::report::Report;
use shared::wire::{AgentMessage, AgentReading, Hello, PROTOCOL};
use shared::{NodeFacts, NodeId, Sample};

/// A feed and the fleet that it tells of.
#[derive(Default)]
struct Head {
    fleet: Fleet,
    feed: Feed,
}

impl Head {
    fn join(&mut self, encoding: Encoding, view: View) -> Option<Following> {
        let news = crate::head::news::News::default();
        let outlook = Outlook { fleet: &self.fleet, news: &news, build: "", now_ms: 0 };
        self.feed.join(encoding, view, &outlook)
    }

    fn publish(&mut self) {
        let news = self.fleet.news.take();
        let outlook = Outlook { fleet: &self.fleet, news: &news, build: "", now_ms: 0 };
        self.feed.publish(&outlook);
    }

    /// A node reports `seq`; the first time it says who it is.
    fn report(&mut self, link: u64, seq: u64) {
        if seq == 1 {
            let hello = Hello {
                protocol: PROTOCOL,
                id: NodeId::from_host_name(&format!("pi-{link}")),
                facts: NodeFacts::default(),
                boot_id: Some("x".into()),
                period_ms: 1000,
            };
            let said = Report::Said(AgentMessage::Hello(hello));
            self.fleet.report(link, None, said, 1000).unwrap();
        }
        let reading = AgentReading { seq, uptime_us: seq * 1000, sample: Sample::EMPTY };
        self.fleet.report(link, None, Report::Live(vec![reading]), 1000 + seq).unwrap();
    }
}

/// The kinds of the frames that wait.
fn received(following: &mut Following) -> Vec<String> {
    std::iter::from_fn(|| following.frames.try_recv().ok())
        .map(|frame| match frame {
            Frame::Text(text) => text[2..].split('"').next().unwrap().to_owned(),
            Frame::Binary(bytes) => format!("{:?}", &bytes[..2]),
        })
        .collect()
}

#[test]
fn a_slow_follower_gets_the_newest_state_and_holds_nobody_up() {
    for (view, first, next) in
        [(View::Full, "snapshot", "delta"), (View::Overview, "roster", "briefs")]
    {
        let mut head = Head::default();
        let mut slow = head.join(Encoding::Json, view).unwrap();
        let mut quick = head.join(Encoding::Postcard, View::Full).unwrap();
        for seq in 1..=60 {
            head.publish();
            assert_eq!(received(&mut quick).last(), Some(&format!("[1, {seq}]")));
        }
        let frames = received(&mut slow);
        assert_eq!((frames.len(), frames[0].as_str(), frames[1].as_str()), (QUEUE, first, next));
        head.publish();
        assert_eq!(received(&mut slow), [first]);
        head.publish();
        assert_eq!(received(&mut slow), [next]);
    }
}

#[test]
fn an_overview_tells_in_full_only_what_is_open() {
    let mut head = Head::default();
    head.report(1, 1);
    head.report(2, 1);
    head.publish();
    let mut follower = head.join(Encoding::Json, View::Overview).unwrap();
    assert!(head.feed.watch(follower.id, 1));
    head.report(1, 2);
    head.publish();
    assert_eq!(received(&mut follower), ["roster", "briefs"]);
    head.report(2, 2);
    head.publish();
    assert_eq!(received(&mut follower), ["briefs", "reading"]);
    head.feed.close(follower.id, 1);
    head.report(2, 3);
    head.publish();
    assert_eq!(received(&mut follower), ["briefs"]);
    for node in 0..MOST_OPEN as u32 {
        assert!(head.feed.watch(follower.id, node));
    }
    assert!(!head.feed.watch(follower.id, 99));
}

#[test]
fn scripts_are_told_how_nodes_stand() {
    let mut head = Head::default();
    head.report(1, 1);
    head.publish();
    let mut follower = head.join(Encoding::Json, View::Full).unwrap();
    assert_eq!(received(&mut follower), ["snapshot", "standings"]);
    head.report(1, 2);
    head.publish();
    assert_eq!(received(&mut follower), ["delta"]);
    head.fleet.leave(1, true, 5000);
    head.publish();
    assert_eq!(received(&mut follower), ["delta", "standings"]);
}

#[test]
fn only_those_who_look_are_told_who_has_the_memory() {
    let mut head = Head::default();
    let mut looking = head.join(Encoding::Json, View::Full).unwrap();
    let mut other = head.join(Encoding::Json, View::Full).unwrap();
    head.feed.look(looking.id, 3, 1000);
    received(&mut looking);
    received(&mut other);
    let usage = || NodeUsage { node: 3, usage: shared::usage::Usage::default() };
    head.feed.show_usage(usage(), 2000);
    head.feed.show_usage(NodeUsage { node: 4, ..usage() }, 2000);
    assert_eq!(received(&mut looking), ["usage"]);
    head.feed.show_usage(usage(), 1001 + u64::from(LOOK_MS));
    assert!(received(&mut looking).is_empty(), "a look ends by itself");
    assert!(received(&mut other).is_empty());
}

#[test]
fn a_message_is_encoded_once() {
    let mut head = Head::default();
    let mut all: Vec<_> =
        (0..3).map(|_| head.join(Encoding::Postcard, View::Full).unwrap()).collect();
    head.publish();
    let places: Vec<_> = all
        .iter_mut()
        .map(|following| {
            following.frames.try_recv().unwrap();
            match following.frames.try_recv().unwrap() {
                Frame::Binary(bytes) => bytes.as_ptr(),
                Frame::Text(text) => text.as_ptr(),
            }
        })
        .collect();
    assert!(places.iter().all(|place| *place == places[0]));
}

#[test]
fn followers_are_limited_and_places_are_given_back() {
    let mut head = Head::default();
    let mut all: Vec<_> =
        (0..MOST_FOLLOWERS).map(|_| head.join(Encoding::Json, View::Full).unwrap()).collect();
    assert!(head.join(Encoding::Json, View::Full).is_none());
    all.pop();
    assert!(head.join(Encoding::Json, View::Full).is_some());
}
