//! What happens to nodes, told as events.

use shared::NodeId;
use shared::history::EventKind;
use shared::overview::Standing;
use shared::units::span;
use shared::usage::Usage;

use super::Fleet;
use crate::head::keeping::USAGE_EVERY_MS;
use crate::head::log::of_node;
use crate::head::node::Node;
use crate::head::story::GONE_AFTER_MS;

/// A node that stood as gone for as long, in ms, when the head was there is back when it is heard.
const BACK_AFTER_MS: u64 = 60_000;

/// How a node was before its agent said hello.
pub(super) struct Before {
    /// Whether it had said hello before, and then in which boot.
    is_known: bool,
    boot: Option<String>,
    standing: Standing,
    gone: Option<(u64, bool)>,
    has_token: bool,
    is_foreseen: bool,
}

impl Before {
    pub(super) fn of(node: &Node) -> Self {
        Self {
            is_known: node.record.has_begun(),
            boot: node.boot_id.clone(),
            standing: node.standing.clone(),
            gone: node.story.gone,
            has_token: node.has_token,
            is_foreseen: node.forecast().is_some(),
        }
    }
}

impl Fleet {
    fn tell(&mut self, number: u32, at_ms: u64, now_ms: u64, kind: EventKind, text: &str) {
        if let Some(node) = self.nodes.get(&number) {
            let event = of_node(at_ms, &node.id, kind, format!("{} {text}", node.id.as_str()));
            self.keeping.log.note(event, now_ms);
        }
    }

    /// An agent said hello: its node is new, or has booted, or is back, or nothing of that.
    pub(super) fn greet(&mut self, number: u32, before: &Before, now_ms: u64) {
        self.keeping.note_facts(number, now_ms);
        self.leaving.remove(&number);
        let Some(node) = self.nodes.get_mut(&number) else { return };
        if before.is_foreseen && node.forecast().is_none() {
            self.news.foreseen.insert(number);
        }
        node.story.let_in();
        node.story.gone = None;
        let booted = before.is_known && node.boot_id != before.boot;
        let was_gone = match (before.gone, &before.standing) {
            (Some((_, told)), _) => told,
            (None, Standing::Gone { since_ms, .. }) => {
                now_ms.saturating_sub(*since_ms) >= BACK_AFTER_MS
            }
            (None, _) => false,
        };
        if booted {
            self.tell(number, now_ms, now_ms, EventKind::Booted, "booted.");
        }
        if was_gone {
            self.tell(number, now_ms, now_ms, EventKind::Back, "is heard again.");
        }
        if !before.is_known {
            if matches!(before.standing, Standing::NeverSeen { .. }) {
                self.keeping.pasts.remove(&self.nodes[&number].id);
                self.tell(
                    number,
                    now_ms,
                    now_ms,
                    EventKind::Joined,
                    "reported for the first time.",
                );
            } else if self.keeping.most.is_some() {
                self.keeping.greeted.insert(number, now_ms);
                if before.has_token {
                    self.keeping.known_by_token.insert(number);
                }
                if self.keeping.is_told {
                    self.greet_all(now_ms);
                }
            }
        }
    }

    /// It is known now what is on disk: so is who is new, who has booted, and what was found.
    pub(super) fn greet_all(&mut self, now_ms: u64) {
        for (number, at_ms) in std::mem::take(&mut self.keeping.greeted) {
            let is_known = self.keeping.known_by_token.remove(&number);
            let Some(node) = self.nodes.get_mut(&number) else { continue };
            let past = self.keeping.pasts.remove(&node.id);
            node.story.remember(self.keeping.found.remove(&node.id).unwrap_or_default());
            let boot = node.record.boot();
            match past {
                Some(past) if past.boot(boot).is_none() => {
                    self.tell(number, at_ms, now_ms, EventKind::Booted, "booted.");
                }
                None if !is_known => {
                    let text = "reported for the first time.";
                    self.tell(number, at_ms, now_ms, EventKind::Joined, text);
                }
                _ => {}
            }
            self.tell_findings(number, now_ms);
        }
    }

    /// Tells of those who have been gone for a while.
    pub(in crate::head) fn tell_who_is_gone(&mut self, now_ms: u64) {
        let is_due = |number: &u32| {
            let gone = self.nodes.get(number).and_then(|node| node.story.gone);
            gone.is_none_or(|(since_ms, _)| now_ms >= since_ms + GONE_AFTER_MS)
        };
        let due: Vec<u32> = self.leaving.iter().copied().filter(is_due).collect();
        for number in due {
            self.tell_gone(number, now_ms);
        }
    }

    pub(super) fn tell_gone(&mut self, number: u32, now_ms: u64) {
        self.leaving.remove(&number);
        let Some(node) = self.nodes.get_mut(&number) else { return };
        let Some((since_ms, told @ false)) = &mut node.story.gone else { return };
        *told = true;
        let since_ms = *since_ms;
        let stopped = matches!(node.standing, Standing::Gone { stopped: true, .. });
        let text =
            if stopped { "reports no more: its agent stopped." } else { "is no longer heard." };
        self.tell(number, since_ms, now_ms, EventKind::Gone, text);
    }

    /// An agent that would be this node was turned away.
    /// Whether that is news.
    pub(in crate::head) fn tell_refused(&mut self, id: &NodeId, why: &str, now_ms: u64) -> bool {
        let node = self.by_id.get(id).and_then(|number| self.nodes.get_mut(number));
        let is_news = node.is_some_and(|node| node.story.refuse(why));
        if is_news {
            let event = of_node(now_ms, id, EventKind::Refused, why.to_owned());
            self.keeping.log.note(event, now_ms);
        }
        is_news
    }

    /// A node cannot be read any more, or can be read again.
    pub(super) fn tell_trouble(&mut self, number: u32, now_ms: u64) {
        match self.nodes.get(&number).and_then(|node| node.trouble.clone()) {
            Some(why) => {
                let text = format!("cannot be read: {why}");
                self.tell(number, now_ms, now_ms, EventKind::Trouble, &text);
            }
            None => {
                self.tell(number, now_ms, now_ms, EventKind::TroubleOver, "can be read again.");
            }
        }
    }

    /// What the doctor found, and finds no more.
    pub(super) fn tell_findings(&mut self, number: u32, now_ms: u64) {
        if !self.keeping.is_told {
            return;
        }
        let Some(node) = self.nodes.get_mut(&number) else { return };
        let Some(findings) = node.found().map(<[_]>::to_vec) else { return };
        for (kind, text) in node.story.find(&findings) {
            let event = of_node(now_ms, &node.id, kind, text);
            self.keeping.log.note(event, now_ms);
        }
    }

    /// The kernel killed programs for want of memory: when, by the node's uptime, and how many.
    pub(super) fn tell_kills(&mut self, number: u32, kills: Option<(u64, u64)>, now_ms: u64) {
        let Some((uptime_us, count)) = kills else { return };
        let at_ms = self.nodes.get(&number).and_then(|node| node.record.at_ms(uptime_us));
        let programs = if count == 1 { "a program" } else { "programs" };
        let text = format!("ran out of memory: the kernel killed {programs} ({count}).");
        self.tell(number, at_ms.unwrap_or(now_ms), now_ms, EventKind::OutOfMemory, &text);
    }

    /// A node's clock is off, or no longer.
    pub(super) fn tell_clock(&mut self, number: u32, was_off: bool, now_ms: u64) {
        let finding = self.nodes.get(&number).and_then(Node::clock_finding);
        let text = match finding {
            Some(_) if was_off => return,
            Some(finding) => format!("has another time of day: {}.", finding.evidence),
            None => "has the head's time of day again.".into(),
        };
        self.tell(number, now_ms, now_ms, EventKind::ClockSet, &text);
    }

    /// An agent had to drop readings.
    pub(super) fn tell_thinned(&mut self, number: u32, now_ms: u64) {
        if let Some(node) = self.nodes.get_mut(&number)
            && node.thinned_finding().is_some()
            && node.story.thin(now_ms)
            && let Some(finding) = node.thinned_finding()
        {
            let event = of_node(now_ms, &node.id, EventKind::Thinned, finding.finding);
            self.keeping.log.note(event, now_ms);
        }
    }

    /// The head's own clock was set by so many ms.
    pub(in crate::head) fn tell_head_clock(&mut self, by_ms: i64, now_ms: u64) {
        let (by, way) = (span(by_ms.unsigned_abs() / 1000), if by_ms < 0 { "back" } else { "on" });
        let text = format!("The head's clock was set {way} by {by}.");
        self.tell_of_head(EventKind::ClockSet, text, now_ms);
    }

    /// Something happened to the head itself.
    pub(in crate::head) fn tell_of_head(&mut self, kind: EventKind, text: String, now_ms: u64) {
        let event = shared::history::Event { at_ms: now_ms, node: None, kind, text };
        self.keeping.log.note(event, now_ms);
    }

    /// Something happened that the head did not see itself.
    pub(in crate::head) fn tell_event(&mut self, event: shared::history::Event, now_ms: u64) {
        self.keeping.log.note(event, now_ms);
    }

    /// Records a sweep over a node, now and then.
    pub(in crate::head) fn note_usage(&mut self, number: u32, usage: &Usage, now_ms: u64) {
        if let Some(node) = self.nodes.get_mut(&number) {
            node.note_sweep(usage);
            let last_ms = node.story.usage_ms;
            if last_ms.is_none_or(|last_ms| now_ms >= last_ms + USAGE_EVERY_MS) {
                node.story.usage_ms = Some(now_ms);
                self.keeping.note_usage(&node.id, usage, now_ms);
            }
        }
    }
}
