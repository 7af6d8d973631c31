//! Nodes over time, as colours on one canvas.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use leptos::wasm_bindgen::{Clamped, JsCast as _};
use leptos::web_sys::{
    CanvasRenderingContext2d, Element, Event, HtmlCanvasElement, ImageData, KeyboardEvent,
    PointerEvent,
};
use shared::overview::Trace;
use shared::units::{fixed, human, percent, span};

use super::canvas::Canvas;
use super::dom::{add, add_text, find, follow, on, put, set, show, stamp, style};
use super::go::{go, is_on_control, key_of};
use super::line::words;
use super::paint::{density, fit, rgb, token};
use crate::fleet::heat::{Layout, TONE_WORDS, TONES, tone};
use crate::fleet::row::{Row, slots};
use crate::route::{Place, Route};
use crate::store::{Entry, Store};
use shared::chart::timeline::{Align, Surface as _};

struct Heat {
    store: Store,
    canvas: HtmlCanvasElement,
    aim: Element,
    told: Element,
    /// One pixel for each step of each node, to be drawn as large as there is room.
    small: HtmlCanvasElement,
    layout: Cell<Layout>,
    tones: RefCell<Vec<[u8; 3]>>,
    /// The nodes by their places.
    numbers: RefCell<Vec<u32>>,
    /// The node and the step before now that are looked at.
    cursor: Cell<Option<(usize, usize)>>,
}

/// Shows the heat map within `place`.
pub(crate) fn add_heat(place: &Element, store: Store) {
    let root = stamp("t-heat");
    put(place, &root);
    let canvas: HtmlCanvasElement = find(&root, "heat").unchecked_into();
    let heat = Rc::new(Heat {
        store,
        aim: find(&root, "aim"),
        told: find(&root, "heat-told"),
        small: stamp("t-canvas").unchecked_into(),
        layout: Cell::new(Layout::of(0, 0.0, 0.0)),
        tones: RefCell::default(),
        numbers: RefCell::default(),
        cursor: Cell::new(None),
        canvas: canvas.clone(),
    });
    add_legend(&find(&root, "legend"));
    let arranged = heat.clone();
    follow(move || {
        store.resized();
        arranged.arrange();
        arranged.paint();
    });
    let painted = heat.clone();
    follow(move || {
        store.beat();
        store.moved();
        store.reorder_in_time();
        painted.paint();
    });
    for kind in ["pointermove", "pointerdown"] {
        let heat = heat.clone();
        on(&canvas, kind, move |event| heat.point(&event));
    }
    let (left, clicked) = (heat.clone(), heat.clone());
    on(&canvas, "pointerenter", move |_| store.hold(true));
    on(&canvas, "pointerleave", move |_| {
        store.hold(false);
        left.put(None);
    });
    super::dom::at_end(move || store.hold(false));
    on(&canvas, "click", move |event| {
        clicked.point(&event);
        clicked.open();
    });
    let pressed = heat.clone();
    on(&canvas, "keydown", move |event| pressed.press(&event));
    // Keys work on the map as long as nothing else has the focus.
    on(window(), "keydown", move |event| {
        if key_of(&event).is_some() && !is_on_control(&event) {
            heat.press(&event);
        }
    });
}

fn add_legend(place: &Element) {
    add_text(place, "span", "", "Available:");
    for (index, word) in TONE_WORDS.iter().enumerate() {
        let item = add(place, "span", "tone");
        let swatch = add(&item, "i", "swatch");
        style(&swatch, "background", &["var(--heat-", &index.to_string(), ")"].concat());
        add_text(&item, "span", "", word);
    }
    let item = add(place, "span", "tone");
    add(&item, "i", "swatch gap");
    add_text(&item, "span", "", "not known");
}

impl Heat {
    /// Lays the map out anew, for the nodes that are shown and the room there is.
    fn arrange(&self) {
        let entries = self.store.entries();
        let numbers: Vec<u32> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Node(number) => Some(*number),
                Entry::Group(..) => None,
            })
            .collect();
        let width = self.canvas.parent_element().map_or(0, |parent| parent.client_width());
        let height = window().inner_height().ok().and_then(|it| it.as_f64()).unwrap_or(0.0);
        let top = self.canvas.get_bounding_client_rect().top() + page_top();
        // The time bar stands over the end of the page.
        let room = (height - top - 190.0).max(240.0);
        let layout = Layout::of(numbers.len(), f64::from(width), room);
        self.layout.set(layout);
        style(&self.canvas, "height", &(fixed(layout.height().max(24.0), 0) + "px"));
        self.tones.replace(
            (0..TONES).filter_map(|tone| rgb(&["--heat-", &tone.to_string()].concat())).collect(),
        );
        self.numbers.replace(numbers);
        let (wide, high) = fit(&self.canvas);
        if let Some(mut surface) = Canvas::of(&self.canvas) {
            let (density, color) = (density(), token("--text"));
            // The ground between columns; under the steps there is none, which shows what is missing.
            let corners = [(0.0, 0.0), (wide, 0.0), (wide, high), (0.0, high)];
            surface.fill(&corners, &token("--panel"));
            if layout.name == 0.0 {
                return;
            }
            for (place, number) in self.numbers.borrow().iter().enumerate() {
                let (x, y) = layout.at(place);
                let Some(row) = self.store.row(*number) else { continue };
                let at = ((x + layout.name - 8.0) * density, (y + layout.row / 2.0) * density);
                surface.text(&shortened(row.name()), at, Align::End, &color, 12.0 * density);
            }
        }
    }

    /// Paints the newest steps: a small picture, and that as large as the layout says.
    fn paint(&self) {
        let (layout, tones) = (self.layout.get(), self.tones.borrow());
        let numbers = self.numbers.borrow();
        if tones.len() < TONES || numbers.is_empty() {
            return;
        }
        let now = self.store.trace_ms() / Trace::STEP_MS;
        let width = Trace::MOST * layout.columns;
        let mut pixels = vec![0; width * layout.rows * 4];
        self.store.rows(|rows| {
            for (place, number) in numbers.iter().enumerate() {
                let Ok(at) = rows.binary_search_by_key(number, |row| row.number) else { continue };
                let (column, line) = (place / layout.rows, place % layout.rows);
                for (at_ms, share) in slots(&rows[at].trace) {
                    let back = now.saturating_sub(at_ms / Trace::STEP_MS) as usize;
                    let Some(share) = share.filter(|_| back < Trace::MOST) else { continue };
                    let x = column * Trace::MOST + Trace::MOST - 1 - back;
                    let from = (line * width + x) * 4;
                    pixels[from..from + 3].copy_from_slice(&tones[tone(share)]);
                    pixels[from + 3] = u8::MAX;
                }
            }
        });
        self.enlarge(&pixels, width, &layout);
        drop(numbers);
        self.tell();
    }

    fn enlarge(&self, pixels: &[u8], width: usize, layout: &Layout) -> Option<()> {
        let of = |canvas: &HtmlCanvasElement| {
            canvas.get_context("2d").ok()??.dyn_into::<CanvasRenderingContext2d>().ok()
        };
        let image = ImageData::new_with_u8_clamped_array(Clamped(pixels), width as u32).ok()?;
        self.small.set_width(width as u32);
        self.small.set_height(layout.rows as u32);
        of(&self.small)?.put_image_data(&image, 0.0, 0.0).ok()?;
        let (large, density) = (of(&self.canvas)?, density());
        large.set_image_smoothing_enabled(false);
        let steps = Trace::MOST as f64;
        for column in 0..layout.columns {
            let (x, _) = layout.at(column * layout.rows);
            let (x, wide) = ((x + layout.name) * density, steps * layout.step * density);
            let rows = layout.rows.min(layout.count.saturating_sub(column * layout.rows)) as f64;
            let high = rows * layout.row * density;
            large.clear_rect(x, 0.0, wide, high);
            large
                .draw_image_with_html_canvas_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
                    &self.small,
                    column as f64 * steps,
                    0.0,
                    steps,
                    rows,
                    x,
                    0.0,
                    wide,
                    high,
                )
                .ok()?;
            if layout.name > 0.0 {
                large.set_fill_style_str(&token("--panel"));
                for row in 1..layout.rows {
                    large.fill_rect(x, row as f64 * layout.row * density - 1.0, wide, 1.0);
                }
            }
        }
        Some(())
    }

    fn put(&self, cursor: Option<(usize, usize)>) {
        self.cursor.set(cursor);
        self.tell();
    }

    fn point(&self, event: &Event) {
        let Some(event) = event.dyn_ref::<PointerEvent>() else { return };
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        self.put(self.layout.get().hit(x, y));
    }

    fn press(&self, event: &Event) {
        let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
        let layout = self.layout.get();
        let (place, back) = self.cursor.get().unwrap_or((0, 0));
        let is_first = self.cursor.get().is_none();
        let last = Trace::MOST - 1;
        let next = match key.key().as_str() {
            "Enter" => return self.open(),
            "ArrowDown" | "j" if !is_first => (layout.step_from(place, 0, 1), back),
            "ArrowUp" | "k" if !is_first => (layout.step_from(place, 0, -1), back),
            // Within a node's time, and at its ends on to the column beside it.
            "ArrowLeft" if back < last && !is_first => (place, back + 1),
            "ArrowLeft" if !is_first => {
                let beside = layout.step_from(place, -1, 0);
                (beside, if beside == place { last } else { 0 })
            }
            "ArrowRight" if back > 0 => (place, back - 1),
            "ArrowRight" if !is_first => {
                let beside = layout.step_from(place, 1, 0);
                (beside, if beside == place { 0 } else { last })
            }
            "Home" | "ArrowDown" | "ArrowUp" | "ArrowLeft" | "ArrowRight" | "j" | "k" => (0, 0),
            "End" => (layout.count.saturating_sub(1), 0),
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        self.put(Some(next));
    }

    fn row(&self, place: usize) -> Option<Row> {
        self.store.row(*self.numbers.borrow().get(place)?)
    }

    fn open(&self) {
        if let Some(row) = self.cursor.get().and_then(|(place, _)| self.row(place)) {
            let place = Place::Node(row.id.as_str().into());
            go(self.store, Route { place, ..Route::default() });
        }
    }

    /// Puts the frame where the cursor is, and says what was then.
    fn tell(&self) {
        let layout = self.layout.get();
        let at = self.cursor.get().and_then(|(place, back)| Some((place, back, self.row(place)?)));
        set(&self.aim, "class", if at.is_some() { "aim" } else { "gone" });
        let Some((place, back, row)) = at else {
            return show(&self.told, "Point at a node, or use the arrow keys; enter opens it.");
        };
        let px = |pixels: f64| fixed(pixels, 1) + "px";
        let (x, y) = layout.at(place);
        let step = (Trace::MOST - 1 - back) as f64 * layout.step;
        style(&self.aim, "left", &px(x + layout.name + step));
        style(&self.aim, "top", &px(y));
        style(&self.aim, "width", &px(layout.step.max(3.0)));
        style(&self.aim, "height", &px(layout.row));
        let head_ms = self.store.head_ms();
        let step_ms = self.store.step_ms();
        let then = (self.store.trace_ms() / Trace::STEP_MS).saturating_sub(back as u64);
        let share = slots(&row.trace)
            .find(|(at_ms, _)| at_ms / Trace::STEP_MS == then)
            .and_then(|(_, share)| share);
        let amount = share.map_or("nothing is known".into(), |share| {
            let share = f64::from(share) / f64::from(Trace::WHOLE);
            let total = row.brief.map_or(0, |brief| brief.total_kib * 1024);
            let bytes = human((share * total as f64) as u64);
            [&bytes, " available (", &percent(share), " of ", &human(total), ")"].concat()
        });
        let when = match (self.store.is_past(), back) {
            (true, _) => self.store.moment(then * step_ms),
            (false, 0) => "now".into(),
            (false, _) => [&span(back as u64 * step_ms / 1000), " ago"].concat(),
        };
        let (condition, since_ms) = row.condition(head_ms);
        let state = words(condition, head_ms.saturating_sub(since_ms));
        // Marks of direction in a name stay within it.
        let name = ["\u{2068}", row.name(), "\u{2069}"].concat();
        show(&self.told, &[&name, ", ", &when, ": ", &amount, " · ", &state].concat());
    }
}

fn page_top() -> f64 {
    window().page_y_offset().unwrap_or(0.0)
}

/// A name as it fits beside its row.
fn shortened(name: &str) -> String {
    let mut short: String = name.chars().filter(|c| !c.is_control()).take(14).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    // Marks of direction in a name stay within it.
    ["\u{2068}", &short, "\u{2069}"].concat()
}
