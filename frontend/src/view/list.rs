//! The list of nodes. Only lines that are in sight are made.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use leptos::web_sys::Element;
use shared::units::human;

use super::dom::{add, all, around, find, focus, follow, get, on, put, set, show, stamp, style};
use super::go::{adjust, is_on_control, key_of};
use super::line::{Ink, Line, add_line};
use super::paint::token;
use crate::fleet::order::Column;
use crate::fleet::totals::Totals;
use crate::fleet::window::{tops, visible};
use crate::store::{Entry, Store};
use crate::time::span_words;

/// A line that is made.
struct Made {
    entry: Entry,
    element: Element,
    /// What shows its node, if it is a node's.
    line: Option<Rc<Line>>,
    top: Cell<u32>,
    /// Ends what follows the node when it is dropped.
    _owner: Owner,
}

struct List {
    store: Store,
    lines: Element,
    owner: Owner,
    ink: Rc<RefCell<Ink>>,
    made: RefCell<Vec<Made>>,
    tops: RefCell<Vec<u32>>,
    /// The line that the keys were at last, by its place.
    at: Cell<Option<usize>>,
}

/// Shows the list within `place`.
pub(super) fn add_list(place: &Element, store: Store) {
    let root = stamp("t-list");
    put(place, &root);
    let list = Rc::new(List {
        store,
        lines: find(&root, "lines"),
        owner: Owner::current().unwrap_or_default(),
        ink: Rc::default(),
        made: RefCell::default(),
        tops: RefCell::default(),
        at: Cell::new(None),
    });
    add_headings(&root, store);
    let moved = list.clone();
    follow(move || {
        store.resized();
        moved.ink.replace(Ink::of_theme());
        moved.made.take().iter().for_each(|made| made.element.remove());
        moved.arrange();
    });
    let (arranged, visited) = (list.clone(), Cell::new(store.take_visited()));
    follow(move || {
        let entries = store.entries();
        arranged.arrange();
        // Back where one came from.
        let number = visited.take().and_then(|id| store.row_of(&id)).map(|row| row.number);
        let at =
            number.and_then(|number| entries.iter().position(|one| *one == Entry::Node(number)));
        if let Some(at) = at {
            arranged.go_to(at);
        }
    });
    let scrolled = list.clone();
    on(window(), "scroll", move |_| scrolled.place());
    let (entered, left) = (root.clone(), root.clone());
    on(&root, "pointerenter", move |_| store.hold(true));
    on(&root, "pointerleave", move |_| {
        store.hold(entered.matches(":focus-within").unwrap_or(false));
    });
    on(&root, "focusin", move |_| store.hold(true));
    on(&root, "focusout", move |_| store.hold(left.matches(":hover").unwrap_or(false)));
    super::dom::at_end(move || store.hold(false));
    follow(move || {
        store.beat();
        store.reorder_in_time();
    });
    on(window(), "keydown", move |event| list.press(&event));
}

/// Headings sort: once, and once more the other way around.
fn add_headings(root: &Element, store: Store) {
    on(root, "click", move |event| {
        let heading = around(&event, "[data-sort]").map(|heading| get(&heading, "data-sort"));
        let column = Column::ALL.into_iter().find(|one| heading.as_deref() == Some(one.id()));
        if let Some(column) = column {
            adjust(store, |route| {
                let order = &mut route.order;
                order.is_reversed = order.column == column && !order.is_reversed;
                order.column = column;
            });
        }
    });
    let headings = all(root, "[data-sort]");
    let trace = find(root, "least");
    follow(move || {
        let time = store.moved();
        let which = if time.to_ms.is_none() { "Last " } else { "" };
        show(&trace, &[which, &span_words(time.span_ms)].concat());
    });
    follow(move || {
        let order = store.route().order;
        for heading in &headings {
            let Some(cell) = heading.parent_element() else { continue };
            let is_this = get(heading, "data-sort") == order.column.id();
            let goes_up = order.column.is_ascending() != order.is_reversed;
            let sorted = match (is_this, goes_up) {
                (false, _) => "none",
                (true, true) => "ascending",
                (true, false) => "descending",
            };
            set(&cell, "aria-sort", sorted);
        }
    });
}

impl List {
    /// Takes over the order of the lines, and makes those that are in sight.
    fn arrange(&self) {
        let px = |name| token_px(&token(name));
        let entries = self.store.entries();
        self.tops.replace(tops(&entries, px("--line-px"), px("--group-px")));
        let height = self.tops.borrow().last().copied().unwrap_or(0);
        style(&self.lines, "height", &(height.to_string() + "px"));
        if let Some(table) = self.lines.parent_element() {
            set(&table, "aria-rowcount", &(entries.len() + 1).to_string());
        }
        self.place();
    }

    /// Makes the lines that are in sight, and takes away those that are not.
    fn place(&self) {
        let entries = untrack(|| self.store.entries());
        let tops = self.tops.borrow();
        let scrolled = -self.lines.get_bounding_client_rect().top();
        let height = window().inner_height().ok().and_then(|it| it.as_f64()).unwrap_or(0.0);
        let mut old = self.made.take();
        let mut made = Vec::new();
        let range = visible(&tops, scrolled, height);
        let wanted = entries.get(range.clone()).unwrap_or_default();
        // Lines that are in sight no more show other nodes, but for one that somebody is at.
        let is_spare = |made: &Made| {
            made.line.is_some()
                && !wanted.contains(&made.entry)
                && !made.element.matches(":focus-within").unwrap_or(false)
        };
        for (index, entry) in range.zip(wanted) {
            let known = old.iter().position(|made| made.entry == *entry);
            let line = match (known, entry) {
                (Some(at), _) => old.swap_remove(at),
                (None, Entry::Node(number)) => match old.iter().position(is_spare) {
                    Some(at) => {
                        let mut spare = old.swap_remove(at);
                        spare.entry = entry.clone();
                        spare.element.remove();
                        if let Some(line) = &spare.line {
                            untrack(|| line.turn_to(*number));
                        }
                        spare
                    }
                    None => self.make(entry, index),
                },
                (None, Entry::Group(..)) => self.make(entry, index),
            };
            if line.top.replace(tops[index]) != tops[index] {
                let moved = ["translateY(", &tops[index].to_string(), "px)"].concat();
                style(&line.element, "transform", &moved);
                set(&line.element, "aria-rowindex", &(index + 2).to_string());
            }
            made.push(line);
        }
        for spare in old {
            spare.element.remove();
        }
        // Whoever reads the page line by line, or tabs through it, meets them in order.
        let mut next: Option<&Element> = None;
        for line in made.iter().rev() {
            let is_there = line.element.parent_element().is_some()
                && line.element.next_element_sibling().as_ref() == next;
            if !is_there {
                self.lines.insert_before(&line.element, next.map(AsRef::as_ref)).ok();
            }
            next = Some(&line.element);
        }
        self.made.replace(made);
    }

    fn make(&self, entry: &Entry, index: usize) -> Made {
        let owner = self.owner.with(Owner::new);
        let (element, line) = untrack(|| {
            owner.with(|| match entry {
                Entry::Node(number) => {
                    let line = add_line(self.store, *number, &self.ink);
                    (line.element.clone(), Some(line))
                }
                Entry::Group(value, count) => {
                    let members = self.store.entries();
                    let members = members[index + 1..].iter().take(*count);
                    let numbers = members.filter_map(|entry| match entry {
                        Entry::Node(number) => Some(*number),
                        Entry::Group(..) => None,
                    });
                    (add_group(self.store, value, numbers.collect()), None)
                }
            })
        });
        Made { entry: entry.clone(), element, line, top: Cell::new(u32::MAX), _owner: owner }
    }

    fn press(&self, event: &leptos::web_sys::Event) {
        let Some(key) = key_of(event) else { return };
        let entries = untrack(|| self.store.entries());
        let is_node = |at: &usize| matches!(entries.get(*at), Some(Entry::Node(_)));
        let at = self.current(&entries);
        let next = match key.as_str() {
            "j" => (at.map_or(0, |at| at + 1)..entries.len()).find(is_node),
            "k" => (0..at.unwrap_or(0)).rev().find(is_node),
            "x" => {
                if let Some(Entry::Node(number)) = at.and_then(|at| entries.get(at))
                    && let Some(row) = self.store.row(*number)
                {
                    self.store.pick(&row.id);
                }
                None
            }
            "Enter" if !is_on_control(event) => {
                if let Some(link) = at.and_then(|at| self.link(at)) {
                    focus(&link);
                }
                None
            }
            _ => None,
        };
        if let Some(next) = next {
            event.prevent_default();
            self.go_to(next);
        }
    }

    /// Moves the focus to the line at this place.
    fn go_to(&self, at: usize) {
        self.at.set(Some(at));
        self.bring_into_sight(at);
        if let Some(link) = self.link(at) {
            focus(&link);
        }
    }

    /// The place of the line that has the focus, or had it last.
    fn current(&self, entries: &[Entry]) -> Option<usize> {
        let focused = self.made.borrow().iter().find_map(|made| {
            made.element.matches(":focus-within").unwrap_or(false).then(|| made.entry.clone())
        });
        let place = focused.and_then(|entry| entries.iter().position(|one| *one == entry));
        place.or(self.at.get()).filter(|at| *at < entries.len())
    }

    fn link(&self, at: usize) -> Option<Element> {
        let entries = untrack(|| self.store.entries());
        let made = self.made.borrow();
        let line = made.iter().find(|made| Some(&made.entry) == entries.get(at))?;
        Some(find(&line.element, "name"))
    }

    fn bring_into_sight(&self, at: usize) {
        let tops = self.tops.borrow();
        let (Some(&top), Some(&end)) = (tops.get(at), tops.get(at + 1)) else { return };
        let offset = self.lines.get_bounding_client_rect().top();
        let height = window().inner_height().ok().and_then(|it| it.as_f64()).unwrap_or(0.0);
        let (top, end) = (offset + f64::from(top), offset + f64::from(end));
        // The headings stay in sight above.
        let above = 96.0;
        // The time bar stands over the end of the page.
        let height = height - 120.0;
        let by = if top < above {
            top - above
        } else if end > height {
            end - height + 16.0
        } else {
            0.0
        };
        drop(tops);
        if by != 0.0 {
            window().scroll_by_with_x_and_y(0.0, by);
            self.place();
        }
    }
}

/// The head of a group, with its sums.
fn add_group(store: Store, value: &str, numbers: Vec<u32>) -> Element {
    let root = stamp("t-group");
    let key = store.route().order.group;
    let name = find(&root, "value");
    show(&name, &if value.is_empty() { ["no ", &key].concat() } else { value.into() });
    let sum = find(&root, "sum");
    if let Some(parent) = name.parent_element() {
        let about = add(&parent, "small", "");
        let count = numbers.len();
        show(
            &about,
            &[" ", &count.to_string(), if count == 1 { " node" } else { " nodes" }].concat(),
        );
    }
    follow(move || {
        store.beat();
        let head_ms = store.head_ms();
        let totals = store.rows(|rows| {
            let members = rows.iter().filter(|row| numbers.contains(&row.number));
            Totals::of(members, head_ms)
        });
        let kib = |kib: u64| human(kib * 1024);
        let mut text = [
            &kib(totals.available_kib),
            " available of ",
            &kib(totals.total_kib),
            " · ",
            &totals.live().to_string(),
            " live",
        ]
        .concat();
        let wrong = totals.wrong();
        if !wrong.is_empty() {
            text.push_str(" · ");
            text.push_str(&wrong);
        }
        show(&sum, &text);
    });
    root
}

/// `44px` as a number.
fn token_px(value: &str) -> u32 {
    value.trim_end_matches("px").parse().unwrap_or(44)
}
