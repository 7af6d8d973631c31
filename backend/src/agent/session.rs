//! What one link was told and has yet to be told.

use std::collections::VecDeque;
use std::time::Duration;

use shared::run::{Run, Span, Stream};
use shared::wire::{AgentMessage, AgentReading, AgentRequest, ClockReading, Welcome};
use tokio::time::Instant;

use super::link::{Ended, Link};
use super::outbox::Outbox;
use crate::clock;

/// Between two tellings of what the clocks say…
const CLOCK_EVERY: Duration = Duration::from_secs(10);
/// …unless the wall clock was set by more, in ms.
const CLOCK_SET_MS: u64 = 500;
/// What was sent is sent again if the head has come to hold nothing for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Messages at most that wait for room.
const MOST_UNTOLD: usize = 32;

/// See the module.
pub(super) struct Session<L> {
    link: L,
    /// What must be told, in this order, before anything else.
    untold: VecDeque<AgentMessage>,
    is_welcome: bool,
    live: Stream,
    /// The run that was sent, until the head holds it.
    run: Option<Span>,
    /// When the head last held something new, or all that was sent.
    progress: Instant,
    clock_due: Instant,
    /// When the node booted by its wall clock, as it was told last, in ms since 1970.
    booted_ms: u64,
    thinned_told: u64,
}

/// What a request of the head leaves to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Todo {
    Nothing,
    /// Gather who has the memory.
    Look,
    /// A head that may know nothing is to be told what was found.
    TellFindings,
    /// What was dropped from the outbox is needed nowhere.
    Forget,
    /// The sentence is for whoever runs the agent.
    Complain(String),
}

impl<L: Link> Session<L> {
    /// Begins with `greetings`, of which the first must be hello.
    pub(super) fn begin(link: L, greetings: impl IntoIterator<Item = AgentMessage>) -> Self {
        let now = Instant::now();
        Self {
            link,
            untold: greetings.into_iter().collect(),
            is_welcome: false,
            live: Stream::default(),
            run: None,
            progress: now,
            clock_due: now,
            booted_ms: 0,
            thinned_told: 0,
        }
    }

    /// Tells the reading that was just taken, which is in the outbox too: if it finds no room here it
    /// goes from there.
    pub(super) fn tell_live(
        &mut self,
        reading: &AgentReading,
        outbox: &mut Outbox,
    ) -> Result<(), Ended> {
        if self.is_welcome && self.untold.is_empty() {
            let live = &mut self.live;
            if self.link.offer(|| AgentMessage::Next(live.next(reading)))? {
                outbox.sent(reading.seq);
            }
        }
        Ok(())
    }

    /// Tells something else, when there is room. It is dropped if too much waits already, or the head
    /// has not answered yet.
    pub(super) fn tell(&mut self, message: AgentMessage) {
        if self.is_welcome && self.untold.len() < MOST_UNTOLD {
            self.untold.push_back(message);
        }
    }

    /// Tells what `make` makes, if there is room and nothing waits. Says whether it did.
    pub(super) fn offer(&mut self, make: impl FnOnce() -> AgentMessage) -> Result<bool, Ended> {
        if !self.is_welcome || !self.untold.is_empty() {
            return Ok(false);
        }
        self.link.offer(make)
    }

    /// Tells as much as there is room for of all that is to be told.
    pub(super) fn go_on(&mut self, outbox: &mut Outbox) -> Result<(), Ended> {
        while let Some(message) = self.untold.front() {
            if !self.link.offer(|| message.clone())? {
                return Ok(());
            }
            self.untold.pop_front();
        }
        let now = Instant::now();
        let clocks = ClockReading { uptime_us: clock::uptime_us(), unix_ms: clock::unix_ms() };
        let booted_ms = clocks.unix_ms.wrapping_sub(clocks.uptime_us / 1000);
        let was_set = booted_ms.abs_diff(self.booted_ms) > CLOCK_SET_MS;
        if (was_set || now >= self.clock_due) && self.link.offer(|| AgentMessage::Clock(clocks))? {
            self.clock_due = now + CLOCK_EVERY;
            self.booted_ms = booted_ms;
        }
        if self.is_welcome {
            self.tell_thinned(outbox)?;
            self.send_run(outbox, now)?;
        }
        Ok(())
    }

    fn tell_thinned(&mut self, outbox: &Outbox) -> Result<(), Ended> {
        let thinned = outbox.thinned();
        if thinned.readings > self.thinned_told
            && self.link.offer(|| AgentMessage::Thinned(thinned))?
        {
            self.thinned_told = thinned.readings;
        }
        Ok(())
    }

    /// One run at a time, so that live readings find room between them.
    fn send_run(&mut self, outbox: &mut Outbox, now: Instant) -> Result<(), Ended> {
        if !outbox.is_waiting() {
            self.progress = now;
        } else if now >= self.progress + PATIENCE {
            outbox.send_again();
            self.run = None;
            self.progress = now;
        }
        self.run = self.run.take().filter(|span| !outbox.is_held(*span));
        if self.run.is_none() && outbox.has_unsent() {
            let run = &mut self.run;
            self.link.offer(|| {
                let next = outbox.next_unheld();
                *run = next.as_ref().map(|(_, span)| *span);
                AgentMessage::Run(next.map_or_else(Run::default, |(run, _)| run))
            })?;
        }
        Ok(())
    }

    /// What the head asks for next.
    pub(super) async fn next(&mut self) -> Result<AgentRequest, Ended> {
        self.link.next().await
    }

    /// Does what the head asks for, as far as it is about readings; says what is left to do.
    pub(super) fn hear(&mut self, request: AgentRequest, outbox: &mut Outbox) -> Todo {
        match request {
            AgentRequest::Look {} => Todo::Look,
            AgentRequest::Welcome(Welcome { held, .. }) => {
                outbox.begin(&held);
                self.is_welcome = true;
                Todo::TellFindings
            }
            AgentRequest::Held { spans } => {
                if !spans.is_empty() {
                    outbox.held(&spans, clock::uptime_us());
                    self.progress = Instant::now();
                }
                Todo::Nothing
            }
            AgentRequest::Durable { spans } => {
                if outbox.durable(&spans, clock::uptime_us()) {
                    Todo::Forget
                } else {
                    Todo::Nothing
                }
            }
            AgentRequest::Refused { why, .. } => Todo::Complain(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{NodeId, Sample};

    /// A link with room for so many messages, which keeps them.
    #[derive(Default)]
    struct Fake {
        room: usize,
        told: Vec<AgentMessage>,
    }

    impl Link for &mut Fake {
        fn offer(&mut self, make: impl FnOnce() -> AgentMessage) -> Result<bool, Ended> {
            let has_room = self.told.len() < self.room;
            if has_room {
                self.told.push(make());
            }
            Ok(has_room)
        }

        async fn next(&mut self) -> Result<AgentRequest, Ended> {
            Err(Ended)
        }
    }

    fn reading(seq: u64) -> AgentReading {
        AgentReading { seq, uptime_us: seq * 1_000_000, sample: Sample::EMPTY }
    }

    fn welcome(held: Vec<Span>) -> AgentRequest {
        AgentRequest::Welcome(Welcome { id: NodeId::from_host_name("a"), held })
    }

    fn greeting() -> Vec<AgentMessage> {
        vec![AgentMessage::Labels(Vec::new())]
    }

    /// What was told since the last time, as words.
    fn words(session: &mut Session<&mut Fake>) -> Vec<String> {
        let word = |message: AgentMessage| match message {
            AgentMessage::Run(run) => {
                let readings = run.readings().unwrap();
                format!("run {}-{}", readings[0].seq, readings[readings.len() - 1].seq)
            }
            AgentMessage::Next(_) => "next".into(),
            AgentMessage::Clock(_) => "clock".into(),
            AgentMessage::Labels(_) => "labels".into(),
            AgentMessage::Trouble(text) => text,
            other => format!("{other:?}"),
        };
        session.link.told.drain(..).map(word).collect()
    }

    #[tokio::test]
    async fn what_is_held_is_not_told_and_the_rest_goes_run_by_run() {
        let mut outbox = Outbox::default();
        (1..=150).for_each(|seq| outbox.push(&reading(seq)));
        let mut link = Fake { room: 8, told: Vec::new() };
        let mut session = Session::begin(&mut link, greeting());
        session.tell_live(&reading(151), &mut outbox).unwrap();
        session.tell(AgentMessage::Trouble("too early".into()));
        session.go_on(&mut outbox).unwrap();
        assert_eq!(words(&mut session), ["labels", "clock"], "nothing more before the welcome");
        let held = welcome(vec![Span { from: 1, to: 10 }]);
        assert_eq!(session.hear(held, &mut outbox), Todo::TellFindings);
        session.go_on(&mut outbox).unwrap();
        outbox.push(&reading(151));
        session.tell_live(&reading(151), &mut outbox).unwrap();
        session.go_on(&mut outbox).unwrap();
        assert_eq!(words(&mut session), ["run 11-60", "next"]);
        let spans = vec![Span { from: 11, to: 60 }, Span { from: 151, to: 151 }];
        assert_eq!(session.hear(AgentRequest::Held { spans }, &mut outbox), Todo::Nothing);
        session.go_on(&mut outbox).unwrap();
        let spans = vec![Span { from: 61, to: 120 }];
        session.hear(AgentRequest::Held { spans }, &mut outbox);
        session.go_on(&mut outbox).unwrap();
        session.go_on(&mut outbox).unwrap();
        assert_eq!(words(&mut session), ["run 61-120", "run 121-150"]);
    }

    #[tokio::test]
    async fn a_full_link_loses_nothing() {
        let mut outbox = Outbox::default();
        let mut link = Fake::default();
        let mut session = Session::begin(&mut link, greeting());
        session.go_on(&mut outbox).unwrap();
        session.hear(welcome(Vec::new()), &mut outbox);
        for seq in 1..=3 {
            outbox.push(&reading(seq));
            session.tell_live(&reading(seq), &mut outbox).unwrap();
            session.go_on(&mut outbox).unwrap();
        }
        assert!(words(&mut session).is_empty());
        session.link.room = 2;
        session.go_on(&mut outbox).unwrap();
        assert_eq!(words(&mut session), ["labels", "clock"]);
        session.go_on(&mut outbox).unwrap();
        assert_eq!(words(&mut session), ["run 1-3"]);
        for _ in 0..100 {
            session.tell(AgentMessage::Trouble("trouble".into()));
        }
        assert_eq!(session.untold.len(), MOST_UNTOLD);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_head_never_holds_is_told_again() {
        let mut outbox = Outbox::default();
        let mut link = Fake { room: 8, told: Vec::new() };
        let mut session = Session::begin(&mut link, []);
        session.hear(welcome(Vec::new()), &mut outbox);
        outbox.push(&reading(1));
        session.tell_live(&reading(1), &mut outbox).unwrap();
        session.go_on(&mut outbox).unwrap();
        assert_eq!(words(&mut session), ["next", "clock"]);
        tokio::time::advance(PATIENCE).await;
        session.go_on(&mut outbox).unwrap();
        assert_eq!(words(&mut session), ["clock", "run 1-1"]);
    }
}
