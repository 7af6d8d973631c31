//! `headroom alert`: what harms on the nodes of a head, and what is to be told of it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::alert::{AlertStatus, Incident, Level, Rule, StepKind};
use shared::units::{human, span};

use crate::ask::{self, Head};
use crate::clock::unix_ms;
use crate::config::{AlertCommand, FleetArgs, TrustArgs};
use crate::error::{Error, print, tell};
use crate::table::{aligned, plain, wrapped};

/// Runs one of the commands.
pub fn run(command: AlertCommand) -> Result<(), Error> {
    match command {
        AlertCommand::List(args) => list(args.all, args.json, &Place::of(args.of)?),
        AlertCommand::Show(args) => show(args.id, args.json, &Place::of(args.of)?),
        AlertCommand::Ack(args) => {
            let path = format!("/api/v1/incidents/{}/acknowledge", args.id);
            let incident: Incident = Place::of(args.of)?.enter()?.post(&path, &json!({}))?;
            changed(&incident, args.json, "nothing but its end is told any more")
        }
        AlertCommand::Silence(args) => {
            let path = format!("/api/v1/incidents/{}/silence", args.id);
            let span = format!("{}ms", args.span.0.as_millis());
            let place = Place::of(args.of)?;
            let incident: Incident = place.enter()?.post(&path, &json!({ "for": span }))?;
            let told = format!("it is told to nobody for {}", span_of(args.span.0.as_secs()));
            changed(&incident, args.json, &told)
        }
        AlertCommand::Rules(args) => rules(args.json, &Place::of(args.of)?),
        AlertCommand::Test(args) => test(args.channel.as_deref(), args.json, &Place::of(args.of)?),
    }
}

/// Where the head is, and how it is trusted.
struct Place(String, TrustArgs);

impl Place {
    fn of(args: FleetArgs) -> Result<Self, Error> {
        let (url, trust) = ask::place(args)?;
        Ok(Self(url, trust))
    }

    fn enter(&self) -> Result<Head<'_>, Error> {
        Head::enter(&self.0, &self.1)
    }
}

fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| Error::Output(e.into()))?;
    text.push('\n');
    print(&text)
}

fn span_of(seconds: u64) -> String {
    span(seconds).replace('\u{a0}', " ")
}

fn ago(at_ms: u64) -> String {
    format!("{} ago", span_of(unix_ms().saturating_sub(at_ms) / 1000))
}

fn list(all: bool, json: bool, of: &Place) -> Result<(), Error> {
    let path = if all { "/api/v1/incidents?limit=1000" } else { "/api/v1/incidents?open=true" };
    let incidents: Vec<Incident> = of.enter()?.get(path)?;
    if json {
        return print_json(&incidents);
    }
    if incidents.is_empty() {
        let more = if all { "" } else { " `headroom alert list --all` lists what is over." };
        return print(&wrapped("", 0, &format!("Nothing harms.{more}")));
    }
    let mut rows = vec![["id", "began", "is", "what"].map(str::to_owned)];
    for incident in &incidents {
        let title = incident.title.clone();
        rows.push([incident.id.to_string(), ago(incident.since_ms), state(incident), title]);
    }
    print(&aligned(&rows, "rrll"))
}

fn state(incident: &Incident) -> String {
    let state = match incident {
        Incident { over_ms: Some(_), .. } => "over",
        Incident { acknowledged_ms: Some(_), .. } => "looked after",
        Incident { silenced: true, .. } => "silenced",
        _ => incident.severity.name(),
    };
    state.into()
}

#[derive(Deserialize, Serialize)]
struct Shown {
    incident: Incident,
    boxes: Vec<Value>,
}

fn show(id: u64, json: bool, of: &Place) -> Result<(), Error> {
    let shown: Shown = of.enter()?.get(&format!("/api/v1/incidents/{id}"))?;
    if json {
        return print_json(&shown);
    }
    let incident = &shown.incident;
    let over =
        incident.over_ms.map_or_else(String::new, |at| format!(", and was over {}", ago(at)));
    let mut text = wrapped(&format!("{id}: "), 0, &incident.title);
    let began = format!("It began {}{over}. It is {}.", ago(incident.since_ms), state(incident));
    text += &wrapped("", 0, &began);
    text += "\n";
    let mut rows = Vec::new();
    for step in &incident.steps {
        let told = if step.is_told { "told" } else { "not told" };
        let kind = words_of(step.kind).to_owned();
        rows.push([ago(step.at_ms), kind, told.into(), step.text.clone()]);
    }
    text += &aligned(&rows, "rlll");
    if !incident.top.is_empty() {
        text += "\nWho had the memory:\n";
        let row = |holder: &shared::alert::Holder| {
            [
                human(holder.bytes),
                holder.name.clone(),
                holder.pid.to_string(),
                holder.node.to_string(),
            ]
        };
        text += &aligned(&incident.top.iter().map(row).collect::<Vec<_>>(), "rlrl");
    }
    let (page, boxes) = (incident.path(), shown.boxes.len());
    text += "\n";
    let more = format!(
        "Its page, with {boxes} black boxes, is {}{page}.",
        plain(of.0.trim_end_matches('/'))
    );
    text += &wrapped("", 0, &more);
    print(&text)
}

fn words_of(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Opened => "began",
        StepKind::Worse => "worse",
        StepKind::Update => "news",
        StepKind::Over => "over",
        StepKind::Acknowledged => "looked after",
        StepKind::Silenced => "silenced",
    }
}

fn changed(incident: &Incident, json: bool, told: &str) -> Result<(), Error> {
    if json {
        return print_json(incident);
    }
    if incident.over_ms.is_some() {
        tell(format_args!("incident {} is over already", incident.id));
    } else {
        tell(format_args!("incident {} ({}): {told}", incident.id, plain(&incident.title)));
    }
    Ok(())
}

fn rules(json: bool, of: &Place) -> Result<(), Error> {
    let status: AlertStatus = of.enter()?.get("/api/v1/alerts")?;
    if json {
        return print_json(&status);
    }
    let mut rows = vec![["rule", "begins", "for", "ends", "for", ""].map(str::to_owned)];
    for rule in &status.rules.rules {
        let (begin, end) = levels(rule);
        let after = |seconds: u32| span_of(seconds.into());
        let state = if rule.enabled { "" } else { "off" };
        let id = rule.harm.def().id.to_owned();
        rows.push([id, begin, after(rule.begin_s), end, after(rule.end_s), state.into()]);
    }
    let mut text = aligned(&rows, "lrrrrl");
    text += "\n";
    let from = if status.is_changed {
        "They were changed in the page, and win over the settings file."
    } else {
        "They are those of the settings file, or the defaults."
    };
    text += &wrapped("", 0, from);
    if status.channels.is_empty() {
        let none = "Nobody is told: the settings file names no channel (see docs/channels.md).";
        text += &wrapped("", 0, none);
    }
    for channel in &status.channels {
        let trouble = channel.trouble.as_ref();
        let state = trouble.map_or_else(|| "takes messages".into(), |why| plain(why).into_owned());
        text += &wrapped("", 2, &format!("Channel {} ({}): {state}.", channel.name, channel.kind));
    }
    print(&text)
}

/// Where a rule begins and ends, in words.
fn levels(rule: &Rule) -> (String, String) {
    let words = |value: f64| match rule.harm.def().level {
        Level::None => String::new(),
        Level::PercentBelow | Level::PercentAbove => format!("{value} %"),
        Level::BytesBelow => human(value as u64),
        Level::PagesAbove => format!("{value} pages/s"),
        Level::SecondsBelow | Level::SecondsAbove => span_of(value as u64),
    };
    let side = match rule.harm.def().level {
        Level::None => "it is",
        Level::PercentBelow | Level::BytesBelow | Level::SecondsBelow => "below ",
        Level::PercentAbove | Level::PagesAbove | Level::SecondsAbove => "above ",
    };
    let end = words(rule.end);
    (format!("{side}{}", words(rule.begin)), if end.is_empty() { "it is not".into() } else { end })
}

#[derive(Deserialize, Serialize)]
struct Tested {
    channel: String,
    error: Option<String>,
}

fn test(channel: Option<&str>, json: bool, of: &Place) -> Result<(), Error> {
    let tested: Vec<Tested> =
        of.enter()?.post("/api/v1/alerts/test", &json!({ "channel": channel }))?;
    if json {
        print_json(&tested)?;
    } else if !tested.is_empty() {
        let row = |tested: &Tested| {
            let state = tested.error.as_ref();
            let state = state.map_or_else(|| "took it".into(), |why| format!("did not: {why}"));
            [tested.channel.clone(), state]
        };
        print(&aligned(&tested.iter().map(row).collect::<Vec<_>>(), "ll"))?;
    }
    let failed = tested.iter().filter(|tested| tested.error.is_some()).count();
    if tested.is_empty() || failed > 0 {
        return Err(Error::NotTaken { failed, all: tested.len() });
    }
    Ok(())
}
