//! `headroom free`: this machine's memory once, as a table or as JSON.

use std::io::{self, Write as _};

use serde::Serialize;
use shared::explain;
use shared::memory::{self, Split};
use shared::units::human;
use shared::{Field, Sample};

use crate::config::FreeArgs;
use crate::error::{Error, tell};
use crate::probe::Probe;

/// Reads once and prints.
pub fn run(args: &FreeArgs) -> Result<(), Error> {
    let taken = Probe::open(&args.roots.resolve()).read()?;
    for complaint in &taken.complaints {
        tell(complaint);
    }
    let text = if args.json { json(&taken.sample)? } else { table(&taken.sample, args.bytes) };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // `headroom free | head -1` has what it wants.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// Every field by its id, and what follows from them, in bytes; `null` is unknown.
#[derive(Serialize)]
struct Report<'a> {
    used: Option<u64>,
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
    let report = Report {
        used: memory::used(sample),
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

/// The columns of `free`, in Headroom's order and words.
fn table(sample: &Sample, bytes: bool) -> String {
    let amount = |value: Option<u64>| match value {
        Some(value) if bytes => value.to_string(),
        Some(value) => human(value),
        None => "—".into(),
    };
    let split = Split::of(sample);
    let header = ["", "total", "used", "free", "available", "buff/cache", "shared", "held back"];
    let get = |field| sample.get(field);
    let memory = [
        get(Field::Total),
        memory::used(sample),
        get(Field::Free),
        get(Field::Available),
        memory::buff_cache(sample),
        get(Field::Shmem),
        split.ok().map(|split| split.held_back),
    ];
    let swap = [get(Field::SwapTotal), memory::swap_used(sample), get(Field::SwapFree)];
    let row = |name: &str, values: &[Option<u64>]| -> Vec<String> {
        [name.to_owned()].into_iter().chain(values.iter().map(|&value| amount(value))).collect()
    };
    let rows = [header.map(str::to_owned).to_vec(), row("Memory", &memory), row("Swap", &swap)];
    let mut text = aligned(&rows);
    if !bytes {
        let sentence = match split {
            Ok(split) => explain::free_and_available(&split),
            Err(reason) => format!("Where the rest went cannot be said: {reason}."),
        };
        text.extend(["\n", &sentence, "\n"]);
    }
    text
}

/// Columns as wide as their widest cell, the first to the left, the others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let cell =
                if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec![String::new(), "total".into()], vec!["Memory".into(), "—".into()]];
        assert_eq!(aligned(&rows), "        total\nMemory      —\n");
    }

    #[test]
    fn what_is_unknown_is_a_dash_or_null() {
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(1 << 30));
        let text = table(&sample, false);
        assert!(text.contains("1.00 GiB") && text.contains('—'), "{text}");
        assert!(text.contains("does not report MemFree"), "{text}");
        let object: serde_json::Value = serde_json::from_str(&json(&sample).unwrap()).unwrap();
        assert_eq!(object["total"], 1 << 30);
        assert!(object["available"].is_null() && object["used"].is_null());
    }
}
