//! What went wrong: what is open first, then the past, and the rules by which it is told.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlSelectElement};
use shared::alert::Incident;
use shared::survey::Severity;
use shared::units::human;
use shared::wire::value_from_postcard;

use super::dom::{
    add, add_text, around, dress, find, follow, get, on, put, reveal, set, show, stamp,
};
use super::rules::add_rules;
use super::strip::{lasting, severity_class};
use crate::access::{Answer, Topic};
use crate::route::{Place, Route};
use crate::store::Store;

/// Incidents that are asked for.
const ALL: &str = "/api/v1/incidents?limit=200";
/// Nodes that are named of one incident.
const MOST_NAMED: usize = 12;

/// Incidents and their lines, as they are shown.
type Lines = RefCell<Vec<(Incident, bool, Element)>>;

/// Shows the view within `place`.
pub(crate) fn add_incidents(place: &Element, store: Store) {
    let root = stamp("t-incidents");
    put(place, &root);
    let part = |name| find(&root, name);
    set(&part("up"), "href", &store.home().address());
    let (open, over) = (part("open"), part("over"));
    for list in [&open, &over] {
        on(list, "click", move |event| {
            if let Some(button) = around(&event, "button[data-id]") {
                care(store, &button, "acknowledge", "{}".into());
            }
        });
        on(list, "change", move |event| {
            let Some(select) = around(&event, "select[data-id]") else { return };
            let span = select.unchecked_ref::<HtmlSelectElement>().value();
            if !span.is_empty() {
                care(store, &select, "silence", ["{\"for\":\"", &span, "\"}"].concat());
            }
        });
    }
    // What is open is known already; each change of it asks for all.
    let told: RefCell<Option<Rc<Answer>>> = RefCell::default();
    follow(move || {
        let new = store.told(Topic::Open);
        let is_same =
            told.borrow().as_ref().zip(new.as_ref()).is_some_and(|(a, b)| Rc::ptr_eq(a, b));
        if !is_same || new.is_none() {
            told.replace(new);
            store.ask_for(Topic::Incidents, ALL);
        }
    });
    let failed = part("care-failed");
    follow(move || {
        let care = store.told(Topic::Care);
        let why = care.as_deref().and_then(|care| care.as_ref().err());
        show(&failed, why.map_or("", |(_, why)| why));
    });
    add_lists(&root, store, &open, &over);
    add_rules(&root, store);
}

/// Acknowledges or silences the incident that a control is of.
fn care(store: Store, control: &Element, what: &str, body: String) {
    let path = ["/api/v1/incidents/", &get(control, "data-id"), "/", what].concat();
    store.say(Topic::Care, "POST", &path, Some(body));
}

fn add_lists(root: &Element, store: Store, open: &Element, over: &Element) {
    let part = |name| find(root, name);
    let (none, no_past, why) = (part("none-open"), part("none-over"), part("why-none"));
    let (may_not, sign_in) = (part("may-not"), part("sign-in"));
    on(&sign_in, "click", move |_| store.sign_in());
    let lists = [(open.clone(), Lines::default()), (over.clone(), Lines::default())];
    let waiting = part("waiting");
    follow(move || {
        let told = store.told(Topic::Incidents);
        let session = store.desk().session();
        let may = session.as_ref().is_some_and(|session| session.may_write);
        reveal(&may_not, !may);
        reveal(&sign_in, session.is_some_and(|session| session.has_password));
        reveal(&waiting, told.is_none());
        let all: Result<Vec<Incident>, String> = match told.as_deref() {
            None => return,
            Some(Ok(bytes)) => value_from_postcard(bytes)
                .map_err(|_| "This head answers in a way that this page cannot read.".to_owned()),
            Some(Err((404, _))) => Err("This head is too old to tell of incidents.".to_owned()),
            Some(Err((_, why))) => Err(why.clone()),
        };
        show(&why, all.as_ref().err().map_or("", |why| why));
        let is_known = all.is_ok();
        let (mut open, over): (Vec<_>, Vec<_>) =
            all.unwrap_or_default().into_iter().partition(|incident| incident.over_ms.is_none());
        open.sort_by_key(|incident| (incident.severity, std::cmp::Reverse(incident.since_ms)));
        reveal(&none, is_known && open.is_empty());
        reveal(&no_past, is_known && over.is_empty());
        for ((list, lines), incidents) in lists.iter().zip([open, over]) {
            arrange(store, list, lines, incidents, may);
        }
    });
    let open = open.clone();
    follow(move || {
        store.beat();
        let now_ms = store.live_ms();
        for place in super::dom::all(&open, "[data-since]") {
            let since_ms: u64 = get(&place, "data-since").parse().unwrap_or(now_ms);
            let ago = shared::units::span(now_ms.saturating_sub(since_ms) / 1000);
            show(&place, &["for ", &ago].concat());
        }
    });
}

/// Shows incidents in a list. Lines that say the same stay, with what is opened or focused in them.
fn arrange(store: Store, list: &Element, lines: &Lines, incidents: Vec<Incident>, may: bool) {
    let mut old = lines.take();
    let mut fresh = Vec::new();
    for (index, incident) in incidents.into_iter().enumerate() {
        let is_same = |line: &(Incident, bool, Element)| line.0 == incident && line.1 == may;
        let known = old.iter().position(is_same).map(|at| old.swap_remove(at).2);
        let line = known.unwrap_or_else(|| {
            let line = line_of(store, &incident, may);
            let before = old.iter().position(|line| line.0.id == incident.id);
            if let Some((.., before)) = before.map(|at| old.swap_remove(at)) {
                let was_open = !super::dom::all(&before, "details[open]").is_empty();
                if was_open {
                    set(&find(&line, "steps-box"), "open", "");
                }
                before.remove();
            }
            line
        });
        let there = list.children().item(index as u32);
        if there.as_ref() != Some(&line) {
            list.insert_before(&line, there.as_deref()).ok();
        }
        fresh.push((incident, may, line));
    }
    for (.., gone) in old {
        gone.remove();
    }
    lines.replace(fresh);
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Trouble => "Trouble",
        Severity::Warning => "Warning",
        Severity::Note => "Note",
    }
}

fn line_of(store: Store, incident: &Incident, may: bool) -> Element {
    let line = stamp("t-incident");
    let part = |name| find(&line, name);
    dress(&line, ["incident panel ", severity_class(incident.severity)].concat().as_str());
    show(&part("severity"), word(incident.severity));
    let (path, title) = (incident.path(), part("incident-title"));
    set(&title, "href", &path);
    show(&title, &incident.title);
    let when = part("incident-when");
    match incident.over_ms {
        None => set(&when, "data-since", &incident.since_ms.to_string()),
        Some(_) => show(&when, &lasting(incident, 0)),
    }
    show(&part("incident-since"), &["since ", &store.moment(incident.since_ms)].concat());
    let nodes = part("incident-nodes");
    for (index, id) in incident.nodes.iter().take(MOST_NAMED).enumerate() {
        if index > 0 {
            add_text(&nodes, "span", "", ", ");
        }
        let name = store.row_of(id).map_or_else(|| id.as_str().into(), |row| row.name().to_owned());
        let anchor = add(&nodes, "a", "here");
        let place = Place::Node(id.as_str().into());
        set(&anchor, "href", &Route { place, ..Route::default() }.address());
        add_text(&anchor, "bdi", "", &name);
    }
    let spare = incident.nodes.len().saturating_sub(MOST_NAMED);
    if spare > 0 {
        add_text(&nodes, "span", "", &[" and ", &spare.to_string(), " more"].concat());
    }
    let top: Vec<_> = incident
        .top
        .iter()
        .map(|it| {
            let node = if incident.nodes.len() > 1 {
                [" on ", it.node.as_str()].concat()
            } else {
                String::new()
            };
            ["\u{2068}", &it.name, "\u{2069} ", &it.pid.to_string(), " ", &human(it.bytes), &node]
                .concat()
        })
        .collect();
    let most =
        if top.is_empty() { String::new() } else { ["Most memory: ", &top.join(", ")].concat() };
    show(&part("incident-top"), &most);
    let steps = part("steps");
    for step in &incident.steps {
        let item = add(&steps, "li", "");
        add_text(&item, "span", "given", &store.moment(step.at_ms));
        add_text(&item, "bdi", "", &step.text);
    }
    let count = incident.steps.len().to_string();
    show(&part("steps-count"), &["What happened (", &count, ")"].concat());
    set(&part("whole"), "href", &path);
    let download = part("download");
    set(&download, "href", &[&path, "?download"].concat());
    let boxes = incident.boxes > 0;
    show(
        &part("boxes"),
        if boxes { "with what the memory was made of, second by second" } else { "" },
    );
    let (acknowledge, silence) = (part("acknowledge"), part("silence"));
    let is_open = incident.over_ms.is_none();
    set(&acknowledge, "data-id", &incident.id.to_string());
    set(&silence, "data-id", &incident.id.to_string());
    reveal(&acknowledge, may && is_open && incident.acknowledged_ms.is_none());
    reveal(&part("silence-box"), may && is_open && !incident.silenced);
    let cared = match (incident.acknowledged_ms, incident.silenced && is_open) {
        (Some(at_ms), true) => ["looked after since ", &store.moment(at_ms), ", silenced"].concat(),
        (Some(at_ms), false) => ["looked after since ", &store.moment(at_ms)].concat(),
        (None, true) => "silenced".into(),
        (None, false) => String::new(),
    };
    show(&part("cared"), &cared);
    line
}
