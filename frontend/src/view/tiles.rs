//! Swap, pressure, CPU and temperature.

use leptos::prelude::*;
use shared::memory::swap_used;
use shared::units::{fixed, human, percent, three_digits};
use shared::{Field, Sample};

use super::amount::{Amount, Known, text};
use crate::state::Readout;

/// Four small panels.
#[component]
pub(crate) fn Tiles(
    /// The node.
    readout: RwSignal<Readout>,
) -> impl IntoView {
    let of_sample =
        move |of: fn(&Sample) -> Option<u64>| Signal::derive(move || of(&readout.read().sample));
    let known =
        move |of: fn(&Readout) -> Option<String>| Signal::derive(move || of(&readout.read()));
    let more = move |of: fn(&Readout) -> String| text(move || of(&readout.read()));
    let swap_class = more(|readout| {
        if readout.sample.get(Field::SwapTotal) == Some(0) { "gone" } else { "swap" }.into()
    });
    view! {
        <section class="tiles" aria-label="Swap, pressure, CPU and temperature">
            <div class="tile panel">
                <h2>"Swap used"</h2>
                <p class="value"><Amount bytes=of_sample(swap_used) name="swap_used" from="SwapTotal − SwapFree in /proc/meminfo"/></p>
                <p class="more">
                    <span class=swap_class>
                        "of "<Amount bytes=of_sample(|sample| sample.get(Field::SwapTotal)) name="swap_total" from=const { Field::SwapTotal.origin() }.to_string()/>" "
                    </span>
                    <span class="amount" tabindex="0" data-exact="pswpin and pswpout in /proc/vmstat × page size, over the time that passed">{more(swapping)}</span>
                </p>
            </div>
            <div class=more(pressure_class)>
                <h2>"Memory pressure"</h2>
                <p class="value">
                    <Known value=known(|readout| readout.pressure_some.map(percent)) name="pressure_some"
                        from="some … total in /proc/pressure/memory: its growth over the time that passed"
                        why="This kernel does not report it, or it has been read only once"/>
                </p>
                <p class="more amount" tabindex="0" data-exact="full in /proc/pressure/memory; workingset_refault_file and pgsteal_direct in /proc/vmstat, over the time that passed">{more(pressure)}</p>
            </div>
            <div class="tile panel">
                <h2>"CPU busy"</h2>
                <p class="value">
                    <Known value=known(|readout| readout.cpu_busy.map(percent)) name="cpu_busy"
                        from="the line cpu of /proc/stat: time not idle, over all time"
                        why="It takes two readings"/>
                </p>
                <p class="more amount" tabindex="0" data-exact="scaling_cur_freq in /sys/devices/system/cpu/cpufreq; /proc/loadavg">{more(cpu)}</p>
            </div>
            <div class="tile panel">
                <h2>"Temperature"</h2>
                <p class="value">
                    <Known value=known(|readout| readout.sample.get(Field::Temperature).map(celsius))
                        name="temperature" from="temp in /sys/class/thermal/thermal_zone*" why="This machine has no sensor that Linux knows"/>
                </p>
                <p class="more amount" tabindex="0" data-exact="/sys/class/thermal; rpi_volt in /sys/class/hwmon">{more(sensor)}</p>
            </div>
        </section>
    }
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

fn pressure_class(readout: &Readout) -> String {
    let state = match readout.pressure_some {
        Some(share) if share >= 0.1 => " wrong",
        Some(share) if share >= 0.01 => " strained",
        _ => "",
    };
    format!("tile panel{state}")
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
