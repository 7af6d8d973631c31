//! One incident as one HTML document that opens anywhere, without a network and without a script: what
//! happened, who was killed, who grew, what memory was made of second by second, and the data themselves.
//!
//! Pure: whatever it tells is given to it. Names of nodes, processes and groups are others' text.

mod data;
mod html;
mod pictures;
mod processes;
mod seconds;
mod words;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use shared::alert::{Cause, Incident, StepKind};
use shared::black_box::{BoxAt, Why};
use shared::survey::Severity;
use shared::{NodeFacts, NodeId};

use crate::secrets;
use html::{amount, escaped, name, put};
use words::{clock, lasted, moment};

/// Black boxes that are shown at most; the others are at the head.
const MOST_BOXES: usize = 8;

/// The colours of the page, and what is this document's own.
static STYLE: LazyLock<String> = LazyLock::new(|| {
    let theme = include_str!("../../static/theme.css");
    [theme, include_str!("incident_page/style.css")].concat()
});

/// What the document may load: nothing but its own style, which is known by its digest. For the header;
/// the document says the same of itself, where a document can.
pub static POLICY: LazyLock<String> =
    LazyLock::new(|| [OWN_POLICY.as_str(), "; frame-ancestors 'none'"].concat());

static OWN_POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = html::base64(&secrets::sha256(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
});

/// What a document is made of.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// Its black boxes, oldest first.
    pub boxes: &'a [BoxAt],
    /// What its nodes are.
    pub facts: &'a BTreeMap<NodeId, NodeFacts>,
    /// Where the head is: `https://head.example:8443`.
    pub url: &'a str,
    /// When this is, by the head's clock: ms since 1970.
    pub now_ms: u64,
}

/// The document.
#[must_use]
pub fn document(known: &Known<'_>) -> String {
    let Known { incident, boxes, url, now_ms, .. } = *known;
    let mut out = String::with_capacity(64 << 10);
    begin(&mut out, &incident.title, url);
    put!(out, "<p class=\"from\">As of {}</p></header>\n<main>\n", moment(now_ms));
    summary(&mut out, known);
    steps(&mut out, incident);
    for at in boxes.iter().take(MOST_BOXES) {
        black_box(&mut out, at, known);
    }
    let address = format!("{url}/api/v1/incidents/{}", incident.id);
    if boxes.len() > MOST_BOXES {
        put!(
            out,
            "<section class=\"panel\"><h2>{} more black boxes</h2><p>They are at <code>{}</code>.</p>\
             </section>\n",
            boxes.len() - MOST_BOXES,
            escaped(&address),
        );
    }
    put!(
        out,
        "<section class=\"panel about\"><h2>About this file</h2><p>Times are UTC. The file needs no \
         network and runs no program. All numbers are in it as JSON, in the form of <code>{}</code>: in \
         the element <code>script</code> with the id <code>data</code>.</p></section>\n</main>\n",
        escaped(&address),
    );
    put!(
        out,
        "<script type=\"application/json\" id=\"data\">{}</script>\n</body>\n</html>\n",
        data::json(known, MOST_BOXES)
    );
    out
}

/// A page for people who ask for an incident that is not there.
#[must_use]
pub fn not_found(what: &str, url: &str) -> String {
    let mut out = String::new();
    begin(&mut out, "No such incident", url);
    put!(
        out,
        "</header>\n<main>\n<section class=\"panel lead\"><h1>There is no incident {}</h1><p>It may be so \
         old that it was let go, or the link was cut short. <a href=\"{}/incidents\">All incidents</a> are \
         listed on the dashboard.</p></section>\n</main>\n</body>\n</html>\n",
        name(what),
        escaped(url),
    );
    out
}

fn begin(out: &mut String, title: &str, url: &str) {
    put!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} · Headroom</title>\n<style>{}</style>\n</head>\n<body>\n\
         <header class=\"top\"><a class=\"brand\" href=\"{}/\"><svg aria-hidden=\"true\" viewBox=\"0 0 32 \
         32\"><path class=\"mark-used\" d=\"M4 20h24v8H4z\"/><path class=\"mark-room\" d=\"M4 \
         4h24v12H4z\"/></svg>Headroom</a>",
        *OWN_POLICY,
        escaped(title),
        *STYLE,
        escaped(url),
    );
}

/// What happened in a sentence, and in a few numbers.
fn summary(out: &mut String, known: &Known<'_>) {
    let Known { incident, boxes, now_ms, .. } = *known;
    let class = match incident.severity {
        Severity::Trouble => "wrong",
        Severity::Warning => "strained",
        Severity::Note => "",
    };
    put!(out, "<section class=\"panel lead {class}\"><h1>{}</h1>\n", escaped(&incident.title));
    if let Some(sentence) = words::sentence(boxes) {
        put!(out, "<p class=\"sentence\">{sentence}</p>\n");
    }
    out.push_str("<dl class=\"tiles\">\n");
    let mut tile = |label: &str, value: &str, more: &str| {
        put!(out, "<div><dt>{label}</dt><dd>{value}</dd><dd class=\"more\">{more}</dd></div>\n");
    };
    let over = match incident.over_ms {
        Some(over_ms) => (lasted(over_ms.saturating_sub(incident.since_ms)), moment(over_ms)),
        None => {
            ("not over".into(), format!("for {}", lasted(now_ms.saturating_sub(incident.since_ms))))
        }
    };
    tile("Began", &clock(incident.since_ms), &moment(incident.since_ms));
    tile(if incident.over_ms.is_some() { "Lasted" } else { "Goes on" }, &over.0, &over.1);
    if let Some((least, total)) = words::least_available(boxes) {
        tile("Least available", &amount(least), &format!("of {}", amount(total)));
    }
    if let Some(share) = words::most_waiting(boxes) {
        tile("Waited for memory", &shared::units::percent(share), "of a second, at worst");
    }
    let killed: usize = boxes.iter().map(|at| at.what.killed.len()).sum();
    if killed > 0 {
        tile("Killed", &killed.to_string(), if killed == 1 { "program" } else { "programs" });
    }
    out.push_str("</dl>\n<p class=\"facts-line\">");
    put!(out, "Incident {}, about {}", incident.id, about(incident.cause));
    for (place, node) in incident.nodes.iter().enumerate() {
        let facts = known.facts.get(node);
        let model = facts.and_then(|facts| facts.model.as_deref().or(facts.os.as_deref()));
        put!(
            out,
            "{}<strong>{}</strong>",
            if place == 0 { " · " } else { ", " },
            name(node.as_str())
        );
        if let Some(model) = model.filter(|_| incident.nodes.len() == 1) {
            put!(out, ", {}", name(model));
        }
    }
    out.push_str("</p>\n");
    if !incident.top.is_empty() {
        out.push_str("<p class=\"facts-line\">Most memory was held by ");
        for (place, holder) in incident.top.iter().enumerate() {
            let between = if place == 0 { "" } else { ", " };
            put!(out, "{between}{} ({})", name(&holder.name), amount(holder.bytes));
        }
        out.push_str(".</p>\n");
    }
    out.push_str("</section>\n");
}

fn about(cause: Cause) -> &'static str {
    match cause {
        Cause::Memory => "memory",
        Cause::Unheard => "nodes that are not heard",
        Cause::Unreadable => "a node that cannot be read",
        Cause::Power => "power or heat",
        Cause::Clock => "a clock",
        Cause::Finding => "a finding of the doctor",
        Cause::Head => "the head itself",
        Cause::Channel => "a channel",
    }
}

fn steps(out: &mut String, incident: &Incident) {
    if incident.steps.is_empty() {
        return;
    }
    out.push_str("<section class=\"panel\"><h2>What happened</h2>\n<ol class=\"steps\">\n");
    for step in &incident.steps {
        let (class, word) = match step.kind {
            StepKind::Opened => ("wrong", "began"),
            StepKind::Worse => ("wrong", "worse"),
            StepKind::Update => ("", "more"),
            StepKind::Over => ("good", "over"),
            StepKind::Acknowledged => ("", "looked after"),
            StepKind::Silenced => ("", "silenced"),
        };
        put!(
            out,
            "<li class=\"{class}\"><time datetime=\"{}\">{}</time> <span class=\"kind\">{word}</span> \
             <span>{}</span></li>\n",
            words::rfc3339(step.at_ms),
            clock(step.at_ms),
            name(&step.text),
        );
    }
    out.push_str("</ol></section>\n");
}

fn black_box(out: &mut String, at: &BoxAt, known: &Known<'_>) {
    let facts = known.facts.get(&at.node).cloned().unwrap_or_default();
    let title = match at.what.why {
        Why::OutOfMemory => "Killed for want of memory",
        Why::Pressure => "Programs waited for memory",
        Why::LastWords => "Last words",
    };
    put!(
        out,
        "<section class=\"panel box\"><h2>{} · {title}</h2><p class=\"facts-line\">{}</p>\n",
        name(at.node.as_str()),
        moment(at.at_ms),
    );
    if at.what.why == Why::LastWords {
        out.push_str("<p>What the node reported last, before it was no longer heard.</p>\n");
    }
    out.push_str("<div class=\"halves\"><div>\n");
    killed(out, at);
    if !at.readings.is_empty() {
        out.push_str("<h3>What memory was made of</h3>\n");
        pictures::timelines(out, at, &facts);
    }
    out.push_str("</div><div>\n");
    processes::table(out, at);
    out.push_str("</div></div>\n");
    seconds::table(out, at, &facts);
    out.push_str("</section>\n");
}

fn killed(out: &mut String, at: &BoxAt) {
    let what = &at.what;
    if what.killed.is_empty() && what.note.is_none() {
        return;
    }
    out.push_str("<h3>Who was killed</h3>\n<ul class=\"killed\">\n");
    for killed in &what.killed {
        let at_ms = at.offset_ms.saturating_add(killed.uptime_us / 1000);
        put!(out, "<li><strong>{}</strong> (process {})", name(&killed.name), killed.pid);
        if let Some(bytes) = killed.bytes {
            put!(out, ", which held {}", amount(bytes));
        }
        put!(out, ", at <time datetime=\"{}\">{}</time>", words::rfc3339(at_ms), clock(at_ms));
        match &killed.group {
            Some(group) => {
                put!(out, ", as control group <code>{}</code> was at its limit", name(group));
            }
            None if killed.is_logged => out.push_str(", as the whole machine had no more"),
            None => {}
        }
        out.push_str(if killed.is_logged {
            ". <span class=\"said\">The kernel’s log says so.</span></li>\n"
        } else {
            ". <span class=\"said\">This is concluded: it was there before and is not now.</span></li>\n"
        });
    }
    out.push_str("</ul>\n");
    if let Some(note) = &what.note {
        put!(out, "<p class=\"facts-line\">{}</p>\n", name(note));
    }
}

#[cfg(test)]
mod tests;
