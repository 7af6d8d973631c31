//! What an agent says, as the head takes it in.

use shared::run::{BadRun, Stream};
use shared::wire::{AgentMessage, AgentReading};

/// What an agent says, unpacked.
pub enum Report {
    /// Anything but readings.
    Said(AgentMessage),
    /// Readings, of which the last was taken just now.
    Live(Vec<AgentReading>),
    /// Readings of its outbox.
    Old(Vec<AgentReading>),
}

impl Report {
    /// What `message` says. `stream` is that of its link.
    pub(super) fn of(message: AgentMessage, stream: &mut Stream) -> Result<Self, BadRun> {
        Ok(match message {
            AgentMessage::Readings(readings) => Self::Live(readings),
            AgentMessage::Next(next) => Self::Live(vec![stream.read(&next)?]),
            AgentMessage::Run(run) => Self::Old(run.readings()?),
            message => Self::Said(message),
        })
    }
}
