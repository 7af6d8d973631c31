//! One node, from the number people came for to everything else.

use leptos::web_sys::Element;
use shared::Field;
use shared::explain::notes;
use shared::units::{human, percent_of, span};

use super::amount::Amount;
use super::doctor::add_doctor;
use super::dom::{add, dress, find, follow, get, on, put, reveal, set, show, stamp};
use super::facts::add_facts;
use super::memory::{add_breakdown, add_difference, from};
use super::strip::severity_class;
use super::tiles::add_tiles;
use super::timeline::add_timeline;
use super::tools::add_tools;
use super::usage::add_who;
use crate::access::Call;
use crate::foreseen;
use crate::state::Readout;
use crate::store::{Node, Store};

/// Shows one node, as the last child of `place`.
pub(crate) fn add_node(place: &Element, store: Store, node: &Node) {
    let root = stamp("t-node");
    add_headline(&root, node);
    add_foreseen(&root, store, node);
    add_breakdown(&root, node);
    add_difference(&root, node);
    add_tiles(&root, node);
    add_facts(&root, node);
    add_doctor(&root, node);
    add_who(&root, store, node);
    add_tools(&root, store, node);
    add_token(&root, store, node);
    let (up, add) = (find(&root, "up"), find(&root, "add"));
    set(&up, "href", &store.home().address());
    follow(move || {
        store.beat();
        let is_alone = store.rows(<[_]>::len) == 1;
        reveal(&up, !is_alone);
        reveal(&add, is_alone);
    });
    // The canvas has a size once it is in the page.
    put(place, &root);
    add_timeline(&root, store, node);
}

fn add_headline(root: &Element, node: &Node) {
    let part = |name| find(root, name);
    let (host, facts) = (part("host"), part("facts-line"));
    let (what, share, told) = (part("what"), part("share"), part("notes"));
    let available = Amount::of(root, "available");
    let total = Amount::of(root, "total").from(&const { Field::Total.origin() }.to_string());
    let node = node.clone();
    follow(move || {
        let readout = node.read();
        show(&host, &readout.facts.host_name);
        show(&facts, &facts_line(&readout));
        let found = readout.available.as_ref().ok();
        let here = found.map(|found| found.here);
        available.show_from(here, from(&readout));
        let installed = readout.sample.get(Field::Total);
        total.show(installed);
        let percent = here.zip(installed).and_then(|(here, total)| percent_of(here, total));
        show(&share, &percent.map_or(String::new(), |percent| ["(", &percent, ")"].concat()));
        let is_less = found.is_some_and(|found| found.here < found.bytes);
        let estimated = found.is_some_and(|found| found.source.is_estimated());
        show(
            &what,
            match (is_less, estimated) {
                (false, false) => "available",
                (false, true) => "available, estimated",
                (true, false) => "available here",
                (true, true) => "available here, estimated",
            },
        );
        show(&told, &notes(&readout.sample).join(" "));
    });
}

/// When its memory runs out, if that is foreseen, and what goes wrong on it.
fn add_foreseen(root: &Element, store: Store, node: &Node) {
    let (place, harms) = (find(root, "foreseen"), find(root, "harms"));
    let id = node.read_untracked().id.clone();
    let of = id.clone();
    follow(move || {
        store.beat();
        let forecast = store.row_of(&of).and_then(|row| store.forecast(row.number));
        let Some(forecast) = forecast else { return show(&place, "") };
        let head_ms = store.head_ms();
        let is_near = foreseen::is_near(&forecast, head_ms);
        dress(&place, if is_near { "foreseen strained" } else { "foreseen" });
        let suspects: Vec<_> = forecast
            .suspects
            .iter()
            .map(|it| {
                let pid = it.pid.to_string();
                let grows = human(it.per_hour);
                ["\u{2068}", &it.name, "\u{2069} ", &pid, " (+", &grows, "/h)"].concat()
            })
            .collect();
        let suspects = if suspects.is_empty() {
            String::new()
        } else {
            [" Grows steadily: ", &suspects.join(", "), "."].concat()
        };
        let lost = human(forecast.lost_per_hour);
        let when = foreseen::when(&forecast, head_ms);
        let over = span(forecast.over_ms / 1000);
        show(
            &place,
            &["Runs out ", &when, ": ", &lost, "/h lost over ", &over, ".", &suspects].concat(),
        );
    });
    follow(move || {
        let open = store.open_incidents();
        harms.set_text_content(None);
        for incident in open.iter().filter(|incident| incident.nodes.contains(&id)) {
            let link = add(&harms, "a", severity_class(incident.severity));
            set(&link, "href", &incident.path());
            show(&link, &incident.title);
        }
    });
}

/// `Raspberry Pi 4 Model B · Debian 12 · up 41 d`.
fn facts_line(readout: &Readout) -> String {
    let facts = &readout.facts;
    let up = readout.uptime_us.map(|us| format!("up {}", span(us / 1_000_000)));
    [facts.model.clone(), facts.os.clone(), up]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" · ")
}

/// A way to take back the token of a node, for those who may.
fn add_token(root: &Element, store: Store, node: &Node) {
    let button = find(root, "revoke");
    let (id, desk) = (node.read_untracked().id.clone(), store.desk());
    set(&button, "data-token", id.as_str());
    let pressed = button.clone();
    on(&button, "click", move |_| {
        // Taken back at the second press.
        if get(&pressed, "data-sure").is_empty() {
            set(&pressed, "data-sure", "yes");
            show(&pressed, "Really revoke its token?");
        } else {
            desk.ask(Call::Revoke(get(&pressed, "data-token")));
        }
    });
    if desk.session().is_some_and(|session| session.may_write) {
        desk.ask(Call::Tokens);
    }
    follow(move || {
        reveal(&button, desk.tokens().iter().any(|token| token.name == id.as_str()));
    });
}
