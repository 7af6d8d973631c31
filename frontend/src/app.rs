//! Puts store, link, keys and views together.

use std::cell::Cell;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::{Element, Event};

use crate::access::Call;
use crate::late;
use crate::net;
use crate::route::{Place, Route};
use crate::status::Kind;
use crate::store::{Late, Shown, Store};
use crate::view::dialog::Dialog;
use crate::view::dom::{add_late, around, dress, find, focus, follow, on, put, set, show, stamp};
use crate::view::door::add_door;
use crate::view::fleet::{add_fleet, add_spoken};
use crate::view::go::{
    date_link, follow_link, go, go_home, here, is_on_control, key_of, note_address,
};
use crate::view::node::add_node;
use crate::view::play::press_time;
use crate::view::status::add_status;
use crate::view::strip::add_strip;
use crate::view::time::add_time;

/// Brings the page to life: `page` is all of it.
pub(crate) fn start(page: &Element) {
    let store = Store::new(here());
    add_status(page, store);
    add_spoken(find(page, "spoken"), store);
    add_strip(page, store);
    add_main(page, store);
    add_time(page, store);
    let dialog = |name, fill| Dialog::of(page, store, name, fill);
    let help = dialog("help", |parts| parts.help);
    let history = dialog("history", |parts| parts.happened);
    let adding = dialog("adding", |parts| parts.adding);
    for (button, opened) in [("keys", help.clone()), ("happened", history.clone())] {
        on(find(page, button), "click", move |_| opened.open());
    }
    let dialog = adding.clone();
    on(page, "click", move |event| {
        if around(&event, "[data-name=add]").is_some() {
            dialog.open_adding();
        } else {
            follow_link(store, &event);
        }
    });
    let dialogs = [help, adding, history];
    on(window(), "keydown", move |event| press(store, &dialogs, &event));
    for kind in ["pointerdown", "focusin"] {
        on(page, kind, move |event| date_link(store, &event));
    }
    let is_started = Cell::new(false);
    follow(move || {
        store.stood_still();
        if is_started.replace(true) {
            note_address(store);
        }
    });
    on(window(), "popstate", move |_| store.turn(here()));
    on(window(), "resize", move |_| store.resize());
    if let Ok(Some(theme)) = window().match_media("(prefers-color-scheme: dark)") {
        on(theme, "change", move |_| store.resize());
    }

    // Ages go on even when nothing arrives, which is when they matter.
    set_interval_with_handle(move || store.tick_in_time(), Duration::from_millis(500)).ok();
    follow(move || {
        for call in store.desk().take_calls() {
            spawn_local(async move { store.answer(net::perform(call).await) });
        }
    });
    follow(move || {
        for ask in store.take_asks() {
            spawn_local(async move {
                let answer = net::bytes(&ask.path()).await;
                store.fetched(&ask, answer);
            });
        }
    });
    follow(move || {
        if matches!(store.late(), Late::Coming) {
            spawn_local(async move { store.take_late(late::load().await) });
        }
    });
    store.desk().ask(Call::Session);
    let may_read = move || store.may_read();
    spawn_local(net::follow(store.outbox(), may_read, move |event| store.hear(event)));
}

/// The part of the page that changes with its address.
fn add_main(page: &Element, store: Store) {
    let (main, empty) = (find(page, "main"), find(page, "empty"));
    let (place, skeleton) = (find(page, "view"), find(page, "skeleton"));
    follow(move || {
        let (status, shown) = (store.status(), store.shown());
        show(&empty, &status.detail);
        let is_bare = match &shown {
            Shown::Blank => true,
            Shown::Node(id) => store.opened(id).is_none(),
            _ => false,
        };
        let is_nothing = !is_bare && status.kind == Kind::Past && !status.detail.is_empty();
        let is_old = matches!(status.kind, Kind::Stale | Kind::Refused | Kind::Gone);
        dress(
            &main,
            match shown {
                Shown::Skeleton => "gone",
                _ if is_bare => "page no-node",
                _ if is_nothing => "page no-node nothing",
                _ if store.is_behind() => "page behind",
                Shown::Door | Shown::Nobody => "page",
                _ if is_old => "page dim",
                _ => "page",
            },
        );
        // The layout to come stays until there is something to put in its place.
        if shown != Shown::Skeleton {
            skeleton.remove();
        }
        let name = match &shown {
            Shown::Node(id) => store.row_of(id).map(|row| row.name().to_owned()),
            Shown::Compare(ids) => Some([&ids.len().to_string(), " nodes compared"].concat()),
            Shown::Incidents => Some("Incidents".into()),
            _ => None,
        };
        let title = name.map_or("Headroom".into(), |name| [&name, " · Headroom"].concat());
        if document().title() != title {
            document().set_title(&title);
        }
    });
    follow(move || {
        let shown = store.shown();
        let node = match &shown {
            Shown::Node(id) => store.opened(id),
            _ => None,
        };
        // What was made here before ends with it.
        let had_focus = place.matches(":focus-within").unwrap_or(false);
        place.set_text_content(None);
        untrack(|| match shown {
            Shown::Skeleton | Shown::Blank => {}
            Shown::Door => add_door(&place, store),
            Shown::Nobody => put(&place, &stamp("t-nobody")),
            Shown::Node(_) => {
                if let Some(node) = node {
                    add_node(&place, store, &node);
                }
            }
            Shown::Fleet(view) => add_fleet(&place, store, view),
            Shown::Incidents => {
                add_late(&place, store, move |place, parts| (parts.incidents)(place, store));
            }
            Shown::Compare(ids) => {
                add_late(&place, store, move |place, parts| {
                    (parts.compare)(place, store, ids.clone());
                });
            }
        });
        // Whoever goes by keys goes on from the heading of what is new.
        if had_focus && let Ok(Some(heading)) = place.query_selector("h1") {
            set(&heading, "tabindex", "-1");
            focus(&heading);
        }
    });
}

fn press(store: Store, [help, adding, history]: &[Dialog; 3], event: &Event) {
    let Some(key) = key_of(event) else { return };
    match key.as_str() {
        // Space works buttons and the like.
        " " if !is_on_control(event) => {
            event.prevent_default();
            if store.is_past() {
                store.play(!store.is_playing());
            } else {
                store.freeze(!store.is_frozen());
            }
        }
        "l" => {
            store.freeze(false);
            store.travel(store.time().live());
        }
        "i" => go(store, Route { place: Place::Incidents, ..Route::default() }),
        "e" => history.open(),
        "?" => help.open(),
        "a" => {
            event.prevent_default();
            adding.open_adding();
        }
        "Escape" => go_home(store),
        key => {
            if press_time(store, key) {
                event.prevent_default();
            }
        }
    }
}
