//! What whoever runs the agent is told about its link: changes, one line each.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{inform, tell};
use crate::systemd::life;

/// Different things at most that are said between two links.
const MOST: usize = 20;

/// See the module.
#[derive(Default)]
pub(super) struct Status {
    /// What was said since the last link.
    said: HashSet<String>,
    /// Since when there is a link.
    since: Option<Instant>,
}

impl Status {
    /// The head at `head` has answered, and calls this node `id`.
    pub(super) fn connected(&mut self, head: &str, id: &str) {
        self.said.clear();
        self.since = Some(Instant::now());
        inform(format_args!("connected to {head} as {id}"));
        life::status(&format!("Reports to {head} as {id}"));
    }

    /// How long there has been a link.
    pub(super) fn lasted(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// There is no link, or none any more.
    pub(super) fn lost(&mut self, why: &str) {
        let was_there = self.since.take().is_some();
        let what = if was_there { "the link to the head was lost" } else { "no head" };
        self.say(format!("{what}: {why}; readings are kept until it is back"));
    }

    /// The head does not want this agent.
    pub(super) fn refused(&mut self, why: &str) {
        self.since = None;
        self.say(format!("the head refuses this agent: {why}"));
    }

    /// Each text once: tries go on, and most fail for the same reason.
    fn say(&mut self, text: String) {
        if self.said.len() < MOST && !self.said.contains(&text) {
            tell(&text);
            life::status(&text);
            self.said.insert(text);
        }
    }
}
