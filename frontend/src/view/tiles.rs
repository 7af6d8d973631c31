//! Swap, pressure, CPU and temperature.

use leptos::prelude::*;
use shared::memory::swap_used;
use shared::units::{human, percent, three_digits};
use shared::{Field, Sample};

use super::amount::Amount;
use crate::state::Readout;

/// Four small panels.
#[component]
pub(crate) fn Tiles(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let sample = move |of: fn(&Sample) -> Option<u64>| Signal::derive(move || of(&readout.read().sample));
    let get = move |field: Field| readout.read().sample.get(field);
    let no_swap = move || get(Field::SwapTotal) == Some(0);
    let swapping = move || {
        let readout = readout.read();
        let (from, to) = (readout.swapped_in?, readout.swapped_out?);
        Some(if from + to == 0.0 {
            "nothing moves".into()
        } else {
            format!("{}/s in, {}/s out", human(from as u64), human(to as u64))
        })
    };
    let load = move || {
        let of = |field| get(field).map(|hundredths| format!("{:.2}", hundredths as f64 / 100.0));
        Some(format!("load {} · {} · {}", of(Field::Load1)?, of(Field::Load5)?, of(Field::Load15)?))
    };
    let pressure_class = move || match readout.read().pressure_some {
        Some(share) if share >= 0.1 => "tile panel wrong",
        Some(share) if share >= 0.01 => "tile panel strained",
        _ => "tile panel",
    };
    view! {
        <section class="tiles" aria-label="Swap, pressure, CPU and temperature">
            <div class="tile panel">
                <h2>"Swap used"</h2>
                <p class="value"><Amount bytes=sample(swap_used) name="swap_used"/></p>
                <p class="more">
                    <Show when=no_swap fallback=move || view! {
                        "of "<Amount bytes=sample(|sample| sample.get(Field::SwapTotal)) name="swap_total"/>
                        {move || swapping().map(|swapping| format!(" · {swapping}"))}
                    }>"This node has no swap."</Show>
                </p>
            </div>
            <div class=pressure_class>
                <h2>"Memory pressure"</h2>
                <p class="value" data-name="pressure_some"><Known text=move || readout.read().pressure_some.map(percent) why="This kernel does not report it, or it has been read only once"/></p>
                <p class="more">{move || readout.read().pressure_full.map_or(
                    "of the time some task waited for memory".into(),
                    |full| format!("of the time some task waited; {} all of them", percent(full)),
                )}</p>
            </div>
            <div class="tile panel">
                <h2>"CPU busy"</h2>
                <p class="value" data-name="cpu_busy"><Known text=move || readout.read().cpu_busy.map(percent) why="It takes two readings"/></p>
                <p class="more">{move || [frequency(get(Field::CpuFrequency)), load()].into_iter().flatten().collect::<Vec<_>>().join(" · ")}</p>
            </div>
            <div class="tile panel">
                <h2>"Temperature"</h2>
                <p class="value" data-name="temperature"><Known text=move || get(Field::Temperature).map(celsius) why="This machine has no thermometer that Linux knows"/></p>
                <p class="more">{move || if get(Field::Temperature).is_some() { "of the CPU" } else { "No sensor found." }}</p>
            </div>
        </section>
    }
}

/// A text, or a dash with its reason.
#[component]
fn Known(
    text: impl Fn() -> Option<String> + Send + Sync + 'static,
    why: &'static str,
) -> impl IntoView {
    let text = Memo::new(move |_| text());
    move || match text.get() {
        Some(text) => view! { <span>{text}</span> }.into_any(),
        None => view! { <span class="amount" tabindex="0" data-exact=why>"—"</span> }.into_any(),
    }
}

/// `1.50 GHz`.
pub(super) fn frequency(hz: Option<u64>) -> Option<String> {
    hz.map(|hz| match hz as f64 {
        hz if hz < 1e9 => format!("{}\u{a0}MHz", three_digits(hz / 1e6)),
        hz => format!("{}\u{a0}GHz", three_digits(hz / 1e9)),
    })
}

fn celsius(milli: u64) -> String {
    format!("{:.1}\u{a0}°C", milli as f64 / 1000.0)
}
