//! What is asked of the past.

use shared::Field;
use shared::history::Tier;

use super::course::Need;
use super::reel::Place;

/// A request for something of the past. Two that are the same bring the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// How history fares.
    Status,
    /// What happened from when to when.
    Events(Need),
    /// The whole range in brief, in steps of so many ms.
    Picture(Need, u64),
    /// What the charts show: of which nodes, in steps of so many ms. One node is told in full.
    Course(String, Need, u64),
    /// A piece around a moment, of all nodes or of one in full, as of a time in ms.
    Reel(Option<String>, Place, u64),
    /// Who had a node's memory at a time.
    Usage(String, u64),
}

/// Fields from which all follows that is shown of a node in brief.
const BRIEF: [Field; 25] = [
    Field::Total,
    Field::Available,
    Field::SwapTotal,
    Field::SwapFree,
    Field::PressureSome,
    Field::CpuBusy,
    Field::CpuTotal,
    Field::Temperature,
    Field::UnderVoltage,
    Field::LimitLeft,
    // From here on: for kernels that do not tell what is available.
    Field::Free,
    Field::Buffers,
    Field::Cached,
    Field::ActiveFile,
    Field::InactiveFile,
    Field::Shmem,
    Field::KernelReclaimable,
    Field::SlabReclaimable,
    Field::Lxcfs,
    Field::ZoneReserve,
    Field::ZoneLow,
    Field::MinFree,
    Field::ArcSize,
    Field::ArcFloor,
    Field::Limit,
];

impl Ask {
    /// Whether both ask for the same kind of thing: of each kind one is under way at a time.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Where the head answers it.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::from("/api/v1/");
        let mut add = |parts: &[&str]| parts.iter().for_each(|part| path.push_str(part));
        let span = |(from_ms, to_ms): &Need| {
            ["?from=", &from_ms.to_string(), "&to=", &to_ms.to_string()].concat()
        };
        let step = |step_ms: &u64| match step_ms {
            0 => "&step=raw".into(),
            _ => ["&step=", &(step_ms / 1000).to_string(), "s"].concat(),
        };
        match self {
            Self::Status => add(&["history/status"]),
            Self::Events(need) => add(&["events", &span(need)]),
            Self::Picture(need, step_ms) => {
                add(&["history", &span(need), &step(step_ms), &brief(), BANDS]);
            }
            Self::Course(ids, need, step_ms) if ids.contains(',') => {
                add(&["history", &span(need), "&nodes=", ids, &step(step_ms), &brief(), BANDS]);
            }
            Self::Course(id, need, step_ms) => {
                add(&["nodes/", id, "/history", &span(need), &step(step_ms), ALL, BANDS]);
            }
            Self::Reel(node, place, until_ms) => {
                let Place { tier, to_ms, .. } = *place;
                let need = (place.asked_ms(), to_ms.min(until_ms.saturating_add(1)));
                let (span, step) = (span(&need), step(&Tier::step_ms(tier)));
                match node {
                    Some(id) => add(&["nodes/", id, "/history", &span, &step, ALL]),
                    None => add(&["history", &span, &step, &brief()]),
                }
            }
            Self::Usage(id, at_ms) => add(&["nodes/", id, "/usage?at=", &at_ms.to_string()]),
        }
        path
    }
}

const ALL: &str = "&fields=all";
const BANDS: &str = "&bands=available";

/// Their names, known when this is compiled: the page need not carry the whole table for some of its rows.
const NAMES: [&str; BRIEF.len()] = {
    let mut names = [""; BRIEF.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = BRIEF[index].def().id;
        index += 1;
    }
    names
};

fn brief() -> String {
    ["&fields=", &NAMES.join(",")].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Sample;
    use shared::overview::Brief;
    use shared::wire::Reading;

    #[test]
    fn each_request_has_its_address() {
        let place = Place::of(Tier::Minute, 3_600_000, 2);
        for (ask, path) in [
            (Ask::Status, "/api/v1/history/status"),
            (Ask::Events((1, 2)), "/api/v1/events?from=1&to=2"),
            (
                Ask::Course("a".into(), (1, 2), 60_000),
                "/api/v1/nodes/a/history?from=1&to=2&step=60s&fields=all&bands=available",
            ),
            (
                Ask::Reel(Some("a".into()), place, 7_000_000),
                "/api/v1/nodes/a/history?from=3480000&to=7000001&step=60s&fields=all",
            ),
            (Ask::Usage("a".into(), 7), "/api/v1/nodes/a/usage?at=7"),
        ] {
            assert_eq!(ask.path(), path);
        }
        let path = Ask::Course("a,b".into(), (1, 2), 0).path();
        assert!(path.starts_with("/api/v1/history?from=1&to=2&nodes=a,b&step=raw&fields=total,av"));
        assert!(Ask::Picture((1, 2), 5000).path().contains("&step=5s&fields=total,"));
    }

    #[test]
    fn all_that_is_shown_in_brief_is_asked_for() {
        // Whatever is known of a node, those fields alone tell the same in brief.
        for without in Field::ALL {
            let (mut whole, mut part) = (Sample::EMPTY, Sample::EMPTY);
            for (index, &field) in Field::ALL.iter().enumerate() {
                let value = (field != *without).then_some(1_000_000 * (index as u64 + 1));
                whole.set(field, value);
                if BRIEF.contains(&field) {
                    part.set(field, value);
                }
            }
            let brief = |sample| {
                let last = Reading { at_ms: 5, uptime_us: 9, sample };
                let before = Reading { uptime_us: 2, ..last.clone() };
                Brief::of(1, &last, Some(&before), 0)
            };
            assert_eq!(brief(whole), brief(part), "{without:?}");
        }
    }
}
