//! One way to the head, whether it is in this process or afar.

use shared::wire::{AgentMessage, AgentRequest};

use crate::head::AgentLink;

/// The link has ended, and will not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

/// A link to the head. Nothing waits for it: what finds no room is not told.
pub trait Link {
    /// Tells what `make` makes, if there is room for a message. Says whether there was.
    fn offer(&mut self, make: impl FnOnce() -> AgentMessage) -> Result<bool, Ended>;

    /// What the head asks for next.
    fn next(&mut self) -> impl Future<Output = Result<AgentRequest, Ended>>;
}

impl Link for AgentLink {
    fn offer(&mut self, make: impl FnOnce() -> AgentMessage) -> Result<bool, Ended> {
        AgentLink::offer(self, make).map_err(|_| Ended)
    }

    async fn next(&mut self) -> Result<AgentRequest, Ended> {
        AgentLink::next(self).await.map_err(|_| Ended)
    }
}
