//! What is told of an incident, in words: enough on a locked screen, and no more than it holds.
//!
//! Names come from nodes and processes: what would end a line, or turn the direction of writing, is left
//! out of them, so that none can pass for more than a name.

use shared::NodeId;
use shared::alert::{Incident, StepKind};
use shared::survey::Severity;
use shared::units::{human, span};
use time::OffsetDateTime;

use super::outbox::Telling;

/// Characters of a title, of a sentence, and of all, at most.
const MOST_TITLE: usize = 160;
const MOST_SENTENCE: usize = 600;
const MOST_TEXT: usize = 3000;
/// Names of nodes in a title.
const MOST_NODES: usize = 3;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// One line.
    pub(super) title: String,
    /// Lines, without the address.
    pub(super) text: String,
}

impl Words {
    pub(super) fn of(telling: &Telling) -> Self {
        let (incident, step) = (&telling.entry.incident, &telling.entry.step);
        let title = clean(&title(incident, step.kind), MOST_TITLE);
        let mut lines = Vec::new();
        let sentence = clean(&step.text, MOST_SENTENCE);
        if !sentence.is_empty() && !title.ends_with(sentence.trim_end_matches('.')) {
            lines.push(sentence);
        }
        if !telling.missed.is_empty() {
            lines.push("This channel could not be reached meanwhile. Before that:".into());
            let told =
                |text: &str, at_ms| format!("{} {}", clock(at_ms), clean(text, MOST_SENTENCE));
            lines.extend(telling.missed.iter().map(|step| told(&step.text, step.at_ms)));
        }
        if incident.nodes.len() > MOST_NODES {
            let names = incident.nodes.iter().take(20).map(NodeId::as_str);
            let more = incident.nodes.len().saturating_sub(20);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            lines.push(format!("Nodes: {}{more}", names.collect::<Vec<_>>().join(", ")));
        }
        if !incident.top.is_empty() && step.kind != StepKind::Over {
            lines.push(format!("Most memory: {}", holders(incident)));
        }
        lines.push(when(incident, step.at_ms));
        Self { title, text: short(&lines.join("\n"), MOST_TEXT) }
    }

    /// Title and lines together.
    pub(super) fn whole(&self, url: Option<&str>) -> String {
        let url = url.map(|url| format!("\n{url}")).unwrap_or_default();
        format!("{}\n{}{url}", self.title, self.text)
    }
}

/// What a title begins with.
fn mark(severity: Severity, kind: StepKind) -> &'static str {
    match (kind, severity) {
        (StepKind::Opened, Severity::Trouble) => "Trouble",
        (StepKind::Opened, Severity::Warning) => "Warning",
        (StepKind::Opened, Severity::Note) => "Note",
        (StepKind::Worse, _) => "Worse",
        (StepKind::Update, _) => "Update",
        (StepKind::Over, _) => "Over",
        (StepKind::Acknowledged, _) => "Looked after",
        (StepKind::Silenced, _) => "Silenced",
    }
}

fn title(incident: &Incident, kind: StepKind) -> String {
    let names: Vec<&str> = incident.nodes.iter().map(NodeId::as_str).collect();
    let who = match names.len() {
        0 => "head".into(),
        1..=MOST_NODES => names.join(", "),
        many => format!("{many} nodes"),
    };
    let what = incident.title.trim();
    let says_who = what.starts_with(&who) || names.iter().any(|name| has_word(what, name));
    let mark = mark(incident.severity, kind);
    if says_who { format!("{mark}: {what}") } else { format!("{mark}: {who}: {what}") }
}

/// Whether `word` stands in `text` by itself.
fn has_word(text: &str, word: &str) -> bool {
    let is_inner = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_inner) && !text[at + word.len()..].starts_with(is_inner)
    })
}

fn holders(incident: &Incident) -> String {
    let is_of_many = incident.nodes.len() > 1;
    let one = |holder: &shared::alert::Holder| {
        let place =
            if is_of_many { format!(" on {}", holder.node.as_str()) } else { String::new() };
        format!("{} {}{place}", clean(&holder.name, 40), human(holder.bytes))
    };
    incident.top.iter().take(3).map(one).collect::<Vec<_>>().join(", ")
}

/// When it was, and which it is.
fn when(incident: &Incident, now_ms: u64) -> String {
    let lasted = |until_ms: u64| span(until_ms.saturating_sub(incident.since_ms) / 1000);
    let number = incident.id;
    match incident.over_ms {
        Some(over_ms) => format!(
            "Incident {number}, from {} to {} UTC ({})",
            date(incident.since_ms),
            clock(over_ms),
            lasted(over_ms)
        ),
        None if now_ms < incident.since_ms + 60_000 => {
            format!("Incident {number}, since {} UTC", date(incident.since_ms))
        }
        None => {
            let (since, lasted) = (date(incident.since_ms), lasted(now_ms));
            format!("Incident {number}, since {since} UTC ({lasted})")
        }
    }
}

fn at(ms: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp((ms / 1000) as i64).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn date(ms: u64) -> String {
    let at = at(ms);
    format!("{}-{:02}-{:02} {}", at.year(), u8::from(at.month()), at.day(), clock(ms))
}

fn clock(ms: u64) -> String {
    let at = at(ms);
    format!("{:02}:{:02}", at.hour(), at.minute())
}

/// What is not written but steers how text is.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// `text` on one line of `most` characters at most.
pub(super) fn clean(text: &str, most: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    short(text.chars().filter(|c| !steers(*c)).collect::<String>().trim(), most)
}

/// The beginning of `text`, if it has more than `most` characters.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.into();
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    start.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use shared::alert::Holder;

    use super::*;
    use crate::notify::made::incident;
    use crate::notify::outbox::Entry;

    fn telling(incident: Incident) -> Telling {
        let step = incident.steps[0].clone();
        let entry = Entry { incident, step, number: 0, url: None, at_ms: 0, has_picture: false };
        Telling { ids: vec![entry.id()], entry, missed: Vec::new(), thread: None }
    }

    #[test]
    fn a_locked_screen_shows_what_matters() {
        let mut telling = telling(incident(17));
        assert_eq!(
            Words::of(&telling),
            Words {
                title: "Trouble: pi-07: 3.1 % available".into(),
                text: "119 MiB of 3.70 GiB can still be had, for a minute now.\n\
                       Most memory: chromium 2.10 GiB, java 512 MiB, sshd 8.00 MiB\n\
                       Incident 17, since 2026-11-26 08:53 UTC"
                    .into(),
            }
        );
        telling.entry.incident.over_ms = Some(telling.entry.incident.since_ms + 17 * 60_000);
        telling.missed = vec![telling.entry.step.clone()];
        telling.entry.step.kind = StepKind::Over;
        telling.entry.step.text = "It is over.".into();
        let words = Words::of(&telling);
        assert_eq!(words.title, "Over: pi-07: 3.1 % available");
        assert_eq!(
            words.text,
            "It is over.\nThis channel could not be reached meanwhile. Before that:\n\
             08:53 119 MiB of 3.70 GiB can still be had, for a minute now.\n\
             Incident 17, from 2026-11-26 08:53 to 09:10 UTC (17\u{a0}min)"
        );
    }

    #[test]
    fn many_nodes_are_counted() {
        let mut telling = telling(incident(18));
        let node = |n: u32| NodeId::try_from(format!("pi-{n:02}")).unwrap();
        telling.entry.incident.nodes = (0..40).map(node).collect();
        telling.entry.incident.title = "not heard".into();
        let words = Words::of(&telling);
        assert_eq!(words.title, "Trouble: 40 nodes: not heard");
        assert!(words.text.contains("pi-18, pi-19 and 20 more"), "{}", words.text);
        assert!(words.text.contains("chromium 2.10 GiB on pi-07"), "{}", words.text);
        telling.entry.incident.title = "40 nodes are not heard".into();
        assert_eq!(Words::of(&telling).title, "Trouble: 40 nodes are not heard");
    }

    #[test]
    fn names_are_no_more_than_names() {
        let mut telling = telling(incident(19));
        telling.entry.incident.title = "a\r\nBcc: all@example.com\u{202e}".into();
        telling.entry.incident.top = vec![Holder {
            node: telling.entry.incident.nodes[0].clone(),
            pid: 1,
            name: "x\nIncident 1, since ever\u{0}\u{2066}".repeat(9),
            bytes: 1 << 30,
        }];
        let words = Words::of(&telling);
        assert_eq!(words.title, "Trouble: pi-07: a  Bcc: all@example.com");
        assert_eq!(words.text.lines().count(), 3, "{}", words.text);
        assert!(!words.text.contains(steers_alone), "{}", words.text);
        telling.entry.step.text = "x".repeat(10_000);
        assert!(Words::of(&telling).text.chars().count() < 800);
    }

    fn steers_alone(c: char) -> bool {
        c != '\n' && steers(c)
    }
}
