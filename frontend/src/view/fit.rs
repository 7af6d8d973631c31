//! Will it fit? Where the next job has room, by the head's answer, which is asked anew every few seconds.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlInputElement, HtmlSelectElement};
use shared::fit::{Answer, NodeFit};
use shared::units::{human, span};
use shared::wire::value_from_postcard;

use super::dom::{dress, find, focus, follow, get, on, put, reveal, set, show, stamp};
use super::go::adjust;
use super::holds::{add_holds, ask_holds};
use crate::access::Topic;
use crate::fit::{WORDS, Wish};
use crate::route::{Place, Route};
use crate::store::Store;

/// The answer is asked anew after so long, in ms.
const AGAIN_MS: u64 = 5000;
/// What is typed is asked after a pause of this, in ms.
const PAUSE_MS: u64 = 300;
/// Nodes that are listed at most.
const MOST: usize = 60;

/// Fills the box.
pub(crate) fn add_fit(body: &Element, store: Store) {
    let root = stamp("t-fit");
    put(body, &root);
    add_form(&root, store);
    add_asking(store);
    add_answer(&root, store);
    add_hosts(&root, store);
    add_holds(&root, store);
    focus(&find(&root, "fit-size"));
}

/// What a field of the form says, whatever kind it is.
fn value(field: &Element) -> String {
    match field.dyn_ref::<HtmlSelectElement>() {
        Some(select) => select.value(),
        None => field.unchecked_ref::<HtmlInputElement>().value(),
    }
}

fn add_form(root: &Element, store: Store) {
    let fields = WORDS.map(|(_, word)| find(root, &["fit-", word].concat()));
    let wish = untrack(|| store.route()).wish;
    for (field, text) in fields.iter().zip(&wish.0) {
        match field.dyn_ref::<HtmlSelectElement>() {
            Some(select) => select.set_value(text),
            None => field.unchecked_ref::<HtmlInputElement>().set_value(text),
        }
    }
    if wish.0[2..].iter().any(|text| !text.is_empty()) {
        set(&find(root, "fit-more"), "open", "");
    }
    let form = find(root, "fit-form");
    let counter: &'static Cell<u32> = Box::leak(Box::default());
    for kind in ["input", "submit"] {
        let fields = fields.clone();
        on(&form, kind, move |event| {
            if kind == "submit" {
                event.prevent_default();
            }
            counter.set(counter.get() + 1);
            let (number, fields) = (counter.get(), fields.clone());
            let said = move || {
                if counter.get() == number {
                    let wish = Wish(fields.map(|field| value(&field).trim().to_owned()));
                    adjust(store, |route| route.wish = wish);
                }
            };
            set_timeout(said, Duration::from_millis(PAUSE_MS));
        });
    }
}

fn add_asking(store: Store) {
    let asked: RefCell<(Wish, u64)> = RefCell::default();
    follow(move || {
        store.beat();
        let (wish, now_ms) = (store.route().wish, store.live_ms());
        let mut asked = asked.borrow_mut();
        let is_new = asked.0 != wish;
        if is_new && wish.is_empty() {
            untrack(|| store.forget_told(Topic::Fit));
        }
        if !wish.is_empty() && (is_new || now_ms >= asked.1 + AGAIN_MS) {
            store.ask_for(Topic::Fit, &wish.path(""));
            asked.1 = now_ms;
        }
        asked.0 = wish;
    });
}

fn add_answer(root: &Element, store: Store) {
    let part = |name| find(root, name);
    let (verdict, word, sentence) = (part("verdict"), part("fit-word"), part("fit-sentence"));
    let (error, more, list) = (part("fit-error"), part("fit-rest"), part("places"));
    let (tools, reserve) = (part("fit-tools"), part("fit-default"));
    let shown: RefCell<Option<Answer>> = RefCell::default();
    follow(move || {
        let told = store.told(Topic::Fit);
        let answer = told.as_deref().map(|told| match told {
            Ok(bytes) => value_from_postcard::<Answer>(bytes)
                .map_err(|_| "This head answers in a way that this page cannot read.".to_owned()),
            Err((404, _)) => Err("This head is too old to tell where a job fits.".to_owned()),
            Err((_, why)) => Err(why.clone()),
        });
        show(&error, answer.as_ref().and_then(|told| told.as_ref().err()).map_or("", |why| why));
        let answer = answer.and_then(Result::ok);
        reveal(&verdict, answer.is_some());
        reveal(&tools, answer.as_ref().is_some_and(|answer| answer.fits));
        let Some(answer) = answer else {
            list.set_text_content(None);
            show(&more, "");
            shown.take();
            return;
        };
        dress(&verdict, if answer.fits { "verdict fits" } else { "verdict" });
        show(&word, if answer.fits { "Yes." } else { "No." });
        show(&sentence, &answer.summary);
        let job = &answer.job;
        let kept = job.reserve.map_or_else(|| "what is kept in reserve".to_owned(), human);
        let over = job.over_min.to_string();
        show(
            &reserve,
            &[
                "By the least that was available in the last ",
                &over,
                " min, less ",
                &kept,
                " on each node.",
            ]
            .concat(),
        );
        show(&more, &rest(store, &answer));
        if shown.borrow().as_ref().is_none_or(|old| old.nodes != answer.nodes) {
            list.set_text_content(None);
            for node in answer.nodes.iter().take(MOST) {
                put(&list, &place_of(node));
            }
        }
        shown.replace(Some(answer));
    });
}

/// What else is to be said of an answer.
fn rest(store: Store, answer: &Answer) -> String {
    let mut words = Vec::new();
    if !answer.fits {
        let copies = answer.job.copies;
        words.push(if answer.largest == 0 {
            "Nothing fits at present.".into()
        } else if copies == 1 {
            ["The largest that fits: ", &human(answer.largest), "."].concat()
        } else {
            let copies = copies.to_string();
            ["The largest of which ", &copies, " fit: ", &human(answer.largest), "."].concat()
        });
        if let Some(at_ms) = answer.last_fit_ms {
            words.push(["It would last have fit on ", &store.moment(at_ms), "."].concat());
        }
    }
    let spare = answer.nodes.len().saturating_sub(MOST);
    if spare > 0 {
        words.push([&spare.to_string(), " more nodes are not listed."].concat());
    }
    words.join(" ")
}

/// What a node has for the job.
fn place_of(node: &NodeFit) -> Element {
    let item = stamp("t-place");
    let part = |name| find(&item, name);
    let link = part("place-name");
    let place = Place::Node(node.id.as_str().into());
    set(&link, "href", &Route { place, ..Route::default() }.address());
    show(&link, if node.host_name.is_empty() { node.id.as_str() } else { &node.host_name });
    let copies = |count: u32| match count {
        1 => "1 copy".to_owned(),
        count => [&count.to_string(), " copies"].concat(),
    };
    let (class, words) = match &node.because {
        Some(why) => ("place no", ["no, because ", why].concat()),
        None if node.copies > 0 => ("place yes", ["yes, ", &copies(node.copies)].concat()),
        None if node.room > 0 => ("place", ["room for ", &copies(node.room)].concat()),
        None => ("place no", "no room".into()),
    };
    dress(&item, class);
    show(&part("place-words"), &words);
    let floor = node.floor.map_or(String::new(), |floor| {
        let over = span(node.floor_over_ms / 1000);
        let held =
            if node.held > 0 { [", ", &human(node.held), " held"].concat() } else { String::new() };
        ["at least ", &human(floor), " in ", &over, &held].concat()
    });
    show(&part("place-floor"), &floor);
    item
}

/// The same for other programs, and a hold.
fn add_hosts(root: &Element, store: Store) {
    let part = |name| find(root, name);
    let format: HtmlSelectElement = part("format").unchecked_into();
    let (copy, text) = (part("copy-hosts"), part("hosts"));
    on(&copy, "click", move |_| {
        let wish = untrack(|| store.route()).wish;
        store.ask_for(Topic::Hosts, &wish.path(&["&format=", &format.value()].concat()));
    });
    let (button, shown) = (copy.clone(), text.clone());
    let is_first = Cell::new(true);
    follow(move || {
        let told = store.told(Topic::Hosts);
        if is_first.replace(false) {
            return;
        }
        let Some(told) = told else { return reveal(&shown, false) };
        reveal(&shown, true);
        match &*told {
            Ok(bytes) => {
                let hosts = String::from_utf8_lossy(bytes);
                if get(&shown, "data-of") == hosts {
                    return;
                }
                set(&shown, "data-of", &hosts);
                show(&shown, &hosts);
                if window().is_secure_context() {
                    drop(window().navigator().clipboard().write_text(&hosts));
                    show(&button, "Copied");
                }
            }
            Err((_, why)) => show(&shown, why),
        }
    });
    let hold = part("hold");
    let note: HtmlInputElement = part("hold-note").unchecked_into();
    let failed = part("hold-failed");
    on(&hold, "click", move |_| {
        let wish = untrack(|| store.route()).wish;
        store.say(Topic::Hold, "POST", "/api/v1/holds", Some(wish.body("10m", &note.value())));
    });
    let (may_not, field) = (part("may-not-hold"), part("hold-note"));
    let last: RefCell<Option<std::rc::Rc<crate::access::Answer>>> = RefCell::default();
    follow(move || {
        let told = store.told(Topic::Hold);
        let may = store.desk().session().is_some_and(|session| session.may_write);
        reveal(&hold, may);
        reveal(&field, may);
        reveal(&may_not, !may);
        let is_same = match (&*last.borrow(), &told) {
            (Some(old), Some(new)) => std::rc::Rc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return;
        }
        show(
            &failed,
            &match told.as_deref() {
                Some(Err((409, _))) => "It does not fit any more.".to_owned(),
                Some(Err((_, why))) => why.clone(),
                _ => String::new(),
            },
        );
        last.replace(told);
        ask_holds(store);
        let wish = untrack(|| store.route()).wish;
        if !wish.is_empty() {
            store.ask_for(Topic::Fit, &wish.path(""));
        }
    });
}
