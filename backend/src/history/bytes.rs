//! Numbers as bytes: seven bits a byte, lowest first.

use super::error::Fault;

/// Appends a number.
pub(super) fn put(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    while rest > 0x7f {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// `body` after its checksum.
pub(super) fn seal(body: &[u8]) -> Vec<u8> {
    let mut bytes = crc32fast::hash(body).to_le_bytes().to_vec();
    bytes.extend(body);
    bytes
}

/// The opposite of [`seal`].
pub(super) fn unseal(bytes: &[u8]) -> Result<&[u8], Fault> {
    let mut bytes = Bytes(bytes);
    if bytes.word()? == crc32fast::hash(bytes.0) {
        Ok(bytes.0)
    } else {
        Err(Fault::broken("its checksum is wrong"))
    }
}

/// A difference of either sign, as a number that is small if the difference is.
pub(super) fn fold(difference: i64) -> u64 {
    ((difference << 1) ^ (difference >> 63)) as u64
}

/// The opposite of [`fold`].
pub(super) fn unfold(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Bytes that are read from their beginning on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next number.
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or_else(cut_short)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault::broken("a number is too large"))
    }

    /// The next number, which must fit.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Fault> {
        T::try_from(self.number()?).map_err(|_| Fault::broken("a number is too large"))
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut_short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next four bytes as they are.
    pub(super) fn word(&mut self) -> Result<u32, Fault> {
        self.take(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        self.take(1).map(|one| one[0])
    }
}

fn cut_short() -> Fault {
    Fault::broken("it is cut short")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_read(numbers in proptest::collection::vec(any::<u64>(), 0..20)) {
            let mut out = Vec::new();
            for &number in &numbers {
                put(number, &mut out);
                prop_assert_eq!(fold(unfold(number)), number);
            }
            let mut bytes = Bytes(&out);
            for &number in &numbers {
                prop_assert_eq!(bytes.number().unwrap(), number);
            }
            prop_assert!(bytes.number().is_err());
        }
    }

    #[test]
    fn too_large_a_number_is_refused() {
        let nines = [0xff_u8; 9];
        for (last, fits) in [(1, true), (2, false), (0x81, false)] {
            let bytes = [&nines[..], &[last]].concat();
            assert_eq!(Bytes(&bytes).number().is_ok(), fits, "{last}");
        }
    }
}
