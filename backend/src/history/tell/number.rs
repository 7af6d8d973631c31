//! Numbers as text, without detours: most of what is told is numbers.

use shared::field::Kind;

use super::super::cell::Cell;

/// Appends `number`.
pub(super) fn integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a number of thousandths, with as many decimals as it needs.
pub(super) fn thousandths(number: u128, out: &mut Vec<u8>) {
    integer(number / 1000, out);
    let rest = (number % 1000) as u32;
    if rest > 0 {
        let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8);
        let end = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        out.push(b'.');
        out.extend_from_slice(&digits[..end]);
    }
}

/// The mean of a gauge, rounded to the nearest.
pub(super) fn gauge_mean(cell: &Cell) -> u64 {
    let (sum, weight) = (u128::from(cell.sum), u128::from(cell.weight.max(1)));
    ((sum + weight / 2) / weight) as u64
}

/// Appends the mean of a cell: of a gauge an integer, of a counter per second with three decimals at most.
pub(super) fn mean(kind: Kind, cell: &Cell, out: &mut Vec<u8>) {
    match kind {
        Kind::Gauge => integer(gauge_mean(cell), out),
        Kind::Counter => {
            let weight = u128::from(cell.weight.max(1));
            thousandths((u128::from(cell.sum) * 1_000_000_000 + weight / 2) / weight, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_are_as_many_as_needed() {
        for (number, expected) in
            [(0, "0"), (5, "0.005"), (50, "0.05"), (1500, "1.5"), (2000, "2"), (12_345, "12.345")]
        {
            assert_eq!(text(|out| thousandths(number, out)), expected);
        }
    }

    #[test]
    fn means_are_rounded_to_the_nearest() {
        let gauge = Cell { min: 1, max: 2, sum: 5, weight: 2 };
        assert_eq!(text(|out| mean(Kind::Gauge, &gauge, out)), "3");
        let most = Cell { min: 0, max: u64::MAX, sum: u64::MAX, weight: 1 };
        assert_eq!(text(|out| mean(Kind::Gauge, &most, out)), u64::MAX.to_string());
        let counter = Cell { min: 0, max: 1, sum: 2, weight: 3_000_000 };
        assert_eq!(text(|out| mean(Kind::Counter, &counter, out)), "0.667");
    }
}
