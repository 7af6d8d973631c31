//! `headroom free`: the memory of this machine, or of every node of a head, as a table or as JSON.

mod cluster;

use std::io;

use serde::Serialize;
use shared::explain;
use shared::memory::{self, Available, Split};
use shared::units::human;
use shared::{Field, Sample};

use crate::ask;
use crate::config::FreeArgs;
use crate::error::{Error, print, tell};
use crate::probe::Probe;
use crate::table::aligned;

/// Reads once and prints.
pub fn run(args: &FreeArgs) -> Result<(), Error> {
    if let Some(head) = &args.of.head {
        let nodes = ask::nodes(head, &args.of)?;
        return print(&if args.json {
            cluster::json(&nodes)?
        } else {
            cluster::table(&nodes, args.bytes)
        });
    }
    let taken = Probe::open(&args.roots.resolve()).read()?;
    for complaint in &taken.complaints {
        tell(complaint);
    }
    let text = if args.json { json(&taken.sample)? } else { table(&taken.sample, args.bytes) };
    print(&text)
}

/// Every field by its id, and what follows from them, in bytes; `null` is unknown.
#[derive(Serialize)]
struct Report<'a> {
    used: Option<u64>,
    available_estimated: Option<u64>,
    available_here: Option<u64>,
    swap_used: Option<u64>,
    buff_cache: Option<u64>,
    in_use: Option<u64>,
    reclaimable: Option<u64>,
    held_back: Option<u64>,
    #[serde(flatten)]
    sample: &'a Sample,
}

fn json(sample: &Sample) -> Result<String, Error> {
    let split = Split::of(sample).ok();
    let available = Available::of(sample).ok();
    let report = Report {
        used: memory::used(sample),
        available_estimated: available
            .filter(|available| available.source.is_estimated())
            .map(|available| available.bytes),
        available_here: available.map(|available| available.here),
        swap_used: memory::swap_used(sample),
        buff_cache: memory::buff_cache(sample),
        in_use: split.map(|split| split.in_use),
        reclaimable: split.map(|split| split.reclaimable),
        held_back: split.map(|split| split.held_back),
        sample,
    };
    let text = serde_json::to_string_pretty(&report).map_err(io::Error::from);
    text.map(|text| text + "\n").map_err(Error::Output)
}

/// An amount of memory as it stands in a table.
fn amount(value: Option<u64>, bytes: bool) -> String {
    match value {
        Some(value) if bytes => value.to_string(),
        Some(value) => human(value),
        None => "—".into(),
    }
}

/// The columns of `free`, in Headroom's order and words.
fn table(sample: &Sample, bytes: bool) -> String {
    let amount = |value| amount(value, bytes);
    let split = Split::of(sample);
    let available = Available::of(sample).ok();
    let is_estimated = available.is_some_and(|available| available.source.is_estimated());
    let name = if is_estimated { "available (estimated)" } else { "available" };
    let header = ["", "total", "used", "free", name, "buff/cache", "shared", "held back"];
    let get = |field| sample.get(field);
    let memory = [
        get(Field::Total),
        memory::used(sample),
        get(Field::Free),
        available.map(|available| available.bytes),
        memory::buff_cache(sample),
        get(Field::Shmem),
        split.ok().map(|split| split.held_back),
    ];
    let swap = [get(Field::SwapTotal), memory::swap_used(sample), get(Field::SwapFree)];
    let row = |name: &str, values: &[Option<u64>]| -> Vec<String> {
        [name.to_owned()].into_iter().chain(values.iter().map(|&value| amount(value))).collect()
    };
    let rows = [header.map(str::to_owned).to_vec(), row("Memory", &memory), row("Swap", &swap)];
    let mut text = aligned(&rows, "l");
    if !bytes {
        let sentence = match split {
            Ok(split) => explain::free_and_available(&split),
            Err(reason) => format!("Where the rest went cannot be said: {reason}."),
        };
        text.extend(["\n", &sentence, "\n"]);
        for note in explain::notes(sample) {
            text.extend([&note, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_a_dash_or_null() {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(1 << 30));
        let text = table(&sample, false);
        assert!(text.contains("1.00 GiB") && text.contains('—'), "{text}");
        assert!(text.contains("does not report MemFree"), "{text}");
        sample.set(Field::Free, Some(1 << 29));
        sample.set(Field::Cached, Some(1 << 28));
        let text = table(&sample, false);
        assert!(text.contains("available (estimated)") && text.contains("768 MiB"), "{text}");
        assert!(text.contains("Estimated, as this kernel"), "{text}");
        sample.set(Field::Free, None);
        let object: serde_json::Value = serde_json::from_str(&json(&sample).unwrap()).unwrap();
        assert_eq!(object["total"], 1 << 30);
        assert!(object["available"].is_null() && object["used"].is_null());
    }
}
