//! Which readings of a boot are on disk.

use shared::run::Span;

use super::bytes::{Bytes, put};
use super::error::Fault;

/// Spans that are told at most, the newest ones. Told of less, an agent sends some once more, and they
/// are left out.
const MOST_TOLD: usize = 64;
/// Spans that are kept at most. An agent that had to thin its readings leaves a gap beside each.
const MOST: usize = 1 << 14;

/// Numbers of readings, exactly, in spans that do not touch, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans {
    /// All below are refused, for it was forgotten which of them there are: only that too many gaps were.
    floor: u64,
    spans: Vec<Span>,
}

impl Spans {
    /// Adds a number; whether it is new.
    pub(super) fn add(&mut self, seq: u64) -> bool {
        if seq < self.floor {
            return false;
        }
        let place = self.spans.partition_point(|span| span.to < seq);
        if self.spans.get(place).is_some_and(|span| span.from <= seq) {
            return false;
        }
        let grows_before = place > 0 && self.spans[place - 1].to + 1 == seq;
        let grows_after = self.spans.get(place).is_some_and(|span| seq + 1 == span.from);
        match (grows_before, grows_after) {
            (true, true) => {
                self.spans[place - 1].to = self.spans[place].to;
                self.spans.remove(place);
            }
            (true, false) => self.spans[place - 1].to = seq,
            (false, true) => self.spans[place].from = seq,
            (false, false) => self.spans.insert(place, Span { from: seq, to: seq }),
        }
        if self.spans.len() > MOST {
            self.floor = self.spans.remove(0).to.saturating_add(1);
        }
        true
    }

    /// Whether `seq` is in it, or is refused.
    pub(super) fn has(&self, seq: u64) -> bool {
        let place = self.spans.partition_point(|span| span.to < seq);
        seq < self.floor || self.spans.get(place).is_some_and(|span| span.from <= seq)
    }

    /// What is told of it.
    pub(super) fn told(&self) -> Vec<Span> {
        self.spans[self.spans.len().saturating_sub(MOST_TOLD)..].to_vec()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put(self.floor, out);
        put(self.spans.len() as u64, out);
        let mut next = 0;
        for Span { from, to } in &self.spans {
            put(from - next, out);
            put(to - from, out);
            next = *to;
        }
    }

    pub(super) fn read(bytes: &mut Bytes<'_>) -> Result<Self, Fault> {
        let mut spans = Self { floor: bytes.number()?, spans: Vec::new() };
        let mut next = 0_u64;
        for _ in 0..bytes.number()? {
            let from = next.checked_add(bytes.number()?).ok_or_else(out_of_order)?;
            let to = from.checked_add(bytes.number()?).ok_or_else(out_of_order)?;
            if spans.spans.last().is_some_and(|last| from <= last.to) {
                return Err(out_of_order());
            }
            spans.spans.push(Span { from, to });
            next = to;
        }
        Ok(spans)
    }
}

fn out_of_order() -> Fault {
    Fault::broken("the numbers of a boot are out of order")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_set(added in proptest::collection::vec(0_u64..60, 0..80)) {
            let (mut spans, mut naive) = (Spans::default(), BTreeSet::new());
            for seq in added {
                prop_assert_eq!(spans.add(seq), naive.insert(seq));
            }
            let mut bytes = Vec::new();
            spans.write(&mut bytes);
            let read = Spans::read(&mut Bytes(&bytes)).unwrap();
            prop_assert_eq!(&read, &spans);
            for seq in 0..70 {
                prop_assert_eq!(read.has(seq), naive.contains(&seq));
            }
            for pair in read.told().windows(2) {
                prop_assert!(pair[0].to + 1 < pair[1].from, "{:?}", read);
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..99)) {
            Spans::read(&mut Bytes(&bytes)).ok();
        }
    }

    #[test]
    fn what_was_forgotten_is_refused_and_not_told() {
        let mut spans = Spans::default();
        for n in 0..MOST as u64 + 5 {
            assert!(spans.add(n * 2));
        }
        assert!(!spans.add(8) && !spans.add(3), "below the floor");
        assert!(spans.add(11) && spans.add(u64::MAX) && spans.add(u64::MAX - 1));
        assert_eq!(spans.told().len(), MOST_TOLD);
        assert_eq!(spans.told().last(), Some(&Span { from: u64::MAX - 1, to: u64::MAX }));
    }
}
