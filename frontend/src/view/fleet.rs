//! The cluster: its sums, and its nodes as a list or a heat map.

use std::cell::{Cell, RefCell};

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, HtmlInputElement, HtmlSelectElement, KeyboardEvent};
use shared::node::Condition;
use shared::units::percent_of;

use super::amount::Amount;
use super::dom::{add_late, add_text, find, focus, follow, on, put, reveal, set, show, stamp};
use super::go::{adjust, go, key_of};
use super::list::add_list;
use super::panel::Panel;
use crate::fleet::order::{Column, label_keys};
use crate::fleet::totals::Totals;
use crate::route::{Place, Route, View};
use crate::store::{Entry, Store};

/// Shows the cluster within `place`.
pub(crate) fn add_fleet(place: &Element, store: Store, view: View) {
    let root = stamp("t-fleet");
    add_totals(&root, store);
    add_fit_box(&root, store);
    add_toolbar(&root, store, view);
    put(place, &root);
    let body = find(&root, "nodes");
    let none = find(&root, "none");
    follow(move || {
        let has_some = store.entries().iter().any(|entry| matches!(entry, Entry::Node(_)));
        reveal(&none, !has_some);
    });
    match view {
        View::List => add_list(&body, store),
        View::Heat => add_late(&body, store, move |body, parts| (parts.heat)(body, store)),
    }
}

fn add_totals(root: &Element, store: Store) {
    let part = |name| find(root, name);
    let (available, total) =
        (Amount::of(root, "cluster-available"), Amount::of(root, "cluster-total"));
    let hole = Amount::of(root, "hole");
    let (what, share) = (part("cluster-what"), part("cluster-share"));
    let (node, host) = (part("hole-node"), part("hole-name"));
    let (live, wrong) = (part("live-count"), part("wrong"));
    on(&wrong, "click", move |_| {
        adjust(store, |route| {
            route.view = Some(View::List);
            route.order.column = Column::State;
            route.order.is_reversed = false;
        });
    });
    follow(move || {
        store.beat();
        if store.is_frozen() {
            return;
        }
        let head_ms = store.head_ms();
        let totals = store.rows(|rows| Totals::of(rows, head_ms));
        let some = |kib: u64| (totals.counted > 0).then_some(kib * 1024);
        available.show(some(totals.available_kib));
        total.show(some(totals.total_kib));
        show(&what, if totals.is_estimated { "available, partly estimated" } else { "available" });
        let percent = percent_of(totals.available_kib, totals.total_kib);
        show(&share, &percent.map_or(String::new(), |percent| ["(", &percent, ")"].concat()));
        hole.show(totals.hole.map(|(_, kib)| kib * 1024));
        if let Some(row) = totals.hole.and_then(|(number, _)| store.row(number)) {
            show(&host, row.name());
            let place = Place::Node(row.id.as_str().into());
            set(&node, "href", &Route { place, ..Route::default() }.address());
        }
        reveal(&node, totals.hole.is_some());
        let count = [&totals.live().to_string(), " of ", &totals.nodes.to_string()].concat();
        show(&live, &count);
        let trouble = totals.wrong();
        show(&wrong, if trouble.is_empty() { "none" } else { &trouble });
    });
}

/// The box that tells where a job fits: one line until it is used.
fn add_fit_box(root: &Element, store: Store) {
    let panel = Panel::of(root, "fit");
    let details = find(root, "fit");
    if !untrack(|| store.route()).wish.is_empty() {
        set(&details, "open", "");
    }
    let opened = details.clone();
    on(window(), "keydown", move |event| {
        if key_of(&event).as_deref() == Some("f") {
            event.prevent_default();
            set(&opened, "open", "");
            opened.scroll_into_view();
            focus(&find(&opened, "fit-size"));
        }
    });
    let (body, is_filled) = (panel.body.clone(), Cell::new(false));
    follow(move || {
        if panel.is_open() && !is_filled.replace(true) {
            add_late(&body, store, move |body, parts| (parts.fit)(body, store));
        }
    });
}

fn add_toolbar(root: &Element, store: Store, view: View) {
    let part = |name| find(root, name);
    let filter: HtmlInputElement = part("filter").unchecked_into();
    let group: HtmlSelectElement = part("group").unchecked_into();
    let compare = part("compare");
    filter.set_value(&store.route().order.filter);
    let typed = filter.clone();
    on(&filter, "input", move |_| {
        adjust(store, |route| route.order.filter = typed.value());
    });
    let left = filter.clone();
    on(&filter, "keydown", move |event| {
        if event.dyn_ref::<KeyboardEvent>().is_some_and(|key| key.key() == "Escape") {
            left.blur().ok();
        }
    });
    let cleared = filter.clone();
    on(part("clear"), "click", move |_| {
        cleared.set_value("");
        adjust(store, |route| route.order.filter.clear());
    });
    let chosen = group.clone();
    on(&group, "change", move |_| adjust(store, |route| route.order.group = chosen.value()));
    let views = [("as-list", View::List), ("as-heat", View::Heat)];
    for (name, other) in views {
        let button = part(name);
        set(&button, "aria-pressed", if view == other { "true" } else { "false" });
        on(&button, "click", move |_| adjust(store, |route| route.view = Some(other)));
    }
    add_share(root, store);
    on(&compare, "click", move |_| go_compare(store));
    let (grouping, offered) = (part("grouping"), RefCell::new(Vec::new()));
    follow(move || {
        store.entries();
        let keys: Vec<String> =
            store.rows(|rows| label_keys(rows).into_iter().map(Into::into).collect());
        reveal(&grouping, !keys.is_empty());
        if *offered.borrow() != keys {
            while let Some(option) = group.children().item(1) {
                option.remove();
            }
            for key in &keys {
                add_text(&group, "option", "", key);
            }
            offered.replace(keys);
        }
        group.set_value(&store.route().order.group);
    });
    follow(move || {
        let count = store.picked().len();
        if count < 2 {
            set(&compare, "disabled", "");
        } else {
            compare.remove_attribute("disabled").ok();
        }
        let label = if count == 0 { String::new() } else { [" ", &count.to_string()].concat() };
        show(&compare, &["Compare", &label].concat());
    });
    on(window(), "keydown", move |event| {
        let Some(key) = key_of(&event) else { return };
        match key.as_str() {
            "/" => {
                event.prevent_default();
                focus(&filter);
                filter.select();
            }
            "c" if store.picked().len() > 1 => go_compare(store),
            "h" => adjust(store, |route| {
                route.view = Some(if view == View::List { View::Heat } else { View::List });
            }),
            "s" | "S" => adjust(store, |route| {
                let order = &mut route.order;
                if key == "S" {
                    order.is_reversed = !order.is_reversed;
                } else {
                    order.column = Column::ALL[(order.column as usize + 1) % Column::ALL.len()];
                    order.is_reversed = false;
                }
            }),
            _ => {}
        }
    });
}

/// The switch between amounts on one scale and shares.
pub(super) fn add_share(root: &Element, store: Store) {
    let buttons = [(find(root, "by-amount"), false), (find(root, "by-share"), true)];
    for (button, by_share) in buttons.clone() {
        on(&button, "click", move |_| adjust(store, |route| route.by_share = by_share));
    }
    follow(move || {
        for (button, by_share) in &buttons {
            let is_on = store.route().by_share == *by_share;
            set(button, "aria-pressed", if is_on { "true" } else { "false" });
        }
    });
}

fn go_compare(store: Store) {
    let ids = store.picked().iter().map(|id| id.as_str().into()).collect();
    let by_share = store.route().by_share;
    go(store, Route { place: Place::Compare(ids), by_share, ..Route::default() });
}

/// Says when a node's state changes, for those who do not see it. Readings that are a little late, as
/// they are now and then, are not worth a word.
pub(crate) fn add_spoken(place: Element, store: Store) {
    let known: RefCell<Vec<(u32, Condition)>> = RefCell::default();
    follow(move || {
        store.beat();
        let head_ms = store.head_ms();
        let now: Vec<(u32, Condition)> = store.rows(|rows| {
            let calm = |condition| match condition {
                Condition::Late => Condition::Live,
                other => other,
            };
            rows.iter().map(|row| (row.number, calm(row.condition(head_ms).0))).collect()
        });
        let old = known.replace(now.clone());
        let is_new = |(number, condition): &&(u32, Condition)| {
            let was = old.binary_search_by_key(number, |one| one.0).map(|at| old[at].1);
            was.map_or(!old.is_empty(), |was| was != *condition)
        };
        let changed: Vec<_> = now.iter().filter(is_new).collect();
        let mut words = Vec::new();
        for &&(number, condition) in changed.iter().take(3) {
            if let Some(row) = store.row(number) {
                words.push([row.name(), " is ", condition.name()].concat());
            }
        }
        if changed.len() > 3 {
            words.push([&(changed.len() - 3).to_string(), " more changed"].concat());
        }
        if !words.is_empty() {
            show(&place, &words.join(", "));
        }
    });
}
