//! What nodes do that something is wrong with.

use std::convert::Infallible;
use std::time::Duration;

use shared::run::{Run, Stream};
use shared::wire::{AgentMessage, AgentRequest};
use tokio::time::{Instant, sleep, sleep_until};

use super::Node;
use crate::args::Fault;
use crate::frame;
use crate::link::{Ended, Link};

/// Readings that come together, where they come late or in disorder.
const TOGETHER: usize = 10;
/// Between two bytes of a slow node.
const BYTE: Duration = Duration::from_millis(300);
/// What an endless message is announced with, in bytes.
const ENDLESS: u64 = 64 << 20;
/// Every so many messages one is garbled.
const GARBLED: u64 = 7;

impl Node {
    /// Reports as `fault` has it, until the head ends it.
    pub(super) async fn go_wrong(
        &mut self,
        link: &mut Link,
        fault: Fault,
    ) -> Result<Infallible, Ended> {
        let mut stream = Stream::default();
        if fault == Fault::Silent {
            loop {
                // Pings are heard, and not answered.
                link.receive::<AgentRequest>().await?;
            }
        }
        loop {
            self.until_due(link).await?;
            let now = Instant::now();
            match fault {
                Fault::Late => {
                    self.take(now);
                    if self.outbox.len() >= TOGETHER {
                        link.send(&AgentMessage::Run(Run::of(&self.outbox))).await?;
                    }
                }
                Fault::Duplicate => {
                    let next = AgentMessage::Next(stream.next(self.take(now)));
                    link.send(&next).await?;
                    // All that is not known to be held, as after a short break.
                    let again = AgentMessage::Run(Run::of(&self.outbox));
                    link.send(&again).await?;
                    link.send(&again).await?;
                }
                Fault::Disorder => {
                    self.take(now);
                    if self.outbox.len() >= TOGETHER {
                        let (older, newer) = self.outbox.make_contiguous().split_at(TOGETHER / 2);
                        let runs = [newer, older].map(|half| AgentMessage::Run(Run::of(half)));
                        for run in &runs {
                            link.send(run).await?;
                        }
                    }
                }
                Fault::Garble => {
                    let next = AgentMessage::Next(stream.next(self.take(now)));
                    let mut bytes = link.encode(&next);
                    if self.seq.is_multiple_of(GARBLED) {
                        for _ in 0..3 {
                            let place = self.chance.below(bytes.len() as u64) as usize;
                            bytes[place] ^= 1 << self.chance.below(8);
                        }
                    }
                    link.send_bytes(&bytes).await?;
                }
                Fault::Slow => {
                    let next = AgentMessage::Next(stream.next(self.take(now)));
                    let mut bytes = Vec::new();
                    frame::write(link.kind(), &link.encode(&next), 1, &mut bytes);
                    for byte in bytes {
                        link.send_raw(&[byte]).await?;
                        sleep(BYTE).await;
                    }
                }
                Fault::Oversize => {
                    let mut bytes = Vec::new();
                    frame::head(frame::BINARY, ENDLESS, 1, &mut bytes);
                    link.send_raw(&bytes).await?;
                    let piece = vec![0; 16 * 1024];
                    for _ in 0..ENDLESS / piece.len() as u64 {
                        link.send_raw(&piece).await?;
                    }
                }
                // The one was seen to before, the other is wrong before it can report.
                Fault::Silent | Fault::Reuse => {}
            }
        }
    }

    /// Hears what comes until the next reading is due.
    async fn until_due(&mut self, link: &mut Link) -> Result<(), Ended> {
        while Instant::now() < self.due {
            tokio::select! {
                heard = link.receive() => self.answer(link, heard?).await?,
                () = sleep_until(self.due) => {}
            }
        }
        Ok(())
    }
}
