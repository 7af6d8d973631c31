//! A queue of bytes.

use std::collections::VecDeque;

/// Bytes in a piece.
const PIECE: usize = 512;

/// A queue of bytes that has room for what is in it and little more. A single buffer would double when it
/// is full, and of thousands of queues the halves they grew out of would lie about unused.
#[derive(Clone, Debug, Default)]
pub(super) struct Bytes {
    pieces: VecDeque<Box<[u8; PIECE]>>,
    /// Where the oldest byte lies in the first piece.
    start: usize,
    len: usize,
}

impl Bytes {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (self.start..self.start + self.len).map(|at| self.pieces[at / PIECE][at % PIECE])
    }

    /// Takes the oldest byte out.
    pub(super) fn pop_front(&mut self) -> Option<u8> {
        self.len = self.len.checked_sub(1)?;
        let byte = self.pieces[0][self.start];
        self.start += 1;
        if self.start == PIECE {
            self.pieces.pop_front();
            self.start = 0;
        }
        Some(byte)
    }

    /// Drops the newest bytes until there are no more than `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.pieces.truncate((self.start + self.len).div_ceil(PIECE));
    }
}

impl Extend<u8> for Bytes {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        for byte in bytes {
            let at = self.start + self.len;
            if at / PIECE == self.pieces.len() {
                self.pieces.push_back(Box::new([0; PIECE]));
            }
            self.pieces[at / PIECE][at % PIECE] = byte;
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_plain_queue(
            acts in proptest::collection::vec((0..3_usize, 0..1500_usize), 0..40)
        ) {
            let (mut bytes, mut plain) = (Bytes::default(), VecDeque::new());
            for (act, count) in acts {
                match act {
                    0 => {
                        let more = (0..count).map(|n| (n * 7) as u8);
                        bytes.extend(more.clone());
                        plain.extend(more);
                    }
                    1 => for _ in 0..count {
                        prop_assert_eq!(bytes.pop_front(), plain.pop_front());
                    },
                    _ => {
                        bytes.truncate(count);
                        plain.truncate(count);
                    }
                }
                prop_assert_eq!(bytes.len(), plain.len());
                prop_assert!(bytes.iter().eq(plain.iter().copied()));
                prop_assert!(bytes.pieces.len() <= plain.len() / PIECE + 2);
            }
        }
    }
}
