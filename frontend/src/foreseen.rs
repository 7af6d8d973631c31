//! When a node's memory runs out, in words.

use shared::forecast::Forecast;

/// A forecast of less than this is near, in ms: two hours.
const NEAR_MS: u64 = 7_200_000;

/// Whether it is soon.
#[must_use]
pub fn is_near(forecast: &Forecast, head_ms: u64) -> bool {
    forecast.out_ms.saturating_sub(head_ms) <= NEAR_MS
}

/// `in about 2 h 10 min (good)`.
#[must_use]
pub fn when(forecast: &Forecast, head_ms: u64) -> String {
    let left = about(forecast.out_ms.saturating_sub(head_ms) / 60_000);
    ["in about ", &left, " (", forecast.quality.name(), ")"].concat()
}

/// Minutes, as far as they can be known: `8 min`, `2 h 10 min`, `3 d`.
fn about(minutes: u64) -> String {
    let (hours, tens) = (minutes / 60, minutes % 60 / 10 * 10);
    match minutes {
        0..=59 => [&minutes.max(1).to_string(), "\u{a0}min"].concat(),
        60..=599 if tens > 0 => {
            [&hours.to_string(), "\u{a0}h\u{a0}", &tens.to_string(), "\u{a0}min"].concat()
        }
        60..=2879 => [&hours.to_string(), "\u{a0}h"].concat(),
        _ => [&(minutes / 1440).to_string(), "\u{a0}d"].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::forecast::Quality;

    #[test]
    fn a_forecast_is_as_exact_as_it_can_be() {
        let words = [(0, "1 min"), (8, "8 min"), (60, "1 h"), (134, "2 h 10 min"), (1000, "16 h")];
        for (minutes, text) in words.into_iter().chain([(5000, "3 d")]) {
            assert_eq!(about(minutes).replace('\u{a0}', " "), text);
        }
        let forecast = Forecast {
            out_ms: 8_000_000,
            lost_per_hour: 1,
            over_ms: 1,
            quality: Quality::Good,
            suspects: vec![],
        };
        assert_eq!(when(&forecast, 200_000), "in about 2\u{a0}h\u{a0}10\u{a0}min (good)");
        assert!(is_near(&forecast, 800_000) && !is_near(&forecast, 799_999));
    }
}
