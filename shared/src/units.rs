//! Numbers as people read them: binary units with their real names, three significant digits.

use std::fmt;

/// A binary unit of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// 1.
    Bytes,
    /// 2¹⁰ bytes.
    KiB,
    /// 2²⁰ bytes.
    MiB,
    /// 2³⁰ bytes.
    GiB,
    /// 2⁴⁰ bytes.
    TiB,
    /// 2⁵⁰ bytes.
    PiB,
}

impl Scale {
    const ALL: [Self; 6] = [Self::Bytes, Self::KiB, Self::MiB, Self::GiB, Self::TiB, Self::PiB];

    /// Bytes in one of it.
    #[must_use]
    pub fn bytes(self) -> u64 {
        1 << (10 * self as u32)
    }

    /// Its name: `GiB`.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][self as usize]
    }

    /// The unit for `bytes`: the largest in which it has at most three digits before the point, and
    /// at least about one.
    ///
    /// A value shown before in the unit `held` keeps it until it is well past the border (below 0.9,
    /// or from 1100), so that a number that wavers around a border does not change its unit each second.
    #[must_use]
    pub fn of(bytes: u64, held: Option<Self>) -> Self {
        if let Some(held) = held {
            let value = bytes as f64 / held.bytes() as f64;
            let lowest = if held == Self::Bytes { 0.0 } else { 0.9 };
            if (lowest..1100.0).contains(&value) {
                return held;
            }
        }
        // 999.5 would be rounded to four digits.
        Self::ALL
            .into_iter()
            .find(|scale| (bytes as f64) < 999.5 * scale.bytes() as f64)
            .unwrap_or(Self::PiB)
    }
}

/// An amount of memory as text: `2.61 GiB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// The number: `2.61`.
    pub number: String,
    /// Its unit.
    pub scale: Scale,
}

impl Amount {
    /// `bytes` in the unit that fits; see [`Scale::of`] for `held`.
    #[must_use]
    pub fn of(bytes: u64, held: Option<Scale>) -> Self {
        let scale = Scale::of(bytes, held);
        let number = if scale == Scale::Bytes {
            bytes.to_string()
        } else {
            three_digits(bytes as f64 / scale.bytes() as f64)
        };
        Self { number, scale }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.scale.name())
    }
}

/// `bytes` in the unit that fits, with three significant digits: `2.61 GiB`.
#[must_use]
pub fn human(bytes: u64) -> String {
    Amount::of(bytes, None).to_string()
}

/// `value` with three significant digits, no fewer than three decimals below one, never in
/// exponent form: `0.420`, `2.61`, `26.1`, `261`, `1023`.
#[must_use]
pub fn three_digits(value: f64) -> String {
    for (limit, decimals) in [(0.9995, 3), (9.995, 2), (99.95, 1)] {
        if value.abs() < limit {
            return fixed(value, decimals);
        }
    }
    fixed(value, 0)
}

/// `value` with this many decimals, 6 at most. Like `{value:.decimals$}`, without the code for numbers
/// of any size, which is a large part of a page.
#[must_use]
pub fn fixed(value: f64, decimals: usize) -> String {
    let scale = 10_u64.pow(decimals.min(6) as u32);
    let rounded = (value.abs() * scale as f64).round() as u64;
    let (sign, whole, part) =
        (if value < 0.0 && rounded > 0 { "-" } else { "" }, rounded / scale, rounded % scale);
    if decimals == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part:0decimals$}")
    }
}

/// `bytes` to the byte, digits in groups of three: `2 802 475 008 bytes`. The blanks do not break.
#[must_use]
pub fn exact(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut text = String::with_capacity(digits.len() * 2 + 6);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text.push_str(if bytes == 1 { "\u{a0}byte" } else { "\u{a0}bytes" });
    text
}

/// `part` of `whole` in percent with at most one decimal: `7.3 %`, `61 %`. `None` of nothing.
#[must_use]
pub fn percent_of(part: u64, whole: u64) -> Option<String> {
    (whole > 0).then(|| percent(part as f64 / whole as f64))
}

/// A ratio in percent: one decimal below ten, none above; what is not zero is never shown as zero.
#[must_use]
pub fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "< 0.1\u{a0}%".into()
    } else if percent < 9.95 {
        fixed(percent, 1) + "\u{a0}%"
    } else {
        fixed(percent, 0) + "\u{a0}%"
    }
}

/// A span of time in its largest unit: `12 s`, `41 d`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (value, unit) = match seconds {
        0..=119 => (seconds, "s"),
        120..=7199 => (seconds / 60, "min"),
        7200..=172_799 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{value}\u{a0}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    #[test]
    fn three_significant_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "0.977 KiB"),
            (1024, "1.00 KiB"),
            (10 * MIB - 1, "10.0 MiB"),
            (434 * MIB, "434 MiB"),
            (1023 * MIB, "0.999 GiB"),
            (2_802_475_008, "2.61 GiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn decimals_are_as_asked_for() {
        for (value, decimals, text) in [
            (0.0, 2, "0.00"),
            (1.005, 1, "1.0"),
            (-1.26, 1, "-1.3"),
            (-0.01, 1, "0.0"),
            (99.96, 1, "100.0"),
            (0.042, 3, "0.042"),
            (1e18, 0, "1000000000000000000"),
        ] {
            assert_eq!(fixed(value, decimals), text);
        }
    }

    #[test]
    fn a_unit_outlives_a_hair() {
        let mut held = None;
        for (bytes, scale) in [
            (990 * MIB, Scale::MiB),
            (1010 * MIB, Scale::MiB),
            (990 * MIB, Scale::MiB),
            (1100 * MIB, Scale::GiB),
            (1000 * MIB, Scale::GiB),
            (930 * MIB, Scale::GiB),
            (900 * MIB, Scale::MiB),
        ] {
            held = Some(Scale::of(bytes, held));
            assert_eq!(held, Some(scale), "{bytes}");
        }
        assert_eq!(Scale::of(5 * GIB, Some(Scale::Bytes)), Scale::GiB);
        assert_eq!(Scale::of(0, Some(Scale::GiB)), Scale::Bytes);
    }

    #[test]
    fn exact_groups_digits() {
        assert_eq!(exact(1), "1\u{a0}byte");
        assert_eq!(exact(4096), "4\u{202f}096\u{a0}bytes");
        assert_eq!(exact(2_802_475_008), "2\u{202f}802\u{202f}475\u{202f}008\u{a0}bytes");
    }

    #[test]
    fn something_is_never_shown_as_nothing() {
        assert_eq!(percent(0.0), "0.0\u{a0}%");
        assert_eq!(percent(0.0001), "< 0.1\u{a0}%");
        assert_eq!(percent(0.0995), "10\u{a0}%");
        assert_eq!(percent_of(1, 0), None);
        assert_eq!(percent_of(61, 100).as_deref(), Some("61\u{a0}%"));
    }

    #[test]
    fn spans_take_their_largest_unit() {
        for (seconds, text) in
            [(12, "12\u{a0}s"), (150, "2\u{a0}min"), (7200, "2\u{a0}h"), (3_542_400, "41\u{a0}d")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
