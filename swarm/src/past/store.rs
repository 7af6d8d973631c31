//! Into a history of Headroom's.

use std::path::Path;
use std::time::{Duration, Instant};

use headroom::history::{Extra, Limits, Store};
use serde_json::{Value, json};
use shared::history::{Batch, FactsAt, Kept};

use super::days::Past;
use super::{Days, Outcome};

/// Names the only boot of each node.
const BOOT: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";

/// Writes `days` into the history in `dir`, in commits as a head makes them.
pub(super) fn write(days: &Days, dir: &Path, commit_minutes: u64) -> Outcome {
    let path = dir.join("history.redb");
    let day = Duration::from_hours(24);
    // Everything is kept: what is measured is how much that is.
    let limits = Limits { max_bytes: 64 << 30, keep: [day * 3660; 5] };
    let (begun, written_before) = (Instant::now(), written()?);
    let store = Store::open(&path, &limits)?;
    let mut past = Past::of(days);
    let mut extra = Extra::default();
    for (node, facts, at_ms) in past.facts() {
        extra.facts.push(FactsAt { at_ms, node, facts, labels: Vec::new(), period_ms: 1000 });
    }
    let mut pending: Vec<Vec<Kept>> = past.nodes().iter().map(|_| Vec::new()).collect();
    let mut seqs = vec![1000; pending.len()];
    let (mut readings, mut values) = (0_u64, 0_u64);
    let every_ms = commit_minutes * 60_000;
    let mut committing = Duration::ZERO;
    loop {
        let second = past.second(|number, reading| {
            readings += 1;
            values += reading.sample.iter().filter(|(_, value)| value.is_some()).count() as u64;
            // As agents count: up by one from where the boot was when they began.
            seqs[number] += 1;
            pending[number].push(Kept { seq: seqs[number], reading });
        });
        if second.is_none_or(|now_ms| (now_ms + 1000) % every_ms == 0) {
            let batch = |(number, readings): (usize, &mut Vec<Kept>)| Batch {
                node: past.nodes()[number].id.clone(),
                boot: BOOT.into(),
                readings: std::mem::take(readings),
            };
            let batches = pending.iter_mut().enumerate().filter(|(_, kept)| !kept.is_empty());
            let now_ms = second.map_or(days.until_ms, |now_ms| now_ms + 1000);
            let start = Instant::now();
            store.commit(batches.map(batch), &extra, now_ms)?;
            committing += start.elapsed();
            extra = Extra::default();
        }
        if second.is_none() {
            break;
        }
    }
    let status = store.status(days.until_ms)?;
    drop(store);
    let tiers: Value = status
        .tiers
        .iter()
        .map(|tier| (tier.tier.name().to_owned(), Value::from(tier.bytes)))
        .collect();
    Ok(json!({
        "readings": readings,
        "values": values,
        "file": std::fs::metadata(&path)?.len(),
        "written": written()? - written_before,
        "tiers": tiers,
        "commit_s": committing.as_secs_f64(),
        "s": begun.elapsed().as_secs_f64(),
    }))
}

/// Bytes that this process caused to be written to disks so far.
fn written() -> std::io::Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    Ok(line.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or_default())
}
