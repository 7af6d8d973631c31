//! What the numbers mean, in sentences: one wording for the page and the terminal.

use crate::breakdown::{Breakdown, Outcome, Part, annotations};
use crate::memory::{Available, Split};
use crate::units::human;
use crate::{Field, Sample};

/// Why *available* and *free* are not the same number on this machine right now.
#[must_use]
pub fn free_and_available(split: &Split) -> String {
    let Split { reclaimable, free, available, held_back, .. } = *split;
    if available < free {
        return format!(
            "{} is free, but the kernel keeps {} of free and cached memory in reserve: programs can get {}.",
            human(free),
            human(held_back),
            human(available)
        );
    }
    let reserve = if held_back == 0 {
        String::new()
    } else {
        format!(", less the {} that the kernel keeps in reserve", human(held_back))
    };
    let (only, and) = if free < available / 2 { ("Only ", "yet") } else { ("", "and") };
    format!(
        "{only}{} is free, {and} programs can get {}: the {} of cache is given back as soon as it is needed{reserve}.",
        human(free),
        human(available),
        human(reclaimable)
    )
}

/// What of total memory cannot be had, and why.
#[must_use]
pub fn halves(split: &Split) -> String {
    format!(
        "{} cannot be had: {} is really used, {} is held back by the kernel.",
        human(split.total - split.available),
        human(split.in_use),
        human(split.held_back)
    )
}

/// Why the parts of memory are not as exact as they could be, if they are not.
#[must_use]
pub fn inexact(outcome: &Outcome) -> Option<String> {
    let reason = outcome.reason()?;
    Some(match outcome {
        Outcome::NotItemisable(_) => format!("Where memory went cannot be told apart: {reason}."),
        _ => format!("Not quite as read: {reason}."),
    })
}

/// What is known to be in the part that no line tells, if anything is.
#[must_use]
pub fn not_itemised(sample: &Sample, breakdown: &Breakdown) -> Option<String> {
    let inside: Vec<String> = annotations(sample, breakdown.get(Part::Residual)?)
        .iter()
        .map(|found| format!("up to {} {} ({})", human(found.at_most), found.label, found.origin))
        .collect();
    (!inside.is_empty()).then(|| format!("Not itemised holds {}.", inside.join(", ")))
}

/// What else must be known of the available memory that `sample` tells: that it is estimated, that a
/// limit leaves less of it here, that some of it is ZFS cache.
#[must_use]
pub fn notes(sample: &Sample) -> Vec<String> {
    let Ok(available) = Available::of(sample) else { return Vec::new() };
    let mut notes = Vec::new();
    if available.source.is_estimated() {
        notes.push(format!(
            "Estimated, as this kernel does not say it: {}.",
            available.source.formula()
        ));
    }
    if let Some(limit) = sample.get(Field::Limit) {
        notes.push(format!(
            "A control group limits this process to {}: of the {} available on the machine, it can get {}.",
            human(limit),
            human(available.bytes),
            human(available.here)
        ));
    }
    if available.arc > 0 {
        notes.push(format!(
            "{} of it is ZFS cache above its floor, added as the kernel does not count it.",
            human(available.arc)
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_sentence_fits_the_numbers() {
        let split = Split {
            total: 1000 * MIB,
            in_use: 300 * MIB,
            reclaimable: 400 * MIB,
            free: 300 * MIB,
            available: 600 * MIB,
            held_back: 100 * MIB,
        };
        assert_eq!(
            free_and_available(&split),
            "300 MiB is free, and programs can get 600 MiB: the 400 MiB of cache is given back \
             as soon as it is needed, less the 100 MiB that the kernel keeps in reserve."
        );
        let plenty = Split { available: 650 * MIB, held_back: 50 * MIB, ..split };
        assert!(free_and_available(&plenty).starts_with("Only 300 MiB is free, yet programs"));
        let split = Split { available: 200 * MIB, held_back: 500 * MIB, ..split };
        assert_eq!(
            free_and_available(&split),
            "300 MiB is free, but the kernel keeps 500 MiB of free and cached memory in reserve: \
             programs can get 200 MiB."
        );
    }
}
