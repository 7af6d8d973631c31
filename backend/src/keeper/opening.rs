//! What is done when history is opened: the head is told what is on disk, and a file that is damaged is
//! set aside.

use std::ffi::OsString;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shared::history::{Batch, EventKind, Kept, Tier};
use shared::window::SPAN_MS;
use shared::{Field, NodeId};

use crate::head::{Bygone, Known, found_in};
use crate::history::{Ask, Cell, Row, Store, StoreError};

/// Events that are looked through for what the doctor had found.
const MOST_EVENTS: usize = 5000;
/// Damaged files that are set aside at most: a disk that damages all is not filled with them.
const MOST_ASIDE: u32 = 3;

/// Nodes that are told of at once.
const MOST_AT_ONCE: usize = 32;
/// How long is looked up how nodes went before: those that are left then begin anew.
const LOOK_BACK_FOR: Duration = Duration::from_secs(30);
/// Minutes are told of the last four hours, in ms…
const MINUTES_OVER_MS: u64 = 4 * 3_600_000;
/// …and each ten minutes of a day and a quarter.
const TENS_OVER_MS: u64 = 30 * 3_600_000;
/// What available memory is made of, under all limits.
const FIELDS: [Field; 4] = [Field::Available, Field::LimitLeft, Field::ArcSize, Field::ArcFloor];

/// Makes the directory of the file, if it is not there: nobody else is to look into it.
pub(super) fn make_dir_for(path: &Path) -> Result<(), StoreError> {
    let Some(dir) = path.parent().filter(|dir| !dir.exists()) else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| StoreError::Io { path: dir.into(), source })
}

/// What the head is to know of what is in `store`.
pub(super) fn known(store: &Store, now_ms: u64) -> Result<Known, StoreError> {
    let mut known = Known::default();
    for durable in store.durable()? {
        known.add(durable);
    }
    let reader = store.read()?;
    for node in reader.nodes()? {
        let mut recent: Vec<Batch> = Vec::new();
        let span = now_ms.saturating_sub(SPAN_MS)..now_ms.saturating_add(SPAN_MS);
        let ask = Ask { node: &node, span, fields: Field::ALL, recent: &[] };
        reader.readings(&ask, &mut |boot: &str, kept: Kept| {
            match recent.iter_mut().find(|batch| batch.boot == boot) {
                Some(batch) => batch.readings.push(kept),
                None => recent.push(Batch {
                    node: node.clone(),
                    boot: boot.to_owned(),
                    readings: vec![kept],
                }),
            }
            ControlFlow::Continue(())
        })?;
        for batch in recent {
            known.add_recent(batch);
        }
    }
    let events = reader.events(0..u64::MAX, None, MOST_EVENTS)?;
    for event in &events {
        let (Some(node), Some((id, text))) = (&event.node, found_in(&event.text)) else { continue };
        let is_same =
            |(other, other_id, _): &(NodeId, String, String)| other == node && other_id == id;
        match event.kind {
            EventKind::Finding if !known.found.iter().any(is_same) => {
                known.found.push((node.clone(), id.to_owned(), text.to_owned()));
            }
            EventKind::FindingOver => known.found.retain(|found| !is_same(found)),
            _ => {}
        }
    }
    Ok(known)
}

/// How each node went before `now_ms`, to be told in parts.
pub(super) fn bygones(
    store: &Store,
    now_ms: u64,
    tell: &mut dyn FnMut(Vec<Bygone>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let began = Instant::now();
    let reader = store.read()?;
    let mut part = Vec::new();
    for node in reader.nodes()? {
        let lows = |tier: Tier, over_ms: u64| {
            let span = now_ms.saturating_sub(over_ms)..now_ms;
            let ask = Ask { node: &node, span, fields: &FIELDS, recent: &[] };
            let mut lows = Vec::new();
            reader.rows(&ask, tier, tier.step_ms(), &mut |row| {
                lows.extend(low(&row));
                ControlFlow::Continue(())
            })?;
            Ok::<_, StoreError>(lows)
        };
        let (minutes, tens) =
            (lows(Tier::Minute, MINUTES_OVER_MS)?, lows(Tier::TenMinutes, TENS_OVER_MS)?);
        if !tens.is_empty() {
            part.push(Bygone { node, minutes, tens });
        }
        if part.len() == MOST_AT_ONCE && tell(std::mem::take(&mut part)).is_break() {
            return Ok(());
        }
        if began.elapsed() > LOOK_BACK_FOR {
            break;
        }
    }
    let _ = tell(part);
    Ok(())
}

/// When a bucket begins, in s since 1970, and the least that was available in it, in KiB. Where the kernel
/// does not say what is available, it is not known.
fn low(row: &Row) -> Option<(u32, u32)> {
    let [available, left, arc, floor] = &row.cells[..] else { return None };
    let mean = |cell: &Option<Cell>| cell.map_or(0, |cell| cell.sum / cell.weight);
    let given_back = mean(arc).saturating_sub(mean(floor));
    let bytes = available.as_ref()?.min.saturating_add(given_back);
    let here = left.as_ref().map_or(bytes, |left| left.min.min(bytes));
    Some((u32::try_from(row.at_ms / 1000).ok()?, u32::try_from(here / 1024).unwrap_or(u32::MAX)))
}

/// Gives a damaged file another name, and says which; `None` if it cannot be, or there are too many.
pub(super) fn set_aside(path: &Path, unix_ms: u64) -> Option<PathBuf> {
    let today = date(unix_ms);
    let beside = |suffix: String| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    };
    let start = beside(".damaged-".into());
    let start = start.file_name()?.to_string_lossy().into_owned();
    let files = fs::read_dir(path.parent()?).ok()?.filter_map(Result::ok);
    let former = files.filter(|file| file.file_name().to_string_lossy().starts_with(&start));
    if former.count() >= MOST_ASIDE as usize {
        return None;
    }
    let names = (1..=MOST_ASIDE).map(|n| {
        beside(if n == 1 { format!(".damaged-{today}") } else { format!(".damaged-{today}-{n}") })
    });
    let free = names.into_iter().find(|name| !name.exists())?;
    fs::rename(path, &free).ok()?;
    Some(free)
}

/// The day, as `2026-11-26`.
fn date(unix_ms: u64) -> String {
    // Years that begin in March have their leap day at the end; 400 of them are 146,097 days.
    let days = unix_ms / 86_400_000 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year + month / 10, (month + 2) % 12 + 1);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (days, text) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_783, "2026-11-26"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(date(days * 86_400_000 + 1), text, "{days}");
        }
    }

    #[test]
    fn damaged_files_are_set_aside_but_not_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.redb");
        let mut names = Vec::new();
        for n in 0..5 {
            fs::write(&path, [n]).unwrap();
            names.extend(set_aside(&path, 0));
        }
        let expected = ["", "-2", "-3"]
            .map(|n| dir.path().join(format!("history.redb.damaged-1970-01-01{n}")));
        assert_eq!(names, expected);
        assert!(path.exists(), "the others stay where they are");
    }
}
