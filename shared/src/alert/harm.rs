//! The one table of harms that are watched for.

use serde::{Deserialize, Serialize};

use super::Cause;
use crate::survey::Severity;

/// One harm. Harms are only appended: their numbers are in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// The share of memory that is available is low.
    LowShare,
    /// The bytes that are available are few.
    LowBytes,
    /// Programs wait for memory.
    Pressure,
    /// What was swapped out, or dropped from cache, is needed again and again.
    Thrashing,
    /// The kernel killed a program for want of memory.
    OutOfMemory,
    /// What is available will run out.
    RunsOut,
    /// A node is not heard.
    Unheard,
    /// A node cannot be read.
    Unreadable,
    /// The supply voltage is too low.
    UnderVoltage,
    /// The processor is slowed down.
    Throttled,
    /// A node's clock is off.
    ClockOff,
    /// The doctor found something wrong.
    Finding,
    /// History cannot be written, or the head is in other trouble.
    Head,
    /// A channel takes no messages.
    Channel,
}

/// What the level of a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// There is none: it is, or it is not.
    None,
    /// A share of total memory, in percent; harm is below it.
    PercentBelow,
    /// Bytes; harm is below.
    BytesBelow,
    /// A share of time, in percent; harm is above it.
    PercentAbove,
    /// Pages per second; harm is above.
    PagesAbove,
    /// Seconds; harm is below.
    SecondsBelow,
    /// Seconds; harm is above.
    SecondsAbove,
}

/// What is known of a harm: a row of the table.
#[derive(Debug)]
pub struct Def {
    /// Its name in settings and in JSON.
    pub id: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// What incidents of it are about.
    pub cause: Cause,
    /// How bad it is.
    pub severity: Severity,
    /// What its level is.
    pub level: Level,
    /// Whether it is watched for unless it is said otherwise.
    pub enabled: bool,
    /// Where it begins…
    pub begin: f64,
    /// …when it has been beyond for so many seconds.
    pub begin_s: u32,
    /// Where it ends…
    pub end: f64,
    /// …when it has been back for so many seconds.
    pub end_s: u32,
}

impl Level {
    /// Whether `value` is where harm begins, if that is at `begin`.
    #[must_use]
    pub fn is_beyond(self, value: f64, begin: f64) -> bool {
        match self {
            Self::None => false,
            Self::PercentBelow | Self::BytesBelow | Self::SecondsBelow => value < begin,
            Self::PercentAbove | Self::PagesAbove | Self::SecondsAbove => value > begin,
        }
    }

    /// Whether `value` is where harm ends, if that is at `end`.
    #[must_use]
    pub fn is_back(self, value: f64, end: f64) -> bool {
        match self {
            Self::None => false,
            Self::PercentBelow | Self::BytesBelow | Self::SecondsBelow => value >= end,
            Self::PercentAbove | Self::PagesAbove | Self::SecondsAbove => value <= end,
        }
    }

    /// Why harm cannot begin at `begin` and end at `end`, in a sentence without its full stop.
    #[must_use]
    pub fn wrong(self, begin: f64, end: f64) -> Option<String> {
        let is_number = |value: f64| value.is_finite() && value >= 0.0;
        if !is_number(begin) || !is_number(end) {
            return Some("begin and end are numbers that are not negative".into());
        }
        match self {
            Self::PercentBelow | Self::PercentAbove if begin > 100.0 || end > 100.0 => {
                Some("begin and end are percent, 100 at most".into())
            }
            Self::PercentBelow | Self::BytesBelow | Self::SecondsBelow if end <= begin => {
                Some(format!("it begins below {begin}, so it must end above that, not at {end}"))
            }
            Self::PercentAbove | Self::PagesAbove if end >= begin => {
                Some(format!("it begins above {begin}, so it must end below that, not at {end}"))
            }
            Self::SecondsAbove if end > begin => {
                Some(format!("it begins above {begin}, so it cannot end at {end}"))
            }
            _ => None,
        }
    }
}

impl Harm {
    /// All, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::LowShare,
        Self::LowBytes,
        Self::Pressure,
        Self::Thrashing,
        Self::OutOfMemory,
        Self::RunsOut,
        Self::Unheard,
        Self::Unreadable,
        Self::UnderVoltage,
        Self::Throttled,
        Self::ClockOff,
        Self::Finding,
        Self::Head,
        Self::Channel,
    ];

    /// Its row.
    #[must_use]
    pub fn def(self) -> &'static Def {
        &TABLE[self as usize]
    }

    /// The harm with this name.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|harm| harm.def().id == id)
    }
}

const TABLE: [Def; 14] = [
    Def {
        id: "low_share",
        label: "Little available",
        help: "The share of memory that programs can still get has been low for a while.",
        cause: Cause::Memory,
        severity: Severity::Trouble,
        level: Level::PercentBelow,
        enabled: true,
        begin: 5.0,
        begin_s: 60,
        end: 8.0,
        end_s: 120,
    },
    Def {
        id: "low_bytes",
        label: "Few bytes available",
        help: "The memory that programs can still get has been below so many bytes for a while.",
        cause: Cause::Memory,
        severity: Severity::Trouble,
        level: Level::BytesBelow,
        enabled: false,
        begin: 134_217_728.0,
        begin_s: 60,
        end: 201_326_592.0,
        end_s: 120,
    },
    Def {
        id: "pressure",
        label: "Memory pressure",
        help: "Some program has been waiting for memory for a large share of the time.",
        cause: Cause::Memory,
        severity: Severity::Trouble,
        level: Level::PercentAbove,
        enabled: true,
        begin: 20.0,
        begin_s: 30,
        end: 5.0,
        end_s: 60,
    },
    Def {
        id: "thrashing",
        label: "Thrashing",
        help: "Pages are read back from swap, or into the cache, that had just been dropped, \
               while memory is short, and that goes on.",
        cause: Cause::Memory,
        severity: Severity::Warning,
        level: Level::PagesAbove,
        enabled: true,
        begin: 500.0,
        begin_s: 60,
        end: 100.0,
        end_s: 120,
    },
    Def {
        id: "out_of_memory",
        label: "Killed for want of memory",
        help: "The kernel killed a program because there was no memory for it, on the machine or in \
               a control group. It is over when no other was killed for a while.",
        cause: Cause::Memory,
        severity: Severity::Trouble,
        level: Level::None,
        enabled: true,
        begin: 0.0,
        begin_s: 0,
        end: 0.0,
        end_s: 600,
    },
    Def {
        id: "runs_out",
        label: "Runs out",
        help: "If it goes on as it does, nothing will be available within so many seconds.",
        cause: Cause::Memory,
        severity: Severity::Warning,
        level: Level::SecondsBelow,
        enabled: true,
        begin: 7200.0,
        begin_s: 120,
        end: 14_400.0,
        end_s: 300,
    },
    Def {
        id: "unheard",
        label: "Not heard",
        help: "A node has not reported for so many seconds, though its agent was not stopped.",
        cause: Cause::Unheard,
        severity: Severity::Trouble,
        level: Level::SecondsAbove,
        enabled: true,
        begin: 60.0,
        begin_s: 0,
        end: 60.0,
        end_s: 30,
    },
    Def {
        id: "unreadable",
        label: "Cannot be read",
        help: "A node reports, but its memory cannot be read.",
        cause: Cause::Unreadable,
        severity: Severity::Trouble,
        level: Level::None,
        enabled: true,
        begin: 0.0,
        begin_s: 60,
        end: 0.0,
        end_s: 60,
    },
    Def {
        id: "under_voltage",
        label: "Under-voltage",
        help: "The supply voltage of a Raspberry Pi is too low: it may crash, or damage its card.",
        cause: Cause::Power,
        severity: Severity::Trouble,
        level: Level::None,
        enabled: true,
        begin: 0.0,
        begin_s: 10,
        end: 0.0,
        end_s: 600,
    },
    Def {
        id: "throttled",
        label: "Throttled",
        help: "The processor is slowed down, as it is too hot or has too little power.",
        cause: Cause::Power,
        severity: Severity::Warning,
        level: Level::None,
        enabled: true,
        begin: 0.0,
        begin_s: 60,
        end: 0.0,
        end_s: 300,
    },
    Def {
        id: "clock_off",
        label: "Clock off",
        help: "A node's time of day differs from the head's by more than so many seconds.",
        cause: Cause::Clock,
        severity: Severity::Warning,
        level: Level::SecondsAbove,
        enabled: true,
        begin: 10.0,
        begin_s: 300,
        end: 2.0,
        end_s: 60,
    },
    Def {
        id: "finding",
        label: "Found by the doctor",
        help: "The doctor found something wrong on a node that was not so before.",
        cause: Cause::Finding,
        severity: Severity::Trouble,
        level: Level::None,
        enabled: true,
        begin: 0.0,
        begin_s: 60,
        end: 0.0,
        end_s: 120,
    },
    Def {
        id: "head",
        label: "The head's own trouble",
        help: "History cannot be written, as when the disk is full.",
        cause: Cause::Head,
        severity: Severity::Trouble,
        level: Level::None,
        enabled: true,
        begin: 0.0,
        begin_s: 0,
        end: 0.0,
        end_s: 60,
    },
    Def {
        id: "channel",
        label: "A channel takes no messages",
        help: "Messages could not be delivered for a while; the other channels are told.",
        cause: Cause::Channel,
        severity: Severity::Warning,
        level: Level::None,
        enabled: true,
        begin: 0.0,
        begin_s: 300,
        end: 0.0,
        end_s: 60,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_ends_where_it_does_not_begin() {
        for harm in Harm::ALL {
            let def = harm.def();
            assert_eq!(Harm::named(def.id), Some(harm));
            assert_eq!(serde_json::to_value(harm).unwrap(), def.id);
            assert_eq!(def.level.wrong(def.begin, def.end), None, "{}", def.id);
        }
        assert_eq!(Harm::named("used"), None);
    }

    #[test]
    fn between_its_levels_harm_neither_begins_nor_ends() {
        let (share, pressure) = (Level::PercentBelow, Level::PercentAbove);
        for (level, value, beyond, back) in [
            (share, 4.9, true, false),
            (share, 5.0, false, false),
            (share, 8.0, false, true),
            (pressure, 9.0, true, false),
            (pressure, 8.0, false, false),
            (pressure, 5.0, false, true),
        ] {
            let (begin, end) = if level == share { (5.0, 8.0) } else { (8.0, 5.0) };
            assert_eq!(level.is_beyond(value, begin), beyond, "{level:?} {value}");
            assert_eq!(level.is_back(value, end), back, "{level:?} {value}");
            assert!(level.wrong(end, begin).is_some());
        }
        assert!(share.wrong(5.0, f64::NAN).is_some() && share.wrong(-1.0, 5.0).is_some());
        assert!(pressure.wrong(101.0, 5.0).unwrap().contains("percent"));
    }
}
