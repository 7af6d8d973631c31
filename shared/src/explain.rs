//! What the numbers mean, in sentences: one wording for the page and the terminal.

use crate::memory::{Available, Split};
use crate::units::human;
use crate::{Field, Sample};

/// A part of memory that has a name, a meaning and a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What cannot simply be dropped.
    InUse,
    /// What is dropped when its room is needed.
    Reclaimable,
    /// What nothing uses.
    Free,
    /// What the kernel keeps in reserve.
    HeldBack,
    /// What new programs can get.
    Available,
}

impl Part {
    /// The parts that sum to total by what memory holds, in the order they are drawn.
    pub const HELD: [Self; 3] = [Self::InUse, Self::Reclaimable, Self::Free];
    /// The parts that lie beside what is in use, by what can be had; they sum to total with it.
    pub const HAD: [Self; 2] = [Self::HeldBack, Self::Available];

    /// Its name.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::InUse => "Used by programs and kernel",
            Self::Reclaimable => "Cache, reclaimable",
            Self::Free => "Free",
            Self::HeldBack => "Held back",
            Self::Available => "Available",
        }
    }

    /// What it is, in one sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::InUse => {
                "What programs, shared memory and the kernel hold, and cannot simply drop."
            }
            Self::Reclaimable => {
                "Copies of files and kernel objects that are dropped as soon as somebody needs the room."
            }
            Self::Free => "Memory that holds nothing at all; a healthy machine keeps little of it.",
            Self::HeldBack => {
                "A reserve the kernel keeps for itself, so that it can still act when memory runs out."
            }
            Self::Available => "What new programs can get without anything being swapped out.",
        }
    }

    /// Its size in `split`, in bytes.
    #[must_use]
    pub fn of(self, split: &Split) -> u64 {
        match self {
            Self::InUse => split.in_use,
            Self::Reclaimable => split.reclaimable,
            Self::Free => split.free,
            Self::HeldBack => split.held_back,
            Self::Available => split.available,
        }
    }
}

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

    #[test]
    fn parts_sum_to_total() {
        let split =
            Split { total: 10, in_use: 3, reclaimable: 4, free: 3, available: 6, held_back: 1 };
        let sum = |parts: &[Part]| parts.iter().map(|part| part.of(&split)).sum::<u64>();
        assert_eq!(sum(&Part::HELD), 10);
        assert_eq!(sum(&Part::HAD) + split.in_use, 10);
    }
}
