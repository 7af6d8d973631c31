//! Swap, pressure, CPU and temperature.

use leptos::web_sys::Element;
use shared::Field;
use shared::memory::swap_used;
use shared::units::{fixed, human, percent, three_digits};

use super::amount::{Amount, known};
use super::dom::{dress, find, follow, reveal, show};
use crate::state::Readout;
use crate::store::Node;

/// Fills four small panels.
pub(crate) fn add_tiles(root: &Element, node: &Node) {
    let part = |name| find(root, name);
    let used = Amount::of(root, "swap_used");
    let total =
        Amount::of(root, "swap_total").from(&const { Field::SwapTotal.origin() }.to_string());
    let (of_swap, swap_more) = (part("of-swap"), part("swap-more"));
    let tile = part("pressure-tile");
    let (some, pressure_more) = (part("pressure_some"), part("pressure-more"));
    let (busy, cpu_more) = (part("cpu_busy"), part("cpu-more"));
    let (temperature, sensor_more) = (part("temperature"), part("sensor-more"));
    let node = node.clone();
    follow(move || {
        let readout = node.read();
        let sample = &readout.sample;
        used.show(swap_used(sample));
        total.show(sample.get(Field::SwapTotal));
        reveal(&of_swap, sample.get(Field::SwapTotal) != Some(0));
        show(&swap_more, &swapping(&readout));
        dress(&tile, pressure_class(&readout));
        known(&some, readout.pressure_some.map(percent).as_deref());
        show(&pressure_more, &pressure(&readout));
        known(&busy, readout.cpu_busy.map(percent).as_deref());
        show(&cpu_more, &cpu(&readout));
        known(&temperature, sample.get(Field::Temperature).map(celsius).as_deref());
        show(&sensor_more, &sensor(&readout));
    });
}

fn swapping(readout: &Readout) -> String {
    if readout.sample.get(Field::SwapTotal) == Some(0) {
        return "This node has no swap.".into();
    }
    match (readout.swapped_in, readout.swapped_out) {
        (Some(from), Some(to)) if from + to == 0.0 => "· nothing moves".into(),
        (Some(from), Some(to)) => {
            format!("· {}/s in, {}/s out", human(from as u64), human(to as u64))
        }
        _ => String::new(),
    }
}

fn pressure_class(readout: &Readout) -> &'static str {
    match readout.pressure_some {
        Some(share) if share >= 0.1 => "tile panel wrong",
        Some(share) if share >= 0.01 => "tile panel strained",
        _ => "tile panel",
    }
}

fn pressure(readout: &Readout) -> String {
    let all = readout.pressure_full.map(|full| format!("all {}", percent(full)));
    let moves = |bytes: Option<f64>, what: &str| {
        bytes.filter(|&bytes| bytes > 0.0).map(|bytes| format!("{}/s {what}", human(bytes as u64)))
    };
    let more = [
        all,
        moves(readout.refaulted, "of cache needed again"),
        moves(readout.reclaimed_waiting, "reclaimed by programs that waited"),
    ];
    ["some tasks waited".into()]
        .into_iter()
        .chain(more.into_iter().flatten())
        .collect::<Vec<_>>()
        .join(" · ")
}

fn cpu(readout: &Readout) -> String {
    let load = [Field::Load1, Field::Load5, Field::Load15]
        .into_iter()
        .map(|field| Some(fixed(readout.sample.get(field)? as f64 / 100.0, 2)))
        .collect::<Option<Vec<_>>>()
        .map(|averages| format!("load {}", averages.join(" · ")));
    let now = readout.sample.get(Field::CpuFrequency).map(frequency);
    now.into_iter().chain(load).collect::<Vec<_>>().join(", ")
}

fn sensor(readout: &Readout) -> String {
    let known = readout.sample.get(Field::Temperature).is_some();
    let voltage = match readout.sample.get(Field::UnderVoltage) {
        Some(0) => " · voltage is fine",
        Some(_) => " · under-voltage now",
        None => "",
    };
    format!("{}{voltage}", if known { "of the CPU" } else { "No sensor found." })
}

/// `1.50 GHz`.
pub(super) fn frequency(hz: u64) -> String {
    let hz = hz as f64;
    if hz < 1e9 {
        format!("{}\u{a0}MHz", three_digits(hz / 1e6))
    } else {
        format!("{}\u{a0}GHz", three_digits(hz / 1e9))
    }
}

fn celsius(milli: u64) -> String {
    fixed(milli as f64 / 1000.0, 1) + "\u{a0}°C"
}
