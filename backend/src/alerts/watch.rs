//! Whether one harm holds: it begins when it has been beyond one level for a while, and ends when it has
//! been back behind another for a while.

/// What is seen of a harm at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is as bad as where it begins.
    Beyond,
    /// It is neither that nor as good as where it ends.
    Between,
    /// It is as good as where it ends.
    Back,
    /// Nothing tells it at present.
    Unknown,
    /// Nothing tells it, as there is nothing to tell; or the head has not learnt it yet.
    Nothing,
    /// What is known is too old to tell it: what has begun does not end, and nothing begins.
    Stale,
}

/// What became of a harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Begun,
    Ended,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Calm,
    /// It has been beyond since then.
    Beginning(u64),
    Holds,
    /// It has been back since then.
    Ending(u64),
}

/// How long what holds may be untold, in ms, before it counts as over…
const UNKNOWN_MS: u64 = 60_000;
/// …and how long if it held before the head started, which has to learn it anew.
const RESTORED_UNKNOWN_MS: u64 = 1_200_000;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    phase: Phase,
    unknown_since_ms: Option<u64>,
    /// Whether it held before the head started, and nothing was seen of it since.
    is_restored: bool,
}

impl Watch {
    /// One that holds, as it did before the head started.
    pub(super) fn restored() -> Self {
        Self { phase: Phase::Holds, unknown_since_ms: None, is_restored: true }
    }

    /// Whether it has begun and not ended.
    pub(super) fn holds(&self) -> bool {
        matches!(self.phase, Phase::Holds | Phase::Ending(_))
    }

    /// Takes in what is seen. It begins after `begin_ms` of it, and ends after `end_ms`.
    pub(super) fn look(
        &mut self,
        seen: Seen,
        (begin_ms, end_ms): (u64, u64),
        now_ms: u64,
    ) -> Option<Turn> {
        let seen = self.known(seen, now_ms);
        self.phase = match (self.phase, seen) {
            (Phase::Calm, Seen::Beyond) => Phase::Beginning(now_ms),
            (Phase::Beginning(_), Seen::Between | Seen::Back | Seen::Stale) => Phase::Calm,
            (Phase::Ending(_), Seen::Beyond | Seen::Between | Seen::Stale) => Phase::Holds,
            (Phase::Holds, Seen::Back) => Phase::Ending(now_ms),
            (phase, _) => phase,
        };
        let is_past = |since_ms: u64, span_ms| now_ms.saturating_sub(since_ms) >= span_ms;
        match (self.phase, seen) {
            (Phase::Beginning(since_ms), Seen::Beyond) if is_past(since_ms, begin_ms) => {
                self.phase = Phase::Holds;
                Some(Turn::Begun)
            }
            (Phase::Ending(since_ms), Seen::Back) if is_past(since_ms, end_ms) => {
                *self = Self::default();
                Some(Turn::Ended)
            }
            _ => None,
        }
    }

    fn known(&mut self, seen: Seen, now_ms: u64) -> Seen {
        match seen {
            Seen::Unknown => {
                let since_ms = *self.unknown_since_ms.get_or_insert(now_ms);
                let most = if self.is_restored { RESTORED_UNKNOWN_MS } else { UNKNOWN_MS };
                let is_long = now_ms.saturating_sub(since_ms) >= most;
                if is_long { Seen::Back } else { Seen::Unknown }
            }
            Seen::Nothing if self.is_restored => self.known(Seen::Unknown, now_ms),
            Seen::Nothing => {
                self.unknown_since_ms = None;
                Seen::Back
            }
            Seen::Stale => {
                self.unknown_since_ms = None;
                Seen::Stale
            }
            seen => {
                self.unknown_since_ms = None;
                self.is_restored = false;
                seen
            }
        }
    }

    /// It is no longer watched for. Says whether it held.
    pub(super) fn drop_it(&mut self) -> bool {
        let held = self.holds();
        *self = Self::default();
        held
    }

    /// The head's clock was set by so many ms.
    pub(super) fn shift(&mut self, by_ms: i64) {
        let set = |at_ms: u64| at_ms.saturating_add_signed(by_ms);
        self.phase = match self.phase {
            Phase::Beginning(at_ms) => Phase::Beginning(set(at_ms)),
            Phase::Ending(at_ms) => Phase::Ending(set(at_ms)),
            phase => phase,
        };
        self.unknown_since_ms = self.unknown_since_ms.map(set);
    }
}

#[cfg(test)]
mod tests {
    use super::Seen::{Back, Between, Beyond, Nothing, Stale, Unknown};
    use super::*;

    /// The turns of a watch that begins after 3 s and ends after 2 s, with when they come, in s.
    fn turns(mut watch: Watch, seen: &[Seen]) -> Vec<(usize, Turn)> {
        let look = |(at, seen): (usize, &Seen)| {
            let turn = watch.look(*seen, (3000, 2000), at as u64 * 1000)?;
            Some((at, turn))
        };
        seen.iter().enumerate().filter_map(look).collect()
    }

    #[test]
    fn it_begins_and_ends_only_after_a_while() {
        let new = Watch::default;
        assert_eq!(turns(new(), &[Beyond; 4]), [(3, Turn::Begun)]);
        assert_eq!(turns(new(), &[Beyond, Beyond, Between, Beyond, Beyond, Beyond]), []);
        assert_eq!(turns(new(), &[Beyond, Unknown, Unknown, Beyond]), [(3, Turn::Begun)]);
        assert_eq!(turns(new(), &[Beyond, Beyond, Stale, Beyond, Beyond, Beyond]), []);
        let held = Watch::restored;
        assert_eq!(turns(held(), &[Back; 3]), [(2, Turn::Ended)]);
        assert_eq!(turns(held(), &[Back, Back, Between, Back, Back]), []);
        assert_eq!(turns(held(), &[Back, Back, Stale, Back, Back, Stale]), []);
        assert_eq!(turns(held(), &[Between; 9]), []);
    }

    #[test]
    fn what_nothing_tells_ends_some_day() {
        let mut watch = Watch::default();
        watch.look(Beyond, (0, 0), 0);
        assert!(watch.holds());
        let minutes = |watch: &mut Watch| {
            (1..60).find(|minute| watch.look(Unknown, (0, 2000), minute * 60_000).is_some())
        };
        // It is back after a minute, and over 2 s later: both at the next look but one.
        assert_eq!(minutes(&mut watch), Some(3));
        assert_eq!(minutes(&mut Watch::restored()), Some(22));
        assert_eq!(turns(Watch::restored(), &[Nothing; 60]), []);
        let found_again = [Beyond, Nothing, Nothing, Nothing];
        assert_eq!(turns(Watch::restored(), &found_again), [(3, Turn::Ended)]);
    }

    #[test]
    fn a_clock_that_is_set_changes_no_span() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(Beyond, (3000, 0), 10_000), None);
        watch.shift(1_000_000);
        assert_eq!(watch.look(Beyond, (3000, 0), 1_012_000), None);
        assert_eq!(watch.look(Beyond, (3000, 0), 1_013_000), Some(Turn::Begun));
    }
}
