//! The least of a number in each of the last so many slots of time.

/// What stands for nothing known.
pub(super) const NONE: u32 = u32::MAX;

/// Slots are numbered from the boot of the node on. Amounts are KiB, rounded down, so that 4 TiB fit.
pub(super) struct Ring<const N: usize> {
    /// The number of the newest slot.
    newest: u32,
    lows: [u32; N],
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self { newest: 0, lows: [NONE; N] }
    }
}

impl<const N: usize> Ring<N> {
    /// Adds an amount to a slot. Says which slots were emptied for it, by their places.
    pub(super) fn note(&mut self, slot: u32, kib: u32) -> impl Iterator<Item = usize> + use<N> {
        let before = self.newest;
        let begun = slot.saturating_sub(before).min(N as u32);
        self.newest = before.max(slot);
        let newest = self.newest;
        let emptied = (0..begun).map(move |n| (newest - n) as usize % N);
        emptied.clone().for_each(|place| self.lows[place] = NONE);
        if newest - slot < N as u32 {
            let low = &mut self.lows[slot as usize % N];
            *low = (*low).min(kib);
        }
        emptied
    }

    /// The newest slot.
    pub(super) fn newest(&self) -> u32 {
        self.newest
    }

    /// The least in a slot.
    pub(super) fn get(&self, slot: u32) -> Option<u32> {
        let age = self.newest.checked_sub(slot)?;
        let low = self.lows[slot as usize % N];
        (age < N as u32 && low != NONE).then_some(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_and_go() {
        let mut ring = Ring::<4>::default();
        assert_eq!(ring.note(7, 50).count(), 4);
        assert_eq!(ring.note(7, 60).count(), 0);
        assert_eq!((ring.get(7), ring.get(6), ring.get(8)), (Some(50), None, None));
        ring.note(5, 30).for_each(drop);
        ring.note(3, 20).for_each(drop);
        assert_eq!((ring.get(5), ring.get(3)), (Some(30), None), "the latter is too old");
        assert_eq!(ring.note(9, 70).collect::<Vec<_>>(), [1, 0]);
        assert_eq!((ring.get(5), ring.get(7), ring.get(8)), (None, Some(50), None));
        ring.note(u32::MAX, 1).for_each(drop);
        assert_eq!((ring.get(9), ring.get(u32::MAX)), (None, Some(1)));
    }
}
