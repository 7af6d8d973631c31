//! A set of sequence numbers, kept as spans.

use shared::run::Span;

/// Spans at most. Each comes from a link that broke before all was told; one that is forgotten is
/// told once more, and then known.
const MOST: usize = 64;

/// Sequence numbers, in spans that do not touch, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans(Vec<Span>);

impl Spans {
    /// Adds all of `span`.
    pub(super) fn add(&mut self, span: Span) {
        let Span { mut from, mut to } = span;
        // In order, what follows one another is added at the end nearly always.
        let first = self.0.partition_point(|other| other.to.saturating_add(1) < from);
        let past = self.0.partition_point(|other| other.from <= to.saturating_add(1));
        if let Some(touched) = self.0.get(first..past).filter(|touched| !touched.is_empty()) {
            from = from.min(touched[0].from);
            to = to.max(touched[touched.len() - 1].to);
        }
        self.0.splice(first..past.max(first), [Span { from, to }]);
        if self.0.len() > MOST {
            self.0.remove(0);
        }
    }

    /// Whether `seq` is in it.
    pub(super) fn has(&self, seq: u64) -> bool {
        let place = self.0.partition_point(|span| span.to < seq);
        self.0.get(place).is_some_and(|span| span.from <= seq)
    }

    /// Adds all of `spans`.
    pub(super) fn add_all(&mut self, spans: &[Span]) {
        for &span in spans {
            self.add(span);
        }
    }

    /// Takes `seq` out of it.
    pub(super) fn remove(&mut self, seq: u64) {
        let place = self.0.partition_point(|span| span.to < seq);
        if let Some(&Span { from, to }) = self.0.get(place).filter(|span| span.from <= seq) {
            let before = (from < seq).then(|| Span { from, to: seq - 1 });
            let after = (seq < to).then(|| Span { from: seq + 1, to });
            self.0.splice(place..=place, before.into_iter().chain(after));
        }
    }

    /// What of `span` is not in it.
    pub(super) fn missing_of(&self, span: Span) -> Vec<Span> {
        let mut missing = Vec::new();
        let mut from = span.from;
        for known in self.0.iter().filter(|known| known.to >= span.from && known.from <= span.to) {
            if known.from > from {
                missing.push(Span { from, to: known.from - 1 });
            }
            from = known.to.saturating_add(1);
        }
        if from <= span.to && !(from == u64::MAX && self.has(from)) {
            missing.push(Span { from, to: span.to });
        }
        missing
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Span] {
        &self.0
    }

    /// Takes all of them away.
    pub(super) fn take(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_set(added in proptest::collection::vec((0_u64..60, 0_u64..9), 0..40)) {
            let (mut spans, mut naive) = (Spans::default(), BTreeSet::new());
            for (from, more) in added {
                spans.add(Span { from, to: from + more });
                naive.extend(from..=from + more);
                for pair in spans.all().windows(2) {
                    prop_assert!(pair[0].to + 1 < pair[1].from, "{:?}", spans);
                }
            }
            for seq in 0..80 {
                prop_assert_eq!(spans.has(seq), naive.contains(&seq));
            }
            let missing = spans.missing_of(Span { from: 10, to: 40 });
            for seq in 0..80 {
                let is_missing = missing.iter().any(|span| (span.from..=span.to).contains(&seq));
                prop_assert_eq!(is_missing, (10..=40).contains(&seq) && !naive.contains(&seq));
            }
            for seq in (0..70).step_by(3) {
                spans.remove(seq);
                naive.remove(&seq);
            }
            for seq in 0..80 {
                prop_assert_eq!(spans.has(seq), naive.contains(&seq));
            }
        }
    }

    #[test]
    fn it_is_bounded() {
        let mut spans = Spans::default();
        for n in 0..1000 {
            spans.add(Span { from: n * 10, to: n * 10 + 5 });
        }
        assert_eq!(spans.all().len(), MOST);
        assert!(spans.has(9995) && !spans.has(0));
        spans.add(Span { from: u64::MAX - 1, to: u64::MAX });
        assert!(spans.has(u64::MAX));
        assert_eq!(spans.take().len(), MOST);
    }
}
