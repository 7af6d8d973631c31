//! headroom.toml(5): the settings file. Its tables and keys, with what they are, are what `serde` reads, by
//! way of the JSON schema that is derived from the same structs.

use clap_mangen::roff::{Roff, bold, italic, roman};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use shared::alert::{Harm, Level};

use super::{Page, text};
use crate::config::{DEFAULT_FILE, Settings, channel_schemas};

type Object = Map<String, Value>;

/// A table of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// What stands above it, such as `[history]`; empty for what stands above all tables.
    pub(super) heading: String,
    /// What it is.
    about: String,
    /// What may stand in it.
    pub(super) keys: Vec<Key>,
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: String,
    /// What its value is, in a word or two.
    value: String,
    /// What it is.
    about: String,
}

/// All tables, in the order in which they are told.
pub(super) fn tables() -> Vec<Table> {
    let inline = |settings: &mut SchemaSettings| settings.inline_subschemas = true;
    let mut generator = SchemaSettings::default().with(inline).into_generator();
    let mut tables = Vec::new();
    if let Some(settings) = generator.root_schema_for::<Settings>().as_object() {
        add(&mut tables, "", "", settings);
    }
    let mut of_channels = Vec::new();
    for (kind, schema) in channel_schemas(&mut generator) {
        if let Some(schema) = schema.as_object() {
            add(&mut of_channels, &format!("[[alerts.channels]] {kind}"), "", schema);
        }
    }
    let place = tables.iter().position(|table| table.heading == "[[alerts.channels]]");
    let place = place.map_or(tables.len(), |place| place + 1);
    tables.splice(place..place, of_channels);
    tables
}

/// Adds the table of `schema`, then those that stand in it.
fn add(tables: &mut Vec<Table>, heading: &str, about: &str, schema: &Object) {
    let mut table = Table { heading: heading.into(), about: about.into(), keys: Vec::new() };
    let mut below = Vec::new();
    let path = heading.trim_matches(['[', ']']);
    for (name, schema) in properties(schema) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let inner = |key| schema.get(key).and_then(Value::as_object).filter(|it| is_table(it));
        if is_table(schema) && heading.contains(' ') {
            // Small ones stand within their channel.
            for (inner, of_it) in properties(schema) {
                let mut key = key(&format!("{name}.{inner}"), of_it);
                key.about = format!("{} {}", described(schema), key.about);
                table.keys.push(key);
            }
        } else if is_table(schema) {
            below.push((format!("[{path}]"), schema, schema));
        } else if let Some(each) = inner("additionalProperties") {
            below.push((format!("[{path}.NAME]"), schema, each));
        } else if let Some(each) = inner("items") {
            below.push((format!("[[{path}]]"), schema, each));
        } else {
            table.keys.push(key(name, schema));
        }
    }
    let needed = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in needed.filter_map(Value::as_str) {
        table
            .keys
            .iter_mut()
            .filter(|key| key.name == name)
            .for_each(|key| key.value += ", needed");
    }
    if !table.keys.is_empty() {
        tables.push(table);
    }
    for (heading, of, schema) in below {
        add(tables, &heading, &described(of), schema);
    }
}

fn key(name: &str, schema: &Object) -> Key {
    Key { name: name.into(), value: value(schema), about: described(schema) }
}

/// What the struct's own comment says of it.
fn described(schema: &Object) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a value is, for people.
fn value(schema: &Object) -> String {
    if let Some(title) = schema.get("title").and_then(Value::as_str) {
        return title.into();
    }
    let choices = schema.get("anyOf").and_then(Value::as_array);
    if let Some(first) = choices.and_then(|choices| choices.first()?.as_object()) {
        return value(first);
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first(),
        kind => kind,
    };
    match kind.and_then(Value::as_str) {
        Some("boolean") => "true or false".into(),
        Some("integer" | "number") => "number".into(),
        Some("array") => "list of texts".into(),
        Some("object") => "table of texts".into(),
        _ => "text".into(),
    }
}

fn properties(schema: &Object) -> impl Iterator<Item = (&String, &Object)> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties.filter_map(|(name, schema)| Some((name, schema.as_object()?)))
}

fn is_table(schema: &Object) -> bool {
    properties(schema).next().is_some()
}

/// The page.
pub(super) fn page(date: &str) -> Page {
    let mut roff = text::title("headroom.toml", "5", date);
    text::name(&mut roff, "headroom.toml", "settings of the head and of agents of Headroom");
    let start = roff.render();
    let mut roff = Roff::new();
    text::section(&mut roff, "SYNOPSIS", [&*format!("`{DEFAULT_FILE}`")]);
    text::section(&mut roff, "DESCRIPTION", DESCRIPTION);
    for table in tables() {
        match table.heading.as_str() {
            "" => roff.control("SH", ["SETTINGS OF THE HEAD"]),
            heading => roff.control("SH", [&*heading.replace("]] ", "]], of kind ")]),
        };
        if !table.about.is_empty() {
            roff.text(text::marked(&table.about));
        }
        for Key { name, value, about } in table.keys {
            let term = vec![bold(name), roman(" = "), italic(value)];
            text::item(&mut roff, term, &about);
        }
        if table.heading == "[alerts.rules.NAME]" {
            rules(&mut roff);
        }
    }
    text::section(
        &mut roff,
        "EXAMPLES",
        ["A head for other machines, that tells of harm by ntfy:"],
    );
    example(&mut roff, EXAMPLE);
    roff.control("PP", []).text([roman("A node:")]);
    example(&mut roff, EXAMPLE_OF_AGENT);
    text::section(
        &mut roff,
        "FILES",
        ["`/usr/share/doc/headroom/examples/headroom.toml` has every setting, with what it is."],
    );
    let see =
        ["headroom-serve(1)", "headroom-agent(1)", "headroom-alert(1)", "headroom-troubleshoot(7)"];
    text::see(&mut roff, &see.map(String::from));
    ("headroom.toml.5".into(), start + &text::of_library(roff.render().as_bytes()))
}

const DESCRIPTION: [&str; 4] = [
    "The settings of `headroom serve` and of `headroom agent`, in TOML. `headroom setup` writes the file, and \
     leaves what it does not ask about as it stands; it is there for you to edit. It holds no secrets: it names \
     files that hold them.",
    "Options of the command line win over variables such as `HEADROOM_LISTEN`, those over this file, and that \
     over the defaults. A key that is not known is an error, wherever it stands, and so is a value that cannot \
     be; `headroom serve --help` lists the options of the same names. What a key is that is left out stands \
     after `default:`.",
    "An `amount` is text such as `500MB` or `1GiB`, or a number of bytes. A `time` is text such as `90s`, `15m` \
     or `1h`.",
    "The head reads the file when it starts: after a change run `sudo systemctl restart headroom`, or \
     `headroom-agent` on a node. `--config FILE` reads another.",
];

const EXAMPLE: &str = "\
listen = \"0.0.0.0:8080\"
host_names = [\"dash.example.org\"]

[history]
max_size = \"2GiB\"

[[alerts.channels]]
name = \"phone\"
kind = \"ntfy\"
topic_file = \"/etc/headroom/secrets/ntfy-topic\"
";

const EXAMPLE_OF_AGENT: &str = "\
[agent]
head = \"https://192.168.1.10:8080\"
fingerprint = [\"sha256:…\"]
token_file = \"/etc/headroom/secrets/token\"
label = [\"rack=a\"]
";

fn example(roff: &mut Roff, lines: &str) {
    roff.control("PP", []).control("RS", ["4"]).control("nf", []);
    for line in lines.lines() {
        if line.is_empty() {
            roff.control("sp", []);
        } else {
            roff.text([bold(line)]);
        }
    }
    roff.control("fi", []).control("RE", []);
}

/// Which rules there are.
fn rules(roff: &mut Roff) {
    roff.control("PP", []).text([roman("NAME is one of these:")]);
    for def in Harm::ALL.map(Harm::def) {
        let unit = match def.level {
            Level::None => None,
            Level::PercentBelow | Level::PercentAbove => Some("%"),
            Level::BytesBelow => Some("bytes"),
            Level::PagesAbove => Some("pages a second"),
            Level::SecondsBelow | Level::SecondsAbove => Some("s"),
        };
        let levels = unit.map_or("It has no levels".to_owned(), |unit| {
            format!("Levels are in {unit} [default: begin {}, end {}]", def.begin, def.end)
        });
        let default = if def.enabled { "on" } else { "off" };
        let about = format!(
            "{} {levels}, and times [default: begin_for {}s, end_for {}s].",
            def.help, def.begin_s, def.end_s
        );
        text::item(roff, vec![bold(def.id), roman(format!(" [default: {default}]"))], &about);
    }
}
